"""Expected log predictive density: `loo` and `waic`.

Definitions of Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using
leave-one-out cross-validation and WAIC, Statistics and Computing 27, 1413-1432, and Vehtari,
Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25(72), 1-58.
Variances are sample variances (divisor n - 1), as in the papers and in the R package loo. The
importance weights come from ArviZ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import logsumexp

from hiermodel.errors import DataError, warn
from hiermodel.importance import psis
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.text import frame_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# Log-likelihoods are worked on in pieces of about this many numbers (64 MB).
_CHUNK = 8_000_000
_WAIC_LIMIT = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Elpd:
    """An estimate of the expected log predictive density for new data.

    Attributes
    ----------
    kind : {"loo", "waic"}
    elpd, se : float
        Estimate and standard error. Higher is better.
    p, p_se : float
        Effective number of parameters and its standard error.
    pointwise : xarray.DataArray
        Contribution of each observation, dim ``obs``.
    p_pointwise : xarray.DataArray
        Contribution of each observation to `p`, dim ``obs``.
    pareto_k : xarray.DataArray or None
        Shape of the tail of each observation's importance weights, dim ``obs``; minus infinity
        where the log-likelihood does not vary. Only for ``loo``.
    n_draws : int

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.criticism import waic_of
    >>> log_lik = xr.DataArray(np.full((2, 5, 3), -1.0), dims=("chain", "draw", "obs"))
    >>> waic_of(log_lik).elpd
    -3.0
    """

    kind: Literal["loo", "waic"]
    elpd: float
    se: float
    p: float
    p_se: float
    pointwise: xr.DataArray
    p_pointwise: xr.DataArray
    pareto_k: xr.DataArray | None
    n_draws: int

    @property
    def ic(self) -> float:
        """The information criterion, minus two times `elpd`."""
        return -2.0 * self.elpd

    @property
    def k_threshold(self) -> float:
        """The highest Pareto k at which the estimate can be trusted with this many draws."""
        return float(min(1.0 - 1.0 / np.log10(self.n_draws), 0.7)) if self.n_draws > 10 else 0.0

    @property
    def estimates(self) -> pd.DataFrame:
        """``elpd``, ``p`` and the information criterion with their standard errors."""
        names = [f"elpd_{self.kind}", f"p_{self.kind}", "looic" if self.kind == "loo" else "waic"]
        values = [[self.elpd, self.se], [self.p, self.p_se], [self.ic, 2.0 * self.se]]
        return pd.DataFrame(values, index=names, columns=["Estimate", "SE"])

    @property
    def problems(self) -> int:
        """Number of observations for which the estimate is doubtful."""
        if self.pareto_k is None:
            return int((self.p_pointwise > _WAIC_LIMIT).sum())
        return int((self.pareto_k > self.k_threshold).sum())

    def _title(self) -> str:
        return f"{self.kind.upper()} of {self.pointwise.size} observations, {self.n_draws} draws"

    def _verdict(self) -> str:
        n = self.pointwise.size
        if self.pareto_k is None:
            what, limit = "p_waic", _WAIC_LIMIT
        else:
            what, limit = "Pareto k", self.k_threshold
        if not self.problems:
            return f"All {what} are at most {limit:.2g}: the estimate can be trusted."
        advice = "prefer loo()" if self.pareto_k is None else "these are doubtful, see .pareto_k"
        return f"{self.problems} of {n} {what} are above {limit:.2g}: {advice}."

    def __repr__(self) -> str:
        table = frame_text(self.estimates, digits=1)
        return f"{self._title()}\n{table}\n  {self._verdict()}"

    def _repr_html_(self) -> str:
        return page(self._title(), [frame_html(self.estimates, note=self._verdict(), digits=1)])


def loo(fit: Fit) -> Elpd:
    """Estimate out-of-sample fit by leave-one-out cross-validation (PSIS-LOO).

    Parameters
    ----------
    fit : Fit

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
        When observations have a Pareto k above the threshold.

    Examples
    --------
    >>> fit.loo()  # doctest: +SKIP
    >>> fit.loo().pareto_k.argmax("obs")  # doctest: +SKIP
    """
    _check_origin(fit, "loo()")
    return loo_of(fit.log_lik())


def waic(fit: Fit) -> Elpd:
    """Estimate out-of-sample fit by the widely applicable information criterion.

    Parameters
    ----------
    fit : Fit

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
        When observations have an effective number of parameters above 0.4.

    Examples
    --------
    >>> fit.waic()  # doctest: +SKIP
    """
    _check_origin(fit, "waic()")
    return waic_of(fit.log_lik())


def _check_origin(fit: Fit, what: str) -> None:
    fit.origin.refuse_point(what)
    fit.origin.refuse_prior(what)
    fit.origin.warn_if_poor(what)


def loo_of(log_lik: xr.DataArray) -> Elpd:
    """Estimate PSIS-LOO from a log-likelihood.

    Parameters
    ----------
    log_lik : xarray.DataArray
        Dims (chain, draw, obs).

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
    log_lik = _checked(log_lik)
    n_obs = log_lik.sizes["obs"]
    elpd, lpd, k = np.empty(n_obs), np.empty(n_obs), np.empty(n_obs)
    for at in _pieces(log_lik):
        values = np.asarray(log_lik.isel(obs=at).values, dtype=float)
        elpd[at], k[at] = _loo_piece(values)
        lpd[at] = _log_mean_exp(values.reshape(-1, values.shape[-1]))
    result = _result("loo", log_lik, elpd, lpd - elpd, k)
    if result.problems:
        warn(
            f"{result.problems} of {n_obs} observations have a Pareto k above "
            f"{result.k_threshold:.2f}: their part of the loo estimate is doubtful; "
            "look at .pareto_k for influential rows",
        )
    return result


