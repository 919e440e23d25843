"""Probability functions of binary responses and counts under their Stan names, in NumPy.

Formulas are those of the Stan Functions Reference. Values outside the support have log
probability -inf; ``log_cdf`` is log P(Y <= y) for any real y and ``log_ccdf`` log P(Y > y).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution, FunctionTemplate
from hiermodel.families.numerics import (
    Array,
    log_betainc,
    log_gammainc,
    log_gammaincc,
    xlogy,
)
from hiermodel.families.truncation import log_mass, mass_ratio

# The largest mean that NumPy's Poisson generator accepts is a little above this.
_MAX_POISSON_MEAN = 9e18


def _count(y: Array) -> tuple[Array, Array]:
    """Values with those below zero or broken replaced by 0, and which were good."""
    y = np.asarray(y, float)
    good = (y >= 0) & (y == np.floor(y))
    return np.where(good, y, 0.0), good


def _where(good: Array, log_prob: Array) -> Array:
    return np.where(good, log_prob, np.where(np.isnan(log_prob), log_prob, -np.inf))


def _cumulative(below: Array, inside: Array, value: Array, low: float, high: float) -> Array:
    """`value` inside the support, `low` below it, `high` above; NaN stays NaN."""
    edge = np.where(below, low, high)
    return np.where(inside | np.isnan(value), value, edge)


def _count_tail(base: str, names: str, limit: int) -> FunctionTemplate:
    """Fast ``_lccdf`` of a count: up to `limit` adding probabilities beats Stan's function."""
    declared = ", ".join(f"real {name}" for name in names.split(", "))
    values = {
        "name": f"{base}_tail", "base": base, "names": names, "declared": declared, "limit": limit,
    }  # fmt: skip
    return FunctionTemplate("count_tail.stan.jinja", tuple(values.items()))


# ---- bernoulli


def _bernoulli_log_prob(y: Array, theta: Array) -> Array:
    y = np.asarray(y)
    with np.errstate(divide="ignore"):
        log_prob = np.where(y == 1, np.log(theta), np.log1p(-np.asarray(theta)))
    return _where((y == 0) | (y == 1), log_prob)


def _bernoulli_log_cdf(y: Array, theta: Array) -> Array:
    y = np.asarray(y)
    with np.errstate(divide="ignore"):
        at_zero = np.log1p(-np.asarray(theta))
    return _cumulative(y < 0, (y >= 0) & (y < 1), at_zero, -np.inf, 0.0)


def _bernoulli_log_ccdf(y: Array, theta: Array) -> Array:
    y = np.asarray(y)
    with np.errstate(divide="ignore"):
        at_zero = np.log(np.asarray(theta))
    return _cumulative(y < 0, (y >= 0) & (y < 1), at_zero, 0.0, -np.inf)


BERNOULLI = Distribution(
    "bernoulli",
    discrete=True,
    log_prob=_bernoulli_log_prob,
    random=lambda rng, theta: rng.binomial(1, theta),
    log_cdf=_bernoulli_log_cdf,
    log_ccdf=_bernoulli_log_ccdf,
)


# ---- binomial


def _log_choose(n: Array, k: Array) -> Array:
    return -np.log1p(n) - special.betaln(n - k + 1, k + 1)


def _binomial_log_prob(y: Array, trials: Array, theta: Array) -> Array:
    count, good = _count(y)
    good = good & (count <= trials)
    k = np.minimum(count, trials)
    rest = np.asarray(trials) - k
    log_prob = _log_choose(trials, k) + xlogy(k, theta) + special.xlog1py(rest, -theta)
    return _where(good, log_prob)


def _binomial_tail(y: Array, trials: Array, theta: Array, upper: bool) -> Array:
    floor = np.floor(np.asarray(y, float))
    below, inside = floor < 0, (floor >= 0) & (floor < trials)
    k = np.where(inside, floor, 0.0)
    rest = np.where(inside, trials - k, 1.0)
    theta = np.asarray(theta, float)
    if upper:
        value = log_betainc(k + 1, rest, theta)
        return _cumulative(below, inside, value, 0.0, -np.inf)
    value = log_betainc(rest, k + 1, 1 - theta, theta)
    return _cumulative(below, inside, value, -np.inf, 0.0)


