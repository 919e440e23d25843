"""Families of angles."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import special

from hiermodel.families.base import Distribution, Family
from hiermodel.families.numerics import Array, outside
from hiermodel.families.shared import IMPUTED, KAPPA, real_mu
from hiermodel.links import log1m_exp

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
# Ends of panels, in standard deviations from the mean direction: dense where the density is.
_STEPS = np.concatenate([np.arange(0, 9, 1.0), 9 * 1.25 ** np.arange(0, 40)])
_ENDS = np.concatenate([-_STEPS[:0:-1], _STEPS])


def _log_prob(y: Array, mu: Array, kappa: Array) -> Array:
    # log I0(kappa) = log i0e(kappa) + kappa, and cos - 1 = -2 sin^2(half) keeps its digits.
    loss = 2 * kappa * np.square(np.sin((np.asarray(y) - mu) / 2))
    log_prob = -loss - np.log(2 * np.pi * special.i0e(kappa))
    return outside(y, np.abs(y) <= np.pi, log_prob)


def _integral(low: Array, high: Array, mu: Array, kappa: Array) -> tuple[Array, Array]:
    """Log mass between two angles of [-pi, pi], and the mean angle there, by quadrature."""
    low, high, mu, kappa = np.broadcast_arrays(low, high, mu, np.asarray(kappa, float))
    spread = 1 / np.sqrt(np.maximum(kappa, 1.0))
    log_sum, moment = np.full(low.shape, -np.inf), np.zeros(low.shape)
    center = np.angle(np.exp(1j * mu))
    for turn in (-2 * np.pi, 0.0, 2 * np.pi):
        # The period around each image of the mean direction.
        start = np.clip(low, center + turn - np.pi, center + turn + np.pi)
        stop = np.clip(high, center + turn - np.pi, center + turn + np.pi)
        if not np.any(stop > start):
            continue
        for left, right in itertools.pairwise(_ENDS):
            a = np.clip(center + turn + left * spread, start, stop)
            b = np.clip(center + turn + right * spread, start, stop)
            if not np.any(b > a):
                continue
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                angle = 0.5 * (a + b) + 0.5 * node * (b - a)
                with np.errstate(divide="ignore"):
                    log_part = np.log(0.5 * weight * (b - a)) + _log_prob(
                        np.clip(angle, -np.pi, np.pi), mu, kappa
                    )
                new = np.logaddexp(log_sum, log_part)
                with np.errstate(invalid="ignore"):
                    share = np.where(np.isneginf(log_part), 0.0, np.exp(log_part - new))
                moment = moment + share * (angle - moment)
                log_sum = new
    return log_sum, moment


def _below(y: Array, mu: Array, kappa: Array, upper: bool) -> Array:
    """Log of the mass up to y, or above it; the smaller of the two is integrated."""
    at = np.clip(y, -np.pi, np.pi)
    pi = np.array(np.pi)
    small = _integral(-pi, at, mu, kappa)[0]
    other = _integral(at, pi, mu, kappa)[0]
    mine, rest = (other, small) if upper else (small, other)
    return np.where(mine < rest, mine, log1m_exp(np.minimum(rest, 0.0)))


def _truncated_mean(lb: Array, ub: Array, mu: Array, kappa: Array) -> Array:
    low, high = np.clip(lb, -np.pi, np.pi), np.clip(ub, -np.pi, np.pi)
    return _integral(low, high, mu, kappa)[1]


VON_MISES = Distribution(
    "von_mises",
    discrete=False,
    log_prob=_log_prob,
    random=lambda rng, mu, kappa: rng.vonmises(mu, kappa),
    log_cdf=lambda y, mu, kappa: _below(y, mu, kappa, False),
    log_ccdf=lambda y, mu, kappa: _below(y, mu, kappa, True),
    truncated_mean=_truncated_mean,
)

VON_MISES_FAMILY = Family(
    name="von_mises",
    params=(real_mu(("tan_half", "identity")), KAPPA),
    response="angle",
    distribution=VON_MISES,
    arguments=lambda p, m: (p.mu, p.kappa),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

FAMILIES = (VON_MISES_FAMILY,)
