"""Verbs of a fit that give tables of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from hiermodel.summary import GroupTables, Summary, VarCorr


class Tables(Verbs):
    """Tables of estimates."""

    def summary(self, prob: float = 0.95, robust: bool = False) -> Summary:
        """Estimates, intervals and convergence, grouped as people read them.

        Parameters
        ----------
        prob : float
            Mass of the central intervals.
        robust : bool
            Median and scaled MAD instead of mean and standard deviation.

        Returns
        -------
        Summary
            Prints as text, shows as HTML in a notebook, and has `to_frame`.
        """
        from hiermodel.summary import summarise

        return summarise(self._one(), prob, robust)

    def fixef(
        self, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> pd.DataFrame:
        """Population-level effects: one row per coefficient, thresholds included."""
        from hiermodel.summary import fixef

        return fixef(self.posterior, probs=probs, robust=robust)

    def ranef(
        self, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> GroupTables:
        """Group-level effects, as deviations from the population: a table per factor."""
        from hiermodel.summary import ranef

        return ranef(self.posterior, probs=probs, robust=robust)

    def coef(
        self, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> GroupTables:
        """Coefficients of each level: population-level plus group-level effects."""
        from hiermodel.summary import coef

        return coef(self.posterior, self.rising_thresholds, probs=probs, robust=robust)

    def varcorr(
        self, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> VarCorr:
        """Standard deviations, correlations and covariances of group-level effects."""
        from hiermodel.summary import varcorr

        return varcorr(self.posterior, probs=probs, robust=robust)

    def to_frame(self, variables: str | Sequence[str] | None = None) -> pd.DataFrame:
        """Draws as a table with brms's flat names (``b_days``, ``r_subject[308,days]``).

        Returns
        -------
        DataFrame
            One row per (chain, draw).
        """
        from hiermodel.flatnames import to_frame

        return to_frame(self.posterior, variables)
