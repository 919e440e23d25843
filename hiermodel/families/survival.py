"""Proportional hazards (Cox 1972) with a baseline hazard of M-splines.

The baseline hazard is a mixture of M-splines whose weights add to one, so that the intercept
says how high it is. The density takes ``p.baseline``: in Stan the baseline hazard and its
integral at the time, in NumPy ``(degree, *weights, *knots)``, from which both follow for any time.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from hiermodel.errors import FamilyError
from hiermodel.families.base import Distribution, Family
from hiermodel.families.msplines import MSplines
from hiermodel.families.numerics import Array
from hiermodel.families.shared import CENSORED, SCALE_LINKS, positive_mu
from hiermodel.links import log1m_exp


def _unpacked(baseline: tuple[Array, ...]) -> tuple[MSplines, tuple[Array, ...]]:
    degree, *rest = baseline
    d = int(degree)
    # There are d + 1 more weights than inner knots, and two knots at the ends.
    count = (len(rest) + d - 1) // 2
    return MSplines(d, tuple(float(k) for k in rest[count:])), tuple(rest[:count])


def _mixed(weights: tuple[Array, ...], basis: Array) -> Array:
    return np.asarray(sum(w * basis[..., k] for k, w in enumerate(weights)))


def _log_prob(y: Array, mu: Array, *baseline: Array) -> Array:
    splines, weights = _unpacked(baseline)
    with np.errstate(divide="ignore"):
        log_hazard = np.log(_mixed(weights, splines.values(y))) + np.log(mu)
    return log_hazard - _mixed(weights, splines.integrals(y)) * mu


def _log_ccdf(y: Array, mu: Array, *baseline: Array) -> Array:
    splines, weights = _unpacked(baseline)
    return -_mixed(weights, splines.integrals(y)) * mu


def _log_cdf(y: Array, mu: Array, *baseline: Array) -> Array:
    with np.errstate(divide="ignore"):
        return log1m_exp(_log_ccdf(y, mu, *baseline))


def _no_times(*_: Any) -> NoReturn:
    raise FamilyError(
        "family 'cox' has no expected or predicted times: what happens behind the last time of "
        "the data is not modelled. There are posterior_linpred(), whose differences are log "
        "hazard ratios under the log link, and log_lik() with all that is computed from it (loo, "
        "waic); for predicted times take a family such as 'weibull'"
    )


COX = Distribution(
    "cox",
    discrete=False,
    log_prob=_log_prob,
    random=_no_times,
    log_cdf=_log_cdf,
    log_ccdf=_log_ccdf,
    vectorized=False,
    functions=("cox.stan",),
    truncated_mean=_no_times,
)

_COX = Family(
    name="cox",
    params=(positive_mu(SCALE_LINKS),),
    response="nonnegative",
    distribution=COX,
    arguments=lambda p, m: (p.mu, *p.baseline),
    mean=_no_times,
    additions=CENSORED | {"bhaz"},
)

FAMILIES = (_COX,)
