"""From formula, data, family and priors to a `Model`: each stage once, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.additions import addition_variables, learn_additions
from hiermodel.errors import FormulaError, HiermodelError, did_you_mean
from hiermodel.expressions import LearnedExpression, learn
from hiermodel.families import as_family, code_response
from hiermodel.families.base import Family
from hiermodel.formula import Formula, as_formula, deparse, expand
from hiermodel.formula.arguments import match_arguments
from hiermodel.formula.bf import ResponseFormula, SubFormula
from hiermodel.formula.syntax import Expansion, Name, Node, ParsedFormula, names
from hiermodel.frames import as_frame, drop_missing
from hiermodel.modeling import Model
from hiermodel.predictors import (
    Predictor,
    PredictorOptions,
    build_predictor,
    offset_mean,
    with_defaults,
    with_views,
)
from hiermodel.priors import as_priors, default_prior, resolve_priors
from hiermodel.response import Response, category_parameter, factor_labels, nominal_categories
from hiermodel.schema import Schema, check_columns
from hiermodel.stan.likelihood import LikelihoodInput, build_likelihood
from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Scope
from hiermodel.terms.build_groups import GroupContext, build_groups
from hiermodel.terms.thresholds import Thresholds


@dataclass(frozen=True, eq=False)
class _Request:
    """One predictor to build: which parameter, from which formula."""

    param: str
    scope: Scope
    expansion: Expansion
    options: PredictorOptions


@dataclass(frozen=True, eq=False)
class _Defaults:
    """The default priors of one model: a named set, the family and the response."""

    name: str
    family: Family
    y: np.ndarray | None

    def of(
        self, cls: str, param: str, offset: float = 0.0, predicted: bool = True
    ) -> str | ScalePrior:
        """Default of a class for a parameter of the family."""
        return default_prior(
            self.name, cls, self.family, param, predicted=predicted, y=self.y,
            offset_mean=offset,
        )

    def of_column(
        self, cls: str, param: str, column: Callable[[], np.ndarray]
    ) -> str | ScalePrior:
        """Default of the coefficient (or its standard deviation) of a design column."""
        sd = None if self.name == "brms" else float(np.std(column(), ddof=1))
        return default_prior(self.name, cls, self.family, param, y=self.y, column_sd=sd)


def model(
    formula: str | Formula,
    data: Any,
    family: str | Family = "gaussian",
    priors: Any = None,
    *,
    data2: Mapping[str, Any] | None = None,
    sample_prior: str = "no",
    normalize: bool = True,
    drop_unused_levels: bool = True,
    contrasts: Mapping[str, Any] | None = None,
) -> Model:
    """Resolve a model without fitting it; see `fit` for the arguments.

    Returns
    -------
    Model
        Holds no data; `Model.stan_code`, `Model.priors` and `Model.bind` show its stages.

    Raises
    ------
    FormulaError, DataError, FamilyError, PriorError
        For bad input; the message names the culprit.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("epilepsy")
    >>> hm.model("count ~ Trt + (1 | patient)", data, family="poisson").nobs
    236
    """
    whole = as_formula(formula)
    part = _single_response(whole)
    chosen = as_family(part.family if part.family is not None else family)
    if sample_prior not in ("no", "only", "yes"):
        raise HiermodelError(f"sample_prior must be 'no', 'yes' or 'only', not {sample_prior!r}")
    frame = as_frame(data)
    needed, optional = _variables(part, frame)
    frame, _ = drop_missing(frame, needed, optional)
    schema = Schema.learn(
        frame, (*needed, *optional), contrasts=contrasts, drop_unused_levels=drop_unused_levels
    )
    main = part.main
    additions = learn_additions(main, chosen, frame, schema, "")
    response = _response(main, chosen, additions, frame, schema)
    fixed = _fixed(part, chosen)
    requests = _requests(part, chosen, response, frame)
    thresholds = _thresholds(response, frame, chosen)
    y = None if chosen.response in ("ordinal", "nominal") else response.coded(frame)
    if y is None:
        response.coded(frame)  # checked all the same
    user, default_set = _prior_argument(priors)
    defaults = _Defaults(default_set, chosen, y)
    predictors, groups = _predictors(
        requests, chosen, frame, schema, thresholds, defaults, data2 or {}
    )
    scalars = _scalars(chosen, predictors, fixed, additions, defaults)
    if thresholds is not None:
        thresholds = replace(
            thresholds,
            default=defaults.of("Intercept", "mu", offset_mean(predictors[0], frame)),
            default_delta=defaults.of("delta", "mu"),
        )
    likelihood = _likelihood(
        main, chosen, response, predictors, fixed, thresholds, normalize
    )
    draft = Model(
        formula=whole, family=chosen, response=response, predictors=predictors, groups=groups,
        thresholds=thresholds, scalars=scalars, fixed=fixed, likelihood=likelihood,
        resolved_priors=resolve_priors((), ()), schema=schema, variables_needed=needed,
        variables_optional=optional, nobs=len(frame), normalize=normalize,
        sample_prior=sample_prior,
        call={"priors": priors, "data2": data2, "contrasts": contrasts,
              "drop_unused_levels": drop_unused_levels},
    )
    declared = tuple(v for v in draft.declared if v.block is Block.PARAMETERS)
    return replace(draft, resolved_priors=resolve_priors(declared, user, normalize=normalize))


# --------------------------------------------------------------------------- formula


def _single_response(formula: Formula) -> ResponseFormula:
    if len(formula.responses) != 1:
        text = str(formula)
        raise FormulaError(
            "models with several responses are understood, but not built yet in this version", text
        )
    part = formula.responses[0]
    for sub in (part, *part.subformulas):
        if sub.options.nl:
            raise FormulaError(
                "non-linear formulas are understood, but not built yet in this version",
                part.main.source,
            )
    return part


def _formulas(part: ResponseFormula) -> tuple[ParsedFormula, ...]:
    return (part.main, *(sub.parsed for sub in part.subformulas))


def _variables(
    part: ResponseFormula, frame: pd.DataFrame
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that must be complete, and columns that may miss rows; all known to exist."""
    needed: list[str] = []
    optional: list[str] = []
    for parsed in _formulas(part):
        expansion = expand(parsed, columns=tuple(map(str, frame.columns)))
        nodes = _nodes(expansion)
        if parsed is part.main and parsed.response is not None:
            nodes = [parsed.response, *nodes]
        check_columns(nodes, frame, parsed.source)
        needed += [name for node in nodes for name in names(node)]
        check_columns(
            [a.value for call in parsed.additions for a in call.arguments], frame, parsed.source
        )
        complete, partial = addition_variables(parsed)
        needed += complete
        optional += partial
    if part.unused is not None:
        check_columns([part.unused.rhs], frame, part.unused.source)
        needed += names(part.unused.rhs)
    unique = tuple(dict.fromkeys(needed))
    return unique, tuple(v for v in dict.fromkeys(optional) if v not in unique)


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
            nodes += [Name(group.span, variable) for variable in group.group]
            continue
        nodes += [
            a.value for a in group.call.arguments if a.name not in ("cov", "id", "dist", "cor")
        ]
    return nodes


