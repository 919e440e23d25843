"""Which clusters a quantity is about, and the group-level effects that follow from it.

``"observed"``: the clusters of the rows, with their own effects. ``"none"``: all effects zero,
the typical cluster on the scale of the link. ``"new"``: one new cluster for all rows, drawn anew
from the fitted distribution in each posterior draw. ``"integrated"``: the expectation over the
population of clusters, in each posterior draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.new_levels import GroupDraws, LevelPlan, new_level_effects, plan_levels
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.grouping import row_data

if TYPE_CHECKING:
    from hiermodel.fitted import Fit
    from hiermodel.submodel import Submodel

MODES = ("observed", "none", "new", "integrated")


def group_modes(fit: Fit, groups: Any, default: str) -> dict[str, str]:
    """Return the mode of each grouping factor.

    Parameters
    ----------
    fit : Fit
    groups : str, mapping or None
        One mode for all, or a mode by grouping factor; None for the `default`.

    Raises
    ------
    ArgumentError
        For a mode or a grouping factor that there is not, or one that a mapping leaves out.
    """
    names = list(dict.fromkeys(group.name for group in fit.model.groups))
    if groups is None:
        groups = default
    if isinstance(groups, str):
        _check_mode(groups)
        return dict.fromkeys(names, groups)
    if not isinstance(groups, Mapping):
        raise ArgumentError(
            f"groups must be one of {', '.join(MODES)}, or one of these by grouping factor, such "
            f"as {{'school': 'integrated'}}, not {groups!r}"
        )
    for name, mode in groups.items():
        if name not in names:
            raise ArgumentError(
                f"groups: {name!r} is no grouping factor of the model"
                f"{did_you_mean(str(name), names)}; it has {', '.join(names) or 'none'}"
            )
        _check_mode(mode)
    left = [name for name in names if name not in groups]
    if left:
        raise ArgumentError(f"groups says nothing about the grouping factor {left[0]!r}")
    return {name: groups[name] for name in names}


def _check_mode(mode: Any) -> None:
    if mode not in MODES:
        raise ArgumentError(
            f"groups must be one of {', '.join(MODES)}, not {mode!r}"
            f"{did_you_mean(str(mode), MODES)}"
        )


def modes_text(modes: Mapping[str, str]) -> str:
    """Return the modes in short: one word, or one by factor."""
    if len(set(modes.values())) == 1:
        return next(iter(modes.values()))
    return ", ".join(f"{name}: {mode}" for name, mode in modes.items())


@dataclass(frozen=True, eq=False)
class Factor:
    """One grouping factor: its blocks of effects and their draws, flattened over chains."""

    owners: tuple[GroupEffects, ...]
    labels: tuple[str, ...]
    draws: GroupDraws

    @property
    def name(self) -> str:
        """Its name as users see it."""
        return self.owners[0].name

    def some(self, at: Array) -> Factor:
        """Return the factor with some of its draws."""
        d = self.draws
        cor, df = (None if v is None else v[at] for v in (d.cor, d.df))
        return replace(self, draws=GroupDraws(d.r[at], d.sd[at], cor, df))

    def columns(self, owner: GroupEffects) -> list[int]:
        """Positions of the coefficients of a block among those of the factor."""
        return [self.labels.index(coef.label) for coef in owner.coefs]


def factors(fit: Fit, posterior: xr.Dataset) -> tuple[Factor, ...]:
    """Return the grouping factors of a fit of one response."""
    owners: dict[str, list[GroupEffects]] = {}
    for group in fit.model.groups:
        owners.setdefault(group.name, []).append(group)
    return tuple(_factor(tuple(blocks), posterior) for blocks in owners.values())


def _factor(owners: tuple[GroupEffects, ...], posterior: xr.Dataset) -> Factor:
    key = owners[0].key

    def flat(name: str) -> Array | None:
        if name not in posterior:
            return None
        values = posterior[name].values
        return values.reshape(-1, *values.shape[2:])

    r, sd = flat(f"r_{key}"), flat(f"sd_{key}")
    assert r is not None and sd is not None
    array = posterior[f"r_{key}"]
    labels = tuple(str(v) for v in array.coords[array.dims[-1]].values)
    return Factor(owners, labels, GroupDraws(r, sd, flat(f"cor_{key}"), flat(f"df_{key}")))


@dataclass(eq=False)
class Clusters:
    """The group-level effects of any rows, in the modes that were asked for.

    Effects of new clusters are drawn once for each label and kept, so that all rows, and both
    sides of a comparison, are about the same new cluster.
    """

    part: Submodel
    factors: tuple[Factor, ...]
    modes: Mapping[str, str]
    seed: int
    allow_new_levels: bool = False
    sample_new_levels: str = "uncertainty"
    _known: dict[int, Array] = field(default_factory=dict, init=False)
    _new: dict[tuple[str, str, int], Array] = field(default_factory=dict, init=False)

    def of(self, mode: str) -> tuple[Factor, ...]:
        """Return the factors with a mode."""
        return tuple(factor for factor in self.factors if self.modes[factor.name] == mode)

    def columns_needed(self) -> list[str]:
        """Return the columns that say to which cluster a row belongs, and its by factor."""
        out: list[str] = []
        for factor in self.factors:
            mode = self.modes[factor.name]
            for owner in factor.owners if mode != "none" else ():
                grouping = owner.grouping
                if mode == "observed":
                    out += owner.columns_needed
                else:
                    out += () if owner.by is None else tuple(owner.by.expression.variables)
                    out += () if grouping.weights is None else tuple(grouping.weights.variables)
                for view in self.views(owner):
                    out += view.columns_needed
        return list(dict.fromkeys(out))

    def views(self, owner: GroupEffects) -> list[GroupView]:
        """Return the terms of this response that hold coefficients of a block."""
        return [
            term
            for predictor in self.part.predictors
            for term in predictor.terms
            if isinstance(term, GroupView) and term.owner is owner
        ]

    def bind(self, frame: pd.DataFrame) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return effects ``r_<i>`` and row data for factors that are observed or new."""
        draws: dict[str, Array] = {}
        data: dict[str, Any] = {}
        for factor in self.factors:
            mode = self.modes[factor.name]
            if mode not in ("observed", "new"):
                continue
            for owner in factor.owners:
                find = self._observed if mode == "observed" else self._one_new
                codes, r = find(factor, owner, frame)
                draws[f"r_{owner.index}"] = r
                data |= row_data(
                    owner.grouping, owner.index, self.part.name, codes, frame, missing="pass"
                )
                for view in self.views(owner):
                    data |= view.data(frame, missing="pass")
        return draws, data

    def _observed(
        self, factor: Factor, owner: GroupEffects, frame: pd.DataFrame
    ) -> tuple[tuple[Array, ...], Array]:
        members = len(owner.grouping.members)
        by_codes = None if owner.by is None else owner.by.row_codes(frame, members)
        plan = plan_levels(owner, frame, True, by_codes)
        if plan.new and not self.allow_new_levels:
            raise DataError(
                f"level {plan.new[0]!r} of grouping factor {factor.name!r} is not in the fitted "
                f"model{did_you_mean(plan.new[0], owner.grouping.levels)}; pass "
                "allow_new_levels=True, or ask for other clusters with groups='none', 'new' or "
                "'integrated'"
            )
        r = self._known_effects(factor, owner)
        if plan.new:
            columns = factor.columns(owner)
            new = [
                self._effects_of(factor, label, by)[:, None, columns]
                for label, by in zip(plan.new, plan.new_by, strict=True)
            ]
            r = np.concatenate([r, *new], axis=1)
        return plan.codes, r

    def _known_effects(self, factor: Factor, owner: GroupEffects) -> Array:
        if owner.index not in self._known:
            columns = factor.columns(owner)
            whole = columns == list(range(factor.draws.r.shape[-1]))
            self._known[owner.index] = factor.draws.r if whole else factor.draws.r[:, :, columns]
        return self._known[owner.index]

    def _one_new(
        self, factor: Factor, owner: GroupEffects, frame: pd.DataFrame
    ) -> tuple[tuple[Array, ...], Array]:
        """Return codes and effects of one new cluster, a second one where a row has two members."""
        slots, by = member_slots(owner, frame), by_of_members(owner, frame)
        keys = list(zip(slots.ravel().tolist(), by.ravel().tolist(), strict=True))
        unique = list(dict.fromkeys(keys))
        place = {key: k for k, key in enumerate(unique)}
        codes = np.array([place[key] for key in keys]).reshape(slots.shape)
        columns = factor.columns(owner)
        r = [self._effects_of(factor, f"\0{slot}", b)[:, columns] for slot, b in unique]
        return tuple(codes.T), np.stack(r, axis=1)

    def _effects_of(self, factor: Factor, label: str, by: int) -> Array:
        """Return the effects of a new cluster, (draws, coefs)."""
        key = (factor.name, label, by)
        if key not in self._new:
            how = "gaussian" if self.modes[factor.name] == "new" else self.sample_new_levels
            # A seed of its own for each cluster: what else is asked for does not change it.
            entropy = [self.seed, *f"{factor.name}\0{label}".encode(), by]
            rng = np.random.default_rng(entropy)
            plan = LevelPlan((), (label,), (by,))
            found = new_level_effects(factor.owners[0], factor.draws, plan, how, rng)
            self._new[key] = found[:, 0]
        return self._new[key]


