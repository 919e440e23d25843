"""From the formulas of one response to its `Submodel`, in two steps.

`draft_submodel` resolves everything but group-level effects, which the responses may share;
`finish_submodel` adds their terms and writes the likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.additions import learn_additions
from hiermodel.errors import FormulaError, warn
from hiermodel.expressions import LearnedExpression
from hiermodel.families.base import Family, Param
from hiermodel.families.mixture import fixed_weights
from hiermodel.formula import deparse
from hiermodel.formula.syntax import ParsedFormula
from hiermodel.formula.values import ResponseFormula
from hiermodel.frames import NeededColumns, drop_missing
from hiermodel.nonlinear import NonlinearPredictor, build_nonlinear
from hiermodel.predictors import Predictor, build_predictor, offset_mean, with_defaults, with_views
from hiermodel.priors import default_prior
from hiermodel.priors.scales import ResponseScale
from hiermodel.requests import (
    NonlinearRequest,
    PredictorRequest,
    Request,
    autocor_terms,
    fixed_parameters,
    predictor_requests,
)
from hiermodel.response import Response, learn_response
from hiermodel.schema import Schema
from hiermodel.stan.expr import StanExpr, as_expr
from hiermodel.stan.likelihood import LikelihoodInput, build_likelihood
from hiermodel.stan.variables import ScalePrior
from hiermodel.submodel import AnyPredictor, Submodel, subset_rows
from hiermodel.terms.base import Scope, Term
from hiermodel.terms.baseline import BaselineHazard, build_baseline
from hiermodel.terms.build_autocor import AutocorContext, build_autocor
from hiermodel.terms.build_groups import GroupRequest
from hiermodel.terms.build_thresholds import build_thresholds
from hiermodel.terms.latent_residuals import LatentResiduals
from hiermodel.terms.missing import ImputedResponse
from hiermodel.terms.residual_covariance import Autocorrelation
from hiermodel.terms.scalars import (
    CategoryCorrelation,
    MixtureWeights,
    OrderedIntercepts,
    Scalar,
    ScalarParameter,
)
from hiermodel.terms.special_effects import Latents
from hiermodel.terms.thresholds import Thresholds
from hiermodel.totals import Totals


@dataclass(frozen=True, eq=False)
class Defaults:
    """The default priors of one response: a named set, the family and the coded responses."""

    name: str
    family: Family
    y: np.ndarray | ResponseScale | None

    def of(
        self, cls: str, param: str, offset: float = 0.0, predicted: bool = True
    ) -> str | ScalePrior:
        """Default of a class for a parameter of the family, or for a non-linear one (empty)."""
        family, base = self.family.part_of(param)
        return default_prior(
            self.name, cls, family, base, predicted=predicted, y=self.y, offset_mean=offset
        )

    def of_column(
        self, cls: str, param: str, column: Callable[[], np.ndarray]
    ) -> str | ScalePrior:
        """Default of the coefficient (or its standard deviation) of a design column."""
        sd = None if self.name == "brms" else float(np.std(column(), ddof=1))
        family, base = self.family.part_of(param or self.family.main[0])
        if not param and cls != "sd":
            base = ""
        return default_prior(self.name, cls, family, base, y=self.y, column_sd=sd)


@dataclass(frozen=True, eq=False)
class Draft:
    """One response before group-level effects are known."""

    part: ResponseFormula
    name: str
    family: Family
    frame: pd.DataFrame
    response: Response
    requests: tuple[Request, ...]
    predictors: tuple[AnyPredictor, ...]
    thresholds: tuple[Thresholds, ...]
    fixed: Mapping[str, float | str]
    defaults: Defaults
    columns: NeededColumns
    subset: LearnedExpression | None
    baseline: BaselineHazard | None
    imputed: ImputedResponse | None = None
    autocor: Autocorrelation | None = None

    def group_requests(self) -> tuple[GroupRequest, ...]:
        """What its linear predictors ask for of group-level effects."""
        movable = {t.param: t.total for t in self.thresholds if not t.grouped}
        special = {p.scope: p.special_effects for p in self.predictors if isinstance(p, Predictor)}
        return tuple(
            GroupRequest(
                r.scope, r.expansion, partial(self.defaults.of_column, "sd", r.param), self.frame,
                movable.get(r.param, 0), special.get(r.scope),
            )
            for r in self.requests
            if isinstance(r, PredictorRequest)
        )


def response_suffix(part: ResponseFormula) -> str:
    """A response as part of names: its letters and digits."""
    return "".join(c for c in part.name if c.isalnum())


def draft_submodel(
    part: ResponseFormula,
    name: str,
    family: Family,
    frame: pd.DataFrame,
    schema: Schema,
    columns: NeededColumns,
    default_set: str,
    latents: Latents,
    knots: Mapping[str, Sequence[float]] | None = None,
    data2: Mapping[str, Any] | None = None,
    totals: Totals | None = None,
) -> Draft:
    """Resolve one response but for its group-level effects.

    Parameters
    ----------
    part : ResponseFormula
    name : str
        The response in names; empty when it is the only one.
    family : Family
    frame : DataFrame
        The rows of the whole model.
    schema : Schema
    columns : NeededColumns
    default_set : str
        Name of the default priors.
    latents : Latents
        Latent variables of the whole model.
    knots : mapping, optional
        Knots of smooths, by covariate.
    data2 : mapping, optional
        Matrices that terms name.
    totals : Totals, optional
        What is learned from all rows, of which `frame` has some.
    """
    scope = Scope(resp=name)
    main = part.main
    additions = learn_additions(main, family, frame, schema, scope.suffix)
    subset = additions.values.get("subset")
    if subset is not None:
        frame = frame.loc[subset_rows(subset, frame)].reset_index(drop=True)
        if not len(frame):
            raise FormulaError(f"subset({subset.text}) leaves no row", main.source)
        frame, _ = drop_missing(frame, columns.complete, columns.optional, columns.unbounded)
    additions.data(frame)  # bad values are told now, not when the data are bound
    response = learn_response(main, family, additions, frame, schema, scope.suffix)
    coded = response.coded(frame)  # checked now, for every kind of response
    y: np.ndarray | ResponseScale | None = None if family.has_categories else coded
    if totals is not None and y is not None:
        y = totals.response(coded)
    if response.additions.imputed and np.isnan(coded).any():
        # The scales of brms know nothing of a response with gaps.
        y = None if default_set == "brms" else coded[~np.isnan(coded)]
    defaults = Defaults(default_set, family, y)
    fixed = fixed_parameters(part, family, response)
    requests = predictor_requests(part, family, response, frame, name)
    thresholds = tuple(
        build_thresholds(response, frame, family.part_of(param)[0], param, _mu_scope(param, name))
        for param in family.threshold_params
    )
    predictors = _predictors(
        requests, family, frame, schema, thresholds, defaults, latents, knots or {}, data2 or {},
        totals,
    )
    predictors = _ordered(predictors, family, main)
    used = {call.function for call in main.additions}
    autocor, latent = build_autocor(
        autocor_terms(part, frame),
        AutocorContext(
            scope, family, frame, schema, data2 or {}, sorted(used),
            additions.se_with_sigma, frozenset(p.param for p in predictors),
            lambda cls: defaults.of(cls, family.main[0]),
        ),
    )
    if latent is not None:
        predictors = _with_latent_residuals(predictors, latent, main)
    mean = offset_mean if totals is None else totals.offset_mean
    offsets = {p.param: mean(p, frame) for p in predictors if isinstance(p, Predictor)}
    thresholds = tuple(
        replace(
            t,
            default=defaults.of("Intercept", t.param, offsets.get(t.param, 0.0)),
            default_delta=defaults.of("delta", t.param),
        )
        for t in thresholds
    )
    return Draft(
        part, name, family, frame, response, requests, predictors, thresholds, fixed, defaults,
        columns, subset, build_baseline(main, response, frame),
        next((one for one in latents.imputed if one.resp == name), None), autocor,
    )


def _with_latent_residuals(
    predictors: Sequence[AnyPredictor], latent: LatentResiduals, main: ParsedFormula
) -> tuple[AnyPredictor, ...]:
    """The predictors with residuals in that of mu."""
    out = []
    for p in predictors:
        if p.param == "mu":
            if not isinstance(p, Predictor):
                raise FormulaError(
                    f"{latent.text}: latent residuals are added to a linear predictor, and that of "
                    "mu is non-linear here; make it linear, or take a gaussian or Student family",
                    main.source,
                )
            p = with_views(p, (latent,))
        out.append(p)
    return tuple(out)


def _mu_scope(param: str, resp: str) -> Scope:
    return Scope(dpar="" if param == "mu" else param, resp=resp)


def _predictors(
    requests: Sequence[Request],
    family: Family,
    frame: pd.DataFrame,
    schema: Schema,
    thresholds: Sequence[Thresholds],
    defaults: Defaults,
    latents: Latents,
    knots: Mapping[str, Sequence[float]],
    data2: Mapping[str, Any],
    totals: Totals | None = None,
) -> tuple[AnyPredictor, ...]:
    """Predictors in the order of the requests."""
    by_param = {t.param: t for t in thresholds}
    stan_names = {
        r.scope.nlpar: f"nlp{r.scope.suffix}" for r in requests if r.scope.nlpar
    } | {r.param: _name(r) for r in requests if r.param}
    out: list[AnyPredictor] = []
    for request in requests:
        param = request.param
        link = family.link(param) if param else "identity"
        raw = bool(param) and family.on_link_scale(param)
        if isinstance(request, NonlinearRequest):
            read = {name: stan_names[name] for name in request.parameters}
            out.append(
                build_nonlinear(
                    request.parsed, param, _name(request), request.scope, link, read, frame,
                    schema, raw,
                )
            )
            continue
        ordinal = by_param.get(param)
        options = replace(request.options, knots=knots, data2=data2)
        if ordinal and (ordinal.grouped or ordinal.structure == "sum_to_zero"):
            options = replace(options, center=False)
        predictor = build_predictor(
            request.expansion, param, _name(request), request.scope, link, frame, schema, options,
            thresholds=ordinal is not None, on_link_scale=raw, latents=latents,
        )
        if totals is not None:
            predictor = totals.centred(predictor, frame)
        mean = offset_mean if totals is None else totals.offset_mean
        _check_category_specific(predictor, family, ordinal)
        intercept = defaults.of("Intercept", param, mean(predictor, frame)) if param else ""
        if not param and defaults.name != "brms":
            intercept = defaults.of_column("b", "", lambda: np.ones(2))
        out.append(
            with_defaults(
                predictor, partial(defaults.of_column, "b", param), intercept,
                partial(defaults.of_column, "sd", param, lambda: np.ones(2)), frame,
            )
        )
    return tuple(out)


def _check_category_specific(
    predictor: Predictor, family: Family, thresholds: Thresholds | None
) -> None:
    """cs() moves thresholds: there must be some, and moving them must not disorder them."""
    if not predictor.category_specific:
        return
    text = predictor.category_specific[0].text
    if thresholds is None or thresholds.grouped:
        raise FormulaError(
            f"{text} needs the thresholds of an ordinal family, without groups of thresholds", text
        )
    if thresholds.ordered:
        warn(
            f"{text} in family {family.name!r} can put thresholds out of order, which gives "
            "negative probabilities; sratio, cratio and acat have no such limit"
        )


def _name(request: Request) -> str:
    """Name of a predictor in Stan and for users: ``mu``, ``sigma_y1``, ``nlp_a``."""
    scope = request.scope
    if scope.nlpar:
        return f"nlp{scope.suffix}"
    return (scope.dpar or request.param) + (f"_{scope.resp}" if scope.resp else "")


def _ordered(
    predictors: tuple[AnyPredictor, ...], family: Family, main: ParsedFormula
) -> tuple[AnyPredictor, ...]:
    """Take the intercepts of a mixture from one vector that increases."""
    if family.options.get("order") != "mu":
        return predictors
    chosen = [
        p for p in predictors
        if p.param in family.main and isinstance(p, Predictor) and p.population.has_intercept
    ]
    if len(chosen) < len(family.main):
        if family.options.get("order_asked"):
            raise FormulaError(
                "order='mu' needs an intercept in the formula of every component", main.source
            )
        return predictors
    name = OrderedIntercepts.vector_name(predictors[0].scope.resp)
    places = {p.param: k for k, p in enumerate(chosen, start=1)}
    out = []
    for p in predictors:
        if isinstance(p, Predictor) and p.param in places:
            population = replace(p.population, shared_intercept=(name, places[p.param]))
            p = replace(p, terms=(population, *p.terms[1:]))
        out.append(p)
    return tuple(out)


# --------------------------------------------------------------------------- the second step


def finish_submodel(
    draft: Draft, views: Sequence[Sequence[Term]], normalize: bool, shared: frozenset[str]
) -> Submodel:
    """Add the group-level terms, the parameters without a formula, and the likelihood.

    Parameters
    ----------
    draft : Draft
    views : sequence of sequence of Term
        The group-level terms of its linear predictors, in the order of their requests.
    normalize : bool
    shared : frozenset of str
        Parameters that the joint density of all responses declares; not empty means that there
        is one, and that it takes the place of the likelihood.
    """
    remaining = iter(views)
    built = tuple(
        with_views(p, next(remaining)) if isinstance(p, Predictor) else p
        for p in draft.predictors
    )
    predictors = _in_order(built, draft.part.main)
    fixed = dict(draft.fixed)
    weights: tuple[Scalar, ...] = ()
    if draft.family.components:
        predicted = {p.param for p in predictors}
        known = fixed_weights(draft.family, predicted, fixed)
        if known is None:
            weights = (MixtureWeights(len(draft.family.components), draft.name),)
        else:
            fixed |= known
    scalars = (*_scalars(draft, predictors, fixed, shared), *weights)
    scalars = (*scalars, *_ordered_intercepts(predictors, draft), *_correlations(draft))
    likelihood = _likelihood(draft, predictors, fixed, scalars, normalize, shared)
    return Submodel(
        name=draft.name, response=draft.response, family=draft.family, predictors=predictors,
        thresholds=draft.thresholds, scalars=scalars, fixed=fixed, likelihood=likelihood,
        columns=draft.columns, subset=draft.subset, baseline=draft.baseline,
        imputed=draft.imputed, autocor=draft.autocor,
    )


def _in_order(predictors: Sequence[AnyPredictor], main: ParsedFormula) -> tuple[AnyPredictor, ...]:
    """Sort predictors so that each stands behind those that it reads."""
    waiting = list(predictors)
    # Parameters of non-linear formulas come first where nothing else decides.
    waiting.sort(key=lambda p: bool(p.param))
    done: list[AnyPredictor] = []
    names: set[str] = set()
    while waiting:
        ready = next(
            (
                p for p in waiting
                if not isinstance(p, NonlinearPredictor) or set(p.parameters.values()) <= names
            ),
            None,
        )
        if ready is None:
            listed = ", ".join(p.name.removeprefix("nlp_") for p in waiting)
            raise FormulaError(
                f"the non-linear formulas of {listed} read one another in a circle", main.source
            )
        waiting.remove(ready)
        done.append(ready)
        names.add(ready.name)
    return tuple(done)


def _ordered_intercepts(
    predictors: Sequence[AnyPredictor], draft: Draft
) -> tuple[OrderedIntercepts, ...]:
    shared = [
        p for p in predictors if isinstance(p, Predictor) and p.population.shared_intercept
    ]
    if not shared:
        return ()
    defaults = tuple(p.population.default_intercept for p in shared)
    return (OrderedIntercepts(tuple(p.param for p in shared), draft.name, defaults),)


def _correlations(draft: Draft) -> tuple[CategoryCorrelation, ...]:
    if not draft.family.correlated:
        return ()
    default = draft.defaults.of("lncor", "mu")
    return (
        CategoryCorrelation(draft.response.predicted_categories, draft.name, default),
    )


def _scalars(
    draft: Draft,
    predictors: Sequence[AnyPredictor],
    fixed: Mapping[str, float | str],
    shared: frozenset[str],
) -> tuple[Scalar, ...]:
    """Parameters without a formula: one number each, on the natural scale."""
    family, additions = draft.family, draft.response.additions
    # Parameters of categories are told apart by their own names.
    single = {base: [name for name in draft.response.dpars_of(base) if name is not None]
              for base in family.category_params}
    predicted = {p.scope.dpar if p.param in single else p.param for p in predictors}
    without_sigma = "se" in additions and not additions.se_with_sigma
    out: list[Scalar] = []
    listed = [(param, name) for param in family.params
              for name in single.get(param.name, [param.name])]
    for param, name in listed:
        if name in predicted or name in fixed or not _is_scalar(param, family):
            continue
        if without_sigma and param.name in family.named("sigma"):
            continue
        default = draft.defaults.of(param.name, param.name, predicted=False)
        upper = f"{param.upper:g}" if np.isfinite(param.upper) else ""
        suffix = f"_{draft.name}" if draft.name else ""
        if param.below:
            upper = f"{param.below}{suffix}"
            if isinstance(default, str):
                default = default.replace(param.below, upper)
        of = f"of the {family.part_of(param.name)[0].name} family"
        comment = f"{name} {of}"
        if param.derived is not None:
            comment += ", before it is brought into its range"
        out.append(
            ScalarParameter(
                name, draft.name,
                f"{param.lower:g}" if np.isfinite(param.lower) else "", upper, default, comment,
                raw=param.derived.raw if param.derived else "", common=param.name in shared,
            )
        )
    return tuple(out)


def _is_scalar(param: Param, family: Family) -> bool:
    """Every parameter but the weights of a mixture, which are declared together."""
    return not (family.components and param.name.startswith("theta"))


def _likelihood(
    draft: Draft,
    predictors: Sequence[AnyPredictor],
    fixed: Mapping[str, float | str],
    scalars: Sequence[Scalar],
    normalize: bool,
    shared: frozenset[str],
) -> Any:
    family, response = draft.family, draft.response
    main = next(p for p in predictors if p.param)
    glm_design, alpha, glm_text = None, main.name, ""
    if isinstance(main, Predictor):
        population = main.population
        glm_text = population.text
        if not (
            population.is_empty or population.sparse or family.per_category or draft.autocor
        ):
            glm_design = (population.matrix, population.coefficients)
        if len(main.terms) == 1:
            alpha = main.start
    expressions: dict[str, StanExpr] = {}
    for scalar in scalars:
        expressions |= scalar.expressions
    known = expressions | {
        name: as_expr(value) for name, value in fixed.items() if not isinstance(value, str)
    }
    known |= {p.scope.dpar: StanExpr(p.name, rows=True) for p in predictors if p.param}
    categories = {
        base: tuple(as_expr(0) if n is None else known[n] for n in response.dpars_of(base))
        for base in family.category_params
    }
    return build_likelihood(
        LikelihoodInput(
            family=family,
            additions=response.additions,
            predicted=tuple(dict.fromkeys(p.param for p in predictors if p.param)),
            fixed=fixed,
            scalars=expressions,
            thresholds={t.param: _threshold_text(t, predictors) for t in draft.thresholds},
            categories=categories,
            reference=response.reference_number,
            glm_design=glm_design,
            glm_alpha=alpha,
            suffix=Scope(resp=draft.name).suffix,
            normalize=normalize,
            text=f"{_left_side(draft.part.main)} ~ {family.name}",
            glm_text=glm_text,
            joint=bool(shared),
            baseline=draft.baseline.expressions if draft.baseline else {},
            imputed=draft.imputed is not None,
            baseline_definitions=draft.baseline.definitions if draft.baseline else (),
            autocor=draft.autocor,
        )
    )


def _threshold_text(thresholds: Thresholds, predictors: Sequence[AnyPredictor]) -> StanExpr:
    """The thresholds in the program, those of row n where rows differ."""
    name, bounds = thresholds.vector_name, f"Jthres{thresholds.data_suffix}"
    rows = f"{name}[{bounds}[n, 1]:{bounds}[n, 2]]" if thresholds.grouped else ""
    text = StanExpr(name, rows=thresholds.grouped, row_text=rows)
    predictor = next(p for p in predictors if p.param == thresholds.param)
    if isinstance(predictor, Predictor) and predictor.category_specific:
        moved = f"mucs{thresholds.suffix}"
        text = text - StanExpr(moved, rows=True, row_text=f"transpose({moved}[n])")
    return text


def _left_side(main: ParsedFormula) -> str:
    left = deparse(main.response) if main.response is not None else ""
    additions = " + ".join(deparse(call) for call in main.additions)
    return f"{left} | {additions}" if additions else left


def additions_used(draft: Draft) -> set[str]:
    """Names of the addition terms of a response that change its likelihood."""
    return {call.function for call in draft.part.main.additions} - {"index"}