def _requests(
    part: ResponseFormula, family: Family, response: Response, frame: pd.DataFrame
) -> tuple[_Request, ...]:
    """The predictors of the model: ``mu`` (or one per category), then the others."""
    columns = tuple(map(str, frame.columns))
    subs = {sub.name: sub for sub in part.subformulas}
    out: list[_Request] = []
    main_options = _options(part.options)
    main = expand(part.main, columns=columns)
    if family.response == "nominal":
        for category in response.categories[1:]:
            name = category_parameter(category)
            sub = subs.pop(name, None)
            expansion = expand(sub.parsed, columns=columns) if sub else main
            options = _options(sub.options) if sub else main_options
            out.append(_Request("mu", Scope(dpar=name), expansion, options))
    else:
        out.append(_Request("mu", Scope(), main, main_options))
    allowed = {param.name for param in family.params} - {"mu"}
    for name, sub in subs.items():
        if name not in allowed:
            _unknown_parameter(name, allowed, family, sub)
        expansion = expand(sub.parsed, columns=columns)
        out.append(_Request(name, Scope(dpar=name), expansion, _options(sub.options)))
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


def _fixed(part: ResponseFormula, family: Family) -> dict[str, float]:
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
        if isinstance(value, str):
            raise FormulaError(
                "tying a parameter to another one is understood, but not built yet",
                part.main.source,
            )
        out[name] = float(value)
    return {name: value for name, value in out.items() if value is not None}


