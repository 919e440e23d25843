"""The CmdStan engine: its cache, its calls, its reading of files; live where installed."""

from __future__ import annotations

import errno
import json
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cmdstanpy
import numpy as np
import pytest
from engines.programs import (
    NORMAL_CODE,
    NORMAL_PARAMETERS,
    SLEEP_CODE,
    SLEEP_PARAMETERS,
    param,
    sleep_data,
)

from hiermodel.engines import SamplingSettings, cmdstan, cmdstan_cache
from hiermodel.engines.cmdstan import CmdStanEngine, find_cmdstan, install_cmdstan
from hiermodel.engines.cmdstan_cache import cache_directory, cache_key, executable
from hiermodel.engines.cmdstan_files import gap
from hiermodel.errors import EngineError

CSV = Path(__file__).parent / "csv"
PARAMETERS = (
    param("mu", "real"),
    param("b", "vector", "K"),
    param("sd_1", "vector", "1", lower="0"),
    param("z_1", "matrix", "1", "N_1"),
)
DATA: dict[str, Any] = {"K": 0, "N_1": 3, "X": np.zeros((2, 0)), "y": np.array([1.5, 2.0])}
QUICK = {"chains": 2, "draws": 4, "warmup": 20, "seed": 17}
THREE = SamplingSettings(chains=2, draws=3, warmup=20, seed=17)


