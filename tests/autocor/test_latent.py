"""Latent residuals of families that have none of their own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import hiermodel as hm

from .models import flat, joined, made, series
from .test_densities import process, steps, within
from .test_regression import many

FORMULA = "count ~ x + arma(t, s, cov = TRUE)"


def test_residuals_are_sderr_times_a_root_of_the_covariance() -> None:
    data = series()
    fit = made(FORMULA, "poisson")
    draw = 5
    z = fit.datasets["declared"]["zerr"].values.reshape(-1, len(data))[draw]
    order = np.lexsort((data["t"], data["s"]))
    cov = within(
        fit, process(flat(fit, "ar")[draw, 0], flat(fit, "ma")[draw, 0], 6), steps(fit)
    )
    root = np.linalg.cholesky(cov[np.ix_(order, order)])
    expected = np.empty(len(data))
    expected[order] = flat(fit, "sderr")[draw] * root @ z
    np.testing.assert_allclose(flat(fit, "err")[draw], expected)


def test_they_are_in_the_linear_predictor() -> None:
    fit = made(FORMULA, "poisson")
    plain = joined(fit.posterior_linpred(incl_autocor=False))
    eta = joined(fit.posterior_linpred())
    np.testing.assert_allclose(eta - plain, flat(fit, "err"))
    np.testing.assert_allclose(joined(fit.posterior_epred()), np.exp(eta))
    np.testing.assert_allclose(
        joined(fit.log_lik()), stats.poisson.logpmf(fit.response, np.exp(eta))
    )


@pytest.mark.parametrize("formula, family", [
    (FORMULA, "poisson"), ("count ~ cosy(t, s)", "negbinomial"), ("count ~ unstr(t, s)", "poisson"),
])
def test_new_rows_get_residuals_of_the_same_covariance(formula: str, family: str) -> None:
    data = series(3, 4)
    fit = many(made(formula, family, data), data, 20_000)
    new = data[data["s"] == "s0"].sort_values("t").assign(x=0.0)
    plain = joined(fit.posterior_linpred(new, incl_autocor=False))
    residuals = joined(fit.posterior_linpred(new, seed=1)) - plain
    sd = flat(fit, "sderr")[0]
    if "cosy" in fit.posterior:
        cosy = flat(fit, "cosy")[0]
        cov = np.full((4, 4), cosy) + (1 - cosy) * np.eye(4)
    elif "cortime" in fit.posterior:
        cov = flat(fit, "cortime")[0]
    else:
        cov = process(flat(fit, "ar")[0, 0], flat(fit, "ma")[0, 0], 4)
    scale = np.sqrt(np.diag(cov)) * sd
    assert np.abs(residuals.mean(axis=0) / scale).max() < 0.04
    found = np.cov(residuals.T)
    assert np.abs((found - sd**2 * cov) / np.outer(scale, scale)).max() < 0.05
    again = joined(fit.posterior_linpred(new, seed=1)) - plain
    np.testing.assert_array_equal(again, residuals)


def test_the_fitted_rows_keep_their_residuals() -> None:
    fit = made(FORMULA, "poisson")
    data = series()
    np.testing.assert_array_equal(
        joined(fit.posterior_linpred(data)), joined(fit.posterior_linpred())
    )
    other = data.assign(x=data["x"] + 1)
    assert np.abs(joined(fit.posterior_linpred(other, seed=2)) - joined(
        fit.posterior_linpred()) - flat(fit, "b")[:, 1:]).max() > 0.01


@pytest.mark.parametrize("family, formula", [
    ("bernoulli", "yes ~ x + ar(t, s, cov = TRUE)"),
    ("cumulative", "score ~ x + cosy(t, s)"),
    ("gamma", "size ~ x + (1 | s) + ma(t, s, cov = TRUE)"),
])
def test_other_families(family: str, formula: str) -> None:
    rng = np.random.default_rng(3)
    data = series()
    n = len(data)
    data = data.assign(yes=rng.integers(0, 2, n), score=1 + np.arange(n) % 3,
                       size=rng.gamma(2.0, size=n))
    fit = made(formula, family, data)
    assert np.isfinite(joined(fit.log_lik())).all()
    function = "cosy_residuals" if "cosy" in formula else "arma_residuals"
    assert hm.model(formula, data, family).stan_code.count(f"{function}(") == 2
