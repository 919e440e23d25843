"""Covariances between the times of a series, whatever they are used for.

A `TimeMatrix` says how the times of a series covary (``arma(cov = TRUE)``, ``cosy()``,
``unstr()``); a `TimeStructure` puts it together with the series of the data. Residuals of a
response may have it (`hiermodel.terms.time_covariance`), or latent ones in a linear predictor
(`hiermodel.terms.latent_residuals`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from hiermodel.stan.variables import Var
from hiermodel.terms.arma_covariance import ArmaCovariance
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.cosy import CompoundSymmetry
from hiermodel.terms.series import Series, SeriesRows

# Upper bound of the matrices of some draws, where a matrix of each is needed.
_CHUNK_BYTES = 64 * 2**20


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

    With `errors` rows have known errors of their own beside it.
    """

    scope: Scope
    series: Series
    times: TimeMatrix
    errors: bool = False

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def way(self) -> str:
        """How the program makes residuals independent.

        By their ``"innovations"``; by ``"sums"`` of earlier residuals; by a Cholesky factor for all
        series with the same times (``"sets"``); or by one for each series, where rows have errors
        (``"series"``).
        """
        if self.errors:
            return "series"
        if isinstance(self.times, CompoundSymmetry):
            return "sums"
        return "sets" if self.process is None else "innovations"

    @property
    def process(self) -> ArmaCovariance | None:
        """The process whose innovations follow step by step, without a matrix."""
        return self.times if isinstance(self.times, ArmaCovariance) else None

    @property
    def solved(self) -> ArmaCovariance | CompoundSymmetry | None:
        """The times whose residuals NumPy makes independent without a matrix for each draw."""
        times = self.times
        return times if isinstance(times, (ArmaCovariance, CompoundSymmetry)) else None

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
        if self.way == "sets":
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
        if self.way == "sets":
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
    def stan_steps(self) -> str:
        """Arguments of the Stan functions that go through the steps of all series."""
        s = self.suffix
        order = f"order_tg{s}, step_tg{s}, later_tg{s}, earlier_tg{s}, last_tg{s}"
        assert self.process is not None
        return f"{self.process.innovations}, {order}"

    @property
    def stan_sums(self) -> str:
        """Arguments of the Stan functions that go by the sums of earlier residuals."""
        s = self.suffix
        return f"cosy{s}, order_tg{s}, step_tg{s}, start_tg{s}"

    @property
    def stan_series(self) -> str:
        """Arguments of the Stan functions that go through the series one by one."""
        s = self.suffix
        times = f", Jtime_tg{s}" if self.times.tells_times_apart else ""
        return f"order_tg{s}, begin_tg{s}, end_tg{s}, nobs_tg{s}{times}"

    def matrices(
        self, draws: Mapping[str, Array], rows: SeriesRows
    ) -> Iterator[tuple[Array, Array]]:
        """Per set of times the rows (G, n) of its series, and the matrix (S, n, n)."""
        whole = self.times.matrix(draws, int(rows.sizes.max()))
        # The covariance of a stationary series is that of its first times.
        for at, members in rows.sets:
            yield members, whole[:, at[:, None], at[None, :]]

    def correlated(self, z: Array, draws: Mapping[str, Array], rows: SeriesRows) -> Array:
        """Residuals (S, N) with the covariance of the times, of independent ones."""
        out = np.empty(z.shape)
        if self.solved is not None:
            for _, members in rows.sets:
                out[:, members] = self.solved.correlated(z[:, members], draws)
            return out
        step = max(1, _CHUNK_BYTES // (8 * int(rows.sizes.max()) ** 2))
        for start in range(0, len(z), step):
            at = slice(start, start + step)
            some = {name: values[at] for name, values in draws.items()}
            for members, cov in self.matrices(some, rows):
                factor = np.linalg.cholesky(cov)
                out[at][:, members] = np.einsum("sij,sgj->sgi", factor, z[at][:, members])
        return out
