"""Rows -> small statistics: the rows of each level, rotated until few of them matter.

In a level with design ``Z = Q R`` (thin QR) the rotated rows ``Q'y = Q'X beta + R u + Q'e`` are
all that the data say of its effects ``u``. The other rows of the rotation are free of ``u``; over
all levels they are an ordinary regression, of which the R factor of ``[X y]`` is all that is
needed. Rotations leave independent normal residuals independent and normal, so nothing is lost
(the same idea makes lme4's and MixedModels.jl's penalised least squares small; Bates et al. 2015,
Journal of Statistical Software 67(1), section 3).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

Array = np.ndarray

# A column whose part beyond the columns before it is smaller than this share of it is a
# combination of them: rounding leaves about 1e-16.
_INDEPENDENT = 1e-10
# Rows that one QR decomposition takes at once.
_BLOCK = 100_000


@dataclass(frozen=True, slots=True, eq=False)
class Rotated:
    """What is left of the rows.

    Attributes
    ----------
    level_y : ndarray (coefs, levels)
        ``Q'y`` of each level.
    level_x : ndarray (coefs, levels, columns)
        ``Q'X`` of each level.
    level_r : ndarray (coefs, coefs, levels)
        ``R`` of each level, upper triangular; rows of zeros where the rows of a level cannot
        tell a coefficient from those before it.
    rest_y : ndarray (rows,)
    rest_x : ndarray (rows, columns)
        At most ``columns + 1`` rows with the cross-products of everything else.
    q : ndarray (coefs, rows)
        The columns of ``Q`` of all levels.
    rest : ndarray (columns + 1, rows)
        Design and response (last) without their projection on ``Q``.
    """

    level_y: Array
    level_x: Array
    level_r: Array
    rest_y: Array
    rest_x: Array
    q: Array
    rest: Array

    def with_squares(self, squares: float) -> Rotated:
        """With a sum of squares of the response that nothing explains."""
        y = np.append(self.rest_y, np.sqrt(squares))
        x = np.vstack([self.rest_x, np.zeros((1, self.rest_x.shape[1]))])
        return replace(self, rest_y=y, rest_x=x)


def rotate(codes: Array, levels: int, z: Array, x: Array, y: Array) -> Rotated:
    """Reduce rows to the statistics that the collapsed likelihood needs.

    Parameters
    ----------
    codes : ndarray of int (rows,)
        Level of each row, from 0. Levels without a row are allowed.
    levels : int
    z : ndarray (rows, coefs)
        Design of the effects that vary over the levels.
    x : ndarray (rows, columns)
        Design of the population-level coefficients.
    y : ndarray (rows,)

    Returns
    -------
    Rotated

    Examples
    --------
    >>> codes, one = np.array([0, 0, 1]), np.ones((3, 1))
    >>> made = rotate(codes, 2, one, one, np.array([1.0, 3.0, 5.0]))
    >>> made.level_r[0, 0] ** 2  # rows of each level
    array([2., 1.])
    >>> round(float(made.rest_y @ made.rest_y), 6)  # sum of squares within levels
    2.0
    """
    def sums(values: Array) -> Array:
        return np.bincount(codes, values, levels)

    coefs, columns = z.shape[1], x.shape[1]
    # One row of memory for each column; the last is the response.
    rest = np.empty((columns + 1, len(y)))
    rest[:columns], rest[columns] = x.T, y
    own = np.array(z.T, dtype=float, order="C")
    level_r = np.zeros((coefs, coefs, levels))
    rotated = np.zeros((coefs, columns + 1, levels))
    size = np.array([sums(row * row) for row in own])
    # Modified Gram-Schmidt, all levels at once: as good as Householder for R and for Q'y when
    # the right-hand sides are reduced along with the columns (Bjorck 1967, BIT 7).
    for k in range(coefs):
        left = sums(own[k] * own[k])
        found = left > _INDEPENDENT**2 * size[k]
        level_r[k, k] = np.sqrt(np.where(found, left, 0.0))
        scale = np.divide(1.0, level_r[k, k], out=np.zeros(levels), where=found)
        q = own[k]
        q *= scale[codes]
        for j in range(k + 1, coefs):
            level_r[k, j] = sums(q * own[j])
            own[j] -= q * level_r[k, j][codes]
        for j, column in enumerate(rest):
            rotated[k, j] = sums(q * column)
            column -= q * rotated[k, j][codes]
    factor = r_factor(rest)
    return Rotated(
        rotated[:, columns], np.ascontiguousarray(rotated[:, :columns].swapaxes(1, 2)), level_r,
        factor[:, columns], factor[:, :columns], own, rest,
    )


def r_factor(columns: Array) -> Array:
    """The R factor of the rows, block after block (columns are given as rows of memory)."""
    factor: Array = np.zeros((0, len(columns)))
    for start in range(0, columns.shape[1], _BLOCK):
        block = columns[:, start : start + _BLOCK].T
        factor = np.asarray(np.linalg.qr(np.vstack([factor, block]), mode="r"))
    return factor
