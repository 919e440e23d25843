"""Save and load: a fit as one netCDF file, with JSON beside the arrays; loading runs no code.

The file holds the draws, the rows that were fitted and the words of the user (formula, family,
priors). The model is rebuilt from words and rows, so nothing that was learned is stored twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.errors import HiermodelError
from hiermodel.families import family as make_family
from hiermodel.families import family_names, mixture
from hiermodel.families.base import Family, FunctionText
from hiermodel.formula import from_json, to_json
from hiermodel.nugget import nugget_of
from hiermodel.priors import Prior
from hiermodel.stanvars import from_json as stanvars_from_json
from hiermodel.stanvars import to_json as stanvars_to_json
from hiermodel.terms.known_matrices import alike, is_unnamed

if TYPE_CHECKING:
    from hiermodel.modeling import Model

FORMAT = 2


def frame_to_dataset(frame: pd.DataFrame, data2: Mapping[str, pd.DataFrame]) -> xr.Dataset:
    """The training rows (and known matrices) as arrays: factors as codes with their levels."""
    ds = xr.Dataset()
    for k, name in enumerate(map(str, frame.columns)):
        values, attrs = _column_to_array(frame[name])
        # The name of the dim, or one with a slash, cannot be the name of a variable.
        key = f"column_{k}" if name == "obs" or "/" in name else name
        ds[key] = xr.DataArray(values, dims=("obs",), attrs=attrs | {"column": name})
    for name, matrix in data2.items():
        # A matrix of scipy.sparse is kept as a full one.
        table = pd.DataFrame(matrix.toarray() if hasattr(matrix, "toarray") else matrix)
        # Rows and columns are kept under one set of names.
        if set(map(str, table.index)) == set(map(str, table.columns)):
            table = alike(name, table)
        labels = None if is_unnamed(table.index) else [str(v) for v in table.index]
        key = f"data2_{name}"
        ds[key] = xr.DataArray(
            table.to_numpy(dtype=float), dims=(f"{key}_row", f"{key}_column"),
            attrs={"data2": name, "levels": json.dumps(labels)},
        )
    return ds


def _column_to_array(column: pd.Series) -> tuple[np.ndarray, dict[str, Any]]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        levels = [_plain(v) for v in column.cat.categories]
        kind = "ordered" if column.cat.ordered else "factor"
        return column.cat.codes.to_numpy(dtype=np.int64), {
            "kind": kind, "levels": json.dumps(levels)
        }
    if pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(dtype=np.int64), {"kind": "boolean"}
    if pd.api.types.is_numeric_dtype(column.dtype):
        integer = pd.api.types.is_integer_dtype(column.dtype) and not column.hasnans
        dtype = np.int64 if integer else np.float64
        return column.to_numpy(dtype=dtype), {"kind": "numeric"}
    codes, levels = pd.factorize(column)
    return codes.astype(np.int64), {
        "kind": "text", "levels": json.dumps([str(v) for v in levels])
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def dataset_to_frame(ds: xr.Dataset) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The inverse of `frame_to_dataset`."""
    columns: dict[str, Any] = {}
    data2: dict[str, pd.DataFrame] = {}
    for key in ds.data_vars:
        array, attrs = ds[key], ds[key].attrs
        if "data2" in attrs:
            labels = json.loads(attrs["levels"])
            data2[attrs["data2"]] = pd.DataFrame(array.values, index=labels, columns=labels)
            continue
        columns[attrs["column"]] = _array_to_column(array.values, attrs)
    return pd.DataFrame(columns), data2


def _array_to_column(values: np.ndarray, attrs: Mapping[str, Any]) -> Any:
    kind = attrs.get("kind", "numeric")
    if kind == "numeric":
        return values
    if kind == "boolean":
        return values.astype(bool)
    levels = json.loads(attrs["levels"])
    codes = values.astype(np.int64)
    if kind == "text":
        return pd.Series(np.array([*levels, None], dtype=object)[codes])
    return pd.Categorical.from_codes(codes, categories=levels, ordered=kind == "ordered")


def model_to_json(model: Model) -> dict[str, Any]:
    """The words of the user that made a model."""
    call = model.call
    return {
        "format": FORMAT,
        "formula": to_json(model.formula),
        "family": _family_to_json(call.get("family")),
        "families": [_family_to_json(part.family) for part in model.formula.responses],
        "priors": _priors_to_json(call.get("priors")),
        "sample_prior": model.sample_prior,
        "normalize": model.normalize,
        "threads": model.threads,
        "drop_unused_levels": bool(call.get("drop_unused_levels", True)),
        "contrasts": _contrasts_to_json(call.get("contrasts")),
        "knots": {name: list(values) for name, values in (call.get("knots") or {}).items()},
        "stanvars": stanvars_to_json(model.stanvars),
        "nugget": nugget_of(model),
    }


