"""Exact leave-one-out for the rows whose importance weights cannot be trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hiermodel.criticism.elpd import Elpd, log_mean_exp, sum_se
from hiermodel.criticism.leave_one_out import tell_of_high_k
from hiermodel.criticism.observed import observed_rows
from hiermodel.refits.folds import check_levels, check_series
from hiermodel.refits.jobs import Job, run_jobs
from hiermodel.refits.kfold import check_rows, generator, seed_of_job, tell_of_zeros

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


def reloo(
    fit: Fit,
    result: Elpd,
    *,
    resp: str | None = None,
    k_threshold: float | None = None,
    seed: int | None = None,
    cores: int | None = None,
    progress: bool = True,
) -> Elpd:
    """Replace doubtful parts of a leave-one-out estimate by exact ones.

    Parameters
    ----------
    fit : Fit
        The whole fit.
    result : Elpd
        Of `loo`.
    resp : str, optional
        The response that `result` is of.
    k_threshold : float, optional
        Rows with a higher Pareto k are fitted without; that of the result by default.
    seed, cores, progress
        As in `Fit.kfold`.

    Returns
    -------
    Elpd
        With Pareto k 0 and exact parts for these rows, whose labels are in ``refitted``.

    Examples
    --------
    >>> reloo(fit, fit.loo()).refitted  # doctest: +SKIP
    """
    assert result.pareto_k is not None
    limit = result.k_threshold if k_threshold is None else k_threshold
    at = np.flatnonzero(result.pareto_k.values > limit)
    if not len(at):
        tell_of_high_k(result)
        return result
    check_rows(fit, "loo(reloo=True)")
    # Every row is a fold of its own, the others, which stay, are no fold.
    one = fit if resp is None else fit.only(resp)
    held = np.flatnonzero(observed_rows(one))[at]
    numbers = np.zeros(len(fit.frame), dtype=np.int64)
    numbers[held] = np.arange(1, len(at) + 1)
    check_levels(fit, numbers)
    check_series(fit, numbers, "loo(reloo=True)")
    rng = generator(seed)
    labels = [str(v) for v in result.pointwise["obs"].values]
    jobs = [
        Job(f"row {labels[i]}", (int(row),), seed_of_job(rng), resp)
        for i, row in zip(at, held, strict=True)
    ]
    outcomes = run_jobs(fit, jobs, cores, progress)
    lpd = result.pointwise.values + result.p_pointwise.values
    elpd, k = result.pointwise.values.copy(), result.pareto_k.values.copy()
    elpd[at] = [float(log_mean_exp(one.log_lik[:, 0])) for one in outcomes]
    tell_of_zeros(fit, elpd[at], result.pointwise["obs"].values[at])
    # Where the density of a row is 0 in some draw its part was minus infinity, and p with it.
    lpd = np.where(np.isfinite(lpd), lpd, elpd)
    k[at] = 0.0
    exact = replace(
        result,
        elpd=float(elpd.sum()), se=sum_se(elpd),
        p=float((lpd - elpd).sum()), p_se=sum_se(lpd - elpd),
        pointwise=result.pointwise.copy(data=elpd),
        p_pointwise=result.p_pointwise.copy(data=lpd - elpd),
        pareto_k=result.pareto_k.copy(data=k),
        refitted=tuple(result.pointwise["obs"].values[at].tolist()),
    )
    # A higher threshold than that of the result leaves doubtful rows.
    tell_of_high_k(exact)
    return exact
