"""Offsets: known summands of a linear predictor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.errors import DataError
from hiermodel.expressions import LearnedExpression
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array, Labelled, Scope


@dataclass(frozen=True, eq=False)
class OffsetTerm:
    """The sum of all ``offset(...)`` of one parameter."""

    template: ClassVar[str] = "offset.stan.jinja"

    scope: Scope
    expressions: tuple[LearnedExpression, ...]
    text: str

    @property
    def name(self) -> str:
        """Its name in Stan."""
        return f"offsets{self.scope.suffix}"

    @property
    def variables(self) -> tuple[Var, ...]:
        """The summed offsets."""
        return (Var(self.name, "vector", (self.scope.rows,), comment=self.text),)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that the offsets read."""
        return tuple(v for e in self.expressions for v in e.variables)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The summed offsets, one per row."""
        total = np.zeros(len(frame))
        for expression in self.expressions:
            value = expression.value(frame, missing=missing)
            if not isinstance(value, np.ndarray) or value.ndim != 1:
                raise DataError(f"{self.text}: an offset must be one number per row")
            total = total + value
        return {self.name: total}

    def constants(self) -> dict[str, Any]:
        """Nothing is learned."""
        return {}

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The offsets, the same in every draw."""
        return data[self.name][None, :]

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """Nothing is sampled."""
        return ()
