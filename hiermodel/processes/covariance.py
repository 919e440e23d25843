"""Covariance functions of stationary processes, and their spectral densities.

With ``r`` the distance of two points, in units of the length scales (Rasmussen and Williams
2006, Gaussian Processes for Machine Learning, chapter 4):

=============  ============================================================
exp_quad       ``sd^2 exp(-r^2 / 2)``
matern52       ``sd^2 (1 + sqrt(5) r + 5 r^2 / 3) exp(-sqrt(5) r)``
matern32       ``sd^2 (1 + sqrt(3) r) exp(-sqrt(3) r)``
exponential    ``sd^2 exp(-r)``: Matern with smoothness 1/2
=============  ============================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import gammaln

Array = np.ndarray


# Of the squared distance: a root that is squared again costs digits, which the Cholesky factor of
# a nearly singular matrix needs.
def _exp_quad(squares: Array) -> Array:
    return np.asarray(np.exp(-0.5 * squares))


def _matern32(squares: Array) -> Array:
    scaled = np.sqrt(3.0 * squares)
    return np.asarray((1 + scaled) * np.exp(-scaled))


def _matern52(squares: Array) -> Array:
    scaled = np.sqrt(5.0 * squares)
    return np.asarray((1 + scaled + scaled**2 / 3) * np.exp(-scaled))


_CORRELATIONS: Mapping[str, Callable[[Array], Array]] = {
    "exp_quad": _exp_quad,
    "matern32": _matern32,
    "matern52": _matern52,
    "exponential": lambda squares: np.asarray(np.exp(-np.sqrt(squares))),
}
#: Smoothness of those that are Matern functions.
SMOOTHNESS: Mapping[str, float] = {"exponential": 0.5, "matern32": 1.5, "matern52": 2.5}
COVARIANCES = tuple(_CORRELATIONS)


def covariance(name: str, x: Array, y: Array, sd: Array, lscale: Array) -> Array:
    """Covariances between two sets of points.

    Parameters
    ----------
    name : str
        One of `COVARIANCES`.
    x : ndarray (n, dims)
    y : ndarray (m, dims)
    sd : ndarray (draws,)
        Standard deviations of the process.
    lscale : ndarray (draws, 1) or (draws, dims)
        Length scales, in the units of the points: one for all dimensions, or one for each.

    Returns
    -------
    ndarray (draws, n, m)

    Examples
    --------
    >>> x = np.array([[0.0], [1.0]])
    >>> covariance("exp_quad", x, x, np.array([2.0]), np.array([[1.0]])).round(3)
    array([[[4.   , 2.426],
            [2.426, 4.   ]]])
    """
    # One dimension at a time: differences of all at once would be dims times as large.
    total: Array = np.zeros((len(lscale), len(x), len(y)))
    if lscale.shape[1] == 1:
        squares: Array = np.zeros((len(x), len(y)))
        for d in range(x.shape[1]):
            squares = squares + (x[:, d, None] - y[None, :, d]) ** 2
        total = squares / lscale[:, :, None] ** 2
    else:
        for d in range(x.shape[1]):
            gaps = x[:, d, None] - y[None, :, d]
            total = total + (gaps / lscale[:, d, None, None]) ** 2
    return np.asarray(sd[:, None, None] ** 2 * _CORRELATIONS[name](total))


def spectral_density(name: str, omega: Array, sd: Array, lscale: Array) -> Array:
    """Spectral density of a covariance function at frequencies.

    Parameters
    ----------
    name : str
        One of `COVARIANCES`.
    omega : ndarray (frequencies, dims)
        Angular frequencies.
    sd : ndarray (draws,)
    lscale : ndarray (draws, 1) or (draws, dims)

    Returns
    -------
    ndarray (draws, frequencies)

    References
    ----------
    Rasmussen and Williams (2006), equations 4.11 and 4.15; with a length scale for each
    dimension their product takes the place of the power.

    Examples
    --------
    >>> omega, one = np.zeros((1, 1)), np.ones((1, 1))
    >>> spectral_density("exponential", omega, np.ones(1), one)  # the integral of exp(-|r|)
    array([[2.]])
    """
    dims = omega.shape[1]
    lscale = np.broadcast_to(lscale, (len(lscale), dims))
    volume = sd**2 * lscale.prod(axis=1)
    squares = lscale**2 @ (omega**2).T
    if name == "exp_quad":
        return np.asarray(volume[:, None] * (2 * np.pi) ** (dims / 2) * np.exp(-0.5 * squares))
    nu = SMOOTHNESS[name]
    log_constant = (
        dims * np.log(2.0) + dims / 2 * np.log(np.pi) + gammaln(nu + dims / 2) - gammaln(nu)
        + nu * np.log(2 * nu)
    )
    return np.asarray(
        volume[:, None] * np.exp(log_constant - (nu + dims / 2) * np.log(2 * nu + squares))
    )
