"""Laplace's approximation from gradients: the normal whose precision is minus the Hessian."""

from __future__ import annotations

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.modes import Mode, hessian, precision_factor
from hiermodel.errors import EngineError

# Beyond this the dense Hessian costs more than the sampling that it should replace.
_MAX_DIM = 5000
_MAX_ROUNDS = 20


def laplace_points(
    density: LogDensity, mode: Mode, draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw from the normal approximation at a mode.

    Parameters
    ----------
    density : LogDensity
    mode : Mode
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    points : ndarray
        ``(draws, dim)``, unconstrained. Points where the density cannot be evaluated are drawn
        anew, which changes the approximation by a constant factor only.
    lp : ndarray
        ``(draws,)`` log density at the points.
    log_ratios : ndarray
        ``(draws,)`` log density minus that of the approximation, up to a constant.

    Raises
    ------
    EngineError
        If minus the Hessian is not positive definite: the point is no maximum.
    """
    centre = mode.point.q
    dim = len(centre)
    if dim > _MAX_DIM:
        raise EngineError(
            f"the Laplace approximation needs a dense {dim} x {dim} Hessian; beyond {_MAX_DIM} "
            'parameters use algorithm="pathfinder" or algorithm="sampling"'
        )
    factor = precision_factor(hessian(density, centre))
    if factor is None or mode.curved is False:
        raise EngineError(
            "the Laplace approximation does not exist: at its mode the log density does not "
            "curve downwards in every direction, so that a parameter is left undetermined (flat "
            "priors with collinear or constant predictors, or too little data). Give proper "
            'priors, drop such predictors, or use algorithm="sampling"'
        )
    points, lp, approx = np.empty((draws, dim)), np.empty(draws), np.empty(draws)
    filled = 0
    for _ in range(_MAX_ROUNDS * draws):
        if filled == draws:
            break
        z = rng.standard_normal(dim)
        point = centre + np.linalg.solve(factor.T, z)
        value, _gradient = density.value_and_grad(point)
        if np.isfinite(value):
            points[filled], lp[filled], approx[filled] = point, value, -0.5 * z @ z
            filled += 1
    if filled < draws:
        raise EngineError(
            "hardly any draw of the Laplace approximation has a finite log density; "
            'use algorithm="sampling" for this model'
        )
    return points, lp, lp - approx
