"""Where pictures are drawn, and what they look like in print: two tones that differ in grey too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hiermodel.arguments import figure_size
from hiermodel.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Estimates are dark, what they are compared with is light.
DARK, LIGHT, GREY = "#0b2a4a", "#6fa8d6", "0.45"
# Rows of a forest plot: inches for each, and room for the axis.
_ROW, _ROOM, _TALLEST = 0.2, 1.0, 14.0


def one_axes(
    ax: Axes | None, figsize: tuple[float, float] | None, default: tuple[float, float]
) -> Axes:
    """The axes given, or those of a new figure.

    Raises
    ------
    ArgumentError
        For something that is no axes, and a size that is not two positive numbers.
    """
    if ax is not None:
        if figsize is not None:
            raise ArgumentError("give ax or figsize, not both: the size is that of the axes given")
        if not hasattr(ax, "plot"):
            raise ArgumentError(f"ax must be one Axes of matplotlib, not {type(ax).__name__}")
        return ax
    import matplotlib.pyplot as plt

    figure, made = plt.subplots(figsize=figure_size(figsize, default), layout="constrained")
    del figure
    return made


def forest_size(rows: int, width: float = 5.5) -> tuple[float, float]:
    """Size of a picture with a row for each of many things."""
    return width, float(min(_TALLEST, max(2.2, _ROOM + _ROW * rows)))


def bare(ax: Axes) -> None:
    """Take away the lines of the axes that say nothing in a forest plot."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)


def rows_below(ax: Axes, labels: list[str]) -> np.ndarray:
    """Name the rows from the top; places of the rows, the first one highest."""
    places = np.arange(len(labels))[::-1]
    size = 8 if len(labels) > 30 else 9
    ax.set_yticks(places, labels, fontsize=size)
    ax.set_ylim(-0.7, len(labels) - 0.3)
    bare(ax)
    return places


def legend_above(ax: Axes, ncols: int = 3) -> None:
    """A legend above the axes, where it covers nothing."""
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=ncols, frameon=False,
              borderaxespad=0.2, handletextpad=0.5, columnspacing=1.4, fontsize=8.5)
