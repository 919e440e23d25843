"""References of what is read off a fit: conditional effects and hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from harness import compare
from harness.post import EXACT, PostCase, method

_STATISTICS = ("estimate__", "se__", "lower__", "upper__")
# Draws are stored with 12 digits; an inverse link makes more of what is cut off.
_TOLERANCE = 1e-7
_KEYS = ("effect1__", "effect2__", "cats__")


def conditional_effects(post: PostCase, key: str) -> list[str]:
    """Grid, estimate, error and interval of every effect."""
    lines: list[str] = []
    for name, reference in post.case[key].items():
        if not isinstance(reference, Mapping) or "columns" not in reference:
            continue
        responses = post.case.get("responses") or []
        resp = {"resp": name.split(".")[0]} if name.split(".")[0] in responses else {}
        result = method(post.fit, key)(
            reference["effect"],
            resolution=reference["resolution"],
            categorical=reference["categorical"],
            **resp,
        )
        lines += _effect(f"{key} {name}", result[reference["effect"]], reference["columns"])
    return lines


def _effect(name: str, ours: Any, columns: Mapping[str, Any]) -> list[str]:
    rows = len(_values(columns["estimate__"], 1))
    if len(ours) != rows:
        return [f"{name}: {len(ours)} rows, recorded {rows}"]
    theirs = {key: _values(columns[key], rows) for key in columns}
    keys = [key for key in _KEYS if key in theirs and key in ours]
    order = _order([list(ours[key]) for key in keys])
    their_order = _order([theirs[key] for key in keys])
    lines: list[str] = []
    for key in keys:
        lines += _same_grid(f"{name} {key}", list(ours[key]), order, theirs[key], their_order)
    for statistic in _STATISTICS:
        expected = compare.array(theirs[statistic])[their_order]
        got = ours[statistic].to_numpy(float)[order]
        lines.append(compare.difference(f"{name} {statistic}", got, expected, _TOLERANCE, 1e-3))
    return [line for line in lines if line]


def _values(column: Mapping[str, Any], rows: int) -> list[Any]:
    if "constant" in column:
        return [column["constant"]] * rows
    values = column["values"]
    return values if isinstance(values, list) else [values]


def _order(keys: list[list[Any]]) -> np.ndarray:
    """Order of the rows by their place on the grid, which the two may list in another order."""
    rows = list(zip(*([_cell(v) for v in key] for key in keys), strict=True))
    return np.array(sorted(range(len(rows)), key=lambda i: rows[i]), dtype=int)


def _cell(value: Any) -> tuple[int, float, str]:
    try:
        return (0, round(float(value), 6), "")
    except (TypeError, ValueError):
        return (1, 0.0, str(value))


def _same_grid(
    name: str, ours: list[Any], order: np.ndarray, theirs: list[Any], their_order: np.ndarray
) -> list[str]:
    for i, j in zip(order, their_order, strict=True):
        a, b = _cell(ours[i]), _cell(theirs[j])
        if a[0] != b[0] or a[2] != b[2] or not compare.close(a[1], b[1], 1e-2):
            return [f"{name}: {ours[i]}, recorded {theirs[j]}"]
    return []


def hypothesis(post: PostCase, key: str) -> list[str]:
    """Estimate, error, interval, evidence ratio and probability of each hypothesis."""
    reference = post.case[key]
    if "table" not in reference:
        return []
    result = method(post.fit_as_recorded, "hypothesis")(
        reference["hypotheses"],
        cls=reference.get("class", "b"),
        group=reference.get("group", ""),
        alpha=reference.get("alpha", 0.05),
    )
    expected = compare.array(reference["table"]["values"], reference["table"]["shape"])
    ours = result.table[reference["table"]["dimnames"][1]].to_numpy(float)
    line = compare.difference(key, ours, expected, EXACT, 1e-3)
    return [line] if line else []
