"""Drawing posterior predictive checks: one axes, or a grid of panels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.arguments import figure_size
from hiermodel.criticism.ppc.check import PPCheck
from hiermodel.criticism.ppc.kinds import KINDS, PANELS
from hiermodel.criticism.ppc.styles import STYLES, Panel, opaque
from hiermodel.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 4
# Inches of a panel, by the number of columns; those of more columns are smaller.
_SIZES = {1: (6.0, 4.0), 2: (4.0, 3.2), 3: (3.4, 2.8)}
# Which axes the panels of a style have in common, so that they can be compared.
_SHARED = {
    "curves": "x", "steps": "xy", "survival": "xy", "hists": "xy", "areas": "xy", "dots": "xy",
    "scatter_panels": "xy", "error_panels": "xy", "bars": "x", "boxes": "y", "envelope": "xy",
    "quantiles": "xy", "intervals": "y", "ribbon": "y", "scatter": "xy", "errors": "x",
    "errors_of_x": "y",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Grid:
    """Panels row by row, the last row perhaps not full."""

    n: int
    columns: int

    @property
    def rows(self) -> int:
        return -(-self.n // self.columns)

    def is_lowest(self, k: int) -> bool:
        return k + self.columns >= self.n

    def is_first(self, k: int) -> bool:
        return k % self.columns == 0


def draw_check(
    check: PPCheck,
    ax: Axes | Sequence[Axes] | None,
    figsize: tuple[float, float] | None = None,
) -> Axes | list[Axes]:
    """Draw a check on `ax`, or on a new figure."""
    style = KINDS[check.type].style
    parts, columns = _parts(check, style)
    grid = _Grid(len(parts), min(columns, len(parts)))
    axes = _axes(grid, ax, figsize, _SHARED.get(style, ""))
    below = ax is None and grid.n > 1
    for k, (one, (title, table)) in enumerate(zip(axes, parts, strict=True)):
        STYLES[style](Panel(one, table, check.replicated_label, k == 0, not below))
        one.set_title(title)
        if grid.is_lowest(k) or ax is not None:
            one.set_xlabel(check.x_label)
        if grid.is_first(k) or ax is not None:
            one.set_ylabel(check.y_label)
        if style == "bars" and check.categories:
            _label_categories(one, table, check.categories, check.first_category)
        if below:
            _fewer_ticks(one)
    if below:
        _legend_below(axes[0])
    return axes[0] if len(parts) == 1 else axes


def _fewer_ticks(ax: Axes) -> None:
    """Long numbers would run into each other below a small panel."""
    from matplotlib.ticker import AutoLocator

    if isinstance(ax.xaxis.get_major_locator(), AutoLocator):
        ax.locator_params(axis="x", nbins=5)


def _legend_below(first: Axes) -> None:
    """One legend for all panels, where it covers none of them."""
    handles, labels = first.get_legend_handles_labels()
    if len(handles) > 1:
        figure = first.get_figure(root=True)
        assert figure is not None
        opaque(figure.legend(handles, labels, loc="outside lower center", ncols=len(labels),
                             frameon=False))  # fmt: skip


def _parts(check: PPCheck, style: str) -> tuple[list[tuple[str, pd.DataFrame]], int]:
    """Title and table of each panel, and in how many columns they stand."""
    if KINDS[check.type].group == "axis" or not (check.groups or style in PANELS):
        return [("", check.table)], 1
    if not check.groups:
        return [(_source(d), t) for d, t in _by_draw(check.table)], _COLUMNS
    groups = [(_title(check, g), t) for g, t in check.table.groupby("group", sort=False)]
    if style not in PANELS:
        return groups, _COLUMNS
    parts = [(f"{g}, {_source(d)}", t) for g, table in groups for d, t in _by_draw(table)]
    return parts, len(parts) // len(groups)


def _title(check: PPCheck, group: str) -> str:
    """The label of a group; a number says nothing without the name of its column."""
    try:
        float(group)
    except ValueError:
        return group
    return f"{check.group} = {group}"


def _axes(
    grid: _Grid, ax: Axes | Sequence[Axes] | None, figsize: tuple[float, float] | None, shared: str
) -> list[Axes]:
    if ax is not None:
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != grid.n:
            raise ArgumentError(
                f"the check has {grid.n} panels, but {len(axes)} axes were given"
            )
        for one in axes:
            if not hasattr(one, "get_xlabel"):
                raise ArgumentError(f"ax must be axes of matplotlib, not {one!r}")
        return axes
    import matplotlib.pyplot as plt

    width, height = _SIZES.get(grid.columns, (3.0, 2.4))
    size = (width * grid.columns, height * grid.rows)
    figure = plt.figure(figsize=figure_size(figsize, size), layout="constrained")
    axes = []
    for k in range(grid.n):
        first = axes[0] if axes else None
        one = figure.add_subplot(
            grid.rows, grid.columns, k + 1,
            sharex=first if "x" in shared else None, sharey=first if "y" in shared else None,
        )  # fmt: skip
        if "x" in shared and not grid.is_lowest(k):
            one.tick_params(labelbottom=False)
        if "y" in shared and not grid.is_first(k):
            one.tick_params(labelleft=False)
        axes.append(one)
    return axes


def _by_draw(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """One table per panel, that of the data first."""
    return sorted(((int(d), t) for d, t in table.groupby("draw")), key=lambda part: part[0])


def _source(draw: int) -> str:
    return "data" if draw == 0 else f"replication {draw}"


def _label_categories(
    ax: Axes, table: pd.DataFrame, categories: Sequence[str], first: int
) -> None:
    values = [int(v) for v in table["value"]]
    if min(values) >= first and max(values) < first + len(categories):
        ax.set_xticks(values, [categories[v - first] for v in values])
