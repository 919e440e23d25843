"""From the formulas of one response to a `Draft`: everything but the group-level effects.

Responses may share those; `submodel_building` adds them and makes a `Submodel`.
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
from hiermodel.families.base import Family
from hiermodel.formula.syntax import ParsedFormula
from hiermodel.formula.values import ResponseFormula
from hiermodel.frames import NeededColumns, drop_missing
from hiermodel.nonlinear import build_nonlinear
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
from hiermodel.stan.variables import ScalePrior
from hiermodel.submodel import AnyPredictor, subset_rows
from hiermodel.terms.base import Scope
from hiermodel.terms.baseline import BaselineHazard, build_baseline
from hiermodel.terms.build_autocor import AutocorContext, build_autocor
from hiermodel.terms.build_groups import GroupRequest
from hiermodel.terms.build_thresholds import build_thresholds
from hiermodel.terms.latent_residuals import LatentResiduals
from hiermodel.terms.missing import ImputedResponse
from hiermodel.terms.residual_covariance import Autocorrelation
from hiermodel.terms.scalars import (
    OrderedIntercepts,
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
