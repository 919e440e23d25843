"""Conditional effects: how the expected response changes with one or two variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag, probability, texts
from hiermodel.effects.grid import (
    Variable,
    along,
    condition_rows,
    grid_frame,
    level_text,
    number_text,
    predictor_variables,
    typical_row,
)
from hiermodel.effects.points import far_from_data, observed_points
from hiermodel.effects.result import STATISTICS, ConditionalEffects, Effect
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.summary.statistics import describe

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

Method = Literal["epred", "linpred", "predict"]

# Points along a number, in lines and in surfaces; lines of single draws.
LINE_POINTS, SURFACE_POINTS, _SPAGHETTI = 100, 40, 100


def conditional_effects(
    fit: Fit,
    effects: str | Sequence[str] | None = None,
    conditions: pd.DataFrame | Mapping[str, Any] | None = None,
    *,
    int_conditions: Mapping[str, Sequence[Any]] | None = None,
    re_formula: str | None = "none",
    prob: float = 0.95,
    robust: bool = True,
    method: Method = "epred",
    dpar: str | None = None,
    resolution: int | None = None,
    categorical: bool | None = None,
    spaghetti: bool = False,
    surface: bool = False,
    select_points: float | None = None,
    too_far: float | None = None,
    ndraws: int | None = None,
    seed: int | None = None,
) -> ConditionalEffects:
    """Compute how the response changes with a variable, the others held at typical values.

    Numbers are held at their mean and factors at their first level. The second of two numeric
    variables takes its mean and the mean plus and minus one standard deviation.

    Parameters
    ----------
    fit : Fit
    effects : str or sequence of str, optional
        ``"days"`` or ``"zBase:Trt"``; by default all variables and two-way interactions of
        the population-level terms.
    conditions : DataFrame or mapping, optional
        Other values to hold variables at: a row per condition, or values by column, whose
        combinations are taken. ``cond__`` may hold labels.
    int_conditions : mapping of str to sequence, optional
        Values of a variable in interactions, in place of mean and standard deviations.
    re_formula : str, optional
        ``"none"`` for the population (the default); None for all group-level effects (of a new
        level, unless `conditions` names one); or a formula with a subset.
    prob : float
        Probability of the interval.
    robust : bool
        Median and median absolute deviation; False for mean and standard deviation.
    method : {"epred", "linpred", "predict"}
        Expectation, linear predictor or prediction.
    dpar : str, optional
        A parameter such as ``"sigma"`` instead of the response.
    resolution : int, optional
        Number of points along a numeric variable: 100, in surfaces 40 along each.
    categorical : bool, optional
        A probability for each category (the default where the response has categories), or,
        with False, the mean of the category numbers of an ordinal response.
    spaghetti : bool
        Lines of single draws along numbers in place of the interval: `ndraws` of them, or 100.
    surface : bool
        Two numbers as a surface with contours, in place of lines at three values of the second.
    select_points : float, optional
        With numbers in `conditions`: show only observed rows no farther from them than this share
        of the range of the column; all by default. Rows with other levels of the factors of a
        condition are never shown with it.
    too_far : float, optional
        In surfaces: leave out grid points that are farther than this from all observed rows, on
        the unit square; none by default.
    ndraws, seed : int, optional
        Use fewer draws; make predictions reproducible.

    Returns
    -------
    ConditionalEffects
        Effect name -> data frame with the columns of the variables, ``cond__``,
        ``effect1__``, ``effect2__`` (second variable or category), ``cats__``, ``estimate__``,
        ``se__``, ``lower__`` and ``upper__``, in units of the response. `effect(name)` also has
        ``lines`` (one row per draw and grid point, with ``draw__``) and the observed ``points``.

    Raises
    ------
    DataError
        An effect or condition that is not a column, or a model without predictors.
    ArgumentError
        A wrong `prob`, `resolution` or `method`, or a surface without two numbers.

    Examples
    --------
    >>> fit.conditional_effects("days", resolution=3)["days"]  # doctest: +SKIP
    """
    check_arguments(prob, resolution, method)
    check_distance("select_points", select_points)
    check_distance("too_far", too_far)
    robust = flag("robust", robust)
    variables = predictor_variables(fit)
    asked = None if effects is None else texts("an effect", effects, "days")
    pairs = _effect_variables(fit, variables, asked)
    base, rows = typical_row(fit), condition_rows(fit, conditions)
    new_levels = re_formula != "none" and _release_groups(fit, base, rows)
    options = _Options(
        re_formula, prob, robust, method, dpar, categorical, ndraws, seed, new_levels,
        flag("spaghetti", spaghetti),
    )
    surfaces = _surfaces(pairs, flag("surface", surface), asked is not None)
    if too_far is not None and not surface:
        raise ArgumentError("too_far is for surfaces: pass surface=True")
    out = []
    given = _interaction_values(int_conditions, variables)
    response = _response(fit, method, dpar, categorical)
    in_surface = {v.name for pair, flat in zip(pairs, surfaces, strict=True) if flat for v in pair}
    if in_surface & set(given):
        raise ArgumentError(
            f"int_conditions has values of {min(in_surface & set(given))!r}, which surface=True "
            "shows over its whole range: leave one of them out"
        )
    for pair, flat in zip(pairs, surfaces, strict=True):
        points = resolution or (SURFACE_POINTS if flat else LINE_POINTS)
        values = {
            v.name: along(
                fit, v, points, k == 1 and not flat,
                given.get(v.name) if len(pair) > 1 and not flat else None,
            )
            for k, v in enumerate(pair)
        }
        frame, labels = grid_frame(fit, base, values, rows)
        effect = _effect(fit, pair, frame, labels, variables, options, rows)
        seen = observed_points(fit, pair, rows, response, select_points)
        if flat and too_far is not None:
            names = [v.name for v in pair]
            far = far_from_data(effect.frame, fit.shown_rows, names, too_far)
            effect = replace(effect, frame=effect.frame[~far].reset_index(drop=True))
        lines = effect.lines if not flat else None
        out.append(replace(effect, points=seen, surface=flat, lines=lines))
    label = _label(fit, method, dpar, any(e.categories for e in out))
    return ConditionalEffects(tuple(out), label, _observed(fit, pairs, response))


def _surfaces(
    pairs: Sequence[tuple[Variable, ...]], surface: bool, asked: bool
) -> list[bool]:
    """Which effects are drawn as a surface: those of two numbers."""
    out = [
        surface and len(pair) == 2 and not any(v.is_factor for v in pair) for pair in pairs
    ]
    if surface and asked and not any(out):
        names = ", ".join(":".join(v.name for v in pair) for pair in pairs)
        raise ArgumentError(
            f"surface=True needs an effect of two numbers, such as effects='x:z', not {names}"
        )
    return out


def check_distance(name: str, value: float | None) -> None:
    """Refuse a distance that is no positive number."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if value is not None and not (number and value > 0):
        raise ArgumentError(f"{name} must be a positive number, got {value!r}")


