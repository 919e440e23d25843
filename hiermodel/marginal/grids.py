"""Rows at which quantities are computed: typical, balanced and counterfactual grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.effects.grid import (
    Variable,
    is_number,
    level_text,
    level_values,
    predictor_variables,
    typical_row,
)
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.frames import as_frame, row_labels
from hiermodel.terms.group_view import GroupView

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

GRIDS = ("mean_or_mode", "balanced", "counterfactual")
ROWID = "rowid"


def grouping_columns(fit: Fit) -> list[str]:
    """Return the columns that say to which clusters a row belongs."""
    names = (v for g in fit.model.groups for member in g.grouping.members for v in member)
    return list(dict.fromkeys(names))


def model_variables(fit: Fit) -> dict[str, Variable]:
    """Return every column that moves a linear predictor, those of group-level terms too."""
    out = dict(predictor_variables(fit))
    schema = fit.model.schema.columns
    for predictor in fit.model.part.predictors:
        for term in predictor.terms:
            for name in term.columns_needed:
                if name in out or name not in schema:
                    continue
                if isinstance(term, GroupView) and name in grouping_columns(fit):
                    continue
                column = schema[name]
                out[name] = Variable(name, column.kind, tuple(map(str, column.levels)))
    return out


def model_columns(fit: Fit) -> list[str]:
    """Return the columns that predictions read: predictors, clusters, addition terms."""
    part = fit.model.part
    out = list(model_variables(fit))
    for group in fit.model.groups:
        out += group.columns_needed
    for expression in part.response.additions.values.values():
        out += expression.variables
    if part.subset is not None:
        out += part.subset.variables
    known = set(fit.whole_frame.columns)
    return [name for name in dict.fromkeys(map(str, out)) if name in known]


def typical(fit: Fit) -> dict[str, Any]:
    """Return a typical row: the mean of numbers, the mode of all else and of numbers 0 and 1."""
    row, variables = typical_row(fit), model_variables(fit)
    additions = {
        name for e in fit.model.part.response.additions.values.values() for name in e.variables
    }
    out: dict[str, Any] = {}
    for name in model_columns(fit):
        column = fit.whole_frame[name]
        factor = name in variables and variables[name].is_factor
        if name in additions and name not in variables:
            out[name] = row[name]
        elif factor or not is_number(column) or name in grouping_columns(fit) or is_binary(column):
            out[name] = mode(column)
        else:
            out[name] = float(column.mean())
    return out


def is_binary(column: pd.Series) -> bool:
    """Return True for numbers that are all 0 or 1, and both occur."""
    return is_number(column) and set(column.dropna().unique()) == {0, 1}


def mode(column: pd.Series) -> Any:
    """Return the most frequent value, the first of several in their order."""
    found = column.dropna().mode()
    if not len(found):
        return None
    value = found.iloc[0]
    return value.item() if isinstance(value, np.generic) else value


def levels_of(fit: Fit, name: str) -> list[Any]:
    """Return the values of a factor in the type of its column."""
    variables = model_variables(fit)
    column = fit.whole_frame[name]
    if name in variables and variables[name].levels:
        return level_values(column, variables[name].levels)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return [v for v in column.cat.categories if (column == v).any()]
    return sorted(column.dropna().unique().tolist())


def typed(fit: Fit, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
    """Return columns with the types of the training data."""
    out: dict[str, Any] = {}
    for name, given in values.items():
        entries = list(given)
        if name not in fit.whole_frame:
            out[name] = entries
            continue
        original = fit.whole_frame[name]
        if isinstance(original.dtype, pd.CategoricalDtype):
            known = list(original.cat.categories)
            extra = [v for v in dict.fromkeys(entries) if v not in known and not pd.isna(v)]
            out[name] = pd.Categorical(
                entries, categories=[*known, *extra], ordered=bool(original.cat.ordered)
            )
        else:
            out[name] = pd.Series(entries, dtype=_dtype(original, entries))
    return pd.DataFrame(out)


def _dtype(original: pd.Series, entries: Sequence[Any]) -> Any:
    """The type of the column where the values are such; numbers between integers are floats."""
    if pd.api.types.is_bool_dtype(original):
        return bool if all(isinstance(v, (bool, np.bool_)) for v in entries) else object
    if is_number(original):
        whole = all(isinstance(v, (int, np.integer)) for v in entries)
        return original.dtype if whole and entries else float
    return object


def check_values(fit: Fit, name: str, entries: Sequence[Any]) -> None:
    """Refuse values of a grid that the model cannot have.

    Raises
    ------
    DataError
        For text in the place of a number, or a level that the factor does not have.
    """
    variables = model_variables(fit)
    if not len(entries):
        raise DataError(f"the grid has no value of {name!r}")
    if name not in variables:
        return
    variable = variables[name]
    if not variable.is_factor:
        for value in entries:
            if isinstance(value, (str, bytes)) or not np.isscalar(value):
                raise DataError(f"{name!r} is numeric; {value!r} is no number")
        return
    known = {level_text(v) for v in levels_of(fit, name)} | set(variable.levels)
    for value in entries:
        if level_text(value) not in known:
            listed = ", ".join(variable.levels)
            raise DataError(
                f"{value!r} is no level of {name!r}{did_you_mean(str(value), variable.levels)}; "
                f"its levels are {listed}"
            )


def datagrid(
    fit: Fit, values: Mapping[str, Any] | None = None, grid: str = "mean_or_mode",
    newdata: Any = None,
) -> pd.DataFrame:
    """Return rows at which to compute predictions.

    Parameters
    ----------
    fit : Fit
        Of one response.
    values : mapping of str to value, sequence or callable
        What columns take; all combinations. A callable gets the column of the data.
    grid : {"mean_or_mode", "balanced", "counterfactual"}
        What the other columns take: the mean of numbers and the mode of all else; all levels of
        factors, numbers at their mean; or those of every row, which is repeated for each
        combination.
    newdata : data frame, optional
        The rows of a counterfactual grid; the fitted rows by default.

    Returns
    -------
    pandas.DataFrame
        The columns that predictions read, with the types of the data. The last one of `values`
        changes fastest; a counterfactual grid has the column ``rowid``.

    Raises
    ------
    ArgumentError, DataError
    """
    if grid not in GRIDS:
        raise ArgumentError(
            f"grid must be one of {', '.join(GRIDS)}, not {grid!r}{did_you_mean(str(grid), GRIDS)}"
        )
    if newdata is not None and grid != "counterfactual":
        raise ArgumentError("newdata is for grid='counterfactual', which repeats its rows")
    given = {str(k): _entries(fit, str(k), v) for k, v in (values or {}).items()}
    if grid == "counterfactual":
        if not given:
            raise ArgumentError("a counterfactual grid needs values, such as x=[0, 1]")
        frame, labels = base_rows(fit, newdata)
        return counterfactual(fit, frame, labels, given)
    base = typical(fit)
    for name, entries in given.items():
        base[name] = entries
    if grid == "balanced":
        for name, variable in model_variables(fit).items():
            if variable.is_factor and name not in given:
                base[name] = levels_of(fit, name)
    # Columns that vary come last, those of `values` in the order that the user gave.
    varied = [n for n in base if isinstance(base[n], list) and n not in given] + list(given)
    rows = [dict(zip(varied, point, strict=True)) for point in product(*(base[n] for n in varied))]
    columns = {n: [r[n] if n in r else base[n] for r in rows] for n in base}
    return typed(fit, columns)


def _entries(fit: Fit, name: str, value: Any) -> list[Any]:
    known = model_columns(fit)
    if name not in known:
        raise DataError(
            f"{name!r} is no column that the model reads{did_you_mean(name, known)}; "
            f"it reads {', '.join(known) or 'none'}"
        )
    if callable(value):
        value = value(fit.whole_frame[name])
    if isinstance(value, (str, bytes)) or np.ndim(value) == 0:
        value = [value]
    entries = [v.item() if isinstance(v, np.generic) else v for v in value]
    check_values(fit, name, entries)
    return entries


def base_rows(fit: Fit, newdata: Any) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of new data (or of the fit) that are for this response, and their labels."""
    if newdata is None:
        frame, own = fit.model.part.rows(fit.frame), np.asarray(fit.row_labels)
        return frame, own if len(own) == len(frame) else np.arange(len(frame))
    whole = as_frame(newdata)
    labels = row_labels(newdata)
    labels = np.arange(len(whole)) if labels is None else np.asarray(labels)
    places = fit.model.part.new_places(whole)
    if len(places) == len(whole):
        return whole, labels
    return whole.iloc[places].reset_index(drop=True), labels[places]


def counterfactual(
    fit: Fit, frame: pd.DataFrame, labels: np.ndarray, values: Mapping[str, Sequence[Any]]
) -> pd.DataFrame:
    """Return every row once for each combination of the values, with its label as ``rowid``."""
    if ROWID in frame.columns:
        raise DataError(f"the data have a column {ROWID!r}, which a counterfactual grid makes")
    points = list(product(*values.values()))
    out = pd.concat([frame] * len(points), ignore_index=True)
    columns = {
        name: [point[k] for point in points for _ in range(len(frame))]
        for k, name in enumerate(values)
    }
    changed = typed(fit, columns)
    out = out.assign(**{name: changed[name].array for name in values})
    out.insert(0, ROWID, np.tile(labels, len(points)))
    return out
