"""Verbs of a fit that draw its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.plots import Rope


class Pictures(Verbs):
    """Pictures of the draws."""

    def plot_trace(self, variables: Sequence[str] | None = None, **options: Any) -> Any:
        """Densities and traces of the main parameters (ArviZ)."""
        from hiermodel.plots import plot_trace

        return plot_trace(self._one(), variables, **options)

    def plot_forest(self, variables: Sequence[str] | None = None, **options: Any) -> Any:
        """Intervals of the main parameters (ArviZ)."""
        from hiermodel.plots import plot_forest

        return plot_forest(self._one(), variables, **options)

    def plot_pairs(self, variables: Sequence[str] | None = None, **options: Any) -> Any:
        """Scatter plots of pairs of the main parameters, divergences marked (ArviZ)."""
        from hiermodel.plots import plot_pairs

        return plot_pairs(self._one(), variables, **options)

    def plot_intervals(self, variables: str | Sequence[str] | None = None, **options: Any) -> Axes:
        """Posterior intervals or densities of parameters, with a ROPE if asked for.

        See `hiermodel.plots.plot_intervals` for the options: ``rope``, ``prob``, ``inner``,
        ``kind``, ``ax``, ``figsize``. `interval_table` has the numbers.
        """
        from hiermodel.plots import plot_intervals

        return plot_intervals(self._one(), variables, **options)

    def interval_table(
        self, variables: str | Sequence[str] | None = None, **options: Any
    ) -> pd.DataFrame:
        """Medians and two intervals of parameters: what `plot_intervals` draws."""
        from hiermodel.plots import interval_table

        return interval_table(self._one(), variables, **options)

    def rope(
        self, variables: str | Sequence[str] | None = None, range: Any = None, **options: Any
    ) -> Rope:
        """Share of posteriors in a region of practical equivalence, and a decision.

        See `hiermodel.plots.rope` for the default ranges.
        """
        from hiermodel.plots import rope

        return rope(self._one(), variables, range, **options)

    def plot_levels(
        self, group: str | None = None, coef: str | Sequence[str] | None = None, **options: Any
    ) -> Axes | list[Axes]:
        """Coefficients of the levels of a grouping factor, sorted by their estimates.

        See `hiermodel.plots.plot_levels` for the options: ``what``, ``sort``, ``prob``,
        ``inner``, ``ax``, ``figsize``. `level_intervals` has the numbers.
        """
        from hiermodel.plots import plot_levels

        return plot_levels(self._one(), group, coef, **options)

    def plot_ranef(
        self, group: str | None = None, coef: str | Sequence[str] | None = None, **options: Any
    ) -> Axes | list[Axes]:
        """Deviations of the levels from the population, sorted by their estimates.

        As `plot_levels` with ``what="ranef"``.
        """
        from hiermodel.plots import plot_levels

        return plot_levels(self._one(), group, coef, **{**options, "what": "ranef"})

    def level_intervals(
        self, group: str | None = None, coef: str | Sequence[str] | None = None, **options: Any
    ) -> pd.DataFrame:
        """Estimates and intervals of levels: what `plot_levels` draws."""
        from hiermodel.plots import level_intervals

        return level_intervals(self._one(), group, coef, **options)
