"""What pictures of effects are made of: panels, lines with ribbons, points with bars, legends.

Series are told apart by tone, line style and marker, so that they can be in grey too.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from hiermodel.arguments import figure_size
from hiermodel.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Panels in a row.
COLUMNS = 3
_DODGE = 0.5
# Dark, middle and light in turn.
_COLOURS = ("#0b2a4a", "#b85c00", "#6fa8d6", "#7b3f61", "#3f8f5b", "#999999")
_STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P")
# More letters than this do not stand side by side below an axis of usual width.
_LETTERS, _MOST_LETTERS = 36, 90


def panel_axes(
    n: int, ax: Axes | Sequence[Axes] | None, ncols: int | None, figsize: Any,
    panel: tuple[float, float] = (4.6, 3.5),
) -> list[Axes]:
    """The axes of n panels: those given, or those of a new figure.

    Raises
    ------
    ArgumentError
        For another number of axes, a size or a number of columns that cannot be.
    """
    if ax is not None:
        if ncols is not None or figsize is not None:
            raise ArgumentError("ncols and figsize are for a new figure: leave them out with ax")
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != n:
            raise ArgumentError(f"the picture has {n} panels, but {len(axes)} axes were given")
        wrong = [one for one in axes if not hasattr(one, "plot")]
        if wrong:
            raise ArgumentError(f"ax must be Axes of matplotlib, not {type(wrong[0]).__name__}")
        return axes
    whole = isinstance(ncols, Integral) and not isinstance(ncols, bool)
    if ncols is not None and not (whole and ncols >= 1):
        raise ArgumentError(f"ncols must be a whole number of at least 1, got {ncols!r}")
    import matplotlib.pyplot as plt

    columns = min(int(ncols or COLUMNS), n)
    rows = -(-n // columns)
    size = figure_size(figsize, (panel[0] * columns, panel[1] * rows))
    figure = plt.figure(figsize=size, layout="constrained")
    return [figure.add_subplot(rows, columns, k + 1) for k in range(n)]


def colours(n: int, ordered: bool) -> list[Any]:
    """Colours of n series: from dark to light where more than three are ordered."""
    if n <= 3 or not ordered:
        return [_COLOURS[k % len(_COLOURS)] for k in range(n)]
    import matplotlib as mpl

    return [mpl.colormaps["viridis"](v) for v in np.linspace(0.0, 0.85, n)]


def beside(k: int, n: int) -> float:
    """How far the k-th of n series stands beside the middle of a level."""
    return 0.0 if n == 1 else _DODGE * (k / (n - 1) - 0.5)


def line(
    ax: Axes, x: Any, middle: Any, ends: tuple[Any, Any] | None, label: str, colour: Any, k: int
) -> None:
    """Draw the k-th series as a line, with a ribbon between the ends of its intervals."""
    if ends is not None:
        ax.fill_between(x, ends[0], ends[1], color=colour, alpha=0.2, linewidth=0)
    ax.plot(x, middle, color=colour, label=label, ls=_STYLES[k % len(_STYLES)], lw=1.8)


def bars(
    ax: Axes, x: Any, middle: Any, ends: tuple[Any, Any], label: str, colour: Any, k: int,
    across: bool = False,
) -> None:
    """Draw the k-th series as points with bars; `across` for bars that lie."""
    y = np.asarray(middle, dtype=float)
    reach = np.abs(np.stack([y - np.asarray(ends[0]), np.asarray(ends[1]) - y]))
    style = {"fmt": MARKERS[k % len(MARKERS)], "color": colour, "label": label, "capsize": 0,
             "ms": 5.5}
    if across:
        ax.errorbar(y, x, xerr=reach, **style)
    else:
        ax.errorbar(x, y, yerr=reach, **style)


def tick_levels(ax: Axes, levels: Sequence[str]) -> None:
    """Name the levels of a factor below the axis, slanted where they are crowded."""
    letters = sum(len(level) for level in levels)
    angle = 0 if letters <= _LETTERS else 30 if letters <= _MOST_LETTERS else 90
    ax.set_xticks(range(len(levels)), levels, rotation=angle,
                  ha="right" if angle == 30 else "center")
    ax.set_xlim(-0.5, len(levels) - 0.5)


def dress(ax: Axes, x: str, y: str, title: str) -> None:
    """Label the axes, and take away the lines that say nothing."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_title(title, fontsize="medium")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)


def legend_beside(ax: Axes, title: str) -> None:
    """A legend beside the axes, where it covers nothing."""
    ax.legend(title=title, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0),
              borderaxespad=0.2, fontsize=9, title_fontsize=9, handlelength=2.4)
