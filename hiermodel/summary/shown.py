"""Data frames that show themselves with as many digits as make sense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from hiermodel.notebook import page
from hiermodel.summary.html import frame_html
from hiermodel.summary.text import cell, frame_text

# As many rows are shown; the frame has all of them.
_SHOWN = 40


class Table(pd.DataFrame):
    """A data frame that prints like the other tables of a fit.

    A plain `pandas.DataFrame` in every other respect, with all digits: what is cut out of it, or
    computed from it, is one.

    Examples
    --------
    >>> import pandas as pd
    >>> from hiermodel.summary.shown import as_table
    >>> table = as_table(pd.DataFrame({"Estimate": [1.23456], "Est.Error": [0.1]}, index=["days"]))
    >>> print("x", table)
    x       Estimate  Est.Error
    days      1.23       0.10
    >>> type(table.round(4)), float(table.loc["days", "Estimate"])
    (<class 'pandas.DataFrame'>, 1.23456)
    """

    _metadata = ["_title", "_note", "_digits"]  # noqa: RUF012

    _title: str
    _note: str
    _digits: Mapping[str, int]

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def _brief(self) -> tuple[pd.DataFrame, str]:
        """The first rows, some columns as text already, and what is said below."""
        part = pd.DataFrame(self).iloc[:_SHOWN].copy()
        for name, digits in getattr(self, "_digits", {}).items():
            if name in part:
                part[name] = [cell(v, name, digits) for v in part[name]]
        left = len(self) - len(part)
        more = f"... {left} more rows" if left else ""
        return part, "\n".join(t for t in (more, getattr(self, "_note", "")) if t)

    def __repr__(self) -> str:
        part, note = self._brief()
        title = getattr(self, "_title", "")
        return "\n".join(t for t in (title, frame_text(part, indent=""), note) if t)

    def _repr_html_(self) -> str:
        part, note = self._brief()
        return page(getattr(self, "_title", ""), [frame_html(part, note=note)])


def as_table(
    frame: pd.DataFrame, title: str = "", note: str = "", digits: Mapping[str, int] | None = None
) -> Table:
    """Return a data frame that shows itself well.

    Parameters
    ----------
    frame : DataFrame
    title, note : str
        What stands above and below.
    digits : mapping of str to int, optional
        Decimals of columns; others show two digits of the smallest error.

    Returns
    -------
    Table
    """
    out = Table(frame)
    out._title, out._note, out._digits = title, note, dict(digits or {})
    return out
