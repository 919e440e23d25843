"""The numbers behind posterior predictive checks: observed against replicated data.

Every kind of check is one function from `Replications` to a data frame that holds exactly what
is drawn. Gabry, Simpson, Vehtari, Betancourt and Gelman (2019), Visualization in Bayesian
workflow, JRSS A 182, 389-402, describe the kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, did_you_mean

Array = np.ndarray
Stat = str | Callable[[Array], float]

_GRID = 256
_INNER, _OUTER = (0.25, 0.75), (0.05, 0.95)
_HIST_BINS = 30

_STATS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda v: v.mean(axis=-1),
    "median": lambda v: np.median(v, axis=-1),
    "sd": lambda v: v.std(axis=-1, ddof=1),
    "var": lambda v: v.var(axis=-1, ddof=1),
    "min": lambda v: v.min(axis=-1),
    "max": lambda v: v.max(axis=-1),
    "prop_zero": lambda v: (v == 0).mean(axis=-1),
}


@dataclass(frozen=True, slots=True, eq=False)
class Replications:
    """Observed data and replications of them.

    Attributes
    ----------
    y : ndarray (N,)
    yrep : ndarray (S, N)
    x : ndarray (N,)
        Horizontal places of the observations in interval plots.
    stats : tuple
        Names or functions of the statistics, for kinds that need them.
    """

    y: Array
    yrep: Array
    x: Array
    stats: tuple[Stat, ...] = ("mean",)


def density(values: Array, grid: Array) -> Array:
    """Return a kernel density estimate on an equidistant grid.

    Gaussian kernel with the bandwidth of Silverman (1986), Density Estimation, equation 3.31.
    The values are binned on the grid first, so that the cost does not grow with their number.

    Parameters
    ----------
    values : ndarray (n,)
    grid : ndarray (m,)

    Returns
    -------
    ndarray (m,)
    """
    step = grid[1] - grid[0]
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    quartiles = np.quantile(values, (0.25, 0.75))
    scales = [s for s in (spread, (quartiles[1] - quartiles[0]) / 1.34) if s > 0]
    width = max(0.9 * min(scales) * len(values) ** -0.2 if scales else step, step / 2)
    # Bins reach beyond the grid: values just outside it still have weight inside.
    pad = int(np.ceil(4 * width / step))
    edges = np.concatenate([grid[0] + step * np.arange(-pad, len(grid) + pad + 1)]) - step / 2
    counts, _ = np.histogram(values, edges)
    offsets = step * np.arange(-pad, pad + 1)
    kernel = np.exp(-0.5 * (offsets / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.convolve(counts, kernel, mode="valid") / len(values)


def _grid(data: Replications) -> Array:
    """Places where densities are drawn: the range of the data and a quarter on each side.

    Single replicated values far out would else squeeze the picture.
    """
    low, high = float(data.y.min()), float(data.y.max())
    margin = 0.25 * (high - low) or 1.0
    low = max(low - margin, min(low, float(data.yrep.min())))
    high = min(high + margin, max(high, float(data.yrep.max())))
    return np.linspace(low, high if high > low else low + 1.0, _GRID)


def _sources(data: Replications) -> list[tuple[int, Array]]:
    """Replications numbered from 1, then the data as number 0, which is drawn on top."""
    return [*((s, row) for s, row in enumerate(data.yrep, start=1)), (0, data.y)]


def dens_overlay(data: Replications) -> pd.DataFrame:
    """Compute densities: ``draw`` (0 is the data), ``x``, ``value``."""
    grid = _grid(data)
    return _curves(data, grid, partial(density, grid=grid))


def ecdf_overlay(data: Replications) -> pd.DataFrame:
    """Compute empirical distribution functions: ``draw`` (0 is the data), ``x``, ``value``."""
    grid = np.unique(np.concatenate([data.y, _grid(data)]))

    def ecdf(values: Array) -> Array:
        return np.searchsorted(np.sort(values), grid, side="right") / len(values)

    return _curves(data, grid, ecdf)


def _curves(data: Replications, grid: Array, curve: Callable[[Array], Array]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"draw": s, "x": grid, "value": curve(values)}) for s, values in _sources(data)
    ]
    return pd.concat(parts, ignore_index=True)


def hist(data: Replications) -> pd.DataFrame:
    """Compute histograms: ``draw`` (0 is the data), left ends ``x``, ``width``, ``value``."""
    edges = np.histogram_bin_edges(np.concatenate([data.y, data.yrep.ravel()]), _HIST_BINS)
    parts = [_histogram(s, values, edges) for s, values in _sources(data)]
    return pd.concat(parts, ignore_index=True)


def error_hist(data: Replications) -> pd.DataFrame:
    """Compute histograms of data minus replication, with the columns of `hist`."""
    errors = data.y - data.yrep
    edges = np.histogram_bin_edges(errors, _HIST_BINS)
    parts = [_histogram(s, row, edges) for s, row in enumerate(errors, start=1)]
    return pd.concat(parts, ignore_index=True)


def _histogram(draw: int, values: Array, edges: Array) -> pd.DataFrame:
    counts, _ = np.histogram(values, edges)
    columns = {"draw": draw, "x": edges[:-1], "width": np.diff(edges), "value": counts}
    return pd.DataFrame(columns)


def bars(data: Replications) -> pd.DataFrame:
    """Count each value: ``value``, ``observed``, and ``median``, ``lower``, ``upper`` (90 %)."""
    if np.any(data.y != np.round(data.y)):
        raise DataError("bars are for whole numbers; use type='hist' for this response")
    low = int(min(data.y.min(), data.yrep.min()))
    high = int(max(data.y.max(), data.yrep.max()))
    values = np.arange(low, high + 1)
    counts = np.stack([_counts(row, low, len(values)) for row in data.yrep])
    lower, middle, upper = np.quantile(counts, (_OUTER[0], 0.5, _OUTER[1]), axis=0)
    observed = _counts(data.y, low, len(values))
    return pd.DataFrame(
        {"value": values, "observed": observed, "median": middle, "lower": lower, "upper": upper}
    )


def _counts(values: Array, low: int, n: int) -> Array:
    return np.bincount(np.asarray(values).astype(int) - low, minlength=n)


def rootogram(data: Replications) -> pd.DataFrame:
    """Count as `bars`, on the scale of square roots, which shows the small counts of the tails."""
    table = bars(data)
    counts = ["observed", "median", "lower", "upper"]
    return table.assign(**{c: np.sqrt(table[c]) for c in counts})


def stat_value(stat: Stat, values: Array) -> Array:
    """Return a statistic of the last axis.

    Raises
    ------
    DataError
        An unknown name.
    """
    if callable(stat):
        return np.asarray(np.apply_along_axis(stat, -1, values), dtype=float)
    if stat not in _STATS:
        raise DataError(
            f"there is no statistic {stat!r}{did_you_mean(stat, _STATS)}; take one of "
            f"{', '.join(_STATS)}, or a function of an array"
        )
    return np.asarray(_STATS[stat](values), dtype=float)


def stat(data: Replications) -> pd.DataFrame:
    """Compute a statistic: ``draw``, ``value`` of the replication, ``observed`` of the data."""
    value = stat_value(data.stats[0], data.yrep)
    observed = float(stat_value(data.stats[0], data.y))
    draws = np.arange(1, len(value) + 1)
    return pd.DataFrame({"draw": draws, "value": value, "observed": observed})


def stat_2d(data: Replications) -> pd.DataFrame:
    """Compute two statistics: ``draw``, ``x``, ``value``; draw 0 is the data."""
    if len(data.stats) != 2:
        raise DataError("stat_2d takes two statistics: stat=('mean', 'sd')")
    first, second = (
        np.append(stat_value(s, data.yrep), stat_value(s, data.y)) for s in data.stats
    )
    draws = [*range(1, len(data.yrep) + 1), 0]
    return pd.DataFrame({"draw": draws, "x": first, "value": second})


def intervals(data: Replications) -> pd.DataFrame:
    """Compute intervals of 50 % (``lower``, ``upper``) and 90 % (``outer_``) at each ``x``."""
    probs = (_OUTER[0], _INNER[0], 0.5, _INNER[1], _OUTER[1])
    far_low, low, middle, high, far_high = np.quantile(data.yrep, probs, axis=0)
    columns = {
        "x": data.x, "y": data.y, "median": middle, "lower": low, "upper": high,
        "outer_lower": far_low, "outer_upper": far_high,
    }  # fmt: skip
    return pd.DataFrame(columns).sort_values("x", kind="stable", ignore_index=True)


def scatter_avg(data: Replications) -> pd.DataFrame:
    """Pair the mean replication ``x`` of each observation with the data ``value``."""
    return pd.DataFrame({"x": data.yrep.mean(axis=0), "value": data.y})


def error_scatter_avg(data: Replications) -> pd.DataFrame:
    """Pair the mean error ``x`` (data minus replication) with the data ``value``."""
    return pd.DataFrame({"x": data.y - data.yrep.mean(axis=0), "value": data.y})


def grouped(
    compute: Callable[[Replications], pd.DataFrame], data: Replications, groups: Sequence[str]
) -> pd.DataFrame:
    """Apply a check within groups; the result has ``group`` in front."""
    labels = np.asarray(groups, dtype=object)
    parts = []
    for label in dict.fromkeys(groups):
        at = labels == label
        part = Replications(data.y[at], data.yrep[:, at], data.x[at], data.stats)
        parts.append(compute(part).assign(group=label))
    table = pd.concat(parts, ignore_index=True)
    return table[["group", *(c for c in table.columns if c != "group")]]
