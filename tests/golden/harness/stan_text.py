"""Read the declarations of a Stan program from its text, so that the program itself is judged."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_BLOCK = re.compile(
    r"(?<![\w.])(functions|transformed\s+data|data|transformed\s+parameters|parameters|model"
    r"|generated\s+quantities)\s*\{"
)
_DECLARATION = re.compile(
    r"^(?:array\s*\[(?P<array>[^\]]*(?:\[[^\]]*\][^\]]*)*)\]\s*)?(?P<type>[a-z_]+)"
    r"\s*(?P<rest>.*?)(?P<name>[A-Za-z]\w*)$",
    re.DOTALL,
)
_SQUARE = frozenset({"corr_matrix", "cov_matrix", "cholesky_factor_corr", "cholesky_factor_cov"})
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "max": lambda *a: np.max(a) if len(a) > 1 else np.max(a[0]),
    "min": lambda *a: np.min(a) if len(a) > 1 else np.min(a[0]),
    "sum": np.sum,
    "size": np.size,
    "num_elements": np.size,
    "cols": lambda a: np.shape(a)[1],
    "rows": lambda a: np.shape(a)[0],
    "negative_infinity": lambda: -np.inf,
    "positive_infinity": lambda: np.inf,
}


@dataclass(frozen=True, slots=True)
class Declared:
    """One declaration: ``array[dims] type<lower, upper>[sizes] name``, everything as text."""

    name: str
    type: str
    array: tuple[str, ...]
    size: tuple[str, ...]
    lower: str
    upper: str

    def dims(self, data: Mapping[str, Any]) -> tuple[int, ...]:
        """Array dimensions and then the sizes, as numbers."""
        size = self.size * 2 if self.type in _SQUARE and len(self.size) == 1 else self.size
        return tuple(int(evaluate(text, data)) for text in self.array + size)


def block(code: str, name: str) -> str:
    """The text inside a top-level block, without comments; empty when there is none."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", code, flags=re.DOTALL)
    at = 0
    while (found := _BLOCK.search(text, at)) is not None:
        end = _closing(text, found.end())
        if re.sub(r"\s+", " ", found[1]) == name:
            return text[found.end() : end]
        at = end
    return ""


def _closing(text: str, at: int) -> int:
    depth = 1
    while at < len(text) and depth:
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at - 1


def declarations(code: str, name: str) -> tuple[Declared, ...]:
    """The declarations of a block that holds nothing else (``data`` or ``parameters``)."""
    statements = (part.strip() for part in block(code, name).split(";"))
    return tuple(_declaration(statement) for statement in statements if statement)


def computed_numbers(code: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers that the program computes from data alone: ``real min_Y = min(Y);``."""
    out: dict[str, Any] = {}
    text = block(code, "transformed data")
    for found in re.finditer(r"\b(?:real|int)\s+(\w+)\s*=([^;]*);", text):
        try:
            out[found[1]] = evaluate(found[2].strip(), {**data, **out})
        except (ValueError, SyntaxError):
            continue  # what no bound or size names need not be known
    return out


def _declaration(text: str) -> Declared:
    match = _DECLARATION.match(text)
    if match is None:
        raise ValueError(f"not a declaration in Stan: {text!r}")
    rest = match["rest"].strip()
    bounds: dict[str, str] = {}
    if rest.startswith("<"):
        # Sizes follow the bounds; a bound may itself hold brackets, but never ">".
        inner, _, rest = rest[1:].partition(">")
        for piece in _split(inner):
            key, _, value = piece.partition("=")
            bounds[key.strip()] = value.strip()
    size = rest.strip()
    return Declared(
        name=match["name"],
        type=match["type"],
        array=tuple(_split(match["array"] or "")),
        size=tuple(_split(size[1:-1])) if size.startswith("[") else (),
        lower=bounds.get("lower", ""),
        upper=bounds.get("upper", ""),
    )


def _split(text: str) -> list[str]:
    parts: list[str] = []
    depth, start = 0, 0
    for at, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def evaluate(text: str, data: Mapping[str, Any]) -> Any:
    """Value of a Stan expression over data: numbers, names, indexing, + - * /, a few functions.

    Raises
    ------
    ValueError
        For an expression of any other kind, or a name that is not in `data`.
    """
    return _value(ast.parse(text, mode="eval").body, text, data)


def _value(node: ast.expr, text: str, data: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name) if name in data:
            return data[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, text, data)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](_value(left, text, data), _value(right, text, data))
        case ast.Subscript(value=inner, slice=index):
            at = _value(index, text, data)
            return np.asarray(_value(inner, text, data))[int(at) - 1]
        case ast.Call(func=ast.Name(id=name), args=args) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument, text, data) for argument in args))
    raise ValueError(f"cannot evaluate the Stan expression {text!r}")
