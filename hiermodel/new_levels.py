"""Group-level effects for predictions: which are included, and what new levels get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hiermodel.columns import clean
from hiermodel.errors import DataError, FormulaError, HiermodelError, did_you_mean
from hiermodel.formula import expand, parse_formula
from hiermodel.terms.base import Array
from hiermodel.terms.build_groups import group_name
from hiermodel.terms.group import GroupEffects

NEW_LEVELS: tuple[str, ...] = ("uncertainty", "gaussian", "old_levels")


def included_coefs(
    groups: Sequence[GroupEffects], re_formula: str | None
) -> dict[int, tuple[int, ...]]:
    """Per owner the positions (from 0) of the coefficients that a prediction includes.

    Parameters
    ----------
    groups : sequence of GroupEffects
    re_formula : str or None
        None for all, ``"none"`` (or ``"NA"``, ``"~ 0"``) for none, or a formula with a subset
        such as ``"~ (1 | subject)"``.

    Raises
    ------
    FormulaError
        When the formula names a group-level effect that the model does not have.
    """
    if re_formula is None:
        return {g.index: tuple(range(len(g.coefs))) for g in groups}
    if not isinstance(re_formula, str):
        raise HiermodelError(
            f"re_formula is None, 'none' or formula text, not {type(re_formula).__name__}"
        )
    if re_formula.strip() in ("none", "NA", "~ 0", "~0"):
        return {g.index: () for g in groups}
    text = re_formula if "~" in re_formula else f"~ {re_formula}"
    expansion = expand(parse_formula(text))
    if not expansion.groups:
        message = "re_formula names no group-level term; 'none' leaves all of them out"
        raise FormulaError(message, text, (0, len(text)))
    wanted: dict[str, set[str]] = {}
    for term in expansion.groups:
        name = group_name(term)
        known = [g.name for g in groups]
        if name not in known:
            message = f"re_formula: the model has no effects of {name!r}{did_you_mean(name, known)}"
            raise FormulaError(message, text, term.span)
        available = {c.name for g in groups if g.name == name for c in g.coefs}
        asked = {"Intercept"} if term.coefs.intercept or term.coefs.plain_intercept else set()
        for interaction in term.coefs.terms:
            hits = {c for c in available if _belongs(c, interaction.text)}
            if not hits:
                message = f"re_formula: {interaction.text!r} does not vary over {name!r}"
                raise FormulaError(message, text, interaction.span)
            asked |= hits
        wanted.setdefault(name, set()).update(asked)
    return {
        g.index: tuple(k for k, c in enumerate(g.coefs) if c.name in wanted.get(g.name, ()))
        for g in groups
    }


def _belongs(coef: str, term: str) -> bool:
    """True when a coefficient comes from a term: the same name, or a level of its factor."""
    plain = clean(term)
    return coef == plain or (coef.startswith(plain) and ":" not in coef[len(plain):])


@dataclass(frozen=True, eq=False)
class LevelPlan:
    """Which column of the (extended) effects each row of new data reads.

    `codes` counts from 0; codes from ``len(levels)`` on are new levels, `new` their labels and
    `new_by` their level of the by factor.
    """

    codes: tuple[Array, ...]
    new: tuple[str, ...]
    new_by: tuple[int, ...]


def plan_levels(
    group: GroupEffects, frame: pd.DataFrame, allow_new_levels: bool, by_codes: Array | None = None
) -> LevelPlan:
    """Find the level of each row; unseen and missing levels are new, if that is allowed."""
    levels = group.grouping.levels
    codes = [column.copy() for column in group.grouping.codes(frame)]
    new: dict[str, int] = {}
    for member, column in enumerate(codes):
        unseen = np.flatnonzero(column < 0)
        if not len(unseen):
            continue
        labels = group.grouping.labels(frame, member)
        if not allow_new_levels:
            label = "NA" if labels[unseen[0]] is None else str(labels[unseen[0]])
            place = int(unseen[0]) + 1
            raise DataError(
                f"level {label!r} of grouping factor {group.name!r} (row {place}) is not "
                f"in the fitted model{did_you_mean(label, levels)}; pass allow_new_levels=True to "
                "predict for new levels, or re_formula='none' to leave the effects out"
            )
        for row in map(int, unseen):
            label = "NA" if labels[row] is None else str(labels[row])
            column[row] = len(levels) + new.setdefault(label, len(new))
    if by_codes is not None:
        _check_by(group, codes, by_codes)
    new_by = tuple(0 for _ in new)
    if by_codes is not None and new:
        found = dict.fromkeys(range(len(new)), 0)
        for member, column in enumerate(codes):
            for row in map(int, np.flatnonzero(column >= len(levels))):
                found[int(column[row]) - len(levels)] = int(by_codes[row, member])
        new_by = tuple(found[k] for k in range(len(new)))
    return LevelPlan(tuple(codes), tuple(new), new_by)


def _check_by(group: GroupEffects, codes: Sequence[Array], by_codes: Array) -> None:
    """Refuse a level of the by factor that is not the one its group had when it was fitted."""
    assert group.by is not None
    levels = group.grouping.levels
    for member, column in enumerate(codes):
        known = column < len(levels)
        fitted = group.by.codes[np.where(known, column, 0)]
        given = by_codes[:, member]
        wrong = np.flatnonzero(known & (given >= 0) & (given != fitted))
        if len(wrong):
            row = int(wrong[0])
            raise DataError(
                f"level {levels[column[row]]!r} of {group.name!r} has {group.by.name} = "
                f"{group.by.labels[given[row]]!r} in row {row + 1}, but was fitted with "
                f"{group.by.labels[fitted[row]]!r}; a group keeps its level of the by factor"
            )


@dataclass(frozen=True, eq=False)
class GroupDraws:
    """Draws of one grouping factor, flattened over chains: r, sd and correlations of a block."""

    r: Array
    sd: Array
    cor: Array | None
    df: Array | None


def check_sampling_of_levels(how: str) -> None:
    """Refuse a way to sample new levels that there is not."""
    if how not in NEW_LEVELS:
        raise HiermodelError(
            f"sample_new_levels must be one of {', '.join(NEW_LEVELS)}, not {how!r}"
            f"{did_you_mean(how, NEW_LEVELS)}"
        )


def new_level_effects(
    group: GroupEffects,
    draws: GroupDraws,
    plan: LevelPlan,
    how: str,
    rng: np.random.Generator,
) -> Array:
    """Effects of the new levels, (draws, new levels, coefs).

    ``"uncertainty"``: each draw takes the effects of a random existing level; ``"gaussian"``:
    from the normal (or Student) distribution that the group-level parameters of the draw
    describe; ``"old_levels"``: one existing level, chosen at random, for all draws.
    """
    size, _, width = draws.r.shape
    out = np.empty((size, len(plan.new), width))
    for k, by in enumerate(plan.new_by):
        if how == "gaussian":
            out[:, k] = _gaussian(group, draws, by, rng)
            continue
        pool = np.arange(draws.r.shape[1])
        if group.by is not None:
            pool = np.flatnonzero(group.by.codes == by)
        if how == "uncertainty":
            out[:, k] = draws.r[np.arange(size), rng.choice(pool, size)]
        else:
            out[:, k] = draws.r[:, rng.choice(pool)]
    return out


def _gaussian(group: GroupEffects, draws: GroupDraws, by: int, rng: np.random.Generator) -> Array:
    sd = draws.sd if group.by is None else draws.sd[:, by]
    z = rng.standard_normal(sd.shape)
    if draws.cor is not None:
        cor = draws.cor if group.by is None else draws.cor[:, by]
        z = np.einsum("skm,sm->sk", np.linalg.cholesky(cor), z)
    effects: Array = sd * z
    if draws.df is not None:
        mixing = draws.df / rng.chisquare(draws.df)
        effects = effects * np.sqrt(mixing)[:, None]
    return effects
