"""Statements such as ``a + b > 2 * c``: two sides, and arithmetic on names.

The text is read by the parser of formulas and walked as a tree; nothing is evaluated as code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
from scipy import special

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.syntax import Binary, Call, Name, Node, Number, Paren, Unary

Array = np.ndarray

_SIGNS = re.compile(r"<=|>=|==|=|<|>")
_FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "log10": np.log10,
    "log2": np.log2,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "plogis": special.expit,
    "inv_logit": special.expit,
    "qlogis": special.logit,
    "logit": special.logit,
    "pnorm": special.ndtr,
    "Phi": special.ndtr,
}
_OPERATORS: Mapping[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}


def sides(text: str) -> tuple[str, str, str]:
    """Split a statement into its left side, its sign and its right side.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of str
        The sign is ``<``, ``>`` or ``=``; ``<=`` is ``<``.

    Raises
    ------
    FormulaError
        Without a sign, with more than one, or without a side.

    Examples
    --------
    >>> sides("days >= 10")
    ('days', '>', '10')
    """
    signs = list(_SIGNS.finditer(text))
    if len(signs) != 1:
        what = "no sign" if not signs else "more than one sign"
        span = signs[1].span() if len(signs) > 1 else None
        raise FormulaError(
            f"the hypothesis has {what}: write two sides with <, > or = between, "
            "such as 'days > 0'",
            text,
            span,
        )
    left, right = text[: signs[0].start()].strip(), text[signs[0].end() :].strip()
    if not left or not right:
        raise FormulaError("the hypothesis lacks a side: compare with 0 at least", text)
    return left, signs[0].group()[0], right


def evaluate(node: Node, scope: Mapping[str, Array], side: str) -> Array:
    """Compute an expression.

    Parameters
    ----------
    node : Node
        As `hiermodel.formula.parse_expression` gives it.
    scope : mapping of str to ndarray
        The values of the names, all of one shape.
    side : str
        The text of the expression, for messages.

    Returns
    -------
    ndarray
        Of the shape of the values; a single number for an expression without names.

    Raises
    ------
    FormulaError
        For what is not arithmetic, and for functions that are not known.
    """
    match node:
        case Number(value=value):
            return np.asarray(float(value))
        case Name(value=name):
            return scope[name]
        case Paren(inner=inner):
            return evaluate(inner, scope, side)
        case Unary(op="-", operand=operand):
            return -evaluate(operand, scope, side)
        case Unary(op="+", operand=operand):
            return evaluate(operand, scope, side)
        case Binary(op=op, left=left, right=right) if op in _OPERATORS:
            return _OPERATORS[op](evaluate(left, scope, side), evaluate(right, scope, side))
        case Call(function=function, arguments=(argument,)):
            name = function.rsplit(".", 1)[-1]
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](evaluate(argument.value, scope, side))
            raise FormulaError(
                f"a hypothesis cannot call {function}(){did_you_mean(name, _FUNCTIONS)}; "
                f"it can call {', '.join(_FUNCTIONS)}",
                side,
            )
    raise FormulaError("a hypothesis is arithmetic on parameters: + - * / ^ and functions", side)
