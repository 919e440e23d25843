"""Likelihoods of whole groups, with the group's own effects integrated out.

For each draw of the other parameters and each level of a grouping factor, ``log p(y_g | theta)`` is
the integral of the likelihood of the level's rows over the normal distribution of its effects. It
is found by adaptive Gauss-Hermite quadrature: nodes around the mode of the integrand, scaled by its
curvature (Liu and Pierce 1994, A note on Gauss-Hermite quadrature, Biometrika 81, 624-629; Pinheiro
and Bates 1995, Journal of Computational and Graphical Statistics 4, 12-35). With one node it is
Laplace's approximation. Every family works, because the integrand is the package's own
log-likelihood: one evaluation of all rows serves one node of all groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from hiermodel.joint import joint_log_lik
from hiermodel.modeling import Model
from hiermodel.predict import Prediction, log_lik
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects

# Draws that are worked on together: so many numbers of one array of draws x rows.
_CHUNK = 400_000
# Step of the derivatives, in posterior standard deviations of a standardised effect.
_STEP = 1e-3
_MOST_STEPS, _HALVINGS = 40, 12
# Gain that a further Newton step promises, at which the search for the mode ends.
_GAIN = 1e-6
# Curvature of a bump of the integrand is at least this share of that of the prior.
_LEAST_CURVATURE = 0.05
# Numbers of nodes that are tried, for one and for two effects, until two agree.
_RULES = {1: (1, 3, 5, 9, 15, 25, 41), 2: (1, 3, 5, 9, 15, 21)}
_AGREE = 1e-3
# One node and three agree so well only where the integrand is normal; otherwise by chance.
_NORMAL = 1e-6
# Where no rule settles (several modes), one effect is integrated on a grid of the whole prior.
_GRID = np.linspace(-8.0, 8.0, 321)


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
    """

    model: Model
    predictions: tuple[Prediction, ...]
    owners: tuple[GroupEffects, ...]
    effects: Array
    factor: Array
    by: Array

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

    def levels(self, prediction: Prediction) -> Array:
        """The level of each row of a response, from 0."""
        codes: Array = self.owners[0].grouping.codes(prediction.frame)[0]
        return codes

    def used(self) -> Array:
        """Levels that have rows."""
        return np.unique(np.concatenate([self.levels(p) for p in self.predictions]))

    def evaluator(self, at: slice | Array) -> Callable[[Array], Array]:
        """The log-likelihood (s, levels) at standardised effects (s, levels, q), for some draws."""
        factor = self.factor[at][:, self.by]
        parts = [
            replace(
                p, draws={name: values[at] for name, values in p.draws.items()},
                shape=(1, len(factor)),
            )
            for p in self.predictions
        ]
        sums = [_Sums(self.levels(p), len(self.by)) for p in parts]
        responses = [p.part.response.coded(p.frame) for p in parts]

        def value(z: Array) -> Array:
            effects = np.einsum("sgij,sgj->sgi", factor, z)
            moved = [replace(p, draws={**p.draws, **self._moved(effects)}) for p in parts]
            if self.model.rescor is not None:
                return sums[0](joint_log_lik(self.model, tuple(moved)))
            return np.sum(
                [s(log_lik(p, y)) for s, p, y in zip(sums, moved, responses, strict=True)], axis=0
            )

        return value

    def _moved(self, effects: Array) -> dict[str, Array]:
        out, first = {}, 0
        for owner in self.owners:
            last = first + len(owner.coefs)
            out[f"r_{owner.index}"] = effects[..., first:last]
            first = last
        return out


