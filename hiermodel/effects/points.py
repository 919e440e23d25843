"""Which observed rows belong to a panel of conditional effects, and where grids leave the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.effects.grid import Variable, is_number, level_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# Distances between grid and data are computed for that many grid points at a time.
_CHUNK = 2000


def observed_points(
    fit: Fit,
    pair: Sequence[Variable],
    conditions: Sequence[tuple[str, Mapping[str, Any]]],
    response: np.ndarray | None,
    select_points: float | None,
) -> pd.DataFrame:
    """Observed values of the variables of an effect, for each condition.

    A condition keeps the rows that have its levels of factors, and with `select_points` those
    whose numbers are, on the range of the column, no farther than that from its numbers.

    Returns
    -------
    DataFrame
        ``cond__``, the variables, and ``response__`` where the response has a place on the axis.
    """
    frame = fit.shown_rows
    out = pd.DataFrame({v.name: _shown(frame[v.name], v) for v in pair}, index=frame.index)
    if response is not None:
        out["response__"] = response
    pieces = []
    names = {v.name for v in pair}
    for label, values in conditions:
        keep = np.ones(len(frame), dtype=bool)
        for name, value in values.items():
            if name not in names and value is not None and name in frame:
                keep &= _near(frame[name], value, select_points)
        pieces.append(out[keep].assign(cond__=label))
    return pd.concat(pieces, ignore_index=True)


def _shown(column: pd.Series, variable: Variable) -> Any:
    return [level_text(v) for v in column] if variable.is_factor else column


def _near(column: pd.Series, value: Any, select_points: float | None) -> np.ndarray:
    if not is_number(column):
        same = [level_text(v) == level_text(value) for v in column]
        return np.array(same, dtype=bool)
    if select_points is None:
        return np.ones(len(column), dtype=bool)
    x = column.to_numpy(dtype=float)
    width = float(np.ptp(x)) or 1.0
    near: np.ndarray = np.abs(x - float(value)) / width <= select_points
    return near


def far_from_data(
    grid: pd.DataFrame, observed: pd.DataFrame, names: Sequence[str], too_far: float
) -> np.ndarray:
    """Grid points with no observed row within a distance on the unit square of the grid."""
    low = grid[list(names)].min().to_numpy(dtype=float)
    width = grid[list(names)].max().to_numpy(dtype=float) - low
    width = np.where(width > 0, width, 1.0)
    points = (grid[list(names)].to_numpy(dtype=float) - low) / width
    rows = (observed[list(names)].to_numpy(dtype=float) - low) / width
    out = np.empty(len(points), dtype=bool)
    for start in range(0, len(points), _CHUNK):
        part = points[start:start + _CHUNK]
        distance = np.sqrt(((part[:, None, :] - rows[None]) ** 2).sum(axis=2))
        out[start:start + _CHUNK] = distance.min(axis=1) > too_far
    return out
