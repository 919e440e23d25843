"""Leave-one-out from a random part of the rows, for large data.

Magnusson, Andersen, Jonasson and Vehtari (2020), Leave-one-out cross-validation for Bayesian model
comparison in large data, AISTATS (PMLR 108), 341-351: the parts of all rows are approximated by
their log density at the posterior mean (Magnusson and others 2019, ICML, PMLR 97, 4244-4253), and
the sum of the differences is estimated from rows drawn at random without replacement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.criticism.elpd import Elpd, check_origin
from hiermodel.criticism.leave_one_out import loo_of
from hiermodel.criticism.observed import observed_rows, with_response
from hiermodel.errors import ArgumentError, HiermodelError

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SubsampledElpd(Elpd):
    """An estimate of leave-one-out from some of the rows.

    ``pointwise``, ``p_pointwise`` and ``pareto_k`` are of the rows that were drawn; ``elpd`` and
    ``p`` are estimates for all rows.

    Attributes
    ----------
    subsampling_se : float
        Standard error that comes from not looking at all rows; ``se`` is that of ``elpd`` as with
        all rows.
    p_subsampling_se : float
        The same of ``p``.
    rows : ndarray of int
        Positions of the rows that were drawn, from 0.
    surrogate : xarray.DataArray
        Log density of every row at the posterior mean, dim ``obs``.
    """

    subsampling_se: float = float("nan")
    p_subsampling_se: float = float("nan")
    rows: Any = None
    surrogate: Any = None

    @property
    def estimates(self) -> pd.DataFrame:
        """Estimates for all rows with both standard errors."""
        # A class with slots is made twice, and super() would know the first one.
        table = Elpd.estimates.fget(self)  # type: ignore[attr-defined]
        extra = [self.subsampling_se, self.p_subsampling_se, 2.0 * self.subsampling_se]
        return table.assign(**{"Subsampling SE": extra})

    def _title(self) -> str:
        return (
            f"LOO of {self.surrogate.size} observations, estimated from "
            f"{self.pointwise.size} of them, {self.n_draws} draws"
        )


@dataclass(frozen=True, slots=True)
class DifferenceEstimate:
    """A sum over all rows, estimated from some of them.

    Attributes
    ----------
    total : float
    se : float
        Standard error of the sum as one of independent contributions, as with all rows.
    subsampling_se : float
        Standard error of `total` as an estimate of the sum over all rows.
    """

    total: float
    se: float
    subsampling_se: float

    @classmethod
    def of(cls, approximate: np.ndarray, exact: np.ndarray, rows: np.ndarray) -> DifferenceEstimate:
        """Estimate the sum of contributions that are known approximately for all rows.

        Parameters
        ----------
        approximate : ndarray (N,)
        exact : ndarray (m,)
            Of `rows`, which were drawn at random without replacement.
        rows : ndarray of int (m,)

        Examples
        --------
        >>> known = np.array([1.0, 2.0, 3.0, 4.0])
        >>> DifferenceEstimate.of(known, known[[0, 2]] + 0.5, np.array([0, 2])).total
        12.0
        """
        n, m = len(approximate), len(rows)
        difference = exact - approximate[rows]
        total = float(approximate.sum() + n * difference.mean())
        variance = n**2 * (1.0 - m / n) * difference.var(ddof=1) / m
        squares = (approximate**2).sum() + n * (exact**2 - approximate[rows] ** 2).mean()
        # The square of an estimate is too large by its variance.
        spread = max(0.0, squares - (total**2 - variance) / n)
        # Divisor n - 1, so that with all rows it is the standard error of the whole estimate.
        return cls(total, float(np.sqrt(n / (n - 1.0) * spread)), float(np.sqrt(variance)))


def loo_subsample(
    fit: Fit,
    size: int | None = None,
    observations: Sequence[int] | None = None,
    seed: int | None = None,
    save_psis: bool = False,
) -> SubsampledElpd:
    """Estimate PSIS-LOO from some of the rows.

    Parameters
    ----------
    fit : Fit
        Of one response, or of all together.
    size : int, optional
        How many rows are drawn at random.
    observations : sequence of int, optional
        Positions of the rows, from 0, that were drawn at random before: those of another model
        that this one is compared with.
    seed : int, optional
    save_psis : bool
        Keep the smoothed log weights of the rows.

    Returns
    -------
    SubsampledElpd

    Raises
    ------
    ArgumentError
        For a number of rows that cannot be.
    HiermodelError
        When the density at the posterior mean is zero or undefined in some row.

    Examples
    --------
    >>> fit.loo(subsample=400, seed=1).subsampling_se  # doctest: +SKIP
    """
    check_origin(fit, "loo()")
    at = with_response(observed_rows(fit), "loo()")
    n = len(at)
    rows = _rows(n, size, observations, seed)
    labels = fit.row_labels[at]
    surrogate = _at_the_mean(fit, at)
    if any(part.bound_to_rows for part in fit.model.parts):
        # Given alone they would be other rows.
        log_lik = fit.log_lik(partial=True).isel(obs=at[rows])
    else:
        log_lik = fit.log_lik(fit.frame.iloc[at[rows]], partial=True)
    log_lik = log_lik.assign_coords(obs=labels[rows])
    found = loo_of(log_lik, save_psis)
    exact = found.pointwise.values
    whole = DifferenceEstimate.of(surrogate.values, exact, rows)
    # Nothing approximates the effective number of parameters: the mean of the drawn rows counts.
    p = DifferenceEstimate.of(np.zeros(n), found.p_pointwise.values, rows)
    return SubsampledElpd(
        kind="loo_subsample", elpd=whole.total, se=whole.se, p=p.total, p_se=p.se,
        pointwise=found.pointwise, p_pointwise=found.p_pointwise, pareto_k=found.pareto_k,
        n_draws=found.n_draws, log_weights=found.log_weights,
        subsampling_se=whole.subsampling_se, p_subsampling_se=p.subsampling_se,
        rows=rows, surrogate=surrogate,
    )


def _at_the_mean(fit: Fit, at: np.ndarray) -> xr.DataArray:
    """Log density of the rows with a response at the posterior mean of the parameters."""
    mean = fit.posterior.mean(("chain", "draw"), keep_attrs=True)
    point = mean.expand_dims(chain=[0], draw=[0]).transpose("chain", "draw", ...)
    for name in point.data_vars:
        point[name].attrs = dict(fit.posterior[name].attrs)
    found = replace(fit, datasets={**fit.datasets, "posterior": point}).log_lik(partial=True)
    values = found.isel(chain=0, draw=0, drop=True).isel(obs=at)
    wrong = np.flatnonzero(~np.isfinite(values.values))
    if len(wrong):
        raise HiermodelError(
            f"the density of row {int(wrong[0]) + 1} is zero or undefined at the posterior mean, "
            "which the estimate from some rows needs; take loo() of all rows"
        )
    return values.rename("surrogate")


def _rows(
    n: int, size: int | None, observations: Sequence[int] | None, seed: int | None
) -> np.ndarray:
    if observations is not None:
        if size is not None:
            raise ArgumentError("give subsample= or observations=, not both")
        rows = np.asarray(observations)
        whole = rows.ndim == 1 and np.issubdtype(rows.dtype, np.integer)
        if not whole or len(np.unique(rows)) != len(rows) or len(rows) < 2:
            raise ArgumentError("observations must be positions of at least two different rows")
        if rows.min() < 0 or rows.max() >= n:
            raise ArgumentError(f"observations must lie between 0 and {n - 1}, the last row")
        return rows
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or not 2 <= size <= n:
        raise ArgumentError(
            f"subsample must be a whole number from 2 to {n}, the number of rows, not {size!r}"
        )
    return np.sort(np.random.default_rng(seed).choice(n, int(size), replace=False))
