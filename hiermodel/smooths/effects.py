"""Smooths of groups: effects of levels, and curves that differ between levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiermodel.smooths.basis import Array, Basis, Penalty
from hiermodel.smooths.natural import by_design


@dataclass(frozen=True, eq=False)
class Levels:
    """Independent effects of levels (and of products of levels and numbers), penalised equally.

    The design is what the caller computes; covariates are its columns.
    """

    width: int
    constrained: bool = False

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """The identity."""
        return (Penalty(np.eye(self.width), self.width),)

    def design(self, x: Array) -> Array:
        """The covariates themselves."""
        return np.asarray(x, float)


@dataclass(frozen=True, eq=False)
class LevelCodes:
    """Independent effects of levels, as a margin of a tensor product.

    Codes of levels, from 0, are the only covariate; a level that is unknown has no effect.
    """

    levels: int
    constrained: bool = False

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """The identity."""
        return (Penalty(np.eye(self.levels), self.levels),)

    def design(self, x: Array) -> Array:
        """Indicators, (n, levels)."""
        return np.asarray(x[:, :1] == np.arange(self.levels), dtype=float)


@dataclass(frozen=True, eq=False)
class Curves:
    """A curve for each level, drawn from one distribution of curves.

    Attributes
    ----------
    basis : Basis
        Of one curve.
    turn : ndarray (k, k)
        Makes the penalty a sum of squares; each function without penalty gets one of its own.
    rank : int
    levels : int
        Codes of levels, from 0, are the last covariate.
    """

    basis: Basis
    turn: Array
    rank: int
    levels: int
    constrained: bool = False

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """One for the wiggles of all curves, and one for each function that is no wiggle."""
        k = len(self.turn)
        parts = [np.arange(k) < self.rank, *(np.arange(k) == i for i in range(self.rank, k))]
        return tuple(
            Penalty(np.diag(np.tile(part, self.levels) * 1.0), int(part.sum()) * self.levels)
            for part in parts
        )

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, levels k); a level that is unknown has none."""
        codes = x[:, -1].astype(int)
        turned = self.basis.design(x[:, :-1]) @ self.turn
        out = np.zeros((len(x), self.levels, turned.shape[1]))
        known = np.flatnonzero(codes >= 0)
        out[known, codes[known]] = turned[known]
        return out.reshape(len(x), -1)


def curves(x: Array, basis: Basis, levels: int) -> Curves:
    """Learn curves that share their penalties; the last column of `x` holds codes of levels."""
    (penalty,) = basis.penalties
    turn = by_design(basis.design(x[:, :-1]), penalty)
    return Curves(basis, turn, penalty.rank, levels)
