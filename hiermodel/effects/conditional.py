"""Conditional effects: how the expected response changes with one or two variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

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
from hiermodel.errors import DataError, did_you_mean
from hiermodel.summary.statistics import describe
from hiermodel.summary.text import frame_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitting import Fit

Method = Literal["epred", "linpred", "predict"]
STATISTICS = ("estimate__", "se__", "lower__", "upper__")


@dataclass(frozen=True, slots=True, eq=False)
class Effect:
    """The effect of one variable, or of two together.

    Attributes
    ----------
    name : str
        ``days``, or ``zBase:Trt``.
    variables : tuple of Variable
    frame : pandas.DataFrame
        A row per grid point, condition and category.
    categories : tuple of str
        Categories of the response when `frame` has a probability for each; else empty.
    held : str
        At what the other variables are held.
    """

    name: str
    variables: tuple[Variable, ...]
    frame: pd.DataFrame
    categories: tuple[str, ...]
    held: str


@dataclass(frozen=True, slots=True, eq=False)
class ConditionalEffects(Mapping[str, pd.DataFrame]):
    """Conditional effects by name; a mapping to data frames that can plot itself.

    Attributes
    ----------
    effects : tuple of Effect
    label : str
        What is estimated, for the axis.
    observed : pandas.DataFrame or None
        Observed values of the variables, with the response as ``response__``; None when the
        response has no place on the axis.

    Examples
    --------
    >>> effects = fit.conditional_effects("days")  # doctest: +SKIP
    >>> effects["days"][["days", "estimate__", "lower__", "upper__"]]  # doctest: +SKIP
    >>> effects.plot(points=True)  # doctest: +SKIP
    """

    effects: tuple[Effect, ...]
    label: str
    observed: pd.DataFrame | None

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self.effect(name).frame

    def effect(self, name: str) -> Effect:
        """Return one effect with its variables."""
        for effect in self.effects:
            if effect.name == name:
                return effect
        raise KeyError(f"there is no effect {name!r}; there are {', '.join(self) or 'none'}")

    def __iter__(self) -> Iterator[str]:
        return (effect.name for effect in self.effects)

    def __len__(self) -> int:
        return len(self.effects)

    def plot(
        self, ax: Axes | Sequence[Axes] | None = None, points: bool = False
    ) -> list[Axes]:
        """Draw each effect: lines with ribbons for numbers, points with bars for factors.

        Parameters
        ----------
        ax : Axes or sequence of Axes, optional
            Where to draw, one for each panel; a new figure by default.
        points : bool
            Draw the observed data too.

        Returns
        -------
        list of Axes
            One per panel: effect, condition, and, for interactions, category.
        """
        from hiermodel.effects.draw import draw_effects

        return draw_effects(self, ax, points)

    def __repr__(self) -> str:
        parts = [f"Conditional effects: {self.label}"]
        for effect in self.effects:
            frame = effect.frame
            at = np.unique(np.linspace(0, len(frame) - 1, min(len(frame), 6)).astype(int))
            extra = [c for c in ("cond__", "cats__") if c in frame and frame[c].nunique() > 1]
            shown = [v.name for v in effect.variables] + extra + list(STATISTICS)
            brief = frame.iloc[at][shown].set_index(shown[: -len(STATISTICS)])
            brief.index = pd.Index([_index_text(key) for key in brief.index])
            held = f" ({effect.held})" if effect.held else ""
            cut = f"\n  ... {len(frame)} rows" if len(frame) > len(at) else ""
            parts.append(f"{effect.name}{held}\n{frame_text(brief)}{cut}")
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        from hiermodel.effects.draw import effects_html

        return effects_html(self)


def _index_text(key: Any) -> str:
    return ", ".join(number_text(k) for k in (key if isinstance(key, tuple) else (key,)))


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
    ValueError
        A wrong `prob`, `resolution` or `method`.

    Examples
    --------
    >>> fit.conditional_effects("days", resolution=3)["days"]  # doctest: +SKIP
    """
    _check_arguments(prob, resolution, method)
    variables = predictor_variables(fit)
    asked = [effects] if isinstance(effects, str) else effects
    pairs = _effect_variables(fit, variables, asked)
    base, rows = typical_row(fit), condition_rows(fit, conditions)
    new_levels = re_formula != "none" and _release_groups(fit, base, rows)
    options = _Options(re_formula, prob, robust, method, dpar, categorical, ndraws, seed, new_levels)
    out = []
    for pair in pairs:
        given = int_conditions or {}
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
    if not 0.0 < prob < 1.0:
        raise ValueError(f"prob must lie between 0 and 1, got {prob!r}")
    if resolution < 2:
        raise ValueError(f"resolution must be at least 2, got {resolution!r}")
    if method not in ("epred", "linpred", "predict"):
        raise ValueError(f"method must be 'epred', 'linpred' or 'predict', got {method!r}")


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
    if fit.model.family.response == "nominal":
        raise DataError(
            "the categories of a nominal response have no mean: leave out categorical=False"
        )
    numbers = xr.DataArray(np.arange(1, probabilities.sizes["category"] + 1), dims="category")
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
    if categories:
        return f"P({fit.response_name})"
    proportion = "trials" in fit.model.response.additions
    return f"{fit.response_name} / trials" if proportion else str(fit.response_name)


def _observed(
    fit: Fit, pairs: Sequence[tuple[Variable, ...]], method: Method, dpar: str | None
) -> pd.DataFrame | None:
    """The data on the scale of the estimates, if they have a place there."""
    kind = fit.model.family.response
    if method == "linpred" or dpar is not None or kind in ("ordinal", "nominal"):
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
