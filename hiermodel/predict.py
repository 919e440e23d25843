"""Linear predictors, expectations, predictions and log-likelihoods.

Pure functions of a model, its posterior and a data frame. Everything is computed in chunks of
draws, so that memory stays bounded by the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag
from hiermodel.errors import DataError, HiermodelError, did_you_mean
from hiermodel.families import evaluate
from hiermodel.families.mixture import log_probabilities
from hiermodel.frames import as_frame
from hiermodel.links import link_named
from hiermodel.new_levels import (
    GroupDraws,
    LevelPlan,
    check_sampling_of_levels,
    included_coefs,
    new_level_effects,
    plan_levels,
)
from hiermodel.predictors import Predictor
from hiermodel.submodel import AnyPredictor, Submodel
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects, GroupView
from hiermodel.terms.grouping import row_data
from hiermodel.terms.scalars import ScalarParameter

if TYPE_CHECKING:
    from hiermodel.modeling import Model

# Addition terms that a log-likelihood, or an expectation, needs.
LIKELIHOOD_ROLES = ("trials", "dec", "se", "denom", "weights", "cens", "rcens", "lb", "ub",
                    "bhaz_gr")
EXPECTATION_ROLES = ("trials", "se", "denom", "lb", "ub")

# Upper bound of one temporary array in a chunk of draws; some ten are alive at a time.
_CHUNK_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """How group-level effects enter a prediction."""

    re_formula: str | None = None
    allow_new_levels: bool = False
    sample_new_levels: str = "uncertainty"
    seed: int | None = None

    def __post_init__(self) -> None:
        """Refuse a seed that is no seed, and a flag that is none."""
        flag("allow_new_levels", self.allow_new_levels)
        check_sampling_of_levels(self.sample_new_levels)
        seed = self.seed
        whole = isinstance(seed, Integral) and not isinstance(seed, bool)
        if seed is not None and not (whole and seed >= 0):
            raise HiermodelError(f"seed must be a whole number from 0 on, not {seed!r}")


@dataclass(frozen=True, eq=False)
class Prediction:
    """One response, its flattened posterior and the bound rows: ready to evaluate any quantity.

    Attributes
    ----------
    part : Submodel
    draws : mapping of str to ndarray
        Posterior with one leading draws axis; ``r_<i>`` are the effects of owner i, extended
        by new levels, with zeros where `re_formula` leaves out some of them; owners that it
        leaves out altogether are absent.
    data : mapping of str to ndarray
        Row data of the linear predictors, named as in Stan.
    places : ndarray, optional
        Positions of the rows in the new data.
    """

    part: Submodel
    draws: Mapping[str, Array]
    data: Mapping[str, Any]
    frame: pd.DataFrame
    shape: tuple[int, int]
    threshold_codes: Array | None = None
    baseline_codes: Array | None = None
    extras: Mapping[str, Array] = field(default_factory=dict)
    places: Array | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.frame)

    @property
    def size(self) -> int:
        """Number of draws."""
        return self.shape[0] * self.shape[1]

    def chunks(self, width: int = 1) -> Iterator[slice]:
        """Slices of draws, small enough that one array of draws x rows x `width` is small."""
        step = max(1, _CHUNK_BYTES // (8 * max(1, self.n) * width))
        for start in range(0, self.size, step):
            yield slice(start, min(start + step, self.size))

    def chunk(self, at: slice) -> dict[str, Array]:
        """The draws of a chunk."""
        return {name: values[at] for name, values in self.draws.items()}


def prepare(
    model: Model,
    posterior: xr.Dataset,
    training: pd.DataFrame,
    newdata: Any = None,
    options: PredictionOptions | None = None,
    needs: tuple[str, ...] = (),
) -> Prediction:
    """Bind rows and draws for predictions.

    Parameters
    ----------
    model : Model
        Of one response, see `Model.only`.
    posterior : Dataset
        User-facing posterior, see docs/architecture.md.
    training : DataFrame
        The rows that the model was fitted to, used when `newdata` is None.
    newdata : data frame, optional
    options : PredictionOptions
    needs : tuple of str
        Roles of addition terms to bind as well (``"trials"``, ``"lb"``, ...).

    Raises
    ------
    DataError
        For a missing column, an unseen factor level, an unseen group level without permission.
    """
    options = options or PredictionOptions()
    part = model.part
    places = None
    if newdata is None:
        frame = part.rows(training)
    else:
        whole = as_frame(newdata)
        places = part.new_places(whole)
        frame = whole if len(places) == len(whole) else whole.iloc[places].reset_index(drop=True)
    if needs:
        needs = (*needs, *part.response.additions.numbered)
    included = included_coefs(model.groups, options.re_formula)
    _check_columns(part, model.groups, frame, included, needs)
    draws = {
        str(name): _flatten(posterior[name].values)
        for name in posterior.data_vars
        if posterior[name].attrs.get("cls") not in ("r", "sd", "cor", "df")
    }
    rng = np.random.default_rng(options.seed)
    data: dict[str, Any] = {}
    new_draws: dict[str, _NewLevelPicks] = {}
    for group in model.groups:
        if not included[group.index]:
            continue
        plan, r = _group_draws(group, posterior, frame, included, options, rng, new_draws)
        draws[f"r_{group.index}"] = r
        data |= row_data(
            group.grouping, group.index, part.name, plan.codes, frame, missing="pass"
        )
    for predictor in part.predictors:
        for term in predictor.terms:
            if isinstance(term, GroupView) and not included[term.owner.index]:
                continue
            data |= term.data(frame, missing="pass")
    for predictor in part.predictors:
        if isinstance(predictor, Predictor) and predictor.special_effects is not None:
            training_rows = newdata is None
            draws |= predictor.special_effects.latent(draws, frame, training_rows, rng)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    codes = part.threshold_codes(frame)
    grouped = part.baseline is not None and "bhaz_gr" in needs
    baseline_codes = part.baseline.codes(frame) if part.baseline and grouped else None
    return Prediction(
        part, draws, data, frame, shape, codes, baseline_codes, _extras(part, frame, needs),
        places,
    )


def _flatten(values: Array) -> Array:
    return values.reshape(values.shape[0] * values.shape[1], *values.shape[2:])


def _check_columns(
    part: Submodel, groups: Sequence[GroupEffects], frame: pd.DataFrame,
    included: Mapping[int, tuple[int, ...]], needs: tuple[str, ...],
) -> None:
    """Every column that the prediction reads must be there."""
    wanted: list[str] = []
    for predictor in part.predictors:
        for term in predictor.terms:
            if isinstance(term, GroupView) and not included[term.owner.index]:
                continue
            wanted += term.columns_needed
    for group in groups:
        if included[group.index]:
            wanted += group.columns_needed
    additions = part.response.additions.values
    roles = (*needs, *(("thres_gr",) if any(t.grouped for t in part.thresholds) else ()))
    for role in roles:
        if role in additions:
            wanted += additions[role].variables
    known = [str(c) for c in frame.columns]
    for name in dict.fromkeys(wanted):
        if name not in known:
            raise DataError(
                f"newdata lacks the column {name!r}, which the prediction needs"
                f"{did_you_mean(name, known)}"
            )


def _extras(part: Submodel, frame: pd.DataFrame, needs: tuple[str, ...]) -> dict[str, Array]:
    """Columns of addition terms, one number per row."""
    additions = part.response.additions
    roles = [role for role in needs if role in additions and role != "bhaz_gr"]
    if not roles:
        return {}
    every = additions.data(frame, tuple(roles))
    return {role: every[f"{role}{additions.suffix}"] for role in roles}


# --------------------------------------------------------------------------- group-level effects


@dataclass(frozen=True, eq=False)
class _NewLevelPicks:
    """The new levels' effects of a grouping factor, shared by its blocks: (draws, new, coefs)."""

    r: Array
    coefs: tuple[str, ...]


