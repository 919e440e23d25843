"""Expectations over the population of clusters, in each draw, by quadrature.

Given the group-level parameters of a draw, the linear predictors of a row are normal around their
population part, with a covariance that the designs of the group-level terms give. So the integral
has one dimension for each linear predictor with group-level effects, however many effects there
are. One to three dimensions are Gauss-Hermite products (in one dimension the trapezoidal rule
takes over where integrands are too steep for it; Trefethen & Weideman 2014,
doi:10.1137/130932132), more are a scrambled Sobol sequence. The mixing variable of Student
effects is integrated over its logarithm by the trapezoidal rule. The number of nodes is the
smallest for which a finer rule agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import special, stats

from hiermodel.errors import ArgumentError, HiermodelError
from hiermodel.marginal.groups import Clusters, Factor, by_of_members, member_slots
from hiermodel.predict import Prediction, etas
from hiermodel.predictors import Predictor
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupView

# A rule is fine enough when the next one changes no value by more than this share.
TOLERANCE = 1e-6

# Kinds of rules by dimension, coarse to fine.
_RULES: Mapping[int, tuple[tuple[str, int], ...]] = {
    0: (("hermite", 1), ("hermite", 2)),
    1: (("hermite", 5), ("hermite", 9), ("hermite", 15), ("hermite", 25), ("trapezoid", 81),
        ("trapezoid", 161), ("trapezoid", 321), ("trapezoid", 641), ("trapezoid", 1281),
        ("trapezoid", 2561)),
    2: (("hermite", 5), ("hermite", 9), ("hermite", 15), ("hermite", 23), ("hermite", 35),
        ("trapezoid", 81), ("trapezoid", 121)),
    3: (("hermite", 5), ("hermite", 7), ("hermite", 11), ("hermite", 15), ("hermite", 21)),
}
_SOBOL = (("sobol", 9), ("sobol", 11), ("sobol", 13))
# Random rules cannot be as exact; their error is far below that of the draws.
_SOBOL_TOLERANCE = 5e-3
_MIXING = (7, 11, 17, 25, 35, 49, 69, 97)
# Corners of products that weigh less than this are left out.
_SMALL_WEIGHT = 1e-20
# More points than this, with those of mixing variables, are not tried.
_MOST_NODES = 50_000


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
class Source:
    """Covariance of the linear predictors that one cluster of each row brings.

    `covariance` is by pairs of predictors, (draws, rows); `df` of Student effects.
    """

    factor: str
    slot: int
    df: Array | None
    covariance: Mapping[tuple[int, int], Array]


def varying(clusters: Clusters) -> tuple[str, ...]:
    """Return the names of the linear predictors that have effects to integrate over."""
    wanted = {owner for factor in clusters.of("integrated") for owner in factor.owners}
    return tuple(
        predictor.name
        for predictor in clusters.part.predictors
        if isinstance(predictor, Predictor)
        and any(isinstance(t, GroupView) and t.owner in wanted for t in predictor.terms)
    )


def sources(clusters: Clusters, frame: pd.DataFrame) -> list[Source]:
    """Return the covariances for the rows of a frame, one entry a factor and cluster of a row."""
    names = varying(clusters)
    out: list[Source] = []
    for factor in clusters.of("integrated"):
        slots = max(len(owner.grouping.members) for owner in factor.owners)
        designs = np.zeros((slots, len(names), len(frame), len(factor.labels)))
        for owner in factor.owners:
            _add_design(clusters, factor, owner, frame, names, designs)
        by = by_of_members(factor.owners[0], frame)
        for slot in range(slots):
            column = by[:, min(slot, by.shape[1] - 1)]
            covariance = _covariance(factor, designs[slot], column)
            if covariance:
                out.append(Source(factor.name, slot, factor.draws.df, covariance))
    return out


def _add_design(
    clusters: Clusters, factor: Factor, owner: Any, frame: pd.DataFrame,
    names: tuple[str, ...], designs: Array,
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
            data, p = view.data(frame), names.index(predictor.name)
            for column in view.columns:
                m = positions[column - 1]
                for k in range(count):
                    member = owner.grouping.member_indices[k]
                    z = data[view.z_name(column, member)] * weights[k]
                    designs[slots[:, k], p, rows, m] += z


def _covariance(
    factor: Factor, design: Array, by: Array
) -> dict[tuple[int, int], Array]:
    """Covariances (draws, rows) of the predictors, from designs (predictors, rows, coefs)."""
    draws, count = factor.draws, len(design)
    used = np.flatnonzero(np.any(design != 0, axis=(0, 1)))
    present = [p for p in range(count) if np.any(design[p] != 0)]
    if not present:
        return {}
    size, n = len(draws.sd), design.shape[1]
    out = {(p, q): np.zeros((size, n)) for p in present for q in present if q <= p}
    levels = np.unique(by)
    for level in levels:
        at = slice(None) if len(levels) == 1 else np.flatnonzero(by == level)
        has_by = factor.owners[0].by is not None
        sd = (draws.sd[:, level] if has_by else draws.sd)[:, used]
        cor = None
        if draws.cor is not None:
            whole = draws.cor[:, level] if has_by else draws.cor
            cor = whole[:, used[:, None], used[None, :]]
        for (p, q), total in out.items():
            zp, zq = design[p][at][:, used], design[q][at][:, used]
            if cor is None:
                total[:, at] = np.square(sd) @ (zp * zq).T
            else:
                sigma = sd[:, :, None] * cor * sd[:, None, :]
                pairs = (zp[:, :, None] * zq[:, None, :]).reshape(len(zp), -1)
                total[:, at] = sigma.reshape(size, -1) @ pairs.T
    return out


def nodes(kind: str, count: int, dims: int) -> tuple[Array, Array]:
    """Return the nodes (K, dims) and weights (K) of a rule for standard normal variables.

    Examples
    --------
    >>> z, w = nodes("hermite", 5, 1)
    >>> round(float((w * z[:, 0] ** 4).sum()), 10)
    3.0
    """
    if dims == 0:
        return np.zeros((1, 0)), np.ones(1)
    if kind == "sobol":
        uniform = stats.qmc.Sobol(dims, seed=20240229).random_base2(count)
        return special.ndtri(uniform), np.full(len(uniform), 1.0 / len(uniform))
    if kind == "hermite":
        z, w = np.polynomial.hermite_e.hermegauss(count)
    else:
        z = np.linspace(-10.0, 10.0, count)
        w = np.exp(-0.5 * z**2)
    w = w / w.sum()
    if dims == 1:
        return z[:, None], w
    grids = np.meshgrid(*[z] * dims, indexing="ij")
    weights = np.prod(np.meshgrid(*[w] * dims, indexing="ij"), axis=0).ravel()
    kept = weights > _SMALL_WEIGHT
    points = np.column_stack([g.ravel() for g in grids])[kept]
    return points, weights[kept] / weights[kept].sum()


def mixing(df: Array, count: int) -> tuple[Array, Array]:
    """Return multipliers of the covariance of Student effects and their weights, (K, draws).

    The multiplier is df / chi2(df). The density of log chi2 is smooth, so that the trapezoidal
    rule converges geometrically.
    """
    low = np.log(stats.chi2.ppf(1e-10, df))
    high = np.log(stats.chi2.isf(1e-14, df))
    t = low + (high - low) * np.linspace(0.0, 1.0, count)[:, None]
    log_density = 0.5 * df * t - 0.5 * np.exp(t)
    w = np.exp(log_density - log_density.max(axis=0))
    return df / np.exp(t), w / w.sum(axis=0)


@dataclass(frozen=True)
class Rule:
    """How fine the quadrature is: a kind and count of nodes, and nodes of mixing variables."""

    kind: str
    count: int
    mixing: int

    @staticmethod
    def ladder(dims: int, student: int) -> list[Rule]:
        """Return the rules to choose from, coarse to fine.

        Parameters
        ----------
        dims : int
            Number of linear predictors that vary.
        student : int
            Number of mixing variables.
        """
        kinds = _RULES.get(dims, _SOBOL)
        if not student:
            return [Rule(kind, count, 1) for kind, count in kinds]
        steps = max(len(kinds), len(_MIXING))
        rules = [
            Rule(*kinds[min(k, len(kinds) - 1)], _MIXING[min(k, len(_MIXING) - 1)])
            for k in range(steps)
        ]
        fine = (len(nodes(r.kind, r.count, dims)[1]) * r.mixing**student for r in rules)
        return [rule for rule, size in zip(rules, fine, strict=True) if size <= _MOST_NODES]


def expectation(
    prediction: Prediction, found: list[Source], names: tuple[str, ...], rule: Rule,
    quantity: Callable[[Prediction], Array],
) -> Array:
    """Return the expectation of a quantity over the population of clusters.

    Parameters
    ----------
    prediction : Prediction
        Rows and draws without the effects to integrate over.
    found : list of Source
    names : tuple of str
        The linear predictors that vary.
    rule : Rule
    quantity : callable
        Prediction -> (draws, rows) or (draws, rows, categories).

    Returns
    -------
    ndarray
        Of the shape of the quantity.
    """
    everything = slice(0, prediction.size)
    predictors = [p for p in prediction.part.predictors if isinstance(p, Predictor)]
    fixed = {p.name: _eta(prediction, everything, p.name) for p in predictors if p.name in names}
    ready = _with_given(prediction, names)
    z, weights = nodes(rule.kind, rule.count, len(names))
    total: Array | float = 0.0
    for multipliers, outer in _mixtures(found, rule.mixing):
        root = _cholesky(found, multipliers, len(names), (prediction.size, prediction.n))
        for point, weight in zip(z, weights, strict=True):
            draws = dict(ready.draws)
            for p, name in enumerate(names):
                deviation = sum(
                    root[p, q] * point[q] for q in range(p + 1) if (p, q) in root
                )
                draws[f"given {name}"] = fixed[name] + deviation
            values = np.asarray(quantity(replace(ready, draws=draws)))
            share = outer * weight
            if isinstance(share, np.ndarray):
                share = share.reshape(-1, *[1] * (values.ndim - 1))
            total = total + share * values
    return np.asarray(total)


def _eta(prediction: Prediction, at: slice, name: str) -> Array:
    return etas(prediction, at, name)[name][1]


def _with_given(prediction: Prediction, names: tuple[str, ...]) -> Prediction:
    """The prediction with predictors whose values are given."""
    changed = tuple(
        replace(p, terms=(Given(f"given {p.name}"), *p.category_specific))
        if isinstance(p, Predictor) and p.name in names
        else p
        for p in prediction.part.predictors
    )
    return replace(prediction, part=replace(prediction.part, predictors=changed))


def _mixtures(found: list[Source], count: int) -> Iterator[tuple[list[Any], Any]]:
    """Yield the multiplier of each source and the weight of the combination."""
    student = [k for k, source in enumerate(found) if source.df is not None]
    if not student:
        yield [1.0] * len(found), 1.0
        return
    tables = [mixing(np.asarray(found[k].df), count) for k in student]
    for place in np.ndindex(*[count] * len(student)):
        multipliers: list[Any] = [1.0] * len(found)
        weight: Any = 1.0
        for k, (values, weights), j in zip(student, tables, place, strict=True):
            multipliers[k] = values[j][:, None]
            weight = weight * weights[j]
        yield multipliers, weight


def _cholesky(
    found: list[Source], multipliers: list[Any], dims: int, shape: tuple[int, int]
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


def choose_rule(values: Callable[[Rule], Array], dims: int, student: int = 0) -> Rule:
    """Return the coarsest rule that a finer one agrees with.

    Parameters
    ----------
    values : callable
        The quantity for a few rows and draws by a rule.
    dims, student : int
        See `Rule.ladder`.

    Raises
    ------
    ArgumentError
        For more than two mixing variables.
    HiermodelError
        When no rule is fine enough: the expectation may not exist.
    """
    if student > 2:
        raise ArgumentError(
            "groups='integrated' can integrate over Student effects of at most two clusters in a "
            "row; give the others another mode, such as groups={'g': 'new'}"
        )
    ladder = Rule.ladder(dims, student)
    tolerance = TOLERANCE if dims <= 3 else _SOBOL_TOLERANCE
    with np.errstate(all="ignore"):
        before = values(ladder[0])
        for coarse, fine in pairwise(ladder):
            after = values(fine)
            scale = np.abs(after) + 1e-3 * np.abs(after).max(initial=0.0) + 1e-12
            if np.all(np.isfinite(after)) and np.all(np.abs(after - before) <= tolerance * scale):
                return coarse
            before = after
    raise HiermodelError(
        "the expectation over the population of clusters does not settle, however fine the "
        "quadrature; it may not exist (Student effects on a log link have none) or the standard "
        "deviations of some draws are huge; groups='new' gives the distribution of a new cluster"
    )
