"""Starts and a metric for NUTS, from the normal approximation at the mode or from a short chain.

From random points and the identity a sampler walks hundreds of tiny steps before it knows the
scales. For densities of a few parameters, such as those of collapsed models, the mode and the
Hessian there tell them for some hundred gradients; for others some draws do. Moreover Stan's own
adaptation shrinks variances towards 1e-3, which hides those of parameters that many rows tell to a
thousandth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.free import free_places
from hiermodel.engines.modes import STARTS, find_mode, gradient_along, hessian, precision_factor
from hiermodel.engines.settings import SamplingSettings
from hiermodel.engines.starts import is_finite_at, mode_starts
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

#: Iterations of warmup with a given metric: only the step size is adapted, as Stan does below 150.
TUNED_WARMUP = 149
# Chains start twice as far out as draws are, so that chains which do not mix can be told apart.
_DISPERSION = 2.0
_TRIES = 20
# No parameter is taken to have a larger posterior standard deviation.
_WIDEST = 2.0
# A dense metric costs the square of the parameters a step, and learning it twice as many gradients.
_MAX_DIM = 100
# Means of two halves of the draws may differ by so many standard deviations.
_DRIFT = 1.3
# Variances of draws and of a normal approximation may differ so much.
_OFF = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """Unconstrained starts (chains, dim), and a diagonal or dense inverse metric."""

    starts: np.ndarray
    inverse_metric: np.ndarray

    @property
    def is_dense(self) -> bool:
        """Whether the metric is a matrix (dim, dim), not its diagonal (dim,)."""
        return self.inverse_metric.ndim == 2


#: Tunes the sampler of a density: takes it with settings, parameters and data, and gives None
#: where it cannot be done.
Tuner = Callable[
    [LogDensity, SamplingSettings, Sequence[Var], Mapping[str, Any]], Tuning | None
]


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
        None without a single mode and a density that falls in every direction, and for more
        than 100 parameters.
    """
    if not 0 < density.dim <= _MAX_DIM:
        return None
    try:
        mode = find_mode(density, mode_starts(density, settings, parameters, data, STARTS))
    except EngineError:
        return None
    centre = mode.point.q
    spread = _spread(density, centre)
    if spread is None or mode.curved is False or not mode.reached or mode.lower is not None:
        return None
    return Tuning(_dispersed(density, settings, centre, spread), spread @ spread.T)


@dataclass(frozen=True, slots=True, eq=False)
class DrawsTuner:
    """Tunes a sampler by some draws of its density (a `Tuner`).

    Attributes
    ----------
    values : mapping of str to ndarray (draws, ...)
        Of each parameter.
    """

    values: Mapping[str, np.ndarray]

    def __call__(
        self, density: LogDensity, settings: SamplingSettings, parameters: Sequence[Var],
        data: Mapping[str, Any],
    ) -> Tuning | None:
        """Starts around the mean; the metric of the curvature there, else of the variances.

        Curvature tells how parameters hang together, which needs few parameters and a density that
        falls in every direction; draws tell whether it holds where the posterior has its mass.
        """
        count = len(next(iter(self.values.values())))
        points = np.array([
            density.unconstrain({var.name: self.values[var.name][k] for var in parameters})
            for k in range(count)
        ])
        centre, variances = points.mean(axis=0), points.var(axis=0, ddof=1)
        if not (np.isfinite(points).all() and (variances > 0).all()):
            return None
        first, second = (half.mean(axis=0) for half in np.array_split(points, 2))
        if (np.abs(first - second) > _DRIFT * np.sqrt(variances)).any():
            return None  # the chain was still on its way
        spread = _spread(density, centre)
        if spread is not None and _agrees(np.linalg.solve(spread, (points - centre).T).T):
            return Tuning(_dispersed(density, settings, centre, spread), spread @ spread.T)
        starts = _dispersed(density, settings, centre, np.sqrt(variances))
        return Tuning(starts, variances)


@dataclass(frozen=True, slots=True, eq=False)
class CurvatureTuner:
    """Tunes a sampler by the curvature at a point where it has an idea of the posterior.

    Attributes
    ----------
    values : mapping of str to ndarray
        The point.
    effects : tuple of str
        Parameters of many numbers of which each is nearly independent of the others.
    """

    values: Mapping[str, np.ndarray]
    effects: tuple[str, ...]

    def __call__(
        self, density: LogDensity, settings: SamplingSettings, parameters: Sequence[Var],
        data: Mapping[str, Any],
    ) -> Tuning | None:
        """Start at the point; variances are inverse curvatures."""
        places = free_places(parameters, data)
        if places is None:
            return None
        q = density.unconstrain({var.name: self.values[var.name] for var in parameters})
        starts = np.repeat(q[None], settings.chains, axis=0)
        spread = _spread(density, q)
        if spread is not None and np.square(spread).sum(axis=1).max() <= _WIDEST**2:
            return Tuning(starts, spread @ spread.T)
        rng = np.random.default_rng(settings.used_seed)
        curvature = np.empty(density.dim)
        for name, place in places.items():
            at = np.arange(place.start, place.stop)
            if name in self.effects:
                signs = rng.choice([-1.0, 1.0], len(at))
                curvature[at] = -signs * gradient_along(density, q, at, signs)[at]
            else:
                for i in at:
                    curvature[i] = -gradient_along(density, q, [i], np.ones(1))[i]
        if not np.isfinite(curvature).all():
            return None
        return Tuning(starts, 1 / np.maximum(curvature, 1 / _WIDEST**2))


def _agrees(standardised: np.ndarray) -> bool:
    """Whether what should be standard normal draws has about the right scales."""
    variances = standardised.var(axis=0)
    return bool((variances > 1 / _OFF).all() and (variances < _OFF).all())


def _spread(density: LogDensity, q: np.ndarray) -> np.ndarray | None:
    """A factor of the covariance of the normal approximation at a point.

    None for many parameters, and where the density does not fall in every direction.
    """
    factor = precision_factor(hessian(density, q)) if density.dim <= _MAX_DIM else None
    return None if factor is None else np.asarray(np.linalg.inv(factor.T))


def _dispersed(
    density: LogDensity, settings: SamplingSettings, centre: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Starts around a point, further away than draws are; `spread` is a factor or its diagonal."""
    rng = np.random.default_rng(settings.used_seed)
    starts = []
    for _ in range(settings.chains):
        far = _DISPERSION
        for _ in range(_TRIES):
            noise = rng.standard_normal(density.dim)
            start = centre + far * (spread @ noise if spread.ndim == 2 else spread * noise)
            if is_finite_at(density, start):
                break
            far /= 2
        starts.append(start)
    return np.array(starts)
