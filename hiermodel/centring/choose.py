"""Which group-level effects are centred, and how far."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.aggregate import AggregatedModel
from hiermodel.centring.marginal_fit import Block, Information, MarginalFit
from hiermodel.engines import Engine, SamplingSettings, get_engine
from hiermodel.engines.base import CAPABILITIES, LogDensity
from hiermodel.engines.free import free_places
from hiermodel.engines.starts import is_finite_at, mode_starts
from hiermodel.errors import ArgumentError, EngineError, HiermodelError, did_you_mean
from hiermodel.modeling import Model
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array
from hiermodel.terms.centring import Centring, Shift
from hiermodel.terms.group import GroupEffects

KNOWN = ("auto", "centered", "noncentered")
#: What the user asked for: one word for all grouping factors, or a word for some of them.
Choice = str | Mapping[str, str]

# A standard deviation of which the data say less than this many well-known levels would is better
# left alone: near 0 centred effects are hard to sample.
_LEAST_LEVELS = 4.0
# Shifts along more numbers than this cost more than they bring.
_MOST_POSITIONS = 150


def parameterization_named(value: Any) -> Choice:
    """Check the argument ``parameterization``.

    Examples
    --------
    >>> parameterization_named({"subject": "centered"})
    {'subject': 'centered'}
    """
    words = value.values() if isinstance(value, Mapping) else [value]
    for word in words:
        if word not in KNOWN:
            hint = did_you_mean(word, KNOWN) if isinstance(word, str) else ""
            raise ArgumentError(
                'parameterization takes "auto", "centered" or "noncentered", or a dict of them by '
                f"grouping factor, got {word!r}{hint}"
            )
    return dict(value) if isinstance(value, Mapping) else str(value)


def centred_groups(
    model: Model, groups: Sequence[GroupEffects], rows: pd.DataFrame, engine: Engine,
    settings: SamplingSettings, choice: Choice, form: AggregatedModel | None = None,
) -> dict[int, Centring]:
    """Decide how far the effects of each block are centred.

    Parameters
    ----------
    model : Model
    groups : sequence of GroupEffects
        The blocks of the model whose effects are sampled.
    rows : DataFrame
        The rows to fit.
    engine : Engine
    settings : SamplingSettings
    choice : Choice
        See `hiermodel.fit`.
    form : AggregatedModel, optional
        A form of the model with the same parameters, whose density costs less.

    Returns
    -------
    dict of int to Centring
        By `GroupEffects.index`; blocks that stay standardised are absent.

    Raises
    ------
    HiermodelError
        When effects must be centred and cannot be, or for a factor that the model does not have.
    """
    out: dict[int, Centring] = {}
    open_: list[GroupEffects] = []
    for group, word in _words(model, choice):
        if group not in groups:
            continue
        reason = next(_obstacles(model, group, settings), "")
        if word == "centered":
            if reason:
                raise HiermodelError(
                    f"the effects of {group.name!r} cannot be centred: {reason}; leave "
                    "parameterization to 'auto'"
                )
            out[group.index] = Centring(np.ones((len(group.coefs), len(group.grouping.levels))))
        elif word == "auto" and not reason:
            open_.append(group)
    if open_:
        out |= _from_data(form or model, rows, engine, settings, open_)
    return out


def centred_words(model: Model) -> str:
    """What was done, for the summary."""
    told = []
    for group in model.groups:
        if group.centring is not None:
            weights = group.centring.weights
            low, high = f"{weights.min():.2f}", f"{weights.max():.2f}"
            how = low if low == high else f"{low} to {high}"
            told.append(f"effects of {group.name} centred by {how}")
    return ", ".join(told)


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


def _words(model: Model, choice: Choice) -> Iterator[tuple[GroupEffects, str]]:
    names = dict.fromkeys(g.name for g in model.groups)
    if isinstance(choice, Mapping):
        for name in choice:
            if name not in names:
                raise ArgumentError(
                    f"parameterization names {name!r}, which is no grouping factor of the model"
                    f"{did_you_mean(str(name), names)}; it has {', '.join(names) or 'none'}"
                )
    for group in model.groups:
        yield group, choice if isinstance(choice, str) else choice.get(group.name, "auto")


def _obstacles(model: Model, group: GroupEffects, settings: SamplingSettings) -> Iterator[str]:
    """What stands in the way, in words."""
    i = group.index
    if group.student:
        yield "they follow a Student distribution"
    if group.known_covariance:
        yield "they have a known covariance between levels, gr(cov = )"
    if group.by is not None:
        yield f"they have a covariance for each level of {group.by.name}, gr(by = )"
    if group.prior_weight:
        yield "they have weights of their prior, gr(pw = )"
    sampled = {v.name: v for v in model.parameters}
    scale = sampled.get(f"sd_{i}")
    if scale is None or (scale.lower, scale.upper) != ("0", ""):
        yield "their standard deviations are not free positive parameters"
    if group.has_cor and f"L_{i}" not in sampled:
        yield "their correlations are not free parameters"
    if model.threads > 1:
        yield "the program adds the likelihood up in slices"
    if model.stanvars:
        yield "stanvars may refer to the standardised effects"
    if any(re.search(rf"\b[zr]_{i}\b", text) for text in model.resolved_priors.raw):
        yield "a prior statement refers to them"
    if any(f"z_{i}" in one for one in settings.init_dicts() or ()):
        yield "init= has starting values of the standardised effects"


def _from_data(
    model: Model | AggregatedModel, rows: pd.DataFrame, engine: Engine, settings: SamplingSettings,
    groups: Sequence[GroupEffects],
) -> dict[int, Centring]:
    """Weights and shifts from the curvature of the log density; none where it has no peak."""
    chosen = engine if engine.name in CAPABILITIES["log_density"] else get_engine("stanli")
    try:
        data = model.bind(rows, prior_only=False)
        density = chosen.log_density(model.stan_code, data, model.parameters)
    except (EngineError, ImportError):
        return {}
    places = free_places(model.parameters, data)
    if places is None or sum(s.stop - s.start for s in places.values()) != density.dim:
        return {}
    blocks = [_block(group, places) for group in groups]
    fit = MarginalFit(density, blocks, settings.used_seed)
    # The user's starting values are for the sampler; here any point will do.
    anywhere = replace(settings, init=None)
    start = next(
        (q for q in mode_starts(density, anywhere, model.parameters, data, 5)
         if is_finite_at(density, q)), None,
    )
    point = None if start is None else fit.find(start)
    if point is None or not is_finite_at(density, point):
        return {}
    movers = _movers(model.parameters, places)
    positions = [i for var in movers for i in range(*places[var.name].indices(density.dim))]
    out = {}
    for block in blocks:
        found = fit.information(point, block, positions)
        if found is not None:
            made = _centring(found, block, movers, places, density, point)
            if made.weights.any():
                out[block.group.index] = made
    return out


def _block(group: GroupEffects, places: Mapping[str, slice]) -> Block:
    """Where a block stands: matrices level by level, arrays of vectors by coefficient."""
    i, levels, coefs = group.index, len(group.grouping.levels), len(group.coefs)

    def positions(name: str) -> Array:
        place = places.get(name, slice(0, 0))
        return np.arange(place.start, place.stop)

    z = positions(f"z_{i}")
    z = z.reshape(levels, coefs) if group.has_cor else z.reshape(coefs, levels).T
    return Block(group, z, positions(f"sd_{i}"), positions(f"L_{i}"))


def _movers(parameters: Sequence[Var], places: Mapping[str, slice]) -> list[Var]:
    """The parameters with which effects may move: coefficients, intercepts, thresholds."""
    found, count = [], 0
    for var in parameters:
        plain = var.type in ("real", "vector", "ordered") and not (var.lower or var.upper)
        place = places[var.name]
        size = place.stop - place.start
        if plain and var.prior is not None and not var.array and 0 < size:
            count += size
            if count <= _MOST_POSITIONS:
                found.append(var)
    return found


def _centring(
    found: Information, block: Block, movers: Sequence[Var], places: Mapping[str, slice],
    density: LogDensity, point: Array,
) -> Centring:
    weights = np.clip(1 - np.einsum("lkk->kl", found.covariance), 0.0, 1.0)
    weights[np.square(weights).sum(axis=1) < _LEAST_LEVELS] = 0.0
    sd = np.exp(point[block.sd])
    used = weights.any(axis=1)
    values = {name: array[0] for name, array in density.constrain(point[None]).items()}
    shifts, start = [], 0
    for var in movers:
        stop = start + places[var.name].stop - places[var.name].start
        slopes = np.moveaxis(found.slopes[:, :, start:stop] * sd[:, None], 0, 1)
        if var.type == "ordered":
            slopes = slopes @ np.linalg.inv(_jacobian(density, point, var.name, places[var.name]))
        slopes[~used] = 0.0
        near = np.asarray(values[var.name], dtype=float)
        shifts.append(Shift(var, slopes[..., 0] if var.type == "real" else slopes, near))
        start = stop
    return Centring(weights, tuple(shifts))


def _jacobian(density: LogDensity, point: Array, name: str, place: slice) -> Array:
    """Derivatives of a parameter (rows) by its unconstrained numbers (columns)."""
    step = 1e-5
    at = range(*place.indices(len(point)))
    points = np.repeat(point[None], 2 * len(at), axis=0)
    for k, i in enumerate(at):
        points[2 * k, i] += step
        points[2 * k + 1, i] -= step
    values = density.constrain(points)[name]
    return np.asarray((values[::2] - values[1::2]) / (2 * step)).T
