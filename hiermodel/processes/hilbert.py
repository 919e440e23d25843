"""Processes as sums of sines: the Hilbert-space approximation.

On the box ``[-L, L]`` a stationary process is nearly a sum of eigenfunctions of the Laplace
operator, whose coefficients are independent normals with the spectral density at the square root
of the eigenvalue as their variance.

References
----------
Solin and Sarkka (2020), Hilbert space methods for reduced-rank Gaussian process regression,
Statistics and Computing 30, 419-446. Riutort-Mayol, Burkner, Andersen, Solin and Vehtari (2023),
Practical Hilbert space approximate Bayesian Gaussian processes, Statistics and Computing 33, 17.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def boundary(x: Array, factors: Array) -> Array:
    """Half the side of the box in each dimension: ``c * max(1, range)``.

    Parameters
    ----------
    x : ndarray (n, dims)
    factors : ndarray (dims,)
        The constant ``c`` of each dimension.

    Returns
    -------
    ndarray (dims,)

    Examples
    --------
    >>> boundary(np.array([[0.0], [4.0]]), np.array([1.25]))
    array([5.])
    """
    return np.asarray(factors * np.maximum(1.0, np.ptp(x, axis=0)))


def multi_index(k: int, dims: int) -> Array:
    """Which function of each dimension is multiplied, from 1; the first dimension runs fastest.

    Returns
    -------
    ndarray of int (k ** dims, dims)

    Examples
    --------
    >>> multi_index(2, 2).tolist()
    [[1, 1], [2, 1], [1, 2], [2, 2]]
    """
    grid = np.indices((k,) * dims).reshape(dims, -1)
    return np.asarray(grid[::-1].T + 1)


def frequencies(k: int, half: Array) -> Array:
    """Square roots of the eigenvalues of all products of functions.

    Parameters
    ----------
    k : int
        Functions in each dimension.
    half : ndarray (dims,)
        Half the sides of the box.

    Returns
    -------
    ndarray (k ** dims, dims)
    """
    return np.asarray(multi_index(k, len(half)) * np.pi / (2 * half))


def eigenfunctions(x: Array, k: int, half: Array) -> Array:
    """Values of all products of functions at points around 0.

    Parameters
    ----------
    x : ndarray (n, dims)
        Centred points.
    k : int
    half : ndarray (dims,)

    Returns
    -------
    ndarray (n, k ** dims)

    Examples
    --------
    >>> eigenfunctions(np.zeros((1, 1)), 2, np.ones(1)).round(12)  # 1 at the centre, and 0
    array([[1., 0.]])
    """
    omega = frequencies(k, half)
    index = multi_index(k, len(half)) - 1
    out: Array = np.ones((len(x), len(index)))
    for d, side in enumerate(half):
        waves = np.unique(omega[:, d])
        sines = np.sin((x[:, d, None] + side) * waves) / np.sqrt(side)
        out = out * sines[:, index[:, d]]
    return out
