"""Log-likelihoods of the rows of a prediction: pointwise, together, of components of mixtures."""

from __future__ import annotations

import numpy as np

from hiermodel.errors import HiermodelError
from hiermodel.families import evaluate
from hiermodel.predict import by_chunks, covariance_of, parameters, residuals_of
from hiermodel.prepare import Prediction
from hiermodel.terms.base import Array
from hiermodel.terms.residual_blocks import given_others, joint_log_density
from hiermodel.terms.residual_covariance import ResidualCovariance


def log_lik(prediction: Prediction, y: Array) -> Array:
    """Pointwise log-likelihood of `y`, (draws, rows), with weights, censoring and truncation.

    Where residuals are correlated it is that of each row given the other rows.
    """
    family = prediction.part.family
    covariance = covariance_of(prediction)
    if covariance is not None:
        return _conditional_log_lik(prediction, covariance, y)
    if prediction.part.imputed is not None and np.isnan(y).any():
        return _log_lik_of_observed(prediction, y)
    roles = ("weights", "cens", "rcens", "lb", "ub")
    extras = {role: prediction.extras[role] for role in roles if role in prediction.extras}

    def one(at: slice) -> Array:
        return evaluate.log_prob(family, y, parameters(prediction, at), **extras)

    return by_chunks(prediction, one)


def _conditional_log_lik(
    prediction: Prediction, covariance: ResidualCovariance, y: Array
) -> Array:
    """Log density of each row given the others; NaN in rows without a response."""
    absent = np.isnan(y)
    if absent.any() and prediction.places is not None:
        raise HiermodelError(
            f"{covariance.text} gives the log-likelihood of each row given the others, so that "
            f"every row of newdata needs its response; row {int(np.flatnonzero(absent)[0]) + 1} "
            "has none"
        )

    def one(at: slice) -> Array:
        p = residuals_of(prediction, at)
        blocks = covariance.blocks(_filled(prediction, y, at), p, prediction.frame)
        return given_others(blocks, p.nu, p.shape).log_density()

    out = by_chunks(prediction, one, covariance.widest)
    out[:, absent] = np.nan
    return out


def given_the_others(
    prediction: Prediction, y: Array, rng: np.random.Generator | None = None
) -> Array:
    """Expectations (draws, rows) of responses with correlated residuals given the other responses.

    With `rng` draws from the conditional distributions, as if the row had not been observed.
    """
    covariance = covariance_of(prediction)
    assert covariance is not None

    def one(at: slice) -> Array:
        p = residuals_of(prediction, at)
        filled = _filled(prediction, y, at)
        found = given_others(covariance.blocks(filled, p, prediction.frame), p.nu, p.shape)
        mean: Array = filled - found.away
        return mean if rng is None else mean + found.random(rng)

    return by_chunks(prediction, one, covariance.widest)


def _filled(prediction: Prediction, y: Array, at: slice) -> Array:
    """Responses with those in the gaps that were imputed."""
    imputed = prediction.part.imputed
    if imputed is None or not np.isnan(y).any():
        return y
    return imputed.filled(y, prediction.chunk(at))


def total_log_lik(prediction: Prediction, y: Array) -> Array:
    """Log density of all responses `y` together, (draws,), as in the program.

    Where residuals are correlated, missing responses are those that were imputed.
    """
    covariance = covariance_of(prediction)
    if covariance is None:
        return log_lik(prediction, y).sum(axis=1)
    out = np.empty(prediction.size)
    for at in prediction.chunks(covariance.widest):
        p = residuals_of(prediction, at)
        filled = _filled(prediction, y, at)
        out[at] = joint_log_density(covariance.blocks(filled, p, prediction.frame, True), p.nu)
    return out


def _log_lik_of_observed(prediction: Prediction, y: Array) -> Array:
    """NaN in rows without a response; what stands in for it there does not matter."""
    absent = np.isnan(y)
    known = log_lik(prediction, np.where(absent, y[~absent][0] if (~absent).any() else 1.0, y))
    known[:, absent] = np.nan
    return known


def filled_responses(prediction: Prediction) -> Array:
    """The responses as the likelihood of the program sees them, at a single draw.

    Those that ``mi()`` imputes are the draw's.
    """
    part = prediction.part
    y: Array = part.response.coded(prediction.frame)
    return y if part.imputed is None else part.imputed.filled(y, prediction.draws)[0]


def component_probabilities(prediction: Prediction, y: Array) -> Array:
    """Log probability of each component of a mixture, given the response: (draws, rows, K)."""
    family = prediction.part.family
    roles = ("cens", "rcens", "lb", "ub")
    extras = {role: prediction.extras[role] for role in roles if role in prediction.extras}

    def one(at: slice) -> Array:
        parts = evaluate.component_log_probs(family, y, parameters(prediction, at), **extras)
        normalised: Array = parts - np.logaddexp.reduce(parts, axis=-1, keepdims=True)
        return normalised

    return by_chunks(prediction, one)
