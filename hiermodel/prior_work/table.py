"""The priors in force, with those that rows inherit written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from hiermodel.arguments import flag
from hiermodel.priors.rows import PriorRow, RowKey, lineage

if TYPE_CHECKING:
    from hiermodel.modeling import Model

FLAT = "(flat)"
VECTORIZED = "(vectorized)"


def prior_summary(model: Model, all: bool = True) -> pd.DataFrame:
    """The priors of a model as one reads them.

    Parameters
    ----------
    model : Model
    all : bool
        All parameters that may have a prior; False for those with a prior that is not flat.

    Returns
    -------
    DataFrame
        Columns ``prior``, ``class``, ``coef``, ``group``, ``resp``, ``dpar``, ``nlpar``, ``lb``,
        ``ub``, ``tag``, ``source``. Flat priors say ``(flat)``. A row without a prior of its own
        shows the prior, the bounds and the tag that it inherits, its source is ``(vectorized)``.

    Raises
    ------
    ArgumentError
        When `all` is neither True nor False.

    Examples
    --------
    >>> import hiermodel as hm
    >>> model = hm.model("mpg ~ wt + hp", hm.datasets.load("mtcars"), priors={"b": "normal(0, 5)"})
    >>> prior_summary(model)[["prior", "coef", "source"]].iloc[1].tolist()
    ['normal(0, 5)', 'hp', '(vectorized)']
    """
    table = model.resolved_priors.table
    by_key = {row.key: row for row in table}
    frame = model.priors.copy()
    for k, row in enumerate(table):
        prior, lb, ub, tag, source = _in_force(row, by_key)
        frame.loc[k, ["prior", "lb", "ub", "tag", "source"]] = [prior, lb, ub, tag, source]
    if flag("all", all):
        return frame
    return frame[frame["prior"] != FLAT].reset_index(drop=True)


def _in_force(
    row: PriorRow, by_key: dict[RowKey, PriorRow]
) -> tuple[str, str, str, str, str]:
    """Prior, bounds, tag and source of a row, its own or those of the row it inherits from."""
    if not row.cls:
        return row.prior, row.lb, row.ub, row.tag, row.source
    above = [by_key[key] for key in lineage(row.key) if key in by_key]
    lb = next((r.lb for r in above if r.lb), "")
    ub = next((r.ub for r in above if r.ub), "")
    # A user's row without a text is flat, and gives nothing to inherit.
    found = next((r for r in above if r.prior or (r.source == "user" and r.prior == "")), None)
    if found is None:
        source = row.source if len(above) == 1 else VECTORIZED
        return FLAT, lb, ub, row.tag, source
    source = found.source if found is row else VECTORIZED
    return found.prior or FLAT, lb, ub, found.tag, source
