"""A quick fit of the standard deviations of group-level effects, and the curvature at points.

Standard deviations maximise the likelihood with the effects integrated out, by the EM algorithm
with a normal approximation for the effects given the rest (penalised quasi-likelihood, Breslow &
Clayton 1993, JASA 88, 9-25). It costs some hundred gradients, and is good enough to guess how much
the data tell of each effect; nothing of it goes into results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.modes import gradient_along
from hiermodel.terms.group import GroupEffects

Array = np.ndarray

_ROUNDS, _FIRST, _STEPS = 20, 200, 40
_CONVERGED = 0.05
# A standard deviation changes by this factor in a round at most, on the log scale.
_LONGEST = 1.5


@dataclass(frozen=True, eq=False)
class Block:
    """Where the effects of a grouping factor stand in an unconstrained point.

    Attributes
    ----------
    groups : tuple of GroupEffects
        Their coefficients follow one another.
    z : ndarray of int (levels, coefs)
    sd : ndarray of int (coefs,)
    correlations : ndarray of int
    """

    groups: tuple[GroupEffects, ...]
    z: Array
    sd: Array
    correlations: Array

    def columns(self, group: GroupEffects) -> slice:
        """Which of the coefficients belong to one of its groups."""
        before = self.groups[: self.groups.index(group)]
        start = sum(len(g.coefs) for g in before)
        return slice(start, start + len(group.coefs))


class MarginalFit:
    """The log density of a model with standardised effects, seen from its blocks of effects.

    Parameters
    ----------
    density : LogDensity
    blocks : sequence of Block
    seed : int
    """

    def __init__(self, density: LogDensity, blocks: Sequence[Block], seed: int) -> None:
        self.density = density
        self.blocks = tuple(blocks)
        self.rng = np.random.default_rng(seed)

    def find(self, start: Array) -> Array | None:
        """Fit the standard deviations; the mode of the rest with them, or None without one."""
        q = start.copy()
        held = [i for block in self.blocks for i in (*block.sd, *block.correlations)]
        for block in self.blocks:
            q[block.correlations] = 0.0  # none
        free = np.setdiff1d(np.arange(len(q)), held)
        for k in range(_ROUNDS):
            q = self._climb(q, free, _STEPS if k else _FIRST)
            steps = [self._step(q, block) for block in self.blocks]
            if not all(np.isfinite(step).all() for step in steps):
                return None
            for block, step in zip(self.blocks, steps, strict=True):
                q[block.sd] += step
                q[block.z] *= np.exp(-step)  # the effects stay
            if max(np.abs(step).max() for step in steps) < _CONVERGED:
                break
        return self._climb(q, free, _STEPS)

    def covariance(self, points: Sequence[Array], block: Block) -> Array:
        """Posterior covariance of standardised effects given the rest, on average over points.

        (levels, coefs, coefs); the prior's is the identity. NaN where there is no curvature.
        """
        found = [inverse(self.precision(point, block)) for point in points]
        return np.asarray(np.mean(found, axis=0))

    def times(self, q: Array, at: Array, along: Array) -> Array:
        """Minus the Hessian at a point times a vector that is zero but for `at`."""
        longest = np.abs(along).max(initial=0.0) or 1.0
        return -longest * gradient_along(self.density, q, at, along / longest)

    def around(self, q: Array, block: Block, count: int) -> list[Array]:
        """Points with other effects: from the normal approximation at a point that `find` gave."""
        covariance = inverse(self.precision(q, block))
        if not np.isfinite(covariance).all():
            return [q]
        root, points = np.linalg.cholesky(covariance), []
        for _ in range(count):
            point = q.copy()
            noise = self.rng.standard_normal(block.z.shape)
            point[block.z] += np.einsum("lij,lj->li", root, noise)
            points.append(point)
        return points

    def _climb(self, q: Array, free: Array, most: int) -> Array:
        from scipy.optimize import minimize

        def objective(x: Array) -> tuple[float, Array]:
            point = q.copy()
            point[free] = x
            lp, gradient = self.density.value_and_grad(point)
            if not (np.isfinite(lp) and np.isfinite(gradient).all()):
                return 1e100, np.zeros_like(x)
            return -lp, -gradient[free]

        found = minimize(
            objective, q[free], jac=True, method="L-BFGS-B",
            options={"maxiter": most, "maxcor": 20},
        )
        out = q.copy()
        out[free] = found.x
        return out

    def _step(self, q: Array, block: Block) -> Array:
        """An EM step of the log standard deviations, made as long as EM is slow (Aitken)."""
        spread = np.einsum("lkk->lk", inverse(self.precision(q, block)))
        told = np.maximum(np.square(1 - spread).mean(axis=0), 0.05)
        step = 0.5 * np.log((q[block.z] ** 2 + spread).mean(axis=0)) / told
        return np.clip(step, -_LONGEST, _LONGEST)

    def precision(self, q: Array, block: Block) -> Array:
        """Minus the Hessian in the effects of each level, (levels, coefs, coefs).

        Given the other parameters the levels are independent, so that one difference of gradients
        serves all of them. Random signs make what is not independent (members of several levels)
        cancel on average.
        """
        levels, coefs = block.z.shape
        out = np.empty((levels, coefs, coefs))
        for k in range(coefs):
            signs = self.rng.choice([-1.0, 1.0], levels)
            change = gradient_along(self.density, q, block.z[:, k], signs)
            out[:, k] = -change[block.z] * signs[:, None]
        return (out + np.swapaxes(out, 1, 2)) / 2


def inverse(precision: Array) -> Array:
    """The inverse of precisions (..., n, n) that are never below the prior's, the identity."""
    if not np.isfinite(precision).all():
        return np.full_like(precision, np.nan)
    values, vectors = np.linalg.eigh(precision)
    scaled = np.asarray(vectors / np.maximum(values, 1.0)[..., None, :])
    return np.asarray(scaled @ np.swapaxes(vectors, -1, -2))
