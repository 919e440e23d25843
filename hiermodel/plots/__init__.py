"""Pictures of draws, thin on ArviZ."""

from hiermodel.plots.draws import plot_forest, plot_pairs, plot_trace

__all__ = ["plot_forest", "plot_pairs", "plot_trace"]
