"""Probability integral transforms (PIT): where each observation lies among its replications.

The distribution of the transforms is uniform when the model is right. Their distribution function
is compared with the uniform one, within an envelope that holds all of it at once: Saeilynoja,
Buerkner and Vehtari (2022), Graphical test for discrete uniformity and its applications in
goodness-of-fit evaluation and multiple sample comparison, Statistics and Computing 32:32.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from scipy import stats

from hiermodel.criticism.ppc.replications import Replications

_MOST_POINTS = 200
_SIMULATIONS = 2000
_PROB = 0.95


def transforms(data: Replications) -> np.ndarray:
    """Randomised PIT (N,): replications below, and a uniform part of those that are equal.

    The observation counts as one of the replications, so that with the right model the value is
    uniform exactly, for discrete responses too.
    """
    below = (data.yrep < data.y).sum(axis=0)
    equal = (data.yrep == data.y).sum(axis=0)
    part = data.rng.random(len(data.y))
    return np.asarray((below + part * (equal + 1)) / (len(data.yrep) + 1))


def pit_ecdf(data: Replications) -> pd.DataFrame:
    """Compute the ECDF of the PIT less the uniform: ``x``, ``value``, ``lower``, ``upper``."""
    return difference(transforms(data))


def difference(pit: np.ndarray) -> pd.DataFrame:
    """The table of `pit_ecdf` from the transforms (N,)."""
    pit = np.sort(pit)
    n = len(pit)
    grid = np.linspace(0, 1, min(n, _MOST_POINTS) + 1)
    ecdf = np.searchsorted(pit, grid, side="right") / n
    lower, upper = envelope(n, len(grid) - 1)
    columns = {"x": grid, "value": ecdf - grid, "lower": lower - grid, "upper": upper - grid}
    return pd.DataFrame(columns)


@cache
def envelope(n: int, points: int, prob: float = _PROB) -> tuple[np.ndarray, np.ndarray]:
    """Ends (points + 1,) between which the whole ECDF of `n` uniform numbers lies.

    Pointwise binomial intervals whose level is adjusted by simulation (algorithm 2 of the paper),
    so that all points hold at once with probability `prob`.
    """
    grid = np.linspace(0, 1, points + 1)
    rng = np.random.default_rng(1)
    cells = rng.multinomial(n, np.full(points, 1 / points), size=_SIMULATIONS)
    counts = np.cumsum(cells, axis=1)[:, :-1]
    inner = grid[1:-1]
    tails = np.minimum(stats.binom.cdf(counts, n, inner), stats.binom.sf(counts - 1, n, inner))
    smallest = 2 * tails.min(axis=1) if points > 1 else np.ones(_SIMULATIONS)
    gamma = float(np.quantile(smallest, 1 - prob))
    lower, upper = (stats.binom.ppf(q, n, grid) / n for q in (gamma / 2, 1 - gamma / 2))
    lower[0] = upper[0] = 0.0
    lower[-1] = upper[-1] = 1.0
    return lower, upper
