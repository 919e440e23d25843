"""Labelled draws for the user: ArviZ's InferenceData (0.x) or xarray's DataTree (ArviZ 1.x).

The only module that knows which line of ArviZ is installed. Everything else passes groups,
mappings from a group's name to an ``xarray.Dataset``, and reads them back with `dataset`.
ArviZ 0.x takes more than a second to import, so that work which only needs the datasets
should keep them and call `make` when the user asks for the object.

Files are netCDF-4 with one group each, the layout that both lines of ArviZ read and write.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import metadata, util
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.errors import DataError, did_you_mean
from hiermodel.writing import whole_file

# Attribute that lists the attributes of the same object that were written as JSON text.
_JSON_ATTRIBUTES = "_json_attributes"
_BACKENDS: Mapping[Literal["h5netcdf", "netcdf4"], tuple[str, ...]] = {
    "h5netcdf": ("h5netcdf", "h5py"),
    "netcdf4": ("netCDF4",),
}


def uses_datatree() -> bool:
    """Tell whether the installed ArviZ is of the 1.x line, whose object is a DataTree."""
    return int(metadata.version("arviz").split(".")[0]) >= 1


def make(groups: Mapping[str, xr.Dataset], attrs: Mapping[str, Any] | None = None) -> Any:
    """Build the object that ArviZ's functions take.

    Parameters
    ----------
    groups : mapping of str to xarray.Dataset
        ``posterior``, ``sample_stats``, ``observed_data``, ...
    attrs : mapping of str to Any, optional
        Attributes of the whole object.

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        By the installed ArviZ.

    Examples
    --------
    >>> idata = make({"posterior": xr.Dataset({"mu": (("chain", "draw"), np.zeros((2, 3)))})})
    >>> dataset(idata, "posterior")["mu"].shape
    (2, 3)
    """
    if uses_datatree():
        tree = xr.DataTree.from_dict({f"/{name}": ds for name, ds in groups.items()})
        tree.attrs.update(attrs or {})
        return tree
    from arviz import InferenceData

    arguments: dict[str, Any] = dict(groups)
    return InferenceData(attrs=dict(attrs or {}), **arguments)


def group_names(idata: Any) -> tuple[str, ...]:
    """Names of the groups, in their order.

    Examples
    --------
    >>> ds = xr.Dataset({"x": 1.0})
    >>> group_names(make({"posterior": ds, "sample_stats": ds}))
    ('posterior', 'sample_stats')
    """
    if isinstance(idata, xr.DataTree):
        return tuple(idata.children)
    return tuple(idata.groups())


def has_group(idata: Any, group: str) -> bool:
    """Tell whether `idata` has a group of that name."""
    return group in group_names(idata)


def dataset(idata: Any, group: str) -> xr.Dataset:
    """Return one group as a dataset.

    Parameters
    ----------
    idata : InferenceData or DataTree
    group : str

    Returns
    -------
    xarray.Dataset

    Raises
    ------
    DataError
        If there is no such group; the message names the nearest.
    """
    names = group_names(idata)
    if group not in names:
        raise DataError(
            f"no group {group!r} in these results{did_you_mean(group, names)}; "
            f"there are {', '.join(names)}"
        )
    if isinstance(idata, xr.DataTree):
        return idata[group].to_dataset()
    found: xr.Dataset = idata[group]
    return found


def attributes(idata: Any) -> dict[str, Any]:
    """Attributes of the whole object."""
    return dict(idata.attrs)


def groups_of(idata: Any) -> dict[str, xr.Dataset]:
    """All groups as datasets, in their order."""
    return {name: dataset(idata, name) for name in group_names(idata)}


def with_group(idata: Any, name: str, ds: xr.Dataset) -> Any:
    """Return a new object with a group added, or replaced; `idata` stays as it is."""
    return make({**groups_of(idata), name: ds}, attributes(idata))


def save(idata: Any, path: str | os.PathLike[str]) -> Path:
    """Write every group and attribute to a netCDF file.

    Parameters
    ----------
    idata : InferenceData, DataTree or dict of str to xarray.Dataset
    path : path-like
        Replaced when it exists, and only once the new file is complete.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DataError
        If no netCDF-4 library is installed.
    """
    if isinstance(idata, dict):
        return write(idata, {}, path)
    return write(groups_of(idata), attributes(idata), path)


def open(path: str | os.PathLike[str]) -> Any:
    """Read a file that `save` or ArviZ wrote back into an InferenceData or DataTree."""
    groups, attrs = read(path)
    return make(groups, attrs)


def write(
    groups: Mapping[str, xr.Dataset], attrs: Mapping[str, Any], path: str | os.PathLike[str]
) -> Path:
    """Write groups and attributes to a netCDF file (see `save`); imports no ArviZ."""
    backend = _backend()
    target = Path(path)
    with whole_file(target) as partial:
        root = xr.Dataset(attrs=_encode(attrs))
        root.to_netcdf(partial, mode="w", engine=backend)
        for name, ds in groups.items():
            _storable(ds).to_netcdf(partial, mode="a", group=name, engine=backend)
    return target


def read(path: str | os.PathLike[str]) -> tuple[dict[str, xr.Dataset], dict[str, Any]]:
    """Read groups (loaded, the file closed again) and attributes; imports no ArviZ.

    Raises
    ------
    DataError
        If the file does not exist or is no netCDF-4 file.
    """
    source = Path(path)
    if not source.is_file():
        raise DataError(f"there is no file {str(source)!r}")
    try:
        found = xr.open_groups(source, engine=_backend())
    except (OSError, ValueError) as error:
        raise DataError(f"{str(source)!r} is not a netCDF-4 file: {error}") from error
    groups: dict[str, xr.Dataset] = {}
    for name, ds in found.items():
        groups[name.strip("/")] = _restored(ds.load())
        ds.close()
    return groups, dict(groups.pop("", xr.Dataset()).attrs)


def _backend() -> Literal["h5netcdf", "netcdf4"]:
    for name, modules in _BACKENDS.items():
        if all(util.find_spec(module) is not None for module in modules):
            return name
    raise DataError("saving needs a netCDF-4 library: pip install h5netcdf h5py (or netCDF4)")


def _storable(ds: xr.Dataset) -> xr.Dataset:
    """Copy whose attributes and string types a netCDF file can hold."""
    out = ds.copy()
    out.attrs = _encode(ds.attrs)
    for name in out.variables:
        variable = out[name]
        if pd.api.types.is_extension_array_dtype(variable.dtype):
            out = out.assign_coords({name: variable.astype(object)})
        out[name].attrs = _encode(variable.attrs)
        # What an earlier file said about storage must not bind this one.
        out[name].encoding = {}
    return out


def _restored(ds: xr.Dataset) -> xr.Dataset:
    ds.attrs = _decode(ds.attrs)
    for name in ds.variables:
        ds[name].attrs = _decode(ds[name].attrs)
    return ds


def _encode(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Turn what netCDF attributes would change (lists of one, None, bool, dict) into JSON."""
    out: dict[str, Any] = {}
    encoded: list[str] = []
    for name, value in attrs.items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            out[str(name)] = value
        else:
            out[str(name)] = json.dumps(value, default=_plain)
            encoded.append(str(name))
    if encoded:
        out[_JSON_ATTRIBUTES] = " ".join(encoded)
    return out


def _decode(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    encoded = str(attrs.get(_JSON_ATTRIBUTES, "")).split()
    out: dict[str, Any] = {}
    for name, value in attrs.items():
        if name == _JSON_ATTRIBUTES:
            continue
        if name in encoded:
            out[name] = json.loads(value)
        else:
            out[name] = value.item() if isinstance(value, np.generic) else value
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return str(value)
