"""Matrices of ``sar()`` and ``fcor()``: a row and a column for each row of the data.

An array says nothing of its rows: they are those of the data, in their order. A data frame whose
index is not just numbers from 0 names them, and where the rows of the data have the same names
(their index), these are what counts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError
from hiermodel.terms.base import Array


def matrix_of_rows(kind: str, name: str, given: Any, n: int) -> Array:
    """Check the matrix of a term: square, finite, with a row for each of `n` rows.

    Parameters
    ----------
    kind : str
        The term, ``"sar"`` or ``"fcor"``.
    name : str
        The matrix in data2.
    given : array, DataFrame or sparse matrix
    n : int

    Raises
    ------
    DataError

    Examples
    --------
    >>> matrix_of_rows("fcor", "V", [[1, 0.5], [0.5, 1]], 2).shape
    (2, 2)
    """
    if isinstance(given, pd.DataFrame):
        given = alike(name, given)
    matrix = square_matrix(kind, name, given)
    if len(matrix) != n:
        raise DataError(
            f"data2[{name!r}] is {len(matrix)} x {len(matrix)}, and the model has {n} rows; "
            f"{kind}() takes a row and a column for each, in their order. Where rows with "
            "missing values were dropped, drop them from the matrix too"
        )
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0] + 1
        raise DataError(
            f"data2[{name!r}] has a missing or infinite value in row {row}, column {column}"
        )
    return matrix


def square_matrix(kind: str, name: str, given: Any) -> Array:
    """The matrix of a term as numbers.

    Raises
    ------
    DataError
        For other values, and other shapes.

    Examples
    --------
    >>> square_matrix("car", "M", [[0, 1], [1, 0]]).dtype
    dtype('float64')
    """
    try:
        matrix = np.array(given.toarray() if hasattr(given, "toarray") else given, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"data2[{name!r}] does not hold numbers") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        shape = " x ".join(map(str, matrix.shape))
        raise DataError(f"data2[{name!r}] must be a square matrix for {kind}(), not {shape}")
    return matrix


def alike(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The columns of a matrix in the order of its rows, by their names.

    Raises
    ------
    DataError
        Where rows and columns have different names.

    Examples
    --------
    >>> table = pd.DataFrame([[1, 2], [3, 4]], index=["a", "b"], columns=["b", "a"])
    >>> alike("W", table).columns.tolist()
    ['a', 'b']
    """
    rows, columns = list(map(str, table.index)), list(map(str, table.columns))
    if rows == columns or is_unnamed(table.columns) or is_unnamed(table.index):
        return table
    if len(set(rows)) < len(rows) or set(rows) != set(columns):
        other = next((c for c in columns if c not in rows), columns[0])
        raise DataError(
            f"the rows and columns of data2[{name!r}] have different names, such as {other!r}; "
            "name both alike, or pass the plain array"
        )
    return table.iloc[:, [columns.index(row) for row in rows]]


def is_unnamed(index: pd.Index) -> bool:
    """Whether an index only counts from 0."""
    return isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1


def in_order_of_rows(
    data2: Mapping[str, Any] | None, names: Collection[str], labels: Array | None
) -> Mapping[str, Any] | None:
    """The matrices of rows, those with names in the order of the rows of the data.

    Parameters
    ----------
    data2 : mapping, optional
    names : collection of str
        Matrices that have a row for each row of the data.
    labels : ndarray, optional
        Names of the rows of the model; None where they are only numbered.

    Returns
    -------
    mapping, optional
        A matrix whose names are those of the rows is sorted by them, and loses rows that the model
        does not have. One without names, or with names of its own, stays as it is.

    Raises
    ------
    DataError
        For a matrix that has the names of some of the rows only.
    """
    if labels is None or not data2 or not names:
        return data2
    wanted = list(map(str, labels))
    out = dict(data2)
    for name in names:
        table = data2.get(name)
        if not isinstance(table, pd.DataFrame) or is_unnamed(table.index):
            continue
        table = alike(name, table)
        known = {str(label): k for k, label in enumerate(table.index)}
        lacking = [label for label in wanted if label not in known]
        if len(lacking) == len(wanted):
            continue
        if lacking or len(known) < len(table):
            what = (
                f"lacks the row {lacking[0]!r} of the data" if lacking
                else "names a row twice"
            )
            raise DataError(
                f"the index of data2[{name!r}] {what}; its names are those of the rows of the "
                "data (their index). Complete it, or pass the plain array, whose rows are in the "
                "order of the data"
            )
        at = [known[label] for label in wanted]
        out[name] = table.iloc[at, at]
    return out
