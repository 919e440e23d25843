"""Simulated data of every kind of response, with few different rows of predictors."""

from __future__ import annotations

import numpy as np
import pandas as pd


def study(rows: int = 300, seed: int = 1) -> pd.DataFrame:
    """Predictors of few values, responses for each family, weights with zeros, rates."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "f": rng.choice(list("abc"), rows), "h": [f"h{k}" for k in rng.integers(0, 5, rows)],
        "x": rng.integers(0, 3, rows) / 2, "e": rng.uniform(0.5, 3, rows),
        "w": rng.integers(0, 3, rows) / 2, "t": rng.integers(1, 6, rows),
    })
    level = frame["h"].str[1:].astype(int) / 5
    frame["side"] = np.where(level > 0.4, "r", "l")
    frame["y"] = frame["x"] + level + rng.normal(size=rows)
    frame["z"] = frame["y"].round(1)
    frame["b"] = rng.binomial(1, 1 / (1 + np.exp(-level)))
    frame["s"] = rng.binomial(frame["t"], 0.4)
    frame["c"] = rng.poisson(2 * frame["e"])
    frame["k"] = rng.choice(["u", "v", "w"], rows)
    frame["o"] = pd.Categorical(rng.choice(["1", "2", "3"], rows), ordered=True)
    frame["p"] = rng.gamma(2, 1, rows).round(1) + 0.1
    frame["error"] = np.where(frame["f"] == "a", 0.5, 1.2)
    return frame
