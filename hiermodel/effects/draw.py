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

from hiermodel.arguments import flag
from hiermodel.effects.grid import level_text, number_text
from hiermodel.effects.marks import (
    COLUMNS,
    MARKERS,
    bars,
    beside,
    colours,
    dress,
    legend_beside,
    line,
    panel_axes,
    tick_levels,
)
from hiermodel.effects.surface import draw_surface
from hiermodel.errors import DataError
from hiermodel.summary.html import page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.effects.result import ConditionalEffects, Effect

@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """What one Axes shows: an effect, in one condition and perhaps for one category."""

    effect: Effect
    frame: pd.DataFrame
    title: str
    points: pd.DataFrame | None
    lines: pd.DataFrame | None
    last: bool


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
        yield Panel(effect, frame, "", effect.points, effect.lines, True)
        return
    parts = list(frame.groupby(keys, sort=False, observed=True))
    for k, (key, part) in enumerate(parts):
        points, lines = effect.points, effect.lines
        for name, value in zip(keys, key, strict=True):
            if points is not None and name == "cond__":
                points = points[points[name] == value]
            if lines is not None:
                lines = lines[lines[name] == value]
        title = ", ".join(str(v) for v in key)
        yield Panel(effect, part, title, points, lines, k == len(parts) - 1)


def draw_effects(
    effects: ConditionalEffects,
    ax: Axes | Sequence[Axes] | None,
    points: bool,
    *,
    rug: bool = False,
    ncols: int | None = None,
    figsize: tuple[float, float] | None = None,
) -> list[Axes]:
    """Draw all panels; see `ConditionalEffects.plot`."""
    points, rug = flag("points", points), flag("rug", rug)
    parts = panels(effects)
    surfaces = any(panel.effect.surface for panel in parts)
    if points and effects.observed is None and not surfaces:
        raise DataError(
            f"points=True: the observed response has no place on the axis of {effects.label!r}; "
            "rug=True marks the observed values of the predictors"
        )
    axes = panel_axes(len(parts), ax, ncols, figsize)
    for panel, one in zip(parts, axes, strict=True):
        label = panel.effect.label or effects.label
        if panel.effect.surface:
            draw_surface(panel.effect, panel.frame, one, label,
                         panel.points if points or rug else None)
            one.set_title(panel.title, fontsize="medium")
        else:
            _draw_panel(panel, one, label, points, rug)
    for effect in effects.effects:
        same = [a for p, a in zip(parts, axes, strict=True) if p.effect is effect]
        if len(same) > 1 and not effect.surface:
            # Panels of one effect are there to be compared.
            ends = np.array([one.get_ylim() for one in same])
            for one in same:
                one.set_ylim(ends.min(), ends.max())
    return axes


def _draw_panel(panel: Panel, ax: Axes, label: str, points: bool, rug: bool) -> None:
    effect = panel.effect
    first = effect.variables[0]
    series = list(_series(panel))
    tones = _colours(effect, len(series))
    if points and panel.points is not None:
        _draw_points(panel, ax, [label for label, _, _ in series], tones)
    for k, (name, part, lines) in enumerate(series):
        if first.is_factor:
            _draw_factor(ax, part, name, tones[k], k, len(series), _levels(panel))
        else:
            _draw_line(ax, part, lines, name, tones[k], k)
    if first.is_factor:
        tick_levels(ax, _levels(panel))
    if rug and panel.points is not None:
        _draw_rug(panel, ax)
    dress(ax, first.name, label, panel.title)
    if len(series) > 1 and panel.last:
        legend_beside(ax, _legend_title(effect))


def _colours(effect: Effect, n: int) -> list[Any]:
    """Colours of the series: from dark to light where they are ordered."""
    numeric = len(effect.variables) == 2 and not effect.variables[1].is_factor
    return colours(n, numeric or bool(effect.categories))


def _legend_title(effect: Effect) -> str:
    return effect.variables[1].name if len(effect.variables) == 2 else "category"


def _levels(panel: Panel) -> list[str]:
    return list(dict.fromkeys(level_text(v) for v in panel.frame["effect1__"]))


