"""Families of ordinal responses: four ways to make K probabilities from K - 1 thresholds.

`disc`, the discrimination, multiplies the distance between thresholds and predictor; it is 1
unless it has a formula. Thresholds are ``flexible``, ``equidistant`` or ``sum_to_zero``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from hiermodel.families.base import Arguments, Distribution, Family, Fused, Param
from hiermodel.families.category_distributions import (
    ACAT,
    CRATIO,
    CUMULATIVE,
    HURDLE_CUMULATIVE,
    SRATIO,
    acat_log_probs,
    cratio_log_probs,
    cumulative_log_probs,
    hurdle_cumulative_log_probs,
    sratio_log_probs,
)
from hiermodel.families.numerics import Array
from hiermodel.families.shared import DISC, HU, ORDINAL_LINKS
from hiermodel.links import Link, link_named

_THRESHOLDS = ("flexible", "equidistant", "sum_to_zero")
_WITHOUT_SOFTIT = tuple(link for link in ORDINAL_LINKS if link != "softit")


def _distance(p: Any, m: Any, rising: bool) -> Any:
    """Where each row stands to its thresholds: (S, N, T), or a Stan vector per row."""
    mu, disc = m.across(p.mu), m.across(p.disc)
    return disc * (mu - p.thresholds if rising else p.thresholds - mu)


def _link_arguments(rising: bool, hurdle: bool) -> Callable[[Link], Arguments]:
    """``(log F, log(1 - F))``, with ``hu`` behind; `rising` when F grows with the predictor."""

    def with_link(link: Link) -> Arguments:
        def arguments(p: Any, m: Any) -> tuple[Any, ...]:
            x = _distance(p, m, rising)
            both = (m.log_inverse(link, x), m.log1m_inverse(link, x))
            return (*both, m.across(p.hu)) if hurdle else both

        return arguments

    return with_link


def _ordinal(
    distribution: Distribution,
    log_probs: Callable[..., Array],
    *,
    rising: bool,
    links: tuple[str, ...] = ORDINAL_LINKS,
    ordered: bool = False,
    hurdle: bool = False,
    fused: tuple[Fused, ...] = (),
) -> Family:
    with_link = _link_arguments(rising, hurdle)

    def link_mean(link: Link) -> Callable[[Any, Any], Array]:
        arguments = with_link(link)
        return lambda p, m: np.exp(log_probs(*arguments(p, m)))

    default = link_named(links[0])
    return Family(
        name=distribution.name,
        params=(Param("mu", links), DISC, *((HU,) if hurdle else ())),
        response="ordinal",
        distribution=distribution,
        arguments=with_link(default),
        mean=link_mean(default),
        additions=frozenset({"thres", "cat"}),
        fused=fused,
        ordered_thresholds=ordered,
        rising=rising,
        hurdle=hurdle,
        choices={"threshold": _THRESHOLDS},
        options={"threshold": _THRESHOLDS[0]},
        link_arguments=with_link,
        link_mean=link_mean,
    )


_ORDERED_LOGISTIC = Fused(
    link="logit",
    name="ordered_logistic",
    arguments=lambda p, m: (p.mu, p.thresholds),
    unpredicted=("disc",),
    grouped_thresholds=False,
)

# P(Y <= k) = F(disc (threshold_k - mu))
CUMULATIVE_FAMILY = _ordinal(
    CUMULATIVE,
    cumulative_log_probs,
    rising=False,
    ordered=True,
    fused=(
        replace(
            _ORDERED_LOGISTIC, name="cumulative_logit", whole_only=True,
            functions=("cumulative_logit.stan",),
        ),
        _ORDERED_LOGISTIC,
    ),
)

# P(Y = 0) = hu, and above it as the cumulative model
HURDLE_CUMULATIVE_FAMILY = _ordinal(
    HURDLE_CUMULATIVE, hurdle_cumulative_log_probs, rising=False, ordered=True, hurdle=True
)

# P(Y = k | Y >= k) = F(disc (threshold_k - mu))
SRATIO_FAMILY = _ordinal(SRATIO, sratio_log_probs, rising=False, links=_WITHOUT_SOFTIT)

# P(Y > k | Y >= k) = F(disc (mu - threshold_k))
CRATIO_FAMILY = _ordinal(CRATIO, cratio_log_probs, rising=True, links=_WITHOUT_SOFTIT)

# P(Y = k + 1 | Y in {k, k + 1}) = F(disc (mu - threshold_k))
ACAT_FAMILY = _ordinal(ACAT, acat_log_probs, rising=True)

FAMILIES = (
    CUMULATIVE_FAMILY,
    HURDLE_CUMULATIVE_FAMILY,
    SRATIO_FAMILY,
    CRATIO_FAMILY,
    ACAT_FAMILY,
)
