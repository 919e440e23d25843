"""Families of counts without an upper limit."""

from __future__ import annotations

from hiermodel.families.base import Family, Fused, Param
from hiermodel.families.discrete_distributions import NEG_BINOMIAL_2, POISSON
from hiermodel.families.shared import (
    CENSORED,
    COUNT_LINKS,
    COUNT_SHAPE,
    COUNTED,
    PHI,
    SCALE_LINKS,
    positive_mu,
)

_NEG_BINOMIAL_LOG = Fused(
    link="log",
    name="neg_binomial_2_log",
    arguments=lambda p, m: (p.mu, p.shape),
    glm="neg_binomial_2_log_glm",
    glm_extra=lambda p, m: (p.shape,),
)

POISSON_FAMILY = Family(
    name="poisson",
    params=(positive_mu(COUNT_LINKS),),
    response="count",
    distribution=POISSON,
    arguments=lambda p, m: (p.mu,),
    mean=lambda p, m: p.mu,
    additions=COUNTED,
    fused=(
        Fused(
            link="log",
            name="poisson_log",
            arguments=lambda p, m: (p.mu,),
            glm="poisson_log_glm",
        ),
    ),
    scaled_by_rate=("mu",),
)

NEGBINOMIAL = Family(
    name="negbinomial",
    params=(
        positive_mu(COUNT_LINKS),
        COUNT_SHAPE,
    ),
    response="count",
    distribution=NEG_BINOMIAL_2,
    arguments=lambda p, m: (p.mu, p.shape),
    mean=lambda p, m: p.mu,
    additions=COUNTED,
    fused=(_NEG_BINOMIAL_LOG,),
    scaled_by_rate=("mu", "shape"),
)

# A negative binomial of shape 1. The sum of k such counts has shape k, so that a rate
# multiplies the shape too.
GEOMETRIC = Family(
    name="geometric",
    params=(positive_mu(COUNT_LINKS), Param("shape", (), lower=0, fixed=1.0)),
    response="count",
    distribution=NEG_BINOMIAL_2,
    arguments=lambda p, m: (p.mu, p.shape),
    mean=lambda p, m: p.mu,
    additions=COUNTED,
    fused=(_NEG_BINOMIAL_LOG,),
    scaled_by_rate=("mu", "shape"),
)

# sigma is the variance added to that of a Poisson of mean 1: one over the shape.
NEGBINOMIAL2 = Family(
    name="negbinomial2",
    params=(
        positive_mu(COUNT_LINKS),
        Param(
            "sigma",
            SCALE_LINKS,
            lower=0,
            prior="gamma(0.4, 0.3)",
            prior_predicted="student_t(3, 0, 2.5)",
        ),
    ),
    response="count",
    distribution=NEG_BINOMIAL_2,
    arguments=lambda p, m: (p.mu, 1 / p.sigma),
    mean=lambda p, m: p.mu,
    additions=CENSORED,
    fused=(
        Fused(
            link="log",
            name="neg_binomial_2_log",
            arguments=lambda p, m: (p.mu, 1 / p.sigma),
            glm="neg_binomial_2_log_glm",
            glm_extra=lambda p, m: (1 / p.sigma,),
        ),
    ),
)

# The variance is mu (1 + phi), linear in the mean (Hardin & Hilbe 2018, "NB1").
NBINOM1 = Family(
    name="nbinom1",
    params=(positive_mu(COUNT_LINKS), PHI),
    response="count",
    distribution=NEG_BINOMIAL_2,
    arguments=lambda p, m: (p.mu, p.mu / p.phi),
    mean=lambda p, m: p.mu,
    additions=COUNTED,
    fused=(
        Fused(
            link="log",
            name="neg_binomial_2_log",
            arguments=lambda p, m: (p.mu, m.exp(p.mu) / p.phi),
        ),
    ),
    scaled_by_rate=("mu",),
)

FAMILIES = (POISSON_FAMILY, NEGBINOMIAL, GEOMETRIC, NEGBINOMIAL2, NBINOM1)
