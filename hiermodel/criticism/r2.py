"""Bayesian and leave-one-out R-squared.

Gelman, Goodrich, Gabry and Vehtari (2019), R-squared for Bayesian regression models, The American
Statistician 73, 307-309, and its online supplement (LOO-R2).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import flag, probabilities
from hiermodel.criticism.elpd import check_origin
from hiermodel.criticism.loo_predictions import loo_prediction
from hiermodel.criticism.observed import observed_rows
from hiermodel.errors import ArgumentError, HiermodelError, did_you_mean
from hiermodel.frames import as_frame
from hiermodel.summary.shown import as_table
from hiermodel.summary.statistics import PROBS, describe, statistic_names

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

METHODS = ("model", "residual")
# Families whose residual variance is known given the parameters.
_MODEL_BASED = ("gaussian", "bernoulli")


def bayes_r2_draws(
    fit: Fit, newdata: Any = None, method: str = "residual", **options: Any
) -> xr.DataArray:
    """Draws (chain, draw) of R-squared of one response; see `Fit.bayes_r2`."""
    method = _method(fit, method)
    _refuse_without_numbers(fit, "bayes_r2()")
    check_origin(fit, "bayes_r2()")
    if options.get("allow_new_levels") and options.get("seed") is None:
        # Both calls below must give a new level the same effects.
        options["seed"] = int(np.random.default_rng().integers(2**31))
    mu = fit.posterior_epred(newdata, **options)
    explained = mu.var("obs", ddof=1)
    if method == "model":
        residual = _model_variance(fit, newdata, mu, options)
    else:
        y = fit.response if newdata is None else _observed(fit, newdata)
        residual = (xr.DataArray(np.asarray(y, dtype=float), dims=("obs",)) - mu).var(
            "obs", ddof=1
        )
    with np.errstate(invalid="ignore"):
        out = explained / (explained + residual)
    if bool(out.isnull().all()):
        raise HiermodelError(
            "bayes_r2() needs at least two rows, and expectations or residuals that vary"
        )
    return out.rename("R2")


def _observed(fit: Fit, newdata: Any) -> np.ndarray:
    frame = as_frame(newdata)
    return fit.model.response.coded(frame.iloc[fit.model.part.new_places(frame)])


def _model_variance(
    fit: Fit, newdata: Any, mu: xr.DataArray, options: dict[str, Any]
) -> xr.DataArray:
    """Expected residual variance given the parameters, the mean over rows."""
    if fit.family.name == "bernoulli":
        return (mu * (1.0 - mu)).mean("obs")
    variance = xr.zeros_like(mu)
    additions = fit.model.response.additions
    if "se" in additions:
        frame = fit.frame if newdata is None else as_frame(newdata)
        se = additions.data(frame, ("se",))[f"se{additions.suffix}"]
        variance = variance + xr.DataArray(np.asarray(se, dtype=float) ** 2, dims=("obs",))
    part = fit.model.part
    fixed = part.fixed.get("sigma")
    if isinstance(fixed, (int, float)):
        variance = variance + float(fixed) ** 2
    elif any(getattr(p, "param", "") == "sigma" for p in (*part.predictors, *part.scalars)):
        # With se() alone there is no sigma.
        variance = variance + fit.posterior_epred(newdata, dpar="sigma", **options) ** 2
    return variance.mean("obs")


def loo_r2_draws(fit: Fit, ndraws: int = 4000, seed: int | None = None) -> xr.DataArray:
    """Draws (chain, draw) of leave-one-out R-squared of one response; see `Fit.loo_r2`."""
    _refuse_without_numbers(fit, "loo_r2()")
    check_origin(fit, "loo_r2()")
    if isinstance(ndraws, bool) or not isinstance(ndraws, int) or ndraws < 1:
        raise ArgumentError(f"ndraws must be a whole number of at least 1, not {ndraws!r}")
    y = np.asarray(fit.response, dtype=float)[observed_rows(fit)]
    errors = y - np.asarray(loo_prediction(fit, "posterior_epred", "mean", (0.5,)))
    rng = np.random.default_rng(seed)
    out = np.empty(ndraws)
    step = max(1, 2_000_000 // max(1, len(y)))
    for start in range(0, ndraws, step):
        # The Bayesian bootstrap: the uncertainty of which rows there are to predict.
        weights = rng.dirichlet(np.ones(len(y)), size=min(step, ndraws - start))
        ratio = _weighted_variance(errors, weights) / _weighted_variance(y, weights)
        out[start : start + step] = np.clip(1.0 - ratio, -1.0, 1.0)
    return xr.DataArray(out[np.newaxis], dims=("chain", "draw"), name="R2")


def _weighted_variance(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    # The mean is taken off first: a variance from raw squares loses digits.
    centred = values - values.mean()
    return np.asarray(weights @ centred**2 - (weights @ centred) ** 2)


def shown(
    draws: dict[str, xr.DataArray], summary: bool, robust: bool, probs: Sequence[float] = PROBS
) -> pd.DataFrame | xr.DataArray | xr.Dataset:
    """A table with a row per response, or the draws."""
    flag("robust", robust), probabilities("probs", probs)
    if not flag("summary", summary):
        values = list(draws.values())
        return values[0] if len(values) == 1 else xr.Dataset(draws)
    columns = np.column_stack([np.asarray(v).ravel() for v in draws.values()])
    table = describe(columns, probs, robust)
    return as_table(
        pd.DataFrame(table, index=list(draws), columns=statistic_names(probs))
    )


def _method(fit: Fit, method: str) -> str:
    truncated = any(role in fit.model.response.additions for role in ("lb", "ub"))
    known = fit.family.name in _MODEL_BASED and not truncated
    if method not in METHODS:
        raise ArgumentError(
            f"method must be 'residual' or 'model', not {method!r}"
            f"{did_you_mean(str(method), METHODS)}"
        )
    if method == "model" and not known:
        what = "truncated responses" if truncated else f"family {fit.family.name!r}"
        raise ArgumentError(
            f"method='model' needs the residual variance of the model, which is used for "
            f"{' and '.join(_MODEL_BASED)} responses, not for {what}; take method='residual'"
        )
    return method


def _refuse_without_numbers(fit: Fit, what: str) -> None:
    family = fit.family
    if family.response in ("ordinal", "nominal") or family.several_columns:
        kind = {"ordinal": "ordinal", "nominal": "categorical"}.get(family.response, "")
        named = f"{kind} responses" if kind else "responses of several columns"
        raise HiermodelError(
            f"{what} is not defined for {named} (family {family.name!r}): a variance needs "
            "numbers. loo() and pp_check() tell how well the model predicts"
        )
