"""Effects on the scale of the response, computed in each draw and then summarised."""

from hiermodel.marginal.estimates import (
    avg_comparisons,
    avg_predictions,
    avg_slopes,
    comparisons,
    predictions,
    slopes,
)
from hiermodel.marginal.grids import datagrid
from hiermodel.marginal.means import emmeans
from hiermodel.marginal.poststratify import poststratify
from hiermodel.marginal.table import EffectTable

__all__ = [
    "EffectTable",
    "avg_comparisons",
    "avg_predictions",
    "avg_slopes",
    "comparisons",
    "datagrid",
    "emmeans",
    "poststratify",
    "predictions",
    "slopes",
]
