"""The effects given everything else: draws from their conditional normal posterior."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

Array = np.ndarray
Shift = Callable[[int, slice], np.ndarray]

# Numbers of one array in a step, so that the arrays of a step stay in a core's cache.
_CHUNK = 8_192


@dataclass(frozen=True, slots=True, eq=False)
class LevelStatistics:
    """The rotated rows of each level (see `Rotated`): ``Q'y``, ``Q'X`` and ``R``.

    `shift` gives what else the mean of ``Q'y`` has, for some draws of a chain:
    (coefs, draws, levels).
    """

    y: Array
    x: Array
    r: Array
    shift: Shift | None = None


def draw_effects(
    levels: LevelStatistics,
    beta: Array,
    scales: Array,
    sigma: Array,
    *,
    seed: int,
    cores: int = 1,
    random: bool = True,
) -> Array:
    """Draw the effects of every level, for every draw of the other parameters.

    With ``u = Lambda t``, ``t`` standard normal, and rotated rows ``v = R u + e``, ``t`` has the
    posterior precision ``P = I + B'B`` and mean ``P^-1 B'v / sigma``, where ``B = R Lambda /
    sigma`` (Lindley & Smith 1972). ``P`` has no eigenvalue below 1, so its Cholesky factor is
    safe also where a standard deviation is 0 or a level has no rows.

    Parameters
    ----------
    levels : LevelStatistics
    beta : ndarray (chain, draw, columns)
    scales : ndarray (chain, draw, coefs, coefs)
        ``Lambda``, lower triangular.
    sigma : ndarray (chain, draw)
    seed : int
        Each chain has a stream of its own.
    cores : int
    random : bool
        False: the means.

    Returns
    -------
    ndarray (chain, draw, coefs, levels)
    """
    chains, draws = sigma.shape
    out = np.empty((chains, draws, *levels.y.shape))
    streams = np.random.SeedSequence([seed, 0xC011A]).spawn(chains)

    def one(chain: int) -> None:
        rng = np.random.default_rng(streams[chain]) if random else None
        shift = None if levels.shift is None else partial(levels.shift, chain)
        _fill(out[chain], levels, shift, beta[chain], scales[chain], sigma[chain], rng)

    if cores > 1 and chains > 1:
        with ThreadPoolExecutor(cores) as pool:
            list(pool.map(one, range(chains)))
    else:
        for chain in range(chains):
            one(chain)
    return out


def _fill(
    out: Array,
    levels: LevelStatistics,
    shift: Callable[[slice], Array] | None,
    beta: Array,
    scales: Array,
    sigma: Array,
    rng: np.random.Generator | None,
) -> None:
    """Write the effects of one chain, some draws at a time."""
    draws, coefs, count = out.shape
    step = max(1, _CHUNK // max(1, count))
    for start in range(0, draws, step):
        at = slice(start, min(start + step, draws))
        moved = None if shift is None else shift(at)
        for first in range(0, count, _CHUNK):
            block = slice(first, min(first + _CHUNK, count))
            v = [
                levels.y[k, block] - beta[at] @ levels.x[k, block].T for k in range(coefs)
            ]
            if moved is not None:
                v = [a - b for a, b in zip(v, moved[:, :, block], strict=True)]
            noise = None if rng is None else rng.standard_normal((coefs, *v[0].shape))
            u = _effects(levels.r[:, :, block], v, scales[at], sigma[at], noise)
            for k in range(coefs):
                out[at, k, block] = u[k]


def _effects(
    r: Array, v: list[Array], scales: Array, sigma: Array, noise: Array | None
) -> list[Array]:
    """The effects of some draws and levels, each (draws, levels)."""
    coefs = range(len(v))
    # What is one number a draw, as a column beside the levels.
    scaled = (scales / sigma[:, None, None])[..., None]
    b = _product(r, scaled)
    factor = _cholesky(b)
    weighted = [value / sigma[:, None] for value in v]
    t = _forward(factor, [_total(b[j][k] * weighted[j] for j in coefs) for k in coefs])
    if noise is not None:
        t = [mean + z for mean, z in zip(t, noise, strict=True)]
    t = _backward(factor, t)
    return [_total(scales[:, i, k, None] * t[k] for k in range(i + 1)) for i in coefs]


def _total(summands: Iterable[Array]) -> Array:
    """Their sum, in the memory of the first."""
    items = iter(summands)
    out = next(items)
    for item in items:
        out += item
    return out


def _product(r: Array, scaled: Array) -> list[list[Array]]:
    """``B = R Lambda / sigma`` of every draw and level; R is upper, Lambda lower triangular."""
    coefs = len(r)
    return [
        [
            _total(r[i, j] * scaled[:, j, k] for j in range(max(i, k), coefs))
            for k in range(coefs)
        ]
        for i in range(coefs)
    ]


def _cholesky(b: list[list[Array]]) -> list[list[Array]]:
    """Cholesky factors of ``I + B'B``, every draw and level at once."""
    coefs = len(b)
    factor: list[list[Array]] = []
    for i in range(coefs):
        row: list[Array] = []
        for j in range(i + 1):
            value = _total(b[k][i] * b[k][j] for k in range(coefs))
            if i == j:
                value += 1.0
            for k in range(j):
                value -= row[k] * (row[k] if i == j else factor[j][k])
            row.append(np.sqrt(value) if i == j else value / factor[j][j])
        factor.append(row)
    return factor


def _forward(factor: list[list[Array]], right: list[Array]) -> list[Array]:
    out: list[Array] = []
    for i, row in enumerate(factor):
        value = right[i]
        for k in range(i):
            value = value - row[k] * out[k]
        out.append(value / row[i])
    return out


def _backward(factor: list[list[Array]], right: list[Array]) -> list[Array]:
    coefs = len(factor)
    out: list[Array] = list(right)
    for i in reversed(range(coefs)):
        value = right[i]
        for k in range(i + 1, coefs):
            value = value - factor[k][i] * out[k]
        out[i] = value / factor[i][i]
    return out
