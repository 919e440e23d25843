"""Likelihoods of whole groups, with the group's own effects integrated out.

For each draw of the other parameters and each level of a grouping factor, ``log p(y_g | theta)`` is
the integral of the likelihood of the level's rows over the normal distribution of its effects.
Every family works, because the integrand is the package's own log-likelihood: one evaluation of all
rows serves one node of all groups. Effects of a factor nested in the group (pupils in schools, rows
in patients) are integrated out inside, for each node of the group's effects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from hiermodel.criticism.quadrature import grid, modes, quadrature
from hiermodel.joint import joint_log_lik
from hiermodel.log_likelihood import log_lik
from hiermodel.modeling import Model
from hiermodel.prepare import Prediction
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects

# Draws that are worked on together: so many numbers of one array of draws x rows.
_CHUNK = 400_000
# Steps of derivatives, in posterior standard deviations of a standardised effect. Integrals inside
# are good to some digits only, so that steps outside of them are larger.
_STEP, _STEP_OUTSIDE = 1e-3, 2e-2
# Numbers of nodes that are tried, for one and for two effects, until two agree.
_RULES = {1: (1, 3, 5, 9, 15, 25, 41), 2: (1, 3, 5, 9, 15, 21)}
# The same with an integral inside, where each node is dear.
_RULES_OUTSIDE = {1: (5, 9), 2: (3, 5)}
_AGREE = 1e-3
# One node and three agree so well only where the integrand is normal; otherwise by chance.
_NORMAL = 1e-6
# Nodes per effect of integrals inside of others.
_INSIDE = {1: 5, 2: 5}
# How near to the mode nodes are put. Laplace's approximation inside of another integral must not
# change by where its search ended; outside of one more nodes make up for it.
_GAIN, _GAIN_LAPLACE, _GAIN_OUTSIDE = 1e-6, 1e-10, 1e-3


@dataclass(frozen=True, eq=False)
class GroupLikelihood:
    """The rows of each level of a grouping factor, as a function of the level's effects.

    Attributes
    ----------
    model : Model
    predictions : tuple of Prediction
        One per response, all draws and rows.
    owners : tuple of GroupEffects
        The blocks of effects of the factor.
    effects : ndarray (draws, levels, q)
        Their draws, block after block.
    factor : ndarray (draws, by, q, q)
        Lower triangular: times standard normal numbers it gives the effects.
    by : ndarray (levels,)
        Level of the by factor of each level, zeros without one.
    inner : GroupLikelihood, optional
        Of a factor nested in this one, whose effects are integrated out inside.
    parents : ndarray, optional
        Level of this factor of each level of the inner one.
    """

    model: Model
    predictions: tuple[Prediction, ...]
    owners: tuple[GroupEffects, ...]
    effects: Array
    factor: Array
    by: Array
    inner: GroupLikelihood | None = None
    parents: Array | None = None

    @property
    def width(self) -> int:
        """Number of effects of a level."""
        return int(self.factor.shape[-1])

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.factor)

    @property
    def rows(self) -> int:
        """Rows of all responses."""
        return sum(p.n for p in self.predictions)

    def chunks(self) -> Iterator[slice]:
        """Draws that are worked on together."""
        step = max(1, _CHUNK // max(1, self.rows))
        for start in range(0, self.draws, step):
            yield slice(start, min(start + step, self.draws))

    @cached_property
    def standardised(self) -> Array:
        """The effects of the draws as standard normal numbers, (draws, levels, q)."""
        r = self.effects
        out = np.empty_like(r)
        for k in np.unique(self.by):
            at = self.by == k
            effects = np.swapaxes(r[:, at], -1, -2)
            with np.errstate(divide="ignore", invalid="ignore"):
                solved = _solve_lower(self.factor[:, k], effects)
            out[:, at] = np.swapaxes(solved, -1, -2)
        # An sd of 0 leaves them undetermined, and they do not matter there.
        return np.where(np.isfinite(out), out, 0.0)

    @cached_property
    def centre(self) -> Array:
        """Posterior means of the standardised effects, (levels, q)."""
        found: Array = self.standardised.mean(axis=0)
        return found

    @cached_property
    def step_size(self) -> Array:
        """Steps of derivatives with regard to the standardised effects, (levels, q)."""
        spread = self.standardised.std(axis=0)
        size = _STEP if self.inner is None else _STEP_OUTSIDE
        return np.where(spread > 0, size * spread, size)

    def levels(self, prediction: Prediction) -> Array:
        """The level of each row of a response, from 0."""
        codes: Array = self.owners[0].grouping.codes(prediction.frame)[0]
        return codes

    def used(self) -> Array:
        """Levels that have rows."""
        return np.unique(np.concatenate([self.levels(p) for p in self.predictions]))


def _gaps(y: Array) -> Array:
    """Rows (N,) whose response is missing: ``mi()`` imputes it, and it tells nothing."""
    missing = np.isnan(np.asarray(y, dtype=float))
    return missing if missing.ndim == 1 else missing.any(axis=-1)


class Evaluator:
    """The log-likelihood of each level as a function of its standardised effects, for some draws.

    Parameters
    ----------
    likelihood : GroupLikelihood
    at : slice or ndarray of int
        The draws.
    nodes : int, optional
        Nodes per effect of integrals inside.
    """

    def __init__(
        self, likelihood: GroupLikelihood, at: slice | Array, nodes: int | None = None
    ) -> None:
        self.model, self.owners = likelihood.model, likelihood.owners
        self.factor = likelihood.factor[at][:, likelihood.by]
        self.own = likelihood.standardised[at]
        self.start = np.broadcast_to(likelihood.centre, self.own.shape)
        self.step_size = likelihood.step_size
        self.gain = _GAIN
        self.count = nodes or _INSIDE.get(likelihood.width, 1)
        if likelihood.inner is not None:
            self.gain = _GAIN if nodes == 1 else _GAIN_OUTSIDE
        elif self.count == 1:
            self.gain = _GAIN_LAPLACE
        self.inner: Evaluator | None = None
        levels = len(likelihood.by)
        if likelihood.inner is not None:
            assert likelihood.parents is not None
            self.inner = Evaluator(likelihood.inner, at, nodes)
            self.sums = [_Sums(likelihood.parents, levels)]
            return
        shape = (1, len(self.factor))
        self.parts = [
            replace(p, draws={name: v[at] for name, v in p.draws.items()}, shape=shape)
            for p in likelihood.predictions
        ]
        self.sums = [_Sums(likelihood.levels(p), levels) for p in self.parts]
        self.responses = [p.part.response.coded(p.frame) for p in self.parts]

    def __call__(self, z: Array, given: Mapping[str, Array] | None = None) -> Array:
        """Log-likelihoods (s, levels) at effects (s, levels, q).

        `given` are effects of the factors around this one.
        """
        moved = {**(given or {}), **self._moved(z)}
        if self.inner is not None:
            return self.sums[0](self.inner.integrated(moved))
        parts = [replace(p, draws={**p.draws, **moved}) for p in self.parts]
        if self.model.rescor is not None:
            joint = joint_log_lik(self.model, tuple(parts), partial=True)
            gaps = np.logical_and.reduce([_gaps(y) for y in self.responses])
            return self.sums[0](np.where(gaps, 0.0, joint))
        every = zip(self.sums, parts, self.responses, strict=True)
        total: Array = np.sum(
            [sums(np.where(_gaps(y), 0.0, log_lik(p, y))) for sums, p, y in every], axis=0
        )
        return total

    def integrated(self, given: Mapping[str, Array]) -> Array:
        """Log-likelihoods (s, levels) with the effects integrated out, `given` those around."""
        def value(z: Array) -> Array:
            return self(z, given)

        # The modes hardly move between the nodes around: the last ones are the next start.
        self.start, precision = modes(
            value, self.start, self.own, self.step_size, self.gain
        )
        return quadrature(value, self.start, precision, self.count)

    def _moved(self, z: Array) -> dict[str, Array]:
        effects = np.einsum("sgij,sgj->sgi", self.factor, z)
        out, first = {}, 0
        for owner in self.owners:
            last = first + len(owner.coefs)
            out[f"r_{owner.index}"] = effects[..., first:last]
            first = last
        return out


class _Sums:
    """Sums over the rows of each level; a level without rows has the sum 0."""

    def __init__(self, codes: Array, levels: int) -> None:
        order = np.argsort(codes, kind="stable")
        self.found, self.starts = np.unique(codes[order], return_index=True)
        # Rows that are sorted by level need no copy.
        self.order = slice(None) if (np.diff(order) == 1).all() else order
        self.levels = levels

    def __call__(self, values: Array) -> Array:
        out = np.zeros((len(values), self.levels))
        if len(self.found):
            out[:, self.found] = np.add.reduceat(values[:, self.order], self.starts, axis=1)
        return out


def _solve_lower(factor: Array, columns: Array) -> Array:
    """Forward substitution, which gives NaN (not an error) where a pivot is 0."""
    out = np.empty_like(columns)
    for i in range(columns.shape[-2]):
        rest = columns[:, i] - np.einsum("sj,sjn->sn", factor[:, i, :i], out[:, :i])
        out[:, i] = rest / factor[:, i, i, None]
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Integrals:
    """Log-likelihoods of groups with their effects integrated out.

    Attributes
    ----------
    values : ndarray (draws, levels)
    error : ndarray (levels,)
        Largest difference over draws between the last two rules; NaN when only one was used.
    """

    values: Array
    error: Array


def integrate(likelihood: GroupLikelihood, nodes: int | None = None) -> Integrals:
    """Integrate the effects of every level out of the likelihood of its rows.

    Parameters
    ----------
    likelihood : GroupLikelihood
    nodes : int, optional
        Nodes per effect; 1 is Laplace's approximation. By default the number is raised until two
        rules agree to 0.001 for all draws and levels with one or two effects per level, and is 1
        with more. With a factor inside it is 9 for one effect and 5 for each of two.

    Returns
    -------
    Integrals
    """
    known = _RULES if likelihood.inner is None else _RULES_OUTSIDE
    rules = (nodes,) if nodes is not None else known.get(likelihood.width, (1,))
    values = np.empty((likelihood.draws, len(likelihood.by)))
    error = np.full(len(likelihood.by), np.nan)
    for at in likelihood.chunks():
        value = Evaluator(likelihood, at, nodes)
        z, curvature = modes(value, value.start, value.own, value.step_size, value.gain)
        found: Array | None = None
        for count in rules:
            new = quadrature(value, z, curvature, count)
            if found is not None:
                # Two that are minus infinity agree.
                with np.errstate(invalid="ignore"):
                    difference = np.where(new == found, 0.0, np.abs(new - found))
                change = difference.max(axis=0)
            found = new
            if count != rules[0] and (change <= (_NORMAL if count == 3 else _AGREE)).all():
                break
        assert found is not None
        if len(rules) > 1:
            if likelihood.width == 1 and likelihood.inner is None and not (change <= _AGREE).all():
                _on_grid(likelihood, at, found, difference)
                change = difference.max(axis=0)
            error = np.fmax(error, change)
        values[at] = found
    return Integrals(values, error)


def _on_grid(likelihood: GroupLikelihood, at: slice, found: Array, difference: Array) -> None:
    """Replace what is better on a grid: of the draws whose rules do not agree."""
    doubtful = np.flatnonzero((difference > _AGREE).any(axis=1))
    value = Evaluator(likelihood, np.arange(at.start, at.stop)[doubtful])
    fine, change = grid(value, len(doubtful), len(likelihood.by))
    better = change < difference[doubtful]
    found[doubtful] = np.where(better, fine, found[doubtful])
    difference[doubtful] = np.where(better, change, difference[doubtful])
