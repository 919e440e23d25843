"""What a formula asks for: its columns, one predictor per parameter, fixed parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from hiermodel.additions import addition_variables
from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.families.base import Family
from hiermodel.families.fixed import check_fixed_value
from hiermodel.formula import check_sides, expand
from hiermodel.formula.bf import ResponseFormula, SubFormula
from hiermodel.formula.syntax import Expansion, GroupTerm, Name, Node, ParsedFormula, names, walk
from hiermodel.frames import NeededColumns
from hiermodel.nonlinear import check_nonlinear
from hiermodel.predictors import BUILT, PredictorOptions
from hiermodel.response import Response, category_parameter
from hiermodel.schema import check_columns
from hiermodel.terms.base import Scope, special_term_factory
from hiermodel.terms.build_autocor import AUTOCOR, AutocorTerm, autocor_columns, check_alone
from hiermodel.terms.build_autocor import KINDS as AUTOCOR_KINDS
from hiermodel.terms.build_car import car_columns
from hiermodel.terms.build_special_effects import is_special, special_calls


@dataclass(frozen=True, eq=False)
class PredictorRequest:
    """One linear predictor to build: which parameter, from which formula.

    `param` is the parameter of the family, empty for a parameter of a non-linear formula.
    """

    param: str
    scope: Scope
    expansion: Expansion
    options: PredictorOptions


@dataclass(frozen=True, eq=False)
class NonlinearRequest:
    """One predictor that is an expression; `parameters` it reads have formulas of their own."""

    param: str
    scope: Scope
    parsed: ParsedFormula
    parameters: tuple[str, ...]


Request = PredictorRequest | NonlinearRequest


@dataclass(frozen=True, slots=True)
class _Nonlinear:
    """The non-linear side of a response: its expressions, and the names that are parameters."""

    formulas: tuple[ParsedFormula, ...]
    parameters: tuple[str, ...]


def _nonlinear(part: ResponseFormula) -> _Nonlinear:
    """A formula belongs to a non-linear parameter when an expression reads its name."""
    formulas = [sub.parsed for sub in part.subformulas if sub.options.nl]
    if part.options.nl:
        formulas.insert(0, part.main)
    read = {name for parsed in formulas for name in names(parsed.rhs)}
    return _Nonlinear(
        tuple(formulas), tuple(sub.name for sub in part.subformulas if sub.name in read)
    )


def model_variables(part: ResponseFormula, frame: pd.DataFrame) -> NeededColumns:
    """Columns that the formulas of a response read, all known to exist."""
    found = NeededColumns()
    for term in autocor_terms(part, frame):
        columns = (
            car_columns(term.special) if term.kind == "car"
            else autocor_columns(term.special, term.source)
        )
        check_columns(columns, frame, term.source)
        found += NeededColumns(tuple(name for node in columns for name in names(node)))
    nonlinear = _nonlinear(part)
    for parsed in (part.main, *(sub.parsed for sub in part.subformulas)):
        otherwise = ""
        if any(parsed is other for other in nonlinear.formulas):
            nodes = _expression_nodes(parsed, nonlinear.parameters)
            check_nonlinear(parsed.rhs, parsed.source)
            otherwise = "; a parameter of a non-linear formula has a formula of its own: '{} ~ 1'"
        else:
            expansion = expand(parsed, columns=tuple(map(str, frame.columns)))
            for special in expansion.specials:
                if special.kind in AUTOCOR_KINDS and parsed is not part.main:
                    raise FormulaError(
                        f"{special.kind}() correlates the rows of the response and belongs to the "
                        "formula of mu", parsed.source, special.span,
                    )
                if special.kind not in BUILT and not is_special(special):
                    # Not built is told before a column.
                    special_term_factory(special, parsed.source)
            if parsed is part.main:
                check_sides(parsed, expansion)
            nodes = _nodes(expansion)
        if parsed is part.main and parsed.response is not None:
            nodes = [parsed.response, *nodes]
        check_columns(nodes, frame, parsed.source, otherwise)
        # What is imputed may be missing: a response with mi(), and the x of mi(x).
        absent = _imputed_names(nodes)
        if parsed is part.main and any(call.function == "mi" for call in parsed.additions):
            absent |= set(names(parsed.response)) if parsed.response is not None else set()
        read = [name for node in nodes for name in names(node)]
        found += NeededColumns(
            tuple(name for name in read if name not in absent),
            tuple(name for name in read if name in absent),
        )
        check_columns(
            [a.value for call in parsed.additions for a in call.arguments], frame, parsed.source
        )
        found += addition_variables(parsed)
    if part.unused is not None:
        check_columns([part.unused.rhs], frame, part.unused.source)
        found += NeededColumns(names(part.unused.rhs))
    return found


def autocor_terms(part: ResponseFormula, frame: pd.DataFrame) -> tuple[AutocorTerm, ...]:
    """The autocorrelation terms of a response, of its formula and of ``autocor =``."""
    out: list[AutocorTerm] = []
    columns = tuple(map(str, frame.columns))
    if not part.options.nl:
        whole = expand(part.main, columns=columns)
        out += [AutocorTerm(s, part.main.source) for s in whole.specials if s.kind in AUTOCOR]
    if part.autocor is not None:
        side = expand(part.autocor, columns=columns)
        check_alone(part.autocor, side.specials, bool(side.terms or side.groups or side.offsets))
        out += [AutocorTerm(special, part.autocor.source) for special in side.specials]
    return tuple(out)


def _expression_nodes(parsed: ParsedFormula, parameters: tuple[str, ...]) -> list[Node]:
    """The names of a non-linear expression that are columns."""
    return [
        node for node in walk(parsed.rhs)
        if isinstance(node, Name) and node.value not in parameters
    ]


def _nodes(expansion: Expansion) -> list[Node]:
    """Every expression of a right-hand side whose names are columns of the data."""
    nodes = [factor for term in expansion.terms for factor in term.factors]
    nodes += expansion.offsets
    for special in expansion.specials:
        if special.kind in AUTOCOR_KINDS:
            continue
        if special.kind == "car":
            nodes += car_columns(special)
            continue
        if is_special(special):
            nodes += special.calls
        else:
            nodes += [
                a.value for call in special.calls for a in call.arguments if a.name in (None, "by")
            ]
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


def _imputed_names(nodes: Sequence[Node]) -> set[str]:
    """The columns that only ``mi()`` reads."""
    calls = [call for call in special_calls(nodes) if call.function == "mi"]
    return {
        argument.value.value
        for call in calls for argument in call.arguments[:1] if isinstance(argument.value, Name)
    }


def _group_name(group: GroupTerm, variable: str, source: str) -> Name:
    """The name of a grouping variable, where it stands in the formula."""
    start = source.rfind(variable, *group.span)
    return Name((start, start + len(variable)) if start >= 0 else group.span, variable)


def predictor_requests(
    part: ResponseFormula, family: Family, response: Response, frame: pd.DataFrame, resp: str
) -> tuple[Request, ...]:
    """The predictors of a response: of the family's parameters, then non-linear parameters.

    The main formula is for ``mu``, for the ``mu`` of every category where each has one, and for
    every ``mu<k>`` of a mixture that has no formula of its own.
    """
    columns = tuple(map(str, frame.columns))
    nonlinear = _nonlinear(part)
    subs = {sub.name: sub for sub in part.subformulas}
    single = response.category_dpars
    allowed = {param.name for param in family.params} - {"mu", *family.category_params}
    allowed |= {name for name, base in single.items() if base != "mu"}
    mains = _main_parameters(family, response)
    # car() given by autocor = belongs to mu.
    aside = expand(part.autocor, columns=columns).specials if part.autocor is not None else ()
    maps = [special for special in aside if special.kind == "car"]
    for name, sub in subs.items():
        if name not in (*allowed, *(dpar for _, dpar in mains), *nonlinear.parameters):
            _unknown_parameter(name, allowed, family, sub)

    def request(
        param: str, scope: Scope, parsed: ParsedFormula, options: Any, default_center: bool
    ) -> Request:
        if options.nl:
            read = [n for n in names(parsed.rhs) if n in nonlinear.parameters]
            if maps and parsed is part.main:
                raise FormulaError(
                    f"{maps[0].text} adds to a linear predictor, and that of {param} is "
                    "non-linear; write it in the formula of one of its parameters", maps[0].text,
                )
            return NonlinearRequest(param, scope, parsed, tuple(read))
        expansion = expand(parsed, columns=columns)
        if maps and any(name == param for name, _ in mains):
            expansion = replace(expansion, specials=(*expansion.specials, *maps))
        return PredictorRequest(param, scope, expansion, _options(options, default_center))

    out: list[Request] = []
    for param, dpar in mains:
        scope = Scope(dpar="" if dpar == "mu" else dpar, resp=resp)
        own = subs.get(dpar)
        parsed, options = (own.parsed, own.options) if own else (part.main, part.options)
        out.append(request(param, scope, parsed, options, True))
    done = {dpar for _, dpar in mains}
    for name, sub in subs.items():
        if name in done:
            continue
        if name in nonlinear.parameters and name not in allowed:
            continue
        param = single.get(name, name)
        out.append(request(param, Scope(dpar=name, resp=resp), sub.parsed, sub.options, True))
        done.add(name)
    for name in nonlinear.parameters:
        if name not in done:
            sub = subs[name]
            scope = Scope(resp=resp, nlpar=name)
            out.append(request("", scope, sub.parsed, sub.options, False))
    return tuple(out)


def _main_parameters(family: Family, response: Response) -> tuple[tuple[str, str], ...]:
    """Parameters that the main formula is for: in the family, and by the name of the predictor."""
    if family.per_category:
        return tuple(("mu", category_parameter(c)) for c in response.predicted_categories)
    return tuple((name, name) for name in family.main)


def _options(options: Any, default_center: bool) -> PredictorOptions:
    center = default_center if options.center is None else options.center
    return PredictorOptions(center, options.cmc, options.sparse, options.decomp == "QR")


def _unknown_parameter(name: str, allowed: set[str], family: Family, sub: SubFormula) -> None:
    listed = ", ".join(sorted(allowed)) or "none besides mu"
    raise FormulaError(
        f"{name!r} is not a parameter of family {family.name!r}{did_you_mean(name, allowed)}; "
        f"its other parameters: {listed}. Parameters of a non-linear formula must occur in it",
        sub.parsed.source,
        sub.parsed.response.span if sub.parsed.response else None,
    )


def fixed_parameters(
    part: ResponseFormula, family: Family, response: Response
) -> dict[str, float | str]:
    """Parameters that are not estimated: fixed at a number, or equal to another parameter."""
    named = {sub.name for sub in part.subformulas}
    out: dict[str, float | str] = {
        p.name: p.fixed for p in family.params if p.fixed is not None and p.name not in named
    }
    single = response.category_dpars
    known = {param.name for param in family.params if not param.per_category} | set(single)
    for name, value in part.fixed:
        if name not in known:
            raise FormulaError(
                f"{name!r} is not a parameter of family {family.name!r}"
                f"{did_you_mean(name, known)}",
                part.main.source,
            )
        if name in family.main or single.get(name) == "mu":
            raise FormulaError(
                f"{name} has a formula already; it cannot be fixed", part.main.source
            )
        if isinstance(value, str) and name in single:
            message = f"{name} = {value!r}: parameters of categories cannot be equated"
            raise FormulaError(message, part.main.source)
        if isinstance(value, str):
            _check_tie(name, value, part, family)
            out[name] = value
        else:
            check_fixed_value(family, single.get(name, name), float(value))
            out[name] = float(value)
    return out


def _check_tie(name: str, other: str, part: ResponseFormula, family: Family) -> None:
    """``sigma2 = "sigma1"``: both must be parameters of one kind, and the other one free."""
    known = {param.name for param in family.params}
    source = part.main.source
    if other not in known:
        message = f"{name} = {other!r}: family {family.name!r} has no parameter {other!r}"
        raise FormulaError(message + did_you_mean(other, known), source)
    if family.part_of(name)[1] != family.part_of(other)[1]:
        message = f"{name} = {other!r}: a parameter can only equal another one of its kind"
        raise FormulaError(message, source)
    if isinstance(dict(part.fixed).get(other), str):
        message = f"{name} = {other!r}: {other} itself equals another parameter; name that one"
        raise FormulaError(message, source)
