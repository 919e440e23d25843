"""Checking and comparing fits: loo, waic, logo, marginal likelihoods, R-squared, checks."""

from hiermodel.criticism.averaging import model_weights, posterior_average, pp_average
from hiermodel.criticism.bridge import MarginalLikelihood, bridge_sampler
from hiermodel.criticism.comparison import compare
from hiermodel.criticism.elpd import Elpd, waic, waic_of
from hiermodel.criticism.leave_group_out import GroupElpd, logo
from hiermodel.criticism.leave_one_out import loo, loo_of
from hiermodel.criticism.loo_predictions import loo_prediction, loo_predictive_interval
from hiermodel.criticism.model_probabilities import bayes_factor, post_prob
from hiermodel.criticism.moment_match import loo_moment_match
from hiermodel.criticism.ppc import PPCheck, pp_check, pp_check_data
from hiermodel.criticism.subsampling import SubsampledElpd, loo_subsample

#: The name that people know from brms and loo.
loo_compare = compare

__all__ = [
    "Elpd",
    "GroupElpd",
    "MarginalLikelihood",
    "PPCheck",
    "SubsampledElpd",
    "bayes_factor",
    "bridge_sampler",
    "compare",
    "logo",
    "loo",
    "loo_compare",
    "loo_moment_match",
    "loo_of",
    "loo_prediction",
    "loo_predictive_interval",
    "loo_subsample",
    "model_weights",
    "post_prob",
    "posterior_average",
    "pp_average",
    "pp_check",
    "pp_check_data",
    "waic",
    "waic_of",
]
