"""Settings, starting values, sizes of variables, the choice of an engine, recorded draws."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.programs import SLEEP_CODE, param

from hiermodel.engines import (
    Draws,
    Engine,
    RecordedEngine,
    SamplingSettings,
    get_engine,
)
from hiermodel.engines.inits import checked_inits, declared_shape, size_of
from hiermodel.engines.source import blocks, without_model
from hiermodel.errors import EngineError


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"chains": 0}, "chains must be a whole number of at least 1, got 0"),
        ({"draws": 2.5}, "draws must be a whole number"),
        ({"draws": True}, "draws must be a whole number"),
        ({"warmup": -1}, "warmup must be a whole number of at least 0"),
        ({"seed": -3}, "seed must be a whole number from 0 to 2147483647"),
        ({"seed": 2**31}, "seed must be"),
        ({"adapt_delta": 1}, "adapt_delta must lie between 0 and 1"),
        ({"adapt_delta": "high"}, "adapt_delta must lie"),
        ({"cores": 0}, "cores must be"),
        ({"init": -1}, "radius must be finite and not negative"),
        ({"init": "0"}, "init must be None, 0, a radius"),
        ({"init": [{}], "chains": 2}, "one dict per chain: 2 chains, got 1"),
        ({"init": [{}, 1], "chains": 2}, "one dict per chain"),
    ],
)
def test_settings_that_cannot_be(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        SamplingSettings(**bad)


def test_settings_accept_numpy_numbers_and_choose_a_seed() -> None:
    chosen = SamplingSettings(chains=np.int64(2), draws=100.0, adapt_delta=np.float32(0.5))
    assert (chosen.chains, chosen.draws, chosen.iterations) == (2, 100, 1100)
    assert type(chosen.chains) is int and type(chosen.draws) is int
    assert SamplingSettings().seed != SamplingSettings().seed
    assert SamplingSettings(seed=0).used_seed == 0
    assert SamplingSettings(chains=2, cores=9).used_cores == 2


def test_unknown_settings_are_named() -> None:
    with pytest.raises(EngineError, match=r"unknown sampling setting 'iter'.*known are chains"):
        SamplingSettings.of(iter=2000)
    with pytest.raises(EngineError, match=r"'adaptdelta' \(did you mean 'adapt_delta'\?\)"):
        SamplingSettings().replace(adaptdelta=0.9)
    assert SamplingSettings(seed=4).replace(chains=1).seed == 4


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("3", 3),
        ("K", 4),
        ("K - 1", 3),
        ("2 * (K + 1)", 10),
        ("Ks[2]", 7),
        ("choose(K, 2)", 6),
        ("K %/% 3", 1),
        ("nobody", None),
        ("Ks[9]", None),
        ("Ks[0]", None),
        ("sum(Ks)", None),
        ("K +", None),
        ("__import__('os')", None),
        ("K.__class__", None),
        ("K ** 99", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert size_of(text, {"K": 4, "Ks": np.array([5, 7])}) == size


def test_declared_shapes() -> None:
    data = {"K": 3, "M": 2}
    assert declared_shape(param("x", "real"), data) == ()
    assert declared_shape(param("x", "cholesky_factor_corr", "K", array=("M",)), data) == (2, 3, 3)
    assert declared_shape(param("x", "matrix", "K", "M"), data) == (3, 2)
    assert declared_shape(param("x", "vector", "what"), data) is None


def test_one_number_for_a_vector_of_length_one() -> None:
    settings = SamplingSettings(chains=1, init={"sd": 2.0})
    (init,) = checked_inits(settings, (param("sd", "vector", "M"),), {"M": 1}) or ()
    assert init["sd"].shape == (1,)


# -------------------------------------------------------------------------------- source


def test_blocks_see_through_comments_and_strings() -> None:
    found = blocks(SLEEP_CODE)
    assert list(found) == ["data", "parameters", "transformed parameters", "model"]
    assert "int prior_only" in found["data"] and "lprior" in found["transformed parameters"]
    tricky = 'functions { void f() { print("}{"); } } /* { */ model { if (1) { } // }\n }'
    assert list(blocks(tricky)) == ["functions", "model"]
    assert blocks(tricky)["model"].count("{") == 1


def test_program_without_model() -> None:
    text = without_model(SLEEP_CODE)
    assert list(blocks(text)) == ["data", "parameters", "model"]
    assert blocks(text)["model"].strip() == ""
    assert "transformed parameters" in blocks(without_model(SLEEP_CODE, transformed=True))


# ------------------------------------------------------------------------ choosing engines


def test_engine_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hiermodel.engines.cmdstan.find_cmdstan", lambda: None)
    monkeypatch.delenv("HIERMODEL_ENGINE", raising=False)
    assert get_engine().name == "stanli"
    assert get_engine("auto").name == "stanli"
    assert get_engine("Stanli").name == "stanli"
    engine = get_engine("stanli")
    assert get_engine(engine) is engine
    with pytest.raises(EngineError, match=r"install_cmdstan\(\).*engine='stanli'"):
        get_engine("cmdstan")


def test_auto_takes_cmdstan_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hiermodel.engines.cmdstan.find_cmdstan", lambda: "/opt/cmdstan")
    monkeypatch.delenv("HIERMODEL_ENGINE", raising=False)
    assert get_engine().name == "cmdstan"
    assert get_engine("stanli").name == "stanli"


def test_environment_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hiermodel.engines.cmdstan.find_cmdstan", lambda: "/opt/cmdstan")
    monkeypatch.setenv("HIERMODEL_ENGINE", "stanli")
    assert get_engine().name == "stanli"
    assert get_engine("cmdstan").name == "cmdstan"  # the argument wins
    monkeypatch.setenv("HIERMODEL_ENGINE", "stanley")
    with pytest.raises(EngineError, match=r"'stanley' \(from HIERMODEL_ENGINE\).*'stanli'"):
        get_engine()


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        ("cmdstna", r"unknown engine 'cmdstna' \(did you mean 'cmdstan'\?\); known are"),
        ("recorded", r"RecordedEngine\(draws\)"),
        (3, "engine must be a name or an Engine, got int"),
    ],
)
def test_engines_that_do_not_exist(engine: Any, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        get_engine(engine)


def test_nothing_heavy_is_imported_with_the_package() -> None:
    code = (
        "import sys, hiermodel.engines as e; e.get_engine('stanli'); "
        "print([m for m in ('stanli', 'cmdstanpy', 'tqdm', 'arviz', 'scipy') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


# ------------------------------------------------------------------------- recorded draws


def test_recorded_engine_replays() -> None:
    engine = RecordedEngine({"mu": np.arange(6.0).reshape(2, 3)})
    parameters = (param("mu", "real"), param("b", "vector", "K"))
    draws = engine.sample("", {"K": 0}, parameters, SamplingSettings(chains=4))
    np.testing.assert_array_equal(draws.values["mu"], [[0, 1, 2], [3, 4, 5]])
    assert draws.values["b"].shape == (2, 3, 0)
    assert (draws.engine, draws.method) == ("recorded", "recorded")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mu_": np.zeros((2, 3))}, r"no parameter 'mu' .*did you mean 'mu_'"),
        (
            {"mu": np.zeros((2, 3, 2))},
            r"shape \(2,\) after \(chain, draw\), the model declares \(\)",
        ),
        ({"mu": np.zeros(3)}, r"must start with \(chain, draw\)"),
        ({"mu": np.zeros((2, 3)), "x": np.zeros((3, 2))}, r"draws of 'x' start with .*\(3, 2\)"),
        ({}, "no draws"),
    ],
)
def test_recorded_draws_that_do_not_fit(values: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        RecordedEngine(values).sample("", {}, (param("mu", "real"),), SamplingSettings())


def test_missing_capability_names_the_engines_that_have_it() -> None:
    engine = RecordedEngine(Draws({"mu": np.zeros((1, 4))}))
    with pytest.raises(EngineError, match=r"no optimize\(\).*'stanli' or 'nutpie' or 'cmdstan'"):
        engine.optimize("", {}, (), SamplingSettings())
    with pytest.raises(EngineError, match=r"no log_density\(\); use engine='stanli'"):
        engine.log_density("", {})


def test_own_engine_is_taken() -> None:
    class Mine(Engine):
        name = "mine"
        version = "1"

        def sample(self, code: str, data: Any, parameters: Any, settings: Any) -> Draws:
            return Draws({"mu": np.zeros((1, 1))}, engine=self.name)

    assert get_engine(Mine()).sample("", {}, (), SamplingSettings()).engine == "mine"
    with pytest.raises(EngineError, match=r"'mine' has no laplace"):
        Mine().laplace("", {}, (), SamplingSettings())
