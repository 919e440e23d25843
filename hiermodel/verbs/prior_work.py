"""Verbs of a fit about its priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from hiermodel.prior_work import PriorSensitivity


class PriorWork(Verbs):
    """What the priors do."""

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