class FakeModel:
    """Takes the calls of ``CmdStanModel`` and answers with recorded files."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self.data: dict[str, Any] = {}
        self.error = error

    def _take(self, arguments: dict[str, Any]) -> None:
        self.calls.append(arguments)
        self.data = json.loads(Path(arguments["data"]).read_text())
        assert Path(arguments["output_dir"]).is_dir()

    def sample(self, **arguments: Any) -> Any:
        self._take(arguments)
        print("method = sample (Default)")
        for chain in (1, 2):
            print(f"Chain [{chain}] Iteration:  1 / 24 [  4%]  (Warmup)")
            print(f"Chain [{chain}] Iteration: 24 / 24 [100%]  (Sampling)")
        if self.error is not None:
            print("Exception: normal_lpdf: Scale parameter is 0")
            raise self.error
        return cmdstanpy.from_csv([str(CSV / f"sample_{chain}.csv") for chain in (1, 2)])

    def optimize(self, **arguments: Any) -> Any:
        self._take(arguments)
        return cmdstanpy.from_csv(str(CSV / "optimize.csv"))

    def laplace_sample(self, **arguments: Any) -> Any:
        self._take(arguments)
        return cmdstanpy.from_csv(str(Path(arguments["output_dir"]) / "laplace.csv"))

    def pathfinder(self, **arguments: Any) -> Any:
        self._take(arguments)
        return cmdstanpy.from_csv(str(CSV / "pathfinder.csv"))


class FakeEngine(CmdStanEngine):
    version = "2.36"

    def __init__(self, model: FakeModel) -> None:
        super().__init__()
        self.model = model

    def _model(self, code: str, settings: SamplingSettings) -> Any:
        return self.model


def sampled(model: FakeModel, **settings: Any) -> Any:
    chosen = SamplingSettings(**({"progress": False} | QUICK | settings))
    return FakeEngine(model).sample("", DATA, PARAMETERS, chosen)


def test_draws_are_read_with_their_shapes() -> None:
    draws = sampled(FakeModel())
    np.testing.assert_array_equal(draws.values["mu"], [[10, 11, 12, 13], [20, 21, 22, 23]])
    assert draws.values["sd_1"].shape == (2, 4, 1) and draws.values["b"].shape == (2, 4, 0)
    assert draws.values["z_1"].shape == (2, 4, 1, 3)
    text = (CSV / "sample_2.csv").read_text().splitlines()
    last = next(line for line in reversed(text) if line and not line.startswith("#"))
    np.testing.assert_array_equal(
        draws.values["z_1"][1, 3, 0], [float(v) for v in last.split(",")[9:12]]
    )
    np.testing.assert_array_equal(draws.values["lprior"][0], [-1.5, -2.5, -3.5, -4.5])
    assert draws.stats["diverging"].dtype == bool
    assert np.argwhere(draws.stats["diverging"]).tolist() == [[1, 1]]
    assert (draws.stats["tree_depth"] == 2).all() and draws.stats["n_steps"].dtype == np.int64
    assert (draws.engine, draws.engine_version, draws.seed) == ("cmdstan", "2.36", 17)


def test_call_of_the_sampler() -> None:
    model = FakeModel()
    sampled(model, thin=3, adapt_delta=0.9, cores=1, init={"mu": 1, "sd_1": [2]}, threads=2)
    (call,) = model.calls
    assert call["iter_sampling"] == 12 and call["iter_warmup"] == 20 and call["thin"] == 3
    assert (call["chains"], call["parallel_chains"], call["threads_per_chain"]) == (2, 1, 2)
    assert (call["seed"], call["adapt_delta"], call["max_treedepth"]) == (17, 0.9, 10)
    assert call["inits"] == [{"mu": 1.0, "sd_1": [2.0]}] * 2
    assert model.data == {"K": 0, "N_1": 3, "X": [[], []], "y": [1.5, 2.0]}
    assert not Path(call["output_dir"]).exists()


@pytest.mark.parametrize(("init", "passed"), [(None, None), (0, 0.0), (0.5, 0.5)])
def test_radius_as_start(init: Any, passed: Any) -> None:
    model = FakeModel()
    sampled(model, init=init)
    assert model.calls[0]["inits"] == passed


def test_bad_start_is_refused_before_anything_runs() -> None:
    model = FakeModel()
    with pytest.raises(EngineError, match="did you mean 'sd_1'"):
        sampled(model, init={"sd1": 1})
    assert model.calls == []


def test_one_bar_and_no_other_output(capsys: pytest.CaptureFixture[str]) -> None:
    sampled(FakeModel(), progress=True)
    out, err = capsys.readouterr()
    assert out == "" and "Sampling 2 chains: 100%" in err and "48/48" in err
    sampled(FakeModel())
    assert capsys.readouterr() == ("", "")


def test_failure_shows_what_cmdstan_said() -> None:
    model = FakeModel(RuntimeError("Error during sampling"))
    with pytest.raises(EngineError, match="could not sample: Error during sampling") as caught:
        sampled(model)
    assert "Scale parameter is 0" in str(caught.value)
    assert not Path(model.calls[0]["output_dir"]).exists()


def test_interrupt_passes_and_cleans_up() -> None:
    model = FakeModel(KeyboardInterrupt())  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        sampled(model)
    assert not Path(model.calls[0]["output_dir"]).exists()


def test_mode() -> None:
    model = FakeModel()
    settings = SamplingSettings(**QUICK, init=[{"mu": 1}, {"mu": 2}])
    estimate = FakeEngine(model).optimize("", DATA, PARAMETERS, settings, jacobian=False)
    assert estimate.values["mu"] == 10.25 and estimate.log_density == -2.5
    np.testing.assert_array_equal(estimate.values["z_1"], [[1, -1, 0.25]])
    assert estimate.values["b"].shape == (0,) and not estimate.jacobian
    assert model.calls[0]["jacobian"] is False and model.calls[0]["inits"] == {"mu": 1.0}


def test_laplace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class WithMode(FakeModel):
        def _take(self, arguments: dict[str, Any]) -> None:
            super()._take(arguments)
            # The file names its mode by path, as CmdStan writes it.
            folder = Path(arguments["output_dir"])
            shutil.copy(CSV / "optimize.csv", folder)
            text = (CSV / "laplace.csv").read_text()
            (folder / "laplace.csv").write_text(
                text.replace("mode = optimize.csv", f"mode = {folder}/optimize.csv")
            )

    draws = FakeEngine(WithMode()).laplace("", DATA, PARAMETERS, THREE)
    np.testing.assert_array_equal(draws.values["mu"], [[10, 10.5, 9.5]])
    np.testing.assert_array_equal(draws.log_weights, [[-2, -2.25, -1.75]])
    np.testing.assert_array_equal(draws.stats["lp"], [[-3, -3.5, -4]])
    assert draws.method == "laplace"


def test_pathfinder() -> None:
    draws = FakeEngine(FakeModel()).pathfinder("", DATA, PARAMETERS, THREE)
    assert draws.values["z_1"].shape == (1, 3, 1, 3) and draws.log_weights is None
    np.testing.assert_array_equal(draws.stats["lp"], [[-3, -3.5, -4]])


# -------------------------------------------------------------------------------- full disk


def cut(name: str, what: str) -> str:
    """A recorded file as a full disk leaves it."""
    lines = (CSV / name).read_text().splitlines(keepends=True)
    rows = [k for k, line in enumerate(lines) if not line.startswith("#")]
    header, last = rows[0], rows[-1]
    return {
        "nothing": "",
        "settings": "".join(lines[: header - 5]),
        "header": "".join(lines[: header + 1]),
        "whole draws": "".join(lines[:last]),
        "columns": "".join(lines[:last]) + ",".join(lines[last].split(",")[:6]),
        "last number": "".join(lines[:last]) + lines[last].rstrip("\n")[:-1],
    }[what]


class CutModel(FakeModel):
    """CmdStan that ends as if all were well, with a file that stops somewhere."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def _written(self, arguments: dict[str, Any], *names: str) -> list[str]:
        self._take(arguments)
        folder = Path(arguments["output_dir"])
        for name in names:
            text = (CSV / name).read_text() if name != names[-1] else cut(name, self.what)
            (folder / name).write_text(text.replace("mode = opt", f"mode = {folder}/opt"))
        return [str(folder / name) for name in names]

    def sample(self, **arguments: Any) -> Any:
        return cmdstanpy.from_csv(self._written(arguments, "sample_1.csv", "sample_2.csv"))

    def optimize(self, **arguments: Any) -> Any:
        return cmdstanpy.from_csv(self._written(arguments, "optimize.csv"))

    def laplace_sample(self, **arguments: Any) -> Any:
        paths = self._written(arguments, "optimize.csv", "laplace.csv")
        return cmdstanpy.from_csv(paths[-1])

    def pathfinder(self, **arguments: Any) -> Any:
        return cmdstanpy.from_csv(self._written(arguments, "pathfinder.csv"))


