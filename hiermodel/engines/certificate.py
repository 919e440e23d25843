"""The certificate: before sampling, the engine's density is compared with the model's own.

The log density with the likelihood minus the log density without it (``prior_only``) is the
log-likelihood as the engine computes it. The model's NumPy twins compute the same number without
the engine. Priors and Jacobians cancel, so the two agree to rounding, or one of them is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.inits import declared_shape
from hiermodel.errors import CertificateError, EngineError
from hiermodel.stan.variables import Var

TOLERANCE = 1e-8
GRADIENT_TOLERANCE = 1e-4
# Derivatives of cdfs in Stan Math are approximations, good to some 1e-3 in the tails.
CDF_GRADIENT_TOLERANCE = 1e-2
# The Cholesky factor of the covariance of close points loses some digits: (density, gradient).
SINGULAR_TOLERANCES = 1e-6, 1e-2
# The same with length scales that are held constant, however far above the distances.
HELD_TOLERANCES = 1e-3, 0.2

# Half-widths of the boxes that points come from, tried until the density is finite: first where
# most models live, then closer to the origin, then all over the box that Stan starts in.
_SCALES = (1.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.001, 0.0, *(2.0,) * 90)
# Evaluations that a point may take to climb towards the mode.
_CLIMB = 40
_STEPS = (1e-3, 1e-4, 1e-5, 1e-6)
# How often, and about how far from a point, a derivative that does not fit is looked at again.
_ELSEWHERE, _APART = 5, 0.05


Tame = Callable[[dict[str, np.ndarray]], Mapping[str, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Proof that the engine's density is the model's, as shown in the summary.

    Attributes
    ----------
    points : int
        Points at which the two were compared.
    max_error : float
        Largest difference of the log-likelihoods, relative to their size.
    max_gradient_error : float
        Largest difference of a directional derivative from the gradient, likewise.
    seconds : float
    tolerances : (float, float)
        What was allowed.
    """

    points: int
    max_error: float
    max_gradient_error: float
    seconds: float
    tolerances: tuple[float, float] = (TOLERANCE, CDF_GRADIENT_TOLERANCE)

    @property
    def ok(self) -> bool:
        """True when the log-likelihoods and the gradients agree."""
        return (
            self.max_error <= self.tolerances[0] and self.max_gradient_error <= self.tolerances[1]
        )

    def __str__(self) -> str:
        """One line for the summary."""
        return (
            f"log density equals the model's at {self.points} points (largest relative "
            f"difference {self.max_error:.0e}; gradient {self.max_gradient_error:.0e})"
        )


def certify_density(
    full: LogDensity,
    prior_only: LogDensity,
    numpy_log_lik: Callable[[Mapping[str, np.ndarray]], float],
    parameters: Sequence[Var],
    data: Mapping[str, Any],
    *,
    points: int = 3,
    seed: int = 1,
    subject: str = "this model",
    starts: np.ndarray | None = None,
    normalized: bool = True,
    tolerance: float = TOLERANCE,
    gradient_tolerance: float = GRADIENT_TOLERANCE,
    advice: str = "",
    tame: Tame | None = None,
) -> Certificate:
    """Compare an engine's log density with the model's NumPy log-likelihood.

    The points are random ones that have climbed towards the mode for some steps: the region in
    which draws will be taken, and where log densities are small enough to show small errors.

    Parameters
    ----------
    full, prior_only : LogDensity
        The same program with ``prior_only`` 0 and 1.
    numpy_log_lik : callable
        Takes the declared parameters (each of its declared shape) and returns the sum of the
        pointwise log-likelihood.
    parameters : sequence of Var
    data : mapping of str to Any
        Stan data, for the shapes of parameters of size zero.
    points : int
    seed : int
    subject : str
        What is being fitted, for the message: family and terms.
    starts : ndarray (n, dim), optional
        Unconstrained points to climb from, tried before random ones.
    normalized : bool
        False when the program drops constants: then differences between points are compared.
    advice : str
        What to do when they differ, for the message.
    tolerance, gradient_tolerance : float
        `CDF_GRADIENT_TOLERANCE` for programs with censoring or truncation, `SINGULAR_TOLERANCES`
        for those with exact Gaussian processes.
    tame : callable, optional
        Brings parameters (of declared shape) to where the density can be computed with all digits;
        what it changes stays so.

    Returns
    -------
    Certificate

    Raises
    ------
    CertificateError
        If they differ by more than `tolerance`, relative, or if a derivative along a random
        direction differs from the gradient by more than `gradient_tolerance`.
    EngineError
        If no point with a finite density is found.
    """
    started = time.perf_counter()
    rng = np.random.default_rng(seed)
    worst, worst_gradient = 0.0, 0.0
    given = () if starts is None else tuple(starts)
    found = _points(full, prior_only, points, rng, given, _tamed(full, tame, parameters, data))
    constant: float | None = 0.0 if normalized else None
    for number, (q, lp, gradient) in enumerate(found, start=1):
        numpy_value = float(numpy_log_lik(_parameters_at(full, q, parameters, data)))
        engine_value = lp - prior_only.value_and_grad(q)[0]
        if constant is None:
            constant = numpy_value - engine_value
        engine_value += constant
        error = _relative(engine_value - numpy_value, numpy_value)
        if not error <= tolerance:
            raise _mismatch(
                subject, number, engine_value, numpy_value, error, advice or ADVICE, tolerance
            )
        worst = max(worst, error)
        gradient_error = _gradient_error(full, q, lp, gradient, rng)
        for _ in range(_ELSEWHERE):
            if gradient_error <= gradient_tolerance:
                break
            # A density with kinks, such as that of the Laplace distribution, has its mode on one.
            # A wrong gradient is wrong beside it, too.
            beside = _at(full, q + _APART * rng.standard_normal(full.dim))
            if beside is not None:
                gradient_error = _gradient_error(full, *beside, rng)
        if not gradient_error <= gradient_tolerance:
            raise _wrong_gradient(subject, number, gradient_error, gradient_tolerance)
        worst_gradient = max(worst_gradient, gradient_error)
    return Certificate(
        points, worst, worst_gradient, time.perf_counter() - started,
        (tolerance, max(gradient_tolerance, CDF_GRADIENT_TOLERANCE)),
    )


