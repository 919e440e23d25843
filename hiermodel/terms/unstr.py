"""``unstr()``: a correlation of its own for each pair of times (the MMRM of clinical trials)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled, Scope


@dataclass(frozen=True, eq=False)
class Unstructured:
    """A correlation matrix of all times; a series takes the part of the times that it has."""

    scope: Scope
    labels: tuple[str, ...]
    text: str
    default: str | ScalePrior

    tells_times_apart = True
    functions: tuple[str, ...] = ()

    @property
    def size(self) -> str:
        """Stan name of the number of times."""
        return f"n_unique_t{self.scope.suffix}"

    @property
    def name(self) -> str:
        """Stan name of the Cholesky factor."""
        return f"Lcortime{self.scope.suffix}"

    @property
    def variables(self) -> tuple[Var, ...]:
        """The number of times, and the Cholesky factor of their correlations."""
        element = PriorElement(resp=self.scope.resp, default=self.default)
        return (
            Var(self.size, "int", lower="1", comment="times that there are"),
            Var(self.name, "cholesky_factor_corr", (self.size,), block=Block.PARAMETERS,
                prior=PriorTarget("cortime", (element,)),
                comment="Cholesky factor of the correlations of times"),
        )

    def constants(self) -> dict[str, Any]:
        """How many times there are."""
        return {self.size: len(self.labels)}

    def stan(self, n: str) -> str:
        """The matrix of all times."""
        return f"multiply_lower_tri_self_transpose({self.name})"

    def matrix(self, draws: Mapping[str, Array], n: int) -> Array:
        """The matrix of all times, (S, T, T)."""
        return draws[f"cortime{self.scope.suffix}"]

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The correlation matrix, labelled by times."""
        factor = draws[self.name]
        name = f"cortime{self.scope.suffix}"
        dims = (f"{name}_time", f"{name}_time_other")
        attrs = {"cls": "cortime", "group": "", "dpar": "", "resp": self.scope.resp}
        matrix = factor @ np.swapaxes(factor, -1, -2)
        return (Labelled(name, matrix, dims, dict.fromkeys(dims, self.labels), attrs),)
