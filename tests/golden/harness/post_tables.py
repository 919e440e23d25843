"""References that are tables: fixef, ranef, coef, VarCorr, loo, waic, names of the draws."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from harness import compare
from harness.post import EXACT, Declined, PostCase, by_response, method, stored

_STATISTICS = ("Estimate", "Est.Error", "Q2.5", "Q97.5")
# Names that brms keeps beside what people look at: log densities, and thresholds on the centred
# scale. A parameter that is fixed for want of a formula is no draw either.
_NOT_DEMANDED = re.compile(
    r"(lp__|lprior|Intercept(_\w+)?\[[\w.]+(,\d+)?\]|first_Intercept\S*|Intercept_stz\S*|delta_stz\S*"
    r"|Xme\d+\[\d+,\d+\])$"  # a copy of the Xme_... in one matrix
)
# brms lists parameters that are fixed, and with correlated Student responses a nu for each, which
# has no meaning.
_PERHAPS_FIXED = re.compile(r"(disc\d*|sigma|nu_\w+)$")


def _available(reference: Mapping[str, Any]) -> bool:
    return "not_available" not in reference


def _names(name: str, ours: Sequence[str], theirs: Sequence[str]) -> list[str]:
    lacking = [one for one in theirs if one not in ours]
    surplus = [one for one in ours if one not in theirs]
    if not lacking and not surplus:
        return []
    parts = [
        f"{what} {', '.join(names[:4])}"
        for what, names in (("missing", lacking), ("surplus", surplus))
        if names
    ]
    return [f"{name}: rows {'; '.join(parts)}"]


def _table(name: str, ours: pd.DataFrame, expected: np.ndarray, rows: Sequence[str]) -> list[str]:
    """Compare a table by the names of its rows; columns are the four statistics."""
    lines = _names(name, [str(i) for i in ours.index], rows)
    if lines:
        return lines
    values = ours.set_axis([str(i) for i in ours.index]).loc[list(rows), list(_STATISTICS)]
    line = compare.difference(name, values.to_numpy(float), expected, EXACT, _scale(expected))
    return [line] if line else []


def _scale(expected: np.ndarray) -> float:
    finite = np.abs(expected[np.isfinite(expected)])
    return float(np.clip(np.median(finite), 1e-4, 1.0)) if finite.size else 1.0


def fixef(post: PostCase, key: str) -> list[str]:
    """Population-level effects, by name."""
    reference = post.case[key]
    expected = stored(reference)
    if expected is None:
        return []
    return _table(key, method(post.fit_as_recorded, "fixef")(), expected, reference["dimnames"][0])


def group_table(post: PostCase, key: str) -> list[str]:
    """``ranef`` and ``coef``: level x statistic x coefficient, by grouping factor."""
    reference = post.case[key]
    if not _available(reference):
        return []
    tables = method(post.fit_as_recorded, key)()
    lines = _names(key, list(tables), list(reference))
    for group, entry in reference.items():
        expected = stored(entry)
        if expected is None or group not in tables:
            continue
        levels, _, coefs = (list(map(str, names)) for names in entry["dimnames"])
        ours = tables[group]
        have = list(dict.fromkeys(ours.index.get_level_values(-1).astype(str)))
        if not entry.get("truncated") and _names(key, have, coefs):
            lines += _names(f"{key} {group}", have, coefs)
            continue
        wanted = [(level, coef) for level in levels for coef in coefs]
        frame = ours.set_axis([(str(a), str(b)) for a, b in ours.index])
        lacking = [pair for pair in wanted if pair not in frame.index]
        if lacking:
            lines.append(f"{key} {group}: no row {lacking[0]}")
            continue
        values = np.array([[frame.loc[[(a, c)], s].iloc[0] for c in coefs]
                           for a in levels for s in _STATISTICS], dtype=float)
        values = values.reshape(expected.shape)
        line = compare.difference(f"{key} {group}", values, expected, EXACT, _scale(expected))
        lines += [line] if line else []
    return lines


def varcorr(post: PostCase, key: str) -> list[str]:
    """Standard deviations, correlations and covariances by grouping factor."""
    reference = post.case[key]
    if not _available(reference):
        return []
    ours = method(post.fit, "varcorr")()
    lines: list[str] = []
    for group, parts in reference.items():
        for kind in ("sd", "cor", "cov"):
            expected = stored(parts[kind]) if kind in parts else None
            if expected is not None:
                table = getattr(ours, kind)
                lines += _varcorr_part(f"{key} {group} {kind}", table, group, expected, kind)
    groups = dict.fromkeys(ours.sd.index.get_level_values(0).astype(str))
    return lines + _names(key, list(groups), list(reference))


def _varcorr_part(
    name: str, table: pd.DataFrame, group: str, expected: np.ndarray, kind: str
) -> list[str]:
    """Compare by position: brms writes the names of a ``by`` factor in several ways."""
    if group not in set(table.index.get_level_values(0).astype(str)):
        return [f"{name}: missing"]
    part = table[table.index.get_level_values(0).astype(str) == group]
    values = part.loc[:, list(_STATISTICS)].to_numpy(float)
    if kind != "sd":
        n = expected.shape[0]
        if values.shape[0] != n * n:
            return [f"{name}: {values.shape[0]} rows, recorded {n * n}"]
        values = values.reshape(n, n, len(_STATISTICS)).transpose(0, 2, 1)
    line = compare.difference(name, values, expected, EXACT, _scale(expected))
    return [line] if line else []


def elpd(post: PostCase, key: str) -> list[str]:
    """``loo`` and ``waic``: the table of estimates and the contributions of the rows."""
    reference = post.case[key]
    lines: list[str] = []
    for resp, entry in by_response(reference):
        if "estimates" not in entry:
            continue
        extra = {"resp": resp or entry.get("response")} if resp or entry.get("response") else {}
        result = method(post.fit, key)(**extra)
        expected = compare.array(entry["estimates"]["values"], entry["estimates"]["shape"])
        ours = np.array([[result.elpd, result.se], [result.p, result.p_se]], dtype=float)
        lines.append(compare.difference(f"{key} estimates", ours, expected[:2], 1e-7))
        pointwise = compare.array(entry["pointwise_elpd"])
        theirs = np.asarray(result.pointwise, dtype=float)[: len(pointwise)]
        lines.append(compare.difference(f"{key} pointwise", theirs, pointwise, 1e-7))
    return [line for line in lines if line]


def bayes_r2(post: PostCase, key: str) -> list[str]:
    """Draws and summary of R-squared; the references are those of the residual variance."""
    reference = post.case[key]
    if not _available(reference):
        return []
    if any(part.family.response in ("ordinal", "nominal") for part in post.model.parts):
        raise Declined("R-squared of ordinal responses is refused, not computed from codes")
    if not np.array_equal(post.placed(post.case["rows"]), np.asarray(post.case["rows"]) - 1):
        raise Declined(
            "where rows were sorted by series and time, the recorded R-squared takes the "
            "expectation of one row from the response of another"
        )
    recorded = stored(reference)
    if recorded is not None and not np.isfinite(recorded).all():
        raise Declined("the recorded R-squared of responses with missing values is missing")
    ours = method(post.fit, "bayes_r2")(method="residual", summary=False)
    columns = list(ours.data_vars.values()) if isinstance(ours, xr.Dataset) else [ours]
    draws = np.column_stack([np.asarray(column).ravel() for column in columns])
    summary = method(post.fit, "bayes_r2")(method="residual")
    lines = [compare.difference(f"{key} draws", draws, stored(reference), EXACT)]
    table = reference["summary"]
    shown = compare.array(table["values"], table["shape"])
    lines += _table(f"{key} summary", summary, shown, table["dimnames"][0])
    return [line for line in lines if line]


_SPATIAL = re.compile(r"rcar(_\w+)?\[")


def variables(post: PostCase, key: str) -> list[str]:
    """Flat names of the draws: those of brms must be there."""
    ours = set(map(str, method(post.fit, "to_frame")().columns))
    wanted = [
        n for n in post.case[key]
        if not _NOT_DEMANDED.match(n) and (n in post.draws or not _PERHAPS_FIXED.match(n))
    ]
    # Spatial effects have the labels of their locations here, and numbers there.
    labels = [name for name in ours if _SPATIAL.match(name)]
    numbers = [name for name in wanted if _SPATIAL.match(name)]
    if len(labels) == len(numbers):
        wanted = [name for name in wanted if name not in numbers]
    lacking = [name for name in wanted if name not in ours]
    return [f"{key}: missing {', '.join(lacking[:6])} ({len(lacking)} names)"] if lacking else []
