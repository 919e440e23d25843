"""What the priors do: draws of them, priors against posteriors, sensitivity to them."""

from hiermodel.prior_work.compare import plot_prior_posterior, prior_posterior_data
from hiermodel.prior_work.draws import prior_draws
from hiermodel.prior_work.sensitivity import PriorSensitivity, prior_sensitivity
from hiermodel.prior_work.sequence import PriorSensitivitySequence, prior_sensitivity_sequence
from hiermodel.prior_work.table import prior_summary

__all__ = [
    "PriorSensitivity",
    "PriorSensitivitySequence",
    "plot_prior_posterior",
    "prior_draws",
    "prior_posterior_data",
    "prior_sensitivity",
    "prior_sensitivity_sequence",
    "prior_summary",
]
