"""From ``s(...)`` and ``t2(...)`` in a formula to smooths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import clean
from hiermodel.errors import FormulaError, did_you_mean, warn
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import flag
from hiermodel.formula.syntax import Call, Constant, Node, SpecialTerm
from hiermodel.schema import Schema
from hiermodel.smooths.bases import RADIAL, learn_with_design
from hiermodel.smooths.basis import Basis
from hiermodel.smooths.effects import LevelCodes, Levels, curves
from hiermodel.smooths.mixed import mixed_form
from hiermodel.smooths.radial import DEFAULT_PLACES, Places
from hiermodel.smooths.tensor import tensor
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.smooth_options import (
    basis_name,
    basis_size,
    curve_basis,
    is_missing,
    known_basis,
    link_of,
    margin_orders,
    no_extra,
    numbers,
    orders_of,
    places_of,
    texts,
    unused,
    whole_numbers,
)
from hiermodel.terms.smooths import (
    Covariates,
    Smooth,
    SmoothTerm,
    by_weights,
    check_numbers,
)

KINDS = ("s", "t2")
_ARGUMENTS = {
    "s": ("k", "fx", "bs", "m", "by", "xt", "id", "pc"),
    "t2": ("k", "bs", "m", "d", "by", "id", "full", "ord"),
}


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
    _check_links(specials, smooths, context)
    return SmoothTerm(scope, smooths, " + ".join(special.text for special in specials))


def _check_links(
    specials: Sequence[SpecialTerm], smooths: Sequence[Smooth], context: SmoothContext
) -> None:
    """Smooths with one id share standard deviations, which mean the same in one basis only."""
    firsts: dict[str, Smooth] = {}
    for one in smooths:
        first = firsts.setdefault(one.link, one) if one.link else one
        same = (
            [e.text for e in one.covariates.expressions]
            == [e.text for e in first.covariates.expressions]
            and type(one.form.basis) is type(first.form.basis)
            and [b.shape for b in one.form.random] == [b.shape for b in first.form.random]
        )
        if not same:
            span = next(s.span for s in specials if s.text == one.text)
            raise FormulaError(
                f"{one.text} and {first.text} have the same id, but not the same basis: id is for "
                "smooths of the same covariates with the same bs and k",
                context.source, span,
            )


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
    names = [e.text for e in expressions]
    twice = next((j for j, name in enumerate(names) if name in names[:j]), None)
    if twice is not None:
        raise FormulaError(
            f"{names[twice]} stands twice in {special.text}", source, nodes[twice].span
        )
    build = _simple if call.function == "s" else _tensor
    learned = build(call, expressions, options, context)
    label = call.function + "".join(clean(e.text) for e in expressions)
    by = options.get("by")
    if by is None or (isinstance(by, Constant) and by.value is None):
        made = [Smooth(special.text, label, learned.covariates, _form(learned, options, context))]
    else:
        made = _by(special, label, learned, by, options, context)
    link = link_of(options.get("id"), source)
    return [replace(one, link=link) for one in made]


@dataclass(frozen=True, eq=False)
class _Learned:
    """A basis with its covariates, and the values of its functions in the rows, if known."""

    covariates: Covariates
    basis: Basis
    design: Array | None = None


def _by(
    special: SpecialTerm, label: str, learned: _Learned, node: Node,
    options: Mapping[str, Node], context: SmoothContext,
) -> list[Smooth]:
    """Smooths times numbers, or one for each level of a factor."""
    by = learn(node, context.frame, context.schema, context.source)
    value = by.value(context.frame)
    name = clean(by.text)
    if not isinstance(value, FactorValue) and np.shape(value) != (len(context.frame),):
        raise FormulaError(
            "by of a smooth is a column of numbers or a factor", context.source, node.span
        )
    if not isinstance(value, FactorValue):
        weights = by_weights(value, None)
        # Without a constant among the weights the smooth and the intercept are told apart.
        constrained = None if np.ptp(weights) == 0 else False
        form = _form(learned, options, context, weights, constrained)
        return [Smooth(special.text, f"{label}:{name}", learned.covariates, form, by)]
    # Of an ordered factor the first level is what the others differ from.
    levels = value.levels[1:] if value.ordered else value.levels
    # The scale of the columns is that of the first level.
    form = _form(learned, options, context, by_weights(value, levels[0]))
    return [
        Smooth(special.text, f"{label}:{name}{clean(level)}", learned.covariates, form, by, level)
        for level in levels
    ]


def _form(
    learned: _Learned, options: Mapping[str, Node], context: SmoothContext,
    weights: Array | None = None, constrained: bool | None = None,
) -> Any:
    x = learned.covariates.values(context.frame)
    fixed = flag(options.get("fx"), False, context.source, "fx")
    at = options.get("pc")
    point = None
    if at is not None:
        point = np.array([numbers(at, context.source, "pc")], dtype=float)
        if point.shape[1] != x.shape[1]:
            raise FormulaError(
                f"pc needs one number for each of the {x.shape[1]} covariates",
                context.source, at.span,
            )
    return mixed_form(
        learned.basis, x, fixed=fixed, weights=weights, constrained=constrained, at=point,
        design=learned.design,
    )


def _simple(
    call: Call, expressions: tuple[LearnedExpression, ...], options: Mapping[str, Node],
    context: SmoothContext,
) -> _Learned:
    """The basis of ``s()``."""
    source = context.source
    name = basis_name(options.get("bs"), "tp", source)
    found = [e.value(context.frame) for e in expressions]
    size = basis_size(options.get("k"), source)
    m = numbers(options.get("m"), source, "m")
    if name == "re":
        covariates = Covariates(expressions, indicators=True)
        no_extra(options, name, source, "xt", "pc")
        unused(options, name, "k", "m")
        if not any(isinstance(value, FactorValue) for value in found):
            numbers_only = ", ".join(e.text for e in expressions)
            warn(
                f"{deparse(call)} has no factor: it is one random slope of {numbers_only}. "
                f'For an effect of each value write s(factor({expressions[0].text}), bs = "re")'
            )
        return _Learned(covariates, Levels(covariates.values(context.frame).shape[1]))
    if name == "fs":
        return _factor_smooth(call, expressions, found, size, m, options, context)
    known_basis(name, options.get("bs"), source)
    for expression, value in zip(expressions, found, strict=True):
        check_numbers(value, expression.text)
    covariates = Covariates(expressions)
    places = places_of(options.get("xt"), name, source)
    x = covariates.values(context.frame)
    return _Learned(
        covariates, *_learned(name, x, expressions, size, m, call, context, places)
    )


def _factor_smooth(
    call: Call, expressions: tuple[LearnedExpression, ...], found: Sequence[Any],
    size: int | None, m: tuple[float, ...], options: Mapping[str, Node], context: SmoothContext,
) -> _Learned:
    """``bs = "fs"``: the factor may stand anywhere among the covariates."""
    no_extra(options, "fs", context.source, "pc")
    factors = [e for e, v in zip(expressions, found, strict=True) if isinstance(v, FactorValue)]
    columns = [e for e in expressions if e not in factors]
    if len(factors) != 1 or not columns:
        raise FormulaError(
            'bs = "fs" needs numbers and one factor: s(x, g, bs = "fs")', context.source, call.span
        )
    covariates = Covariates((*columns, factors[0]))
    x = covariates.values(context.frame)
    name = curve_basis(options.get("xt"), context.source)
    basis, _ = _learned(name, x[:, :-1], tuple(columns), size, m, call, context)
    value = next(v for v in found if isinstance(v, FactorValue))
    if len(basis.penalties) != 1:
        raise FormulaError(
            f'bs = "fs" cannot have curves of bs = "{name}"', context.source, call.span
        )
    return _Learned(covariates, curves(x, basis, len(value.levels)))


def _tensor(
    call: Call, expressions: tuple[LearnedExpression, ...], options: Mapping[str, Node],
    context: SmoothContext,
) -> _Learned:
    """The basis of ``t2()``: margins of one covariate each, or as many as ``d`` says."""
    source = context.source
    d = whole_numbers(options.get("d"), source, "d") or [1] * len(expressions)
    if sum(d) != len(expressions):
        raise FormulaError(
            f"d says that the margins have {sum(d)} covariates, but there are {len(expressions)}",
            source, options["d"].span if "d" in options else call.span,
        )
    bases = _repeated(texts(options.get("bs"), source) or ["cr"], len(d), "bs", call, source)
    sizes = _repeated(
        whole_numbers(options.get("k"), source, "k") or [0], len(d), "k", call, source
    )
    orders = margin_orders(options.get("m"), len(d), source)
    covariates = Covariates(expressions)
    x = covariates.values(context.frame)
    margins: list[tuple[Basis, tuple[int, ...]]] = []
    first = 0
    for name, size, width, m in zip(bases, sizes, d, orders, strict=True):
        places = tuple(range(first, first + width))
        own = expressions[first : first + width]
        first += width
        if name == "re":
            margins.append((_levels(own, call, context), places))
            continue
        known_basis(name, options.get("bs"), source)
        for expression in own:
            check_numbers(expression.value(context.frame), expression.text)
        k = size if size > 0 else 5**width
        basis, _ = _learned(name, x[:, list(places)], own, k, m, call, context)
        margins.append((basis, places))
    if all(name == "re" for name in bases):
        raise FormulaError(
            'all margins have bs = "re": write s(..., bs = "re")', source, call.span
        )
    full = flag(options.get("full"), False, source, "full")
    return _Learned(covariates, tensor(x, margins, full, orders_of(options.get("ord"), d, source)))


def _levels(
    own: tuple[LearnedExpression, ...], call: Call, context: SmoothContext
) -> LevelCodes:
    """A margin of ``bs = "re"``: independent effects of the levels of a factor."""
    value = own[0].value(context.frame)
    if len(own) > 1 or not isinstance(value, FactorValue):
        raise FormulaError(
            f'a margin with bs = "re" is of one factor, not of {", ".join(e.text for e in own)}',
            context.source, call.span,
        )
    return LevelCodes(len(value.levels))


def _learned(
    name: str, x: Array, expressions: tuple[LearnedExpression, ...], k: int | None,
    m: tuple[float, ...], call: Call, context: SmoothContext, places: Places = DEFAULT_PLACES,
) -> tuple[Basis, Array]:
    """A basis by name with its functions at the rows; knots are those given for its covariates.

    To splines of distances they are places, if all covariates have them.
    """
    found = [context.knots.get(e.text) for e in expressions]
    if name in RADIAL and None in found and any(one is not None for one in found):
        lacking = [e.text for e, one in zip(expressions, found, strict=True) if one is None]
        warn(
            f"knots of {deparse(call)} would be places, one number of each covariate: without "
            f"those of {', '.join(lacking)} they are not used there"
        )
    knots = None if None in found else [np.asarray(one, float) for one in found]
    try:
        if knots is not None and name in RADIAL:
            if len({len(one) for one in knots}) > 1:
                raise ValueError(
                    "knots of several covariates are places, one number of each covariate, but "
                    f"there are {' and '.join(str(len(one)) for one in knots)} numbers"
                )
            places = replace(places, given=np.column_stack(knots))
        return learn_with_design(name, x, k, m, None if knots is None else knots[0], places)
    except ValueError as error:
        raise FormulaError(f"{deparse(call)}: {error}", context.source, call.span) from None


def _options(call: Call, source: str) -> dict[str, Node]:
    known = _ARGUMENTS[call.function]
    out: dict[str, Node] = {}
    for argument in call.arguments:
        if argument.name is None:
            continue
        if argument.name == "sp":
            if is_missing(argument.value):
                continue  # what is estimated anyway
            without = replace(call, arguments=tuple(a for a in call.arguments if a.name != "sp"))
            raise FormulaError(
                "a smoothing parameter is estimated, as the standard deviation sds of the smooth; "
                "sp cannot fix it, but a prior can: leave sp out and give "
                f"hm.prior('constant(0.5)', cls='sds', coef={deparse(without)!r})",
                source, argument.value.span,
            )
        if argument.name not in known:
            raise FormulaError(
                f"{call.function}() has no argument {argument.name!r}"
                f"{did_you_mean(argument.name, known)}; it takes covariates and "
                + ", ".join(known),
                source, argument.value.span,
            )
        if argument.name in out:
            raise FormulaError(
                f"argument {argument.name!r} of {call.function}() is given twice", source,
                argument.value.span,
            )
        out[argument.name] = argument.value
    return out


def _repeated(values: list[Any], n: int, what: str, call: Call, source: str) -> list[Any]:
    if len(values) == 1:
        return values * n
    if len(values) != n:
        raise FormulaError(
            f"{what} has {len(values)} values for {n} margins", source, call.span
        )
    return values
