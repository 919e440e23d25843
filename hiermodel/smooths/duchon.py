"""Duchon splines: thin plates whose null space may be smaller than their smoothness asks for.

Duchon (1977), Splines minimizing rotation-invariant semi-norms in Sobolev spaces; Miller & Wood
(2014), Finite area smoothing with generalized distance splines, Environ. Ecol. Stat. 21, 715-731.
"""

from __future__ import annotations

from dataclasses import dataclass
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
    """

    places: Array
    shift: Array
    order: int
    power: float
    weights: Array
    penalty: Penalty
    constrained: bool = True

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """Roughness: derivatives of that order, high frequencies weighted by their power 2 s."""
        return (self.penalty,)

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, d)."""
        centred = np.asarray(x, float) - self.shift
        radial = radial_columns(
            lambda r2: powers_of(np.sqrt(r2), self.power), centred, self.places, self.weights
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
    places = limit.chosen(np.unique(x - shift, axis=0), k)
    values, vectors = largest_eigen(powers_of(distances(places, places), power), k)
    constraint = polynomials(places, null_powers(order, d)).T @ vectors
    q, _ = np.linalg.qr(constraint.T, mode="complete")
    free = q[:, null:]
    roughness = np.zeros((k, k))
    roughness[: k - null, : k - null] = free.T @ (values[:, None] * free)
    penalty = Penalty((roughness + roughness.T) / 2, k - null)
    return Duchon(places, shift, order, power, vectors @ free, penalty)


def powers_of(r: Array, power: float) -> Array:
    """Powers of distances, times their logarithm where the power is even, with positive energy."""
    if power % 2 == 0:
        with np.errstate(divide="ignore", invalid="ignore"):
            out = np.where(r > 0, r**power * np.log(r), 0.0)
        return -out if (power / 2) % 2 == 0 else out
    return r**power * (-1.0 if ceil(power / 2) % 2 else 1.0)
