"""Data of the corpus as pandas frames with the types that R had."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def metadata(name: str, data_dir: Path) -> dict[str, Any]:
    """The JSON description of a data set."""
    out: dict[str, Any] = json.loads((data_dir / f"{name}.json").read_text())
    return out


def load(name: str, data_dir: Path) -> pd.DataFrame:
    """Load a data frame, or a matrix with its row and column names."""
    return _load(name, data_dir.resolve()).copy()


@lru_cache(maxsize=64)
def _load(name: str, data_dir: Path) -> pd.DataFrame:
    meta = metadata(name, data_dir)
    path = data_dir / meta["file"]
    if not path.exists() and path.with_name(path.name + ".gz").exists():
        path = path.with_name(path.name + ".gz")
    if meta["kind"] == "matrix":
        values = pd.read_csv(path, header=None).to_numpy(float)
        rows, columns = meta.get("rownames") or None, meta.get("colnames") or None
        return pd.DataFrame(values, index=rows, columns=columns)
    # Everything is read as text: a factor's level "1.0" must not become the number 1.
    raw = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    return pd.DataFrame({c["name"]: typed(raw[c["name"]], c) for c in meta["columns"]})


def typed(column: pd.Series, info: Mapping[str, Any]) -> pd.Series:
    """Give a column of text (None or NaN when missing) the type that `info` describes."""
    kind = info["type"]
    values = column.astype(object).where(column.notna(), None)
    if kind in ("factor", "ordered"):
        levels = [str(level) for level in info["levels"]]
        texts = [None if v is None else str(v) for v in values]
        return pd.Series(pd.Categorical(texts, categories=levels, ordered=kind == "ordered"))
    if kind == "character":
        return pd.Series([None if v is None else str(v) for v in values], dtype=object)
    if kind == "logical":
        flags = [None if v is None else str(v).upper() == "TRUE" for v in values]
        return pd.Series(flags, dtype=object if None in flags else bool)
    numbers = np.array([np.nan if v is None else float(v) for v in values], dtype=float)
    if kind == "integer" and np.isfinite(numbers).all():
        return pd.Series(numbers.astype(np.int64))
    return pd.Series(numbers)


def contrasts(name: str, data_dir: Path) -> dict[str, pd.DataFrame]:
    """Contrast matrices that were set on the columns of a data set, levels x names."""
    out: dict[str, pd.DataFrame] = {}
    for column in metadata(name, data_dir).get("columns", []):
        given = column.get("contrasts")
        if given:
            matrix = np.asarray(given["matrix"], dtype=float)
            names = given.get("colnames") or [str(i + 1) for i in range(matrix.shape[1])]
            out[column["name"]] = pd.DataFrame(matrix, index=column["levels"], columns=names)
    return out


def newdata(columns: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Build a frame from ``{name: {type, levels, values}}``; "NA" is missing in any column."""
    out: dict[str, pd.Series] = {}
    for name, info in columns.items():
        values = info["values"]
        if not isinstance(values, list):
            values = [values]
        cells = pd.Series([None if v is None or v == "NA" else v for v in values], dtype=object)
        kind = {"real": "numeric", "double": "numeric"}.get(info["type"], info["type"])
        out[name] = typed(cells, {**info, "type": kind})
    return pd.DataFrame(out)
