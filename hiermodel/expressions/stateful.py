"""Functions of a whole column whose result is remembered from the training data.

R forgets most of these for new data; here ``x - mean(x)`` means the training mean for ever.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hiermodel.expressions.context import Arguments
from hiermodel.expressions.values import Value
from hiermodel.formula.syntax import Constant

Array = np.ndarray

REDUCTIONS: dict[str, Callable[[Array], float]] = {
    "min": np.min,
    "max": np.max,
    "sum": np.sum,
    "mean": np.mean,
    "median": np.median,
    "sd": lambda x: np.std(x, ddof=1),
    "var": lambda x: np.var(x, ddof=1),
    "length": len,
}


def complete(a: Arguments, name: str = "x") -> Array:
    """The values of a column that are there."""
    x = a.column(name)
    x = x[~np.isnan(x)]
    if len(x) == 0:
        a.fail(f"{a.text} has no values to learn from")
    return x


def reduction(reduce: Callable[[Array], float]) -> Callable[[Arguments], Value]:
    """A function that turns a column into one number."""

    def run(a: Arguments) -> Value:
        return np.asarray(a.context.remember(a.text, lambda: float(reduce(complete(a)))))

    return run


def quantile(a: Arguments) -> Value:
    """Quantile of type 7, the default of R and NumPy."""
    p = a.scalar("probs", 0.5)
    if not 0 <= p <= 1:
        a.fail("probs of quantile() must be between 0 and 1", "probs")
    return np.asarray(a.context.remember(a.text, lambda: float(np.quantile(complete(a), p))))


def center(a: Arguments) -> Value:
    """Subtract the training mean."""
    return a.column("x") - a.context.remember(a.text, lambda: float(complete(a).mean()))


def scale(a: Arguments) -> Value:
    """Subtract the mean and divide by the standard deviation, both of the training data.

    Without centring the divisor is the root of ``sum(x^2) / (n - 1)``, as in R.
    """
    shift, divisor = a.context.remember(a.text, lambda: _scaling(a))
    return (a.column("x") - shift) / divisor


def _scaling(a: Arguments) -> tuple[float, float]:
    x = complete(a)
    shift = _choice(a, "center", lambda: float(x.mean()), 0.0)
    rest = x - shift
    spread = float(np.sqrt(np.sum(rest**2) / max(len(x) - 1, 1)))
    divisor = _choice(a, "scale", lambda: spread, 1.0)
    if divisor == 0:
        a.fail(f"{a.text}: the variable does not vary, so that it cannot be scaled", "x")
    return shift, divisor


def _choice(a: Arguments, name: str, compute: Callable[[], float], without: float) -> float:
    """TRUE (the default), FALSE or a number."""
    node = a.named.get(name)
    if node is None or (isinstance(node, Constant) and node.value is True):
        return compute()
    if isinstance(node, Constant):
        return without
    return a.scalar(name, without)
