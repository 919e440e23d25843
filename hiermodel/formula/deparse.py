"""Syntax tree -> text, in R's spelling."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hiermodel.formula.operators import BINARY, CONSTANTS
from hiermodel.formula.syntax import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Paren,
    String,
    Unary,
    chain,
)
from hiermodel.formula.tokens import PLAIN_NAME

_CONSTANTS = {True: "TRUE", False: "FALSE", None: "NULL"}
_PLAIN_NAME = re.compile(PLAIN_NAME)
_RESERVED = frozenset({*CONSTANTS, "Inf"})


def deparse(node: Node, *, backticks: bool = False) -> str:
    """Write an expression as R would.

    Parameters
    ----------
    node : Node
    backticks : bool
        Write unusual names in backticks, so that the text can be parsed again. Labels are
        written without them.

    Returns
    -------
    str
        Spaces around operators except ``^`` and ``:``.

    Examples
    --------
    >>> from hiermodel.formula import parse_expression
    >>> deparse(parse_expression("poly( x,2 )+I(z**2)"))
    'poly(x, 2) + I(z^2)'
    >>> deparse(parse_expression("log(`a b`)")), deparse(parse_expression("`a b`"), backticks=True)
    ('log(a b)', '`a b`')
    """
    return _Writer(backticks).write(node)


@dataclass(frozen=True, slots=True)
class _Writer:
    backticks: bool

    def write(self, node: Node) -> str:
        match node:
            case Name(value=value):
                return self.name(value)
            case Number(value=value, text=text):
                return text or _number(value)
            case String(value=value):
                return f"'{value}'" if '"' in value else f'"{value}"'
            case Constant(value=value):
                return _CONSTANTS[value]
            case Paren(inner=inner):
                return f"({self.write(inner)})"
            case Unary(op=op, operand=operand):
                return op + self.write(operand)
            case Binary():
                return self.binary(node)
            case Call(function=function, arguments=arguments):
                return f"{function}({', '.join(self.argument(a) for a in arguments)})"
        raise TypeError(f"not a syntax node: {node!r}")

    def name(self, value: str) -> str:
        if not self.backticks or value == ".":
            return value
        plain = _PLAIN_NAME.fullmatch(value) and value not in _RESERVED
        return value if plain else f"`{value}`"

    def binary(self, node: Binary) -> str:
        # Chains are unrolled: a sum of thousands of terms is a tree that deep.
        first, steps = chain(node, BINARY)
        out = [self.write(first)]
        for step in steps:
            space = "" if step.op in ("^", ":") else " "
            out.append(f"{space}{step.op}{space}{self.write(step.right)}")
        return "".join(out)

    def argument(self, argument: Argument) -> str:
        value = self.write(argument.value)
        return value if argument.name is None else f"{self.name(argument.name)} = {value}"


def _number(value: float) -> str:
    """15 digits at most, and an exponent where that is shorter, as in ``1e+05``."""
    if value == float("inf"):
        return "Inf"
    digits, _, exponent = f"{value:.14e}".partition("e")
    digits = digits.rstrip("0").rstrip(".")
    decimals = max(0, len(digits.replace(".", "")) - 1 - int(exponent))
    fixed, scientific = f"{value:.{decimals}f}", f"{digits}e{exponent}"
    return fixed if len(fixed) <= len(scientific) else scientific
