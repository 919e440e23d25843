"""Summaries of a fit: tables of estimates and the printed summary."""

from hiermodel.summary.report import Summary, summarise
from hiermodel.summary.tables import coef, fixef, main_names, ngroups, ranef, varcorr
from hiermodel.summary.views import GroupTables, VarCorr

__all__ = [
    "GroupTables",
    "Summary",
    "VarCorr",
    "coef",
    "fixef",
    "main_names",
    "ngroups",
    "ranef",
    "summarise",
    "varcorr",
]
