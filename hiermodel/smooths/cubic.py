"""Cubic regression splines, natural and cyclic, whose coefficients are values at knots.

Wood (2017), Generalized additive models, 2nd edition, section 5.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve

from hiermodel.smooths.basis import Array, Penalty, shrunk


@dataclass(frozen=True, eq=False)
class Cubic:
    """A cubic spline through values at knots.

    Attributes
    ----------
    knots : ndarray (k,) or (k + 1,) when cyclic
    curvature : ndarray (len(knots), k)
        Second derivatives at the knots, from the coefficients.
    penalty : Penalty
    cyclic : bool
    """

    knots: Array
    curvature: Array
    penalty: Penalty
    cyclic: bool = False
    constrained: bool = True

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """Roughness: the integral of the squared second derivative."""
        return (self.penalty,)

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, 1); linear beyond the knots."""
        x = np.asarray(x, float)[:, 0]
        knots = self.knots
        if self.cyclic:
            x = knots[0] + np.mod(x - knots[0], knots[-1] - knots[0])
        inside = np.clip(x, knots[0], knots[-1])
        j = np.clip(np.searchsorted(knots, inside, side="right") - 1, 0, len(knots) - 2)
        h = (knots[j + 1] - knots[j])[:, None]
        left, right = (knots[j + 1] - inside)[:, None] / h, (inside - knots[j])[:, None] / h
        columns = np.arange(len(knots)) % self.curvature.shape[1]
        ends = np.eye(self.curvature.shape[1])[columns]
        low, high = self.curvature[j], self.curvature[j + 1]
        values: Array = left * ends[j] + right * ends[j + 1]
        values += (left**3 - left) * h**2 / 6 * low + (right**3 - right) * h**2 / 6 * high
        beyond = (x - inside)[:, None]
        if np.any(beyond):
            slope = (ends[j + 1] - ends[j]) / h
            slope += (1 - 3 * left**2) * h / 6 * low + (3 * right**2 - 1) * h / 6 * high
            values += beyond * slope
        return values


def spread_knots(x: Array, n: int) -> Array:
    """Knots at quantiles of the different values."""
    return np.quantile(np.unique(x), np.linspace(0, 1, n))


def cubic(x: Array, k: int = 10, knots: Array | None = None, shrink: bool = False) -> Cubic:
    """Learn a natural cubic regression spline; `shrink` penalises straight lines as well."""
    knots = spread_knots(x, k) if knots is None else np.sort(np.asarray(knots, float))
    k = len(knots)
    h = np.diff(knots)
    second = np.zeros((k - 2, k))
    at = np.arange(k - 2)
    second[at, at], second[at, at + 2] = 1 / h[:-1], 1 / h[1:]
    second[at, at + 1] = -1 / h[:-1] - 1 / h[1:]
    gram = np.diag((h[:-1] + h[1:]) / 3) + np.diag(h[1:-1] / 6, 1) + np.diag(h[1:-1] / 6, -1)
    inner = solve(gram, second, assume_a="pos")
    roughness = second.T @ inner
    penalty = Penalty((roughness + roughness.T) / 2, k - 2)
    curvature = np.vstack([np.zeros(k), inner, np.zeros(k)])
    return Cubic(knots, curvature, shrunk(penalty, falling=True) if shrink else penalty)


def cyclic_cubic(x: Array, k: int = 10, knots: Array | None = None) -> Cubic:
    """Learn a cubic spline that begins again where it ends: at the last of k knots."""
    knots = spread_knots(x, k) if knots is None else np.sort(np.asarray(knots, float))
    h = np.diff(knots)
    n = len(h)
    before = np.roll(h, 1)  # the interval that ends at each knot
    gram, second = np.zeros((n, n)), np.zeros((n, n))
    for i in range(n):
        last, following = (i - 1) % n, (i + 1) % n
        gram[i, i] += (before[i] + h[i]) / 3
        gram[i, last] += before[i] / 6
        gram[i, following] += h[i] / 6
        second[i, i] -= 1 / before[i] + 1 / h[i]
        second[i, last] += 1 / before[i]
        second[i, following] += 1 / h[i]
    inner = solve(gram, second, assume_a="sym")
    roughness = second.T @ inner
    penalty = Penalty((roughness + roughness.T) / 2, n - 1)
    return Cubic(knots, np.vstack([inner, inner[:1]]), penalty, cyclic=True)
