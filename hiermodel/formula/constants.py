"""Constants that formulas know by name, where no column has that name: ``pi``, ``np.inf``."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace

from hiermodel.formula.operators import BINARY
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Name,
    Node,
    Number,
    Paren,
    ParsedFormula,
    Unary,
    chain,
    walk,
)
from hiermodel.formula.values import ResponseFormula

NAMED: Mapping[str, float] = {
    "pi": math.pi,
    **{
        f"{module}.{name}": value
        for module in ("np", "numpy", "math")
        for name, value in (("pi", math.pi), ("e", math.e), ("inf", math.inf))
    },
}


def with_constants(formula: ResponseFormula, columns: Collection[str]) -> ResponseFormula:
    """Put numbers in the place of the names of constants that are no columns.

    Parameters
    ----------
    formula : ResponseFormula
    columns : collection of str
        Columns of the data.

    Examples
    --------
    >>> from hiermodel.formula import bf, deparse
    >>> made = with_constants(bf("y ~ sin(2 * pi * x)").responses[0], ["x", "y"])
    >>> deparse(made.main.rhs)
    'sin(2 * pi * x)'
    """
    table = {name: value for name, value in NAMED.items() if name not in columns}
    main = _formula(formula.main, table)
    subs = tuple(replace(s, parsed=_formula(s.parsed, table)) for s in formula.subformulas)
    return replace(formula, main=main, subformulas=subs)


def _formula(parsed: ParsedFormula, table: Mapping[str, float]) -> ParsedFormula:
    response = parsed.response if parsed.response is None else _node(parsed.response, table)
    additions = tuple(_call(call, table) for call in parsed.additions)
    return replace(parsed, response=response, additions=additions, rhs=_node(parsed.rhs, table))


def _node(node: Node, table: Mapping[str, float]) -> Node:
    if not any(isinstance(part, Name) and part.value in table for part in walk(node)):
        return node
    match node:
        case Name(value=name):
            return Number(node.span, table[name], name)
        case Unary(operand=operand):
            return replace(node, operand=_node(operand, table))
        case Paren(inner=inner):
            return replace(node, inner=_node(inner, table))
        case Call():
            return _call(node, table)
        case Binary():
            # Chains are unrolled: a sum of thousands of terms is a tree that deep.
            first, steps = chain(node, BINARY)
            made = _node(first, table)
            for step in steps:
                made = replace(step, left=made, right=_node(step.right, table))
            return made
    return node


def _call(call: Call, table: Mapping[str, float]) -> Call:
    arguments = tuple(replace(a, value=_node(a.value, table)) for a in call.arguments)
    return replace(call, arguments=arguments)
