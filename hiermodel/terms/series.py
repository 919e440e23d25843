"""Series: which rows belong together in time, and in which order.

Autocorrelation terms name them with ``time =`` and ``gr =``. Rows may stand in any order: the
program and NumPy read them through `SeriesRows.order`, so every result keeps the order of the data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from hiermodel.columns import group_codes
from hiermodel.errors import DataError, warn
from hiermodel.expressions import FactorValue, LearnedExpression
from hiermodel.terms.base import Array

# Steps of time that differ by less, relative to the usual one, count as equal.
_SAME_STEP = 1e-6


@dataclass(frozen=True, eq=False)
class SeriesRows:
    """The series of some rows.

    Attributes
    ----------
    order : ndarray of int (N,)
        Rows, from 0, sorted by series and time.
    sizes : ndarray of int (G,)
        Rows of each series.
    times : ndarray of int (N,)
        Number of the time of each row in `order`, from 0: among all times of the model for terms
        that tell them apart, else within its series.
    """

    order: Array
    sizes: Array
    times: Array

    @cached_property
    def starts(self) -> Array:
        """Where each series starts in `order`."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    @cached_property
    def steps(self) -> Array:
        """Position of each row in its series, from 0, in the order of the data."""
        out = np.empty(len(self.order), dtype=np.int64)
        out[self.order] = np.arange(len(self.order)) - np.repeat(self.starts, self.sizes)
        return out

    @cached_property
    def alike(self) -> Array:
        """Of each series the first one that has the same times."""
        first: dict[tuple[int, ...], int] = {}
        parts = np.split(self.times, self.starts[1:])
        return np.array([first.setdefault(tuple(t), g) for g, t in enumerate(parts)], dtype=int)

    @cached_property
    def sets(self) -> tuple[tuple[Array, Array], ...]:
        """Per set of times: the times (n,) and the rows of the series that have them (G, n)."""
        out = []
        for g in np.unique(self.alike):
            members = np.flatnonzero(self.alike == g)
            n = self.sizes[g]
            places = self.starts[members][:, None] + np.arange(n)
            out.append((self.times[places[0]], self.order[places]))
        return tuple(out)

    def lags(self, most: int) -> Array:
        """The row k steps before each row (k = 1 to `most`), from 0: (most, N); -1 for none."""
        out = np.full((most, len(self.order)), -1, dtype=np.int64)
        steps = self.steps[self.order]
        for k in range(1, min(most, len(self.order)) + 1):
            at = np.flatnonzero(steps >= k)
            out[k - 1, self.order[at]] = self.order[at - k]
        return out

    def available_lags(self, most: int) -> Array:
        """How many earlier rows the *next* row in `order` has, at most `most`, as brms counts."""
        steps = np.minimum(self.steps[self.order], most)
        return np.append(steps[1:], 0)


