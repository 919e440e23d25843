"""Verbs of a fit that ask how good the model is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hiermodel.arguments import flag
from hiermodel.errors import ArgumentError
from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    import xarray as xr

    from hiermodel.criticism import Elpd, GroupElpd, MarginalLikelihood, PPCheck


class Criticism(Verbs):
    """Cross-validation and checks."""

    def loo(
        self,
        resp: str | None = None,
        *,
        moment_match: bool = False,
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
        moment_match : bool
            Improve the rows with a large Pareto k by moment matching; see
            `hiermodel.criticism.loo_moment_match`, which has the settings of it.
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
            Of the fits with `reloo`, as in `kfold`; `progress` also of `moment_match`.

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

        if flag("moment_match", moment_match):
            if reloo or save_psis or subsample is not None or observations is not None:
                raise ArgumentError(
                    "moment_match=True stands alone: leave out reloo=, save_psis=, subsample= and "
                    "observations="
                )
            from hiermodel.criticism import loo_moment_match

            return loo_moment_match(self._one(), resp=resp, progress=progress)
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
        joint: str = "obs",
        Ksub: Any = None,
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
        joint : {"obs", "fold", "group"}
            Whose log predictive densities are added up: those of single rows, or the joint ones
            of all rows of a fold, or of the rows of a `group` within a fold. How well a model
            predicts a whole new group is ``kfold(group="g", joint="group")``. Not where residuals
            are correlated, whose rows have no density of their own.
        Ksub : int or sequence of int, optional
            Leave out some of the folds only: as many of them at random, or those with these
            numbers. The estimate is that of their rows.
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
            Of kind ``"kfold"``, with ``folds``; with ``joint="obs"`` the log density of each row
            is that of the row alone, also when rows are left out together. `hiermodel.compare`
            takes it.

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
        HiermodelWarning
            When rows are impossible without themselves, and when a joint density is the mean of
            very few draws.

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
            self._one(), K, folds, group, joint=joint, ksub=Ksub, resp=resp, seed=seed,
            cores=cores, save_fits=save_fits, progress=progress,
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
            Dims (chain, draw, obs), in the order of the rows of this fit; rows of folds that
            were not left out (``Ksub``) have no prediction and are missing.

        Examples
        --------
        >>> result = fit.kfold(save_fits=True)  # doctest: +SKIP
        >>> fit.response - fit.kfold_predict(result).mean(("chain", "draw"))  # doctest: +SKIP
        """
        from hiermodel.refits import kfold_predict

        return kfold_predict(
            self._one(), kfold, method, resp=resp, ndraws=ndraws, seed=seed
        )

    def logo(
        self,
        group: str | None = None,
        *,
        resp: str | None = None,
        nested: bool = True,
        nodes: int | None = None,
        ndraws: int | None = None,
    ) -> GroupElpd:
        """Leave-one-group-out cross-validation without refits.

        How well the model predicts all rows of a new level of a grouping factor: the effects of
        the level are integrated out of the likelihood of its rows, and levels are left out by
        Pareto-smoothed importance sampling.

        Parameters
        ----------
        group : str, optional
            Grouping factor; may be left out when the model has only one.
        resp : str, optional
            One of several responses; all of a row together by default.
        nested : bool
            Integrate out the effects of factors nested in the group as well.
        nodes : int, optional
            Nodes per effect of the quadrature; chosen by the accuracy when not given.
        ndraws : int, optional
            Number of draws to use, evenly spread; all by default.

        Returns
        -------
        GroupElpd
            One entry per level; `hiermodel.compare` takes it. See `hiermodel.criticism.logo`.

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("incidence | trials(size) ~ period + (1 | herd)", hm.datasets.load("cbpp"),
        ...              family="binomial", chains=2, draws=1000, seed=1, progress=False)
        >>> fit.logo("herd").pointwise.sizes["herd"]
        15
        """
        from hiermodel.criticism import logo

        return logo(
            self._one(), group, resp=resp, nested=nested, nodes=nodes, ndraws=ndraws
        )

    def waic(self, resp: str | None = None) -> Elpd:
        """Widely applicable information criterion (Watanabe 2010); prefer `loo`."""
        from hiermodel.criticism import waic

        return waic(self._one(resp))

    def bridge_sampler(
        self, *, maxiter: int = 1000, seed: int | None = None
    ) -> MarginalLikelihood:
        """Log marginal likelihood by bridge sampling, for Bayes factors.

        Needs proper priors of all parameters, and some thousand draws.

        Parameters
        ----------
        maxiter : int
            Iterations at most.
        seed : int, optional
            For the draws of the proposal.

        Returns
        -------
        MarginalLikelihood
            ``logml`` and ``relative_error``; see `hiermodel.criticism.bridge_sampler`.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> fit = hm.fit("reaction ~ days", data, priors="weak", chains=2, draws=500,
        ...              warmup=500, seed=1, progress=False)
        >>> fit.bridge_sampler(seed=1).relative_error < 0.05
        True
        """
        from hiermodel.criticism import bridge_sampler

        return bridge_sampler(self._one(), maxiter=maxiter, seed=seed)

    def pp_check(
        self,
        type: str | None = None,
        ndraws: int | None = None,
        *,
        resp: str | None = None,
        **options: Any,
    ) -> Any:
        """Compare the data with draws from the posterior predictive distribution.

        Parameters
        ----------
        type : str, optional
            ``"dens_overlay"``, ``"bars"``, ``"stat"``, ``"loo_pit_ecdf"``, ``"km_overlay"``, ...;
            chosen by the response when not given. See `hiermodel.criticism.pp_check`.
        ndraws : int, optional
            Number of replications.
        resp : str, optional
            Which of several responses.
        **options
            ``prefix``, ``group``, ``x``, ``stat``, ``newdata``, ``re_formula``,
            ``allow_new_levels``, ``sample_new_levels``, ``incl_autocor``, ``seed``, ``ax``,
            ``figsize``.

        Returns
        -------
        Axes, or list of Axes
            A list for groups and for panels of single replications.

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=500, seed=1,
        ...              progress=False)
        >>> fit.pp_check("stat", stat="sd", seed=1).get_xlabel()
        'sd(mpg)'
        """
        from hiermodel.criticism import pp_check

        return pp_check(self._one(resp), type, ndraws, **options)

    def pp_check_data(
        self,
        type: str | None = None,
        ndraws: int | None = None,
        *,
        resp: str | None = None,
        **options: Any,
    ) -> PPCheck:
        """What `pp_check` draws, as numbers.

        Parameters are those of `pp_check`, without ``ax`` and ``figsize``.

        Returns
        -------
        PPCheck
            Its ``table`` holds the numbers; see `hiermodel.criticism.PPCheck`.

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=500, seed=1,
        ...              progress=False)
        >>> table = fit.pp_check_data("loo_intervals", seed=1).table
        >>> float((table["y"] > table["outer_upper"]).mean()) < 0.2
        True
        """
        from hiermodel.criticism import pp_check_data

        return pp_check_data(self._one(resp), type, ndraws, **options)