def _group_draws(
    group: GroupEffects,
    posterior: xr.Dataset,
    frame: pd.DataFrame,
    included: Mapping[int, tuple[int, ...]],
    options: PredictionOptions,
    rng: np.random.Generator,
    done: dict[str, _NewLevelPicks],
) -> tuple[LevelPlan, Array]:
    """Level codes and effects (draws, levels + new levels, coefs) of one owner."""
    keep = included[group.index]
    members = len(group.grouping.members)
    by_codes = group.by.row_codes(frame, members) if group.by is not None else None
    plan = plan_levels(group, frame, options.allow_new_levels, by_codes)
    labels = [coef.label for coef in group.coefs]
    array = posterior[f"r_{group.key}"]
    all_labels = [str(v) for v in array.coords[array.dims[-1]].values]
    r_all = _flatten(array.values)
    columns = [all_labels.index(label) for label in labels]
    r = r_all[:, :, columns]
    if plan.new:
        whole = _whole_factor(group, posterior)
        if group.name not in done:
            # One draw of new levels per factor: blocks of the same factor share the level.
            effects = new_level_effects(group, whole, plan, options.sample_new_levels, rng)
            done[group.name] = _NewLevelPicks(effects, tuple(all_labels))
        r = np.concatenate([r, done[group.name].r[:, :, columns]], axis=1)
    if len(keep) < len(group.coefs):
        mask = np.isin(np.arange(len(group.coefs)), keep)
        r = r * mask
    return plan, r


