"""A smooth as a mixed model: columns with flat coefficients, and columns with normal ones.

A penalty ``lambda b' S b`` is the log density of normal coefficients. The basis is turned so that S
is diagonal: what it does not penalise gets ordinary coefficients, what it does gets standard normal
ones times a standard deviation (Wood 2017, section 5.8; Wood, Scheipl & Faraway 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hiermodel.smooths.basis import Array, Basis, Penalty, falling_eigen


@dataclass(frozen=True, eq=False)
class MixedForm:
    """Linear maps from a basis to the columns of a mixed model.

    Attributes
    ----------
    basis : Basis
    fixed : ndarray (k, p)
        To the columns with coefficients of their own.
    random : tuple of ndarray (k, q)
        To the blocks of columns that share a standard deviation.
    """

    basis: Basis
    fixed: Array
    random: tuple[Array, ...]

    def columns(self, x: Array) -> tuple[Array, tuple[Array, ...]]:
        """Columns with flat, and blocks with normal coefficients, at covariates (n, d)."""
        design = self.basis.design(x)
        return design @ self.fixed, tuple(design @ block for block in self.random)


def mixed_form(basis: Basis, x: Array, fixed: bool = False) -> MixedForm:
    """Turn a basis with one penalty into columns of a mixed model.

    Parameters
    ----------
    basis : Basis
    x : ndarray (n, d)
        The data, over which the smooth sums to zero when it has to.
    fixed : bool
        No penalty at all.
    """
    design = basis.design(x)
    (penalty,) = basis.penalties
    matrix = scaled(penalty, design).matrix
    free = zero_sum(design) if basis.constrained else np.eye(design.shape[1])
    if fixed:
        return MixedForm(basis, free, ())
    rank = min(penalty.rank, free.shape[1])
    values, vectors = falling_eigen(free.T @ matrix @ free)
    turned = free @ vectors
    random = turned[:, :rank] / np.sqrt(values[:rank])
    null = turned[:, rank:]
    # Ordinary columns are as long as the penalised ones are on average.
    mean = np.square(design @ random).sum(axis=0).mean()
    lengths = np.square(design @ null).sum(axis=0)
    return MixedForm(basis, null * np.sqrt(mean / lengths), (random,))


def scaled(penalty: Penalty, design: Array) -> Penalty:
    """The penalty in units of the design, so that one prior fits smooths of all covariates."""
    size = np.abs(design).sum(axis=1).max() ** 2
    return Penalty(penalty.matrix * (size / np.abs(penalty.matrix).sum(axis=0).max()), penalty.rank)


def zero_sum(design: Array) -> Array:
    """An orthogonal basis of the coefficients whose function sums to zero over the rows."""
    q, _ = np.linalg.qr(design.mean(axis=0)[:, None], mode="complete")
    return q[:, 1:]
