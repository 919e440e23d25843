"""Checks of responses with several columns: vectors of counts, and shares that sum to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from hiermodel.errors import DataError
from hiermodel.families.base import Family

Array = np.ndarray

_STAN_INT_MAX = 2**31 - 1
# How far from 1 Stan lets the sum of shares be.
_TOLERANCE = 1e-8


def check_width(family: Family, value: Any, name: str) -> None:
    """A family of one column takes no matrix, one of several columns nothing else.

    Raises
    ------
    DataError
    """
    codes = getattr(value, "codes", value)  # of a factor
    columns = np.shape(codes)[1] if np.ndim(codes) == 2 else 1
    if family.several_columns and columns < 2:
        raise DataError(
            f"family {family.name!r} needs a response of several columns, one for each category: "
            f"write cbind(a, b, c) ~ ..., not {name} ~ ..."
        )
    if not family.several_columns and np.ndim(codes) == 2:
        raise DataError(
            f"family {family.name!r} needs a response of one column, but {name!r} has {columns}; "
            "several responses of one formula are written mvbind(y1, y2) ~ ..."
        )


def check_columns(family: Family, y: Array, trials: Array | None, name: str) -> None:
    """Check that a family can have responses ``(N, C)``.

    Raises
    ------
    DataError
        Names the first row that is wrong.
    """
    _reject(~np.isfinite(y), y, name, "which is not a finite number")
    if family.discrete:
        wrong = (y < 0) | (y != np.floor(y))
        _reject(wrong, y, name, f"but family {family.name!r} needs counts 0, 1, 2, ...")
        _reject(y > _STAN_INT_MAX, y, name, "which is too large for an integer of Stan")
        _check_sums(family, y, trials, name)
        return
    reason = f"but family {family.name!r} needs shares between 0 and 1"
    _reject((y < 0) | (y > 1), y, name, reason)
    _reject(
        y == 0, y, name,
        f"but the density of family {family.name!r} needs every share above 0; replace zeros by a "
        "small share and divide each row by its sum, or model counts",
    )
    total = y.sum(axis=1)
    bad = np.abs(total - 1) > _TOLERANCE
    if bad.any():
        row = int(np.argmax(bad))
        raise DataError(
            f"the columns of the response {name!r} sum to {total[row]:.10g} in row {row + 1}, but "
            f"family {family.name!r} needs shares that sum to 1; divide each row by its sum"
        )


def _reject(bad: Array, y: Array, name: str, reason: str) -> None:
    if bad.any():
        row, column = (int(k) for k in np.argwhere(bad)[0])
        raise DataError(
            f"response {name!r} is {y[row, column]:g} in row {row + 1}, column {column + 1}, "
            f"{reason}"
        )


def _check_sums(family: Family, y: Array, trials: Array | None, name: str) -> None:
    """The counts of a row are all that was tried."""
    if trials is None:
        raise DataError(
            f"family {family.name!r} needs the number of trials: write {name} | trials(n) ~ ..."
        )
    total = y.sum(axis=1)
    wanted = np.broadcast_to(np.asarray(trials), total.shape)
    if (total != wanted).any():
        row = int(np.argmax(total != wanted))
        raise DataError(
            f"the counts of the response {name!r} sum to {total[row]:g} in row {row + 1}, but its "
            f"trials() are {wanted[row]:g}"
        )
