"""Functions that make or change factors. Levels are learned from the training data."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np

from hiermodel.contrasts import Contrast, make_contrast, scheme_name
from hiermodel.errors import DataError, did_you_mean
from hiermodel.expressions.context import Arguments
from hiermodel.expressions.stateful import complete
from hiermodel.expressions.values import FactorValue, Logical, Value, make_factor
from hiermodel.formula import deparse
from hiermodel.formula.arguments import match_arguments
from hiermodel.formula.syntax import Call, Name, Node
from hiermodel.schema import level_table

Array = np.ndarray


def factor(a: Arguments) -> FactorValue:
    """``factor(x, levels=, labels=, ordered=)``."""
    value = a.context.factor(a.require("x"))
    is_ordered = a.flag("ordered", value.ordered)
    return _relabelled(a, value, is_ordered)


def ordered(a: Arguments) -> FactorValue:
    """``ordered(x, levels=, labels=)``."""
    return _relabelled(a, a.context.factor(a.require("x")), True)


def _relabelled(a: Arguments, value: FactorValue, is_ordered: bool) -> FactorValue:
    levels = a.labels("levels") if "levels" in a else value.levels
    if len(set(levels)) < len(levels):
        a.fail("levels occur twice", "levels")
    recoded = a.context.recoded(a.call, value, levels, strict=False)
    lost = (recoded.codes < 0) & (value.codes >= 0)
    if lost.any():
        row = int(np.flatnonzero(lost)[0])
        label = value.levels[value.codes[row]]
        a.fail(f"row {row + 1} has the value {label!r}, which is not among the levels", "levels")
    codes, names = recoded.codes, levels
    if "labels" in a:
        given = a.labels("labels")
        if len(given) != len(levels):
            a.fail(f"there are {len(levels)} levels, but {len(given)} labels", "labels")
        # Equal labels merge levels.
        names = tuple(dict.fromkeys(given))
        table = np.array([*(names.index(v) for v in given), -1], dtype=np.int64)
        codes = table[codes]
    return in_use(a, make_factor(codes, names, is_ordered))


def in_use(a: Arguments, value: FactorValue) -> FactorValue:
    """Leave out the levels that no row of the training data has."""
    if not a.context.schema.drop_unused_levels:
        return value

    def used() -> tuple[str, ...]:
        counts = np.bincount(value.codes[value.codes >= 0], minlength=len(value.levels))
        return tuple(v for v, n in zip(value.levels, counts, strict=True) if n)

    kept = a.context.remember(f"used levels of {a.text}", used)
    if kept == value.levels:
        return value
    return a.context.recoded(a.call, value, kept)


def coded(a: Arguments) -> FactorValue:
    """``C(x, contr.sum)``, ``C(x, "sum")``, ``C(x, contr.treatment(base = 2))``."""
    value = a.context.factor(a.require("x"))
    if "contr" not in a.named:
        return value
    return replace(value, contrast=_contrast(a, a.named["contr"], value))


_WORDS = {"reference": "base", "ref": "base"}


def _contrast(a: Arguments, node: Node, value: FactorValue) -> Contrast:
    base = 0
    match node:
        case Name(value=text):
            pass
        case Call(function=text):
            base = _base(a, node, value)
        case _:
            found = a.value("contr")
            if not isinstance(found, str):
                a.fail('contrasts are named, for example C(x, contr.sum) or C(x, "sum")', "contr")
            text = found
    scheme = scheme_name(text)
    if scheme is None:
        try:
            return make_contrast(a.text, text, value.levels, value.levels)
        except DataError as error:
            a.fail(str(error), "contr")
    return Contrast(value.levels, scheme, base)


def _base(a: Arguments, node: Call, value: FactorValue) -> int:
    """The reference level of ``contr.treatment(base = 2)`` or ``Treatment("b")``, from 0."""
    source = a.context.source
    named = match_arguments(node, ("base", "n", "reference", "ref"), source)
    chosen = next((named[k] for k in ("base", "reference", "ref") if k in named), None)
    if chosen is None:
        return 0
    if scheme_name(node.function) != "treatment":
        a.context.fail(node, f"{node.function}() has no reference level")
    level = a.context.value(chosen)
    if isinstance(level, str):
        if level not in value.levels:
            a.context.fail(chosen, _no_level(level, value.levels))
        return value.levels.index(level)
    position = float(a.context.number(chosen))
    if position not in range(1, len(value.levels) + 1):
        a.context.fail(chosen, f"base must be between 1 and {len(value.levels)}")
    return int(position) - 1


def _no_level(level: str, levels: tuple[str, ...]) -> str:
    hint = did_you_mean(level, levels)
    return f"{level!r} is not a level{hint}; the levels are {', '.join(levels)}"


def relevel(a: Arguments) -> FactorValue:
    """Move one level to the front; a number is its place, as in R."""
    value = a.context.factor(a.require("x"))
    if value.ordered:
        a.fail("relevel() is for unordered factors", "x")
    given = a.value("ref")
    (ref,) = a.labels("ref") or ("",)
    if isinstance(given, np.ndarray) and given.ndim == 0:
        ref = _at_place(a, float(given), ref, value.levels)
    if ref not in value.levels:
        a.fail(_no_level(ref, value.levels), "ref")
    levels = (ref, *(v for v in value.levels if v != ref))
    return a.context.recoded(a.call, value, levels)


def _at_place(a: Arguments, place: float, label: str, levels: tuple[str, ...]) -> str:
    """The level that a number means; refused where it could mean two."""
    if place not in range(1, len(levels) + 1):
        return label
    found = levels[int(place) - 1]
    if label in levels and label != found:
        a.fail(
            f'ref = {label} is the place of the level {found!r}, but also the name of a level: '
            f'write ref = "{found}" or ref = "{label}"',
            "ref",
        )
    return found


def as_numeric(a: Arguments) -> Value:
    """Numbers; text is read, and a factor gives its codes, counting from 1, as in R."""
    node = a.require("x")
    column = a.context.schema.columns.get(node.value) if isinstance(node, Name) else None
    if column is not None and column.text and column.name in a.context.frame.columns:
        # Not by way of levels: texts that the training data had not are numbers as well.
        codes, labels = level_table(a.context.frame[column.name])
        return _read(a, codes, labels)
    value = a.value("x")
    if isinstance(value, FactorValue) and value.levels != ("FALSE", "TRUE"):
        if isinstance(node, Call) and node.function == "as.character":
            return _read(a, value.codes, value.levels)
        return np.where(value.codes < 0, np.nan, value.codes + 1.0)
    return a.number("x")


def _read(a: Arguments, codes: Array, labels: tuple[str, ...]) -> Array:
    """The numbers that labels spell."""
    numbers = []
    for label in labels:
        try:
            numbers.append(float(label))
        except ValueError:
            a.fail(
                f"{label!r} is no number; to count the levels of a text make it a factor first, "
                f"as.numeric(factor({deparse(a.require('x'))}))",
                "x",
            )
    found: Array = np.array([*numbers, np.nan])[codes]
    return found


def as_integer(a: Arguments) -> Value:
    """As `as_numeric`, without the digits after the point."""
    numbers = as_numeric(a)
    return np.trunc(numbers) if isinstance(numbers, np.ndarray) else numbers


def as_logical(a: Arguments) -> Value:
    """0 is FALSE, every other number TRUE."""
    return Logical(a.context.logical(a.require("x")))


def as_character(a: Arguments) -> FactorValue:
    """Text, which is a factor with sorted levels wherever it is used."""
    value = a.context.factor(a.require("x"))
    return in_use(a, a.context.recoded(a.call, value, tuple(sorted(value.levels))))


def interaction(a: Arguments) -> FactorValue:
    """Combinations of factors, the levels of the first varying fastest."""
    parts = [a.context.factor(node) for node in a.rest]
    sep = a.value("sep") if "sep" in a else "."
    if not isinstance(sep, str):
        a.fail("sep must be text", "sep")
    if a.flag("lex.order", False):
        parts = parts[::-1]
    codes = parts[0].codes
    labels: list[tuple[str, ...]] = [(v,) for v in parts[0].levels]
    for part in parts[1:]:
        missing = (codes < 0) | (part.codes < 0)
        codes = np.where(missing, -1, codes + len(labels) * part.codes)
        labels = [(*left, right) for right in part.levels for left in labels]
    if a.flag("lex.order", False):
        labels = [label[::-1] for label in labels]
    return in_use(a, make_factor(codes, tuple(sep.join(label) for label in labels)))


def cut(a: Arguments) -> FactorValue:
    """Intervals of a number; ends outside of all intervals are missing."""
    x = a.column("x")
    breaks = a.context.remember(f"breaks of {a.text}", lambda: _breaks(a))
    right, closed = a.flag("right", True), a.flag("include.lowest", False)
    codes = np.searchsorted(breaks, x, side="left" if right else "right") - 1
    if closed:
        end = breaks[0] if right else breaks[-1]
        codes = np.where(x == end, 0 if right else len(breaks) - 2, codes)
    codes = np.where((codes < 0) | (codes > len(breaks) - 2) | np.isnan(x), -1, codes)
    labels = _interval_labels(a, breaks, right, closed)
    return in_use(a, make_factor(codes.astype(np.int64), labels, a.flag("ordered_result", False)))


def _breaks(a: Arguments) -> Array:
    given = a.numbers("breaks")
    if len(given) > 1:
        given = np.sort(given)
        if (np.diff(given) == 0).any():
            a.fail("breaks of cut() must differ", "breaks")
        return given
    count = int(given[0])
    if count < 2 or count != given[0]:
        a.fail("breaks of cut() must be 2 or more intervals, or the ends themselves", "breaks")
    x = complete(a)
    low, high = float(x.min()), float(x.max())
    if low == high:
        a.fail("the variable does not vary, so that it cannot be cut", "x")
    breaks = np.linspace(low, high, count + 1)
    # The ends move out by a thousandth of the range, so that they belong to an interval.
    breaks[0] -= (high - low) / 1000
    breaks[-1] += (high - low) / 1000
    return breaks


def _interval_labels(a: Arguments, breaks: Array, right: bool, closed: bool) -> tuple[str, ...]:
    intervals = len(breaks) - 1
    if "labels" in a.named:
        value = a.value("labels")
        if isinstance(value, Logical):
            return tuple(str(k + 1) for k in range(intervals))
        labels = a.labels("labels") if "labels" in a else ()
        if labels and len(labels) != intervals:
            a.fail(f"cut() makes {intervals} intervals, but has {len(labels)} labels", "labels")
        if labels:
            return labels
    texts: list[str] = []
    for digits in range(a.whole("dig.lab", 3), 13):
        texts = [f"{b:.{digits}g}".replace("inf", "Inf") for b in breaks]
        if len(set(texts)) == len(texts):
            break
    opening, ending = ("(", "]") if right else ("[", ")")
    out = [f"{opening}{low},{high}{ending}" for low, high in pairwise(texts)]
    if closed and right:
        out[0] = "[" + out[0][1:]
    elif closed:
        out[-1] = out[-1][:-1] + "]"
    return tuple(out)
