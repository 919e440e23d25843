"""Pictures of tables of effects: which column goes where, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.effects.grid import level_text
from hiermodel.effects.marks import (
    bars,
    beside,
    colours,
    dress,
    legend_beside,
    line,
    panel_axes,
    tick_levels,
)
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.marginal.hypotheses import row_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.marginal.table import About

# What tells rows apart besides columns of the data.
_WHAT = ("term", "contrast", "hypothesis")
_CATEGORY = "category"
# Both in one text.
_EFFECT = "term: contrast"
# More cannot be told apart, or read.
_MOST_COLOURS, _MOST_PANELS, _MOST_ROWS = 10, 30, 80
# From as many different numbers on they are joined by a line.
_LINE = 3
# Levels side by side at most, inches for each row below others, and for all of them.
_MOST_LEVELS, _ROW, _TALLEST = 20, 0.24, 14.0


@dataclass(frozen=True, eq=False)
class Picture:
    """What is drawn.

    Attributes
    ----------
    data : DataFrame
        As `EffectTable.plot_data` gives it.
    x, colour : str or None
        The columns on the axis and in the legend; without `x` rows are below each other.
    is_line : bool
    ordered : bool
        Whether the series are numbers or categories, which go from dark to light.
    alike : bool
        Whether all panels have the same quantity, so that they share an axis.
    label : str
        Of the axis of the estimates.
    """

    data: pd.DataFrame
    x: str | None
    colour: str | None
    is_line: bool
    ordered: bool
    alike: bool
    label: str


def picture(table: pd.DataFrame, about: About, by: Any) -> Picture:
    """Find out what a picture of a table shows.

    Raises
    ------
    ArgumentError, DataError
    """
    frame = pd.DataFrame(table)
    frame = frame.assign(**{_EFFECT: _effects(frame)})
    chosen = _default(frame, about) if by is None else _named(frame, by)
    if by is None and len(chosen) > 1 and frame[chosen[1]].nunique() > _MOST_COLOURS:
        chosen.insert(1, None)
    x, colour, *facets = [*chosen, None, None][: max(2, len(chosen))]
    used = {c for c in chosen if c}
    what = [c for c in _WHAT if c in frame and c not in used and _varies(frame[c])]
    if "term" in what:
        what = [_EFFECT, *(c for c in what if c not in ("term", "contrast"))]
    if _CATEGORY in frame and _CATEGORY not in used and _varies(frame[_CATEGORY]):
        if colour is None and x is not None:
            colour = _CATEGORY
        else:
            facets.append(_CATEGORY)
    panels = [*(c for c in facets if c), *(what if x else ())]
    is_line = x is not None and x in about.numeric and frame[x].nunique() >= _LINE
    data = pd.DataFrame({
        "panel": _texts(frame, panels, about),
        "colour": [_text(v) for v in frame[colour]] if colour else [""] * len(frame),
    })
    if x is None:
        rows = [c for c in (*what, *facets) if c] or [c for c in ("rowid",) if c in frame]
        data["panel"] = ""
        texts = pd.DataFrame({name: _texts(frame, [name], about) for name in rows})
        data["x"] = row_names(texts) if rows else [about.subject] * len(frame)
    else:
        data["x"] = frame[x].astype(float) if is_line else [_text(v) for v in frame[x]]
    ends = _ends(frame)
    data = pd.concat([data, frame[["Estimate", *ends]].reset_index(drop=True)], axis=1)
    data = _single(data.drop_duplicates(ignore_index=True), x, colour, panels)
    _check_readable(data, colour, panels, x)
    if is_line:
        data = data.sort_values("x", kind="stable", ignore_index=True)
    ordered = colour is not None and (colour == _CATEGORY or colour in about.numeric)
    alike = "term" not in frame or "term" in used or not _varies(frame["term"])
    label = about.subject
    same = [c for c in ("term", "contrast") if c in frame and not _varies(frame[c])]
    if len(same) == 2:
        label += f" ({frame[_EFFECT].iloc[0]})"
    return Picture(data, x, colour, is_line, ordered, alike, label)


def _effects(frame: pd.DataFrame) -> list[str]:
    """Term and contrast in one."""
    if "term" not in frame or "contrast" not in frame:
        return [""] * len(frame)
    return [f"{a}: {b}" for a, b in zip(frame["term"], frame["contrast"], strict=True)]


def _named(frame: pd.DataFrame, by: Any) -> list[str | None]:
    given = [by] if isinstance(by, str) else by
    if not isinstance(given, (list, tuple)) or not given or given[0] is None:
        raise ArgumentError(
            "by names the column for the axis, then for colours, then for panels, such as 'x' or "
            f"['x', 'g'], not {by!r}"
        )
    known = [str(c) for c in frame.columns if c != _EFFECT]
    for name in given:
        if name is not None and name not in known:
            raise DataError(
                f"by: {name!r} is no column of the table{did_you_mean(str(name), known)}; "
                f"it has {', '.join(known)}"
            )
    names = [name for name in given if name is not None]
    if len(set(names)) < len(names):
        raise ArgumentError(f"by names a column twice: {by!r}")
    return list(given)


def _default(frame: pd.DataFrame, about: About) -> list[str | None]:
    """The columns that averages were taken by; else numbers with many values first."""
    names = [name for name in about.by if name in frame]
    if not about.sorted_by_user:
        count = {name: frame[name].nunique() for name in names}
        numbers = [name for name in names if name in about.numeric]
        levels = [name for name in names if name not in about.numeric]
        names = [
            *sorted(numbers, key=lambda name: -count[name]),
            *sorted(levels, key=lambda name: count[name]),
        ]
    return [*names]


def _varies(column: pd.Series) -> bool:
    return column.astype(str).nunique() > 1


def _text(value: Any) -> str:
    """A value as a label; numbers that differ keep labels that do."""
    if not isinstance(value, (float, np.floating)):
        return level_text(value)
    number = float(value)
    if number.is_integer():
        return level_text(number)
    return f"{number:.6g}" if abs(number) > 1e-12 else "0"


def _texts(frame: pd.DataFrame, names: Sequence[str], about: About) -> list[str]:
    """One text a row; numbers and categories say of what."""
    if not names:
        return [""] * len(frame)
    columns = []
    for name in names:
        head = f"{name} = " if name in about.numeric else f"{name} " if name == _CATEGORY else ""
        columns.append([head + _text(v) for v in frame[name]])
    return [", ".join(row) for row in zip(*columns, strict=True)]


def _ends(frame: pd.DataFrame) -> list[str]:
    place = list(frame.columns).index("Est.Error")
    return [str(c) for c in frame.columns[place + 1 : place + 3]]


def _single(
    data: pd.DataFrame, x: str | None, colour: str | None, panels: Sequence[str]
) -> pd.DataFrame:
    """Refuse several estimates at one place. Rows that repeat another one are gone."""
    if x is None:
        return data
    twice = data.duplicated(["panel", "colour", "x"])
    if twice.any():
        row = data[twice].iloc[0]
        named = [(x, row["x"]), (colour, row["colour"]), (", ".join(panels), row["panel"])]
        shown = ", ".join(f"{name} = {_text(value)}" for name, value in named if name)
        raise DataError(
            f"several rows of the table have {shown}, with different estimates: average them with "
            "by=, take a grid of rows (newdata=fit.datagrid(...)), or name more columns in "
            "plot(by=)"
        )
    return data


def _check_readable(
    data: pd.DataFrame, colour: str | None, panels: Sequence[str], x: str | None
) -> None:
    count = data["colour"].nunique()
    if count > _MOST_COLOURS:
        raise DataError(
            f"{colour!r} has {count} values, more than {_MOST_COLOURS} colours can tell apart: "
            f"give it panels with plot(by=[{x!r}, None, {colour!r}]), or fewer rows"
        )
    count = data["panel"].nunique()
    if count > _MOST_PANELS:
        raise DataError(f"{', '.join(panels)} would make {count} panels, more than {_MOST_PANELS}: "
                        "name fewer columns in plot(by=)")
    if x is None and len(data) > _MOST_ROWS:
        raise DataError(
            f"{len(data)} estimates below each other cannot be read, {_MOST_ROWS} can: name "
            "columns with plot(by=), or average them with by="
        )


def draw_table(
    table: pd.DataFrame, about: About, by: Any, ax: Any, ncols: int | None, figsize: Any
) -> list[Axes]:
    """Draw a table; see `EffectTable.plot`."""
    shown = picture(table, about, by)
    parts = list(shown.data.groupby("panel", sort=False))
    levels = [] if shown.is_line else list(dict.fromkeys(shown.data["x"]))
    # Names of many levels stand below each other, as do rows that no column tells apart.
    lying = not shown.is_line and (shown.x is None or len(levels) > _MOST_LEVELS)
    places = np.arange(len(shown.data)) if shown.x is None else np.arange(len(levels))
    size = (5.5, float(np.clip(0.9 + _ROW * len(places), 1.7, _TALLEST))) if lying else (4.6, 3.5)
    axes = panel_axes(len(parts), ax, ncols, figsize, size)
    names = list(dict.fromkeys(shown.data["colour"]))
    tones = colours(len(names), shown.ordered)
    for (title, part), one in zip(parts, axes, strict=True):
        _references(one, about, across=lying)
        for k, name in enumerate(names):
            own = part[part["colour"] == name]
            if shown.is_line:
                line(one, own["x"], own["Estimate"], _bounds(own), name, tones[k], k)
                continue
            at = places if shown.x is None else np.array([levels.index(v) for v in own["x"]])
            moved = at + beside(k, len(names))
            bars(one, moved, own["Estimate"], _bounds(own), name, tones[k], k, across=lying)
        if lying:
            labels = list(part["x"]) if shown.x is None else levels
            _rows(one, labels, shown.label, str(shown.x or ""), str(title))
            continue
        if not shown.is_line:
            tick_levels(one, levels)
        dress(one, str(shown.x), shown.label, str(title))
    if len(names) > 1:
        legend_beside(axes[-1], str(shown.colour))
    if len(axes) > 1 and shown.alike:
        _share(axes, "x" if lying else "y")
    return axes


def _bounds(own: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    return own.iloc[:, -2], own.iloc[:, -1]


def _share(axes: Sequence[Axes], which: str) -> None:
    """Give all panels the same ends."""
    ends = np.array([getattr(one, f"get_{which}lim")() for one in axes])
    for one in axes:
        getattr(one, f"set_{which}lim")(ends.min(), ends.max())


def _references(ax: Axes, about: About, across: bool) -> None:
    """What estimates are compared with: no difference, and what counts as none."""
    if about.equivalence is not None:
        (ax.axvspan if across else ax.axhspan)(*about.equivalence, color="0.92", zorder=-2, lw=0)
    if about.null is not None:
        (ax.axvline if across else ax.axhline)(about.null, color="0.6", lw=0.9, zorder=-1)


def _rows(ax: Axes, labels: Sequence[str], x: str, y: str, title: str) -> None:
    """Name rows below each other, the first one highest."""
    dress(ax, x, y, title)
    ax.set_yticks(range(len(labels)), labels, fontsize=8 if len(labels) > 30 else 10)
    ax.set_ylim(len(labels) - 0.3, -0.7)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
