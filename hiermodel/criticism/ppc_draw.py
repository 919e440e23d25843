"""Drawing posterior predictive checks. Only the numbers of a `PPCheck` are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.criticism.ppc import KINDS, PPCheck
from hiermodel.errors import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DATA, _REP = "#0b2a4a", "#6fa8d6"
_COLUMNS = 4


def draw_check(
    check: PPCheck,
    ax: Axes | Sequence[Axes] | None,
    figsize: tuple[float, float] | None = None,
) -> Axes | list[Axes]:
    """Draw a check on `ax`, or on a new figure."""
    style = KINDS[check.type].style
    draw = _STYLES[style]
    if style in _PANELS:
        parts = [(_source(d), t) for d, t in _histograms(check.table)]
    elif check.groups:
        parts = [(g, t) for g, t in check.table.groupby("group", sort=False)]
    else:
        parts = [("", check.table)]
    axes = _axes(len(parts), ax, figsize)
    for k, (one, (title, table)) in enumerate(zip(axes, parts, strict=True)):
        draw(one, table, k == 0)
        one.set_title(title)
        one.set_xlabel(check.x_label)
        if k % _COLUMNS == 0:
            one.set_ylabel(check.y_label)
        if style == "bars" and check.categories:
            _label_categories(one, table, check.categories, check.first_category)
    return axes[0] if len(parts) == 1 else axes


def _axes(
    n: int, ax: Axes | Sequence[Axes] | None, figsize: tuple[float, float] | None
) -> list[Axes]:
    if ax is not None:
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != n:
            raise ArgumentError(f"the check has {n} panels, but {len(axes)} axes were given")
        return axes
    import matplotlib.pyplot as plt

    columns = min(_COLUMNS, n)
    rows = -(-n // columns)
    size = (6.0, 4.0) if n == 1 else (3.0 * columns, 2.4 * rows)
    figure = plt.figure(figsize=figsize or size, layout="constrained")
    return [figure.add_subplot(rows, columns, k + 1) for k in range(n)]


def _histograms(table: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """One table per panel, that of the data first."""
    return sorted(((int(d), t) for d, t in table.groupby("draw")), key=lambda part: part[0])


def _source(draw: int) -> str:
    return "data" if draw == 0 else f"replication {draw}"


def _curves(ax: Axes, table: pd.DataFrame, first: bool, drawstyle: str = "default") -> None:
    replicated = table[table["draw"] > 0]
    alpha = float(np.clip(8.0 / max(1, replicated["draw"].nunique()), 0.15, 0.6))
    for k, (_, part) in enumerate(replicated.groupby("draw", sort=False)):
        label = "replications" if k == 0 else None
        ax.plot(part["x"], part["value"], color=_REP, alpha=alpha, lw=0.8, label=label,
                drawstyle=drawstyle)  # fmt: skip
    data = table[table["draw"] == 0]
    ax.plot(data["x"], data["value"], color=_DATA, lw=1.8, label="data", drawstyle=drawstyle)
    if first:
        for handle in ax.legend(frameon=False).get_lines():
            handle.set_alpha(1.0)


def _steps(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    _curves(ax, table, first, drawstyle="steps-post")


def _hists(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    colour = _DATA if int(table["draw"].iloc[0]) == 0 else _REP
    ax.bar(table["x"], table["value"], table["width"], align="edge", color=colour)


def _bars(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.bar(table["value"], table["observed"], width=0.8, color=_REP, alpha=0.6, label="data")
    ends = np.stack([table["median"] - table["lower"], table["upper"] - table["median"]])
    ax.errorbar(table["value"], table["median"], yerr=ends, fmt="o", ms=4, color=_DATA,
                label="replications, 90 %")  # fmt: skip
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if first:
        ax.legend(frameon=False)


def _label_categories(
    ax: Axes, table: pd.DataFrame, categories: Sequence[str], first: int
) -> None:
    values = [int(v) for v in table["value"]]
    if min(values) >= first and max(values) < first + len(categories):
        ax.set_xticks(values, [categories[v - first] for v in values])


def _stat(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    ax.hist(table["value"], bins=30, color=_REP, alpha=0.7, label="replications")
    ax.axvline(float(table["observed"].iloc[0]), color=_DATA, lw=2, label="data")
    if first:
        ax.legend(frameon=False)


def _stat_2d(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    replicated, data = table[table["draw"] > 0], table[table["draw"] == 0]
    ax.scatter(replicated["x"], replicated["value"], s=8, color=_REP, alpha=0.5,
               label="replications")  # fmt: skip
    ax.scatter(data["x"], data["value"], s=60, color=_DATA, label="data", zorder=3)
    ax.legend(frameon=False)


def _intervals(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    ax.vlines(table["x"], table["outer_lower"], table["outer_upper"], color=_REP, lw=1, alpha=0.6)
    ax.vlines(table["x"], table["lower"], table["upper"], color=_REP, lw=2.5, alpha=0.8)
    ax.scatter(table["x"], table["median"], s=10, color=_REP, label="replications")
    ax.scatter(table["x"], table["y"], s=12, color=_DATA, label="data", zorder=3)
    if first:
        ax.legend(frameon=False)


def _ribbon(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    ax.fill_between(table["x"], table["outer_lower"], table["outer_upper"], color=_REP, alpha=0.25,
                    lw=0)  # fmt: skip
    ax.fill_between(table["x"], table["lower"], table["upper"], color=_REP, alpha=0.45, lw=0)
    ax.plot(table["x"], table["median"], color=_REP, label="replications")
    ax.plot(table["x"], table["y"], color=_DATA, lw=1, label="data")
    if first:
        ax.legend(frameon=False)


def _scatter(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    _points(ax, table)
    middle = float(table["x"].mean())
    ax.axline((middle, middle), slope=1, color=_DATA, lw=1, ls="--")


def _errors(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    _points(ax, table)
    ax.axvline(0.0, color=_DATA, lw=1, ls="--")


def _points(ax: Axes, table: pd.DataFrame) -> None:
    ax.scatter(table["x"], table["value"], s=12, color=_REP, alpha=0.8, edgecolors="none")


def _errors_of_x(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    _points(ax, table)
    ax.axhline(0.0, color=_DATA, lw=1, ls="--")


def _binned(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    ax.fill_between(table["x"], table["lower"], table["upper"], color=_REP, alpha=0.3, lw=0,
                    label="2 standard errors")  # fmt: skip
    ax.axhline(0.0, color=_DATA, lw=1, ls="--")
    ax.scatter(table["x"], table["value"], s=16, color=_DATA)
    if first:
        ax.legend(frameon=False)


def _boxes(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    names = {"whislo": "lowest", "q1": "lower", "med": "median", "q3": "upper",
             "whishi": "highest"}  # fmt: skip
    rows = table.sort_values("draw").to_dict("records")
    drawn = ax.bxp(
        [{key: row[column] for key, column in names.items()} for row in rows],
        positions=[int(row["draw"]) for row in rows], showfliers=False, patch_artist=True,
        medianprops={"color": "black"},
    )  # fmt: skip
    for row, box in zip(rows, drawn["boxes"], strict=True):
        box.set_facecolor(_DATA if row["draw"] == 0 else _REP)
        if row["draw"] == 0:
            drawn["medians"][0].set_color("white")
    ax.set_xticks([int(row["draw"]) for row in rows],
                  ["data" if row["draw"] == 0 else str(int(row["draw"])) for row in rows])


def _areas(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    colour = _DATA if int(table["draw"].iloc[0]) == 0 else _REP
    ax.fill_between(table["x"], table["value"], color=colour, lw=0)


def _stat_line(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    ax.plot(table["x"], table["value"], color=_REP, label="replications")
    ax.axvline(float(table["observed"].iloc[0]), color=_DATA, lw=2, ls="--", label="data")
    if first:
        ax.legend(frameon=False)


def _envelope(ax: Axes, table: pd.DataFrame, first: bool) -> None:
    ax.fill_between(table["x"], table["lower"], table["upper"], color=_REP, alpha=0.3, lw=0,
                    step="post", label="95 % envelope")  # fmt: skip
    ax.axhline(0.0, color=_DATA, lw=0.8, ls="--")
    ax.plot(table["x"], table["value"], color=_DATA, drawstyle="steps-post", label="data")
    ax.margins(y=0.2)
    if first:
        ax.legend(frameon=False, loc="upper center", ncols=2)


# Styles with a panel for each replication.
_PANELS = frozenset({"hists", "areas", "scatter_panels", "error_panels"})

_STYLES: dict[str, Callable[[Axes, pd.DataFrame, bool], None]] = {
    "curves": _curves,
    "steps": _steps,
    "hists": _hists,
    "bars": _bars,
    "stat": _stat,
    "stat_2d": _stat_2d,
    "intervals": _intervals,
    "ribbon": _ribbon,
    "scatter": _scatter,
    "errors": _errors,
    "errors_of_x": _errors_of_x,
    "error_panels": _errors,
    "scatter_panels": _scatter,
    "binned": _binned,
    "boxes": _boxes,
    "areas": _areas,
    "stat_line": _stat_line,
    "envelope": _envelope,
}
