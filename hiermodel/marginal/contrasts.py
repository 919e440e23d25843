"""Contrasts: from which value to which a variable changes, and how both sides are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.effects.grid import Variable, level_text, number_text
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.marginal.grids import (
    check_values,
    grouping_columns,
    is_binary,
    levels_of,
    model_variables,
    typed,
)
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

FACTOR_SPECS = ("reference", "pairwise", "sequential")
NUMBER_SPECS = ("sd", "2sd", "iqr", "minmax")


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a contrast: the columns that change, one value a row; `key` tells sides apart."""

    key: tuple[Any, ...]
    columns: pd.DataFrame
    text: str

    def apply(self, frame: pd.DataFrame, at: slice) -> pd.DataFrame:
        """Return some rows with the changed columns."""
        return frame.iloc[at].assign(
            **{str(c): self.columns[c].iloc[at].array for c in self.columns}
        )


@dataclass(frozen=True, eq=False)
class Contrast:
    """What is compared: the variable, and its values on both sides.

    `step` is the text of a change by a number, or of all changes of a crossed contrast.
    """

    term: str
    low: Side
    high: Side
    step: str = ""
    crossed: bool = False


def contrasts(
    fit: Fit, frame: pd.DataFrame, variables: Any, modes: Mapping[str, str], cross: bool
) -> list[Contrast]:
    """Return the contrasts that were asked for, for the rows of a frame.

    Parameters
    ----------
    fit : Fit
    frame : DataFrame
        The rows; what changes is set in them.
    variables : str, sequence of str, mapping or None
        Names, or names with the kind of contrast; None for all variables of the model.
    modes : mapping of str to str
        Of the grouping factors.
    cross : bool
        Change all variables together, in all combinations of their contrasts.
    """
    asked = _asked(fit, variables)
    every = [_of_variable(fit, frame, name, spec, modes) for name, spec in asked.items()]
    if not cross:
        return [contrast for found in every for contrast in found]
    if len(every) < 2:
        raise ArgumentError("cross=True changes several variables together; name at least two")
    return [_crossed(combination) for combination in product(*every)]


def _asked(fit: Fit, variables: Any) -> dict[str, Any]:
    known = model_variables(fit)
    if variables is None:
        if not known:
            raise DataError("the model has no predictor, so there is nothing to compare")
        return dict.fromkeys(known)
    if isinstance(variables, str):
        return {variables: None}
    if isinstance(variables, Mapping):
        asked = {str(k): v for k, v in variables.items()}
    elif isinstance(variables, Sequence) and all(isinstance(v, str) for v in variables):
        asked = dict.fromkeys(variables)
    else:
        raise ArgumentError(
            f"variables are names such as 'x' or ['x', 'z'], or names with contrasts such as "
            f"{{'x': 5}}, not {variables!r}"
        )
    if not asked:
        raise ArgumentError("variables names no variable")
    return asked


def find_variable(fit: Fit, name: str, modes: Mapping[str, str], what: str) -> Variable:
    """Return a variable of the model, or a grouping variable whose clusters are observed.

    Raises
    ------
    DataError, ArgumentError
    """
    known = model_variables(fit)
    if name in known:
        return known[name]
    if name in grouping_columns(fit):
        owners = [g for g in fit.model.groups if any(name in m for m in g.grouping.members)]
        for group in owners:
            if modes[group.name] != "observed":
                raise ArgumentError(
                    f"{what} of the grouping variable {name!r} needs groups='observed': with "
                    f"groups={modes[group.name]!r} its clusters do not differ"
                )
        return Variable(name, "factor", tuple(level_text(v) for v in levels_of(fit, name)))
    raise DataError(
        f"{name!r} is no predictor of the model{did_you_mean(name, known)}; "
        f"it has {', '.join(known) or 'none'}"
    )


def _of_variable(
    fit: Fit, frame: pd.DataFrame, name: str, spec: Any, modes: Mapping[str, str]
) -> list[Contrast]:
    variable = find_variable(fit, name, modes, "a comparison")
    if callable(spec):
        return [_computed(fit, frame, name, spec)]
    if variable.is_factor:
        return _of_factor(fit, frame, variable, spec)
    return [_of_number(fit, frame, name, spec)]


def unchanged(frame: pd.DataFrame, text: str = "x") -> Side:
    """Return the side on which the rows stay as they are."""
    return Side((), pd.DataFrame(index=pd.RangeIndex(len(frame))), text)


def shifted(fit: Fit, name: str, values: Any, text: str) -> Side:
    """Return a side with a value for each row."""
    return Side((name, object()), typed(fit, {name: np.asarray(values).tolist()}), text)


