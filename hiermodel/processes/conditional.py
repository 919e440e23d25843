"""Values of an exact process: at the points it was fitted to, and drawn at others given these."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_triangular

from hiermodel.errors import HiermodelError, warn
from hiermodel.processes.covariance import covariance

Array = np.ndarray

#: What the program adds to the diagonal of a covariance matrix, so that it has a root.
JITTER = 1e-12
# New points are drawn together up to so many; more would need a matrix too large to decompose.
MOST_TOGETHER = 1000
# Upper bound of one temporary array in a chunk of draws.
_CHUNK_BYTES = 64 * 2**20


def process_values(
    name: str, known: Array, wanted: Array, sd: Array, lscale: Array, z: Array,
    rng: np.random.Generator, nugget: float = 0.0,
) -> Array:
    """The process at any points: those it was fitted to are exact, others drawn given them.

    With the Cholesky factor ``L`` of the covariance of the known points and
    ``A = L^-1 K(known, new)`` the new values are normal with mean ``A' z`` and covariance
    ``K(new, new) - A' A``.

    Parameters
    ----------
    name : str
        Covariance function.
    known : ndarray (n, dims)
        Points that the process was fitted to.
    wanted : ndarray (m, dims)
        `known` itself for the fitted values. A missing coordinate gives NaN.
    sd : ndarray (draws,)
    lscale : ndarray (draws, 1) or (draws, dims)
    z : ndarray (draws, n)
    rng : Generator
    nugget : float
        Part of the variance that each known point has for itself; at 0 it is `JITTER`, or as
        much more as a Cholesky factor needs.

    Returns
    -------
    ndarray (draws, m)

    Raises
    ------
    HiermodelError
        When a covariance matrix has no root.

    Examples
    --------
    >>> x, one = np.array([[0.0], [1.0]]), np.ones(1)
    >>> z, rng = np.array([[0.5, -1.0]]), np.random.default_rng(0)
    >>> process_values("exp_quad", x, x, one, one[:, None], z, rng).round(3)
    array([[ 0.5  , -0.492]])
    """
    # Rows may share a point, each with a value of its own that differs by the jitter.
    place = np.arange(len(known)) if wanted is known else _places(known, wanted)
    complete = ~np.isnan(wanted).any(axis=1)
    new = np.flatnonzero((place < 0) & complete)
    together = len(new) <= MOST_TOGETHER
    if not together:
        warn(
            f"{len(new)} new points of a Gaussian process are too many to be drawn together: each "
            "is drawn given the data alone, so that curves through single draws are rough; "
            "gp(k = ) has no such limit"
        )
    out: Array = np.full((len(sd), len(wanted)), np.nan)
    size = max(len(known) ** 2, len(known) * len(new), len(new) ** 2 if together else 1, 1)
    step = max(1, _CHUNK_BYTES // (8 * size))
    for start in range(0, len(sd), step):
        at = slice(start, start + step)
        root = _root(covariance(name, known, known, sd[at], lscale[at]), sd[at], nugget)
        fitted = np.einsum("dij,dj->di", root, z[at])
        out[at, place >= 0] = fitted[:, place[place >= 0]]
        if not len(new):
            continue
        cross = covariance(name, known, wanted[new], sd[at], lscale[at])
        weights = np.stack(
            [solve_triangular(r, c, lower=True) for r, c in zip(root, cross, strict=True)]
        )
        mean = np.einsum("dnm,dn->dm", weights, z[at])
        noise = rng.standard_normal(mean.shape)
        if together:
            left = covariance(name, wanted[new], wanted[new], sd[at], lscale[at])
            left = left - np.swapaxes(weights, 1, 2) @ weights
            spread = np.einsum("dij,dj->di", _root(left, sd[at], 1e-11), noise)
        else:
            variance = sd[at, None] ** 2 - np.einsum("dnm,dnm->dm", weights, weights)
            spread = np.sqrt(np.maximum(variance, 0.0)) * noise
        out[at, new] = mean + spread
    return out


def _places(known: Array, wanted: Array) -> Array:
    """Where each wanted point is among the known ones; -1 for others."""
    index = {point.tobytes(): k for k, point in enumerate(known + 0.0)}
    return np.array([index.get(point.tobytes(), -1) for point in wanted + 0.0], dtype=np.int64)


def _root(matrices: Array, sd: Array, relative: float = 0.0) -> Array:
    """Cholesky factors of a stack of covariance matrices, with as little added as they need.

    What is added to one does not depend on the others, which are those of a chunk of draws.
    """
    diagonal = np.arange(matrices.shape[-1])
    tried = matrices.copy()
    tried[:, diagonal, diagonal] += relative * sd[:, None] ** 2 if relative else JITTER
    try:
        return np.linalg.cholesky(tried)
    except np.linalg.LinAlgError:
        return np.stack([_one_root(m, s, relative) for m, s in zip(matrices, sd, strict=True)])


def _one_root(matrix: Array, sd: float, relative: float) -> Array:
    for attempt in (relative, *(a for a in (1e-10, 1e-8, 1e-6) if a > relative)):
        added = attempt * sd**2 if attempt else JITTER
        try:
            return np.linalg.cholesky(matrix + added * np.eye(len(matrix)))
        except np.linalg.LinAlgError:
            continue
    raise HiermodelError(
        "the covariance matrix of a Gaussian process has no Cholesky factor: its length scale is "
        "far above the distances of the points"
    )
