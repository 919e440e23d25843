"""Densities of correlated residuals: of all rows, of each row given the others, and random draws.

Residuals of a block of rows are normal, or Student with ``nu`` degrees of freedom, around zero with
a known inverse scale matrix ``Q``. Given the other rows of its block, residual i is normal around
``e_i - g_i / Q_ii`` with the variance ``1 / Q_ii``, where ``g = Q e``; for Student residuals of n
rows it has ``nu + n - 1`` degrees of freedom and the squared scale
``(nu + d_i) / (nu + n - 1) / Q_ii``, where ``d_i = e' Q e - g_i^2 / Q_ii`` is the squared distance
of the other rows (Buerkner, Gabry & Vehtari 2021, "Efficient leave-one-out cross-validation for
Bayesian non-factorized normal and Student-t models", Computational Statistics 36).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import special

from hiermodel.terms.base import Array


@dataclass(frozen=True, eq=False)
class Block:
    """Residuals of G groups of n rows, which are independent of each other.

    Attributes
    ----------
    rows : ndarray of int (G, n)
    gradient : ndarray (S, G, n)
        ``Q e``.
    precision : ndarray (S or 1, G or 1, n)
        The diagonal of ``Q``.
    distance : ndarray (S, G)
        ``e' Q e``.
    log_det : ndarray (S or 1, G or 1)
        Log determinant of ``Q``.
    """

    rows: Array
    gradient: Array
    precision: Array
    distance: Array
    log_det: Array

    @classmethod
    def of(cls, rows: Array, e: Array, inverse: Array, log_det: Array, scale: Array) -> Block:
        """A block whose residuals are `scale` times ones with a common inverse scale matrix.

        Parameters
        ----------
        rows : ndarray of int (G, n)
        e : ndarray (S, G, n)
            Residuals.
        inverse : ndarray (S or 1, G or 1, n, n)
        log_det : ndarray (S or 1, G or 1)
            Log determinant of `inverse`.
        scale : ndarray (S, G or 1, n or 1)
        """
        u = e / scale
        if inverse.shape[1] == 1:  # one matrix for all groups
            solved = u @ inverse[:, 0]
        else:
            solved = np.einsum("...ij,...j->...i", inverse, u)
        wide = np.broadcast_to(np.log(scale), e.shape).sum(axis=-1)
        return cls(
            rows, solved / scale, np.diagonal(inverse, axis1=-2, axis2=-1) / scale**2,
            np.sum(u * solved, axis=-1), log_det - 2 * wide,
        )


def joint_log_density(blocks: Iterable[Block], nu: Array | None) -> Array:
    """Log density of all residuals, (S,); `nu` (S,) for Student ones."""
    total: Array | float = 0.0
    for block in blocks:
        n = block.rows.shape[-1]
        if nu is None:
            part = 0.5 * block.log_det - 0.5 * block.distance - 0.5 * n * np.log(2 * np.pi)
        else:
            df = nu[:, None]
            part = (
                special.gammaln((df + n) / 2) - special.gammaln(df / 2)
                - 0.5 * n * np.log(df * np.pi) + 0.5 * block.log_det
                - 0.5 * (df + n) * np.log1p(block.distance / df)
            )
        total = total + part.sum(axis=-1)
    assert isinstance(total, np.ndarray)
    return total


@dataclass(frozen=True, eq=False)
class GivenOthers:
    """The distribution of each residual given the others: normal, or Student.

    Attributes
    ----------
    away : ndarray (S, N)
        How far each residual is from its conditional mean.
    scale : ndarray (S, N)
    df : ndarray (S, N), optional
        Degrees of freedom of Student ones.
    """

    away: Array
    scale: Array
    df: Array | None

    def log_density(self) -> Array:
        """Log density of each residual, (S, N)."""
        square, log_scale = (self.away / self.scale) ** 2, np.log(self.scale)
        if self.df is None:
            return np.asarray(-0.5 * square - log_scale - 0.5 * np.log(2 * np.pi))
        df = self.df
        return np.asarray(
            special.gammaln((df + 1) / 2) - special.gammaln(df / 2) - 0.5 * np.log(df * np.pi)
            - log_scale - 0.5 * (df + 1) * np.log1p(square / df)
        )

    def random(self, rng: np.random.Generator) -> Array:
        """Draws of how far a residual is from its conditional mean, (S, N)."""
        z = rng.standard_normal(self.away.shape)
        mixing = 1.0 if self.df is None else student_mixing_by(rng, self.df)
        return np.asarray(self.scale * z * mixing)


def given_others(
    blocks: Iterable[Block], nu: Array | None, shape: tuple[int, int]
) -> GivenOthers:
    """The distribution of each residual given those of the other rows."""
    away, scale = np.empty(shape), np.empty(shape)
    df = None if nu is None else np.empty(shape)
    for block in blocks:
        n = block.rows.shape[-1]
        shift = block.gradient / block.precision
        variance = np.broadcast_to(1 / block.precision, shift.shape)
        if df is not None and nu is not None:
            total = nu[:, None, None] + n - 1
            # The squared distance of the others: what is left of that of all rows.
            others = np.maximum(block.distance[..., None] - block.gradient * shift, 0)
            variance = variance * (nu[:, None, None] + others) / total
            df[:, block.rows] = np.broadcast_to(total, shift.shape)
        away[:, block.rows] = shift
        scale[:, block.rows] = np.sqrt(variance)
    return GivenOthers(away, scale, df)


def student_mixing(rng: np.random.Generator, nu: Array | None, shape: tuple[int, int]) -> Array:
    """What residuals of a group (S, G) are multiplied with: ones for normal residuals."""
    if nu is None:
        return np.ones(shape)
    return student_mixing_by(rng, np.broadcast_to(nu[:, None], shape))


def student_mixing_by(rng: np.random.Generator, df: Array) -> Array:
    """What normal numbers are multiplied with to be Student ones, each with its own `df`."""
    return np.asarray(np.sqrt(df / rng.chisquare(df)))
