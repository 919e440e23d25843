"""From a model, its posterior and rows to what predictions are evaluated on.

Rows are bound as for the program, new levels get their effects, and draws are cut into chunks,
so that memory stays bounded by the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag
from hiermodel.errors import DataError, HiermodelError, did_you_mean
from hiermodel.frames import as_frame
from hiermodel.new_levels import (
    GroupDraws,
    LevelPlan,
    check_sampling_of_levels,
    included_coefs,
    new_level_effects,
    plan_levels,
)
from hiermodel.predictors import Predictor
from hiermodel.submodel import Submodel
from hiermodel.terms.base import Array
from hiermodel.terms.car import CarTerm
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.grouping import row_data
from hiermodel.terms.latent_residuals import LatentResiduals
from hiermodel.terms.missing import of_new_rows
from hiermodel.terms.residual_covariance import Autocorrelation

if TYPE_CHECKING:
    from hiermodel.modeling import Model

# Addition terms that a log-likelihood, or an expectation, needs.
LIKELIHOOD_ROLES = ("trials", "dec", "se", "denom", "weights", "cens", "rcens", "lb", "ub",
                    "bhaz_gr")
EXPECTATION_ROLES = ("trials", "se", "denom", "lb", "ub")

# Names of what the draws of a prediction have beside parameters: responses that were imputed, and
# probabilities of the residuals of responses that are missing.
OBSERVED, PATHS = "observed responses", "residuals of missing responses"

# Upper bound of one temporary array in a chunk of draws; some ten are alive at a time.
_CHUNK_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class PredictionOptions:
    """How group-level effects and autocorrelation enter a prediction.

    With `unseen` the responses of the rows are not looked at: later rows look back to drawn ones.
    Effects of ``car()`` belong to single rows and enter as the rest of autocorrelation does, unless
    `incl_maps` says something else. With `keep_latent` new rows that are the fitted ones keep the
    true and imputed values of covariates that the posterior has of them. With `impute` covariates
    that new rows miss are drawn.
    """

    re_formula: str | None = None
    allow_new_levels: bool = False
    sample_new_levels: str = "uncertainty"
    seed: int | None = None
    incl_autocor: bool = True
    unseen: bool = False
    incl_maps: bool | None = None
    keep_latent: bool = True
    impute: bool = False

    def __post_init__(self) -> None:
        """Refuse a seed that is no seed, and a flag that is none."""
        flag("allow_new_levels", self.allow_new_levels)
        flag("incl_autocor", self.incl_autocor)
        flag("impute", self.impute)
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
    autocor : Autocorrelation, optional
        What makes the rows depend on each other, unless the prediction leaves it out.
    observed : ndarray, optional
        Responses that later rows look back to, NaN where missing. Where those of the training data
        are imputed, ``draws[OBSERVED]`` has them.
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
    autocor: Autocorrelation | None = None
    observed: Array | None = None

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
    imputed: Mapping[str, Array] | None = None,
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
    imputed : mapping of str to ndarray, optional
        By response draws of its values (draws, rows of `newdata`), for ``mi()`` where they are
        missing.

    Raises
    ------
    DataError
        For a missing column, an unseen factor level, an unseen group level without permission.
    """
    options = options or PredictionOptions()
    part = model.part
    places = None
    fitted = part.rows(training)
    if newdata is None:
        frame = fitted
    else:
        whole = as_frame(newdata)
        places = part.new_places(whole)
        frame = whole if len(places) == len(whole) else whole.iloc[places].reset_index(drop=True)
    if needs:
        needs = (*needs, *part.response.additions.numbered)
    if not options.incl_autocor:
        part = without_autocor(part, options.incl_maps or False)
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
    for name, values in (imputed or {}).items():
        draws[of_new_rows(name)] = values if places is None else values[:, places]
    # Fitted rows that are not in memory have no latent values.
    known = options.keep_latent and isinstance(fitted, pd.DataFrame)
    training_rows = newdata is None or (known and are_the_fitted_data(frame, fitted))
    for predictor in part.predictors:
        if isinstance(predictor, Predictor) and predictor.special_effects is not None:
            draws |= predictor.special_effects.latent(draws, frame, training_rows, rng)
        if isinstance(predictor, Predictor) and predictor.processes is not None:
            draws |= predictor.processes.drawn(draws, frame, fitted, rng)
    if newdata is not None and part.latent_residuals:
        if not _are_the_fitted_rows(part, frame, fitted):
            draws |= {term.name: term.new(draws, frame, rng) for term in part.latent_residuals}
    observed = _observed(part, draws, frame, newdata is None, rng, options.unseen)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"])
    codes = part.threshold_codes(frame)
    grouped = part.baseline is not None and "bhaz_gr" in needs
    baseline_codes = part.baseline.codes(frame) if part.baseline and grouped else None
    return Prediction(
        part, draws, data, frame, shape, codes, baseline_codes, _extras(part, frame, needs),
        places, part.autocor, observed,
    )


