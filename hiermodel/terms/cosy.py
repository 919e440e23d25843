"""``cosy()``: compound symmetry, the same correlation between all times of a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled, Scope


@dataclass(frozen=True, eq=False)
class CompoundSymmetry:
    """One correlation, between 0 and 1: the share of the variance that times have in common."""

    scope: Scope
    text: str
    default: str | ScalePrior

    tells_times_apart = False
    functions = ("cosy.stan",)

    @property
    def name(self) -> str:
        """Name of the correlation."""
        return f"cosy{self.scope.suffix}"

    @property
    def variables(self) -> tuple[Var, ...]:
        """The correlation."""
        element = PriorElement(resp=self.scope.resp, default=self.default)
        return (
            Var(self.name, "real", block=Block.PARAMETERS, lower="0", upper="1",
                prior=PriorTarget("cosy", (element,)), comment="correlation within a series"),
        )

    def constants(self) -> dict[str, Any]:
        """Nothing is learned."""
        return {}

    def stan(self, n: str) -> str:
        """The matrix of n times."""
        return f"compound_symmetry({self.name}, {n})"

    def matrix(self, draws: Mapping[str, Array], n: int) -> Array:
        """The matrix of n times, (S, n, n)."""
        cosy = draws[self.name][:, None, None]
        return np.where(np.eye(n, dtype=bool), 1.0, cosy)

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The correlation."""
        attrs = {"cls": "cosy", "group": "", "dpar": "", "resp": self.scope.resp}
        return (Labelled(self.name, draws[self.name], attrs=attrs),)
