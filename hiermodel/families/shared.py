"""Sets of links, addition terms and parameters that several families share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hiermodel.families.base import Param

REAL_LINKS = ("identity", "log", "inverse", "softplus", "squareplus")
WIDE_LINKS = (
    *REAL_LINKS, "logit", "probit", "probit_approx", "cloglog", "cauchit", "softit",
)  # fmt: skip
COUNT_LINKS = ("log", "identity", "sqrt", "softplus", "squareplus")
POSITIVE_LINKS = ("log", "identity", "inverse", "softplus", "squareplus")
ORDINAL_LINKS = ("logit", "probit", "probit_approx", "cloglog", "cauchit", "softit")
PROBABILITY_LINKS = (*ORDINAL_LINKS, "identity", "log")
SCALE_LINKS = ("log", "identity", "softplus", "squareplus")

CENSORED = frozenset({"cens", "trunc"})
IMPUTED = CENSORED | {"mi"}
COUNTED = CENSORED | {"rate"}

SIGMA = Param("sigma", SCALE_LINKS, lower=0, prior="scale", prior_predicted="scale")
SHAPE = Param(
    "shape",
    SCALE_LINKS,
    lower=0,
    prior="gamma(0.01, 0.01)",
    prior_predicted="student_t(3, 0, 2.5)",
)
PHI = replace(SHAPE, name="phi")
NU = Param(
    "nu", ("logm1", "identity"), lower=1, prior="gamma(2, 0.1)", prior_predicted="normal(2.7, 0.8)"
)
ALPHA = Param(
    "alpha",
    ("identity", "log", "softplus", "squareplus"),
    prior="normal(0, 4)",
    prior_predicted="normal(0, 4)",
)
PROBABILITY = Param(
    "zi",
    ("logit", "identity"),
    lower=0,
    upper=1,
    prior="beta(1, 1)",
    prior_predicted="logistic(0, 1)",
)
ZI = PROBABILITY
HU, ZOI, COI, BIAS, QUANTILE = (
    replace(PROBABILITY, name=name) for name in ("hu", "zoi", "coi", "bias", "quantile")
)
KAPPA = Param(
    "kappa", SCALE_LINKS, lower=0, prior="gamma(2, 0.01)", prior_predicted="normal(5.0, 0.8)"
)
NDT = Param(
    "ndt", SCALE_LINKS, lower=0, below="min_Y", prior="uniform(0, min_Y)", prior_predicted=""
)
COUNT_SHAPE = replace(SHAPE, prior="inv_gamma(0.4, 0.3)")
DISC = Param(
    "disc",
    SCALE_LINKS,
    lower=0,
    prior="lognormal(0, 1)",
    prior_predicted="normal(0, 1)",
    fixed=1.0,
)


def positive_mu(links: tuple[str, ...]) -> Param:
    """Declare a mean that must be positive."""
    return Param("mu", links, lower=0)


def probability_mu(links: tuple[str, ...] = PROBABILITY_LINKS) -> Param:
    """Declare a mean that is a probability."""
    return Param("mu", links, lower=0, upper=1)


def real_mu(links: tuple[str, ...]) -> Param:
    """Declare a mean that may be any number."""
    return Param("mu", links, lower=-np.inf)
