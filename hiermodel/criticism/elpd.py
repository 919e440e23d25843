"""Expected log predictive density: what an estimate is, and `waic`.

Definitions of Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using
leave-one-out cross-validation and WAIC, Statistics and Computing 27, 1413-1432, and Vehtari,
Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25(72), 1-58.
Variances are sample variances (divisor n - 1), as in the papers and in the R package loo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.criticism.observed import observed_log_lik
from hiermodel.errors import DataError, warn
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.text import frame_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

Kind: TypeAlias = Literal["loo", "waic", "kfold", "loo_subsample"]

# Log-likelihoods are worked on in pieces of about this many numbers (32 MB).
_CHUNK = 4_000_000
_WAIC_LIMIT = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Elpd:
    """An estimate of the expected log predictive density for new data.

    Attributes
    ----------
    kind : {"loo", "waic", "kfold", "loo_subsample"}
    elpd, se : float
        Estimate and standard error. Higher is better.
    p, p_se : float
        Effective number of parameters and its standard error.
    pointwise : xarray.DataArray
        Contribution of each observation, dim ``obs``; with ``kfold(joint=)`` of each fold or
        group, whose dim is ``fold`` or the name of the group.
    p_pointwise : xarray.DataArray
        Contribution of each observation to `p`, dim ``obs``.
    pareto_k : xarray.DataArray or None
        Shape of the tail of each observation's importance weights, dim ``obs``; minus infinity
        where the log-likelihood does not vary, 0 where the model was fitted again without the
        row. Only for ``loo``.
    n_draws : int
    log_weights : xarray.DataArray or None
        Logarithms of the smoothed importance weights, dims (chain, draw, obs), normalised over
        the draws of each observation. Only for ``loo`` with ``save_psis=True``.
    refitted : tuple
        Labels of the rows whose part is exact: the model was fitted again without them.
    folds : xarray.DataArray or None
        The fold of each observation, from 1, dim ``obs``. Only for ``kfold``.
    left_out : tuple of int
        The folds without which the model was fitted: all, or those of ``kfold(Ksub=)``.
    joint : {"obs", "fold", "group"}
        What is predicted together: each observation is alone, but with ``kfold(joint=)``.
    fits : tuple of Fit
        The fit without each fold of `left_out`. Only for ``kfold`` with ``save_fits=True``.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.criticism import waic_of
    >>> log_lik = xr.DataArray(np.full((2, 5, 3), -1.0), dims=("chain", "draw", "obs"))
    >>> waic_of(log_lik).elpd
    -3.0
    """

    kind: Kind
    elpd: float
    se: float
    p: float
    p_se: float
    pointwise: xr.DataArray
    p_pointwise: xr.DataArray
    pareto_k: xr.DataArray | None
    n_draws: int
    log_weights: xr.DataArray | None = None
    refitted: tuple[Any, ...] = ()
    folds: xr.DataArray | None = None
    left_out: tuple[int, ...] = ()
    joint: str = "obs"
    fits: tuple[Fit, ...] = ()

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
        name = self.kind.removesuffix("_subsample")
        names = [f"elpd_{name}", f"p_{name}", "waic" if name == "waic" else f"{name}ic"]
        values = [[self.elpd, self.se], [self.p, self.p_se], [self.ic, 2.0 * self.se]]
        return pd.DataFrame(values, index=names, columns=["Estimate", "SE"])

    @property
    def problems(self) -> int:
        """Number of observations for which the estimate is doubtful."""
        if self.kind == "kfold":
            return 0
        if self.pareto_k is None:
            return int((self.p_pointwise > _WAIC_LIMIT).sum())
        return int((self.pareto_k > self.k_threshold).sum())

    def _title(self) -> str:
        name = "K-fold cross-validation" if self.kind == "kfold" else self.kind.upper()
        what = "observations" if self.joint == "obs" else f"{self.joint}s, the rows of each jointly"
        if self.pointwise.size == 1:
            what = what.replace(f"{self.joint}s", self.joint).replace(" of each", "")
        return f"{name} of {self.pointwise.size} {what}, {self.n_draws} draws"

    def _verdict(self) -> str:
        n = self.pointwise.size
        if self.folds is not None:
            numbers, counts = np.unique(self.folds, return_counts=True)
            sizes = counts[np.isin(numbers, self.left_out)]
            some = f" of {len(numbers)}" if len(sizes) < len(numbers) else ""
            return f"{len(sizes)}{some} folds of {sizes.min()} to {sizes.max()} observations."
        if self.pareto_k is None:
            what, limit = "p_waic", _WAIC_LIMIT
        else:
            what, limit = "Pareto k", self.k_threshold
        if not self.problems:
            exact = f" {len(self.refitted)} rows by refitting." if self.refitted else ""
            return f"All {what} are at most {limit:.2g}: the estimate can be trusted.{exact}"
        advice = "prefer loo()" if self.pareto_k is None else "these are doubtful, see .pareto_k"
        return f"{self.problems} of {n} {what} are above {limit:.2g}: {advice}."

    def __repr__(self) -> str:
        table = frame_text(self.estimates, digits=1)
        return f"{self._title()}\n{table}\n  {self._verdict()}"

    def _repr_html_(self) -> str:
        return page(self._title(), [frame_html(self.estimates, note=self._verdict(), digits=1)])


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
    check_origin(fit, "waic()")
    return waic_of(observed_log_lik(fit, "waic()"))


def check_origin(fit: Fit, what: str) -> None:
    """Refuse a mode and draws of the prior; warn of a poor approximation."""
    fit.origin.refuse_point(what)
    fit.origin.refuse_prior(what)
    fit.origin.warn_if_poor(what)


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
    log_lik = checked(log_lik)
    n_obs = log_lik.sizes["obs"]
    lpd, penalty = np.empty(n_obs), np.empty(n_obs)
    for at in pieces(log_lik):
        values = np.asarray(log_lik.isel(obs=at).values, dtype=float)
        rows = values.reshape(-1, values.shape[-1])
        lpd[at], penalty[at] = log_mean_exp(rows.T), rows.var(axis=0, ddof=1)
    result = assemble("waic", log_lik, lpd - penalty, penalty, None)
    if result.problems:
        warn(
            f"{result.problems} of {n_obs} observations have p_waic above {_WAIC_LIMIT}: "
            "the waic estimate is doubtful; prefer loo()",
        )
    return result


def checked(log_lik: xr.DataArray) -> xr.DataArray:
    """Log-likelihoods as (chain, draw, obs), all of them numbers."""
    log_lik = log_lik.transpose("chain", "draw", "obs")
    missing = np.flatnonzero(np.isnan(log_lik.values).any(axis=(0, 1)))
    if len(missing):
        raise DataError(
            f"the log-likelihood of row {missing[0]} is not a number "
            f"({len(missing)} such rows); loo and waic need it for every observation; missing "
            "responses that mi() imputes have none: log_lik.dropna('obs') leaves them out"
        )
    return log_lik


def pieces(log_lik: xr.DataArray) -> list[slice]:
    """Slices of observations whose log-likelihoods are worked on together."""
    n_obs = log_lik.sizes["obs"]
    n_draws = log_lik.sizes["chain"] * log_lik.sizes["draw"]
    step = max(1, _CHUNK // max(1, n_draws))
    return [slice(start, min(start + step, n_obs)) for start in range(0, n_obs, step)]


def log_sum_exp(rows: np.ndarray) -> np.ndarray:
    """Logarithm of the sum of exponentials over the last axis.

    SciPy's function takes care of signs and complex numbers, which costs it several passes.
    """
    largest = rows.max(axis=-1, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    shifted = rows - largest
    np.exp(shifted, out=shifted)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(shifted.sum(axis=-1)) + largest[..., 0])


def log_mean_exp(rows: np.ndarray) -> np.ndarray:
    """Logarithm of the mean of exponentials over the last axis."""
    return log_sum_exp(rows) - np.log(rows.shape[-1])


def assemble(
    kind: Kind,
    log_lik: xr.DataArray,
    elpd: np.ndarray,
    penalty: np.ndarray,
    k: np.ndarray | None,
) -> Elpd:
    """An estimate from the parts of the observations, labelled as the log-likelihood."""
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
