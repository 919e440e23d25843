"""Syntax trees without their places in the text, so that two texts can be compared."""

from __future__ import annotations

from typing import Any

from hiermodel.errors import FormulaError
from hiermodel.formula.syntax import Call, Node, Number, children


def bare(node: Node) -> tuple[Any, ...]:
    """A node as nested tuples, without spans."""
    own: Any = None
    if isinstance(node, Call):
        own = (node.function, tuple(argument.name for argument in node.arguments))
    elif isinstance(node, Number):
        own = float(node.value)
    else:
        own = getattr(node, "value", getattr(node, "op", None))
    return (type(node).__name__, own, *(bare(child) for child in children(node)))


def assert_inside(error: FormulaError, text: str) -> None:
    """An error about `text` must mark something in it."""
    assert error.source == text
    assert error.span is not None, str(error)
    start, end = error.span
    assert 0 <= start < end <= max(1, len(text)), (error.span, text)
    assert "^" in str(error).splitlines()[-1]
