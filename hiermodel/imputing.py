"""Covariates that are missing in new rows: drawn from their own models.

``mi(x)`` in the formula of y reads the response x. Where new rows miss it, its predictive
distribution given their other columns takes its place, in each draw one value: predictions of y
then are over both, and the mean of its density over draws is that of y without x.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.errors import warn
from hiermodel.frames import as_frame
from hiermodel.modeling import Model
from hiermodel.predict import predict
from hiermodel.predictors import Predictor
from hiermodel.prepare import (
    EXPECTATION_ROLES,
    PredictionOptions,
    are_the_fitted_data,
    prepare,
)
from hiermodel.submodel import Submodel
from hiermodel.terms.base import Array
from hiermodel.terms.missing import Imputed, ImputedResponse, observed_numbers


def missing_covariates(
    whole: Model,
    part: Submodel,
    posterior: xr.Dataset,
    training: pd.DataFrame,
    newdata: Any,
    options: PredictionOptions,
) -> Mapping[str, Array]:
    """Draws of the responses that a part reads by ``mi()`` and new rows miss.

    Without ``options.impute`` there are none, and a warning says what that means.

    Parameters
    ----------
    whole : Model
        Of all responses.
    part : Submodel
        The response that is predicted.
    posterior : Dataset
    training : DataFrame
        All rows that were fitted.
    newdata : data frame
    options : PredictionOptions

    Returns
    -------
    mapping of str to ndarray
        By the name of the response, (draws, rows). Responses that read each other in a circle have
        no order in which they could be drawn: the one that closes the circle stays missing.
    """
    if not any(_sources(part)):
        return {}
    frame = as_frame(newdata)
    if not options.impute:
        if not are_the_fitted_data(frame, part.rows(training)):
            for source in _sources(part):
                _tell_of_gaps(source, frame, part.name)
        return {}
    found: dict[str, Array] = {}
    waiting: set[str] = set()

    def visit(reader: Submodel) -> None:
        for source in _sources(reader):
            name = source.resp
            if name in found or name in waiting or not _has_gaps(source, frame):
                continue
            waiting.add(name)
            other = whole.only(name)
            if other.part.subset is not None:
                continue
            visit(other.part)
            number = whole.responses.index(name)
            # Not the random numbers of the response itself.
            seed = None if options.seed is None else [options.seed, 1 + number]
            own = replace(options, keep_latent=False)
            prediction = prepare(
                other, posterior, training, frame, own, EXPECTATION_ROLES, imputed=found
            )
            found[name] = predict(prediction, np.random.default_rng(seed))

    visit(part)
    return found


def _sources(part: Submodel) -> Iterator[ImputedResponse]:
    """The responses that a part reads row by row."""
    for predictor in part.predictors:
        if isinstance(predictor, Predictor) and predictor.special_effects is not None:
            for factor in predictor.special_effects.latent_factors:
                if isinstance(factor, Imputed) and factor.idx is None:
                    yield factor.source


def _tell_of_gaps(source: ImputedResponse, frame: pd.DataFrame, reader: str) -> None:
    if not _has_gaps(source, frame):
        return
    given = observed_numbers(source.expression, frame, f"mi({source.expression.text})")
    count = int(np.isnan(given).sum())
    warn(
        f"{count} of {len(frame)} rows of newdata miss {source.expression.text!r}, which the "
        f"formula of {reader!r} reads by mi(): their predictions are NaN. impute=True draws it "
        "from its own model"
    )


def _has_gaps(source: ImputedResponse, frame: pd.DataFrame) -> bool:
    if not set(source.expression.variables) <= set(map(str, frame.columns)):
        return False
    given = observed_numbers(source.expression, frame, f"mi({source.expression.text})")
    return bool(np.isnan(given).any())
