"""Questions that only a multilevel model is asked: pooling, variance shares, batches."""

from hiermodel.multilevel.anova import Anova, anova
from hiermodel.multilevel.comparison import PoolingComparison, pooling_comparison
from hiermodel.multilevel.pooling import Pooling, pooling
from hiermodel.multilevel.results import Shares
from hiermodel.multilevel.variance import design_effect, icc, variance_decomposition

__all__ = [
    "Anova",
    "Pooling",
    "PoolingComparison",
    "Shares",
    "anova",
    "design_effect",
    "icc",
    "pooling",
    "pooling_comparison",
    "variance_decomposition",
]
