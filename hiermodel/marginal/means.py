"""Estimated marginal means: averages over a balanced grid of the factors.

Searle, Speed & Milliken (1980), "Population marginal means in the linear model: an alternative to
least squares means", doi:10.1080/00031305.1980.10483031.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import texts
from hiermodel.effects.grid import level_text, number_text
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.marginal.aggregate import Job, Subgroups, estimate, subgroups
from hiermodel.marginal.contrasts import find_variable, unchanged
from hiermodel.marginal.grids import (
    datagrid,
    grouping_columns,
    levels_of,
    model_variables,
)
from hiermodel.marginal.hypotheses import KINDS, pairs, row_names
from hiermodel.marginal.request import RESERVED, Options, Request, free
from hiermodel.marginal.table import EffectTable
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

WEIGHTS = ("equal", "proportional")
CONTRASTS = (*KINDS, "eff")


def emmeans(
    fit: Fit, specs: Any, by: Any = None, *, contrasts: Any = None,
    at: Mapping[str, Any] | None = None, weights: str = "equal", groups: Any = "none",
    **options: Any,
) -> EffectTable:
    """Compute estimated marginal means or their contrasts; see `Fit.emmeans`."""
    if weights not in WEIGHTS:
        raise ArgumentError(
            f"weights must be one of {', '.join(WEIGHTS)}, not {weights!r}"
            f"{did_you_mean(str(weights), WEIGHTS)}"
        )
    if options.get("type") == "predict":
        raise ArgumentError("marginal means are of expectations: type is 'response' or 'link'")
    if at is not None and not isinstance(at, Mapping):
        raise ArgumentError(f"at holds values by variable, such as {{'x': [0, 1]}}, not {at!r}")
    request = Request.make(fit, None, Options.of("emmeans", options, groups=groups))
    grid = _grid(fit, request, specs, by, dict(at or {}))
    request.frame = grid.frame
    request.labels = np.arange(len(grid.frame))
    request.values.check(grid.frame, "the grid")
    share = np.ones(len(grid.frame))
    if weights == "proportional":
        share = _frequencies(fit, grid)
    cells = subgroups(grid.frame, [*grid.by, *grid.specs], share)
    assert cells is not None
    job = Job((unchanged(grid.frame),), lambda sides, at: sides[0], of_averages=True)
    (result,) = estimate(request.values, grid.frame, [job], cells, request.summariser, True)
    assert result.draws is not None
    request.remark = grid.words(weights)
    draws, labels = _contrasted(result.draws, cells, result.categories, grid, contrasts)
    # Weights of one's own may be of anything.
    request.null = 0.0 if isinstance(contrasts, str) else None
    shown = {c: free(str(c), RESERVED) for c in (*grid.by, *grid.specs)}
    labels = labels.rename(columns=shown)
    what = "Estimated marginal means" if contrasts is None else "Contrasts of marginal means"
    return request.finish(draws, labels, f"{what}: {request.subject()}")


@dataclass(frozen=True, eq=False)
class _Grid:
    """A reference grid: its rows, and which factors are shown and which averaged over."""

    frame: pd.DataFrame
    specs: tuple[str, ...]
    by: tuple[str, ...]
    averaged: tuple[str, ...]
    held: tuple[str, ...]

    def words(self, weights: str) -> str:
        """How the grid was made."""
        out = []
        if self.averaged:
            out.append(f"Averaged over {', '.join(self.averaged)} with {weights} weights.")
        if self.held:
            shown = (f"{n} = {number_text(self.frame[n].iloc[0])}" for n in self.held)
            out.append(f"Held: {', '.join(shown)}.")
        return " ".join(out)


def _grid(
    fit: Fit, request: Request, specs: Any, by: Any, at: dict[str, Any]
) -> _Grid:
    first = tuple(dict.fromkeys(texts("specs", specs, "treatment")))
    second = () if by is None else tuple(dict.fromkeys(texts("by", by, "period")))
    for name in second:
        if name in first:
            raise ArgumentError(f"{name!r} is in specs and in by")
    variables = model_variables(fit)
    values: dict[str, Any] = {}
    for name in (*second, *first):
        variable = find_variable(fit, name, request.modes, "a marginal mean")
        if not variable.is_factor and name not in at:
            raise ArgumentError(
                f"{name!r} is a number; say at which values with at={{{name!r}: [...]}}"
            )
        values[name] = at.pop(name) if name in at else levels_of(fit, name)
    averaged: list[str] = []
    held: list[str] = []
    for name, variable in variables.items():
        if name in values:
            continue
        if name in at:
            values[name] = at.pop(name)
            single = np.ndim(values[name]) == 0 or len(values[name]) == 1
            (held if single else averaged).append(name)
        elif variable.is_factor:
            values[name] = levels_of(fit, name)
            averaged.append(name)
        else:
            values[name] = float(fit.whole_frame[name].mean())
            held.append(name)
    values |= at
    observed = {g.name: g for g in fit.model.groups if request.modes[g.name] == "observed"}
    for group in observed.values():
        missing = [v for m in group.grouping.members for v in m if v not in values]
        if missing:
            raise ArgumentError(
                f"groups='observed' needs to know which {missing[0]!r}: name it in specs, by or "
                "at, or use groups='none', 'new' or 'integrated'"
            )
    shown = {g for g in grouping_columns(fit) if g in at}
    return _Grid(
        datagrid(fit, values), first, second, tuple(averaged), (*held, *sorted(shown))
    )


def _frequencies(fit: Fit, grid: _Grid) -> Array:
    """How often the factor levels that are averaged over occur together in the data."""
    factors = [n for n in grid.averaged if model_variables(fit)[n].is_factor]
    if not factors:
        return np.ones(len(grid.frame))

    def keys(frame: pd.DataFrame) -> list[tuple[str, ...]]:
        columns = ([level_text(v) for v in frame[n]] for n in factors)
        return list(zip(*columns, strict=True))

    counts: dict[tuple[str, ...], int] = {}
    for key in keys(fit.frame):
        counts[key] = counts.get(key, 0) + 1
    return np.array([counts.get(key, 0) for key in keys(grid.frame)], dtype=float)


def _contrasted(
    draws: Array, cells: Subgroups, categories: tuple[str, ...], grid: _Grid, contrasts: Any
) -> tuple[Array, pd.DataFrame]:
    """Means, or contrasts of the specs within the levels of `by`; categories change fastest."""
    width = max(1, len(categories))
    table = cells.table
    if contrasts is None:
        labels = table[[*grid.specs, *grid.by]]
        return draws, _categorised(labels, categories)
    blocks = (
        list(table.groupby(list(grid.by), sort=True, observed=True).indices.values())
        if grid.by else [np.arange(len(table))]
    )
    means = draws.reshape(len(draws), len(table), width)
    columns, rows = [], []
    for places in blocks:
        names = row_names(table.iloc[places][list(grid.specs)])
        matrix, called = _weights(contrasts, names)
        columns.append(np.einsum("sgc,gk->skc", means[:, places], matrix))
        own = table.iloc[[places[0]] * len(called)][list(grid.by)].reset_index(drop=True)
        own.insert(0, "contrast", called)
        rows.append(own)
    labels = pd.concat(rows, ignore_index=True)
    return np.concatenate(columns, axis=1).reshape(len(draws), -1), _categorised(labels, categories)


def _categorised(labels: pd.DataFrame, categories: tuple[str, ...]) -> pd.DataFrame:
    labels = labels.reset_index(drop=True)
    if not categories:
        return labels
    out = labels.loc[np.repeat(np.arange(len(labels)), len(categories))].reset_index(drop=True)
    out["category"] = pd.Categorical(
        list(categories) * len(labels), categories=list(categories)
    )
    return out


def _weights(contrasts: Any, names: list[str]) -> tuple[Array, list[str]]:
    """Weights of the means (means, contrasts) and names of the contrasts."""
    count = len(names)
    if isinstance(contrasts, Mapping) and contrasts:
        matrix = np.zeros((count, len(contrasts)))
        for k, (name, weights) in enumerate(contrasts.items()):
            given = np.asarray(weights, dtype=float)
            if given.shape != (count,) or not np.isfinite(given).all():
                raise ArgumentError(
                    f"the contrast {name!r} needs a weight for each of {count} means: "
                    + "; ".join(names)
                )
            matrix[:, k] = given
        return matrix, [str(name) for name in contrasts]
    if contrasts not in CONTRASTS:
        raise ArgumentError(
            f"contrasts must be one of {', '.join(CONTRASTS)}, or weights by name, not "
            f"{contrasts!r}{did_you_mean(str(contrasts), CONTRASTS)}"
        )
    if count < 2:
        raise DataError("there is one marginal mean only, so there is nothing to compare")
    if contrasts == "eff":
        return np.eye(count) - 1 / count, [f"{name} - mean" for name in names]
    found = pairs(contrasts, count)
    matrix = np.zeros((count, len(found)))
    for k, (a, b) in enumerate(found):
        matrix[a, k], matrix[b, k] = -1.0, 1.0
    return matrix, [f"{names[b]} - {names[a]}" for a, b in found]
