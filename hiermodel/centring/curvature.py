"""Weights and shifts of group-level effects from the curvature of the log density."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.aggregate import AggregatedModel
from hiermodel.centring.marginal_fit import Block, MarginalFit
from hiermodel.engines import LogDensity, SamplingSettings, get_engine
from hiermodel.engines.free import free_places
from hiermodel.engines.starts import is_finite_at, mode_starts
from hiermodel.errors import EngineError
from hiermodel.modeling import Model
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array
from hiermodel.terms.centring import Centring, Shift
from hiermodel.terms.group import GroupEffects

# A standard deviation of which the data say less than this many well-known levels would is better
# left alone: near 0 centred effects are hard to sample.
_LEAST_LEVELS = 6.0
# And one whose logarithm has a larger posterior standard deviation.
_LARGEST_ERROR = 0.3
# Where effects take up more than this share of the rows, a residual standard deviation is known so
# badly that it decides how wide the effects are.
_MOST_USED = 0.5
# Points at which curvatures are averaged: around the mode, and of a short chain.
_POINTS, _POINTS_OF_CHAIN = 4, 12
_WARMUP, _DRAWS, _DEPTH = 150, 60, 7
# Shifts along more numbers than this cost more than they bring.
_MOST_POSITIONS = 150


def recentred(model: Model, centrings: Mapping[int, Centring]) -> Model:
    """The same model with other parameters in the place of standardised effects."""
    groups = tuple(replace(g, centring=centrings.get(g.index)) for g in model.groups)
    new = {f"z_{g.index}": [v for v in g.variables if v.name == f"v_{g.index}"]
           for g in groups if g.centring is not None}
    priors = model.resolved_priors
    parameters = tuple(one for v in priors.parameters for one in new.get(v.name, [v]))
    kept = {g.index: g for g in model.groups if g.index not in centrings}
    return replace(
        model, groups=tuple(kept.get(g.index, g) for g in groups),
        resolved_priors=replace(priors, parameters=parameters),
    )


def weights_from_data(
    model: Model | AggregatedModel, rows: pd.DataFrame, settings: SamplingSettings,
    groups: Sequence[GroupEffects],
) -> dict[int, Centring]:
    """Weights and shifts from the curvature of the log density; none where it has no peak.

    A first guess is made at the mode of a marginal fit, the second one where the posterior has its
    mass: at draws of a short chain with the first guess. Residual standard deviations, for one, can
    be far too small at a mode.
    """
    engine = get_engine("stanli")
    try:
        data = model.bind(rows, prior_only=False)
        density = engine.log_density(model.stan_code, data, model.parameters)
    except (EngineError, ImportError):
        return {}
    places = free_places(model.parameters, data)
    if places is None or sum(s.stop - s.start for s in places.values()) != density.dim:
        return {}
    whole = model.model if isinstance(model, AggregatedModel) else model
    blocks = _blocks([g for g in whole.groups if has_scale(whole, g)], places)
    fit = MarginalFit(density, blocks, settings.used_seed)
    # The user's starting values are for the sampler; here any point will do.
    anywhere = replace(settings, init=None)
    start = next(
        (q for q in mode_starts(density, anywhere, model.parameters, data, 5)
         if is_finite_at(density, q)), None,
    )
    mode = None if start is None else fit.find(start)
    if mode is None or not is_finite_at(density, mode):
        return {}
    search = _Search(fit, _movers(model.parameters, places), places, whole.nobs)
    first: dict[int, Centring] = {}
    for block in blocks:
        first |= search.centrings(block, fit.around(mode, block, _POINTS), groups)
    first = _shifted_once(first, groups)
    if not first:
        return {}
    try:
        points = _short_chain(model, first, data, density, mode, settings)
    except EngineError:
        return {}
    found: dict[int, Centring] = {}
    for block in blocks:
        found |= search.centrings(block, points, groups)
    return _shifted_once(found, groups)


def _shifted_once(
    found: Mapping[int, Centring], groups: Sequence[GroupEffects]
) -> dict[int, Centring]:
    """Leave the shifts along a number to the factor that gives way to it most.

    Each factor would give way as far as if it were alone, and crossed factors together too far.
    """
    names = {g.index: g.name for g in groups}
    if len({names[i] for i in found}) < 2:
        return dict(found)
    most: dict[str, dict[str, Array]] = {}
    for i, centring in found.items():
        for shift in centring.shifts:
            of = most.setdefault(shift.parameter.name, {})
            here = np.abs(shift.slopes).mean(axis=1).max(axis=0)
            of[names[i]] = np.maximum(of.get(names[i], np.zeros(())), here)
    out = {}
    for i, centring in found.items():
        shifts = []
        for shift in centring.shifts:
            of = most[shift.parameter.name]
            best = np.max([*of.values()], axis=0)
            shifts.append(replace(shift, slopes=shift.slopes * (of[names[i]] >= best)))
        out[i] = replace(centring, shifts=tuple(shifts))
    return out


def _short_chain(
    model: Model | AggregatedModel, centrings: Mapping[int, Centring], data: Mapping[str, Any],
    density: LogDensity, mode: Array, settings: SamplingSettings,
) -> list[Array]:
    """Draws of a short chain as unconstrained points of the model with standardised effects.

    It starts at the mode of the marginal fit, where shifts vanish and there are no correlations.
    """
    whole = model.model if isinstance(model, AggregatedModel) else model
    other = recentred(whole, centrings)
    form = replace(model, model=other) if isinstance(model, AggregatedModel) else other
    start = {name: array[0] for name, array in density.constrain(mode[None]).items()}
    start = {v.name: start[v.name] for v in model.parameters}
    for i, centring in centrings.items():
        sd = start[f"sd_{i}"][:, None]
        start[f"v_{i}"] = start.pop(f"z_{i}") * sd**centring.weights
    short = SamplingSettings(
        init=start,
        chains=1, warmup=_WARMUP, draws=_DRAWS, seed=settings.used_seed, cores=1, progress=False,
        adapt_delta=settings.adapt_delta, max_treedepth=_DEPTH,
    )
    constants = {k: v for k, v in other.constants().items() if k not in data}
    bound = {**data, **constants}
    draws = get_engine("stanli").sample(form.stan_code, bound, form.parameters, short)
    full = other.complete(draws.values)
    points = []
    for at in np.linspace(0, _DRAWS - 1, _POINTS_OF_CHAIN).astype(int):
        one = {name: values[:, at : at + 1] for name, values in full.items()}
        params = {v.name: one[v.name][0, 0] for v in form.parameters if v.name in one}
        for group in other.groups:
            if group.centring is not None:
                z = group.centred_effects(one)[1][0, 0]
                params[f"z_{group.index}"] = z
                del params[f"v_{group.index}"]
        points.append(density.unconstrain(params))
    return points


def has_scale(model: Model, group: GroupEffects) -> bool:
    """Whether the standard deviations are sampled as positive numbers, one for each coefficient."""
    scale = next((v for v in model.parameters if v.name == f"sd_{group.index}"), None)
    return scale is not None and (scale.type, scale.lower, scale.upper) == ("vector", "0", "")


def _blocks(groups: Sequence[GroupEffects], places: Mapping[str, slice]) -> list[Block]:
    """Where the effects of each grouping factor stand, those of several blocks together."""

    def positions(name: str) -> Array:
        place = places.get(name, slice(0, 0))
        return np.arange(place.start, place.stop)

    def effects(group: GroupEffects) -> Array:
        # Matrices stand level by level, arrays of vectors coefficient by coefficient.
        z, coefs = positions(f"z_{group.index}"), len(group.coefs)
        return z.reshape(-1, coefs) if group.has_cor else z.reshape(coefs, -1).T

    out = []
    for name in dict.fromkeys(g.name for g in groups):
        mine = tuple(g for g in groups if g.name == name)
        out.append(Block(
            mine, np.hstack([effects(g) for g in mine]),
            np.concatenate([positions(f"sd_{g.index}") for g in mine]),
            np.concatenate([positions(f"L_{g.index}") for g in mine]),
        ))
    return out


def _movers(parameters: Sequence[Var], places: Mapping[str, slice]) -> list[Var]:
    """The parameters with which effects may move: coefficients, intercepts, thresholds."""
    found, count = [], 0
    for var in parameters:
        plain = var.type in ("real", "vector", "ordered") and not (var.lower or var.upper)
        place = places[var.name]
        size = place.stop - place.start
        moves = var.prior is not None and var.prior.cls in ("b", "Intercept")
        if plain and moves and not var.array and size > 0:
            count += size
            if count <= _MOST_POSITIONS:
                found.append(var)
    return found


@dataclass(frozen=True, eq=False)
class _Search:
    """Weights and shifts from the curvature at some points.

    Attributes
    ----------
    fit : MarginalFit
    movers : list of Var
        The parameters with which effects may move.
    places : mapping of str to slice
    rows : int
    """

    fit: MarginalFit
    movers: list[Var]
    places: Mapping[str, slice]
    rows: int

    def centrings(
        self, block: Block, points: Sequence[Array], groups: Sequence[GroupEffects]
    ) -> dict[int, Centring]:
        """How far to centre the effects of those groups of a block that may be centred."""
        chosen = [g for g in block.groups if g in groups]
        places = [self.places[v.name] for v in self.movers]
        positions = [i for place in places for i in range(place.start, place.stop)]
        found = self.fit.information(points, block, positions) if chosen else None
        if found is None:
            return {}
        weights = np.clip(1 - np.einsum("lkk->kl", found.covariance), 0.0, 1.0)
        error = np.std([point[block.sd] for point in points], axis=0)
        used = (np.square(weights).sum(axis=1) >= _LEAST_LEVELS) & (error <= _LARGEST_ERROR)
        weights[~used] = 0.0
        if weights.sum() > _MOST_USED * self.rows:
            return {}
        centre = np.mean(points, axis=0)
        out = {}
        for group in chosen:
            at = block.columns(group)
            if used[at].any():
                shifts = self._shifts(group, found.slopes[:, at], used[at], centre)
                out[group.index] = Centring(weights[at], tuple(shifts))
        return out

    def _shifts(
        self, group: GroupEffects, slopes: Array, used: Array, centre: Array
    ) -> Iterator[Shift]:
        density, start = self.fit.density, 0
        values = {name: array[0] for name, array in density.constrain(centre[None]).items()}
        scale = np.diag(values[f"sd_{group.index}"])
        if group.has_cor:
            scale = scale @ values[f"L_{group.index}"]
        moved = np.einsum("ij,ljp->ilp", scale, slopes)
        scopes = {(c.scope.resp, c.scope.dpar, c.scope.nlpar) for c in group.coefs}
        for var in self.movers:
            place = self.places[var.name]
            stop = start + place.stop - place.start
            mine, start = moved[:, :, start:stop], stop
            first = var.prior.elements[0] if var.prior is not None else None
            if first is None or (first.resp, first.dpar, first.nlpar) not in scopes:
                continue  # of another predictor
            if var.type == "ordered":
                mine = mine @ np.linalg.inv(_jacobian(density, centre, var.name, place))
            mine[~used] = 0.0
            near = np.asarray(values[var.name], dtype=float)
            yield Shift(var, mine[..., 0] if var.type == "real" else mine, near)


def _jacobian(density: LogDensity, point: Array, name: str, place: slice) -> Array:
    """Derivatives of a parameter (rows) by its unconstrained numbers (columns)."""
    step = 1e-5
    at = range(place.start, place.stop)
    points = np.repeat(point[None], 2 * len(at), axis=0)
    for k, i in enumerate(at):
        points[2 * k, i] += step
        points[2 * k + 1, i] -= step
    values = density.constrain(points)[name]
    return np.asarray((values[::2] - values[1::2]) / (2 * step)).T
