"""``fcor(M)``: residuals with a known covariance, up to ``sigma``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.errors import DataError
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.residual_blocks import Block, student_mixing
from hiermodel.terms.residual_covariance import DensityInput, Residuals


@dataclass(frozen=True, eq=False)
class KnownCovariance:
    """``y = mu + sigma * e`` where e has the covariance M of data2.

    Attributes
    ----------
    scope : Scope
    name : str
        The matrix in data2.
    matrix : ndarray (N, N)
    text : str
    """

    template: ClassVar[str] = "fcor.stan.jinja"
    needs_all_rows: ClassVar[bool] = True
    columns_needed: ClassVar[tuple[str, ...]] = ()

    scope: Scope
    name: str
    matrix: Array
    text: str
    factor: Array = field(init=False)

    def __post_init__(self) -> None:
        """Factor the matrix once."""
        object.__setattr__(self, "factor", np.linalg.cholesky(self.matrix))

    @property
    def widest(self) -> int:
        """Nothing is as large as the matrix in each draw."""
        return 1

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def variables(self) -> tuple[Var, ...]:
        """The matrix."""
        n = self.scope.rows
        note = f"covariance of the residuals, {self.name}"
        return (Var(f"Mfcor{self.suffix}", "matrix", (n, n), comment=note),)

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """The matrix, which must have a row for each row of the frame."""
        check_rows(self.text, self.name, self.matrix, frame)
        return {f"Mfcor{self.suffix}": self.matrix}

    def constants(self) -> dict[str, Any]:
        """Nothing is learned."""
        return {}

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """Nothing is sampled."""
        return ()

    # ------------------------------------------------------------------ Stan

    def functions(self, facts: DensityInput) -> tuple[Any, ...]:
        """The density."""
        return ("whitened.stan",)

    def density(self, facts: DensityInput) -> str:
        """The density of all rows, whose residuals are made independent first."""
        end = "lpdf" if facts.normalize else "lupdf"
        divide = "./" if facts.by_row else "/"
        scale = (
            f"sum(log({facts.sigma}))" if facts.by_row
            else f"{self.scope.rows} * log({facts.sigma})"
        )
        name = f"student_whitened_{end}" if facts.student else f"std_normal_{end}"
        nu = f" {facts.nu}" if facts.student else ""
        return (
            f"{name}(mdivide_left_tri_low(Lfcor{self.suffix}, ({facts.y} - {facts.mu}) {divide} "
            f"{facts.sigma}) |{nu}) - sum(log(diagonal(Lfcor{self.suffix}))) - {scale}"
        )

    # ------------------------------------------------------------------ NumPy

    def expectation(self, p: Residuals, frame: pd.DataFrame) -> Array:
        """Correlations do not change it."""
        return p.mu

    def blocks(
        self, y: Array, p: Residuals, frame: pd.DataFrame, joint: bool = False
    ) -> Iterator[Block]:
        """All rows are one block."""
        check_rows(self.text, self.name, self.matrix, frame)
        inverse = np.linalg.inv(self.matrix)[None, None]
        log_det = np.full((1, 1), -2 * np.log(np.diagonal(self.factor)).sum())
        residuals = np.broadcast_to(y - p.mu, p.shape)[:, None, :]
        rows = np.arange(p.shape[1])[None, :]
        yield Block.of(rows, residuals, inverse, log_det, p.sigma[:, None, :])

    def random(self, rng: np.random.Generator, p: Residuals, frame: pd.DataFrame) -> Array:
        """All rows together."""
        check_rows(self.text, self.name, self.matrix, frame)
        e = rng.standard_normal(p.shape) @ self.factor.T
        mixing = student_mixing(rng, p.nu, (p.shape[0], 1))
        out: Array = p.mu + p.sigma * e * mixing
        return out


def check_rows(text: str, name: str, matrix: Array, frame: pd.DataFrame) -> None:
    """Refuse rows that the matrix does not have.

    Raises
    ------
    DataError
    """
    n, rows = matrix.shape[0], len(frame)
    if n != rows:
        raise DataError(
            f"{text}: data2[{name!r}] is {n} x {n}, and there are {rows} rows; it needs a row and "
            "a column for each row, in their order. Where rows with missing values were dropped, "
            "drop them from the matrix too; for predictions of the mean of other rows, say "
            "incl_autocor=False"
        )
