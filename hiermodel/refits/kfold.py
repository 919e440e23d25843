"""K-fold cross-validation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag
from hiermodel.criticism.elpd import Elpd, assemble, check_origin, checked, log_mean_exp
from hiermodel.criticism.observed import observed_rows, with_response
from hiermodel.errors import ArgumentError, HiermodelError, did_you_mean, warn
from hiermodel.refits.folds import check_levels, check_series, choose_folds, group_of_rows
from hiermodel.refits.jobs import Job, complete_rows, run_jobs
from hiermodel.refits.units import Units, check_joint, chosen_folds, make_units

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

_VERBS = ("posterior_predict", "posterior_epred", "posterior_linpred")
# A density that rests on fewer draws than this, in effect, is told.
_FEW = 10


def kfold(
    fit: Fit,
    k: int = 10,
    folds: Any = None,
    group: Any = None,
    *,
    joint: str = "obs",
    ksub: Any = None,
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
    joint = check_joint(joint, group)
    if joint != "obs":
        _check_independent(fit)
    rng = generator(seed)
    given = folds is not None and not isinstance(folds, str)
    # Folds that are given leave the group free to say what is predicted together.
    numbers = choose_folds(fit, k, folds, None if given and joint == "group" else group, rng)
    count = int(numbers.max())
    # All folds have their seeds, so that some of them are fitted as they would be among all.
    seeds = [seed_of_job(rng) for _ in range(count)]
    chosen = chosen_folds(ksub, count, rng)
    one = _only(fit, resp)
    kept = observed_rows(one)
    with_response(kept, "kfold()")
    # Rows without a response stay among those that are fitted: there is nothing to predict.
    used = np.where(np.isin(numbers, chosen) & kept, numbers, 0)
    check_levels(fit, used)
    check_series(fit, numbers, "kfold()")
    # First what can be refused at once, then the fits.
    full = one.log_lik(partial=True).transpose("chain", "draw", "obs")
    checked(full.isel(obs=np.flatnonzero(kept)))
    units = make_units(joint, used, full["obs"].values, _groups(fit, group, joint))
    members = [np.flatnonzero(used == n) for n in chosen]
    jobs = [
        Job(f"fold {n}", tuple(map(int, at)), seeds[n - 1], resp)
        for n, at in zip(chosen, members, strict=True)
    ]
    outcomes = run_jobs(fit, jobs, cores, progress, save_fits)
    elpd = np.empty(len(units.rows))
    effective = np.empty(len(units.rows))
    for n, at, outcome in zip(chosen, members, outcomes, strict=True):
        _check_numbers(outcome.log_lik, at)
        own = units.folds == n
        elpd[own], effective[own] = units.log_density(outcome.log_lik, at, n)
    tell_of_zeros(fit, elpd, units.labels, "rows" if joint == "obs" else f"{joint}s")
    _tell_of_few(units, effective)
    together = units.summed(full)
    rows = together.values.reshape(-1, len(elpd))
    result = assemble("kfold", together, elpd, log_mean_exp(rows.T) - elpd, None)
    return replace(
        result,
        n_draws=len(outcomes[0].log_lik),
        pointwise=_named(result.pointwise, units),
        p_pointwise=_named(result.p_pointwise, units),
        folds=xr.DataArray(numbers, dims=("obs",), coords={"obs": full["obs"]}, name="fold"),
        left_out=chosen,
        joint=joint,
        fits=tuple(outcome.fit for outcome in outcomes if outcome.fit is not None),
    )


def _check_independent(fit: Fit) -> None:
    """Refuse joint densities where those of the rows are given the other rows."""
    for part in fit.model.parts:
        covariance = part.residual_covariance
        if covariance is not None:
            raise HiermodelError(
                f"joint= adds up the log densities of rows, and with {covariance.text} that of a "
                "row is given the other rows: their sum is no joint density. Use joint='obs'"
            )


def _groups(fit: Fit, group: Any, joint: str) -> pd.Series | None:
    """The group of each row by its label, where groups are predicted together."""
    if joint != "group":
        return None
    group_of_rows(fit, group)  # refuses what is no group
    if isinstance(group, str):
        return fit.frame[group].reset_index(drop=True)
    return pd.Series(np.asarray(group).ravel())


def _named(values: xr.DataArray, units: Units) -> xr.DataArray:
    """Parts of the units under their own dim; those of groups also say in which fold."""
    if units.dim == "obs":
        return values
    named = values.rename(obs=units.dim)
    return named if units.dim == "fold" else named.assign_coords(fold=(units.dim, units.folds))


def _tell_of_few(units: Units, effective: np.ndarray) -> None:
    """Warn of joint densities that are the mean of very few draws."""
    few = np.flatnonzero(effective < _FEW)
    if units.dim == "obs" or not len(few):
        return
    worst = few[int(np.argmin(effective[few]))]
    what = "folds" if units.dim == "fold" else "groups"
    warn(
        f"the joint densities of {len(few)} of {len(units.rows)} {what} rest on fewer than {_FEW} "
        f"draws in effect, worst {units.labels[worst]} ({effective[worst]:.1f}): many rows "
        "together are far from most draws, and the estimate is too low. Take smaller folds or more "
        "draws; logo() integrates over new groups instead"
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
    for number, one in zip(result.left_out, result.fits, strict=True):
        at = np.flatnonzero(numbers == number)
        verb = getattr(one, method)
        pieces.append(verb(
            rows.iloc[at], resp=resp, ndraws=ndraws, allow_new_levels=True,
            sample_new_levels="gaussian", impute=True, seed=None if seed is None else seed + number,
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


def tell_of_zeros(
    fit: Fit, elpd: np.ndarray, labels: np.ndarray, what: str = "rows"
) -> None:
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
        f"{len(at)} {what} have probability zero under every draw of the fit without them, the "
        f"first is {labels[at[0]]}: the estimate is minus infinity.{why}"
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
