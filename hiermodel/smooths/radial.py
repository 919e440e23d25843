"""What splines of distances share: places, distances, eigenvectors, polynomials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import eigh

from hiermodel.smooths.basis import Array

# More places than this are thinned out: the matrix of their distances is square.
_MOST_PLACES = 2000
# Up to this size all eigenvectors are computed, beyond it only those that are kept.
_DENSE = 400
# Numbers in a block of distances: small enough for the cache of a core while functions are
# computed, and more of them for the product with the weights.
_BLOCK, _CHUNK = 65_536, 500_000


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """How many places a spline of distances has at most, and which of more are taken.

    They are evenly spread in one dimension, and drawn with the seed in more; or they are `given`,
    an array (places, d).
    """

    most: int = _MOST_PLACES
    seed: int = 1
    given: Array | None = None

    def around(self, x: Array, shift: Array, k: int) -> Array:
        """The places of rows (n, d), centred by `shift`."""
        if self.given is None:
            return self.chosen(np.unique(x - shift, axis=0), k)
        unique = np.unique(self.given, axis=0)
        if len(unique) < k:
            raise ValueError(
                f"{len(unique)} knots are too few places for k = {k} functions; give a smaller k"
            )
        return unique - shift

    def chosen(self, unique: Array, k: int) -> Array:
        """Some of the places, or all; there must be at least one for each of k functions."""
        found = min(len(unique), self.most)
        if found < k:
            raise ValueError(f"{found} places are too few for k = {k} functions; give a smaller k")
        if len(unique) <= self.most:
            return unique
        if unique.shape[1] == 1:
            at = np.linspace(0, len(unique) - 1, self.most).round().astype(int)
        else:
            at = np.sort(np.random.default_rng(self.seed).permutation(len(unique))[: self.most])
        return unique[at]


#: The places of a spline unless the user says otherwise.
DEFAULT_PLACES = Places()


def distances(x: Array, places: Array) -> Array:
    """Euclidean distances, (n, u)."""
    if x.shape[1] == 1:
        return np.abs(x - places.T)
    from scipy.spatial.distance import cdist  # slow to import, seldom needed

    return np.asarray(cdist(x, places))


def radial_columns(
    function: Callable[[Array], Array], x: Array, places: Array, weights: Array,
    by_product: bool = False,
) -> Array:
    """Weighted sums of functions of squared distances to places, (n, columns).

    Parameters
    ----------
    function : callable
        Of blocks of squared distances; it may write into what it is given.
    x : ndarray (n, d)
    places : ndarray (u, d)
    weights : ndarray (u, columns)
    by_product : bool
        Squared distances by one matrix product, which is quicker. Their error is the rounding error
        of the squared size of the covariates, however small they are: not for functions that
        are steep at zero, as roots are.
    """
    # Rows that repeat a place, as those of a map do, are computed once.
    rows, inverse = np.unique(x, axis=0, return_inverse=True)
    out = np.empty((len(rows), weights.shape[1]))
    small = max(1, _BLOCK // len(places))
    step = small * max(1, _CHUNK // _BLOCK)
    values = np.empty((min(step, len(rows)), len(places)))
    squared = squared_distances_to(places, by_product)
    for start in range(0, len(rows), step):
        chunk = rows[start : start + step]
        for first in range(0, len(chunk), small):
            at = slice(first, min(first + small, len(chunk)))
            values[at] = function(squared(chunk[at]))
        out[start : start + step] = values[: len(chunk)] @ weights
    return out[inverse.ravel()]


def squared_distances_to(places: Array, by_product: bool = False) -> Callable[[Array], Array]:
    """The function that computes squared Euclidean distances to places, (n, u)."""
    d = places.shape[1]
    if by_product:
        right = np.vstack([-2 * places.T, np.ones(len(places)), np.square(places).sum(axis=1)])

        def product(x: Array) -> Array:
            left = np.column_stack([x, np.square(x).sum(axis=1), np.ones(len(x))])
            out: Array = left @ right
            return np.abs(out, out=out)

        return product
    if d > 4:
        from scipy.spatial.distance import cdist  # slow to import, and seldom needed

        return lambda x: cdist(x, places, "sqeuclidean")
    columns = np.ascontiguousarray(places.T)

    # Column by column: quicker than row by row for few of them.
    def sum_of_squares(x: Array) -> Array:
        total = x[:, :1] - columns[0]
        total *= total
        gap = np.empty_like(total) if d > 1 else total
        for j in range(1, d):
            np.subtract(x[:, j : j + 1], columns[j], out=gap)
            gap *= gap
            total += gap
        return total

    return sum_of_squares


def null_powers(order: int, d: int) -> tuple[tuple[int, ...], ...]:
    """Powers of the polynomials of a degree below `order`; the first covariate goes fastest."""
    return tuple(p[::-1] for p in product(range(order), repeat=d) if sum(p) < order)


def polynomials(x: Array, powers: tuple[tuple[int, ...], ...]) -> Array:
    """Polynomials, a column for each tuple of powers."""
    return np.stack([np.prod(x**np.array(p), axis=1) for p in powers], axis=1)


def largest_eigen(matrix: Array, k: int) -> tuple[Array, Array]:
    """The k eigenvalues of largest magnitude, in falling order, with their vectors."""
    if len(matrix) <= max(_DENSE, 3 * k):
        values, vectors = eigh(matrix)
        chosen = np.argsort(-np.abs(values))[:k]
        values, vectors = values[chosen], vectors[:, chosen]
    else:
        from scipy.sparse.linalg import eigsh  # slow to import, seldom needed

        start = np.linspace(-1, 1, len(matrix))  # the same result each time
        values, vectors = eigsh(matrix, k, which="LM", v0=start)
    falling = np.argsort(-values)
    return values[falling], vectors[:, falling]
