"""How each kind of check is drawn on one axes. Only the numbers of its table are drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.criticism.ppc.dots import HEIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

#: Colours of the data and of replications, dark and light in grey too.
DATA, REP = "#0b2a4a", "#6fa8d6"
# From here on single bars and their intervals cannot be told apart.
_MANY_BARS = 40


@dataclass(frozen=True, slots=True)
class Panel:
    """An axes and what is drawn on it.

    Attributes
    ----------
    ax : Axes
    table : DataFrame
    label : str
        What the legend calls the replications.
    first : bool
        Whether it is the first of several panels.
    explains : bool
        Whether the first panel has a legend of its own.
    """

    ax: Axes
    table: pd.DataFrame
    label: str
    first: bool = True
    explains: bool = True

    @property
    def replicated(self) -> pd.DataFrame:
        """The rows of replications, where rows have a ``draw``."""
        return self.table[self.table["draw"] > 0]

    @property
    def data(self) -> pd.DataFrame:
        """The rows of the data, where rows have a ``draw``."""
        return self.table[self.table["draw"] == 0]

    @property
    def colour(self) -> str:
        """Of a panel that shows the data alone, or one replication alone."""
        return DATA if int(self.table["draw"].iloc[0]) == 0 else REP

    def legend(self, **options: Any) -> None:
        """Draw the legend of the first panel, unless the figure has one."""
        handles, _ = self.ax.get_legend_handles_labels()
        if self.first and self.explains and len(handles) > 1:
            opaque(self.ax.legend(frameon=False, **options))


def opaque(legend: Legend) -> None:
    """Lines that are faint because there are many are not faint in the legend."""
    for handle in legend.get_lines():
        handle.set_alpha(1.0)


def _curves(panel: Panel, drawstyle: str = "default") -> None:
    ax, replicated = panel.ax, panel.replicated
    alpha = float(np.clip(8.0 / max(1, replicated["draw"].nunique()), 0.15, 0.6))
    for k, (_, part) in enumerate(replicated.groupby("draw", sort=False)):
        label = panel.label if k == 0 else None
        ax.plot(part["x"], part["value"], color=REP, alpha=alpha, lw=0.8, label=label,
                drawstyle=drawstyle)  # fmt: skip
    if len(panel.data):
        ax.plot(panel.data["x"], panel.data["value"], color=DATA, lw=1.8, label="data",
                drawstyle=drawstyle)  # fmt: skip
    panel.legend()


def _steps(panel: Panel) -> None:
    _curves(panel, "steps-post")


def _survival(panel: Panel) -> None:
    lost = panel.data[panel.data["censored"] > 0]
    panel.ax.plot(lost["x"], lost["value"], ls="none", marker="|", ms=7, mew=1.0, color=DATA,
                  label="censored" if len(lost) else None)  # fmt: skip
    panel.ax.set_ylim(-0.02, 1.05)
    _curves(panel, "steps-post")


def _hists(panel: Panel) -> None:
    table = panel.table
    panel.ax.bar(table["x"], table["value"], table["width"], align="edge", color=panel.colour)


def _areas(panel: Panel) -> None:
    area = panel.ax.fill_between(panel.table["x"], panel.table["value"], color=panel.colour, lw=0)
    # No gap between the area and the axis.
    area.sticky_edges.y.append(0.0)


def _dots(panel: Panel) -> None:
    from matplotlib.collections import EllipseCollection

    ax, table = panel.ax, panel.table
    width = float(table["width"].iloc[0])
    centres = np.column_stack([table["x"], (table["value"] - 0.5) * width])
    size = np.full(len(table), 0.92 * width)
    ax.add_collection(EllipseCollection(
        size, size, np.zeros(len(table)), units="x", offsets=centres,
        offset_transform=ax.transData, facecolors=panel.colour, edgecolors="none",
    ))  # fmt: skip
    # Circles touch when a unit is as long upwards as sideways.
    margin = max(width, 0.03 * float(np.ptp(table["x"])))
    low, high = table["x"].min() - margin, table["x"].max() + margin
    if not panel.first:
        low, high = min(low, ax.get_xlim()[0]), max(high, ax.get_xlim()[1])
    ax.set_xlim(low, high)
    ax.set_ylim(0, HEIGHT * (high - low))
    ax.set_aspect("equal", adjustable="box")
    ax.set_yticks([])
    if (table["x"] == table["x"].round()).all():
        _whole_ticks(ax)


def _whole_ticks(ax: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def _boxes(panel: Panel) -> None:
    names = {"whislo": "lowest", "q1": "lower", "med": "median", "q3": "upper",
             "whishi": "highest"}  # fmt: skip
    rows = panel.table.sort_values("draw").to_dict("records")
    places = [int(row["draw"]) for row in rows]
    drawn = panel.ax.bxp(
        [{key: row[column] for key, column in names.items()} for row in rows],
        positions=places, showfliers=False, patch_artist=True, medianprops={"color": "black"},
    )  # fmt: skip
    for place, box in zip(places, drawn["boxes"], strict=True):
        box.set_facecolor(DATA if place == 0 else REP)
        if place == 0:
            drawn["medians"][0].set_color("white")
    panel.ax.set_xticks(places, ["data" if place == 0 else str(place) for place in places])


def _violins(panel: Panel) -> None:
    """Violins of the replications side by side, and the data spread within their outline."""
    ax = panel.ax
    groups = list(panel.table.groupby("group", sort=False))
    for k, (_, table) in enumerate(groups):
        outline, data = table[table["draw"] == 1], table[table["draw"] == 0]
        half = 0.42 / float(outline["value"].max())
        ax.fill_betweenx(outline["x"], k - half * outline["value"], k + half * outline["value"],
                         color=REP, alpha=0.55, lw=0, label=panel.label if k == 0 else None)
        for quantile, width in (("lower", 0.8), ("median", 2.0), ("upper", 0.8)):
            at = float(table[quantile].iloc[0])
            reach = half * float(np.interp(at, outline["x"], outline["value"]))
            ax.hlines(at, k - reach, k + reach, color="white", lw=width)
        # Steps of the golden ratio spread points evenly, the same each time.
        spread = (np.arange(1, len(data) + 1) * 0.6180339887) % 1.0 * 2.0 - 1.0
        ax.scatter(k + 0.8 * half * data["value"] * spread, data["x"], s=9, color=DATA,
                   alpha=float(np.clip(40 / len(data), 0.25, 0.9)), edgecolors="none",
                   label="data" if k == 0 else None, zorder=3)  # fmt: skip
    names = [str(group) for group, _ in groups]
    tilted = sum(len(name) + 2 for name in names) > 60
    ax.set_xticks(range(len(names)), names, rotation=60 if tilted else 0,
                  ha="right" if tilted else "center")
    panel.legend()


def _bars(panel: Panel) -> None:
    ax, table = panel.ax, panel.table
    many = len(table) > _MANY_BARS
    ax.bar(table["value"], table["observed"], width=1.0 if many else 0.8, color=REP, alpha=0.6,
           lw=0, label="data")  # fmt: skip
    told = f"{panel.label}, 90 %"
    if many:
        ax.fill_between(table["value"], table["lower"], table["upper"], step="mid", color=DATA,
                        alpha=0.3, lw=0)  # fmt: skip
        ax.step(table["value"], table["median"], where="mid", color=DATA, lw=1.2, label=told)
    else:
        ends = np.stack([table["median"] - table["lower"], table["upper"] - table["median"]])
        ax.errorbar(table["value"], table["median"], yerr=ends, fmt="o", ms=4, color=DATA,
                    label=told)  # fmt: skip
    _whole_ticks(ax)
    panel.legend()


def _stat(panel: Panel) -> None:
    panel.ax.hist(panel.table["value"], bins=30, color=REP, alpha=0.7, label=panel.label)
    _observed(panel, "-")


def _stat_line(panel: Panel) -> None:
    panel.ax.plot(panel.table["x"], panel.table["value"], color=REP, label=panel.label)
    _observed(panel, "--")


def _observed(panel: Panel, line: str) -> None:
    if "observed" in panel.table:
        at = float(panel.table["observed"].iloc[0])
        panel.ax.axvline(at, color=DATA, lw=2, ls=line, label="data")
    panel.legend()


def _stat_2d(panel: Panel) -> None:
    replicated, data = panel.replicated, panel.data
    panel.ax.scatter(replicated["x"], replicated["value"], s=8, color=REP, alpha=0.5,
                     label=panel.label)  # fmt: skip
    if len(data):
        panel.ax.scatter(data["x"], data["value"], s=60, color=DATA, label="data", zorder=3)
    panel.legend()


def _intervals(panel: Panel) -> None:
    ax, table = panel.ax, panel.table
    ax.vlines(table["x"], table["outer_lower"], table["outer_upper"], color=REP, lw=1, alpha=0.6)
    ax.vlines(table["x"], table["lower"], table["upper"], color=REP, lw=2.5, alpha=0.8)
    ax.scatter(table["x"], table["median"], s=10, color=REP, label=panel.label)
    if "y" in table:
        ax.scatter(table["x"], table["y"], s=12, color=DATA, label="data", zorder=3)
    panel.legend()


def _ribbon(panel: Panel) -> None:
    ax, table = panel.ax, panel.table
    ax.fill_between(table["x"], table["outer_lower"], table["outer_upper"], color=REP, alpha=0.25,
                    lw=0)  # fmt: skip
    ax.fill_between(table["x"], table["lower"], table["upper"], color=REP, alpha=0.45, lw=0)
    ax.plot(table["x"], table["median"], color=REP, label=panel.label)
    if "y" in table:
        ax.plot(table["x"], table["y"], color=DATA, lw=1, label="data")
    panel.legend()


def _scatter(panel: Panel) -> None:
    _points(panel)
    middle = float(panel.table["x"].mean())
    panel.ax.axline((middle, middle), slope=1, color=DATA, lw=1, ls="--")


def _quantiles(panel: Panel) -> None:
    _points(panel)
    panel.ax.axline((0.0, 0.0), slope=1, color=DATA, lw=1, ls="--")
    panel.ax.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")


def _errors(panel: Panel) -> None:
    _points(panel)
    panel.ax.axvline(0.0, color=DATA, lw=1, ls="--")


def _errors_of_x(panel: Panel) -> None:
    _points(panel)
    panel.ax.axhline(0.0, color=DATA, lw=1, ls="--")


def _points(panel: Panel) -> None:
    panel.ax.scatter(panel.table["x"], panel.table["value"], s=12, color=REP, alpha=0.8,
                     edgecolors="none")  # fmt: skip


def _binned(panel: Panel) -> None:
    ax, table = panel.ax, panel.table
    ax.fill_between(table["x"], table["lower"], table["upper"], color=REP, alpha=0.3, lw=0,
                    label="2 standard errors")  # fmt: skip
    ax.axhline(0.0, color=DATA, lw=1, ls="--")
    ax.scatter(table["x"], table["value"], s=16, color=DATA)
    panel.legend()


def _envelope(panel: Panel) -> None:
    ax, table = panel.ax, panel.table
    ax.fill_between(table["x"], table["lower"], table["upper"], color=REP, alpha=0.3, lw=0,
                    step="post", label="95 % envelope")  # fmt: skip
    ax.axhline(0.0, color=DATA, lw=0.8, ls="--")
    ax.plot(table["x"], table["value"], color=DATA, drawstyle="steps-post", label="data")
    ax.margins(y=0.2)
    panel.legend(loc="upper center", ncols=2)


STYLES: dict[str, Callable[[Panel], None]] = {
    "curves": _curves,
    "steps": _steps,
    "survival": _survival,
    "hists": _hists,
    "areas": _areas,
    "dots": _dots,
    "boxes": _boxes,
    "violins": _violins,
    "bars": _bars,
    "stat": _stat,
    "stat_line": _stat_line,
    "stat_2d": _stat_2d,
    "intervals": _intervals,
    "ribbon": _ribbon,
    "scatter": _scatter,
    "scatter_panels": _scatter,
    "quantiles": _quantiles,
    "errors": _errors,
    "error_panels": _errors,
    "errors_of_x": _errors_of_x,
    "binned": _binned,
    "envelope": _envelope,
}
