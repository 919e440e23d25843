"""The values that expressions of a formula have, and how one kind becomes another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiermodel.contrasts import Contrast
from hiermodel.schema import BOOLEAN_LEVELS

Array = np.ndarray


@dataclass(frozen=True, eq=False, slots=True)
class FactorValue:
    """A factor on some rows.

    Attributes
    ----------
    codes : array of int (N,)
        Positions in `levels`; -1 where missing.
    levels : tuple of str
    ordered : bool
    contrast : Contrast
    """

    codes: Array
    levels: tuple[str, ...]
    ordered: bool
    contrast: Contrast


@dataclass(frozen=True, eq=False, slots=True)
class Logical:
    """Truth values as 1, 0 and NaN (missing), one per row or a single one."""

    values: Array


@dataclass(frozen=True, eq=False, slots=True)
class Matrix:
    """Several columns of numbers (N, k) and what is appended to the name of each."""

    values: Array
    names: tuple[str, ...]


Vector = tuple["str | float | bool", ...]
Value = Array | FactorValue | Logical | Matrix | str | Vector | None


class NotNumeric(Exception):
    """A value that cannot be used as a number; the text says what it is."""


def make_factor(codes: Array, levels: tuple[str, ...], ordered: bool = False) -> FactorValue:
    """Return a factor with the default contrasts."""
    scheme = "poly" if ordered else "treatment"
    return FactorValue(codes, levels, ordered, Contrast(levels, scheme))


def logical_factor(value: Logical, n: int) -> FactorValue:
    """Truth values as a factor FALSE/TRUE."""
    values = np.broadcast_to(value.values, (n,))
    codes = np.where(np.isnan(values), -1, values).astype(np.int64)
    return make_factor(codes, BOOLEAN_LEVELS)


def as_number(value: Value) -> Array:
    """Return numbers: 0-d for a single one, (N,) or (N, k).

    Raises
    ------
    NotNumeric
        For factors other than FALSE/TRUE and for text.
    """
    match value:
        case None:
            return np.asarray(np.nan)
        case np.ndarray():
            return value
        case Logical(values=values) | Matrix(values=values):
            return values
        case FactorValue(codes=codes, levels=levels) if levels == BOOLEAN_LEVELS:
            return np.where(codes < 0, np.nan, codes)
        case FactorValue():
            raise NotNumeric("a factor")
        case tuple() if not any(isinstance(v, str) for v in value):
            raise NotNumeric("a list of numbers")
        case _:
            raise NotNumeric("text")


def as_logical(value: Value) -> Array:
    """Return truth values as 1, 0 and NaN; numbers other than 0 are true."""
    numbers = as_number(value)
    return np.where(np.isnan(numbers), np.nan, (numbers != 0).astype(float))


def labels_of(value: FactorValue) -> Array:
    """The label of each row, None where missing."""
    labels: Array = np.array([*value.levels, None], dtype=object)[value.codes]
    return labels
