"""The embedded engine on real programs."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator

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

from hiermodel.engines import Draws, SamplingSettings
from hiermodel.engines.inits import declared_shape
from hiermodel.engines.stanli import StanliEngine
from hiermodel.engines.stanli_density import StanliDensity
from hiermodel.engines.starts import given_starts
from hiermodel.errors import EngineError

QUICK = {"draws": 100, "warmup": 200, "seed": 5, "progress": False}


def sleep(**settings: object) -> Draws:
    chosen = SamplingSettings.of(**(QUICK | settings))
    return StanliEngine().sample(SLEEP_CODE, sleep_data(), SLEEP_PARAMETERS, chosen)


def same(one: Draws, other: Draws) -> bool:
    return all(np.array_equal(one.values[n], other.values[n]) for n in one.values)


def test_draws_have_the_declared_shapes_and_arviz_names() -> None:
    draws = sleep(chains=3, thin=2)
    assert {n: v.shape[2:] for n, v in draws.values.items()} == {
        "Intercept": (),
        "slope": (),
        "b": (0,),
        "sigma": (),
        "sd_1": (1,),
        "z_1": (1, 6),
        "lprior": (),
    }
    assert (draws.n_chains, draws.n_draws) == (3, 100)
    assert set(draws.stats) == {
        "lp", "acceptance_rate", "step_size", "tree_depth", "n_steps", "diverging", "energy"
    }  # fmt: skip
    assert draws.stats["diverging"].dtype == bool
    assert draws.stats["tree_depth"].dtype == np.int64
    assert (draws.engine, draws.engine_version, draws.seed) == ("stanli", StanliEngine().version, 5)
    assert draws.seconds > 0


def test_draws_are_of_the_right_distribution() -> None:
    settings = SamplingSettings(draws=1000, seed=2, progress=False)
    draws = StanliEngine().sample(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
    assert draws.values["a"].mean() == pytest.approx(1, abs=0.2)
    assert draws.values["a"].std() == pytest.approx(2, abs=0.2)
    assert draws.values["b"].std(axis=(0, 1)) == pytest.approx(np.sqrt(5), abs=0.25)
    assert np.median(draws.values["s"]) == pytest.approx(1, abs=0.06)


def test_seed_reproduces_and_another_seed_does_not() -> None:
    assert same(sleep(), sleep())
    assert not same(sleep(), sleep(seed=6))


def test_draws_do_not_depend_on_cores() -> None:
    assert same(sleep(cores=1), sleep(cores=4))


@pytest.mark.parametrize("partial", [True, False])
def test_starts_do_not_depend_on_cores(partial: bool) -> None:
    init = {"Intercept": 240.0} if partial else FULL
    assert same(sleep(cores=1, init=init), sleep(cores=2, init=init))


def test_random_seed_is_recorded_and_reproduces() -> None:
    chosen = SamplingSettings(seed=None, draws=20, warmup=50, progress=False)
    engine = StanliEngine()
    first = engine.sample(SLEEP_CODE, sleep_data(), SLEEP_PARAMETERS, chosen)
    assert first.seed == chosen.seed
    again = chosen.replace(seed=first.seed)
    assert same(first, engine.sample(SLEEP_CODE, sleep_data(), SLEEP_PARAMETERS, again))


# ------------------------------------------------------------------------------- starts

FULL = {
    "Intercept": 240.0,
    "slope": 9.0,
    "b": [],
    "sigma": 20.0,
    "sd_1": [30.0],
    "z_1": np.linspace(-1, 1, 6)[np.newaxis],
}


def first_draw(init: object, chains: int = 2) -> Draws:
    """No warmup, one iteration with a step that leads nowhere: the draw is near the start."""
    return sleep(init=init, chains=chains, warmup=0, draws=1, max_treedepth=1)


def test_full_dict_is_where_the_chains_start() -> None:
    density = StanliDensity(SLEEP_CODE, sleep_data(), SLEEP_PARAMETERS)
    q = density.unconstrain(FULL)
    back = density.constrain(q)
    for name, value in FULL.items():
        np.testing.assert_allclose(back[name][0], value, rtol=1e-12)
    # One step from the given start is near it; random starts are thousands away in log density.
    assert (first_draw(FULL).stats["lp"] > density.value(FULL) - 50).all()
    assert (first_draw(None).stats["lp"] < density.value(FULL) - 500).all()


def test_partial_dict_list_zero_and_radius() -> None:
    close = {"Intercept": 250.0, "sigma": 25.0, "slope": 10.0}
    for init in (close, [close, {"Intercept": 200.0, "sigma": 50.0}], 0, 0.5):
        draws = sleep(init=init, chains=2, warmup=300, draws=200)
        assert draws.values["slope"].mean() == pytest.approx(10, abs=4)
    assert not same(sleep(init=0, draws=3, warmup=3), sleep(init=1, draws=3, warmup=3))


def test_partial_starts_differ_between_chains_only_in_what_is_left_out() -> None:
    density = StanliDensity(SLEEP_CODE, sleep_data(), SLEEP_PARAMETERS)
    settings = SamplingSettings(chains=3, seed=1, init={"Intercept": 250.0, "sigma": 25.0})
    data = sleep_data()
    starts = given_starts(density, settings, SLEEP_PARAMETERS, data)
    assert starts is not None
    back = density.constrain(starts)
    np.testing.assert_allclose(back["Intercept"], 250)
    np.testing.assert_allclose(back["sigma"], 25)
    assert len(np.unique(back["slope"])) == 3
    assert (np.abs(back["slope"]) <= 2).all()
    fewer = given_starts(density, settings.replace(chains=2), SLEEP_PARAMETERS, data)
    np.testing.assert_array_equal(starts[:2], fewer)


@pytest.mark.parametrize(
    ("init", "words"),
    [
        ({"intercept": 1.0}, r"init names 'intercept'.*did you mean 'Intercept'"),
        (
            {"z_1": np.zeros(6)},
            r"init of 'z_1' must be an array of shape \(1, 6\).*got shape \(6,\)",
        ),
        ({"slope": [1.0, 2.0]}, r"init of 'slope' must be a single number"),
        ({"sigma": -1.0}, r"sigma"),
        ({"sigma": np.nan}, r"init of 'sigma' has values that are not finite"),
        ({"sigma": "big"}, r"init of 'sigma' must be numbers"),
    ],
)
def test_bad_starts_are_named(init: dict[str, object], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        sleep(init=init)


def test_start_of_no_density_is_refused() -> None:
    code = "parameters { real x; } model { target += log(x) - x; }"
    with pytest.raises(EngineError, match="not finite at the starting values given for chain 1"):
        StanliEngine().sample(
            code, {}, (param("x", "real"),), SamplingSettings.of(**QUICK, init={"x": -1.0})
        )


# -------------------------------------------------------------------------------- errors


def test_stanc_shows_the_line() -> None:
    code = SLEEP_CODE.replace("normal_lpdf(slope | 0, 20)", "normall_lpdf(slope | 0, 20)")
    with pytest.raises(EngineError, match="refused by stanc") as caught:
        StanliEngine().sample(code, sleep_data(), SLEEP_PARAMETERS, SamplingSettings.of(**QUICK))
    message = str(caught.value)
    assert "lprior += normall_lpdf(slope | 0, 20);" in message
    assert "normall_lpdf" in message.split("^")[-1]


def test_data_that_do_not_fit_are_named() -> None:
    data = sleep_data() | {"days": np.zeros(3)}
    with pytest.raises(EngineError, match="days"):
        StanliEngine().sample(SLEEP_CODE, data, SLEEP_PARAMETERS, SamplingSettings.of(**QUICK))


def test_no_finite_start_says_what_to_try() -> None:
    code = "parameters { real x; } model { target += log(-1 - square(x)); }"
    with pytest.raises(EngineError, match="try init=0"):
        StanliEngine().sample(code, {}, (param("x", "real"),), SamplingSettings.of(**QUICK))


def test_parameter_that_is_not_in_the_program() -> None:
    with pytest.raises(EngineError, match="no draws of parameter 'extra'"):
        StanliEngine().sample(
            NORMAL_CODE, {}, (param("extra", "real"),), SamplingSettings.of(**QUICK)
        )


# ------------------------------------------------------------------- progress, interrupt


def test_progress_is_one_bar(capfd: pytest.CaptureFixture[str]) -> None:
    sleep(progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    last = err.rstrip().split("\r")[-1]
    assert "Sampling 4 chains: 100%" in last and "1200/1200" in last
    assert err.count("\n") <= 1


def test_without_progress_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sleep()
    assert capfd.readouterr() == ("", "")


def slow_run(**settings: object) -> Draws:
    code = """
    data { int N; vector[N] y; }
    parameters { real mu; vector[200] z; }
    model { z ~ std_normal(); for (n in 1:N) y[n] ~ normal(mu + sum(z), 1); }
    """
    data = {"N": 2000, "y": np.zeros(2000)}
    chosen = SamplingSettings.of(**({"draws": 20_000, "seed": 1, "progress": False} | settings))
    return StanliEngine().sample(code, data, (param("mu", "real"),), chosen)


@pytest.fixture
def keyboard() -> Iterator[None]:
    """Interrupts that raise, as in a terminal; a shell ignores them in what it runs behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("keyboard")
