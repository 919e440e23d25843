"""Effects of ``mo()``, ``me()`` and ``mi()`` that vary over the levels of a grouping factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.grouping import index_name
from hiermodel.terms.special_effects import SpecialCoef, SpecialEffectsTerm


@dataclass(frozen=True, eq=False)
class SpecialView(GroupView):
    """A group-level term whose last coefficients multiply special variables.

    Attributes
    ----------
    special : tuple of SpecialCoef
        The products, as the population-level term has them.
    effects : SpecialEffectsTerm
        That term, which declares what they read.
    """

    special: tuple[SpecialCoef, ...]
    effects: SpecialEffectsTerm

    @property
    def width(self) -> int:
        """Number of its coefficients."""
        return len(self.design.names) + len(self.special)

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Names of its coefficients."""
        return (*self.design.names, *(coef.name for coef in self.special))

    @property
    def _plain(self) -> GroupView:
        """The part with columns of a design."""
        return GroupView(self.owner, self.scope, self.first, self.design, (), self.text)

    @property
    def special_columns(self) -> tuple[tuple[int, SpecialCoef], ...]:
        """Positions in the owner of the coefficients of special variables, and these."""
        return tuple(enumerate(self.special, start=self.first + len(self.design.names)))

    @property
    def summands(self) -> tuple[str, ...]:
        """The Stan expressions that add up to its contribution."""
        i, out = self.owner.index, list(self._plain.summands)
        level = index_name("J", i, self.scope.resp, None)
        for column, coef in self.special_columns:
            if self.owner.is_single:
                r = f"r_{i}[{level}]"
            elif self.owner.has_cor:
                r = f"r_{i}[{level}, {column}]"
            else:
                r = f"r_{i}[{column}][{level}]"
            out.append((StanExpr(r, rows=True) * coef.stan).text)
        return tuple(out)

    @property
    def variables(self) -> tuple[Var, ...]:
        """Columns of the design; special variables are declared elsewhere."""
        return self._plain.variables

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that it reads."""
        return (*self._plain.columns_needed, *self.effects.columns_needed)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The columns of its design."""
        return self._plain.data(frame, missing)

    def level_effects(
        self, draws: Mapping[str, Array], data: Mapping[str, Any], columns: tuple[int, ...]
    ) -> Array:
        """The sum over some of its coefficients, (draws, rows)."""
        special = dict(self.special_columns)
        plain = tuple(column for column in columns if column not in special)
        total: Any = self._plain.level_effects(draws, data, plain)
        codes = data[index_name("J", self.owner.index, self.scope.resp, None)]
        r = draws[f"r_{self.owner.index}"]
        for column in columns:
            if column in special:
                total = total + r[:, codes - 1, column - 1] * special[column].value(draws, data)
        out: Array = total
        return out
