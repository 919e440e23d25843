"""Draws of the declared parameters -> the labelled posterior that users see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from hiermodel.modeling import Model


def posterior_dataset(model: Model, values: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The user-facing posterior.

    Parameters
    ----------
    model : Model
    values : mapping of str to ndarray (chain, draw, ...)
        Draws of the declared parameters.

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
    return xr.Dataset(arrays).assign_coords(chain=np.arange(chains), draw=np.arange(draws))
