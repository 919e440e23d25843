"""The group-level terms of predictors: each holds its columns of a `GroupEffects`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.grouping import index_name


@dataclass(frozen=True, eq=False)
class GroupView:
    """The group-level term of one predictor: its columns of a `GroupEffects`.

    With `lean` the design of the intercept, which is 1 everywhere, is left out of the program.
    """

    template: ClassVar[str] = "group.stan.jinja"

    owner: GroupEffects
    scope: Scope
    first: int
    design: DesignSpec
    member_columns: tuple[MemberColumn, ...]
    text: str
    lean: bool = field(default=False, kw_only=True)

    @property
    def width(self) -> int:
        """Number of its coefficients."""
        return len(self.design.names) + len(self.member_columns)

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names of its coefficients."""
        return (*self.design.names, *(c.name for c in self.member_columns))

    @property
    def columns(self) -> tuple[int, ...]:
        """Positions of its coefficients in the owner, from 1."""
        return tuple(range(self.first, self.first + self.width))

    def is_one(self, column: int) -> bool:
        """True for an intercept whose design is left out."""
        return self.lean and self.design.intercept and column == self.first

    def z_name(self, column: int, member: int | None = None) -> str:
        """Stan name of a column of the design, ``Z_1_sigma_2`` or with a member ``Z_1_2_1``."""
        tail = "" if member is None else f"_{member}"
        return f"Z_{self.owner.index}{self.scope.suffix}_{column}{tail}"

    @property
    def summands(self) -> tuple[str, ...]:
        """The Stan expressions that add up to its contribution, one per coefficient and member."""
        i = self.owner.index
        out = []
        for column in self.columns:
            for member in self.owner.grouping.member_indices:
                j = index_name("J", i, self.scope.resp, member)
                if self.owner.is_single:
                    r = f"r_{i}[{j}]"
                elif self.owner.has_cor:
                    r = f"r_{i}[{j}, {column}]"
                else:
                    r = f"r_{i}[{column}][{j}]"
                weight = ""
                if member is not None:
                    weight = f"{index_name('W', i, self.scope.resp, member)} .* "
                z = "" if self.is_one(column) else f" .* {self.z_name(column, member)}"
                out.append(f"{weight}{r}{z}")
        return tuple(out)

    @property
    def variables(self) -> tuple[Var, ...]:
        """Columns of the design, one per coefficient and member."""
        out = []
        for column, name in zip(self.columns, self.coefficient_names, strict=True):
            if self.is_one(column):
                continue
            for member in self.owner.grouping.member_indices:
                note = f"{name} of {self.text}"
                z = self.z_name(column, member)
                out.append(Var(z, "vector", (self.scope.rows,), comment=note))
        return tuple(out)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that its design reads."""
        members = (v for c in self.member_columns for e in c.expressions for v in e.variables)
        return (*self.design.variables, *members)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The columns of its design."""
        plain = self.design.matrix(frame, missing=missing)
        out: dict[str, Any] = {}
        for position, column in enumerate(self.columns):
            extra = position - plain.shape[1]
            for member in self.owner.grouping.member_indices:
                if extra < 0:
                    values = plain[:, position]
                else:
                    assert member is not None  # mmc() stands inside mm() only
                    values = self.member_columns[extra].value(frame, member, missing)
                out[self.z_name(column, member)] = np.ascontiguousarray(values)
        return out

    def constants(self) -> dict[str, Any]:
        """The owner has them."""
        return {}

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """Sum over coefficients (and members) of the level's effect times the design.

        ``draws["r_<i>"]`` are the owner's effects (draws, levels, coefs), absent when a
        prediction leaves them out; the codes in `data` count from 1 as in Stan.
        """
        if f"r_{self.owner.index}" not in draws:
            return np.zeros((1, 1))
        return self.level_effects(draws, data, self.columns)

    def level_effects(
        self, draws: Mapping[str, Array], data: Mapping[str, Any], columns: tuple[int, ...]
    ) -> Array:
        """The sum over some of its coefficients, (draws, rows)."""
        i = self.owner.index
        r = draws[f"r_{i}"]
        total: Array | float = 0.0
        for column in columns:
            for member in self.owner.grouping.member_indices:
                codes = data[index_name("J", i, self.scope.resp, member)]
                part = r[:, codes - 1, column - 1]
                if not self.is_one(column):
                    part = part * data[self.z_name(column, member)]
                if member is not None:
                    part = part * data[index_name("W", i, self.scope.resp, member)]
                total = total + part
        return np.asarray(total)

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The model labels all effects of a grouping factor together."""
        return ()


@dataclass(frozen=True, eq=False)
class MemberColumn:
    """A covariate that differs between the members, ``mmc(x1, x2)``."""

    name: str
    expressions: tuple[Any, ...]

    def value(self, frame: pd.DataFrame, member: int, missing: str) -> Array:
        """Values for one member (counted from 1)."""
        values: Array = self.expressions[member - 1].value(frame, missing=missing)
        return np.asarray(values, dtype=float)
