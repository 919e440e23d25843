"""Linear predictors, expectations, predictions and log-likelihoods.

Pure functions of a model, its posterior and a data frame. Everything is computed in chunks of
draws, so that memory stays bounded by the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects, GroupView
from hiermodel.terms.grouping import row_data

if TYPE_CHECKING:
    from hiermodel.modeling import Model

# Addition terms that a log-likelihood, or an expectation, needs.
LIKELIHOOD_ROLES = ("trials", "dec", "se", "denom", "weights", "cens", "rcens", "lb", "ub")
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
    """A model, its flattened posterior and the bound rows: ready to evaluate any quantity.

    Attributes
    ----------
    draws : mapping of str to ndarray
        Posterior with one leading draws axis; ``r_<i>`` are the effects of owner i, extended
        by new levels, with zeros where `re_formula` leaves out some of them; owners that it
        leaves out altogether are absent.
    data : mapping of str to ndarray
        Row data of the linear predictors, named as in Stan.
    """

    model: Model
    draws: Mapping[str, Array]
    data: Mapping[str, Any]
    frame: pd.DataFrame
    shape: tuple[int, int]
    threshold_codes: Array | None = None
    extras: Mapping[str, Array] = field(default_factory=dict)

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

    def part(self, at: slice) -> dict[str, Array]:
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
    frame = training if newdata is None else as_frame(newdata)
    included = included_coefs(model.groups, options.re_formula)
    _check_columns(model, frame, included, needs)
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
        data |= row_data(group.grouping, group.index, plan.codes, frame, missing="pass")
    for predictor in model.predictors:
        for term in predictor.terms:
            if isinstance(term, GroupView) and not included[term.owner.index]:
                continue
            data |= term.data(frame, missing="pass")
    codes = None
    if model.thresholds is not None and model.thresholds.grouped:
        codes = model.threshold_codes(frame)
    extras = _extras(model, frame, needs)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    return Prediction(model, draws, data, frame, shape, codes, extras)


def _flatten(values: Array) -> Array:
    return values.reshape(-1, *values.shape[2:])


def _check_columns(
    model: Model, frame: pd.DataFrame, included: Mapping[int, tuple[int, ...]],
    needs: tuple[str, ...],
) -> None:
    """Every column that the prediction reads must be there."""
    wanted: list[str] = []
    for predictor in model.predictors:
        for term in predictor.terms:
            if isinstance(term, GroupView) and not included[term.owner.index]:
                continue
            wanted += term.columns_needed
    for group in model.groups:
        if included[group.index]:
            wanted += group.columns_needed
    additions = model.response.additions.values
    roles = (*needs, *(("thres_gr",) if model.thresholds and model.thresholds.grouped else ()))
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


def _extras(model: Model, frame: pd.DataFrame, needs: tuple[str, ...]) -> dict[str, Array]:
    """Columns of addition terms, one number per row."""
    additions = model.response.additions
    roles = [role for role in needs if role in additions]
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
    model = prediction.model
    draws = prediction.part(at)
    values: dict[str, Any] = {}
    stacked: list[Array] = []
    for predictor in model.predictors:
        eta = predictor.eta(draws, prediction.data, (at.stop - at.start, prediction.n))
        if predictor.param == "mu" and model.family.response == "nominal":
            stacked.append(eta)
        elif predictor.on_link_scale:
            values[predictor.param] = eta
        else:
            values[predictor.param] = link_named(predictor.link).inverse(eta)
    if stacked:
        response = model.response
        stacked.insert(response.categories.index(response.reference), np.zeros_like(stacked[0]))
        values["mu"] = np.stack(stacked, axis=-1)
    for var in model.scalars:
        values[var.name] = draws[var.name][:, None]
    for param in model.derived:
        if param.name in draws:
            values[param.name] = draws[param.name][:, None]
    for name, value in model.fixed.items():
        values[name] = np.full((1, 1), value)
    if model.thresholds is not None:
        values["thresholds"] = model.thresholds.table(
            draws[f"threshold{model.thresholds.suffix}"], prediction.threshold_codes
        )
    _apply_additions(model, prediction.extras, values)
    return SimpleNamespace(**values)


def _apply_additions(
    model: Model, extras: Mapping[str, Array], values: dict[str, Any]
) -> None:
    if "dec" in extras:
        values["dec"] = extras["dec"]
    if "trials" in extras:
        values["trials"] = extras["trials"]
    if "se" in extras:
        se = extras["se"][None, :]
        both = model.response.additions.se_with_sigma
        values["sigma"] = np.sqrt(values["sigma"] ** 2 + se**2) if both else se
    if "denom" in extras:
        for name in model.family.scaled_by_rate:
            values[name] = values[name] * extras["denom"]


# --------------------------------------------------------------------------- the four verbs


def linpred(
    prediction: Prediction, dpar: str | None = None, transform: bool = False,
    incl_thres: bool = False,
) -> Array:
    """Linear predictor of one parameter, (draws, rows); of each category for nominal families."""
    model = prediction.model
    if dpar is None and model.family.response == "nominal":
        parts = [linpred(prediction, p.name, transform) for p in model.predictors
                 if p.param == "mu"]
        return np.stack(parts, axis=-1)
    if incl_thres:
        if model.thresholds is None:
            raise HiermodelError("incl_thres=True needs an ordinal family, which has thresholds")
        family = model.family
        return _evaluate(
            prediction, lambda at: evaluate.threshold_distances(family, parameters(prediction, at))
        )
    predictor = _predictor(model, dpar or model.predictors[0].name)
    out = np.empty((prediction.size, prediction.n))
    for at in prediction.chunks():
        shape = (at.stop - at.start, prediction.n)
        eta = predictor.eta(prediction.part(at), prediction.data, shape)
        # Where the density applies the link, the parameter itself is on the link scale.
        inverted = transform and not predictor.on_link_scale
        out[at] = link_named(predictor.link).inverse(eta) if inverted else eta
    return out


def _predictor(model: Model, name: str) -> Any:
    for predictor in model.predictors:
        if predictor.name == name:
            return predictor
    known = [p.name for p in model.predictors]
    raise HiermodelError(
        f"{name!r} has no linear predictor in this model{did_you_mean(name, known)}; "
        f"those with a formula: {', '.join(known)}"
    )


def dpar_draws(prediction: Prediction, dpar: str) -> Array:
    """One parameter on its natural scale, (draws, rows)."""
    model = prediction.model
    computed = (param.name for param in model.derived)
    known = [p.name for p in model.predictors] + [v.name for v in model.scalars] + [*computed]
    if dpar not in known:
        raise HiermodelError(
            f"{dpar!r} is not a parameter of this model{did_you_mean(dpar, known)}; "
            f"it has {', '.join(known)}"
        )
    if dpar in (p.name for p in model.predictors):
        return linpred(prediction, dpar, transform=True)
    column = prediction.draws[dpar][:, None]
    return np.broadcast_to(column, (prediction.size, prediction.n)).copy()


def epred(prediction: Prediction) -> Array:
    """E[Y], (draws, rows), or probabilities (draws, rows, categories in the order of levels)."""
    family = prediction.model.family

    def mean(at: slice) -> Array:
        p = parameters(prediction, at)
        return evaluate.mean(family, p, **_bounds(prediction))

    return _evaluate(prediction, mean)


def predict(prediction: Prediction, rng: np.random.Generator) -> Array:
    """Draws of Y, (draws, rows); nominal responses as codes from 1 in the order of the levels."""
    family = prediction.model.family

    def one(at: slice) -> Array:
        bounds = _bounds(prediction)
        p = parameters(prediction, at)
        return evaluate.random(family, rng, p, lb=bounds.get("lb"), ub=bounds.get("ub"))

    return _evaluate(prediction, one)


def log_lik(prediction: Prediction, y: Array) -> Array:
    """Pointwise log-likelihood of `y`, (draws, rows), with weights, censoring and truncation."""
    family = prediction.model.family
    roles = ("weights", "cens", "rcens", "lb", "ub")
    extras = {role: prediction.extras[role] for role in roles if role in prediction.extras}

    def one(at: slice) -> Array:
        return evaluate.log_prob(family, y, parameters(prediction, at), **extras)

    return _evaluate(prediction, one)


def _bounds(prediction: Prediction) -> dict[str, Array]:
    return {role: prediction.extras[role] for role in ("lb", "ub") if role in prediction.extras}


def _evaluate(prediction: Prediction, function: Callable[[slice], Array]) -> Array:
    """Evaluate chunk by chunk into one array."""
    out: Array | None = None
    categories = max(1, len(prediction.model.response.categories))
    for at in prediction.chunks(categories):
        values = np.asarray(function(at))
        rows = np.broadcast_shapes(values.shape[:2], (at.stop - at.start, prediction.n))
        values = np.broadcast_to(values, (*rows, *values.shape[2:]))
        if out is None:
            out = np.empty((prediction.size, *values.shape[1:]), dtype=values.dtype)
        out[at] = values
    assert out is not None
    return out
