"""Pictures of conditional effects."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.effects.grid import level_text, number_text
from hiermodel.errors import ArgumentError
from hiermodel.summary.html import page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.effects.result import ConditionalEffects, Effect

_COLUMNS = 3
_DODGE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """What one Axes shows: an effect, in one condition and perhaps for one category."""

    effect: Effect
    frame: pd.DataFrame
    title: str


def panels(effects: ConditionalEffects) -> list[Panel]:
    """Return the panels of a picture in order."""
    return [panel for effect in effects.effects for panel in _split(effect)]


def _split(effect: Effect) -> Iterator[Panel]:
    frame = effect.frame
    keys = [c for c in ("cond__",) if frame[c].nunique() > 1]
    # Categories have the colour; in an interaction the second variable has it already.
    if effect.categories and len(effect.variables) == 2:
        keys.append("cats__")
    if not keys:
        yield Panel(effect, frame, "")
        return
    for key, part in frame.groupby(keys, sort=False, observed=True):
        yield Panel(effect, part, ", ".join(str(k) for k in key))


def draw_effects(
    effects: ConditionalEffects, ax: Axes | Sequence[Axes] | None, points: bool
) -> list[Axes]:
    """Draw all panels; see `ConditionalEffects.plot`."""
    parts = panels(effects)
    if ax is None:
        import matplotlib.pyplot as plt

        columns = min(_COLUMNS, len(parts))
        rows = -(-len(parts) // columns)
        size = (4.6 * columns, 3.5 * rows)
        figure = plt.figure(figsize=size, layout="constrained")
        axes = [figure.add_subplot(rows, columns, k + 1) for k in range(len(parts))]
    else:
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
    if len(axes) != len(parts):
        raise ArgumentError(f"the picture has {len(parts)} panels, but {len(axes)} axes were given")
    for panel, one in zip(parts, axes, strict=True):
        _draw_panel(panel, one, effects, points)
    return axes


def _draw_panel(panel: Panel, ax: Axes, effects: ConditionalEffects, points: bool) -> None:
    first = panel.effect.variables[0]
    if points and effects.observed is not None:
        _draw_points(panel, ax, effects.observed)
    series = list(_series(panel))
    for k, (label, part) in enumerate(series):
        colour = f"C{k}"
        if first.is_factor:
            _draw_factor(ax, part, label, colour, k, len(series))
        else:
            _draw_line(ax, part, label, colour)
    if first.is_factor:
        levels = _levels(panel)
        ax.set_xticks(range(len(levels)), levels)
        ax.set_xlim(-0.5, len(levels) - 0.5)
    ax.set_xlabel(first.name)
    ax.set_ylabel(effects.label)
    ax.set_title(panel.title)
    if len(series) > 1:
        ax.legend(title=_legend_title(panel.effect), frameon=False)


def _legend_title(effect: Effect) -> str:
    return effect.variables[1].name if len(effect.variables) == 2 else "category"


def _levels(panel: Panel) -> list[str]:
    return list(dict.fromkeys(level_text(v) for v in panel.frame["effect1__"]))


def _series(panel: Panel) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the parts of a panel with a colour of their own, and their labels."""
    if "effect2__" not in panel.frame:
        yield "", panel.frame
        return
    numeric = len(panel.effect.variables) == 2 and not panel.effect.variables[1].is_factor
    for value, part in panel.frame.groupby("effect2__", sort=False, observed=True):
        yield (number_text(value) if numeric else level_text(value)), part


def _draw_line(ax: Axes, part: pd.DataFrame, label: str, colour: str) -> None:
    x = part["effect1__"].to_numpy(dtype=float)
    ax.fill_between(x, part["lower__"], part["upper__"], color=colour, alpha=0.2, linewidth=0)
    ax.plot(x, part["estimate__"], color=colour, label=label)


def _draw_factor(
    ax: Axes, part: pd.DataFrame, label: str, colour: str, k: int, n: int
) -> None:
    levels = [level_text(v) for v in part["effect1__"]]
    places = {level: i for i, level in enumerate(dict.fromkeys(levels))}
    shift = 0.0 if n == 1 else _DODGE * (k / (n - 1) - 0.5)
    x = np.array([places[level] for level in levels]) + shift
    middle = part["estimate__"].to_numpy()
    ends = np.abs(np.stack([middle - part["lower__"], part["upper__"] - middle]))
    ax.errorbar(x, middle, yerr=ends, fmt="o", color=colour, label=label, capsize=0)


def _draw_points(panel: Panel, ax: Axes, observed: pd.DataFrame) -> None:
    first = panel.effect.variables[0]
    x: Any = observed[first.name]
    if first.is_factor:
        places = {level: i for i, level in enumerate(_levels(panel))}
        spread = np.random.default_rng(0).uniform(-0.12, 0.12, len(observed))
        x = np.array([places.get(str(v), np.nan) for v in x]) + spread
    colours: Any = "0.45"
    if len(panel.effect.variables) == 2 and panel.effect.variables[1].is_factor:
        # The colours of the lines or bars that the points belong to.
        by_level = {label: f"C{k}" for k, (label, _) in enumerate(_series(panel))}
        second = observed[panel.effect.variables[1].name]
        colours = [by_level.get(str(v), "0.45") for v in second]
    ax.scatter(x, observed["response__"], s=9, c=colours, alpha=0.5, linewidths=0, zorder=0)


def effects_html(effects: ConditionalEffects) -> str:
    """Return the picture as HTML, with what the other variables are held at."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = panels(effects)
    columns = min(_COLUMNS, max(1, len(parts)))
    rows = max(1, -(-len(parts) // columns))
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, columns, k + 1) for k in range(len(parts))]
    draw_effects(effects, axes, points=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    picture = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img alt="conditional effects" src="data:image/png;base64,{picture}">'
    notes = [
        f'<p class="note">{escape(e.name)}: {escape(e.held)}</p>' for e in effects.effects if e.held
    ]
    return page(f"Conditional effects: {effects.label}", [image, *notes])
