"""Sums of a Poisson number of gamma amounts: rain in a month, claims of a customer in a year.

The compound Poisson-gamma distribution is the exponential dispersion model with variance
``phi mu^power`` for a power between 1 and 2 (Tweedie 1984). There are N ~ Poisson(rate) events, and
their amounts are gamma with the shape alpha and the rate beta::

    rate = mu^(2 - power) / (phi (2 - power))
    alpha = (2 - power) / (power - 1)
    beta = mu^(1 - power) / (phi (power - 1))

The density above zero is a sum over N, whose terms rise to one peak and then fall (Dunn & Smyth
2005, doi:10.1007/s11222-005-4070-y).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Distribution, Family, Param
from hiermodel.families.numerics import Array, outside
from hiermodel.families.series import sum_terms
from hiermodel.families.shared import PHI, POSITIVE_LINKS, positive_mu


def _events(mu: Array, phi: Array, power: Array) -> tuple[Array, Array, Array]:
    """Rate of the events, and shape and rate of their amounts."""
    rate = mu ** (2 - power) / (phi * (2 - power))
    return rate, (2 - power) / (power - 1), mu ** (1 - power) / (phi * (power - 1))


def _log_term(n: Array, slope: Array, alpha: Array) -> Array:
    return n * slope - special.gammaln(n + 1) - special.gammaln(n * alpha)


def _log_prob(y: Array, mu: Array, phi: Array, power: Array) -> Array:
    y, mu, phi, power = np.broadcast_arrays(*(np.asarray(v, float) for v in (y, mu, phi, power)))
    rate, alpha, beta = _events(mu, phi, power)
    amount = np.where(y > 0, y, 1.0)
    slope = np.log(rate) + alpha * np.log(beta * amount)
    peak = amount ** (2 - power) / (phi * (2 - power))
    above = _log_sum(peak, slope, alpha) - rate - beta * amount - np.log(amount)
    return outside(y, y >= 0, np.where(y == 0, -rate, above))


def _log_sum(peak: Array, slope: Array, alpha: Array) -> Array:
    """Log of the sum of the terms, whose largest is near `peak`."""
    spread = np.sqrt(peak / (1 + alpha))
    first = peak - 12 * spread
    wide = (spread > 2) & (first > 1)
    out = np.full(peak.shape, np.nan)
    # Sum and integral of a smooth peak differ by exp(-2 pi^2 spread^2): by nothing.
    step = 0.375 * spread[wide][:, None]
    nodes = peak[wide][:, None] + step * np.arange(-32, 33)
    terms = _log_term(nodes, slope[wide][:, None], alpha[wide][:, None])
    out[wide] = special.logsumexp(terms, axis=1) + np.log(step[:, 0])
    s, a, top = slope[~wide], alpha[~wide], np.maximum(np.round(peak[~wide]), 1.0)
    level = _log_term(top, s, a)
    total = sum_terms(
        lambda n, s, a, level: np.exp(_log_term(n, s, a) - level),
        np.maximum(np.floor(first[~wide]), 1.0), np.asarray(np.inf), s, a, level,
    )  # fmt: skip
    out[~wide] = level + np.log(total)
    return out


def _random(rng: Generator, mu: Array, phi: Array, power: Array) -> Array:
    rate, alpha, beta = np.broadcast_arrays(*_events(*map(np.asarray, (mu, phi, power))))
    events = rng.poisson(rate)
    sums = rng.gamma(np.maximum(events, 1) * alpha) / beta
    return np.where(events == 0, 0.0, sums)


TWEEDIE = Distribution(
    "tweedie",
    discrete=False,
    log_prob=_log_prob,
    random=_random,
    vectorized=False,
    functions=("tweedie.stan",),
)

# At powers near 1 the amounts are all the same, near 2 there are no zeros.
TWEEDIE_FAMILY = Family(
    name="tweedie",
    params=(
        positive_mu(POSITIVE_LINKS),
        PHI,
        Param(
            "power", ("logitm1", "identity"), lower=1, upper=2, prior="uniform(1, 2)",
            prior_predicted="logistic(0, 1)",
        ),
    ),
    response="nonnegative",
    distribution=TWEEDIE,
    arguments=lambda p, m: (p.mu, p.phi, p.power),
    mean=lambda p, m: p.mu,
)

FAMILIES = (TWEEDIE_FAMILY,)
