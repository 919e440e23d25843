"""Families of proportions that may be 0 or 1."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution, Family, Param
from hiermodel.families.continuous_distributions import BETA
from hiermodel.families.numerics import Array, log_betainc, outside
from hiermodel.families.point_mass import with_mass_at_zero
from hiermodel.families.shared import CENSORED, COI, PHI, ZI, ZOI, probability_mu
from hiermodel.families.truncation import log_mass


def _beta_arguments(p: Any) -> tuple[Any, Any]:
    return p.mu * p.phi, (1 - p.mu) * p.phi


def _ends(y: Array, at_zero: Array, at_one: Array, between: Array) -> Array:
    """A log density with values at 0 and 1 of its own."""
    y = np.asarray(y)
    out = np.where(y == 0, at_zero, np.where(y == 1, at_one, between))
    return outside(y, (y >= 0) & (y <= 1), out)


# ---- zero- and zero-one-inflated beta


def _zoib_log_prob(y: Array, a: Array, b: Array, zoi: Array, coi: Array) -> Array:
    with np.errstate(divide="ignore"):
        broken = 0 * BETA.log_prob(np.array(0.5), a, b)  # NaN where a shape is NaN
        return _ends(
            y,
            np.log(zoi) + np.log1p(-coi) + broken,
            np.log(zoi) + np.log(coi) + broken,
            np.log1p(-zoi) + BETA.log_prob(y, a, b) + 0 * coi,
        )


def _zoib_random(rng: Generator, a: Array, b: Array, zoi: Array, coi: Array) -> Array:
    y = rng.beta(a, b)
    shape = np.broadcast_shapes(np.shape(y), np.shape(zoi), np.shape(coi))
    end = np.where(rng.random(shape) < coi, 1.0, 0.0)
    return np.where(rng.random(shape) < zoi, end, y)


ZERO_ONE_INFLATED_BETA = Distribution(
    "zero_one_inflated_beta",
    discrete=False,
    log_prob=_zoib_log_prob,
    random=_zoib_random,
    vectorized=False,
    functions=("zero_one_inflated_beta.stan",),
)

ZERO_INFLATED_BETA_FAMILY = Family(
    name="zero_inflated_beta",
    params=(probability_mu(), PHI, ZI),
    response="unit_with_zero",
    distribution=with_mass_at_zero(BETA, "zero_inflated_beta", ("a", "b"), positive=True),
    arguments=lambda p, m: (*_beta_arguments(p), p.zi),
    mean=lambda p, m: (1 - p.zi) * p.mu,
    additions=CENSORED,
)

ZERO_ONE_INFLATED_BETA_FAMILY = Family(
    name="zero_one_inflated_beta",
    params=(probability_mu(), PHI, ZOI, COI),
    response="unit_closed",
    distribution=ZERO_ONE_INFLATED_BETA,
    arguments=lambda p, m: (*_beta_arguments(p), p.zoi, p.coi),
    mean=lambda p, m: p.zoi * p.coi + (1 - p.zoi) * p.mu,
)


# ---- extended-support beta


def _xbeta_log_prob(y: Array, a: Array, b: Array, u: Array) -> Array:
    width = 1 + 2 * u
    return _ends(
        y,
        log_betainc(a, b, u / width, (1 + u) / width),
        log_betainc(b, a, u / width, (1 + u) / width),
        BETA.log_prob((np.clip(y, 0, 1) + u) / width, a, b) - np.log(width),
    )


def _xbeta_mean(p: Any, m: Any) -> Array:
    """P(Y = 1) plus the partial mean of the part that is seen."""
    a, b = _beta_arguments(p)
    width = 1 + 2 * p.kappa
    low, high = p.kappa / width, (1 + p.kappa) / width
    at_one = np.exp(log_betainc(b, a, low, high))
    seen = np.exp(log_mass(BETA, low, high, a, b))
    partial = p.mu * np.exp(log_mass(BETA, low, high, a + 1, b))
    return at_one + width * partial - p.kappa * seen


XBETA = Distribution(
    "xbeta",
    discrete=False,
    log_prob=_xbeta_log_prob,
    random=lambda rng, a, b, u: np.clip((1 + 2 * u) * rng.beta(a, b) - u, 0, 1),
    vectorized=False,
    functions=("xbeta.stan",),
)

XBETA_FAMILY = Family(
    name="xbeta",
    params=(probability_mu(), PHI, replace(PHI, name="kappa")),
    response="unit_closed",
    distribution=XBETA,
    arguments=lambda p, m: (*_beta_arguments(p), p.kappa),
    mean=_xbeta_mean,
)


# ---- ordered beta


def _ordbeta_log_prob(y: Array, mu: Array, phi: Array, low: Array, high: Array) -> Array:
    eta = special.logit(mu)
    # inv_logit(x) - inv_logit(z) = inv_logit(x) inv_logit(-z) (1 - exp(z - x))
    x, z = eta - low, eta - high
    middle = special.log_expit(x) + special.log_expit(-z) + np.log(-np.expm1(z - x))
    between = middle + BETA.log_prob(y, mu * phi, (1 - mu) * phi)
    return _ends(y, special.log_expit(-x), special.log_expit(z), between)


def _ordbeta_random(rng: Generator, mu: Array, phi: Array, low: Array, high: Array) -> Array:
    y = rng.beta(mu * phi, (1 - mu) * phi)
    shape = np.broadcast_shapes(np.shape(y), np.shape(low), np.shape(high))
    latent = special.logit(mu) + rng.logistic(size=shape)
    return np.where(latent <= low, 0.0, np.where(latent > high, 1.0, y))


def _ordbeta_mean(p: Any, m: Any) -> Array:
    eta = special.logit(p.mu)
    above, top = special.expit(eta - p.cutzero), special.expit(eta - p.cutzero - p.cutgap)
    return top + (above - top) * p.mu


ORDBETA = Distribution(
    "ordbeta",
    discrete=False,
    log_prob=_ordbeta_log_prob,
    random=_ordbeta_random,
    vectorized=False,
    functions=("ordbeta.stan",),
)

# The lower cutpoint and the distance of the upper one, so that they cannot cross.
CUTZERO = Param(
    "cutzero", ("identity",), prior="normal(-2, 2.5)", prior_predicted="normal(-2, 2.5)"
)
CUTGAP = Param(
    "cutgap",
    ("log", "identity", "softplus", "squareplus"),
    lower=0,
    prior="gamma(2, 0.5)",
    prior_predicted="normal(1, 1)",
)

ORDBETA_FAMILY = Family(
    name="ordbeta",
    params=(probability_mu(), PHI, CUTZERO, CUTGAP),
    response="unit_closed",
    distribution=ORDBETA,
    arguments=lambda p, m: (p.mu, p.phi, p.cutzero, p.cutzero + p.cutgap),
    mean=_ordbeta_mean,
)

FAMILIES = (
    ZERO_INFLATED_BETA_FAMILY,
    ZERO_ONE_INFLATED_BETA_FAMILY,
    XBETA_FAMILY,
    ORDBETA_FAMILY,
)
