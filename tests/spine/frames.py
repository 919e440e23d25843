"""Made-up data with a column for every kind of response and predictor."""

from __future__ import annotations

import numpy as np
import pandas as pd


def _times(group: np.ndarray) -> np.ndarray:
    """Times of the rows within their groups: the last row of each has time 1."""
    return pd.Series(group)[::-1].groupby(group[::-1]).cumcount()[::-1].to_numpy() + 1


def _patients(n: int) -> int:
    return max(1, (5 * n + 11) // 12)


def weights(n: int) -> np.ndarray:
    """Neighbours on a line, whose weights sum to one."""
    steps = np.abs(np.arange(n)[:, None] - np.arange(n))
    near = (steps == 1).astype(float)
    return near / near.sum(axis=1, keepdims=True)


def borders(data: pd.DataFrame) -> pd.DataFrame:
    """Which patients border on each other: those before and after in a ring."""
    names = sorted(data["patient"].unique())
    steps = np.abs(np.arange(len(names))[:, None] - np.arange(len(names)))
    near = ((steps == 1) | (steps == len(names) - 1)).astype(int)
    return pd.DataFrame(near, index=names, columns=names)


def covariance(n: int) -> np.ndarray:
    """Of neighbours on a line."""
    return 0.5 ** np.abs(np.arange(n)[:, None] - np.arange(n))


def study(seed: int = 1, n: int = 60, levels: int = 6, scale: float = 1.0) -> pd.DataFrame:
    """A study with `levels` groups; `scale` multiplies the real numbers.

    Parameters
    ----------
    seed, n : int
        Other seeds give other numbers, never other columns or categories.
    levels : int
        Number of levels of the grouping factors ``g`` and ``m1``, ``m2``.
    scale : float
    """
    rng = np.random.default_rng(seed)

    def spread(count: int) -> np.ndarray:
        """Codes 0 .. count - 1, each as often as the others."""
        return rng.permutation(np.arange(n) % count)

    group, member, other = spread(levels), spread(levels), spread(levels)
    x, z = rng.normal(size=n), rng.normal(size=n)
    eta = 0.5 * x + rng.normal(size=levels)[group]
    size = rng.integers(4, 12, n)
    count = rng.poisson(np.exp(0.5 + 0.3 * eta)) + 1
    positive = rng.gamma(3.0, np.exp(0.3 * eta) / 3) + 0.1
    names = [f"g{k + 1:02d}" for k in range(levels)]
    own = np.random.default_rng(seed + 1000)  # later columns leave earlier ones as they were
    shares, counts = own.dirichlet([2, 3, 4], n), own.multinomial(size, [0.2, 0.3, 0.5])
    return pd.DataFrame(
        {
            "y": scale * (eta + rng.normal(size=n)),
            "pos": scale * positive,
            "count": count,
            "yes": spread(2),
            "ok": np.clip(rng.binomial(size, 0.4), 1, None),
            "size": size,
            "unit": rng.beta(2, 3, n),
            "rating": pd.Categorical.from_codes(
                spread(4), ["poor", "fair", "good", "best"], ordered=True
            ),
            "score": 1 + spread(4),
            "kind": pd.Categorical.from_codes(spread(3), ["bus", "car", "train"]),
            "x": scale * x,
            "z": scale * z + 3 * scale,
            "f": pd.Categorical.from_codes(spread(3), ["low", "mid", "top"]),
            "flag": spread(2).astype(bool),
            "g": [names[k] for k in group],
            "h": pd.Categorical.from_codes(spread(4), ["h1", "h2", "h3", "h4"]),
            "side": np.where(group % 2 == 0, "left", "right"),
            "pw": 0.5 + 0.25 * (group % 3),
            "item": pd.Categorical.from_codes(spread(2), ["first", "second"]),
            "m1": [names[k] for k in member],
            "m2": [names[k] for k in other],
            "x1": rng.normal(size=n),
            "x2": rng.normal(size=n),
            "w1": rng.uniform(0.5, 2, n),
            "w2": rng.uniform(0.5, 2, n),
            "w": rng.uniform(0.5, 2, n),
            "s": scale * rng.uniform(0.2, 0.6, n),
            "time": rng.uniform(0.5, 3, n),
            "event": np.array(["none", "left", "right", "interval"])[spread(4)],
            "pos_up": scale * (positive + rng.uniform(0.2, 1, n)),
            "y_up": scale * 20.0,
            "y_low": scale * -20.0,
            "unit_up": 0.999,
            "count_up": count + rng.integers(1, 4, n),
            "ok_up": size,
            **{f"s{k + 1}": shares[:, k] for k in range(3)},
            **{f"n{k + 1}": counts[:, k] for k in range(3)},
            # Series: times of each group, from the last to the first, and visits that some miss.
            "t": _times(group),
            "patient": [f"p{k:02d}" for k in np.arange(n) % _patients(n)],
            "visit": np.array(["first", "second", "third"])[np.arange(n) // _patients(n)],
            # Responses with values at the ends of their ranges, from the columns above.
            "pos0": scale * positive * (np.arange(n) % 4 > 0),
            "pos0_up": scale * (positive + 2),
            "unit0": np.where(np.arange(n) % 4 == 0, 0.0, 0.05 + 0.9 * (np.arange(n) + 0.5) / n),
            "unit01": np.clip((np.arange(n) % 7) / 6, 0.0, 1.0),
            "angle": np.pi * (2 * (np.arange(n) + 0.5) / n - 1),
            "half_turn": np.pi,
            "dec": np.arange(n) % 2,
            "row": np.arange(n),
            "first": np.arange(n) < n // 2,
            "twin": np.arange(n) % (n // 2),
            "gaps": np.where(np.arange(n) % 5 == 2, np.nan, scale * (eta + own.normal(size=n))),
        }
    )


def relatives(data: pd.DataFrame) -> pd.DataFrame:
    """A covariance between the levels of ``g``, positive definite, with the levels as labels."""
    levels = sorted(data["g"].unique())
    distance = np.abs(np.subtract.outer(np.arange(len(levels)), np.arange(len(levels))))
    return pd.DataFrame(0.5**distance, index=levels, columns=levels)