@dataclass(frozen=True, slots=True)
class _Options:
    re_formula: str | None
    prob: float
    robust: bool
    method: Method
    dpar: str | None
    categorical: bool | None
    ndraws: int | None
    seed: int | None
    new_levels: bool
    spaghetti: bool = False


def check_arguments(prob: float, resolution: int | None, method: str) -> None:
    """Refuse a probability, a number of points or a method that cannot be."""
    probability("prob", prob)
    whole = isinstance(resolution, Integral) and not isinstance(resolution, bool)
    if resolution is not None and not (whole and resolution >= 2):
        raise ArgumentError(f"resolution must be a whole number of at least 2, got {resolution!r}")
    if method not in ("epred", "linpred", "predict"):
        short = str(method).removeprefix("posterior_")
        near = f"; write {short!r}" if short in ("epred", "linpred", "predict") else ""
        raise ArgumentError(
            f"method must be 'epred', 'linpred' or 'predict', got {method!r}{near}"
        )


def _interaction_values(
    given: Mapping[str, Sequence[Any]] | None, variables: Mapping[str, Variable]
) -> Mapping[str, Sequence[Any]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"int_conditions holds values by variable, {{'x': [-1, 0, 1]}}, not {given!r}"
        )
    for name in given:
        if name not in variables:
            raise DataError(
                f"int_conditions: {name!r} is not a population-level predictor"
                f"{did_you_mean(name, variables)}"
            )
    return given


