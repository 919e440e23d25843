"""Linear predictors, expectations and predictions.

Pure functions of a `Prediction`: bound rows with the draws of one response.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special

from hiermodel.errors import HiermodelError, did_you_mean
from hiermodel.families import evaluate
from hiermodel.families.mixture import log_probabilities
from hiermodel.links import link_named
from hiermodel.predictors import Predictor
from hiermodel.prepare import OBSERVED, PATHS, Prediction
from hiermodel.submodel import AnyPredictor, Submodel
from hiermodel.terms.arma import Arma
from hiermodel.terms.base import Array
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.residual_covariance import ResidualCovariance, Residuals
from hiermodel.terms.scalars import ScalarParameter

# --------------------------------------------------------------------------- parameters


def parameters(prediction: Prediction, at: slice) -> SimpleNamespace:
    """All parameters of the family on their natural scale, draws x rows."""
    part = prediction.part
    draws = prediction.chunk(at)
    values: dict[str, Any] = {}
    single = part.family.category_params
    for predictor, eta in etas(prediction, at).values():
        name = predictor.scope.dpar if predictor.param in single else predictor.param
        if predictor.on_link_scale:
            values[name] = eta
        elif predictor.param:
            values[name] = link_named(predictor.link).inverse(eta)
    for scalar in part.scalars:
        values |= scalar.values(draws)
    for name, value in part.fixed.items():
        if not isinstance(value, str):
            values[name] = np.full((1, 1), value)
    for name, value in part.fixed.items():
        if isinstance(value, str):
            values[name] = values[value]
    for thresholds in part.thresholds:
        values["thresholds" + thresholds.param.removeprefix("mu")] = thresholds.table(
            draws[f"threshold{thresholds.suffix}"], prediction.threshold_codes
        )
        for term in _category_specific(part, thresholds.param):
            name = "thresholds" + thresholds.param.removeprefix("mu")
            values[name] = values[name] - term.threshold_effects(draws, prediction.data)
    zero = np.zeros((1, 1))
    for base in single:
        columns = [zero if n is None else values.pop(n) for n in part.response.dpars_of(base)]
        values[base] = np.stack(np.broadcast_arrays(*columns), axis=-1)
    if part.response.reference:
        values["reference"] = part.response.reference_number
    if part.baseline is not None:
        weights = draws[part.baseline.name]
        values["baseline"] = part.baseline.arguments(weights, prediction.baseline_codes)
    _apply_additions(part, prediction.extras, values)
    _own_variables(prediction, draws, values)
    p = SimpleNamespace(**values)
    if prediction.autocor is not None and prediction.autocor.arma is not None:
        p.mu, p.path = _looking_back(prediction, prediction.autocor.arma, p, draws)
    return p


def _looking_back(
    prediction: Prediction, arma: Arma, p: SimpleNamespace, draws: Mapping[str, Array]
) -> tuple[Array, Array]:
    """Expectations given the earlier rows of each series, and the responses without gaps.

    Where a response is missing, later rows look back to one that is drawn.
    """
    assert prediction.observed is not None
    shape = (len(next(iter(draws.values()))), prediction.n)
    noise = np.zeros((1, 1))
    if PATHS in draws:
        u = draws[PATHS]
        quantile = special.stdtrit(p.nu, u) if hasattr(p, "nu") else special.ndtri(u)
        noise = p.sigma * quantile
    return arma.shifted(
        np.broadcast_to(p.mu, shape), draws.get(OBSERVED, prediction.observed), draws,
        arma.series.rows(prediction.frame), np.broadcast_to(noise, shape),
    )


def etas(
    prediction: Prediction, at: slice, wanted: str | None = None
) -> dict[str, tuple[AnyPredictor, Array]]:
    """Every predictor of the response with its values, on the scale of its link.

    When one is `wanted`, only those are there that it needs.
    """
    draws, shape = prediction.chunk(at), (at.stop - at.start, prediction.n)
    found: dict[str, tuple[AnyPredictor, Array]] = {}
    values: dict[str, Array] = {}
    chosen = prediction.part.predictors
    if wanted is not None:
        target = next(p for p in chosen if p.name == wanted)
        chosen = chosen[: chosen.index(target) + 1]
        if isinstance(target, Predictor):
            chosen = (target,)
    for predictor in chosen:
        values[predictor.name] = predictor.eta(draws, prediction.data, shape, values)
        found[predictor.name] = (predictor, values[predictor.name])
    return found


def _own_variables(
    prediction: Prediction, draws: Mapping[str, Array], values: dict[str, Any]
) -> None:
    """The further arguments of a density of the user: columns, data, parameters."""
    part = prediction.part
    for text in part.family.variables:
        name = text.removesuffix("[n]")
        if name in prediction.extras:
            values[text] = prediction.extras[name]
            continue
        if name in part.response.additions:
            continue  # not bound: linear predictors do not need it
        by_draw = name in draws
        value = np.asarray(draws[name] if by_draw else part.own_data[name], dtype=float)
        per_row = text.endswith("[n]")
        if value.ndim != int(by_draw) + int(per_row) or (
            per_row and value.shape[-1] != prediction.n
        ):
            raise HiermodelError(
                f"{text!r} of family {part.family.name!r} has shape {value.shape[int(by_draw):]}; "
                f"for {prediction.n} rows the functions in NumPy take "
                + ("one number per row" if per_row else "a single number")
                + ": use vint() or vreal() for columns, and keep other arrays in the functions"
            )
        values[text] = value[:, None] if by_draw and not per_row else value


def _apply_additions(
    part: Submodel, extras: Mapping[str, Array], values: dict[str, Any]
) -> None:
    for role in ("dec", "trials"):
        if role in extras:
            values[role] = extras[role]
    if "se" in extras:
        se = extras["se"][None, :]
        both = part.response.additions.se_with_sigma
        for name in part.family.named("sigma"):
            values[name] = np.sqrt(values[name] ** 2 + se**2) if both else se
    if "denom" in extras:
        for name in part.family.scaled_by_rate:
            values[name] = values[name] * extras["denom"]


# --------------------------------------------------------------------------- the four verbs


def linpred(
    prediction: Prediction, dpar: str | None = None, transform: bool = False,
    incl_thres: bool = False, nlpar: str | None = None,
) -> Array:
    """Linear predictor of one parameter, (draws, rows).

    With an entry per category for nominal families, per component for mixtures, per threshold
    with ``cs()``.
    """
    part = prediction.part
    if dpar is None and nlpar is None and (part.family.per_category or part.family.components):
        names = [p.name for p in part.predictors if p.param in part.family.main]
        return np.stack([_one_linpred(prediction, name, transform) for name in names], axis=-1)
    if incl_thres:
        if not part.thresholds:
            raise HiermodelError("incl_thres=True needs an ordinal family, which has thresholds")
        family = part.family
        return by_chunks(
            prediction, lambda at: evaluate.threshold_distances(family, parameters(prediction, at))
        )
    name = _predictor_name(part, dpar, nlpar)
    eta = _one_linpred(prediction, name, transform)
    predictor = next(p for p in part.predictors if p.name == name)
    specific = tuple(
        term
        for term in _category_specific(part, predictor.param)
        if not isinstance(term, GroupView) or f"r_{term.owner.index}" in prediction.draws
    )
    return _per_threshold(prediction, eta, specific) if specific else eta


def _category_specific(part: Submodel, param: str) -> tuple[Any, ...]:
    """The ``cs()`` terms of a parameter, which move its thresholds."""
    for predictor in part.predictors:
        if predictor.param == param and isinstance(predictor, Predictor):
            return predictor.category_specific
    return ()


def _per_threshold(prediction: Prediction, eta: Array, terms: tuple[Any, ...]) -> Array:
    """The linear predictor with category-specific effects, (draws, rows, thresholds)."""
    out = np.repeat(eta[:, :, None], prediction.part.thresholds[0].total, axis=2)
    for at in prediction.chunks(out.shape[-1]):
        for term in terms:
            out[at] += term.threshold_effects(prediction.chunk(at), prediction.data)
    return out


def _one_linpred(prediction: Prediction, name: str, transform: bool) -> Array:
    chosen = next(p for p in prediction.part.predictors if p.name == name)
    looks_back = prediction.autocor is not None and prediction.autocor.arma is not None

    def one(at: slice) -> Array:
        if looks_back and chosen.param == "mu":
            mu: Array = parameters(prediction, at).mu
            return mu if transform else link_named(chosen.link).link(mu)
        predictor, eta = etas(prediction, at, name)[name]
        # Where the density applies the link, the parameter itself is on the link scale.
        inverted = transform and not predictor.on_link_scale
        return link_named(predictor.link).inverse(eta) if inverted else eta

    return by_chunks(prediction, one)


def _predictor_name(part: Submodel, dpar: str | None, nlpar: str | None) -> str:
    """Name of the predictor of a parameter, which must have a formula."""
    if nlpar is not None:
        known = {p.scope.nlpar: p.name for p in part.predictors if p.scope.nlpar}
        asked, what = nlpar, "a parameter of a non-linear formula"
    else:
        known = {p.scope.dpar or p.param: p.name for p in part.predictors if p.param}
        asked, what = dpar or part.main.scope.dpar or part.main.param, "a linear predictor"
    if asked not in known:
        listed = ", ".join(known) or "none"
        raise HiermodelError(
            f"{asked!r} has no linear predictor in this model{did_you_mean(asked, known)}; "
            f"those with a formula: {listed}"
            if nlpar is None
            else f"{asked!r} is not {what} of this model{did_you_mean(asked, known)}; "
            f"it has {listed}"
        )
    return known[asked]


def dpar_draws(prediction: Prediction, dpar: str) -> Array:
    """One parameter on its natural scale, (draws, rows)."""
    part = prediction.part
    with_formula = {p.scope.dpar or p.param: p for p in part.predictors if p.param}
    numbers = {scalar.param: scalar.shown for scalar in part.scalars
               if isinstance(scalar, ScalarParameter)}
    components = [f"theta{k + 1}" for k in range(len(part.family.components))]
    known = [*with_formula, *numbers, *components]
    if dpar not in known:
        raise HiermodelError(
            f"{dpar!r} is not a parameter of this model{did_you_mean(dpar, known)}; "
            f"it has {', '.join(known)}"
        )
    if dpar in components:
        k, family = components.index(dpar), part.family
        return by_chunks(
            prediction,
            lambda at: np.exp(log_probabilities(family, parameters(prediction, at)))[..., k],
        )
    if dpar in with_formula:
        return _one_linpred(prediction, with_formula[dpar].name, transform=True)
    column = prediction.draws[numbers[dpar]][:, None]
    return np.broadcast_to(column, (prediction.size, prediction.n)).copy()


def epred(prediction: Prediction) -> Array:
    """E[Y], (draws, rows); with categories, in their order, (draws, rows, categories)."""
    family = prediction.part.family

    covariance = covariance_of(prediction)

    def mean(at: slice) -> Array:
        if covariance is not None:
            return covariance.expectation(residuals_of(prediction, at), prediction.frame)
        p = parameters(prediction, at)
        return evaluate.mean(family, p, **_bounds(prediction))

    return by_chunks(prediction, mean)


def predict(prediction: Prediction, rng: np.random.Generator) -> Array:
    """Draws of Y, (draws, rows); nominal responses as codes from 1 in the order of the levels.

    Responses of several columns are (draws, rows, categories).
    """
    family = prediction.part.family

    covariance = covariance_of(prediction)

    def one(at: slice) -> Array:
        if covariance is not None:
            return covariance.random(rng, residuals_of(prediction, at), prediction.frame)
        bounds = _bounds(prediction)
        p = parameters(prediction, at)
        drawn = evaluate.random(family, rng, p, lb=bounds.get("lb"), ub=bounds.get("ub"))
        if PATHS in prediction.draws:
            # Rows after a missing response look back to what was drawn for it.
            assert prediction.observed is not None
            drawn = np.where(np.isnan(prediction.observed), p.path, drawn)
        return drawn

    return by_chunks(prediction, one)


def covariance_of(prediction: Prediction) -> ResidualCovariance | None:
    """What correlates the residuals of the rows."""
    return None if prediction.autocor is None else prediction.autocor.covariance


def residuals_of(prediction: Prediction, at: slice) -> Residuals:
    """Parameters of correlated residuals; known standard errors apart from sigma."""
    extras = {role: values for role, values in prediction.extras.items() if role != "se"}
    p = parameters(replace(prediction, extras=extras), at)
    size = at.stop - at.start
    nu = np.broadcast_to(p.nu, (size, 1))[:, 0] if hasattr(p, "nu") else None
    return Residuals(
        p.mu, p.sigma, nu, prediction.extras.get("se"), prediction.chunk(at),
        (size, prediction.n),
    )


def _bounds(prediction: Prediction) -> dict[str, Array]:
    return {role: prediction.extras[role] for role in ("lb", "ub") if role in prediction.extras}


def by_chunks(
    prediction: Prediction, function: Callable[[slice], Array], width: int = 1
) -> Array:
    """Evaluate chunk by chunk into one array."""
    out: Array | None = None
    part = prediction.part
    categories = max(width, len(part.response.categories), len(part.family.components))
    for at in prediction.chunks(categories):
        values = np.asarray(function(at))
        rows = np.broadcast_shapes(values.shape[:2], (at.stop - at.start, prediction.n))
        values = np.broadcast_to(values, (*rows, *values.shape[2:]))
        if out is None:
            out = np.empty((prediction.size, *values.shape[1:]), dtype=values.dtype)
        out[at] = values
    assert out is not None
    return out