@pytest.mark.parametrize("progress", [True, False])
def test_interrupt_ends_the_run(progress: bool, capfd: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    timer = threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGINT))
    started = time.perf_counter()
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            slow_run(progress=progress)
    finally:
        timer.cancel()
        timer.join()
    assert time.perf_counter() - started < 20
    assert threading.active_count() <= before + progress  # tqdm keeps one monitor thread
    assert "100%" not in capfd.readouterr().err
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# --------------------------------------------------------------------- density and maps


def test_density_value_gradient_and_domain() -> None:
    density = StanliDensity(NORMAL_CODE, {}, NORMAL_PARAMETERS)
    assert density.dim == 4
    params = {"a": 0.3, "b": [1.0, -1.0], "s": 2.0}
    from scipy import stats

    expected = (
        stats.norm.logpdf(0.3, 1, 2)
        + stats.norm.logpdf([1.0, -1.0], 0.3, 1).sum()
        + stats.lognorm.logpdf(2.0, 0.5)
        + np.log(2.0)  # Jacobian of s = exp(q)
    )
    assert density.value(params) == pytest.approx(expected, rel=1e-12)
    q = density.unconstrain(params)
    value, gradient = density.value_and_grad(q)
    step = 1e-5 * np.eye(4)
    for i in range(4):
        up, down = (density.value_and_grad(q + sign * step[i])[0] for sign in (1, -1))
        assert gradient[i] == pytest.approx((up - down) / 2e-5, abs=1e-6)
    outside = StanliDensity("parameters { real x; } model { target += normal_lpdf(0 | 0, x); }", {})
    value, gradient = outside.value_and_grad(np.array([-1.0]))
    assert value == -np.inf and np.isnan(gradient).all()


