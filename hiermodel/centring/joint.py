"""How effects of several factors move together with coefficients and with each other.

Given the other parameters the posterior of effects and coefficients is nearly normal. Its precision
matrix tells how the mean of some of them changes with the others. Effects of the largest factors
are taken off first, jointly; then those of the smaller ones, one factor after the other, each given
the coefficients and the still smaller ones. What is left of each is then independent of the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hiermodel.centring.marginal_fit import inverse

Array = np.ndarray

# Slopes are guesses: a hundredth of what they remove may stay.
_TOLERANCE = 0.01
_STEPS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Precision:
    """Minus the Hessian of a log density, of which columns can be had.

    Attributes
    ----------
    dim : int
    times : callable
        Takes positions and numbers there (zero elsewhere), gives the product (dim,).
    inverse : callable
        An approximate solution for numbers at the positions of the largest factors.
    exact : bool
        Whether that solution is exact.
    """

    dim: int
    times: Callable[[Array, Array], Array]
    inverse: Callable[[Array], Array]
    exact: bool


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Change of the conditional means of `of` with the numbers at `along`: (of, along)."""

    of: Array
    along: Array
    values: Array


def joint_slopes(
    precision: Precision, large: Array, small: Sequence[tuple[Array, Array]], others: Array
) -> list[Slopes] | None:
    """Slopes of effects.

    Parameters
    ----------
    precision : Precision
    large : ndarray of int
        Positions of the effects of the largest factors.
    small : sequence of (ndarray of int, ndarray of bool)
        Positions of the effects of the other factors, the smallest one first, and which of them
        give way; they are given for what comes after them.
    others : ndarray of int
        Positions of what is given for all: coefficients, intercepts.

    Returns
    -------
    list of Slopes
        Of `large`, then of each of `small` from the first; None where the density has no finite
        curvature.
    """
    given = np.concatenate([others, *(at for at, _ in small)]).astype(int)
    columns = np.array([precision.times(given[[k]], np.ones(1)) for k in range(len(given))])
    columns = columns.reshape(len(given), precision.dim)
    first = np.zeros((len(large), len(given)))
    if len(large):
        for k, column in enumerate(columns):
            first[:, k] = -_solve(precision, large, column[large])
    left = columns[:, given] + columns[:, large] @ first
    left = (left + left.T) / 2
    if not (np.isfinite(first).all() and np.isfinite(left).all()):
        return None
    out = [Slopes(large, given, first)]
    stop = len(given)
    later = []
    for at, gives in reversed(small):
        start = stop - len(at)
        of, rest = np.arange(start, stop)[gives], np.arange(start)
        slopes = -inverse(left[np.ix_(of, of)]) @ left[np.ix_(of, rest)]
        later.append(Slopes(given[of], given[rest], slopes))
        left = left[np.ix_(rest, rest)] + left[np.ix_(rest, of)] @ slopes
        stop = start
    return out + later[::-1]


def _solve(precision: Precision, at: Array, right: Array) -> Array:
    """Conjugate gradients with a preconditioner (Hestenes & Stiefel 1952)."""
    x = precision.inverse(right)
    if precision.exact:
        return x
    residual = right - precision.times(at, x)[at]
    z = precision.inverse(residual)
    direction, size = z, float(residual @ z)
    enough = _TOLERANCE**2 * float(right @ precision.inverse(right))
    for _ in range(_STEPS):
        if not size > enough:
            break
        product = precision.times(at, direction)[at]
        length = size / float(direction @ product)
        x = x + length * direction
        residual = residual - length * product
        z = precision.inverse(residual)
        new = float(residual @ z)
        direction, size = z + new / size * direction, new
    return x
