"""A continuous density with a point mass: hurdle and zero-inflated continuous responses.

Y is 0 with probability p, and else has the continuous density. A density that itself has values
on both sides of 0 keeps them; it has no mass at 0, so that every zero is one of the point mass.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from hiermodel.families.base import Distribution, FunctionTemplate
from hiermodel.families.numerics import Array
from hiermodel.families.truncation import log_mass, mass_ratio


def with_mass_at_zero(
    base: Distribution, name: str, arguments: tuple[str, ...], *, positive: bool
) -> Distribution:
    """Return the distribution that is 0 with probability p, and `base` otherwise.

    Parameters
    ----------
    base : Distribution
        A continuous one.
    name : str
        The name in Stan, to which a template adds ``_lpdf``, ``_lcdf`` and ``_lccdf``.
    arguments : tuple of str
        Names of the arguments of `base` in Stan; p follows behind them.
    positive : bool
        True when `base` has no values below 0.

    Examples
    --------
    >>> from hiermodel.families.continuous_distributions import GAMMA
    >>> dist = with_mass_at_zero(GAMMA, "hurdle_gamma", ("shape", "rate"), positive=True)
    >>> float(np.exp(dist.log_prob(np.array(0.0), 2.0, 1.0, 0.25)))
    0.25
    """

    def log_prob(y: Array, *args: Array) -> Array:
        *inner, p = args
        with np.errstate(divide="ignore"):
            elsewhere = np.log1p(-p) + base.log_prob(y, *inner)
            # NaN parameters of the density give NaN at zero too.
            at_zero = np.where(np.isnan(elsewhere), np.nan, np.log(p))
            return np.where(np.asarray(y) == 0, at_zero, elsewhere)

    def log_cdf(y: Array, *args: Array) -> Array:
        *inner, p = args
        assert base.log_cdf is not None
        with np.errstate(divide="ignore"):
            below = np.log1p(-p) + base.log_cdf(y, *inner)
            return np.where(np.asarray(y) < 0, below, np.logaddexp(np.log(p), below))

    def log_ccdf(y: Array, *args: Array) -> Array:
        *inner, p = args
        assert base.log_ccdf is not None
        with np.errstate(divide="ignore"):
            above = np.log1p(-p) + base.log_ccdf(y, *inner)
            return np.where(np.asarray(y) < 0, np.logaddexp(np.log(p), above), above)

    def random(rng: Generator, *args: Array) -> Array:
        *inner, p = args
        y = base.random(rng, *inner)
        shape = np.broadcast_shapes(np.shape(y), np.shape(p))
        return np.where(rng.random(shape) < p, 0.0, y)

    def truncated_mean(lb: Array, ub: Array, *args: Array) -> Array:
        *inner, p = args
        assert base.truncated_mean is not None
        # The zeros add nothing to the sum, but they are among the rows that it is divided by.
        share = np.log1p(-p) + log_mass(base, lb, ub, *inner)
        total = log_mass(made, lb, ub, *args)
        mean = base.truncated_mean(lb, ub, *inner)
        return np.where(np.isneginf(share) & ~np.isneginf(total), 0.0,
                        mean * mass_ratio(share, total))

    template = FunctionTemplate(
        "point_mass.stan.jinja",
        (
            ("name", name),
            ("base", base.name),
            ("arguments", arguments),
            ("positive", positive),
            ("has_cdf", base.log_cdf is not None),
        ),
    )
    made = Distribution(
        name,
        discrete=False,
        log_prob=log_prob,
        random=random,
        log_cdf=log_cdf if base.log_cdf is not None else None,
        log_ccdf=log_ccdf if base.log_ccdf is not None else None,
        vectorized=False,
        functions=(*base.functions, template),
        truncated_mean=truncated_mean if base.truncated_mean is not None else None,
    )
    return made
