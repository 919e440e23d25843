"""What the functions of this folder give back: tables with a title, a note and their draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.summary.html import frame_html, page
from hiermodel.summary.statistics import describe, statistic_names
from hiermodel.summary.text import frame_text, title_text

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# Tables longer than this are cut when printed.
MAX_ROWS = 24


def checked_origin(fit: Fit, what: str) -> str:
    """What the draws of a fit are, where that has to be said; a mode is refused.

    Raises
    ------
    HiermodelError
        For a fit that is a mode, not draws.
    """
    fit.origin.refuse_point(what)
    fit.origin.warn_if_poor(what)
    return "" if fit.origin.is_plain else f"From draws of {fit.origin.phrase}."


def cut(frame: pd.DataFrame, where: str) -> tuple[pd.DataFrame, str]:
    """The first rows of a long table, and the note that says where the others are."""
    if len(frame) <= MAX_ROWS:
        return frame, ""
    return frame.iloc[:MAX_ROWS], f"... {len(frame) - MAX_ROWS} more rows; {where} has all of them"


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """A table of quantities that were computed in each draw.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per quantity: ``Estimate``, ``Est.Error`` and quantiles, and what else there is.
    draws : pandas.DataFrame
        A row per draw, a column per row of `table`.
    title, note : str
        What it is, and how it was computed.
    """

    table: pd.DataFrame
    draws: pd.DataFrame
    title: str
    note: str

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def __repr__(self) -> str:
        shown, more = cut(self.table, ".table")
        parts = [title_text(self.title), frame_text(shown), more, self.note]
        return "\n".join(p for p in parts if p)

    def _repr_html_(self) -> str:
        shown, more = cut(self.table, ".table")
        return page(self.title, [frame_html(shown, note=" ".join(filter(None, (more, self.note))))])


def described(
    draws: pd.DataFrame, probs: Sequence[float], robust: bool
) -> pd.DataFrame:
    """Summarise the columns of a frame of draws."""
    values = describe(draws.to_numpy(dtype=float), probs, robust)
    return pd.DataFrame(values, index=draws.columns, columns=statistic_names(probs))


def joined(columns: dict[str, np.ndarray], name: str) -> pd.DataFrame:
    """Draws by name as a frame."""
    return pd.DataFrame({k: np.asarray(v) for k, v in columns.items()}).rename_axis(columns=name)
