"""Covariances between the times of a series, whatever they are used for.

A `TimeMatrix` says how the times of a series covary (``arma(cov = TRUE)``, ``cosy()``,
``unstr()``); a `TimeStructure` puts it together with the series of the data. Residuals of a
response may have it (`hiermodel.terms.time_covariance`), or latent ones in a linear predictor
(`hiermodel.terms.latent_residuals`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.series import Series


class TimeMatrix(Protocol):
    """The covariance matrix of the times of a series, in units of a squared ``sigma``."""

    @property
    def text(self) -> str:
        """The term in the formula."""

    @property
    def tells_times_apart(self) -> bool:
        """True when it has a number for each pair of times; else only their distance counts."""

    @property
    def variables(self) -> tuple[Var, ...]:
        """Its parameters, and data that say how many there are."""

    def constants(self) -> dict[str, Any]:
        """Values of those data."""

    @property
    def functions(self) -> tuple[str, ...]:
        """Files of Stan functions."""

    def stan(self, n: str) -> str:
        """Stan expression of the matrix of `n` times, or of all that there are."""

    def matrix(self, draws: Mapping[str, Array], n: int) -> Array:
        """The same in NumPy, (S, n, n); all times where they are told apart."""

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables."""


@dataclass(frozen=True, eq=False)
class TimeStructure:
    """The series of a response and how their times covary.

    Series with the same times are solved for `together`, unless rows have errors of their own.
    """

    scope: Scope
    series: Series
    times: TimeMatrix
    together: bool = True

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def variables(self) -> tuple[Var, ...]:
        """Which rows are a series, the order in time, and the parameters of the matrix."""
        s, n = self.suffix, self.scope.rows
        groups = f"N_tg{s}"

        def whole(name: str, size: str, note: str, upper: str = "") -> Var:
            return Var(f"{name}{s}", "int", array=(size,), lower="1", upper=upper, comment=note)

        out = [
            Var(groups, "int", lower="0", comment="series"),
            whole("begin_tg", groups, "in order_tg: first row of each series", n),
            whole("end_tg", groups, "in order_tg: last row of each series", n),
            whole("nobs_tg", groups, "rows of each series"),
            whole("order_tg", n, "rows by series and time", n),
        ]
        if self.together:
            note = "of each series the first with the same times"
            out.append(whole("like_tg", groups, note, groups))
        if self.times.tells_times_apart:
            out.append(
                Var(f"Jtime_tg{s}", "int", array=(groups, f"max(nobs_tg{s})"), lower="0",
                    comment="times of each series, 0 behind the last")
            )
        # The sizes that the matrix of times is declared with come first.
        return (*self.times.variables, *out)

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """The series of the rows of a frame."""
        rows, s = self.series.rows(frame), self.suffix
        out: dict[str, Any] = {
            f"N_tg{s}": len(rows.sizes),
            f"begin_tg{s}": rows.starts + 1,
            f"end_tg{s}": rows.starts + rows.sizes,
            f"nobs_tg{s}": rows.sizes,
            f"order_tg{s}": rows.order + 1,
        }
        if self.together:
            out[f"like_tg{s}"] = rows.alike + 1
        if self.times.tells_times_apart:
            table = np.zeros((len(rows.sizes), int(rows.sizes.max())), dtype=np.int64)
            table[np.arange(table.shape[1]) < rows.sizes[:, None]] = rows.times + 1
            out[f"Jtime_tg{s}"] = table
        return out

    @property
    def stan_matrix(self) -> str:
        """Stan expression of the matrix of the longest series."""
        return self.times.stan(f"max(nobs_tg{self.suffix})")

    @property
    def stan_sets(self) -> str:
        """Arguments of the Stan functions that go through the series, set of times by set."""
        s = self.suffix
        times = f", Jtime_tg{s}" if self.times.tells_times_apart else ""
        return f"places_tg{s}, same_tg{s}, nobs_tg{s}{times}"

    @property
    def stan_series(self) -> str:
        """Arguments of the Stan functions that go through the series one by one."""
        s = self.suffix
        times = f", Jtime_tg{s}" if self.times.tells_times_apart else ""
        return f"order_tg{s}, begin_tg{s}, end_tg{s}, nobs_tg{s}{times}"

    def matrices(
        self, draws: Mapping[str, Array], frame: pd.DataFrame
    ) -> tuple[tuple[Array, Array], ...]:
        """Per set of times the rows (G, n) of its series, and the matrix (S, n, n)."""
        rows = self.series.rows(frame)
        longest = int(rows.sizes.max()) if len(rows.sizes) else 0
        whole = self.times.matrix(draws, longest)
        # The covariance of a stationary series is that of its first times.
        return tuple(
            (members, whole[:, at[:, None], at[None, :]]) for at, members in rows.sets
        )
