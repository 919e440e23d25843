"""`fit()`, `Fit` and `load()`: a model, its draws, and where they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import inference_data, persistence, predict
from hiermodel.building import model as make_model
from hiermodel.engines import Draws, Engine, SamplingSettings, get_engine
from hiermodel.errors import HiermodelError
from hiermodel.formula import Formula
from hiermodel.modeling import Model
from hiermodel.posterior import posterior_dataset
from hiermodel.postprocess import PostProcessing
from hiermodel.predict import (
    EXPECTATION_ROLES,
    LIKELIHOOD_ROLES,
    Prediction,
    PredictionOptions,
)
from hiermodel.sampling import checked_sample

if TYPE_CHECKING:
    from hiermodel.families.base import Family


@dataclass(frozen=True, eq=False)
class Fit(PostProcessing):
    """The posterior of a model: draws with labels, and everything that people do with them.

    Made by `hiermodel.fit`, `Model.fit`, `Fit.from_draws` or `hiermodel.load`.

    Attributes
    ----------
    model : Model
    frame : DataFrame
        The rows that were fitted.
    idata : InferenceData or DataTree
        ArviZ's container: groups ``posterior``, ``sample_stats``, ``observed_data``,
        ``constant_data``.
    provenance : mapping
        Engine, versions, seed, settings, certificate, seconds, warnings.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> fit = hm.fit("reaction ~ days", data, chains=2, draws=200, warmup=200, seed=1,
    ...              progress=False)
    >>> fit.posterior_epred().dims
    ('chain', 'draw', 'obs')
    """

    model: Model
    frame: pd.DataFrame
    idata: Any
    provenance: Mapping[str, Any] = field(default_factory=dict)

    # ------------------------------------------------------------------ making one

    @classmethod
    def from_draws(
        cls,
        model: Model,
        data: Any,
        draws: Mapping[str, Any] | Draws,
        provenance: Mapping[str, Any] | None = None,
    ) -> Fit:
        """Build a fit from given draws of the declared Stan parameters.

        Parameters
        ----------
        model : Model
        data : data frame
            The training data.
        draws : mapping of str to array (chain, draw, ...), or Draws
            One entry per declared parameter, with its declared shape.

        Raises
        ------
        HiermodelError
            When a parameter is missing or has another shape.
        """
        if not isinstance(draws, Draws):
            values = {name: np.asarray(v, dtype=float) for name, v in draws.items()}
            draws = Draws(values, engine="recorded", method="recorded")
        frame = model.rows(data)
        _check_draws(model, draws.values)
        groups = {
            "posterior": posterior_dataset(model, draws.values),
            "observed_data": xr.Dataset(
                {"Y": ("obs", model.response.coded(frame))}, {"obs": np.arange(len(frame))}
            ),
            "constant_data": persistence.frame_to_dataset(frame, model.call.get("data2") or {}),
        }
        if draws.stats:
            groups["sample_stats"] = xr.Dataset(
                {name: (("chain", "draw"), values) for name, values in draws.stats.items()}
            )
        facts = {
            "engine": draws.engine, "engine_version": draws.engine_version,
            "seconds": draws.seconds, "seed": draws.seed, "method": draws.method,
            **(provenance or {}),
        }
        attrs = {
            "hiermodel_model": json.dumps(persistence.model_to_json(model)),
            "hiermodel_provenance": json.dumps(facts),
        }
        return cls(model, frame, inference_data.make(groups, attrs), facts)

    def update(self, data: Any = None, formula: Any = None, **changes: Any) -> Fit:
        """Fit again with changes; everything else stays as it was.

        Parameters
        ----------
        data : data frame, optional
            Other data; by default the rows of this fit.
        formula : str or Formula, optional
        **changes
            Any argument of `hiermodel.fit`.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> small = dict(chains=2, draws=100, warmup=100, seed=1, progress=False)
        >>> first = hm.fit("reaction ~ 1", data, **small)
        >>> first.update(formula="reaction ~ days").fixef().index.tolist()
        ['Intercept', 'days']
        """
        arguments = persistence.model_arguments(persistence.model_to_json(self.model))
        arguments["data2"] = self.model.call.get("data2")
        settings = dict(self.provenance.get("settings", {}))
        settings |= {"engine": self.provenance.get("engine")}
        if settings["engine"] == "recorded":
            settings.pop("engine")
        if formula is not None:
            arguments["formula"] = formula
        return fit(data=self.frame if data is None else data, **(arguments | settings | changes))

    def save(self, path: str | Path) -> Path:
        """Write the fit to one netCDF file; `hiermodel.load` reads it back.

        Parameters
        ----------
        path : str or Path

        Returns
        -------
        Path
        """
        inference_data.save(self.idata, Path(path))
        return Path(path)

    # ------------------------------------------------------------------ looking inside

    @property
    def posterior(self) -> xr.Dataset:
        """Labelled draws; see docs/architecture.md for variables and dims."""
        return inference_data.dataset(self.idata, "posterior")

    @property
    def sample_stats(self) -> xr.Dataset:
        """Sampler statistics, (chain, draw)."""
        if not inference_data.has_group(self.idata, "sample_stats"):
            return xr.Dataset()
        return inference_data.dataset(self.idata, "sample_stats")

    @property
    def response(self) -> np.ndarray:
        """Y as coded for the model, one entry per row."""
        return self.model.response.coded(self.frame)

    @property
    def response_name(self) -> str:
        """The response as written in the formula."""
        return self.model.response.name

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

    def _wrap(self, values: np.ndarray, prediction: Prediction, name: str,
              last: tuple[str, tuple[str, ...]] | None = None) -> xr.DataArray:
        dims = ["chain", "draw", "obs"]
        coords: dict[str, Any] = {"obs": np.arange(prediction.n)}
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
            For ordinal families: thresholds minus predictor, with a dim ``threshold``.
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
        options = PredictionOptions(re_formula, allow_new_levels, sample_new_levels, seed)
        prediction = self._prediction(newdata, options, (), ndraws)
        values = predict.linpred(prediction, dpar, transform, incl_thres)
        last = ("category", self.model.response.categories[1:])
        if incl_thres:
            last = ("threshold", tuple(str(k) for k in range(1, values.shape[-1] + 1)))
        return self._wrap(values, prediction, dpar or "mu", last)

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
        return self._wrap(values, prediction, dpar or "epred", last)

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
            Dims (chain, draw, obs); ordinal and categorical responses as codes from 1.
        """
        options = PredictionOptions(re_formula, allow_new_levels, sample_new_levels, seed)
        prediction = self._prediction(newdata, options, EXPECTATION_ROLES, ndraws)
        rng = np.random.default_rng(seed)
        return self._wrap(predict.predict(prediction, rng), prediction, self.response_name)

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
        return self._wrap(predict.log_lik(prediction, y), prediction, "log_lik")

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
            from hiermodel.frames import as_frame

            y = self.model.response.coded(as_frame(newdata))
        expected: xr.DataArray = getattr(self, method)(newdata, **arguments)
        return (xr.DataArray(y, dims=("obs",), coords={"obs": expected["obs"]}) - expected).transpose(
            *expected.dims
        ).rename("residuals")

    def __repr__(self) -> str:
        return str(self.summary())

    def _repr_html_(self) -> str:
        html: str = self.summary()._repr_html_()
        return html


