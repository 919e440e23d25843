"""Conditional effects: how the expected response changes with one or two variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
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
from hiermodel.effects.result import STATISTICS, ConditionalEffects, Effect
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.summary.statistics import describe

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

Method = Literal["epred", "linpred", "predict"]


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
    resolution: int = 100,
    categorical: bool | None = None,
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
    resolution : int
        Number of points along a numeric variable.
    categorical : bool, optional
        A probability for each category (the default where the response has categories), or,
        with False, the mean of the category numbers of an ordinal response.
    ndraws, seed : int, optional
        Use fewer draws; make predictions reproducible.

    Returns
    -------
    ConditionalEffects
        Effect name -> data frame with the columns of the variables, ``cond__``,
        ``effect1__``, ``effect2__`` (second variable or category), ``cats__``, ``estimate__``,
        ``se__``, ``lower__`` and ``upper__``, in units of the response.

    Raises
    ------
    DataError
        An effect or condition that is not a column, or a model without predictors.
    ArgumentError
        A wrong `prob`, `resolution` or `method`.

    Examples
    --------
    >>> fit.conditional_effects("days", resolution=3)["days"]  # doctest: +SKIP
    """
    _check_arguments(prob, resolution, method)
    robust = flag("robust", robust)
    variables = predictor_variables(fit)
    asked = None if effects is None else texts("an effect", effects, "days")
    pairs = _effect_variables(fit, variables, asked)
    base, rows = typical_row(fit), condition_rows(fit, conditions)
    new_levels = re_formula != "none" and _release_groups(fit, base, rows)
    options = _Options(
        re_formula, prob, robust, method, dpar, categorical, ndraws, seed, new_levels
    )
    out = []
    given = _interaction_values(int_conditions, variables)
    for pair in pairs:
        values = {
            v.name: along(fit, v, resolution, k == 1, given.get(v.name) if len(pair) > 1 else None)
            for k, v in enumerate(pair)
        }
        frame, labels = grid_frame(fit, base, values, rows)
        out.append(_effect(fit, pair, frame, labels, variables, options, rows))
    label = _label(fit, method, dpar, any(e.categories for e in out))
    return ConditionalEffects(tuple(out), label, _observed(fit, pairs, method, dpar))


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


def _check_arguments(prob: float, resolution: int, method: str) -> None:
    probability("prob", prob)
    if not isinstance(resolution, Integral) or isinstance(resolution, bool) or resolution < 2:
        raise ArgumentError(f"resolution must be a whole number of at least 2, got {resolution!r}")
    if method not in ("epred", "linpred", "predict"):
        raise ArgumentError(f"method must be 'epred', 'linpred' or 'predict', got {method!r}")


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
    return Effect(":".join(names), pair, out, categories, _held(frame, names, variables, rows))


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


def _observed(
    fit: Fit, pairs: Sequence[tuple[Variable, ...]], method: Method, dpar: str | None
) -> pd.DataFrame | None:
    """Return the data on the scale of the estimates, if they have a place there."""
    if method == "linpred" or dpar is not None or fit.model.family.has_categories:
        return None
    y = np.asarray(fit.response, dtype=float)
    if "trials" in fit.model.response.additions:
        y = y / fit.model.response.additions.data(fit.frame, ("trials",))["trials"]
    names = list(dict.fromkeys(v.name for pair in pairs for v in pair))
    out = fit.frame[names].copy()
    for pair in pairs:
        for variable in pair:
            if variable.is_factor:
                out[variable.name] = [level_text(v) for v in fit.frame[variable.name]]
    return out.assign(response__=y)
