"""Families of continuous responses."""

from __future__ import annotations

from typing import Any

from hiermodel.families.base import Family, Fused
from hiermodel.families.continuous_distributions import (
    BETA,
    EXPONENTIAL,
    GAMMA,
    LOGNORMAL,
    NORMAL,
    SKEW_NORMAL,
    STUDENT_T,
    WEIBULL,
)
from hiermodel.families.shared import (
    ALPHA,
    IMPUTED,
    NU,
    PHI,
    POSITIVE_LINKS,
    SHAPE,
    SIGMA,
    WIDE_LINKS,
    positive_mu,
    probability_mu,
    real_mu,
)


def _skew_normal_arguments(p: Any, m: Any) -> tuple[Any, ...]:
    """Location, scale and slant such that ``mu`` is the mean and ``sigma`` the SD.

    With ``delta = alpha / sqrt(1 + alpha^2)`` a skew normal variable has mean
    ``xi + omega delta sqrt(2 / pi)`` and variance ``omega^2 (1 - 2 delta^2 / pi)``
    (Azzalini 1985); here these are solved for ``xi`` and ``omega``.
    """
    square, pi = m.square(p.alpha), m.pi()
    location = p.mu - p.sigma * p.alpha / m.sqrt(pi / 2 + (pi / 2 - 1) * square)
    scale = p.sigma * m.sqrt((1 + square) / (1 + (1 - 2 / pi) * square))
    return (location, scale, p.alpha)


GAUSSIAN = Family(
    name="gaussian",
    params=(real_mu(WIDE_LINKS), SIGMA),
    response="real",
    distribution=NORMAL,
    arguments=lambda p, m: (p.mu, p.sigma),
    mean=lambda p, m: p.mu,
    additions=IMPUTED | {"se"},
    fused=(
        Fused(
            link="identity",
            name="normal",
            arguments=lambda p, m: (p.mu, p.sigma),
            glm="normal_id_glm",
            glm_extra=lambda p, m: (p.sigma,),
        ),
    ),
)

STUDENT = Family(
    name="student",
    params=(real_mu(WIDE_LINKS), SIGMA, NU),
    response="real",
    distribution=STUDENT_T,
    arguments=lambda p, m: (p.nu, p.mu, p.sigma),
    mean=lambda p, m: p.mu,
    additions=IMPUTED | {"se"},
)

LOGNORMAL_FAMILY = Family(
    name="lognormal",
    params=(real_mu(("identity", "inverse")), SIGMA),
    response="positive",
    distribution=LOGNORMAL,
    arguments=lambda p, m: (p.mu, p.sigma),
    mean=lambda p, m: m.exp(p.mu + m.square(p.sigma) / 2),
    additions=IMPUTED,
    scale_link="log",
)

SKEW_NORMAL_FAMILY = Family(
    name="skew_normal",
    params=(real_mu(WIDE_LINKS), SIGMA, ALPHA),
    response="real",
    distribution=SKEW_NORMAL,
    arguments=_skew_normal_arguments,
    mean=lambda p, m: p.mu,
    additions=IMPUTED | {"se"},
)

GAMMA_FAMILY = Family(
    name="gamma",
    params=(positive_mu(POSITIVE_LINKS), SHAPE),
    response="positive",
    distribution=GAMMA,
    arguments=lambda p, m: (p.shape, p.shape / p.mu),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

WEIBULL_FAMILY = Family(
    name="weibull",
    params=(positive_mu(POSITIVE_LINKS), SHAPE),
    response="positive",
    distribution=WEIBULL,
    arguments=lambda p, m: (p.shape, p.mu / m.tgamma(1 + 1 / p.shape)),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

EXPONENTIAL_FAMILY = Family(
    name="exponential",
    params=(positive_mu(POSITIVE_LINKS),),
    response="positive",
    distribution=EXPONENTIAL,
    arguments=lambda p, m: (1 / p.mu,),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)

BETA_FAMILY = Family(
    name="beta",
    params=(probability_mu(), PHI),
    response="unit",
    distribution=BETA,
    arguments=lambda p, m: (p.mu * p.phi, (1 - p.mu) * p.phi),
    mean=lambda p, m: p.mu,
    additions=IMPUTED,
)


FAMILIES = (
    GAUSSIAN,
    STUDENT,
    LOGNORMAL_FAMILY,
    SKEW_NORMAL_FAMILY,
    GAMMA_FAMILY,
    WEIBULL_FAMILY,
    EXPONENTIAL_FAMILY,
    BETA_FAMILY,
)
