"""What a formula asks for: its columns, one predictor per parameter, fixed parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from hiermodel.additions import addition_variables
from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.families.base import Family
from hiermodel.families.fixed import check_fixed_value
from hiermodel.formula import Formula, check_sides, expand
from hiermodel.formula.bf import ResponseFormula, SubFormula
from hiermodel.formula.syntax import Expansion, GroupTerm, Name, Node, ParsedFormula, names
from hiermodel.frames import NeededColumns
from hiermodel.predictors import PredictorOptions
from hiermodel.response import Response, category_parameter
from hiermodel.schema import check_columns
from hiermodel.terms.base import Scope, special_term_factory


@dataclass(frozen=True, eq=False)
class PredictorRequest:
    """One predictor to build: which parameter, from which formula."""

    param: str
    scope: Scope
    expansion: Expansion
    options: PredictorOptions


def single_response(formula: Formula) -> ResponseFormula:
    """The one response of a formula; more, or a non-linear formula, are not built yet."""
    if len(formula.responses) != 1:
        text = str(formula)
        raise FormulaError(
            "models with several responses are understood, but not built yet in this version", text
        )
    part = formula.responses[0]
    if any(o.nl for o in (part.options, *(sub.options for sub in part.subformulas))):
        raise FormulaError(
            "non-linear formulas are understood, but not built yet in this version",
            part.main.source,
        )
    if part.autocor is not None:
        raise FormulaError(
            "autocorrelation terms are understood, but not built yet in this version",
            part.autocor.source,
        )
    return part


def _formulas(part: ResponseFormula) -> tuple[ParsedFormula, ...]:
    return (part.main, *(sub.parsed for sub in part.subformulas))


def model_variables(part: ResponseFormula, frame: pd.DataFrame) -> NeededColumns:
    """Columns that a formula reads, all known to exist."""
    found = NeededColumns()
    for parsed in _formulas(part):
        expansion = expand(parsed, columns=tuple(map(str, frame.columns)))
        for special in expansion.specials:
            special_term_factory(special, parsed.source)  # not built is told before a column
        if parsed is part.main:
            check_sides(parsed, expansion)
        nodes = _nodes(expansion)
        if parsed is part.main and parsed.response is not None:
            nodes = [parsed.response, *nodes]
        check_columns(nodes, frame, parsed.source)
        found += NeededColumns(tuple(name for node in nodes for name in names(node)))
        check_columns(
            [a.value for call in parsed.additions for a in call.arguments], frame, parsed.source
        )
        found += addition_variables(parsed)
    if part.unused is not None:
        check_columns([part.unused.rhs], frame, part.unused.source)
        found += NeededColumns(names(part.unused.rhs))
    return found


def _nodes(expansion: Expansion) -> list[Node]:
    """Every expression of a right-hand side whose names are columns of the data."""
    nodes = [factor for term in expansion.terms for factor in term.factors]
    nodes += expansion.offsets
    for special in expansion.specials:
        nodes += [a.value for call in special.calls for a in call.arguments if a.name is None]
        nodes += special.factors
    for group in expansion.groups:
        nodes += _nodes(group.coefs)
        if group.call is None:
            nodes += [_group_name(group, variable, expansion.source) for variable in group.group]
            continue
        nodes += [
            a.value for a in group.call.arguments if a.name not in ("cov", "id", "dist", "cor")
        ]
    return nodes


def _group_name(group: GroupTerm, variable: str, source: str) -> Name:
    """The name of a grouping variable, where it stands in the formula."""
    start = source.rfind(variable, *group.span)
    return Name((start, start + len(variable)) if start >= 0 else group.span, variable)


def predictor_requests(
    part: ResponseFormula, family: Family, response: Response, frame: pd.DataFrame
) -> tuple[PredictorRequest, ...]:
    """The predictors of the model: ``mu`` (or one per category), then the others."""
    columns = tuple(map(str, frame.columns))
    subs = {sub.name: sub for sub in part.subformulas}
    out: list[PredictorRequest] = []
    main_options = _options(part.options)
    main = expand(part.main, columns=columns)
    if family.response == "nominal":
        for category in response.predicted_categories:
            name = category_parameter(category)
            sub = subs.pop(name, None)
            expansion = expand(sub.parsed, columns=columns) if sub else main
            options = _options(sub.options) if sub else main_options
            out.append(PredictorRequest("mu", Scope(dpar=name), expansion, options))
    else:
        out.append(PredictorRequest("mu", Scope(), main, main_options))
    allowed = {param.name for param in family.params} - {"mu"}
    for name, sub in subs.items():
        if name not in allowed:
            _unknown_parameter(name, allowed, family, sub)
        expansion = expand(sub.parsed, columns=columns)
        out.append(PredictorRequest(name, Scope(dpar=name), expansion, _options(sub.options)))
    return tuple(out)


def _options(options: Any) -> PredictorOptions:
    return PredictorOptions(options.center, options.cmc, options.sparse, options.decomp == "QR")


def _unknown_parameter(name: str, allowed: set[str], family: Family, sub: SubFormula) -> None:
    listed = ", ".join(sorted(allowed)) or "none besides mu"
    raise FormulaError(
        f"{name!r} is not a parameter of family {family.name!r}{did_you_mean(name, allowed)}; "
        f"its other parameters: {listed}",
        sub.parsed.source,
        sub.parsed.response.span if sub.parsed.response else None,
    )


def fixed_parameters(part: ResponseFormula, family: Family) -> dict[str, float]:
    """Values of parameters that are no parameters: fixed by the user or by the family."""
    named = {sub.name for sub in part.subformulas}
    out = {p.name: p.fixed for p in family.params if p.fixed is not None and p.name not in named}
    for name, value in part.fixed:
        known = {param.name for param in family.params}
        if name not in known:
            raise FormulaError(
                f"{name!r} is not a parameter of family {family.name!r}"
                f"{did_you_mean(name, known)}",
                part.main.source,
            )
        if name == "mu":
            raise FormulaError("mu has a formula already; it cannot be fixed", part.main.source)
        if isinstance(value, str):
            raise FormulaError(
                "tying a parameter to another one is understood, but not built yet",
                part.main.source,
            )
        check_fixed_value(family, name, float(value))
        out[name] = float(value)
    return {name: value for name, value in out.items() if value is not None}
