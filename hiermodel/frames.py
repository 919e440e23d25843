"""Any data frame at the door; missing rows dropped once."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from hiermodel.errors import DataError, HiermodelWarning


def as_frame(data: Any) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        frame = data
    elif isinstance(data, Mapping):
        frame = pd.DataFrame(dict(data))
    else:
        try:
            frame = nw.from_native(data, eager_only=True).to_pandas()
        except TypeError as error:
            raise DataError(f"data must be a data frame, got {type(data).__name__}") from error
    if len(frame) == 0:
        raise DataError("the data have no rows")
    if frame.columns.has_duplicates:
        dup = frame.columns[frame.columns.duplicated()][0]
        raise DataError(f"the column name {dup!r} occurs more than once")
    return frame.reset_index(drop=True)


def drop_missing(frame, variables: Sequence[str], keep: Sequence[str] = ()):
    use = [v for v in variables if v in frame.columns]
    for v in use:
        col = frame[v]
        if col.isna().all():
            raise DataError(f"column {v!r} has only missing values")
        if pd.api.types.is_float_dtype(col.dtype) and np.isinf(col.to_numpy(dtype=float)).any():
            raise DataError(f"column {v!r} has infinite values")
    bad = frame[use].isna().any(axis=1)
    n = int(bad.sum())
    if n:
        cols = [v for v in use if frame[v].isna().any()]
        warnings.warn(f"{n} rows with missing values in {', '.join(cols)} are left out", HiermodelWarning, stacklevel=2)
        frame = frame[~bad].reset_index(drop=True)
    return frame, n
