"""The tables of effects: tidy data frames that say what they are of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from hiermodel.arguments import flag, probability
from hiermodel.errors import ArgumentError, HiermodelError, did_you_mean
from hiermodel.notebook import note_html, page
from hiermodel.summary.statistics import describe, quantile_name
from hiermodel.summary.text import body
from hiermodel.terms.base import Array

# As many rows are shown.
_SHOWN = 20
_TRANSFORMS: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "expm1": np.expm1,
    "inv_logit": special.expit,
    "plogis": special.expit,
    "Phi": special.ndtr,
    "pnorm": special.ndtr,
    "percent": lambda x: 100 * x,
}


@dataclass(frozen=True, eq=False)
class Summariser:
    """How draws become columns of a table.

    Attributes
    ----------
    prob : float
        Probability of the central interval.
    robust : bool
        Median and median absolute deviation in the place of mean and standard deviation.
    equivalence : tuple of float, optional
        Ends of the region of practical equivalence.
    transform : callable, optional
        Applied to the draws before they are summarised.
    """

    prob: float = 0.95
    robust: bool = False
    equivalence: tuple[float, float] | None = None
    transform: Callable[[Array], Array] | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        low = (1 - self.prob) / 2
        out = ["Estimate", "Est.Error", quantile_name(low), quantile_name(1 - low)]
        return out if self.equivalence is None else [*out, "ROPE.Prob", "Decision"]

    def transformed(self, draws: Array) -> Array:
        """Apply the transformation.

        Raises
        ------
        ArgumentError
            When it does not give a number for each draw.
        """
        if self.transform is None:
            return draws
        out = np.asarray(self.transform(draws), dtype=float)
        if out.shape != draws.shape:
            raise ArgumentError(
                f"transform must give one number for each draw: an array of shape {draws.shape} "
                f"became one of shape {out.shape}"
            )
        if np.isnan(out).any() and not np.isnan(draws).any():
            raise ArgumentError("transform gives no number for some of the draws")
        return out

    def table(self, draws: Array) -> pd.DataFrame:
        """Summarise transformed draws (draws, rows): a row for each."""
        low = (1 - self.prob) / 2
        # Sorting goes along memory.
        numbers = describe(np.asfortranarray(draws), (low, 1 - low), self.robust)
        out = pd.DataFrame(numbers, columns=self.columns[:4])
        if self.equivalence is not None:
            lower, upper = self.equivalence
            out["ROPE.Prob"] = ((draws >= lower) & (draws <= upper)).mean(axis=0)
            inside = (numbers[:, 2] >= lower) & (numbers[:, 3] <= upper)
            outside = (numbers[:, 2] > upper) | (numbers[:, 3] < lower)
            out["Decision"] = np.select([inside, outside], ["equivalent", "different"], "undecided")
        return out


def summariser(
    prob: float, robust: bool, equivalence: Any, transform: Any,
    inverse_link: Callable[[], Callable[[Array], Array]] | None = None,
) -> Summariser:
    """Check the arguments of a summary.

    Raises
    ------
    ArgumentError
    """
    return Summariser(
        probability("prob", prob), flag("robust", robust), _region(equivalence),
        _transform(transform, inverse_link),
    )


def _region(equivalence: Any) -> tuple[float, float] | None:
    if equivalence is None:
        return None
    try:
        low, high = (float(v) for v in equivalence)
    except (TypeError, ValueError):
        low = high = np.nan
    if not low < high:
        raise ArgumentError(
            f"equivalence must be two numbers, the lower one first, such as (-0.1, 0.1), not "
            f"{equivalence!r}"
        )
    return low, high


def _transform(
    transform: Any, inverse_link: Callable[[], Callable[[Array], Array]] | None
) -> Callable[[Array], Array] | None:
    if transform is None or callable(transform):
        return transform
    if transform == "inverse_link" and inverse_link is not None:
        return inverse_link()
    if transform in _TRANSFORMS:
        return _TRANSFORMS[transform]
    known = [*_TRANSFORMS, "inverse_link"]
    raise ArgumentError(
        f"transform must be a function of an array or one of {', '.join(known)}, not "
        f"{transform!r}{did_you_mean(str(transform), known)}"
    )


class EffectTable(pd.DataFrame):
    """A data frame of effects that knows what they are of.

    A plain `pandas.DataFrame` in every other respect: what is cut out of it is one.

    Attributes
    ----------
    title, note : str
        What is estimated, and how; shown with the table.
    draws : xarray.DataArray
        Dims (chain, draw, row), rows as in the table.
    """

    _metadata = ["title", "note", "_draws", "_labels", "_numbers"]  # noqa: RUF012

    title: str
    note: str
    _labels: list[str]
    _numbers: list[str]
    _draws: xr.DataArray | None

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    @property
    def draws(self) -> xr.DataArray:
        """Draws behind the table, dims (chain, draw, row).

        Raises
        ------
        HiermodelError
            When they were not kept: those of single rows are kept with ``draws=True``.
        """
        found: xr.DataArray | None = getattr(self, "_draws", None)
        if found is None:
            raise HiermodelError("the draws of single rows were not kept: pass draws=True")
        return found

    def _brief(self) -> tuple[list[str], pd.DataFrame, str]:
        """Names of the labels, the first rows with them in front, and what is left out."""
        labels = [c for c in self._labels if c in self.columns]
        numbers = [c for c in self._numbers if c in self.columns]
        part = pd.DataFrame(self)[[*labels, *numbers]].iloc[:_SHOWN].copy()
        for name in labels:
            part[name] = [_label(v) for v in part[name]]
        left = len(self) - len(part)
        return labels, part, f"... {left} more rows" if left else ""

    def __repr__(self) -> str:
        if "Estimate" not in self.columns:
            return super().__repr__()
        labels, part, more = self._brief()
        columns = []
        for name, texts in zip(part.columns, body(part), strict=True):
            width = max(len(text) for text in (str(name), *texts))
            left = name in labels
            cells = (str(name), *texts)
            columns.append([t.ljust(width) if left else t.rjust(width) for t in cells])
        lines = ["  ".join(row).rstrip() for row in zip(*columns, strict=True)]
        lines = [getattr(self, "title", ""), *lines, more, getattr(self, "note", "")]
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        if "Estimate" not in self.columns:
            return str(super()._repr_html_())
        labels, part, more = self._brief()
        classes = [' class="l"' if name in labels else "" for name in part.columns]
        head = "".join(
            f"<th{cls}>{escape(str(name))}</th>"
            for cls, name in zip(classes, part.columns, strict=True)
        )
        rows = [
            "".join(
                f"<th{cls}>{escape(text)}</th>" if cls else f"<td>{escape(text)}</td>"
                for cls, text in zip(classes, row, strict=True)
            )
            for row in zip(*body(part), strict=True)
        ]
        lines = "".join(f"<tr>{row}</tr>" for row in rows)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>"
        notes = "\n".join([more, getattr(self, "note", "")])
        return page(getattr(self, "title", ""), [table, note_html(notes)])


def _label(value: Any) -> str:
    """A value of the data as a label: all digits of whole numbers, five of others."""
    if not isinstance(value, (float, np.floating)):
        return str(value)
    number = float(value)
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.5g}"


def make_table(
    frame: pd.DataFrame, words: tuple[str, str], labels: Sequence[str], numbers: Sequence[str],
    draws: Array | None, shape: tuple[int, int], keys: Sequence[str],
) -> EffectTable:
    """Return a table with its words and its draws.

    Parameters
    ----------
    frame : DataFrame
    words : tuple of str
        Title and note.
    labels, numbers : sequence of str
        The columns that are shown.
    draws : ndarray (draws, rows), optional
    shape : tuple of int
        Chains and draws.
    keys : sequence of str
        The columns that tell rows apart, which are coordinates of the draws.
    """
    out = EffectTable(frame)
    out.title, out.note = words
    out._labels, out._numbers = list(labels), list(numbers)
    array = None
    if draws is not None:
        coords = {
            f"{k}": ("row", np.asarray(frame[k].astype(str) if frame[k].dtype == "category"
                                       else frame[k]))
            for k in keys
            if k not in ("chain", "draw", "row")
        }
        array = xr.DataArray(
            draws.reshape(*shape, -1), dims=("chain", "draw", "row"),
            coords={"row": np.arange(len(frame)), **coords}, name="effect",
        )
    out._draws = array
    return out
