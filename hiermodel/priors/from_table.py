"""The prior table as input: what a user changed in `default_priors` becomes priors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from hiermodel.errors import PriorError, did_you_mean
from hiermodel.priors.rows import PriorRow, RowKey, existing_rows, lineage
from hiermodel.priors.specify import RAW, Prior, Priors, prior
from hiermodel.stan.variables import Var

_KEYS = ("coef", "group", "resp", "dpar", "nlpar")
_COLUMNS = ("prior", "class", *_KEYS, "lb", "ub", "tag", "source")


def priors_of_table(table: pd.DataFrame, variables: Sequence[Var]) -> Priors:
    """Read an edited prior table.

    Parameters
    ----------
    table : DataFrame
        As `hiermodel.default_priors` or `Model.priors` gives it; rows and columns may be left
        out, but for ``prior`` and ``class``.
    variables : sequence of Var
        The parameters of the model with their defaults.

    Returns
    -------
    Priors
        One per row that is the user's or says something else than the default.

    Raises
    ------
    PriorError
        For a table that lacks a column or has an unknown one, or a row that is no prior.
    """
    for name in ("prior", "class"):
        if name not in table.columns:
            raise PriorError(
                f"the table of priors lacks the column {name!r}; change the one that "
                "default_priors() gives and pass it back"
            )
    for name in table.columns:
        if name not in _COLUMNS:
            raise PriorError(
                f"the table of priors has the unknown column {name!r}"
                f"{did_you_mean(str(name), _COLUMNS)}; its columns are {', '.join(_COLUMNS)}"
            )
    defaults = existing_rows(variables)
    rows = [_row(record) for record in table.to_dict("records")]
    changed = {row.key for row in rows if _differs(row, defaults.get(row.key))}
    return Priors(
        _prior(row, defaults.get(row.key))
        for row in rows
        if row.key in changed and not _gave_way(row, changed)
    )


def _row(record: Mapping[Any, Any]) -> PriorRow:
    words = {str(name): _text(value) for name, value in record.items()}
    cls = words.pop("class")
    return PriorRow(words.pop("prior"), cls, **words)


def _text(value: Any) -> str:
    """A cell as text; files give back empty cells as missing, and bounds as numbers."""
    if value is None or (isinstance(value, float) and pd.isna(value)) or value is pd.NA:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:.15g}"
    return str(value).strip()


def _differs(row: PriorRow, default: PriorRow | None) -> bool:
    if default is None or row.source == "user":
        return True
    return any(getattr(row, k) != getattr(default, k) for k in ("prior", "lb", "ub", "tag"))


def _gave_way(row: PriorRow, changed: set[RowKey]) -> bool:
    """Whether a row is empty because a row above it has the user's prior."""
    above = [key for key in lineage(row.key) if key != row.key]
    return row.source != "user" and not row.prior and any(key in changed for key in above)


def _prior(row: PriorRow, default: PriorRow | None) -> Prior:
    text: str | None = row.prior
    low: str | None = row.lb
    high: str | None = row.ub
    if default is not None:
        if row.source != "user" and row.prior == default.prior and not row.tag:
            text = None  # only the bounds are new
        low = None if row.lb == default.lb else row.lb
        high = None if row.ub == default.ub else row.ub
    else:
        low, high = row.lb or None, row.ub or None
    if RAW.match(row.prior):
        return prior(row.prior)
    keys = {name: getattr(row, name) for name in _KEYS}
    return prior(text, row.cls, **keys, lb=low, ub=high, tag=row.tag)
