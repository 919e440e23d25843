"""Families of response times: ex-Gaussian, shifted lognormal, Wiener diffusion."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from hiermodel.families.base import Distribution, Family, Param
from hiermodel.families.continuous_distributions import LOGNORMAL, NORMAL
from hiermodel.families.numerics import Array, log_diff_exp, size_of
from hiermodel.families.shared import (
    BIAS,
    CENSORED,
    IMPUTED,
    NDT,
    REAL_LINKS,
    SCALE_LINKS,
    SIGMA,
    real_mu,
)
from hiermodel.families.truncation import log_mass, mass_ratio
from hiermodel.families.wiener import WIENER, wiener_mean_time

# ---- ex-Gaussian: a normal variable plus an exponential one


def _log_tail(y: Array, m: Array, sigma: Array, rate: Array) -> Array:
    """Log of ``f / rate``, which is also the normal cdf minus that of the sum.

    Right of the normal's bulk by rate sigma it is the exponential tail; elsewhere the two large
    exponents of that form would cancel, and erfcx holds their sum.
    """
    z, s = (y - m) / sigma, rate * sigma
    u = s - z
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        bulk = -0.5 * z * z + np.log(0.5 * special.erfcx(np.maximum(u, 0.0) / np.sqrt(2)))
        tail = 0.5 * s * s - s * z + special.log_ndtr(-u)
    out = np.where(u > 0, bulk, tail)
    return np.where(np.isinf(z), -np.inf, out)


def _exgaussian_log_cdf(y: Array, m: Array, sigma: Array, rate: Array) -> Array:
    normal = special.log_ndtr((y - m) / sigma)
    return log_diff_exp(normal, np.minimum(_log_tail(y, m, sigma, rate), normal))


def _exgaussian_truncated_mean(
    lb: Array, ub: Array, m: Array, sigma: Array, rate: Array
) -> Array:
    """With ``g = f / rate``, the integral of ``y f`` is ``m Phi + F / rate - y g - sigma phi``."""
    args = (m, sigma, rate)
    log_z = log_mass(EXP_MOD_NORMAL, lb, ub, *args)
    total = m * mass_ratio(log_mass(NORMAL, lb, ub, m, sigma), log_z) + 1 / rate
    for bound, sign in ((lb, 1), (ub, -1)):
        at = np.where(np.isfinite(bound), bound, 0.0)
        edge = at * mass_ratio(_log_tail(at, *args), log_z)
        edge = edge + sigma**2 * mass_ratio(NORMAL.log_prob(at, m, sigma), log_z)
        total = total + sign * np.where(np.isfinite(bound), edge, 0.0)
    return total


EXP_MOD_NORMAL = Distribution(
    "exp_mod_normal",
    discrete=False,
    log_prob=lambda y, m, sigma, rate: np.log(rate) + _log_tail(y, m, sigma, rate),
    random=lambda rng, m, sigma, rate: rng.normal(m, sigma)
    + rng.standard_exponential(size_of(m, sigma, rate)) / rate,
    log_cdf=_exgaussian_log_cdf,
    log_ccdf=lambda y, m, sigma, rate: np.logaddexp(
        special.log_ndtr((m - y) / sigma), _log_tail(y, m, sigma, rate)
    ),
    truncated_mean=_exgaussian_truncated_mean,
)

BETA_SCALE = Param(
    "beta", SCALE_LINKS, lower=0, prior="gamma(1, 0.1)", prior_predicted="normal(1.7, 1.3)"
)

EXGAUSSIAN = Family(
    name="exgaussian",
    params=(real_mu(REAL_LINKS), SIGMA, BETA_SCALE),
    response="real",
    distribution=EXP_MOD_NORMAL,
    arguments=lambda p, m: (p.mu - p.beta, p.sigma, 1 / p.beta),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

# ---- shifted lognormal


def _shifted_truncated_mean(
    lb: Array, ub: Array, mu: Array, sigma: Array, ndt: Array
) -> Array:
    assert LOGNORMAL.truncated_mean is not None
    return ndt + LOGNORMAL.truncated_mean(lb - ndt, ub - ndt, mu, sigma)


def _shifted_log_cdf(y: Array, mu: Array, sigma: Array, ndt: Array) -> Array:
    assert LOGNORMAL.log_cdf is not None
    return LOGNORMAL.log_cdf(y - ndt, mu, sigma)


def _shifted_log_ccdf(y: Array, mu: Array, sigma: Array, ndt: Array) -> Array:
    assert LOGNORMAL.log_ccdf is not None
    return LOGNORMAL.log_ccdf(y - ndt, mu, sigma)


SHIFTED_LOGNORMAL = Distribution(
    "shifted_lognormal",
    discrete=False,
    log_prob=lambda y, mu, sigma, ndt: LOGNORMAL.log_prob(y - ndt, mu, sigma),
    random=lambda rng, mu, sigma, ndt: ndt + np.exp(rng.normal(mu, sigma)),
    log_cdf=_shifted_log_cdf,
    log_ccdf=_shifted_log_ccdf,
    vectorized=False,
    functions=("shifted_lognormal.stan",),
    truncated_mean=_shifted_truncated_mean,
)

SHIFTED_LOGNORMAL_FAMILY = Family(
    name="shifted_lognormal",
    params=(real_mu(("identity", "inverse")), SIGMA, NDT),
    response="positive",
    distribution=SHIFTED_LOGNORMAL,
    arguments=lambda p, m: (p.mu, p.sigma, p.ndt),
    mean=lambda p, m: m.exp(p.mu + m.square(p.sigma) / 2) + p.ndt,
    additions=CENSORED,
    scale_link="log",
)

# ---- Wiener diffusion

BS = Param("bs", SCALE_LINKS, lower=0, prior="gamma(1, 1)", prior_predicted="normal(-0.6, 1.3)")


def _wiener_mean(p: Any, m: Any) -> Array:
    """E of the response time, whatever the decision."""
    return p.ndt + wiener_mean_time(p.bs, p.bias, p.mu)


WIENER_FAMILY = Family(
    name="wiener",
    params=(real_mu(("identity", "log", "softplus", "squareplus")), BS, NDT, BIAS),
    response="positive",
    distribution=WIENER,
    arguments=lambda p, m: (p.bs, p.ndt, p.bias, p.mu, p.dec),
    mean=_wiener_mean,
    additions=frozenset({"dec"}),
)

FAMILIES = (EXGAUSSIAN, SHIFTED_LOGNORMAL_FAMILY, WIENER_FAMILY)
