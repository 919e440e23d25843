"""Which group-level effects are centred, and how far."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.centring.curvature import has_scale, weights_from_data
from hiermodel.centring.pilot import Form
from hiermodel.engines import SamplingSettings
from hiermodel.engines.tuning import Tuner
from hiermodel.errors import ArgumentError, HiermodelError, did_you_mean
from hiermodel.modeling import Model
from hiermodel.terms.centring import Centring
from hiermodel.terms.group import GroupEffects

KNOWN = ("auto", "centered", "noncentered")
#: What the user asked for: one word for all grouping factors, or a word for some of them.
Choice = str | Mapping[str, str]


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
    model: Model, groups: Sequence[GroupEffects], rows: pd.DataFrame, settings: SamplingSettings,
    choice: Choice, form: Form | None = None,
) -> tuple[dict[int, Centring], Tuner | None]:
    """Decide how far the effects of each block are centred.

    Parameters
    ----------
    model : Model
    groups : sequence of GroupEffects
        The blocks of the model whose effects are sampled.
    rows : DataFrame
        The rows to fit.
    settings : SamplingSettings
    choice : Choice
        See `hiermodel.fit`.
    form : Form, optional
        The form of the model that is sampled.

    Returns
    -------
    centrings : dict of int to Centring
        By `GroupEffects.index`; blocks that stay standardised are absent.
    tuner : Tuner, optional
        What was learnt of the posterior for the sampler.

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
    if not open_:
        return out, None
    found, tuner = weights_from_data(form or model, rows, settings, open_)
    # What the user centred is not what the tuner has seen.
    return out | found, None if out else tuner


def centred_words(model: Model) -> str:
    """What was done, for the summary."""
    told = []
    for group in model.groups:
        # Weights of 0 are of effects that others move with.
        if group.centring is not None and group.centring.weights.any():
            weights = group.centring.weights
            low, high = f"{weights.min():.2f}", f"{weights.max():.2f}"
            how = low if low == high else f"{low} to {high}"
            told.append(f"effects of {group.name} centred by {how}")
    return ", ".join(told)


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
    sampled = {v.name for v in model.parameters}
    if group.grouping.multi:
        yield "they belong to several members of each row, mm()"
    if not has_scale(model, group):
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