# --------------------------------------------------------------------------- response


def _response(
    main: ParsedFormula, family: Family, additions: Any, frame: pd.DataFrame, schema: Schema
) -> Response:
    if main.response is None:
        raise FormulaError("the formula has no response: write 'y ~ x'", main.source, (0, 1))
    expression = learn(main.response, frame, schema, main.source)
    name = deparse(main.response)
    variable = "".join(c for c in name if c.isalnum())
    value = expression.value(frame)
    categories: tuple[str, ...] = ()
    levels: tuple[str, ...] | None = None
    if family.response == "nominal":
        categories = nominal_categories(value, family.option("refcat"))
    else:
        codes, levels = code_response(family, value, name=name)
        if family.response == "ordinal":
            categories = levels or tuple(str(k) for k in range(1, int(np.max(codes)) + 1))
    return Response(name, variable, expression, family, additions, categories, levels, "")


def _thresholds(
    response: Response, frame: pd.DataFrame, family: Family
) -> Thresholds | None:
    if not family.has_thresholds:
        return None
    additions = response.additions
    y = response.coded(frame)
    observed = len(response.categories) - 1
    labels: tuple[str, ...] = ()
    if "thres_gr" in additions:
        labels, counts = _grouped_counts(additions.values, y, frame)
    elif "thres" in additions:
        counts = (_constant(additions.values["thres"], frame, "thres()"),)
    elif "cat" in additions:
        counts = (_constant(additions.values["cat"], frame, "cat()") - 1,)
    else:
        counts = (observed,)
    if not labels and counts[0] < y.max() - 1:
        raise FormulaError(
            f"the response {response.name!r} has {int(y.max())} categories, which needs "
            f"{int(y.max()) - 1} thresholds, not {counts[0]}"
        )
    structure = family.option("threshold")
    ordered = family.ordered_thresholds
    return Thresholds(structure, ordered, counts, labels, "", "", "", "")


