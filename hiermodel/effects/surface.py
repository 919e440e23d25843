"""Two numbers as a surface: filled contours with a colour bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.effects.result import Effect

_LEVELS = 12


def grid(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of both variables, and estimates (second, first); NaN where they were left out."""
    table = frame.pivot(index="effect2__", columns="effect1__", values="estimate__")
    return table.columns.to_numpy(float), table.index.to_numpy(float), table.to_numpy(float)


def draw_surface(
    effect: Effect, frame: pd.DataFrame, ax: Axes, label: str, points: pd.DataFrame | None
) -> None:
    """Draw one panel; all panels of an effect have the same colours for the same values."""
    from matplotlib.ticker import MaxNLocator

    x, y, z = grid(frame)
    low, high = float(effect.frame["estimate__"].min()), float(effect.frame["estimate__"].max())
    levels = MaxNLocator(_LEVELS).tick_values(low, high) if high > low else [low - 1, low + 1]
    # A colour map whose lightness rises with the value reads the same in grey.
    filled = ax.contourf(x, y, np.ma.masked_invalid(z), levels=levels, cmap="viridis")
    lines = ax.contour(x, y, np.ma.masked_invalid(z), levels=levels[::2], colors="white",
                       linewidths=0.6)
    ax.clabel(lines, fontsize=7, fmt="%.4g")
    if points is not None:
        ax.plot(points[effect.variables[0].name], points[effect.variables[1].name], "o",
                mfc="white", mec="black", mew=0.4, ms=2.6, alpha=0.7, label="_points")
    bar = ax.figure.colorbar(filled, ax=ax)
    bar.set_label(label)
    ax.set_xlabel(effect.variables[0].name)
    ax.set_ylabel(effect.variables[1].name)
