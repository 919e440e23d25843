"""Recorded densities that are known to be wrong, and the right ones to compare with.

brms 2.23.0 writes a program for ``zero_inflated_asym_laplace`` that applies the inverse logit to a
predicted ``zi`` twice. A right program differs from the recorded density by the difference
of the two Bernoulli terms, which follows from the recorded data and parameters.

Its log P(Y > y) of the inverse Gaussian distribution has a plus where the formula (Giner & Smyth
2016) has a minus, so that P(Y <= y) + P(Y > y) is more than 1. Right-censored rows are corrected
with SciPy's survival function.

In a mixture whose first component is binomial with the logit link, it leaves ``mu`` of a
beta-binomial component on the scale of its link, and takes it for a probability.

A mixture whose components have no intercept (non-linear formulas) gets an ``ordered_Intercept``
that nothing uses: with its flat prior the posterior is improper. It is left out of the comparison.

Its densities of spatial autoregression (``sar()``) lack a constant of the normal and of the Student
density for each row, so that they do not integrate to one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from scipy.special import expit, log_expit, log_ndtr

from harness import compare

_LINK_NOTE = (
    "the recorded density takes the linear predictor of the beta-binomial component for its mean "
    "(an error of the reference); compared with the right density, without the gradient norm"
)
_SAR_NOTE = (
    "the recorded density of sar() lacks a constant for each row (an error of the reference); "
    "compared with the right density, without the gradient norm"
)
_UNUSED_NOTE = (
    "the reference declares an ordered_Intercept that nothing uses; compared without it and "
    "without the gradient norm"
)
_TAIL_NOTE = (
    "the recorded density adds a term of P(Y > y) that is to be subtracted (an error of the "
    "reference); compared with the right density, without the gradient norm"
)
_NOTE = (
    "the recorded density applies inv_logit to zi twice (an error of the reference); "
    "compared with the right density, without the gradient norm"
)


@dataclass(frozen=True, slots=True)
class Correction:
    """What to add to a recorded log density; `note` says why."""

    case: Mapping[str, Any]
    note: str
    difference: Callable[[Mapping[str, Any], Mapping[str, Any]], float]

    def at(self, point: Mapping[str, Any]) -> float:
        """The right log density minus the recorded one."""
        return self.difference(self.case, point["params"])


def _double_inverse_logit(case: Mapping[str, Any], params: Mapping[str, Any]) -> float:
    eta = _population_predictor(case["standata"], params, "_zi")
    zero = compare.array(case["standata"]["Y"]["values"]) == 0
    return float(np.sum(_bernoulli(zero, eta) - _bernoulli(zero, expit(eta))))


def _inverse_gaussian_tail(case: Mapping[str, Any], params: Mapping[str, Any]) -> float:
    standata = case["standata"]
    y, cens = (compare.array(standata[name]["values"]) for name in ("Y", "cens"))
    eta = _population_predictor(standata, params, "")
    mu, shape = _INVERSE[case["call"]["family"]["link"]](eta), compare.number(params["shape"])
    y, mu = y[cens == 1], mu[cens == 1]
    root = np.sqrt(shape / y)
    second = 2 * shape / mu + log_ndtr(-root * (y / mu + 1))
    recorded = np.logaddexp(log_ndtr(root * (1 - y / mu)), second)
    return float(np.sum(stats.invgauss(mu / shape, scale=shape).logsf(y) - recorded))


_INVERSE: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "log": np.exp,
    "identity": lambda eta: eta,
    "inverse": lambda eta: 1 / eta,
    "1/mu^2": lambda eta: 1 / np.sqrt(eta),
}


def correction(case: Mapping[str, Any]) -> Correction | None:
    """The correction that a case needs, None for nearly all."""
    family = case["call"]["family"] or {}
    if any(re.match(r"Msar(_|$)", name) for name in case.get("standata", ())):
        return Correction(case, _SAR_NOTE, _spatial_constants)
    if case.get("unused"):
        return Correction(case, _UNUSED_NOTE, lambda case, params: 0.0)
    if family.get("name") == "mixture":
        return _mixed_link_correction(case, family["components"])
    if family.get("name") == "inverse.gaussian":
        return _tail_correction(case, family)
    if family.get("name") != "zero_inflated_asym_laplace":
        return None
    names = {one["name"] for one in case["parameters"]}
    # Only a purely population-level predictor can be computed from the recorded data alone.
    simple = not any(re.match(r"(Z_\d+_zi|Xs_zi|Zs_zi|offsets_zi)", k) for k in case["standata"])
    known = "Intercept_zi" in names and simple
    return Correction(case, _NOTE, _double_inverse_logit) if known else None


def _spatial_constants(case: Mapping[str, Any], params: Mapping[str, Any]) -> float:
    """What is missing: log(2 pi) / 2 for each row of a normal response, log(pi) / 2 of a Student.
    """
    family = case["call"]["family"] or {"name": "gaussian"}
    normalized = (case["call"].get("args") or {}).get("normalize", True)
    total = 0.0
    for name, entry in case["standata"].items():
        if not re.match(r"Msar(_|$)", name):
            continue
        one = family if "name" in family else family[name.removeprefix("Msar_")]
        if one["name"] == "student":
            total -= 0.5 * entry["shape"][0] * np.log(np.pi)
        elif normalized is not False:
            total -= 0.5 * entry["shape"][0] * np.log(2 * np.pi)
    return float(total)


def repaired(case: Mapping[str, Any]) -> Mapping[str, Any]:
    """The case without a parameter that nothing uses; nearly always the case itself."""
    family = case["call"]["family"] or {}
    names = {one["name"]: one for one in case["parameters"]}
    used = any(row["class"] == "Intercept" for row in case["default_prior"])
    if family.get("name") != "mixture" or "ordered_Intercept" not in names or used:
        return case
    size = int(names["ordered_Intercept"]["dims"][0])
    points = []
    for point in case["points"]:
        params = dict(point["params"])
        steps = np.diff(compare.array(params.pop("ordered_Intercept")))
        jacobian = float(np.sum(np.log(steps)))
        lps = {
            key: compare.number(point[key]) - jacobian
            for key in ("lp", "lp_prior_only") if point.get(key) is not None
        }
        points.append({**point, "params": params, **lps})
    return {
        **case,
        "parameters": [one for one in case["parameters"] if one["name"] != "ordered_Intercept"],
        "n_unconstrained": case["n_unconstrained"] - size,
        "points": points,
        "unused": True,
    }


def _mixed_link_correction(
    case: Mapping[str, Any], components: list[Mapping[str, Any]]
) -> Correction | None:
    """For two components, binomial and beta-binomial, with population-level formulas."""
    names = [(one["name"], one.get("link")) for one in components]
    params = {one["name"] for one in case["parameters"]}
    known = (
        names == [("binomial", "logit"), ("beta_binomial", "logit")]
        and {"Intercept_mu1", "Intercept_mu2", "phi2", "theta"} <= params
        and not any(name in case["standata"] for name in ("weights", "cens", "lb", "ub"))
        and not any(name.startswith("Z_") for name in case["standata"])
    )
    return Correction(case, _LINK_NOTE, _unlinked_beta_binomial) if known else None


def _unlinked_beta_binomial(case: Mapping[str, Any], params: Mapping[str, Any]) -> float:
    standata = case["standata"]
    y, trials = (compare.array(standata[name]["values"]) for name in ("Y", "trials"))
    theta, phi = compare.array(params["theta"]), compare.number(params["phi2"])
    first = stats.binom.logpmf(y, trials, expit(_population_predictor(standata, params, "_mu1")))
    eta = _population_predictor(standata, params, "_mu2")

    def mixed(mu: np.ndarray) -> np.ndarray:
        second = stats.betabinom.logpmf(y, trials, mu * phi, (1 - mu) * phi)
        return np.logaddexp(np.log(theta[0]) + first, np.log(theta[1]) + second)

    return float(np.sum(mixed(expit(eta)) - mixed(eta)))


def _tail_correction(case: Mapping[str, Any], family: Mapping[str, Any]) -> Correction | None:
    """For right-censored rows of a purely population-level model with one shape."""
    standata = case["standata"]
    names = {one["name"] for one in case["parameters"]}
    other = ("weights", "lb", "ub", "rcens", "offsets", "Xs", "Z_1_1")
    known = (
        "cens" in standata
        and {"Intercept", "shape"} <= names
        and family.get("link") in _INVERSE
        and not any(name in standata for name in other)
    )
    return Correction(case, _TAIL_NOTE, _inverse_gaussian_tail) if known else None


def _bernoulli(zero: np.ndarray, eta: np.ndarray) -> np.ndarray:
    return np.where(zero, log_expit(eta), log_expit(-eta))


def _population_predictor(
    standata: Mapping[str, Any], params: Mapping[str, Any], suffix: str
) -> np.ndarray:
    """``Intercept + Xc b`` with the columns of X centred, as the recorded program has it."""
    rows = int(compare.number(standata["N"]["values"]))
    eta = np.full(rows, compare.number(params[f"Intercept{suffix}"]))
    entry = standata.get(f"X{suffix}")
    if entry is None or f"b{suffix}" not in params:
        return eta
    x = compare.array(entry["values"], entry["shape"])[:, 1:]
    return eta + (x - x.mean(axis=0)) @ compare.array(params[f"b{suffix}"])
