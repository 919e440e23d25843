"""From formula, data, family and priors to a `Model`: each stage once, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.additions import learn_additions
from hiermodel.arguments import flag
from hiermodel.collinear import warn_of_collinear_columns
from hiermodel.errors import ArgumentError, HiermodelError, warn
from hiermodel.families import as_family
from hiermodel.families.base import Family
from hiermodel.formula import Formula, as_formula, deparse, with_constants
from hiermodel.formula.syntax import ParsedFormula
from hiermodel.frames import as_frame, drop_missing
from hiermodel.modeling import Model
from hiermodel.predictors import (
    Predictor,
    build_predictor,
    offset_mean,
    with_defaults,
    with_views,
)
from hiermodel.priors import as_priors, default_prior, priors_of_table, resolve_priors
from hiermodel.requests import (
    PredictorRequest,
    fixed_parameters,
    model_variables,
    predictor_requests,
    single_response,
)
from hiermodel.response import Response, learn_response
from hiermodel.schema import Schema
from hiermodel.stan.expr import StanExpr
from hiermodel.stan.likelihood import LikelihoodInput, build_likelihood
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.build_groups import GroupContext, build_groups
from hiermodel.terms.build_thresholds import build_thresholds
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.thresholds import Thresholds


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
    part = single_response(whole)
    chosen = as_family(_family_of(part.family, family))
    if sample_prior not in ("no", "only", "yes"):
        raise HiermodelError(f"sample_prior must be 'no', 'yes' or 'only', not {sample_prior!r}")
    normalize = flag("normalize", normalize)
    drop_unused_levels = flag("drop_unused_levels", drop_unused_levels)
    if data2 is not None and not (isinstance(data2, Mapping) and not hasattr(data2, "columns")):
        raise ArgumentError(
            "data2 names its matrices, data2={'A': matrix} for gr(g, cov = A); it is not the "
            f"matrix itself, but got {type(data2).__name__}"
        )
    frame = as_frame(data)
    part = with_constants(part, frame.columns)
    needed = model_variables(part, frame)
    frame, _ = drop_missing(frame, needed.complete, needed.optional, needed.unbounded)
    schema = Schema.learn(
        frame, needed.names, contrasts=contrasts, drop_unused_levels=drop_unused_levels
    )
    main = part.main
    additions = learn_additions(main, chosen, frame, schema, "")
    additions.data(frame)  # bad values are told now, not when the data are bound
    response = learn_response(main, chosen, additions, frame, schema)
    fixed = fixed_parameters(part, chosen)
    requests = predictor_requests(part, chosen, response, frame)
    thresholds = build_thresholds(response, frame, chosen)
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
    _warn_numeric_groups(predictors, groups, schema)
    draft = Model(
        formula=whole, family=chosen, response=response, predictors=predictors, groups=groups,
        thresholds=thresholds, scalars=scalars, fixed=fixed, likelihood=likelihood,
        resolved_priors=resolve_priors((), ()), schema=schema, columns=needed,
        nobs=len(frame), normalize=normalize, sample_prior=sample_prior,
        call={"priors": priors, "data2": data2, "contrasts": contrasts,
              "drop_unused_levels": drop_unused_levels},
    )
    declared = tuple(v for v in draft.declared if v.block is Block.PARAMETERS)
    if isinstance(priors, pd.DataFrame):
        user = priors_of_table(priors, declared)
        draft = replace(draft, call={**draft.call, "priors": user})
    resolved = resolve_priors(declared, user, normalize=normalize)
    warn_of_collinear_columns(predictors, frame, resolved.improper)
    return replace(draft, resolved_priors=resolved)


def _warn_numeric_groups(
    predictors: tuple[Predictor, ...], groups: tuple[GroupEffects, ...], schema: Schema
) -> None:
    """Warn of a number that is both a covariate and a grouping factor: seldom what is meant."""
    covariates = {v for p in predictors for v in p.population.design.variables}
    for group in groups:
        for member in group.grouping.members:
            for name in covariates.intersection(member):
                if schema.columns[name].kind == "numeric":
                    warn(
                        f"{name!r} is a numeric covariate and a grouping factor in {group.text}: "
                        "each of its values is a level. If that is not meant, remove one",
                    )


def _family_of(inside: object, outside: Family | str) -> Family | str:
    """The family given inside ``bf()``, else the argument."""
    return inside if isinstance(inside, (Family, str)) else outside


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
        row the same as the row above it. It can be changed and passed back as ``priors``.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> hm.default_priors("reaction ~ days", data)["class"].tolist()
    ['b', 'b', 'Intercept', 'sigma']
    """
    return model(formula, data, family, priors, **arguments).priors


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


def _predictors(
    requests: tuple[PredictorRequest, ...],
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
        upper = f"{param.upper:g}" if np.isfinite(param.upper) else param.below
        comment = f"{param.name} of the {family.name} family"
        if param.derived is not None:
            comment += ", before it is brought into its range"
        out.append(
            Var(
                param.derived.raw if param.derived else param.name, "real",
                block=Block.PARAMETERS,
                lower=f"{param.lower:g}" if np.isfinite(param.lower) else "",
                upper=upper,
                prior=PriorTarget(param.name, (element,)),
                comment=comment,
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
        names = [p.name for p in predictors if p.param == "mu"]
        at = response.categories.index(response.reference)
        categories = (*names[:at], None, *names[at:])
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
            glm_text=population.text,
        )
    )


def _left_side(main: ParsedFormula) -> str:
    left = deparse(main.response) if main.response is not None else ""
    additions = " + ".join(deparse(call) for call in main.additions)
    return f"{left} | {additions}" if additions else left


def _prior_argument(priors: Any) -> tuple[Any, str]:
    """User priors and the name of the default set."""
    # A table is read when it is known which rows the model has.
    if priors is None or isinstance(priors, pd.DataFrame):
        return (), "brms"
    if isinstance(priors, str):
        return (), priors
    if isinstance(priors, (list, tuple)) and priors and isinstance(priors[0], str):
        return as_priors(priors[1:]), priors[0]
    return as_priors(priors), "brms"
