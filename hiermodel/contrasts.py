"""Contrasts: which numbers stand for the levels of a factor.

Definitions as in Chambers & Hastie (1992), *Statistical Models in S*, chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, did_you_mean

Array = np.ndarray


@dataclass(frozen=True, eq=False, slots=True)
class Contrast:
    """The coding of a factor with given levels.

    The matrix is made when it is asked for: most factors with many levels are grouping factors,
    which never need one.

    Attributes
    ----------
    levels : tuple of str
    scheme : str
        A key of `SCHEMES`, or ``"matrix"`` for one that was given.
    base : int
        Position of the reference level (treatment contrasts only).
    given : Array, optional
        Levels x columns, with `given_names`.
    """

    levels: tuple[str, ...]
    scheme: str = "treatment"
    base: int = 0
    given: Array | None = None
    given_names: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What is appended to the factor's name, one per column."""
        if self.given is not None:
            return self.given_names
        if self.scheme in ("treatment", "sas"):
            return tuple(v for k, v in enumerate(self.levels) if k != self._reference)
        if self.scheme == "poly":
            return poly_names(len(self.levels))
        return tuple(str(k) for k in range(1, len(self.levels)))

    @property
    def matrix(self) -> Array:
        """Levels x columns."""
        if self.given is not None:
            return self.given
        k = len(self.levels)
        if self.scheme in ("treatment", "sas"):
            return np.delete(np.eye(k), self._reference, axis=1)
        return SCHEMES[self.scheme](k)

    @property
    def _reference(self) -> int:
        return len(self.levels) - 1 if self.scheme == "sas" else self.base


def treatment(k: int) -> Array:
    """Each level against the first, k x (k - 1)."""
    return np.eye(k)[:, 1:]


def sas(k: int) -> Array:
    """Each level against the last, k x (k - 1)."""
    return np.eye(k)[:, :-1]


def sum_to_zero(k: int) -> Array:
    """Deviations from the mean of the levels; the last level has -1 throughout."""
    return np.vstack([np.eye(k - 1), -np.ones((1, k - 1))])


def helmert(k: int) -> Array:
    """Each level against the mean of the levels before it."""
    out = np.zeros((k, k - 1))
    for column in range(k - 1):
        out[: column + 1, column] = -1.0
        out[column + 1, column] = column + 1
    return out


def polynomial(k: int) -> Array:
    """Orthonormal polynomials in the equidistant scores 1..k, the leading sign positive."""
    scores = np.arange(1, k + 1) - (k + 1) / 2
    q, r = np.linalg.qr(np.vander(scores, k, increasing=True))
    return (q * np.sign(np.diag(r)))[:, 1:]


def poly_names(k: int) -> tuple[str, ...]:
    """``.L``, ``.Q``, ``.C``, ``^4``, ... for k levels."""
    return (".L", ".Q", ".C")[: k - 1] + tuple(f"^{degree}" for degree in range(4, k))


SCHEMES: dict[str, Callable[[int], Array]] = {
    "treatment": treatment,
    "sum": sum_to_zero,
    "helmert": helmert,
    "poly": polynomial,
    "sas": sas,
}


def scheme_name(text: str) -> str | None:
    """The scheme that a user means by ``sum``, ``contr.sum``, ``Sum``; None when there is none."""
    name = text.removeprefix("contr.").lower()
    return name if name in SCHEMES else None


def make_contrast(name: str, spec: Any, levels: Sequence[str], full: Sequence[str]) -> Contrast:
    """Read what a user asks for.

    Parameters
    ----------
    name : str
        The factor, for messages.
    spec : str, DataFrame or array
        A scheme, or numbers (levels x columns). Row labels are matched with the levels; rows
        without labels go by position.
    levels : sequence of str
        Levels in use.
    full : sequence of str
        All levels before unused ones were dropped: a matrix may have a row for each of them.

    Raises
    ------
    DataError
        For an unknown scheme, a wrong shape, unknown row labels, or redundant columns.

    Examples
    --------
    >>> make_contrast("dose", "sum", ("low", "mid", "high"), ()).matrix.tolist()
    [[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]
    """
    if isinstance(spec, str):
        scheme = scheme_name(spec)
        if scheme is None:
            raise DataError(
                f"contrasts of {name!r}: there is no scheme {spec!r}"
                f"{did_you_mean(spec, SCHEMES)}; use one of {', '.join(SCHEMES)}, or a matrix "
                "with a row per level"
            )
        return Contrast(tuple(levels), scheme)
    try:
        table = pd.DataFrame(spec)
        matrix = table.to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"contrasts of {name!r} must be the name of a scheme or a matrix of numbers"
        ) from error
    rows = _matched_rows(name, table, tuple(levels), tuple(full))
    matrix = matrix[rows]
    _check_matrix(name, matrix, len(levels))
    return Contrast(tuple(levels), "matrix", given=matrix, given_names=_column_names(table))


def _unlabelled(index: pd.Index) -> bool:
    return [str(v) for v in index] == [str(k) for k in range(len(index))]


def _column_names(table: pd.DataFrame) -> tuple[str, ...]:
    if _unlabelled(table.columns):
        return tuple(str(k + 1) for k in range(table.shape[1]))
    return tuple(str(c) for c in table.columns)


def _matched_rows(
    name: str, table: pd.DataFrame, levels: tuple[str, ...], full: tuple[str, ...]
) -> list[int]:
    """Which row of the table belongs to each level."""
    labels = [str(v) for v in table.index]
    position = {label: k for k, label in enumerate(labels)}
    if all(level in position for level in levels):
        return [position[level] for level in levels]
    if not _unlabelled(table.index):
        lacking = next(level for level in levels if level not in position)
        raise DataError(
            f"contrasts of {name!r} have no row for the level {lacking!r}; "
            f"their rows are {', '.join(labels)}"
        )
    if len(labels) == len(levels):
        return list(range(len(levels)))
    if len(labels) == len(full):
        return [full.index(level) for level in levels]
    raise DataError(
        f"contrasts of {name!r} have {len(labels)} rows, but the factor has {len(levels)} "
        f"levels: {', '.join(levels)}"
    )


def _check_matrix(name: str, matrix: Array, k: int) -> None:
    columns = matrix.shape[1]
    if not 1 <= columns <= max(1, k - 1):
        raise DataError(
            f"contrasts of {name!r} have {columns} columns; a factor with {k} levels takes "
            f"1 to {max(1, k - 1)}"
        )
    if not np.isfinite(matrix).all():
        raise DataError(f"contrasts of {name!r} hold values that are no finite numbers")
    if np.linalg.matrix_rank(np.column_stack([np.ones(k), matrix])) <= columns and k > 1:
        raise DataError(
            f"contrasts of {name!r} are redundant: together with the intercept their columns "
            "are linearly dependent"
        )
