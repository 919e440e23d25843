"""The tables of effects: tidy data frames that say what they are of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.errors import HiermodelError
from hiermodel.notebook import note_html, page
from hiermodel.summary.text import body
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# As many rows are shown.
_SHOWN = 20


@dataclass(frozen=True, eq=False)
class About:
    """What a table is of.

    Attributes
    ----------
    title, note : str
        What is estimated, and how.
    subject : str
        The quantity, for an axis.
    by : tuple of str
        Columns of the data that tell rows apart.
    numeric : frozenset of str
        Columns that are numbers, and not levels.
    null : float or None
        What the estimates are where nothing differs.
    equivalence : tuple of float or None
        Ends of the region of practical equivalence.
    sorted_by_user : bool
        Whether `by` has the order in which the user named the columns.
    """

    title: str
    note: str
    subject: str
    by: tuple[str, ...]
    numeric: frozenset[str]
    null: float | None
    equivalence: tuple[float, float] | None
    sorted_by_user: bool


class EffectTable(pd.DataFrame):
    """A data frame of effects that knows what they are of, and can draw itself.

    A plain `pandas.DataFrame` in every other respect: what is cut out of it is one.

    Attributes
    ----------
    title, note : str
        What is estimated, and how; shown with the table.
    draws : xarray.DataArray
        Dims (chain, draw, row), rows as in the table.
    """

    _metadata = ["_about", "_draws", "_labels", "_numbers"]  # noqa: RUF012

    _about: About
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

    @property
    def title(self) -> str:
        """What is estimated."""
        about = getattr(self, "_about", None)
        return "" if about is None else str(about.title)

    @property
    def note(self) -> str:
        """How it was estimated."""
        about = getattr(self, "_about", None)
        return "" if about is None else str(about.note)

    def plot(
        self,
        by: str | Sequence[str | None] | None = None,
        *,
        ax: Axes | Sequence[Axes] | None = None,
        ncols: int | None = None,
        figsize: tuple[float, float] | None = None,
    ) -> list[Axes]:
        """Draw estimates with their intervals: lines over numbers, points with bars over levels.

        This stands in the place of the ``plot`` of pandas, which ``pd.DataFrame(table).plot`` is.

        Parameters
        ----------
        by : str or sequence of str, optional
            Columns: the first on the axis, the second as colour, further ones as panels; None in
            the place of one that is to stay free (``["x", None, "g"]``). By default what the
            averages were taken by, or the columns in which the rows differ. Categories of the
            response take the colour when it is free, terms and contrasts have panels; without
            any column they are below each other.
        ax : Axes or sequence of Axes, optional
            Where to draw, one for each panel; a new figure by default.
        ncols : int, optional
            Panels in a row: three by default.
        figsize : (float, float), optional
            Inches, for a new figure.

        Returns
        -------
        list of Axes
            One per panel. A grey line is where nothing differs (0, or 1 for ratios), a grey band
            the region of practical equivalence. `plot_data` has the numbers.

        Raises
        ------
        DataError
            For a column that the table does not have, rows that the columns do not tell apart, and
            more colours or panels than can be read.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> grid = fit.datagrid(dose=[0.5, 1, 1.5, 2], supp=["OJ", "VC"])
        >>> fit.predictions(grid).plot(["dose", "supp"])[0].get_xlabel()
        'dose'
        """
        from hiermodel.marginal.draw import draw_table

        return draw_table(self, self._about, by, ax, ncols, figsize)

    def plot_data(self, by: str | Sequence[str | None] | None = None) -> pd.DataFrame:
        """Return what `plot` draws.

        Parameters
        ----------
        by : str or sequence of str, optional
            As in `plot`.

        Returns
        -------
        DataFrame
            A row per estimate with the columns ``panel``, ``colour`` (texts, empty where there is
            one only), ``x`` (a number, or the text of a level), ``Estimate`` and the ends of the
            interval.

        Raises
        ------
        DataError
            As in `plot`.
        """
        from hiermodel.marginal.draw import picture

        return picture(self, self._about, by).data

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
        lines = [self.title, *lines, more, self.note]
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
        notes = "\n".join(text for text in (more, self.note) if text)
        return page(self.title, [table, note_html(notes)])


def _label(value: Any) -> str:
    """A value of the data as a label: all digits of whole numbers, five of others."""
    if not isinstance(value, (float, np.floating)):
        return str(value)
    number = float(value)
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.5g}"


def make_table(
    frame: pd.DataFrame, about: About, labels: Sequence[str], numbers: Sequence[str],
    draws: Array | None, shape: tuple[int, int], keys: Sequence[str],
) -> EffectTable:
    """Return a table with its words and its draws.

    Parameters
    ----------
    frame : DataFrame
    about : About
    labels, numbers : sequence of str
        The columns that are shown.
    draws : ndarray (draws, rows), optional
    shape : tuple of int
        Chains and draws.
    keys : sequence of str
        The columns that tell rows apart, which are coordinates of the draws.
    """
    out = EffectTable(frame)
    out._about = about
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
