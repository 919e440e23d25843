"""Rows in which the effects of the other grouping factors are the same, added up.

A crossed or nested factor stays among the parameters. What it adds to the linear predictor is one
number for all rows that share its levels (and designs) and the level of the collapsed factor: a
cell. In the collapsed likelihood these numbers are multiplied by sums over the rows of a cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cells, ordered by the level of the collapsed factor.

    Attributes
    ----------
    row : ndarray of int (cells,)
        A row of each cell, for what its rows have in common.
    weight : ndarray (cells,)
        Sum of the weights of the rows.
    q : ndarray (coefs, cells)
        Sums of the columns of ``Q`` (see `rotate`).
    y : ndarray (cells,)
    x : ndarray (cells, columns)
        Sums of response and design, free of the effects.
    first, last : ndarray of int (levels,)
        Where the cells of a level start and stop, from 0.
    """

    row: Array
    weight: Array
    q: Array
    y: Array
    x: Array
    first: Array
    last: Array


def number_cells(codes: Array, others: Mapping[str, Array]) -> Array:
    """Number of the cell of each row, from 0, in the order of the level in `codes`.

    Examples
    --------
    >>> number_cells(np.array([1, 0, 1, 1]), {"J_2": np.array([1, 1, 2, 1])})
    array([1, 0, 2, 1])
    """
    cell: Array = np.unique(codes, return_inverse=True)[1]
    for values in others.values():
        if (values != values[:1]).any():
            kinds, place = np.unique(values, return_inverse=True)
            # Numbered anew each time, so that the product of the counts cannot overflow; the
            # level in `codes` stays the first key.
            cell = np.unique(cell * len(kinds) + place, return_inverse=True)[1]
    return cell


def make_cells(
    codes: Array, levels: int, others: Mapping[str, Array], root: Array, q: Array, rest: Array
) -> Cells:
    """Add up the rows of each cell.

    Parameters
    ----------
    codes : ndarray of int (rows,)
        Level of the collapsed factor, from 0.
    levels : int
    others : mapping of str to ndarray (rows,)
        What the effects of the other factors depend on: levels, designs, weights of members.
    root : ndarray (rows,)
        Square root of the weight of each row.
    q : ndarray (coefs, rows)
    rest : ndarray (columns + 1, rows)
        Design and response (last) without their projection on ``q``.
    """
    cell = number_cells(codes, others)
    row = np.unique(cell, return_index=True)[1]
    count = len(row)

    def sums(values: Array) -> Array:
        return np.bincount(cell, values, count)

    x = np.array([sums(root * column) for column in rest[:-1]]).reshape(len(rest) - 1, count)
    edges = np.searchsorted(codes[row], np.arange(levels + 1))
    return Cells(
        row, sums(root * root), np.array([sums(root * column) for column in q]),
        sums(root * rest[-1]), np.ascontiguousarray(x.T), edges[:-1], edges[1:],
    )


def level_sums(values: Array, first: Array, last: Array) -> Array:
    """Sums over the cells of each level, (..., cells) -> (..., levels).

    Examples
    --------
    >>> level_sums(np.array([1.0, 2.0, 4.0]), np.array([0, 2, 2]), np.array([2, 2, 3]))
    array([3., 0., 4.])
    """
    total = np.zeros((*values.shape[:-1], values.shape[-1] + 1))
    np.cumsum(values, axis=-1, out=total[..., 1:])
    found: Array = total[..., last] - total[..., first]
    return found
