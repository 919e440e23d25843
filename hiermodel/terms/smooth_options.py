"""Arguments of ``s()`` and ``t2()`` as they stand in a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.arguments import literal
from hiermodel.formula.syntax import Call, Constant, Node
from hiermodel.smooths.bases import BASES, RADIAL
from hiermodel.smooths.radial import DEFAULT_PLACES, Places


def link_of(node: Node | None, source: str) -> str:
    """The ``id`` of a smooth as text."""
    if node is None or (isinstance(node, Constant) and node.value is None):
        return ""
    value = literal(node, None, source, "id")
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
        raise FormulaError("id is a number or text", source, node.span)
    return f"{value:g}" if isinstance(value, int | float) else value


def no_extra(options: Mapping[str, Node], name: str, source: str) -> None:
    """Refuse ``xt`` where it says nothing."""
    node = options.get("xt")
    if node is not None and not (isinstance(node, Constant) and node.value is None):
        raise FormulaError(f'xt says nothing to bs = "{name}"; leave it out', source, node.span)


def places_of(node: Node | None, name: str, source: str) -> Places:
    """``xt = list(max.knots = 500, seed = 1)``: how many places a spline of distances has."""
    if node is None or (isinstance(node, Constant) and node.value is None):
        return DEFAULT_PLACES
    if name not in RADIAL:
        raise FormulaError(
            f'xt says nothing to bs = "{name}"; it holds max.knots for bs = "tp", "ts", "ds" and '
            '"gp", and the basis of the curves for bs = "fs"',
            source, node.span,
        )
    given: dict[str, int] = {}
    named = node.arguments if isinstance(node, Call) and node.function == "list" else ()
    for argument in named:
        value = literal(argument.value, None, source, "xt")
        known = argument.name in ("max.knots", "seed")
        if not known or not isinstance(value, int) or isinstance(value, bool) or value < 0:
            named = ()
            break
        given[str(argument.name)] = value
    if not named or given.get("max.knots", 3) < 3:
        raise FormulaError(
            "xt is list(max.knots = n), with n of at least 3, and perhaps seed = m", source,
            node.span,
        )
    return Places(
        given.get("max.knots", DEFAULT_PLACES.most), given.get("seed", DEFAULT_PLACES.seed)
    )


def curve_basis(node: Node | None, source: str) -> str:
    """``xt = "cr"`` or ``xt = list(bs = "cr")``: the basis of each curve of ``bs = "fs"``."""
    if node is None or (isinstance(node, Constant) and node.value is None):
        return "tp"
    inner = node
    if isinstance(node, Call) and node.function == "list" and len(node.arguments) == 1:
        argument = node.arguments[0]
        if argument.name in (None, "bs"):
            inner = argument.value
    name = literal(inner, None, source, "xt") if not isinstance(inner, Call) else None
    if not isinstance(name, str):
        raise FormulaError(
            'xt of bs = "fs" is the basis of each curve, as in xt = "cr"', source, node.span
        )
    known_basis(name, node, source)
    return name


def orders_of(node: Node | None, d: Sequence[int], source: str) -> tuple[int, ...] | None:
    """``ord = c(1, 2)``: the numbers of penalised margins that blocks of ``t2()`` may have."""
    given = numbers(node, source, "ord")
    if node is None or not given:
        return None
    wrong = [v for v in given if v != int(v) or not 0 <= v <= len(d)]
    if wrong:
        raise FormulaError(
            f"ord holds numbers of penalised margins, from 0 to {len(d)}, not {wrong[0]:g}",
            source, node.span,
        )
    if not any(given):
        raise FormulaError("ord = 0 keeps nothing that is smooth", source, node.span)
    return tuple(int(v) for v in given)


def known_basis(name: str, node: Node | None, source: str) -> None:
    """Refuse a name that is no basis."""
    if name not in BASES:
        known = (*BASES, "re", "fs")
        raise FormulaError(
            f"there is no basis {name!r}{did_you_mean(name, known)}; bs is one of "
            + ", ".join(known),
            source,
            node.span if node is not None else None,
        )


def _items(node: Node | None) -> list[Node]:
    if node is None:
        return []
    if isinstance(node, Call) and node.function in ("c", "list"):
        return [a.value for a in node.arguments]
    return [node]


def numbers(node: Node | None, source: str, what: str) -> tuple[float, ...]:
    """One number or several; NA is none."""
    out = []
    for item in _items(node):
        if isinstance(item, Constant) and item.value is None:
            return ()
        value = literal(item, None, source, what)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FormulaError(f"{what} takes numbers", source, item.span)
        out.append(float(value))
    return tuple(out)


def texts(node: Node | None, source: str) -> list[str]:
    """One text or several."""
    return [str(literal(item, "", source, "bs")) for item in _items(node)]
