"""What people do with a fit, as methods that delegate: tables, criticism, effects, pictures.

Imports are inside the methods, so that a fit that is only printed does not load plotting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from hiermodel.criticism import Elpd
    from hiermodel.effects import ConditionalEffects
    from hiermodel.fitting import Fit
    from hiermodel.summary import GroupTables, Summary, VarCorr


class PostProcessing:
    """The methods of `Fit` that come after sampling."""

    __slots__ = ()

    def summary(self: Fit, prob: float = 0.95, robust: bool = False) -> Summary:
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

        return summarise(self, prob, robust)

    def fixef(
        self: Fit, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> pd.DataFrame:
        """Population-level effects: one row per coefficient, thresholds included."""
        from hiermodel.summary import fixef

        return fixef(self.posterior, probs=probs, robust=robust)

    def ranef(
        self: Fit, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> GroupTables:
        """Group-level effects, as deviations from the population: a table per factor."""
        from hiermodel.summary import ranef

        return ranef(self.posterior, probs=probs, robust=robust)

    def coef(
        self: Fit, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> GroupTables:
        """Coefficients of each level: population-level plus group-level effects."""
        from hiermodel.summary import coef

        return coef(self.posterior, self.model.family.name, probs=probs, robust=robust)

    def varcorr(
        self: Fit, probs: Sequence[float] = (0.025, 0.975), robust: bool = False
    ) -> VarCorr:
        """Standard deviations, correlations and covariances of group-level effects."""
        from hiermodel.summary import varcorr

        return varcorr(self.posterior, probs=probs, robust=robust)

    def to_frame(self: Fit, variables: Sequence[str] | None = None) -> pd.DataFrame:
        """Draws as a table with brms's flat names (``b_days``, ``r_subject[308,days]``).

        Returns
        -------
        DataFrame
            One row per (chain, draw).
        """
        from hiermodel.flatnames import to_frame

        return to_frame(self.posterior, variables)

    # ------------------------------------------------------------------ criticism

    def loo(self: Fit) -> Elpd:
        """Leave-one-out cross-validation by Pareto-smoothed importance sampling."""
        from hiermodel.criticism import loo

        return loo(self)

    def waic(self: Fit) -> Elpd:
        """Widely applicable information criterion (Watanabe 2010); prefer `loo`."""
        from hiermodel.criticism import waic

        return waic(self)

    def pp_check(self: Fit, type: str | None = None, **options: Any) -> Any:
        """Compare the data with draws from the posterior predictive distribution.

        Parameters
        ----------
        type : str, optional
            ``"dens_overlay"``, ``"bars"``, ``"stat"``, ``"intervals"``, ...; chosen by the
            family when not given. See `hiermodel.criticism.pp_check`.
        **options
            ``ndraws``, ``group``, ``stat``, ``ax``, ``seed``, ...

        Returns
        -------
        Axes
        """
        from hiermodel.criticism import pp_check

        return pp_check(self, type, **options)

    # ------------------------------------------------------------------ effects and pictures

    def conditional_effects(self: Fit, effects: Any = None, **options: Any) -> ConditionalEffects:
        """Expected response over one or two predictors, the others held fixed.

        See `hiermodel.effects.conditional_effects` for the options.
        """
        from hiermodel.effects import conditional_effects

        return conditional_effects(self, effects, **options)

    def hypothesis(self: Fit, hypothesis: str | Sequence[str], **options: Any) -> Any:
        """Evaluate statements about parameters, such as ``"days > 0"``."""
        from hiermodel.effects import hypothesis as evaluate

        return evaluate(self, hypothesis, **options)

    def plot_trace(self: Fit, variables: Sequence[str] | None = None, **options: Any) -> Any:
        """Densities and traces of the main parameters (ArviZ)."""
        from hiermodel.plots import plot_trace

        return plot_trace(self, variables, **options)

    def plot_forest(self: Fit, variables: Sequence[str] | None = None, **options: Any) -> Any:
        """Intervals of the main parameters (ArviZ)."""
        from hiermodel.plots import plot_forest

        return plot_forest(self, variables, **options)

    def plot_pairs(self: Fit, variables: Sequence[str] | None = None, **options: Any) -> Any:
        """Scatter plots of pairs of the main parameters, divergences marked (ArviZ)."""
        from hiermodel.plots import plot_pairs

        return plot_pairs(self, variables, **options)

    # ------------------------------------------------------------------ what the effects need

    def predictor_columns(self: Fit) -> list[tuple[str, str, tuple[str, ...]]]:
        """Columns of the population-level terms: name, kind and levels."""
        from hiermodel.describe import predictor_columns

        return predictor_columns(self.model)

    def effects_terms(self: Fit) -> list[tuple[str, ...]]:
        """Main effects and two-way interactions of columns, as in the formula."""
        from hiermodel.describe import effects_terms

        return effects_terms(self.model)

