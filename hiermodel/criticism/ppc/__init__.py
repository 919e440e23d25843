"""Posterior predictive checks, which ask whether the model replicates the data."""

from hiermodel.criticism.ppc.check import PPCheck, default_type, pp_check, pp_check_data
from hiermodel.criticism.ppc.kinds import KINDS, type_names

__all__ = ["KINDS", "PPCheck", "default_type", "pp_check", "pp_check_data", "type_names"]
