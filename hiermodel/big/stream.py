"""Statistics of the levels of a collapsed model, from rows that pass by in chunks.

A chunk is rotated as the rows of a whole data frame are (`collapse.rotate`). What is left of two
chunks are rows again: a few for each level, a few for the rest; rotated together they are what is
left of all rows of both. So the result does not depend on the chunks, but for rounding.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.collapse import CollapsedModel
from hiermodel.collapse.rotate import r_factor, rotate
from hiermodel.terms.offset import OffsetTerm

Array = np.ndarray


def stream(
    collapsed: CollapsedModel, chunks: Iterable[pd.DataFrame]
) -> tuple[dict[str, Any], int, Array, float]:
    """Rotate chunks and add them up.

    Returns
    -------
    statistics : dict
        As `CollapsedModel.statistics` of all rows.
    rows : int
    means : ndarray
        Of the columns of the design, as they are centred in the model of `collapsed`: what its
        means lack.
    offset : float
        Mean of the offsets.
    """
    total: dict[str, Any] | None = None
    rows, sums, offsets = 0, np.zeros(collapsed.columns), 0.0
    offset = next((t for t in collapsed.predictor.terms if isinstance(t, OffsetTerm)), None)
    for chunk in chunks:
        chunk = collapsed.model.parts[0].rows(collapsed.model.rows(chunk))
        if not len(chunk):
            continue
        design = collapsed.design(chunk)
        found = collapsed.statistics(chunk, design=design)
        rows += len(chunk)
        sums += design[1].sum(axis=0)
        if offset is not None:
            offsets += float(offset.data(chunk)[offset.name].sum())
        total = found if total is None else merged(collapsed, total, found)
    assert total is not None
    return total, rows, sums / rows, offsets / rows


def merged(
    collapsed: CollapsedModel, one: Mapping[str, Any], other: Mapping[str, Any]
) -> dict[str, Any]:
    """The statistics of the rows of both."""
    levels, q = collapsed.levels, collapsed.coefs
    codes = np.tile(np.arange(levels), 2 * q)
    y = np.concatenate([part["Ylevel"].ravel() for part in (one, other)])
    columns = one["Xlevel"].shape[2]
    x = np.concatenate([part["Xlevel"].reshape(q * levels, columns) for part in (one, other)])
    # (row of R, coefficient, level) -> rows of a design.
    z = np.concatenate(
        [np.moveaxis(part["Rlevel"], 1, 2).reshape(q * levels, q) for part in (one, other)]
    )
    made = rotate(codes, levels, z, x, y)
    rest = np.vstack(
        [
            np.column_stack([part["Xrest"], part["Yrest"]])
            for part in (one, other, {"Xrest": made.rest_x, "Yrest": made.rest_y})
        ]
    )
    factor = r_factor(np.ascontiguousarray(rest.T))
    return {
        "nobs": one["nobs"] + other["nobs"], "log_se": one["log_se"] + other["log_se"],
        "P": one["P"], "Ylevel": made.level_y, "Xlevel": made.level_x, "Rlevel": made.level_r,
        "Nrest": len(factor), "Yrest": factor[:, columns], "Xrest": factor[:, :columns],
    }


def recentred(
    collapsed: CollapsedModel, statistics: Mapping[str, Any], shift: Array
) -> dict[str, Any]:
    """Statistics of a design whose columns are less by `shift` in every row.

    Only with an intercept, whose rotated column says what a number in every row became.
    """
    out = dict(statistics)
    for name in ("Xlevel", "Xrest"):
        x = np.array(out[name])
        x[..., 1:] -= x[..., :1] * shift
        out[name] = x
    return out
