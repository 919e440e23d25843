"""Verbs of a fit that draw its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hiermodel.verbs.base import Verbs


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
