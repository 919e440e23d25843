"""Verbs of a fit that ask how good the model is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hiermodel.arguments import flag
from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from hiermodel.criticism import Elpd, GroupElpd, MarginalLikelihood
    from hiermodel.fitted import Fit


class Criticism(Verbs):
    """Cross-validation and checks."""

    def loo(self, resp: str | None = None, *, moment_match: bool = False) -> Elpd:
        """Leave-one-out cross-validation by Pareto-smoothed importance sampling.

        Parameters
        ----------
        resp : str, optional
            Which of several responses; all of a row together by default.
        moment_match : bool
            Improve the rows with a large Pareto k by moment matching; see
            `hiermodel.criticism.loo_moment_match`, which has the settings of it.

        Returns
        -------
        Elpd
        """
        from hiermodel.criticism import loo, loo_moment_match

        if flag("moment_match", moment_match):
            return loo_moment_match(cast("Fit", self), resp=resp)
        return loo(self._one(resp))

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
        >>> data = hm.datasets.load("sleepstudy")
        >>> fit = hm.fit("reaction ~ days + (1 | subject)", data, chains=2, draws=200,
        ...              warmup=200, seed=1, progress=False)
        >>> fit.logo("subject").pointwise.sizes["subject"]
        18
        """
        from hiermodel.criticism import logo

        return logo(
            cast("Fit", self), group, resp=resp, nested=nested, nodes=nodes, ndraws=ndraws
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

        return bridge_sampler(cast("Fit", self), maxiter=maxiter, seed=seed)

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
