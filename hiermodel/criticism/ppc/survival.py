"""Survival curves of right-censored responses against those of replications.

The product-limit estimate of Kaplan and Meier (1958), Nonparametric estimation from incomplete
observations, JASA 53, 457-481; with delayed entry as in Klein and Moeschberger (2003), Survival
Analysis, section 4.6.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hiermodel.criticism.ppc.replications import Array, Replications

# How far replications are followed behind the last time of the data.
_BEYOND = 0.2


def kaplan_meier(
    times: Array, censored: Array | None = None, entry: Array | None = None
) -> tuple[Array, Array]:
    """Product-limit estimate of the survival function.

    Parameters
    ----------
    times : ndarray (n,)
    censored : ndarray of bool (n,), optional
        True where the event comes after the time.
    entry : ndarray (n,), optional
        When each was first under observation.

    Returns
    -------
    at : ndarray (k,)
        Times of events, increasing.
    survival : ndarray (k,)
        From each of them on; 1 before the first.
    """
    happened = times if censored is None else times[~censored]
    at, deaths = np.unique(happened, return_counts=True)
    left = np.searchsorted(np.sort(times), at, side="left")
    entered = len(times) if entry is None else np.searchsorted(np.sort(entry), at, side="left")
    # Who dies when observation starts was at risk then.
    at_risk = np.maximum(entered - left, deaths)
    return at, np.cumprod(1.0 - deaths / at_risk)


def km_overlay(data: Replications) -> pd.DataFrame:
    """Compute survival curves: ``draw`` (0 is the data), ``x``, ``value``, ``censored``.

    A curve keeps its value until the next ``x``. That of the data ends at the last time and has
    further points where rows are censored, with their number; replications are not censored, and
    are shown up to 20 % behind the last time of the data.
    """
    first = min(0.0, float(data.pooled.min()))
    if data.entry is not None:
        first = max(first, float(data.entry.min()))
    last = float(data.y.max())
    end = last + _BEYOND * (last - first)
    parts = []
    for draw, values in data.sources:
        censored = data.censored if draw == 0 else None
        at, survival = kaplan_meier(values, censored, data.entry)
        stops = [first, last if draw == 0 else end]
        marks, counts = np.unique(
            values[censored] if censored is not None else values[:0], return_counts=True
        )
        x = np.unique(np.concatenate([at[at <= stops[1]], marks, stops]))
        steps = np.concatenate([[1.0], survival])
        value = steps[np.searchsorted(at, x, side="right")]
        number = np.zeros(len(x), dtype=int)
        number[np.searchsorted(x, marks)] = counts
        parts.append(pd.DataFrame({"draw": draw, "x": x, "value": value, "censored": number}))
    return pd.concat(parts, ignore_index=True)
