"""Checking and comparing fits: loo, waic, logo, marginal likelihoods, predictive checks."""

from hiermodel.criticism.bridge import MarginalLikelihood, bridge_sampler
from hiermodel.criticism.comparison import compare
from hiermodel.criticism.elpd import Elpd, loo, loo_of, waic, waic_of
from hiermodel.criticism.leave_group_out import GroupElpd, logo
from hiermodel.criticism.model_probabilities import bayes_factor, post_prob
from hiermodel.criticism.moment_match import loo_moment_match
from hiermodel.criticism.ppc import PPCheck, pp_check, pp_check_data

__all__ = [
    "Elpd",
    "GroupElpd",
    "MarginalLikelihood",
    "PPCheck",
    "bayes_factor",
    "bridge_sampler",
    "compare",
    "logo",
    "loo",
    "loo_moment_match",
    "loo_of",
    "post_prob",
    "pp_check",
    "pp_check_data",
    "waic",
    "waic_of",
]
