"""Densities and distribution functions against SciPy, quadrature and sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from hiermodel.families import category_distributions as cat
from hiermodel.families import compositional_distributions as comp
from hiermodel.families import continuous_distributions as cont
from hiermodel.families import discrete_distributions as disc
from hiermodel.families.base import Distribution
from hiermodel.families.numerics import (
    log_betainc,
    log_diff_exp,
    log_gammainc,
    log_gammaincc,
    log_rising,
)
from hiermodel.families.truncation import log_mass

Scipy = Callable[..., Any]

CASES: dict[str, tuple[Distribution, Scipy, tuple[float, ...]]] = {
    "normal": (cont.NORMAL, lambda m, s: stats.norm(m, s), (0.7, 1.9)),
    "student_t": (cont.STUDENT_T, lambda n, m, s: stats.t(n, m, s), (3.5, 0.7, 1.9)),
    "lognormal": (cont.LOGNORMAL, lambda m, s: stats.lognorm(s, scale=np.exp(m)), (0.4, 0.8)),
    "skew_normal": (cont.SKEW_NORMAL, lambda x, o, a: stats.skewnorm(a, x, o), (0.3, 1.4, -2.5)),
    "gamma": (cont.GAMMA, lambda a, r: stats.gamma(a, scale=1 / r), (2.3, 0.7)),
    "weibull": (cont.WEIBULL, lambda a, s: stats.weibull_min(a, scale=s), (1.7, 2.2)),
    "exponential": (cont.EXPONENTIAL, lambda r: stats.expon(scale=1 / r), (0.6,)),
    "beta": (cont.BETA, stats.beta, (2.2, 1.4)),
    "bernoulli": (disc.BERNOULLI, stats.bernoulli, (0.3,)),
    "binomial": (disc.BINOMIAL, stats.binom, (12, 0.35)),
    "beta_binomial": (disc.BETA_BINOMIAL, stats.betabinom, (12, 1.3, 2.4)),
    "poisson": (disc.POISSON, stats.poisson, (4.2,)),
    "neg_binomial_2": (
        disc.NEG_BINOMIAL_2, lambda mu, k: stats.nbinom(k, k / (k + mu)), (4.2, 1.7),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_scipy(name: str) -> None:
    dist, make, args = CASES[name]
    reference = make(*args)
    y = np.unique(reference.ppf(np.linspace(0.01, 0.99, 25)))
    log_prob = reference.logpmf(y) if dist.discrete else reference.logpdf(y)
    np.testing.assert_allclose(dist.log_prob(y, *args), log_prob, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(np.exp(dist.log_cdf(y, *args)), reference.cdf(y), rtol=1e-9)
    np.testing.assert_allclose(
        np.exp(dist.log_ccdf(y, *args)), reference.sf(y), rtol=1e-9, atol=1e-15
    )


@pytest.mark.parametrize("name", CASES)
def test_total_mass_is_one(name: str) -> None:
    dist, make, args = CASES[name]
    reference = make(*args)
    if dist.discrete:
        y = np.arange(0, 400)
        assert np.exp(dist.log_prob(y, *args)).sum() == pytest.approx(1, abs=1e-10)
    else:
        low, high = reference.ppf([1e-9, 1 - 1e-9])
        points = reference.ppf([0.05, 0.5, 0.95])
        mass = integrate.quad(
            lambda y: float(np.exp(dist.log_prob(y, *args))), low, high, points=points, limit=200
        )
        assert mass[0] == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_outside_the_support(name: str) -> None:
    dist, _, args = CASES[name]
    if name not in ("normal", "student_t", "skew_normal"):
        assert dist.log_prob(np.array(-1.0), *args) == -np.inf
        assert dist.log_cdf(np.array(-1.0), *args) == -np.inf
        assert dist.log_ccdf(np.array(-1.0), *args) == 0
    if dist.discrete:
        assert dist.log_prob(np.array(0.5), *args) == -np.inf
    assert dist.log_cdf(np.array(-np.inf), *args) == -np.inf
    assert dist.log_ccdf(np.array(np.inf), *args) == -np.inf
    assert dist.log_cdf(np.array(np.inf), *args) == 0
    assert dist.log_ccdf(np.array(-np.inf), *args) == 0


@pytest.mark.parametrize("name", CASES)
def test_nan_parameters_give_nan(name: str) -> None:
    dist, _, args = CASES[name]
    broken = (np.array(np.nan), *args[1:])
    for function in (dist.log_prob, dist.log_cdf, dist.log_ccdf):
        if name == "binomial" or name == "beta_binomial":
            continue  # their first argument is data
        assert np.isnan(function(np.array(1.0 if dist.discrete else 0.5), *broken)) or (
            name == "bernoulli" and function is not dist.log_prob
        )


@pytest.mark.parametrize("name", CASES)
def test_random_draws_follow_the_distribution(name: str) -> None:
    dist, make, args = CASES[name]
    draws = dist.random(np.random.default_rng(4), *(np.full(20_000, a) for a in args))
    assert draws.shape == (20_000,)
    reference = make(*args)
    if dist.discrete:
        values = np.arange(0, 8)
        share = np.array([(draws == v).mean() for v in values])
        np.testing.assert_allclose(share, reference.pmf(values), atol=0.015)
        assert draws.mean() == pytest.approx(reference.mean(), abs=0.12)
    else:
        assert stats.kstest(draws, reference.cdf).pvalue > 1e-3


@pytest.mark.parametrize("name", CASES)
def test_broadcasts_over_draws_and_rows(name: str) -> None:
    dist, _, args = CASES[name]
    arrays = [np.full((3, 1), a) for a in args]
    arrays[0] = np.full((3, 4), args[0])
    y = np.array([0.1, 0.5, 0.7, 0.9]) if not dist.discrete else np.array([0, 1, 1, 0])
    assert dist.log_prob(y, *arrays).shape == (3, 4)
    assert dist.random(np.random.default_rng(0), *arrays).shape == (3, 4)


# ---- tails: references by asymptotic or exact log formulas, not by the code under test


def test_gamma_tails_beyond_underflow() -> None:
    a, x = np.array([2.0]), np.array([900.0])
    # Q(2, x) = (1 + x) exp(-x); P(a, x) -> x^a / Gamma(a + 1)
    np.testing.assert_allclose(log_gammaincc(a, x), np.log1p(x) - x, rtol=1e-13)
    np.testing.assert_allclose(
        log_gammainc(np.array([60.0]), np.array([1e-6])),
        60 * np.log(1e-6) - 188.628173423671591 + np.log1p(-60 / 61 * 1e-6),
        rtol=1e-12,
    )


def test_beta_tails_beyond_underflow() -> None:
    # I_x(a, 1) = x^a and I_x(1, b) = 1 - (1 - x)^b
    np.testing.assert_allclose(
        log_betainc(np.array([500.0]), np.array([1.0]), np.array([0.1])),
        500 * np.log(0.1),
        rtol=1e-13,
    )
    np.testing.assert_allclose(
        log_betainc(np.array([1.0]), np.array([3.0]), np.array([1e-200])),
        np.log(3e-200),
        rtol=1e-13,
    )


def test_poisson_and_binomial_tails() -> None:
    # the first term rules far out
    y, mu = np.array([400.0]), np.array([0.1])
    first = disc.POISSON.log_prob(y + 1, mu)
    assert disc.POISSON.log_ccdf(y, mu)[0] == pytest.approx(first[0] + 0.1 / 402, abs=1e-6)
    top = disc.BINOMIAL.log_ccdf(np.array([999.0]), np.array([1000.0]), np.array([1e-3]))
    assert top[0] == pytest.approx(1000 * np.log(1e-3), rel=1e-13)


@pytest.mark.parametrize(("z", "alpha"), [(-4.0, 3.0), (-9.0, 1.0), (-2.5, 8.0), (-30.0, 0.5)])
def test_skew_normal_tail_by_quadrature(z: float, alpha: float) -> None:
    peak = float(cont.SKEW_NORMAL.log_prob(z, 0.0, 1.0, alpha))
    rest, _ = integrate.quad(
        lambda t: np.exp(float(cont.SKEW_NORMAL.log_prob(z - t, 0.0, 1.0, alpha)) - peak),
        0, 3, epsabs=0, epsrel=1e-12, limit=200, points=[0.01, 0.05, 0.2],
    )  # fmt: skip
    expected = peak + np.log(rest)
    assert cont.SKEW_NORMAL.log_cdf(z, 0.0, 1.0, alpha) == pytest.approx(expected, rel=1e-10)
    assert cont.SKEW_NORMAL.log_ccdf(-z, 0.0, 1.0, -alpha) == pytest.approx(expected, rel=1e-10)


def test_negative_binomial_nears_poisson_at_huge_shape() -> None:
    y = np.arange(0, 20)
    np.testing.assert_allclose(
        disc.NEG_BINOMIAL_2.log_prob(y, 5.0, 1e14), disc.POISSON.log_prob(y, 5.0), rtol=1e-10
    )


def test_log_mass_includes_the_lower_bound_of_counts() -> None:
    mass = log_mass(disc.POISSON, np.array(2.0), np.array(4.0), np.array(3.0))
    assert np.exp(mass) == pytest.approx(stats.poisson(3).pmf([2, 3, 4]).sum())


def test_log_mass_of_a_far_interval() -> None:
    mass = log_mass(cont.NORMAL, np.array(20.0), np.array(21.0), np.array(0.0), np.array(1.0))
    assert mass == pytest.approx(stats.norm.logsf(20), rel=1e-8)


def test_log_diff_exp_of_nothing() -> None:
    assert log_diff_exp(np.array(-np.inf), np.array(-np.inf)) == -np.inf
    assert log_diff_exp(np.array(0.0), np.array(-np.inf)) == 0


@pytest.mark.parametrize("a", [1e-8, 0.3, 9.99, 10.0, 123.4, 1e7, 1e15])
def test_log_rising_is_the_log_of_a_product(a: float) -> None:
    n = np.array([0, 1, 2, 17, 300])
    expected = [np.log(a + np.arange(k)).sum() for k in n]
    np.testing.assert_allclose(log_rising(np.array(a), n), expected, rtol=1e-13, atol=1e-12)


def test_several_columns_against_scipy() -> None:
    eta, alpha = np.array([0.3, -1.0, 0.8]), np.array([0.7, 2.5, 1.2])
    p, counts, shares = np.exp(eta) / np.exp(eta).sum(), [2, 0, 5], [0.2, 0.7, 0.1]
    assert comp.MULTINOMIAL.log_prob(counts, eta) == pytest.approx(
        stats.multinomial(7, p).logpmf(counts)
    )
    assert comp.DIRICHLET_MULTINOMIAL.log_prob(counts, alpha) == pytest.approx(
        stats.dirichlet_multinomial(alpha, 7).logpmf(counts)
    )
    assert comp.DIRICHLET.log_prob(shares, alpha) == pytest.approx(
        stats.dirichlet(alpha).logpdf(shares)
    )
    assert comp.MULTINOMIAL.log_prob([2, -1, 5], eta) == -np.inf
    assert comp.DIRICHLET.log_prob([0.2, 0.7, 0.2], alpha) == -np.inf


def test_shares_of_tiny_dirichlet_parameters() -> None:
    """Gamma variables would all be zero; one category has nearly everything."""
    alpha = np.tile([1e-5, 3e-5], (4000, 1, 1))
    drawn = comp.DIRICHLET.random(np.random.default_rng(1), alpha)
    assert np.isfinite(drawn).all() and drawn[..., 1].mean() == pytest.approx(0.75, abs=0.03)


# ---- categories

MODELS = {
    "cumulative": cat.cumulative_log_probs,
    "sratio": cat.sratio_log_probs,
    "cratio": cat.cratio_log_probs,
    "acat": cat.acat_log_probs,
}


def brute_force(name: str, f: np.ndarray) -> np.ndarray:
    """Probabilities from the definitions, for one row."""
    t = len(f)
    if name == "cumulative":
        return np.diff(np.concatenate([[0], f, [1]]))
    if name == "acat":
        p = np.array([np.prod(f[:k]) * np.prod(1 - f[k:]) for k in range(t + 1)])
        return p / p.sum()
    stop = f if name == "sratio" else 1 - f
    p = np.array([stop[k] * np.prod(1 - stop[:k]) for k in range(t)])
    return np.append(p, np.prod(1 - stop))


@pytest.mark.parametrize("name", MODELS)
def test_category_probabilities(name: str) -> None:
    f = np.array([0.2, 0.45, 0.8])
    p = np.exp(MODELS[name](np.log(f), np.log1p(-f)))
    np.testing.assert_allclose(p, brute_force(name, f), rtol=1e-13)


@pytest.mark.parametrize("name", MODELS)
def test_rows_with_fewer_thresholds(name: str) -> None:
    f = np.array([[0.2, 0.45, 0.8], [0.3, 0.6, np.nan]])
    p = np.exp(MODELS[name](np.log(f), np.log1p(-f)))
    np.testing.assert_allclose(p[1], [*brute_force(name, f[1, :2]), 0.0], atol=1e-15)
    np.testing.assert_allclose(p.sum(axis=-1), 1)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_of_nan_stays_nan(name: str) -> None:
    assert np.isnan(MODELS[name](np.full((1, 3), np.nan), np.full((1, 3), np.nan))).all()


def test_category_that_does_not_exist_has_no_probability() -> None:
    f = np.log(np.array([[0.5, 0.7]]))
    assert cat.SRATIO.log_prob(np.array([4]), f, np.log1p(-np.exp(f)))[0] == -np.inf
