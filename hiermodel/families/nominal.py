"""Families of responses with unordered categories."""

from __future__ import annotations

import numpy as np

from hiermodel.families.base import Family, Param
from hiermodel.families.category_distributions import CATEGORICAL_LOGIT, categorical_log_probs

# One `mu` per category but the reference category (`refcat`, by default the first level),
# whose linear predictor is zero.
CATEGORICAL = Family(
    name="categorical",
    params=(Param("mu", ("logit",), prior_predicted="student_t(3, 0, 2.5)", on_link_scale=True),),
    response="nominal",
    distribution=CATEGORICAL_LOGIT,
    arguments=lambda p, m: (p.mu,),
    mean=lambda p, m: np.exp(categorical_log_probs(p.mu)),
    choices={"refcat": ()},
)

FAMILIES = (CATEGORICAL,)
