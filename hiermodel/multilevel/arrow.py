"""Weighted least squares with coefficients that all rows share and coefficients for each level.

The information matrix has the shape of an arrow: blocks of single levels, bordered by the shared
coefficients. Eliminating the blocks first keeps the work linear in the number of levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Arrow:
    """A design of shared columns and of columns for each level.

    Attributes
    ----------
    shared : ndarray (N, K)
    own : ndarray (N, C)
        Columns whose coefficients each level has for itself.
    codes : ndarray (N,)
        Level of each row, from 0.
    levels : int
    """

    shared: Array
    own: Array
    codes: Array
    levels: int

    @property
    def size(self) -> int:
        """Number of coefficients: the shared ones, then those of each level."""
        return self.shared.shape[1] + self.levels * self.own.shape[1]

    def eta(self, beta: Array) -> Array:
        """The linear predictor, (N,)."""
        k, c = self.shared.shape[1], self.own.shape[1]
        out: Array = self.shared @ beta[:k]
        if c:
            out = out + np.sum(self.own * beta[k:].reshape(self.levels, c)[self.codes], axis=1)
        return out

    def _sums(self, left: Array, right: Array) -> Array:
        """Sums over the rows of each level of products of columns, (levels, left, right)."""
        out = np.empty((self.levels, left.shape[1], right.shape[1]))
        for i in range(left.shape[1]):
            for j in range(right.shape[1]):
                products = left[:, i] * right[:, j]
                out[:, i, j] = np.bincount(self.codes, products, minlength=self.levels)
        return out

    def _blocks(self, weights: Array) -> tuple[Array, Array, Array]:
        """Inverses of the blocks, their borders, inverse of what is left of the shared block."""
        weighted = weights[:, None] * self.own
        blocks = np.linalg.pinv(self._sums(self.own, weighted), rcond=1e-12, hermitian=True)
        border = self._sums(self.shared, weighted)
        left = self.shared.T @ (weights[:, None] * self.shared)
        left = left - np.einsum("lkc,lcd,lmd->km", border, blocks, border, optimize=True)
        return blocks, border, np.linalg.pinv(left, rcond=1e-12, hermitian=True)

    def solve(self, weights: Array, score: Array) -> Array:
        """Coefficients b of ``X' W X b = X' score``; the shortest where several do."""
        blocks, border, left = self._blocks(weights)
        own = self._sums(self.own, score[:, None])[:, :, 0]
        reduced = np.einsum("lcd,ld->lc", blocks, own)
        shared = left @ (self.shared.T @ score - np.einsum("lkc,lc->k", border, reduced))
        rest = reduced - np.einsum("lcd,lkd,k->lc", blocks, border, shared, optimize=True)
        return np.concatenate([shared, rest.ravel()])

    def variances(self, weights: Array) -> Array:
        """Diagonal of the inverse of ``X' W X``."""
        blocks, border, left = self._blocks(weights)
        path = np.einsum("lcd,lkd->lck", blocks, border)
        own = np.einsum("lcc->lc", blocks) + np.einsum("lck,km,lcm->lc", path, left, path,
                                                       optimize=True)
        return np.concatenate([np.diag(left), own.ravel()])
