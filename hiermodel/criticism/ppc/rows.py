"""Which rows a check is about: observed or new ones, censored ones, their groups and places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.criticism.ppc.replications import Array, Groups
from hiermodel.errors import DataError, did_you_mean, warn
from hiermodel.frames import as_frame

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

_MOST_GROUPS = 36


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The rows of a check.

    Attributes
    ----------
    frame : DataFrame
        Their columns.
    y : ndarray (N,)
        The response as coded for the model; empty when the data are not shown.
    whose : {"the data", "newdata"}
        What messages call the frame.
    """

    frame: pd.DataFrame
    y: Array
    whose: str = "the data"

    def __len__(self) -> int:
        return len(self.frame)

    def column(self, name: str, what: str) -> pd.Series:
        """A column that an argument names."""
        if not isinstance(name, str):
            raise DataError(f"{what} must be the name of a column of {self.whose}, not {name!r}")
        known = [str(c) for c in self.frame.columns]
        if name not in known:
            raise DataError(f"{what} {name!r} is not in {self.whose}{did_you_mean(name, known)}")
        column = self.frame[name]
        if column.isna().any():
            row = int(np.flatnonzero(column.isna().to_numpy())[0])
            raise DataError(f"{what} {name!r} is missing in row {row + 1} of {self.whose}")
        return column

    def groups(self, group: str) -> Groups:
        """The group of each row. Levels and numbers come in their order, text as it appears."""
        column = self.column(group, "group")
        if column.nunique() > _MOST_GROUPS:
            raise DataError(
                f"group {group!r} has {column.nunique()} values, more than the {_MOST_GROUPS} "
                "that are drawn"
            )
        if isinstance(column.dtype, pd.CategoricalDtype):
            found = [v for v in column.cat.categories if (column == v).any()]
        elif pd.api.types.is_numeric_dtype(column):
            found = sorted(column.unique())
        else:
            found = list(dict.fromkeys(column))
        return Groups(np.array([str(v) for v in column], dtype=object), [str(v) for v in found])

    def places(self, x: str | None) -> Array:
        """Where the rows (N,) stand on a horizontal axis: a numeric column, or their number."""
        if x is None:
            return np.arange(1.0, len(self) + 1)
        column = self.column(x, "x")
        if not pd.api.types.is_numeric_dtype(column):
            raise DataError(f"x {x!r} must be numeric; use group={x!r} for a factor")
        return column.to_numpy(dtype=float)


def rows_of(fit: Fit, newdata: Any, with_data: bool) -> Rows:
    """The fitted rows, or those of `newdata`, with their response if it is shown."""
    if newdata is None:
        observed = np.asarray(fit.response, dtype=float) if with_data else np.empty(0)
        return Rows(fit.frame, observed)
    whole = as_frame(newdata)
    places = fit.model.part.new_places(whole)
    frame = whole.iloc[places].reset_index(drop=True)
    if not with_data:
        return Rows(frame, np.empty(0), "newdata")
    for name in fit.model.response.columns:
        if name not in frame.columns:
            known = [str(c) for c in frame.columns]
            raise DataError(
                f"newdata lacks the response {name!r}{did_you_mean(name, known)}, with which the "
                "replications are compared; prefix='ppd' shows the predictions alone"
            )
    return Rows(frame, np.asarray(fit.model.response.coded(frame), dtype=float), "newdata")


def check_replications(yrep: Array, rows: Rows) -> None:
    """Refuse replications that are no numbers."""
    bad = ~np.isfinite(yrep)
    if not bad.any():
        return
    missing = np.isnan(yrep).any(axis=0)
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        raise DataError(
            f"the prediction of row {row + 1} of {rows.whose} is missing; do its columns miss "
            "a value?"
        )
    raise DataError(
        f"{int(bad.any(axis=1).sum())} of {len(yrep)} replications hold infinite values, which no "
        "picture can show: the draws allow expectations that are larger than numbers can be"
    )


def censoring(fit: Fit, rows: Rows) -> Array | None:
    """Codes (N,) of censoring: 0 none, 1 right, -1 left, 2 interval; None without ``cens()``."""
    additions = fit.model.response.additions
    if "cens" not in additions:
        return None
    roles = tuple(role for role in ("cens", "rcens") if role in additions)
    return np.asarray(additions.data(rows.frame, roles)[f"cens{additions.suffix}"])


def comparable_rows(fit: Fit, rows: Rows, censored: bool) -> Array | None:
    """Rows (N,) whose response was observed itself; None when all were.

    A censored or missing response is no value that replications could be compared with; `censored`
    says that the check takes censored ones for what they are.
    """
    if fit.model.response.additions.imputed:
        return _told(~np.isnan(rows.y), "missing")
    codes = None if censored else censoring(fit, rows)
    if codes is None:
        return None
    if codes.all():
        raise DataError("every response is censored: there is nothing to compare replications with")
    return _told(codes == 0, "censored")


def _told(kept: Array, what: str) -> Array | None:
    if kept.all():
        return None
    warn(f"{int((~kept).sum())} {what} responses of {len(kept)} are not shown in pp_check()")
    return kept


def right_censored(fit: Fit, rows: Rows, name: str) -> Array | None:
    """Which rows (N,) are right-censored; None without ``cens()``.

    Raises
    ------
    DataError
        For other censoring, of which the product-limit estimate knows nothing.
    """
    codes = censoring(fit, rows)
    if codes is None:
        return None
    other = ~np.isin(codes, (0, 1))
    if other.any():
        row = int(np.flatnonzero(other)[0])
        word = "left" if codes[row] == -1 else "interval"
        raise DataError(
            f"{name} is for responses that are observed or right-censored; row {row + 1} of "
            f"{rows.whose} is {word}-censored. Take type='dens_overlay', which leaves censored "
            "rows out"
        )
    return codes == 1


def entry_times(fit: Fit, rows: Rows) -> Array | None:
    """Lower truncation bounds (N,), None where there are none."""
    additions = fit.model.response.additions
    if "lb" not in additions:
        return None
    found = additions.data(rows.frame, ("lb",))[f"lb{additions.suffix}"]
    return np.asarray(found, dtype=float)
