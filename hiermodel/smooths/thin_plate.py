"""Thin plate regression splines, in any number of dimensions.

Wood (2003), Thin plate regression splines, JRSS B 65, 95-114. The radial functions of all (unique)
places are replaced by those combinations that the truncated eigen-decomposition of their matrix
keeps, which is the best basis of that size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial, reduce
from math import comb, factorial, gamma, pi

import numpy as np

from hiermodel.smooths.basis import Array, Penalty, shrunk
from hiermodel.smooths.radial import (
    DEFAULT_PLACES,
    Places,
    distances,
    largest_eigen,
    null_powers,
    polynomials,
    radial_columns,
)
from hiermodel.smooths.remembered import Memory


class Pieces:
    """Radial functions of one covariate: polynomials between places, lower ones outside.

    Parameters
    ----------
    places : ndarray (u, 1)
    weights : ndarray (u, columns)
    order : int
    """

    def __init__(self, places: Array, weights: Array, order: int) -> None:
        from scipy.interpolate import BPoly  # slow to import, seldom needed

        gap = places - places.T
        size, sign = np.abs(gap), np.sign(gap)
        constant = float(energy(np.ones(1), order, 1)[0])
        ends = []
        for i in range(order):
            # The i-th derivative of |x|^(2 order - 1).
            parts = [size] * (2 * order - 1 - i) + ([sign] if i % 2 else [])
            ends.append(constant * (reduce(np.multiply, parts) @ weights))
            constant *= 2 * order - 1 - i
        self.places, self.ends = places[:, 0], np.stack(ends, axis=1)
        self.inside = BPoly.from_derivatives(self.places, self.ends)

    def __call__(self, x: Array) -> Array:
        """Values, (n, columns)."""
        places, ends = self.places, self.ends
        values = np.asarray(self.inside(np.clip(x, places[0], places[-1])))
        for end, beyond in ((0, x < places[0]), (-1, x > places[-1])):
            step = (x[beyond] - places[end])[:, None]
            values[beyond] = sum(
                ends[end, i] * step**i / factorial(i) for i in range(ends.shape[1])
            )
        return values


@dataclass(frozen=True, eq=False)
class ThinPlate:
    """A thin plate regression spline.

    Attributes
    ----------
    places : ndarray (u, d)
        Centred places of the radial functions.
    shift : ndarray (d,)
        What covariates are centred by.
    order : int
        m, the order of the derivatives in the roughness.
    weights : ndarray (u, k - M)
        Coefficients of the radial functions in those of the basis.
    scales : ndarray (k,)
        Root mean squares that the functions were divided by.
    penalty : Penalty
    pieces : Pieces, optional
        The radial functions of one covariate in a form that is quicker to compute.
    memory : Memory
        Designs that were computed already.
    """

    places: Array
    shift: Array
    order: int
    weights: Array
    scales: Array
    penalty: Penalty
    pieces: Pieces | None = None
    constrained: bool = True
    memory: Memory = field(default_factory=Memory, init=False, repr=False)

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """Roughness: the integral of all squared derivatives of order m."""
        return (self.penalty,)

    @cached_property
    def powers(self) -> tuple[tuple[int, ...], ...]:
        """Powers of the polynomials that are not rough."""
        return null_powers(self.order, len(self.shift))

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, d)."""
        x = np.asarray(x, float)
        if self.pieces is not None:
            return self._design(x)
        return self.memory.values(x, len(x) * len(self.places), self._design)

    def _design(self, x: Array) -> Array:
        centred = x - self.shift
        d = len(self.shift)
        if self.pieces is not None:
            radial = self.pieces(centred[:, 0])
        else:
            power = 2 * self.order - d
            radial = radial_columns(
                partial(power_of_squares, power=power), centred, self.places,
                energy_factor(self.order, d) * self.weights, by_product=power >= 2,
            )
        return np.column_stack([radial, polynomials(centred, self.powers)]) / self.scales


def default_order(d: int) -> int:
    """The smallest order m with 2 m > d + 1, which makes the spline visibly smooth."""
    return (d + 1) // 2 + 1