def member_slots(owner: GroupEffects, frame: pd.DataFrame) -> Array:
    """Which of the new clusters of a row each member is, (rows, members).

    The members of ``mm(g1, g2)`` are different clusters, unless a row names the same twice.
    """
    grouping = owner.grouping
    count = len(grouping.members)
    slots = np.tile(np.arange(count), (len(frame), 1))
    known = set(map(str, frame.columns))
    if count == 1 or not all(name in known for member in grouping.members for name in member):
        return slots
    labels = np.column_stack([grouping.labels(frame, k) for k in range(count)])
    for k in range(1, count):
        for j in range(k):
            same = (labels[:, k] == labels[:, j]) & (slots[:, k] == k)
            slots[same, k] = slots[same, j]
    return slots


def by_of_members(owner: GroupEffects, frame: pd.DataFrame) -> Array:
    """Level of the by factor of each row and member, zeros without one.

    Raises
    ------
    DataError
        For a level of the by factor that the fit does not know: it has no distribution.
    """
    members = len(owner.grouping.members)
    if owner.by is None:
        return np.zeros((len(frame), members), dtype=int)
    codes = owner.by.row_codes(frame, members)
    if (codes < 0).any():
        row = int(np.flatnonzero((codes < 0).any(axis=1))[0]) + 1
        raise DataError(
            f"row {row} has no known level of {owner.by.name!r}, by which the effects of "
            f"{owner.name!r} differ; its levels are {', '.join(owner.by.labels)}"
        )
    return codes
