"""Questions to the rows: how many, how different, which cells, which medians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.big.source import Source, quoted
from hiermodel.errors import DataError, warn
from hiermodel.frames import NeededColumns

Array = np.ndarray

# Values that are sorted in memory, and bins of a histogram before that.
_SORTED = 1_000_000
_BINS = 65_536


@dataclass(frozen=True, slots=True)
class Survey:
    """What one look at all rows says.

    `distinct` are estimates of how many values each column has, `combined` of how many
    combinations the columns of a cell have. `complete` is the SQL condition of complete rows.
    """

    rows: int
    distinct: dict[str, int]
    combined: int
    complete: str


def survey(source: Source, needed: NeededColumns, key: Sequence[str]) -> Survey:
    """Look at all rows once; rows that miss a value are told and left out.

    Raises
    ------
    DataError
        No rows, a column that has only missing or some infinite values.
    """
    columns = [c for c in needed.complete if c not in needed.optional]
    gaps = {c: _missing(source, c) for c in columns}
    parts = ["count(*)"]
    parts += [f"count_if({gap})" for gap in gaps.values()]
    infinite = [c for c in columns if _is_float(source, c) and c not in needed.unbounded]
    parts += [f"count_if(isinf({quoted(c)}))" for c in infinite]
    either = " OR ".join(gaps.values()) or "FALSE"
    parts.append(f"count_if({either})")
    names = list(needed.names)
    parts += [f"approx_count_distinct({quoted(c)})" for c in names]
    row = ", ".join(map(quoted, key))
    parts.append(f"approx_count_distinct(hash({row}))" if key else "1")
    found = [int(v) for v in source.ask(f"SELECT {', '.join(parts)} FROM rows")[0]]
    total = found[0]
    if total == 0:
        raise DataError(f"{source.name} has no rows")
    missing = dict(zip(columns, found[1:], strict=False))
    place = 1 + len(columns)
    for name, count in zip(infinite, found[place:], strict=False):
        if count:
            raise DataError(
                f"column {name!r} has {count} infinite values; make them missing or leave these "
                "rows out"
            )
    place += len(infinite)
    dropped = found[place]
    _tell_missing(missing, dropped, total)
    distinct = dict(zip(names, found[place + 1 :], strict=False))
    return Survey(total - dropped, distinct, found[-1], f"NOT ({either})")


def _is_float(source: Source, column: str) -> bool:
    return source.types[column] in ("FLOAT", "DOUBLE")


def _missing(source: Source, column: str) -> str:
    name = quoted(column)
    return f"({name} IS NULL OR isnan({name}))" if _is_float(source, column) else f"{name} IS NULL"


def _tell_missing(missing: dict[str, int], dropped: int, total: int) -> None:
    for name, count in missing.items():
        if count == total:
            raise DataError(f"column {name!r} has only missing values")
    if dropped == total:
        raise DataError("every row misses a value in one of the columns; no row is left")
    if dropped:
        guilty = [repr(name) for name, count in missing.items() if count]
        warn(
            f"{dropped} of {total} rows miss values in the column{'s' if len(guilty) > 1 else ''} "
            f"{', '.join(guilty)} and are left out"
        )


def counted_cells(source: Source, columns: Sequence[str], where: str) -> tuple[Any, Array]:
    """Combinations of values and how many rows have them, in the order of the values."""
    shown = ", ".join(f"{source.read(c)} AS {quoted(c)}" for c in columns)
    own = ", ".join(quoted(c) for c in columns)
    sql = f"SELECT {shown}, count(*) AS n__ FROM rows WHERE {where} GROUP BY ALL"
    found = source.frame(f"SELECT * FROM ({sql}) ORDER BY {own}")
    return found.drop(columns="n__"), found["n__"].to_numpy(dtype=np.int64)


def gaussian_cells(
    source: Source, key: Sequence[str], response: str, where: str
) -> tuple[pd.DataFrame, Array, Array]:
    """Combinations of values, with mean response; number of rows; squares around the mean."""
    shown = "".join(f"{source.read(c)} AS {quoted(c)}, " for c in key)
    y = f"CAST({quoted(response)} AS DOUBLE)"
    # var_pop updates mean and squares row by row, so that nothing cancels.
    sql = (
        f"SELECT {shown}count(*) AS n__, avg({y}) AS mean__, var_pop({y}) * count(*) AS ss__ "
        f"FROM rows WHERE {where} GROUP BY ALL"
    )
    order = f" ORDER BY {', '.join(quoted(c) for c in key)}" if key else ""
    found = source.frame(f"SELECT * FROM ({sql}){order}")
    frame = found.drop(columns=["n__", "ss__"]).rename(columns={"mean__": response})
    return frame, found["n__"].to_numpy(dtype=float), found["ss__"].to_numpy(dtype=float)


def representatives(
    source: Source, columns: Sequence[str], groups: Sequence[tuple[str, ...]], where: str,
    rows: int, total: int,
) -> pd.DataFrame:
    """Some rows of the data, and one for each combination of values of each of `groups`.

    Rows are chosen by a hash of their values, so that the choice is the same every time.
    """
    shown = ", ".join(f"{source.read(c)} AS {quoted(c)}" for c in columns)
    hashed = f"hash({', '.join(quoted(c) for c in columns)})"
    share = max(1, total // rows)
    inner = f"SELECT {shown} FROM rows WHERE {where} AND {hashed} % {share} = 0"
    parts = [source.frame(f"SELECT * FROM ({inner}) ORDER BY {hashed} LIMIT {rows}")]
    packed = "{" + ", ".join(f"{quoted(c)}: {source.read(c)}" for c in columns) + "}"
    for names in dict.fromkeys(groups):
        own = ", ".join(quoted(c) for c in names)
        sql = (
            f"SELECT unnest(r) FROM (SELECT {own}, arg_min({packed}, {hashed}) AS r FROM rows "
            f"WHERE {where} GROUP BY {own} ORDER BY {own})"
        )
        parts.append(source.frame(sql))
    found = pd.concat(parts, ignore_index=True)
    return found.drop_duplicates(ignore_index=True)


def response_scale(
    source: Source, response: str, link: str, where: str
) -> tuple[float, float]:
    """Median and median absolute deviation of a column on the scale of a link."""
    y = f"CAST({quoted(response)} AS DOUBLE)"
    positive = f"CASE WHEN {y} = 0 THEN 0.1 ELSE {y} END"
    value = {
        "identity": y,
        "log": f"CASE WHEN {y} >= 0 THEN ln({positive}) END",
        "inverse": f"1 / ({positive})",
        "sqrt": f"CASE WHEN {y} >= 0 THEN sqrt({y}) END",
        "1/mu^2": f"1 / (({positive}) * ({positive}))",
    }[link]
    centre = median(source, value, where)
    return centre, median(source, f"abs({value} - CAST('{centre!r}' AS DOUBLE))", where)


def median(source: Source, value: str, where: str) -> float:
    """The exact median of an expression: histograms, narrowed until what is left can be sorted."""
    rows = f"(SELECT {value} AS v FROM rows WHERE {where}) WHERE v IS NOT NULL"
    low, high, total = source.ask(f"SELECT min(v), max(v), count(v) FROM {rows}")[0]
    if not total:
        return float("nan")
    wanted = ((total - 1) // 2, total // 2)
    below, inside = 0, total
    while inside > _SORTED and low < high:
        width = (high - low) / _BINS
        if width == 0 or low + width == low:
            break
        box = (
            f"least(CAST(floor((v - {_number(low)}) / {_number(width)}) AS BIGINT), {_BINS - 1})"
        )
        counts = source.ask(
            f"SELECT {box} AS k, count(*), min(v), max(v) FROM {rows} AND v >= {_number(low)} "
            f"AND v <= {_number(high)} GROUP BY k ORDER BY k"
        )
        upto = below + np.cumsum([c for _, c, _, _ in counts])
        first, last = (int(np.searchsorted(upto, k, side="right")) for k in wanted)
        below = int(upto[first - 1]) if first else below
        shrunk = sum(c for _, c, _, _ in counts[first : last + 1])
        low, high = counts[first][2], counts[last][3]
        if shrunk == inside:
            break
        inside = shrunk
    if low == high:
        return float(low)
    # Between the two bounds are `inside` values, of which some may be the same many times.
    values = source.ask(
        f"SELECT v, count(*) FROM {rows} AND v >= {_number(low)} AND v <= {_number(high)} "
        "GROUP BY v ORDER BY v"
    )
    upto = below + np.cumsum([c for _, c in values])
    a, b = (values[int(np.searchsorted(upto, k, side="right"))][0] for k in wanted)
    return float((a + b) / 2)


def _number(value: float) -> str:
    """A number in SQL with all its digits."""
    return f"CAST('{float(value)!r}' AS DOUBLE)"
