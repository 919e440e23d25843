"""Draws of the declared parameters -> the labelled posterior that users see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.modeling import Model
from hiermodel.predict import parameters
from hiermodel.prepare import prepare
from hiermodel.terms.scalars import dpar_attrs


def posterior_dataset(
    model: Model, values: Mapping[str, np.ndarray], rows: pd.DataFrame
) -> xr.Dataset:
    """The user-facing posterior.

    Parameters
    ----------
    model : Model
    values : mapping of str to ndarray (chain, draw, ...)
        Draws of the declared parameters.
    rows : DataFrame
        The rows that the model was fitted to.

    Returns
    -------
    Dataset
        Variables, dims and attrs as in docs/architecture.md.
    """
    arrays = {}
    for item in model.label(values):
        coords = {k: list(v) for k, v in (item.coords or {}).items()}
        arrays[item.name] = xr.DataArray(
            item.values, dims=("chain", "draw", *item.dims), coords=coords,
            attrs=dict(item.attrs or {}),
        )
    chains, draws = next(iter(values.values())).shape[:2]
    made = xr.Dataset(arrays).assign_coords(chain=np.arange(chains), draw=np.arange(draws))
    for part in model.parts:
        if part.derived:
            made = made.assign(_derived(model.only(part.name), made, rows))
    return made


def _derived(model: Model, made: xr.Dataset, rows: pd.DataFrame) -> dict[str, xr.DataArray]:
    """Parameters that follow from a declared one, the other parameters and the responses."""
    prediction = prepare(model, made, rows)
    part = model.part
    y = part.response.coded(prediction.frame)
    out = {}
    for param in part.derived:
        assert param.derived is not None
        values = np.empty(prediction.size)
        for at in prediction.chunks():
            p = parameters(prediction, at)
            rest = param.derived.arguments(y, p)
            values[at] = param.derived.value(getattr(p, param.derived.raw), *rest)[:, 0]
        out[f"{param.name}{part.suffix}"] = xr.DataArray(
            values.reshape(prediction.shape), dims=("chain", "draw"),
            attrs=dpar_attrs(param.name, part.name),
        )
    return out
