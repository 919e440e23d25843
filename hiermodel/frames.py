"""Any data frame at the door; rows with missing values dropped once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, warn


def is_big(data: Any) -> bool:
    """True for data that are read where they are, and not brought into memory.

    Examples
    --------
    >>> is_big("rows.parquet"), is_big({"x": [1, 2]})
    (True, False)
    """
    return isinstance(data, (str, Path)) or lazy_kind(data) != ""


def lazy_kind(data: Any) -> str:
    """The package that a lazy table belongs to; empty for everything else."""
    module, name = type(data).__module__.split(".")[0], type(data).__name__
    if module == "polars" and name == "LazyFrame":
        return "polars"
    if name == "DuckDBPyRelation":
        return "duckdb"
    return "dask" if module.startswith("dask") and hasattr(data, "to_parquet") else ""


def as_frame(data: Any) -> pd.DataFrame:
    """Read any data frame as a pandas one with rows 0, 1, ....

    Parameters
    ----------
    data : data frame or mapping
        pandas, polars, pyarrow, anything narwhals reads eagerly, or a dict of equally long
        one-dimensional arrays. Categorical and Enum columns keep the order of their categories
        (a polars Categorical has none: sorted).

    Returns
    -------
    DataFrame
        Not a copy where pandas allows it; columns have text names.

    Raises
    ------
    DataError
        For other types, no rows, no columns, a name that occurs twice, unequal lengths.

    Examples
    --------
    >>> as_frame({"y": [1.5, 2.0], "g": ["a", "b"]}).shape
    (2, 2)
    """
    if isinstance(data, pd.DataFrame):
        frame = data
    elif isinstance(data, Mapping):
        frame = _from_mapping(data)
    else:
        frame = _from_narwhals(data)
    if frame.shape[1] == 0:
        raise DataError("the data have no columns")
    if len(frame) == 0:
        raise DataError("the data have no rows")
    return _plain_axes(frame)


def _plain_axes(frame: pd.DataFrame) -> pd.DataFrame:
    if isinstance(frame.columns, pd.MultiIndex):
        raise DataError("the columns of the data have several levels of names; flatten them first")
    if not all(isinstance(name, str) for name in frame.columns):
        frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    if frame.columns.has_duplicates:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"the column name {twice!r} occurs more than once in the data")
    index = frame.index
    plain = isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1
    return frame if plain and index.name is None else frame.reset_index(drop=True)


def _from_mapping(data: Mapping[Any, Any]) -> pd.DataFrame:
    columns = {str(name): _column(str(name), values) for name, values in data.items()}
    lengths = {name: len(v) for name, v in columns.items() if not _is_single(v)}
    if columns and not lengths:
        raise DataError("data hold only single values; each column must be a list or an array")
    for name, length in lengths.items():
        first, expected = next(iter(lengths.items()))
        if length != expected:
            raise DataError(
                f"columns differ in length: {first!r} has {expected} values, {name!r} has {length}"
            )
    return pd.DataFrame(columns)


def _is_single(values: Any) -> bool:
    return isinstance(values, (str, bytes)) or np.ndim(values) == 0


def _column(name: str, values: Any) -> Any:
    """The values of one column without an index; single values are repeated by pandas."""
    if _is_single(values):
        return values
    if isinstance(values, pd.Series):
        return values.array
    if np.ndim(values) != 1:
        shape = np.shape(values)
        raise DataError(f"column {name!r} must be one-dimensional, it has shape {shape}")
    return values


def _from_narwhals(data: Any) -> pd.DataFrame:
    # Imported here: most users bring a pandas frame.
    import narwhals as nw

    try:
        frame = nw.from_native(data, eager_only=True)
    except TypeError as error:
        lazy = " (call .collect() first)" if hasattr(data, "collect") else ""
        if is_big(data):
            lazy += "; only hm.fit(formula, data) takes data that are not in memory"
        raise DataError(
            "data must be a data frame (pandas, polars, pyarrow) or a dict of arrays, "
            f"not {type(data).__name__}{lazy}"
        ) from error
    if not frame.implementation.is_polars():
        return frame.to_pandas()
    # Column by column: polars needs pyarrow for the whole frame at once.
    return pd.DataFrame({str(s.name): _from_series(s) for s in frame.iter_columns()})


def _from_series(series: Any) -> Any:
    import narwhals as nw

    dtype = series.dtype
    if isinstance(dtype, (nw.Enum, nw.Categorical)):
        values = series.to_list()
        # An Enum has an order; a Categorical of polars is in the order of the session's cache.
        fixed = dtype.categories if isinstance(dtype, nw.Enum) else sorted({*values} - {None})
        return pd.Categorical(values, categories=list(fixed))
    if dtype.is_numeric():
        if series.null_count() == 0:
            return np.array(series.to_numpy())
        return series.cast(nw.Float64).to_numpy().astype(float)
    if dtype == nw.Boolean and series.null_count() == 0:
        return series.to_numpy().astype(bool)
    if dtype.is_temporal():
        return series.to_numpy()
    return np.array(series.to_list(), dtype=object)


@dataclass(frozen=True, slots=True)
class NeededColumns:
    """The columns that a model reads, by what their values may be.

    Attributes
    ----------
    complete : tuple of str
        Rows that miss one of these are dropped.
    optional : tuple of str
        May miss values.
    unbounded : tuple of str
        Those of `complete` that may hold infinite values.
    """

    complete: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    unbounded: tuple[str, ...] = ()

    def __add__(self, other: NeededColumns) -> NeededColumns:
        complete = tuple(dict.fromkeys(self.complete + other.complete))
        optional = dict.fromkeys(self.optional + other.optional)
        # A column that is read elsewhere too must be finite there.
        unbounded = [v for v in self.unbounded if v not in other.complete or v in other.unbounded]
        unbounded += [v for v in other.unbounded if v not in self.complete or v in self.unbounded]
        return NeededColumns(
            complete,
            tuple(v for v in optional if v not in complete),
            tuple(dict.fromkeys(unbounded)),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.complete, *self.optional)


def row_labels(data: Any, needed: NeededColumns | None = None) -> np.ndarray | None:
    """What the user calls the rows of a data frame: its index.

    Parameters
    ----------
    data : data frame
        As the user gave it.
    needed : NeededColumns, optional
        Only the rows that `drop_missing` keeps for these columns.

    Returns
    -------
    array or None
        None for rows that are numbered from 0 anyway, and for an index that repeats itself or
        is neither numbers, text nor dates.

    Examples
    --------
    >>> row_labels(pd.DataFrame({"y": [1.0, 2.0]}, index=["a", "b"])).tolist()
    ['a', 'b']
    """
    if not isinstance(data, pd.DataFrame):
        return None
    index = data.index
    if isinstance(index, (pd.RangeIndex, pd.MultiIndex)) and not _is_labelled_range(index):
        return None
    if index.hasnans or not index.is_unique:
        return None
    if index.inferred_type not in ("integer", "floating", "string", "datetime64"):
        return None
    if index.inferred_type == "datetime64" and getattr(index, "tz", None) is not None:
        return None
    labels = index.to_numpy(dtype=object) if index.inferred_type == "string" else index.to_numpy()
    if needed is not None:
        bad, _ = incomplete_rows(as_frame(data), needed.complete, needed.optional)
        labels = labels if bad is None else labels[~bad]
    return labels


def _is_labelled_range(index: pd.Index) -> bool:
    return isinstance(index, pd.RangeIndex) and (index.start != 0 or index.step != 1)


def incomplete_rows(
    frame: pd.DataFrame, variables: Sequence[str], keep: Sequence[str] = ()
) -> tuple[np.ndarray | None, list[str]]:
    """Rows that miss a value in any of the variables (None for none), and these variables."""
    bad: np.ndarray | None = None
    guilty: list[str] = []
    for name in dict.fromkeys(variables):
        if name not in frame.columns or name in keep:
            continue
        # `hasnans` is no attribute of every array; isna() of whole numbers costs nothing.
        missing = frame[name].isna().to_numpy()
        if missing.any():
            guilty.append(name)
            bad = missing if bad is None else bad | missing
    return bad, guilty


def drop_missing(
    frame: pd.DataFrame,
    variables: Sequence[str],
    keep: Sequence[str] = (),
    unbounded: Sequence[str] = (),
    tell: bool = True,
) -> tuple[pd.DataFrame, int]:
    """Drop the rows that miss a value in any of the variables, with one warning.

    Parameters
    ----------
    frame : DataFrame
    variables : sequence of str
        Columns that must be complete; names that are no columns are skipped.
    keep : sequence of str
        Columns that may miss values although they are among the variables.
    unbounded : sequence of str
        Columns that may hold infinite values.
    tell : bool
        Whether to warn.

    Returns
    -------
    frame : DataFrame
        The frame itself when nothing is missing.
    dropped : int

    Raises
    ------
    DataError
        For a column without any value, infinite values, or when no row is left.

    Warns
    -----
    HiermodelWarning
        Counts the dropped rows and names the columns.

    Examples
    --------
    >>> drop_missing(as_frame({"y": [1.0, 2.0], "x": [3.0, 4.0]}), ["y", "x"])[1]
    0
    """
    unlimited = set(unbounded)
    used = [v for v in dict.fromkeys(variables) if v in frame.columns and v not in keep]
    for name in used:
        if name not in unlimited:
            _check_finite(name, frame[name])
    bad, guilty = incomplete_rows(frame, used)
    if bad is None:
        return frame, 0
    for name in guilty:
        if frame[name].isna().all():
            raise DataError(f"column {name!r} has only missing values")
    count = int(bad.sum())
    listed = ", ".join(repr(name) for name in guilty)
    if count == len(frame):
        raise DataError(f"every row misses a value in one of the columns {listed}; no row is left")
    rows, miss, column_word = (
        ("row", "misses", "column") if count == 1 else ("rows", "miss", "column")
    )
    plural = column_word if len(guilty) == 1 else "columns"
    if tell:
        warn(
            f"{count} {rows} of {len(frame)} {miss} values in the {plural} {listed} and "
            f"{'is' if count == 1 else 'are'} left out",
        )
    return frame.loc[~bad].reset_index(drop=True), count


def _check_finite(name: str, column: pd.Series) -> None:
    if not pd.api.types.is_float_dtype(column.dtype):
        return
    values = column.to_numpy(dtype=float, na_value=np.nan)
    # One pass without a temporary mask: a finite sum has only finite summands.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(values.sum()):
            return
    infinite = np.isinf(values)
    if infinite.any():
        row = int(np.flatnonzero(infinite)[0])
        raise DataError(
            f"column {name!r} has infinite values, the first in row {row + 1}; "
            "make them missing or leave these rows out"
        )