def _side(fit: Fit, frame: pd.DataFrame, name: str, value: Any, text: str) -> Side:
    """One side with the same value in all rows."""
    return Side((name, text), typed(fit, {name: [value] * len(frame)}), text)


def _of_factor(fit: Fit, frame: pd.DataFrame, variable: Variable, spec: Any) -> list[Contrast]:
    name, levels = variable.name, levels_of(fit, variable.name)
    if len(levels) < 2:
        raise DataError(f"{name!r} has one level only, so there is nothing to compare")
    if spec is None or (isinstance(spec, str) and spec == "reference"):
        pairs = [(levels[0], level) for level in levels[1:]]
    elif isinstance(spec, str) and spec == "pairwise":
        pairs = list(combinations(levels, 2))
    elif isinstance(spec, str) and spec == "sequential":
        pairs = list(pairwise(levels))
    elif isinstance(spec, (list, tuple)) and len(spec) == 2:
        check_values(fit, name, spec)
        by_text = {level_text(v): v for v in levels}
        first, second = (by_text.get(level_text(v), v) for v in spec)
        pairs = [(first, second)]
    else:
        raise ArgumentError(
            f"the contrast of the factor {name!r} is one of {', '.join(FACTOR_SPECS)} or two of "
            f"its levels, not {spec!r}{did_you_mean(str(spec), FACTOR_SPECS)}"
        )
    used = {level_text(v): v for pair in pairs for v in pair}
    sides = {text: _side(fit, frame, name, value, text) for text, value in used.items()}
    return [Contrast(name, sides[level_text(a)], sides[level_text(b)]) for a, b in pairs]


def _of_number(fit: Fit, frame: pd.DataFrame, name: str, spec: Any) -> Contrast:
    column = fit.whole_frame[name]
    if spec is None and is_binary(column):
        spec = (0, 1)
    if spec is None:
        spec = 1
    if isinstance(spec, str):
        low, high, texts = _spread(column, spec, name)
    elif isinstance(spec, Real) and not isinstance(spec, bool):
        if not np.isfinite(float(spec)) or spec == 0:
            raise ArgumentError(f"the step of {name!r} must be a number other than 0, not {spec!r}")
        here = numbers(frame, name)
        step = f"{spec:+.6g}"
        return Contrast(
            name,
            unchanged(frame),
            shifted(fit, name, here + float(spec), f"(x {step[0]} {step[1:]})"),
            step,
        )
    elif isinstance(spec, (list, tuple, np.ndarray)) and len(spec) == 2:
        check_values(fit, name, list(spec))
        low, high = spec
        texts = (number_text(low), number_text(high))
    else:
        raise ArgumentError(
            f"the contrast of the number {name!r} is a step, two values [low, high], or one of "
            f"{', '.join(NUMBER_SPECS)}, not {spec!r}"
        )
    if not np.isfinite([float(low), float(high)]).all() or low == high:
        raise ArgumentError(f"the two values of {name!r} must be different numbers, not {spec!r}")
    return Contrast(
        name, _side(fit, frame, name, low, texts[0]), _side(fit, frame, name, high, texts[1])
    )


def numbers(frame: pd.DataFrame, name: str) -> Array:
    """Return a column as numbers.

    Raises
    ------
    DataError
        When the frame does not have it, or it holds something else.
    """
    if name not in frame.columns:
        raise DataError(f"newdata lacks the column {name!r}, which the model needs"
                        f"{did_you_mean(name, frame.columns)}")
    try:
        return frame[name].to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"column {name!r} must hold numbers") from error


def _spread(column: pd.Series, spec: str, name: str) -> tuple[float, float, tuple[str, str]]:
    values = column.to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    if spec == "sd":
        return mean - sd / 2, mean + sd / 2, ("(mean - sd/2)", "(mean + sd/2)")
    if spec == "2sd":
        return mean - sd, mean + sd, ("(mean - sd)", "(mean + sd)")
    if spec == "iqr":
        low, high = np.quantile(values, [0.25, 0.75])
        return float(low), float(high), ("Q1", "Q3")
    if spec == "minmax":
        return float(values.min()), float(values.max()), ("Min", "Max")
    raise ArgumentError(
        f"the contrast of the number {name!r} is a step, two values [low, high], or one of "
        f"{', '.join(NUMBER_SPECS)}, not {spec!r}{did_you_mean(spec, NUMBER_SPECS)}"
    )


