"""Predictions of responses whose residuals are correlated: all responses of a row together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.imputing import missing_covariates
from hiermodel.log_likelihood import filled_responses
from hiermodel.modeling import Model
from hiermodel.predict import parameters
from hiermodel.prepare import LIKELIHOOD_ROLES, Prediction, PredictionOptions, prepare
from hiermodel.terms.base import Array


def joint_predictions(
    model: Model,
    posterior: xr.Dataset,
    training: pd.DataFrame,
    newdata: Any = None,
    options: PredictionOptions | None = None,
) -> tuple[Prediction, ...]:
    """Bind rows and draws for every response."""
    options = options or PredictionOptions()

    def one(part: Model) -> Prediction:
        imputed = None if newdata is None else missing_covariates(
            model, part.part, posterior, training, newdata, options
        )
        return prepare(part, posterior, training, newdata, options, LIKELIHOOD_ROLES, imputed)

    return tuple(one(model.only(name)) for name in model.responses)


def joint_log_lik(
    model: Model, predictions: tuple[Prediction, ...], filled: bool = False, partial: bool = False
) -> Array:
    """Log density of all responses of each row, (draws, rows); weights as in the program.

    NaN in rows that miss a response, unless they are to be `filled` with those of a single draw.
    With `partial` it is that of the responses that are there, NaN where all are missing.
    """
    assert model.rescor is not None
    rescor = model.rescor
    y = np.column_stack([
        filled_responses(p) if filled else p.part.response.coded(p.frame) for p in predictions
    ])

    def one(mu: Array, sigma: Array, draws: dict[str, Array]) -> Array:
        return rescor.log_prob(y, mu, sigma, draws)

    out = _evaluate(model, predictions, one)
    if not partial:
        out[:, np.isnan(y).any(axis=1)] = np.nan
    weights = predictions[0].extras.get("weights")
    return out if weights is None else weights * out


def joint_predict(
    model: Model, predictions: tuple[Prediction, ...], rng: np.random.Generator
) -> Array:
    """Draws of all responses of each row, (draws, rows, responses)."""
    assert model.rescor is not None
    rescor = model.rescor
    return _evaluate(
        model, predictions, lambda mu, sigma, draws: rescor.random(rng, mu, sigma, draws)
    )


def _evaluate(
    model: Model,
    predictions: tuple[Prediction, ...],
    function: Callable[[Array, Array, dict[str, Array]], Array],
) -> Array:
    """Evaluate chunk by chunk; parameters come as (draws, rows, responses)."""
    first = predictions[0]
    names = [name for name in ("rescor", "nu") if name in first.draws]
    parts = []
    for at in first.chunks(len(predictions)):
        found = [parameters(p, at) for p in predictions]
        shape = (at.stop - at.start, first.n)
        mu = np.stack([np.broadcast_to(p.mu, shape) for p in found], axis=-1)
        sigma = np.stack([np.broadcast_to(p.sigma, shape) for p in found], axis=-1)
        parts.append(function(mu, sigma, {name: first.draws[name][at] for name in names}))
    return np.concatenate(parts)
