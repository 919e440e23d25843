"""Probability mass between bounds, and means of truncated distributions.

Most means here use one identity: ``y f(y; a) = c f(y - s; a')`` for every density below, with
the same kind of density on both sides. So E[Y | lb <= Y <= ub] is ``c`` times a ratio of two
masses, which the log distribution functions give without cancellation.
"""

from __future__ import annotations

import numpy as np

from hiermodel.families.base import Distribution
from hiermodel.families.numerics import Array, log_diff_exp


def log_mass(dist: Distribution, lb: Array, ub: Array, *args: Array) -> Array:
    """Log of P(lb <= Y <= ub), computed in the smaller of the two tails.

    Parameters
    ----------
    dist : Distribution
        With `log_cdf` and `log_ccdf`.
    lb, ub : array
        Bounds, infinite for none. For a discrete Y the lower bound is inside.
    *args : array
        Arguments of the distribution.
    """
    assert dist.log_cdf is not None and dist.log_ccdf is not None
    low = np.asarray(lb) - 1 if dist.discrete else np.asarray(lb)
    return log_interval(dist, low, ub, *args)


def log_interval(dist: Distribution, low: Array, high: Array, *args: Array) -> Array:
    """Log of P(low < Y <= high)."""
    assert dist.log_cdf is not None and dist.log_ccdf is not None
    low, high = np.asarray(low, float), np.asarray(high, float)
    if np.all(np.isneginf(low)):
        return dist.log_cdf(high, *args)
    if np.all(np.isposinf(high)):
        return dist.log_ccdf(low, *args)
    cdf_high, ccdf_low = dist.log_cdf(high, *args), dist.log_ccdf(low, *args)
    lower = log_diff_exp(cdf_high, np.minimum(dist.log_cdf(low, *args), cdf_high))
    upper = log_diff_exp(ccdf_low, np.minimum(dist.log_ccdf(high, *args), ccdf_low))
    return np.where(cdf_high < ccdf_low, lower, upper)


def mass_ratio(numerator: Array, denominator: Array) -> Array:
    """``exp(numerator - denominator)`` of two log masses; NaN where both vanish."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.exp(np.asarray(numerator) - np.asarray(denominator))


def inside(mean: Array, lb: Array, ub: Array) -> Array:
    """Put a mean that lost its digits back between its bounds.

    Where there is no mass that numbers can hold, NaN becomes the bound that is finite: all
    the mass sits there.
    """
    lost = np.where(np.isfinite(lb), lb, ub)
    return np.clip(np.where(np.isnan(mean), lost, mean), lb, ub)
