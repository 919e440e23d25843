"""Where conditional effects are computed: typical values, and grids along one or two variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.errors import DataError, did_you_mean
from hiermodel.formula.syntax import Call, Node, names, walk
from hiermodel.frames import as_frame
from hiermodel.predictors import Predictor
from hiermodel.terms.special_effects import SpecialEffectsTerm

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


_FACTOR_CALLS = frozenset({"factor", "as.factor", "ordered", "as.ordered", "C"})


@dataclass(frozen=True, slots=True)
class Variable:
    """A column that predictors use: ``numeric``, or a factor (of any kind) with its levels.

    Numbers that are `whole` have a monotonic effect, which is nothing between them.
    """

    name: str
    kind: str
    levels: tuple[str, ...]
    whole: bool = False

    @property
    def is_factor(self) -> bool:
        """True when it has levels."""
        return self.kind != "numeric"


def predictor_variables(fit: Fit) -> dict[str, Variable]:
    """Return the columns of population-level terms by name.

    Numbers that the formula turns into a factor, ``factor(period)``, are one here too.
    """
    as_factor = _made_factors(fit)
    out: dict[str, Variable] = {}
    for name, kind, levels in fit.predictor_columns():
        texts = tuple(str(v) for v in levels or ())
        if name in as_factor and not texts:
            kind, texts = "factor", tuple(level_text(v) for v in _categories(fit.whole_frame[name]))
        whole = any(name in term.whole_columns for term in _special_effects(fit))
        out[str(name)] = Variable(str(name), kind, texts, whole and not texts)
    return out


def _special_effects(fit: Fit) -> list[SpecialEffectsTerm]:
    linear = (p for p in fit.model.predictors if isinstance(p, Predictor))
    return [p.special_effects for p in linear if p.special_effects is not None]


def _made_factors(fit: Fit) -> set[str]:
    linear = (p for p in fit.model.predictors if isinstance(p, Predictor))
    parts = (part for p in linear for part in _parts(p))
    nodes = (node for part in parts for node in walk(part))
    calls = (n for n in nodes if isinstance(n, Call) and n.function in _FACTOR_CALLS)
    return {name for call in calls for name in names(call)}


def _parts(predictor: Predictor) -> Iterator[Node]:
    """The expressions of columns, smooths and processes in a predictor."""
    designs = [predictor.population.design]
    if predictor.smooths is not None:
        for smooth in predictor.smooths.smooths:
            yield from (e.node for e in smooth.covariates.expressions)
            if smooth.by is not None:
                yield smooth.by.node
    if predictor.processes is not None:
        found = [process.by for process in predictor.processes.processes]
        designs += [by for by in found if isinstance(by, DesignSpec)]
    yield from (factor for one in designs for term in one.terms for factor in term.factors)


def level_values(column: pd.Series, levels: Sequence[str]) -> list[Any]:
    """Return values of a column that stand for these levels, in its own type."""
    values = _categories(column)
    by_text = {level_text(value): value for value in values}
    if pd.api.types.is_bool_dtype(column):
        # R spells the levels of a boolean FALSE and TRUE.
        return [level.lower() == "true" for level in levels]
    return [by_text.get(level, level) for level in levels]


def level_text(value: Any) -> str:
    """Return the label of a level; whole numbers without a decimal point."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _categories(column: pd.Series) -> list[Any]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.categories)
    return sorted(column.dropna().unique().tolist())