def _grouped_counts(
    values: Mapping[str, LearnedExpression], y: np.ndarray, frame: pd.DataFrame
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    value = values["thres_gr"].value(frame)
    per_row = factor_labels(value)
    order = getattr(value, "levels", None) or sorted(set(per_row), key=lambda v: (len(v), v))
    labels = tuple(str(label) for label in order if label in set(per_row))
    if "thres" not in values:
        return labels, tuple(int(y[per_row == label].max()) - 1 for label in labels)
    given = np.broadcast_to(np.asarray(values["thres"].value(frame), dtype=float), y.shape)
    return labels, tuple(int(given[per_row == label][0]) for label in labels)


def _constant(expression: LearnedExpression, frame: pd.DataFrame, what: str) -> int:
    value = np.unique(np.asarray(expression.value(frame), dtype=float))
    if len(value) != 1:
        raise FormulaError(f"{what} must be one number for all rows")
    return int(value[0])


# --------------------------------------------------------------------------- predictors


def _predictors(
    requests: tuple[_Request, ...],
    family: Family,
    frame: pd.DataFrame,
    schema: Schema,
    thresholds: Thresholds | None,
    defaults: _Defaults,
    data2: Mapping[str, Any],
) -> tuple[tuple[Predictor, ...], tuple[Any, ...]]:
    built = []
    for request in requests:
        ordinal = thresholds is not None and request.param == "mu"
        options = request.options
        if ordinal and thresholds and (thresholds.grouped or thresholds.structure == "sum_to_zero"):
            options = replace(options, center=False)
        link = family.link(request.param)
        predictor = build_predictor(
            request.expansion, request.param, request.scope, link, frame, schema, options,
            thresholds=ordinal,
            on_link_scale=request.param == "mu" and family.response in ("ordinal", "nominal"),
        )
        built.append(
            with_defaults(
                predictor,
                partial(defaults.of_column, "b", request.param),
                defaults.of("Intercept", request.param, offset_mean(predictor, frame)),
                frame,
            )
        )
    group_requests = [
        (r.scope, r.expansion, partial(defaults.of_column, "sd", r.param)) for r in requests
    ]
    shared = {cls: defaults.of(cls, "mu") for cls in ("cor", "df")}
    groups, views = build_groups(group_requests, GroupContext(frame, schema, data2, shared))
    return tuple(with_views(p, v) for p, v in zip(built, views, strict=True)), groups


def _scalars(
    family: Family,
    predictors: tuple[Predictor, ...],
    fixed: Mapping[str, float],
    additions: Any,
    defaults: _Defaults,
) -> tuple[Var, ...]:
    """Parameters without a formula: one number each, on the natural scale."""
    predicted = {p.param for p in predictors}
    out = []
    for param in family.params:
        if param.name in predicted or param.name in fixed:
            continue
        if param.name == "sigma" and "se" in additions and not additions.se_with_sigma:
            continue
        element = PriorElement(default=defaults.of(param.name, param.name, predicted=False))
        out.append(
            Var(
                param.name, "real", block=Block.PARAMETERS,
                lower=f"{param.lower:g}" if np.isfinite(param.lower) else "",
                upper=f"{param.upper:g}" if np.isfinite(param.upper) else "",
                prior=PriorTarget(param.name, (element,)),
                comment=f"{param.name} of the {family.name} family",
            )
        )
    return tuple(out)


def _likelihood(
    main: ParsedFormula,
    family: Family,
    response: Response,
    predictors: tuple[Predictor, ...],
    fixed: Mapping[str, float],
    thresholds: Thresholds | None,
    normalize: bool,
) -> Any:
    threshold_text = None
    if thresholds is not None:
        name, s = thresholds.vector_name, thresholds.suffix
        rows = f"{name}[Jthres{s}[n, 1]:Jthres{s}[n, 2]]" if thresholds.grouped else ""
        threshold_text = StanExpr(name, rows=thresholds.grouped, row_text=rows)
    population = predictors[0].population
    glm_design = None
    if not population.is_empty and not population.sparse and family.response != "nominal":
        glm_design = (population.matrix, population.coefficients)
    alpha = predictors[0].name if len(predictors[0].terms) > 1 else predictors[0].start
    categories: tuple[str | None, ...] = ()
    if family.response == "nominal":
        categories = (None, *(p.name for p in predictors if p.param == "mu"))
    return build_likelihood(
        LikelihoodInput(
            family=family,
            additions=response.additions,
            predicted=tuple(dict.fromkeys(p.param for p in predictors)),
            fixed=fixed,
            thresholds=threshold_text,
            categories=categories,
            glm_design=glm_design,
            glm_alpha=alpha,
            suffix="",
            normalize=normalize,
            text=f"{_left_side(main)} ~ {family.name}",
        )
    )


def _left_side(main: ParsedFormula) -> str:
    left = deparse(main.response) if main.response is not None else ""
    additions = " + ".join(deparse(call) for call in main.additions)
    return f"{left} | {additions}" if additions else left


def _prior_argument(priors: Any) -> tuple[Any, str]:
    """User priors and the name of the default set."""
    if priors is None:
        return (), "brms"
    if isinstance(priors, str):
        return (), priors
    if isinstance(priors, (list, tuple)) and priors and isinstance(priors[0], str):
        return as_priors(priors[1:]), priors[0]
    return as_priors(priors), "brms"


# --------------------------------------------------------------------------- public


def default_priors(
    formula: str | Formula,
    data: Any,
    family: str | Family = "gaussian",
    priors: str = "brms",
    **arguments: Any,
) -> pd.DataFrame:
    """Show the prior table of a model before anything is chosen.

    Parameters
    ----------
    formula, data, family
        As in `fit`.
    priors : {"brms", "weak"}
        The default set.
    **arguments
        Further arguments of `model`, such as ``data2``.

    Returns
    -------
    DataFrame
        One row per class, group and coefficient; an empty prior is flat, or for a specific
        row the same as the row above it.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> hm.default_priors("reaction ~ days", data)["class"].tolist()
    ['b', 'b', 'Intercept', 'sigma']
    """
    return model(formula, data, family, priors, **arguments).priors
