"""Pictures of draws: thin on ArviZ where it has them."""

from hiermodel.plots.draws import plot_forest, plot_pairs, plot_trace
from hiermodel.plots.intervals import interval_table, plot_intervals
from hiermodel.plots.levels import level_intervals, plot_levels
from hiermodel.plots.rope import Rope, rope

__all__ = [
    "Rope",
    "interval_table",
    "level_intervals",
    "plot_forest",
    "plot_intervals",
    "plot_levels",
    "plot_pairs",
    "plot_trace",
    "rope",
]
