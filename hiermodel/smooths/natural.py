"""Bases turned so that the penalty is a sum of squares of some coefficients."""

from __future__ import annotations

import numpy as np

from hiermodel.smooths.basis import Array, Penalty, falling_eigen


def by_penalty(design: Array, penalty: Penalty) -> Array:
    """Turn a basis by the eigenvectors of its penalty; a map (k, k).

    Penalised functions come first and have a penalty of one. The others are as long as those are on
    average, uncorrelated, and begin with the constant where they span it.
    """
    rank, k = penalty.rank, design.shape[1]
    values, turn = falling_eigen(penalty.matrix)
    turn[:, :rank] /= np.sqrt(values[:rank])
    if rank < k:
        lengths = np.square(design @ turn).sum(axis=0)
        turn[:, rank:] *= np.sqrt(lengths[:rank].mean() / lengths[rank:])
        turn[:, rank:] = constant_first(design, turn[:, rank:])
    return unit_mean_squares(design, turn, rank)


def by_design(design: Array, penalty: Penalty) -> Array:
    """Turn a basis to functions that are orthogonal over the rows, too; a map (k, k)."""
    rank = penalty.rank
    # The triangle with a positive diagonal, whatever the order of the rows.
    _, r = np.linalg.qr(design)
    inverse = np.linalg.inv(r * np.sign(np.diag(r))[:, None])
    values, vectors = falling_eigen(inverse.T @ penalty.matrix @ inverse)
    turn = inverse @ vectors
    turn[:, :rank] /= np.sqrt(values[:rank])
    turn[:, rank:] = constant_first(design, turn[:, rank:])
    return unit_mean_squares(design, turn, rank)


def constant_first(design: Array, turn: Array) -> Array:
    """Turn functions without penalty so that they are uncorrelated and begin with the constant."""
    if not turn.shape[1]:
        return turn
    null = design @ turn
    centred = null - null.mean(axis=0)
    _, vectors = falling_eigen(centred.T @ centred)
    return turn @ vectors[:, ::-1]


def unit_mean_squares(design: Array, turn: Array, rank: int) -> Array:
    """Scale penalised and other functions so that each set has mean square one."""
    turn = turn.copy()
    for part in (slice(0, rank), slice(rank, turn.shape[1])):
        if turn[:, part].shape[1]:
            turn[:, part] /= np.sqrt(np.square(design @ turn[:, part]).mean())
    return turn