def _loo_piece(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pointwise elpd and Pareto k of log-likelihoods (chain, draw, n)."""
    n_draws = values.shape[0] * values.shape[1]
    rows = np.ascontiguousarray(values.reshape(n_draws, -1).T)
    tails = _tail_lengths(values, n_draws)
    # A row that does not vary has weights 1 and no tail; one that has probability zero in some
    # draw, or too few draws, has a tail that cannot be fitted.
    elpd, k = -_log_mean_exp(-rows.T), np.full(len(rows), np.inf)
    constant = np.ptp(rows, axis=1) < 1e-12
    k[constant] = -np.inf
    fitted = ~constant & np.isfinite(rows).all(axis=1) & (tails >= 5)
    for tail in np.unique(tails[fitted]):
        at = np.flatnonzero(fitted & (tails == tail))
        lowest = np.partition(rows[at], tail - 1, axis=1)[:, :tail]
        at = at[np.ptp(lowest, axis=1) > 1e-12]
        if len(at):
            weights, shape = psis(-rows[at], int(tail))
            # A tail that is too long to be fitted has no shape on one line of ArviZ.
            k[at] = np.where(np.isnan(shape), np.inf, shape)
            elpd[at] = logsumexp(weights + rows[at], axis=1)
    return elpd, k


def _tail_lengths(values: np.ndarray, n_draws: int) -> np.ndarray:
    """How many of the largest weights are smoothed: 3 sqrt(S / r_eff), at most a fifth.

    The relative efficiency is that of the likelihood, per observation; the rank-normalised
    effective sample size is the same for the likelihood and its logarithm.
    """
    from hiermodel.engines.diagnose import diagnostics

    reff = np.asarray(diagnostics(values)["ess_bulk"], dtype=float) / n_draws
    reff = np.where(np.isfinite(reff) & (reff > 0), reff, 1.0)
    return np.ceil(np.minimum(n_draws / 5.0, 3.0 * np.sqrt(n_draws / reff))).astype(int)


def waic_of(log_lik: xr.DataArray) -> Elpd:
    """Estimate WAIC from a log-likelihood.

    Parameters
    ----------
    log_lik : xarray.DataArray
        Dims (chain, draw, obs).

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
    >>> from hiermodel.criticism import waic_of
    >>> log_lik = xr.DataArray(np.full((2, 50, 3), -1.0), dims=("chain", "draw", "obs"))
    >>> waic_of(log_lik).p
    0.0
    """
    log_lik = _checked(log_lik)
    n_obs = log_lik.sizes["obs"]
    lpd, penalty = np.empty(n_obs), np.empty(n_obs)
    for at in _pieces(log_lik):
        values = np.asarray(log_lik.isel(obs=at).values, dtype=float)
        rows = values.reshape(-1, values.shape[-1])
        lpd[at], penalty[at] = _log_mean_exp(rows), rows.var(axis=0, ddof=1)
    result = _result("waic", log_lik, lpd - penalty, penalty, None)
    if result.problems:
        warn(
            f"{result.problems} of {n_obs} observations have p_waic above {_WAIC_LIMIT}: "
            "the waic estimate is doubtful; prefer loo()",
        )
    return result


def _checked(log_lik: xr.DataArray) -> xr.DataArray:
    log_lik = log_lik.transpose("chain", "draw", "obs")
    missing = np.flatnonzero(np.isnan(log_lik.values).any(axis=(0, 1)))
    if len(missing):
        raise DataError(
            f"the log-likelihood of row {missing[0]} is not a number "
            f"({len(missing)} such rows); loo and waic need it for every observation. Missing "
            "responses that mi() imputes have none; without their rows: "
            "hiermodel.criticism.loo_of(fit.log_lik().dropna('obs'))"
        )
    return log_lik


def _pieces(log_lik: xr.DataArray) -> list[slice]:
    n_obs = log_lik.sizes["obs"]
    n_draws = log_lik.sizes["chain"] * log_lik.sizes["draw"]
    step = max(1, _CHUNK // max(1, n_draws))
    return [slice(start, min(start + step, n_obs)) for start in range(0, n_obs, step)]


def _log_mean_exp(rows: np.ndarray) -> np.ndarray:
    return np.asarray(logsumexp(rows, axis=0) - np.log(len(rows)))


def _result(
    kind: Literal["loo", "waic"],
    log_lik: xr.DataArray,
    elpd: np.ndarray,
    penalty: np.ndarray,
    k: np.ndarray | None,
) -> Elpd:
    def labelled(values: np.ndarray, name: str) -> xr.DataArray:
        coords = {"obs": log_lik.coords["obs"]} if "obs" in log_lik.coords else None
        return xr.DataArray(values, dims=("obs",), coords=coords, name=name)

    return Elpd(
        kind=kind,
        elpd=float(elpd.sum()),
        se=sum_se(elpd),
        p=float(penalty.sum()),
        p_se=sum_se(penalty),
        pointwise=labelled(elpd, f"elpd_{kind}"),
        p_pointwise=labelled(penalty, f"p_{kind}"),
        pareto_k=None if k is None else labelled(k, "pareto_k"),
        n_draws=log_lik.sizes["chain"] * log_lik.sizes["draw"],
    )


def sum_se(values: np.ndarray) -> float:
    """Return the standard error of a sum of independent contributions."""
    if len(values) < 2 or not np.isfinite(values).all():
        return float("nan")
    return float(np.sqrt(len(values) * values.var(ddof=1)))
