"""``ar()``, ``ma()``, ``arma()`` with ``cov = TRUE``: the covariance of a stationary process.

Of an ARMA(1, 1) process ``e_t = ar e_(t-1) + w_t + ma w_(t-1)`` with innovations of variance 1:
``gamma_0 = (1 + 2 ar ma + ma^2) / (1 - ar^2)`` and, at distance k,
``gamma_k = (1 + ar ma) (ar + ma) ar^(k-1) / (1 - ar^2)`` (Brockwell & Davis 1991, section 3.3).
``sigma`` is the standard deviation of the innovations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.stan.variables import ScalePrior, Var
from hiermodel.terms.arma import coefficient_labels, coefficient_variables, order_variables
from hiermodel.terms.base import Array, Labelled, Scope


@dataclass(frozen=True, eq=False)
class ArmaCovariance:
    """The covariance of a process of order at most 1."""

    scope: Scope
    p: int
    q: int
    text: str
    default: str | ScalePrior

    tells_times_apart = False
    functions = ("arma_covariance.stan",)

    @property
    def variables(self) -> tuple[Var, ...]:
        """Orders and coefficients."""
        return (
            *order_variables(self.scope.suffix, self.p, self.q),
            *coefficient_variables(self.scope, self.p, self.q, True, self.default),
        )

    def constants(self) -> dict[str, Any]:
        """The orders."""
        s = self.scope.suffix
        found = {f"Kar{s}": self.p, f"Kma{s}": self.q}
        return {name: order for name, order in found.items() if order}

    def stan(self, n: str) -> str:
        """The matrix of n steps."""
        s = self.scope.suffix
        ar = f"ar{s}[1]" if self.p else "0"
        ma = f"ma{s}[1]" if self.q else "0"
        return f"arma_covariance({ar}, {ma}, {n})"

    def matrix(self, draws: Mapping[str, Array], n: int) -> Array:
        """The matrix of n steps, (S, n, n)."""
        s = self.scope.suffix
        some = draws[f"ar{s}" if self.p else f"ma{s}"]
        ar = draws[f"ar{s}"][:, 0] if self.p else np.zeros(len(some))
        ma = draws[f"ma{s}"][:, 0] if self.q else np.zeros(len(some))
        gamma = np.empty((len(some), max(n, 1)))
        gamma[:, 0] = (1 + 2 * ar * ma + ma**2) / (1 - ar**2)
        powers = ar[:, None] ** np.arange(max(n, 1) - 1)
        gamma[:, 1:] = ((1 + ar * ma) * (ar + ma) / (1 - ar**2))[:, None] * powers
        steps = np.arange(n)
        return gamma[:, np.abs(steps[:, None] - steps)]

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The coefficients."""
        return coefficient_labels(draws, self.scope)
