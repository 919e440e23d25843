"""Checks that predict each row without it, against sums over the draws and exact refits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.criticism import loo_of, pp_check, pp_check_data
from hiermodel.criticism.ppc import loo
from hiermodel.criticism.ppc.overlays import density
from hiermodel.criticism.ppc.replications import Replications
from hiermodel.importance import is_modern, legacy

from .posteriors import fit_of, reaction_data


def by_hand() -> Replications:
    """Three draws of two rows; weights 1/2, 1/4, 1/4 and 1/5, 1/5, 3/5."""
    yrep = np.array([[1.0, 2.0], [2.0, 2.0], [3.0, 7.0]])
    given = np.array([[0.5, 0.2], [0.25, 0.2], [0.25, 0.6]])
    return Replications(
        np.array([2.5, 2.0]), yrep, np.arange(2.0), rng=np.random.default_rng(3),
        log_weights=np.log(given),
    )  # fmt: skip


def test_transforms_by_hand() -> None:
    part = np.random.default_rng(3).random(2)
    assert loo.transforms(by_hand()) == pytest.approx([0.75, part[1] * 0.4])


def test_uniform_quantiles_by_hand() -> None:
    table = loo.loo_pit_qq(by_hand())
    assert table["x"].tolist() == [0.25, 0.75]
    assert table["value"].iloc[1] == pytest.approx(0.75)


def test_a_density_with_ends_holds_all_of_its_mass() -> None:
    grid = np.linspace(0, 1, 401)
    values = np.random.default_rng(1).random(4000)
    folded, plain = density(values, grid, bounded=True), density(values, grid)
    assert np.trapezoid(folded, grid) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(plain, grid) < 0.97
    assert folded[0] == pytest.approx(2 * plain[0], rel=0.02)
    assert 0.85 < folded.min() and folded.max() < 1.15


def test_the_density_is_that_of_the_mirrored_sample() -> None:
    grid = np.linspace(0, 1, 256)
    values = np.random.default_rng(2).beta(0.7, 2.0, 300)
    quartiles = np.quantile(values, (0.25, 0.75))
    spread = min(values.std(ddof=1), np.subtract(*quartiles[::-1]) / 1.34)
    width = 0.9 * spread * 300**-0.2
    mirrored = np.concatenate([values, -values, 2 - values])
    exact = stats.norm.pdf((grid[:, None] - mirrored) / width).sum(axis=1) / width / 300
    np.testing.assert_allclose(density(values, grid, bounded=True), exact, atol=0.02)


@pytest.fixture(scope="module")
def known() -> tuple[hm.Fit, np.ndarray]:
    """Normal data with known sd and a flat prior of the mean: every leave-one-out law is known."""
    frame = reaction_data()[["y"]].assign(one=1.5)
    rng, n = np.random.default_rng(8), len(frame)
    mean = frame["y"].mean() + 1.5 / np.sqrt(n) * rng.normal(size=(2, 4000))
    fit = fit_of("y | se(one) ~ 1", frame=frame, Intercept=mean)
    y = frame["y"].to_numpy()
    without = (y.sum() - y) / (n - 1)
    pit = stats.norm.cdf(y, without, 1.5 * np.sqrt(1 + 1 / (n - 1)))
    return fit, pit


def test_transforms_are_those_of_refits(known) -> None:
    fit, exact = known
    found = pp_check_data(fit, "loo_pit_qq", seed=1).table["value"]
    np.testing.assert_allclose(found, np.sort(exact), atol=0.025)


def test_intervals_are_those_of_refits(known) -> None:
    fit, _ = known
    table = pp_check_data(fit, "loo_intervals", seed=1).table
    y, n = fit.response, len(fit.response)
    without, sd = (y.sum() - y) / (n - 1), 1.5 * np.sqrt(1 + 1 / (n - 1))
    for column, prob in (("outer_lower", 0.05), ("median", 0.5), ("upper", 0.75)):
        exact = stats.norm.ppf(prob, without, sd)
        np.testing.assert_allclose(table[column], exact, atol=0.2)
    plain = pp_check_data(fit, "intervals", seed=1).table["median"]
    # The row draws its own prediction towards itself, so without it the median moves away.
    assert np.all(np.sign(plain - table["median"])[abs(y - y.mean()) > 3] ==
                  np.sign(y - y.mean())[abs(y - y.mean()) > 3])


@pytest.mark.filterwarnings("ignore:.*Pareto k")
def test_weights_and_replications_are_of_the_same_draws(known) -> None:
    fit, _ = known
    table = pp_check_data(fit, "loo_intervals", ndraws=100, seed=2).table
    given = loo_of(fit.log_lik(ndraws=100), save_psis=True, tell=False).log_weights
    draws = fit.posterior_predict(ndraws=100, seed=2).values.reshape(100, -1)
    weights = np.exp(given.values.reshape(100, -1))
    for row in (0, 17):
        order = np.argsort(draws[:, row])
        below = np.cumsum(weights[order, row])
        expected = np.interp(0.5, below / below[-1], draws[order, row])
        assert table["median"].iloc[row] == pytest.approx(expected)


def test_ecdf_and_overlay_show_the_same_transforms(known) -> None:
    fit, _ = known
    pit = pp_check_data(fit, "loo_pit_qq", seed=1).table["value"].to_numpy()
    ecdf = pp_check_data(fit, "loo_pit_ecdf", seed=1).table
    expected = [np.mean(pit <= x) - x for x in ecdf["x"]]
    np.testing.assert_allclose(ecdf["value"], expected)
    curves = pp_check_data(fit, "loo_pit_overlay", seed=1).table
    assert curves["draw"].nunique() == 101
    data = curves[curves["draw"] == 0]
    np.testing.assert_allclose(data["value"], density(pit, data["x"].to_numpy(), bounded=True))


def test_discrete_transforms_of_the_right_model_are_uniform() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"n": rng.poisson(2.0, 400)})
    mean = rng.gamma(frame["n"].sum(), 1 / 400, (2, 500))
    fit = fit_of("n ~ 1", "poisson", frame=frame, Intercept=np.log(mean))
    pit = pp_check_data(fit, "loo_pit_qq", seed=1).table["value"]
    assert stats.kstest(pit, "uniform").pvalue > 0.01


def test_rows_with_poor_weights_are_told() -> None:
    with pytest.warns(hm.HiermodelWarning, match="Pareto k above .* what loo_intervals shows"):
        pp_check_data(fit_of("y ~ x + (1 | g)"), "loo_intervals", seed=1)


def test_new_rows_have_no_leave_one_out(known) -> None:
    fit, _ = known
    with pytest.raises(hm.DataError, match="newdata were not fitted; take type='intervals'"):
        pp_check(fit, "loo_intervals", newdata=fit.frame)
    with pytest.raises(hm.DataError, match="take type='pit_ecdf'"):
        pp_check(fit, "loo_pit_overlay", newdata=fit.frame)


@pytest.mark.filterwarnings("ignore::hiermodel.SamplingWarning")
def test_draws_of_the_prior_cannot_leave_out_rows() -> None:
    data = hm.datasets.load("mtcars")
    prior = hm.model("mpg ~ wt", data, priors="weak").prior_predictive(
        data, chains=1, draws=50, warmup=100, seed=1, progress=False
    )
    with pytest.raises(hm.HiermodelError, match=r"loo_pit_ecdf.*from the prior"):
        prior.pp_check("loo_pit_ecdf")


@pytest.mark.filterwarnings("ignore:.*Pareto k")
def test_missing_and_censored_rows_need_no_weights() -> None:
    frame = reaction_data().assign(status=0)
    frame.loc[3, "y"] = np.nan
    fit = fit_of("y | mi() ~ x", frame=frame)
    with pytest.warns(hm.HiermodelWarning, match="1 missing responses of 40"):
        table = pp_check_data(fit, "loo_intervals", seed=1).table
    assert 4 not in table["x"].tolist() and len(table) == 39
    given = loo_of(fit.log_lik().dropna("obs"), save_psis=True, tell=False).log_weights
    draws = fit.posterior_predict(seed=1).values.reshape(40, 40)[:, 4]
    weights, order = np.exp(given.values.reshape(40, -1)[:, 3]), np.argsort(draws)
    expected = np.interp(0.5, np.cumsum(weights[order]), draws[order])
    assert table.set_index("x")["median"].loc[5] == pytest.approx(expected)


@pytest.mark.skipif(is_modern(), reason="loo_pit() of ArviZ 1 takes other things")
def test_transforms_are_those_of_arviz(known) -> None:
    fit, _ = known
    given = fit.loo(save_psis=True).log_weights.values.reshape(-1, fit.nobs)
    draws = fit.posterior_predict(seed=1).values.reshape(-1, fit.nobs)
    expected = legacy().loo_pit(y=fit.response, y_hat=draws.T, log_weights=given.T)
    found = pp_check_data(fit, "loo_pit_qq", seed=1).table["value"]
    np.testing.assert_allclose(found, np.sort(expected), atol=1e-12)
