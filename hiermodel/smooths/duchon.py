"""Duchon splines: thin plates whose null space may be smaller than their smoothness asks for.

Duchon (1977), Splines minimizing rotation-invariant semi-norms in Sobolev spaces; Miller & Wood
(2014), Finite area smoothing with generalized distance splines, Environ. Ecol. Stat. 21, 715-731.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from math import ceil, comb

import numpy as np

from hiermodel.smooths.basis import Array, Penalty
from hiermodel.smooths.radial import (
    DEFAULT_PLACES,
    Places,
    distances,
    largest_eigen,
    null_powers,
    polynomials,
    radial_columns,
)
from hiermodel.smooths.remembered import Memory


@dataclass(frozen=True, eq=False)
class Duchon:
    """A Duchon spline.

    Attributes
    ----------
    places : ndarray (u, d)
        Centred places of the radial functions.
    shift : ndarray (d,)
    order : int
        Polynomials of a lower degree are not penalised.
    power : float
        Of the distance in the radial functions.
    weights : ndarray (u, k - M)
    penalty : Penalty
    memory : Memory
        Designs that were computed already.
    """

    places: Array
    shift: Array
    order: int
    power: float
    weights: Array
    penalty: Penalty
    constrained: bool = True
    memory: Memory = field(default_factory=Memory, init=False, repr=False)

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """Roughness: derivatives of that order, high frequencies weighted by their power 2 s."""
        return (self.penalty,)

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, d)."""
        x = np.asarray(x, float)
        return self.memory.values(x, len(x) * len(self.places), self._design)

    def _design(self, x: Array) -> Array:
        centred = x - self.shift
        radial = radial_columns(
            partial(powers_of_squares, power=self.power), centred, self.places, self.weights,
            by_product=self.power >= 2,
        )
        powers = null_powers(self.order, len(self.shift))
        return np.column_stack([radial, polynomials(centred, powers)])


def duchon(
    x: Array, k: int | None = None, order: int = 2, s: float = 0.0, limit: Places = DEFAULT_PLACES
) -> Duchon:
    """Learn a Duchon spline; `s` is the weight of high frequencies, ``order + s > d / 2``."""
    x = np.asarray(x, float)
    d = x.shape[1]
    null = comb(order + d - 1, d)
    k = null + {1: 10, 2: 30}.get(d, 100) if k is None else k
    shift, power = x.mean(axis=0), 2 * order + 2 * s - d
    places = limit.around(x, shift, k)
    squared = np.square(distances(places, places))
    values, vectors = largest_eigen(powers_of_squares(squared, power), k)
    constraint = polynomials(places, null_powers(order, d)).T @ vectors
    q, _ = np.linalg.qr(constraint.T, mode="complete")
    free = q[:, null:]
    roughness = np.zeros((k, k))
    roughness[: k - null, : k - null] = free.T @ (values[:, None] * free)
    penalty = Penalty((roughness + roughness.T) / 2, k - null)
    return Duchon(places, shift, order, power, vectors @ free, penalty)


def powers_of_squares(squared: Array, power: float) -> Array:
    """Powers of distances, given squared, with positive energy.

    Times their logarithm where the power is even.
    """
    if power % 2 == 0:
        # It is zero at zero.
        out = squared + np.finfo(float).tiny
        np.log(out, out=out)
        out *= squared if power == 2 else squared ** (power / 2)
        out *= 0.5 if (power / 2) % 2 else -0.5
        return out
    out = np.sqrt(squared) if power == 1 else squared ** (power / 2)
    return np.negative(out, out=out) if ceil(power / 2) % 2 else out
