"""Compare what the package says with what the corpus recorded; every difference is one line."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import pandas as pd

from harness.stan_text import Declared, evaluate

PRIOR_KEYS = ("class", "coef", "group", "resp", "dpar", "nlpar", "prior", "lb", "ub")
REAL_TOLERANCE = 1e-10

# Data of brms that a program needs only for its own bookkeeping: sizes that follow from other
# data, or values that brms puts in the list without declaring them.
_BOOKKEEPING = re.compile(
    r"(K|Kc|NC|M|ncat|disc|sigma|theta\d+|nu|shape|phi|quantile|nbasis|knots|nb|ngrthres|grainsize|prior_only|nresp|nrescor|Ks|Ksp"
    r"|Imo|Jmo|Kgp|nJ|Nneigh|eigenMcar|Nme|Mme|NCme|Kma|Kar|max_lag|n_unique_cortime)(_.*)?$"
)
# Eigenvalues come in the order of a linear algebra library.
_EIGENVALUES = re.compile(r"eigenMsar(_.*)?$")
# From the inverse of a matrix that is singular but for 1e-8 on its diagonal.
_NEARLY_SINGULAR = re.compile(r"car_scale(_.*)?$")
# The basis of a smooth is known up to the sign of each column.
_SIGN_FREE = re.compile(r"(Zs|Xs)(_.*)?$")


_LOOSEST: ContextVar[float] = ContextVar("loosest", default=0.0)


@contextmanager
def no_closer_than(relative: float) -> Iterator[None]:
    """Inside, no comparison of `difference` asks for more than this."""
    token = _LOOSEST.set(relative)
    try:
        yield
    finally:
        _LOOSEST.reset(token)


def number(value: Any) -> float:
    """A number of the corpus, where infinities and missing values are strings."""
    if isinstance(value, str):
        return {"Inf": math.inf, "-Inf": -math.inf, "NaN": math.nan, "NA": math.nan}[value]
    return math.nan if value is None else float(value)


def array(values: Any, shape: Sequence[int] | None = None) -> np.ndarray:
    """Nested values of the corpus as an array of floats, reshaped when `shape` is given."""
    flat: list[float] = []
    _flatten(values, flat)
    out = np.array(flat, dtype=float)
    return out if shape is None else out.reshape(tuple(shape))


def _flatten(values: Any, into: list[float]) -> None:
    if isinstance(values, list):
        for value in values:
            _flatten(value, into)
    else:
        into.append(number(value=values))


def close(ours: Any, recorded: Any, relative: float, scale: float = 1.0) -> np.ndarray:
    """Elementwise: equal within `relative` times ``max(scale, |recorded|)``; NaN equals NaN."""
    a, b = np.asarray(ours, dtype=float), np.asarray(recorded, dtype=float)
    with np.errstate(invalid="ignore"):
        near = np.abs(a - b) <= relative * np.maximum(scale, np.abs(b))
    return (near & np.isfinite(b)) | (a == b) | (np.isnan(a) & np.isnan(b))


def difference(name: str, ours: Any, recorded: Any, relative: float, scale: float = 1.0) -> str:
    """One line that shows the worst element, or an empty string when all are close."""
    relative = max(relative, _LOOSEST.get())
    a, b = np.asarray(ours, dtype=float), np.asarray(recorded, dtype=float)
    if a.shape != b.shape:
        return f"{name}: shape {a.shape}, recorded {b.shape}"
    good = close(a, b, relative, scale)
    if good.all():
        return ""
    with np.errstate(invalid="ignore"):
        off = np.abs(a - b) / np.maximum(scale, np.abs(b))
    off = np.where(good, -1.0, np.where(np.isnan(off), np.inf, off))
    at = np.unravel_index(int(np.argmax(off)), a.shape)
    where = f"[{', '.join(str(int(i)) for i in at)}]" if at else ""
    bad = f" ({int((~good).sum())} of {good.size} differ)" if good.size > 1 else ""
    return f"{name}{where}: {a[at]:.12g}, recorded {b[at]:.12g}{bad}"


# ---------------------------------------------------------------------------------------------
# design data


def data_problems(ours: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """Compare the data of the program with the recorded data."""
    problems: list[str] = []
    for name, entry in recorded.items():
        if name == "grainsize":
            continue  # how the sum is cut into slices is a matter of speed
        if name in ours:
            value, entry = _where_it_counts(name, ours[name], entry, recorded)
            found = entry_problems(name, value, entry)
            problems += [] if found and same_functions(name, ours, recorded) else found
        elif demanded(name, entry):
            problems.append(f"data {name}: missing")
    return problems


def _where_it_counts(
    name: str, value: Any, entry: Mapping[str, Any], recorded: Mapping[str, Any]
) -> tuple[Any, Mapping[str, Any]]:
    """Leave out elements that no program reads: right ends of what is not interval-censored."""
    stem, _, resp = name.partition("_")
    cens = recorded.get(f"cens_{resp}" if resp else "cens")
    if stem != "rcens" or cens is None or "values" not in entry or "values" not in cens:
        return value, entry
    expected, got = array(entry["values"]), np.asarray(value, dtype=float)
    if got.shape != expected.shape:
        return value, entry
    unread = array(cens["values"]) != 2
    return np.where(unread, expected, got), entry


def demanded(name: str, entry: Mapping[str, Any]) -> bool:
    """Return True when a program cannot do without this entry under this name."""
    if entry.get("undeclared") or _BOOKKEEPING.match(name):
        return False
    return 0 not in entry["shape"]


def entry_problems(name: str, ours: Any, entry: Mapping[str, Any]) -> list[str]:
    """Compare one entry: its shape and its values (or their recorded summary)."""
    value = np.asarray(ours, dtype=float)
    shape = tuple(entry["shape"])
    # brms keeps some undeclared constants as scalars; a vector of that constant means the same.
    if entry.get("undeclared") and value.shape != shape:
        return []
    if value.shape != shape:
        return [f"data {name}: shape {value.shape}, recorded {shape}"]
    relative = 0.0 if entry["type"] == "int" else REAL_TOLERANCE
    if _NEARLY_SINGULAR.match(name):
        relative = 1e-8
    if "values" in entry:
        expected = array(entry["values"], shape)
        if _EIGENVALUES.match(name):
            value, expected = np.sort(value), np.sort(expected)
        if _SIGN_FREE.match(name) and value.ndim == 2:
            value = value * aligning_signs(value, expected)
        line = difference(f"data {name}", value, expected, relative, _spread(expected))
        return [line] if line else []
    flat = value.ravel()
    pairs = [("sumsq", np.sum(flat**2))]
    if not _SIGN_FREE.match(name):
        pairs.append(("sum", np.sum(flat)))
    lines = [
        difference(f"data {name} {key}", got, number(entry[key]), 1e-9, max(1.0, flat.size * 1e-3))
        for key, got in pairs
    ]
    if not _SIGN_FREE.match(name):
        for key, part in (("first20", flat[:20]), ("last20", flat[-20:])):
            lines.append(difference(f"data {name} {key}", part, array(entry[key]), relative))
    return [line for line in lines if line]


def _spread(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(max(1.0, np.max(np.abs(finite)))) if finite.size else 1.0


def aligning_signs(ours: np.ndarray, recorded: np.ndarray) -> np.ndarray:
    """The sign of each column of `ours` that brings it closest to `recorded`."""
    return np.where(np.sum(ours * recorded, axis=0) < 0, -1.0, 1.0)


def aligned_data(ours: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Our data with the signs of smooth bases turned to the recorded ones."""
    out = dict(ours)
    for name, entry in recorded.items():
        value = np.asarray(out.get(name, 0.0))
        if not (_SIGN_FREE.match(name) and "values" in entry and value.ndim == 2):
            continue
        expected = array(entry["values"], entry["shape"])
        if value.shape == expected.shape:
            out[name] = value * aligning_signs(value, expected)
            if entry_problems(name, value, entry) and same_functions(name, ours, recorded):
                out[name] = expected
    return out


