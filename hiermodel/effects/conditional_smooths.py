"""Each smooth alone, over its covariates: curves, surfaces, and how they differ with ``by``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import flag, texts
from hiermodel.effects.conditional import (
    LINE_POINTS,
    SURFACE_POINTS,
    check_arguments,
    check_distance,
    single_lines,
)
from hiermodel.effects.grid import (
    Variable,
    along,
    grid_frame,
    level_values,
    number_text,
    predictor_variables,
    typical_row,
)
from hiermodel.effects.points import far_from_data
from hiermodel.effects.result import STATISTICS, ConditionalEffects, Effect
from hiermodel.effects.smooths import posterior_smooths
from hiermodel.errors import ArgumentError, DataError, did_you_mean, warn
from hiermodel.predictors import Predictor
from hiermodel.summary.statistics import describe
from hiermodel.terms.smooths import Smooth

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


class ConditionalSmooths(ConditionalEffects):
    """Smooths by name, ``"mu: s(x)"``; a mapping to data frames that can plot itself.

    The text of a smooth alone is its name too, where only one formula has it.
    See `ConditionalEffects`.

    Examples
    --------
    >>> smooths = fit.conditional_smooths()  # doctest: +SKIP
    >>> smooths["s(x)"][["x", "estimate__", "lower__", "upper__"]]  # doctest: +SKIP
    >>> smooths.plot(rug=True)  # doctest: +SKIP
    """

    __slots__ = ()
    heading = "Smooths"

    def effect(self, name: str) -> Effect:
        """Return one smooth with its variables."""
        wanted = _plain(name)
        found = [
            e for e in self.effects
            if wanted in (_plain(e.name), _plain(e.name.partition(": ")[2]))
        ]
        if len(found) == 1:
            return found[0]
        names = [e.name for e in found] or list(self)
        raise KeyError(
            f"{'several smooths are' if found else 'there is no smooth'} {name!r}; there are "
            + (", ".join(names) or "none")
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """A smooth of the model: its formula, and its curves (one for each level of a factor)."""

    dpar: str
    nlpar: str
    members: tuple[Smooth, ...]

    @property
    def text(self) -> str:
        return self.members[0].text

    @property
    def name(self) -> str:
        return f"{self.nlpar or self.dpar or 'mu'}: {self.text}"


@dataclass(frozen=True, slots=True)
class _Axes:
    """What a smooth is drawn over: one variable or two, the others held at several values."""

    variables: tuple[Variable, ...]
    held: tuple[Variable, ...]
    surface: bool


def conditional_smooths(
    fit: Fit,
    smooths: str | Sequence[str] | None = None,
    *,
    int_conditions: Mapping[str, Sequence[Any]] | None = None,
    prob: float = 0.95,
    robust: bool = True,
    spaghetti: bool = False,
    surface: bool = True,
    resolution: int | None = None,
    too_far: float | None = None,
    ndraws: int | None = None,
) -> ConditionalSmooths:
    """Compute each smooth alone, over its covariates.

    A smooth of one number is a curve, one of two numbers a surface. Levels of a factor (``by``, or
    a covariate of ``bs = "fs"`` and ``"re"``) are series of one panel, with surfaces panels.
    A numeric ``by`` takes its mean and one standard deviation below and above it.

    Parameters
    ----------
    fit : Fit
    smooths : str or sequence of str, optional
        Terms as in the formula, ``"s(x)"`` or with their parameter, ``"sigma: s(x)"``; all by
        default. Smooths of more than two numbers are left out then, with a warning.
    int_conditions : mapping of str to sequence, optional
        Values of a numeric ``by`` or, without `surface`, of the second covariate; levels of a
        factor.
    prob : float
        Probability of the interval.
    robust : bool
        Median and median absolute deviation; False for mean and standard deviation.
    spaghetti : bool
        Lines of single draws in place of the interval of a curve: `ndraws` of them, or 100.
    surface : bool
        False draws two numbers as lines at three values of the second.
    resolution : int, optional
        Number of points along a number: 100, in surfaces 40 along each.
    too_far : float, optional
        In surfaces: leave out grid points that are farther than this from all observed rows, on
        the unit square; none by default.
    ndraws : int, optional
        Use fewer draws, evenly spread; with `spaghetti` so many lines.

    Returns
    -------
    ConditionalSmooths
        Name (``"mu: s(x)"``) -> data frame with the covariates, ``cond__``, ``effect1__``,
        ``effect2__``, ``estimate__``, ``se__``, ``lower__`` and ``upper__``, on the scale of
        the linear predictor. A smooth sums to zero over the data, or is as its ``by`` and ``pc``
        make it.

    Raises
    ------
    ArgumentError
        A smooth that the model does not have, or one of more than two numbers; wrong options.

    Examples
    --------
    >>> fit.conditional_smooths("s(x)", resolution=5)["s(x)"]  # doctest: +SKIP
    """
    check_arguments(prob, resolution, "epred")
    check_distance("too_far", too_far)
    robust, spaghetti = flag("robust", robust), flag("spaghetti", spaghetti)
    chosen = _chosen(fit, smooths)
    surface = flag("surface", surface)
    axes = {one.name: _axes(fit, one, surface) for one in chosen}
    shown = [one for one in chosen if axes[one.name] is not None]
    for one in chosen:
        if axes[one.name] is None:
            message = f"{one.text} has more covariates than a picture can show"
            if smooths is not None or len(chosen) == 1:
                raise ArgumentError(
                    f"{message}; posterior_smooths() computes it at any rows of data"
                )
            warn(f"{message} and is left out")
    given = _values(fit, int_conditions, [a for a in axes.values() if a is not None])
    if too_far is not None and not any(a is not None and a.surface for a in axes.values()):
        raise ArgumentError("too_far is for surfaces, and no smooth is one")
    probs = ((1 - prob) / 2, (1 + prob) / 2)
    effects = []
    for one in shown:
        over = axes[one.name]
        assert over is not None
        points = resolution or (SURFACE_POINTS if over.surface else LINE_POINTS)
        # Single lines are some of the draws; what they lie around is of all.
        used = None if spaghetti else ndraws
        effect = _effect(fit, one, over, given, points, probs, robust, used)
        frame, draws = effect[0].frame, effect[1]
        lines = None
        if spaghetti and not over.surface and not over.variables[0].is_factor:
            lines = single_lines(frame, draws, ndraws)
        if over.surface and too_far is not None:
            names = [v.name for v in over.variables]
            frame = frame[~far_from_data(frame, fit.frame, names, too_far)]
        effects.append(
            Effect(
                one.name, over.variables, frame.reset_index(drop=True), (), "", lines,
                _points(fit, over, frame), over.surface,
                one.name.removeprefix("mu: "),
            )
        )
    return ConditionalSmooths(tuple(effects), "on the scale of their predictors", None)


def _plain(text: str) -> str:
    return str(text).replace(" ", "").replace("'", '"')


def _all(fit: Fit) -> list[_Found]:
    out = []
    for predictor in fit.model.predictors:
        term = predictor.smooths if isinstance(predictor, Predictor) else None
        if term is None:
            continue
        by_text: dict[str, list[Smooth]] = {}
        for one in term.smooths:
            by_text.setdefault(one.text, []).append(one)
        scope = predictor.scope
        out += [_Found(scope.dpar, scope.nlpar, tuple(m)) for m in by_text.values()]
    return out


def _chosen(fit: Fit, smooths: str | Sequence[str] | None) -> list[_Found]:
    known = _all(fit)
    if not known:
        raise ArgumentError("the model has no smooths, such as s(x)")
    if smooths is None:
        return known
    out: list[_Found] = []
    for name in texts("a smooth", smooths, "s(x)"):
        found = [one for one in known if _plain(name) in (_plain(one.text), _plain(one.name))]
        if not found:
            names = [one.text for one in known]
            raise ArgumentError(
                f"the model has no smooth {name!r}{did_you_mean(name, names)}; it has "
                + ", ".join(one.name for one in known)
            )
        out += [one for one in found if one not in out]
    return out


def _axes(fit: Fit, found: _Found, surface: bool) -> _Axes | None:
    """The variables of a picture; None when there are too many."""
    variables = predictor_variables(fit)
    first = found.members[0]
    own = [variables[v] for v in first.variables]
    by = set(first.by.variables) if first.by is not None else set()
    numbers = [v for v in own if not v.is_factor and v.name not in by]
    rest = [v for v in own if v.is_factor or v.name in by]
    if len(numbers) > 2 or len(rest) > 2 or not own:
        return None
    if len(numbers) == 2:
        return _Axes(tuple(numbers), tuple(rest), surface)
    both = [*numbers, *rest]
    return _Axes(tuple(both[:2]), tuple(both[2:]), False)


def _values(
    fit: Fit, given: Mapping[str, Sequence[Any]] | None, axes: Sequence[_Axes]
) -> dict[str, list[Any]]:
    """The user's values of second variables."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ArgumentError(
            f"int_conditions holds values by variable, {{'x': [-1, 0, 1]}}, not {given!r}"
        )
    second = {
        v.name: v for a in axes
        for v in (*a.held, *(() if a.surface else a.variables[1:]))
    }
    out: dict[str, list[Any]] = {}
    for name, values in given.items():
        if name not in second:
            listed = ", ".join(second) or "none"
            raise ArgumentError(
                f"int_conditions: {name!r} is not the second variable of a smooth"
                f"{did_you_mean(str(name), second)}; those are: {listed}"
            )
        single = isinstance(values, (str, bytes)) or not hasattr(values, "__iter__")
        out[str(name)] = [values] if single else list(values)
        if not out[name]:
            raise ArgumentError(f"int_conditions holds no value of {name!r}")
        if second[name].is_factor:
            unknown = [v for v in out[name] if str(v) not in second[name].levels]
            if unknown:
                raise DataError(
                    f"int_conditions: {unknown[0]!r} is not a level of {name!r}"
                    f"{did_you_mean(str(unknown[0]), second[name].levels)}"
                )
            out[name] = level_values(fit.whole_frame[name], [str(v) for v in out[name]])
        elif any(isinstance(v, str) for v in out[name]):
            raise ArgumentError(f"int_conditions: {name!r} is a number, not {out[name]!r}")
    return out


