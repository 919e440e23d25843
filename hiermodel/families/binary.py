"""Families of binary responses and of counts of successes out of known trials."""

from __future__ import annotations

from hiermodel.families.base import Family, Fused
from hiermodel.families.discrete_distributions import BERNOULLI, BETA_BINOMIAL, BINOMIAL
from hiermodel.families.shared import CENSORED, PHI, PROBABILITY_LINKS, probability_mu

BERNOULLI_FAMILY = Family(
    name="bernoulli",
    params=(probability_mu(),),
    response="binary",
    distribution=BERNOULLI,
    arguments=lambda p, m: (p.mu,),
    mean=lambda p, m: p.mu,
    fused=(
        Fused(
            link="logit",
            name="bernoulli_logit",
            arguments=lambda p, m: (p.mu,),
            glm="bernoulli_logit_glm",
        ),
    ),
)

BINOMIAL_FAMILY = Family(
    name="binomial",
    params=(probability_mu(),),
    response="trials",
    distribution=BINOMIAL,
    arguments=lambda p, m: (p.trials, p.mu),
    mean=lambda p, m: p.mu * p.trials,
    additions=CENSORED | {"trials"},
    fused=(
        Fused(
            link="logit",
            name="binomial_logit",
            arguments=lambda p, m: (p.trials, p.mu),
            glm="binomial_logit_glm",
            glm_first=lambda p, m: (p.trials,),
        ),
    ),
)

BETA_BINOMIAL_FAMILY = Family(
    name="beta_binomial",
    params=(
        probability_mu(tuple(link for link in PROBABILITY_LINKS if link != "log")),
        PHI,
    ),
    response="trials",
    distribution=BETA_BINOMIAL,
    arguments=lambda p, m: (p.trials, p.mu * p.phi, (1 - p.mu) * p.phi),
    mean=lambda p, m: p.mu * p.trials,
    additions=CENSORED | {"trials"},
)

FAMILIES = (BERNOULLI_FAMILY, BINOMIAL_FAMILY, BETA_BINOMIAL_FAMILY)
