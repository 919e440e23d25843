"""The unconstrained numbers of declared parameters: how many, where, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod
from typing import Any

from hiermodel.engines.inits import declared_shape
from hiermodel.stan.variables import Var


def free_labels(var: Var, sizes: Mapping[str, Any]) -> list[str]:
    """Names of the unconstrained numbers of a parameter, in the order of the program.

    Constrained containers have fewer free numbers than elements; these are counted.

    Examples
    --------
    >>> free_labels(Var("z_1", "vector", ("N_1",), ("M_1",)), {"N_1": 2, "M_1": 1})
    ['z_1[1,1]', 'z_1[1,2]']
    >>> free_labels(Var("L_1", "cholesky_factor_corr", ("M_1",)), {"M_1": 3})
    ['L_1[free 1]', 'L_1[free 2]', 'L_1[free 3]']
    """
    shape = declared_shape(var, sizes)
    if shape is None:
        return []
    arrays = shape[: len(var.array)]
    inner = shape[len(var.array):]
    free = _constrained(var.type, inner)
    ends: Sequence[str]
    if free is None:
        # Matrices go column by column.
        ends = [",".join(str(k + 1) for k in reversed(at))
                for at in product(*map(range, reversed(inner)))]
    else:
        ends = [f"free {k + 1}" for k in range(free)]
    starts = [",".join(str(k + 1) for k in at) for at in product(*map(range, arrays))]
    texts = [",".join(t for t in (a, b) if t) for a in starts for b in ends]
    return [f"{var.name}[{text}]" if text else var.name for text in texts]


def free_count(kind: str, inner: tuple[int, ...]) -> int:
    """How many free numbers a variable of a Stan type has, arrays apart.

    Examples
    --------
    >>> free_count("cholesky_factor_corr", (3, 3)), free_count("matrix", (3, 3))
    (3, 9)
    """
    free = _constrained(kind, inner)
    return prod(inner) if free is None else free


def _constrained(kind: str, inner: tuple[int, ...]) -> int | None:
    """The same for a constrained type; None when each element is one."""
    n = inner[0] if inner else 1
    if kind in ("simplex", "sum_to_zero_vector"):
        return max(0, n - 1)
    if kind in ("cholesky_factor_corr", "corr_matrix"):
        return n * (n - 1) // 2
    if kind in ("cov_matrix", "cholesky_factor_cov"):
        return n * (n + 1) // 2
    return None


def free_places(parameters: Sequence[Var], sizes: Mapping[str, Any]) -> dict[str, slice] | None:
    """Where the numbers of each parameter stand in an unconstrained point.

    None when a size is not known.

    Examples
    --------
    >>> free_places([Var("b", "vector", ("K",)), Var("sigma", "real")], {"K": 2})
    {'b': slice(0, 2, None), 'sigma': slice(2, 3, None)}
    """
    out, start = {}, 0
    for var in parameters:
        shape = declared_shape(var, sizes)
        if shape is None:
            return None
        arrays, inner = shape[: len(var.array)], shape[len(var.array):]
        stop = start + prod(arrays) * free_count(var.type, inner)
        out[var.name], start = slice(start, stop), stop
    return out
