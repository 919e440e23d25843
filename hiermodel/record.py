"""`Record`: a model, the rows it was fitted to, its draws, and what one can look up in them."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import declared, inference_data, persistence
from hiermodel.families.base import Family
from hiermodel.formula import Formula
from hiermodel.modeling import Model


@dataclass(frozen=True, eq=False)
class Record:
    """What a fit holds; `Predictions` and then `Fit` are built on it."""

    model: Model
    frame: pd.DataFrame
    datasets: Mapping[str, xr.Dataset]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    whole: pd.DataFrame | None = None
    whole_model: Model | None = None

    @functools.cached_property
    def idata(self) -> Any:
        """ArviZ's container of all groups: InferenceData, or DataTree from ArviZ 1 on.

        Made when it is first asked for, because importing ArviZ takes longer than many fits.
        """
        return inference_data.make(self.shown_datasets, self.words)

    @property
    def shown_datasets(self) -> dict[str, xr.Dataset]:
        """The groups of `idata`: all but the draws that only the Stan program takes."""
        return {name: ds for name, ds in self.datasets.items() if name != declared.GROUP}

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: all but the container, which can be made again."""
        return {k: v for k, v in self.__dict__.items() if k != "idata"}

    @property
    def words(self) -> dict[str, str]:
        """What the arrays do not say, as JSON: the user's words and the facts of the run."""
        return {
            "hiermodel_model": json.dumps(persistence.model_to_json(self.model)),
            "hiermodel_provenance": json.dumps(dict(self.provenance)),
        }

    # ------------------------------------------------------------------ looking inside

    @property
    def posterior(self) -> xr.Dataset:
        """Labelled draws; see docs/architecture.md for variables and dims."""
        return self.datasets["posterior"]

    @property
    def sample_stats(self) -> xr.Dataset:
        """Sampler statistics, (chain, draw)."""
        return self.datasets.get("sample_stats", xr.Dataset())

    @property
    def response(self) -> np.ndarray:
        """Y as coded for the model, one entry per row (and column, where it has several)."""
        return self.model.response.coded(self.frame)

    @property
    def response_name(self) -> str:
        """The response as written in the formula."""
        return self.model.response.name

    @property
    def whole_frame(self) -> pd.DataFrame:
        """The rows of the model, also those that a response with a subset() does not use."""
        return self.frame if self.whole is None else self.whole

    @property
    def shown_rows(self) -> pd.DataFrame:
        """The rows that pictures of effects show: those that were fitted."""
        return self.frame

    @property
    def formula(self) -> Formula:
        """The formula of the model."""
        return self.model.formula

    @property
    def family(self) -> Family:
        """The response distribution with its links."""
        return self.model.family

    @property
    def priors(self) -> pd.DataFrame:
        """The prior table: one row per class, group and coefficient, with its source."""
        return self.model.priors

    @property
    def stan_code(self) -> str:
        """The Stan program."""
        return self.model.stan_code

    @property
    def nobs(self) -> int:
        """Number of rows that were fitted."""
        return len(self.frame)

    @property
    def row_labels(self) -> np.ndarray:
        """What the user calls the fitted rows: the index of the data, or numbers from 0."""
        observed = self.datasets.get("observed_data")
        if observed is None or "obs" not in observed.coords:
            return np.arange(len(self.frame))
        return np.asarray(observed["obs"].values)

    def ngroups(self) -> dict[str, int]:
        """Number of levels of each grouping factor."""
        return {g.name: len(g.grouping.levels) for g in self.model.groups}

    @property
    def rising_thresholds(self) -> frozenset[str]:
        """Names of thresholds from which an effect of a level is not taken, but they from it."""
        return frozenset(
            f"{t.scope.label}_Intercept".lstrip("_")
            for part in self.model.parts for t in part.thresholds
            if part.family.part_of(t.param)[0].rising
        )

    # ------------------------------------------------------------------ several responses

    def only(self, resp: str) -> Self:
        """The fit as one of a single response: its model, rows and observations.

        Everything that looks at one response works on it; residual correlations with other
        responses are left out.

        Parameters
        ----------
        resp : str
            A response of the model, by its name in the formula or in the program.

        Raises
        ------
        FormulaError
            For a response that the model does not have.
        """
        model = self.model.only(resp)
        part = model.part
        groups = dict(self.datasets)
        observed = groups.get("observed_data")
        if self.model.is_multivariate and observed is not None:
            array = observed[part.name]
            own = {str(array.dims[0]): "obs"} | {str(d): "category" for d in array.dims[1:]}
            groups["observed_data"] = array.rename(own).rename("Y").to_dataset()
        return replace(
            self, model=model, frame=part.rows(self.frame), datasets=groups, whole=self.frame,
            whole_model=self.model,
        )
