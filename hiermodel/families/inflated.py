"""Families of counts with more, fewer or no zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hiermodel.families.base import Arguments, Distribution, Family, Fused, Param, ResponseKind
from hiermodel.families.discrete_distributions import (
    BETA_BINOMIAL,
    BINOMIAL,
    NEG_BINOMIAL_2,
    POISSON,
)
from hiermodel.families.shared import (
    CENSORED,
    COUNT_LINKS,
    COUNT_SHAPE,
    HU,
    PHI,
    PROBABILITY_LINKS,
    ZI,
    positive_mu,
    probability_mu,
)
from hiermodel.families.zero_inflation import (
    CountBase,
    Kind,
    ZeroModified,
    hurdle,
    zero_inflated,
    zero_truncated,
)

_POISSON = CountBase(POISSON, "poisson", ("mu",), lambda m, mu: -mu)
_POISSON_LOG = CountBase(POISSON, "poisson_log", ("eta",), lambda m, eta: -m.exp(eta))
_NEGBIN = CountBase(
    NEG_BINOMIAL_2, "neg_binomial_2", ("mu", "phi"), lambda m, mu, phi: -(phi * m.log1p(mu / phi))
)
_NEGBIN_LOG = CountBase(
    NEG_BINOMIAL_2,
    "neg_binomial_2_log",
    ("eta", "phi"),
    lambda m, eta, phi: -(phi * m.log1p_exp(eta - m.log(phi))),
)
_BINOMIAL = CountBase(
    BINOMIAL, "binomial", ("trials", "theta"), lambda m, trials, theta: trials * m.log1m(theta)
)
_BINOMIAL_LOGIT = CountBase(
    BINOMIAL,
    "binomial_logit",
    ("trials", "eta"),
    lambda m, trials, eta: trials * m.log1m_inv_logit(eta),
)
_BETA_BINOMIAL = CountBase(
    BETA_BINOMIAL,
    "beta_binomial",
    ("trials", "alpha", "beta"),
    lambda m, trials, alpha, beta: m.lbeta(alpha, trials + beta) - m.lbeta(alpha, beta),
)

_COMBINE: dict[Kind, Callable[[CountBase], Distribution]] = {
    "zero_inflated": zero_inflated,
    "hurdle": hurdle,
    "truncated": zero_truncated,
}
_PROBABILITY: dict[Kind, tuple[Param, ...]] = {
    "zero_inflated": (ZI,),
    "hurdle": (HU,),
    "truncated": (),
}


def _family(
    kind: Kind,
    name: str,
    base: CountBase,
    params: tuple[Param, ...],
    arguments: Arguments,
    mean: Callable[[Any, Any], Any],
    *,
    linked: tuple[str, CountBase] | None = None,
    response: ResponseKind = "count",
) -> Family:
    """One family; `mean` is that of the count, `linked` the link and the base with it inside."""
    extra = _PROBABILITY[kind]
    probability = extra[0].name if extra else ""
    distribution = _COMBINE[kind](base)

    def with_probability(p: Any, m: Any) -> tuple[Any, ...]:
        return (*arguments(p, m), *((getattr(p, probability),) if probability else ()))

    def whole_mean(p: Any, m: Any) -> Any:
        value = mean(p, m)
        if kind != "zero_inflated":
            log_zero = base.distribution.log_prob(0, *arguments(p, m))
            value = value / -m.expm1(log_zero)
        return value * (1 - getattr(p, probability)) if probability else value

    fused: list[Fused] = []
    if linked is not None:
        link, folded = linked
        # Where the probability has a formula, its logit goes into the density as well.
        for logit in (True, False) if probability else (False,):
            function = ZeroModified(kind, folded, logit)
            fused.append(
                Fused(
                    link=link,
                    name=function.name,
                    arguments=with_probability,
                    also=((probability, "logit"),) if logit else (),
                    functions=(function,),
                )
            )
    return Family(
        name=f"{kind}_{name}",
        params=(*params, *extra),
        response="positive count" if kind == "truncated" else response,
        distribution=distribution,
        arguments=with_probability,
        mean=whole_mean,
        additions=CENSORED | {"trials"} if response == "trials" else CENSORED,
        fused=tuple(fused),
    )


def _poisson(kind: Kind) -> Family:
    return _family(
        kind,
        "poisson",
        _POISSON,
        (positive_mu(COUNT_LINKS),),
        lambda p, m: (p.mu,),
        lambda p, m: p.mu,
        linked=("log", _POISSON_LOG),
    )


def _negbinomial(kind: Kind) -> Family:
    return _family(
        kind,
        "negbinomial",
        _NEGBIN,
        (positive_mu(COUNT_LINKS), COUNT_SHAPE),
        lambda p, m: (p.mu, p.shape),
        lambda p, m: p.mu,
        linked=("log", _NEGBIN_LOG),
    )


_ZERO_INFLATED_BINOMIAL = _family(
    "zero_inflated",
    "binomial",
    _BINOMIAL,
    (probability_mu(),),
    lambda p, m: (p.trials, p.mu),
    lambda p, m: p.mu * p.trials,
    linked=("logit", _BINOMIAL_LOGIT),
    response="trials",
)

_ZERO_INFLATED_BETA_BINOMIAL = _family(
    "zero_inflated",
    "beta_binomial",
    _BETA_BINOMIAL,
    (probability_mu(tuple(link for link in PROBABILITY_LINKS if link != "log")), PHI),
    lambda p, m: (p.trials, p.mu * p.phi, (1 - p.mu) * p.phi),
    lambda p, m: p.mu * p.trials,
    response="trials",
)

FAMILIES = (
    _poisson("zero_inflated"),
    _negbinomial("zero_inflated"),
    _ZERO_INFLATED_BINOMIAL,
    _ZERO_INFLATED_BETA_BINOMIAL,
    _poisson("hurdle"),
    _negbinomial("hurdle"),
    _poisson("truncated"),
    _negbinomial("truncated"),
)
