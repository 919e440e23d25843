"""The mode of a log density: L-BFGS from several starts, polished by Newton steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.lbfgs import Point, lbfgs, point_at
from hiermodel.errors import EngineError

#: Starts that are tried at most. The search ends when two led to the highest point so far, after
#: some at least where they are cheap: links such as the inverse have several modes.
STARTS = 10
_FEWEST, _FEWEST_LARGE = 5, 2
_SAME = 1e-3
# Another mode is told of when it is so much lower.
_LOWER = 0.01
# L-BFGS forgets its history when it starts again, which frees a line search that is stuck.
_RESTARTS = 30
_GAIN = 1e-7
# A dense Hessian costs 2 dim gradients: polish smaller problems only.
_NEWTON_DIM = 400
_NEWTON_STEPS = 20
_DECREMENT = 1e-8
# Beyond these a climb has run away: nothing is that likely, no unconstrained value that large.
_RUNAWAY_LP, _RUNAWAY_Q = 1e12, 1e10
_ALONG = 1e-4
# Three standard deviations from the mode of a normal the log density is 4.5 lower.
_HILL, _HILL_FALL = 3.0, 0.1
# Without Newton steps the gradient must be this small against the height.
_GRADIENT = 1e-3

#: What a user must know of a mode that is a ridge or a plateau.
FLAT_MODE = (
    "The mode is not a single point: near it the log density is flat in some direction, so that "
    "a parameter is left undetermined (flat priors with collinear or constant predictors, or too "
    "little data). Do not read its values; give proper priors or drop such predictors."
)


@dataclass(frozen=True, slots=True, eq=False)
class Mode:
    """A mode, or the place where the search for one ended.

    Attributes
    ----------
    point : Point
    reached : bool
        False when the climb went on and on, or got stuck.
    curved : bool, optional
        Whether the density falls in every direction; None when that was not looked at.
    lower : float, optional
        Height of the next lower mode, where other starts led to one.
    """

    point: Point
    reached: bool
    curved: bool | None
    lower: float | None = None

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a user must know of the mode."""
        several = () if self.lower is None else (
            f"The density has several modes: this is the highest one found ({self.point.lp:.6g}), "
            f"another has the log density {self.lower:.6g}. Give starting values with init= to "
            "choose one.",
        )  # fmt: skip
        return (*((FLAT_MODE,) if self.curved is False else ()), *several)


def hessian(density: LogDensity, q: np.ndarray) -> np.ndarray:
    """Hessian of a log density by central differences of its gradient.

    Parameters
    ----------
    density : LogDensity
    q : ndarray
        Point ``(dim,)`` on the unconstrained scale.

    Returns
    -------
    ndarray
        ``(dim, dim)``, symmetric. Step ``eps**(1/3) * max(1, |q|)``, error of order 1e-10.
    """
    dim = len(q)
    out = np.empty((dim, dim))
    steps = np.finfo(float).eps ** (1 / 3) * np.maximum(1.0, np.abs(q))
    for i, step in enumerate(steps):
        up, down = q.copy(), q.copy()
        up[i] += step
        down[i] -= step
        difference = density.value_and_grad(up)[1] - density.value_and_grad(down)[1]
        out[i] = difference / (up[i] - down[i])
    return (out + out.T) / 2


def gradient_along(
    density: LogDensity, q: np.ndarray, at: Sequence[int] | np.ndarray, along: np.ndarray
) -> np.ndarray:
    """Derivative ``(dim,)`` of the gradient in a direction that is zero but for positions `at`."""
    up, down = q.copy(), q.copy()
    up[at] += _ALONG * along
    down[at] -= _ALONG * along
    change = density.value_and_grad(up)[1] - density.value_and_grad(down)[1]
    return np.asarray(change) / (2 * _ALONG)


def precision_factor(matrix: np.ndarray) -> np.ndarray | None:
    """Cholesky factor of minus a Hessian; None when it is not positive definite.

    A matrix that rounding alone keeps from being singular counts as singular: with the
    diagonal scaled to 1 its smallest eigenvalue must exceed the error of the differences.
    """
    precision = -matrix
    diagonal = np.diag(precision)
    if not np.isfinite(precision).all() or (diagonal <= 0).any():
        return None
    scale = np.sqrt(diagonal)
    scaled = precision / np.outer(scale, scale)
    if len(scaled) and np.linalg.eigvalsh(scaled)[0] < 1e-9:
        return None
    factor: np.ndarray = scale[:, np.newaxis] * np.linalg.cholesky(scaled)
    return factor


