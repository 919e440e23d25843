"""SciPy's L-BFGS on a log density: uphill, past points where the density does not exist."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hiermodel.engines.base import LogDensity


class Point(NamedTuple):
    """A point with its log density and gradient."""

    q: np.ndarray
    lp: float
    gradient: np.ndarray


def point_at(density: LogDensity, q: np.ndarray) -> Point:
    """Evaluate a log density."""
    return Point(q, *density.value_and_grad(q))


def lbfgs(
    density: LogDensity,
    start: Point,
    *,
    memory: int = 30,
    tolerance: float = 1e-14,
    most: int = 2000,
) -> list[Point]:
    """Maximise a log density from a start of finite density.

    Parameters
    ----------
    density : LogDensity
    start : Point
    memory : int
        Pairs of steps and gradients that the optimiser remembers.
    tolerance : float
        Relative gain of a step at which it stops.
    most : int
        Steps at most.

    Returns
    -------
    list of Point
        The path, the start first; each point higher than the one before.
    """
    from scipy.optimize import minimize

    path = [start]
    seen: dict[bytes, Point] = {}

    def objective(q: np.ndarray) -> tuple[float, np.ndarray]:
        point = point_at(density, q.copy())
        if not (np.isfinite(point.lp) and np.isfinite(point.gradient).all()):
            # A wall: high enough to be refused, low enough for the line search to interpolate.
            return -path[-1].lp + 10 * (1 + abs(path[-1].lp)), np.zeros_like(q)
        seen[q.tobytes()] = point
        return -point.lp, -point.gradient

    def step(q: np.ndarray) -> None:
        point = seen.get(np.asarray(q).tobytes())
        if point is not None and point.lp > path[-1].lp:
            path.append(point)
        seen.clear()

    minimize(
        objective, start.q, jac=True, method="L-BFGS-B", callback=step,
        options={"maxiter": most, "maxfun": 3 * most, "maxcor": memory, "ftol": tolerance,
                 "gtol": 1e-8},
    )  # fmt: skip
    return path
