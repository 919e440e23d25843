"""`CollapsedRegression`: a gaussian model without group-level effects, its rows rotated away."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.collapse.collapsed import CollapsedModel
from hiermodel.stan.variables import Block, Var

Array = np.ndarray

_LOG_2PI = float(np.log(2 * np.pi))


@dataclass(frozen=True, eq=False)
class CollapsedRegression(CollapsedModel):
    """A gaussian model without group-level effects whose rows are rotated until few are left.

    A special case with no factor to integrate out: the R factor of ``[X y]`` has as many rows as
    columns, and all cross-products of the rows. Parameters and log density are those of `model`.
    Made by `Model.collapsed`.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> collapsed = hm.model("reaction ~ days", data).collapsed()
    >>> [v.name for v in collapsed.parameters]
    ['b', 'Intercept', 'sigma']
    >>> collapsed.bind(data)["Xrest"].shape, len(data)
    ((3, 2), 180)
    """

    @property
    def name(self) -> str:
        """There is no grouping factor."""
        return ""

    @property
    def levels(self) -> int:
        """There is no level."""
        return 0

    @property
    def words(self) -> str:
        """What was done, for the summary."""
        first = "" if self.cells is None else "rows added up to cells, "
        left = self.columns + 1
        return f"{first}{self.model.nobs} rows rotated to {left} with all cross-products"

    @property
    def data_variables(self) -> tuple[Var, ...]:
        """The variables of the data block."""
        used = {"prior_only"} | self._sizes
        used |= {var.name for var, _ in self.model.resolved_priors.data}
        kept = [v for v in self.model.variables if v.block is Block.DATA and v.name in used]
        own = [
            Var("nobs", "real", lower="0", comment="rows, each as often as its weight says"),
            Var("log_se", "real", comment="sum of the logs of se()"),
            Var("P", "int", lower="0", comment="population-level columns, with the intercept"),
            Var("Nrest", "int", lower="0", comment="rows that hold all cross-products"),
            Var("Yrest", "vector", ("Nrest",), comment="rotated response"),
            Var("Xrest", "matrix", ("Nrest", "P"), comment="rotated design"),
        ]
        absent = set() if self.has_se else {"log_se"}
        absent |= set() if self.columns else {"P", "Xrest"}
        return (*kept[:-1], *(v for v in own if v.name not in absent), kept[-1])

    @functools.cached_property
    def stan_code(self) -> str:
        """The Stan program."""
        from hiermodel.stan.render import render_regression

        return render_regression(self)

    def present(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data themselves: there are no levels without rows."""
        return dict(data)

    def effects(
        self, draws: Mapping[str, Array], data: Mapping[str, Any], seed: int, cores: int = 1,
        random: bool = True,
    ) -> dict[str, Array]:
        """Nothing: there are no effects to draw."""
        return {}

    def log_lik(self, rows: pd.DataFrame, params: Mapping[str, Array]) -> float:
        """The log-likelihood of the rows, row by row."""
        part = self.model.parts[0]
        rows = part.rows(rows)
        full = self.model.complete(
            {k: np.asarray(v, dtype=float)[None, None] for k, v in params.items()}
        )
        seen = {item.name: item.values[:, 0] for item in part.label(full)}
        y = np.asarray(part.response.coded(rows), dtype=float)
        mean = self.predictor.eta(seen, part.design(rows), (1, len(y)), {})[0]
        additions = part.response.additions.data(rows)
        sigma = additions.get("se", full.get(self.sigma, self.sigma))
        spread = np.broadcast_to(np.asarray(sigma, dtype=float).squeeze(), len(y))
        each = -0.5 * np.square((y - mean) / spread) - np.log(spread) - _LOG_2PI / 2
        return float((np.asarray(additions.get("weights", 1.0)) * each).sum())
