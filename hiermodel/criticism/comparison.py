"""Comparing models by their expected log predictive density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from hiermodel.criticism.elpd import Elpd, sum_se, waic
from hiermodel.criticism.leave_one_out import loo
from hiermodel.errors import DataError

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


def compare(
    fits: Mapping[str, Fit | Elpd], criterion: Literal["loo", "waic"] = "loo"
) -> pd.DataFrame:
    """Compare models by their expected log predictive density, best first.

    Parameters
    ----------
    fits : mapping of str to Fit or Elpd
        Models of the same observations.
    criterion : {"loo", "waic"}
        What is estimated for each fit; results of `loo` or `waic` are taken as they are.

    Returns
    -------
    pandas.DataFrame
        A row per model: ``elpd``, ``se``, ``p``, difference to the best model ``elpd_diff`` with
        its standard error ``se_diff``, and ``weight``, the stacking weight of Yao, Vehtari,
        Simpson and Gelman (2018), Bayesian Analysis 13, 917-1007.

    Raises
    ------
    DataError
        Fewer than two models, or models of different observations.

    Examples
    --------
    >>> hm.compare({"slopes": fit1, "intercepts": fit2})  # doctest: +SKIP
    """
    if not isinstance(fits, Mapping):
        raise DataError(
            "compare() takes models by name, compare({'a': fit_a, 'b': fit_b}), not "
            f"{type(fits).__name__}"
        )
    for name, fit in fits.items():
        if not (isinstance(fit, Elpd) or hasattr(fit, "log_lik")):
            raise DataError(f"{name!r} is no fit and no result of loo() or waic(): {fit!r}")
    if len(fits) < 2:
        raise DataError("compare() takes at least two models: compare({'a': fit_a, 'b': fit_b})")
    if criterion not in ("loo", "waic"):
        raise DataError(f"criterion must be 'loo' or 'waic', not {criterion!r}")
    results = {
        name: fit if isinstance(fit, Elpd) else (loo(fit) if criterion == "loo" else waic(fit))
        for name, fit in fits.items()
    }
    _check_comparable(results)
    table = np.stack([r.pointwise.values for r in results.values()])
    weights = _stacking_weights(table)
    best = int(np.argmax(table.sum(axis=1)))
    differences = table - table[best]
    frame = pd.DataFrame(
        {
            "elpd": [r.elpd for r in results.values()],
            "se": [r.se for r in results.values()],
            "p": [r.p for r in results.values()],
            "elpd_diff": differences.sum(axis=1),
            "se_diff": [sum_se(d) for d in differences],
            "weight": weights,
        },
        index=pd.Index(list(results), name="model"),
    )
    return frame.sort_values("elpd", ascending=False, kind="stable")


def _check_comparable(results: Mapping[str, Elpd]) -> None:
    first, *others = results.items()
    for name, result in others:
        if result.kind != first[1].kind:
            raise DataError(f"{first[0]!r} is {first[1].kind} and {name!r} is {result.kind}")
        if result.pointwise.size != first[1].pointwise.size:
            raise DataError(
                f"models are comparable on the same observations only: {first[0]!r} has "
                f"{first[1].pointwise.size} and {name!r} has {result.pointwise.size}"
            )


def _stacking_weights(elpd: np.ndarray, most: int = 20_000) -> np.ndarray:
    """Weights (K,) on the simplex that maximise sum_i log sum_k w_k exp(elpd[k, i]).

    The fixed-point iteration of a mixture with known components: each step raises the
    (concave) objective and stays on the simplex.
    """
    density = np.exp(elpd - elpd.max(axis=0))
    weights = np.full(len(elpd), 1.0 / len(elpd))
    for _ in range(most):
        new = weights * (density / (weights @ density)).mean(axis=1)
        change = float(np.abs(new - weights).max())
        weights = new
        if change < 1e-9:
            break
    return weights
