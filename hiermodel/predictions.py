"""Predictions of a fit: linear predictors, expectations, new responses, log-likelihoods."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import inference_data, persistence, predict
from hiermodel.arguments import flag
from hiermodel.errors import HiermodelError
from hiermodel.families.base import Family
from hiermodel.formula import Formula
from hiermodel.frames import as_frame, row_labels
from hiermodel.modeling import Model
from hiermodel.predict import (
    EXPECTATION_ROLES,
    LIKELIHOOD_ROLES,
    Prediction,
    PredictionOptions,
)
from hiermodel.response import Response


@dataclass(frozen=True, eq=False)
class Predictions:
    """A model with its draws, and the quantities that follow from them; the base of `Fit`."""

    model: Model
    frame: pd.DataFrame
    datasets: Mapping[str, xr.Dataset]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @functools.cached_property
    def idata(self) -> Any:
        """ArviZ's container of all groups: InferenceData, or DataTree from ArviZ 1 on.

        Made when it is first asked for, because importing ArviZ takes longer than many fits.
        """
        return inference_data.make(self.datasets, self.words)

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
        """Y as coded for the model, one entry per row."""
        return self.model.response.coded(self.frame)

    @property
    def response_name(self) -> str:
        """The response as written in the formula."""
        return self.model.response.name

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

    # ------------------------------------------------------------------ predictions

    def _prediction(
        self, newdata: Any, options: PredictionOptions, needs: tuple[str, ...],
        ndraws: int | None,
    ) -> Prediction:
        posterior = _thinned(self.posterior, ndraws)
        return predict.prepare(self.model, posterior, self.frame, newdata, options, needs)

    def _wrap(self, values: np.ndarray, prediction: Prediction, name: str, newdata: Any,
              last: tuple[str, tuple[str, ...]] | None = None) -> xr.DataArray:
        dims = ["chain", "draw", "obs"]
        rows = self.row_labels if newdata is None else row_labels(newdata)
        coords: dict[str, Any] = {"obs": np.arange(prediction.n) if rows is None else rows}
        if values.ndim == 3 and last is not None:
            dims.append(last[0])
            coords[last[0]] = list(last[1])
        shaped = values.reshape(*prediction.shape, *values.shape[1:])
        return xr.DataArray(shaped, dims=dims, coords=coords, name=name)

    def posterior_linpred(
        self,
        newdata: Any = None,
        *,
        dpar: str | None = None,
        re_formula: str | None = None,
        transform: bool = False,
        incl_thres: bool = False,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        seed: int | None = None,
    ) -> xr.DataArray:
        """Draws of the linear predictor.

        Parameters
        ----------
        newdata : data frame, optional
            Rows to predict for; the fitted rows by default.
        dpar : str, optional
            Parameter with a formula, ``"mu"`` by default.
        re_formula : str, optional
            Group-level effects to include: all by default, ``"none"``, or a formula with a
            subset such as ``"~ (1 | subject)"``.
        transform : bool
            Apply the inverse link.
        incl_thres : bool
            For ordinal families: thresholds minus predictor, times ``disc``, with a dim
            ``threshold``.
        ndraws : int, optional
            Number of draws to use, evenly spread; all by default.
        allow_new_levels : bool
            Permit levels of grouping factors that the fit has not seen.
        sample_new_levels : {"uncertainty", "gaussian", "old_levels"}
            What a new level gets: the effects of a random known level in each draw, a draw
            from the fitted normal distribution, or one known level for all draws.
        seed : int, optional
            For new levels.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs), on the link scale.

        Raises
        ------
        DataError
            For a missing column or an unseen level.
        """
        flag("transform", transform), flag("incl_thres", incl_thres)
        options = PredictionOptions(re_formula, allow_new_levels, sample_new_levels, seed)
        prediction = self._prediction(newdata, options, (), ndraws)
        values = predict.linpred(prediction, dpar, transform, incl_thres)
        last = ("category", self.model.response.predicted_categories)
        if incl_thres:
            last = ("threshold", tuple(str(k) for k in range(1, values.shape[-1] + 1)))
        return self._wrap(values, prediction, dpar or "mu", newdata, last)

    def posterior_epred(
        self,
        newdata: Any = None,
        *,
        dpar: str | None = None,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        seed: int | None = None,
    ) -> xr.DataArray:
        """Draws of the expectation E[Y], or of one parameter on its natural scale (`dpar`).

        Parameters are those of `posterior_linpred`. Truncation, trials and rates are taken
        into account, from `newdata` when it is given.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs), in units of the response; for ordinal and categorical
            families probabilities with a further dim ``category``.
        """
        options = PredictionOptions(re_formula, allow_new_levels, sample_new_levels, seed)
        needs = () if dpar else EXPECTATION_ROLES
        prediction = self._prediction(newdata, options, needs, ndraws)
        values = predict.dpar_draws(prediction, dpar) if dpar else predict.epred(prediction)
        last = ("category", self.model.response.categories)
        return self._wrap(values, prediction, dpar or "epred", newdata, last)

    def posterior_predict(
        self,
        newdata: Any = None,
        *,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        seed: int | None = None,
    ) -> xr.DataArray:
        """Draws of new responses, one per posterior draw and row.

        Parameters are those of `posterior_linpred`; `seed` makes the result reproducible.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs); ordinal and categorical responses as codes from 1 (a hurdle
            is 0), whose labels stand in the attribute ``categories``.
        """
        options = PredictionOptions(re_formula, allow_new_levels, sample_new_levels, seed)
        prediction = self._prediction(newdata, options, EXPECTATION_ROLES, ndraws)
        values = predict.predict(prediction, np.random.default_rng(seed))
        out = self._wrap(values, prediction, self.response_name, newdata)
        return out.assign_attrs(category_attrs(self.model.response))

    def log_lik(
        self,
        newdata: Any = None,
        *,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        seed: int | None = None,
    ) -> xr.DataArray:
        """Pointwise log-likelihood, with weights, censoring and truncation.

        Parameters are those of `posterior_linpred`; `newdata` must hold the response.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs).
        """
        options = PredictionOptions(re_formula, allow_new_levels, sample_new_levels, seed)
        prediction = self._prediction(newdata, options, LIKELIHOOD_ROLES, ndraws)
        y = self.response if newdata is None else self.model.response.coded(prediction.frame)
        return self._wrap(predict.log_lik(prediction, y), prediction, "log_lik", newdata)

    def residuals(
        self, newdata: Any = None, *, method: str = "posterior_epred", **arguments: Any
    ) -> xr.DataArray:
        """Observed minus expected (or predicted) responses.

        Parameters
        ----------
        newdata : data frame, optional
            Must hold the response.
        method : {"posterior_epred", "posterior_predict"}
            What is subtracted.
        **arguments
            Passed on to that method.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs).
        """
        if method not in ("posterior_epred", "posterior_predict"):
            raise HiermodelError(
                f"method must be 'posterior_epred' or 'posterior_predict', not {method!r}"
            )
        if self.model.family.response in ("ordinal", "nominal"):
            raise HiermodelError("residuals are not defined for ordinal and categorical responses")
        y = self.response
        if newdata is not None:
            y = self.model.response.coded(as_frame(newdata))
        expected: xr.DataArray = getattr(self, method)(newdata, **arguments)
        observed = xr.DataArray(y, dims=("obs",), coords={"obs": expected["obs"]})
        return (observed - expected).transpose(*expected.dims).rename("residuals")


def category_attrs(response: Response) -> dict[str, list[str]]:
    """The labels of the codes of a response with categories, as an attribute of its values."""
    labels = list(response.categories)
    return {"categories": labels} if labels else {}


def _thinned(posterior: xr.Dataset, ndraws: int | None) -> xr.Dataset:
    """`ndraws` draws, evenly spread over all chains, as one chain."""
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    if ndraws is None or ndraws == total:
        return posterior
    if not isinstance(ndraws, int) or isinstance(ndraws, bool) or not 1 <= ndraws <= total:
        raise HiermodelError(f"ndraws must be a whole number between 1 and {total}, not {ndraws!r}")
    at = np.linspace(0, total - 1, ndraws).round().astype(int)
    per_chain = posterior.sizes["draw"]
    pick_chain = xr.DataArray(at // per_chain, dims="draw")
    pick_draw = xr.DataArray(at % per_chain, dims="draw")
    flat = posterior.isel(chain=pick_chain, draw=pick_draw).drop_vars(["chain", "draw"])
    out = flat.expand_dims(chain=[0]).assign_coords(draw=np.arange(ndraws))
    # Variables keep their attributes and lead with (chain, draw).
    return out.transpose("chain", "draw", ...)
