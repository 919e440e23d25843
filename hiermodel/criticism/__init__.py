"""Checking and comparing fits: loo, waic, posterior predictive checks."""

from hiermodel.criticism.comparison import compare
from hiermodel.criticism.elpd import Elpd, waic, waic_of
from hiermodel.criticism.leave_one_out import loo, loo_of
from hiermodel.criticism.loo_predictions import loo_prediction, loo_predictive_interval
from hiermodel.criticism.ppc import PPCheck, pp_check, pp_check_data

__all__ = [
    "Elpd",
    "PPCheck",
    "compare",
    "loo",
    "loo_of",
    "loo_prediction",
    "loo_predictive_interval",
    "pp_check",
    "pp_check_data",
    "waic",
    "waic_of",
]