def _family_to_json(family: object) -> Any:
    """A family by its name, links and options; a mixture by its components."""
    if family is None or isinstance(family, str):
        return family
    assert isinstance(family, Family)
    if family.components:
        options = dict(family.options)
        asked = options.get("order") if options.get("order_asked") else None
        return {"components": [_family_to_json(c) for c in family.components], "order": asked}
    words: dict[str, Any] = {
        "name": family.name, "links": dict(family.links), "options": dict(family.options)
    }
    return words | {"custom": _custom_words(family)} if family.custom else words


def _custom_words(family: Family) -> dict[str, Any]:
    """What tells a family of the user from another of the same name; its functions are not kept."""
    return {
        "dpars": [[p.name, p.links[0], str(p.lower), str(p.upper)] for p in family.params],
        "vars": list(family.variables),
        "stan": [f.text for f in family.distribution.functions if isinstance(f, FunctionText)],
    }


def _family_from_json(words: Any) -> Any:
    if words is None or isinstance(words, str):
        return words
    if "components" in words:
        components = [_family_from_json(component) for component in words["components"]]
        return mixture(*components, order=words["order"])
    if "custom" in words:
        name = words["name"]
        if name not in family_names():
            raise HiermodelError(
                f"the fit uses the custom family {name!r}, whose Python functions are not in the "
                "file: define it with hm.custom_family(...) and call hm.register_family(...) "
                "before loading"
            )
        known = make_family(name)
        if not known.custom or _custom_words(known) != words["custom"]:
            raise HiermodelError(
                f"the registered family {name!r} is not the one of the saved fit: parameters, "
                "links, bounds, vars or Stan text differ"
            )
        return known
    links = {f"link_{k}": v for k, v in words["links"].items() if k != "mu"}
    return make_family(words["name"], words["links"].get("mu"), **links, **words["options"])


def _priors_to_json(priors: Any) -> Any:
    if priors is None or isinstance(priors, str):
        return priors
    if isinstance(priors, Mapping):
        return {"shorthand": {str(k): v for k, v in priors.items()}}
    if isinstance(priors, Prior):
        return [asdict(priors)]
    return [p if isinstance(p, str) else asdict(p) for p in priors]


def _contrasts_to_json(contrasts: Mapping[str, Any] | None) -> Any:
    if contrasts is None:
        return None
    out: dict[str, Any] = {}
    for column, value in contrasts.items():
        if isinstance(value, str):
            out[column] = value
        else:
            table = pd.DataFrame(value)
            out[column] = {
                "index": [str(v) for v in table.index],
                "columns": [str(v) for v in table.columns],
                "values": table.to_numpy(dtype=float).tolist(),
            }
    return out


def model_arguments(words: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `hiermodel.model` from what `model_to_json` wrote, without data."""
    if words.get("format") != FORMAT:
        raise HiermodelError(
            f"this file has format {words.get('format')!r}; this version reads format {FORMAT}"
        )
    formula = from_json(words["formula"])
    responses = tuple(
        replace(part, family=_family_from_json(own))
        for part, own in zip(formula.responses, words["families"], strict=True)
    )
    return {
        "formula": replace(formula, responses=responses),
        "family": _family_from_json(words["family"]),
        "priors": _priors_from_json(words["priors"]),
        "sample_prior": words["sample_prior"],
        "normalize": words["normalize"],
        "threads": words["threads"],
        "drop_unused_levels": words["drop_unused_levels"],
        "contrasts": _contrasts_from_json(words["contrasts"]),
        "knots": words.get("knots") or None,
        "stanvars": stanvars_from_json(words.get("stanvars", ())),
    }


def call_arguments(model: Model) -> dict[str, Any]:
    """Arguments of `hiermodel.model`, without data; a family of the user need not be registered."""
    return {
        "formula": model.formula,
        "family": model.call.get("family"),
        "priors": _priors_from_json(_priors_to_json(model.call.get("priors"))),
        "sample_prior": model.sample_prior,
        "normalize": model.normalize,
        "drop_unused_levels": bool(model.call.get("drop_unused_levels", True)),
        "contrasts": model.call.get("contrasts"),
        "knots": model.call.get("knots") or None,
        "stanvars": list(model.stanvars),
    }


def _priors_from_json(priors: Any) -> Any:
    if priors is None or isinstance(priors, str):
        return priors
    if isinstance(priors, Mapping):
        return dict(priors["shorthand"])
    return [p if isinstance(p, str) else Prior(**p) for p in priors]


def _contrasts_from_json(contrasts: Any) -> Any:
    if contrasts is None:
        return None
    return {
        column: value
        if isinstance(value, str)
        else pd.DataFrame(value["values"], index=value["index"], columns=value["columns"])
        for column, value in contrasts.items()
    }
