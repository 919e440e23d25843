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
    PROBABILITY_LINKS,
    SCALE_LINKS,
    SHAPE,
    positive_mu,
    probability_mu,
)
from hiermodel.families.special_counts import (
    COM_POISSON,
    DISCRETE_WEIBULL,
    GENERALIZED_POISSON,
    com_poisson_mean,
    discrete_weibull_mean,
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

# mu is the rate: the mean only when shape is 1. The mean itself has no closed form.
COM_POISSON_FAMILY = Family(
    name="com_poisson",
    params=(positive_mu(COUNT_LINKS), SHAPE),
    response="count",
    distribution=COM_POISSON,
    arguments=lambda p, m: (m.log(p.mu), p.shape),
    mean=lambda p, m: com_poisson_mean(m.log(p.mu), p.shape),
    additions=CENSORED,
    fused=(
        Fused(
            link="log",
            name="com_poisson",
            arguments=lambda p, m: (p.mu, p.shape),
            functions=COM_POISSON.functions,
            vectorized=False,
        ),
    ),
)

# mu is the probability of a count above zero.
DISCRETE_WEIBULL_FAMILY = Family(
    name="discrete_weibull",
    params=(probability_mu(tuple(link for link in PROBABILITY_LINKS if link != "log")), SHAPE),
    response="count",
    distribution=DISCRETE_WEIBULL,
    arguments=lambda p, m: (m.log(p.mu), p.shape),
    mean=lambda p, m: discrete_weibull_mean(m.log(p.mu), p.shape),
    additions=CENSORED,
    fused=(
        Fused(
            link="logit",
            name="discrete_weibull",
            arguments=lambda p, m: (m.log_inv_logit(p.mu), p.shape),
            functions=DISCRETE_WEIBULL.functions,
            vectorized=False,
        ),
    ),
)

# The variance is mu phi. Below phi = 1 the density does not sum to one.
GENERALIZED_POISSON_FAMILY = Family(
    name="generalized_poisson",
    params=(
        positive_mu(COUNT_LINKS),
        Param(
            "phi",
            ("logm1", "identity"),
            lower=1,
            prior="gamma(2, 0.1)",
            prior_predicted="student_t(3, 0, 2.5)",
        ),
    ),
    response="count",
    distribution=GENERALIZED_POISSON,
    arguments=lambda p, m: (p.mu, p.phi),
    mean=lambda p, m: p.mu,
)

FAMILIES = (
    POISSON_FAMILY,
    NEGBINOMIAL,
    GEOMETRIC,
    NEGBINOMIAL2,
    NBINOM1,
    COM_POISSON_FAMILY,
    DISCRETE_WEIBULL_FAMILY,
    GENERALIZED_POISSON_FAMILY,
)
