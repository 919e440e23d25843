"""Weights and shifts of group-level effects from the curvature of a log density at points."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hiermodel.centring.joint import Precision, Slopes, joint_slopes
from hiermodel.centring.marginal_fit import Block, MarginalFit, inverse
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array
from hiermodel.terms.centring import Centring, Parameter, Shift
from hiermodel.terms.group import CoefficientEffects, GroupEffects

# A standard deviation of which the data say less than this many well-known levels would is better
# left alone: near 0 centred effects are hard to sample.
_LEAST_LEVELS = 6.0
# And one whose logarithm has a larger posterior standard deviation ...
_LARGEST_ERROR = 0.4
# ... unless the levels are known so well that even far lower they would ask for such a weight.
_SAFE = 0.9
# Half of that where they are correlated with effects that may be all but nothing, of which a larger
# error of the logarithm tells.
_VANISHING = 0.8
# Where effects take up more than this share of the rows, a residual standard deviation is known so
# badly that it decides how wide the effects are.
_MOST_USED = 0.5
# Curvatures of at most so many points are averaged.
_POINTS = 12
# Shifts along more numbers than this cost more than they bring.
_MOST_POSITIONS = 150


@dataclass(frozen=True, eq=False)
class Search:
    """What `MarginalFit` tells of how to centre.

    Attributes
    ----------
    fit : MarginalFit
    groups : sequence of GroupEffects
        Those that may be centred.
    movers : sequence of Var
        The parameters with which effects may move.
    places : mapping of str to slice
    rows : int
    """

    fit: MarginalFit
    groups: Sequence[GroupEffects]
    movers: Sequence[Var]
    places: Mapping[str, slice]
    rows: int

    def centrings(
        self, points_of: Mapping[int, Sequence[Array]], centre: Array
    ) -> dict[int, Centring]:
        """How far to centre the effects of each block; empty where nothing is to be gained.

        Weights are of averages over points of the standardised model, given for each block by its
        number. Shifts are of the curvature at `centre`: slopes of other points belong to other
        standard deviations, and do not average.
        """
        weights = [self._weights(block, points_of[k]) for k, block in enumerate(self.fit.blocks)]
        if not any(used.any() for _, used in weights):
            return {}
        order = sorted(range(len(weights)), key=lambda k: self.fit.blocks[k].z.size)
        ready = [k for k in order if all(g in self.groups for g in self.fit.blocks[k].groups)]
        return self._shifted(weights, ready, centre)

    def _weights(self, block: Block, points: Sequence[Array]) -> tuple[Array, Array]:
        """Weights (coefs, levels), 0 where effects stay standardised, and which coefs do not."""
        coefs, levels = block.z.shape[1], len(block.z)
        nothing = np.zeros((coefs, levels)), np.zeros(coefs, dtype=bool)
        open_ = np.array([g in self.groups for g in block.groups for _ in g.coefs])
        if not open_.any():
            return nothing
        some = points[:: -(-len(points) // _POINTS)]
        covariance = self.fit.covariance(some, block)
        if not np.isfinite(covariance).all():
            return nothing
        weights = np.clip(1 - np.einsum("lkk->kl", covariance), 0.0, 1.0)
        error = np.std([point[block.sd] for point in points], axis=0)
        limit = np.full(coefs, _LARGEST_ERROR)
        for group in block.groups:
            at = block.columns(group)
            if group.has_cor and (error[at] > _VANISHING).any():
                limit[at] /= 2
        told = (np.square(weights).sum(axis=1) >= _LEAST_LEVELS) & (error <= limit)
        # Weights if the standard deviations were two errors smaller.
        odds = weights * np.exp(-4 * error)[:, None]
        safe = (odds / (odds + 1 - weights)).min(axis=1) >= _SAFE
        used = open_ & (told | safe)
        weights[~used] = 0.0
        return nothing if weights.sum() > _MOST_USED * self.rows else (weights, used)

    def _shifted(
        self, weights: Sequence[tuple[Array, Array]], ready: Sequence[int], centre: Array
    ) -> dict[int, Centring]:
        """Add the shifts of those blocks all of whose effects may be centred."""
        blocks = self.fit.blocks
        given = [i for v in self.movers for i in _range(self.places[v.name])]
        small: list[int] = []
        count = len(given)
        for k in ready[:-1]:
            count += blocks[k].z.size
            if count <= _MOST_POSITIONS:
                small.append(k)
        moving = [k for k in ready if weights[k][1].any()]
        large = [k for k in moving if k not in small]
        if not large:  # nothing moves with factors behind the last one that moves itself
            small = small[: small.index(moving[-1]) + 1] if moving else []
        found = self._slopes(weights, large, small, given, centre) or []
        values = {k: v[0] for k, v in self.fit.density.constrain(centre[None]).items()}
        out: dict[int, Centring] = {}
        for k in [*small, *(k for k in range(len(blocks)) if k not in small)]:
            block = blocks[k]
            for group in block.groups:
                at = block.columns(group)
                # A smaller factor stands ready for those that move with it.
                if group in self.groups and (weights[k][1][at].any() or k in small):
                    shifts = self._shifts(block, group, weights[k][1][at], found, values, out)
                    out[group.index] = Centring(weights[k][0][at], tuple(shifts))
        return out if any(c.weights.any() for c in out.values()) else {}

    def _slopes(
        self, weights: Sequence[tuple[Array, Array]], large: Sequence[int],
        small: Sequence[int], given: Sequence[int], centre: Array,
    ) -> list[Slopes] | None:
        """Slopes of the effects that move, those that stay standardised held fixed."""
        blocks = self.fit.blocks
        parts, inverses = [], []
        for k in large:
            used = weights[k][1]
            parts.append(blocks[k].z[:, used])
            inverses.append(inverse(self.fit.precision(centre, blocks[k])[:, used][:, :, used]))
        # Levels of one factor are independent of each other, but for rows of several members.
        exact = len(parts) == 1 and not any(g.grouping.multi for g in blocks[large[0]].groups)
        ends = np.cumsum([part.size for part in parts])

        def solution(right: Array) -> Array:
            pieces = np.split(right, ends[:-1])
            return np.concatenate([
                np.einsum("lij,lj->li", own, piece.reshape(part.shape)).ravel()
                for own, piece, part in zip(inverses, pieces, parts, strict=True)
            ])

        precision = Precision(
            self.fit.density.dim, lambda at, along: self.fit.times(centre, at, along),
            solution, exact,
        )
        return joint_slopes(
            precision, np.concatenate([np.zeros(0, int), *(p.ravel() for p in parts)]),
            [(blocks[k].z.ravel(), np.tile(weights[k][1], len(blocks[k].z))) for k in small],
            np.array(given, dtype=int),
        )

    def _shifts(
        self, block: Block, group: GroupEffects, used: Array, found: Sequence[Slopes],
        values: Mapping[str, Array], before: Mapping[int, Centring],
    ) -> Iterator[Shift]:
        """The shifts of a block's effects: along parameters, and along effects of `before`."""
        own = block.z[:, block.columns(group)]
        mine = next((s for s in found if np.isin(own[:, used], s.of).all()), None)
        if mine is None or not used.any():
            return
        rows = {int(at): row for row, at in enumerate(mine.of)}
        columns = {int(at): column for column, at in enumerate(mine.along)}
        scale = _scale(group, values)
        scopes = _scopes(group)

        def along(at: Sequence[int]) -> Array:
            """Changes of the effects (coefs, levels, len(at))."""
            z = np.zeros((len(own), len(group.coefs), len(at)))
            picked = [columns[i] for i in at]
            for coef in np.flatnonzero(used):
                z[:, coef] = mine.values[[rows[int(i)] for i in own[:, coef]]][:, picked]
            moved = np.einsum("ij,ljp->ilp", scale, z)
            moved[~used] = 0.0
            return np.asarray(moved)

        for var in self.movers:
            first = var.prior.elements[0] if var.prior is not None else None
            if first is None or (first.resp, first.dpar, first.nlpar) not in scopes:
                continue  # of another predictor
            slopes = along(_range(self.places[var.name]))
            near = np.asarray(values[var.name], dtype=float)
            if var.type == "ordered":
                slopes = slopes @ np.linalg.inv(_ordered_jacobian(near))
            yield Shift(Parameter(var), slopes[..., 0] if var.type == "real" else slopes, near)
        for other_block in self.fit.blocks:
            for other in other_block.groups:
                at = other_block.z[:, other_block.columns(other)]
                if other.index not in before or not all(int(i) in columns for i in at.ravel()):
                    continue
                if not scopes & _scopes(other):
                    continue
                factor = _scale(other, values)
                by_z = along([int(i) for i in at.ravel()]).reshape(*own.shape[::-1], *at.shape)
                slopes = by_z @ np.linalg.inv(factor)
                near = factor @ values[f"z_{other.index}"]
                source = replace(other, centring=before[other.index])
                for k in range(len(other.coefs)):
                    yield Shift(CoefficientEffects(source, k + 1), slopes[..., k], near[k])


