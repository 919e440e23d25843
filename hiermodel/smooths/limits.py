"""What orders, sizes and knots the bases can have; everything else is refused in words."""

from __future__ import annotations

import numpy as np

from hiermodel.errors import warn
from hiermodel.smooths.basis import Array

_THIN_PLATES = ("tp", "ts")
_CUBIC = ("cr", "cs", "cc")
_B_SPLINES = ("ps", "cp", "bs")


def check_size(x: Array, k: int | None, name: str = "tp", m: tuple[float, ...] = ()) -> None:
    """Refuse a number of functions that the rows or the basis cannot have.

    Parameters
    ----------
    x : ndarray (n, d)
    k : int or None
    name : str
        The basis.
    m : tuple of float
        Its orders, checked.

    Raises
    ------
    ValueError
        The text says what cannot be.
    """
    different = len(np.unique(x, axis=0))
    basis_size = k if k is not None else 10
    if different < 3:
        values = "value" if different == 1 else "values"
        raise ValueError(f"the covariates have only {different} different {values}")
    if (k is not None or x.shape[1] == 1) and basis_size > different:
        raise ValueError(
            f"k = {basis_size} functions for {different} different values of the covariates; "
            f"give a k of at most {different}"
        )
    if k is not None and k < 3:
        raise ValueError(f"k = {k} functions cannot make a curve; give at least 3")
    if name == "cc" and basis_size < 4:
        raise ValueError(f'k = {basis_size} is too small for bs = "cc"; give at least 4')
    if name in _B_SPLINES:
        degree = degree_of(name, m)
        if basis_size < degree + 1:
            raise ValueError(
                f'k = {basis_size} is too small for bs = "{name}" of degree {degree}; give at '
                f"least {degree + 1}"
            )
        order = int(m[-1]) if m and (name != "bs" or len(m) > 1) else 2
        if name != "bs" and order >= basis_size:
            raise ValueError(f"k = {basis_size} coefficients have no differences of order {order}")


def degree_of(name: str, m: tuple[float, ...]) -> int:
    """Degree of the B-splines of a basis: of ``bs`` it is the first number of m, else one more."""
    return int(m[0]) + (name != "bs") if m else 3


def check_orders(name: str, m: tuple[float, ...], d: int) -> None:
    """Refuse an m that the basis does not have.

    Parameters
    ----------
    name : str
        The basis.
    m : tuple of float
    d : int
        Number of covariates.

    Raises
    ------
    ValueError
        The text says which orders there are.

    Warns
    -----
    HiermodelWarning
        For an m of cubic regression splines, which have none.
    """
    if not m:
        return
    given = ", ".join(f"{v:g}" for v in m)
    whole = all(v == int(v) and v >= 0 for v in m)
    if name in _THIN_PLATES and (len(m) > 1 or not whole or 2 * m[0] <= d):
        raise ValueError(
            f'm of bs = "{name}" is the order of the derivatives that are penalised, one whole '
            f"number, here of at least {d // 2 + 1}, not {given}"
        )
    if name in _CUBIC and m != (2,):
        # As in mgcv, where m of t2() may be meant for other margins.
        warn(
            f'bs = "{name}" penalises second derivatives: m = {given} says nothing to it; take '
            'bs = "tp" or "bs" for other orders'
        )
    if name in ("ps", "cp") and (len(m) > 2 or not whole):
        raise ValueError(
            f'm of bs = "{name}" is c(degree - 1, order of the differences), whole numbers, not '
            f"{given}"
        )
    if name == "bs":
        if len(m) > 2:
            raise ValueError("several penalties, m of more than two numbers, are not built")
        if not whole or m[0] < 1 or (len(m) > 1 and m[1] > m[0]):
            raise ValueError(
                'm of bs = "bs" is c(degree, order of the derivative), whole numbers, the order '
                f"not above the degree; not {given}"
            )
    if name == "ds":
        order, s = m[0], m[1] if len(m) > 1 else 0.0
        fits = -d / 2 < s < d / 2 and order + s > d / 2
        if len(m) > 2 or order != int(order) or order < 1 or not fits:
            raise ValueError(
                f"m = c(order, s) needs a whole order from 1 on, |s| < {d}/2 and order + s > {d}/2"
            )
    if name == "gp":
        if m[0] != int(m[0]) or not 1 <= abs(m[0]) <= 5:
            raise ValueError("the first number of m chooses a correlation function, from 1 to 5")
        if len(m) > 3 or (len(m) > 2 and not 0 < m[2] <= 2):
            raise ValueError(
                "m is c(correlation function, range, power), with a power above 0 and up to 2, "
                f"not {given}"
            )


def checked_knots(name: str, x: Array, k: int, m: tuple[float, ...], knots: Array) -> Array:
    """All knots of a basis of one covariate from those that were given, sorted.

    Two are the ends of the range or of the period, also for B-splines.

    Parameters
    ----------
    name : str
    x : ndarray (n,)
    k : int
        Number of functions.
    m : tuple of float
    knots : ndarray

    Returns
    -------
    ndarray
        For B-splines of which only the ends are given, the ends.

    Raises
    ------
    ValueError
        For a wrong number of them; the text has the right one.
    """
    knots = np.sort(np.asarray(knots, float))
    again = knots[1:][np.diff(knots) == 0]
    if len(again):
        raise ValueError(f"the knots are different numbers, but {again[0]:g} is there twice")
    n, two = len(knots), "two, the ends of the period, or "
    if name in ("cr", "cs") and n != k:
        raise ValueError(
            f'{n} knots for k = {k} functions: bs = "{name}" has one knot for each; give {k} '
            "knots" + (f", or k = {n}" if n > 2 else "")
        )
    if name == "cc":
        if n not in (2, k):
            raise ValueError(f"{n} knots for k = {k}; give {two}{k}")
        knots = np.linspace(knots[0], knots[1], k) if n == 2 else knots
    if name == "cp":
        if n not in (2, k + 1):
            raise ValueError(f"{n} knots for k = {k}; give {two}{k + 1}")
        if not np.allclose(np.diff(knots), np.diff(knots).mean(), rtol=1e-6):
            raise ValueError('the knots of bs = "cp" are evenly spaced; give the two ends')
    if name in ("ps", "bs"):
        whole = k + degree_of(name, m) + 1
        if n not in (2, whole):
            raise ValueError(
                f"{n} knots for k = {k} B-splines of degree {degree_of(name, m)}; give two, the "
                f"ends of their range, or all {whole}, those beyond the data included"
            )
        if n == 2 and (knots[0] > x.min() or knots[1] < x.max()):
            raise ValueError(
                f"the range of the knots, {knots[0]:g} to {knots[1]:g}, does not hold the data, "
                f"{x.min():g} to {x.max():g}"
            )
    return knots
