"""The bases by name, with their options."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hiermodel.smooths.basis import Array, Basis
from hiermodel.smooths.bsplines import cyclic_p_spline, derivative_spline, p_spline
from hiermodel.smooths.cubic import cubic, cyclic_cubic
from hiermodel.smooths.duchon import duchon
from hiermodel.smooths.kriging import kriging
from hiermodel.smooths.thin_plate import thin_plate

Orders = tuple[float, ...]
Learner = Callable[[Array, int | None, Orders, Array | None], Basis]


def _thin_plate(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return thin_plate(x, k, int(m[0]) if m else None)


def _thin_plate_shrunk(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return thin_plate(x, k, int(m[0]) if m else None, shrink=True)


def _cubic(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return cubic(x[:, 0], k or 10, knots)


def _cubic_shrunk(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return cubic(x[:, 0], k or 10, knots, shrink=True)


def _cyclic(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return cyclic_cubic(x[:, 0], k or 10, _filled_knots(knots, k or 10))


def _p_spline(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    degree, order = _degree_and_order(m, 1)
    return p_spline(x[:, 0], k or 10, degree, order, knots)


def _cyclic_p_spline(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    degree, order = _degree_and_order(m, 1)
    return cyclic_p_spline(x[:, 0], k or 10, degree, order, knots)


def _derivative_spline(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    if len(m) > 2:
        raise ValueError("several penalties, m of more than two numbers, are not built")
    degree = int(m[0]) if m else 3
    order = int(m[1]) if len(m) > 1 else max(degree - 1, 0)
    return derivative_spline(x[:, 0], k or 10, degree, order, knots)


def _duchon(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    order, s = int(m[0]) if m else 2, m[1] if len(m) > 1 else 0.0
    d = x.shape[1]
    if not (-d / 2 < s < d / 2 and order + s > d / 2):
        raise ValueError(f"m = c(order, s) needs |s| < {d}/2 and order + s > {d}/2")
    return duchon(x, k, order, s)


def _kriging(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    kind = int(m[0]) if m else 3
    if not 1 <= abs(kind) <= 5:
        raise ValueError("the first number of m chooses a correlation function, from 1 to 5")
    return kriging(x, k, kind, m[1] if len(m) > 1 else None, m[2] if len(m) > 2 else 1.0)


def _degree_and_order(m: Orders, above: int) -> tuple[int, int]:
    """M = c(degree - 1, order of the differences); one number stands for both."""
    return (int(m[0]) if m else 2) + above, int(m[-1]) if m else 2


def _filled_knots(knots: Array | None, k: int) -> Array | None:
    """Two knots are the ends of the period."""
    if knots is not None and len(knots) == 2 and k > 2:
        return np.linspace(knots[0], knots[1], k)
    return knots


BASES: dict[str, Learner] = {
    "tp": _thin_plate,
    "ts": _thin_plate_shrunk,
    "cr": _cubic,
    "cs": _cubic_shrunk,
    "cc": _cyclic,
    "ps": _p_spline,
    "cp": _cyclic_p_spline,
    "bs": _derivative_spline,
    "ds": _duchon,
    "gp": _kriging,
}
_ONE_COVARIATE = ("cr", "cs", "cc", "ps", "cp", "bs")


def learn_basis(
    name: str, x: Array, k: int | None = None, m: Orders = (), knots: Array | None = None
) -> Basis:
    """Learn the basis of that name.

    Parameters
    ----------
    name : str
        One of `BASES`.
    x : ndarray (n, d)
    k : int, optional
        Number of functions, the constant included; each basis has a default.
    m : tuple of float
        Orders, as each basis reads them.
    knots : ndarray, optional
        In place of those that the basis would choose.

    Raises
    ------
    ValueError
        The text says what cannot be.
    """
    if name in _ONE_COVARIATE and x.shape[1] > 1:
        raise ValueError(
            f'bs = "{name}" is for one covariate; for several use bs = "tp", or t2()'
        )
    different = len(np.unique(x, axis=0))
    basis_size = k if k is not None else 10
    if different < 3:
        raise ValueError(f"the covariates have only {different} different values")
    if (k is not None or x.shape[1] == 1) and basis_size > different:
        raise ValueError(
            f"k = {basis_size} functions for {different} different values of the covariates; "
            f"give a k of at most {different}"
        )
    if k is not None and k < 3:
        raise ValueError(f"k = {k} functions cannot make a curve; give at least 3")
    return BASES[name](x, k, m, knots)
