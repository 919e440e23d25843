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
    from scipy.linalg import solve_triangular

    points, lp, approx = np.empty((draws, dim)), np.empty(draws), np.empty(draws)
    filled = 0
    for _ in range(_MAX_ROUNDS):
        z = rng.standard_normal((draws - filled, dim))
        drawn = centre + solve_triangular(factor.T, z.T, lower=False).T
        values = np.array([density.value_and_grad(point)[0] for point in drawn])
        good = np.isfinite(values)
        new = slice(filled, filled + int(good.sum()))
        points[new], lp[new] = drawn[good], values[good]
        approx[new] = -0.5 * np.square(z[good]).sum(axis=1)
        filled = new.stop
        if filled == draws:
            break
    if filled < draws:
        raise EngineError(
            "hardly any draw of the Laplace approximation has a finite log density; "
            'use algorithm="sampling" for this model'
        )
    return points, lp, lp - approx