CUTS = ["nothing", "settings", "header", "whole draws", "columns", "last number"]
METHODS = {"sample": "sample_2", "optimize": "optimize", "laplace": "laplace",
           "pathfinder": "pathfinder"}


@pytest.mark.parametrize("what", CUTS)
@pytest.mark.parametrize("method", METHODS)
def test_a_file_that_was_cut_is_no_result(method: str, what: str) -> None:
    model = CutModel(what)
    settings = SamplingSettings(**QUICK, progress=False) if method == "sample" else THREE
    with pytest.raises(EngineError) as caught:
        getattr(FakeEngine(model), method)("", DATA, PARAMETERS, settings)
    text = str(caught.value)
    if method in ("laplace", "pathfinder") and what == "whole draws":
        assert f"CmdStan wrote 2 of 3 draws of {method}" in text
    else:
        assert f"{METHODS[method]}.csv" in text, text
    assert "Is the disk full?" in text and "TMPDIR" in text and "MiB left" in text
    assert not Path(model.calls[0]["output_dir"]).exists()


@pytest.mark.parametrize(("what", "words"), [
    ("nothing", "empty"), ("settings", "before the first draw"),
    ("header", "before the first draw"),
    ("whole draws", "3 of 4 draws"), ("columns", "middle of a line"),
    ("last number", "middle of a line"),
])
def test_what_a_file_lacks(what: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "draws.csv"
    path.write_text(cut("sample_1.csv", what))
    assert words in gap(path, 4)
    assert gap(CSV / "sample_1.csv", 4) == "" == gap(CSV / "optimize.csv")
    assert gap(tmp_path / "other.csv") == "there is no other.csv"
    path.write_text("a,b\n1,2\n3\n4,5\n")
    assert gap(path) == "a row of draws.csv has 1 of 2 columns"


def test_no_room_for_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    model = FakeModel()
    with pytest.raises(EngineError, match=r"data of the model .*No space left.*Is the disk full"):
        sampled(model)
    assert model.calls == []


# ---------------------------------------------------------------------------------- cache


class Builder:
    def __init__(self, wait: threading.Event | None = None) -> None:
        self.built: list[str] = []
        self.wait = wait

    def __call__(self, source: Path, options: Mapping[str, bool]) -> None:
        if self.wait is not None:
            self.wait.wait(5)
        self.built.append(source.read_text())
        source.with_suffix(cmdstan_cache._SUFFIX).write_text("executable")


def test_executable_is_built_once(tmp_path: Path) -> None:
    build = Builder()
    first = executable("model {}", "2.36", {}, build, tmp_path)
    assert first.read_text() == "executable"
    assert executable("model {}", "2.36", {}, build, tmp_path) == first
    assert build.built == ["model {}"]
    others = {
        executable("model { }", "2.36", {}, build, tmp_path),
        executable("model {}", "2.37", {}, build, tmp_path),
        executable("model {}", "2.36", {"STAN_THREADS": True}, build, tmp_path),
    }
    assert len(others | {first}) == 4 and len(build.built) == 4


def test_two_ask_at_once(tmp_path: Path) -> None:
    gate = threading.Event()
    build = Builder(gate)
    found: list[Path] = []
    asks = [
        threading.Thread(
            target=lambda: found.append(executable("model {}", "2.36", {}, build, tmp_path))
        )
        for _ in range(4)
    ]
    for ask in asks:
        ask.start()
    gate.set()
    for ask in asks:
        ask.join(20)
    assert len(build.built) == 1 and len(set(found)) == 1 and len(found) == 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("stanc: Semantic error")])
