"""nutpie on the embedded Stan: the contract of an engine, and what is its own."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from importlib import metadata

import numpy as np
import pytest
from engines.programs import (
    NORMAL_CODE,
    NORMAL_PARAMETERS,
    SLEEP_CODE,
    SLEEP_PARAMETERS,
    TYPES_CODE,
    TYPES_PARAMETERS,
    param,
    sleep_data,
)

import hiermodel as hm
from hiermodel.engines import Draws, SamplingSettings, get_engine
from hiermodel.engines.stanli import StanliEngine
from hiermodel.engines.stanli_density import StanliDensity
from hiermodel.errors import EngineError

QUICK = {"draws": 100, "warmup": 200, "seed": 5, "progress": False}


def test_without_nutpie_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr("hiermodel.engines.nutpie.version", missing)
    with pytest.raises(EngineError, match=r"pip install 'hiermodel\[nutpie\]'.*engine='stanli'"):
        get_engine("nutpie")


try:
    metadata.version("nutpie")
except metadata.PackageNotFoundError:
    needs_nutpie = pytest.mark.skip(reason="nutpie is not installed")
else:
    needs_nutpie = pytest.mark.filterwarnings("default")


def run(
    code: str = SLEEP_CODE,
    data: dict[str, object] | None = None,
    parameters: tuple[object, ...] = SLEEP_PARAMETERS,
    **settings: object,
) -> Draws:
    given = sleep_data() if code == SLEEP_CODE and data is None else data or {}
    return get_engine("nutpie").sample(
        code, given, parameters, SamplingSettings.of(**(QUICK | settings))
    )


def same(one: Draws, other: Draws) -> bool:
    return all(np.array_equal(one.values[n], other.values[n]) for n in one.values)


@needs_nutpie
def test_draws_have_the_declared_shapes_and_arviz_names() -> None:
    draws = run(chains=3, thin=2)
    assert {n: v.shape[2:] for n, v in draws.values.items()} == {
        "Intercept": (), "slope": (), "b": (0,), "sigma": (), "sd_1": (1,), "z_1": (1, 6),
        "lprior": (),
    }  # fmt: skip
    assert (draws.n_chains, draws.n_draws) == (3, 100)
    assert set(draws.stats) == {
        "lp", "acceptance_rate", "step_size", "tree_depth", "n_steps", "diverging", "energy"
    }  # fmt: skip
    assert draws.stats["diverging"].dtype == bool
    assert draws.stats["tree_depth"].dtype == np.int64
    assert (draws.engine, draws.seed, draws.method) == ("nutpie", 5, "nuts")
    assert StanliEngine().version in draws.engine_version


@needs_nutpie
def test_draws_are_of_the_right_distribution() -> None:
    draws = run(NORMAL_CODE, None, NORMAL_PARAMETERS, draws=1000, warmup=500)
    assert draws.values["a"].mean() == pytest.approx(1, abs=0.25)
    assert draws.values["a"].std() == pytest.approx(2, abs=0.25)
    assert draws.values["b"].std(axis=(0, 1)) == pytest.approx(np.sqrt(5), abs=0.3)
    assert np.median(draws.values["s"]) == pytest.approx(1, abs=0.07)


@needs_nutpie
@pytest.mark.parametrize("init", [None, 0.5])
def test_lp_is_the_density_of_the_draws_as_stanli_computes_it(init: float | None) -> None:
    draws = run(init=init)
    density = StanliDensity(SLEEP_CODE, sleep_data(), SLEEP_PARAMETERS)
    for chain, draw in ((0, 0), (1, 50), (3, 99)):
        point = {v.name: draws.values[v.name][chain, draw] for v in SLEEP_PARAMETERS}
        assert draws.stats["lp"][chain, draw] == pytest.approx(density.value(point), rel=1e-10)


@needs_nutpie
@pytest.mark.filterwarnings("ignore")
def test_all_types_of_parameters_have_their_elements_in_order() -> None:
    draws = run(TYPES_CODE, {"K": 3}, TYPES_PARAMETERS, draws=30)
    assert (np.diff(draws.values["o"], axis=-1) > 0).all()
    np.testing.assert_allclose(draws.values["p"].sum(axis=-1), 1)
    np.testing.assert_allclose((draws.values["L"] ** 2).sum(axis=-1), 1)
    assert (np.triu(draws.values["L"], 1) == 0).all()  # a transposed one would be upper
    correlations = draws.values["R"]
    np.testing.assert_allclose(correlations, np.swapaxes(correlations, -1, -2))


@needs_nutpie
def test_same_posterior_as_the_embedded_sampler() -> None:
    data = hm.datasets.load("sleepstudy")
    common = {"chains": 4, "draws": 500, "warmup": 500, "seed": 2, "progress": False}
    formula = "reaction ~ days + (days | subject)"
    ours = hm.fit(formula, data, engine="nutpie", **common)
    other = hm.fit(formula, data, engine="stanli", **common)
    assert set(ours.idata.posterior.data_vars) == set(other.idata.posterior.data_vars)
    assert str(ours.provenance["certificate"]).startswith("log density equals the model's")
    for name in ("b", "sd_subject", "sigma", "r_subject"):
        a, b = ours.idata.posterior[name], other.idata.posterior[name]
        assert a.dims == b.dims
        spread = b.std(("chain", "draw"))
        away = np.abs(a.mean(("chain", "draw")) - b.mean(("chain", "draw"))) / spread
        assert float(away.max()) < 0.25, name
        ratio = a.std(("chain", "draw")) / spread
        assert 0.75 < float(ratio.min()) and float(ratio.max()) < 1.33, name
    assert ours.update(seed=3, draws=50, warmup=50).provenance["engine"] == "nutpie"


@needs_nutpie
@pytest.mark.parametrize("init", [None, 0.5, {"Intercept": 240.0}])
def test_seed_reproduces_whatever_the_cores(init: object) -> None:
    first = run(init=init, cores=1, chains=3)
    assert same(first, run(init=init, cores=2, chains=3))
    assert not same(first, run(init=init, chains=3, seed=6))
    fewer = run(init=init, chains=2)
    np.testing.assert_array_equal(first.values["sigma"][:2], fewer.values["sigma"])


@needs_nutpie
def test_given_starts_are_where_the_chains_start() -> None:
    # Two normals far apart: a chain stays with the one that it starts at.
    code = """
    parameters { real x; }
    model { target += log_mix(0.5, normal_lpdf(x | -50, 1), normal_lpdf(x | 50, 1)); }
    """
    inits = [{"x": 49.0}, {"x": -50.0}, {"x": -51.0}]
    draws = run(code, None, (param("x", "real"),), chains=3, init=inits)
    np.testing.assert_allclose(draws.values["x"].mean(axis=1), [50, -50, -50], atol=1)
    at_zero = run(NORMAL_CODE, None, NORMAL_PARAMETERS, init=0, draws=300)
    assert at_zero.values["a"].mean() == pytest.approx(1, abs=0.6)


@needs_nutpie
def test_a_start_at_the_mode_is_no_dead_end() -> None:
    """nutpie takes its first scales from the gradient, which is 0 there."""
    code = "parameters { real x; } model { target += normal_lpdf(x | 0, 1); }"
    draws = run(code, None, (param("x", "real"),), init=0, draws=500)
    assert draws.values["x"].std() == pytest.approx(1, abs=0.15)


@needs_nutpie
def test_settings_act() -> None:
    short = run(max_treedepth=2)
    assert short.stats["tree_depth"].max() == 2 and short.stats["n_steps"].max() == 3
    loose, strict = run(adapt_delta=0.6), run(adapt_delta=0.99)
    assert strict.stats["step_size"].mean() < 0.7 * loose.stats["step_size"].mean()


@needs_nutpie
def test_divergences_are_reported() -> None:
    code = "parameters { real v; real x; } model { v ~ normal(0, 3); x ~ normal(0, exp(v / 2)); }"
    draws = run(code, None, (param("v", "real"), param("x", "real")), draws=500)
    assert draws.stats["diverging"].any()


@needs_nutpie
def test_approximations_are_the_embedded_engines() -> None:
    settings = SamplingSettings(draws=200, seed=1, progress=False)
    one = get_engine("nutpie").laplace(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
    other = StanliEngine().laplace(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
    assert same(one, other) and one.method == "laplace"


@needs_nutpie
def test_program_without_free_parameters() -> None:
    code = "data { int K; } parameters { vector[K] b; } model { target += normal_lpdf(1 | 0, 1); }"
    draws = run(code, {"K": 0}, (param("b", "vector", "K"),))
    assert draws.values["b"].shape == (4, 100, 0) and draws.engine == "nutpie"


# -------------------------------------------------------------------------------- errors


@needs_nutpie
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"threads": 2}, "one thread.*engine='stanli'"),
        ({"warmup": 1}, "warmup must be at least 2, got 1"),
        ({"init": {"intercept": 1.0}}, "did you mean 'Intercept'"),
        ({"init": {"sigma": -1.0}}, "sigma"),
    ],
)
def test_bad_settings_are_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        run(**settings)


@needs_nutpie
@pytest.mark.parametrize("init", [None, 0, 0.1])
def test_no_finite_start_says_what_to_try(init: float | None) -> None:
    code = "parameters { real x; } model { target += log(-1 - square(x)); }"
    with pytest.raises(EngineError, match=r"(?s)[Nn]o starting point.*radius") as caught:
        run(code, None, (param("x", "real"),), init=init)
    assert "backtrace" not in str(caught.value)


@needs_nutpie
def test_the_programs_errors_are_the_embedded_engines() -> None:
    with pytest.raises(EngineError, match="refused by stanc"):
        run(SLEEP_CODE.replace("std_normal_lpdf", "std_normall_lpdf"))
    with pytest.raises(EngineError, match="no draws of parameter 'extra'"):
        run(NORMAL_CODE, None, (param("extra", "real"),))


@needs_nutpie
def test_another_nutpie_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    from nutpie import _lib

    monkeypatch.delattr(_lib, "PySampler")
    with pytest.raises(EngineError, match=r"has no PySampler.*pip install 'hiermodel\[nutpie\]'"):
        run()


# ------------------------------------------------------------------- progress, interrupt


@needs_nutpie
@pytest.mark.parametrize("init", [None, 0.5])
def test_progress_is_one_bar(init: float | None, capfd: pytest.CaptureFixture[str]) -> None:
    run(progress=True, init=init)
    out, err = capfd.readouterr()
    assert out == ""
    last = err.rstrip().split("\r")[-1]
    assert "Sampling 4 chains: 100%" in last and "1200/1200" in last
    run()
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Interrupts that raise, as in a terminal; a shell ignores them in what it runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@needs_nutpie
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
@pytest.mark.usefixtures("keyboard")
@pytest.mark.parametrize("init", [None, 0.5])
def test_interrupt_ends_the_run(init: float | None, capfd: pytest.CaptureFixture[str]) -> None:
    code = """
    data { int N; vector[N] y; }
    parameters { real mu; vector[200] z; }
    model { z ~ std_normal(); for (n in 1:N) y[n] ~ normal(mu + sum(z), 1); }
    """
    data = {"N": 2000, "y": np.zeros(2000)}
    run(draws=2, warmup=2)  # imports take time of their own
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    started = time.perf_counter()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run(code, data, (param("mu", "real"),), draws=20_000, init=init, progress=True)
    finally:
        timer.cancel()
        timer.join()
    assert time.perf_counter() - started < 20
    assert "100%" not in capfd.readouterr().err
    # Nothing of it goes on: a worker in the background would use the processor.
    before = time.process_time()
    time.sleep(1.0)
    assert time.process_time() - before < 0.5
