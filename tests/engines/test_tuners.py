"""What tells the sampler starts and scales: draws, the curvature at a point, the mode."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.engines import SamplingSettings, get_engine, stanli
from hiermodel.engines.tuning import TUNED_WARMUP, CurvatureTuner, DrawsTuner, Tuning
from hiermodel.stan.variables import Block, Var

COVARIANCE = np.array([[4.0, 1.8e-3], [1.8e-3, 1e-6]])
NORMAL = """
data { matrix[2, 2] S; }
parameters { vector[2] q; }
model { target += multi_normal_lpdf(q | [3, -1]', S); }
"""
PARAMETERS = (Var("q", "vector", ("K",), block=Block.PARAMETERS),)
DATA = {"S": COVARIANCE, "K": 2}


def tuned(tuner: Any, chains: int = 4) -> Tuning | None:
    density = get_engine("stanli").log_density(NORMAL, DATA, PARAMETERS)
    found: Tuning | None = tuner(density, SamplingSettings(chains=chains, seed=1), PARAMETERS, DATA)
    return found


def draws(count: int = 100) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.multivariate_normal([3, -1], COVARIANCE, size=count)


def test_draws_and_curvature_give_the_covariance() -> None:
    found = tuned(DrawsTuner({"q": draws()}), chains=400)
    assert found is not None and found.is_dense
    assert found.inverse_metric == pytest.approx(COVARIANCE, rel=1e-3)
    assert np.cov(found.starts.T) / (4 * COVARIANCE) == pytest.approx(np.ones((2, 2)), abs=0.3)


def test_curvature_that_the_draws_do_not_bear_out_is_left() -> None:
    spread = draws() * [1, 30]
    found = tuned(DrawsTuner({"q": spread}))
    assert found is not None and not found.is_dense
    assert found.inverse_metric == pytest.approx(spread.var(axis=0, ddof=1))


def test_draws_on_their_way_tell_nothing() -> None:
    moving = draws() + np.linspace(0, 20, 100)[:, None]
    assert tuned(DrawsTuner({"q": moving})) is None


def test_curvature_at_a_point_starts_there() -> None:
    point = {"q": np.array([2.5, -1.0])}
    found = tuned(CurvatureTuner(point, ()))
    assert found is not None and found.is_dense
    np.testing.assert_allclose(found.starts, np.repeat([[2.5, -1.0]], 4, axis=0))
    assert found.inverse_metric == pytest.approx(COVARIANCE, rel=1e-3)


@pytest.mark.parametrize("effects", [(), ("a",)])
def test_curvature_of_many_parameters_is_that_of_each(effects: tuple[str, ...]) -> None:
    code = """
    data { int K; vector[K] s; }
    parameters { vector[K] a; }
    model { a ~ normal(0, s); }
    """
    data = {"K": 120, "s": np.linspace(0.1, 4, 120)}
    parameters = (Var("a", "vector", ("K",), block=Block.PARAMETERS),)
    density = get_engine("stanli").log_density(code, data, parameters)
    tuner = CurvatureTuner({"a": np.zeros(120)}, effects)
    found = tuner(density, SamplingSettings(chains=1, seed=1), parameters, data)
    assert found is not None
    # Beyond 2 a standard deviation is not believed.
    assert found.inverse_metric == pytest.approx(np.minimum(data["s"], 2.0) ** 2, rel=1e-5)


def regression(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    x = rng.normal(size=rows)
    z = 0.95 * x + 0.2 * rng.normal(size=rows)
    return pd.DataFrame({
        "x": x, "z": z, "k": rng.poisson(np.exp(1 + 0.3 * x)),
        "b": rng.binomial(1, 1 / (1 + np.exp(-x))),
    })


@pytest.mark.parametrize(
    ("formula", "family", "rows", "more", "metric"),
    [
        ("k ~ x + z", "poisson", 600, {}, "dense_e"),
        ("k ~ x + z", "poisson", 100, {}, None),
        ("k ~ x + z", "poisson", 600, {"warmup": 300}, None),
        ("k ~ x + z", "poisson", 600, {"init": 0}, None),
        ("k ~ s(x)", "poisson", 600, {}, None),
        ("k ~ x", hm.mixture("poisson", "poisson"), 600, {}, None),
    ],
)
def test_regressions_of_many_rows_start_at_their_mode(
    formula: str, family: Any, rows: int, more: dict[str, Any], metric: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[int, Any]] = []
    whole = stanli._run

    def spy(
        model: Any, settings: SamplingSettings, starts: Any, metric: Any = None
    ) -> Any:
        seen.append((settings.warmup, metric and metric["metric"]))
        return whole(model, settings.replace(warmup=min(settings.warmup, 50)), starts, metric)

    monkeypatch.setattr(stanli, "_run", spy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = hm.fit(formula, regression(rows), family, chains=1, draws=20, seed=1,
                     progress=False, aggregate=False, **more)
    warmup = TUNED_WARMUP if metric else more.get("warmup", 1000)
    assert seen == [(warmup, metric)]
    told = f"after {warmup} of warmup" if metric or "warmup" in more else "draws = 20"
    assert told in str(fit.summary())


def test_collinear_regression_is_drawn_with_few_steps() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = hm.fit("b ~ x + z", regression(3000), "bernoulli", chains=2, draws=300, seed=1,
                     progress=False)
        plain = hm.fit("b ~ x + z", regression(3000), "bernoulli", chains=2, draws=300, seed=1,
                       warmup=300, progress=False)
    assert fit.sample_stats["n_steps"].mean() < 0.75 * plain.sample_stats["n_steps"].mean()
    here, there = fit.posterior["b"], plain.posterior["b"]
    both = ("chain", "draw")
    off = abs(here.mean(both) - there.mean(both)) / there.std(both)
    assert float(off.max()) < 0.35
    assert (here.std(both) / there.std(both)).values == pytest.approx(1, abs=0.2)
