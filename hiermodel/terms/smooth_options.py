"""Arguments of ``s()`` and ``t2()`` as they stand in a formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hiermodel.errors import FormulaError, did_you_mean, warn
from hiermodel.formula.arguments import literal
from hiermodel.formula.syntax import Call, Constant, Name, Node, Number, String, Unary
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


def no_extra(options: Mapping[str, Node], name: str, source: str, *what: str) -> None:
    """Refuse arguments that say nothing to a basis."""
    for argument in what:
        node = options.get(argument)
        if node is not None and not is_missing(node):
            raise FormulaError(
                f'{argument} says nothing to bs = "{name}"; leave it out', source, node.span
            )


def unused(options: Mapping[str, Node], name: str, *what: str) -> None:
    """Warn of arguments that a basis does not read, as mgcv's formulas may have them."""
    for argument in what:
        node = options.get(argument)
        if node is not None and not is_missing(node):
            warn(f'{argument} says nothing to bs = "{name}", which has a function for each level')


def is_missing(node: Node) -> bool:
    """``NULL``, ``NA``, or -1, by which mgcv means the default."""
    if isinstance(node, Unary) and isinstance(node.operand, Number):
        return node.op == "-" and node.operand.value == 1
    return isinstance(node, Constant) and node.value is None


def basis_name(node: Node | None, default: str, source: str) -> str:
    """``bs = "cr"``: text, in quotes."""
    if node is None:
        return default
    if not isinstance(node, String):
        example = f'"{node.value}"' if isinstance(node, Name) else '"cr"'
        raise FormulaError(f"bs is a text in quotes, such as bs = {example}", source, node.span)
    return node.value


def basis_size(node: Node | None, source: str) -> int | None:
    """``k = 10``; none for the default."""
    if node is None or is_missing(node):
        return None
    if not isinstance(node, Number) or not isinstance(node.value, int):
        raise FormulaError(
            "k is a whole number: how many functions the basis has", source, node.span
        )
    return node.value


def whole_numbers(node: Node | None, source: str, what: str) -> list[int]:
    """One whole number from 1 on, or several; -1 and NA are none."""
    if node is None or is_missing(node):
        return []
    values = numbers(node, source, what)
    if any(v != int(v) or v < 1 for v in values):
        raise FormulaError(f"{what} takes whole numbers from 1 on", source, node.span)
    return [int(v) for v in values]


def margin_orders(node: Node | None, n: int, source: str) -> list[tuple[float, ...]]:
    """``m`` of ``t2()``: one number for all margins, one for each, or a list of several for each.

    Margins have ``c(1, 2)`` of ``m = list(c(1, 2), 2)``, and 1 and 2 of ``m = c(1, 2)``.
    """
    if node is None or is_missing(node):
        return [()] * n
    items = _items(node)
    if isinstance(node, Call) and node.function == "list":
        found = [numbers(item, source, "m") for item in items]
    else:
        found = [(v,) for v in numbers(node, source, "m")]
    if len(found) == 1:
        return found * n
    if len(found) != n:
        raise FormulaError(f"m has {len(found)} values for {n} margins", source, node.span)
    return found


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
    if name in ("re", "fs"):
        raise FormulaError(f'a curve of bs = "fs" cannot have bs = "{name}"', source, node.span)
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
    """One name of a basis or several."""
    return [basis_name(item, "", source) for item in _items(node)]
