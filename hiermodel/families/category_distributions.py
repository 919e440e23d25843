"""Probabilities of ordinal and nominal responses, in NumPy.

An ordinal response with K categories has K - 1 = T thresholds, and its probabilities are made
from F and 1 - F at each of them, where F is the inverse link:

* cumulative: P(Y <= k) = F_k
* sratio (stopping ratio): P(Y = k | Y >= k) = F_k
* cratio (continuation ratio): P(Y > k | Y >= k) = F_k
* acat (adjacent categories): P(Y = k + 1 | Y in {k, k + 1}) = F_k

Densities take ``(log F, log(1 - F))`` of shape ``(..., T)``, so that one density serves every
link without cancellation (Buerkner & Vuorre 2019, doi:10.1177/2515245918823199, for the
models). Trailing NaN stands for thresholds that a row does not have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution
from hiermodel.families.numerics import Array, log_diff_exp

LogProbs = Callable[[Array, Array], Array]


def _pad(log_f: Array, log1m_f: Array, f: float, one_minus_f: float) -> tuple[Array, Array]:
    """Fill thresholds that a row does not have; a row that is NaN from the start stays NaN."""
    missing = np.isnan(log_f) & ~np.isnan(log_f[..., :1])
    return np.where(missing, f, log_f), np.where(missing, one_minus_f, log1m_f)


def _sums(x: Array) -> Array:
    """``0, x_1, x_1 + x_2, ...``: exclusive cumulative sums over the last axis."""
    zero = np.zeros((*x.shape[:-1], 1))
    return np.concatenate([zero, np.cumsum(x, axis=-1)], axis=-1)


def cumulative_log_probs(log_f: Array, log1m_f: Array) -> Array:
    """Log probabilities of all categories, shape (..., T + 1), of the cumulative model."""
    log_f, log1m_f = _pad(log_f, log1m_f, 0.0, -np.inf)
    low_f, high_f = log_f[..., :-1], log_f[..., 1:]
    low_c, high_c = log1m_f[..., :-1], log1m_f[..., 1:]
    # Differences of the smaller of the two tails lose no digits.
    middle = np.where(high_f < low_c, log_diff_exp(high_f, low_f), log_diff_exp(low_c, high_c))
    return np.concatenate([log_f[..., :1], middle, log1m_f[..., -1:]], axis=-1)


def sratio_log_probs(log_f: Array, log1m_f: Array) -> Array:
    """Log probabilities of all categories, shape (..., T + 1), of the stopping ratio model."""
    log_f, log1m_f = _pad(log_f, log1m_f, 0.0, -np.inf)
    zero = np.zeros((*log_f.shape[:-1], 1))
    return _sums(log1m_f) + np.concatenate([log_f, zero], axis=-1)


def cratio_log_probs(log_f: Array, log1m_f: Array) -> Array:
    """Log probabilities of all categories, shape (..., T + 1), of the continuation model."""
    return sratio_log_probs(log1m_f, log_f)


def acat_log_probs(log_f: Array, log1m_f: Array) -> Array:
    """Log probabilities of all categories, shape (..., T + 1), of adjacent categories."""
    log_f, log1m_f = _pad(log_f, log1m_f, -np.inf, 0.0)
    up = _sums(log_f)
    down = np.flip(_sums(np.flip(log1m_f, -1)), -1)
    scores = up + down
    return scores - special.logsumexp(scores, axis=-1, keepdims=True)


def categorical_log_probs(eta: Array) -> Array:
    """Log probabilities from linear predictors on the last axis."""
    return special.log_softmax(eta, axis=-1)


def hurdle_cumulative_log_probs(log_f: Array, log1m_f: Array, hu: Array) -> Array:
    """Log probabilities of categories 0, 1, ..., shape (..., T + 2); `hu` has shape (..., 1)."""
    with np.errstate(divide="ignore"):
        zero, above = np.log(hu), np.log1p(-hu) + cumulative_log_probs(log_f, log1m_f)
    shape = np.broadcast_shapes(zero.shape[:-1], above.shape[:-1])
    parts = [np.broadcast_to(part, (*shape, part.shape[-1])) for part in (zero, above)]
    return np.concatenate(parts, axis=-1)


def _pick(log_probs: Array, y: Array) -> Array:
    """Log probability of category `y` (1, 2, ...); -inf for a category there is not."""
    y = np.asarray(y)
    shape = np.broadcast_shapes(y.shape, log_probs.shape[:-1])
    count = log_probs.shape[-1]
    code = np.nan_to_num(np.broadcast_to(y, shape), nan=0).astype(np.int64) - 1
    good = (code >= 0) & (code < count)
    table = np.broadcast_to(log_probs, (*shape, count))
    picked = np.take_along_axis(table, np.where(good, code, 0)[..., None], axis=-1)[..., 0]
    return np.where(good, picked, np.where(np.isnan(picked), picked, -np.inf))


def _draw(rng: Generator, log_probs: Array) -> Array:
    """One category (1, 2, ...) per row of probabilities."""
    bounds = np.cumsum(np.exp(log_probs), axis=-1)
    # The last bound is 1 up to rounding; scaling makes it so for every row.
    u = rng.random(log_probs.shape[:-1]) * bounds[..., -1]
    return (u[..., None] >= bounds[..., :-1]).sum(axis=-1) + 1


def _distribution(
    name: str, log_probs: Callable[..., Array], *functions: str, first: int = 1
) -> Distribution:
    def log_prob(y: Array, *args: Array) -> Array:
        return _pick(log_probs(*args), np.asarray(y) + 1 - first)

    def random(rng: Generator, *args: Array) -> Array:
        return _draw(rng, log_probs(*args)) + first - 1

    return Distribution(
        name,
        discrete=True,
        log_prob=log_prob,
        random=random,
        vectorized=False,
        functions=functions,
    )


CUMULATIVE = _distribution("cumulative", cumulative_log_probs, "cumulative.stan")
HURDLE_CUMULATIVE = _distribution(
    "hurdle_cumulative",
    hurdle_cumulative_log_probs,
    "cumulative.stan",
    "hurdle_cumulative.stan",
    first=0,
)
SRATIO = _distribution("sratio", sratio_log_probs, "sratio.stan")
CRATIO = _distribution("cratio", cratio_log_probs, "cratio.stan")
ACAT = _distribution("acat", acat_log_probs, "acat.stan")
CATEGORICAL_LOGIT = _distribution("categorical_logit", categorical_log_probs)
