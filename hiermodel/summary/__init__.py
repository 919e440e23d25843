"""Summaries of a fit: tables of estimates and the printed summary."""

from hiermodel.summary.report import Summary, summarise
from hiermodel.summary.tables import (
    coef,
    coef_draws,
    fixef,
    group_draws,
    main_names,
    ngroups,
    ranef,
    varcorr,
)
from hiermodel.summary.views import GroupTables, VarCorr

__all__ = [
    "GroupTables",
    "Summary",
    "VarCorr",
    "coef",
    "coef_draws",
    "fixef",
    "group_draws",
    "main_names",
    "ngroups",
    "ranef",
    "summarise",
    "varcorr",
]