Point = tuple[np.ndarray, float, np.ndarray]
Bring = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _tamed(
    density: LogDensity, tame: Tame | None, parameters: Sequence[Var], data: Mapping[str, Any]
) -> Bring:
    """Brings an unconstrained point where `tame` wants it; also which coordinates may move on."""

    def bring(q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if tame is None:
            return q, np.ones(len(q), dtype=bool)
        values = tame(_parameters_at(density, q, parameters, data))
        there = density.unconstrain({k: v for k, v in values.items() if np.size(v)})
        # Of what is left alone a round trip changes the last digits only.
        return there, np.isclose(there, q, rtol=1e-6, atol=1e-9)

    return bring


def _points(
    full: LogDensity,
    prior_only: LogDensity,
    points: int,
    rng: np.random.Generator,
    starts: Sequence[np.ndarray],
    bring: Bring,
) -> Iterator[Point]:
    """Points at which both densities and the gradient are finite."""
    for number in range(points):
        candidates = [*starts[number : number + 1]]
        candidates += [rng.uniform(-1, 1, full.dim) * scale for scale in _SCALES]
        candidates += starts[:1]
        free = bring(candidates[0])[1]
        point = next((p for q in candidates if (p := _at(full, bring(q)[0])) is not None), None)
        if point is None:
            raise EngineError(
                "the log density is not finite anywhere near the origin, so that the engine's "
                "density could not be checked nor a start be found; give starting values with "
                "init=, rescale the predictors, and check the response against the family and link"
            )
        climbed = _climb(full, point, free)
        yield climbed if np.isfinite(prior_only.value_and_grad(climbed[0])[0]) else point


def _at(density: LogDensity, q: np.ndarray) -> Point | None:
    """A point with its log density and gradient, or None where they are not finite."""
    lp, gradient = density.value_and_grad(q)
    return (q, lp, gradient) if np.isfinite(lp) and np.isfinite(gradient).all() else None


def _climb(density: LogDensity, point: Point, free: np.ndarray) -> Point:
    """Follow the gradient uphill along `free` coordinates, with steps that grow while they help."""
    step = 0.1
    for _ in range(_CLIMB):
        q, lp, gradient = point
        gradient = np.where(free, gradient, 0.0)
        length = float(np.linalg.norm(gradient))
        if length == 0:
            break
        higher = _at(density, q + step * gradient / length)
        if higher is not None and higher[1] > lp:
            point, step = higher, 2 * step
        else:
            step /= 4
    return point


def _parameters_at(
    density: LogDensity, q: np.ndarray, parameters: Sequence[Var], data: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    found = density.constrain(q[np.newaxis]) if density.dim else {}
    values: dict[str, np.ndarray] = {}
    for var in parameters:
        if var.name in found:
            values[var.name] = found[var.name][0]
        else:
            values[var.name] = np.empty(declared_shape(var, data) or (0,))
    return values


def _relative(difference: float, size: float) -> float:
    error = abs(difference) / max(1.0, abs(size))
    return error if np.isfinite(error) else np.inf


def _gradient_error(
    density: LogDensity, q: np.ndarray, lp: float, gradient: np.ndarray, rng: np.random.Generator
) -> float:
    """Relative difference of a five-point derivative along a random direction; best step."""
    if density.dim == 0:
        return 0.0
    direction = rng.standard_normal(density.dim)
    direction /= np.linalg.norm(direction)
    slope = float(gradient @ direction)

    def along(step: float) -> float:
        return density.value_and_grad(q + step * direction)[0]

    errors = []
    for step in _STEPS:
        near, far = along(step) - along(-step), along(2 * step) - along(-2 * step)
        difference = abs((8 * near - far) / (12 * step) - slope)
        error = _relative(difference, slope)
        if error > GRADIENT_TOLERANCE:
            # What rounding of the log density alone does to the quotient is no fault.
            noise = 10 * np.finfo(float).eps * abs(lp) / step
            error = _relative(max(0.0, difference - noise), slope)
        errors.append(error)
        if error <= GRADIENT_TOLERANCE:
            break
    return min(errors)


def _mismatch(
    subject: str, number: int, engine: float, numpy: float, error: float, advice: str,
    tolerance: float,
) -> CertificateError:
    return CertificateError(
        f"the embedded engine computes another density than the model states, for {subject}: "
        f"at point {number} its log-likelihood is {engine:.10g}, that of the model {numpy:.10g} "
        f"(relative difference {error:.1e}, allowed {tolerance:.0e}). {advice}"
    )


def _wrong_gradient(
    subject: str, number: int, error: float, tolerance: float
) -> CertificateError:
    return CertificateError(
        f"the gradient of the embedded engine does not belong to its log density, for {subject}: "
        f"at point {number} a directional derivative differs by {error:.1e} (relative, allowed "
        f"{tolerance:.0e}). {ADVICE}"
    )


ADVICE = (
    "No draws were taken. Use engine='cmdstan', and please report this with the formula and family"
)
