"""Laplace's approximation from gradients: the normal whose precision is minus the Hessian."""

from __future__ import annotations

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.errors import EngineError

# Beyond this the dense Hessian costs more than the sampling that it should replace.
_MAX_DIM = 5000
_MAX_ROUNDS = 20


def hessian(density: LogDensity, q: np.ndarray) -> np.ndarray:
    """Hessian of a log density by central differences of its gradient.

    Parameters
    ----------
    density : LogDensity
    q : ndarray
        Point ``(dim,)`` on the unconstrained scale.

    Returns
    -------
    ndarray
        ``(dim, dim)``, symmetric. Step ``eps**(1/3) * max(1, |q|)``, error of order 1e-10.
    """
    dim = len(q)
    out = np.empty((dim, dim))
    steps = np.finfo(float).eps ** (1 / 3) * np.maximum(1.0, np.abs(q))
    for i, step in enumerate(steps):
        up, down = q.copy(), q.copy()
        up[i] += step
        down[i] -= step
        difference = density.value_and_grad(up)[1] - density.value_and_grad(down)[1]
        out[i] = difference / (up[i] - down[i])
    return (out + out.T) / 2


def laplace_points(
    density: LogDensity, mode: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw from the normal approximation at a mode.

    Parameters
    ----------
    density : LogDensity
    mode : ndarray
        ``(dim,)``.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    points : ndarray
        ``(draws, dim)``, unconstrained. Points where the density cannot be evaluated are drawn
        anew, which changes the approximation by a constant factor only.
    lp : ndarray
        ``(draws,)`` log density at the points.
    log_weights : ndarray
        ``(draws,)`` log density minus that of the approximation, up to a constant.

    Raises
    ------
    EngineError
        If minus the Hessian is not positive definite: the point is no maximum.
    """
    dim = len(mode)
    if dim > _MAX_DIM:
        raise EngineError(
            f"the Laplace approximation needs a dense {dim} x {dim} Hessian; beyond {_MAX_DIM} "
            "parameters use pathfinder() or sample()"
        )
    factor = _precision_factor(hessian(density, mode))
    points, lp, approx = np.empty((draws, dim)), np.empty(draws), np.empty(draws)
    filled = 0
    for _ in range(_MAX_ROUNDS * draws):
        if filled == draws:
            break
        z = rng.standard_normal(dim)
        point = mode + np.linalg.solve(factor.T, z)
        value, _gradient = density.value_and_grad(point)
        if np.isfinite(value):
            points[filled], lp[filled], approx[filled] = point, value, -0.5 * z @ z
            filled += 1
    if filled < draws:
        raise EngineError(
            "hardly any draw of the Laplace approximation has a finite log density; "
            "sample() this model instead"
        )
    return points, lp, lp - approx


def _precision_factor(matrix: np.ndarray) -> np.ndarray:
    try:
        if not np.isfinite(matrix).all():
            raise np.linalg.LinAlgError
        return np.linalg.cholesky(-matrix)
    except np.linalg.LinAlgError:
        raise EngineError(
            "the Laplace approximation does not exist: the log density is not curved downwards "
            "in every direction at the mode (flat priors or too little data leave a parameter "
            "undetermined). Give it a proper prior, or sample()"
        ) from None
