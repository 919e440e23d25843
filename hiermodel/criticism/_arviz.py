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
    return inference_data.make(groups)


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
        if name == "plot_forest":
            options.setdefault("ci_kind", "eti")
            options.setdefault("ci_probs", (0.5, 0.95))
        return getattr(arviz_plots, modern)(data, **options)
    if name == "plot_forest":
        options.setdefault("hdi_prob", 0.95)
    else:
        options.setdefault("backend_kwargs", {"layout": "constrained"})
    return getattr(legacy(), name)(data, **options)
