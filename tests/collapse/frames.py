"""Simulated data and models for the tests of collapsed models."""

from __future__ import annotations

import numpy as np
import pandas as pd


def study(rows: int = 60, levels: int = 7, seed: int = 1) -> pd.DataFrame:
    """Rows in levels of unequal size, some with one row only, with weights and known errors."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(levels - 2, 2.0))
    g = np.concatenate([[levels - 2, levels - 1], rng.choice(levels - 2, rows - 2, p=share)])
    x, t = rng.normal(size=rows), rng.uniform(0, 3, rows)
    u = rng.normal(size=(levels, 2)) * [1.0, 0.5]
    y = 2 + 0.7 * x + u[g, 0] + u[g, 1] * x + rng.normal(0, 0.8, rows)
    return pd.DataFrame({
        "y": y, "x": x, "t": t, "g": [f"g{k}" for k in g], "f": np.array(list("abc"))[g % 3],
        "h": rng.integers(0, 3, rows).astype(str), "w": rng.integers(0, 4, rows) / 2,
        "error": rng.uniform(0.5, 1.5, rows), "side": np.where(g < 3, "l", "r"),
    })
