"""Draws of smooths in the basis that the package has: recorded bases differ in signs and turns."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness import compare


def standata(case: Mapping[str, Any], data_dir: Path) -> Mapping[str, Any]:
    """The Stan data that a case of the other corpus recorded; empty where it is not there."""
    for folder in (data_dir.parent / "cases", data_dir.parent / "golden" / "cases"):
        path = folder / f"{case.get('golden_id', case['id'])}.json"
        if path.is_file():
            found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["standata"]
            return found
    return {}


def turned(
    draws: Mapping[str, np.ndarray], ours: Mapping[str, Any], recorded: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """The same functions of the covariates, as coefficients of our columns."""
    out = dict(draws)
    for name in recorded:
        if name.startswith("Xs") and f"bs{name[2:]}" in out:
            map_ = _map(ours, recorded, [name])
            out[f"bs{name[2:]}"] = out[f"bs{name[2:]}"] @ map_.T
        if re.match(r"Zs.*_1$", name):
            _turn_blocks(out, ours, recorded, name[2:-2])
    return out


def _turn_blocks(
    draws: dict[str, np.ndarray], ours: Mapping[str, Any], recorded: Mapping[str, Any], tail: str
) -> None:
    names = sorted((k for k in recorded if re.fullmatch(rf"Zs{re.escape(tail)}_\d+", k)), key=_last)
    map_ = _map(ours, recorded, names)
    sds = draws[f"sds{tail}"]
    parts = [sds[..., j, None] * draws[f"zs{k[2:]}"] for j, k in enumerate(names)]
    weights = np.concatenate(parts, axis=-1) @ map_.T
    ends = np.cumsum([part.shape[-1] for part in parts])[:-1]
    for j, (name, part) in enumerate(zip(names, np.split(weights, ends, axis=-1), strict=True)):
        draws[f"zs{name[2:]}"] = part / sds[..., j, None]


def _last(name: str) -> int:
    return int(name.rpartition("_")[2])


def _map(ours: Mapping[str, Any], recorded: Mapping[str, Any], names: list[str]) -> np.ndarray:
    """What turns coefficients of the recorded columns into those of ours."""
    own = np.column_stack([np.asarray(ours[k]) for k in names])
    theirs = np.column_stack(
        [compare.array(recorded[k]["values"], recorded[k]["shape"]) for k in names]
    )
    return np.asarray(np.linalg.lstsq(own, theirs, rcond=None)[0])
