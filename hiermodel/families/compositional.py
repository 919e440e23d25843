"""Families of responses with several columns: a column for each category.

The names of the columns are the categories. As for categorical responses there is one ``mu`` for
each category but the reference (`refcat`, by default the first column), whose linear predictor is
zero; ``dirichlet2`` has no reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hiermodel.errors import FamilyError
from hiermodel.families.base import Family, Param
from hiermodel.families.compositional_distributions import (
    DIRICHLET,
    DIRICHLET_MULTINOMIAL,
    LOGISTIC_NORMAL,
    MULTINOMIAL,
)

_PREDICTOR = Param("mu", ("logit",), prior_predicted="student_t(3, 0, 2.5)", on_link_scale=True)
_PHI = Param("phi", ("log", "identity", "softplus", "squareplus"), lower=0,
             prior="gamma(0.01, 0.01)")


def _no_mean(p: Any, m: Any) -> np.ndarray:
    raise FamilyError(
        "the mean of a logistic_normal response has no closed form; use posterior_predict(), whose "
        "draws average to it, or posterior_linpred() for the means of the log ratios"
    )


MULTINOMIAL_FAMILY = Family(
    name="multinomial",
    params=(_PREDICTOR,),
    response="count vector",
    distribution=MULTINOMIAL,
    arguments=lambda p, m: (p.mu,),
    random_arguments=lambda p, m: (p.trials,),
    mean=lambda p, m: m.softmax(p.mu) * m.across(p.trials),
    additions=frozenset({"trials"}),
    choices={"refcat": ()},
)

DIRICHLET_MULTINOMIAL_FAMILY = Family(
    name="dirichlet_multinomial",
    params=(_PREDICTOR, _PHI),
    response="count vector",
    distribution=DIRICHLET_MULTINOMIAL,
    arguments=lambda p, m: (m.softmax(p.mu) * m.across(p.phi),),
    random_arguments=lambda p, m: (p.trials,),
    mean=lambda p, m: m.softmax(p.mu) * m.across(p.trials),
    additions=frozenset({"trials"}),
    choices={"refcat": ()},
)

DIRICHLET_FAMILY = Family(
    name="dirichlet",
    params=(_PREDICTOR, _PHI),
    response="simplex",
    distribution=DIRICHLET,
    arguments=lambda p, m: (m.softmax(p.mu) * m.across(p.phi),),
    mean=lambda p, m: m.softmax(p.mu),
    choices={"refcat": ()},
)

# Each category has a positive `mu`: the parameters of the distribution as they are.
DIRICHLET2_FAMILY = Family(
    name="dirichlet2",
    params=(
        Param("mu", ("log", "softplus", "squareplus", "identity", "logm1"), lower=0,
              prior_predicted="student_t(3, 0, 2.5)"),
    ),
    response="simplex",
    distribution=DIRICHLET,
    arguments=lambda p, m: (p.mu,),
    mean=lambda p, m: p.mu / p.mu.sum(axis=-1, keepdims=True),
)

LOGISTIC_NORMAL_FAMILY = Family(
    name="logistic_normal",
    params=(
        Param("mu", ("identity",), prior_predicted="student_t(3, 0, 2.5)"),
        Param("sigma", ("log", "identity", "softplus", "squareplus"), lower=0, prior="scale",
              per_category=True),
    ),
    response="simplex",
    distribution=LOGISTIC_NORMAL,
    arguments=lambda p, m: (p.mu, p.sigma, p.lncor, p.reference),
    mean=_no_mean,
    choices={"refcat": ()},
    correlated=True,
)

FAMILIES = (
    MULTINOMIAL_FAMILY,
    DIRICHLET_MULTINOMIAL_FAMILY,
    DIRICHLET_FAMILY,
    DIRICHLET2_FAMILY,
    LOGISTIC_NORMAL_FAMILY,
)
