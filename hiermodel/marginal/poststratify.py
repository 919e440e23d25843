"""Poststratification: estimates for a population from the sizes of its cells.

Gelman & Little (1997), "Poststratification into many categories using hierarchical logistic
regression"; Park, Gelman & Bafumi (2004), doi:10.1093/pan/mph024.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import flag
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.marginal.aggregate import Job, estimate, row_weights, subgroups
from hiermodel.marginal.contrasts import unchanged
from hiermodel.marginal.request import RESERVED, Options, Request, free
from hiermodel.marginal.table import EffectTable
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

ALL = "(all)"


def poststratify(
    fit: Fit, cells: Any, n: str = "n", by: Any = None, *, total: bool = False, **options: Any
) -> EffectTable:
    """Estimate means or totals of a population; see `Fit.poststratify`."""
    flag("total", total)
    if isinstance(cells, str) or cells is None:
        raise ArgumentError("cells must be a data frame with a row for each cell of the population")
    if options.get("type") == "link" and total:
        raise ArgumentError("total=True counts responses; with type='link' there is nothing to sum")
    request = Request.make(fit, cells, Options.of("poststratify", options, one_trial=True))
    frame = request.frame
    sizes = _sizes(frame, n)
    request.values.check(frame, "cells")
    names = None if by is None or by is True else by
    groups = subgroups(frame, True if names is None else names, sizes)
    assert groups is not None
    job = Job((unchanged(frame),), lambda sides, at: sides[0], of_averages=True)
    (result,) = estimate(request.values, frame, [job], groups, request.summariser, True)
    assert result.draws is not None
    width = max(1, len(result.categories))
    draws = result.draws.reshape(len(result.draws), -1, width)
    counts = np.bincount(groups.codes, groups.weights, minlength=len(groups.table))
    table = groups.table.reset_index(drop=True)
    table.columns = [free(str(c), RESERVED) for c in table.columns]
    if names is not None:
        draws, counts, table = _with_all(draws, counts, table)
    if total:
        draws = draws * counts[None, :, None]
    labels = table.loc[np.repeat(np.arange(len(table)), width)].reset_index(drop=True)
    if result.categories:
        labels["category"] = pd.Categorical(
            list(result.categories) * len(table), categories=list(result.categories)
        )
    what = "Population totals" if total else "Population means"
    request.remark = f"{len(frame)} cells of {counts[-1]:.10g} people or units ({n})."
    out = request.finish(draws.reshape(len(draws), -1), labels, f"{what}: {request.subject()}")
    if request.options.hypothesis is None:
        size = free("n", out.columns)
        out.insert(len(labels.columns), size, np.repeat(counts, width))
        out._numbers = [size, *out._numbers]
    return out


def _sizes(frame: pd.DataFrame, n: Any) -> Array:
    if not isinstance(n, str):
        raise ArgumentError(f"n names the column of cells that holds their sizes, not {n!r}")
    if n not in frame.columns:
        raise DataError(
            f"cells have no column {n!r} with the size of each cell"
            f"{did_you_mean(n, frame.columns)}; name it with n="
        )
    try:
        sizes = frame[n].to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"cells: the sizes {n!r} must be numbers") from error
    bad = np.flatnonzero(~(np.isfinite(sizes) & (sizes >= 0)))
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"cells: the size {n!r} of row {row + 1} is {frame[n].iloc[row]}; sizes are numbers "
            "from 0 on"
        )
    found = row_weights(frame, sizes)
    assert found is not None
    return found


def _with_all(
    draws: Array, counts: Array, table: pd.DataFrame
) -> tuple[Array, Array, pd.DataFrame]:
    """Add the whole population, which is the average of its parts by their sizes."""
    whole = np.einsum("sgc,g->sc", draws, counts / counts.sum())
    last = pd.DataFrame({c: [ALL] for c in table.columns})
    joined = pd.concat([table.astype(object), last.astype(object)], ignore_index=True)
    return (
        np.concatenate([draws, whole[:, None]], axis=1),
        np.append(counts, counts.sum()),
        joined,
    )