def without_autocor(part: Submodel, maps: bool = False) -> Submodel:
    """The response with rows that know nothing of each other; with `maps` of their places."""
    left_out = (LatentResiduals,) if maps else (LatentResiduals, CarTerm)
    predictors = tuple(
        replace(p, terms=tuple(t for t in p.terms if not isinstance(t, left_out)))
        if isinstance(p, Predictor) else p
        for p in part.predictors
    )
    return replace(part, predictors=predictors, autocor=None)


def _are_the_fitted_rows(part: Submodel, frame: pd.DataFrame, fitted: pd.DataFrame) -> bool:
    """Whether new rows are those that were fitted, all of them in their order."""
    if len(frame) != len(fitted):
        return False
    terms = (term for predictor in part.predictors for term in predictor.terms)
    names = {name for term in terms for name in term.columns_needed if name in frame.columns}
    return all(
        np.array_equal(frame[name].to_numpy(dtype=object), fitted[name].to_numpy(dtype=object))
        for name in names
    )


def are_the_fitted_data(frame: pd.DataFrame, fitted: pd.DataFrame) -> bool:
    """Whether new rows are those of the fit in all that they say, missing values too."""
    return len(frame) == len(fitted) and all(
        _equal(frame[name], fitted[name]) for name in fitted.columns if name in frame.columns
    )


def _equal(one: pd.Series, other: pd.Series) -> bool:
    missing = one.isna().to_numpy()
    if not np.array_equal(missing, other.isna().to_numpy()):
        return False
    values = (column.to_numpy(dtype=object)[~missing] for column in (one, other))
    return np.array_equal(*values)


def _observed(
    part: Submodel, draws: dict[str, Array], frame: pd.DataFrame, training: bool,
    rng: np.random.Generator, unseen: bool,
) -> Array | None:
    """The responses that later rows look back to.

    Of a missing one `draws` gets a probability for each draw, which stands for its residual.
    """
    if part.autocor is None or part.autocor.arma is None:
        return None
    expression = part.response.expression
    lacking = [name for name in expression.variables if name not in frame.columns]
    if lacking:
        raise DataError(
            f"newdata lacks the response {lacking[0]!r}, whose residuals {part.autocor.arma.text} "
            "looks back to; add it, missing in the rows that are to be predicted, or say "
            "incl_autocor=False"
        )
    if not training:
        series = part.autocor.arma.series
        series.check_steps(frame, series.rows(frame), new=True)
    value = expression.value(frame, missing="pass")
    y: Array = np.broadcast_to(np.asarray(value, dtype=float), (len(frame),))
    if unseen:
        y = np.full(len(frame), np.nan)
    missing = np.isnan(y)
    if part.imputed is not None and training and not unseen:
        draws[OBSERVED] = part.imputed.filled(y, draws)
    elif missing.any():
        size = len(next(iter(draws.values())))
        u = np.full((size, len(frame)), 0.5)
        u[:, missing] = rng.uniform(size=(size, int(missing.sum())))
        draws[PATHS] = u
    return y


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
    if part.autocor is not None and part.autocor.arma is not None:
        wanted += part.autocor.arma.series.columns_needed
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
