"""Effects of variables on the response, and hypotheses about parameters."""

from hiermodel.effects.conditional import ConditionalEffects, Effect, conditional_effects
from hiermodel.effects.hypothesis import Hypotheses, hypothesis

__all__ = ["ConditionalEffects", "Effect", "Hypotheses", "conditional_effects", "hypothesis"]
