"""Group-level terms: ``(x | g)`` and its relatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hiermodel.errors import FormulaError
from hiermodel.formula.deparse import deparse
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Constant,
    Expansion,
    GroupTerm,
    Name,
    Node,
    Number,
    Paren,
    Span,
    String,
)


def is_bar(node: Node) -> bool:
    """True for ``x | g`` and ``x || g``."""
    return isinstance(node, Binary) and node.op in ("|", "||")


def read_group(
    node: Node, span: Span, source: str, expand: Callable[[Node], Expansion]
) -> Iterator[GroupTerm]:
    """Read what stands inside the brackets of a group-level term.

    Parameters
    ----------
    node : Node
        ``coefs | group``, ``coefs || group`` or ``coefs | ID | group``.
    span : Span
        Place of the whole term, brackets included.
    source : str
    expand : callable
        Expands the coefficients.

    Yields
    ------
    GroupTerm
        Several for a nested factor: ``g1/g2`` gives ``g1`` and ``g1:g2``.
    """
    assert isinstance(node, Binary)
    left, right, bar = node.left, node.right, node.op
    identifier: str | None = None
    if is_bar(left):
        assert isinstance(left, Binary)
        if bar == "||" or left.op == "||" or is_bar(left.left):
            message = "a group-level term is (x | g), (x || g) or (x |ID| g)"
            raise FormulaError(message, source, span)
        identifier = _identifier(left.right, source)
        left = left.left
    coefs = expand(left)
    if coefs.groups:
        raise FormulaError(
            "a group-level term cannot stand inside another one", source, coefs.groups[0].span
        )
    correlated = bar == "|"
    call = right if isinstance(right, Call) else None
    if call is not None:
        correlated, identifier = _call_options(call, correlated, identifier, source)
    shown = f"|{identifier}|" if identifier and bar == "|" and not _has(call, "id") else bar
    for group, text in _factors(right, source):
        label = f"({deparse(left)} {shown} {text})"
        yield GroupTerm(coefs, group, call, correlated, identifier, label, span)


def _identifier(node: Node, source: str) -> str:
    if isinstance(node, (Name, Number)):
        return deparse(node)
    raise FormulaError("an ID between bars is a name: (x |ID| g)", source, node.span)


def _has(call: Call | None, name: str) -> bool:
    return call is not None and any(a.name == name for a in call.arguments)


def _call_options(
    call: Call, correlated: bool, identifier: str | None, source: str
) -> tuple[bool, str | None]:
    """``cor`` and ``id`` of ``gr()`` and ``mm()``."""
    for argument in call.arguments:
        value = argument.value
        if argument.name == "cor":
            if not (isinstance(value, Constant) and isinstance(value.value, bool)):
                raise FormulaError("cor must be TRUE or FALSE", source, value.span)
            correlated = correlated and value.value
        if argument.name == "id" and not (isinstance(value, Constant) and value.value is None):
            if not isinstance(value, (String, Name, Number)):
                raise FormulaError("id must be a name in quotes", source, value.span)
            identifier = value.value if isinstance(value, String) else deparse(value)
    return correlated, identifier


def _factors(node: Node, source: str) -> list[tuple[tuple[str, ...], str]]:
    """Variables of each grouping factor, with the text that names it."""
    if isinstance(node, Call):
        return [(_call_variables(node, source), deparse(node))]
    return [(group, ":".join(group)) for group in _nested(node, source)]


def _call_variables(call: Call, source: str) -> tuple[str, ...]:
    members = [a.value for a in call.arguments if a.name is None]
    if call.function not in ("gr", "mm"):
        message = (
            f"{call.function}() cannot be a grouping factor; make a column of it first, or use "
            "gr(...) or mm(...)"
        )
        raise FormulaError(message, source, call.span)
    if call.function == "gr":
        if len(members) != 1:
            message = "gr() takes one grouping factor: gr(g) or gr(g1:g2)"
            raise FormulaError(message, source, call.span)
        groups = _nested(members[0], source)
        if len(groups) != 1:
            raise FormulaError("gr() does not take nested factors", source, members[0].span)
        return groups[0]
    if len(members) < 2:
        message = "mm() takes two or more grouping factors: mm(g1, g2)"
        raise FormulaError(message, source, call.span)
    for member in members:
        if not isinstance(member, Name):
            raise FormulaError("the members of mm() are columns", source, member.span)
    return tuple(deparse(member) for member in members)


def _nested(node: Node, source: str) -> list[tuple[str, ...]]:
    """Grouping factors of ``g``, ``g1:g2``, ``g1/g2``: names joined by ``:`` and ``/`` only."""
    match node:
        case Paren(inner=inner):
            return _nested(inner, source)
        case Name(value=value) if value != ".":
            return [(value,)]
        case Binary(op=":", left=left, right=right):
            a, b = _nested(left, source), _nested(right, source)
            if len(a) == len(b) == 1:
                return [tuple(dict.fromkeys(a[0] + b[0]))]
        case Binary(op="/", left=left, right=right):
            outer, inner_groups = _nested(left, source), _nested(right, source)
            return [*outer, *(tuple(dict.fromkeys(outer[-1] + g)) for g in inner_groups)]
        case Binary(op="+"):
            message = "crossed factors are two terms: (x | g1) + (x | g2)"
            raise FormulaError(message, source, node.span)
    message = "a grouping factor is a column, or columns joined by ':' or '/'"
    raise FormulaError(message, source, node.span)


def check_groups(groups: Sequence[GroupTerm], source: str) -> None:
    """Refuse a coefficient that would vary twice over the same grouping factor."""
    seen: dict[tuple[object, str], GroupTerm] = {}
    for group in groups:
        kind = group.call.function if group.call is not None and group.call.function == "mm" else ""
        for coef in _coefficients(group.coefs):
            key = ((kind, group.group), coef)
            if key in seen:
                message = (
                    f"{coef} varies twice over {':'.join(group.group)}: in "
                    f"{seen[key].text} and in {group.text}; an intercept is always there "
                    "unless the term starts with '0 +'"
                )
                raise FormulaError(message, source, group.span)
            seen[key] = group


def _coefficients(coefs: Expansion) -> Iterator[str]:
    if coefs.intercept or coefs.plain_intercept:
        yield "Intercept"
    yield from (term.text for term in coefs.terms)
    yield from (special.text for special in coefs.specials)
