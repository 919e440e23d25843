"""Low rank Gaussian process smooths: correlation functions as basis, a straight line beside them.

Kammann & Wand (2003), Geoadditive models, JRSS C 52, 1-18; Wood (2017), section 5.8.2. The range is
not estimated: it is the largest distance unless given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from hiermodel.smooths.basis import Array, Penalty
from hiermodel.smooths.radial import (
    DEFAULT_PLACES,
    Places,
    distances,
    largest_eigen,
    radial_columns,
)
from hiermodel.smooths.remembered import Memory

#: Numbers that choose a correlation function of r / range.
CORRELATIONS: dict[int, Callable[..., Array]] = {
    1: lambda r, power: np.where(r < 1, 1 - 1.5 * r + 0.5 * r**3, 0.0),
    2: lambda r, power: np.exp(-(r**power)),
    3: lambda r, power: (1 + r) * np.exp(-r),
    4: lambda r, power: (1 + r + r**2 / 3) * np.exp(-r),
    5: lambda r, power: (1 + r + 0.4 * r**2 + r**3 / 15) * np.exp(-r),
}


@dataclass(frozen=True, eq=False)
class Kriging:
    """A low rank Gaussian process with a fixed range.

    Attributes
    ----------
    places : ndarray (u, d)
    shift : ndarray (d,)
    correlation : callable
        Of the distance.
    weights : ndarray (u, q)
    penalty : Penalty
    trend : bool
        Whether there is a plane beside the constant.
    flat : bool
        Whether the correlation has no slope at a distance of zero.
    memory : Memory
        Designs that were computed already.
    """

    places: Array
    shift: Array
    correlation: Callable[[Array], Array]
    weights: Array
    penalty: Penalty
    trend: bool = True
    flat: bool = False
    constrained: bool = True
    memory: Memory = field(default_factory=Memory, init=False, repr=False)

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """The energy of the process."""
        return (self.penalty,)

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, d)."""
        x = np.asarray(x, float)
        return self.memory.values(x, len(x) * len(self.places), self._design)

    def _design(self, x: Array) -> Array:
        centred = x - self.shift
        radial = radial_columns(
            lambda r2: self.correlation(np.sqrt(r2, out=r2)), centred, self.places, self.weights,
            by_product=self.flat,
        )
        plane = centred if self.trend else centred[:, :0]
        return np.column_stack([radial, np.ones(len(centred)), plane])


def _correlation(r: Array, kind: int, range_: float, power: float) -> Array:
    return CORRELATIONS[kind](r / range_, power)


def kriging(
    x: Array, k: int | None = None, kind: int = 3, range_: float | None = None, power: float = 1.0,
    limit: Places = DEFAULT_PLACES,
) -> Kriging:
    """Learn a Gaussian process smooth; a negative `kind` leaves out the plane."""
    x = np.asarray(x, float)
    d = x.shape[1]
    trend = kind > 0
    null = 1 + d * trend
    k = d + 1 + {1: 10, 2: 30}.get(d, 100) if k is None else k
    shift = x.mean(axis=0)
    places = limit.around(x, shift, k)
    r = distances(places, places)
    range_ = float(r.max()) if range_ is None or range_ <= 0 else range_
    correlation = partial(_correlation, kind=abs(kind), range_=range_, power=power)
    values, vectors = largest_eigen(correlation(r), k - null)
    roughness = np.zeros((k, k))
    at = np.arange(k - null)
    roughness[at, at] = values
    penalty, flat = Penalty(roughness, k - null), abs(kind) >= 3
    return Kriging(places, shift, correlation, vectors, penalty, trend, flat)
