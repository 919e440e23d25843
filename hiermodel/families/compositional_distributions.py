"""Densities of responses with several columns: vectors of counts, and shares that sum to one.

Responses are ``(N, C)``, arguments have their categories on the last axis. For the Dirichlet and
Dirichlet-multinomial see Mosimann (1962), Biometrika 49, 65-82; for the logistic normal Aitchison
and Shen (1980), Biometrika 67, 261-272.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution
from hiermodel.families.numerics import Array, log_rising


def _counts(y: Array, log_prob: Array) -> Array:
    """Minus infinity for what is no vector of counts."""
    good = np.all((y >= 0) & (y == np.floor(y)), axis=-1)
    return np.where(good | np.isnan(log_prob), log_prob, -np.inf)


def _log_orders(y: Array) -> Array:
    """Log number of orders in which the events of a vector of counts may come."""
    out: Array = special.gammaln(y.sum(axis=-1) + 1) - special.gammaln(y + 1).sum(axis=-1)
    return out


def _inside(y: Array, log_prob: Array) -> Array:
    """Minus infinity for what is no vector of shares."""
    good = np.all(y >= 0, axis=-1) & (np.abs(y.sum(axis=-1) - 1) < 1e-8)
    return np.where(good | np.isnan(log_prob), log_prob, -np.inf)


# ---- counts


def multinomial_log_prob(y: Array, eta: Array) -> Array:
    """Log probability of counts; `eta` holds unnormalised log probabilities."""
    y = np.asarray(y, float)
    log_p = special.log_softmax(eta, axis=-1)
    with np.errstate(invalid="ignore"):
        weighed = np.where((y == 0) & np.isneginf(log_p), 0.0, y * log_p)
    return _counts(y, _log_orders(y) + weighed.sum(axis=-1))


def _multinomial(rng: Generator, probabilities: Array, trials: Array) -> Array:
    return rng.multinomial(np.asarray(trials).astype(np.int64), probabilities)


def multinomial_random(rng: Generator, eta: Array, trials: Array) -> Array:
    """Draw counts that add up to the trials."""
    return _multinomial(rng, special.softmax(eta, axis=-1), trials)


def dirichlet_multinomial_log_prob(y: Array, alpha: Array) -> Array:
    """Log probability of counts whose probabilities have a Dirichlet distribution."""
    y = np.asarray(y, float)
    all_orders = log_rising(alpha.sum(axis=-1), y.sum(axis=-1))
    return _counts(y, _log_orders(y) + log_rising(alpha, y).sum(axis=-1) - all_orders)


def dirichlet_multinomial_random(rng: Generator, alpha: Array, trials: Array) -> Array:
    """Draw the probabilities, then counts that add up to the trials."""
    return _multinomial(rng, dirichlet_random(rng, alpha), trials)


# ---- shares


def dirichlet_log_prob(y: Array, alpha: Array) -> Array:
    """Log density of shares."""
    y = np.asarray(y, float)
    with np.errstate(divide="ignore"):
        terms = special.xlogy(alpha - 1, y) - special.gammaln(alpha)
    return _inside(y, special.gammaln(alpha.sum(axis=-1)) + terms.sum(axis=-1))


def dirichlet_random(rng: Generator, alpha: Array) -> Array:
    """Draw shares as gamma variables divided by their sum, on the log scale.

    A gamma variable of shape `a` is one of shape ``a + 1`` times a uniform to the power ``1 / a``,
    which keeps its logarithm finite where the variable itself underflows.
    """
    u = 1 - rng.random(alpha.shape)  # never 0
    with np.errstate(divide="ignore"):
        logs = np.log(rng.standard_gamma(alpha + 1)) + np.log(u) / alpha
    return special.softmax(logs, axis=-1)


def _log_ratios(y: Array, reference: Array) -> Array:
    """Logarithms of the other shares divided by the reference, a number that counts from 1."""
    at = int(np.ravel(reference)[0]) - 1
    logs = np.log(y)
    return np.delete(logs, at, axis=-1) - logs[..., at : at + 1]


def logistic_normal_log_prob(
    y: Array, mu: Array, sigma: Array, factor: Array, reference: Array
) -> Array:
    """Log density of shares whose log ratios to a reference category are jointly normal.

    `factor` is the Cholesky factor of their correlations.
    """
    y = np.asarray(y, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (_log_ratios(y, reference) - mu) / sigma
        jacobian = np.log(y).sum(axis=-1)
    solved = np.linalg.solve(factor, z[..., None])[..., 0]
    scales = np.log(np.diagonal(factor, axis1=-2, axis2=-1)) + np.log(sigma)
    constant = 0.5 * mu.shape[-1] * np.log(2 * np.pi)
    out = -0.5 * (solved**2).sum(axis=-1) - scales.sum(axis=-1) - constant - jacobian
    return _inside(y, out)


def logistic_normal_random(
    rng: Generator, mu: Array, sigma: Array, factor: Array, reference: Array
) -> Array:
    """Draw the log ratios, then the shares."""
    shape = np.broadcast_shapes(mu.shape, sigma.shape, factor.shape[:-1])
    z = (factor @ rng.standard_normal(shape)[..., None])[..., 0]
    at = int(np.ravel(reference)[0]) - 1
    return special.softmax(np.insert(mu + sigma * z, at, 0.0, axis=-1), axis=-1)


MULTINOMIAL = Distribution(
    "multinomial_logit",
    discrete=True,
    log_prob=multinomial_log_prob,
    random=multinomial_random,
    vectorized=False,
)
DIRICHLET_MULTINOMIAL = Distribution(
    "dirichlet_multinomial",
    discrete=True,
    log_prob=dirichlet_multinomial_log_prob,
    random=dirichlet_multinomial_random,
    vectorized=False,
)
DIRICHLET = Distribution(
    "dirichlet",
    discrete=False,
    log_prob=dirichlet_log_prob,
    random=dirichlet_random,
    vectorized=False,
)
LOGISTIC_NORMAL = Distribution(
    "logistic_normal",
    discrete=False,
    log_prob=logistic_normal_log_prob,
    random=logistic_normal_random,
    vectorized=False,
    functions=("logistic_normal.stan",),
)