def _binomial_truncated_mean(lb: Array, ub: Array, trials: Array, theta: Array) -> Array:
    fewer = np.maximum(np.asarray(trials) - 1, 0)
    partial = log_mass(BINOMIAL, lb - 1, ub - 1, fewer, theta)
    return trials * theta * mass_ratio(partial, log_mass(BINOMIAL, lb, ub, trials, theta))


BINOMIAL = Distribution(
    "binomial",
    discrete=True,
    log_prob=_binomial_log_prob,
    random=lambda rng, trials, theta: rng.binomial(np.asarray(trials, np.int64), theta),
    log_cdf=lambda y, trials, theta: _binomial_tail(y, trials, theta, False),
    log_ccdf=lambda y, trials, theta: _binomial_tail(y, trials, theta, True),
    truncated_mean=_binomial_truncated_mean,
)


# ---- beta_binomial


def _beta_binomial_log_prob(y: Array, trials: Array, a: Array, b: Array) -> Array:
    count, good = _count(y)
    good = good & (count <= trials)
    k = np.minimum(count, trials)
    log_prob = _log_choose(trials, k) + special.betaln(k + a, trials - k + b) - special.betaln(a, b)
    return _where(good, log_prob)


def _beta_binomial_log_sum(k: Array, trials: Array, a: Array, b: Array, step: int) -> Array:
    """Log of the sum of probabilities from k up (step 1) or down (step -1), all terms added."""
    term = _beta_binomial_log_prob(k, trials, a, b)
    total = term
    steps = int(np.max(np.where(step > 0, trials - k, k), initial=0))
    for _ in range(steps):
        k = k + step
        # ratio of neighbouring probabilities, at the lower one
        low = np.minimum(k, k - step)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log((trials - low) * (low + a)) - np.log((low + 1) * (trials - low - 1 + b))
        inside = (k >= 0) & (k <= trials)
        term = np.where(inside, term + step * ratio, -np.inf)
        total = np.logaddexp(total, term)
    return total


def _beta_binomial_tail(y: Array, trials: Array, a: Array, b: Array, upper: bool) -> Array:
    floor = np.floor(np.asarray(y, float))
    below, inside = floor < 0, (floor >= 0) & (floor < trials)
    k = np.where(inside, floor, 0.0)
    n = np.broadcast_to(trials, np.broadcast_shapes(np.shape(k), np.shape(trials)))
    n = np.where(inside, n, 1.0)
    value = _beta_binomial_log_sum(k + 1 if upper else k, n, a, b, 1 if upper else -1)
    value = np.minimum(value, 0.0)
    return _cumulative(below, inside, value, 0.0 if upper else -np.inf, -np.inf if upper else 0.0)


def _beta_binomial_truncated_mean(lb: Array, ub: Array, trials: Array, a: Array, b: Array) -> Array:
    fewer = np.maximum(np.asarray(trials) - 1, 0)
    partial = log_mass(BETA_BINOMIAL, lb - 1, ub - 1, fewer, a + 1, b)
    whole = log_mass(BETA_BINOMIAL, lb, ub, trials, a, b)
    return trials * a / (a + b) * mass_ratio(partial, whole)


BETA_BINOMIAL = Distribution(
    "beta_binomial",
    discrete=True,
    log_prob=_beta_binomial_log_prob,
    random=lambda rng, trials, a, b: rng.binomial(np.asarray(trials, np.int64), rng.beta(a, b)),
    log_cdf=lambda y, trials, a, b: _beta_binomial_tail(y, trials, a, b, False),
    log_ccdf=lambda y, trials, a, b: _beta_binomial_tail(y, trials, a, b, True),
    truncated_mean=_beta_binomial_truncated_mean,
)


# ---- poisson


