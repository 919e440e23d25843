"""What a basis of a smooth is: functions, and quadratic forms that measure their roughness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import eigh

Array = np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Penalty:
    """A quadratic form ``b' matrix b`` of the coefficients of a basis, with its known rank."""

    matrix: Array
    rank: int


class Basis(Protocol):
    """Functions of d covariates; what was learned from the data is inside.

    Attributes
    ----------
    penalties : tuple of Penalty
    constrained : bool
        Whether the functions span a constant, which then has to be taken out.
    """

    @property
    def penalties(self) -> tuple[Penalty, ...]:
        """Roughness."""
        ...

    @property
    def constrained(self) -> bool:
        """Whether a constant has to be taken out."""
        ...

    def design(self, x: Array) -> Array:
        """Values of the functions, (n, k), at covariates (n, d)."""
        ...


def falling_eigen(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues of a symmetric matrix, the largest first, and their vectors.

    By the algorithm that R uses (MRRR), because it also chooses a basis where eigenvalues repeat,
    as they do in null spaces.
    """
    values, vectors = eigh(matrix, driver="evr")
    return values[::-1].copy(), vectors[:, ::-1]


def shrunk(penalty: Penalty, falling: bool = False) -> Penalty:
    """Penalise the null space too, a tenth as much as the least penalised direction.

    With `falling` each further direction is penalised a tenth as much as the one before.

    Marra & Wood (2011), doi:10.1016/j.csda.2011.02.004; Wood (2017), section 5.4.3.
    """
    values, vectors = falling_eigen(penalty.matrix)
    tenths = np.arange(1, len(values) - penalty.rank + 1) if falling else 1
    values[penalty.rank :] = 0.1**tenths * values[penalty.rank - 1]
    matrix = (vectors * values) @ vectors.T
    return Penalty((matrix + matrix.T) / 2, len(values))
