"""From a family and its predictors to the text of the likelihood.

Which density is called, and whether once for all rows or row by row, is decided here from
declared facts: links, addition terms, which parameters have formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from hiermodel.additions import Additions
from hiermodel.families.base import Family, FunctionTemplate, Fused
from hiermodel.stan.expr import StanExpr, StanMath, as_expr, stan_call


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What ``likelihood.stan.jinja`` prints.

    `statement` is the one call for all rows, or empty when rows are visited one by one with
    the other texts. `fused` is the density with the link folded in, if one is used, and `glm`
    says that it also takes the design matrix of ``mu``. `definitions` are statements that come
    first: parameters that are computed from all rows.
    """

    text: str
    suffix: str
    statement: str
    weight: str = ""
    log_prob: str = ""
    log_cdf: str = ""
    log_ccdf: str = ""
    interval: str = ""
    truncation: str = ""
    censored: bool = False
    fused: Fused | None = None
    glm: bool = False
    functions: tuple[str | FunctionTemplate, ...] = ()
    definitions: tuple[str, ...] = ()

    def on_link_scale(self, param: str) -> bool:
        """True for parameters that the density takes on the scale of their link."""
        return self.fused is not None and self.fused.on_link_scale(param)


@dataclass(frozen=True, slots=True)
class LikelihoodInput:
    """The facts that decide the likelihood of one response."""

    family: Family
    additions: Additions
    predicted: tuple[str, ...]
    fixed: Mapping[str, float]
    thresholds: StanExpr | None
    categories: tuple[str | None, ...]
    glm_design: tuple[str, str] | None
    glm_alpha: str
    suffix: str
    normalize: bool
    text: str
    glm_text: str


def build_likelihood(facts: LikelihoodInput) -> Likelihood:
    """Decide the density of a response and write its calls."""
    fused = _fused(facts)
    glm = fused is not None and _use_glm(facts, fused)
    parameters = parameter_expressions(facts, on_link_scale=fused is not None)
    source = fused if fused is not None else facts.family
    arguments = source.arguments(parameters, StanMath)
    distribution = facts.family.distribution
    name = fused.name if fused is not None else distribution.name
    additions = facts.additions
    by_row = (
        any(role in additions for role in ("weights", "cens", "lb", "ub"))
        or bool(facts.categories)
        or not (distribution if fused is None else fused).vectorized
        or (facts.thresholds is not None and facts.thresholds.rows)
    )
    text = facts.text
    if not by_row:
        statement = _glm_call(facts, fused, parameters) if glm and fused else _density(
            facts, name, StanExpr(f"Y{facts.suffix}", rows=True), arguments
        ).text
        if glm and facts.glm_design is not None:
            text = f"{text}, where {' * '.join(facts.glm_design)} is {facts.glm_text}"
        functions = _functions(facts, fused, tuple(as_expr(a).rows for a in arguments))
        made = Likelihood(
            text, facts.suffix, statement, fused=fused, glm=glm, functions=functions
        )
    else:
        made = _row_likelihood(facts, name, arguments, fused)
    return replace(made, definitions=_definitions(facts, parameters))


def _definitions(facts: LikelihoodInput, parameters: Any) -> tuple[str, ...]:
    """Define the parameters that follow from a declared one and from all rows."""
    s, out = facts.suffix, []
    for param in facts.family.params:
        known = param.name in facts.predicted or param.name in facts.fixed
        if param.derived is None or known:
            continue
        rest = param.derived.arguments(StanExpr(f"Y{s}", rows=True), parameters)
        value = stan_call(param.derived.function, StanExpr(f"{param.derived.raw}{s}"), *rest)
        out.append(f"real {param.name}{s} = {value.text};")
    return tuple(out)


def _functions(
    facts: LikelihoodInput, fused: Fused | None, rows: tuple[bool, ...] | None
) -> tuple[str | FunctionTemplate, ...]:
    """Stan functions of the density, written for how it is called."""
    distribution, additions = facts.family.distribution, facts.additions
    cumulative = any(role in additions for role in ("cens", "lb", "ub"))
    source = distribution.functions if fused is None else fused.functions
    out = [
        f if isinstance(f, (str, FunctionTemplate)) else f.written(rows, cumulative)
        for f in source
    ]
    tail = distribution.tail_functions if _uses_tail(facts) else ()
    return (*out, *tail)


def _uses_tail(facts: LikelihoodInput) -> bool:
    """True when only a lower bound truncates, and the density has a fast tail for it."""
    additions = facts.additions
    return bool(facts.family.distribution.tail) and "lb" in additions and "ub" not in additions


def _fused(facts: LikelihoodInput) -> Fused | None:
    """The density with the link folded in, where no cdf is needed and it applies."""
    if any(role in facts.additions for role in ("cens", "lb", "ub")):
        return None
    grouped = facts.thresholds is not None and facts.thresholds.rows
    for fused in facts.family.fused:
        if fused.link != facts.family.link("mu") or (grouped and not fused.grouped_thresholds):
            continue
        if any(p not in facts.predicted or facts.family.link(p) != k for p, k in fused.also):
            continue
        free = [p for p in fused.unpredicted if not _has_default_value(facts, p)]
        if not free:
            return fused
    return None


