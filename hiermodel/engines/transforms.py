"""Stan's constraining transforms in NumPy, for many points at once.

Stan Reference Manual, chapter "Constraint Transforms". An engine maps points one by one; moment
matching maps thousands of them for each row. Types whose transform has changed between versions
of Stan are not here, and then nothing is: the engine maps them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from hiermodel.engines.free import free_count
from hiermodel.engines.inits import declared_shape
from hiermodel.stan.variables import Var

_KNOWN = ("real", "vector", "row_vector", "matrix", "ordered", "cholesky_factor_corr")


def constrained(
    parameters: Sequence[Var], sizes: Mapping[str, Any], points: np.ndarray
) -> dict[str, np.ndarray] | None:
    """Map unconstrained points to the declared parameters.

    Parameters
    ----------
    parameters : sequence of Var
        In the order of the program.
    sizes : mapping of str to int
    points : ndarray (n, dim)

    Returns
    -------
    dict of str to ndarray, or None
        ``(n, *declared shape)`` each; None when a parameter has a type or a bound that is not
        known here, or the points have another size.

    Examples
    --------
    >>> one = Var("s", "real", lower="0")
    >>> constrained([one], {}, np.array([[0.0], [1.0]]))["s"].round(3).tolist()
    [1.0, 2.718]
    """
    out: dict[str, np.ndarray] = {}
    start = 0
    for var in parameters:
        shape = declared_shape(var, sizes)
        ends = _number(var.lower, -np.inf), _number(var.upper, np.inf)
        if shape is None or ends[0] is None or ends[1] is None:
            return None
        outer, inner = shape[: len(var.array)], shape[len(var.array):]
        if var.type not in _KNOWN:
            return None
        free = free_count(var.type, inner)
        count = int(np.prod(outer, dtype=int)) * free
        x = points[:, start : start + count]
        if x.shape[1] < count:
            return None
        start += count
        x = x.reshape(len(points), *outer, free)
        out[var.name] = _one(var.type, x, inner, ends[0], ends[1])
    return out if start == points.shape[1] else None


def _number(text: str, default: float) -> float | None:
    """A bound as a number, None when it is an expression."""
    try:
        return float(text) if text else default
    except ValueError:
        return None


def _one(
    kind: str, x: np.ndarray, inner: tuple[int, ...], lower: float, upper: float
) -> np.ndarray:
    if kind == "cholesky_factor_corr":
        return _cholesky_corr(np.tanh(x), inner[0])
    if kind == "ordered":
        steps = np.concatenate([x[..., :1], np.exp(x[..., 1:])], axis=-1)
        return np.asarray(np.cumsum(steps, axis=-1))
    if np.isfinite(lower) and np.isfinite(upper):
        x = lower + (upper - lower) * expit(x)
    elif np.isfinite(lower):
        x = lower + np.exp(x)
    elif np.isfinite(upper):
        x = upper - np.exp(x)
    lead = x.shape[:-1]
    # Matrices go column by column.
    turned = x.reshape(*lead, *inner[::-1])
    return np.moveaxis(turned, -1, -2) if len(inner) == 2 else turned


def _cholesky_corr(z: np.ndarray, n: int) -> np.ndarray:
    """Rows of unit length below the diagonal, from canonical partial correlations row by row."""
    out = np.zeros((*z.shape[:-1], n, n))
    if n:
        out[..., 0, 0] = 1.0
    k = 0
    for i in range(1, n):
        left = np.ones(z.shape[:-1])
        for j in range(i):
            out[..., i, j] = z[..., k] * np.sqrt(left)
            left = left - out[..., i, j] ** 2
            k += 1
        out[..., i, i] = np.sqrt(left)
    return out
