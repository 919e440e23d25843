"""Thin plate regression splines, in any number of dimensions.

Wood (2003), Thin plate regression splines, JRSS B 65, 95-114. The radial functions of all (unique)
places are replaced by those combinations that the truncated eigen-decomposition of their matrix
keeps, which is the best basis of that size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import comb, factorial, gamma, pi

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import cdist

from hiermodel.smooths.basis import Array, Penalty, shrunk

# More places than this are thinned out: the matrix of their distances is square.
_MOST_PLACES = 2000
# Up to this size all eigenvectors are computed, beyond it only those that are kept.
_DENSE = 400
_CHUNK = 4_000_000


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
    """

    places: Array
    shift: Array
    order: int
    weights: Array
    scales: Array
    penalty: Penalty
    constrained: bool = True

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
        centred = np.asarray(x, float) - self.shift
        out = np.empty((len(centred), len(self.scales)))
        step = max(1, _CHUNK // len(self.places))
        radial = self.weights.shape[1]
        for start in range(0, len(centred), step):
            at = slice(start, start + step)
            out[at, :radial] = radial_matrix(centred[at], self.places, self.order) @ self.weights
        out[:, radial:] = polynomials(centred, self.powers)
        return out / self.scales


def default_order(d: int) -> int:
    """The smallest order m with 2 m > d + 1, which makes the spline visibly smooth."""
    return (d + 1) // 2 + 1


def thin_plate(
    x: Array, k: int | None = None, order: int | None = None, shrink: bool = False
) -> ThinPlate:
    """Learn a thin plate regression spline.

    Parameters
    ----------
    x : ndarray (n, d)
    k : int, optional
        Number of functions, the constant included.
    order : int, optional
    shrink : bool
        Penalise the null space as well.
    """
    x = np.asarray(x, float)
    d = x.shape[1]
    order = default_order(d) if order is None else order
    null = comb(order + d - 1, d)
    k = null + {1: 8, 2: 27}.get(d, 100) if k is None else k
    shift = x.mean(axis=0)
    unique, inverse = np.unique(x - shift, axis=0, return_inverse=True)
    places = _thinned(unique)
    distances = radial_matrix(places, places, order)
    values, vectors = largest_eigen(distances, k)
    powers = null_powers(order, d)
    free = reflected_null_space(polynomials(places, powers).T @ vectors)
    weights = vectors @ free
    roughness = np.zeros((k, k))
    roughness[: k - null, : k - null] = free.T @ (values[:, None] * free)
    plain = ThinPlate(places, shift, order, weights, np.ones(k), Penalty(roughness, k - null))
    at_unique = plain.design(unique + shift)
    counts = np.bincount(inverse.ravel(), minlength=len(unique))
    scales = np.sqrt(counts @ at_unique**2 / len(x))
    scaled = roughness / np.outer(scales, scales)
    penalty = Penalty((scaled + scaled.T) / 2, k - null)
    return ThinPlate(places, shift, order, weights, scales, shrunk(penalty) if shrink else penalty)


def _thinned(unique: Array) -> Array:
    """At most so many places: evenly spread in one dimension, at random (but fixed) in more."""
    if len(unique) <= _MOST_PLACES:
        return unique
    if unique.shape[1] == 1:
        chosen = np.linspace(0, len(unique) - 1, _MOST_PLACES).round().astype(int)
    else:
        chosen = np.sort(np.random.default_rng(1).permutation(len(unique))[:_MOST_PLACES])
    return unique[chosen]


def null_powers(order: int, d: int) -> tuple[tuple[int, ...], ...]:
    """Powers of the polynomials of a degree below `order`; the first covariate goes fastest."""
    return tuple(p[::-1] for p in product(range(order), repeat=d) if sum(p) < order)


def polynomials(x: Array, powers: tuple[tuple[int, ...], ...]) -> Array:
    """Polynomials, a column for each tuple of powers."""
    return np.stack([np.prod(x**np.array(p), axis=1) for p in powers], axis=1)


def radial_matrix(x: Array, places: Array, order: int) -> Array:
    """Radial functions of thin plate splines at distances between points (Wood 2003, eq. 3)."""
    r = np.abs(x - places.T) if x.shape[1] == 1 else cdist(x, places)
    d = x.shape[1]
    power = 2 * order - d
    out: Array
    if d % 2:
        constant = gamma(d / 2 - order) / (2 ** (2 * order) * pi ** (d / 2) * factorial(order - 1))
        out = r**power if power != 3 else r * r * r
        return constant * out
    sign = -1 if (order + 1 + d // 2) % 2 else 1
    below = 2 ** (2 * order - 1) * pi ** (d / 2) * factorial(order - 1) * factorial(order - d // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = r**power * np.log(r)
    return sign / below * np.where(r > 0, out, 0.0)


def largest_eigen(matrix: Array, k: int) -> tuple[Array, Array]:
    """The k eigenvalues of largest magnitude, in falling order, with their vectors."""
    if len(matrix) <= max(_DENSE, 3 * k):
        values, vectors = eigh(matrix)
        chosen = np.argsort(-np.abs(values))[:k]
        values, vectors = values[chosen], vectors[:, chosen]
    else:
        start = np.linspace(-1, 1, len(matrix))  # the same result each time
        values, vectors = eigsh(matrix, k, which="LM", v0=start)
    falling = np.argsort(-values)
    return values[falling], vectors[:, falling]


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
