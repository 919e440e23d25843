"""Adaptive Gauss-Hermite quadrature over standard normal effects, for many integrals at once.

Nodes lie around the mode of each integrand, scaled by its curvature (Liu and Pierce 1994, A note on
Gauss-Hermite quadrature, Biometrika 81, 624-629; Pinheiro and Bates 1995, Journal of Computational
and Graphical Statistics 4, 12-35). With one node it is Laplace's approximation. An integrand is
given by its log without the normal density: a function of effects (s, levels, q), for s draws.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np

from hiermodel.terms.base import Array

Value = Callable[[Array], Array]

_MOST_STEPS, _HALVINGS = 40, 12
# Curvature of a bump of the integrand is at least this share of that of the prior.
_LEAST_CURVATURE = 0.05
# Where no rule settles (several modes), one effect is integrated on a grid of the whole prior.
_GRID = np.linspace(-8.0, 8.0, 321)


def modes(
    value: Value, start: Array, own: Array, step_size: Array, least_gain: float
) -> tuple[Array, Array]:
    """Modes of the integrands, by damped Newton steps.

    Parameters
    ----------
    value : callable
    start : ndarray (s, levels, q)
    own : ndarray (s, levels, q)
        Where to start instead when the likelihood is zero at `start`.
    step_size : ndarray (levels, q)
        Of the differences that give the derivatives.
    least_gain : float
        Rise of the log integrand that a further step promises, at which the search ends.

    Returns
    -------
    modes : ndarray (s, levels, q)
    precision : ndarray (s, levels, q, q)
        Minus the Hessians of the log integrands there, the normal density included.
    """
    def height(z: Array) -> Array:
        return value(z) - 0.5 * np.square(z).sum(axis=-1)

    z = np.where(np.isfinite(height(start))[..., None], start, own)
    f, gradient, precision = _derivatives(value, z, step_size)
    for _ in range(_MOST_STEPS):
        step = _solved(precision, gradient)
        gain = (gradient * step).sum(axis=-1)
        open_ = gain > least_gain
        if not open_.any():
            break
        step = np.where(open_[..., None], step, 0.0)
        moved = z.copy()
        for _ in range(_HALVINGS):
            higher = height(z + step)
            taken = open_ & (higher > f)
            moved[taken] = (z + step)[taken]
            open_ = open_ & ~taken
            if not open_.any():
                break
            step = np.where(open_[..., None], step / 2, step)
        if np.array_equal(moved, z):
            break
        z = moved
        f, gradient, precision = _derivatives(value, z, step_size)
    return z, precision


def _solved(precision: Array, gradient: Array) -> Array:
    """The Newton step; LAPACK is slow for matrices of one number."""
    if precision.shape[-1] == 1:
        return gradient / precision[..., 0]
    step: Array = np.linalg.solve(precision, gradient[..., None])[..., 0]
    return step


def _derivatives(value: Value, z: Array, step: Array) -> tuple[Array, Array, Array]:
    """Log integrand, its gradient and minus its Hessian by central differences.

    The prior's part is exact: minus z, and the identity.
    """
    q = z.shape[-1]
    middle = value(z)
    unit = np.eye(q) * step[..., None, :]  # (levels, q, q): row j moves effect j
    up = [value(z + unit[:, j]) for j in range(q)]
    down = [value(z - unit[:, j]) for j in range(q)]
    gradient = np.empty(z.shape)
    hessian = np.empty((*z.shape, q))
    with np.errstate(invalid="ignore"):
        for j in range(q):
            gradient[..., j] = (up[j] - down[j]) / (2 * step[:, j])
            hessian[..., j, j] = (up[j] - 2 * middle + down[j]) / step[:, j] ** 2
        for j, k in product(range(q), repeat=2):
            if j < k:
                both = value(z + unit[:, j] + unit[:, k]) + value(z - unit[:, j] - unit[:, k])
                mixed = both - up[j] - up[k] - down[j] - down[k] + 2 * middle
                mixed = mixed / (2 * step[:, j] * step[:, k])
                hessian[..., j, k] = hessian[..., k, j] = mixed
    good = np.isfinite(gradient).all(axis=-1) & np.isfinite(hessian).all(axis=(-1, -2))
    bad = np.asarray(~good)
    gradient[bad], hessian[bad] = 0.0, 0.0
    height = middle - 0.5 * np.square(z).sum(axis=-1)
    return height, np.where(bad[..., None], 0.0, gradient - z), _at_least(np.eye(q) - hessian)


def _at_least(precision: Array) -> Array:
    """The matrices with eigenvalues raised to the least curvature, where they are lower."""
    if precision.shape[-1] == 1:
        return np.maximum(precision, _LEAST_CURVATURE)
    values, vectors = np.linalg.eigh(precision)
    low = values[..., 0] < _LEAST_CURVATURE
    if low.any():
        raised = np.maximum(values[low], _LEAST_CURVATURE)
        precision = precision.copy()
        precision[low] = np.einsum("nij,nj,nkj->nik", vectors[low], raised, vectors[low])
    return precision


def quadrature(value: Value, mode: Array, precision: Array, count: int) -> Array:
    """Log of the integrals (s, levels), with `count` nodes per effect around the modes."""
    q = mode.shape[-1]
    points, weights = np.polynomial.hermite.hermgauss(count)
    # The inverse of the transposed factor of the precision is a factor of the covariance.
    if q == 1:
        factor = np.sqrt(precision)
        scale = 1.0 / factor
    else:
        factor = np.linalg.cholesky(precision)
        scale = np.linalg.inv(np.swapaxes(factor, -1, -2))
    log_determinant = -np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    total: Array | None = None
    for at in product(range(count), repeat=q):
        t = points[list(at)]
        z = mode + np.sqrt(2.0) * (scale @ t)
        term = value(z) - 0.5 * np.square(z).sum(axis=-1)
        term = term + np.log(weights[list(at)]).sum() + t @ t
        total = term if total is None else np.logaddexp(total, term)
    assert total is not None
    # Of the change of variables 2^(q/2), of the normal density (2 pi)^(-q/2).
    out: Array = total + log_determinant - 0.5 * q * np.log(np.pi)
    return out


def grid(value: Value, draws: int, levels: int) -> tuple[Array, Array]:
    """Log of integrals over one effect on a grid of the whole prior, and their errors.

    Both (draws, levels): the trapezoidal rule, and its difference from that on every other point.
    """
    heights = np.stack([value(np.full((draws, levels, 1), z)) - 0.5 * z**2 for z in _GRID])
    constant = np.log(_GRID[1] - _GRID[0]) - 0.5 * np.log(2 * np.pi)
    fine = np.logaddexp.reduce(heights) + constant
    coarse = np.logaddexp.reduce(heights[::2]) + constant + np.log(2.0)
    return fine, np.abs(fine - coarse)
