"""``cosy()``: compound symmetry, the same correlation between all times of a series.

Its matrix ``(1 - c) I + c 1 1'`` has the inverse ``(I - c / (1 + (n - 1) c) 1 1') / (1 - c)``
(Sherman & Morrison 1950). Its Cholesky factor has one number below the diagonal of each column:
given k earlier times, whose residuals add up to s, a residual has the mean
``c s / (1 + (k - 1) c)`` and the variance ``(1 - c) (1 + k c) / (1 + (k - 1) c)``.
"""

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

    def _steps(self, draws: Mapping[str, Array], n: int) -> tuple[Array, Array]:
        """Weight of the sum of earlier residuals, and standard deviation given them: (S, 1, n)."""
        cosy, earlier = draws[self.name][:, None, None], np.arange(n)
        # Before the first time nothing is known, whatever the weight.
        known = np.where(earlier > 0, 1 + (earlier - 1) * cosy, 1.0)
        ratio = np.where(earlier > 0, (1 - cosy) / known, 1.0)
        return cosy / known, np.sqrt(ratio * (1 + earlier * cosy))

    def whitened(self, e: Array, draws: Mapping[str, Array]) -> tuple[Array, Array]:
        """Independent residuals (S, G, n), and the log determinant of one series (S,)."""
        weight, sd = self._steps(draws, e.shape[-1])
        before = np.cumsum(e, axis=-1) - e
        return (e - weight * before) / sd, 2 * np.log(sd).sum(axis=-1)[:, 0]

    def correlated(self, z: Array, draws: Mapping[str, Array]) -> Array:
        """Correlated residuals of independent ones, (S, G, n): the inverse of `whitened`."""
        weight, sd = self._steps(draws, z.shape[-1])
        # Column k of the Cholesky factor has this number everywhere below its diagonal.
        cosy, earlier = draws[self.name][:, None, None], np.arange(z.shape[-1])
        below = np.where(earlier > 0, weight * (1 - cosy), cosy) / sd
        part = below * z
        return np.asarray(sd * z + np.cumsum(part, axis=-1) - part)

    def precision(self, e: Array, draws: Mapping[str, Array]) -> tuple[Array, Array]:
        """``Q e`` (S, G, n) and the diagonal of Q, the inverse of the matrix: (S, 1, n)."""
        n, cosy = e.shape[-1], draws[self.name][:, None, None]
        share = cosy / (1 + (n - 1) * cosy)
        gradient = (e - share * e.sum(axis=-1, keepdims=True)) / (1 - cosy)
        return gradient, np.broadcast_to((1 - share) / (1 - cosy), (len(cosy), 1, n))

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The correlation."""
        attrs = {"cls": "cosy", "group": "", "dpar": "", "resp": self.scope.resp}
        return (Labelled(self.name, draws[self.name], attrs=attrs),)
