"""The table of functions that formulas know."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.special

from hiermodel.expressions import bases, factors, stateful
from hiermodel.expressions.context import Arguments
from hiermodel.expressions.values import (
    FactorValue,
    Logical,
    Matrix,
    Value,
    Vector,
    labels_of,
    make_factor,
)
from hiermodel.formula import deparse
from hiermodel.formula.syntax import Name
from hiermodel.schema import level_table

Array = np.ndarray


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its parameters in order and what it does.

    ``"..."`` first takes any number of arguments, ``"name=..."`` any number with names.
    """

    parameters: tuple[str, ...]
    run: Callable[[Arguments], Value]


def plain_name(name: str) -> str:
    """The name in the table: without ``np.`` or a package prefix, NumPy's words in R's.

    What NumPy and R call the same without meaning the same keeps its prefix, and is unknown.
    """
    for prefix in ("numpy.", "np."):
        if name.startswith(prefix) and name.removeprefix(prefix) in _OTHER_IN_NUMPY:
            return name
    for prefix in ("numpy.", "np.", "base.", "stats.", "math."):
        name = name.removeprefix(prefix)
    return _NUMPY_WORDS.get(name, name)


_OTHER_IN_NUMPY = frozenset({"poly", "c", "interaction", "cut", "scale"})


_NUMPY_WORDS = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "ceil": "ceiling",
    "absolute": "abs",
    "fabs": "abs",
    "where": "ifelse",
    "minimum": "pmin",
    "maximum": "pmax",
    "isnan": "is.na",
    "expit": "plogis",
    "inv_logit": "plogis",
    "logit": "qlogis",
    "array": "c",
    "column_stack": "cbind",
}


def _elementwise(function: Callable[[Array], Array]) -> Function:
    return Function(("x",), lambda a: np.asarray(function(a.number("x")), dtype=float))


_ELEMENTWISE: dict[str, Callable[[Array], Array]] = {
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "exp": np.exp,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "square": np.square,
    "abs": np.abs,
    "sign": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "floor": np.floor,
    "ceiling": np.ceil,
    "plogis": scipy.special.expit,
    "qlogis": scipy.special.logit,
    "pnorm": scipy.special.ndtr,
    "qnorm": scipy.special.ndtri,
    "gamma": scipy.special.gamma,
    "lgamma": scipy.special.gammaln,
}


def _identity(a: Arguments) -> Value:
    return a.value("x")


def _log(a: Arguments) -> Value:
    out = np.log(a.number("x"))
    return out / np.log(a.scalar("base", math.e)) if "base" in a else out


def _round(a: Arguments) -> Value:
    # Halves go to the even digit, as in R.
    return np.asarray(np.round(a.number("x"), a.whole("digits", 0)), dtype=float)


def _power(a: Arguments) -> Value:
    return np.power(a.number("x"), a.number("y"))


def _is_na(a: Arguments) -> Value:
    value = a.value("x")
    if isinstance(value, FactorValue):
        return Logical((value.codes < 0).astype(float))
    return Logical(np.isnan(a.number("x")).astype(float))


def _if_else(a: Arguments) -> Value:
    """Pick by row; text makes a factor with sorted levels."""
    test = a.context.logical(a.require("test"))
    yes, no = a.value("yes"), a.value("no")
    if not any(isinstance(v, (str, FactorValue)) for v in (yes, no)):
        out = np.where(test == 1, a.number("yes"), a.number("no"))
        return np.where(np.isnan(test), np.nan, out)
    n = a.context.rows
    if isinstance(yes, FactorValue) or isinstance(no, FactorValue):
        # R picks the integer codes of factors, which nobody wants.
        for name, value in (("yes", yes), ("no", no)):
            if not isinstance(value, (str, FactorValue)) and value is not None:
                a.fail("ifelse() cannot mix a factor and numbers", name)
    labels = np.where(np.broadcast_to(test, (n,)) == 1, _texts(yes, n), _texts(no, n))
    labels[np.broadcast_to(np.isnan(test), (n,))] = None
    codes, found = level_table(labels)
    levels = a.context.remember(f"levels of {a.text}", lambda: found)
    return a.context.recoded(a.call, make_factor(codes, found), levels)


def _texts(value: Value, n: int) -> Array:
    if isinstance(value, FactorValue):
        return labels_of(value)
    return np.full(n, value, dtype=object)