def test_interrupted_build_leaves_nothing_finished(tmp_path: Path, error: BaseException) -> None:
    def build(source: Path, options: Mapping[str, bool]) -> None:
        source.with_suffix(cmdstan_cache._SUFFIX).write_text("half an executable")
        raise error

    expected = EngineError if isinstance(error, ValueError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        executable("model {}", "2.36", {}, build, tmp_path)
    if expected is EngineError:
        assert "stanc: Semantic error" in str(caught.value)
    assert not [p for p in tmp_path.iterdir() if p.is_dir()]
    again = executable("model {}", "2.36", {}, Builder(), tmp_path)
    assert again.read_text() == "executable"


def test_builder_that_builds_nothing(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="built no executable"):
        executable("model {}", "2.36", {}, lambda source, options: None, tmp_path)


def test_place_of_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIERMODEL_CACHE", str(tmp_path))
    assert cache_directory() == tmp_path / "cmdstan"
    monkeypatch.delenv("HIERMODEL_CACHE")
    assert "hiermodel" in str(cache_directory())
    assert len(cache_key("", "", {})) == 64


# ---------------------------------------------------------------------------- installation


def test_finding_an_installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("CMDSTAN", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert find_cmdstan() is None
    (tmp_path / ".cmdstan").mkdir()  # there, but empty
    assert find_cmdstan() is None
    monkeypatch.setattr(cmdstanpy, "cmdstan_path", lambda: "/opt/cmdstan-2.36.0")
    assert find_cmdstan() == "/opt/cmdstan-2.36.0"


def test_no_installation_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cmdstan, "find_cmdstan", lambda: None)
    with pytest.raises(EngineError, match=r"install_cmdstan\(\)"):
        CmdStanEngine().sample("", DATA, PARAMETERS, SamplingSettings(**QUICK))


def test_installing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(cmdstanpy, "install_cmdstan", lambda **kw: calls.append(kw) or True)
    monkeypatch.setattr(cmdstanpy, "cmdstan_path", lambda: "/opt/cmdstan-2.36.0")
    assert install_cmdstan("2.36.0", cores=2, dir="/opt") == "/opt/cmdstan-2.36.0"
    assert calls[0]["version"] == "2.36.0" and calls[0]["cores"] == 2 and calls[0]["dir"] == "/opt"
    monkeypatch.setattr(cmdstanpy, "install_cmdstan", lambda **kw: False)
    with pytest.raises(EngineError, match="engine='stanli' needs none"):
        install_cmdstan(progress=False)


# ------------------------------------------------------------------------------------ live


@pytest.mark.cmdstan
def test_live_run_agrees_with_the_embedded_engine(tmp_path: Path) -> None:
    from hiermodel.engines.stanli import StanliEngine

    settings = SamplingSettings(chains=4, seed=1, progress=False)
    data = sleep_data()
    one = CmdStanEngine(tmp_path).sample(SLEEP_CODE, data, SLEEP_PARAMETERS, settings)
    other = StanliEngine().sample(SLEEP_CODE, data, SLEEP_PARAMETERS, settings)
    for name in ("Intercept", "slope", "sigma", "sd_1"):
        left, right = one.values[name], other.values[name]
        assert left.shape == right.shape
        assert left.mean() == pytest.approx(right.mean(), abs=0.2 * right.std())
    again = CmdStanEngine(tmp_path).sample(
        SLEEP_CODE, data, SLEEP_PARAMETERS, settings.replace(cores=1)
    )
    np.testing.assert_array_equal(one.values["z_1"], again.values["z_1"])


@pytest.mark.cmdstan
def test_live_approximations(tmp_path: Path) -> None:
    engine = CmdStanEngine(tmp_path)
    settings = SamplingSettings(seed=1, draws=2000, progress=False)
    mode = engine.optimize(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
    assert mode.values["a"] == pytest.approx(1, abs=1e-3)
    for method in (engine.laplace, engine.pathfinder):
        draws = method(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
        assert draws.values["b"].shape[2:] == (2,)
        assert draws.values["a"].std() == pytest.approx(2, rel=0.2)


@pytest.mark.cmdstan
def test_live_compiler_message(tmp_path: Path) -> None:
    code = NORMAL_CODE.replace("lognormal_lpdf", "lognormall_lpdf")
    with pytest.raises(EngineError, match="lognormall_lpdf"):
        CmdStanEngine(tmp_path).sample(code, {}, NORMAL_PARAMETERS, SamplingSettings(seed=1))
