"""Families of extremes: generalised extreme value and Frechet."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from scipy import special

from hiermodel.families.base import Derived, Distribution, Family, Param
from hiermodel.families.continuous_distributions import GAMMA
from hiermodel.families.numerics import Array, outside, size_of
from hiermodel.families.shared import (
    IMPUTED,
    NU,
    POSITIVE_LINKS,
    REAL_LINKS,
    SIGMA,
    positive_mu,
    real_mu,
)
from hiermodel.families.truncation import log_mass, mass_ratio
from hiermodel.links import log1m_exp

_ONE = np.array(1.0)
# Nodes of a panel of quadrature, and its panels on the scale of log(-log F).
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_PANELS = 48


# ---- generalised extreme value, with T = exp(-t): P(Y <= y) = exp(-T), T standard exponential


def _gev_t(y: Array, mu: Array, sigma: Array, xi: Array) -> tuple[Array, Array]:
    """``t`` of the Stan functions, and where y is inside the support."""
    x, xi = np.broadcast_arrays((np.asarray(y) - mu) / sigma, np.asarray(xi, float))
    with np.errstate(invalid="ignore", over="ignore"):
        # inf times 0 at infinite bounds of a Gumbel variable
        product = np.where(xi == 0, 0.0, xi * x)
        inside = product > -1
        safe = np.where(inside, product, 0.0)
        small = np.where(xi == 0, 1.0, xi)
        return np.where(xi == 0, x, np.log1p(safe) / small), inside | np.isnan(product)


def _gev_log_prob(y: Array, mu: Array, sigma: Array, xi: Array) -> Array:
    t, inside = _gev_t(y, mu, sigma, xi)
    return outside(y, inside, -np.log(sigma) - (1 + xi) * t - np.exp(-t))


def _gev_log_cdf(y: Array, mu: Array, sigma: Array, xi: Array) -> Array:
    t, inside = _gev_t(y, mu, sigma, xi)
    return np.where(inside, -np.exp(-t), np.where(np.asarray(xi) > 0, -np.inf, 0.0))


def _gev_quantile(log_t: Array, mu: Array, sigma: Array, xi: Array) -> Array:
    """The response at ``log T``."""
    near = np.where(xi == 0, 1.0, xi)
    return mu + sigma * np.where(xi == 0, -log_t, np.expm1(-xi * log_t) / near)


def _gev_random(rng: Generator, mu: Array, sigma: Array, xi: Array) -> Array:
    size = size_of(mu, sigma, xi)
    return _gev_quantile(np.log(rng.standard_exponential(size)), mu, sigma, np.asarray(xi))


def _gev_mean(p: Any, m: Any) -> Array:
    """Exact; infinite from xi = 1 on. ``(Gamma(1 - xi) - 1) / xi`` nears Euler's constant."""
    xi = np.asarray(p.xi, float)
    with np.errstate(all="ignore"):
        exact = np.expm1(special.gammaln(1 - xi)) / np.where(xi == 0, 1.0, xi)
        series = np.euler_gamma + xi * (np.euler_gamma**2 + np.pi**2 / 6) / 2
        standard = np.where(np.abs(xi) < 1e-7, series, exact)
        return p.mu + p.sigma * np.where(xi >= 1, np.inf, standard)


def _gev_truncated_mean(lb: Array, ub: Array, mu: Array, sigma: Array, xi: Array) -> Array:
    """By quadrature over ``s = log T``, whose density is ``exp(s - exp(s))``."""
    lb, ub, mu, sigma, xi = np.broadcast_arrays(lb, ub, mu, sigma, np.asarray(xi, float))
    log_z = log_mass(GEN_EXTREME_VALUE, lb, ub, mu, sigma, xi)
    with np.errstate(all="ignore"):
        edges = []
        for bound, beyond in ((ub, -np.inf), (lb, np.inf)):
            t, inside = _gev_t(bound, mu, sigma, xi)
            edges.append(np.where(inside, -t, beyond))
        # Beyond these ends lies less than 1e-16 of the integral.
        low = np.maximum(edges[0], -40 / np.clip(1 - np.maximum(xi, 0), 0.02, 1))
        high = np.minimum(edges[1], np.log(745.0))
        low = np.minimum(low, high)
        width = (high - low) / _PANELS
        total = np.zeros(low.shape)
        for k in range(_PANELS):
            for node, weight in zip(_NODES, _WEIGHTS, strict=True):
                s = low + (k + 0.5 + 0.5 * node) * width
                density = np.exp(s - np.exp(s) - log_z)
                total += 0.5 * weight * width * density * _gev_quantile(s, mu, sigma, xi)
    return np.where((xi >= 1) & np.isposinf(ub), np.inf, total)


