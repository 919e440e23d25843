"""What splines of distances share: places, distances, eigenvectors, polynomials."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from scipy.linalg import eigh
from scipy.sparse.linalg import eigsh
from scipy.spatial.distance import cdist

from hiermodel.smooths.basis import Array

# More places than this are thinned out: the matrix of their distances is square.
_MOST_PLACES = 2000
# Up to this size all eigenvectors are computed, beyond it only those that are kept.
_DENSE = 400
_CHUNK = 4_000_000


def spread_places(unique: Array) -> Array:
    """At most so many places: evenly spread in one dimension, at random (but fixed) in more."""
    if len(unique) <= _MOST_PLACES:
        return unique
    if unique.shape[1] == 1:
        chosen = np.linspace(0, len(unique) - 1, _MOST_PLACES).round().astype(int)
    else:
        chosen = np.sort(np.random.default_rng(1).permutation(len(unique))[:_MOST_PLACES])
    return unique[chosen]


def distances(x: Array, places: Array) -> Array:
    """Euclidean distances, (n, u)."""
    return np.abs(x - places.T) if x.shape[1] == 1 else cdist(x, places)


def radial_columns(
    function: Callable[[Array], Array], x: Array, places: Array, weights: Array
) -> Array:
    """Weighted sums of functions of the distances to places, (n, columns), in pieces of rows."""
    out = np.empty((len(x), weights.shape[1]))
    step = max(1, _CHUNK // len(places))
    for start in range(0, len(x), step):
        at = slice(start, start + step)
        out[at] = function(distances(x[at], places)) @ weights
    return out


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
        start = np.linspace(-1, 1, len(matrix))  # the same result each time
        values, vectors = eigsh(matrix, k, which="LM", v0=start)
    falling = np.argsort(-values)
    return values[falling], vectors[:, falling]
