"""Whole numbers that a model takes for categories, which some rows alone may not have all of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from hiermodel.modeling import Model
from hiermodel.predictors import Predictor
from hiermodel.submodel import Submodel
from hiermodel.terms.car import CarTerm
from hiermodel.terms.special_effects import SpecialEffectsTerm


def whole_categories(model: Model, frame: pd.DataFrame) -> dict[str, pd.Categorical]:
    """Columns of whole numbers as categories, where nothing reads them as numbers.

    Parameters
    ----------
    model : Model
    frame : DataFrame
        All rows that were fitted.

    Returns
    -------
    dict of str to Categorical
        ``mo(x)`` learns from it the steps of all rows, ``car(M, gr = x)`` all places of the map.

    Examples
    --------
    >>> whole_categories(model, frame)  # doctest: +SKIP
    """
    steps = {name for part in model.parts for name in _steps(part)}
    places = {name for part in model.parts for name in _places(part)}
    numbers = {name for part in model.parts for name in _numbers(part)}
    out: dict[str, pd.Categorical] = {}
    for name in (steps | places) - numbers:
        values = frame[name]
        if isinstance(values.dtype, pd.CategoricalDtype) or not _all_whole(values):
            continue
        whole = values.to_numpy(dtype=float).astype(np.int64)
        between = np.arange(whole.min(), whole.max() + 1)
        out[name] = pd.Categorical(
            whole, categories=between if name in steps else np.unique(whole),
            ordered=name in steps,
        )
    return out


def ends_of_steps(model: Model, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Categories (N,) of the ``mo()`` of numbers that cannot be made a factor, by their text.

    Without the rows of the first or the last one the model would know fewer categories.
    """
    known = whole_categories(model, frame)
    return {
        one.variable.text: one.variable.codes(frame)
        for part in model.parts for predictor in part.predictors
        if isinstance(predictor, Predictor) and predictor.special_effects is not None
        for one in predictor.special_effects.monotonic
        if not one.variable.factor and one.variable.expression.text not in known
    }


def _all_whole(values: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(values.dtype) or not pd.api.types.is_numeric_dtype(values.dtype):
        return False
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    return bool(np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all())


def _steps(part: Submodel) -> Iterator[str]:
    """Columns that stand alone in a ``mo()``."""
    for predictor in part.predictors:
        if isinstance(predictor, Predictor) and predictor.special_effects is not None:
            for one in predictor.special_effects.monotonic:
                expression = one.variable.expression
                if not one.variable.factor and expression.text in expression.variables:
                    yield expression.text


def _places(part: Submodel) -> Iterator[str]:
    for predictor in part.predictors:
        if isinstance(predictor, Predictor):
            for term in predictor.terms:
                if isinstance(term, CarTerm) and len(term.members) == 1:
                    yield term.members[0]


def _numbers(part: Submodel) -> Iterator[str]:
    """Columns that something else reads."""
    yield from part.response.expression.variables
    for value in part.response.additions.values.values():
        yield from value.variables
    if part.autocor is not None:
        for one in part.autocor.parts:
            yield from one.columns_needed if hasattr(one, "columns_needed") else (
                one.series.columns_needed
            )
    for predictor in part.predictors:
        for term in predictor.terms:
            if isinstance(term, SpecialEffectsTerm):
                alone = set(_steps(part))
                yield from (v for v in term.design.variables if v not in term.calls)
                yield from (v for v in term.columns_needed if v not in alone)
            elif not isinstance(term, CarTerm):
                yield from term.columns_needed
