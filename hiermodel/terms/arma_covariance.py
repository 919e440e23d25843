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

    @property
    def innovations(self) -> str:
        """The coefficients."""
        s = self.scope.suffix
        ar = f"ar{s}[1]" if self.p else "0"
        return f"{ar}, ma{s}[1]" if self.q else ar

    def stan(self, n: str) -> str:
        """The matrix of n steps."""
        both = self.innovations if self.q else f"{self.innovations}, 0"
        return f"arma_covariance({both}, {n})"

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

    def _variances(self, draws: Mapping[str, Array], n: int) -> tuple[Array, Array, Array]:
        """Coefficients (S, 1), and the variances of innovations at the first n steps (S, n)."""
        s = self.scope.suffix
        some = draws[f"ar{s}" if self.p else f"ma{s}"]
        ar = draws[f"ar{s}"] if self.p else np.zeros_like(some)
        ma = draws[f"ma{s}"] if self.q else np.zeros_like(some)
        r = np.empty((len(some), n))
        r[:, :1] = (1 + 2 * ar * ma + ma**2) / (1 - ar**2)
        for t in range(1, n):
            r[:, t] = 1 + ma[:, 0] ** 2 * (1 - 1 / r[:, t - 1])
        return ar, ma, r

    def whitened(self, e: Array, draws: Mapping[str, Array]) -> tuple[Array, Array]:
        """Independent residuals (S, G, n) of those of the process, and the log determinant (S,).

        The determinant is that of the covariance of one series.
        """
        ar, ma, r = self._variances(draws, e.shape[-1])
        out = np.array(e)
        out[..., 1:] -= ar[:, None] * e[..., :-1]
        for t in range(1, e.shape[-1] if self.q else 0):
            out[..., t] -= ma / r[:, t - 1, None] * out[..., t - 1]
        return out / np.sqrt(r)[:, None], np.log(r).sum(axis=1)

    def correlated(self, z: Array, draws: Mapping[str, Array]) -> Array:
        """Residuals of the process of independent ones, (S, G, n): the inverse of `whitened`."""
        ar, ma, r = self._variances(draws, z.shape[-1])
        w = z * np.sqrt(r)[:, None]
        out = np.array(w)
        out[..., 1:] += (ma / r[:, :-1])[:, None] * w[..., :-1]
        for t in range(1, z.shape[-1]):
            out[..., t] += ar * out[..., t - 1]
        return out

    def precision(self, e: Array, draws: Mapping[str, Array]) -> tuple[Array, Array]:
        """``Q e`` (S, G, n) and the diagonal of Q, the inverse of the matrix: (S, 1, n).

        ``Q = A' A`` with the A of `whitened`: first the moving average, then the autoregression
        is undone, each with one number beside the diagonal. So `A'` goes through the steps
        backwards, and the squared columns of A are sums of the same kind.
        """
        ar, ma, r = self._variances(draws, e.shape[-1])
        z, _ = self.whitened(e, draws)
        back = z / np.sqrt(r)[:, None]
        # Step t is undone with ma / r of the step before it; there is none before the first.
        weight = np.concatenate([np.zeros_like(ma), ma / r[:, :-1]], axis=1)
        later = 1 / r
        for t in range(e.shape[-1] - 2, -1 if self.q else e.shape[-1], -1):
            back[..., t] -= weight[:, t + 1, None] * back[..., t + 1]
            later[:, t] += weight[:, t + 1] ** 2 * later[:, t + 1]
        gradient = np.array(back)
        gradient[..., :-1] -= ar[:, None] * back[..., 1:]
        diagonal = 1 / r
        diagonal[:, :-1] += (ar + weight[:, 1:]) ** 2 * later[:, 1:]
        return gradient, diagonal[:, None]

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The coefficients."""
        return coefficient_labels(draws, self.scope)
