"""Series, maps and models of them, for the tests of autocorrelation."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd

import hiermodel as hm
from tests.spine.draws import random_fit


@functools.cache
def series(n_series: int = 4, length: int = 6, seed: int = 1) -> pd.DataFrame:
    """Rows of series in no order; the last series is shorter."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        [(f"s{g}", t + 1) for g in range(n_series) for t in range(length - (g == n_series - 1))],
        columns=["s", "t"],
    )
    n = len(rows)
    rows["visit"] = [f"v{t}" for t in rows["t"]]
    rows["x"] = rng.normal(size=n)
    rows["z"] = rng.normal(size=n)
    rows["se"] = rng.uniform(0.2, 0.6, n)
    rows["y"] = 1 + 0.5 * rows["x"] + rng.normal(size=n)
    rows["y2"] = rng.normal(size=n)
    rows["count"] = rng.poisson(3, n)
    rows["w"] = rng.uniform(0.5, 2, n)
    return rows.iloc[rng.permutation(n)].reset_index(drop=True)


def ring(n: int) -> np.ndarray:
    """Weights of a ring where each has a nearer neighbour ahead: rows sum to one, not symmetric."""
    out = np.zeros((n, n))
    for i in range(n):
        out[i, (i + 1) % n], out[i, (i - 1) % n] = 0.7, 0.3
    return out


def covariance(n: int, seed: int = 2) -> np.ndarray:
    """A covariance matrix."""
    half = np.random.default_rng(seed).normal(size=(n, n))
    return half @ half.T / n + np.eye(n)


def matrices(n: int) -> dict[str, np.ndarray]:
    """Both, as data2."""
    return {"W": ring(n), "V": covariance(n)}


def made(
    formula: Any, family: str = "gaussian", data: pd.DataFrame | None = None, **more: Any
) -> hm.Fit:
    """A fit with random draws."""
    data = series() if data is None else data
    model = hm.model(formula, data, family, data2=matrices(len(data)), **more)
    return random_fit(model, data)


def flat(fit: hm.Fit, name: str) -> np.ndarray:
    """Draws of a variable of the posterior with the chains joined."""
    values = fit.posterior[name].values
    return values.reshape(-1, *values.shape[2:])


def joined(values: Any) -> np.ndarray:
    """Predictions with the chains joined."""
    return np.asarray(values.values).reshape(-1, *values.shape[2:])
