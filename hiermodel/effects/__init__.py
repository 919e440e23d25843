"""Effects of variables on the response, and hypotheses about parameters."""

from hiermodel.effects.conditional import conditional_effects
from hiermodel.effects.hypothesis import Hypotheses, hypothesis
from hiermodel.effects.result import ConditionalEffects, Effect
from hiermodel.effects.smooths import posterior_smooths

__all__ = [
    "ConditionalEffects",
    "Effect",
    "Hypotheses",
    "conditional_effects",
    "hypothesis",
    "posterior_smooths",
]
