"""Recorded densities that are known to be wrong, and the right ones to compare with.

brms 2.23.0 writes a program for ``zero_inflated_asym_laplace`` that applies the inverse logit to a
predicted ``zi`` twice. A right program differs from the recorded density by the difference
of the two Bernoulli terms, which follows from the recorded data and parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, log_expit

from harness import compare

_NOTE = (
    "the recorded density applies inv_logit to zi twice (an error of the reference); "
    "compared with the right density, without the gradient norm"
)


@dataclass(frozen=True, slots=True)
class Correction:
    """What to add to a recorded log density; `note` says why."""

    case: Mapping[str, Any]
    note: str

    def at(self, point: Mapping[str, Any]) -> float:
        """The right log density minus the recorded one."""
        eta = _population_predictor(self.case["standata"], point["params"], "_zi")
        zero = compare.array(self.case["standata"]["Y"]["values"]) == 0
        return float(np.sum(_bernoulli(zero, eta) - _bernoulli(zero, expit(eta))))


def correction(case: Mapping[str, Any]) -> Correction | None:
    """The correction that a case needs, None for nearly all."""
    family = case["call"]["family"] or {}
    if family.get("name") != "zero_inflated_asym_laplace":
        return None
    names = {one["name"] for one in case["parameters"]}
    # Only a purely population-level predictor can be computed from the recorded data alone.
    simple = not any(re.match(r"(Z_\d+_zi|Xs_zi|Zs_zi|offsets_zi)", k) for k in case["standata"])
    return Correction(case, _NOTE) if "Intercept_zi" in names and simple else None


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
