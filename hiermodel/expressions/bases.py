"""Bases of functions of a number: orthogonal polynomials, B-splines, natural splines."""

from __future__ import annotations

import numpy as np

from hiermodel.expressions.context import Arguments
from hiermodel.expressions.stateful import complete
from hiermodel.expressions.values import Matrix

Array = np.ndarray
_CUBIC = 3


def _numbered(values: Array) -> Matrix:
    """Columns with their number behind the name; a single one needs none."""
    if values.shape[1] == 1:
        return Matrix(values, ("",))
    return Matrix(values, tuple(str(k + 1) for k in range(values.shape[1])))


def poly(a: Arguments) -> Matrix:
    """Polynomials that are orthonormal on the training data (or, with ``raw``, plain powers).

    The three-term recurrence of Kennedy & Gentle (1980, *Statistical Computing*, pp. 343-344),
    whose coefficients are what is learned.
    """
    degree = a.whole("degree", 1)
    if degree < 1:
        a.fail("degree of poly() must be at least 1", "degree")
    x = a.column("x")
    if a.flag("raw", False):
        return _numbered(x[:, None] ** np.arange(1, degree + 1))
    alpha, norm2 = a.context.remember(a.text, lambda: _learn_poly(a, degree))
    raw = _recurrence(x, alpha, norm2)
    return _numbered(raw[:, 1:] / np.sqrt(norm2[1 : degree + 1]))


def _learn_poly(a: Arguments, degree: int) -> tuple[Array, Array]:
    x = complete(a)
    unique = len(np.unique(x))
    if degree >= unique:
        a.fail(f"degree of poly() must be less than the number of different values, {unique}")
    alpha, norm2 = np.zeros(degree), np.ones(degree + 1)
    before, last = np.zeros_like(x), np.ones_like(x)
    norm2[0] = len(x)
    for k in range(degree):
        alpha[k] = np.sum(x * last**2) / norm2[k]
        ratio = norm2[k] / norm2[k - 1] if k else 0.0
        before, last = last, (x - alpha[k]) * last - ratio * before
        norm2[k + 1] = np.sum(last**2)
    return alpha, norm2


def _recurrence(x: Array, alpha: Array, norm2: Array) -> Array:
    out = np.ones((len(x), len(alpha) + 1))
    for k in range(len(alpha)):
        out[:, k + 1] = (x - alpha[k]) * out[:, k]
        if k:
            out[:, k + 1] -= norm2[k] / norm2[k - 1] * out[:, k - 1]
    return out


def _knots(a: Arguments, inner: int | None) -> tuple[Array, Array]:
    """Inner knots (given, or at quantiles of the values inside the boundary) and boundary."""
    x = complete(a)
    ends = np.sort(a.numbers("Boundary.knots")) if "Boundary.knots" in a else None
    if ends is not None and len(ends) != 2:
        a.fail("Boundary.knots must be two numbers", "Boundary.knots")
    boundary = np.array([x.min(), x.max()]) if ends is None else ends
    if boundary[0] == boundary[1]:
        a.fail("the variable does not vary, so that it has no spline basis", "x")
    if inner is None:
        knots = np.sort(a.numbers("knots")) if "knots" in a else np.zeros(0)
    else:
        inside = x[(x >= boundary[0]) & (x <= boundary[1])]
        knots = np.quantile(inside, np.linspace(0, 1, inner + 2)[1:-1])
    if len(knots) and (knots[0] <= boundary[0] or knots[-1] >= boundary[1]):
        a.fail(f"{a.text}: inner knots must lie between the boundary knots")
    return knots, boundary


def _all_knots(knots: Array, boundary: Array, degree: int) -> Array:
    ends = (np.repeat(boundary[0], degree + 1), np.repeat(boundary[1], degree + 1))
    return np.concatenate([ends[0], knots, ends[1]])


def _design(x: Array, knots: Array, degree: int, derivative: int = 0) -> Array:
    """All B-splines of a degree (de Boor 1978); the end pieces go on outside the knots."""
    count = len(knots) - degree - 1
    from scipy.interpolate import BSpline  # slow to import, seldom needed

    spline = BSpline(knots, np.eye(count), degree, extrapolate=True)
    values: Array = spline(x, nu=derivative)
    return values


def b_spline(a: Arguments) -> Matrix:
    """``bs(x, df=, knots=, degree=3, intercept=FALSE, Boundary.knots=)`` of R's splines."""
    degree, intercept = a.whole("degree", _CUBIC), a.flag("intercept", False)
    if degree < 1:
        a.fail("degree of bs() must be at least 1", "degree")
    inner = None
    if "df" in a and "knots" not in a:
        inner = a.whole("df", 0) - degree - int(intercept)
        if inner < 0:
            a.fail(f"df of bs() must be at least {degree + int(intercept)}", "df")
    knots, boundary = a.context.remember(a.text, lambda: _knots(a, inner))
    basis = _design(a.column("x"), _all_knots(knots, boundary, degree), degree)
    return _numbered(basis if intercept else basis[:, 1:])


def natural_spline(a: Arguments) -> Matrix:
    """``ns(x, df=, knots=, intercept=FALSE, Boundary.knots=)`` of R's splines.

    Cubic B-splines projected on the functions without second derivative at the boundary; they
    go on as straight lines outside of it.
    """
    intercept = a.flag("intercept", False)
    inner = None
    if "df" in a and "knots" not in a:
        inner = a.whole("df", 1) - 1 - int(intercept)
        if inner < 0:
            a.fail(f"df of ns() must be at least {1 + int(intercept)}", "df")
    knots, boundary = a.context.remember(a.text, lambda: _knots(a, inner))
    every = _all_knots(knots, boundary, _CUBIC)
    basis = _linear_outside(a.column("x"), every, boundary)
    second = _design(boundary, every, _CUBIC, derivative=2)
    if not intercept:
        basis, second = basis[:, 1:], second[:, 1:]
    q, _ = np.linalg.qr(second.T, mode="complete")
    return _numbered(basis @ q[:, 2:])


def _linear_outside(x: Array, knots: Array, boundary: Array) -> Array:
    basis = _design(np.clip(x, *boundary), knots, _CUBIC)
    slopes = _design(boundary, knots, _CUBIC, derivative=1)
    basis += np.minimum(x - boundary[0], 0.0)[:, None] * slopes[0]
    basis += np.maximum(x - boundary[1], 0.0)[:, None] * slopes[1]
    return basis
