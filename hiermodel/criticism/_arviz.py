"""The few ArviZ functions that hiermodel calls, the same on both lines of ArviZ.

ArviZ 0.23 (Python 3.11) is one package; ArviZ 1 (Python 3.12 and later) is split into
`arviz_stats` and `arviz_plots`. `inference_data` says which line it is and makes the container.
All are imported when called: importing ArviZ takes longer than fitting a small model.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import xarray as xr

from hiermodel import inference_data
from hiermodel.importance import is_modern, legacy


def plot_data(posterior: xr.Dataset, sample_stats: xr.Dataset | None) -> Any:
    """Return what the plots of ArviZ take: draws, and where they diverged."""
    groups = {"posterior": posterior}
    if sample_stats is not None and "diverging" in sample_stats:
        groups["sample_stats"] = sample_stats[["diverging"]]
    # ArviZ 1 looks divergent draws up by the labels of chains and draws.
    groups = {name: _numbered(group) for name, group in groups.items()}
    return inference_data.make(groups)


def _numbered(group: xr.Dataset) -> xr.Dataset:
    """The group with labels of its chains and draws: numbers from 0 where it has none."""
    bare = [d for d in ("chain", "draw") if d in group.sizes and d not in group.coords]
    return group.assign_coords({dim: range(group.sizes[dim]) for dim in bare})


def pair_options(divergences: bool) -> dict[str, Any]:
    """Return the option of ``plot_pair`` that marks divergent transitions."""
    if is_modern():
        return {"visuals": {"divergence": True}} if divergences else {}
    return {"divergences": divergences}


def figure_of(picture: Any) -> Any:
    """Return the matplotlib figure of what a plot gave back, None with another backend."""
    import numpy as np

    if hasattr(picture, "viz"):
        found = picture.viz
        return found["figure"].item() if "figure" in found else None
    return getattr(np.ravel(np.asarray(picture, dtype=object))[0], "figure", None)


def title(picture: Any, text: str) -> None:
    """Write a title above what `plot` gave back, where the backend is matplotlib."""
    figure = figure_of(picture)
    if figure is not None and hasattr(figure, "suptitle"):
        figure.suptitle(text, fontsize="medium")


def plot(name: str, data: Any, **options: Any) -> Any:
    """Call a plot of ArviZ: ``plot_trace``, ``plot_forest`` or ``plot_pair``."""
    if is_modern():
        arviz_plots = import_module("arviz_plots")
        modern = {"plot_trace": "plot_trace_dist"}.get(name, name)
        options.setdefault("backend", "matplotlib")
        if "figsize" in options:
            size = {"figsize": options.pop("figsize"), "figsize_units": "inches"}
            options["figure_kwargs"] = {**size, **options.get("figure_kwargs", {})}
        if name == "plot_forest":
            options.setdefault("ci_kind", "eti")
            options.setdefault("ci_probs", (0.5, 0.95))
        if name == "plot_pair":
            # Thousands of points lie on top of each other.
            faint = {"scatter": {"alpha": 0.25, "size": 8}}
            options["visuals"] = {**faint, **options.get("visuals", {})}
        drawn = getattr(arviz_plots, modern)(data, **options)
        if options["backend"] == "matplotlib":
            _fit_labels(drawn)
        return drawn
    if name == "plot_forest":
        options = {"hdi_prob": 0.95, "textsize": 10, **options}
    else:
        options.setdefault("backend_kwargs", {"layout": "constrained"})
    if name == "plot_pair":
        # Thousands of points lie on top of each other.
        options = {"textsize": 10, "scatter_kwargs": {"alpha": 0.25, "s": 8}, **options}
    drawn = getattr(legacy(), name)(data, **options)
    if name == "plot_forest" and options.get("ax") is None:
        _fit_labels(drawn)
    return drawn


def _fit_labels(drawn: Any) -> None:
    """Make room for long names and for the numbers of axes beside each other."""
    figure = figure_of(drawn)
    if figure is not None and hasattr(figure, "set_layout_engine"):
        figure.set_layout_engine("constrained")


def hdi(draws: Any, prob: float) -> tuple[float, float]:
    """Highest density interval of draws ``(S,)`` that holds a probability."""
    if is_modern():
        found = import_module("arviz_stats.base").array_stats.hdi(draws, prob)
    else:
        found = legacy().hdi(draws, hdi_prob=prob)
    low, high = found
    return float(low), float(high)
