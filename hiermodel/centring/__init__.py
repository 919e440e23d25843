"""How far group-level effects are centred: chosen from what the data say of each level."""

from hiermodel.centring.choose import (
    Choice,
    centred_groups,
    centred_words,
    parameterization_named,
)
from hiermodel.centring.pilot import recentred

__all__ = ["Choice", "centred_groups", "centred_words", "parameterization_named", "recentred"]
