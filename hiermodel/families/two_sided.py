"""Families of real responses with exponential tails: Laplace, asymmetric Laplace, logistic.

The asymmetric Laplace distribution is that of Yu & Zhang (2005, Communications in Statistics 34,
1867-1879): ``mu`` is the quantile of the probability ``quantile``.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution, Family
from hiermodel.families.numerics import Array, size_of
from hiermodel.families.point_mass import with_mass_at_zero
from hiermodel.families.shared import CENSORED, IMPUTED, QUANTILE, REAL_LINKS, SIGMA, ZI, real_mu
from hiermodel.families.truncation import log_mass, mass_ratio

# ---- two exponential tails that meet at mu


def _two_sided_truncated_mean(
    dist: Distribution, lb: Array, ub: Array, mu: Array, left: Array, right: Array,
    args: tuple[Array, ...],
) -> Array:
    """Mean of a density that falls off from mu at the rates `left` and `right`."""
    middle_low, middle_high = np.minimum(ub, mu), np.maximum(lb, mu)
    low, high = np.minimum(lb, middle_low), np.maximum(ub, middle_high)
    log_z = log_mass(dist, lb, ub, *args)
    share = [
        mass_ratio(log_mass(dist, low, middle_low, *args), log_z),
        mass_ratio(log_mass(dist, middle_high, high, *args), log_z),
    ]
    mean = [
        middle_low - _exponential_mean(left, middle_low - low),
        middle_high + _exponential_mean(right, high - middle_high),
    ]
    parts = [np.where(s > 0, s * m, 0.0) for s, m in zip(share, mean, strict=True)]
    return np.asarray(parts[0] + parts[1])


def _exponential_mean(rate: Array, length: Array) -> Array:
    """Mean of an exponential variable that is at most `length`."""
    rate, length = np.broadcast_arrays(np.asarray(rate, float), np.asarray(length, float))
    x = rate * length
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = 1 / rate - np.where(np.isinf(x), 0.0, length / np.expm1(x))
        return np.where(x < 1e-5, length * (0.5 - x / 12), whole)


def _asym_rates(sigma: Array, quantile: Array) -> tuple[Array, Array]:
    return (1 - quantile) / sigma, quantile / sigma


def _asym_laplace_log_prob(y: Array, mu: Array, sigma: Array, quantile: Array) -> Array:
    z = (y - mu) / sigma
    loss = np.where(z < 0, (quantile - 1) * z, quantile * z)
    return np.log(quantile) + np.log1p(-quantile) - np.log(sigma) - loss


def _asym_laplace_log_cdf(y: Array, mu: Array, sigma: Array, quantile: Array) -> Array:
    z = (y - mu) / sigma
    below = np.log(quantile) + (1 - quantile) * np.minimum(z, 0.0)
    above = np.log1p(-(1 - quantile) * np.exp(-quantile * np.maximum(z, 0.0)))
    return np.where(z < 0, below, above)


def _asym_laplace_log_ccdf(y: Array, mu: Array, sigma: Array, quantile: Array) -> Array:
    # The mirror image has the complementary quantile.
    return _asym_laplace_log_cdf(-np.asarray(y), -np.asarray(mu), sigma, 1 - quantile)


def _asym_laplace_random(rng: Generator, mu: Array, sigma: Array, quantile: Array) -> Array:
    size = size_of(mu, sigma, quantile)
    up, down = rng.standard_exponential(size), rng.standard_exponential(size)
    return mu + sigma * (up / quantile - down / (1 - quantile))


ASYM_LAPLACE: Distribution = Distribution(
    "asym_laplace",
    discrete=False,
    log_prob=_asym_laplace_log_prob,
    random=_asym_laplace_random,
    log_cdf=_asym_laplace_log_cdf,
    log_ccdf=_asym_laplace_log_ccdf,
    vectorized=False,
    functions=("asym_laplace.stan",),
    truncated_mean=lambda lb, ub, mu, sigma, quantile: _two_sided_truncated_mean(
        ASYM_LAPLACE, lb, ub, mu, *_asym_rates(sigma, quantile), (mu, sigma, quantile)
    ),
)

ZERO_INFLATED_ASYM_LAPLACE = with_mass_at_zero(
    ASYM_LAPLACE, "zero_inflated_asym_laplace", ("mu", "sigma", "quantile"), positive=False
)


def _laplace_log_cdf(y: Array, mu: Array, sigma: Array) -> Array:
    z = (y - mu) / sigma
    above = np.log1p(-0.5 * np.exp(-np.maximum(z, 0.0)))
    return np.where(z < 0, z - np.log(2), above)


DOUBLE_EXPONENTIAL: Distribution = Distribution(
    "double_exponential",
    discrete=False,
    log_prob=lambda y, mu, sigma: -np.log(2 * sigma) - np.abs(y - mu) / sigma,
    random=lambda rng, mu, sigma: rng.laplace(mu, sigma),
    log_cdf=_laplace_log_cdf,
    log_ccdf=lambda y, mu, sigma: _laplace_log_cdf(2 * mu - y, mu, sigma),
    truncated_mean=lambda lb, ub, mu, sigma: _two_sided_truncated_mean(
        DOUBLE_EXPONENTIAL, lb, ub, mu, 1 / sigma, 1 / sigma, (mu, sigma)
    ),
)


# ---- logistic


def _logistic_log_prob(y: Array, mu: Array, sigma: Array) -> Array:
    z = (y - mu) / sigma
    return special.log_expit(z) + special.log_expit(-z) - np.log(sigma)


def _logistic_truncated_mean(lb: Array, ub: Array, mu: Array, sigma: Array) -> Array:
    """Entropy of the logistic cdf at z is the integral of ``-t f(t)`` up to z."""
    log_z = log_mass(LOGISTIC, lb, ub, mu, sigma)
    edges = []
    for bound in (lb, ub):
        log_f = special.log_expit((bound - mu) / sigma)
        log_1f = special.log_expit((mu - bound) / sigma)
        with np.errstate(invalid="ignore"):
            parts = [np.exp(x - log_z) * x for x in (log_f, log_1f)]
        edges.append(sum(np.where(np.isfinite(p), p, 0.0) for p in parts))
    return mu + sigma * (edges[1] - edges[0])


LOGISTIC = Distribution(
    "logistic",
    discrete=False,
    log_prob=_logistic_log_prob,
    random=lambda rng, mu, sigma: rng.logistic(mu, sigma),
    log_cdf=lambda y, mu, sigma: special.log_expit((y - mu) / sigma),
    log_ccdf=lambda y, mu, sigma: special.log_expit((mu - y) / sigma),
    truncated_mean=_logistic_truncated_mean,
)


# ---- families

ASYM_LAPLACE_FAMILY = Family(
    name="asym_laplace",
    params=(real_mu(REAL_LINKS), SIGMA, QUANTILE),
    response="real",
    distribution=ASYM_LAPLACE,
    arguments=lambda p, m: (p.mu, p.sigma, p.quantile),
    mean=lambda p, m: p.mu + p.sigma * (1 - 2 * p.quantile) / (p.quantile * (1 - p.quantile)),
    additions=IMPUTED,
)

ZERO_INFLATED_ASYM_LAPLACE_FAMILY = Family(
    name="zero_inflated_asym_laplace",
    params=(real_mu(REAL_LINKS), SIGMA, QUANTILE, ZI),
    response="real",
    distribution=ZERO_INFLATED_ASYM_LAPLACE,
    arguments=lambda p, m: (p.mu, p.sigma, p.quantile, p.zi),
    mean=lambda p, m: (1 - p.zi) * ASYM_LAPLACE_FAMILY.mean(p, m),
    additions=CENSORED,
)

LAPLACE = Family(
    name="laplace",
    params=(real_mu(REAL_LINKS), SIGMA),
    response="real",
    distribution=DOUBLE_EXPONENTIAL,
    arguments=lambda p, m: (p.mu, p.sigma),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

LOGISTIC_FAMILY = Family(
    name="logistic",
    params=(real_mu(REAL_LINKS), SIGMA),
    response="real",
    distribution=LOGISTIC,
    arguments=lambda p, m: (p.mu, p.sigma),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

FAMILIES = (ASYM_LAPLACE_FAMILY, ZERO_INFLATED_ASYM_LAPLACE_FAMILY, LAPLACE, LOGISTIC_FAMILY)
