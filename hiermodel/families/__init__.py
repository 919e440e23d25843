"""Response families: declarations, registry, and their NumPy side."""

from hiermodel.families.base import Family
from hiermodel.families.custom import custom_family
from hiermodel.families.mixture import mixture
from hiermodel.families.registry import as_family, family, family_names, register_family
from hiermodel.families.responses import check_response, code_response

__all__ = [
    "Family",
    "as_family",
    "check_response",
    "code_response",
    "custom_family",
    "family",
    "family_names",
    "mixture",
    "register_family",
]