def _has_default_value(facts: LikelihoodInput, param: str) -> bool:
    """True when a parameter has no formula and no value but the one its family fixes."""
    value = facts.family.param(param).fixed
    return param not in facts.predicted and facts.fixed.get(param) == value


def _use_glm(facts: LikelihoodInput, fused: Fused) -> bool:
    roles = ("se", "weights", "thres", "cens", "lb", "ub", "denom")
    return (
        bool(fused.glm)
        and facts.glm_design is not None
        and facts.predicted == ("mu",)
        and not any(role in facts.additions for role in roles)
    )


def parameter_expressions(facts: LikelihoodInput, on_link_scale: bool) -> Any:
    """Every parameter of the family as Stan text."""
    s, additions = facts.suffix, facts.additions
    values: dict[str, StanExpr] = {}
    for param in facts.family.params:
        if param.name in facts.predicted:
            values[param.name] = StanExpr(f"{param.name}{s}", rows=True)
        elif param.name in facts.fixed:
            values[param.name] = as_expr(facts.fixed[param.name])
        else:
            values[param.name] = StanExpr(f"{param.name}{s}")
    if "trials" in additions:
        values["trials"] = StanExpr(f"trials{s}", rows=True)
    if "dec" in additions:
        values["dec"] = StanExpr(f"dec{s}", rows=True)
    if facts.thresholds is not None:
        values["thresholds"] = facts.thresholds
    if facts.categories:
        stacked = ", ".join("0" if c is None else f"{c}[n]" for c in facts.categories)
        values["mu"] = StanExpr("", rows=True, row_text=f"[{stacked}]'")
    if "se" in additions:
        se = StanExpr(f"se{s}", rows=True)
        if additions.se_with_sigma:
            total = stan_call("square", values["sigma"]) + stan_call("square", se)
            values["sigma"] = stan_call("sqrt", total)
        else:
            values["sigma"] = se
    if "denom" in additions:
        denom = StanExpr(f"denom{s}", rows=True)
        for name in facts.family.scaled_by_rate:
            if name == "mu" and on_link_scale:
                # Only log links have a fused density for counts: mu * denom on the log scale.
                values["mu"] = values["mu"] + stan_call("log", denom)
            else:
                values[name] = values[name] * denom
    return SimpleNamespace(**values)


def _density(
    facts: LikelihoodInput, name: str, y: StanExpr, arguments: tuple[Any, ...], kind: str = ""
) -> StanExpr:
    """``name_lpdf(y | arguments)``; `kind` is ``lcdf`` or ``lccdf`` for the other two."""
    if not kind:
        mass = "m" if facts.family.discrete else "d"
        kind = f"lp{mass}f" if facts.normalize else f"lup{mass}f"
    tail = ", ".join(as_expr(a).text for a in arguments)
    return StanExpr(f"{name}_{kind}({y.text} | {tail})")


def _glm_call(facts: LikelihoodInput, fused: Fused, parameters: Any) -> str:
    assert facts.glm_design is not None
    matrix, coefficients = facts.glm_design
    first = [as_expr(e).text for e in fused.glm_first(parameters, StanMath)]
    extra = [as_expr(e).text for e in fused.glm_extra(parameters, StanMath)]
    tail = ", ".join([*first, matrix, facts.glm_alpha, coefficients, *extra])
    mass = "m" if facts.family.discrete else "d"
    kind = f"lp{mass}f" if facts.normalize else f"lup{mass}f"
    return f"{fused.glm}_{kind}(Y{facts.suffix} | {tail})"


def _row_likelihood(
    facts: LikelihoodInput, name: str, arguments: tuple[Any, ...], fused: Fused | None
) -> Likelihood:
    s, additions = facts.suffix, facts.additions
    row = tuple(as_expr(a).at("n") for a in arguments)
    y = StanExpr(f"Y{s}[n]")
    lb, ub, rcens = (StanExpr(f"{role}{s}[n]") for role in ("lb", "ub", "rcens"))
    if facts.family.discrete:
        # P(Y >= lb): the bound itself belongs to the support of a count.
        lb = StanExpr(f"lb{s}[n] - 1")

    def call(value: StanExpr, kind: str = "") -> str:
        return _density(facts, name, value, row, kind).text

    truncation = ""
    if "lb" in additions and "ub" in additions:
        truncation = f" - log_diff_exp({call(ub, 'lcdf')}, {call(lb, 'lcdf')})"
    elif "lb" in additions:
        upper = facts.family.distribution.tail if _uses_tail(facts) else name
        truncation = f" - {_density(facts, upper, lb, row, 'lccdf').text}"
    elif "ub" in additions:
        truncation = f" - {call(ub, 'lcdf')}"
    censored = "cens" in additions
    interval = "rcens" in additions
    both = f"log_diff_exp({call(rcens, 'lcdf')}, {call(y, 'lcdf')})"
    return Likelihood(
        facts.text,
        s,
        "",
        weight=f"weights{s}[n] * " if "weights" in additions else "",
        log_prob=call(y) + truncation,
        log_cdf=call(y, "lcdf") + truncation if censored else "",
        log_ccdf=call(y, "lccdf") + truncation if censored else "",
        interval=both + truncation if interval else "",
        truncation=truncation,
        censored=censored,
        fused=fused,
        functions=_functions(facts, fused, None),
    )