def _parallel(reduce: Callable[[Array, Array], Array]) -> Callable[[Arguments], Value]:
    def run(a: Arguments) -> Value:
        out = a.context.number(a.rest[0])
        for node in a.rest[1:]:
            out = reduce(out, a.context.number(node))
        return np.asarray(out, dtype=float)

    return run


def _combine(a: Arguments) -> Value:
    """``c(...)``: a list of constants; of columns, the same as ``cbind``."""
    values = [a.context.value(node) for node in a.rest]
    if all(_is_constant(v) for v in values):
        return tuple(item for v in values for item in _items(v))
    return _bind(a)


def _is_constant(value: Value) -> bool:
    if isinstance(value, (str, tuple)) or value is None:
        return True
    values = value.values if isinstance(value, Logical) else value
    return isinstance(values, np.ndarray) and values.ndim == 0


def _items(value: Value) -> Vector:
    if isinstance(value, tuple):
        return value
    if isinstance(value, Logical):
        return (bool(value.values),)
    if isinstance(value, np.ndarray):
        return (float(value),)
    return (value,) if isinstance(value, str) else ()


def _bind(a: Arguments) -> Value:
    """Columns side by side; factors become their integer codes, counting from 1."""
    parts: list[Array] = []
    labels: list[str] = []
    for node, name in zip(a.rest, a.names or ("",) * len(a.rest), strict=True):
        value = a.context.value(node)
        if isinstance(value, FactorValue):
            block = np.where(value.codes < 0, np.nan, value.codes + 1.0)[:, None]
        elif isinstance(value, Matrix):
            parts.append(value.values)
            labels += value.names
            continue
        else:
            numbers = a.context.number(node)
            block = numbers if numbers.ndim == 2 else a.context.column(node)[:, None]
        parts.append(block)
        plain = (name or isinstance(node, Name)) and block.shape[1] == 1
        labels += [name or deparse(node)] if plain else [""] * block.shape[1]
    if not any(labels):
        labels = [str(k + 1) for k in range(len(labels))]
    return Matrix(np.column_stack(parts), tuple(labels))


FUNCTIONS: dict[str, Function] = {
    **{name: _elementwise(function) for name, function in _ELEMENTWISE.items()},
    "I": Function(("x",), _identity),
    "identity": Function(("x",), _identity),
    "log": Function(("x", "base"), _log),
    "round": Function(("x", "digits"), _round),
    "power": Function(("x", "y"), _power),
    "is.na": Function(("x",), _is_na),
    "ifelse": Function(("test", "yes", "no"), _if_else),
    "pmin": Function(("...",), _parallel(np.minimum)),
    "pmax": Function(("...",), _parallel(np.maximum)),
    "c": Function(("...",), _combine),
    "cbind": Function(("name=...",), _bind),
    "factor": Function(("x", "levels", "labels", "ordered"), factors.factor),
    "as.factor": Function(("x",), factors.factor),
    "ordered": Function(("x", "levels", "labels"), factors.ordered),
    "as.ordered": Function(("x",), factors.ordered),
    "C": Function(("x", "contr", "how.many"), factors.coded),
    "as.numeric": Function(("x",), factors.as_numeric),
    "as.integer": Function(("x",), factors.as_integer),
    "as.logical": Function(("x",), factors.as_logical),
    "as.character": Function(("x",), factors.as_character),
    "relevel": Function(("x", "ref"), factors.relevel),
    "cut": Function(
        ("x", "breaks", "labels", "include.lowest", "right", "dig.lab", "ordered_result"),
        factors.cut,
    ),
    "interaction": Function(("...", "sep", "lex.order"), factors.interaction),
    "scale": Function(("x", "center", "scale"), stateful.scale),
    "standardize": Function(("x", "center", "scale"), stateful.scale),
    "center": Function(("x",), stateful.center),
    "poly": Function(("x", "degree", "raw"), bases.poly),
    "bs": Function(
        ("x", "df", "knots", "degree", "intercept", "Boundary.knots"), bases.b_spline
    ),
    "ns": Function(("x", "df", "knots", "intercept", "Boundary.knots"), bases.natural_spline),
    **{
        name: Function(("x", "na.rm"), stateful.reduction(reduce))
        for name, reduce in stateful.REDUCTIONS.items()
    },
    "quantile": Function(("x", "probs"), stateful.quantile),
}
