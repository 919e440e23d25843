"""Observed data and replications of them: what every check is computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

Array = np.ndarray
Stat = str | Callable[[Array], float]
Compute = Callable[["Replications"], pd.DataFrame]


@dataclass(frozen=True, slots=True, eq=False)
class Replications:
    """Observed data and replications of them.

    Attributes
    ----------
    y : ndarray (N,)
        The data; empty for a check that shows predictions alone.
    yrep : ndarray (S, N)
    x : ndarray (N,)
        Horizontal places of the observations in interval plots.
    stats : tuple
        Names or functions of the statistics, for kinds that need them.
    rng : numpy.random.Generator
        For kinds that are randomised.
    log_weights : ndarray (S, N), optional
        Logarithms of the importance weights that leave out each row, normalised over draws.
    censored : ndarray of bool (N,), optional
        Rows of which only a lower bound is known: `y` is that bound.
    entry : ndarray (N,), optional
        Lower truncation bounds, from which on each row was observed.
    """

    y: Array
    yrep: Array
    x: Array
    stats: tuple[Stat, ...] = ("mean",)
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    log_weights: Array | None = None
    censored: Array | None = None
    entry: Array | None = None

    @property
    def observed(self) -> bool:
        """Whether there are data beside the replications."""
        return len(self.y) > 0

    @property
    def sources(self) -> list[tuple[int, Array]]:
        """Replications numbered from 1, then the data as number 0, which is drawn on top."""
        every = list(enumerate(self.yrep, start=1))
        return [*every, (0, self.y)] if self.observed else every

    @property
    def pooled(self) -> Array:
        """All numbers, of the data and of the replications."""
        return np.concatenate([self.y, self.yrep.ravel()])

    def take(self, rows: Array) -> Replications:
        """The same for some rows, a mask or positions; the random numbers go on."""

        def some(values: Array | None) -> Array | None:
            return None if values is None else values[..., rows]

        return replace(
            self,
            y=self.y[rows] if self.observed else self.y,
            yrep=self.yrep[:, rows],
            x=self.x[rows],
            log_weights=some(self.log_weights),
            censored=some(self.censored),
            entry=some(self.entry),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The group of each row.

    Attributes
    ----------
    labels : ndarray of str (N,)
    order : list of str
        The groups, in the order of their panels.
    """

    labels: Array
    order: list[str]

    def take(self, rows: Array) -> Groups:
        """Those of some rows; groups that have none of them are gone."""
        labels = self.labels[rows]
        return Groups(labels, [g for g in self.order if g in set(labels)])


def grouped(compute: Compute, data: Replications, groups: Groups) -> pd.DataFrame:
    """Apply a check within groups; the result has ``group`` in front."""
    parts = [compute(data.take(groups.labels == g)).assign(group=g) for g in groups.order]
    table = pd.concat(parts, ignore_index=True)
    return table[["group", *(c for c in table.columns if c != "group")]]
