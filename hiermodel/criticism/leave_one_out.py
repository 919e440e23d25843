"""Leave-one-out cross-validation by Pareto-smoothed importance sampling (PSIS-LOO).

Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using leave-one-out
cross-validation and WAIC, Statistics and Computing 27, 1413-1432; Vehtari, Simpson, Gelman, Yao
and Gabry (2024), Pareto smoothed importance sampling, JMLR 25(72). The weights come from ArviZ.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hiermodel.arguments import flag
from hiermodel.criticism.elpd import (
    Elpd,
    assemble,
    check_origin,
    checked,
    log_mean_exp,
    log_sum_exp,
    pieces,
)
from hiermodel.criticism.observed import observed_log_lik
from hiermodel.engines.diagnostics import ess_mean
from hiermodel.errors import warn
from hiermodel.importance import psis

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# Log-likelihoods that differ by less do not vary.
_NO_SPREAD = 1e-12


def loo(fit: Fit, save_psis: bool = False, tell: bool = True) -> Elpd:
    """Estimate out-of-sample fit by leave-one-out cross-validation (PSIS-LOO).

    Parameters
    ----------
    fit : Fit
        Of one response, or of all together.
    save_psis : bool
        Keep the smoothed weights, as large as the log-likelihood.
    tell : bool
        Warn of high Pareto k.

    Returns
    -------
    Elpd

    Raises
    ------
    HiermodelError
        For a mode, or draws of the prior.

    Warns
    -----
    HiermodelWarning
        When observations have a Pareto k above the threshold, and when rows have no response.

    Examples
    --------
    >>> fit.loo()  # doctest: +SKIP
    >>> fit.loo().pareto_k.argmax("obs")  # doctest: +SKIP
    """
    check_origin(fit, "loo()")
    result = loo_of(observed_log_lik(fit, "loo()"), save_psis, tell=False)
    if tell:
        tell_of_high_k(result, refits=not any(part.dependence for part in fit.model.parts))
    return result


def loo_of(log_lik: xr.DataArray, save_psis: bool = False, tell: bool = True) -> Elpd:
    """Estimate PSIS-LOO from a log-likelihood.

    Parameters
    ----------
    log_lik : xarray.DataArray
        Dims (chain, draw, obs).
    save_psis : bool
        Keep the smoothed weights in ``log_weights``.
    tell : bool
        Warn of high Pareto k.

    Returns
    -------
    Elpd

    Raises
    ------
    DataError
        A log-likelihood that is not a number.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.criticism import loo_of
    >>> log_lik = xr.DataArray(np.full((2, 50, 3), -1.0), dims=("chain", "draw", "obs"))
    >>> round(loo_of(log_lik).elpd, 10)
    -3.0
    """
    flag("save_psis", save_psis)
    log_lik = checked(log_lik)
    n_obs = log_lik.sizes["obs"]
    elpd, lpd, k = np.empty(n_obs), np.empty(n_obs), np.empty(n_obs)
    kept = np.empty(log_lik.shape) if save_psis else None
    for at in pieces(log_lik):
        values = np.asarray(log_lik.isel(obs=at).values, dtype=float)
        rows = np.ascontiguousarray(values.reshape(-1, values.shape[2]).T)
        elpd[at], k[at], weights = weigh(rows, values.shape[:2], save_psis)
        lpd[at] = log_mean_exp(rows)
        if kept is not None and weights is not None:
            kept[:, :, at] = weights.T.reshape(values.shape)
    result = assemble("loo", log_lik, elpd, lpd - elpd, k)
    if kept is not None:
        result = replace(result, log_weights=log_lik.copy(data=kept).rename("log_weights"))
    if tell:
        tell_of_high_k(result)
    return result


def tell_of_high_k(result: Elpd, refits: bool = True) -> None:
    """Warn of observations whose Pareto k is above the threshold.

    Without `refits` of fits that cannot be done without single rows.
    """
    if result.problems:
        way = (
            "loo(reloo=True), which fits the model again without each of them" if refits
            else "loo(moment_match=True), which moves the draws for each of them"
        )
        warn(
            f"{result.problems} of {result.pointwise.size} observations have a Pareto k above "
            f"{result.k_threshold:.2f}: their part of the loo estimate is doubtful; "
            f"look at .pareto_k for influential rows, or take {way}",
        )


def weigh(
    rows: np.ndarray, shape: tuple[int, ...], keep: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Pointwise elpd, Pareto k and, to be kept, log weights of log-likelihoods (n, draws)."""
    lowest = rows.min(axis=1, keepdims=True)
    # A row that does not vary has weights 1 and no tail; one that has probability zero in some
    # draw, or too few draws, has a tail that cannot be fitted.
    finite = np.isfinite(lowest[:, 0])
    constant = finite & (rows.max(axis=1) - lowest[:, 0] < _NO_SPREAD)
    k = np.where(constant, -np.inf, np.inf)
    tails = tail_lengths(rows, shape)
    ties = np.count_nonzero(rows <= lowest + _NO_SPREAD, axis=1)
    fitted = finite & ~constant & (tails >= 5) & (ties < tails)
    elpd = np.empty(len(rows))
    weights = np.empty_like(rows) if keep else None
    others = np.flatnonzero(~fitted)
    if len(others):
        raw = _raw_weights(rows[others])
        elpd[others] = np.where(finite[others], -log_mean_exp(-rows[others]), -np.inf)
        if weights is not None:
            weights[others] = raw
    for tail in np.unique(tails[fitted]):
        at = np.flatnonzero(fitted & (tails == tail))
        if weights is None:
            elpd[at], shapes = _by_the_tail(rows[at], int(tail))
        else:
            weights[at], shapes = psis(-rows[at], int(tail))
            elpd[at] = log_sum_exp(weights[at] + rows[at])
        # A tail that is too long to be fitted has no shape on one line of ArviZ.
        k[at] = np.where(np.isnan(shapes), np.inf, shapes)
    return elpd, k, weights


