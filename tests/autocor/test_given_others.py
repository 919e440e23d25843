"""Leave-one-out predictions of correlated rows: each row from the others, as its weight has it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import hiermodel as hm
from hiermodel.criticism.given_others import rows_without_themselves
from hiermodel.log_likelihood import given_the_others
from hiermodel.prepare import LIKELIHOOD_ROLES, prepare
from hiermodel.prior_work.components import log_likelihood
from hiermodel.terms.arma_covariance import ArmaCovariance
from hiermodel.terms.base import Scope
from hiermodel.terms.cosy import CompoundSymmetry

from .models import flat, joined, made, series
from .test_densities import CASES, density, groups_of, ingredients


def conditional(
    y: np.ndarray, mean: np.ndarray, scale: np.ndarray, nu: float, row: int, group: np.ndarray
) -> tuple[float, float, float]:
    """Location, scale and degrees of freedom of a row given the others of its group."""
    others = group[group != row]
    inverse = np.linalg.inv(scale[np.ix_(others, others)])
    e = y[others] - mean[others]
    location = mean[row] + scale[row, others] @ inverse @ e
    variance = scale[row, row] - scale[row, others] @ inverse @ scale[others, row]
    if np.isinf(nu):
        return location, np.sqrt(variance), np.inf
    df = nu + len(others)
    return location, np.sqrt(variance * (nu + e @ inverse @ e) / df), df


@pytest.mark.parametrize("name", list(CASES))
def test_a_row_is_expected_and_drawn_from_the_others(name: str) -> None:
    draw = 3
    fit, mean, scale, nu = ingredients(name, draw)
    y = np.asarray(fit.response, dtype=float)
    found = joined(rows_without_themselves(fit, "posterior_epred"))[draw]
    expected = [
        conditional(y, mean, scale, nu, row, group)
        for group in groups_of(fit, name) for row in group
    ]
    order = np.concatenate(groups_of(fit, name))
    location, spread, df = np.array(expected)[np.argsort(order)].T
    np.testing.assert_allclose(found, location, atol=1e-8)
    prediction = prepare(fit.model, fit.posterior, fit.frame, needs=LIKELIHOOD_ROLES)
    rng = np.random.default_rng(1)
    drawn = np.array([given_the_others(prediction, y, rng)[draw] for _ in range(120)])
    z = (drawn - location) / spread
    # Probability transforms of all rows are uniform, which tells the spread and the family.
    transforms = stats.norm.cdf(z) if np.isinf(nu) else stats.t.cdf(z, df)
    assert stats.kstest(transforms.ravel(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("n", [1, 2, 7])
def test_matrices_are_inverted_step_by_step(n: int) -> None:
    rng = np.random.default_rng(n)
    e, scope = rng.normal(size=(3, 2, n)), Scope()
    draws = {
        "ar": rng.uniform(-0.9, 0.9, (3, 1)), "ma": rng.uniform(-0.9, 0.9, (3, 1)),
        "cosy": rng.uniform(0.05, 0.95, 3),
    }
    every = [ArmaCovariance(scope, p, q, "", "") for p, q in ((1, 0), (0, 1), (1, 1))]
    for one in (*every, CompoundSymmetry(scope, "", "")):
        matrix = one.matrix(draws, n)
        gradient, diagonal = one.precision(e, draws)
        inverse = np.linalg.inv(matrix)
        np.testing.assert_allclose(gradient, e @ inverse, atol=1e-10)
        np.testing.assert_allclose(
            diagonal[:, 0], np.diagonal(inverse, axis1=1, axis2=2), rtol=1e-10
        )
        z, log_det = one.whitened(e, draws)
        np.testing.assert_allclose(log_det, np.linalg.slogdet(matrix)[1], atol=1e-10)
        factor = np.linalg.cholesky(matrix)
        solved = [linalg.solve_triangular(f, x.T, lower=True).T
                  for f, x in zip(factor, e, strict=True)]
        np.testing.assert_allclose(z, solved, atol=1e-10)
        np.testing.assert_allclose(one.correlated(z, draws), e, atol=1e-10)


@pytest.fixture(scope="module")
def strong() -> hm.Fit:
    """Series whose rows tell nearly all of each other."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"s": np.repeat(np.arange(20), 4), "t": np.tile(np.arange(4), 20)})
    level = np.repeat(rng.normal(0, 3, 20), 4)
    frame["y"] = level + rng.normal(0, 0.5, 80)
    return hm.fit("y ~ 1 + cosy(t, s)", frame, chains=2, draws=200, warmup=200, seed=1,
                  progress=False)


def test_intervals_are_as_narrow_as_the_other_rows_allow(strong: hm.Fit) -> None:
    interval = strong.loo_predictive_interval(0.8, seed=1)
    width = (interval.iloc[:, 1] - interval.iloc[:, 0]).to_numpy()
    c, sigma = flat(strong, "cosy"), flat(strong, "sigma")
    # The variance given three others.
    given = np.sqrt(sigma**2 * (1 - c) * (1 + 3 * c) / (1 + 2 * c)).mean()
    assert np.median(width) == pytest.approx(2 * stats.norm.ppf(0.9) * given, rel=0.1)
    y = strong.frame["y"].to_numpy()
    inside = (interval.iloc[:, 0] < y) & (y < interval.iloc[:, 1])
    assert 0.68 < inside.mean() < 0.92
    table = strong.pp_check_data("loo_intervals", seed=1).table
    wide = strong.pp_check_data("intervals", seed=1).table
    ratio = (table.outer_upper - table.outer_lower) / (wide.outer_upper - wide.outer_lower)
    assert ratio.max() < 0.5


def test_loo_transforms_are_uniform_and_r2_counts_the_others(strong: hm.Fit) -> None:
    table = strong.pp_check_data("loo_pit_ecdf", seed=1).table
    assert ((table.value >= table.lower) & (table.value <= table.upper)).mean() > 0.95
    # Predictions of the mean alone would explain nothing.
    assert float(strong.loo_r2(seed=1).loc["R2", "Estimate"]) > 0.9


def test_loo_epred_weighs_the_conditional_means(strong: hm.Fit) -> None:
    weights = np.exp(joined(strong.loo(save_psis=True).log_weights))
    means = joined(rows_without_themselves(strong, "posterior_epred"))
    np.testing.assert_allclose(strong.loo_epred(), (weights * means).sum(axis=0))


def test_without_autocorrelation_it_is_the_ordinary_prediction(strong: hm.Fit) -> None:
    plain = rows_without_themselves(strong, "posterior_predict", seed=2, incl_autocor=False)
    expected = strong.posterior_predict(seed=2, incl_autocor=False)
    np.testing.assert_array_equal(plain, expected)


@pytest.mark.parametrize("name", ["arma", "cosy", "unstr_se", "fcor_student", "lag"])
def test_power_scaling_takes_the_density_of_all_rows(name: str) -> None:
    fit, mean, scale, nu = ingredients(name, 2)
    y = np.asarray(fit.response, dtype=float)
    expected = sum(
        density(y[g], mean[g], scale[np.ix_(g, g)], nu) for g in groups_of(fit, name)
    )
    assert log_likelihood(fit)[2] == pytest.approx(expected, rel=1e-9)


def test_power_scaling_of_several_responses_adds_them() -> None:
    both = hm.bf("y ~ x + cosy(t, s)") + hm.bf("y2 ~ x") + hm.set_rescor(False)
    fit = made(both, data=series())
    alone = log_likelihood(fit.only("y")) + joined(fit.log_lik(resp="y2")).sum(axis=1)
    np.testing.assert_allclose(log_likelihood(fit), alone)
