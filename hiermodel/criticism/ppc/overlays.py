"""The numbers behind posterior predictive checks: observed against replicated data.

Every kind of check is one function from `Replications` to a data frame that holds exactly what
is drawn. Gabry, Simpson, Vehtari, Betancourt and Gelman (2019), Visualization in Bayesian
workflow, JRSS A 182, 389-402, describe the kinds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from hiermodel.criticism.ppc.replications import Array, Replications, Stat
from hiermodel.errors import DataError, did_you_mean

_GRID = 256
BINS = 30
#: Of the ends of intervals: 90 % and 50 % around the median.
INTERVAL_PROBS = (0.05, 0.25, 0.5, 0.75, 0.95)
_SHOWN = (0.005, 0.995)
_MANY_BARS, _MOST_BARS = 300, 5000

_STATS: dict[str, Callable[[Array], Array]] = {
    "mean": lambda v: v.mean(axis=-1),
    "median": lambda v: np.median(v, axis=-1),
    "sd": lambda v: v.std(axis=-1, ddof=1),
    "var": lambda v: v.var(axis=-1, ddof=1),
    "min": lambda v: v.min(axis=-1),
    "max": lambda v: v.max(axis=-1),
    "prop_zero": lambda v: (v == 0).mean(axis=-1),
}


def density(values: Array, grid: Array, bounded: bool = False) -> Array:
    """Return a kernel density estimate on an equidistant grid.

    Gaussian kernel with the bandwidth of Silverman (1986), Density Estimation, equation 3.31.
    The values are binned on the grid first, so that the cost does not grow with their number.

    Parameters
    ----------
    values : ndarray (n,)
    grid : ndarray (m,)
    bounded : bool
        Whether no value can lie outside of the grid. What the kernel puts there is then folded
        back (Silverman 1986, section 2.10), so that the density does not fall towards the ends.

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
    shown = values
    if bounded:
        shown = np.concatenate([values, 2 * grid[0] - values, 2 * grid[-1] - values])
    counts, _ = np.histogram(shown, edges)
    offsets = step * np.arange(-pad, pad + 1)
    kernel = np.exp(-0.5 * (offsets / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.convolve(counts, kernel, mode="valid") / len(values)


def shown_range(data: Replications) -> tuple[float, float]:
    """Ends of the axis of curves: the data, 99 % of all replicated values, and a margin.

    Single replicated values far out would else squeeze the picture.
    """
    low, high = np.quantile(data.yrep, _SHOWN)
    if data.observed:
        low, high = min(low, data.y.min()), max(high, data.y.max())
    margin = 0.1 * (high - low)
    everything = data.pooled
    low = max(low - margin, float(everything.min()))
    high = min(high + margin, float(everything.max()))
    return (low, high) if high > low else (low - 1.0, high + 1.0)


def _grid(data: Replications) -> Array:
    return np.linspace(*shown_range(data), _GRID)


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
        pd.DataFrame({"draw": s, "x": grid, "value": curve(values)}) for s, values in data.sources
    ]
    return pd.concat(parts, ignore_index=True)


def hist(data: Replications) -> pd.DataFrame:
    """Compute histograms: ``draw`` (0 is the data), left ends ``x``, ``width``, ``value``."""
    edges = np.histogram_bin_edges(data.pooled, BINS)
    parts = [_histogram(s, values, edges) for s, values in data.sources]
    return pd.concat(parts, ignore_index=True)


def error_hist(data: Replications) -> pd.DataFrame:
    """Compute histograms of data minus replication, with the columns of `hist`."""
    errors = data.y - data.yrep
    edges = np.histogram_bin_edges(errors, BINS)
    parts = [_histogram(s, row, edges) for s, row in enumerate(errors, start=1)]
    return pd.concat(parts, ignore_index=True)


def _histogram(draw: int, values: Array, edges: Array) -> pd.DataFrame:
    counts, _ = np.histogram(values, edges)
    columns = {"draw": draw, "x": edges[:-1], "width": np.diff(edges), "value": counts}
    return pd.DataFrame(columns)


def bars(data: Replications) -> pd.DataFrame:
    """Count each value: ``value``, ``observed``, and ``median``, ``lower``, ``upper`` (90 %).

    Where replications lie so far out that there would be hundreds of values, the highest and the
    lowest thousandth of them are beyond the ends of the table.
    """
    if np.any(data.y != np.round(data.y)):
        raise DataError("bars are for whole numbers; use type='hist' for this response")
    low, high = _counted_range(data)
    values = np.arange(low, high + 1)
    counts = np.stack([_counts(row, values) for row in data.yrep])
    lower, middle, upper = np.quantile(counts, (0.05, 0.5, 0.95), axis=0)
    observed = _counts(data.y, values)
    return pd.DataFrame(
        {"value": values, "observed": observed, "median": middle, "lower": lower, "upper": upper}
    )


def _counted_range(data: Replications) -> tuple[int, int]:
    low, high = float(data.pooled.min()), float(data.pooled.max())
    if high - low > _MANY_BARS:
        inner = np.quantile(data.yrep, (0.001, 0.999))
        low, high = min(inner[0], data.y.min()), max(inner[1], data.y.max())
    if high - low > _MOST_BARS:
        raise DataError(
            f"there would be a bar for each of {high - low + 1:.3g} values, which no picture can "
            "show; take type='ecdf_overlay' or 'stat'"
        )
    return int(np.floor(low)), int(np.ceil(high))


def _counts(values: Array, shown: Array) -> Array:
    inside = values[(values >= shown[0]) & (values <= shown[-1])]
    return np.bincount((inside - shown[0]).astype(int), minlength=len(shown))


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
        An unknown name, a function that does not give back one number, a statistic that is not
        defined for the values.
    """
    if callable(stat):
        found = _applied(stat, values)
    elif stat in _STATS:
        with np.errstate(invalid="ignore", divide="ignore"):
            found = np.asarray(_STATS[stat](values), dtype=float)
    else:
        raise DataError(
            f"there is no statistic {stat!r}{did_you_mean(stat, _STATS)}; take one of "
            f"{', '.join(_STATS)}, or a function of an array"
        )
    if not np.isfinite(found).all():
        n = values.shape[-1]
        raise DataError(
            f"the statistic {stat_name(stat)!r} of {n} {'value' if n == 1 else 'values'} is not a "
            "finite number"
        )
    return found


def stat_name(stat: Stat) -> str:
    """What a statistic is called."""
    return stat if isinstance(stat, str) else getattr(stat, "__name__", "statistic")


def _applied(stat: Callable[[Array], float], values: Array) -> Array:
    rows = values.reshape(-1, values.shape[-1])
    found = [np.asarray(stat(row)) for row in rows]
    if any(one.size != 1 for one in found):
        raise DataError(
            f"the statistic {stat_name(stat)!r} must give back one number for an array of "
            f"{values.shape[-1]}; it gave an array of shape {found[0].shape}"
        )
    return np.array([float(one.reshape(())) for one in found]).reshape(values.shape[:-1])


def stat(data: Replications) -> pd.DataFrame:
    """Compute a statistic: ``draw``, ``value`` of the replication, ``observed`` of the data."""
    value = stat_value(data.stats[0], data.yrep)
    columns = {"draw": np.arange(1, len(value) + 1), "value": value}
    return pd.DataFrame(columns | observed_stat(data))


def observed_stat(data: Replications) -> dict[str, float]:
    """The column ``observed`` of checks of a statistic, none without data."""
    if not data.observed:
        return {}
    return {"observed": float(stat_value(data.stats[0], data.y))}


def stat_freqpoly(data: Replications) -> pd.DataFrame:
    """Count a statistic in bins: middles ``x``, ``value``, and ``observed`` of the data."""
    counts, edges = np.histogram(stat_value(data.stats[0], data.yrep), BINS)
    columns = {"x": (edges[:-1] + edges[1:]) / 2, "value": counts}
    return pd.DataFrame(columns | observed_stat(data))


def stat_2d(data: Replications) -> pd.DataFrame:
    """Compute two statistics: ``draw``, ``x``, ``value``; draw 0 is the data."""
    sources = [(np.arange(1, len(data.yrep) + 1), data.yrep)]
    if data.observed:
        sources.append((np.zeros(1, dtype=int), data.y[np.newaxis]))
    parts = [
        pd.DataFrame(
            {"draw": draws, "x": stat_value(data.stats[0], values),
             "value": stat_value(data.stats[1], values)}
        )
        for draws, values in sources
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def intervals(data: Replications) -> pd.DataFrame:
    """Compute intervals of 50 % (``lower``, ``upper``) and 90 % (``outer_``) at each ``x``."""
    return interval_table(data, np.quantile(data.yrep, INTERVAL_PROBS, axis=0))


def interval_table(data: Replications, quantiles: Array) -> pd.DataFrame:
    """The table of `intervals` from quantiles (5, N) of the probabilities `INTERVAL_PROBS`."""
    far_low, low, middle, high, far_high = quantiles
    columns = {"x": data.x} | ({"y": data.y} if data.observed else {}) | {
        "median": middle, "lower": low, "upper": high,
        "outer_lower": far_low, "outer_upper": far_high,
    }  # fmt: skip
    return pd.DataFrame(columns).sort_values("x", kind="stable", ignore_index=True)


def scatter_avg(data: Replications) -> pd.DataFrame:
    """Pair the mean replication ``x`` of each observation with the data ``value``."""
    return pd.DataFrame({"x": data.yrep.mean(axis=0), "value": data.y})


def error_scatter_avg(data: Replications) -> pd.DataFrame:
    """Pair the mean error ``x`` (data minus replication) with the data ``value``."""
    return pd.DataFrame({"x": data.y - data.yrep.mean(axis=0), "value": data.y})