def _computed(fit: Fit, frame: pd.DataFrame, name: str, spec: Callable[..., Any]) -> Contrast:
    if name not in frame.columns:
        raise DataError(f"newdata lacks the column {name!r}, which the model needs")
    found = spec(frame[name])
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise ArgumentError(
            f"the function of {name!r} must give two columns, the low and the high side"
        )
    sides = []
    for text, values in zip(("low", "high"), found, strict=True):
        entries = np.asarray(values)
        if entries.shape != (len(frame),):
            raise ArgumentError(
                f"the function of {name!r} must give one value for each of {len(frame)} rows, "
                f"not an array of shape {entries.shape}"
            )
        check_values(fit, name, list(dict.fromkeys(entries.tolist())))
        sides.append(shifted(fit, name, entries, text))
    return Contrast(name, sides[0], sides[1])


def _crossed(found: Sequence[Contrast]) -> Contrast:
    def joined(sides: list[Side]) -> Side:
        columns = pd.concat([side.columns for side in sides], axis=1)
        return Side(tuple(side.key for side in sides), columns, "")

    term = ", ".join(c.term for c in found)
    step = ", ".join(c.step or f"{c.high.text} - {c.low.text}" for c in found)
    low, high = (joined([getattr(c, side) for c in found]) for side in ("low", "high"))
    return Contrast(term, low, high, step, crossed=True)


# --------------------------------------------------------------------------- comparisons


@dataclass(frozen=True)
class Comparison:
    """How two sides become one number.

    `function` gets the high and the low side, arrays of one shape; `label` their texts; `null` is
    what equal sides give.
    """

    name: str
    function: Callable[[Array, Array], Array]
    label: Callable[[Contrast], str]
    null: float | None = 0.0

    def __call__(self, high: Array, low: Array) -> Array:
        """Compare.

        Raises
        ------
        ArgumentError
            Outside of the domain of the comparison.
        """
        _check_domain(self.name, high, low)
        with np.errstate(divide="ignore", invalid="ignore"):
            out = np.asarray(self.function(high, low), dtype=float)
        if out.shape != high.shape:
            raise ArgumentError(
                f"comparison= must give one number for each draw and row: of two arrays of shape "
                f"{high.shape} it made one of shape {out.shape}"
            )
        if np.isnan(out.min(initial=0.0)):
            raise ArgumentError(
                f"the comparison {self.name!r} gives no number where both sides are 0"
                if self.name in ("ratio", "lift")
                else f"the comparison {self.name!r} gives no number for some draws"
            )
        return out


def _check_domain(name: str, high: Array, low: Array) -> None:
    least = min(high.min(initial=np.inf), low.min(initial=np.inf))
    most = max(high.max(initial=-np.inf), low.max(initial=-np.inf))
    if name == "lnor" and not (least > 0 and most < 1):
        raise ArgumentError(
            "comparison='lnor' compares log odds, so both sides must lie between 0 and 1; here "
            f"they go from {least:.4g} to {most:.4g}"
        )
    if name in ("ratio", "lnratio", "lift") and least < 0:
        raise ArgumentError(
            f"comparison={name!r} needs sides that are not negative; here they go down to "
            f"{least:.4g}"
        )


def _odds(p: Array) -> Array:
    return np.log(p) - np.log1p(-p)


def _text(pattern: str) -> Callable[[Contrast], str]:
    def label(contrast: Contrast) -> str:
        plain = pattern == "{high} - {low}"
        if contrast.crossed:
            name = "" if plain else pattern.format(high="high", low="low") + ": "
            return name + contrast.step
        if plain and contrast.step:
            return contrast.step
        return pattern.format(high=contrast.high.text, low=contrast.low.text)

    return label


COMPARISONS: Mapping[str, Comparison] = {
    c.name: c
    for c in (
        Comparison("difference", lambda high, low: high - low, _text("{high} - {low}")),
        Comparison("ratio", lambda high, low: high / low, _text("{high} / {low}"), 1.0),
        Comparison("lnratio", lambda high, low: np.log(high / low), _text("ln({high} / {low})")),
        Comparison(
            "lnor", lambda high, low: _odds(high) - _odds(low),
            _text("ln(odds({high}) / odds({low}))"),
        ),
        Comparison(
            "lift", lambda high, low: (high - low) / low, _text("({high} - {low}) / {low}")
        ),
    )
}


def comparison_named(comparison: Any) -> Comparison:
    """Return a comparison by name, or that of a function of high and low side.

    Raises
    ------
    ArgumentError
    """
    if callable(comparison):
        name = getattr(comparison, "__name__", "comparison")
        shown = "f" if name == "<lambda>" else name
        return Comparison(shown, comparison, _text(shown + "({high}, {low})"), None)
    if comparison not in COMPARISONS:
        raise ArgumentError(
            f"comparison must be one of {', '.join(COMPARISONS)} or a function of the high and the "
            f"low side, not {comparison!r}{did_you_mean(str(comparison), COMPARISONS)}"
        )
    return COMPARISONS[comparison]
