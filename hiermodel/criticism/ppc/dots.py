"""The numbers behind dot plots and violins: every observation as a point.

As in `overlays`, each function returns exactly what is drawn.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from hiermodel.criticism.ppc.overlays import density, shown_range
from hiermodel.criticism.ppc.replications import Array, Replications

#: Height of a panel of dots, in units of its width.
HEIGHT = 0.6
# As many dots for a panel, the first number that leaves them wide enough.
_DOTS = (100, 50, 20)
# Of a dot, in units of the range.
_NARROWEST, _WIDEST = 1 / 60, 1 / 30
_GRID = 128


def dots(data: Replications) -> pd.DataFrame:
    """Stack dots (Wilkinson 1999, Dot plots, The American Statistician 53, 276-281).

    More than 100 values are shown by 100 of their quantiles, or by fewer where many are equal and
    dots would become too small (Kay and others 2016, When (ish) is my bus?, CHI '16). Columns:
    ``draw`` (0 is the data), centre ``x``, place in its stack ``value`` from 1, and the ``width``
    of a dot, the same for all.
    """
    span = float(np.ptp(data.pooled)) or 1.0
    for most in _DOTS:
        sources = [(draw, _shown(values, most)) for draw, values in data.sources]
        width = _width([values for _, values in sources], span)
        if width >= _NARROWEST * span:
            break
    parts = []
    for draw, values in sources:
        centre, place = stacks(values, width)
        columns = {"draw": draw, "x": centre, "value": place, "width": width}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def _shown(values: Array, most: int) -> Array:
    """The values in order, or `most` of their quantiles."""
    if len(values) <= most:
        return np.sort(values)
    probs = (np.arange(most) + 0.5) / most
    return np.quantile(values, probs, method="inverted_cdf")


def stacks(values: Array, width: float) -> tuple[Array, Array]:
    """Centre of the stack of each value, and its place there from 1.

    Parameters
    ----------
    values : ndarray (n,)
        In increasing order.
    width : float
        A stack holds values that are less than this apart.
    """
    centre, place = np.empty(len(values)), np.empty(len(values), dtype=int)
    start = 0
    while start < len(values):
        stop = max(int(np.searchsorted(values, values[start] + width)), start + 1)
        centre[start:stop] = (values[start] + values[stop - 1]) / 2
        place[start:stop] = np.arange(1, stop - start + 1)
        start = stop
    return centre, place


def _width(sources: list[Array], span: float) -> float:
    """The widest dots whose highest stack fits into the panel, by bisection."""
    low, high = 0.0, _WIDEST * span
    for attempt in range(25):
        # The widest of all is tried first.
        middle = high if attempt == 0 else (low + high) / 2
        tallest = max(int(stacks(values, middle)[1].max()) for values in sources)
        if tallest * middle <= HEIGHT * span:
            low = middle
            if attempt == 0:
                break
        else:
            high = middle
    return low


def violin(data: Replications) -> pd.DataFrame:
    """Compute the density of all replications, and where the data lie in it.

    Columns: ``draw``, 1 for the outline of the density and 0 for the data, places ``x`` and
    densities ``value``, and the quantiles ``lower`` (5 %), ``median`` and ``upper`` (95 %) of the
    replications.
    """
    grid = np.linspace(*shown_range(data), _GRID)
    curve = density(data.yrep.ravel(), grid)
    lower, middle, upper = np.quantile(data.yrep, (0.05, 0.5, 0.95))
    at_data = np.interp(data.y, grid, curve, left=0.0, right=0.0)
    parts = [
        pd.DataFrame({"draw": 1, "x": grid, "value": curve}),
        pd.DataFrame({"draw": 0, "x": data.y, "value": at_data}),
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(lower=lower, median=middle, upper=upper)
