"""Moment matching: better importance weights for the rows whose Pareto k is too large.

Paananen, Piironen, Bürkner and Vehtari (2021), Implicitly adaptive importance sampling, Statistics
and Computing 31:16. For one row the draws of the posterior are moved, scaled and turned so that
their weighted mean, variances and covariance, those of the posterior without the row, become the
plain ones; a step is kept when it lowers Pareto k. In the end half of the draws are moved and half
are not (the split), because the predictive density of the row needs both regions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

from hiermodel.arguments import flag, probability, whole_number
from hiermodel.criticism.elpd import Elpd, check_origin, sum_se
from hiermodel.criticism.leave_one_out import loo_of, tail_lengths
from hiermodel.criticism.observed import observed_rows, with_response
from hiermodel.engines.progress import counted
from hiermodel.errors import ArgumentError, HiermodelError, warn
from hiermodel.importance import psis
from hiermodel.terms.base import Array
from hiermodel.unconstrained import Unconstrained, unconstrained

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# A covariance matrix is matched when there are so many draws for each parameter.
_DRAWS_PER_DIM = 10
# How well the log-likelihood of a single row must repeat that of all rows.
_SAME = 1e-6


def loo_moment_match(
    fit: Fit,
    result: Elpd | None = None,
    *,
    resp: str | None = None,
    k_threshold: float | None = None,
    max_iters: int = 30,
    split: bool = True,
    cov: bool = True,
    progress: bool = True,
) -> Elpd:
    """Leave-one-out cross-validation with moment matching for rows of a large Pareto k.

    Parameters
    ----------
    fit : Fit
        The whole fit; with several responses `resp` says which one is left out.
    result : Elpd, optional
        What ``loo(fit)`` gave; computed when not given.
    resp : str, optional
    k_threshold : float, optional
        Rows above are matched; by default ``Elpd.k_threshold``, which is 0.7 with 2200 draws or
        more.
    max_iters : int
        Steps for one row at most.
    split : bool
        Use half of the draws moved and half as they are.
    cov : bool
        Match the covariance too, where there are ten draws for each parameter.
    progress : bool
        Show a bar over the rows.

    Returns
    -------
    Elpd
        With new ``pointwise``, ``p_pointwise`` and ``pareto_k`` of the rows that were matched.

    Raises
    ------
    HiermodelError
        For a mode, an approximation, or draws of the prior.

    Warns
    -----
    HiermodelWarning
        When rows still have a Pareto k above the threshold.

    Notes
    -----
    Each step of a row evaluates the log density at all draws by the embedded engine, and the
    log-likelihood of the row in NumPy.

    Examples
    --------
    >>> fit.loo(moment_match=True)  # doctest: +SKIP
    """
    flag("split", split), flag("cov", cov), flag("progress", progress)
    whole_number("max_iters", max_iters, 1)
    if k_threshold is not None:
        probability("k_threshold", k_threshold)
    check_origin(fit, "loo()")
    if fit.origin.is_approximation:
        raise HiermodelError(
            "moment matching needs draws of the posterior, and this fit is "
            f'{fit.origin.phrase}. Fit again with algorithm="sampling"'
        )
    one = fit if resp is None else fit.only(resp)
    kept = observed_rows(one)
    at = with_response(kept, "loo()")
    log_lik = one.log_lik(partial=True).transpose("chain", "draw", "obs").isel(obs=at)
    if result is None:
        # What is left of the large values is told in the end.
        result = loo_of(log_lik, tell=False)
    limit = result.k_threshold if k_threshold is None else k_threshold
    assert result.pareto_k is not None
    _check_result(result, log_lik)
    rows = np.flatnonzero(result.pareto_k.values > limit)
    elpd, k = result.pointwise.values.copy(), result.pareto_k.values.copy()
    lpd = elpd + result.p_pointwise.values
    if len(rows):
        space = unconstrained(fit)
        start = space.draws.reshape(-1, space.dim)
        density = space.log_density(start)
        chosen = log_lik.values[:, :, rows].reshape(len(start), -1).T
        tails = tail_lengths(chosen, log_lik.shape[:2])
        use_cov = cov and len(start) >= _DRAWS_PER_DIM * space.dim
        _check_rows(fit, one, space, start, at[rows], chosen)
        with counted(len(rows), "Moment matching", "row", progress) as step:
            for row, tail in zip(rows, tails, strict=True):
                matching = _Matching(
                    space, start, density, _row_log_lik(fit, one, space, int(at[row])),
                    log_lik.values[:, :, row].ravel(), int(tail),
                )
                found = matching.run(limit, max_iters, split, use_cov)
                if found is not None:
                    elpd[row], k[row] = found
                step()
    matched = _changed(result, elpd, lpd - elpd, k)
    left = int((k > limit).sum())
    if left:
        warn(
            f"{left} of {len(elpd)} observations have a Pareto k above {limit:.2f} after moment "
            f"matching of {len(rows)}: their part of the loo estimate is doubtful; take "
            + ("kfold() of whole series" if any(p.dependence for p in fit.model.parts) else
               "loo(reloo=True), which fits the model again without each of them, or kfold()")
        )
    return matched


def _check_result(result: Elpd, log_lik: xr.DataArray) -> None:
    """Refuse the loo() of other rows."""
    if result.pointwise.size != log_lik.sizes["obs"]:
        raise ArgumentError(
            f"the result is of {result.pointwise.size} observations, the fit has "
            f"{log_lik.sizes['obs']}: give loo() of the same fit and response"
        )


def _row_log_lik(
    fit: Fit, one: Fit, space: Unconstrained, row: int
) -> Callable[[Array], Array]:
    """The log-likelihood of one row at unconstrained points (n, dim), (n,)."""
    # Given alone some rows would be other rows.
    together = any(part.bound_to_rows for part in one.model.parts)
    frame: pd.DataFrame | None = None
    if not together:
        frame = one.frame.iloc[[row]].reset_index(drop=True)

    def at(points: Array) -> Array:
        moved = replace(fit, datasets={**fit.datasets, "posterior": space.posterior(points)})
        target = moved if one is fit else moved.only(one.model.part.name)
        found = target.log_lik(frame, partial=True)
        values: Array = (found.isel(obs=row) if together else found).values.ravel()
        return values

    return at


def _check_rows(
    fit: Fit, one: Fit, space: Unconstrained, start: Array, rows: Array, log_lik: Array
) -> None:
    """Refuse rows whose log-likelihood alone is not the one among all rows."""
    if any(part.bound_to_rows for part in one.model.parts):
        return  # all rows are evaluated
    posterior = space.posterior(start)
    moved = replace(fit, datasets={**fit.datasets, "posterior": posterior})
    target = moved if one is fit else moved.only(one.model.part.name)
    for row, expected in zip(rows, log_lik, strict=True):
        alone = one.frame.iloc[[int(row)]].reset_index(drop=True)
        again = target.log_lik(alone, partial=True).values.ravel()
        if not np.allclose(again, expected, rtol=_SAME, atol=_SAME):
            raise HiermodelError(
                "moment matching moves the draws for one row alone, and here the log-likelihood of "
                "a row depends on other rows; use kfold() or refits instead"
            )


@dataclass(frozen=True, eq=False)
class _Step:
    """An affine map of points: ``after + (points - before) @ turn.T`` or ``* turn``."""

    before: Array
    after: Array
    turn: Array

    def __call__(self, points: Array) -> Array:
        moved = points - self.before
        return self.after + (moved @ self.turn.T if self.turn.ndim == 2 else moved * self.turn)

    def inverse(self, points: Array) -> Array:
        """The points that are mapped to these."""
        moved = points - self.after
        if self.turn.ndim == 1:
            return self.before + moved / self.turn
        return self.before + np.linalg.solve(self.turn, moved.T).T

    @property
    def log_determinant(self) -> float:
        """Log of how much the map enlarges volumes."""
        if self.turn.ndim == 1:
            return float(np.log(self.turn).sum())
        return float(np.linalg.slogdet(self.turn)[1])


@dataclass(frozen=True, eq=False)
class _State:
    """Moved draws with their weights for the posterior without the row."""

    points: Array
    log_lik: Array
    log_weights: Array
    k: float


@dataclass(frozen=True, eq=False)
class _Matching:
    """Moment matching of one row.

    `start` are the draws of the posterior (S, dim), `density` their log density, `first` their
    log-likelihood of the row, and `log_lik` computes it elsewhere.
    """

    space: Unconstrained
    start: Array
    density: Array
    log_lik: Callable[[Array], Array]
    first: Array
    tail: int

    def run(self, limit: float, most: int, split: bool, cov: bool) -> tuple[float, float] | None:
        """Contribution to elpd and Pareto k; None when no step made it better."""
        state = self._weighted(self.start, self.density, self.first, self.density)
        if state is None:
            return None
        steps: list[_Step] = []
        best: _State | None = None
        for _ in range(most):
            found = self._better(state, cov)
            if found is None:
                break
            state, step = found
            steps.append(step)
            if state.k <= limit:
                best = self._better_of(best, self._split(steps) if split else state)
                if best is not None and best.k <= limit:
                    break
        if not steps:
            return None
        if best is None:
            best = (self._split(steps) if split else None) or state
        state = best
        elpd = logsumexp(state.log_weights + state.log_lik)
        return (float(elpd), state.k) if np.isfinite(elpd) else None

    @staticmethod
    def _better_of(one: _State | None, other: _State | None) -> _State | None:
        if one is None or other is None:
            return one or other
        return other if other.k < one.k else one

    def _weighted(
        self, points: Array, density: Array, log_lik: Array, proposal: Array
    ) -> _State | None:
        """Weights of points: density without the row over that of the proposal."""
        ratios = density - log_lik - proposal
        if not np.isfinite(ratios).all() or self.tail < 5:
            return None
        ratios = ratios - ratios.max()
        if np.ptp(np.sort(ratios)[-self.tail:]) < 1e-12:
            return None
        weights, k = psis(ratios[np.newaxis], self.tail)
        shape = float(k[0]) if np.isfinite(k[0]) else np.inf
        return _State(points, log_lik, weights[0], shape)

    def _better(self, state: _State, cov: bool) -> tuple[_State, _Step] | None:
        """The first of shift, scale and covariance that lowers Pareto k."""
        for step in _steps(state, cov):
            points = step(state.points)
            density = self.space.log_density(points)
            if not np.isfinite(density).all():
                continue
            # The map is affine: its determinant is a constant, which weights do not need.
            new = self._weighted(points, density, self.log_lik(points), self.density)
            if new is not None and new.k < state.k:
                return new, step
        return None

    def _split(self, steps: list[_Step]) -> _State | None:
        """Every other draw moved; the proposal is the mixture of moved and original density."""
        points, log_determinant = self.start.copy(), 0.0
        moved = self.start[::2]
        for step in steps:
            moved = step(moved)
            log_determinant += step.log_determinant
        points[::2] = moved
        back = points
        for step in reversed(steps):
            back = step.inverse(back)
        density = self.space.log_density(points)
        mixture = np.logaddexp(density, self.space.log_density(back) - log_determinant)
        return self._weighted(points, density, self.log_lik(points), mixture)


def _steps(state: _State, cov: bool) -> Iterator[_Step]:
    """Maps that give the points their weighted mean, then variances, then covariance.

    Each is computed when the one before did not help: covariances are costly.
    """
    points, weights = state.points, np.exp(state.log_weights)
    size, dim = points.shape
    before, after = points.mean(axis=0), weights @ points
    yield _Step(before, after, np.ones(dim))
    centred = points - after
    correction = size / (size - 1)
    ratio = correction * (weights @ centred**2) / points.var(axis=0, ddof=1)
    if np.isfinite(ratio).all() and (ratio > 0).all():
        yield _Step(before, after, np.sqrt(ratio))
    if cov:
        weighted = correction * (centred * weights[:, np.newaxis]).T @ centred
        try:
            new = np.linalg.cholesky(np.atleast_2d(weighted))
            old = np.linalg.cholesky(np.atleast_2d(np.cov(points, rowvar=False)))
        except np.linalg.LinAlgError:
            return
        yield _Step(before, after, solve_triangular(old.T, new.T, lower=False).T)


def _changed(result: Elpd, elpd: Array, penalty: Array, k: Array) -> Elpd:
    def like(array: xr.DataArray, values: Array) -> xr.DataArray:
        return array.copy(data=values)

    assert result.pareto_k is not None
    return replace(
        result, elpd=float(elpd.sum()), se=sum_se(elpd), p=float(penalty.sum()),
        p_se=sum_se(penalty), pointwise=like(result.pointwise, elpd),
        p_pointwise=like(result.p_pointwise, penalty), pareto_k=like(result.pareto_k, k),
    )
