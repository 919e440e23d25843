"""Sums over counts that have no closed form, for many parameters at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hiermodel.families.numerics import Array

_BLOCK = 64
_MAX_BLOCKS = 50_000


def sum_terms(
    term: Callable[..., Array], start: Array, stop: Array, *args: Array
) -> Array:
    """Sum ``term(k, *args)`` over k = start .. stop, until the rest no longer counts.

    Parameters
    ----------
    term : callable
        Not negative, and falling from some k on, at least like a geometric series.
    start, stop : array
        First and last k; `stop` may be infinite.
    *args : array
        Broadcast with the bounds.

    Examples
    --------
    >>> round(float(sum_terms(lambda k, r: r**k, 0, np.inf, np.array(0.9))), 9)
    10.0
    """
    shape = np.broadcast_shapes(np.shape(start), np.shape(stop), *(np.shape(a) for a in args))

    def flat(x: Array) -> Array:
        return np.array(np.broadcast_to(np.asarray(x, float), shape)).ravel()

    k, last, inner = flat(start), flat(stop), tuple(flat(a) for a in args)
    broken = np.isnan(k + 0 * np.nan_to_num(last))
    for a in inner:
        broken |= np.isnan(a)
    total = np.where(broken, np.nan, 0.0)
    rows = np.flatnonzero(~broken & (k <= last))
    for _ in range(_MAX_BLOCKS):
        if not len(rows):
            break
        ks = k[rows, None] + np.arange(_BLOCK)
        end_of = last[rows, None]
        values = term(np.minimum(ks, end_of), *(a[rows, None] for a in inner))
        values = np.where(ks <= end_of, values, 0.0)
        total[rows] += values.sum(axis=1)
        k[rows] += _BLOCK
        # Behind terms that fall by the factor r, what is left is less than end r / (1 - r).
        end, before = values[:, -1], values[:, -2]
        with np.errstate(divide="ignore", invalid="ignore"):
            r = np.where(before > 0, end / before, 0.0)
            rest = np.where(r < 1, end * r / (1 - r), np.inf)
        done = ((rest <= 1e-17 * total[rows]) & (total[rows] > 0)) | (k[rows] > last[rows])
        rows = rows[~done]
    return total.reshape(shape)
