"""Pathfinder: normal approximations along the path of a quasi-Newton optimiser.

Zhang, Carpenter, Gelman and Vehtari (2022), "Pathfinder: Parallel quasi-Newton variational
inference", JMLR 23(306). At each point of an L-BFGS path the inverse Hessian that the last steps
imply gives a normal approximation; the one of the highest evidence lower bound is kept. Its
covariance is a diagonal plus a matrix of low rank, so that nothing of size dim x dim is formed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.lbfgs import Point, lbfgs, point_at

# Pairs of steps and gradients, and draws for each evidence lower bound. The paper takes 6 and 5;
# with 6 pairs correlated normals come out with half their sd, with 30 they are right.
_MEMORY = 30
_ELBO_DRAWS = 20
# Points of a path whose evidence lower bound is looked at: long paths are thinned to as many.
_LOOKED_AT = 50
# A pair of step and change of gradient counts when it shows curvature.
_CURVATURE = 1e-12
_TOLERANCE = 1e-11


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A normal of covariance ``diag(scale) (I + Q (L L' - I) Q') diag(scale)``.

    Attributes
    ----------
    mean, scale : ndarray (dim,)
    basis : ndarray (dim, r)
        Q, with orthonormal columns.
    factor : ndarray (r, r)
        L, lower triangular.
    """

    mean: np.ndarray
    scale: np.ndarray
    basis: np.ndarray
    factor: np.ndarray

    def draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Draw points ``(size, dim)``."""
        u = rng.standard_normal((size, len(self.mean)))
        inside = u @ self.basis
        shaped = u + (inside @ self.factor.T - inside) @ self.basis.T
        return np.asarray(self.mean + shaped * self.scale)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Log density at points ``(n, dim)``."""
        from scipy.linalg import solve_triangular

        y = (points - self.mean) / self.scale
        inside = y @ self.basis
        u = y + (solve_triangular(self.factor, inside.T, lower=True).T - inside) @ self.basis.T
        log_det = np.log(self.scale).sum() + np.log(np.diag(self.factor)).sum()
        constant = log_det + 0.5 * len(self.mean) * np.log(2 * np.pi)
        return np.asarray(-0.5 * np.square(u).sum(axis=1) - constant)


def pathfinder_points(
    density: LogDensity, starts: Iterable[np.ndarray], size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Run a path from each start and draw from the best approximation of each.

    The importance ratios are those of the mixture of the approximations, not of the one that a
    point was drawn from as in the paper: a point far out for its own path, but likely under
    another, has no large weight then (Veach and Guibas 1995, the balance heuristic).

    Parameters
    ----------
    density : LogDensity
    starts : iterable of ndarray
        Points of finite density.
    size : int
        Draws of each path.
    rng : numpy.random.Generator

    Returns
    -------
    points : ndarray (n, dim)
    lp, log_ratios : ndarray (n,)
        Log density at the points, and minus that of the mixture.

    None when no path has an approximation of finite evidence lower bound.
    """
    found = [best_on_path(density, point_at(density, start), rng) for start in starts]
    normals = [normal for normal in found if normal is not None]
    if not normals:
        return None
    points = np.concatenate([normal.draw(size, rng) for normal in normals])
    log_q = np.logaddexp.reduce([normal.log_density(points) for normal in normals])
    lp = _lp(density, points)
    return points, lp, lp - log_q


def best_on_path(density: LogDensity, start: Point, rng: np.random.Generator) -> Normal | None:
    """Follow L-BFGS from a start; the approximation of the highest evidence lower bound."""
    best: Normal | None = None
    highest = -np.inf
    for normal in approximations(lbfgs(density, start, memory=_MEMORY, tolerance=_TOLERANCE)):
        points = normal.draw(_ELBO_DRAWS, rng)
        elbo = float(np.mean(_lp(density, points) - normal.log_density(points)))
        if elbo > highest:
            best, highest = normal, elbo
    return best


def _lp(density: LogDensity, points: np.ndarray) -> np.ndarray:
    return np.array([density.value_and_grad(point)[0] for point in points])


def approximations(path: Sequence[Point]) -> Iterator[Normal]:
    """Normal approximations at the points of a path, from the second on."""
    if len(path) < 2:
        return
    diagonal = np.ones(len(path[0].q))
    steps: list[np.ndarray] = []
    changes: list[np.ndarray] = []
    every = -(-len(path) // _LOOKED_AT)
    for at, (before, point) in enumerate(pairwise(path)):
        s, z = point.q - before.q, before.gradient - point.gradient
        if s @ z > _CURVATURE * (z @ z):
            diagonal = _updated(diagonal, s, z)
            steps, changes = [*steps, s][-_MEMORY:], [*changes, z][-_MEMORY:]
        looked_at = at % every == 0 or point is path[-1]
        normal = _normal(point, diagonal, steps, changes) if looked_at else None
        if normal is not None:
            yield normal


def _updated(diagonal: np.ndarray, s: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Diagonal of the inverse Hessian after a step (Gilbert and Lemarechal 1989; paper, Alg. 3)."""
    a, b, c = z @ (diagonal * z), z @ s, s @ (s / diagonal)
    inverse = a / (b * diagonal) + z**2 / b - a * s**2 / (b * c * diagonal**2)
    return np.asarray(1 / inverse)


def _normal(
    point: Point, diagonal: np.ndarray, steps: list[np.ndarray], changes: list[np.ndarray]
) -> Normal | None:
    """Compact form of the BFGS inverse Hessian (Byrd, Nocedal and Schnabel 1994), factored."""
    scale = np.sqrt(diagonal)
    if not np.isfinite(scale).all() or (scale <= 0).any():
        return None
    dim = len(diagonal)
    if not steps:
        return Normal(
            point.q + diagonal * point.gradient, scale, np.zeros((dim, 0)), np.zeros((0, 0))
        )
    s, z = np.stack(steps, axis=1), np.stack(changes, axis=1)
    products = s.T @ z
    upper = np.triu(products)
    half = z * diagonal[:, np.newaxis]
    try:
        inverse = np.linalg.inv(upper)
        corner = inverse.T @ (np.diag(np.diag(products)) + z.T @ half) @ inverse
        middle = np.block([[corner, -inverse.T], [-inverse, np.zeros_like(upper)]])
        # Covariance = diag(scale) (I + W middle W') diag(scale); W = basis @ small.
        basis, small = np.linalg.qr(np.concatenate([s, half], axis=1) / scale[:, np.newaxis])
        inner = np.eye(basis.shape[1]) + small @ middle @ small.T
        factor = np.linalg.cholesky((inner + inner.T) / 2)
    except np.linalg.LinAlgError:
        return None
    move = point.gradient * scale
    moved = basis.T @ move
    mean = point.q + scale * (move + basis @ (factor @ (factor.T @ moved) - moved))
    good = np.isfinite(mean).all() and np.isfinite(factor).all()
    return Normal(mean, scale, basis, factor) if good else None
