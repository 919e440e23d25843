"""Checks of arguments that many functions share: flags, probabilities, lists of names."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

from hiermodel.errors import ArgumentError, did_you_mean


def flag(name: str, value: Any) -> bool:
    """True or False, and nothing that only counts as one of them.

    Examples
    --------
    >>> flag("robust", "no")
    Traceback (most recent call last):
    ...
    hiermodel.errors.ArgumentError: robust must be True or False, not 'no'
    """
    # NumPy's booleans are of a class of that name.
    if type(value).__name__ not in ("bool", "bool_"):
        raise ArgumentError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def whole_number(name: str, value: Any, least: int = 0) -> int:
    """A whole number from `least` on.

    Examples
    --------
    >>> whole_number("maxiter", 2.5, 1)
    Traceback (most recent call last):
    ...
    hiermodel.errors.ArgumentError: maxiter must be a whole number from 1 on, not 2.5
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < least:
        raise ArgumentError(f"{name} must be a whole number from {least} on, not {value!r}")
    return int(value)


def auto_or_flag(name: str, value: Any) -> bool | str:
    """``"auto"``, True or False.

    Examples
    --------
    >>> auto_or_flag("collapse", "auto")
    'auto'
    """
    if value is True or value is False or value == "auto":
        return value
    hint = did_you_mean(value, ["auto"]) if isinstance(value, str) else ""
    raise ArgumentError(f'{name} takes "auto", True or False, got {value!r}{hint}')


def probability(name: str, value: Any, most: float = 1.0) -> float:
    """A number inside (0, most)."""
    number = isinstance(value, Real) and not isinstance(value, bool)
    if not number or not 0.0 < value < most:
        raise ArgumentError(f"{name} must lie between 0 and {most:g}, got {value!r}")
    return float(value)


def probabilities(name: str, values: Any) -> tuple[float, ...]:
    """Numbers inside [0, 1]."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise ArgumentError(f"{name} must be a list of probabilities, such as (0.1, 0.9), not "
                            f"{values!r}")
    found = tuple(values)
    for value in found:
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not 0.0 <= value <= 1.0:
            raise ArgumentError(f"{name} must lie between 0 and 1, got {value!r}")
    return found


def texts(name: str, value: Any, example: str) -> list[str]:
    """One text or several; `example` shows one in the message."""
    if isinstance(value, str):
        return [value]
    wrong = value
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        found = list(value)
        others = [item for item in found if not isinstance(item, str)]
        if found and not others:
            return found
        wrong = others[0] if others else found
    raise ArgumentError(f"{name} must be text such as {example!r}, or a list of these, not "
                        f"{wrong!r}")


def figure_size(value: Any, default: tuple[float, float]) -> tuple[float, float]:
    """Width and height of a picture in inches; `default` for None.

    Examples
    --------
    >>> figure_size(None, (5.0, 4.0))
    (5.0, 4.0)
    """
    if value is None:
        return default
    try:
        width, height = (float(v) for v in value)
    except (TypeError, ValueError):
        width = height = 0.0
    if not (width > 0 and height > 0):
        raise ArgumentError(f"figsize must be (width, height) in inches, not {value!r}")
    return width, height


def file_path(value: Any) -> Path:
    """The path of a file."""
    if not isinstance(value, (str, PathLike)):
        raise ArgumentError(f"a path is text or a Path, such as 'fit.nc', not {value!r}")
    return Path(value)