def _poisson_log_prob(y: Array, mu: Array) -> Array:
    k, good = _count(y)
    return _where(good, xlogy(k, mu) - mu - special.gammaln(k + 1))


def _poisson_random(rng: Generator, mu: Array) -> Array:
    return rng.poisson(np.minimum(mu, _MAX_POISSON_MEAN))


def _poisson_tail(y: Array, mu: Array, upper: bool) -> Array:
    floor = np.floor(np.asarray(y, float))
    inside = (floor >= 0) & np.isfinite(floor)
    k = np.where(inside, floor, 0.0)
    value = log_gammainc(k + 1, mu) if upper else log_gammaincc(k + 1, mu)
    return _cumulative(
        floor < 0, inside, value, 0.0 if upper else -np.inf, -np.inf if upper else 0.0
    )


def _poisson_truncated_mean(lb: Array, ub: Array, mu: Array) -> Array:
    partial = log_mass(POISSON, lb - 1, ub - 1, mu)
    return mu * mass_ratio(partial, log_mass(POISSON, lb, ub, mu))


POISSON = Distribution(
    "poisson",
    discrete=True,
    log_prob=_poisson_log_prob,
    random=_poisson_random,
    log_cdf=lambda y, mu: _poisson_tail(y, mu, False),
    log_ccdf=lambda y, mu: _poisson_tail(y, mu, True),
    truncated_mean=_poisson_truncated_mean,
    tail="poisson_tail",
    tail_functions=(_count_tail("poisson", "mu", 3),),
)


# ---- neg_binomial_2 (mean, shape)


def _neg_binomial_log_prob(y: Array, mu: Array, shape: Array) -> Array:
    k, good = _count(y)
    # -shape log(1 + mu / shape) and k log(mu / (mu + shape)) keep their digits when the
    # shape is huge, where the density nears the Poisson.
    safe = np.maximum(k, 1.0)
    choose = np.where(k > 0, -np.log(safe) - special.betaln(safe, shape), 0.0)
    log_prob = (
        choose - shape * np.log1p(mu / shape) + xlogy(k, mu) - xlogy(k, mu + np.asarray(shape))
    )
    return _where(good, log_prob)


def _neg_binomial_random(rng: Generator, mu: Array, shape: Array) -> Array:
    return _poisson_random(rng, rng.gamma(shape, np.asarray(mu) / shape))


def _neg_binomial_tail(y: Array, mu: Array, shape: Array, upper: bool) -> Array:
    floor = np.floor(np.asarray(y, float))
    inside = (floor >= 0) & np.isfinite(floor)
    k = np.where(inside, floor, 0.0)
    success = shape / (shape + np.asarray(mu))
    failure = mu / (shape + np.asarray(mu))
    if upper:
        value = log_betainc(k + 1, shape, failure, success)
        return _cumulative(floor < 0, inside, value, 0.0, -np.inf)
    value = log_betainc(shape, k + 1, success, failure)
    return _cumulative(floor < 0, inside, value, -np.inf, 0.0)


def _neg_binomial_truncated_mean(lb: Array, ub: Array, mu: Array, shape: Array) -> Array:
    larger = mu * (shape + 1) / shape
    partial = log_mass(NEG_BINOMIAL_2, lb - 1, ub - 1, larger, shape + 1)
    return mu * mass_ratio(partial, log_mass(NEG_BINOMIAL_2, lb, ub, mu, shape))


NEG_BINOMIAL_2 = Distribution(
    "neg_binomial_2",
    discrete=True,
    log_prob=_neg_binomial_log_prob,
    random=_neg_binomial_random,
    log_cdf=lambda y, mu, shape: _neg_binomial_tail(y, mu, shape, False),
    log_ccdf=lambda y, mu, shape: _neg_binomial_tail(y, mu, shape, True),
    truncated_mean=_neg_binomial_truncated_mean,
    tail="neg_binomial_2_tail",
    tail_functions=(_count_tail("neg_binomial_2", "mu, phi", 20),),
)
