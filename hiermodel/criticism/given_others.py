"""Predictions of each row given the other rows, where residuals are correlated.

Leave-one-out weights leave a row out of the parameters' posterior. Where rows are independent given
the parameters, that is all: the prediction of the row is an ordinary one. With correlated residuals
(``arma(cov = TRUE)``, ``cosy()``, ``unstr()``, ``sar()``, ``fcor()``) the other rows tell of the
residual itself, and the density whose inverse is the weight is that of the row given them
(Buerkner, Gabry & Vehtari 2021, Computational Statistics 36). Its prediction must be the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hiermodel.log_likelihood import given_the_others
from hiermodel.predictions import thinned
from hiermodel.prepare import LIKELIHOOD_ROLES, PredictionOptions, prepare

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

_VERBS = ("posterior_epred", "posterior_predict")


def rows_without_themselves(fit: Fit, verb: str, **options: Any) -> xr.DataArray:
    """Predict each fitted row as one that was not observed, from the others and the parameters.

    Parameters
    ----------
    fit : Fit
        Of one response.
    verb : {"posterior_predict", "posterior_epred", "posterior_linpred"}
        Linear predictors say nothing of residuals: they are always the ordinary ones.
    **options
        Of the verb: ``ndraws``, ``re_formula``, ``incl_autocor``, ``seed``, ...

    Returns
    -------
    DataArray
        Dims (chain, draw, obs), for `posterior_epred` of families with categories one more. The
        ordinary prediction where residuals are not correlated.

    Examples
    --------
    >>> rows_without_themselves(fit, "posterior_predict", seed=1)  # doctest: +SKIP
    """
    correlated = fit.model.part.residual_covariance is not None
    if not correlated or verb not in _VERBS or not options.get("incl_autocor", True):
        ordinary: xr.DataArray = getattr(fit, verb)(**options)
        return ordinary
    posterior = thinned(fit.posterior, options.get("ndraws"))
    seed = options.get("seed")
    chosen = PredictionOptions(options.get("re_formula"), seed=seed)
    prediction = prepare(
        fit.model, posterior, fit.frame, None, chosen, LIKELIHOOD_ROLES
    )
    rng = np.random.default_rng(seed) if verb == "posterior_predict" else None
    values = given_the_others(prediction, fit.response, rng)
    return xr.DataArray(
        values.reshape(*prediction.shape, -1), dims=("chain", "draw", "obs"),
        coords={"obs": fit.row_labels}, name=verb.removeprefix("posterior_"),
    )
