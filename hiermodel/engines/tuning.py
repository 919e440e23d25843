"""Starts and a metric for NUTS from the normal approximation at the mode.

For densities of a few parameters, such as those of collapsed models. From random points and the
identity a sampler walks hundreds of tiny steps before it knows the scales; the mode and the
Hessian there tell them for some hundred gradients. Moreover Stan's own adaptation shrinks variances
towards 1e-3, which hides those of parameters that many rows tell to a thousandth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.modes import STARTS, find_mode, hessian, precision_factor
from hiermodel.engines.settings import SamplingSettings
from hiermodel.engines.starts import is_finite_at, mode_starts
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

#: Iterations of warmup with a given metric: only the step size is adapted, as Stan does below 150.
TUNED_WARMUP = 149
# Chains start twice as far out as draws are, so that chains which do not mix can be told apart.
_DISPERSION = 2.0
_TRIES = 20
# A dense metric costs the square of the parameters a step, and learning it twice as many gradients.
_MAX_DIM = 50


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """Unconstrained starts (chains, dim) and a dense inverse metric (dim, dim)."""

    starts: np.ndarray
    inverse_metric: np.ndarray


def normal_tuning(
    density: LogDensity,
    settings: SamplingSettings,
    parameters: Sequence[Var],
    data: Mapping[str, Any],
) -> Tuning | None:
    """Tune a sampler by the mode of its density.

    Returns
    -------
    Tuning, or None
        None where there is no mode with a density that falls in every direction, and for more
        than 50 parameters.
    """
    if not 0 < density.dim <= _MAX_DIM:
        return None
    try:
        mode = find_mode(density, mode_starts(density, settings, parameters, data, STARTS))
    except EngineError:
        return None
    centre = mode.point.q
    factor = precision_factor(hessian(density, centre))
    if factor is None or mode.curved is False or not mode.reached:
        return None
    spread = np.linalg.inv(factor.T)
    rng = np.random.default_rng(settings.used_seed)
    starts = []
    for _ in range(settings.chains):
        far = _DISPERSION
        for _ in range(_TRIES):
            start = centre + far * spread @ rng.standard_normal(density.dim)
            if is_finite_at(density, start):
                break
            far /= 2
        starts.append(start)
    return Tuning(np.array(starts), spread @ spread.T)
