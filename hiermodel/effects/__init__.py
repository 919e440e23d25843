"""Effects of variables on the response, and hypotheses about parameters."""

from hiermodel.effects.conditional import conditional_effects
from hiermodel.effects.conditional_smooths import ConditionalSmooths, conditional_smooths
from hiermodel.effects.hypothesis import Hypotheses, hypothesis
from hiermodel.effects.result import ConditionalEffects, Effect
from hiermodel.effects.smooths import posterior_smooths

__all__ = [
    "ConditionalEffects",
    "ConditionalSmooths",
    "Effect",
    "Hypotheses",
    "conditional_effects",
    "conditional_smooths",
    "hypothesis",
    "posterior_smooths",
]
