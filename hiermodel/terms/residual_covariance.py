"""What every kind of correlation between the residuals of rows is: the contract.

The rows of a gaussian or Student response are then not independent: the program has one density
of all rows, and the log-likelihood of a row is that given the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from hiermodel.stan.variables import Var
from hiermodel.terms.arma import Arma
from hiermodel.terms.base import Array, Labelled
from hiermodel.terms.residual_blocks import Block


@dataclass(frozen=True, slots=True)
class DensityInput:
    """What the density of all rows is written from: Stan text of the parameters.

    `sigma` has one number per row (`by_row`) or one in all; `nu` and `se` are empty where there
    are none.
    """

    y: str
    mu: str
    sigma: str
    by_row: bool
    nu: str
    se: str
    normalize: bool

    @property
    def student(self) -> bool:
        """True for Student residuals."""
        return bool(self.nu)


@dataclass(frozen=True, eq=False)
class Residuals:
    """Parameters of some draws and rows: ``mu`` and ``sigma`` (S, N) or (S, 1), ``nu`` (S,)."""

    mu: Array
    sigma: Array
    nu: Array | None
    se: Array | None
    draws: Mapping[str, Array]
    shape: tuple[int, int]


class ResidualCovariance(Protocol):
    """Correlations between the residuals of a response."""

    template: ClassVar[str]

    @property
    def text(self) -> str:
        """The term in the formula."""

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that it reads."""

    @property
    def needs_all_rows(self) -> bool:
        """True when it cannot be evaluated for some of the rows."""

    @property
    def widest(self) -> int:
        """About how many rows a block has, to bound memory."""

    @property
    def variables(self) -> tuple[Var, ...]:
        """All Stan variables that it declares."""

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Values of its data variables for the rows of a frame."""

    def constants(self) -> dict[str, Any]:
        """Values of data variables that do not depend on the rows."""

    def functions(self, facts: DensityInput) -> tuple[Any, ...]:
        """Files of Stan functions that its density needs."""

    def density(self, facts: DensityInput) -> str:
        """The log density of all rows, as a Stan expression."""

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables."""

    def expectation(self, p: Residuals, frame: pd.DataFrame) -> Array:
        """Expectations of the responses, (S, N) or (S, 1)."""

    def blocks(
        self, y: Array, p: Residuals, frame: pd.DataFrame, joint: bool = False
    ) -> Iterable[Block]:
        """The residuals of responses (N,) or (S, N).

        Where only their `joint` density is asked for, gradients and precisions may be anything.
        """

    def random(self, rng: np.random.Generator, p: Residuals, frame: pd.DataFrame) -> Array:
        """New responses, (S, N)."""


@dataclass(frozen=True, eq=False)
class Autocorrelation:
    """What the autocorrelation terms of a response do to its rows.

    Attributes
    ----------
    arma : Arma, optional
        Regressions on the residuals of earlier rows.
    covariance : ResidualCovariance, optional
    """

    arma: Arma | None = None
    covariance: ResidualCovariance | None = None

    @property
    def parts(self) -> tuple[Any, ...]:
        """What there is of the two."""
        return tuple(one for one in (self.arma, self.covariance) if one is not None)

    @property
    def variables(self) -> tuple[Var, ...]:
        """All Stan variables."""
        # Both may say in which order the rows are.
        found = [var for part in self.parts for var in part.variables]
        return tuple({var.name: var for var in found}.values())

    @property
    def text(self) -> str:
        """The terms."""
        return " + ".join(part.text for part in self.parts)

    @property
    def needs_all_rows(self) -> bool:
        """True when it cannot be evaluated for some of the rows."""
        return self.covariance is not None and self.covariance.needs_all_rows

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Values of data variables for the rows of a frame."""
        return {k: v for part in self.parts for k, v in part.data(frame).items()}

    def constants(self) -> dict[str, Any]:
        """Values of data variables that do not depend on the rows."""
        return {k: v for part in self.parts for k, v in part.constants().items()}

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables."""
        return tuple(item for part in self.parts for item in part.label(draws))
