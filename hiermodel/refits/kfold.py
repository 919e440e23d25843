"""K-fold cross-validation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import xarray as xr

from hiermodel.arguments import flag
from hiermodel.criticism.elpd import Elpd, assemble, check_origin, checked, log_mean_exp
from hiermodel.errors import ArgumentError, HiermodelError, did_you_mean, warn
from hiermodel.refits.folds import check_levels, choose_folds
from hiermodel.refits.jobs import Job, complete_rows, run_jobs

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

_VERBS = ("posterior_predict", "posterior_epred", "posterior_linpred")


def kfold(
    fit: Fit,
    k: int = 10,
    folds: Any = None,
    group: Any = None,
    *,
    resp: str | None = None,
    seed: int | None = None,
    cores: int | None = None,
    save_fits: bool = False,
    progress: bool = True,
) -> Elpd:
    """Estimate out-of-sample fit by K-fold cross-validation; see `Fit.kfold`."""
    check_origin(fit, "kfold()")
    check_rows(fit, "kfold()")
    flag("save_fits", save_fits), flag("progress", progress)
    rng = generator(seed)
    numbers = choose_folds(fit, k, folds, group, rng)
    check_levels(fit, numbers)
    # First what can be refused at once, then the fits.
    full = checked(_only(fit, resp).log_lik())
    members = [np.flatnonzero(numbers == n) for n in range(1, int(numbers.max()) + 1)]
    jobs = [
        Job(f"fold {n}", tuple(map(int, at)), seed_of_job(rng), resp)
        for n, at in enumerate(members, start=1)
    ]
    outcomes = run_jobs(fit, jobs, cores, progress, save_fits)
    elpd = np.empty(len(numbers))
    for at, outcome in zip(members, outcomes, strict=True):
        _check_numbers(outcome.log_lik, at)
        elpd[at] = log_mean_exp(outcome.log_lik.T)
    tell_of_zeros(fit, elpd, full["obs"].values)
    rows = full.values.reshape(-1, full.sizes["obs"])
    result = assemble("kfold", full, elpd, log_mean_exp(rows.T) - elpd, None)
    return replace(
        result,
        n_draws=len(outcomes[0].log_lik),
        folds=result.pointwise.copy(data=numbers).rename("fold"),
        fits=tuple(outcome.fit for outcome in outcomes if outcome.fit is not None),
    )


def kfold_predict(
    fit: Fit,
    result: Elpd,
    method: str = "posterior_predict",
    *,
    resp: str | None = None,
    ndraws: int | None = None,
    seed: int | None = None,
) -> xr.DataArray:
    """Predict each row from the fit that did not see it; see `Fit.kfold_predict`."""
    if not isinstance(result, Elpd) or result.folds is None:
        raise ArgumentError("kfold_predict() takes what kfold() gave back")
    if not result.fits:
        raise ArgumentError("kfold_predict() needs the fits: kfold(save_fits=True) keeps them")
    if method not in _VERBS:
        raise ArgumentError(
            f"method must be one of {', '.join(_VERBS)}, not {method!r}"
            f"{did_you_mean(str(method), _VERBS)}"
        )
    rows = complete_rows(fit)
    numbers = result.folds.values
    if len(numbers) != len(rows):
        raise ArgumentError(
            f"the folds are of {len(numbers)} rows and the fit has {len(rows)}: take the fit whose "
            "kfold() it was"
        )
    pieces, places = [], []
    for number, one in enumerate(result.fits, start=1):
        at = np.flatnonzero(numbers == number)
        verb = getattr(one, method)
        pieces.append(verb(
            rows.iloc[at], resp=resp, ndraws=ndraws, allow_new_levels=True,
            sample_new_levels="gaussian", seed=None if seed is None else seed + number,
        ))
        places.append(at)
    order = np.argsort(np.concatenate(places))
    return cast("xr.DataArray", xr.concat(pieces, dim="obs").isel(obs=order).transpose(
        "chain", "draw", "obs", ...
    ))


def check_rows(fit: Fit, what: str) -> None:
    """Refuse fits whose rows are not those of the model."""
    if fit.whole is not None:
        raise HiermodelError(
            f"{what} fits the whole model again, and this is one response of it: call it on the "
            f"fit itself, with resp={fit.model.part.name!r}"
        )
    if any(part.subset is not None for part in fit.model.parts):
        raise HiermodelError(
            f"{what} is not built for responses with a subset(), whose rows are not those of the "
            "data; loo(resp=...) works"
        )


def tell_of_zeros(fit: Fit, elpd: np.ndarray, labels: np.ndarray) -> None:
    """Warn of rows that are impossible under the fits without them."""
    at = np.flatnonzero(np.isneginf(elpd))
    if not len(at):
        return
    hazard = any(part.baseline is not None for part in fit.model.parts)
    why = (
        " A baseline hazard ends near the first and last time that it was fitted to; give its ends "
        "for all fits, such as bhaz(Boundary.knots = c(0, 100))."
        if hazard
        else ""
    )
    warn(
        f"{len(at)} rows have probability zero under every draw of the fit without them, the first "
        f"is {labels[at[0]]}: the estimate is minus infinity.{why}"
    )


def generator(seed: int | None) -> np.random.Generator:
    """Random numbers of a seed that is one."""
    whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if seed is not None and not (whole and seed >= 0):
        raise ArgumentError(f"seed must be a whole number from 0 on, not {seed!r}")
    return np.random.default_rng(seed)


def seed_of_job(rng: np.random.Generator) -> int:
    """A seed for a sampler."""
    return int(rng.integers(1, 2**31 - 1))


def _only(fit: Fit, resp: str | None) -> Fit:
    return fit if resp is None else fit.only(resp)


def _check_numbers(log_lik: np.ndarray, at: np.ndarray) -> None:
    wrong = np.flatnonzero(np.isnan(log_lik).any(axis=0))
    if len(wrong):
        raise HiermodelError(
            f"the log-likelihood of row {int(at[wrong[0]])} is not a number in the fit without it"
        )