def _series(panel: Panel) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame | None]]:
    """Yield the parts of a panel with a colour of their own: label, estimates, single draws."""
    if "effect2__" not in panel.frame:
        yield "", panel.frame, panel.lines
        return
    numeric = len(panel.effect.variables) == 2 and not panel.effect.variables[1].is_factor
    for value, part in panel.frame.groupby("effect2__", sort=False, observed=True):
        lines = panel.lines
        if lines is not None:
            lines = lines[lines["effect2__"] == value]
        yield (number_text(value) if numeric else level_text(value)), part, lines


def _draw_line(
    ax: Axes, part: pd.DataFrame, lines: pd.DataFrame | None, label: str, colour: Any, k: int
) -> None:
    x = part["effect1__"].to_numpy(dtype=float)
    ends = None if lines is not None else (part["lower__"], part["upper__"])
    if lines is not None:
        from matplotlib.collections import LineCollection

        drawn = lines["estimate__"].to_numpy().reshape(-1, len(x))
        alpha = float(np.clip(8.0 / len(drawn), 0.08, 0.5))
        segments = [np.column_stack([x, y]) for y in drawn]
        ax.add_collection(LineCollection(segments, colors=[colour], linewidths=0.7, alpha=alpha))
    line(ax, x, part["estimate__"], ends, label, colour, k)


def _draw_factor(
    ax: Axes, part: pd.DataFrame, label: str, colour: Any, k: int, n: int, levels: Sequence[str]
) -> None:
    places = np.array([levels.index(level_text(v)) for v in part["effect1__"]])
    ends = (part["lower__"], part["upper__"])
    bars(ax, places + beside(k, n), part["estimate__"], ends, label, colour, k)


def _draw_points(panel: Panel, ax: Axes, labels: Sequence[str], tones: Sequence[Any]) -> None:
    effect, points = panel.effect, panel.points
    assert points is not None
    own: np.ndarray = np.full(len(points), -1)
    if len(effect.variables) == 2 and effect.variables[1].is_factor:
        # The colour and marker of the line or bar that a point belongs to.
        by_level = {label: k for k, label in enumerate(labels)}
        own = np.array([by_level.get(str(v), -1) for v in points[effect.variables[1].name]], int)
    x = points[effect.variables[0].name]
    if effect.variables[0].is_factor:
        places = {level: i for i, level in enumerate(_levels(panel))}
        wide = 0.12 if own.max(initial=-1) < 0 else 0.06
        spread = np.random.default_rng(0).uniform(-wide, wide, len(points))
        shifts = np.array([0.0 if k < 0 else beside(int(k), len(labels)) for k in own])
        x = np.array([places.get(str(v), np.nan) for v in x]) + spread + shifts
    x, y = np.asarray(x, dtype=float), points["response__"].to_numpy(dtype=float)
    for k in np.unique(own):
        at = own == k
        style = {"c": "0.45", "marker": "o"} if k < 0 else {
            "c": [tones[k]], "marker": MARKERS[k % len(MARKERS)]
        }  # fmt: skip
        ax.scatter(x[at], y[at], s=13, alpha=0.55, linewidths=0, zorder=0, **style)


def _draw_rug(panel: Panel, ax: Axes) -> None:
    assert panel.points is not None
    first = panel.effect.variables[0]
    values = panel.points[first.name]
    if first.is_factor:
        places = {level: i for i, level in enumerate(_levels(panel))}
        spread = np.random.default_rng(0).uniform(-0.12, 0.12, len(values))
        x = np.array([places.get(str(v), np.nan) for v in values]) + spread
    else:
        x = values.to_numpy(dtype=float)
    ax.plot(x, np.full(len(x), 0.015), "|", color="0.25", ms=6, mew=0.6, alpha=0.6,
            transform=ax.get_xaxis_transform(), label="_rug")


def effects_html(effects: ConditionalEffects) -> str:
    """Return the picture as HTML, with what the other variables are held at."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = panels(effects)
    columns = min(COLUMNS, max(1, len(parts)))
    rows = max(1, -(-len(parts) // columns))
    figure = Figure(figsize=(4.2 * columns, 3.2 * rows), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(rows, columns, k + 1) for k in range(len(parts))]
    draw_effects(effects, axes, points=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    picture = base64.b64encode(buffer.getvalue()).decode("ascii")
    image = f'<img alt="{effects.heading.lower()}" src="data:image/png;base64,{picture}">'
    notes = [
        f'<p class="note">{escape(e.name)}: {escape(e.held)}</p>' for e in effects.effects if e.held
    ]
    return page(f"{effects.heading}: {effects.label}", [image, *notes])
