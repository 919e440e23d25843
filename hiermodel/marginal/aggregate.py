"""From rows to results: chunks of rows, running averages, summaries.

What is averaged is summed chunk by chunk, so that draws x rows are never held at once; results
for single rows keep their summaries, and their draws only on request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.frames import as_frame
from hiermodel.marginal.contrasts import Side
from hiermodel.marginal.summariser import Summariser
from hiermodel.marginal.values import Values
from hiermodel.terms.base import Array


@dataclass(frozen=True, eq=False)
class Job:
    """One estimate for each row, or for each subgroup of rows.

    Attributes
    ----------
    sides : tuple of Side
        The rows, changed; the values of each go into `combine`.
    combine : callable
        ``(values of the sides, slice of rows or None) -> values``; the slice is None for averages.
    of_averages : bool
        Whether averages are taken before sides are combined (a ratio of averages), or after.
    labels : tuple of (str, str)
        Columns of the table and what they hold: term and contrast.
    """

    sides: tuple[Side, ...]
    combine: Callable[[list[Array], slice | None], Array]
    of_averages: bool
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, eq=False)
class Subgroups:
    """Which rows are averaged together.

    Attributes
    ----------
    table : DataFrame
        A row for each subgroup, with the columns that make it.
    codes : ndarray of int (rows)
    weights : ndarray (rows)
    """

    table: pd.DataFrame
    codes: Array
    weights: Array


@dataclass(frozen=True, eq=False)
class Result:
    """Estimates of one job: for rows (or subgroups) x categories, categories fastest.

    `draws` are (draws, rows x categories), absent when only the `summary` was kept.
    """

    job: Job
    categories: tuple[str, ...]
    count: int
    draws: Array | None
    summary: pd.DataFrame | None


def subgroups(
    frame: pd.DataFrame, by: Any, weights: Array | None, categorical: Sequence[str] = ()
) -> Subgroups | None:
    """Return the rows to average together; None for no average.

    Parameters
    ----------
    frame : DataFrame
    by : None, bool, str, sequence of str or DataFrame
        True for one average, columns, or a table that maps their values to subgroups ``by``.
    weights : ndarray or None
    """
    if by is None or by is False:
        if weights is not None:
            raise ArgumentError(
                "wts are weights of averages; pass by= too, or use avg_predictions(), "
                "avg_comparisons() or avg_slopes()"
            )
        return None
    n = len(frame)
    weights = np.ones(n) if weights is None else weights
    if by is True:
        return _checked(Subgroups(pd.DataFrame(index=[0]), np.zeros(n, dtype=int), weights))
    if isinstance(by, pd.DataFrame) or not isinstance(by, (str, list, tuple)):
        return _checked(_mapped(frame, by, weights))
    names = [by] if isinstance(by, str) else list(dict.fromkeys(by))
    if not names:
        raise ArgumentError("by names no column; by=True is one average over all rows")
    _check_columns(frame, names)
    for name in names:
        if frame[name].isna().any():
            raise DataError(f"by: column {name!r} has missing values")
    grouped = frame[names].groupby(names, sort=True, observed=True)
    table = grouped.size().index.to_frame(index=False)
    return _checked(Subgroups(table, grouped.ngroup().to_numpy(), weights))


def _check_columns(frame: pd.DataFrame, names: Sequence[Any]) -> None:
    for name in names:
        if name not in frame.columns:
            raise DataError(
                f"by: {name!r} is no column of the rows{did_you_mean(str(name), frame.columns)}; "
                f"they have {', '.join(map(str, frame.columns))}"
            )


def _mapped(frame: pd.DataFrame, by: Any, weights: Array) -> Subgroups:
    """Subgroups from a table with columns of the rows and the column ``by``."""
    mapping = as_frame(by)
    if "by" not in mapping.columns or mapping.shape[1] < 2:
        raise ArgumentError(
            "a table for by= has columns of the rows and a column 'by' with the subgroups; it has "
            + ", ".join(map(str, mapping.columns))
        )
    names = [str(c) for c in mapping.columns if c != "by"]
    _check_columns(frame, names)
    twice = mapping[names].astype(str).duplicated()
    if twice.any():
        raise DataError(f"by: row {int(np.flatnonzero(twice)[0]) + 1} of the table repeats values")
    labels = list(dict.fromkeys(mapping["by"]))
    table = {
        tuple(map(str, key)): labels.index(label)
        for *key, label in mapping[[*names, "by"]].itertuples(index=False)
    }
    keys = list(frame[names].astype(str).itertuples(index=False, name=None))
    for key in keys:
        if key not in table:
            shown = ", ".join(f"{n} = {v}" for n, v in zip(names, key, strict=True))
            raise DataError(f"by: the table has no subgroup for {shown}")
    codes = np.array([table[key] for key in keys])
    present, codes = np.unique(codes, return_inverse=True)
    return Subgroups(pd.DataFrame({"by": [labels[k] for k in present]}), codes, weights)


def _checked(groups: Subgroups) -> Subgroups:
    totals = np.bincount(groups.codes, groups.weights, minlength=len(groups.table))
    if (totals <= 0).any():
        place = int(np.flatnonzero(totals <= 0)[0])
        row = groups.table.iloc[place]
        shown = ", ".join(f"{k} = {v}" for k, v in row.items()) or "all rows"
        raise DataError(
            f"the weights of {shown} are all zero, so it has no average; leave out its rows"
        )
    return groups


def row_weights(frame: pd.DataFrame, wts: Any) -> Array | None:
    """Return the weights of rows, from a column or an array.

    Raises
    ------
    ArgumentError, DataError
    """
    if wts is None:
        return None
    if isinstance(wts, str):
        if wts not in frame.columns:
            raise DataError(f"wts: {wts!r} is no column of the rows"
                            f"{did_you_mean(wts, frame.columns)}")
        wts = frame[wts]
    try:
        out = np.asarray(wts, dtype=float)
    except (TypeError, ValueError) as error:
        raise ArgumentError("wts must be numbers: a column or an array, one a row") from error
    if out.shape != (len(frame),):
        raise ArgumentError(f"wts must have one number for each of {len(frame)} rows; its shape "
                            f"is {out.shape}")
    bad = np.flatnonzero(~(np.isfinite(out) & (out >= 0)))
    if len(bad):
        raise DataError(f"wts must be numbers from 0 on; row {bad[0] + 1} has {out[bad[0]]}")
    return out


def estimate(
    values: Values, frame: pd.DataFrame, jobs: Sequence[Job], groups: Subgroups | None,
    summariser: Summariser, keep: bool,
) -> list[Result]:
    """Compute all jobs.

    Parameters
    ----------
    values : Values
    frame : DataFrame
        The rows, before they are changed.
    jobs : sequence of Job
    groups : Subgroups or None
        None for an estimate for each row.
    summariser : Summariser
        For single rows whose draws are not kept.
    keep : bool
        Keep the draws of single rows.
    """
    if values.integrates:
        values.choose_rule(_trial_rows(values, frame, jobs))
    if groups is not None:
        return _averages(values, frame, jobs, groups)
    kept: list[list[Array]] = [[] for _ in jobs]
    tables: list[list[pd.DataFrame]] = [[] for _ in jobs]
    categories: tuple[str, ...] = ()
    for at in values.chunks(len(frame)):
        found = _Chunk(values, frame, at)
        for k, job in enumerate(jobs):
            out = job.combine([found(side) for side in job.sides], at)
            categories = values.categories(out)
            flat = out.reshape(len(out), -1)
            if keep:
                kept[k].append(flat)
            else:
                tables[k].append(summariser.table(summariser.transformed(flat)))
    return [
        Result(
            job, categories, len(frame),
            np.concatenate(kept[k], axis=1) if keep else None,
            None if keep else pd.concat(tables[k], ignore_index=True),
        )
        for k, job in enumerate(jobs)
    ]


def _trial_rows(values: Values, frame: pd.DataFrame, jobs: Sequence[Job]) -> pd.DataFrame:
    """A few rows of every side, among them those that are hardest to integrate."""
    spread = np.linspace(0, len(frame) - 1, 4).round().astype(int)
    sides = {side.key: side for job in jobs for side in job.sides}
    rows = []
    for side in list(sides.values())[:15]:
        changed = side.apply(frame, slice(None)).reset_index(drop=True)
        rows.append(changed.iloc[np.unique([*spread, *values.widest(changed)])])
    return pd.concat(rows, ignore_index=True)


class _Chunk:
    """Values of the sides for one chunk of rows, each computed once."""

    def __init__(self, values: Values, frame: pd.DataFrame, at: slice) -> None:
        self._values, self._frame, self._at = values, frame, at
        self._found: dict[Any, Array] = {}

    def __call__(self, side: Side) -> Array:
        if side.key not in self._found:
            rows = side.apply(self._frame, self._at).reset_index(drop=True)
            self._found[side.key] = self._values(rows)
        return self._found[side.key]


def _averages(
    values: Values, frame: pd.DataFrame, jobs: Sequence[Job], groups: Subgroups
) -> list[Result]:
    totals = np.bincount(groups.codes, groups.weights, minlength=len(groups.table))
    sums: dict[Any, Array] = {}
    categories: tuple[str, ...] = ()

    def add(key: Any, block: Array, at: slice) -> None:
        """Add the rows of a chunk to the sums of their subgroups."""
        if key not in sums:
            sums[key] = np.zeros((len(block), len(totals), *block.shape[2:]))
        codes = groups.codes[at]
        present, place = np.unique(codes, return_inverse=True)
        share = np.zeros((len(codes), len(present)))
        share[np.arange(len(codes)), place] = groups.weights[at] / totals[codes]
        if block.ndim == 2:
            sums[key][:, present] += block @ share
        else:
            sums[key][:, present] += np.einsum("snc,ng->sgc", block, share, optimize=True)

    for at in values.chunks(len(frame)):
        found = _Chunk(values, frame, at)
        averaged = {s.key: s for job in jobs if job.of_averages for s in job.sides}
        for key, side in averaged.items():
            add(("side", key), found(side), at)
            categories = values.categories(found(side))
        for k, job in enumerate(jobs):
            if not job.of_averages:
                out = job.combine([found(side) for side in job.sides], at)
                categories = values.categories(out)
                add(("job", k), out, at)
    results = []
    for k, job in enumerate(jobs):
        if job.of_averages:
            out = job.combine([sums["side", side.key] for side in job.sides], None)
        else:
            out = sums["job", k]
        results.append(
            Result(job, categories, len(totals), out.reshape(len(out), -1), None)
        )
    return results
