"""Responses: their integer coding, and whether a family can have them.

A factor is anything with ``codes`` (0-based, -1 for missing), ``levels`` (tuple of str) and
``ordered``; everything else is an array. Rows are named counting from 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hiermodel.errors import DataError
from hiermodel.families.base import Family
from hiermodel.families.several_columns import check_columns, check_width

Array = np.ndarray
Coded = tuple[Array, tuple[str, ...] | None]

_STAN_INT_MAX = 2**31 - 1


def code_response(
    family: Family,
    value: Any,
    *,
    name: str = "y",
    levels: tuple[str, ...] | None = None,
) -> Coded:
    """Turn a response column into the numbers that the Stan program sees.

    Parameters
    ----------
    family : Family
    value : array or factor
        Binary families: 0/1, boolean, or two values, of which the second is 1. Ordinal
        families: an ordered factor, or 1, 2, ... (from 0 with a hurdle). Nominal families: a
        factor, or values that are made one by sorting. Families of several columns: ``(N, C)``.
    name : str
        The response, for messages.
    levels : tuple of str, optional
        What this function returned for the training data: new data get the same codes.

    Returns
    -------
    Y : array (N,)
        Integers for discrete families, floats otherwise.
    levels : tuple of str or None
        Labels of the categories, where there are any.

    Raises
    ------
    DataError
        If values are missing, of the wrong type, or not among `levels`.

    Examples
    --------
    >>> from hiermodel.families.registry import as_family
    >>> Y, levels = code_response(as_family("bernoulli"), np.array(["no", "yes", "no"]))
    >>> Y.tolist(), levels
    ([0, 1, 0], ('no', 'yes'))
    """
    check_width(family, value, name)
    coder = _CODERS.get(family.response, _code_number)
    return coder(family, value, name, levels)


def check_response(
    family: Family, y: Array, *, trials: Array | None = None, name: str = "y"
) -> None:
    """Check that a family can have the coded responses.

    Parameters
    ----------
    family : Family
    y : array (N,) or (N, C)
        As `code_response` returns it.
    trials : array (N,), optional
        Numbers of trials, for families that have them.
    name : str
        The response, for messages.

    Raises
    ------
    DataError
        Names the first row that is wrong and its value.

    Examples
    --------
    >>> from hiermodel.families.registry import as_family
    >>> check_response(as_family("poisson"), np.array([0, 2]))
    """
    y = np.asarray(y)
    if y.size == 0:
        raise DataError(f"there are no rows with a response {name!r}")
    if family.several_columns:
        check_columns(family, y, trials, name)
        return
    _reject(~np.isfinite(y), y, name, "which is not a finite number")
    needs, good = _SUPPORT["hurdle ordinal" if family.hurdle else family.response]
    _reject(~good(y), y, name, f"but family {family.name!r} needs {needs}")
    if family.discrete:
        _reject(np.abs(y) > _STAN_INT_MAX, y, name, "which is too large for an integer of Stan")
    if "trials" in family.additions:
        _check_trials(family, y, trials, name)


# ---- checks

_SUPPORT: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "real": ("numbers", lambda y: np.isfinite(y)),
    "positive": ("positive numbers", lambda y: y > 0),
    "count": ("counts 0, 1, 2, ...", lambda y: (y >= 0) & (y == np.floor(y))),
    "positive count": ("counts 1, 2, ...", lambda y: (y >= 1) & (y == np.floor(y))),
    "whole": ("whole numbers", lambda y: y == np.floor(y)),
    "trials": ("counts 0, 1, 2, ...", lambda y: (y >= 0) & (y == np.floor(y))),
    "binary": ("0 and 1", lambda y: (y == 0) | (y == 1)),
    "unit": ("values strictly between 0 and 1", lambda y: (y > 0) & (y < 1)),
    "unit_with_zero": ("values from 0 on, below 1", lambda y: (y >= 0) & (y < 1)),
    "unit_closed": ("values from 0 to 1", lambda y: (y >= 0) & (y <= 1)),
    "nonnegative": ("numbers from 0 on", lambda y: y >= 0),
    "angle": ("angles from -pi to pi", lambda y: np.abs(y) <= np.pi),
    "hurdle ordinal": ("categories 0, 1, 2, ...", lambda y: (y >= 0) & (y == np.floor(y))),
    "ordinal": ("categories 1, 2, ...", lambda y: (y >= 1) & (y == np.floor(y))),
    "nominal": ("categories 1, 2, ...", lambda y: (y >= 1) & (y == np.floor(y))),
}


def _reject(bad: Array, y: Array, name: str, reason: str) -> None:
    if np.any(bad):
        row = int(np.argmax(bad))
        raise DataError(f"response {name!r} is {y[row]:g} in row {row + 1}, {reason}")


def _check_trials(family: Family, y: Array, trials: Array | None, name: str) -> None:
    if trials is None:
        raise DataError(
            f"family {family.name!r} needs the number of trials: write {name} | trials(n) ~ ..."
        )
    n = np.broadcast_to(np.asarray(trials), y.shape)
    bad = ~np.isfinite(n) | (n < 0) | (n != np.floor(n))
    if np.any(bad):
        row = int(np.argmax(bad))
        raise DataError(f"trials() must be counts 0, 1, 2, ..., but is {n[row]:g} in row {row + 1}")
    if np.any(y > n):
        row = int(np.argmax(y > n))
        raise DataError(
            f"response {name!r} is {y[row]:g} in row {row + 1}, more than its {n[row]:g} trials"
        )


# ---- coding


def _is_factor(value: Any) -> bool:
    return hasattr(value, "codes") and hasattr(value, "levels")


def _code_number(family: Family, value: Any, name: str, levels: Any) -> Coded:
    if _is_factor(value):
        raise DataError(
            f"family {family.name!r} needs a numeric response, but {name!r} is a factor with "
            f"levels {_listed(value.levels)}"
        )
    y = np.asarray(value)
    if y.dtype == bool or y.dtype.kind not in "iuf":
        kind = "boolean" if y.dtype == bool else "not numeric"
        advice = "; use family 'bernoulli' for it" if y.dtype == bool else ""
        raise DataError(
            f"family {family.name!r} needs a numeric response, but {name!r} is {kind}{advice}"
        )
    return (_integers(y) if family.discrete else y.astype(float)), None


def _integers(y: Array) -> Array:
    """Whole numbers as integers; others stay for `check_response` to refuse."""
    whole = np.isfinite(y) & (y == np.floor(y)) & (np.abs(y.astype(float)) < 2**53)
    return y.astype(np.int64) if np.all(whole) else y


def _code_binary(family: Family, value: Any, name: str, levels: Any) -> Coded:
    if not _is_factor(value):
        y = np.asarray(value)
        if y.dtype == bool and levels is None:
            return y.astype(np.int64), None
        numeric = y.dtype.kind in "iufb"
        if numeric and levels is None and bool(np.all((y == 0) | (y == 1))):
            return y.astype(np.int64), None
    codes, found = _as_codes(value, name, levels)
    if len(found) != 2:
        raise DataError(
            f"family {family.name!r} needs a response with two values, but {name!r} has "
            f"{len(found)}: {_listed(found)}"
        )
    return codes, found


def _code_ordinal(family: Family, value: Any, name: str, levels: Any) -> Coded:
    if _is_factor(value):
        if not value.ordered:
            raise DataError(
                f"family {family.name!r} needs an ordered response, but the factor {name!r} has "
                f"no order; make it an ordered categorical, or code it 1, 2, ..."
            )
        codes, found = _as_codes(value, name, levels)
        if len(found) < 2:
            raise DataError(f"response {name!r} needs at least two categories")
        return codes + family.first_category, found
    y = np.asarray(value)
    if y.dtype.kind not in "iuf":
        raise DataError(
            f"family {family.name!r} needs an ordered factor or integers "
            f"{family.first_category}, {family.first_category + 1}, ... as response, "
            f"but {name!r} is neither"
        )
    return _integers(y), None


def _code_nominal(family: Family, value: Any, name: str, levels: Any) -> Coded:
    codes, found = _as_codes(value, name, levels)
    if len(found) < 2:
        raise DataError(
            f"family {family.name!r} needs at least two categories, but {name!r} has only "
            f"{_listed(found)}"
        )
    return codes + 1, found


_CODERS: dict[str, Callable[[Family, Any, str, Any], Coded]] = {
    "binary": _code_binary,
    "ordinal": _code_ordinal,
    "nominal": _code_nominal,
}


def _as_codes(
    value: Any, name: str, levels: tuple[str, ...] | None
) -> tuple[Array, tuple[str, ...]]:
    """0-based codes and labels of a factor, or of an array made one by sorting."""
    if _is_factor(value):
        codes, found = np.asarray(value.codes), tuple(str(level) for level in value.levels)
    else:
        y = np.asarray(value)
        missing = np.array([v is None or v != v for v in y.tolist()], bool)
        values, inverse = np.unique(y[~missing], return_inverse=True)
        codes = np.full(y.shape, -1)
        codes[~missing] = inverse
        found = tuple(_label(v) for v in values.tolist())
    if np.any(codes < 0):
        row = int(np.argmax(codes < 0))
        raise DataError(f"response {name!r} is missing in row {row + 1}")
    if levels is None or found == levels:
        return codes.astype(np.int64), found
    for level in found:
        if level not in levels and np.any(codes == found.index(level)):
            raise DataError(
                f"response {name!r} has the value {level!r}, which the training data did not "
                f"have; its levels are {_listed(levels)}"
            )
    table = np.array([levels.index(v) if v in levels else 0 for v in found], np.int64)
    return table[codes], levels


def _label(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _listed(levels: Any, limit: int = 8) -> str:
    shown = ", ".join(repr(str(level)) for level in list(levels)[:limit])
    return shown + (", ..." if len(levels) > limit else "")