def test_constrain_and_unconstrain_are_inverse_for_all_types() -> None:
    data = {"K": 3}
    density = StanliDensity(TYPES_CODE, data, TYPES_PARAMETERS)
    q = np.random.default_rng(3).uniform(-1.5, 1.5, (4, density.dim))
    found = density.constrain(q)
    for var in TYPES_PARAMETERS:
        assert found[var.name].shape == (4, *(declared_shape(var, data) or ()))
    assert (np.diff(found["o"], axis=1) > 0).all()
    np.testing.assert_allclose(found["p"].sum(axis=1), 1)
    np.testing.assert_allclose((found["L"] ** 2).sum(axis=2), 1)
    np.testing.assert_allclose(found["R"], np.swapaxes(found["R"], 1, 2))
    unit_vector = slice(11, 14)  # only known up to its length
    for row, point in enumerate(q):
        back = density.unconstrain({name: v[row] for name, v in found.items()})
        keep = np.ones(density.dim, dtype=bool)
        keep[unit_vector] = False
        np.testing.assert_allclose(back[keep], point[keep], atol=1e-9)


def test_constrain_works_where_the_density_is_not_finite() -> None:
    code = """
    data { int N; }
    parameters { real x; array[2] vector[N] v; }
    transformed parameters { real y = 2 * x; }
    model { target += log(x); }
    """
    density = StanliDensity(code, {"N": 2})
    found = density.constrain(np.array([[-1.0, 1, 2, 3, 4]]))
    assert found["x"] == [-1.0]
    np.testing.assert_array_equal(found["v"][0], [[1, 2], [3, 4]])


def test_constrain_many_points() -> None:
    density = StanliDensity(NORMAL_CODE, {}, NORMAL_PARAMETERS)
    q = np.random.default_rng(1).normal(size=(1201, 4))
    found = density.constrain(q)
    np.testing.assert_array_equal(found["a"], q[:, 0])
    np.testing.assert_allclose(found["s"], np.exp(q[:, 3]))


# ------------------------------------------------------------------------- approximations


def test_mode() -> None:
    estimate = StanliEngine().optimize(
        NORMAL_CODE, {}, NORMAL_PARAMETERS, SamplingSettings.of(**QUICK)
    )
    assert estimate.jacobian and estimate.values["b"].shape == (2,)
    np.testing.assert_allclose(estimate.values["b"], 1, atol=1e-3)
    # With the Jacobian, the mode of log(s) ~ normal(0, 0.5).
    assert estimate.values["s"] == pytest.approx(1, abs=1e-3)
    density = StanliDensity(NORMAL_CODE, {})
    values = {k: v for k, v in estimate.values.items() if k != "lprior"}
    assert estimate.log_density == pytest.approx(density.value(values))


