"""Expectations over the population of clusters, in each draw, by quadrature.

Given the group-level parameters of a draw, the linear predictors of a row are normal around their
population part, with a covariance that the designs of the group-level terms give. So the integral
has one dimension for each linear predictor with group-level effects, however many effects there
are. Category-specific effects move the thresholds, each of which is a dimension too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.marginal.groups import Clusters, Factor, by_of_members, member_slots
from hiermodel.marginal.quadrature import Rule, mixing, nodes, student
from hiermodel.predict import etas
from hiermodel.predictors import Predictor
from hiermodel.prepare import Prediction
from hiermodel.terms.base import Array
from hiermodel.terms.category_specific import CategorySpecificView
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.special_view import SpecialView


@dataclass(frozen=True, eq=False)
class Given:
    """A term whose values are put among the draws, (draws, rows)."""

    template: ClassVar[str] = ""

    name: str
    text: str = ""
    variables: tuple[Any, ...] = ()
    columns_needed: tuple[str, ...] = ()

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """No data."""
        return {}

    def constants(self) -> dict[str, Any]:
        """No constants."""
        return {}

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The values."""
        return draws[self.name]

    def label(self, draws: Mapping[str, Array]) -> tuple[Any, ...]:
        """Nothing is sampled."""
        return ()


