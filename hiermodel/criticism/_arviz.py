"""The few ArviZ functions that hiermodel calls, the same on both lines of ArviZ.

ArviZ 0.23 (Python 3.11) is one package; ArviZ 1 (Python 3.12 and later) is split into
`arviz_stats` and `arviz_plots`. `inference_data` says which line it is and makes the container.
All are imported when called: importing ArviZ takes longer than fitting a small model.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from hiermodel import inference_data

is_modern = cache(inference_data.uses_datatree)


@cache
def legacy() -> Any:
    """Import ArviZ 0.23 without its announcement of version 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return import_module("arviz")


def psis(log_lik: np.ndarray, tail: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Pareto-smoothed importance weights of leave-one-out, and their shapes k.

    Parameters
    ----------
    log_lik : ndarray (N, S)
        Log-likelihood, a row per observation, a column per draw. Finite, and the `tail`
        smallest values of a row are not all the same.
    tail : int
        How many of the largest weights are smoothed, at least 5.

    Returns
    -------
    log_weights : ndarray (N, S)
        Normalised within each row.
    k : ndarray (N,)
    """
    # Both take the relative efficiency r and smooth 3 sqrt(S / r) weights; one rounds up and
    # the other down, so aim at the middle.
    n_draws = log_lik.shape[1]
    if is_modern():
        array_stats = import_module("arviz_stats.base").array_stats
        reff = n_draws * (3.0 / (tail + 0.5)) ** 2
        weights, k = array_stats.psislw(log_lik, r_eff=reff, axis=-1)
    else:
        reff = n_draws * (3.0 / (tail - 0.5)) ** 2
        weights, k = legacy().psislw(-log_lik, reff=reff)
    return np.asarray(weights), np.asarray(k)


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
