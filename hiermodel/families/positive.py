"""Families of positive responses with a distribution of their own, and those with zeros."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution, Family
from hiermodel.families.continuous_distributions import GAMMA, LOGNORMAL
from hiermodel.families.numerics import Array, log_diff_exp, outside, size_of
from hiermodel.families.point_mass import with_mass_at_zero
from hiermodel.families.shared import (
    CENSORED,
    HU,
    IMPUTED,
    POSITIVE_LINKS,
    SHAPE,
    SIGMA,
    positive_mu,
    real_mu,
)
from hiermodel.families.truncation import log_mass, mass_ratio

# ---- inverse Gaussian


def _inv_gaussian_log_prob(y: Array, mu: Array, shape: Array) -> Array:
    inside = np.asarray(y) > 0
    y = np.where(inside, y, 1.0)
    log_prob = (
        0.5 * np.log(shape / (2 * np.pi))
        - 1.5 * np.log(y)
        - 0.5 * shape * np.square((y - mu) / mu) / y
    )
    return outside(y, inside, log_prob)


def _inv_gaussian_terms(y: Array, mu: Array, shape: Array) -> tuple[Array, Array, Array]:
    """Log of the terms of the cdf, the first also from above (Giner & Smyth 2016).

    ``F = Phi(r (y / mu - 1)) + exp(2 shape / mu) Phi(-r (y / mu + 1))``, r = sqrt(shape / y).
    The second term is at most the first one; written with erfcx its exponent does not cancel.
    """
    y = np.maximum(np.asarray(y, float), 1e-300)
    mu, shape = np.asarray(mu, float), np.asarray(shape, float)
    r = np.sqrt(shape) / np.sqrt(y)
    with np.errstate(invalid="ignore", over="ignore"):
        z1 = np.sqrt(shape) * (np.sqrt(y) / mu) - r
        z2 = np.sqrt(shape) * (np.sqrt(y) / mu) + r
        second = -0.5 * z1 * z1 + np.log(0.5 * special.erfcx(z2 / np.sqrt(2)))
    return special.log_ndtr(z1), special.log_ndtr(-z1), second


def _inv_gaussian_log_cdf(y: Array, mu: Array, shape: Array) -> Array:
    first, _, second = _inv_gaussian_terms(y, mu, shape)
    out = np.where(np.isposinf(y), 0.0, np.logaddexp(first, second))
    return np.where(np.asarray(y) <= 0, -np.inf, np.minimum(out, 0.0))


def _inv_gaussian_log_ccdf(y: Array, mu: Array, shape: Array) -> Array:
    _, first, second = _inv_gaussian_terms(y, mu, shape)
    out = np.where(np.isposinf(y), -np.inf, log_diff_exp(first, np.minimum(second, first)))
    return np.where(np.asarray(y) <= 0, 0.0, out)


def _inv_gaussian_truncated_mean(lb: Array, ub: Array, mu: Array, shape: Array) -> Array:
    """E[Y; Y <= y] is mu times the difference of the terms whose sum is the cdf."""
    log_z = log_mass(INV_GAUSSIAN, lb, ub, mu, shape)
    edges = []
    for bound in (lb, ub):
        usable = (np.asarray(bound) > 0) & np.isfinite(bound)
        second = _inv_gaussian_terms(np.where(usable, bound, 1.0), mu, shape)[2]
        edges.append(np.where(usable, mass_ratio(second, log_z), 0.0))
    return mu * (1 - 2 * (edges[1] - edges[0]))


def _inv_gaussian_random(rng: Generator, mu: Array, shape: Array) -> Array:
    return rng.wald(mu, shape, size_of(mu, shape))


INV_GAUSSIAN = Distribution(
    "inv_gaussian",
    discrete=False,
    log_prob=_inv_gaussian_log_prob,
    random=_inv_gaussian_random,
    log_cdf=_inv_gaussian_log_cdf,
    log_ccdf=_inv_gaussian_log_ccdf,
    vectorized=False,
    functions=("inv_gaussian.stan",),
    truncated_mean=_inv_gaussian_truncated_mean,
)

INVERSE_GAUSSIAN = Family(
    name="inverse.gaussian",
    params=(
        positive_mu(("1/mu^2", "inverse", "identity", "log", "softplus", "squareplus")),
        SHAPE,
    ),
    response="positive",
    distribution=INV_GAUSSIAN,
    arguments=lambda p, m: (p.mu, p.shape),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

# ---- with zeros

HURDLE_GAMMA = Family(
    name="hurdle_gamma",
    params=(positive_mu(POSITIVE_LINKS), SHAPE, HU),
    response="nonnegative",
    distribution=with_mass_at_zero(GAMMA, "hurdle_gamma", ("shape", "rate"), positive=True),
    arguments=lambda p, m: (p.shape, p.shape / p.mu, p.hu),
    mean=lambda p, m: (1 - p.hu) * p.mu,
    additions=CENSORED,
)

HURDLE_LOGNORMAL = Family(
    name="hurdle_lognormal",
    params=(real_mu(("identity", "inverse")), SIGMA, HU),
    response="nonnegative",
    distribution=with_mass_at_zero(LOGNORMAL, "hurdle_lognormal", ("mu", "sigma"), positive=True),
    arguments=lambda p, m: (p.mu, p.sigma, p.hu),
    mean=lambda p, m: (1 - p.hu) * m.exp(p.mu + m.square(p.sigma) / 2),
    additions=CENSORED,
    scale_link="log",
)

FAMILIES = (INVERSE_GAUSSIAN, HURDLE_GAMMA, HURDLE_LOGNORMAL)