def thin_plate(
    x: Array, k: int | None = None, order: int | None = None, shrink: bool = False,
    limit: Places = DEFAULT_PLACES,
) -> ThinPlate:
    """Learn a thin plate regression spline; see `thin_plate_and_design`."""
    return thin_plate_and_design(x, k, order, shrink, limit)[0]


def thin_plate_and_design(
    x: Array, k: int | None = None, order: int | None = None, shrink: bool = False,
    limit: Places = DEFAULT_PLACES,
) -> tuple[ThinPlate, Array]:
    """Learn a thin plate regression spline, and compute its functions at the data.

    Parameters
    ----------
    x : ndarray (n, d)
    k : int, optional
        Number of functions, the constant included.
    order : int, optional
    shrink : bool
        Penalise the null space as well.
    limit : Places
        How many places the radial functions have at most.

    Returns
    -------
    ThinPlate
    ndarray (n, k)
        Its design at `x`.
    """
    x = np.asarray(x, float)
    d = x.shape[1]
    order = default_order(d) if order is None else order
    null = comb(order + d - 1, d)
    k = null + {1: 8, 2: 27}.get(d, 100) if k is None else k
    shift = x.mean(axis=0)
    places = limit.around(x, shift, k)
    values, vectors = largest_eigen(energy(distances(places, places), order, d), k)
    powers = null_powers(order, d)
    free = reflected_null_space(polynomials(places, powers).T @ vectors)
    weights = vectors @ free
    roughness = np.zeros((k, k))
    roughness[: k - null, : k - null] = free.T @ (values[:, None] * free)
    pieces = Pieces(places, weights, order) if d == 1 and len(places) > 1 else None
    rough = Penalty(roughness, k - null)
    plain = ThinPlate(places, shift, order, weights, np.ones(k), rough, pieces)
    design = plain.design(x)
    scales = np.sqrt(np.square(design).mean(axis=0))
    scaled = roughness / np.outer(scales, scales)
    penalty = Penalty((scaled + scaled.T) / 2, k - null)
    made = replace(plain, scales=scales, penalty=shrunk(penalty) if shrink else penalty)
    design = design / scales
    if pieces is None:
        made.memory.keep(x, len(x) * len(places), design)
    return made, design


def energy(r: Array, order: int, d: int) -> Array:
    """Radial functions of thin plate splines at distances (Wood 2003, equation 3)."""
    return energy_factor(order, d) * power_of_squares(r * r, 2 * order - d)


def energy_factor(order: int, d: int) -> float:
    """What `power_of_squares` is multiplied with in them."""
    if d % 2:
        return gamma(d / 2 - order) / (2 ** (2 * order) * pi ** (d / 2) * factorial(order - 1))
    sign = -1 if (order + 1 + d // 2) % 2 else 1
    below = 2 ** (2 * order - 1) * pi ** (d / 2) * factorial(order - 1) * factorial(order - d // 2)
    return sign / below


def power_of_squares(squared: Array, power: int) -> Array:
    """``r^p``, and ``r^p log r`` with even p, of squared distances."""
    out: Array
    if power % 2:
        out = np.sqrt(squared)
        return out if power == 1 else np.multiply(out, squared ** (power // 2), out=out)
    # It is zero at zero.
    out = squared + np.finfo(float).tiny
    np.log(out, out=out)
    out *= squared if power == 2 else squared ** (power // 2)
    out *= 0.5
    return out


def reflected_null_space(rows: Array) -> Array:
    """An orthogonal basis (k, k - M) of what `rows` (M, k) maps to zero.

    Householder reflections leave the last entries of each row. Any basis spans the same functions,
    but the norms by which penalties are scaled depend on this choice.
    """
    rows = rows.copy()
    m, k = rows.shape
    basis = np.eye(k)
    for i in range(m):
        last = k - i - 1
        u = np.zeros(k)
        u[: last + 1] = rows[i, : last + 1]
        length = np.linalg.norm(u)
        u[last] += -length if u[last] < 0 else length
        u *= np.sqrt(2) / np.linalg.norm(u)
        rows -= np.outer(rows @ u, u)
        basis -= np.outer(basis @ u, u)
    return basis[:, : k - m]
