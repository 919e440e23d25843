"""Point estimates, errors and quantiles of draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hiermodel.arguments import flag, probabilities

PROBS = (0.025, 0.975)

# Makes the median absolute deviation of a normal sample estimate its standard deviation.
MAD_SCALE = 1.4826


def quantile_name(prob: float) -> str:
    """Return the name of a quantile's column, ``Q2.5`` for 0.025."""
    return f"Q{100 * prob:.10g}"


def statistic_names(probs: Sequence[float] = PROBS) -> list[str]:
    """Return the columns of a table: ``Estimate``, ``Est.Error`` and the quantiles."""
    return ["Estimate", "Est.Error", *(quantile_name(p) for p in probabilities("probs", probs))]


def describe(
    draws: np.ndarray, probs: Sequence[float] = PROBS, robust: bool = False
) -> np.ndarray:
    """Summarise columns of draws.

    Parameters
    ----------
    draws : ndarray (S, K)
    probs : sequence of float
        Quantiles, each in [0, 1]; linear interpolation (type 7 of Hyndman and Fan, 1996).
    robust : bool
        Median and median absolute deviation (times 1.4826) instead of mean and standard
        deviation.

    Returns
    -------
    ndarray (K, 2 + len(probs))
        Of a single draw only the estimate; the rest is NaN.

    Raises
    ------
    ArgumentError
        A prob outside [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> from hiermodel.summary.statistics import describe
    >>> describe(np.array([[1.0], [2.0], [3.0]]), probs=(0.5,)).tolist()
    [[2.0, 1.0, 2.0]]
    """
    probs, robust = probabilities("probs", probs), flag("robust", robust)
    draws = np.asarray(draws, dtype=float)
    if draws.shape[1] == 0:
        return np.empty((0, 2 + len(probs)))
    # Infinite draws give infinite centres and missing errors, which need no warning.
    with np.errstate(invalid="ignore"):
        if robust:
            centre = np.median(draws, axis=0)
            error = MAD_SCALE * np.median(np.abs(draws - centre), axis=0)
        else:
            centre = draws.mean(axis=0)
            several = len(draws) > 1
            error = draws.std(axis=0, ddof=1) if several else np.full(len(centre), np.nan)
    if len(draws) == 1:
        # A single point has no spread: no error, and no interval of width zero.
        return np.column_stack([draws[0], np.full((len(centre), 1 + len(probs)), np.nan)])
    # One sort serves all quantiles; np.quantile would partition column by column.
    quantiles = _sorted_quantiles(np.sort(draws, axis=0), probs)
    return np.column_stack([centre, error, *quantiles])


def _sorted_quantiles(ordered: np.ndarray, probs: Sequence[float]) -> list[np.ndarray]:
    last = len(ordered) - 1
    out = []
    for prob in probs:
        position = prob * last
        low = int(np.floor(position))
        high = min(low + 1, last)
        weight = position - low
        # Both ends infinite, or nothing to interpolate: keep the value itself.
        out.append(
            ordered[low] if weight == 0 else ordered[low] * (1 - weight) + ordered[high] * weight
        )
    return out
