"""From a family and its predictors to the text of the likelihood.

Which density is called, and whether once for all rows or row by row, is decided here from
declared facts: links, addition terms, which parameters have formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from hiermodel.additions import Additions
from hiermodel.errors import FormulaError
from hiermodel.families.base import Family, FunctionTemplate, FunctionText, Fused
from hiermodel.families.mixture import component_parameters, log_weights
from hiermodel.stan.expr import StanExpr, StanMath, as_expr, stan_call
from hiermodel.terms.residual_covariance import Autocorrelation, DensityInput


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What ``likelihood.stan.jinja`` prints.

    `statement` is the one call for all rows, or empty when rows are visited one by one with
    the other texts. `fused` is the density with the link folded in, if one is used, and `glm`
    says that it also takes the design matrix of ``mu``. `definitions` are statements that come
    first: parameters that are computed from all rows. With a `joint` density of several
    responses nothing is printed here; `parameters` are then what that density takes. `facts` are
    what it was made from.
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
    functions: tuple[str | FunctionTemplate | FunctionText, ...] = ()
    definitions: tuple[str, ...] = ()
    joint: bool = False
    parameters: Mapping[str, StanExpr] = field(default_factory=dict)
    facts: LikelihoodInput | None = field(default=None, repr=False)

    def on_link_scale(self, param: str) -> bool:
        """True for parameters that the density takes on the scale of their link."""
        return self.fused is not None and self.fused.on_link_scale(param)


@dataclass(frozen=True, slots=True)
class LikelihoodInput:
    """The facts that decide the likelihood of one response.

    `scalars` are the parameters without a formula as Stan text, `thresholds` those of each
    ordinal (component of the) family by the parameter ``mu`` that they belong to, `categories`
    what each category has of the parameters that belong to categories, `reference` the number of
    the reference category. `baseline` is the baseline hazard at the response (empty role) and at
    the bounds of other roles, which `baseline_definitions` compute. With `imputed` the responses
    have no gaps, or are the true ones behind what was observed with error. `autocor` is what makes
    the rows depend on each other.
    """

    family: Family
    additions: Additions
    predicted: tuple[str, ...]
    fixed: Mapping[str, float | str]
    scalars: Mapping[str, StanExpr]
    thresholds: Mapping[str, StanExpr]
    categories: Mapping[str, tuple[StanExpr, ...]]
    reference: int
    glm_design: tuple[str, str] | None
    glm_alpha: str
    suffix: str
    normalize: bool
    text: str
    glm_text: str
    joint: bool = False
    baseline: Mapping[str, tuple[StanExpr, ...]] = field(default_factory=dict)
    baseline_definitions: tuple[str, ...] = ()
    imputed: bool = False
    autocor: Autocorrelation | None = None

    @property
    def outcome(self) -> str:
        """Stan name of the responses, with ``mi()`` of those without gaps."""
        return f"{'Yl' if self.imputed else 'Y'}{self.suffix}"


# Per role of a bound the arguments of the density there.
_Elsewhere = Mapping[str, tuple[Any, ...]]


def build_likelihood(facts: LikelihoodInput) -> Likelihood:
    """Decide the density of a response and write its calls.

    A `joint` density of several responses takes the place of theirs; nothing is written then.
    """
    if facts.joint:
        written = parameter_expressions(facts, on_link_scale=False)
        return Likelihood(facts.text, facts.suffix, "", joint=True, parameters=vars(written))
    if facts.autocor is not None and facts.autocor.covariance is not None:
        return _correlated_likelihood(facts, facts.autocor)
    fused = _fused(facts)
    glm = fused is not None and _use_glm(facts, fused)
    parameters = parameter_expressions(facts, on_link_scale=fused is not None)
    if facts.family.components or _by_row(facts, fused):
        made = _row_likelihood(facts, parameters, fused)
    else:
        made = _whole_likelihood(facts, parameters, fused, glm)
    return replace(made, definitions=_definitions(facts, parameters), facts=facts)


def _correlated_likelihood(facts: LikelihoodInput, autocor: Autocorrelation) -> Likelihood:
    """One density of all rows, whose residuals are correlated."""
    assert autocor.covariance is not None
    # Known standard errors are told apart from sigma, which alone the correlations are about.
    known = "se" in facts.additions
    parameters = parameter_expressions(facts, on_link_scale=False, with_se=False)
    student = "nu" in {param.name for param in facts.family.params}
    nu = as_expr(parameters.nu) if student else as_expr(0)
    if nu.rows:
        raise FormulaError(
            f"nu has a formula, which {autocor.covariance.text} cannot have beside it: the "
            "residuals of a series share one nu", facts.text,
        )
    sigma = as_expr(parameters.sigma)
    one = DensityInput(
        y=facts.outcome, mu=as_expr(parameters.mu).text, sigma=sigma.text, by_row=sigma.rows,
        nu=nu.text if student else "", se=f"se{facts.suffix}" if known else "",
        normalize=facts.normalize,
    )
    return Likelihood(
        f"{facts.text} with {autocor.covariance.text}", facts.suffix,
        autocor.covariance.density(one), functions=autocor.covariance.functions(one),
    )


def _by_row(facts: LikelihoodInput, fused: Fused | None) -> bool:
    """True when the density must be called for one row after the other."""
    source = facts.family.distribution if fused is None else fused
    return (
        any(role in facts.additions for role in ("weights", "cens", "lb", "ub"))
        or bool(facts.categories)
        or not source.vectorized
        or any(expression.rows for expression in facts.thresholds.values())
    )


def _whole_likelihood(
    facts: LikelihoodInput, parameters: Any, fused: Fused | None, glm: bool
) -> Likelihood:
    """One call for all rows."""
    source = fused if fused is not None else facts.family
    arguments = source.arguments(parameters, StanMath)
    text = facts.text
    if glm and fused:
        statement = _glm_call(facts, fused, parameters)
    else:
        name = fused.name if fused is not None else facts.family.distribution.name
        y = StanExpr(facts.outcome, rows=True)
        statement = _density(facts, name, y, arguments).text
    if glm and facts.glm_design is not None:
        text = f"{text}, where {' * '.join(facts.glm_design)} is {facts.glm_text}"
    rows = tuple(as_expr(a).rows for a in arguments)
    functions = _functions(facts.family, facts.additions, fused, rows)
    return Likelihood(text, facts.suffix, statement, fused=fused, glm=glm, functions=functions)


def _definitions(facts: LikelihoodInput, parameters: Any) -> tuple[str, ...]:
    """Define what is computed for all rows: baseline hazards, derived parameters."""
    s, out = facts.suffix, list(facts.baseline_definitions)
    for param in facts.family.params:
        known = param.name in facts.predicted or param.name in facts.fixed
        if param.derived is None or known:
            continue
        rest = param.derived.arguments(StanExpr(facts.outcome, rows=True), parameters)
        value = stan_call(param.derived.function, StanExpr(f"{param.derived.raw}{s}"), *rest)
        out.append(f"real {param.name}{s} = {value.text};")
    return tuple(out)


def _functions(
    family: Family, additions: Additions, fused: Fused | None, rows: tuple[bool, ...] | None
) -> tuple[str | FunctionTemplate | FunctionText, ...]:
    """Stan functions of the density, written for how it is called."""
    distribution = family.distribution
    cumulative = any(role in additions for role in ("cens", "lb", "ub"))
    source = distribution.functions if fused is None else fused.functions
    out = [
        f if isinstance(f, (str, FunctionTemplate, FunctionText)) else f.written(rows, cumulative)
        for f in source
    ]
    tail = distribution.tail_functions if _uses_tail(family, additions) else ()
    return (*out, *tail)


def _uses_tail(family: Family, additions: Additions) -> bool:
    """True when only a lower bound truncates, and the density has a fast tail for it."""
    return bool(family.distribution.tail) and "lb" in additions and "ub" not in additions


def _fused(facts: LikelihoodInput) -> Fused | None:
    """The density with the link folded in, where no cdf is needed and it applies."""
    if any(role in facts.additions for role in ("cens", "lb", "ub")) or facts.autocor is not None:
        return None
    grouped = any(expression.rows for expression in facts.thresholds.values())
    for fused in facts.family.fused:
        if fused.link != facts.family.link("mu") or (grouped and not fused.grouped_thresholds):
            continue
        if any(p not in facts.predicted or facts.family.link(p) != k for p, k in fused.also):
            continue
        if fused.whole_only and (facts.family.components or _by_row(facts, fused)):
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


def parameter_expressions(
    facts: LikelihoodInput, on_link_scale: bool, with_se: bool = True
) -> Any:
    """Every parameter of the family as Stan text; `with_se` joins standard errors to sigma."""
    s, additions = facts.suffix, facts.additions
    values: dict[str, Any] = dict(facts.scalars)
    for param in facts.family.params:
        value = facts.fixed.get(param.name)
        if param.name in facts.predicted:
            values[param.name] = StanExpr(f"{param.name}{s}", rows=True)
        elif isinstance(value, (int, float)):
            values[param.name] = as_expr(value)
    for name, value in facts.fixed.items():
        if isinstance(value, str):
            values[name] = values[value]
    for role in ("trials", "dec"):
        if role in additions:
            values[role] = StanExpr(f"{role}{s}", rows=True)
    if facts.baseline:
        values["baseline"] = facts.baseline[""]
    for text in facts.family.variables:
        name = text.removesuffix("[n]")
        # Those of addition terms belong to the response, those of the user to the program.
        stan_name = f"{name}{s}" if name in additions else name
        values[text] = StanExpr(stan_name, rows=text.endswith("[n]"))
    for param_name, expression in facts.thresholds.items():
        values["thresholds" + param_name.removeprefix("mu")] = expression
    for name, entries in facts.categories.items():
        stacked = ", ".join(entry.at("n").text for entry in entries)
        values[name] = StanExpr("", rows=True, row_text=f"[{stacked}]'")
    if facts.reference:
        values["reference"] = as_expr(facts.reference)
    if "se" in additions and with_se:
        se = StanExpr(f"se{s}", rows=True)
        for name in facts.family.named("sigma"):
            if additions.se_with_sigma:
                total = stan_call("square", values[name]) + stan_call("square", se)
                values[name] = stan_call("sqrt", total)
            else:
                values[name] = se
    if "denom" in additions:
        denom = StanExpr(f"denom{s}", rows=True)
        for name in facts.family.scaled_by_rate:
            if name == "mu" and on_link_scale:
                # Only log links have a fused density for counts: mu * denom on the log scale.
                values["mu"] = values["mu"] + stan_call("log", denom)
            else:
                values[name] = values[name] * denom
    return SimpleNamespace(**values)


def _elsewhere(facts: LikelihoodInput, family: Family, parameters: Any) -> _Elsewhere:
    """Arguments of the density at bounds, where they differ from those at the response."""
    return {
        role: family.arguments(
            SimpleNamespace(**{**vars(parameters), "baseline": baseline}), StanMath
        )
        for role, baseline in facts.baseline.items() if role
    }


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
    return f"{fused.glm}_{kind}({facts.outcome} | {tail})"


@dataclass(frozen=True, slots=True)
class _RowTerms:
    """What one row may add to the log density: of a family, or of a component of a mixture."""

    log_prob: str
    log_cdf: str
    log_ccdf: str
    interval: str
    truncation: str


def _row_likelihood(facts: LikelihoodInput, parameters: Any, fused: Fused | None) -> Likelihood:
    """One call after the other, each for one row."""
    family, additions, s = facts.family, facts.additions, facts.suffix
    if not family.components:
        source = fused if fused is not None else family
        name = fused.name if fused is not None else family.distribution.name
        arguments = source.arguments(parameters, StanMath)
        elsewhere = _elsewhere(facts, family, parameters)
        terms = _row_terms(facts, family, name, arguments, elsewhere)
        functions = _functions(family, additions, fused, None)
    else:
        terms = _mixed_terms(facts, parameters)
        functions = tuple(
            f for part in family.components for f in _functions(part, additions, None, None)
        )
    return Likelihood(
        facts.text,
        s,
        "",
        weight=f"weights{s}[n] * " if "weights" in additions else "",
        log_prob=terms.log_prob,
        log_cdf=terms.log_cdf,
        log_ccdf=terms.log_ccdf,
        interval=terms.interval,
        truncation=terms.truncation,
        censored="cens" in additions,
        fused=fused,
        functions=tuple(dict.fromkeys(functions)),
    )


def _mixed_terms(facts: LikelihoodInput, parameters: Any) -> _RowTerms:
    """The terms of a mixture: each of its components is censored and truncated for itself."""
    parts = []
    for component, own in component_parameters(facts.family, parameters):
        arguments = component.arguments(own, StanMath)
        parts.append(_row_terms(facts, component, component.distribution.name, arguments, {}))
    weights = log_weights(facts.family, parameters)
    shown = [as_expr(w).at("n").text for w in weights]
    # Weights that come from a formula are known up to a common factor.
    predicted = any(as_expr(w).rows for w in weights)
    total = f" - log_sum_exp([{', '.join(shown)}])" if predicted else ""

    def mixed(texts: list[str]) -> str:
        summands = ", ".join(
            text if weight == "0" else f"{weight} + {text}"
            for weight, text in zip(shown, texts, strict=True)
        )
        return f"log_sum_exp([{summands}]){total}"

    censored, interval = "cens" in facts.additions, "rcens" in facts.additions
    return _RowTerms(
        mixed([part.log_prob for part in parts]),
        mixed([part.log_cdf for part in parts]) if censored else "",
        mixed([part.log_ccdf for part in parts]) if censored else "",
        mixed([part.interval for part in parts]) if interval else "",
        # For the brackets of a weight: what is mixed may be a difference.
        total,
    )


def _row_terms(
    facts: LikelihoodInput, family: Family, name: str, arguments: tuple[Any, ...],
    elsewhere: _Elsewhere,
) -> _RowTerms:
    s, additions = facts.suffix, facts.additions
    rows = {
        role: tuple(as_expr(a).at("n") for a in one)
        for role, one in {"": arguments, **elsewhere}.items()
    }
    y = StanExpr(f"{facts.outcome}[n]")
    lb, ub, rcens = (StanExpr(f"{role}{s}[n]") for role in ("lb", "ub", "rcens"))
    if family.discrete:
        # P(Y >= lb): the bound itself belongs to the support of a count.
        lb = StanExpr(f"lb{s}[n] - 1")

    def call(value: StanExpr, kind: str = "", role: str = "", of: str = name) -> str:
        return _density(facts, of, value, rows.get(role, rows[""]), kind).text

    truncation = ""
    if "lb" in additions and "ub" in additions:
        truncation = f" - log_diff_exp({call(ub, 'lcdf', 'ub')}, {call(lb, 'lcdf', 'lb')})"
    elif "lb" in additions:
        upper = family.distribution.tail if _uses_tail(family, additions) else name
        truncation = f" - {call(lb, 'lccdf', 'lb', upper)}"
    elif "ub" in additions:
        truncation = f" - {call(ub, 'lcdf', 'ub')}"
    censored = "cens" in additions
    interval = "rcens" in additions
    both = f"log_diff_exp({call(rcens, 'lcdf', 'rcens')}, {call(y, 'lcdf')})"
    return _RowTerms(
        log_prob=call(y) + truncation,
        log_cdf=call(y, "lcdf") + truncation if censored else "",
        log_ccdf=call(y, "lccdf") + truncation if censored else "",
        interval=both + truncation if interval else "",
        truncation=truncation,
    )
