"""Changing a formula: ``. ~ . + x``, where the dots stand for what was there before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hiermodel.errors import FormulaError
from hiermodel.formula.bf import as_formula
from hiermodel.formula.deparse import deparse
from hiermodel.formula.expand import expand
from hiermodel.formula.groups import is_bar
from hiermodel.formula.parse import parse_formula
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Name,
    Node,
    Paren,
    ParsedFormula,
    Unary,
    chain,
    walk,
)
from hiermodel.formula.values import Formula, FormulaOptions, ResponseFormula, SubFormula, checked

# The parts of a sum with the sign of each.
Parts = list[tuple[str, Node]]


def update_formula(old: Formula, new: str | Formula) -> Formula:
    """Change a formula as R's ``update`` does.

    Parameters
    ----------
    old : Formula
    new : str or Formula
        ``.`` on either side stands for that side of the old formula. Without a left side the
        old one is kept, and with ``.`` on the left the addition terms as well. Formulas of
        parameters, fixed values and options stay unless `new` has others.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        When it is not clear which of several responses is meant.

    Examples
    --------
    >>> from hiermodel.formula import bf
    >>> print(update_formula(bf("y ~ x + (1 | g)", "sigma ~ x"), ". ~ . + z - (1 | g)"))
    y ~ x + z
    sigma ~ x
    """
    change = as_formula(new)
    rescor = old.rescor if change.rescor is None else change.rescor
    mecor = old.mecor if change.mecor is None else change.mecor
    if len(change.responses) == 1 and len(old.responses) == 1:
        return Formula((_changed(old.responses[0], change.responses[0]),), rescor, mecor)
    names = [response.name for response in old.responses]
    if len(change.responses) == 1 and change.responses[0].name in names:
        at = names.index(change.responses[0].name)
        changed = _changed(old.responses[at], change.responses[0])
        return Formula((*old.responses[:at], changed, *old.responses[at + 1 :]), rescor, mecor)
    for response in change.responses:
        if _has_dots(response.main) or response.main.response is None:
            message = (
                "which response is changed? Name one of "
                f"{', '.join(names)} on the left, or give the whole formula without dots"
            )
            raise FormulaError(message, response.main.source)
    return Formula(change.responses, rescor, mecor)


def _changed(old: ResponseFormula, new: ResponseFormula) -> ResponseFormula:
    options = old.options if new.options == FormulaOptions() else new.options
    main = _main(old.main, new.main, options.nl)
    subs = {sub.name: sub for sub in old.subformulas}
    values = dict(old.fixed)
    for sub in new.subformulas:
        values.pop(sub.name, None)
        subs[sub.name] = _sub(subs.get(sub.name), sub)
    for name, value in new.fixed:
        subs.pop(name, None)
        values[name] = value
    fixed = tuple(values.items())
    return ResponseFormula(
        main, checked(subs.values(), fixed), fixed, options, new.family or old.family,
        new.unused or old.unused, new.autocor or old.autocor,
    )


def _sub(old: SubFormula | None, new: SubFormula) -> SubFormula:
    if old is None or not any(_is_dot(n) for n in walk(new.parsed.rhs)):
        return new
    text = f"{new.name} ~ {_right(old.parsed.rhs, new.parsed.rhs, new.options.nl)}"
    return replace(new, parsed=parse_formula(text))


def _main(old: ParsedFormula, new: ParsedFormula, nl: bool) -> ParsedFormula:
    if new.response is not None and not _has_dots(new):
        return new
    response, additions = new.response, new.additions
    if response is None or _is_dot(response):
        response = old.response
        calls = {call.function: call for call in (*old.additions, *new.additions)}
        additions = tuple(calls.values())
    elif old.response is not None:
        response = _put(response, old.response)
    left = "" if response is None else deparse(response, backticks=True)
    if additions:
        left += " | " + " + ".join(deparse(call, backticks=True) for call in additions)
    return parse_formula(f"{left} ~ {_right(old.rhs, new.rhs, nl)}".lstrip())


def _right(old: Node, new: Node, nl: bool) -> str:
    """The new right side, the old one in the place of its dots."""
    parts: Parts = []
    for place, (sign, node) in enumerate(_parts(new)):
        inside = _parts(old)
        # a + (b - c) would take c away from a as well without its brackets.
        plain = place == 0 or (sign == "+" and all(s == "+" for s, _ in inside))
        if _is_dot(node) and plain:
            parts += inside
        else:
            parts.append((sign, _put(node, old)))
    if nl:
        return _written(parts)
    parts = _without_removed(parts)
    return _tidy(parts)


def _parts(node: Node) -> Parts:
    first, steps = chain(node, "+-")
    return [("+", first), *((step.op, step.right) for step in steps)]


def _written(parts: Sequence[tuple[str, Node]]) -> str:
    texts = [f"{sign} {deparse(node, backticks=True)}" for sign, node in parts]
    return " ".join(texts).removeprefix("+ ") or "1"


def _without_removed(parts: Parts) -> Parts:
    """Take away what ``-`` can take away only here: group-level terms and offsets."""
    out: Parts = []
    for sign, node in parts:
        whole = (isinstance(node, Paren) and is_bar(node.inner)) or (
            isinstance(node, Call) and node.function == "offset"
        )
        kept = [(s, n) for s, n in out if deparse(n) != deparse(node)]
        if sign == "-" and whole and len(kept) < len(out):
            out = kept
        else:
            out.append((sign, node))
    return out


def _tidy(parts: Parts) -> str:
    """The text, without terms that are taken away again where that says the same."""
    gone = {deparse(node) for sign, node in parts if sign == "-"}
    short = _written([(s, n) for s, n in parts if deparse(n) not in gone])
    full = _written(parts)
    try:
        same = _meaning(short) == _meaning(full)
    except FormulaError:
        same = False
    return short if same else full


def _meaning(text: str) -> object:
    found = expand(parse_formula(f"~ {text}"))
    texts = [t.text for t in found.terms], [t.text for t in found.specials]
    groups, offsets = [t.text for t in found.groups], [deparse(n) for n in found.offsets]
    return found.intercept, found.plain_intercept, texts, groups, offsets


def _has_dots(parsed: ParsedFormula) -> bool:
    sides = [parsed.rhs] if parsed.response is None else [parsed.response, parsed.rhs]
    return any(_is_dot(node) for side in sides for node in walk(side))


def _is_dot(node: Node) -> bool:
    return isinstance(node, Name) and node.value == "."


def _put(node: Node, old: Node) -> Node:
    """A node with the old side, in brackets where it is more than a name, for its dots."""
    match node:
        case Name(value="."):
            return old if isinstance(old, (Name, Call, Paren)) else Paren(node.span, old)
        case Unary(operand=operand):
            return replace(node, operand=_put(operand, old))
        case Binary(left=left, right=right):
            return replace(node, left=_put(left, old), right=_put(right, old))
        case Paren(inner=inner):
            return replace(node, inner=_put(inner, old))
        case Call(arguments=arguments):
            new = tuple(replace(a, value=_put(a.value, old)) for a in arguments)
            return replace(node, arguments=new)
    return node
