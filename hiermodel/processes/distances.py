"""Smallest and largest distances among points, and the prior of length scales made of them."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainccinv, gammaincinv

Array = np.ndarray

# Up to so many points all distances are computed: 4.5 million.
_ALL_PAIRS = 3000
# The hull of points in more dimensions has too many corners to be of use.
_HULL_DIMS = 3
_BLOCK = 2000


def extent(x: Array) -> float:
    """The largest distance between two points; 0 for less than two.

    Parameters
    ----------
    x : ndarray (n, dims)

    Examples
    --------
    >>> extent(np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0]]))
    5.0
    """
    if len(x) < 2:
        return 0.0
    if x.shape[1] == 1:
        return float(np.ptp(x))
    from scipy.spatial import ConvexHull, QhullError  # slow to import, seldom needed
    from scipy.spatial.distance import cdist, pdist

    if len(x) > _ALL_PAIRS and x.shape[1] <= _HULL_DIMS:
        # The two points that lie farthest apart are corners of the convex hull.
        try:
            x = x[ConvexHull(x).vertices]
        except QhullError:
            pass  # all points lie on a line or a plane
    if len(x) <= _ALL_PAIRS:
        return float(pdist(x).max())
    starts = range(0, len(x), _BLOCK)
    return max(float(cdist(x[a : a + _BLOCK], x[a:]).max()) for a in starts)


def gap(x: Array) -> float:
    """The smallest distance between two different points; infinite for less than two.

    Parameters
    ----------
    x : ndarray (n, dims)

    Examples
    --------
    >>> gap(np.array([[0.0], [2.0], [2.0], [2.5]]))
    0.5
    """
    x = np.unique(x, axis=0)
    if len(x) < 2:
        return float("inf")
    if x.shape[1] == 1:
        return float(np.diff(x[:, 0]).min())
    from scipy.spatial import cKDTree  # slow to import, seldom needed

    return float(cKDTree(x).query(x, k=2)[0][:, 1].min())


def half_gap(x: Array) -> float:
    """Half the median of the distances to the nearest different point; 1 for less than two points.

    Parameters
    ----------
    x : ndarray (n, dims)

    Examples
    --------
    >>> half_gap(np.array([[0.0], [2.0], [4.0]]))
    1.0
    """
    x = np.unique(x, axis=0)
    if len(x) < 2:
        return 1.0
    from scipy.spatial import cKDTree  # slow to import, seldom needed

    return 0.5 * float(np.median(cKDTree(x).query(x, k=2)[0][:, 1]))


def length_scale_prior(low: float, high: float, tail: float = 0.01) -> tuple[float, float] | None:
    """The inverse gamma distribution with a given probability below `low` and above `high`.

    Length scales below the smallest and above the largest distance of the data are not told
    apart by them (Betancourt 2020, Robust Gaussian process modeling, section 3).

    Parameters
    ----------
    low, high : float
        The smallest and the largest distance. A `low` beneath a hundredth of `high` counts as
        that, or the density would be far too wide.
    tail : float
        Probability below and above.

    Returns
    -------
    (shape, scale) or None
        Rounded to six decimals; None where `low` is not below `high`, as with two points.

    Examples
    --------
    >>> length_scale_prior(1 / 9, 1)
    (5.032748, 1.294962)
    """
    low = max(low, 0.01 * high)
    if not 0 < low < high < np.inf:
        return None
    target = np.log(high / low)

    def excess(log_shape: float) -> float:
        shape = np.exp(log_shape)
        # 1 / X is a gamma variable: its quantiles are those of X, turned round.
        return float(np.log(gammainccinv(shape, tail) / gammaincinv(shape, tail)) - target)

    lower, upper = -2.0, 20.0
    if not np.isfinite(excess(upper)) or excess(lower) < 0 or excess(upper) > 0:
        return None
    from scipy.optimize import brentq  # slow to import, seldom needed

    shape = float(np.exp(brentq(excess, lower, upper, xtol=1e-13, rtol=1e-13)))
    return round(shape, 6), round(float(low * gammainccinv(shape, tail)), 6)
