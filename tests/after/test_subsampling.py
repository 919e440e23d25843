"""Leave-one-out from some of the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.criticism.subsampling import DifferenceEstimate
from hiermodel.errors import ArgumentError, DataError, HiermodelError

from .posteriors import fit_of, reaction_data


@pytest.fixture(scope="module")
def means() -> dict[str, hm.Fit]:
    """Models of 300 rows with draws near their posterior, by formula."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=300)})
    frame["y"] = 0.3 * frame["x"] + rng.normal(size=300)
    b, c = rng.normal(0.3, 0.06, (2, 500, 1)), rng.normal(0, 0.06, (2, 500))
    sigma = np.exp(rng.normal(0, 0.04, (2, 500)))
    models = {"x": {"b": b, "Intercept": c, "sigma": sigma}, "1": {"Intercept": c, "sigma": sigma}}
    return {
        f"y ~ {right}": hm.Fit.from_draws(hm.model(f"y ~ {right}", frame), frame, draws)
        for right, draws in models.items()
    }


def test_all_rows_give_the_whole_estimate(means: dict[str, hm.Fit]) -> None:
    fit = means["y ~ x"]
    whole, some = fit.loo(), fit.loo(subsample=300)
    assert some.elpd == pytest.approx(whole.elpd) and some.se == pytest.approx(whole.se)
    assert some.p == pytest.approx(whole.p) and some.p_se == pytest.approx(whole.p_se)
    assert some.subsampling_se == 0.0
    np.testing.assert_allclose(some.pointwise, whole.pointwise)


def test_the_surrogate_is_the_density_at_the_mean(means: dict[str, hm.Fit]) -> None:
    fit = means["y ~ x"]
    post = fit.posterior.mean(("chain", "draw"))
    frame = fit.frame
    mu = float(post["b"].sel(coef="Intercept")) + float(post["b"].sel(coef="x")) * frame["x"]
    expected = stats.norm.logpdf(frame["y"], mu, float(post["sigma"]))
    found = fit.loo(subsample=20, seed=1)
    np.testing.assert_allclose(found.surrogate, expected, atol=1e-10)
    assert found.pointwise.sizes == {"obs": 20}
    np.testing.assert_array_equal(found.pointwise["obs"], found.rows)
    part = fit.loo()
    np.testing.assert_allclose(found.pointwise, part.pointwise.values[found.rows])
    by_hand = expected.sum() + 300 * (part.pointwise.values - expected)[found.rows].mean()
    assert found.elpd == pytest.approx(by_hand)
    assert abs(found.elpd - part.elpd) < 4 * found.subsampling_se < 4.0
    assert "estimated from 20 of them" in repr(found)
    assert found.estimates.columns.tolist() == ["Estimate", "SE", "Subsampling SE"]
    assert found.estimates.loc["looic", "Estimate"] == pytest.approx(-2 * found.elpd)


def test_the_estimator_is_unbiased_and_knows_its_error() -> None:
    rng = np.random.default_rng(2)
    exact = -rng.gamma(2.0, size=200)
    rough = exact + rng.normal(0.2, 0.3, size=200)
    found = []
    for _ in range(4000):
        rows = rng.choice(200, 40, replace=False)
        one = DifferenceEstimate.of(rough, exact[rows], rows)
        found.append((one.total, one.se**2, one.subsampling_se**2))
    total, variance, error = np.array(found).T
    assert total.mean() == pytest.approx(exact.sum(), abs=4 * total.std() / np.sqrt(4000))
    assert error.mean() == pytest.approx(total.var(), rel=0.06)
    assert variance.mean() == pytest.approx(200 * exact.var(ddof=1), rel=0.02)


def test_models_are_compared_on_the_same_rows(means: dict[str, hm.Fit]) -> None:
    slope, flat = means["y ~ x"], means["y ~ 1"]
    one = slope.loo(subsample=60, seed=3)
    other = flat.loo(observations=one.rows)
    table = hm.loo_compare({"flat": other, "slope": one})
    whole = hm.loo_compare({"flat": flat, "slope": slope})
    assert table.index[0] == whole.index[0] == "slope"
    row, full = table.loc["flat"], whole.loc["flat"]
    assert abs(row["elpd_diff"] - full["elpd_diff"]) < 4 * row["subsampling_se_diff"]
    assert 0 < row["subsampling_se_diff"] < row["se_diff"]
    assert row["se_diff"] == pytest.approx(full["se_diff"], rel=0.5)
    with pytest.raises(DataError, match="estimated from different rows"):
        hm.compare({"flat": flat.loo(subsample=60, seed=4), "slope": one})
    with pytest.raises(DataError, match="'flat' is loo and 'slope' is loo_subsample"):
        hm.compare({"flat": flat.loo(), "slope": one})


def test_group_level_effects_and_weights_are_kept() -> None:
    fit = fit_of("n ~ x + (1 | g)", "poisson")
    with pytest.warns(UserWarning):
        found = fit.loo(subsample=10, seed=1, save_psis=True)
    assert found.log_weights.sizes == {"chain": 2, "draw": 20, "obs": 10}
    frame, post = reaction_data(), fit.posterior.mean(("chain", "draw"))
    eta = np.asarray(post["r_g"].sel(g=frame["g"].to_list(), g_coef="Intercept"))
    eta = eta + float(post["b"][0]) + float(post["b"][1]) * frame["x"].to_numpy()
    np.testing.assert_allclose(found.surrogate, stats.poisson.logpmf(frame["n"], np.exp(eta)))


def test_what_is_refused(means: dict[str, hm.Fit]) -> None:
    fit = means["y ~ 1"]
    with pytest.raises(ArgumentError, match="from 2 to 300, the number of rows, not 301"):
        fit.loo(subsample=301)
    with pytest.raises(ArgumentError, match="not both"):
        fit.loo(subsample=3, observations=[1, 2])
    with pytest.raises(ArgumentError, match="at least two different rows"):
        fit.loo(observations=[1, 1])
    with pytest.raises(ArgumentError, match="between 0 and 299"):
        fit.loo(observations=[1, 300])
    with pytest.raises(ArgumentError, match="reloo=True is for all rows"):
        fit.loo(subsample=10, reloo=True)
    frame = reaction_data().assign(y=1e200)
    frame.loc[0, "y"] = 0.0
    with pytest.raises(HiermodelError, match="at the posterior mean"):
        fit_of("y ~ x", frame=frame).loo(subsample=5)
