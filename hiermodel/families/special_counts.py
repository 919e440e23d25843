"""Count distributions that Stan does not have: densities, draws and means in NumPy.

The Conway-Maxwell-Poisson has the rate parameterisation of Shmueli et al. (2005), P(y)
proportional to rate^y / (y!)^nu; its constant is a series, or the expansion of Gaunt et al. (2019,
doi:10.1007/s10463-017-0629-6) where that is as good. The discrete Weibull is that of Nakagawa &
Osaki (1975), P(Y >= y) = q^(y^shape); the generalised Poisson that of Consul & Jain (1973).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution
from hiermodel.families.numerics import Array, log_diff_exp
from hiermodel.families.series import sum_terms
from hiermodel.families.truncation import log_mass
from hiermodel.links import log1m_exp


def _support(y: Array) -> tuple[Array, Array]:
    y = np.asarray(y, float)
    good = (y >= 0) & (y == np.floor(y))
    return np.where(good, y, 0.0), good


def _where(good: Array, log_prob: Array) -> Array:
    return np.where(good, log_prob, np.where(np.isnan(log_prob), log_prob, -np.inf))


# ---- Conway-Maxwell-Poisson


def _log_weight(k: Array, log_rate: Array, nu: Array) -> Array:
    return k * log_rate - nu * special.gammaln(k + 1)


def _mode(log_rate: Array, nu: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.exp(np.asarray(log_rate) / nu)


def _first(log_rate: Array, nu: Array) -> Array:
    """Ten standard deviations below the mode, where the series may start."""
    mode = _mode(log_rate, nu)
    return np.maximum(np.floor(mode - 10 * np.sqrt(mode / nu) - 10), 0.0)


def _log_series(first: Array, last: Array, log_rate: Array, nu: Array) -> Array:
    """Log of the sum of the weights from `first` to `last`."""
    peak = np.clip(np.floor(_mode(log_rate, nu)), first, last)
    level = _log_weight(peak, log_rate, nu)
    total = sum_terms(
        lambda k, rate, shape, top: np.exp(_log_weight(k, rate, shape) - top),
        first, last, log_rate, nu, level,
    )  # fmt: skip
    with np.errstate(divide="ignore"):
        return level + np.log(total)


def _expands(log_rate: Array, nu: Array) -> Array:
    mode = _mode(log_rate, nu)
    return (nu * mode >= 200) & (mode >= 20 * np.asarray(nu))


def _expansion(x: Array, nu: Array) -> tuple[Array, Array]:
    """The asymptotic series minus 1, and its derivative by `x`."""
    s = np.square(nu)
    c1, c2 = (s - 1) / 24, (s - 1) * (s + 23) / 1152
    c3 = (s - 1) * (5 * s**2 - 298 * s + 11237) / 414720
    return (c1 + (c2 + c3 / x) / x) / x, -(c1 + (2 * c2 + 3 * c3 / x) / x) / x**2


def com_poisson_log_normalizer(log_rate: Array, nu: Array) -> Array:
    """Log of the sum of rate^k / (k!)^nu over all counts k."""
    log_rate, nu = np.broadcast_arrays(np.asarray(log_rate, float), np.asarray(nu, float))
    out = np.full(log_rate.shape, np.nan)
    far = _expands(log_rate, nu)
    with np.errstate(over="ignore", invalid="ignore"):
        shape, log_mode = nu[far], log_rate[far] / nu[far]
        x = shape * np.exp(log_mode)
        out[far] = (
            x
            - 0.5 * (shape - 1) * (log_mode + np.log(2 * np.pi))
            - 0.5 * np.log(shape)
            + np.log1p(_expansion(x, shape)[0])
        )
    near = ~far & ~np.isnan(log_rate + nu)
    rate, shape = log_rate[near], nu[near]
    out[near] = _log_series(_first(rate, shape), np.asarray(np.inf), rate, shape)
    return out


def _com_poisson_log_prob(y: Array, log_rate: Array, nu: Array) -> Array:
    k, good = _support(y)
    return _where(good, _log_weight(k, log_rate, nu) - com_poisson_log_normalizer(log_rate, nu))


def _com_poisson_log_cdf(y: Array, log_rate: Array, nu: Array) -> Array:
    floor = np.floor(np.asarray(y, float))
    inside = np.isfinite(floor) & (floor >= 0)
    k = np.where(inside, floor, 0.0)
    first = _first(log_rate, nu)
    low = np.where(first < k, first, 0.0)
    value = _log_series(low, k, log_rate, nu) - com_poisson_log_normalizer(log_rate, nu)
    edge = np.where(floor < 0, -np.inf, 0.0)
    return np.where(inside | np.isnan(value), np.minimum(value, 0.0), edge)


def _com_poisson_log_ccdf(y: Array, log_rate: Array, nu: Array) -> Array:
    floor = np.floor(np.asarray(y, float))
    inside = np.isfinite(floor) & (floor >= 0)
    k = np.where(inside, floor, 0.0)
    first = np.maximum(k + 1, _first(log_rate, nu))
    series = _log_series(first, np.asarray(np.inf), log_rate, nu)
    value = series - com_poisson_log_normalizer(log_rate, nu)
    edge = np.where(floor < 0, 0.0, -np.inf)
    return np.where(inside | np.isnan(value), np.minimum(value, 0.0), edge)


def com_poisson_mean(log_rate: Array, nu: Array) -> Array:
    """Mean of the Conway-Maxwell-Poisson distribution."""
    log_rate, nu = np.broadcast_arrays(np.asarray(log_rate, float), np.asarray(nu, float))
    out = np.full(log_rate.shape, np.nan)
    far = _expands(log_rate, nu)
    mode = _mode(log_rate, nu)[far]
    # The derivative of the log constant by the log rate.
    series, slope = _expansion(nu[far] * mode, nu[far])
    out[far] = mode - (nu[far] - 1) / (2 * nu[far]) + mode * slope / (1 + series)
    near = ~far & ~np.isnan(log_rate + nu)
    rate, shape = log_rate[near], nu[near]
    out[near] = _com_poisson_partial_mean(_first(rate, shape), np.asarray(np.inf), rate, shape)
    return out


def _com_poisson_partial_mean(first: Array, last: Array, log_rate: Array, nu: Array) -> Array:
    """Sum of k P(k) over first .. last."""
    constant = com_poisson_log_normalizer(log_rate, nu)
    return sum_terms(
        lambda k, rate, shape, z: k * np.exp(_log_weight(k, rate, shape) - z),
        first, last, log_rate, nu, constant,
    )  # fmt: skip


def _com_poisson_truncated_mean(lb: Array, ub: Array, log_rate: Array, nu: Array) -> Array:
    low = np.maximum(np.asarray(lb, float), 0.0)
    first = np.minimum(np.maximum(low, _first(log_rate, nu)), np.asarray(ub, float))
    part = _com_poisson_partial_mean(first, ub, log_rate, nu)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.exp(np.log(part) - log_mass(COM_POISSON, lb, ub, log_rate, nu))


def _com_poisson_random(rng: Generator, log_rate: Array, nu: Array) -> Array:
    """Inversion, counting up from far below the mode."""
    rate, shape = (np.array(a, float) for a in np.broadcast_arrays(log_rate, nu))
    k = _first(rate, shape).ravel()
    rate, shape = rate.ravel(), shape.ravel()
    constant = com_poisson_log_normalizer(rate, shape)
    u = rng.random(k.shape)
    log_p = _log_weight(k, rate, shape) - constant
    left = np.arange(len(k))
    while len(left):
        u[left] -= np.exp(log_p[left])
        # Where rounding leaves a bit of mass at the very end, the count is far above the mode.
        spent = (log_p[left] < -80) & (k[left] > _mode(rate[left], shape[left]))
        left = left[(u[left] > 0) & ~spent]
        k[left] += 1
        log_p[left] += rate[left] - shape[left] * np.log(k[left])
    return k.astype(np.int64).reshape(np.broadcast_shapes(np.shape(log_rate), np.shape(nu)))


COM_POISSON = Distribution(
    "com_poisson",
    discrete=True,
    log_prob=_com_poisson_log_prob,
    random=_com_poisson_random,
    log_cdf=_com_poisson_log_cdf,
    log_ccdf=_com_poisson_log_ccdf,
    vectorized=False,
    functions=("com_poisson.stan",),
    truncated_mean=_com_poisson_truncated_mean,
)


# ---- discrete Weibull


def _discrete_weibull_log_ccdf(y: Array, log_q: Array, shape: Array) -> Array:
    floor = np.floor(np.asarray(y, float))
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.power(np.maximum(floor, -1.0) + 1, shape) * log_q
    return np.where((floor >= 0) | np.isnan(value), value, 0.0)


def _discrete_weibull_log_cdf(y: Array, log_q: Array, shape: Array) -> Array:
    upper = _discrete_weibull_log_ccdf(y, log_q, shape)
    return np.where((np.asarray(y) >= 0) | np.isnan(upper), log1m_exp(upper), -np.inf)


def _discrete_weibull_log_prob(y: Array, log_q: Array, shape: Array) -> Array:
    k, good = _support(y)
    low = _discrete_weibull_log_ccdf(k - 1, log_q, shape)
    return _where(good, log_diff_exp(low, _discrete_weibull_log_ccdf(k, log_q, shape)))


def _discrete_weibull_random(rng: Generator, log_q: Array, shape: Array) -> Array:
    size = np.broadcast_shapes(np.shape(log_q), np.shape(shape))
    with np.errstate(divide="ignore", over="ignore"):
        point = np.power(rng.standard_exponential(size) / -np.asarray(log_q), 1 / np.asarray(shape))
    return np.minimum(np.maximum(np.ceil(point) - 1, 0), 2.0**62).astype(np.int64)


# Terms that are added before the Euler-Maclaurin formula takes over.
_ADDED = 32


def _survival_sum(first: Array, log_q: Array, shape: Array) -> Array:
    """Sum of P(Y >= k) = q^(k^shape) over k = first, first + 1, ... (first >= 1)."""
    first, rate, shape = np.broadcast_arrays(
        np.asarray(first, float), -np.asarray(log_q, float), np.asarray(shape, float)
    )
    total = np.zeros(first.shape)
    with np.errstate(all="ignore"):
        for j in range(_ADDED):
            total = total + np.exp(-rate * (first + j) ** shape)
        k = first + _ADDED
        x = rate * k**shape
        end = np.exp(-x)
        integral = rate ** (-1 / shape) * special.gamma(1 / shape) / shape
        integral = integral * special.gammaincc(1 / shape, x)
        # Derivatives of exp(-rate k^shape), as multiples of it.
        a, b = shape * x / k, shape * (shape - 1) * x / k**2
        c = shape * (shape - 1) * (shape - 2) * x / k**3
        third = -c + 3 * a * b - a**3
        tail = integral + end * (0.5 + a / 12 + third / 720)
        return total + np.where(end > 0, tail, 0.0)


def discrete_weibull_mean(log_q: Array, shape: Array) -> Array:
    """Mean of the discrete Weibull distribution: the sum of P(Y >= k) over k = 1, 2, ...."""
    return _survival_sum(np.asarray(1.0), log_q, shape)


def _discrete_weibull_truncated_mean(lb: Array, ub: Array, log_q: Array, shape: Array) -> Array:
    low, high = np.maximum(np.asarray(lb, float), 0.0), np.asarray(ub, float)
    log_total = log_mass(DISCRETE_WEIBULL, low, high, log_q, shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        unbounded = low + _survival_sum(low + 1, log_q, shape) / np.exp(log_total)
        if np.all(np.isposinf(high)):
            return unbounded
        bounded = sum_terms(
            lambda k, q, c, total: k * np.exp(_discrete_weibull_log_prob(k, q, c) - total),
            low, np.where(np.isfinite(high), high, low), log_q, shape, log_total,
        )  # fmt: skip
    return np.where(np.isfinite(high), bounded, unbounded)


DISCRETE_WEIBULL = Distribution(
    "discrete_weibull",
    discrete=True,
    log_prob=_discrete_weibull_log_prob,
    random=_discrete_weibull_random,
    log_cdf=_discrete_weibull_log_cdf,
    log_ccdf=_discrete_weibull_log_ccdf,
    vectorized=False,
    functions=("discrete_weibull.stan",),
    truncated_mean=_discrete_weibull_truncated_mean,
)


# ---- generalised Poisson


def _generalized_poisson_log_prob(y: Array, mu: Array, phi: Array) -> Array:
    k, good = _support(y)
    theta = mu / np.sqrt(phi)
    level = theta + (1 - 1 / np.sqrt(phi)) * k
    return _where(good, np.log(theta) + (k - 1) * np.log(level) - level - special.gammaln(k + 1))


def _generalized_poisson_random(rng: Generator, mu: Array, phi: Array) -> Array:
    """All descendants of a Poisson number of ancestors, each with a Poisson number of children."""
    mu, phi = np.broadcast_arrays(np.asarray(mu, float), np.asarray(phi, float))
    generation = rng.poisson(np.minimum(mu / np.sqrt(phi), 1e15))
    total = generation.copy()
    children = 1 - 1 / np.sqrt(phi)
    while np.any(generation):
        generation = rng.poisson(children * generation)
        total = total + generation
    return total


GENERALIZED_POISSON = Distribution(
    "generalized_poisson",
    discrete=True,
    log_prob=_generalized_poisson_log_prob,
    random=_generalized_poisson_random,
    vectorized=False,
    functions=("generalized_poisson.stan",),
)
