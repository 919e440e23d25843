"""Weights and shifts of group-level effects from the curvature of the log density."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from hiermodel.centring.marginal_fit import MarginalFit
from hiermodel.centring.pilot import Form, Pilot, whole
from hiermodel.centring.search import Search, blocks_of, movers
from hiermodel.engines import SamplingSettings, get_engine
from hiermodel.engines.free import free_places
from hiermodel.engines.starts import is_finite_at, mode_starts
from hiermodel.engines.tuning import Tuner
from hiermodel.errors import EngineError
from hiermodel.modeling import Model
from hiermodel.terms.centring import Centring
from hiermodel.terms.group import GroupEffects

# Points around the mode at which curvatures are averaged.
_POINTS = 4
_STARTS = 5


def weights_from_data(
    form: Form, rows: pd.DataFrame, settings: SamplingSettings, groups: Sequence[GroupEffects],
) -> tuple[dict[int, Centring], Tuner | None]:
    """Weights and shifts from the curvature of the log density; none where it has no peak.

    A first guess is made at the mode of a marginal fit, the second one where the posterior has its
    mass: at draws of a short chain with the first guess. Residual standard deviations, for one, can
    be far too small at a mode.

    Returns
    -------
    centrings : dict of int to Centring
        By `GroupEffects.index`, those in front that others move with.
    tuner : Tuner, optional
        Tunes a sampler of the form that has these centrings.
    """
    nothing: dict[int, Centring] = {}
    engine = get_engine("stanli")
    try:
        data = form.bind(rows, prior_only=False)
        density = engine.log_density(form.stan_code, data, form.parameters)
    except (EngineError, ImportError):
        return nothing, None
    places = free_places(form.parameters, data)
    if places is None or sum(s.stop - s.start for s in places.values()) != density.dim:
        return nothing, None
    sampled = [g for g in whole(form).groups if has_scale(form, g) and f"z_{g.index}" in places]
    fit = MarginalFit(density, blocks_of(sampled, places), settings.used_seed)
    anywhere = SamplingSettings(chains=1, seed=settings.used_seed)
    start = next(
        (q for q in mode_starts(density, anywhere, form.parameters, data, _STARTS)
         if is_finite_at(density, q)), None,
    )
    mode = None if start is None else fit.find(start)
    if mode is None or not is_finite_at(density, mode):
        return nothing, None
    search = Search(fit, groups, movers(form.parameters, places), places, whole(form).nobs)
    first = search.centrings(
        {k: fit.around(mode, block, _POINTS) for k, block in enumerate(fit.blocks)}, mode
    )
    if not first:
        return nothing, None
    found = density.constrain(mode[None])
    at_mode = Pilot(form, {v.name: found[v.name][None] for v in form.parameters})
    try:
        pilot = at_mode.run(first, data, settings)
    except EngineError:
        return nothing, None
    points = [density.unconstrain(pilot.point(k)) for k in range(len(pilot))]
    second = search.centrings(
        dict.fromkeys(range(len(fit.blocks)), points), np.mean(points, axis=0)
    )
    return second, pilot.tuner(second)


def has_scale(form: Form | Model, group: GroupEffects) -> bool:
    """Whether the standard deviations are sampled as positive numbers, one for each coefficient."""
    scale = next((v for v in form.parameters if v.name == f"sd_{group.index}"), None)
    return scale is not None and (scale.type, scale.lower, scale.upper) == ("vector", "0", "")
