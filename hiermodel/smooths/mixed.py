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


def mixed_form(
    basis: Basis,
    x: Array,
    *,
    fixed: bool = False,
    weights: Array | None = None,
    constrained: bool | None = None,
    at: Array | None = None,
    design: Array | None = None,
) -> MixedForm:
    """Turn a basis into columns of a mixed model.

    Parameters
    ----------
    basis : Basis
    x : ndarray (n, d)
        The data, over which the smooth sums to zero when it has to.
    fixed : bool
        No penalty at all.
    weights : ndarray (n,), optional
        What the smooth is multiplied by in each row: a number, or whether the row has a level.
    constrained : bool, optional
        Whether the smooth sums to zero; that of the basis by default.
    at : ndarray (1, d), optional
        A point where the smooth is zero, instead of that sum.
    design : ndarray (n, k), optional
        The functions of the basis at `x`, if they are known.
    """
    design = basis.design(x) if design is None else design
    penalties = [scaled(penalty, design).matrix for penalty in basis.penalties]
    unpenalised = np.flatnonzero(sum(np.abs(p).sum(axis=0) for p in penalties) == 0)
    k = design.shape[1]
    free = np.eye(k)
    if basis.constrained if constrained is None else constrained:
        level = design.mean(axis=0) if at is None else basis.design(at)[0]
        if len(penalties) > 1:
            # The blocks of penalised functions stay as they are.
            inner = _null_space(level[unpenalised])
            others = np.setdiff1d(np.arange(k), unpenalised)
            free = np.column_stack([free[:, others], free[:, unpenalised] @ inner])
        else:
            free = _null_space(level)
    if fixed:
        return MixedForm(basis, free, ())
    if len(penalties) > 1:
        blocks = []
        for matrix in penalties:
            columns = np.flatnonzero(np.diag(matrix))
            blocks.append(np.eye(k)[:, columns] / np.sqrt(np.diag(matrix)[columns]))
        inside = np.abs(free[unpenalised]).sum(axis=0) > 0
        return MixedForm(basis, free[:, inside], tuple(blocks))
    rank = min(basis.penalties[0].rank, free.shape[1])
    inner = free.T @ penalties[0] @ free
    diagonal: Array = np.diag(inner)
    if np.array_equal(inner, np.diag(diagonal)):
        values, turned = diagonal, free
    else:
        values, vectors = falling_eigen(inner)
        turned = free @ vectors
    random = turned[:, :rank] / np.sqrt(values[:rank])
    null = turned[:, rank:]
    # Ordinary columns are as long as the penalised ones are on average.
    weighted = design if weights is None else design * weights[:, None]
    mean = np.square(weighted @ random).sum(axis=0).mean()
    lengths = np.square(weighted @ null).sum(axis=0)
    columns = np.column_stack([random, null * np.sqrt(mean / lengths)])
    # The order that R gives them, by diagonalising a penalty that is diagonal already.
    _, unit = falling_eigen(np.diag(np.where(np.arange(len(columns.T)) < rank, 1.0, 0.0)))
    columns = columns[:, np.abs(unit).argmax(axis=0)]
    return MixedForm(basis, columns[:, rank:], (columns[:, :rank],))


def scaled(penalty: Penalty, design: Array) -> Penalty:
    """The penalty in units of the design, so that one prior fits smooths of all covariates."""
    size = np.abs(design).sum(axis=1).max() ** 2
    return Penalty(penalty.matrix * (size / np.abs(penalty.matrix).sum(axis=0).max()), penalty.rank)


def _null_space(row: Array) -> Array:
    """An orthogonal basis of the coefficients for which ``row @ b`` is zero."""
    q, _ = np.linalg.qr(row[:, None], mode="complete")
    return q[:, 1:]
