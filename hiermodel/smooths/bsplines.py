"""B-splines: with differences of coefficients as roughness (P-splines), or with derivatives.

Eilers & Marx (1996), Flexible smoothing with B-splines and penalties, Stat. Sci. 11, 89-121;
Wood (2017), P-splines with derivative based penalties, Statistics and Computing 27, 985-989.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiermodel.smooths.basis import Array, Penalty

# Knots go beyond the data by this part of their range, so that all data are inside.
_MARGIN = 0.001


@dataclass(frozen=True, eq=False)
class BSplines:
    """B-splines of one covariate.

    Attributes
    ----------
    knots : ndarray
        All of them, those beyond the data included.
    degree : int
    penalty : Penalty
    cyclic : bool
    """

    knots: Array
    degree: int
    penalty: Penalty
    cyclic: bool = False
    constrained: bool = True

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """Roughness."""
        return (self.penalty,)

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, 1); linear beyond the inner knots."""
        x = np.asarray(x, float)[:, 0]
        low, high = self.knots[self.degree], self.knots[-self.degree - 1]
        if self.cyclic:
            values = self._values(low + np.mod(x - low, high - low))
            k = len(self.penalty.matrix)
            wrapped: Array = values[:, :k].copy()
            wrapped[:, : values.shape[1] - k] += values[:, k:]
            return wrapped
        inside = np.clip(x, low, high)
        values = self._values(inside)
        beyond = x - inside
        if np.any(beyond):
            values = values + beyond[:, None] * self._values(inside, derivative=1)
        return values

    def _values(self, x: Array, derivative: int = 0) -> Array:
        from scipy.interpolate import BSpline  # slow to import, seldom needed

        k = len(self.knots) - self.degree - 1
        spline = BSpline(self.knots, np.eye(k), self.degree)
        return np.asarray(spline(x, nu=derivative))


def _all_knots(x: Array, k: int, degree: int, knots: Array | None) -> Array:
    """Those given, or even ones over the range of the data or the one that is given."""
    if knots is not None and len(knots) > 2:
        return np.asarray(knots, float)
    return _even_knots(x if knots is None else knots, k - degree + 1, degree)


def _even_knots(x: Array, inner: int, degree: int) -> Array:
    low, high = float(np.min(x)), float(np.max(x))
    margin = _MARGIN * (high - low)
    low, high = low - margin, high + margin
    step = (high - low) / (inner - 1)
    return np.linspace(low - step * degree, high + step * degree, inner + 2 * degree)


def p_spline(
    x: Array, k: int = 10, degree: int = 3, order: int = 2, knots: Array | None = None
) -> BSplines:
    """Learn a P-spline: differences of some `order` of neighbouring coefficients are penalised."""
    knots = _all_knots(x, k, degree, knots)
    differences = np.diff(np.eye(k), order, axis=0)
    return BSplines(knots, degree, Penalty(differences.T @ differences, k - order))


def cyclic_p_spline(
    x: Array, k: int = 10, degree: int = 3, order: int = 2, knots: Array | None = None
) -> BSplines:
    """Learn a P-spline that begins again where it ends."""
    ends = (float(np.min(x)), float(np.max(x))) if knots is None else knots
    step = (ends[-1] - ends[0]) / k
    all_knots = np.linspace(ends[0] - step * degree, ends[-1] + step * degree, k + 1 + 2 * degree)
    differences = np.eye(k)
    for _ in range(order):
        differences = np.roll(differences, -1, axis=0) - differences
    rank = k - 1 if order else k
    return BSplines(all_knots, degree, Penalty(differences.T @ differences, rank), cyclic=True)


def derivative_spline(
    x: Array, k: int = 10, degree: int = 3, order: int = 2, knots: Array | None = None
) -> BSplines:
    """Learn B-splines whose roughness is the integral of a squared derivative."""
    from scipy.interpolate import BSpline

    knots = _all_knots(x, k, degree, knots)
    spline = BSpline(knots, np.eye(k), degree).derivative(order)
    inner = knots[degree : len(knots) - degree]
    # Products of polynomials of degree - order are integrated exactly by as many nodes.
    nodes, weights = np.polynomial.legendre.leggauss(degree - order + 1)
    half = np.diff(inner)[:, None] / 2
    places = (inner[:-1, None] + half + half * nodes).ravel()
    values = spline(places)
    roughness = values.T @ ((half * weights).ravel()[:, None] * values)
    return BSplines(knots, degree, Penalty((roughness + roughness.T) / 2, k - order))
