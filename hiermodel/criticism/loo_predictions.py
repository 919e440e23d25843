"""Leave-one-out predictions: expectations under the posterior without the row itself.

Each row's draws are weighted by its smoothed importance weights (Vehtari, Gelman and Gabry 2017,
section 2; Vehtari and others 2024, JMLR 25(72)).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import probabilities, probability
from hiermodel.criticism.given_others import rows_without_themselves
from hiermodel.criticism.leave_one_out import loo
from hiermodel.criticism.observed import observed_rows
from hiermodel.errors import ArgumentError, HiermodelError, did_you_mean
from hiermodel.summary.statistics import quantile_name

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

TYPES = ("mean", "var", "quantile")


def loo_expectation(
    fit: Fit, values: xr.DataArray, type: str = "mean", probs: Sequence[float] = (0.5,)
) -> pd.Series | pd.DataFrame:
    """Summarise draws of each row under the posterior without that row.

    Parameters
    ----------
    fit : Fit
        Of one response.
    values : xarray.DataArray
        Dims (chain, draw, obs), and perhaps one more; all draws of the fit.
    type : {"mean", "var", "quantile"}
        The variance is that of weighted draws, divided by one minus the sum of squared weights;
        quantiles interpolate the weighted distribution function linearly.
    probs : sequence of float
        Of the quantiles.

    Returns
    -------
    pandas.Series or pandas.DataFrame
        By row label, of the rows with a response; a column per quantile, and per category where
        `values` has these.

    Warns
    -----
    HiermodelWarning
        When observations have a Pareto k above the threshold.
    """
    _check_type(type)
    probs = probabilities("probs", probs)
    found = loo(fit, save_psis=True)
    assert found.log_weights is not None
    weights = np.exp(found.log_weights.values.reshape(-1, found.pointwise.size))
    values = values.isel(obs=np.flatnonzero(observed_rows(fit)))
    draws = values.transpose("chain", "draw", "obs", ...).values.astype(float)
    draws = draws.reshape(len(weights), *draws.shape[2:])
    index = pd.Index(values["obs"].values, name="obs")
    several = draws.ndim == 3
    if several:
        labels = [str(v) for v in values[values.dims[-1]].values]
        if type == "quantile":
            raise ArgumentError(
                f"type='quantile' is for one number a row; {values.name} has {len(labels)} "
                f"categories. Take type='mean' or 'var'"
            )
        stacked = [_moment(draws[..., c], weights, type) for c in range(len(labels))]
        columns = pd.Index(labels, name=str(values.dims[-1]))
        return pd.DataFrame(np.column_stack(stacked), index=index, columns=columns)
    if type == "quantile":
        table = weighted_quantiles(draws, weights, probs)
        return pd.DataFrame(table, index=index, columns=[quantile_name(p) for p in probs])
    return pd.Series(_moment(draws, weights, type), index=index, name=type)


def loo_prediction(
    fit: Fit, verb: str, type: str, probs: Sequence[float], **options: Any
) -> pd.Series | pd.DataFrame:
    """Summarise a verb of the fit, ``posterior_predict`` say, row by row without the row.

    Where residuals are correlated the row is predicted from the other rows too.
    """
    _check_type(type)
    if verb == "posterior_predict" and fit.family.response == "nominal":
        raise HiermodelError(
            "loo_predict() is not defined for categorical responses, whose codes have no order; "
            "loo_epred() gives the probabilities of the categories"
        )
    return loo_expectation(fit, rows_without_themselves(fit, verb, **options), type, probs)


def loo_predictive_interval(fit: Fit, prob: float = 0.9, seed: int | None = None) -> pd.DataFrame:
    """Central interval of a new response for each row, without the row itself."""
    tail = (1.0 - probability("prob", prob)) / 2.0
    table = loo_prediction(fit, "posterior_predict", "quantile", (tail, 1.0 - tail), seed=seed)
    assert isinstance(table, pd.DataFrame)
    return table


def weighted_quantiles(
    draws: np.ndarray, weights: np.ndarray, probs: Sequence[float]
) -> np.ndarray:
    """Quantiles (n, probs) of draws (S, n) with weights (S, n) that sum to 1 over draws."""
    order = np.argsort(draws, axis=0)
    ordered = np.take_along_axis(draws, order, axis=0)
    below = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
    below /= below[-1]
    return np.array(
        [np.interp(probs, below[:, i], ordered[:, i]) for i in range(draws.shape[1])]
    ).reshape(draws.shape[1], len(probs))


def _moment(draws: np.ndarray, weights: np.ndarray, type: str) -> np.ndarray:
    mean = np.einsum("si,si->i", weights, draws)
    if type == "mean":
        return np.asarray(mean)
    spread = np.einsum("si,si->i", weights, (draws - mean) ** 2)
    return np.asarray(spread / (1.0 - np.einsum("si,si->i", weights, weights)))


def _check_type(type: str) -> None:
    if type not in TYPES:
        raise ArgumentError(
            f"type must be one of {', '.join(TYPES)}, not {type!r}{did_you_mean(str(type), TYPES)}"
        )
