"""Latent variables that the responses of a model share: found before the responses are built.

``me(x, sdx)`` in two formulas is one variable, and ``mi(x)`` reads a response that may stand behind
the formula that reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions import LearnedExpression, learn
from hiermodel.families.base import Family
from hiermodel.formula import deparse, expand
from hiermodel.formula.arguments import match_arguments
from hiermodel.formula.syntax import (
    Call,
    Constant,
    Expansion,
    Name,
    Node,
    Number,
    ParsedFormula,
    Unary,
)
from hiermodel.formula.values import ResponseFormula
from hiermodel.frames import NeededColumns, drop_missing
from hiermodel.priors import default_prior
from hiermodel.response import factor_labels
from hiermodel.schema import Schema
from hiermodel.stan.variables import DataNumber, ScalePrior
from hiermodel.submodel import subset_rows
from hiermodel.terms.base import Array
from hiermodel.terms.build_special_effects import special_calls
from hiermodel.terms.measurement_error import NoiseFree, build_noise_free
from hiermodel.terms.missing import ImputedResponse, observed_numbers
from hiermodel.terms.special_effects import Latents

# Lower and upper bounds of what a family can have, as Stan text.
_BOUNDS = {
    "positive": ("0", ""), "nonnegative": ("0", ""), "unit": ("0", "1"),
    "unit_closed": ("0", "1"), "unit_with_zero": ("0", "1"), "angle": ("-pi()", "pi()"),
}  # fmt: skip


def find_latents(
    parts: Sequence[ResponseFormula],
    names: Sequence[str],
    families: Sequence[Family],
    needed: Sequence[NeededColumns],
    frame: pd.DataFrame,
    schema: Schema,
    mecor: bool | None,
    default_set: str,
) -> Latents:
    """All latent variables of a model.

    Parameters
    ----------
    parts : sequence of ResponseFormula
    names : sequence of str
        The responses as part of names.
    families : sequence of Family
    needed : sequence of NeededColumns
        Columns of each response.
    frame : DataFrame
        The rows of the model.
    schema : Schema
    mecor : bool, optional
        What `set_mecor` says.
    default_set : str
        Name of the default priors.
    """
    imputed = tuple(
        _imputed_response(part, name, family, own, frame, schema)
        for part, name, family, own in zip(parts, names, families, needed, strict=True)
        if any(call.function == "mi" for call in part.main.additions)
    )
    calls = [pair for part in parts for pair in _noisy_calls(part, frame)]
    noise_free: tuple[NoiseFree, ...] = ()
    if calls:
        _refuse_subsets(parts, calls)
        default = partial(_default, default_set, families[0])
        noise_free = build_noise_free(calls, frame, schema, mecor is not False, default)
    return Latents(noise_free, imputed, len(parts) > 1)


def _refuse_subsets(parts: Sequence[ResponseFormula], calls: Sequence[tuple[Call, str]]) -> None:
    for part in parts:
        for addition in part.main.additions:
            if addition.function == "subset":
                raise FormulaError(
                    f"{deparse(calls[0][0])} has a value for every row of the data, which does "
                    "not go together with subset()", part.main.source, addition.span,
                )


def _noisy_calls(part: ResponseFormula, frame: pd.DataFrame) -> Iterator[tuple[Call, str]]:
    """Every ``me()`` of a response with its formula."""
    formulas = [] if part.options.nl else [part.main]
    formulas += [sub.parsed for sub in part.subformulas if not sub.options.nl]
    for parsed in formulas:
        expansion = expand(parsed, columns=tuple(map(str, frame.columns)))
        for call in special_calls(_special_nodes(expansion)):
            if call.function == "me":
                yield call, parsed.source


def _special_nodes(expansion: Expansion) -> list[Node]:
    nodes: list[Node] = [call for special in expansion.specials for call in special.calls]
    for group in expansion.groups:
        nodes += _special_nodes(group.coefs)
    return nodes


def _default(default_set: str, family: Family, cls: str, observed: Array) -> str | ScalePrior:
    """Default priors: flat as in brms, or on the scale of what was observed."""
    if cls == "cor" or default_set == "brms":
        return default_prior(default_set, "corme", family) if cls == "cor" else ""
    spread = float(np.std(observed)) or 1.0
    if cls == "sdme":
        return ScalePrior("exponential", (DataNumber("rate", float(f"{1 / spread:.3g}"), True),))
    location = DataNumber("location", float(f"{np.mean(observed):.3g}"), True)
    scale = DataNumber("scale", float(f"{2.5 * spread:.3g}"), True)
    return ScalePrior("normal", (location, scale))


def _imputed_response(
    part: ResponseFormula, name: str, family: Family, needed: NeededColumns,
    frame: pd.DataFrame, schema: Schema,
) -> ImputedResponse:
    main = part.main
    calls = {call.function: call for call in main.additions}
    if "subset" in calls:
        keep = learn(calls["subset"].arguments[0].value, frame, schema, main.source)
        frame = frame.loc[subset_rows(keep, frame)].reset_index(drop=True)
        frame, _ = drop_missing(
            frame, needed.complete, needed.optional, needed.unbounded, tell=False
        )
    if main.response is None:
        raise FormulaError("the formula has no response: write 'y ~ x'", main.source, (0, 1))
    expression = learn(main.response, frame, schema, main.source)
    observed = observed_numbers(expression, frame, f"response {expression.text!r} with mi()")
    if np.isnan(observed).all():
        raise DataError(f"response {expression.text!r} has only missing values")
    noise = match_arguments(calls["mi"], ("sdy",), main.source).get("sdy")
    if isinstance(noise, Constant) and noise.value is None:
        noise = None
    learned = None if noise is None else learn(noise, frame, schema, main.source)
    index: LearnedExpression | None = None
    labels: tuple[str, ...] = ()
    if "index" in calls:
        index = learn(calls["index"].arguments[0].value, frame, schema, main.source)
        labels = tuple(map(str, factor_labels(index.value(frame))))
        if len(set(labels)) < len(labels):
            twice = next(label for k, label in enumerate(labels) if label in labels[:k])
            raise DataError(
                f"index({index.text}) must name each row of {expression.text!r} once, but "
                f"{twice} occurs several times"
            )
    lower, upper = _bounds(main, family, name, frame, schema)
    return ImputedResponse(name, expression, learned, lower, upper, observed, index, labels)


def _bounds(
    main: ParsedFormula, family: Family, name: str, frame: pd.DataFrame, schema: Schema,
) -> tuple[str, str]:
    """Bounds of the values: of the family, or of ``trunc()``."""
    lower, upper = _BOUNDS.get(family.response, ("", ""))
    call = next((c for c in main.additions if c.function == "trunc"), None)
    if call is None:
        return lower, upper
    given = match_arguments(call, ("lb", "ub"), main.source)
    bounds = {}
    for side, default in (("lb", lower), ("ub", upper)):
        node = given.get(side)
        bounds[side] = default
        if node is None or (isinstance(node, Constant) and node.value is None):
            continue
        number = _number(node)
        if number is not None:
            bounds[side] = f"{number:.15g}" if np.isfinite(number) else default
            continue
        values = observed_numbers(learn(node, frame, schema, main.source, True), frame, "trunc()")
        if not np.isfinite(values).all():
            raise DataError(
                f"trunc({side} = {deparse(node)}): beside mi() a column of bounds must be finite"
            )
        suffix = f"_{name}" if name else ""
        every = any(c.function == "mi" and c.arguments for c in main.additions)
        bounds[side] = f"{side}{suffix}" + ("" if every else f"[Jmi{suffix}]")
    return bounds["lb"], bounds["ub"]


def _number(node: Node) -> float | None:
    match node:
        case Number(value=value):
            return float(value)
        case Unary(op="-", operand=Number(value=value)):
            return -float(value)
        case Name(value="Inf"):
            return np.inf
    return None
