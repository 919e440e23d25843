"""Expressions with what they learned from the training data, ready for any rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions.context import Context
from hiermodel.expressions.evaluate import evaluate
from hiermodel.expressions.values import (
    FactorValue,
    Logical,
    Matrix,
    Value,
    as_number,
    logical_factor,
)
from hiermodel.formula import deparse
from hiermodel.formula.syntax import Name, Node, Number, names, walk
from hiermodel.frozen import FrozenMap
from hiermodel.schema import Schema

Array = np.ndarray


@dataclass(frozen=True, eq=False, slots=True)
class LearnedExpression:
    """An expression of a formula that means the same on new data as on the training data.

    Attributes
    ----------
    node : Node
    schema : Schema
    state : mapping
        What calls learned (means, levels, polynomial coefficients), by their text. Read-only.
    source : str
        The formula, for messages.
    suffixes : tuple of str, optional
        Of a matrix: what is appended to the name of each column.
    unbounded : bool
        May be infinite: a truncation bound.
    """

    node: Node
    schema: Schema
    state: Mapping[str, Any]
    source: str
    suffixes: tuple[str, ...] | None = None
    unbounded: bool = False

    @property
    def text(self) -> str:
        """The expression in R's spelling."""
        return deparse(self.node)

    @property
    def variables(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return names(self.node)

    def value(self, frame: pd.DataFrame, missing: str = "raise") -> Any:
        """Evaluate it on the rows of a frame.

        Parameters
        ----------
        frame : DataFrame
        missing : {"raise", "pass"}
            What missing values in the columns do: an error, or NaN and code -1 in their rows.

        Returns
        -------
        array or FactorValue
            Numbers (N,) or (N, k), a single number (0-d) for a constant, or a factor. Truth
            values are factors FALSE/TRUE.

        Raises
        ------
        DataError
            For unseen levels, text instead of numbers, and rows without a value.
        """
        value = _run(self.node, frame, self.schema, dict(self.state), False, self.source)
        result, _ = _public(value, self, frame)
        _check(result, self, frame, missing)
        return result


def learn(
    node: Node, frame: pd.DataFrame, schema: Schema, source: str = "", unbounded: bool = False
) -> LearnedExpression:
    """Evaluate an expression on the training data and keep what it learns.

    Parameters
    ----------
    node : Node
        As the parser gives it.
    frame : DataFrame
        The training data.
    schema : Schema
        Knows every column that the expression reads.
    source : str
        The formula, for messages.
    unbounded : bool
        Infinite values are meant.

    Returns
    -------
    LearnedExpression

    Raises
    ------
    FormulaError
        For unknown functions, wrong arguments, factors used as numbers.
    DataError
        When rows with complete data have no finite value, such as the logarithm of -1.

    Examples
    --------
    >>> from hiermodel.formula import parse_expression
    >>> frame = pd.DataFrame({"x": [1.0, 2.0, 6.0]})
    >>> centred = learn(parse_expression("x - mean(x)"), frame, Schema.learn(frame, ["x"]))
    >>> centred.value(pd.DataFrame({"x": [3.0]})).tolist()
    [0.0]
    """
    return learn_value(node, frame, schema, source, unbounded)[0]


def learn_value(
    node: Node, frame: pd.DataFrame, schema: Schema, source: str = "", unbounded: bool = False
) -> tuple[LearnedExpression, Any]:
    """As `learn`, with the value on the training data."""
    state: dict[str, Any] = {}
    value = _run(node, frame, schema, state, True, source)
    draft = LearnedExpression(node, schema, FrozenMap(state), source)
    result, suffixes = _public(value, draft, frame)
    frozen = FrozenMap(state)
    learned = LearnedExpression(node, schema, frozen, source, suffixes, unbounded)
    _check(result, learned, frame, "pass")
    return learned, result


def _run(
    node: Node,
    frame: pd.DataFrame,
    schema: Schema,
    state: dict[str, Any],
    learning: bool,
    source: str,
) -> Value:
    return evaluate(node, Context(frame, schema, state, learning, source, evaluate))


def _public(
    value: Value, learned: LearnedExpression, frame: pd.DataFrame
) -> tuple[Array | FactorValue, tuple[str, ...] | None]:
    """What other modules see: arrays and factors."""
    match value:
        case FactorValue():
            return value, None
        case Logical(values=values) if values.ndim == 1:
            return logical_factor(value, len(frame)), None
        case Matrix(values=values, names=suffixes):
            return values, suffixes
        case str() | tuple():
            message = f"{learned.text} is a constant, not a variable with one value per row"
            raise FormulaError(message, learned.source, learned.node.span)
    numbers = as_number(value)
    if numbers.ndim == 2:
        return numbers, tuple(str(k + 1) for k in range(numbers.shape[1]))
    return numbers, None


def _check(
    value: Array | FactorValue, learned: LearnedExpression, frame: pd.DataFrame, missing: str
) -> None:
    """Refuse rows without a value, unless their data miss one and that may pass."""
    if isinstance(value, FactorValue):
        if (value.codes < 0).any():
            _check_missing(value.codes < 0, learned, frame, missing)
        return
    # A finite sum has only finite summands: most columns need no mask.
    with np.errstate(all="ignore"):
        if np.isfinite(np.sum(value)):
            return
    if np.isnan(value).any():
        _check_missing(np.isnan(value), learned, frame, missing)
    meant = learned.unbounded or _names_infinity(learned.node)
    if np.isinf(value).any() and not meant:
        row = _first_row(np.isinf(value))
        where = f"row {row + 1}{_inputs(learned, frame, row)}"
        raise DataError(f"{learned.text} is infinite in {where}")


def _check_missing(
    bad: Array, learned: LearnedExpression, frame: pd.DataFrame, missing: str
) -> None:
    flags = bad.any(axis=1) if bad.ndim == 2 else bad
    rows: Array = np.broadcast_to(flags, (len(frame),))
    absent = np.zeros(len(frame), dtype=bool)
    for name in learned.variables:
        if name in frame.columns:
            absent |= frame[name].isna().to_numpy()
    if (rows & ~absent).any():
        row = _first_row(rows & ~absent)
        raise DataError(
            f"{learned.text} has no value in row {row + 1}{_inputs(learned, frame, row)}; "
            "change the expression or leave such rows out"
        )
    if missing == "raise":
        row = _first_row(rows)
        raise DataError(f"{learned.text} is missing in row {row + 1}{_inputs(learned, frame, row)}")


def _first_row(flags: Array) -> int:
    return int(np.flatnonzero(flags.any(axis=1) if flags.ndim == 2 else flags)[0])


def _names_infinity(node: Node) -> bool:
    """Whether the user wrote ``Inf``."""
    return any(isinstance(n, Number) and np.isinf(n.value) for n in walk(node))


def _inputs(learned: LearnedExpression, frame: pd.DataFrame, row: int) -> str:
    """`` (x = -1)``: the data of a row; empty when the expression is a column itself."""
    if isinstance(learned.node, Name) or not learned.variables or row >= len(frame):
        return ""
    shown = [f"{name} = {frame[name].iloc[row]}" for name in learned.variables]
    return f" ({', '.join(shown)})"
