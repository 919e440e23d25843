"""Continuous densities under their Stan names, in NumPy.

Formulas are those of the Stan Functions Reference. Every function takes the values first, then
the arguments in Stan's order, and broadcasts. Values outside the support have log density -inf.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution
from hiermodel.families.numerics import (
    Array,
    log_betainc,
    log_gammainc,
    log_gammaincc,
    outside,
    size_of,
    xlogy,
)
from hiermodel.families.truncation import log_mass, mass_ratio
from hiermodel.links import log1m_exp

_ZERO, _ONE = np.array(0.0), np.array(1.0)
_LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
_NODES, _WEIGHTS = np.polynomial.laguerre.laggauss(48)


# ---- normal and lognormal


def _normal_log_prob(y: Array, mu: Array, sigma: Array) -> Array:
    z = (y - mu) / sigma
    return -0.5 * z * z - np.log(sigma) - _LOG_SQRT_2PI


def _normal_random(rng: Generator, mu: Array, sigma: Array) -> Array:
    return rng.normal(mu, sigma)


def _finite(z: Array) -> Array:
    """Replace infinite standardised bounds, out of the way of ``inf * 0``."""
    return np.where(np.isfinite(z), z, 0.0)


def _normal_truncated_mean(lb: Array, ub: Array, mu: Array, sigma: Array) -> Array:
    a, b = (lb - mu) / sigma, (ub - mu) / sigma
    log_z = log_mass(NORMAL, lb, ub, mu, sigma)
    density_a = mass_ratio(-0.5 * a * a - _LOG_SQRT_2PI, log_z)
    density_b = mass_ratio(-0.5 * b * b - _LOG_SQRT_2PI, log_z)
    return mu + sigma * (density_a - density_b)


NORMAL = Distribution(
    "normal",
    discrete=False,
    log_prob=_normal_log_prob,
    random=_normal_random,
    log_cdf=lambda y, mu, sigma: special.log_ndtr((y - mu) / sigma),
    log_ccdf=lambda y, mu, sigma: special.log_ndtr((mu - y) / sigma),
    truncated_mean=_normal_truncated_mean,
)


def _log_positive(y: Array) -> Array:
    """``log(y)``, -inf for zero and below."""
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(y, 0.0))


def _lognormal_log_prob(y: Array, mu: Array, sigma: Array) -> Array:
    inside = np.asarray(y) > 0
    log_y = np.log(np.where(inside, y, 1.0))
    return outside(y, inside, _normal_log_prob(log_y, mu, sigma) - log_y)


def _lognormal_truncated_mean(lb: Array, ub: Array, mu: Array, sigma: Array) -> Array:
    shifted = log_mass(LOGNORMAL, lb, ub, mu + np.square(sigma), sigma)
    log_mean = mu + 0.5 * np.square(sigma)
    return mass_ratio(log_mean + shifted, log_mass(LOGNORMAL, lb, ub, mu, sigma))


LOGNORMAL = Distribution(
    "lognormal",
    discrete=False,
    log_prob=_lognormal_log_prob,
    random=lambda rng, mu, sigma: np.exp(rng.normal(mu, sigma)),
    log_cdf=lambda y, mu, sigma: special.log_ndtr((_log_positive(y) - mu) / sigma),
    log_ccdf=lambda y, mu, sigma: special.log_ndtr((mu - _log_positive(y)) / sigma),
    truncated_mean=_lognormal_truncated_mean,
)


# ---- student_t


def _student_log_prob(y: Array, nu: Array, mu: Array, sigma: Array) -> Array:
    z = (y - mu) / sigma
    # log Gamma((nu + 1) / 2) - log Gamma(nu / 2) through the beta function: no cancellation
    # at large nu.
    constant = -special.betaln(nu / 2, 0.5) - 0.5 * np.log(nu)
    return constant - np.log(sigma) - 0.5 * (nu + 1) * np.log1p(z * z / nu)


def _student_log_cdf(y: Array, nu: Array, mu: Array, sigma: Array) -> Array:
    z = (y - mu) / sigma
    square = z * z
    near = nu / (nu + square)
    with np.errstate(invalid="ignore"):
        far = np.where(np.isinf(square), 1.0, square / (nu + square))
    tail = log_betainc(nu / 2, np.broadcast_to(0.5, np.shape(near)), near, far) - np.log(2)
    return np.where(z < 0, tail, np.log1p(-np.exp(tail)))


def _student_truncated_mean(lb: Array, ub: Array, nu: Array, mu: Array, sigma: Array) -> Array:
    """Use the antiderivative ``-f(t) (nu + t^2) / (nu - 1)`` of ``t f(t)``."""
    log_z = log_mass(STUDENT_T, lb, ub, nu, mu, sigma)
    edges = []
    for bound in (lb, ub):
        z = (bound - mu) / sigma
        t = _finite(z)
        log_edge = _student_log_prob(t, nu, _ZERO, _ONE) + np.log((nu + t * t) / (nu - 1))
        edges.append(np.where(np.isfinite(z), mass_ratio(log_edge, log_z), 0.0))
    return mu + sigma * (edges[0] - edges[1])


STUDENT_T = Distribution(
    "student_t",
    discrete=False,
    log_prob=_student_log_prob,
    random=lambda rng, nu, mu, sigma: mu + sigma * rng.standard_t(nu, size_of(nu, mu, sigma)),
    log_cdf=_student_log_cdf,
    log_ccdf=lambda y, nu, mu, sigma: _student_log_cdf(2 * mu - y, nu, mu, sigma),
    truncated_mean=_student_truncated_mean,
)


# ---- skew_normal


def _skew_log_density(z: Array, alpha: Array) -> Array:
    return np.log(2) - _LOG_SQRT_2PI - 0.5 * z * z + special.log_ndtr(alpha * z)


def _skew_normal_log_prob(y: Array, xi: Array, omega: Array, alpha: Array) -> Array:
    return _skew_log_density((y - xi) / omega, alpha) - np.log(omega)


def _skew_log_cdf_standard(z: Array, alpha: Array) -> Array:
    """Log distribution function by Owen's T, by quadrature where that cancels.

    The density is log-concave, so left of its mode it falls at least as fast as an
    exponential with the slope at z: Gauss-Laguerre nodes on that scale are exact to rounding.
    """
    z, alpha = np.broadcast_arrays(np.asarray(z, float), np.asarray(alpha, float))
    normal = special.ndtr(z)
    value = normal - 2 * special.owens_t(z, alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.array(np.log(np.maximum(value, 0.0)))
        ratio = np.exp(-0.5 * (alpha * z) ** 2 - _LOG_SQRT_2PI - special.log_ndtr(alpha * z))
        slope = alpha * ratio - z
    small = (value < 1e-4) & (slope > 0) & np.isfinite(z) & np.isfinite(alpha)
    if np.any(small):
        z0, a0, rate = z[small][:, None], alpha[small][:, None], slope[small][:, None]
        start = _skew_log_density(z0, a0)
        inside = _skew_log_density(z0 - _NODES / rate, a0) - start + _NODES
        log_sum = special.logsumexp(inside + np.log(_WEIGHTS), axis=1)
        out[small] = start[:, 0] - np.log(rate[:, 0]) + log_sum
    return np.where(np.isnan(value), np.nan, out)


def _skew_normal_log_cdf(y: Array, xi: Array, omega: Array, alpha: Array) -> Array:
    return _skew_log_cdf_standard((y - xi) / omega, alpha)


def _skew_normal_log_ccdf(y: Array, xi: Array, omega: Array, alpha: Array) -> Array:
    return _skew_log_cdf_standard((xi - y) / omega, -alpha)


def _skew_normal_random(rng: Generator, xi: Array, omega: Array, alpha: Array) -> Array:
    size = size_of(xi, omega, alpha)
    delta = alpha / np.sqrt(1 + np.square(alpha))
    half = np.abs(rng.standard_normal(size))
    return xi + omega * (delta * half + np.sqrt(1 - delta**2) * rng.standard_normal(size))


def _skew_normal_truncated_mean(
    lb: Array, ub: Array, xi: Array, omega: Array, alpha: Array
) -> Array:
    """Use that ``sqrt(2 / pi) delta Phi(z sqrt(1 + alpha^2)) - f(z)`` has slope ``z f(z)``."""
    log_z = log_mass(SKEW_NORMAL, lb, ub, xi, omega, alpha)
    spread = np.sqrt(1 + np.square(alpha))
    a, b = (lb - xi) / omega, (ub - xi) / omega
    log_middle = log_mass(NORMAL, a * spread, b * spread, _ZERO, _ONE)
    total = np.sqrt(2 / np.pi) * alpha / spread * mass_ratio(log_middle, log_z)
    for z, sign in ((a, 1), (b, -1)):
        log_edge = _skew_log_density(_finite(z), alpha)
        total = total + sign * np.where(np.isfinite(z), mass_ratio(log_edge, log_z), 0.0)
    return xi + omega * total


SKEW_NORMAL = Distribution(
    "skew_normal",
    discrete=False,
    log_prob=_skew_normal_log_prob,
    random=_skew_normal_random,
    log_cdf=_skew_normal_log_cdf,
    log_ccdf=_skew_normal_log_ccdf,
    truncated_mean=_skew_normal_truncated_mean,
)


# ---- positive responses


def _gamma_log_prob(y: Array, shape: Array, rate: Array) -> Array:
    inside = np.asarray(y) > 0
    y = np.where(inside, y, 1.0)
    log_prob = xlogy(shape, rate) - special.gammaln(shape) + (shape - 1) * np.log(y) - rate * y
    return outside(y, inside, log_prob)


def _gamma_truncated_mean(lb: Array, ub: Array, shape: Array, rate: Array) -> Array:
    above = log_mass(GAMMA, lb, ub, shape + 1, rate)
    return shape / rate * mass_ratio(above, log_mass(GAMMA, lb, ub, shape, rate))


GAMMA = Distribution(
    "gamma",
    discrete=False,
    log_prob=_gamma_log_prob,
    random=lambda rng, shape, rate: rng.gamma(shape, 1 / np.asarray(rate)),
    log_cdf=lambda y, shape, rate: log_gammainc(shape, rate * np.maximum(y, 0.0)),
    log_ccdf=lambda y, shape, rate: log_gammaincc(shape, rate * np.maximum(y, 0.0)),
    truncated_mean=_gamma_truncated_mean,
)


def _weibull_log_prob(y: Array, shape: Array, scale: Array) -> Array:
    inside = np.asarray(y) > 0
    z = np.where(inside, y, 1.0) / scale
    log_prob = np.log(shape) - np.log(scale) + (shape - 1) * np.log(z) - z**shape
    return outside(y, inside, log_prob)


def _weibull_log_ccdf(y: Array, shape: Array, scale: Array) -> Array:
    return -((np.maximum(y, 0.0) / scale) ** shape)


def _weibull_truncated_mean(lb: Array, ub: Array, shape: Array, scale: Array) -> Array:
    """``(Y / scale)^shape`` is standard exponential, so partial means are gamma masses."""
    power = 1 + 1 / shape
    a, b = -_weibull_log_ccdf(lb, shape, scale), -_weibull_log_ccdf(ub, shape, scale)
    partial = log_mass(GAMMA, a, b, power, _ONE)
    total = mass_ratio(partial, log_mass(WEIBULL, lb, ub, shape, scale))
    return scale * special.gamma(power) * total


WEIBULL = Distribution(
    "weibull",
    discrete=False,
    log_prob=_weibull_log_prob,
    random=lambda rng, shape, scale: scale * rng.weibull(shape, size_of(shape, scale)),
    log_cdf=lambda y, shape, scale: log1m_exp(_weibull_log_ccdf(y, shape, scale)),
    log_ccdf=_weibull_log_ccdf,
    truncated_mean=_weibull_truncated_mean,
)


def _exponential_log_prob(y: Array, rate: Array) -> Array:
    return outside(y, np.asarray(y) >= 0, np.log(rate) - rate * y)


def _exponential_log_ccdf(y: Array, rate: Array) -> Array:
    return -rate * np.maximum(y, 0.0)


EXPONENTIAL = Distribution(
    "exponential",
    discrete=False,
    log_prob=_exponential_log_prob,
    random=lambda rng, rate: rng.exponential(1 / np.asarray(rate)),
    log_cdf=lambda y, rate: log1m_exp(_exponential_log_ccdf(y, rate)),
    log_ccdf=_exponential_log_ccdf,
    truncated_mean=lambda lb, ub, rate: _gamma_truncated_mean(lb, ub, _ONE, rate),
)


# ---- beta


def _beta_log_prob(y: Array, a: Array, b: Array) -> Array:
    inside = (np.asarray(y) > 0) & (np.asarray(y) < 1)
    y = np.where(inside, y, 0.5)
    log_prob = (a - 1) * np.log(y) + (b - 1) * np.log1p(-y) - special.betaln(a, b)
    return outside(y, inside, log_prob)


def _beta_log_cdf(y: Array, a: Array, b: Array) -> Array:
    return log_betainc(a, b, np.clip(y, 0.0, 1.0))


def _beta_log_ccdf(y: Array, a: Array, b: Array) -> Array:
    inside = np.clip(y, 0.0, 1.0)
    return log_betainc(b, a, 1 - inside, inside)


def _beta_truncated_mean(lb: Array, ub: Array, a: Array, b: Array) -> Array:
    above = log_mass(BETA, lb, ub, a + 1, b)
    return a / (a + b) * mass_ratio(above, log_mass(BETA, lb, ub, a, b))


BETA = Distribution(
    "beta",
    discrete=False,
    log_prob=_beta_log_prob,
    random=lambda rng, a, b: rng.beta(a, b),
    log_cdf=_beta_log_cdf,
    log_ccdf=_beta_log_ccdf,
    truncated_mean=_beta_truncated_mean,
)