def find_mode(density: LogDensity, starts: Iterable[np.ndarray]) -> Mode:
    """Find the highest mode that a few starts lead to.

    Parameters
    ----------
    density : LogDensity
    starts : iterable of ndarray
        Unconstrained points, in the order in which they are tried; the rest is not asked for
        once enough of them led to the same height.

    Returns
    -------
    Mode
        With ``reached`` true.

    Raises
    ------
    EngineError
        When there is no start of finite density, or the density rises without bound.
    """
    if density.dim == 0:
        return Mode(point_at(density, np.zeros(0)), True, True)
    best: Mode | None = None
    fewest = _FEWEST if density.dim <= _NEWTON_DIM else _FEWEST_LARGE
    tried = agreeing = 0
    heights: list[float] = []
    for q in starts:
        start = point_at(density, q)
        if not (np.isfinite(start.lp) and np.isfinite(start.gradient).all()):
            continue
        mode = _climb(density, start)
        tried += 1
        if mode.reached and mode.curved:
            heights.append(mode.point.lp)
        if best is None or mode.point.lp > best.point.lp + _SAME:
            best, agreeing = mode, 1
        elif abs(mode.point.lp - best.point.lp) <= _SAME and mode.reached:
            best, agreeing = best if best.reached else mode, agreeing + 1
        if (tried >= fewest and agreeing > 1) or _ran_away(best.point):
            break
    if best is None:
        raise EngineError(
            "no mode was found: the log density is finite at no starting point; give starting "
            "values with init=, or check the response against the family and its link"
        )
    if not best.reached:
        raise EngineError(_no_mode(best.point))
    lower = [height for height in heights if height < best.point.lp - _LOWER]
    return replace(best, lower=max(lower)) if lower else best


def _no_mode(end: Point) -> str:
    what = (
        "rises without bound" if _ran_away(end) or np.abs(end.q).max() > 15
        else "has no maximum that could be reached"
    )  # fmt: skip
    return (
        f"no posterior mode was found: the log density {what} (the search ended at "
        f"{end.lp:.6g}). A residual sd that can go to 0, flat priors, or coefficients that the "
        'data leave free do this: give proper priors, or use algorithm="sampling"'
    )


def _ran_away(point: Point) -> bool:
    return point.lp > _RUNAWAY_LP or bool(np.abs(point.q).max(initial=0.0) > _RUNAWAY_Q)


def _climb(density: LogDensity, start: Point) -> Mode:
    point, gain = start, np.inf
    for _ in range(_RESTARTS):
        higher = lbfgs(density, point)[-1]
        gain, point = higher.lp - point.lp, higher
        if gain < _GAIN or _ran_away(point):
            break
    if _ran_away(point):
        return Mode(point, False, None)
    if density.dim <= _NEWTON_DIM:
        return _polish(density, point)
    small = np.abs(point.gradient).max() <= _GRADIENT * max(1.0, abs(point.lp))
    return Mode(point, bool(gain < _GAIN and small), None)


def _polish(density: LogDensity, point: Point) -> Mode:
    """Newton steps until a further one would gain nothing."""
    for _ in range(_NEWTON_STEPS):
        factor = precision_factor(hessian(density, point.q))
        if factor is None:
            # A ridge: as high as it gets when the gradient vanishes.
            level = np.abs(point.gradient).max() <= _GRADIENT * max(1.0, abs(point.lp))
            return Mode(point, bool(level), False)
        whitened = np.linalg.solve(factor, point.gradient)
        if whitened @ whitened < 2 * _DECREMENT:
            return Mode(point, True, _is_hill(density, point, factor))
        higher = _line(density, point, np.linalg.solve(factor.T, whitened))
        if higher is None:
            # No higher point in floating point: fine when hardly anything was to be gained.
            reached = bool(whitened @ whitened < 1e-4)
            return Mode(point, reached, reached and _is_hill(density, point, factor))
        point = higher
    return Mode(point, False, True)


def _is_hill(density: LogDensity, point: Point, factor: np.ndarray) -> bool:
    """Whether the density falls along each axis, a few of its standard deviations away.

    It does not on a plateau that goes on to infinity, as with a predictor that separates the
    classes: there the gradient and the curvature vanish together.
    """
    widths = _HILL / np.sqrt(np.square(factor).sum(axis=1))
    for i, width in enumerate(widths):
        for side in (-width, width):
            q = point.q.copy()
            q[i] += side
            if density.value_and_grad(q)[0] > point.lp - _HILL_FALL:
                return False
    return True


def _line(density: LogDensity, point: Point, step: np.ndarray) -> Point | None:
    for halvings in range(20):
        further = point_at(density, point.q + step / 2**halvings)
        if np.isfinite(further.gradient).all() and further.lp > point.lp:
            return further
    return None