def _curves(found: _Found, variable: Variable, values: list[Any]) -> list[Any]:
    """Levels of a factor ``by`` that have a curve: not the first one of an ordered factor."""
    first = found.members[0]
    if first.level is None or first.by is None or variable.name not in first.by.variables:
        return values
    levels = {one.level for one in found.members}
    kept = [v for v in values if str(v) in levels or str(v).upper() in levels]
    return kept or values


def _effect(
    fit: Fit, found: _Found, axes: _Axes, given: Mapping[str, list[Any]], points: int,
    probs: tuple[float, float], robust: bool, ndraws: int | None,
) -> tuple[Effect, np.ndarray]:
    """Estimates on a grid, and the draws behind them (draws, rows)."""
    names = [v.name for v in (*axes.variables, *axes.held)]
    typical = typical_row(fit)
    base = {name: typical[name] for name in names}

    def over(variable: Variable, second: bool) -> list[Any]:
        values = along(fit, variable, points, second, given.get(variable.name))
        return _curves(found, variable, values)

    values = {
        v.name: over(v, k > 0 and not axes.surface) for k, v in enumerate(axes.variables)
    }
    held = [over(v, True) for v in axes.held]
    rows = [
        (
            ", ".join(f"{v.name} = {number_text(x)}" for v, x in zip(axes.held, at, strict=True)),
            {v.name: x for v, x in zip(axes.held, at, strict=True)},
        )
        for at in product(*held)
    ]
    frame, labels = grid_frame(fit, base, values, [(label or "1", at) for label, at in rows])
    draws = posterior_smooths(
        fit, found.text, frame, dpar=found.dpar or None, nlpar=found.nlpar or None, ndraws=ndraws
    ).values
    draws = draws.reshape(-1, len(frame))
    out = frame.assign(cond__=labels)
    for k, variable in enumerate(axes.variables, start=1):
        out[f"effect{k}__"] = frame[variable.name]
    out[list(STATISTICS)] = describe(draws, probs, robust)
    return Effect(found.name, axes.variables, out, (), ""), draws


def _points(fit: Fit, axes: _Axes, frame: pd.DataFrame) -> pd.DataFrame:
    """Observed values of the variables, in the panels where they belong."""
    observed = fit.frame[[v.name for v in axes.variables]].reset_index(drop=True)
    factors = [v.name for v in axes.held if v.is_factor]
    pieces = []
    for label, part in frame.groupby("cond__", sort=False):
        keep = np.ones(len(observed), dtype=bool)
        for name in factors:
            keep &= (fit.frame[name].astype(str) == str(part[name].iloc[0])).to_numpy()
        pieces.append(observed[keep].assign(cond__=label))
    return pd.concat(pieces, ignore_index=True)
