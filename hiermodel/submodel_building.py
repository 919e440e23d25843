"""From the `Draft` of a response to its `Submodel`: group-level terms, scalars, likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hiermodel.errors import FormulaError
from hiermodel.families.base import Family, Param
from hiermodel.families.mixture import fixed_weights
from hiermodel.formula import deparse
from hiermodel.formula.syntax import ParsedFormula
from hiermodel.nonlinear import NonlinearPredictor
from hiermodel.predictors import Predictor, with_views
from hiermodel.stan.expr import StanExpr, as_expr
from hiermodel.stan.likelihood import LikelihoodInput, build_likelihood
from hiermodel.submodel import AnyPredictor, Submodel
from hiermodel.submodel_draft import Draft
from hiermodel.terms.base import Scope, Term
from hiermodel.terms.scalars import (
    CategoryCorrelation,
    MixtureWeights,
    OrderedIntercepts,
    Scalar,
    ScalarParameter,
)
from hiermodel.terms.thresholds import Thresholds


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
