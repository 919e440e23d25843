"""``ar()``, ``ma()``, ``arma()`` as regressions on the residuals of earlier rows.

With ``e_t = y_t - mu_t - sum_k ma_k e_(t-k)`` and the mean ``mu_t`` of the formula, row t of a
series has the expectation ``mu_t + sum_k ma_k e_(t-k) + sum_k ar_k e_(t-k)``. Rows before the start
of a series count as no residual. There is no density of the first rows to invert, so any order and
any number of rows cost the same, but the residuals must be seen: the response has to be a number
around its mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.series import Series, SeriesRows


@dataclass(frozen=True, eq=False)
class Arma:
    """Autoregressive and moving average coefficients of a response.

    Attributes
    ----------
    scope : Scope
    series : Series
    p, q : int
        Orders of the autoregressive and of the moving average part.
    text : str
    default : str or ScalePrior
        Default prior of a coefficient.
    """

    template: ClassVar[str] = "arma.stan.jinja"

    scope: Scope
    series: Series
    p: int
    q: int
    text: str
    default: str | ScalePrior

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def most(self) -> int:
        """The largest lag."""
        return max(self.p, self.q)

    @property
    def variables(self) -> tuple[Var, ...]:
        """Orders, lags and coefficients."""
        s, n = self.suffix, self.scope.rows
        return (
            *order_variables(s, 1, 1),
            Var(f"J_lag{s}", "int", array=(n,), lower="0",
                comment="in order_tg: earlier rows that the next row can look back to"),
            Var(f"order_tg{s}", "int", array=(n,), lower="1", upper=n,
                comment="rows by series and time"),
            *coefficient_variables(self.scope, self.p, self.q, False, self.default),
        )

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Which rows come before which."""
        rows, s = self.series.rows(frame), self.suffix
        return {
            f"J_lag{s}": rows.available_lags(self.most),
            f"order_tg{s}": rows.order + 1,
        }

    def constants(self) -> dict[str, Any]:
        """The orders."""
        return {f"Kar{self.suffix}": self.p, f"Kma{self.suffix}": self.q}

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """Coefficients, labelled by their lag."""
        return coefficient_labels(draws, self.scope)

    def shifted(
        self, mu: Array, y: Array, draws: Mapping[str, Array], rows: SeriesRows, noise: Array
    ) -> tuple[Array, Array]:
        """Expectations given the earlier rows, and the responses that they were made of.

        Parameters
        ----------
        mu : ndarray (S, N)
            Means of the formula, on the scale of the response.
        y : ndarray (N,) or (S, N)
            Responses, NaN where there is none.
        draws : mapping of str to ndarray
        rows : SeriesRows
        noise : ndarray (S, N)
            A missing response is its expectation plus this.

        Returns
        -------
        mean : ndarray (S, N)
        y : ndarray (S, N)
            Without gaps.
        """
        s, shape = self.suffix, mu.shape
        y = np.array(np.broadcast_to(y, shape))
        lags = rows.lags(self.most)
        ar = draws[f"ar{s}"] if self.p else np.zeros((shape[0], 0))
        ma = draws[f"ma{s}"] if self.q else np.zeros((shape[0], 0))
        # One column more: the residual of rows before the start of a series.
        residuals = np.zeros((shape[0], shape[1] + 1))
        if not self.q and not np.isnan(y).any():
            residuals[:, :-1] = y - mu
            return mu + _weighted(ar, residuals, lags), y
        mean = np.empty(shape)
        for step in range(int(rows.sizes.max())):
            at = np.flatnonzero(rows.steps == step)
            smooth = mu[:, at] + _weighted(ma, residuals, lags[:, at])
            mean[:, at] = smooth + _weighted(ar, residuals, lags[:, at])
            y[:, at] = np.where(np.isnan(y[:, at]), mean[:, at] + noise[:, at], y[:, at])
            residuals[:, at] = y[:, at] - smooth
        return mean, y


def _weighted(weights: Array, residuals: Array, lags: Array) -> Array:
    """Sum of the residuals of earlier rows, each with the weight of its lag."""
    total = np.zeros((len(residuals), lags.shape[1]))
    for k in range(weights.shape[1]):
        total += weights[:, k, None] * residuals[:, lags[k]]
    return total


# --------------------------------------------------------------------------- coefficients


def order_variables(suffix: str, p: int, q: int) -> tuple[Var, ...]:
    """The orders ``Kar`` and ``Kma``, as far as they are not zero."""
    what = {"Kar": (p, "autoregressive order"), "Kma": (q, "moving average order")}
    return tuple(
        Var(f"{name}{suffix}", "int", lower="0", comment=note)
        for name, (order, note) in what.items() if order
    )


def coefficient_variables(
    scope: Scope, p: int, q: int, stationary: bool, default: str | ScalePrior
) -> tuple[Var, ...]:
    """The coefficients ``ar`` and ``ma``, between -1 and 1 where they make a covariance."""
    low, high = ("-1", "1") if stationary else ("", "")
    what = {"ar": (p, "autoregressive coefficients"), "ma": (q, "moving average coefficients")}
    element = PriorElement(resp=scope.resp, default=default)
    return tuple(
        Var(f"{name}{scope.suffix}", "vector", (f"K{name}{scope.suffix}",), block=Block.PARAMETERS,
            lower=low, upper=high, prior=PriorTarget(name, (element,)), comment=note)
        for name, (order, note) in what.items() if order
    )


def coefficient_labels(draws: Mapping[str, Array], scope: Scope) -> tuple[Labelled, ...]:
    """The coefficients with a dim of lags."""
    out = []
    for cls in ("ar", "ma"):
        name = f"{cls}{scope.suffix}"
        if name in draws:
            values = draws[name]
            lags = tuple(str(k + 1) for k in range(values.shape[-1]))
            attrs = {"cls": cls, "group": "", "dpar": "", "resp": scope.resp}
            out.append(Labelled(name, values, (f"{name}_lag",), {f"{name}_lag": lags}, attrs))
    return tuple(out)
