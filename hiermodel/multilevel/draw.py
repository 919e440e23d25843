"""Pictures of pooling and of batches of coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.arguments import texts
from hiermodel.errors import ArgumentError
from hiermodel.multilevel.comparison import PoolingComparison, level_order, one_coef
from hiermodel.plots.axes import (
    DARK,
    GREY,
    LIGHT,
    forest_size,
    legend_above,
    one_axes,
    rows_below,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.multilevel.anova import Anova

# With more levels than this, of different sizes, the picture is against their sizes.
_MANY = 40


def draw_pooling(
    comparison: PoolingComparison,
    coef: str | Sequence[str] | None = None,
    against: str | None = None,
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Axes:
    """Draw estimates without pooling (open), partially pooled (filled), and the population.

    Parameters
    ----------
    comparison : PoolingComparison
    coef : str or two of them, optional
        One coefficient: a row per level, or a point per level over its number of rows. Two: the
        plane of both, with arrows from the separate to the partially pooled estimates. By
        default the first one.
    against : {"level", "n"}, optional
        For one coefficient. By default ``"n"`` with more than 40 levels of different sizes.
    ax : Axes, optional
    figsize : (float, float), optional
        Inches, for a new figure.

    Returns
    -------
    Axes
    """
    chosen = [comparison.coefs[0]] if coef is None else texts("coef", coef, comparison.coefs[0])
    if len(chosen) > 2:
        raise ArgumentError(f"the picture shows one or two coefficients, not {len(chosen)}")
    if against not in (None, "level", "n"):
        raise ArgumentError(f"against must be 'level' or 'n', not {against!r}")
    tables = [one_coef(comparison, c) for c in chosen]
    if len(chosen) == 2:
        if against is not None:
            raise ArgumentError("against is for one coefficient; two are drawn against each other")
        return _said(comparison.origin, _plane(
            comparison, chosen, tables, one_axes(ax, figsize, (5.4, 4.6))
        ))  # fmt: skip
    table = tables[0]
    if against is None:
        against = "n" if len(table) > _MANY and table["n"].nunique() > 1 else "level"
    if against == "level":
        size = forest_size(len(table))
        drawn = _forest(comparison, chosen[0], table, one_axes(ax, figsize, size))
    else:
        drawn = _by_size(comparison, chosen[0], table, one_axes(ax, figsize, (6.2, 4.2)))
    return _said(comparison.origin, drawn)


def _said(origin: str, ax: Axes) -> Axes:
    """Write at the edge what the draws are of, when not of the posterior itself."""
    if origin:
        ax.annotate(origin, (1.01, 0.5), xycoords="axes fraction", rotation=90, va="center",
                    fontsize=8, color=GREY, annotation_clip=False)
    return ax


def _quantiles(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    names = [c for c in table.columns if str(c).startswith("Q")]
    return table[names[0]].to_numpy(), table[names[1]].to_numpy()


def _axis_label(comparison: PoolingComparison, coef: str) -> str:
    return f"{coef} ({comparison.label})"


def _lines(ax: Axes, table: pd.DataFrame, vertical: bool) -> None:
    """Population and complete pooling, where they are one number for all levels."""
    draw = ax.axvline if vertical else ax.axhline
    for column, style, label in (
        ("population", "-", "population"), ("complete_pooling", "--", "complete pooling"),
    ):  # fmt: skip
        values = table[column].to_numpy()
        if np.ptp(values) < 1e-9 * max(1.0, float(np.abs(values).max())):
            draw(float(values[0]), color=GREY, lw=1.0, ls=style, zorder=0, label=label)


def _forest(
    comparison: PoolingComparison, coef: str, table: pd.DataFrame, ax: Axes
) -> Axes:
    order = level_order(table)[::-1]
    table = table.droplevel("coef").loc[order]
    y = rows_below(ax, order)
    low, high = _quantiles(table)
    _lines(ax, table, vertical=True)
    none, partial = table["no_pooling"].to_numpy(), table["partial_pooling"].to_numpy()
    ax.hlines(y, low, high, color=LIGHT, lw=1.6, label=f"{100 * comparison.prob:g} % interval")
    ax.hlines(y, none, partial, color=GREY, lw=0.7, ls=":", zorder=1)
    ax.plot(none, y, "o", mfc="white", mec=DARK, ms=4.5, label="no pooling", zorder=3)
    ax.plot(partial, y, "o", color=DARK, ms=4.5, label="partial pooling", zorder=4)
    _own_population(ax, table, y, vertical=True)
    ax.set_xlabel(_axis_label(comparison, coef))
    ax.set_ylabel(comparison.group)
    legend_above(ax)
    return ax


def _own_population(ax: Axes, table: pd.DataFrame, places: np.ndarray, vertical: bool) -> None:
    """Population-level values that differ between levels."""
    values = table["population"].to_numpy()
    if np.ptp(values) < 1e-9 * max(1.0, float(np.abs(values).max())):
        return
    xy = (values, places) if vertical else (places, values)
    ax.plot(*xy, "|" if vertical else "_", color=GREY, ms=9, mew=1.4, label="population",
            ls="none", zorder=2)


def _by_size(
    comparison: PoolingComparison, coef: str, table: pd.DataFrame, ax: Axes
) -> Axes:
    # Levels of one size side by side, not above each other.
    n = table["n"].to_numpy(dtype=float)
    place = np.random.default_rng(0).uniform(-0.1, 0.1, len(n))
    x = np.exp(np.log(np.maximum(n, 0.7)) + place)
    low, high = _quantiles(table)
    _lines(ax, table, vertical=False)
    none, partial = table["no_pooling"].to_numpy(), table["partial_pooling"].to_numpy()
    ax.vlines(x, low, high, color=LIGHT, lw=1.2, label=f"{100 * comparison.prob:g} % interval")
    ax.vlines(x, none, partial, color=GREY, lw=0.6, ls=":", zorder=1)
    ax.plot(x, none, "o", mfc="white", mec=DARK, ms=4, mew=0.8, label="no pooling", zorder=3)
    ax.plot(x, partial, "o", color=DARK, ms=4, label="partial pooling", zorder=4)
    _own_population(ax, table, x, vertical=False)
    ax.set_xscale("log")
    _plain_log(ax, n)
    ax.set_xlabel(f"rows of the {comparison.group}")
    ax.set_ylabel(_axis_label(comparison, coef))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    legend_above(ax)
    return ax


def _plain_log(ax: Axes, n: np.ndarray) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
             if n.min() * 0.9 <= t <= n.max() * 1.1]
    ax.xaxis.set_major_locator(FixedLocator(ticks or [float(n.min())]))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_locator(NullLocator())


def _plane(
    comparison: PoolingComparison, coefs: Sequence[str], tables: Sequence[pd.DataFrame], ax: Axes
) -> Axes:
    none = np.column_stack([t["no_pooling"].to_numpy() for t in tables])
    partial = np.column_stack([t["partial_pooling"].to_numpy() for t in tables])
    population = np.column_stack([t["population"].to_numpy() for t in tables])
    complete = np.column_stack([t["complete_pooling"].to_numpy() for t in tables])
    for start, end in zip(none, partial, strict=True):
        if np.all(np.isfinite(start)):
            ax.annotate("", end, start, arrowprops={
                "arrowstyle": "-|>", "color": GREY, "lw": 0.8, "shrinkA": 2, "shrinkB": 2,
                "mutation_scale": 7,
            })  # fmt: skip
    ax.plot(*none.T, "o", mfc="white", mec=DARK, ms=5, ls="none", label="no pooling", zorder=3)
    ax.plot(*partial.T, "o", color=DARK, ms=5, ls="none", label="partial pooling", zorder=4)
    ax.plot(*np.unique(population, axis=0).T, "D", color="#d08a1d", ms=6, mec="black", mew=0.6,
            label="population", ls="none", zorder=5)
    ax.plot(*np.unique(complete, axis=0).T, "x", color="black", ms=7, mew=1.6,
            label="complete pooling", ls="none", zorder=5)
    ax.set_xlabel(_axis_label(comparison, coefs[0]))
    ax.set_ylabel(_axis_label(comparison, coefs[1]))
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    legend_above(ax, ncols=2)
    return ax


def draw_anova(
    result: Anova, ax: Axes | None = None, figsize: tuple[float, float] | None = None
) -> Axes:
    """Draw the standard deviations of all batches; see `Anova.plot`."""
    table = result.table
    ax = one_axes(ax, figsize, (6.2, max(2.2, 1.1 + 0.42 * len(table))))
    labels = [f"{name}   ({int(df)})" for name, df in zip(table.index, table["df"], strict=True)]
    y = rows_below(ax, labels)
    shift = 0.14 if table["super"].notna().any() else 0.0
    _bars(ax, y + shift, table, "", DARK, "o", "finite population")
    if shift:
        _bars(ax, y - shift, table, "super_", LIGHT, "s", "superpopulation")
        legend_above(ax, ncols=2)
    ax.set_xlim(left=0.0)
    ax.spines["left"].set_visible(True)
    ax.set_xlabel(f"standard deviation of the effects on {result.label}")
    ax.set_ylabel("source (df)")
    return _said(result.origin, ax)


def _bars(
    ax: Axes, y: np.ndarray, table: pd.DataFrame, prefix: str, colour: str, marker: str, label: str
) -> None:
    middle = table["super" if prefix else "sd"].to_numpy()
    ax.hlines(y, table[f"{prefix}Q2.5"], table[f"{prefix}Q97.5"], color=colour, lw=1.0)
    ax.hlines(y, table[f"{prefix}Q25"], table[f"{prefix}Q75"], color=colour, lw=3.2)
    ax.plot(middle, y, marker, mfc="white" if prefix else colour, mec=colour, ms=5.5, ls="none",
            label=label, zorder=3)
