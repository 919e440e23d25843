"""Priors: what users write, the defaults, the prior table and the prior statements."""

from hiermodel.priors.defaults import DEFAULT_SETS, default_prior, scale_prior
from hiermodel.priors.from_table import priors_of_table
from hiermodel.priors.rows import PriorRow
from hiermodel.priors.shared import ModelFacts
from hiermodel.priors.shrinkage import R2D2, horseshoe
from hiermodel.priors.specify import Prior, Priors, as_priors, prior
from hiermodel.priors.table import ResolvedPriors, resolve_priors

__all__ = [
    "DEFAULT_SETS",
    "R2D2",
    "ModelFacts",
    "Prior",
    "PriorRow",
    "Priors",
    "ResolvedPriors",
    "as_priors",
    "default_prior",
    "horseshoe",
    "prior",
    "priors_of_table",
    "resolve_priors",
    "scale_prior",
]
