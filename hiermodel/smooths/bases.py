"""The bases by name, with their options."""

from __future__ import annotations

from collections.abc import Callable

from hiermodel.smooths.basis import Array, Basis
from hiermodel.smooths.bsplines import cyclic_p_spline, derivative_spline, p_spline
from hiermodel.smooths.cubic import cubic, cyclic_cubic
from hiermodel.smooths.duchon import duchon
from hiermodel.smooths.kriging import kriging
from hiermodel.smooths.limits import check_orders, check_size, checked_knots
from hiermodel.smooths.radial import DEFAULT_PLACES, Places
from hiermodel.smooths.thin_plate import thin_plate, thin_plate_and_design

Orders = tuple[float, ...]
Learner = Callable[[Array, int | None, Orders, Array | None], Basis]
# Of splines of distances, which have places in the stead of knots.
RadialLearner = Callable[[Array, int | None, Orders, Places], Basis]


def _thin_plate(x: Array, k: int | None, m: Orders, places: Places) -> Basis:
    return thin_plate(x, k, int(m[0]) if m else None, limit=places)


def _thin_plate_shrunk(x: Array, k: int | None, m: Orders, places: Places) -> Basis:
    return thin_plate(x, k, int(m[0]) if m else None, shrink=True, limit=places)


def _cubic(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return cubic(x[:, 0], k or 10, knots)


def _cubic_shrunk(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return cubic(x[:, 0], k or 10, knots, shrink=True)


def _cyclic(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    return cyclic_cubic(x[:, 0], k or 10, knots)


def _p_spline(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    degree, order = _degree_and_order(m, 1)
    return p_spline(x[:, 0], k or 10, degree, order, knots)


def _cyclic_p_spline(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    degree, order = _degree_and_order(m, 1)
    return cyclic_p_spline(x[:, 0], k or 10, degree, order, knots)


def _derivative_spline(x: Array, k: int | None, m: Orders, knots: Array | None) -> Basis:
    degree = int(m[0]) if m else 3
    order = int(m[1]) if len(m) > 1 else max(degree - 1, 0)
    return derivative_spline(x[:, 0], k or 10, degree, order, knots)


def _duchon(x: Array, k: int | None, m: Orders, places: Places) -> Basis:
    order, s = int(m[0]) if m else 2, m[1] if len(m) > 1 else 0.0
    return duchon(x, k, order, s, places)


def _kriging(x: Array, k: int | None, m: Orders, places: Places) -> Basis:
    kind = int(m[0]) if m else 3
    range_, power = m[1] if len(m) > 1 else None, m[2] if len(m) > 2 else 1.0
    return kriging(x, k, kind, range_, power, places)


def _degree_and_order(m: Orders, above: int) -> tuple[int, int]:
    """M = c(degree - 1, order of the differences); one number stands for both."""
    return (int(m[0]) if m else 2) + above, int(m[-1]) if m else 2


RADIAL: dict[str, RadialLearner] = {
    "tp": _thin_plate,
    "ts": _thin_plate_shrunk,
    "ds": _duchon,
    "gp": _kriging,
}
_KNOTTED: dict[str, Learner] = {
    "cr": _cubic,
    "cs": _cubic_shrunk,
    "cc": _cyclic,
    "ps": _p_spline,
    "cp": _cyclic_p_spline,
    "bs": _derivative_spline,
}
#: All names of `learn_basis`.
BASES = ("tp", "ts", *_KNOTTED, "ds", "gp")


def learn_basis(
    name: str, x: Array, k: int | None = None, m: Orders = (), knots: Array | None = None,
    places: Places = DEFAULT_PLACES,
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
        In place of those that the basis would choose; bases of distances have places instead.
    places : Places
        Which places bases of distances have.

    Raises
    ------
    ValueError
        The text says what cannot be.
    """
    if name in _KNOTTED and x.shape[1] > 1:
        raise ValueError(
            f'bs = "{name}" is for one covariate; for several use bs = "tp", or t2()'
        )
    check_orders(name, m, x.shape[1])
    check_size(x, k, name, m)
    if name in RADIAL:
        return RADIAL[name](x, k, m, places)
    if knots is not None:
        knots = checked_knots(name, x[:, 0], k or 10, m, knots)
    return _KNOTTED[name](x, k, m, knots)


def learn_with_design(
    name: str, x: Array, k: int | None = None, m: Orders = (), knots: Array | None = None,
    places: Places = DEFAULT_PLACES,
) -> tuple[Basis, Array]:
    """As `learn_basis`, with the functions at `x`, which thin plates know by then."""
    if name not in ("tp", "ts"):
        basis = learn_basis(name, x, k, m, knots, places)
        return basis, basis.design(x)
    check_orders(name, m, x.shape[1])
    check_size(x, k, name, m)
    return thin_plate_and_design(x, k, int(m[0]) if m else None, name == "ts", places)
