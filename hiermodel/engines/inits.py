"""Sizes of declared variables, and starting values checked against them."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hiermodel.engines.settings import SamplingSettings
from hiermodel.errors import EngineError, did_you_mean
from hiermodel.stan.variables import Var

_OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}

# Types that one size declares as a square matrix.
_SQUARE = ("cholesky_factor_corr", "corr_matrix", "cov_matrix", "cholesky_factor_cov")


def size_of(expression: str, data: Mapping[str, Any]) -> int | None:
    """Compute a Stan size expression from the data; None when it needs more than they hold.

    Understands integers, names of data, ``+ - * %/%``, ``choose(n, k)``, ``max(x)`` and indexing,
    which is all that sizes of declared variables are made of. Nothing is executed.

    Examples
    --------
    >>> size_of("K - 1", {"K": 3})
    2
    >>> size_of("Ksimo[2]", {"Ksimo": [4, 5]})
    5
    """
    try:
        tree = ast.parse(expression.replace("%/%", "//"), mode="eval")
        return _evaluate(tree.body, data)
    except (SyntaxError, LookupError, TypeError, ValueError):
        return None


def _evaluate(node: ast.expr, data: Mapping[str, Any]) -> int:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return int(data[name])
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left, data), _evaluate(right, data))
        case ast.Subscript(value=ast.Name(id=name), slice=index):
            position = _evaluate(index, data) - 1
            if position < 0:
                raise LookupError(name)
            return int(np.asarray(data[name])[position])
        case ast.Call(func=ast.Name(id="choose"), args=[n, k]):
            return _choose(_evaluate(n, data), _evaluate(k, data))
        case ast.Call(func=ast.Name(id="max"), args=[ast.Name(id=name)]):
            return int(np.max(data[name]))
    raise ValueError("not a size")


def _choose(n: int, k: int) -> int:
    from math import comb

    return comb(n, k)


def declared_shape(var: Var, data: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Shape of a variable, array dimensions first; None when a size cannot be computed.

    Examples
    --------
    >>> declared_shape(Var("L_1", "cholesky_factor_corr", ("M_1",)), {"M_1": 2})
    (2, 2)
    """
    size = var.size * 2 if var.type in _SQUARE and len(var.size) == 1 else var.size
    found = [size_of(text, data) for text in (*var.array, *size)]
    shape = tuple(n for n in found if n is not None)
    return shape if len(shape) == len(found) else None


def checked_inits(
    settings: SamplingSettings, parameters: Sequence[Var], data: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], ...] | None:
    """Check starting values and give them the declared shapes, one dict per chain.

    Parameters
    ----------
    settings : SamplingSettings
    parameters : sequence of Var
        Declared parameters.
    data : mapping of str to Any
        Stan data, from which the sizes come.

    Returns
    -------
    tuple of dict, or None
        None when `settings.init` names no values.

    Raises
    ------
    EngineError
        For a name that is no parameter, or a value of the wrong shape or kind.
    """
    dicts = settings.init_dicts()
    if dicts is None:
        return None
    by_name = {var.name: var for var in parameters}
    return tuple(
        {name: _checked_value(name, value, by_name, data) for name, value in one.items()}
        for one in dicts
    )


def _checked_value(
    name: str, value: Any, by_name: Mapping[str, Var], data: Mapping[str, Any]
) -> np.ndarray:
    if name not in by_name:
        raise EngineError(
            f"init names {name!r}, which is no parameter of the program"
            f"{did_you_mean(name, by_name)}; the parameters are {', '.join(by_name)}"
        )
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise EngineError(f"init of {name!r} must be numbers, got {value!r}") from None
    if not np.isfinite(array).all():
        raise EngineError(f"init of {name!r} has values that are not finite")
    shape = declared_shape(by_name[name], data)
    if shape is None or array.shape == shape:
        return array
    # A bare number for a vector of length one is what people type for sd_1 or b.
    if array.size == 1 and int(np.prod(shape)) == 1:
        return array.reshape(shape)
    wanted = "a single number" if shape == () else f"an array of shape {shape}"
    raise EngineError(
        f"init of {name!r} must be {wanted} ({by_name[name].stan_type}), got shape {array.shape}"
    )
