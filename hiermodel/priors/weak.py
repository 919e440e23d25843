"""The default set ``"weak"``; `hiermodel.priors.defaults` documents how it scales."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hiermodel.families.base import Family, Param
from hiermodel.priors.scales import link_values
from hiermodel.stan.variables import DataNumber, ScalePrior

# Scale of the intercept and of the effect of one standard deviation, on the latent scale. A
# logistic variable has sd pi / sqrt(3), which is why the other links get about 0.6 of it.
_PROBABILITY_LINKS = {
    "logit": (1.5, 1.0),
    "probit": (1.0, 0.6),
    "probit_approx": (1.0, 0.6),
    "cloglog": (1.0, 0.6),
    "loglog": (1.0, 0.6),
    "cauchit": (1.0, 0.6),
    "softit": (1.5, 1.0),
}
_RESPONSE_LINKS = ("sqrt", "inverse", "1/mu^2")
# These approach the identity for all but small values.
_NEAR_IDENTITY = ("identity", "softplus", "squareplus")

# Positive parameters whose default of brms is too heavy at both ends to simulate from.
_SHAPES = {"shape": "lognormal(1, 1)", "kappa": "lognormal(1, 1)", "phi": "lognormal(2, 1)"}
# The same on the log scale, for the intercepts of their formulas.
_LOG_SHAPES = {"shape": "normal(1, 1)", "kappa": "normal(1, 1)", "phi": "normal(2, 1)"}


@dataclass(frozen=True, slots=True)
class _Unit:
    """Scales of a linear predictor.

    `intercept` and `slope` are the scales of normal priors (of the effect of one standard
    deviation), `effect` the size that a group-level effect is expected to have. `learned`
    says that numbers come from the response; it depends on the family, never on values.
    """

    location: float
    intercept: float
    slope: float
    effect: float
    learned: bool = False


def weak_prior(
    cls: str,
    family: Family,
    param: str,
    predicted: bool,
    y: np.ndarray | None,
    offset_mean: float,
    column_sd: float | None,
) -> str | ScalePrior:
    """Proper, data-scaled default of one element; arguments as in `default_prior`."""
    if cls == "cor":
        return "lkj(2)"
    if cls == "df":
        return "gamma(2, 0.1)"
    if cls == "delta":
        return "normal(0, 1)"
    if family.response == "trials":
        y = None  # counts say nothing without their trials
    if cls not in ("b", "Intercept", "sd") or not predicted:
        return _parameter(family, param, y)
    unit = _unit(family, param, y)
    if cls == "sd":
        rate = (column_sd or 1.0) / unit.effect
        return ScalePrior("exponential", (DataNumber("rate", _digits(rate), True),))
    if cls == "b":
        constant = column_sd == 0
        # A column that does not vary is an intercept: it has to reach the response's level.
        scale = (
            math.hypot(unit.location, unit.intercept)
            if constant
            else unit.slope / (1.0 if column_sd is None else column_sd)
        )
        return ScalePrior("normal", ("0", DataNumber("scale", _digits(scale), True)))
    return _intercept(family, param, unit, offset_mean)


def _intercept(
    family: Family, param: str, unit: _Unit, offset_mean: float
) -> str | ScalePrior:
    declared = family.param(param)
    link = family.link(param)
    if link == "tan_half":
        return "student_t(1, 0, 1)"
    if param in _SHAPES and link in ("log", "identity"):
        return (_LOG_SHAPES if link == "log" else _SHAPES)[param]
    if param != "mu" and declared.prior_predicted not in ("", "scale"):
        return declared.prior_predicted
    if family.has_thresholds and param == "mu":
        return f"normal(0, {1.5 * unit.intercept:g})"
    if not unit.learned:
        return f"normal({unit.location:g}, {unit.intercept:g})"
    location = unit.location - (offset_mean if math.isfinite(offset_mean) else 0.0)
    return ScalePrior(
        "normal",
        (
            DataNumber("location", _digits(location)),
            DataNumber("scale", _digits(unit.intercept)),
        ),
    )


def _unit(family: Family, param: str, y: np.ndarray | None) -> _Unit:
    link = family.link(param)
    if link in _PROBABILITY_LINKS:
        wide, narrow = _PROBABILITY_LINKS[link]
        return _Unit(0.0, wide, narrow, narrow)
    spread = _spread(y, family)
    if param != "mu":
        if param == "sigma" and y is not None:
            # sigma is about as large as the response's spread, on whatever scale it is.
            if link == "log":
                return _Unit(math.log(spread), 1.0, 1.0, 1.0, True)
            if link == "identity":
                return _Unit(spread, spread, spread, spread, True)
        wide = 2.0 if link == "log" else 2.5
        return _Unit(0.0, wide, 1.0, 1.0)
    if y is None:
        return _Unit(0.0, 2.5, 2.5, 1.0)
    if link in _NEAR_IDENTITY:
        middle = _mean(link_values(y, family.scale_link or "identity"))
        return _Unit(middle, 2.5 * spread, 2.5 * spread, spread, True)
    level = link_values(np.array([_mean(y)]), link)
    middle = float(level[0]) if level.size and math.isfinite(level[0]) else 0.0
    if link == "log":
        return _Unit(middle, 2.5, 2.5, 1.0, True)
    if link in _RESPONSE_LINKS:
        size = _sd(link_values(y, link))
        return _Unit(middle, 2.5 * size, 2.5 * size, size, True)
    return _Unit(0.0, 2.5, 2.5, 1.0)


def _parameter(family: Family, param: str, y: np.ndarray | None) -> str | ScalePrior:
    """Return the prior of a parameter without a formula, on its natural scale."""
    declared = family.param(param)
    if declared.prior == "scale":
        if y is None:
            return "exponential(1)"
        rate = 1 / _spread(y, family)
        return ScalePrior("exponential", (DataNumber("rate", _digits(rate)),))
    if param in _SHAPES and declared.lower == 0 and math.isinf(declared.upper):
        return _SHAPES[param]
    return declared.prior or _proper(declared)


def _proper(declared: Param) -> str:
    low, high = declared.lower, declared.upper
    if math.isfinite(low) and math.isfinite(high):
        return f"uniform({low:g}, {high:g})"
    return "exponential(1)" if low == 0 else "normal(0, 2.5)"


def _spread(y: np.ndarray | None, family: Family) -> float:
    return 1.0 if y is None else _sd(link_values(y, family.scale_link or "identity"))


def _mean(y: np.ndarray) -> float:
    y = y[np.isfinite(y)]
    return float(np.mean(y)) if y.size else 0.0


def _sd(y: np.ndarray) -> float:
    """Return the standard deviation, 1 where there is none."""
    y = y[np.isfinite(y)]
    value = float(np.std(y, ddof=1)) if y.size > 1 else 0.0
    return value if value > 0 else 1.0


def _digits(x: float) -> float:
    return float(f"{x:.3g}")
