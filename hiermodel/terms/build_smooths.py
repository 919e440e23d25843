"""From ``s(...)`` and ``t2(...)`` in a formula to smooths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import clean
from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import flag, literal
from hiermodel.formula.syntax import Call, Constant, Node, SpecialTerm
from hiermodel.schema import Schema
from hiermodel.smooths.bases import BASES, learn_basis
from hiermodel.smooths.basis import Basis
from hiermodel.smooths.effects import Levels, curves
from hiermodel.smooths.mixed import mixed_form
from hiermodel.smooths.tensor import tensor
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.smooths import (
    Covariates,
    Smooth,
    SmoothTerm,
    by_weights,
    check_numbers,
)

KINDS = ("s", "t2")
_ARGUMENTS = {
    "s": ("k", "fx", "bs", "m", "by", "pc"),
    "t2": ("k", "bs", "m", "d", "by", "full"),
}
# Arguments of mgcv that mean something else here, or nothing.
_NOT_BUILT = ("xt", "id", "sp", "ord")


@dataclass(frozen=True, eq=False)
class SmoothContext:
    """What is needed to resolve smooths: rows, columns, and knots by covariate."""

    frame: pd.DataFrame
    schema: Schema
    source: str
    knots: Mapping[str, Sequence[float]]


def build_smooths(
    specials: Sequence[SpecialTerm], scope: Scope, context: SmoothContext
) -> SmoothTerm:
    """The term of all smooths of a linear predictor."""
    smooths = tuple(one for special in specials for one in _smooths(special, context))
    labels = [one.label for one in smooths]
    for special in specials:
        mine = [one.label for one in smooths if one.text == special.text]
        if any(labels.count(label) > 1 for label in mine):
            raise FormulaError(
                f"{special.text} is a smooth of the same covariates as another one: write one of "
                "them, with a larger k",
                context.source,
                special.span,
            )
    return SmoothTerm(scope, smooths, " + ".join(special.text for special in specials))


def _smooths(special: SpecialTerm, context: SmoothContext) -> list[Smooth]:
    call, source = special.calls[0], context.source
    if len(special.calls) > 1 or special.factors:
        raise FormulaError(
            f"{special.text}: a smooth stands alone; write s(x, by = z) for a curve that differs "
            "with z",
            source,
            special.span,
        )
    nodes = [a.value for a in call.arguments if a.name is None]
    options = _options(call, source)
    if not nodes:
        raise FormulaError(f"{call.function}() needs a covariate", source, call.span)
    expressions = tuple(learn(node, context.frame, context.schema, source) for node in nodes)
    build = _simple if call.function == "s" else _tensor
    covariates, basis = build(call, expressions, options, context)
    label = call.function + "".join(clean(e.text) for e in expressions)
    by = options.get("by")
    if by is None or (isinstance(by, Constant) and by.value is None):
        return [Smooth(special.text, label, covariates, _form(covariates, basis, options, context))]
    return _by(special, label, covariates, basis, by, options, context)


def _by(
    special: SpecialTerm, label: str, covariates: Covariates, basis: Basis, node: Node,
    options: Mapping[str, Node], context: SmoothContext,
) -> list[Smooth]:
    """Smooths times numbers, or one for each level of a factor."""
    by = learn(node, context.frame, context.schema, context.source)
    value = by.value(context.frame)
    name = clean(by.text)
    if not isinstance(value, FactorValue):
        weights = by_weights(value, None)
        # Without a constant among the weights the smooth and the intercept are told apart.
        constrained = None if np.ptp(weights) == 0 else False
        form = _form(covariates, basis, options, context, weights, constrained)
        return [Smooth(special.text, f"{label}:{name}", covariates, form, by)]
    # Of an ordered factor the first level is what the others differ from.
    levels = value.levels[1:] if value.ordered else value.levels
    # The scale of the columns is that of the first level.
    form = _form(covariates, basis, options, context, by_weights(value, levels[0]))
    return [
        Smooth(special.text, f"{label}:{name}{clean(level)}", covariates, form, by, level)
        for level in levels
    ]


def _form(
    covariates: Covariates, basis: Basis, options: Mapping[str, Node], context: SmoothContext,
    weights: Array | None = None, constrained: bool | None = None,
) -> Any:
    x = covariates.values(context.frame)
    fixed = flag(options.get("fx"), False, context.source, "fx")
    at = options.get("pc")
    point = None
    if at is not None:
        point = np.array([_numbers(at, context.source, "pc")], dtype=float)
        if point.shape[1] != x.shape[1]:
            raise FormulaError(
                f"pc needs one number for each of the {x.shape[1]} covariates",
                context.source, at.span,
            )
    return mixed_form(
        basis, x, fixed=fixed, weights=weights, constrained=constrained, at=point
    )


def _simple(
    call: Call, expressions: tuple[LearnedExpression, ...], options: Mapping[str, Node],
    context: SmoothContext,
) -> tuple[Covariates, Basis]:
    """The basis of ``s()``."""
    source = context.source
    name = str(literal(options.get("bs"), "tp", source, "bs"))
    found = [e.value(context.frame) for e in expressions]
    k = literal(options.get("k"), -1, source, "k")
    size = None if not isinstance(k, int) or isinstance(k, bool) or k < 0 else k
    if options.get("k") is not None and (isinstance(k, bool) or not isinstance(k, int)):
        raise FormulaError("k is a whole number: how many functions", source, options["k"].span)
    m = _numbers(options.get("m"), source, "m")
    if name == "re":
        covariates = Covariates(expressions, indicators=True)
        return covariates, Levels(covariates.values(context.frame).shape[1])
    if name == "fs":
        return _factor_smooth(call, expressions, found, size, m, context)
    _known_basis(name, options.get("bs"), source)
    for expression, value in zip(expressions, found, strict=True):
        check_numbers(value, expression.text)
    covariates = Covariates(expressions)
    basis = _learned(name, covariates.values(context.frame), expressions, size, m, call, context)
    return covariates, basis


def _factor_smooth(
    call: Call, expressions: tuple[LearnedExpression, ...], found: Sequence[Any],
    size: int | None, m: tuple[float, ...], context: SmoothContext,
) -> tuple[Covariates, Basis]:
    """``bs = "fs"``: the factor may stand anywhere among the covariates."""
    factors = [e for e, v in zip(expressions, found, strict=True) if isinstance(v, FactorValue)]
    numbers = [e for e in expressions if e not in factors]
    if len(factors) != 1 or not numbers:
        raise FormulaError(
            'bs = "fs" needs numbers and one factor: s(x, g, bs = "fs")', context.source, call.span
        )
    covariates = Covariates((*numbers, factors[0]))
    x = covariates.values(context.frame)
    basis = _learned("tp", x[:, :-1], tuple(numbers), size, m, call, context)
    value = next(v for v in found if isinstance(v, FactorValue))
    return covariates, curves(x, basis, len(value.levels))


def _tensor(
    call: Call, expressions: tuple[LearnedExpression, ...], options: Mapping[str, Node],
    context: SmoothContext,
) -> tuple[Covariates, Basis]:
    """The basis of ``t2()``: margins of one covariate each, or as many as ``d`` says."""
    source = context.source
    for expression in expressions:
        check_numbers(expression.value(context.frame), expression.text)
    d = [int(v) for v in _numbers(options.get("d"), source, "d")] or [1] * len(expressions)
    if sum(d) != len(expressions):
        raise FormulaError(
            f"d says that the margins have {sum(d)} covariates, but there are {len(expressions)}",
            source, options["d"].span if "d" in options else call.span,
        )
    bases = _repeated(_texts(options.get("bs"), source) or ["cr"], len(d), "bs", call, source)
    sizes = _repeated(
        [int(v) for v in _numbers(options.get("k"), source, "k")] or [0], len(d), "k", call, source
    )
    m = _numbers(options.get("m"), source, "m")
    covariates = Covariates(expressions)
    x = covariates.values(context.frame)
    margins, first = [], 0
    for name, size, width in zip(bases, sizes, d, strict=True):
        _known_basis(name, options.get("bs"), source)
        places = tuple(range(first, first + width))
        own = expressions[first : first + width]
        k = size if size > 0 else 5**width
        basis = _learned(name, x[:, list(places)], own, k, m, call, context)
        margins.append((basis, places))
        first += width
    full = flag(options.get("full"), False, source, "full")
    return covariates, tensor(x, margins, full)


def _learned(
    name: str, x: Array, expressions: tuple[LearnedExpression, ...], k: int | None,
    m: tuple[float, ...], call: Call, context: SmoothContext,
) -> Basis:
    """A basis by name, with the knots that the user gave for its covariate."""
    knots = context.knots.get(expressions[0].text) if len(expressions) == 1 else None
    try:
        return learn_basis(name, x, k, m, None if knots is None else np.asarray(knots, float))
    except ValueError as error:
        raise FormulaError(f"{deparse(call)}: {error}", context.source, call.span) from None


def _known_basis(name: str, node: Node | None, source: str) -> None:
    if name not in BASES:
        known = (*BASES, "re", "fs")
        raise FormulaError(
            f"there is no basis {name!r}{did_you_mean(name, known)}; bs is one of "
            + ", ".join(known),
            source,
            node.span if node is not None else None,
        )


def _options(call: Call, source: str) -> dict[str, Node]:
    known = _ARGUMENTS[call.function]
    out: dict[str, Node] = {}
    for argument in call.arguments:
        if argument.name is None:
            continue
        if argument.name in _NOT_BUILT:
            raise FormulaError(
                f"{argument.name} of {call.function}() is not built in this version",
                source, argument.value.span,
            )
        if argument.name not in known:
            raise FormulaError(
                f"{call.function}() has no argument {argument.name!r}"
                f"{did_you_mean(argument.name, known)}; it takes covariates and "
                + ", ".join(known),
                source, argument.value.span,
            )
        out[argument.name] = argument.value
    return out


def _items(node: Node | None) -> list[Node]:
    if node is None:
        return []
    if isinstance(node, Call) and node.function in ("c", "list"):
        return [a.value for a in node.arguments]
    return [node]


def _numbers(node: Node | None, source: str, what: str) -> tuple[float, ...]:
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


def _texts(node: Node | None, source: str) -> list[str]:
    return [str(literal(item, "", source, "bs")) for item in _items(node)]


def _repeated(values: list[Any], n: int, what: str, call: Call, source: str) -> list[Any]:
    if len(values) == 1:
        return values * n
    if len(values) != n:
        raise FormulaError(
            f"{what} has {len(values)} values for {n} margins", source, call.span
        )
    return values