def test_mode_from_given_start_and_without_jacobian() -> None:
    engine = StanliEngine()
    start = SamplingSettings.of(**QUICK, init=FULL)
    estimate = engine.optimize(
        SLEEP_CODE,
        sleep_data(),
        SLEEP_PARAMETERS,
        start,
    )
    assert estimate.values["slope"] == pytest.approx(10, abs=4)
    assert estimate.values["b"].shape == (0,)
    with pytest.raises(EngineError, match="engine='cmdstan'"):
        engine.optimize(NORMAL_CODE, {}, NORMAL_PARAMETERS, start, jacobian=False)


def test_no_mode_is_an_error_that_advises() -> None:
    code = "parameters { real x; } model { target += log(-1 - square(x)); }"
    with pytest.raises(EngineError, match=r"no mode was found: .*finite at no starting point"):
        StanliEngine().optimize(code, {}, (param("x", "real"),), SamplingSettings.of(**QUICK))


def test_laplace_is_exact_for_a_normal_posterior() -> None:
    settings = SamplingSettings(draws=4000, seed=1, progress=False)
    draws = StanliEngine().laplace(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
    assert draws.method == "laplace" and draws.values["b"].shape == (1, 4000, 2)
    assert draws.pareto_k == -np.inf  # the approximation is the posterior
    assert len(np.unique(draws.values["a"])) == 4000
    assert draws.values["a"].std() == pytest.approx(2, rel=0.05)
    assert np.log(draws.values["s"]).std() == pytest.approx(0.5, rel=0.05)
    again = StanliEngine().laplace(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
    assert same(draws, again)


def test_laplace_needs_a_proper_density() -> None:
    code = "parameters { real x; real y; } model { target += normal_lpdf(x + y | 0, 1); }"
    with pytest.raises(EngineError, match="Laplace approximation does not exist"):
        StanliEngine().laplace(
            code, {}, (param("x", "real"), param("y", "real")), SamplingSettings.of(**QUICK)
        )


def test_pathfinder() -> None:
    settings = SamplingSettings(draws=2000, seed=3, progress=False)
    draws = StanliEngine().pathfinder(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings)
    assert draws.method == "pathfinder" and draws.values["b"].shape == (1, 2000, 2)
    assert draws.values["a"].mean() == pytest.approx(1, abs=0.2)
    assert draws.values["a"].std() == pytest.approx(2, rel=0.1)
    assert draws.pareto_k is not None and draws.pareto_k < 0.7
    assert same(draws, StanliEngine().pathfinder(NORMAL_CODE, {}, NORMAL_PARAMETERS, settings))


# Two separate normals: only a start near the second finds it.
TWO_CODE = """
parameters { real x; }
model { target += log_mix(0.5, normal_lpdf(x | -50, 1), normal_lpdf(x | 50, 1)); }
"""


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("as_list", [False, True])
def test_approximations_start_where_the_user_says(sign: int, as_list: bool) -> None:
    one = {"x": 40.0 * sign}
    settings = SamplingSettings(
        chains=2, draws=200, seed=1, init=[one, one] if as_list else one, progress=False
    )
    engine, parameters = StanliEngine(), (param("x", "real"),)
    mode = engine.optimize(TWO_CODE, {}, parameters, settings)
    assert mode.values["x"] == pytest.approx(50 * sign)
    for method in (engine.laplace, engine.pathfinder):
        found = method(TWO_CODE, {}, parameters, settings).values["x"]
        assert found.mean() == pytest.approx(50 * sign, abs=0.3)
        assert found.std() == pytest.approx(1, rel=0.2)


def test_pathfinder_without_a_start() -> None:
    code = "parameters { real x; } model { target += log(-1 - square(x)); }"
    with pytest.raises(EngineError, match=r'no approximation.*algorithm="sampling"'):
        StanliEngine().pathfinder(code, {}, (param("x", "real"),), SamplingSettings.of(**QUICK))


def test_program_without_free_parameters() -> None:
    code = "data { int K; } parameters { vector[K] b; } model { target += normal_lpdf(1 | 0, 1); }"
    draws = StanliEngine().sample(
        code, {"K": 0}, (param("b", "vector", "K"),), SamplingSettings.of(**QUICK)
    )
    assert draws.values["b"].shape == (4, 100, 0)
