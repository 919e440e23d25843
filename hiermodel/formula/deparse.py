"""Syntax tree -> text, in R's spelling."""

from __future__ import annotations

from hiermodel.formula.operators import BINARY
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

_CONSTANTS = {True: "TRUE", False: "FALSE", None: "NULL"}


def deparse(node: Node) -> str:
    """Write an expression as R would.

    Parameters
    ----------
    node : Node

    Returns
    -------
    str
        Spaces around operators except ``^`` and ``:``; names without backticks.

    Examples
    --------
    >>> from hiermodel.formula import parse_expression
    >>> deparse(parse_expression("poly( x,2 )+I(z**2)"))
    'poly(x, 2) + I(z^2)'
    """
    match node:
        case Name(value=value):
            return value
        case Number(value=value):
            return _number(value)
        case String(value=value):
            return f"'{value}'" if '"' in value else f'"{value}"'
        case Constant(value=value):
            return _CONSTANTS[value]
        case Paren(inner=inner):
            return f"({deparse(inner)})"
        case Unary(op=op, operand=operand):
            return op + deparse(operand)
        case Binary():
            return _binary(node)
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(_argument(a) for a in arguments)})"
    raise TypeError(f"not a syntax node: {node!r}")


def _binary(node: Binary) -> str:
    # Chains are unrolled: a sum of thousands of terms is a tree that deep.
    first, steps = chain(node, BINARY)
    out = [deparse(first)]
    for step in steps:
        space = "" if step.op in ("^", ":") else " "
        out.append(f"{space}{step.op}{space}{deparse(step.right)}")
    return "".join(out)


def _argument(argument: Argument) -> str:
    value = deparse(argument.value)
    return value if argument.name is None else f"{argument.name} = {value}"


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if value == float("inf"):
        return "Inf"
    return f"{value:.15g}"