class _Sums:
    """Sums over the rows of each level; a level without rows has the sum 0."""

    def __init__(self, codes: Array, levels: int) -> None:
        self.order = np.argsort(codes, kind="stable")
        self.found, self.starts = np.unique(codes[self.order], return_index=True)
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
        with more.

    Returns
    -------
    Integrals
    """
    rules = (nodes,) if nodes is not None else _RULES.get(likelihood.width, (1,))
    own = likelihood.standardised()
    centre, spread = own.mean(axis=0), own.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    values = np.empty((likelihood.draws, len(likelihood.by)))
    error = np.full(len(likelihood.by), np.nan)
    for at in likelihood.chunks():
        value = likelihood.evaluator(at)
        z, curvature = _mode(value, np.broadcast_to(centre, own[at].shape), own[at], spread)
        found: Array | None = None
        for count in rules:
            new = _quadrature(value, z, curvature, count)
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
            if likelihood.width == 1 and not (change <= _AGREE).all():
                _on_grid(likelihood, at, found, difference)
                change = difference.max(axis=0)
            error = np.fmax(error, change)
        values[at] = found
    return Integrals(values, error)


def _on_grid(likelihood: GroupLikelihood, at: slice, found: Array, difference: Array) -> None:
    """Replace what is better on a grid: of the draws whose rules do not agree.

    The trapezoidal rule on the grid and on every other point of it show its error.
    """
    doubtful = np.flatnonzero((difference > _AGREE).any(axis=1))
    value = likelihood.evaluator(np.arange(at.start, at.stop)[doubtful])
    ends = (len(doubtful), len(likelihood.by), 1)
    heights = np.stack([value(np.full(ends, z)) - 0.5 * z**2 for z in _GRID])
    constant = np.log(_GRID[1] - _GRID[0]) - 0.5 * np.log(2 * np.pi)
    fine = np.logaddexp.reduce(heights) + constant
    coarse = np.logaddexp.reduce(heights[::2]) + constant + np.log(2.0)
    change = np.abs(fine - coarse)
    better = change < difference[doubtful]
    found[doubtful] = np.where(better, fine, found[doubtful])
    difference[doubtful] = np.where(better, change, difference[doubtful])


def _mode(
    value: Callable[[Array], Array], start: Array, own: Array, spread: Array
) -> tuple[Array, Array]:
    """Modes of the integrands (s, levels, q) and minus their Hessians, by damped Newton steps.

    Starts are the posterior means of the standardised effects, or the draw's own effects where
    the likelihood is zero at the mean.
    """
    def height(z: Array) -> Array:
        return value(z) - 0.5 * np.square(z).sum(axis=-1)

    z = np.where(np.isfinite(height(start))[..., None], start, own)
    f, gradient, precision = _derivatives(value, z, _STEP * spread)
    for _ in range(_MOST_STEPS):
        step = np.linalg.solve(precision, gradient[..., None])[..., 0]
        gain = (gradient * step).sum(axis=-1)
        open_ = gain > _GAIN
        if not open_.any():
            break
        step = np.where(open_[..., None], step, 0.0)
        moved = z.copy()
        for _ in range(_HALVINGS):
            higher = height(z + step)
            taken = open_ & (higher > f)
            moved[taken] = (z + step)[taken]
            open_ = open_ & ~taken
            if not open_.any():
                break
            step = np.where(open_[..., None], step / 2, step)
        if np.array_equal(moved, z):
            break
        z = moved
        f, gradient, precision = _derivatives(value, z, _STEP * spread)
    return z, precision


def _derivatives(
    value: Callable[[Array], Array], z: Array, step: Array
) -> tuple[Array, Array, Array]:
    """Log integrand, its gradient and minus its Hessian by central differences.

    The prior's part is exact: minus z, and the identity.
    """
    q = z.shape[-1]
    middle = value(z)
    unit = np.eye(q) * step[..., None, :]  # (levels, q, q): row j moves effect j
    up = [value(z + unit[:, j]) for j in range(q)]
    down = [value(z - unit[:, j]) for j in range(q)]
    gradient = np.empty(z.shape)
    hessian = np.empty((*z.shape, q))
    with np.errstate(invalid="ignore"):
        for j in range(q):
            gradient[..., j] = (up[j] - down[j]) / (2 * step[:, j])
            hessian[..., j, j] = (up[j] - 2 * middle + down[j]) / step[:, j] ** 2
        for j, k in product(range(q), repeat=2):
            if j < k:
                both = value(z + unit[:, j] + unit[:, k]) + value(z - unit[:, j] - unit[:, k])
                mixed = both - up[j] - up[k] - down[j] - down[k] + 2 * middle
                mixed = mixed / (2 * step[:, j] * step[:, k])
                hessian[..., j, k] = hessian[..., k, j] = mixed
    good = np.isfinite(gradient).all(axis=-1) & np.isfinite(hessian).all(axis=(-1, -2))
    bad = np.asarray(~good)
    gradient[bad], hessian[bad] = 0.0, 0.0
    height = middle - 0.5 * np.square(z).sum(axis=-1)
    return height, np.where(bad[..., None], 0.0, gradient - z), _at_least(np.eye(q) - hessian)


def _at_least(precision: Array) -> Array:
    """The matrices with eigenvalues raised to the least curvature, where they are lower."""
    if precision.shape[-1] == 1:
        return np.maximum(precision, _LEAST_CURVATURE)
    values, vectors = np.linalg.eigh(precision)
    low = values[..., 0] < _LEAST_CURVATURE
    if low.any():
        raised = np.maximum(values[low], _LEAST_CURVATURE)
        precision = precision.copy()
        precision[low] = np.einsum("nij,nj,nkj->nik", vectors[low], raised, vectors[low])
    return precision


def _quadrature(
    value: Callable[[Array], Array], mode: Array, precision: Array, count: int
) -> Array:
    """Log of the integral over standard normal effects, (s, levels)."""
    q = mode.shape[-1]
    points, weights = np.polynomial.hermite.hermgauss(count)
    # The inverse of the transposed factor of the precision is a factor of the covariance.
    factor = np.linalg.cholesky(precision)
    scale = np.linalg.inv(np.swapaxes(factor, -1, -2))
    log_determinant = -np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    total: Array | None = None
    for at in product(range(count), repeat=q):
        t = points[list(at)]
        z = mode + np.sqrt(2.0) * (scale @ t)
        term = value(z) - 0.5 * np.square(z).sum(axis=-1)
        term = term + np.log(weights[list(at)]).sum() + t @ t
        total = term if total is None else np.logaddexp(total, term)
    assert total is not None
    # Of the change of variables 2^(q/2), of the normal density (2 pi)^(-q/2).
    out: Array = total + log_determinant - 0.5 * q * np.log(np.pi)
    return out
