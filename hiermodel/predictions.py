"""Predictions of a fit: linear predictors, expectations, new responses, log-likelihoods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import joint, log_likelihood, predict
from hiermodel.arguments import flag
from hiermodel.errors import DataError, HiermodelError
from hiermodel.frames import as_frame, row_labels
from hiermodel.imputing import missing_covariates
from hiermodel.modeling import Model
from hiermodel.prepare import (
    EXPECTATION_ROLES,
    LIKELIHOOD_ROLES,
    Prediction,
    PredictionOptions,
    prepare,
)
from hiermodel.record import Record
from hiermodel.response import Response


class Predictions(Record):
    """The quantities that follow from a model and its draws; the base of `Fit`."""

    def _each(self, verb: str, resp: str | None, *arguments: Any, **options: Any) -> Any:
        """Call a method for one response, or for all of them: a dataset with one variable each."""
        if resp is not None:
            return getattr(self.only(resp), verb)(*arguments, **options)
        subsets = any(part.subset is not None for part in self.model.parts)
        out = {}
        for name in self.model.responses:
            found = getattr(self.only(name), verb)(*arguments, **options)
            # Responses with rows of their own have a dim of their own.
            own = {"obs": f"obs_{name}"} if subsets else {}
            own |= {d: f"{d}_{name}" for d in ("category", "threshold") if d in found.dims}
            out[name] = found.rename(own)
        return xr.Dataset(out)

    # ------------------------------------------------------------------ predictions

    def _prediction(
        self, newdata: Any, options: PredictionOptions, needs: tuple[str, ...],
        ndraws: int | None,
    ) -> Prediction:
        if options.incl_autocor:
            self._check_places(newdata)
        posterior = thinned(self.posterior, ndraws)
        imputed = None
        if newdata is not None and self.whole_model is not None:
            imputed = missing_covariates(
                self.whole_model, self.model.part, posterior, self.whole_frame, newdata, options
            )
        return prepare(self.model, posterior, self.frame, newdata, options, needs, imputed)

    def _check_places(self, newdata: Any) -> None:
        """Refuse the fitted rows in another order where a matrix or a map counts them."""
        part = self.model.part
        terms = part.by_number
        if not isinstance(newdata, pd.DataFrame) or not terms:
            return
        given, own = row_labels(newdata), self.row_labels
        given = np.arange(len(newdata)) if given is None else given
        if len(given) == len(own) and not np.array_equal(given, own):
            if set(given.tolist()) == set(own.tolist()):
                raise DataError(
                    f"newdata have the rows of the fit in another order, and {terms} knows them "
                    "by their number: put them in the order of the data that were fitted"
                )

    def _predictions(
        self, newdata: Any, options: PredictionOptions, ndraws: int | None
    ) -> tuple[Prediction, ...]:
        posterior = thinned(self.posterior, ndraws)
        return joint.joint_predictions(self.model, posterior, self.frame, newdata, options)

    def _joint_predict(
        self, newdata: Any, options: PredictionOptions, ndraws: int | None
    ) -> Any:
        """New responses with their residual correlations, a dataset with one variable each."""
        predictions = self._predictions(newdata, options, ndraws)
        rng = np.random.default_rng(options.seed)
        values = joint.joint_predict(self.model, predictions, rng)
        return xr.Dataset(
            {
                name: self._wrap(values[..., k], predictions[k], name, newdata)
                for k, name in enumerate(self.model.responses)
            }
        )

    def _for(self, resp: str | None) -> Model:
        """The model, of one response; `resp` may name it."""
        return self.model if resp is None else self.model.only(resp)

    def _wrap(self, values: np.ndarray, prediction: Prediction, name: str, newdata: Any,
              last: tuple[str, tuple[str, ...]] | None = None) -> xr.DataArray:
        dims = ["chain", "draw", "obs"]
        rows = self.row_labels if newdata is None else row_labels(newdata)
        if rows is not None and newdata is not None and prediction.places is not None:
            rows = rows[prediction.places]
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
        resp: str | None = None,
        dpar: str | None = None,
        nlpar: str | None = None,
        re_formula: str | None = None,
        transform: bool = False,
        incl_thres: bool = False,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        incl_autocor: bool = True,
        impute: bool = False,
        seed: int | None = None,
    ) -> xr.DataArray:
        """Draws of the linear predictor.

        Parameters
        ----------
        newdata : data frame, optional
            Rows to predict for; the fitted rows by default.
        resp : str, optional
            One of several responses; by default all of them, as a dataset with one variable each.
        dpar : str, optional
            Parameter with a formula, ``"mu"`` by default.
        nlpar : str, optional
            Parameter of a non-linear formula.
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
        incl_autocor : bool
            Include what autocorrelation terms make of other rows: residuals that ``ar()`` looks
            back to, latent residuals (drawn for new rows), neighbours in ``sar()``.
        impute : bool
            Draw covariates of ``mi()`` that `newdata` miss from their own models, so that
            predictions are over them too; by default such rows are NaN, with a warning.
        seed : int, optional
            For new levels, new residuals and imputed covariates.

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
        if self.model.is_multivariate:
            return self._each(
                "posterior_linpred", resp, newdata, dpar=dpar, nlpar=nlpar, re_formula=re_formula,
                transform=transform, incl_thres=incl_thres, ndraws=ndraws,
                allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels, seed=seed,
                incl_autocor=incl_autocor, impute=impute,
            )
        model = self._for(resp)
        options = PredictionOptions(
            re_formula, allow_new_levels, sample_new_levels, seed, incl_autocor, impute=impute
        )
        prediction = self._prediction(newdata, options, (), ndraws)
        values = predict.linpred(prediction, dpar, transform, incl_thres, nlpar)
        last = ("category", model.response.predicted_categories)
        if model.family.components:
            last = ("component", model.family.main)
        elif model.part.thresholds and values.ndim == 3:
            last = ("threshold", tuple(str(k) for k in range(1, values.shape[-1] + 1)))
        return self._wrap(values, prediction, nlpar or dpar or "mu", newdata, last)

    def posterior_epred(
        self,
        newdata: Any = None,
        *,
        resp: str | None = None,
        dpar: str | None = None,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        incl_autocor: bool = True,
        impute: bool = False,
        seed: int | None = None,
    ) -> xr.DataArray:
        """Draws of the expectation E[Y], or of one parameter on its natural scale (`dpar`).

        Parameters are those of `posterior_linpred`. Truncation, trials and rates are taken
        into account, from `newdata` when it is given.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs), in units of the response; for ordinal and categorical
            families probabilities with a further dim ``category``, which the means of responses
            of several columns have too.
        """
        if self.model.is_multivariate:
            return self._each(
                "posterior_epred", resp, newdata, dpar=dpar, re_formula=re_formula, ndraws=ndraws,
                allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels, seed=seed,
                incl_autocor=incl_autocor, impute=impute,
            )
        self._for(resp)
        options = PredictionOptions(
            re_formula, allow_new_levels, sample_new_levels, seed, incl_autocor, impute=impute
        )
        needs = () if dpar else EXPECTATION_ROLES
        prediction = self._prediction(newdata, options, needs, ndraws)
        values = predict.dpar_draws(prediction, dpar) if dpar else predict.epred(prediction)
        last = ("category", self.model.response.categories)
        return self._wrap(values, prediction, dpar or "epred", newdata, last)

    def posterior_predict(
        self,
        newdata: Any = None,
        *,
        resp: str | None = None,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        incl_autocor: bool = True,
        impute: bool = False,
        seed: int | None = None,
    ) -> xr.DataArray:
        """Draws of new responses, one per posterior draw and row.

        Parameters are those of `posterior_linpred`; `seed` makes the result reproducible.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs); ordinal and categorical responses as codes from 1 (a hurdle
            is 0), whose labels stand in the attribute ``categories``; responses of several
            columns with a further dim ``category``.
        """
        options = PredictionOptions(
            re_formula, allow_new_levels, sample_new_levels, seed, incl_autocor, impute=impute
        )
        if self.model.rescor is not None and resp is None:
            return self._joint_predict(newdata, options, ndraws)
        if self.model.is_multivariate:
            return self._each(
                "posterior_predict", resp, newdata, re_formula=re_formula, ndraws=ndraws,
                allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels, seed=seed,
                incl_autocor=incl_autocor, impute=impute,
            )
        self._for(resp)
        # Draws of the prior know nothing of the responses, which rows of series look back to.
        unseen = newdata is None and bool(self.provenance.get("prior_only"))
        options = replace(options, unseen=unseen)
        prediction = self._prediction(newdata, options, EXPECTATION_ROLES, ndraws)
        values = predict.predict(prediction, np.random.default_rng(seed))
        last = ("category", self.model.response.categories)
        out = self._wrap(values, prediction, self.response_name, newdata, last)
        return out.assign_attrs(category_attrs(self.model.response))

    def log_lik(
        self,
        newdata: Any = None,
        *,
        resp: str | None = None,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        incl_autocor: bool = True,
        impute: bool = False,
        seed: int | None = None,
        partial: bool = False,
    ) -> xr.DataArray:
        """Pointwise log-likelihood, with weights, censoring and truncation.

        Parameters are those of `posterior_linpred`, but for one more; `newdata` must hold the
        response.

        Parameters
        ----------
        partial : bool
            In rows where ``mi()`` imputes some of several responses, take the others: those that
            were observed. By default such rows are NaN.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs). With several responses and no `resp` it is that of all
            responses of a row together. NaN in rows without a response.
        """
        flag("partial", partial)
        options = PredictionOptions(
            re_formula, allow_new_levels, sample_new_levels, seed, incl_autocor, impute=impute
        )
        if self.model.rescor is not None and resp is None:
            predictions = self._predictions(newdata, options, ndraws)
            values = joint.joint_log_lik(self.model, predictions, partial=partial)
            return self._wrap(values, predictions[0], "log_lik", newdata)
        if self.model.is_multivariate:
            found = self._each(
                "log_lik", resp, newdata, re_formula=re_formula, ndraws=ndraws,
                allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels, seed=seed,
                incl_autocor=incl_autocor, impute=impute,
            )
            return found if resp is not None else _summed(found, partial)
        self._for(resp)
        prediction = self._prediction(newdata, options, LIKELIHOOD_ROLES, ndraws)
        y = self.response if newdata is None else self.model.response.coded(prediction.frame)
        return self._wrap(log_likelihood.log_lik(prediction, y), prediction, "log_lik", newdata)

    def pp_mixture(
        self,
        newdata: Any = None,
        *,
        resp: str | None = None,
        log: bool = False,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        incl_autocor: bool = True,
        seed: int | None = None,
    ) -> xr.DataArray:
        """Draws of the probability that each row comes from each component of a mixture.

        Parameters
        ----------
        newdata : data frame, optional
            Must hold the response.
        resp : str, optional
            One of several responses.
        log : bool
            Give logarithms.
        re_formula, ndraws, allow_new_levels, sample_new_levels, seed
            As in `posterior_linpred`.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs, component), probabilities that sum to 1 over components.

        Raises
        ------
        HiermodelError
            For a family that is no mixture.

        Examples
        --------
        >>> fit.pp_mixture().mean(("chain", "draw"))  # doctest: +SKIP
        """
        if resp is not None:
            return self.only(resp).pp_mixture(
                newdata, log=log, re_formula=re_formula, ndraws=ndraws, seed=seed,
                allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels,
            )
        family = self.model.family
        if not family.components:
            raise HiermodelError(f"pp_mixture() is for mixtures; the family is {family.name!r}")
        options = PredictionOptions(
            re_formula, allow_new_levels, sample_new_levels, seed, incl_autocor
        )
        prediction = self._prediction(newdata, options, LIKELIHOOD_ROLES, ndraws)
        y = self.model.response.coded(prediction.frame)
        values = log_likelihood.component_probabilities(prediction, y)
        components = tuple(str(k + 1) for k in range(len(family.components)))
        shown = values if flag("log", log) else np.exp(values)
        return self._wrap(shown, prediction, "pp_mixture", newdata, ("component", components))

    def residuals(
        self,
        newdata: Any = None,
        *,
        resp: str | None = None,
        method: str = "posterior_epred",
        **arguments: Any,
    ) -> xr.DataArray:
        """Observed minus expected (or predicted) responses.

        Parameters
        ----------
        newdata : data frame, optional
            Must hold the response.
        resp : str, optional
            One of several responses; by default all of them, as a dataset.
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
        if self.model.is_multivariate:
            return self._each("residuals", resp, newdata, method=method, **arguments)
        self._for(resp)
        if self.model.family.response in ("ordinal", "nominal"):
            raise HiermodelError("residuals are not defined for ordinal and categorical responses")
        if self.model.family.several_columns:
            raise HiermodelError(
                "residuals are not defined for responses of several columns; compare the columns "
                "of fit.response with posterior_epred()"
            )
        y = self.response
        if newdata is not None:
            y = self.model.response.coded(as_frame(newdata))
        expected: xr.DataArray = getattr(self, method)(newdata, **arguments)
        observed = xr.DataArray(y, dims=("obs",), coords={"obs": expected["obs"]})
        return (observed - expected).transpose(*expected.dims).rename("residuals")


def _summed(found: xr.Dataset, partial: bool) -> xr.DataArray:
    """Log-likelihoods of all responses of each row together, or of those that are there."""
    if any(str(dim).startswith("obs_") for dim in found.dims):
        raise HiermodelError(
            "responses with a subset() have rows of their own; say which with resp=, one of "
            + ", ".join(map(str, found.data_vars))
        )
    every = [found[name] for name in found.data_vars]
    missing = [values.isnull() for values in every]
    total = sum(every)
    assert isinstance(total, xr.DataArray)
    if partial and any(bool(gaps.any()) for gaps in missing):
        known = [np.where(gaps, 0.0, one) for one, gaps in zip(every, missing, strict=True)]
        none = np.logical_and.reduce([gaps.values for gaps in missing])
        total = total.copy(data=np.where(none, np.nan, np.sum(known, axis=0)))
    return total.rename("log_lik")


def category_attrs(response: Response) -> dict[str, list[str]]:
    """The labels of the codes of a response with categories, as an attribute of its values."""
    labels = [] if response.family.several_columns else list(response.categories)
    return {"categories": labels} if labels else {}


def thinned(posterior: xr.Dataset, ndraws: int | None) -> xr.Dataset:
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