def _check_draws(model: Model, values: Mapping[str, np.ndarray]) -> None:
    for var in model.parameters:
        if var.name not in values:
            raise HiermodelError(
                f"draws of the parameter {var.name!r} are missing; the model declares "
                + ", ".join(v.name for v in model.parameters)
            )
        want = len(var.size) + len(var.array)
        if var.type in ("cholesky_factor_corr", "corr_matrix", "cov_matrix"):
            want += 1
        if np.ndim(values[var.name]) != want + 2:
            raise HiermodelError(
                f"draws of {var.name!r} ({var.stan_type}) must have {want + 2} dims "
                f"(chain, draw, ...), got {np.ndim(values[var.name])}"
            )


def _thinned(posterior: xr.Dataset, ndraws: int | None) -> xr.Dataset:
    """`ndraws` draws, evenly spread over all chains, as one chain."""
    total = posterior.sizes["chain"] * posterior.sizes["draw"]
    if ndraws is None or ndraws == total:
        return posterior
    if not 1 <= ndraws <= total:
        raise HiermodelError(f"ndraws must be between 1 and {total}, not {ndraws}")
    at = np.linspace(0, total - 1, ndraws).round().astype(int)
    per_chain = posterior.sizes["draw"]
    pick_chain = xr.DataArray(at // per_chain, dims="draw")
    pick_draw = xr.DataArray(at % per_chain, dims="draw")
    flat = posterior.isel(chain=pick_chain, draw=pick_draw).drop_vars(["chain", "draw"])
    out = flat.expand_dims(chain=[0]).assign_coords(draw=np.arange(ndraws))
    # Variables keep their attributes and lead with (chain, draw).
    return out.transpose("chain", "draw", ...)


def fit_model(
    model: Model,
    data: Any,
    engine: str | Engine | None = None,
    *,
    prior_only: bool | None = None,
    certify: bool = True,
    **settings: Any,
) -> Fit:
    """Sample the posterior of a model; see `fit` for the arguments."""
    chosen = get_engine(engine)
    sampling = SamplingSettings(**settings)
    if prior_only is None:
        prior_only = model.sample_prior == "only"
    rows = model.rows(data)
    draws, facts = checked_sample(model, rows, chosen, sampling, prior_only, certify)
    kept = {k: v for k, v in settings.items() if isinstance(v, (int, float, str, bool))}
    return Fit.from_draws(model, rows, draws, {**facts, "settings": kept})


def fit(
    formula: str | Formula,
    data: Any,
    family: str | Family = "gaussian",
    priors: Any = None,
    *,
    data2: Mapping[str, Any] | None = None,
    sample_prior: str = "no",
    normalize: bool = True,
    drop_unused_levels: bool = True,
    contrasts: Mapping[str, Any] | None = None,
    engine: str | Engine | None = None,
    certify: bool = True,
    **settings: Any,
) -> Fit:
    """Fit a Bayesian multilevel model.

    Parameters
    ----------
    formula : str or Formula
        In the grammar of lme4 and brms, such as ``"reaction ~ days + (days | subject)"``;
        `hiermodel.bf` adds formulas for further parameters.
    data : data frame
        pandas, polars, pyarrow, or anything narwhals reads.
    family : str or Family
        Response distribution; `hiermodel.family` chooses links.
    priors : optional
        `hiermodel.prior` objects, a shorthand dict ``{"b": "normal(0, 5)"}``, or the name of
        a default set: ``"brms"`` (the default) or ``"weak"``.
    data2 : mapping of str to DataFrame, optional
        Matrices that the formula names, ``gr(species, cov = A)``.
    sample_prior : {"no", "only"}
        ``"only"`` ignores the likelihood.
    normalize : bool
        Keep constants of densities; bridge sampling needs them.
    drop_unused_levels : bool
        Forget levels of factors that have no row.
    contrasts : mapping, optional
        Contrasts per factor: ``"treatment"``, ``"sum"``, ``"helmert"``, ``"poly"``, or a matrix.
    engine : {"auto", "stanli", "cmdstan"} or Engine, optional
    certify : bool
        Check the embedded engine's density against NumPy before sampling.
    **settings
        Settings of the sampler: ``chains`` (4), ``draws`` kept per chain (1000), ``warmup``
        (1000), ``seed``, ``adapt_delta`` (0.8), ``max_treedepth`` (10), ``thin`` (1), ``init``,
        ``cores``, ``threads``, ``progress``; see `hiermodel.engines.SamplingSettings`.

    Returns
    -------
    Fit

    Raises
    ------
    FormulaError, DataError, FamilyError, PriorError
        For bad input; the message names the culprit.
    EngineError
        When the engine refuses program, data or settings.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> fit = hm.fit("reaction ~ days + (days | subject)", data, chains=2, draws=200,
    ...              warmup=200, seed=1, progress=False)
    >>> fit.ngroups()
    {'subject': 18}
    """
    made = make_model(
        formula, data, family, priors, data2=data2, sample_prior=sample_prior,
        normalize=normalize, drop_unused_levels=drop_unused_levels, contrasts=contrasts,
    )
    return fit_model(made, data, engine, certify=certify, **settings)


def load(path: str | Path) -> Fit:
    """Read a fit that `Fit.save` wrote. No code in the file is run.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Fit
        Equal to the one that was saved.

    Raises
    ------
    HiermodelError
        When the file is not a saved fit.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.load("fit.nc")  # doctest: +SKIP
    """
    idata = inference_data.open(Path(path))
    attrs = inference_data.attributes(idata)
    if "hiermodel_model" not in attrs:
        raise HiermodelError(f"{path} is not a fit saved by hiermodel")
    constant = inference_data.dataset(idata, "constant_data")
    frame, data2 = persistence.dataset_to_frame(constant)
    arguments = persistence.model_arguments(json.loads(attrs["hiermodel_model"]))
    rebuilt = make_model(data=frame, data2=data2 or None, **arguments)
    provenance = json.loads(attrs["hiermodel_provenance"])
    return Fit(rebuilt, rebuilt.rows(frame), idata, provenance)
