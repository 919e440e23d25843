"""Predictions, comparisons and slopes: for each row, or averaged over rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.marginal.aggregate import Job, row_weights, subgroups
from hiermodel.marginal.contrasts import (
    Comparison,
    Contrast,
    Side,
    comparison_named,
    contrasts,
    find_variable,
    numbers,
    shifted,
    unchanged,
)
from hiermodel.marginal.grids import (
    counterfactual,
    datagrid,
    is_binary,
    levels_of,
    model_variables,
)
from hiermodel.marginal.request import Options, Request
from hiermodel.marginal.table import EffectTable
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

SLOPES = ("dydx", "eyex", "eydx", "dyex")
# Share of the range of a variable over which slopes are taken.
_STEP = 1e-4


def predictions(
    fit: Fit, newdata: Any = None, *, variables: Any = None, by: Any = None, wts: Any = None,
    **options: Any,
) -> EffectTable:
    """Compute predictions of rows or averages of them; see `Fit.predictions`."""
    request = Request.make(fit, newdata, Options.of("predictions", options))
    weights = row_weights(request.frame, wts)
    if variables is not None:
        values = _values(fit, variables, request)
        count = len(request.frame)
        request.frame = counterfactual(fit, request.frame, request.labels, values)
        request.values.check(request.frame)
        repeated = len(request.frame) // count
        weights = None if weights is None else np.tile(weights, repeated)
    else:
        request.values.check(request.frame, "the data" if newdata is None else "newdata")
    groups = subgroups(request.frame, by, weights)
    job = Job((unchanged(request.frame),), lambda sides, at: sides[0], of_averages=True)
    title = "Predictions" if groups is None else "Average predictions"
    return request.run([job], groups, f"{title}: {request.subject()}")


def avg_predictions(
    fit: Fit, newdata: Any = None, *, variables: Any = None, by: Any = None, **options: Any
) -> EffectTable:
    """Compute averages of predictions; see `Fit.avg_predictions`."""
    if by is None:
        by = True if variables is None else _names(variables)
    _refuse_rows("avg_predictions()", by)
    return predictions(fit, newdata, variables=variables, by=by, **options)


def _refuse_rows(what: str, by: Any) -> None:
    if by is False:
        raise ArgumentError(f"{what} averages over rows, which by=False forbids; without avg_ it "
                            "gives an estimate for each row")


def _names(variables: Any) -> list[str]:
    return [variables] if isinstance(variables, str) else list(variables)


def _values(fit: Fit, variables: Any, request: Request) -> dict[str, list[Any]]:
    """Values of the variables of a counterfactual prediction."""
    if not isinstance(variables, (str, Mapping, list, tuple)) or not variables:
        raise ArgumentError(
            f"variables are names, or values by name such as {{'x': [0, 1]}}, not {variables!r}"
        )
    given = variables if isinstance(variables, Mapping) else dict.fromkeys(_names(variables))
    out: dict[str, list[Any]] = {}
    for name, values in given.items():
        variable = find_variable(fit, str(name), request.modes, "a prediction for values")
        if values is None:
            column = fit.whole_frame[name]
            if variable.is_factor:
                values = levels_of(fit, name)
            elif is_binary(column):
                values = [0, 1]
            else:
                values = np.quantile(column.to_numpy(float), [0, 0.25, 0.5, 0.75, 1]).tolist()
        grid = datagrid(fit, {str(name): values})
        out[str(name)] = list(grid[name])
    return out


def comparisons(
    fit: Fit, variables: Any = None, newdata: Any = None, *, comparison: Any = "difference",
    cross: bool = False, by: Any = None, wts: Any = None, **options: Any,
) -> EffectTable:
    """Compute how predictions differ when variables change; see `Fit.comparisons`."""
    if not isinstance(cross, bool):
        raise ArgumentError(f"cross must be True or False, not {cross!r}")
    compare = comparison_named(comparison)
    request = Request.make(fit, newdata, Options.of("comparisons", options))
    request.values.check(request.frame, "the data" if newdata is None else "newdata")
    found = contrasts(fit, request.frame, variables, request.modes, cross)
    groups = subgroups(request.frame, by, row_weights(request.frame, wts))
    jobs = [_comparison_job(compare, contrast) for contrast in found]
    request.null = compare.null
    title = "Comparisons" if groups is None else "Average comparisons"
    return request.run(jobs, groups, f"{title}: {request.subject()}")


def _comparison_job(compare: Comparison, contrast: Contrast) -> Job:
    def combine(sides: list[Array], at: slice | None) -> Array:
        return compare(sides[1], sides[0])

    labels = (("term", contrast.term), ("contrast", compare.label(contrast)))
    return Job((contrast.low, contrast.high), combine, of_averages=True, labels=labels)


def avg_comparisons(
    fit: Fit, variables: Any = None, newdata: Any = None, *, by: Any = None, **options: Any
) -> EffectTable:
    """Compute average comparisons; see `Fit.avg_comparisons`."""
    by = True if by is None else by
    _refuse_rows("avg_comparisons()", by)
    return comparisons(fit, variables, newdata, by=by, **options)


def slopes(
    fit: Fit, variables: Any = None, newdata: Any = None, *, slope: str = "dydx",
    by: Any = None, wts: Any = None, **options: Any,
) -> EffectTable:
    """Compute partial derivatives of predictions; see `Fit.slopes`."""
    if slope not in SLOPES:
        raise ArgumentError(
            f"slope must be one of {', '.join(SLOPES)}, not {slope!r}"
            f"{did_you_mean(str(slope), SLOPES)}"
        )
    if options.get("type") == "predict":
        raise ArgumentError("type='predict' draws responses, which have no slope; use 'response'")
    request = Request.make(fit, newdata, Options.of("slopes", options))
    request.values.check(request.frame, "the data" if newdata is None else "newdata")
    names = _slope_variables(fit, variables, request)
    groups = subgroups(request.frame, by, row_weights(request.frame, wts))
    jobs = [_slope_job(fit, request.frame, name, slope) for name in names]
    request.null = 0.0
    title = "Slopes" if groups is None else "Average slopes"
    return request.run(jobs, groups, f"{title}: {request.subject()}")


def _slope_variables(fit: Fit, variables: Any, request: Request) -> list[str]:
    if variables is None:
        names = [name for name, v in model_variables(fit).items() if not v.is_factor]
        if not names:
            raise DataError("the model has no numeric predictor; comparisons() is for factors")
        return names
    if not isinstance(variables, str) and not (
        isinstance(variables, Sequence) and variables
        and all(isinstance(v, str) for v in variables)
    ):
        raise ArgumentError(f"variables are names of numeric predictors, not {variables!r}")
    for name in _names(variables):
        if find_variable(fit, name, request.modes, "a slope").is_factor:
            raise ArgumentError(
                f"{name!r} is a factor, which has no slope; comparisons() compares its levels"
            )
    return _names(variables)


def _slope_job(fit: Fit, frame: pd.DataFrame, name: str, slope: str) -> Job:
    x = numbers(frame, name)
    column = fit.whole_frame[name].to_numpy(dtype=float)
    width = float(np.nanmax(column) - np.nanmin(column)) or max(1.0, float(np.abs(x).max()))
    half = 0.5 * _STEP * width
    sides: tuple[Side, ...] = (
        shifted(fit, name, x - half, "x"), shifted(fit, name, x + half, "x")
    )
    if slope in ("eyex", "eydx"):
        sides = (*sides, unchanged(frame))

    def combine(found: list[Array], at: slice | None) -> Array:
        out: Array = (found[1] - found[0]) / (2 * half)
        shape = (1, -1) + (1,) * (out.ndim - 2)
        if slope in ("eyex", "dyex"):
            out = out * x[at].reshape(shape)
        if slope in ("eyex", "eydx"):
            if (found[2] == 0).any():
                raise ArgumentError(
                    f"slope={slope!r} divides by predictions, and some of them are 0"
                )
            out = out / found[2]
        return out

    label = {"dydx": "dY/dX", "eyex": "eY/eX", "eydx": "eY/dX", "dyex": "dY/eX"}[slope]
    return Job(sides, combine, of_averages=False, labels=(("term", name), ("contrast", label)))


def avg_slopes(
    fit: Fit, variables: Any = None, newdata: Any = None, *, by: Any = None, **options: Any
) -> EffectTable:
    """Compute average slopes; see `Fit.avg_slopes`."""
    by = True if by is None else by
    _refuse_rows("avg_slopes()", by)
    return slopes(fit, variables, newdata, by=by, **options)
