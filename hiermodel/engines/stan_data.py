"""Data as every engine of the Stan family reads them, and draws as they write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hiermodel.engines.inits import declared_shape
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

# Sampler statistics of Stan under ArviZ's names.
_STATS = {
    "lp__": "lp",
    "accept_stat__": "acceptance_rate",
    "stepsize__": "step_size",
    "treedepth__": "tree_depth",
    "n_leapfrog__": "n_steps",
    "divergent__": "diverging",
    "energy__": "energy",
}
_INTEGER_STATS = ("tree_depth", "n_steps")


def to_json(data: Mapping[str, Any]) -> str:
    """Write Stan data as JSON.

    Examples
    --------
    >>> to_json({"N": 2, "y": np.array([1.5, 2.0]), "X": np.zeros((2, 0)), "flag": True})
    '{"N": 2, "y": [1.5, 2.0], "X": [[], []], "flag": 1}'
    """
    return json.dumps({name: _plain(value) for name, value in data.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (int, float, str)):
        return value
    array = np.asarray(value)
    return (array.astype(int) if array.dtype == bool else array).tolist()


def named_stats(columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename sampler statistics and give them their types.

    Examples
    --------
    >>> named_stats({"divergent__": np.array([[0.0, 1.0]])})
    {'diverging': array([[False,  True]])}
    """
    stats: dict[str, np.ndarray] = {}
    for label, values in columns.items():
        name = _STATS.get(label, label.rstrip("_"))
        array = np.ascontiguousarray(values, dtype=float)
        if name == "diverging":
            array = array.astype(bool)
        elif name in _INTEGER_STATS:
            array = array.astype(np.int64)
        stats[name] = array
    return stats


def collect(
    names: Iterable[str],
    arrays: Mapping[str, np.ndarray],
    leading: tuple[int, ...],
    parameters: Sequence[Var],
    data: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """Select variables by name, adding the ones of size zero, which have no columns.

    Raises
    ------
    EngineError
        If a parameter with elements did not come back.
    """
    declared = {var.name: var for var in parameters}
    values: dict[str, np.ndarray] = {}
    for name in names:
        if name in arrays:
            values[name] = arrays[name]
        elif name in declared:
            shape = declared_shape(declared[name], data)
            if shape is not None and 0 not in shape:
                raise EngineError(f"the engine gave back no draws of parameter {name!r}")
            values[name] = np.empty((*leading, *(shape or (0,))))
    return values