@dataclass(frozen=True, eq=False)
class Series:
    """What ``time =`` and ``gr =`` of a term say.

    Attributes
    ----------
    text : str
        The term, for messages.
    time : LearnedExpression, optional
    group : tuple of str
        Columns of the grouping factor; several for ``gr = g1:g2``, none for a single series.
    known : tuple of str
        All times of the training data, in order, for terms that tell times apart.
    step : float
        The usual step between times of the training data; 0 where there is none.
    """

    text: str
    time: LearnedExpression | None = None
    group: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    step: float = 0.0

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return (*(self.time.variables if self.time is not None else ()), *self.group)

    @property
    def group_name(self) -> str:
        """The grouping factor in words."""
        return ":".join(self.group)

    def rows(self, frame: pd.DataFrame) -> SeriesRows:
        """The series of the rows of a frame.

        Raises
        ------
        DataError
            For a missing time or series, for a time that a series has twice, and for times that
            the model does not know where it tells them apart.
        """
        codes, labels = self._groups(frame)
        stamps, names = self._times(frame)
        order = np.lexsort((stamps, codes))
        twice = (np.diff(codes[order]) == 0) & (np.diff(stamps[order]) == 0)
        if self.time is not None and twice.any():
            at = int(np.flatnonzero(twice)[0])
            first, second = sorted((int(order[at]), int(order[at + 1])))
            of = f"series {labels[codes[first]]!r} of {self.group_name!r}" if self.group else (
                "the data, which are one series without gr ="
            )
            raise DataError(
                f"{self.text}: {of} has the time {self.time.text} = {names[first]} twice, in rows "
                f"{first + 1} and {second + 1}; a series has one row at a time"
            )
        _, sizes = np.unique(codes, return_counts=True)
        if self.known:
            return SeriesRows(order, sizes, self._numbered(names)[order])
        starts = np.repeat(np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
        return SeriesRows(order, sizes, np.arange(len(order)) - starts)

    def _groups(self, frame: pd.DataFrame) -> tuple[Array, tuple[str, ...]]:
        """The series of each row, from 0, and their labels."""
        if not self.group:
            return np.zeros(len(frame), dtype=np.int64), ("",)
        codes, labels = group_codes(frame, self.group)
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0]) + 1
            raise DataError(
                f"{self.text}: {self.group_name!r} is missing in row {row}; every row belongs to a "
                "series"
            )
        return codes, labels

    def _times(self, frame: pd.DataFrame) -> tuple[Array, Array]:
        """The time of each row as something that can be sorted, and as labels."""
        if self.time is None:
            rows = np.arange(len(frame))
            return rows, rows.astype(str).astype(object)
        value = self.time.value(frame, missing="pass")
        if isinstance(value, FactorValue):
            labels = np.array([*map(str, value.levels), "NA"], dtype=object)[value.codes]
            stamps, missing = value.codes, value.codes < 0
        else:
            stamps = np.broadcast_to(np.asarray(value, dtype=float), (len(frame),))
            labels, missing = time_labels(stamps), np.isnan(stamps)
        if missing.any():
            row = int(np.flatnonzero(missing)[0]) + 1
            raise DataError(f"{self.text}: the time {self.time.text} is missing in row {row}")
        return stamps, labels

    def times_of(self, frame: pd.DataFrame) -> tuple[str, ...]:
        """All times of a frame, in order."""
        stamps, labels = self._times(frame)
        _, first = np.unique(stamps, return_index=True)
        return tuple(str(labels[k]) for k in first)

    def _numbered(self, labels: Array) -> Array:
        table = {label: k for k, label in enumerate(self.known)}
        unknown = [row for row, label in enumerate(labels) if str(label) not in table]
        if unknown:
            assert self.time is not None
            raise DataError(
                f"{self.text}: the time {self.time.text} = {labels[unknown[0]]} (row "
                f"{unknown[0] + 1}) is not among those of the fit, which has no correlation for "
                f"it; known are {', '.join(self.known)}"
            )
        return np.array([table[str(label)] for label in labels], dtype=np.int64)

    def with_step(self, frame: pd.DataFrame) -> Series:
        """The same, knowing the usual step between the times of a frame."""
        rows = self.rows(frame)
        apart, _ = self._apart(frame, rows)
        return replace(self, step=_most_frequent(apart)[0]) if len(apart) else self

    def _apart(self, frame: pd.DataFrame, rows: SeriesRows) -> tuple[Array, Array]:
        """Steps between neighbouring rows of a series, and where in the order each begins."""
        if self.time is None or len(rows.order) < 2:
            return np.zeros(0), np.zeros(0, dtype=np.int64)
        stamps, _ = self._times(frame)
        inside = rows.steps[rows.order][1:] > 0
        apart = np.diff(stamps[rows.order].astype(float))[inside]
        return apart, np.flatnonzero(inside)

    def check_steps(self, frame: pd.DataFrame, rows: SeriesRows, new: bool = False) -> None:
        """Look for gaps: terms that count steps take neighbouring rows as one step apart.

        Of `new` rows gaps are told by a warning.

        Raises
        ------
        DataError
            Where times are numbers that are evenly spaced but for gaps.

        Warns
        -----
        HiermodelWarning
            Where times are not evenly spaced, and where a factor leaves out levels.
        """
        apart, places = self._apart(frame, rows)
        if not len(apart) or (new and not self.step):
            return
        assert self.time is not None
        usual, count = _most_frequent(apart)
        wide = apart > (self.step if new else usual) * (1 + _SAME_STEP)
        if not wide.any():
            return
        _, labels = self._times(frame)
        at = places[np.flatnonzero(wide)[0]]
        before, after = (labels[rows.order[k]] for k in (at, at + 1))
        where = ""
        if self.group:
            codes, names = self._groups(frame)
            where = f" of series {names[codes[rows.order[at]]]!r}"
        what = (
            f"{self.text}: between {self.time.text} = {before} and {after}{where} there is a gap"
        )
        if new:
            warn(what + " in newdata; the term takes neighbouring rows as one step apart")
            return
        ways = (
            "; the term takes neighbouring rows as one step apart. Keep a row for each time, whose "
            "response may be missing with 'y | mi() ~ ...', or leave out time = to say that the "
            "order of the rows is all that counts"
        )
        factor = isinstance(self.time.value(frame, missing="pass"), FactorValue)
        if factor or 2 * count <= len(apart):
            warn(what + ways)
            return
        raise DataError(what + ways)


def _most_frequent(steps: Array) -> tuple[float, int]:
    """The commonest of some numbers, up to rounding, and how often it comes."""
    scale = np.median(steps) * _SAME_STEP or 1.0
    _, first, counts = np.unique(
        np.round(steps / scale), return_index=True, return_counts=True
    )
    best = int(np.argmax(counts))
    return float(steps[first[best]]), int(counts[best])


def time_labels(values: Array) -> Array:
    """Numbers as labels: whole ones without a point."""
    return np.array([f"{v:.10g}" for v in values], dtype=object)
