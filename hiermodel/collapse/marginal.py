"""The marginal log-likelihood of a collapsed model, written down plainly: slow but clear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.terms.group_view import GroupView

if TYPE_CHECKING:
    from hiermodel.collapse.collapsed import CollapsedModel

Array = np.ndarray

_LOG_2PI = float(np.log(2 * np.pi))


def marginal_log_lik(
    collapsed: CollapsedModel, rows: pd.DataFrame, params: Mapping[str, Array]
) -> float:
    """Sum over levels of the log density of a multivariate normal distribution.

    Parameters
    ----------
    collapsed : CollapsedModel
    rows : DataFrame
        Not many in one level: the covariance matrix of its rows is built.
    params : mapping of str to ndarray
        Parameters of the collapsed program at their declared shapes.

    Notes
    -----
    ``weights(w)`` raises the density of a row to the power w. Up to a factor that does not
    depend on the effects that is a normal density with the variance ``sigma^2 / w``.
    """
    model = collapsed.model
    part = model.parts[0]
    rows = part.rows(rows)
    full = model.complete({k: np.asarray(v, dtype=float)[None, None] for k, v in params.items()})
    data = part.design(rows) | model.group_data(part, rows)
    seen = {item.name: item.values[:, 0] for item in part.label(full)}
    y = np.asarray(part.response.coded(rows), dtype=float)
    predictor = part.predictors[0]
    seen |= {f"r_{g.index}": g.effects(full)[:, 0] for g in collapsed.others}
    # Effects that are not among the draws count as zero.
    mean = predictor.eta(seen, data, (1, len(y)), {})[0]
    additions = part.response.additions.data(rows)
    spread = np.full(len(y), float(collapsed.sigmas(full).item()))
    if "se" in additions:
        spread = np.asarray(additions["se"], dtype=float)
    weights = np.asarray(additions.get("weights", np.ones(len(y))), dtype=float)
    used = weights > 0
    variance = np.divide(spread**2, weights, out=np.ones(len(y)), where=used)
    # From the normal density with variance sigma^2 / w to the power w of one with sigma^2.
    total = float(
        (-weights * (_LOG_2PI / 2 + np.log(spread)) + (_LOG_2PI + np.log(variance)) / 2)[used].sum()
    )
    factor = collapsed.scales(full)[0, 0]
    covariance = factor @ factor.T
    z = np.column_stack([
        data[view.z_name(column)]
        for block in collapsed.blocks
        for view in predictor.terms
        if isinstance(view, GroupView) and view.owner is block
        for column in view.columns
    ])
    codes = data[f"J_{collapsed.blocks[0].index}"]
    for level in np.unique(codes[used]):
        at = np.flatnonzero((codes == level) & used)
        matrix = z[at] @ covariance @ z[at].T + np.diag(variance[at])
        root = np.linalg.cholesky(matrix)
        scaled = np.linalg.solve(root, y[at] - mean[at])
        total -= float(
            len(at) * _LOG_2PI / 2 + np.log(np.diag(root)).sum() + scaled @ scaled / 2
        )
    return total