def same_functions(name: str, ours: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether columns of smooths span what the recorded ones span.

    Where eigenvalues of a penalty repeat, as in a null space of several dimensions, the basis
    that a linear algebra library chooses is arbitrary. Penalised blocks must have the same
    covariance; curves of levels (``bs = "fs"``), whose scale depends on that basis, must span the
    same functions with all their blocks together.
    """
    if not _SIGN_FREE.match(name):
        return False
    stem = name.rpartition("_")[0]
    block = name.startswith("Zs")
    names = [k for k in recorded if k.rpartition("_")[0] == stem] if block else [name]
    if any("values" not in recorded[k] for k in names):
        return False
    expected = {k: array(recorded[k]["values"], recorded[k]["shape"]) for k in names}
    found = {k: np.asarray(ours.get(k, np.zeros((0, 0)))) for k in names}
    if any(found[k].shape != expected[k].shape for k in names):
        return False
    if block and len(names) == 1:
        target = expected[name] @ expected[name].T
        gap = np.abs(found[name] @ found[name].T - target).max()
        return bool(gap <= 1e-6 * np.abs(target).max())
    a, b = (np.column_stack([which[k] for k in names]) for which in (found, expected))
    return _spanned(a, b) and _spanned(b, a)


def _spanned(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether the columns of `a` are combinations of those of `b`."""
    rest = a - b @ np.linalg.lstsq(b, a, rcond=None)[0]
    return bool(np.abs(rest).max() <= 1e-6 * np.abs(a).max())


# ---------------------------------------------------------------------------------------------
# parameters


def parameter_problems(
    declared: Iterable[Declared], data: Mapping[str, Any], recorded: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Compare the declared parameters: names, dims and bounds."""
    ours = {one.name: one for one in declared}
    theirs = {one["name"]: one for one in recorded}
    problems: list[str] = []
    lacking = [name for name in theirs if name not in ours]
    surplus = [name for name in ours if name not in theirs]
    if lacking or surplus:
        parts = [f"{what} {', '.join(names)}" for what, names in
                 (("missing", lacking), ("surplus", surplus)) if names]
        problems.append(f"parameters: {'; '.join(parts)}")
    for name in theirs:
        if name in ours:
            problems += _one_parameter(ours[name], data, theirs[name])
    return problems


def _one_parameter(
    ours: Declared, data: Mapping[str, Any], recorded: Mapping[str, Any]
) -> list[str]:
    problems: list[str] = []
    try:
        dims = ours.dims(data)
    except (ValueError, KeyError, IndexError, SyntaxError) as error:
        return [f"parameter {ours.name}: dims {error}"]
    if dims != tuple(recorded["dims"]):
        problems.append(f"parameter {ours.name}: dims {dims}, recorded {tuple(recorded['dims'])}")
    for side, text in (("lower", ours.lower), ("upper", ours.upper)):
        expected = recorded.get(f"{side}_value", recorded[side])
        unbounded = -math.inf if side == "lower" else math.inf
        want = unbounded if expected is None else array(expected)
        try:
            got = evaluate(text, data) if text else unbounded
        except (ValueError, SyntaxError) as error:
            problems.append(f"parameter {ours.name}: {side} bound: {error}")
            continue
        if not np.all(close(got, want, 1e-12)):
            problems.append(
                f"parameter {ours.name}: {side} bound {text or 'none'}, recorded {expected}"
            )
    return problems


# ---------------------------------------------------------------------------------------------
# priors


def prior_rows(rows: Iterable[Mapping[str, Any]]) -> set[tuple[str, ...]]:
    """Rows of a prior table as comparable tuples (`PRIOR_KEYS`)."""
    return {tuple(_cell(row.get(key)) for key in PRIOR_KEYS) for row in rows}


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)) or value is pd.NA:
        return ""
    if isinstance(value, float | np.floating):
        value = f"{value:.15g}"
    return re.sub(r"\s+", "", str(value))


def prior_problems(table: pd.DataFrame, recorded: Iterable[Mapping[str, Any]]) -> list[str]:
    """Compare two prior tables as sets of rows."""
    ours = prior_rows(table.to_dict("records"))
    # The weight of a mixture that is the reference of a softmax is no parameter.
    theirs = prior_rows(
        row for row in recorded
        if not (str(row["class"]).startswith("theta") and str(row.get("lb")) == "-Inf")
    )
    theirs = _without_unpenalised(theirs)
    problems = []
    for what, rows in (("missing", theirs - ours), ("surplus", ours - theirs)):
        if rows:
            shown = [_shown(row) for row in sorted(rows)[:4]]
            more = f" and {len(rows) - 4} more" if len(rows) > 4 else ""
            problems.append(f"default priors: {what} {'; '.join(shown)}{more}")
    return problems


def _without_unpenalised(rows: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Leave out standard deviations of smooths with ``fx = TRUE``, which have none."""
    at, cls = PRIOR_KEYS.index("coef"), PRIOR_KEYS.index("class")
    sds = {row for row in rows if row[cls] == "sds"}
    unpenalised = {row for row in sds if "fx=TRUE" in row[at] or "fx=T" in row[at]}
    # The row of the whole class goes with the last smooth that has one.
    scopes = {_scope(row) for row in sds - unpenalised if row[at]}
    gone = {row for row in sds if not row[at] and _scope(row) not in scopes}
    return rows - unpenalised - gone


def _scope(row: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(row[PRIOR_KEYS.index(key)] for key in ("resp", "dpar", "nlpar"))


def _shown(row: tuple[str, ...]) -> str:
    cells = dict(zip(PRIOR_KEYS, row, strict=True))
    where = [f"{k}={v}" for k, v in cells.items() if v and k not in ("prior", "lb", "ub")]
    bounds = [f"{k}={v}" for k, v in cells.items() if v and k in ("lb", "ub")]
    return " ".join([repr(cells["prior"]), *where, *bounds])
