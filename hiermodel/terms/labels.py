"""User-facing names of group-level effects: all blocks of one grouping factor together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hiermodel.terms.base import Array, Labelled
from hiermodel.terms.group import GroupEffects


def group_labels(
    groups: Sequence[GroupEffects], draws: Mapping[str, Array], others: Sequence[Labelled]
) -> tuple[Labelled, ...]:
    """``sd_<group>``, ``cor_<group>``, ``r_<group>`` and ``df_<group>`` of every factor.

    Parameters
    ----------
    groups : sequence of GroupEffects
    draws : mapping of str to ndarray
        Declared parameters, (chain, draw, ...).
    others : sequence of Labelled
        The other variables of the posterior, whose names the dims must not take.
    """
    by_name: dict[str, list[GroupEffects]] = {}
    for group in groups:
        by_name.setdefault(group.name, []).append(group)
    taken = {"chain", "draw", "obs", *(v.name for v in others)}
    taken |= {dim for v in others for dim in v.dims}
    taken |= {f"{kind}_{group.key}" for group in groups for kind in ("sd", "cor", "r", "df")}
    out: list[Labelled] = []
    for blocks in by_name.values():
        key = blocks[0].key
        dims = _Dims(*(_free(want, taken) for want in (key, f"{key}_coef", f"{key}_by")))
        out += _labels(dims, blocks, draws)
    return tuple(out)


@dataclass(frozen=True, slots=True)
class _Dims:
    """Names of the dims of one grouping factor."""

    level: str
    coef: str
    by: str


def _free(name: str, taken: set[str]) -> str:
    """The name, or the name with a tail when something else has it already."""
    while name in taken:
        name += "_level"
    taken.add(name)
    return name


def _labels(
    dims: _Dims, blocks: Sequence[GroupEffects], draws: Mapping[str, Array]
) -> tuple[Labelled, ...]:
    key = blocks[0].key
    coefs = tuple(coef.label for block in blocks for coef in block.coefs)
    prefixes = [coef.scope.label for block in blocks for coef in block.coefs]
    attrs = {"group": blocks[0].name, "dpar": "", "resp": "", "prefixes": prefixes}
    dim, by = dims.coef, blocks[0].by
    by_dims = () if by is None else (dims.by,)
    by_coords = {} if by is None else {dims.by: by.suffixes}
    sd = np.concatenate([_sd(block, draws) for block in blocks], axis=-1)
    out = [
        Labelled(f"sd_{key}", sd, (*by_dims, dim), {**by_coords, dim: coefs},
                 {**attrs, "cls": "sd"})
    ]
    if any(block.has_cor for block in blocks):
        other = f"{dim}_other"
        out.append(
            Labelled(f"cor_{key}", _correlations(blocks, draws), (*by_dims, dim, other),
                     {**by_coords, dim: coefs, other: coefs},
                     {**attrs, "cls": "cor", "blocks": [len(b.coefs) for b in blocks]})
        )
    if blocks[0].student:
        out.append(
            Labelled(f"df_{key}", draws[f"df_{blocks[0].df_index}"],
                     attrs={**attrs, "cls": "df", "prefixes": []})
        )
    effects = [block.effects(draws) for block in blocks]
    # Effects of many levels are large: those of one block are not copied.
    r = effects[0] if len(effects) == 1 else np.concatenate(effects, axis=-1)
    levels = blocks[0].grouping.levels
    out.append(
        Labelled(f"r_{key}", r, (dims.level, dim), {dims.level: levels, dim: coefs},
                 {**attrs, "cls": "r"})
    )
    return tuple(out)


def _sd(block: GroupEffects, draws: Mapping[str, Array]) -> Array:
    """Standard deviations (chain, draw[, by], coefs)."""
    sd = draws[f"sd_{block.index}"]
    return sd if block.by is None else np.swapaxes(sd, -1, -2)


def _correlations(blocks: Sequence[GroupEffects], draws: Mapping[str, Array]) -> Array:
    """Correlations of all coefficients; zero between blocks, which are independent a priori."""
    total = sum(len(block.coefs) for block in blocks)
    first = next(c for c in (block.correlations(draws) for block in blocks) if c is not None)
    out = np.broadcast_to(np.eye(total), (*first.shape[:-2], total, total)).copy()
    start = 0
    for block in blocks:
        stop = start + len(block.coefs)
        cor = block.correlations(draws)
        if cor is not None:
            out[..., start:stop, start:stop] = cor
        start = stop
    return out
