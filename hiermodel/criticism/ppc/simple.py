"""The numbers behind further posterior predictive checks: distributions and errors.

As in `overlays`, each function returns exactly what is drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hiermodel.criticism.ppc.overlays import BINS, INTERVAL_PROBS
from hiermodel.criticism.ppc.replications import Replications


def boxplot(data: Replications) -> pd.DataFrame:
    """Compute quantiles of 5, 25, 50, 75 and 95 % of the data (draw 0) and each replication."""
    values = np.vstack([data.y, data.yrep]) if data.observed else data.yrep
    low, left, middle, right, high = np.quantile(values, INTERVAL_PROBS, axis=1)
    draws = np.arange(len(values)) + (0 if data.observed else 1)
    columns = {
        "draw": draws, "lowest": low, "lower": left, "median": middle, "upper": right,
        "highest": high,
    }  # fmt: skip
    return pd.DataFrame(columns)


def freqpoly(data: Replications) -> pd.DataFrame:
    """Count in bins: ``draw`` (0 is the data), middles ``x``, ``value``."""
    edges = np.histogram_bin_edges(data.pooled, BINS)
    middles = (edges[:-1] + edges[1:]) / 2
    parts = [
        pd.DataFrame({"draw": s, "x": middles, "value": np.histogram(values, edges)[0]})
        for s, values in data.sources
    ]
    return pd.concat(parts, ignore_index=True)


def scatter(data: Replications) -> pd.DataFrame:
    """Pair each replication ``x`` with the data ``value``: ``draw`` from 1."""
    return _pairs(data, data.yrep)


def error_scatter(data: Replications) -> pd.DataFrame:
    """Pair the errors ``x`` (data minus replication) with the data ``value``: ``draw`` from 1."""
    return _pairs(data, data.y - data.yrep)


def error_scatter_avg_vs_x(data: Replications) -> pd.DataFrame:
    """Pair the places ``x`` with the mean error ``value`` (data minus replication)."""
    return pd.DataFrame({"x": data.x, "value": data.y - data.yrep.mean(axis=0)})


def error_binned(data: Replications) -> pd.DataFrame:
    """Average errors over bins of the mean replication, with two standard errors.

    As many bins of equal size as the square root of the number of rows (Gelman and Hill 2007,
    section 5.6). Columns: mean replication ``x``, mean error ``value``, and ``lower``, ``upper``
    about zero; these are missing in bins of one row.
    """
    expected = data.yrep.mean(axis=0)
    parts = np.array_split(np.argsort(expected, kind="stable"), int(np.sqrt(len(expected))) or 1)
    rows = []
    for at in parts:
        error = (data.y - expected)[at]
        half = 2 * error.std(ddof=1) / np.sqrt(len(at)) if len(at) > 1 else np.nan
        rows.append((expected[at].mean(), error.mean(), -half, half))
    return pd.DataFrame(rows, columns=["x", "value", "lower", "upper"])


def _pairs(data: Replications, places: np.ndarray) -> pd.DataFrame:
    draws, n = places.shape
    return pd.DataFrame(
        {
            "draw": np.repeat(np.arange(1, draws + 1), n),
            "x": places.ravel(),
            "value": np.tile(data.y, draws),
        }
    )