@dataclass(frozen=True, eq=False)
class GivenThresholds(Given):
    """Movements of thresholds that are put among the draws, (draws, rows, thresholds)."""

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """Nothing: they move the thresholds."""
        return np.zeros((1, 1))

    def threshold_effects(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """What is taken off the thresholds."""
        return draws[self.name]


@dataclass(frozen=True, slots=True)
class Axis:
    """What varies over clusters: a linear predictor, or its k-th threshold (from 1)."""

    predictor: str
    threshold: int = 0


@dataclass(frozen=True, eq=False)
class Source:
    """Covariance of what varies that one cluster of each row brings.

    `covariance` is by pairs of axes, (draws, rows); `df` of Student effects.
    """

    factor: str
    slot: int
    df: Array | None
    covariance: Mapping[tuple[int, int], Array]


def varying(clusters: Clusters) -> tuple[Axis, ...]:
    """Return what has effects to integrate over."""
    wanted = {owner for factor in clusters.of("integrated") for owner in factor.owners}
    out: list[Axis] = []
    for predictor in clusters.part.predictors:
        if not isinstance(predictor, Predictor):
            continue
        views = [t for t in predictor.terms if isinstance(t, GroupView) and t.owner in wanted]
        moving = [view for view in views if isinstance(view, CategorySpecificView)]
        if len(moving) < len(views):
            out.append(Axis(predictor.name))
        if moving:
            out += [Axis(predictor.name, k) for k in range(1, moving[0].nthres + 1)]
    return tuple(out)


def reads_draws(clusters: Clusters) -> bool:
    """True when designs of effects to integrate over are themselves draws: ``(mo(x) | g)``."""
    owners = [owner for factor in clusters.of("integrated") for owner in factor.owners]
    return any(isinstance(v, SpecialView) for owner in owners for v in clusters.views(owner))


def sources(
    clusters: Clusters, frame: pd.DataFrame, prediction: Prediction | None
) -> list[Source]:
    """Return the covariances for the rows of a frame, one entry a factor and cluster of a row.

    Designs that are draws (`reads_draws`) are taken from the `prediction` for these rows.
    """
    axes = varying(clusters)
    out: list[Source] = []
    size = prediction.size if prediction is not None and reads_draws(clusters) else 1
    for factor in clusters.of("integrated"):
        slots = max(len(owner.grouping.members) for owner in factor.owners)
        # One design for all draws, or one for each.
        designs = np.zeros((slots, len(axes), size, len(frame), len(factor.labels)))
        for owner in factor.owners:
            _add_design(clusters, factor, owner, frame, axes, designs, prediction)
        by = by_of_members(factor.owners[0], frame)
        for slot in range(slots):
            column = by[:, min(slot, by.shape[1] - 1)]
            covariance = _covariance(factor, designs[slot], column)
            if covariance:
                out.append(Source(factor.name, slot, factor.draws.df, covariance))
    return out


def _add_design(
    clusters: Clusters, factor: Factor, owner: Any, frame: pd.DataFrame,
    axes: tuple[Axis, ...], designs: Array, prediction: Prediction | None,
) -> None:
    """Add the designs of the terms of one block: weights times columns, by cluster of the row."""
    slots = member_slots(owner, frame)
    count = slots.shape[1]
    weights = owner.grouping.weight_columns(frame) if owner.grouping.multi else (1.0,)
    positions = factor.columns(owner)
    rows = np.arange(len(frame))
    for predictor in clusters.part.predictors:
        for view in predictor.terms:
            if not isinstance(view, GroupView) or view.owner is not owner:
                continue
            data = view.data(frame)
            special = dict(view.special_columns) if isinstance(view, SpecialView) else {}
            for column in view.columns:
                m = positions[column - 1]
                moves = view.threshold_of(column) if isinstance(view, CategorySpecificView) else 0
                p = axes.index(Axis(predictor.name, moves))
                if column in special:
                    assert prediction is not None
                    value = special[column].value(prediction.draws, prediction.data)
                    designs[0, p, :, :, m] += value
                    continue
                for k in range(count):
                    member = owner.grouping.member_indices[k]
                    z = data[view.z_name(column, member)] * weights[k]
                    # The index of slots comes first where it stands beside a slice.
                    designs[slots[:, k], p, :, rows, m] += np.asarray(z)[:, None]


def _covariance(
    factor: Factor, design: Array, by: Array
) -> dict[tuple[int, int], Array]:
    """Covariances (draws, rows) of the predictors, from designs (predictors, rows, coefs)."""
    draws, count = factor.draws, len(design)
    used = np.flatnonzero(np.any(design != 0, axis=(0, 1, 2)))
    present = [p for p in range(count) if np.any(design[p] != 0)]
    if not present:
        return {}
    size, n = len(draws.sd), design.shape[2]
    out = {(p, q): np.zeros((size, n)) for p in present for q in present if q <= p}
    levels = np.unique(by)
    for level in levels:
        at = slice(None) if len(levels) == 1 else np.flatnonzero(by == level)
        has_by = factor.owners[0].by is not None
        sd = (draws.sd[:, level] if has_by else draws.sd)[:, used]
        sigma = np.square(sd)
        if draws.cor is not None:
            whole = draws.cor[:, level] if has_by else draws.cor
            sigma = sd[:, :, None] * whole[:, used[:, None], used[None, :]] * sd[:, None, :]
        for (p, q), total in out.items():
            total[:, at] = _quadratic(design[p][:, at][..., used], design[q][:, at][..., used],
                                      sigma)
    return out


def _quadratic(zp: Array, zq: Array, sigma: Array) -> Array:
    """Sums of zp sigma zq' over coefficients, (draws, rows).

    `sigma` are variances (draws, coefs) or covariances (draws, coefs, coefs); designs are (1 or
    draws, rows, coefs).
    """
    if len(zp) > 1:
        half = zp * sigma[:, None] if sigma.ndim == 2 else zp @ sigma
        return np.asarray((half * zq).sum(axis=-1))
    if sigma.ndim == 2:
        return np.asarray(sigma @ (zp[0] * zq[0]).T)
    pairs = (zp[0][:, :, None] * zq[0][:, None, :]).reshape(zp.shape[1], -1)
    return np.asarray(sigma.reshape(len(sigma), -1) @ pairs.T)


def expectation(
    prediction: Prediction, found: list[Source], axes: tuple[Axis, ...], rule: Rule,
    quantity: Callable[[Prediction], Array],
) -> Array:
    """Return the expectation of a quantity over the population of clusters.

    Parameters
    ----------
    prediction : Prediction
        Rows and draws without the effects to integrate over.
    found : list of Source
    axes : tuple of Axis
        What varies.
    rule : Rule
    quantity : callable
        Prediction -> (draws, rows) or (draws, rows, categories).

    Returns
    -------
    ndarray
        Of the shape of the quantity.
    """
    everything = slice(0, prediction.size)
    fixed = {
        axis.predictor: _eta(prediction, everything, axis.predictor)
        for axis in axes if not axis.threshold
    }
    ready = _with_given(prediction, axes)
    total: Array | float = 0.0
    walk = _along_line if len(axes) == 1 else _in_space
    for weight, deviations in walk(found, rule, len(axes), (prediction.size, prediction.n)):
        draws = dict(ready.draws)
        moved: dict[str, list[Array]] = {}
        for axis, deviation in zip(axes, deviations, strict=True):
            if axis.threshold:
                moved.setdefault(axis.predictor, []).append(deviation)
            else:
                draws[f"given {axis.predictor}"] = fixed[axis.predictor] + deviation
        draws |= {f"thresholds {name}": np.stack(v, axis=-1) for name, v in moved.items()}
        values = np.asarray(quantity(replace(ready, draws=draws)))
        if isinstance(weight, np.ndarray):
            weight = weight.reshape(-1, *[1] * (values.ndim - 1))
        total = total + weight * values
    return np.asarray(total)


def _eta(prediction: Prediction, at: slice, name: str) -> Array:
    return etas(prediction, at, name)[name][1]


def _with_given(prediction: Prediction, axes: tuple[Axis, ...]) -> Prediction:
    """The prediction with predictors and movements of thresholds whose values are given."""
    changed = []
    for p in prediction.part.predictors:
        if isinstance(p, Predictor):
            terms = tuple(p.terms)
            if Axis(p.name) in axes:
                terms = (Given(f"given {p.name}"), *p.category_specific)
            if Axis(p.name, 1) in axes:
                terms = (*terms, GivenThresholds(f"thresholds {p.name}"))
            p = replace(p, terms=terms)
        changed.append(p)
    return replace(prediction, part=replace(prediction.part, predictors=tuple(changed)))


def _along_line(
    found: list[Source], rule: Rule, dims: int, shape: tuple[int, int]
) -> Iterator[tuple[Any, list[Any]]]:
    """Yield weights and deviations of the only predictor that varies."""
    every = [(s, s.covariance[0, 0]) for s in found if (0, 0) in s.covariance]
    plain = [variance for source, variance in every if source.df is None]
    heavy = [(np.sqrt(v), *student(source.df, rule.mixing)) for source, v in every
             if source.df is not None]
    z, weights = nodes(rule.kind, rule.count, 1)
    sd = np.sqrt(np.maximum(sum(plain), 0.0)) if plain else None
    for place in np.ndindex(*[rule.mixing] * len(heavy)):
        outer: Any = 1.0
        moved: Any = np.zeros(shape)
        for (scale, points, shares), k in zip(heavy, place, strict=True):
            outer = outer * shares[k]
            moved = moved + scale * points[k][:, None]
        if sd is None:
            yield outer, [moved]
            continue
        for point, weight in zip(z[:, 0], weights, strict=True):
            yield outer * weight, [moved + sd * point]


def _in_space(
    found: list[Source], rule: Rule, dims: int, shape: tuple[int, int]
) -> Iterator[tuple[Any, list[Any]]]:
    """Yield weights and deviations of several predictors."""
    z, weights = nodes(rule.kind, rule.count, dims)
    for multipliers, outer in _mixtures(found, rule.mixing):
        root = _cholesky(found, multipliers, dims)
        for point, weight in zip(z, weights, strict=True):
            deviations = [
                sum((root[p, q] * point[q] for q in range(p + 1) if (p, q) in root),
                    np.zeros(shape))
                for p in range(dims)
            ]
            yield outer * weight, deviations


def _mixtures(found: list[Source], count: int) -> Iterator[tuple[list[Any], Any]]:
    """Yield the multiplier of each source and the weight of the combination."""
    heavy = [k for k, source in enumerate(found) if source.df is not None]
    tables = [mixing(np.asarray(found[k].df), count) for k in heavy]
    for place in np.ndindex(*[count] * len(heavy)):
        multipliers: list[Any] = [1.0] * len(found)
        weight: Any = 1.0
        for k, (values, weights), j in zip(heavy, tables, place, strict=True):
            multipliers[k] = values[j][:, None]
            weight = weight * weights[j]
        yield multipliers, weight


def _cholesky(
    found: list[Source], multipliers: list[Any], dims: int
) -> dict[tuple[int, int], Array]:
    """Return the lower Cholesky factor of the summed covariance, by entry, (draws, rows) each.

    Entries that are zero everywhere are absent.
    """
    cov: dict[tuple[int, int], Array] = {}
    for source, multiplier in zip(found, multipliers, strict=True):
        for pair, values in source.covariance.items():
            cov[pair] = cov[pair] + multiplier * values if pair in cov else multiplier * values
    root: dict[tuple[int, int], Array] = {}
    for p in range(dims):
        for q in range(p + 1):
            value = cov.get((p, q))
            for k in range(q):
                if (p, k) in root and (q, k) in root:
                    value = (0.0 if value is None else value) - root[p, k] * root[q, k]
            if value is None:
                continue
            if p == q:
                root[p, p] = np.sqrt(np.maximum(value, 0.0))
            elif (q, q) in root:
                pivot = root[q, q]
                safe = np.where(pivot > 0, pivot, 1.0)
                root[p, q] = np.where(pivot > 0, value / safe, 0.0)
    return root
