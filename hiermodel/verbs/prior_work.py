"""Verbs of a fit about its priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.prior_work import PriorSensitivity, PriorSensitivitySequence


class PriorWork(Verbs):
    """What the priors do."""

    def prior_summary(self, all: bool = True) -> pd.DataFrame:
        """The priors in force, with those that rows inherit written out.

        Parameters
        ----------
        all : bool
            All parameters that may have a prior; False for those with a prior that is not flat.

        Returns
        -------
        DataFrame
            As `priors`, but ``(flat)`` where there is no prior, and rows of source
            ``(vectorized)`` show what they inherit.

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=500, seed=1,
        ...              progress=False)
        >>> fit.prior_summary(all=False)["class"].tolist()
        ['Intercept', 'sigma']
        """
        from hiermodel.prior_work import prior_summary

        return prior_summary(self.model, all)

    def prior_draws(
        self, variables: str | Sequence[str] | None = None, **settings: Any
    ) -> pd.DataFrame:
        """Draw from the prior of the parameters that have one.

        Parameters
        ----------
        variables : str or sequence of str, optional
            Variables, flat names or patterns with ``*``; by default what the summary shows.
        **settings
            Of the sampler, by default those of the fit. Fits with ``sample_prior="yes"`` and fits
            of the prior alone hold the draws, and take none.

        Returns
        -------
        DataFrame
            A row per draw, a column per flat name. Parameters with flat priors are left out, with
            a warning, as are intercepts that are computed from them: ``Intercept``, that of the
            centred design, stands in. See `hiermodel.prior_work.prior_draws`.

        Examples
        --------
        >>> fit.prior_draws("sd_*", seed=1).describe()  # doctest: +SKIP
        """
        from hiermodel.prior_work import prior_draws

        return prior_draws(self._one(), variables, **settings)

    def plot_prior_posterior(
        self, variables: str | Sequence[str] | None = None, **options: Any
    ) -> list[Axes]:
        """Density of the prior against that of the posterior, a panel per parameter.

        See `hiermodel.prior_work.plot_prior_posterior` for the options: ``ax``, ``figsize`` and
        settings of the sampler of the prior. `prior_posterior_data` has the numbers.
        """
        from hiermodel.prior_work import plot_prior_posterior

        return plot_prior_posterior(self._one(), variables, **options)

    def prior_posterior_data(
        self, variables: str | Sequence[str] | None = None, **settings: Any
    ) -> pd.DataFrame:
        """Densities of prior and posterior: what `plot_prior_posterior` draws."""
        from hiermodel.prior_work import prior_posterior_data

        return prior_posterior_data(self._one(), variables, **settings)

    def prior_sensitivity(
        self,
        prior_tags: str | Sequence[str] | None = None,
        *,
        lower_alpha: float = 0.99,
        upper_alpha: float = 1.01,
        threshold: float = 0.05,
        variables: str | Sequence[str] | None = None,
    ) -> PriorSensitivity:
        """Power-scaling sensitivity: whether the posterior depends on the prior, or fights it.

        Parameters
        ----------
        prior_tags : str or sequence of str, optional
            Scale only the priors with these tags; by default the whole prior.
        lower_alpha, upper_alpha : float
            Powers below and above 1.
        threshold : float
            From which sensitivity on something is said.
        variables : str or sequence of str, optional
            Variables, flat names or patterns with ``*``; by default what the summary shows.

        Returns
        -------
        PriorSensitivity
            Prints as a table with a message; ``table`` has the columns ``prior``,
            ``likelihood`` and ``diagnosis``. See `hiermodel.prior_work.prior_sensitivity`.

        Examples
        --------
        >>> fit.prior_sensitivity("slopes", variables="b_*")  # doctest: +SKIP
        """
        from hiermodel.prior_work import prior_sensitivity

        return prior_sensitivity(
            self._one(), prior_tags, lower_alpha=lower_alpha, upper_alpha=upper_alpha,
            threshold=threshold, variables=variables,
        )

    def prior_sensitivity_sequence(
        self, prior_tags: str | Sequence[str] | None = None, **options: Any
    ) -> PriorSensitivitySequence:
        """Posterior summaries along powers of prior and likelihood; ``.plot()`` draws them.

        See `hiermodel.prior_work.prior_sensitivity_sequence` for the options: ``lower_alpha``
        (0.8), ``upper_alpha`` (1.25), ``length`` (9), ``variables``.
        """
        from hiermodel.prior_work import prior_sensitivity_sequence

        return prior_sensitivity_sequence(self._one(), prior_tags, **options)
