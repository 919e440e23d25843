"""Which rows are the same: numbers of cells."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

Array = np.ndarray

# Products of numbers of kinds stay below this, so that they fit an integer.
_MOST = 2**62


def number_cells(
    columns: Iterable[pd.Series | Array], rows: int, most: int | None = None
) -> Array | None:
    """Number of the cell of each row, from 0, in the order in which cells are first met.

    Parameters
    ----------
    columns : iterable of Series or ndarray (rows,)
        What rows of a cell share. A missing value is a value of its own.
    rows : int
    most : int, optional
        Stop as soon as it is known that there are more cells.

    Returns
    -------
    ndarray of int (rows,), or None
        None when there are more than `most`.

    Examples
    --------
    >>> number_cells([np.array([1, 0, 1, 1]), np.array(["a", "a", "a", "b"])], 4)
    array([0, 1, 0, 2])
    """
    cell = np.zeros(rows, dtype=np.int64)
    kinds = 1
    for column in columns:
        codes, count = _codes(column)
        if most is not None and count > most:
            return None
        if kinds * count >= _MOST:
            # Numbered anew, so that the product of the counts cannot overflow.
            cell, found = _numbered(cell)
            kinds = found
        cell = cell * count + codes
        kinds *= count
    cell, kinds = _numbered(cell)
    return None if most is not None and kinds > most else cell


def _codes(column: pd.Series | Array) -> tuple[Array, int]:
    """Codes from 0 and how many there are at most."""
    if isinstance(column, pd.Series) and isinstance(column.dtype, pd.CategoricalDtype):
        codes = column.cat.codes.to_numpy(dtype=np.int64)
        return codes + 1, len(column.cat.categories) + 1
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return codes.astype(np.int64, copy=False), max(len(values), 1)


def _numbered(cell: Array) -> tuple[Array, int]:
    codes, values = pd.factorize(cell)
    return codes.astype(np.int64, copy=False), len(values)


def first_rows(cell: Array) -> Array:
    """Position of the first row of each cell.

    Examples
    --------
    >>> first_rows(np.array([0, 1, 0, 2]))
    array([0, 1, 3])
    """
    count = int(cell.max(initial=-1)) + 1
    first = np.full(count, -1, dtype=np.int64)
    # Written from the last row to the first: what stays is the first.
    first[cell[::-1]] = np.arange(len(cell) - 1, -1, -1)
    return first
