"""Checking and comparing fits: loo, waic, posterior predictive checks."""

from hiermodel.criticism.elpd import Elpd, compare, loo, loo_of, waic, waic_of

__all__ = ["Elpd", "compare", "loo", "loo_of", "waic", "waic_of"]