def is_number(column: pd.Series) -> bool:
    """Return True for a column of numbers; booleans are a factor."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def typical_row(fit: Fit) -> dict[str, Any]:
    """Return typical values: the mean of numbers, the first level of factors.

    A number of trials is one, so that expectations are proportions; a number of thresholds is
    its rounded median; truncation bounds of counts stay whole.
    """
    frame, variables = fit.whole_frame, predictor_variables(fit)
    row: dict[str, Any] = {}
    for name in frame.columns:
        column, variable = frame[name], variables.get(str(name))
        if variable is not None and variable.is_factor and variable.levels:
            row[str(name)] = level_values(column, variable.levels[:1])[0]
        elif is_number(column):
            row[str(name)] = float(column.mean())
        else:
            values = _categories(column)
            row[str(name)] = values[0] if values else None
    for name, variable in variables.items():
        if variable.whole:
            row[name] = float(np.round(row[name]))
    # The effect of a true value: nothing is added to it.
    row |= {name: 0.0 for term in _special_effects(fit) for name in term.noise_columns}
    for role, expression in fit.model.response.additions.values.items():
        for name in expression.variables:
            if name in row and is_number(frame[name]):
                row[name] = _addition_value(role, frame[name], fit.model.family.discrete)
    return row


def _addition_value(role: str, column: pd.Series, discrete: bool) -> float:
    if role in ("trials", "subset"):
        return 1.0
    if role == "thres":
        return float(np.round(column.median()))
    if role == "cens":
        return 0.0
    mean = float(column.mean())
    return float(np.round(mean)) if discrete and role in ("lb", "ub", "rcens") else mean


def condition_rows(
    fit: Fit, conditions: pd.DataFrame | Mapping[str, Any] | None
) -> list[tuple[str, dict[str, Any]]]:
    """Return label and values of each condition that the user asks for.

    Parameters
    ----------
    fit : Fit
    conditions : DataFrame, mapping or None
        A row per condition, or one value or a list of values per column. A column ``cond__``
        holds labels.

    Raises
    ------
    DataError
        A column that the data do not have.
    """
    if conditions is None:
        return [("1", {})]
    if isinstance(conditions, Mapping):
        lists = {k: v if _is_list(v) else [v] for k, v in conditions.items()}
        rows = [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
        table = pd.DataFrame(rows, columns=list(lists))
    else:
        table = conditions if isinstance(conditions, pd.DataFrame) else as_frame(conditions)
    if len(table) == 0:
        raise DataError("conditions must have at least one row")
    known = [str(c) for c in fit.whole_frame.columns]
    for name in table.columns:
        if name != "cond__" and str(name) not in known:
            hint = did_you_mean(str(name), known)
            raise DataError(f"condition {name!r} is not in the data{hint}")
    out = []
    for row in table.to_dict("records"):
        label = row.pop("cond__", None)
        values = {str(k): v for k, v in row.items()}
        text = " & ".join(f"{k} = {number_text(v)}" for k, v in values.items()) or "1"
        out.append((str(label) if label is not None else text, values))
    return out


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray | pd.Series | range)


def number_text(value: Any) -> str:
    """Return a value as a short label."""
    if isinstance(value, float | int | np.number) and not isinstance(value, bool):
        # The mean of a centred column is zero but for rounding.
        number = float(value)
        return f"{number:.4g}" if abs(number) > 1e-12 else "0"
    return str(value)


def along(
    fit: Fit, variable: Variable, resolution: int, second: bool, given: Sequence[Any] | None
) -> list[Any]:
    """Return the values of a variable in a grid.

    All levels of a factor; all whole numbers of a monotonic effect; other numbers from the lowest
    to the highest observed one, or, as the `second` variable, the mean and one standard deviation
    below and above it.
    """
    column = fit.whole_frame[variable.name]
    if given is not None:
        return list(given)
    if variable.is_factor:
        return level_values(column, variable.levels)
    numbers = column.to_numpy(dtype=float)
    if second:
        centre, spread = np.nanmean(numbers), np.nanstd(numbers, ddof=1)
        shown = [float(centre + k * spread) for k in (-1.0, 0.0, 1.0)]
        if not variable.whole:
            return shown
        bounds = np.nanmin(numbers), np.nanmax(numbers)
        return sorted({float(np.round(np.clip(v, *bounds))) for v in shown})
    if variable.whole:
        return [float(v) for v in range(int(np.nanmin(numbers)), int(np.nanmax(numbers)) + 1)]
    return [float(v) for v in np.linspace(np.nanmin(numbers), np.nanmax(numbers), resolution)]


def grid_frame(
    fit: Fit,
    base: Mapping[str, Any],
    values: Mapping[str, Sequence[Any]],
    conditions: Sequence[tuple[str, Mapping[str, Any]]],
) -> tuple[pd.DataFrame, list[str]]:
    """Return new data on a grid, and the label of each row's condition.

    The last variable of `values` changes fastest, conditions slowest. Columns have the types of
    the training data.
    """
    rows: list[dict[str, Any]] = []
    labels: list[str] = []
    for label, condition in conditions:
        for point in product(*values.values()):
            rows.append({**base, **condition, **dict(zip(values, point, strict=True))})
            labels.append(label)
    frame = pd.DataFrame(rows, columns=list(base))
    for name in frame.columns:
        original = fit.whole_frame[name]
        if isinstance(original.dtype, pd.CategoricalDtype):
            known = original.cat.categories
            extra = [v for v in frame[name].dropna().unique() if v not in known]
            categories = [*known, *extra]
            frame[name] = pd.Categorical(frame[name], categories, ordered=original.cat.ordered)
        elif pd.api.types.is_bool_dtype(original) and not frame[name].isna().any():
            frame[name] = frame[name].astype(bool)
    return frame, labels