GEN_EXTREME_VALUE = Distribution(
    "gen_extreme_value",
    discrete=False,
    log_prob=_gev_log_prob,
    random=_gev_random,
    log_cdf=_gev_log_cdf,
    log_ccdf=lambda y, mu, sigma, xi: log1m_exp(_gev_log_cdf(y, mu, sigma, xi)),
    vectorized=False,
    functions=("gen_extreme_value.stan",),
    truncated_mean=_gev_truncated_mean,
)


def feasible_xi(raw: Array, x: Array) -> Array:
    """Shape for which all standardised responses are inside the support; see feasible_xi.stan."""
    smallest, largest = x.min(axis=-1, keepdims=True), x.max(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = -1 / largest, -1 / smallest
        between = special.expit(raw) * (high - low) + low
    one_sided = np.where(smallest >= 0, np.exp(raw) + low, -np.exp(raw) + high)
    return np.where((smallest >= 0) | (largest <= 0), one_sided, between)


XI = Param(
    "xi",
    ("log1p", "identity"),
    prior="normal(0, 2.5)",
    prior_predicted="normal(0, 4)",
    derived=Derived(
        raw="tmp_xi",
        function="feasible_xi",
        arguments=lambda y, p: ((y - p.mu) / p.sigma,),
        value=feasible_xi,
        functions=("feasible_xi.stan",),
    ),
)

GEN_EXTREME_VALUE_FAMILY = Family(
    name="gen_extreme_value",
    params=(real_mu(REAL_LINKS), SIGMA, XI),
    response="real",
    distribution=GEN_EXTREME_VALUE,
    arguments=lambda p, m: (p.mu, p.sigma, p.xi),
    mean=_gev_mean,
    additions=IMPUTED,
)


# ---- Frechet


def _frechet_log_prob(y: Array, nu: Array, scale: Array) -> Array:
    inside = np.asarray(y) > 0
    log_z = np.log(np.where(inside, y, 1.0)) - np.log(scale)
    log_prob = np.log(nu) - np.log(scale) - (1 + nu) * log_z - np.exp(-nu * log_z)
    return outside(y, inside, log_prob)


def _frechet_log_cdf(y: Array, nu: Array, scale: Array) -> Array:
    with np.errstate(divide="ignore", over="ignore"):
        return -np.exp(-nu * (np.log(np.maximum(y, 0.0)) - np.log(scale)))


def _frechet_truncated_mean(lb: Array, ub: Array, nu: Array, scale: Array) -> Array:
    """``(Y / scale)^-nu`` is standard exponential, so partial means are gamma masses."""
    power = 1 - 1 / nu
    a, b = -_frechet_log_cdf(ub, nu, scale), -_frechet_log_cdf(lb, nu, scale)
    partial = log_mass(GAMMA, a, b, power, _ONE)
    return scale * special.gamma(power) * mass_ratio(partial, log_mass(FRECHET, lb, ub, nu, scale))


FRECHET = Distribution(
    "frechet",
    discrete=False,
    log_prob=_frechet_log_prob,
    random=lambda rng, nu, scale: scale
    * rng.standard_exponential(size_of(nu, scale)) ** (-1 / np.asarray(nu)),
    log_cdf=_frechet_log_cdf,
    log_ccdf=lambda y, nu, scale: log1m_exp(_frechet_log_cdf(y, nu, scale)),
    truncated_mean=_frechet_truncated_mean,
)

FRECHET_FAMILY = Family(
    name="frechet",
    params=(positive_mu(POSITIVE_LINKS), NU),
    response="positive",
    distribution=FRECHET,
    arguments=lambda p, m: (p.nu, p.mu / m.tgamma(1 - 1 / p.nu)),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

FAMILIES = (GEN_EXTREME_VALUE_FAMILY, FRECHET_FAMILY)