def _effect_variables(
    fit: Fit, variables: Mapping[str, Variable], effects: Sequence[str] | None
) -> list[tuple[Variable, ...]]:
    if effects is None:
        terms = [tuple(term) for term in fit.effects_terms()]
        if not terms:
            raise DataError("the model has no population-level predictor, so it has no effects")
    else:
        terms = [tuple(part.strip() for part in effect.split(":")) for effect in effects]
    out = []
    for term in terms:
        if len(term) > 2:
            raise DataError(
                f"effect {':'.join(term)!r} has {len(term)} variables; at most two can be "
                "shown: give the others in conditions"
            )
        for name in term:
            if name not in variables:
                known = ", ".join(variables) or "none"
                raise DataError(
                    f"effect {name!r} is not a population-level predictor"
                    f"{did_you_mean(name, variables)}; the model has {known}"
                )
        out.append(tuple(variables[name] for name in term))
    return out


def _release_groups(
    fit: Fit, base: dict[str, Any], rows: Sequence[tuple[str, Mapping[str, Any]]]
) -> bool:
    """Make grouping variables without a condition a new level; True when there are any."""
    free = False
    population = predictor_variables(fit)
    for group in fit.model.groups:
        for name in (name for member in group.grouping.members for name in member):
            given = name in population or all(name in values for _, values in rows)
            if name in base and not given:
                base[name] = None
                free = True
    return free


def _draws(fit: Fit, frame: pd.DataFrame, options: _Options) -> xr.DataArray:
    common: dict[str, Any] = {
        "re_formula": options.re_formula,
        "ndraws": options.ndraws,
        "allow_new_levels": options.new_levels,
        # A grid has no neighbours in time or space.
        "incl_autocor": False,
        "seed": options.seed,
    }
    if options.method == "predict":
        return fit.posterior_predict(frame, **common)
    if options.method == "linpred":
        return fit.posterior_linpred(frame, dpar=options.dpar, **common)
    return fit.posterior_epred(frame, dpar=options.dpar, **common)


def _effect(
    fit: Fit,
    pair: tuple[Variable, ...],
    frame: pd.DataFrame,
    labels: Sequence[str],
    variables: Mapping[str, Variable],
    options: _Options,
    rows: Sequence[tuple[str, Mapping[str, Any]]],
) -> Effect:
    draws = _draws(fit, frame, options)
    categories: tuple[str, ...] = ()
    if "category" in draws.dims:
        if options.categorical is False:
            draws = _mean_category(fit, draws)
        else:
            categories = tuple(str(c) for c in draws.coords["category"].values)
            draws = draws.transpose("chain", "draw", "category", "obs")
    elif options.categorical:
        raise DataError("categorical=True needs a response with categories, and method='epred'")
    values = np.asarray(draws.values, dtype=float)
    probs = ((1 - options.prob) / 2, (1 + options.prob) / 2)
    table = describe(values.reshape(values.shape[0] * values.shape[1], -1), probs, options.robust)
    names = [v.name for v in pair]
    shown = _shown_columns(names, variables, rows)
    out = frame[shown].assign(cond__=list(labels))
    for k, name in enumerate(names, start=1):
        out[f"effect{k}__"] = frame[name].to_numpy() if k == 1 else frame[name]
    if categories:
        out = pd.concat([out] * len(categories), ignore_index=True)
        repeated = np.repeat(np.array(categories, dtype=object), len(frame))
        out["cats__"] = pd.Categorical(repeated, categories=list(categories))
        if len(names) == 1:
            out["effect2__"] = out["cats__"]
    out[list(STATISTICS)] = table
    lines = None
    if options.spaghetti and not pair[0].is_factor:
        draws_of_rows = values.reshape(values.shape[0] * values.shape[1], -1)
        lines = single_lines(out, draws_of_rows, options.ndraws)
    return Effect(
        ":".join(names), pair, out, categories, _held(frame, names, variables, rows), lines
    )


