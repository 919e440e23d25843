"""Verbs of a fit that ask how good the model is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hiermodel.arguments import flag
from hiermodel.errors import ArgumentError
from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from hiermodel.criticism import Elpd
    from hiermodel.fitted import Fit


class Criticism(Verbs):
    """Cross-validation and checks."""

    def loo(
        self,
        resp: str | None = None,
        *,
        save_psis: bool = False,
        reloo: bool = False,
        k_threshold: float | None = None,
        subsample: int | None = None,
        observations: Sequence[int] | None = None,
        seed: int | None = None,
        cores: int | None = None,
        progress: bool = True,
    ) -> Elpd:
        """Leave-one-out cross-validation by Pareto-smoothed importance sampling.

        Parameters
        ----------
        resp : str, optional
            One of several responses; by default all of a row together.
        save_psis : bool
            Keep the smoothed log weights, (chain, draw, obs), in ``log_weights`` of the result.
        reloo : bool
            Fit the model again without each row whose Pareto k is too high, and take its exact
            part. ``log_weights`` of these rows stay those of the weights.
        k_threshold : float, optional
            From which Pareto k on, with `reloo`; by default the highest at which the weights can
            be trusted with this many draws, at most 0.7.
        subsample : int, optional
            For large data: look at this many rows, drawn at random without replacement, and
            estimate the sum over all rows by the difference to a density that is cheap, that at
            the posterior mean (Magnusson and others 2020). The table then has a further column,
            the standard error of not looking at all rows.
        observations : sequence of int, optional
            Instead of `subsample` the positions (from 0) of the rows, ``rows`` of another such
            result: models are compared on the same rows.
        seed : int, optional
            Of the rows that are drawn, and of the fits with `reloo`.
        cores, progress
            Of the fits with `reloo`, as in `kfold`.

        Returns
        -------
        Elpd
            Prints as a table; see `hiermodel.criticism.Elpd`. With `subsample` a
            `hiermodel.criticism.SubsampledElpd`.

        Raises
        ------
        HiermodelError
            For a mode, or draws of the prior.

        Warns
        -----
        HiermodelWarning
            When observations have a Pareto k above the threshold.

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=500, seed=1,
        ...              progress=False)
        >>> -90 < fit.loo().elpd < -75
        True
        """
        from hiermodel.criticism import loo

        flag("reloo", reloo)
        if subsample is not None or observations is not None:
            if reloo:
                raise ArgumentError(
                    "reloo=True is for all rows; leave out subsample= and observations="
                )
            from hiermodel.criticism import loo_subsample

            return loo_subsample(self._one(resp), subsample, observations, seed, save_psis)
        if not reloo:
            return loo(self._one(resp), save_psis)
        from hiermodel.refits import reloo as refit_rows

        return refit_rows(
            self._one(), loo(self._one(resp), save_psis, tell=False), resp=resp,
            k_threshold=k_threshold, seed=seed, cores=cores, progress=progress,
        )

    def kfold(
        self,
        K: int = 10,
        folds: Any = None,
        group: Any = None,
        *,
        resp: str | None = None,
        seed: int | None = None,
        cores: int | None = None,
        save_fits: bool = False,
        progress: bool = True,
    ) -> Elpd:
        """K-fold cross-validation: fit again without each fold, and predict the fold.

        Parameters
        ----------
        K : int
            Number of folds, where `folds` and `group` leave it free.
        folds : None, {"stratified", "grouped", "loo"} or sequence of int
            None: random folds of equal size, or with `group` one fold for each group
            (leave-one-group-out). ``"stratified"``: each group spread evenly over K folds.
            ``"grouped"``: K folds of whole groups. ``"loo"``: each row is a fold. A sequence has
            the number of the fold of each row, from 1.
        group : str or sequence, optional
            A column of the model, or a label per row.
        resp : str, optional
            Whose log-likelihood is estimated, of several responses; by default all of a row.
        seed : int, optional
            Of the folds, the samplers and the effects of new levels.
        cores : int, optional
            How many fits run at the same time, each in a process of its own; by default as many
            as the machine has cores. The result does not depend on it.
        save_fits : bool
            Keep the fits in ``fits`` of the result, for `kfold_predict`.
        progress : bool
            Show a bar.

        Returns
        -------
        Elpd
            Of kind ``"kfold"``, with ``folds``; the log density of each row is that of the row
            alone, also when rows are left out together. `hiermodel.compare` takes it.

        Raises
        ------
        ArgumentError
            For folds that cannot be.
        DataError
            When a fold holds all rows of a level of a factor whose coefficients have no proper
            prior, or of a category of the response.
        HiermodelError
            When a fit fails; the message names the fold.

        Warns
        -----
        SamplingWarning
            When the sampler had problems in some of the fits.

        Notes
        -----
        The fits have the formula, priors and settings of this one. Default priors, whose scales
        come from the response, stay as they are: the model must not change with the fold. Factors
        keep all their levels. Levels of grouping factors that only the fold has get effects from
        the normal distribution of the others ("gaussian", as in brms).

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=1, draws=200, warmup=200,
        ...              seed=1, progress=False)
        >>> result = fit.kfold(K=2, seed=1, cores=1, progress=False)
        >>> int(result.folds.max())
        2
        """
        from hiermodel.refits import kfold

        return kfold(
            self._one(), K, folds, group, resp=resp, seed=seed, cores=cores, save_fits=save_fits,
            progress=progress,
        )

    def kfold_predict(
        self,
        kfold: Elpd,
        method: str = "posterior_predict",
        *,
        resp: str | None = None,
        ndraws: int | None = None,
        seed: int | None = None,
    ) -> xr.DataArray:
        """Predict each row from the fit that did not see it.

        Parameters
        ----------
        kfold : Elpd
            What ``kfold(save_fits=True)`` of this fit gave back.
        method : {"posterior_predict", "posterior_epred", "posterior_linpred"}
        resp : str, optional
            One of several responses; by default all of them, as a dataset.
        ndraws, seed : int, optional
            As in `posterior_predict`.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs), in the order of the rows of this fit.

        Examples
        --------
        >>> result = fit.kfold(save_fits=True)  # doctest: +SKIP
        >>> fit.response - fit.kfold_predict(result).mean(("chain", "draw"))  # doctest: +SKIP
        """
        from hiermodel.refits import kfold_predict

        return kfold_predict(
            self._one(), kfold, method, resp=resp, ndraws=ndraws, seed=seed
        )

    def waic(self, resp: str | None = None) -> Elpd:
        """Widely applicable information criterion (Watanabe 2010); prefer `loo`."""
        from hiermodel.criticism import waic

        return waic(self._one(resp))

    def loo_predict(
        self, type: str = "mean", probs: Sequence[float] = (0.5,), *, resp: str | None = None,
        seed: int | None = None,
    ) -> pd.Series | pd.DataFrame:
        """Predict each response from the posterior without its row, by importance weights.

        Parameters
        ----------
        type : {"mean", "var", "quantile"}
            What of the predictive distribution.
        probs : sequence of float
            With ``type="quantile"``: which, each in [0, 1].
        resp : str, optional
            Which of several responses.
        seed : int, optional
            Of the predictive draws.

        Returns
        -------
        Series or DataFrame
            By row label, in units of the response; a column per quantile (``Q2.5``).

        Warns
        -----
        HiermodelWarning
            When rows have a Pareto k above the threshold: what is said of them is doubtful.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> fit = hm.fit("reaction ~ days", data, chains=2, draws=200, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.loo_predict("quantile", probs=(0.05, 0.95), seed=1).columns.tolist()
        ['Q5', 'Q95']
        """
        from hiermodel.criticism import loo_prediction

        return loo_prediction(self._one(resp), "posterior_predict", type, probs, seed=seed)

    def loo_epred(
        self, type: str = "mean", probs: Sequence[float] = (0.5,), *, resp: str | None = None
    ) -> pd.Series | pd.DataFrame:
        """Expect each response from the posterior without its row.

        Parameters are those of `loo_predict`. Ordinal and categorical responses have a column
        of probabilities per category.
        """
        from hiermodel.criticism import loo_prediction

        return loo_prediction(self._one(resp), "posterior_epred", type, probs)

    def loo_linpred(
        self, type: str = "mean", probs: Sequence[float] = (0.5,), *, resp: str | None = None,
        dpar: str | None = None, transform: bool = False,
    ) -> pd.Series | pd.DataFrame:
        """Linear predictor of each row from the posterior without that row.

        Parameters are those of `loo_predict`, `dpar` and `transform` those of
        `posterior_linpred`.
        """
        from hiermodel.criticism import loo_prediction

        return loo_prediction(
            self._one(resp), "posterior_linpred", type, probs, dpar=dpar, transform=transform
        )

    def loo_predictive_interval(
        self, prob: float = 0.9, *, resp: str | None = None, seed: int | None = None
    ) -> pd.DataFrame:
        """Central interval of a new response for each row, from the posterior without that row.

        Parameters
        ----------
        prob : float
            Mass of the interval.
        resp : str, optional
            Which of several responses.
        seed : int, optional
            Of the predictive draws.

        Returns
        -------
        DataFrame
            Two quantiles by row label.
        """
        from hiermodel.criticism import loo_predictive_interval

        return loo_predictive_interval(self._one(resp), prob, seed)

    def bayes_r2(
        self,
        newdata: Any = None,
        *,
        resp: str | None = None,
        method: str | None = None,
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        seed: int | None = None,
        summary: bool = True,
        robust: bool = False,
        probs: Sequence[float] = (0.025, 0.975),
    ) -> Any:
        """Bayesian R-squared: the part of the variance of new data that the model explains.

        In each draw it is the variance over rows of the expectations, divided by the same plus
        the residual variance (Gelman, Goodrich, Gabry and Vehtari 2019, The American Statistician
        73, 307-309).

        Parameters
        ----------
        newdata : data frame, optional
            Must hold the response with ``method="residual"``; the fitted rows by default.
        resp : str, optional
            One of several responses; by default all of them.
        method : {None, "model", "residual"}
            Residual variance as the model has it (gaussian: the mean of sigma squared;
            bernoulli: the mean of mu (1 - mu)), or the variance of observed minus expected
            responses. By default that of the model where it is defined, without truncation.
        re_formula, ndraws, allow_new_levels, sample_new_levels, seed
            As in `posterior_linpred`.
        summary : bool
            A table; the draws with False.
        robust : bool
            Median and scaled MAD instead of mean and standard deviation.
        probs : sequence of float
            Quantiles of the table.

        Returns
        -------
        DataFrame
            One row ``R2``, or ``R2<resp>`` for each of several responses; with
            ``summary=False`` a DataArray (chain, draw), or a Dataset of these.

        Raises
        ------
        HiermodelError
            For ordinal and categorical responses, and those of several columns.

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=200, warmup=200,
        ...              seed=1, progress=False)
        >>> bool(0.6 < fit.bayes_r2().loc["R2", "Estimate"] < 0.85)
        True
        """
        from hiermodel.criticism import r2

        draws = {
            name: r2.bayes_r2_draws(
                one, newdata, method, re_formula=re_formula, ndraws=ndraws, seed=seed,
                allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels,
            )
            for name, one in self._r2_fits(resp).items()
        }
        return r2.shown(draws, summary, robust, probs)

    def loo_r2(
        self,
        *,
        resp: str | None = None,
        ndraws: int = 4000,
        seed: int | None = None,
        summary: bool = True,
        robust: bool = False,
        probs: Sequence[float] = (0.025, 0.975),
    ) -> Any:
        """Leave-one-out R-squared: the part of the variance that the model predicts.

        One minus the variance of the leave-one-out errors over that of the responses, with the
        uncertainty of the Bayesian bootstrap over rows (online supplement of Gelman, Goodrich,
        Gabry and Vehtari 2019). Draws are kept inside [-1, 1].

        Parameters
        ----------
        resp : str, optional
            One of several responses; by default all of them.
        ndraws : int
            Draws of the Bayesian bootstrap.
        seed : int, optional
            Of the Bayesian bootstrap.
        summary, robust, probs
            As in `bayes_r2`.

        Returns
        -------
        DataFrame
            As `bayes_r2`; with ``summary=False`` a DataArray (chain, draw) of one chain.

        Examples
        --------
        >>> fit.loo_r2(seed=1)  # doctest: +SKIP
        """
        from hiermodel.criticism import r2

        draws = {
            name: r2.loo_r2_draws(one, ndraws, seed) for name, one in self._r2_fits(resp).items()
        }
        return r2.shown(draws, summary, robust, probs)

    def _r2_fits(self, resp: str | None) -> dict[str, Fit]:
        """The fits of the responses, by the names of their rows."""
        if resp is None and self.model.is_multivariate:
            return {f"R2{name}": self._one(name) for name in self.model.responses}
        return {"R2": self._one(resp)}

    def pp_check(
        self, type: str | None = None, *, resp: str | None = None, **options: Any
    ) -> Any:
        """Compare the data with draws from the posterior predictive distribution.

        Parameters
        ----------
        type : str, optional
            ``"dens_overlay"``, ``"bars"``, ``"stat"``, ``"intervals"``, ...; chosen by the
            family when not given. See `hiermodel.criticism.pp_check`.
        resp : str, optional
            Which of several responses.
        **options
            ``ndraws``, ``group``, ``stat``, ``ax``, ``seed``, ...

        Returns
        -------
        Axes
        """
        from hiermodel.criticism import pp_check

        return pp_check(self._one(resp), type, **options)
