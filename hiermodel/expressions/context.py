"""What a function of the formula language sees: its arguments, the rows, what was learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, TypeVar

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions.values import (
    FactorValue,
    Logical,
    NotNumeric,
    Value,
    as_logical,
    as_number,
    logical_factor,
    make_factor,
)
from hiermodel.formula import deparse
from hiermodel.formula.arguments import flag, match_arguments
from hiermodel.formula.syntax import Call, Constant, Node
from hiermodel.schema import Schema, level_label, level_table

Array = np.ndarray
T = TypeVar("T")


@dataclass(frozen=True, eq=False, slots=True)
class Context:
    """One evaluation.

    Attributes
    ----------
    state : dict
        What was learned, by the text of the call that learned it. Written while `learning`.
    evaluate : callable
        The evaluator itself, for arguments.
    """

    frame: pd.DataFrame
    schema: Schema
    state: dict[str, Any]
    learning: bool
    source: str
    evaluate: Callable[[Node, Context], Value]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.frame)

    def fail(self, node: Node, message: str) -> NoReturn:
        """Raise a FormulaError with a caret under the node."""
        raise FormulaError(message, self.source, node.span)

    def value(self, node: Node) -> Value:
        """Evaluate a node."""
        return self.evaluate(node, self)

    def number(self, node: Node) -> Array:
        """Evaluate a node that must be numeric."""
        try:
            return as_number(self.value(node))
        except NotNumeric as error:
            self._not_numeric(node, str(error))

    def logical(self, node: Node) -> Array:
        """Evaluate a node to 1, 0 and NaN."""
        try:
            return as_logical(self.value(node))
        except NotNumeric as error:
            self._not_numeric(node, str(error))

    def _not_numeric(self, node: Node, what: str) -> NoReturn:
        self.fail(node, f"{deparse(node)} is {what} and cannot be used as a number here")

    def column(self, node: Node) -> Array:
        """Evaluate a node to one number per row."""
        numbers = self.number(node)
        if numbers.ndim == 0:
            return np.full(self.rows, float(numbers))
        if numbers.ndim != 1:
            self.fail(node, f"{deparse(node)} has several columns; one is needed here")
        return numbers

    def factor(self, node: Node) -> FactorValue:
        """Evaluate a node to a factor; numbers are given sorted levels, which are learned."""
        value = self.value(node)
        if isinstance(value, FactorValue):
            return value
        if isinstance(value, Logical):
            return logical_factor(value, self.rows)
        if not isinstance(value, np.ndarray) or value.ndim != 1:
            self.fail(node, f"{deparse(node)} cannot be made a factor")
        codes, labels = level_table(value)
        levels = self.remember(f"levels of {deparse(node)}", lambda: labels)
        return self.recoded(node, make_factor(codes, labels), levels)

    def recoded(
        self, node: Node, value: FactorValue, levels: tuple[str, ...], strict: bool = True
    ) -> FactorValue:
        """The factor with other levels, found by label; labels without one are missing.

        Raises
        ------
        DataError
            With `strict`, for a label in the data that is not among the levels.
        """
        position = {label: k for k, label in enumerate(levels)}
        table = np.array([*(position.get(v, -2) for v in value.levels), -1], dtype=np.int64)
        codes = table[value.codes]
        unknown = codes == -2
        if unknown.any():
            if strict:
                row = int(np.flatnonzero(unknown)[0])
                raise DataError(
                    f"{deparse(node)} has the level {value.levels[value.codes[row]]!r} in row "
                    f"{row + 1}, which the model does not know; it knows {', '.join(levels)}"
                )
            codes = np.where(unknown, -1, codes)
        return make_factor(codes, levels, value.ordered)

    def remember(self, key: str, compute: Callable[[], T]) -> T:
        """What was learned under a key; computed and kept while learning."""
        if self.learning and key not in self.state:
            self.state[key] = _frozen(compute())
        found: T = self.state[key]
        return found


def _frozen(value: T) -> T:
    """The same value; arrays in it can no longer be written."""
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, np.ndarray):
            part.setflags(write=False)
    return value


@dataclass(frozen=True, eq=False, slots=True)
class Arguments:
    """The arguments of one call, by parameter name; `rest` are those of ``...``.

    `names` are the names of the rest, empty texts for those without.
    """

    call: Call
    context: Context
    named: dict[str, Node]
    rest: tuple[Node, ...]
    names: tuple[str, ...] = ()

    @classmethod
    def match(cls, call: Call, parameters: tuple[str, ...], context: Context) -> Arguments:
        """Assign arguments to parameters.

        ``"..."`` first takes every positional one, ``"name=..."`` alone all of them.
        """
        if parameters == ("name=...",):
            if not call.arguments:
                context.fail(call, f"{call.function}() needs an argument")
            rest = tuple(a.value for a in call.arguments)
            return cls(call, context, {}, rest, tuple(a.name or "" for a in call.arguments))
        if parameters[:1] == ("...",):
            rest = tuple(a.value for a in call.arguments if a.name is None)
            keywords = replace(call, arguments=tuple(a for a in call.arguments if a.name))
            named = match_arguments(keywords, parameters[1:], context.source)
            if not rest:
                context.fail(call, f"{call.function}() needs an argument")
            return cls(call, context, named, rest)
        named = match_arguments(call, parameters, context.source)
        if parameters and parameters[0] not in named:
            context.fail(call, f"{call.function}() needs the argument {parameters[0]!r}")
        return cls(call, context, named, ())

    @property
    def text(self) -> str:
        """The call as text, the key of what it learns."""
        return deparse(self.call)

    def __contains__(self, name: str) -> bool:
        node = self.named.get(name)
        return node is not None and not (isinstance(node, Constant) and node.value is None)

    def fail(self, message: str, name: str | None = None) -> NoReturn:
        """Raise a FormulaError under an argument, or under the whole call."""
        self.context.fail(self.named.get(name or "", self.call), message)

    def require(self, name: str) -> Node:
        """The node of an argument that must be given."""
        if name not in self.named:
            self.fail(f"{self.call.function}() needs the argument {name!r}")
        return self.named[name]

    def value(self, name: str) -> Value:
        """An argument of any kind."""
        return self.context.value(self.require(name))

    def number(self, name: str) -> Array:
        """A numeric argument."""
        return self.context.number(self.require(name))

    def column(self, name: str) -> Array:
        """A numeric argument, one number per row."""
        return self.context.column(self.require(name))

    def scalar(self, name: str, default: float) -> float:
        """A single number."""
        if name not in self:
            return default
        value = self.number(name)
        if value.ndim != 0:
            self.fail(f"{name} of {self.call.function}() must be a single number", name)
        return float(value)

    def whole(self, name: str, default: int) -> int:
        """A single whole number."""
        value = self.scalar(name, default)
        if value != int(value):
            self.fail(f"{name} of {self.call.function}() must be a whole number", name)
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """TRUE or FALSE."""
        if name not in self.named:
            return default
        what = f"{name} of {self.call.function}()"
        return flag(self.named[name], default, self.context.source, what)

    def numbers(self, name: str) -> Array:
        """A list of numbers such as ``c(0, 10, 20)``; a single number is a list of one."""
        value = self.value(name)
        if isinstance(value, tuple) and not any(isinstance(v, str) for v in value):
            return np.array(value, dtype=float)
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return value.reshape(1)
        self.fail(f"{name} of {self.call.function}() must be numbers such as c(1, 2)", name)

    def labels(self, name: str) -> tuple[str, ...]:
        """A list of labels such as ``c("low", "high")``; numbers are written as R does."""
        value = self.value(name)
        if isinstance(value, str):
            return (value,)
        if isinstance(value, tuple):
            return tuple(level_label(v) for v in value)
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return (level_label(float(value)),)
        self.fail(f'{name} of {self.call.function}() must be labels such as c("a", "b")', name)
