"""Comparing models by their expected log predictive density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from hiermodel.criticism.elpd import Elpd, sum_se, waic
from hiermodel.criticism.leave_one_out import loo
from hiermodel.criticism.subsampling import DifferenceEstimate, SubsampledElpd
from hiermodel.errors import DataError, did_you_mean, warn
from hiermodel.summary.shown import as_table

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

Fits: TypeAlias = "Mapping[str, Fit | Elpd]"

CRITERIA = ("loo", "waic", "kfold")


def compare(fits: Mapping[str, Fit | Elpd], criterion: str = "loo") -> pd.DataFrame:
    """Compare models by their expected log predictive density, best first.

    ``hm.loo_compare`` is the same function, under the name that it has in brms and loo.

    Parameters
    ----------
    fits : mapping of str to Fit or Elpd
        Models of the same observations, or what `Fit.loo`, `Fit.waic` or `Fit.kfold` gave for them.
    criterion : {"loo", "waic", "kfold"}
        What is estimated for each fit; results are taken as they are. K-fold cross-validation has
        10 folds, the same for all models.

    Returns
    -------
    pandas.DataFrame
        A row per model: ``elpd``, ``se``, ``p``, difference to the best model ``elpd_diff`` with
        its standard error ``se_diff``, and ``weight``, the stacking weight of Yao, Vehtari,
        Simpson and Gelman (2018), Bayesian Analysis 13, 917-1007. Of estimates from some rows
        (``loo(subsample=)``) also ``subsampling_se_diff``, the part of the uncertainty of the
        difference that comes from not looking at all rows.

    Raises
    ------
    DataError
        Fewer than two models, or models of different observations or responses.

    Examples
    --------
    >>> hm.compare({"slopes": fit1, "intercepts": fit2})  # doctest: +SKIP
    """
    results = estimates(fits, criterion, "compare")
    table = np.stack([r.pointwise.values for r in results.values()])
    totals = np.array([r.elpd for r in results.values()])
    best = list(results.values())[int(np.argmax(totals))]
    differences = [_difference(r, best) for r in results.values()]
    frame = pd.DataFrame(
        {
            "elpd": totals,
            "se": [r.se for r in results.values()],
            "p": [r.p for r in results.values()],
            "elpd_diff": [d.total for d in differences],
            "se_diff": [d.se for d in differences],
            "weight": stacking_weights(table),
        },
        index=pd.Index(list(results), name="model"),
    )
    if isinstance(best, SubsampledElpd):
        frame.insert(5, "subsampling_se_diff", [d.subsampling_se for d in differences])
    ordered = frame.sort_values("elpd", ascending=False, kind="stable")
    return as_table(ordered, f"Comparison by {best.kind.removesuffix('_subsample')}, best first",
                 "elpd_diff: less than the best model, with its standard error se_diff; weight: "
                 "of stacking.", dict.fromkeys(ordered, 1) | {"weight": 3})  # fmt: skip


def estimates(
    fits: Mapping[str, Fit | Elpd], criterion: str, what: str
) -> dict[str, Elpd]:
    """Estimates for comparable models, by name; computed for fits.

    Raises
    ------
    DataError
        As in `compare`; `what` is the function that was called.
    """
    example = f"{what}({{'a': fit_a, 'b': fit_b}})"
    if not isinstance(fits, Mapping):
        raise DataError(f"{what}() takes models by name, {example}, not {type(fits).__name__}")
    for name, fit in fits.items():
        if not (isinstance(fit, Elpd) or hasattr(fit, "log_lik")):
            raise DataError(
                f"{name!r} is no fit and no result of loo(), waic() or kfold(): {fit!r}"
            )
    if len(fits) < 2:
        raise DataError(f"{what}() takes at least two models: {example}")
    if criterion not in CRITERIA:
        raise DataError(
            f"criterion must be 'loo', 'waic' or 'kfold', not {criterion!r}"
            f"{did_you_mean(str(criterion), CRITERIA)}"
        )
    _check_responses({name: fit for name, fit in fits.items() if not isinstance(fit, Elpd)})
    results: dict[str, Elpd] = {}
    first = next((f for f in fits.values() if isinstance(f, Elpd)), None)
    for name, fit in fits.items():
        if isinstance(fit, Elpd):
            results[name] = fit
        elif criterion == "kfold":
            results[name] = _kfold_like(fit, first)
            first = first or results[name]
        else:
            results[name] = loo(fit) if criterion == "loo" else waic(fit)
    _check_comparable(results)
    return results


def _check_responses(fits: Mapping[str, Fit]) -> None:
    """Refuse fits of other responses: log y instead of y, say."""
    single = [(name, fit) for name, fit in fits.items() if not fit.model.is_multivariate]
    for name, fit in single[1:]:
        first, other = single[0]
        same = np.array_equal(other.response, fit.response, equal_nan=True)
        if other.response.shape == fit.response.shape and not same:
            raise DataError(
                "models are comparable on the same response only: that of "
                f"{first!r} is {other.response_name}, that of {name!r} is {fit.response_name}, "
                "and their values differ"
            )


def _check_comparable(results: Mapping[str, Elpd]) -> None:
    (first, one), *rest = results.items()
    for name, result in rest:
        if result.kind != one.kind:
            raise DataError(f"{first!r} is {one.kind} and {name!r} is {result.kind}")
        if one.joint != result.joint:
            raise DataError(
                f"{first!r} predicts each {one.joint} together and {name!r} each {result.joint}; "
                "give both the same joint="
            )
        mine, its = _size(one), _size(result)
        if mine != its:
            raise DataError(
                f"models are comparable on the same observations only: {first!r} has "
                f"{mine} and {name!r} has {its}"
            )
        if isinstance(one, SubsampledElpd) and isinstance(result, SubsampledElpd):
            if not np.array_equal(one.rows, result.rows):
                raise DataError(
                    f"{first!r} and {name!r} were estimated from different rows; take those of "
                    "the first for the others: loo(observations=first.rows)"
                )
        else:
            labels, others = _labels(one), _labels(result)
            if labels is not None and others is not None and not np.array_equal(labels, others):
                raise DataError(
                    f"models are comparable on the same observations only: {first!r} and "
                    f"{name!r} have different {'row' if one.joint == 'obs' else one.joint} labels"
                )
        if (
            one.folds is not None and result.folds is not None
            and not np.array_equal(one.folds.values, result.folds.values)
        ):
            warn(
                f"{first!r} and {name!r} have different folds, so part of their difference is "
                f"chance; give the same ones: kfold(folds=first.folds.values)"
            )


def _kfold_like(fit: Fit, other: Elpd | None) -> Elpd:
    """K-fold cross-validation with the folds of another model."""
    if other is None or other.folds is None:
        return fit.kfold()
    if other.joint == "group":
        raise DataError(
            "a result has joint='group' and says no more which groups; give what kfold() gave for "
            "every model"
        )
    return fit.kfold(folds=other.folds.values, Ksub=other.left_out, joint=other.joint)


def _labels(result: Elpd) -> np.ndarray | None:
    dim = result.pointwise.dims[0]
    return np.asarray(result.pointwise[dim]) if dim in result.pointwise.coords else None


def _size(result: Elpd) -> int:
    values = result.surrogate if isinstance(result, SubsampledElpd) else result.pointwise
    return int(values.size)


def _difference(result: Elpd, best: Elpd) -> DifferenceEstimate:
    pointwise = result.pointwise.values - best.pointwise.values
    if isinstance(result, SubsampledElpd) and isinstance(best, SubsampledElpd):
        if result is best:
            return DifferenceEstimate(0.0, 0.0, 0.0)
        surrogate = result.surrogate.values - best.surrogate.values
        return DifferenceEstimate.of(surrogate, pointwise, result.rows)
    return DifferenceEstimate(float(pointwise.sum()), sum_se(pointwise), 0.0)


def stacking_weights(elpd: np.ndarray, most: int = 20_000) -> np.ndarray:
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
