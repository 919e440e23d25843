"""Grouping factors: which level each row belongs to (``g``, ``g1:g2``, ``gr()``, ``mm()``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import group_codes
from hiermodel.errors import DataError
from hiermodel.expressions import FactorValue, LearnedExpression
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array, Scope


@dataclass(frozen=True, eq=False)
class Grouping:
    """A grouping factor and its levels.

    `members` holds the variables of the factor; ``mm(g1, g2)`` has several members with one
    variable each, everything else has one member (``g1:g2`` with two variables).
    """

    name: str
    members: tuple[tuple[str, ...], ...]
    levels: tuple[str, ...]
    multi: bool = False
    weights: LearnedExpression | None = None
    scale_weights: bool = True

    @property
    def member_indices(self) -> tuple[int | None, ...]:
        """``(None,)`` for a plain factor, ``(1, 2, ...)`` for the members of ``mm()``."""
        return tuple(range(1, len(self.members) + 1)) if self.multi else (None,)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that codes and weights read."""
        weights = () if self.weights is None else tuple(self.weights.variables)
        return (*(v for member in self.members for v in member), *weights)

    def variables(self, index: int, resp: str) -> tuple[Var, ...]:
        """``J_1``, or ``J_1_1``, ``W_1_1``, ... with members, for the rows of one response."""
        out = []
        rows = Scope(resp=resp).rows
        for member, names in zip(self.member_indices, self.members, strict=True):
            note = f"level of {':'.join(names)} in each row"
            out.append(
                Var(index_name("J", index, resp, member), "int", array=(rows,), lower="1",
                    upper=f"N_{index}", comment=note)
            )
            if member is not None:
                name = index_name("W", index, resp, member)
                out.append(Var(name, "vector", (rows,), comment="weight of that level"))
        return tuple(out)

    def codes(self, frame: pd.DataFrame) -> tuple[Array, ...]:
        """Per member the level of each row, from 0; -1 where it is unseen or missing."""
        return tuple(group_codes(frame, names, levels=self.levels)[0] for names in self.members)

    def labels(self, frame: pd.DataFrame, member: int) -> Array:
        """Level labels of each row for one member (from 0), as objects; None where missing."""
        codes, levels = group_codes(frame, self.members[member])
        table = np.array([*levels, None], dtype=object)
        return table[codes]

    def weight_columns(self, frame: pd.DataFrame, missing: str = "raise") -> tuple[Array, ...]:
        """Per member the weight of each row (Browne, Goldstein & Rasbash 2001)."""
        k = len(self.members)
        if self.weights is None:
            return (np.full(len(frame), 1.0 / k),) * k
        values = np.asarray(self.weights.value(frame, missing=missing), dtype=float)
        if (values < 0).any():
            row = int(np.flatnonzero((values < 0).any(axis=1))[0]) + 1
            raise DataError(f"the weights of mm() must not be negative (row {row})")
        if self.scale_weights:
            total = values.sum(axis=1, keepdims=True)
            if (total == 0).any():
                row = int(np.flatnonzero(total[:, 0] == 0)[0]) + 1
                raise DataError(f"the weights of mm() are all zero in row {row}")
            values = values / total
        return tuple(np.ascontiguousarray(values[:, j]) for j in range(k))


@dataclass(frozen=True, eq=False)
class ByFactor:
    """A factor that is constant within levels: each of its levels has its own covariance."""

    name: str
    labels: tuple[str, ...]
    codes: Array
    expression: LearnedExpression

    def row_codes(self, frame: pd.DataFrame, members: int) -> Array:
        """Level of the by factor of each row and member, from 0; -1 where it is unknown."""
        table = {label: k for k, label in enumerate(self.labels)}
        labels = by_labels(self.expression.value(frame, missing="pass"), members)
        codes: Array = np.vectorize(lambda v: table.get(v, -1), otypes=[np.int64])(labels)
        return codes

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What brms appends to a coefficient: ``vghi``."""
        return tuple(f"{self.name}{label}" for label in self.labels)


def by_labels(value: Any, members: int) -> Array:
    """Labels of a by factor, rows x members."""
    if isinstance(value, FactorValue):
        column = np.array([*value.levels, None], dtype=object)[value.codes]
        return np.column_stack([column] * members)
    array = np.asarray(value)
    array = array[:, None] if array.ndim == 1 else array
    text = np.vectorize(lambda v: f"{v:g}" if isinstance(v, float) else str(v), otypes=[object])
    labels: Array = text(array)
    return labels


def index_name(kind: str, index: int, resp: str, member: int | None) -> str:
    """Name of the levels (``J``) or weights (``W``) of the rows: ``J_1``, ``J_1_y2``, ``W_1_2``."""
    parts = (kind, index, *((resp,) if resp else ()), *(() if member is None else (member,)))
    return "_".join(map(str, parts))


def row_data(
    grouping: Grouping, index: int, resp: str, codes: tuple[Array, ...], frame: pd.DataFrame,
    missing: str = "raise",
) -> dict[str, Any]:
    """Stan data of a grouping factor for given level codes (from 0) of one response."""
    out: dict[str, Any] = {}
    for member, column in zip(grouping.member_indices, codes, strict=True):
        out[index_name("J", index, resp, member)] = column + 1
    if grouping.multi:
        for member, weights in enumerate(grouping.weight_columns(frame, missing), start=1):
            out[index_name("W", index, resp, member)] = weights
    return out
