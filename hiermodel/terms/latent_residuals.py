"""Latent residuals: correlations within series for families that have no residuals of their own.

A count or a yes is not its expectation plus something normal. ``cosy()``, ``unstr()`` and
``arma(cov = TRUE)`` then add normal residuals ``err`` with the standard deviation ``sderr`` to the
linear predictor, correlated within series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.families.base import FunctionTemplate
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled
from hiermodel.terms.series import SeriesRows
from hiermodel.terms.time_covariance import innovation_functions, sums_functions
from hiermodel.terms.time_structure import TimeStructure


@dataclass(frozen=True, eq=False)
class LatentResiduals:
    """The term of a linear predictor.

    Attributes
    ----------
    structure : TimeStructure
    training : SeriesRows
        The series of the rows that were fitted.
    default : str or ScalePrior
        Default prior of the standard deviation.
    """

    template: ClassVar[str] = "latent_residuals.stan.jinja"

    structure: TimeStructure
    training: SeriesRows
    default: str | ScalePrior

    @property
    def text(self) -> str:
        """The term in the formula."""
        return self.structure.times.text

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.structure.suffix

    @property
    def name(self) -> str:
        """Name of the residuals for users."""
        return f"err{self.suffix}"

    @property
    def variables(self) -> tuple[Var, ...]:
        """Those of the structure, standardised residuals, their standard deviation."""
        s, par = self.suffix, Block.PARAMETERS
        element = PriorElement(resp=self.structure.scope.resp, default=self.default)
        return (
            *self.structure.variables,
            Var(f"zerr{s}", "vector", (self.structure.scope.rows,), block=par,
                comment="standardised latent residuals, by series and time"),
            Var(f"sderr{s}", "real", block=par, lower="0", prior=PriorTarget("sderr", (element,)),
                comment="standard deviation of latent residuals"),
        )

    @property
    def functions(self) -> tuple[Any, ...]:
        """Stan functions: the matrix of times, and how residuals are made of it."""
        if self.structure.way == "innovations":
            return innovation_functions(self.structure, False)
        if self.structure.way == "sums":
            return (sums_functions(False),)
        values = (("apart", self.structure.times.tells_times_apart),)
        return (
            *self.structure.times.functions, "series_order.stan",
            FunctionTemplate("series_residuals.stan.jinja", values),
        )

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that say which rows are a series."""
        return self.structure.series.columns_needed

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The series."""
        return self.structure.data(frame)

    def constants(self) -> dict[str, Any]:
        """Those of the matrix of times."""
        return self.structure.times.constants()

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The parameters, and the residuals of the rows that were fitted."""
        s, resp = self.suffix, self.structure.scope.resp
        shown = self.structure.times.label(draws)
        z, sd = draws[f"zerr{s}"], draws[f"sderr{s}"]
        flat = {
            item.name: item.values.reshape(-1, *item.values.shape[2:]) for item in shown
        }
        # The program has them by series and time.
        noise = np.empty((sd.size, z.shape[-1]))
        noise[:, self.training.order] = z.reshape(noise.shape)
        err = self.structure.correlated(noise, flat, self.training)
        err = err.reshape(z.shape) * sd[..., None]
        labels = tuple(str(k + 1) for k in range(z.shape[-1]))
        attrs = {"group": "", "dpar": "", "resp": resp}
        dim = f"{self.name}_row"
        return (
            *shown,
            Labelled(f"sderr{s}", sd, attrs={"cls": "sderr", **attrs}),
            Labelled(self.name, err, (dim,), {dim: labels}, {"cls": "err", **attrs}),
        )

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The residuals, (S, N): those in the draws."""
        return draws[self.name]

    def new(
        self, draws: Mapping[str, Array], frame: pd.DataFrame, rng: np.random.Generator
    ) -> Array:
        """Residuals of new rows, drawn from their distribution: (S, N).

        The rows are new, also where some have the series and times of rows that were fitted.
        """
        sd = draws[f"sderr{self.suffix}"]
        z = rng.standard_normal((len(sd), len(frame)))
        return sd[:, None] * self.structure.correlated(z, draws, self.structure.series.rows(frame))