def _whole_factor(group: GroupEffects, posterior: xr.Dataset) -> GroupDraws:
    name = group.key
    cor = f"cor_{name}"
    df = f"df_{name}"
    return GroupDraws(
        _flatten(posterior[f"r_{name}"].values),
        _flatten(posterior[f"sd_{name}"].values),
        _flatten(posterior[cor].values) if cor in posterior else None,
        _flatten(posterior[df].values) if df in posterior else None,
    )


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
    return SimpleNamespace(**values)


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
        return _evaluate(
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
    def one(at: slice) -> Array:
        predictor, eta = etas(prediction, at, name)[name]
        # Where the density applies the link, the parameter itself is on the link scale.
        inverted = transform and not predictor.on_link_scale
        return link_named(predictor.link).inverse(eta) if inverted else eta

    return _evaluate(prediction, one)


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
        return _evaluate(
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

    def mean(at: slice) -> Array:
        p = parameters(prediction, at)
        return evaluate.mean(family, p, **_bounds(prediction))

    return _evaluate(prediction, mean)


def predict(prediction: Prediction, rng: np.random.Generator) -> Array:
    """Draws of Y, (draws, rows); nominal responses as codes from 1 in the order of the levels.

    Responses of several columns are (draws, rows, categories).
    """
    family = prediction.part.family

    def one(at: slice) -> Array:
        bounds = _bounds(prediction)
        p = parameters(prediction, at)
        return evaluate.random(family, rng, p, lb=bounds.get("lb"), ub=bounds.get("ub"))

    return _evaluate(prediction, one)


def log_lik(prediction: Prediction, y: Array) -> Array:
    """Pointwise log-likelihood of `y`, (draws, rows), with weights, censoring and truncation."""
    family = prediction.part.family
    if prediction.part.imputed is not None and np.isnan(y).any():
        return _log_lik_of_observed(prediction, y)
    roles = ("weights", "cens", "rcens", "lb", "ub")
    extras = {role: prediction.extras[role] for role in roles if role in prediction.extras}

    def one(at: slice) -> Array:
        return evaluate.log_prob(family, y, parameters(prediction, at), **extras)

    return _evaluate(prediction, one)


def _log_lik_of_observed(prediction: Prediction, y: Array) -> Array:
    """NaN in rows without a response; what stands in for it there does not matter."""
    absent = np.isnan(y)
    known = log_lik(prediction, np.where(absent, y[~absent][0] if (~absent).any() else 1.0, y))
    known[:, absent] = np.nan
    return known


def filled_responses(prediction: Prediction) -> Array:
    """The responses as the likelihood of the program sees them, at a single draw.

    Those that ``mi()`` imputes are the draw's.
    """
    part = prediction.part
    y: Array = part.response.coded(prediction.frame)
    return y if part.imputed is None else part.imputed.filled(y, prediction.draws)[0]


def component_probabilities(prediction: Prediction, y: Array) -> Array:
    """Log probability of each component of a mixture, given the response: (draws, rows, K)."""
    family = prediction.part.family
    roles = ("cens", "rcens", "lb", "ub")
    extras = {role: prediction.extras[role] for role in roles if role in prediction.extras}

    def one(at: slice) -> Array:
        parts = evaluate.component_log_probs(family, y, parameters(prediction, at), **extras)
        normalised: Array = parts - np.logaddexp.reduce(parts, axis=-1, keepdims=True)
        return normalised

    return _evaluate(prediction, one)


def _bounds(prediction: Prediction) -> dict[str, Array]:
    return {role: prediction.extras[role] for role in ("lb", "ub") if role in prediction.extras}


def _evaluate(prediction: Prediction, function: Callable[[slice], Array]) -> Array:
    """Evaluate chunk by chunk into one array."""
    out: Array | None = None
    part = prediction.part
    categories = max(1, len(part.response.categories), len(part.family.components))
    for at in prediction.chunks(categories):
        values = np.asarray(function(at))
        rows = np.broadcast_shapes(values.shape[:2], (at.stop - at.start, prediction.n))
        values = np.broadcast_to(values, (*rows, *values.shape[2:]))
        if out is None:
            out = np.empty((prediction.size, *values.shape[1:]), dtype=values.dtype)
        out[at] = values
    assert out is not None
    return out
