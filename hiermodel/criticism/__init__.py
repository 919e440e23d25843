"""Checking and comparing fits: loo, waic, posterior predictive checks."""

from hiermodel.criticism.comparison import compare
from hiermodel.criticism.elpd import Elpd, loo, loo_of, waic, waic_of
from hiermodel.criticism.ppc import PPCheck, pp_check, pp_check_data

__all__ = [
    "Elpd",
    "PPCheck",
    "compare",
    "loo",
    "loo_of",
    "pp_check",
    "pp_check_data",
    "waic",
    "waic_of",
]