def movers(parameters: Sequence[Var], places: Mapping[str, slice]) -> list[Var]:
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


def blocks_of(groups: Sequence[GroupEffects], places: Mapping[str, slice]) -> list[Block]:
    """Where the effects of each grouping factor stand, those of several blocks together."""

    def positions(name: str) -> Array:
        return np.array([*_range(places.get(name, slice(0, 0)))], dtype=int)

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


def _scopes(group: GroupEffects) -> set[tuple[str, str, str]]:
    """The predictors that hold its coefficients."""
    return {(c.scope.resp, c.scope.dpar, c.scope.nlpar) for c in group.coefs}


def _range(place: slice) -> range:
    return range(place.start, place.stop)


def _scale(group: GroupEffects, values: Mapping[str, Array]) -> Array:
    """What standardised effects of a level are multiplied with, (coefs, coefs)."""
    scale = np.diag(np.atleast_1d(values[f"sd_{group.index}"]))
    return scale @ values[f"L_{group.index}"] if group.has_cor else scale


def _ordered_jacobian(values: Array) -> Array:
    """Derivatives of ordered numbers (rows) by their unconstrained ones: log differences."""
    steps = np.concatenate([[1.0], np.diff(values)])
    return np.tril(np.broadcast_to(steps, (len(values), len(values))))
