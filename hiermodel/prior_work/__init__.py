"""What the priors do: draws of them, priors against posteriors, sensitivity to them."""

from hiermodel.prior_work.sensitivity import PriorSensitivity, prior_sensitivity

__all__ = ["PriorSensitivity", "prior_sensitivity"]