def single_lines(frame: pd.DataFrame, draws: np.ndarray, ndraws: int | None) -> pd.DataFrame:
    """Single draws at the grid points: evenly spread over all of them."""
    wanted = min(len(draws), _SPAGHETTI if ndraws is None else ndraws)
    at = np.unique(np.linspace(0, len(draws) - 1, wanted).astype(int))
    keys = frame.drop(columns=list(STATISTICS))
    out = pd.concat([keys] * len(at), ignore_index=True)
    return out.assign(draw__=np.repeat(at, len(frame)), estimate__=draws[at].ravel())


def _shown_columns(
    names: Sequence[str],
    variables: Mapping[str, Variable],
    rows: Sequence[tuple[str, Mapping[str, Any]]],
) -> list[str]:
    conditioned = [k for _, values in rows for k in values]
    return list(dict.fromkeys([*names, *variables, *conditioned]))


def _mean_category(fit: Fit, probabilities: xr.DataArray) -> xr.DataArray:
    if fit.model.family.per_category:
        raise DataError(
            "unordered categories have no mean: leave out categorical=False"
        )
    codes = np.arange(probabilities.sizes["category"]) + fit.model.family.first_category
    numbers = xr.DataArray(codes, dims="category")
    return (probabilities * numbers).sum("category").transpose("chain", "draw", "obs")


def _held(
    frame: pd.DataFrame,
    names: Sequence[str],
    variables: Mapping[str, Variable],
    rows: Sequence[tuple[str, Mapping[str, Any]]],
) -> str:
    varied = {k for _, values in rows for k in values} if len(rows) > 1 else set()
    others = [n for n in variables if n not in names and n not in varied]
    return ", ".join(f"{n} = {number_text(frame[n].iloc[0])}" for n in others)


def _label(fit: Fit, method: Method, dpar: str | None, categories: bool) -> str:
    if dpar is not None:
        return f"{dpar} of {fit.response_name}"
    if method == "linpred":
        return f"linear predictor of {fit.response_name}"
    if categories and not fit.model.family.several_columns:
        return f"P({fit.response_name})"
    proportion = "trials" in fit.model.response.additions
    return f"{fit.response_name} / trials" if proportion else str(fit.response_name)


def _response(
    fit: Fit, method: Method, dpar: str | None, categorical: bool | None
) -> np.ndarray | None:
    """The response on the scale of the estimates, if it has a place there."""
    family, additions = fit.model.family, fit.model.response.additions
    ordinal = family.response == "ordinal" and (categorical is False or method == "predict")
    if method == "linpred" or dpar is not None or (family.has_categories and not ordinal):
        return None
    y = np.asarray(fit.model.response.coded(fit.shown_rows), dtype=float)
    if "trials" in additions:
        y = y / additions.data(fit.shown_rows, ("trials",))[f"trials{additions.suffix}"]
    return y


def _observed(
    fit: Fit, pairs: Sequence[tuple[Variable, ...]], y: np.ndarray | None
) -> pd.DataFrame | None:
    """Return the data on the scale of the estimates, if they have a place there."""
    if y is None:
        return None
    names = list(dict.fromkeys(v.name for pair in pairs for v in pair))
    out = fit.shown_rows[names].copy()
    for pair in pairs:
        for variable in pair:
            if variable.is_factor:
                out[variable.name] = [level_text(v) for v in fit.shown_rows[variable.name]]
    return out.assign(response__=y)
