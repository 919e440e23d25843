"""The evaluator: walks an expression and computes it on the rows of a frame. No text is run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, did_you_mean
from hiermodel.expressions.context import Arguments, Context
from hiermodel.expressions.functions import FUNCTIONS, plain_name
from hiermodel.expressions.values import FactorValue, Logical, Value
from hiermodel.formula import deparse
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Paren,
    String,
    Unary,
)
from hiermodel.schema import Column, column_kind, level_label, level_table

Array = np.ndarray

ARITHMETIC: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "%%": np.mod,
    "%/%": np.floor_divide,
}
COMPARISONS: dict[str, Callable[[Array, Array], Array]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
# The comparison that holds when the two sides are exchanged.
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def evaluate(node: Node, context: Context) -> Value:
    """Compute a node.

    Raises
    ------
    FormulaError
        For a function, operator or kind of argument that has no meaning.
    DataError
        For columns that changed since the training data.
    """
    value = _evaluate(node, context)
    # NumPy turns 0-d results into scalars.
    return np.asarray(value) if isinstance(value, np.generic) else value


def _evaluate(node: Node, context: Context) -> Value:
    match node:
        case Name(value=name):
            return _variable(name, node, context)
        case Number(value=number):
            return np.asarray(float(number))
        case String(value=text):
            return text
        case Constant(value=None):
            return None
        case Constant(value=truth):
            return Logical(np.asarray(float(bool(truth))))
        case Paren(inner=inner):
            return context.value(inner)
        case Unary(op="!", operand=operand):
            return Logical(1.0 - context.logical(operand))
        case Unary(op=op, operand=operand) if op in "+-":
            numbers = context.number(operand)
            return -numbers if op == "-" else numbers
        case Binary():
            return _binary(node, context)
        case Call():
            return _call(node, context)
        case _:
            context.fail(node, f"{deparse(node)} cannot be computed")


def _call(node: Call, context: Context) -> Value:
    function = FUNCTIONS.get(plain_name(node.function))
    if function is None:
        hint = did_you_mean(plain_name(node.function), FUNCTIONS)
        context.fail(
            node,
            f"unknown function {node.function!r} in a formula{hint}; compute the variable in "
            "the data frame instead",
        )
    arguments = Arguments.match(node, function.parameters, context)
    with np.errstate(all="ignore"):
        return function.run(arguments)


def _binary(node: Binary, context: Context) -> Value:
    op = node.op
    if op in COMPARISONS:
        return Logical(_compare(node, context))
    if op == "%in%":
        return Logical(_contained(node, context))
    if op in ("&", "&&", "|", "||"):
        # Kleene's logic, as R: FALSE & NA is FALSE, TRUE | NA is TRUE.
        a, b = context.logical(node.left), context.logical(node.right)
        if op[0] == "|":
            return Logical(1.0 - _both(1.0 - a, 1.0 - b))
        return Logical(_both(a, b))
    if op == ":":
        return _sequence(node, context)
    if op not in ARITHMETIC:
        context.fail(node, f"the operator {op!r} has no meaning inside an expression")
    left, right = _aligned(context.number(node.left), context.number(node.right))
    with np.errstate(all="ignore"):
        return ARITHMETIC[op](left, right).astype(float)


def _both(a: Array, b: Array) -> Array:
    known = np.where((a == 0) | (b == 0), 0.0, a * b)
    return np.asarray(known)


def _aligned(a: Array, b: Array) -> tuple[Array, Array]:
    """Make a column and a matrix broadcast over rows."""
    if a.ndim == 1 and b.ndim == 2:
        return a[:, None], b
    if a.ndim == 2 and b.ndim == 1:
        return a, b[:, None]
    return a, b


def _sequence(node: Binary, context: Context) -> Value:
    ends = [context.number(side) for side in (node.left, node.right)]
    if any(end.ndim for end in ends):
        context.fail(node, "':' between variables is an interaction; it cannot stand here")
    first, last = (float(end) for end in ends)
    if abs(last - first) > 1e6:
        context.fail(node, "the sequence is too long")
    step = 1 if last >= first else -1
    return tuple(float(v) for v in np.arange(first, last + 0.5 * step, step))


def _compare(node: Binary, context: Context) -> Array:
    left, right = context.value(node.left), context.value(node.right)
    if isinstance(left, FactorValue) and not _is_boolean_pair(left, right):
        return _compare_factor(node, left, right, node.op, context)
    if isinstance(right, FactorValue) and not _is_boolean_pair(right, left):
        return _compare_factor(node, right, left, _MIRRORED.get(node.op, node.op), context)
    a, b = _aligned(context.number(node.left), context.number(node.right))
    result = COMPARISONS[node.op](a, b).astype(float)
    return np.where(np.isnan(a) | np.isnan(b), np.nan, result)


def _is_boolean_pair(value: FactorValue, other: Value) -> bool:
    """A boolean compared with a truth value or a number: compared as 0 and 1."""
    return value.levels == ("FALSE", "TRUE") and isinstance(other, (Logical, np.ndarray))


def _compare_factor(
    node: Binary, factor: FactorValue, other: Value, op: str, context: Context
) -> Array:
    if op not in ("==", "!=") and not factor.ordered:
        context.fail(node, f"{op!r} needs numbers or an ordered factor")
    if isinstance(other, FactorValue):
        other = context.recoded(node, other, factor.levels, strict=False)
        codes = other.codes
    else:
        label = other if isinstance(other, str) else _scalar_label(other, node, context)
        codes = np.asarray(_level_position(label, factor, node, context))
    result = COMPARISONS[op](factor.codes, codes).astype(float)
    return np.where((factor.codes < 0) | (codes < 0), np.nan, result)


def _scalar_label(value: Value, node: Node, context: Context) -> str:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return level_label(float(value))
    context.fail(node, "a factor can be compared with a label, a number or another factor")


def _level_position(label: str, factor: FactorValue, node: Node, context: Context) -> int:
    if label not in factor.levels:
        context.fail(
            node,
            f"{label!r} is not a level{did_you_mean(label, factor.levels)}; "
            f"the levels are {', '.join(factor.levels)}",
        )
    return factor.levels.index(label)


def _contained(node: Binary, context: Context) -> Array:
    left, right = context.value(node.left), context.value(node.right)
    options = right if isinstance(right, tuple) else (right,)
    if isinstance(left, FactorValue):
        labels = [v if isinstance(v, str) else level_label(_plain(v)) for v in options]
        inside = [float(level in labels) for level in left.levels]
        result: Array = np.array([*inside, 0.0])[left.codes]
        return result
    numbers = context.number(node.left)
    if any(isinstance(v, str) for v in options):
        context.fail(node, "numbers cannot be looked up among labels")
    return np.isin(numbers, [float(_plain(v)) for v in options]).astype(float)


def _plain(value: Value | float) -> float:
    return float(value) if isinstance(value, (int, float, np.ndarray)) else np.nan


# ------------------------------------------------------------------------------------ columns


def _variable(name: str, node: Name, context: Context) -> Value:
    column = context.schema.columns.get(name)
    if column is None:
        known = [str(c) for c in context.frame.columns]
        context.fail(node, f"column {name!r} is not in the data{did_you_mean(name, known)}")
    if name not in context.frame.columns:
        raise DataError(f"the data lack the column {name!r}")
    return column_value(column, context.frame[name])


def column_value(column: Column, values: pd.Series) -> Array | FactorValue:
    """The values of a column of any frame in the terms of the training data.

    Raises
    ------
    DataError
        For text where numbers are expected, and for levels that the training data had not.
    """
    if column.kind == "numeric":
        return _numbers(column.name, values)
    codes, labels = level_table(_as_boolean(column, values))
    position = {label: k for k, label in enumerate(column.levels)}
    table = np.array([*(position.get(label, -2) for label in labels), -1], dtype=np.int64)
    found = table[codes]
    if (found == -2).any():
        row = int(np.flatnonzero(found == -2)[0])
        label = labels[codes[row]]
        raise DataError(
            f"column {column.name!r} has the level {label!r} in row {row + 1}, which the model "
            f"does not know{did_you_mean(label, column.levels)}; it knows {_listed(column.levels)}"
        )
    assert column.contrast is not None  # every factor has one
    return FactorValue(found, column.levels, column.kind == "ordered", column.contrast)


def _listed(levels: tuple[str, ...]) -> str:
    shown = ", ".join(levels[:20])
    return shown if len(levels) <= 20 else f"{shown}, ... ({len(levels)} levels)"


def _as_boolean(column: Column, values: pd.Series) -> pd.Series | Array:
    """0 and 1 stand for FALSE and TRUE where the training data had booleans."""
    if not column.boolean or not pd.api.types.is_numeric_dtype(values.dtype):
        return values
    if pd.api.types.is_bool_dtype(values.dtype):
        return values
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    if not np.isin(numbers[~np.isnan(numbers)], (0.0, 1.0)).all():
        raise DataError(f"column {column.name!r} was boolean in the training data")
    labels = np.where(numbers == 1, "TRUE", "FALSE").astype(object)
    labels[np.isnan(numbers)] = None
    return pd.Series(labels, dtype=object)


def _numbers(name: str, values: pd.Series) -> Array:
    dtype = values.dtype
    if dtype == np.float64:
        return values.to_numpy()
    kind = column_kind(name, values)
    if kind in ("text", "categorical") and not values.isna().all():
        first = values.dropna().iloc[0]
        raise DataError(
            f"column {name!r} was numeric in the training data, but holds {kind} values now, "
            f"such as {str(first)!r}"
        )
    if kind in ("text", "categorical"):
        return np.full(len(values), np.nan)
    return values.to_numpy(dtype=float, na_value=np.nan)
