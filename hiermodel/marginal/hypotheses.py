"""Hypotheses about the rows of a table of effects, evaluated on their draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.effects.grid import level_text
from hiermodel.effects.statements import evaluate, sides
from hiermodel.errors import ArgumentError, FormulaError, did_you_mean
from hiermodel.formula import parse_expression
from hiermodel.formula.syntax import names
from hiermodel.terms.base import Array

KINDS = ("pairwise", "revpairwise", "reference", "revreference", "sequential", "revsequential")
# More differences than this are no table that anyone reads.
_MOST = 2000


def compare_rows(
    draws: Array, labels: pd.DataFrame, hypothesis: Any
) -> tuple[Array, pd.DataFrame, list[str]]:
    """Evaluate hypotheses about rows.

    Parameters
    ----------
    draws : ndarray (draws, rows)
    labels : DataFrame
        What tells the rows apart: term, contrast, subgroups, category.
    hypothesis : str, sequence of str, or weights
        One of `KINDS`, statements on ``b1``, ``b2``, ..., or weights: a vector, a matrix with a
        column for each hypothesis, or a data frame or mapping whose columns have names.

    Returns
    -------
    draws : ndarray (draws, hypotheses)
    table : DataFrame
        The column ``hypothesis``, and ``category`` where rows are compared within categories.
    signs : list of str
        ``">"``, ``"<"``, or ``"="`` for an estimate.

    Raises
    ------
    ArgumentError, FormulaError
    """
    if isinstance(hypothesis, str) and hypothesis in KINDS:
        return _differences(draws, labels, hypothesis)
    if is_difference(hypothesis):
        given = [hypothesis] if isinstance(hypothesis, str) else list(hypothesis)
        return _statements(draws, labels, given)
    return _weighted(draws, hypothesis)


def is_difference(hypothesis: Any) -> bool:
    """True for kinds of differences and for statements, whose estimate is left minus right side."""
    given = hypothesis if isinstance(hypothesis, (list, tuple)) else [hypothesis]
    return bool(given) and all(isinstance(h, str) for h in given)


def row_names(labels: pd.DataFrame) -> list[str]:
    """Return a short name for each row, from the columns that tell rows apart."""
    varied = [c for c in labels.columns if labels[c].astype(str).nunique() > 1]
    used = varied or list(labels.columns)
    if not used:
        return [f"b{k + 1}" for k in range(len(labels))]
    return [", ".join(map(level_text, row)) for row in labels[used].itertuples(index=False)]


def _differences(
    draws: Array, labels: pd.DataFrame, kind: str
) -> tuple[Array, pd.DataFrame, list[str]]:
    """Differences between rows, those of each category among themselves."""
    within = [c for c in ("category",) if c in labels.columns]
    blocks = (
        [(key, np.flatnonzero(labels["category"].astype(str) == str(key)))
         for key in dict.fromkeys(labels["category"])]
        if within else [(None, np.arange(len(labels)))]
    )
    columns: list[Array] = []
    rows: list[dict[str, Any]] = []
    for key, places in blocks:
        if len(places) < 2:
            raise ArgumentError(f"hypothesis={kind!r} compares rows, and there is one row only")
        called = row_names(labels.iloc[places].drop(columns=within))
        for a, b in pairs(kind, len(places)):
            columns.append(draws[:, places[b]] - draws[:, places[a]])
            row: dict[str, Any] = {"hypothesis": f"({called[b]}) - ({called[a]})"}
            rows.append(row if key is None else {**row, "category": key})
    return np.column_stack(columns), pd.DataFrame(rows), ["="] * len(rows)


def pairs(kind: str, count: int) -> list[tuple[int, int]]:
    """Pairs of places; the difference is the second minus the first."""
    plain = kind.removeprefix("rev")
    if plain == "pairwise":
        if count * (count - 1) // 2 > _MOST:
            raise ArgumentError(
                f"hypothesis='pairwise' would make {count * (count - 1) // 2} differences of "
                f"{count} rows; average them first, with by="
            )
        pairs = list(combinations(range(count), 2))
    elif plain == "reference":
        pairs = [(0, k) for k in range(1, count)]
    else:
        pairs = [(k, k + 1) for k in range(count - 1)]
    return [(b, a) for a, b in pairs] if kind != plain else pairs


def _statements(
    draws: Array, labels: pd.DataFrame, given: Sequence[str]
) -> tuple[Array, pd.DataFrame, list[str]]:
    scope = {f"b{k + 1}": draws[:, k] for k in range(draws.shape[1])}
    called = row_names(labels)
    for k, name in enumerate(called):
        # A name in backticks, where it is one row's only.
        if called.count(name) == 1:
            scope.setdefault(name, draws[:, k])
    columns, signs, texts = [], [], []
    for text in given:
        left, sign, right = sides(text)
        value = _side(left, scope, text) - _side(right, scope, text)
        if np.ndim(value) == 0:
            raise FormulaError("the hypothesis names no row of the table: b1, b2, ...", text)
        columns.append(value)
        signs.append(sign)
        texts.append(" ".join(text.split()))
    return np.column_stack(columns), pd.DataFrame({"hypothesis": texts}), signs


def _side(side: str, scope: Mapping[str, Array], text: str) -> Array:
    node = parse_expression(side)
    for name in names(node):
        if name not in scope:
            numbers = sum(1 for n in scope if n.startswith("b") and n[1:].isdigit())
            raise FormulaError(
                f"{name!r} is no row of the table{did_you_mean(name, scope)}; its rows are "
                f"b1 to b{numbers}",
                text,
            )
    return np.asarray(evaluate(node, scope, side), dtype=float)


def _weighted(draws: Array, hypothesis: Any) -> tuple[Array, pd.DataFrame, list[str]]:
    called: list[str] | None = None
    if isinstance(hypothesis, Mapping):
        hypothesis = pd.DataFrame(dict(hypothesis))
    if isinstance(hypothesis, pd.DataFrame):
        called = [str(c) for c in hypothesis.columns]
    try:
        weights = np.asarray(hypothesis, dtype=float)
    except (TypeError, ValueError):
        weights = np.empty(0)
    if weights.ndim == 1 and weights.size:
        weights = weights[:, None]
    if weights.ndim != 2 or not weights.size:
        raise ArgumentError(
            f"hypothesis must be one of {', '.join(KINDS)}, text such as 'b2 - b1 > 0', or "
            f"weights of the rows, not {hypothesis!r}"
        )
    if len(weights) != draws.shape[1] or not np.isfinite(weights).all():
        raise ArgumentError(
            f"the weights of a hypothesis must be finite, one for each of {draws.shape[1]} rows; "
            f"there are {len(weights)}"
        )
    called = called or [f"H{k + 1}" for k in range(weights.shape[1])]
    return draws @ weights, pd.DataFrame({"hypothesis": called}), ["="] * len(called)
