"""Simulated data for the tests of centred effects."""

from __future__ import annotations

import numpy as np
import pandas as pd


def study(rows: int = 60, levels: int = 7, seed: int = 1) -> pd.DataFrame:
    """Rows in levels of unequal size, one of them with one row only."""
    rng = np.random.default_rng(seed)
    g = np.concatenate([[levels - 1], rng.choice(levels - 1, rows - 1)])
    x, t = rng.normal(size=rows), rng.uniform(0, 3, rows)
    u = rng.normal(size=(levels, 2)) * [1.0, 0.5]
    y = 2 + 0.7 * x + u[g, 0] + u[g, 1] * x + rng.normal(0, 0.8, rows)
    return pd.DataFrame({
        "y": y, "x": x, "t": t, "g": [f"g{k}" for k in g],
        "h": rng.integers(0, 3, rows).astype(str), "k": rng.poisson(3, rows),
        "rating": rng.integers(1, 5, rows),
    })


def counts(levels: int, each: int, seed: int = 2, shape: float = np.inf) -> pd.DataFrame:
    """Counts whose levels are told by `each` rows, and a predictor of the levels.

    Poisson, or negative binomial with a finite shape.
    """
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(levels), each)
    a, x = rng.normal(size=levels)[g], rng.normal(size=levels * each)
    u = rng.normal(0, 0.7, (levels, 1))
    mean = np.exp(1 + 0.4 * a + 0.2 * x + u[g, 0])
    k = rng.poisson(mean if np.isinf(shape) else mean * rng.gamma(shape, 1 / shape, len(g)))
    return pd.DataFrame({"k": k, "a": a, "x": x, "g": [f"g{j}" for j in g]})