def _by_the_tail(rows: np.ndarray, tail: int) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise elpd and Pareto k, without the weights of all draws.

    Smoothing changes the largest `tail` weights only, so most draws need not be sorted for it:
    ArviZ gets the lowest log-likelihoods, five times as many as it smooths, as it demands.
    """
    part = 5 * (tail + 1)
    if 2 * part > rows.shape[1]:
        weights, shapes = psis(-rows, tail)
        return log_sum_exp(weights + rows), shapes
    split = np.partition(rows, part, axis=1)
    low, rest = split[:, :part], split[:, part:]
    weights, shapes = psis(-low, tail)
    # The weights sum to 1 within the part. The smallest is not smoothed, which tells the constant.
    largest = low.argmax(axis=1)[:, np.newaxis]
    constant = np.take_along_axis(low + weights, largest, axis=1)
    weights = weights - constant
    # Weight times likelihood is 1 where weights are not smoothed.
    total = np.log(rest.shape[1] + np.exp(weights + low).sum(axis=1))
    return total - np.logaddexp(log_sum_exp(weights), log_sum_exp(-rest)), shapes


def _raw_weights(rows: np.ndarray) -> np.ndarray:
    """Normalised log weights without smoothing; draws of probability zero share all of it."""
    zero = np.isneginf(rows)
    with np.errstate(invalid="ignore"):
        ratios = np.where(zero.any(axis=1, keepdims=True), np.where(zero, 0.0, -np.inf), -rows)
    return ratios - log_sum_exp(ratios)[:, np.newaxis]


def tail_lengths(rows: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """How many of the largest weights are smoothed: 3 sqrt(S / r_eff), at most a fifth.

    The relative efficiency r_eff is that of the mean of the likelihood, per observation. It only
    sets a length, so single precision is enough.
    """
    n_draws = rows.shape[1]
    likelihood = np.exp((rows - rows.max(axis=1, keepdims=True)).astype(np.float32))
    reff = ess_mean(likelihood.reshape(len(rows), *shape)) / n_draws
    reff = np.where(np.isfinite(reff) & (reff > 0), reff, 1.0)
    return np.ceil(np.minimum(n_draws / 5.0, 3.0 * np.sqrt(n_draws / reff))).astype(int)
