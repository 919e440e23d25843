"""From an ordinal response to its thresholds: how many, in which groups."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions import LearnedExpression
from hiermodel.families.base import Family
from hiermodel.response import Response, factor_labels
from hiermodel.terms.base import Scope
from hiermodel.terms.thresholds import Thresholds


def build_thresholds(
    response: Response, frame: pd.DataFrame, family: Family, param: str, scope: Scope
) -> Thresholds:
    """The thresholds of an ordinal family, with which its parameter `param` is compared."""
    additions = response.additions
    y = response.coded(frame)
    observed = len(response.categories) - (2 if family.hurdle else 1)
    labels: tuple[str, ...] = ()
    if "thres_gr" in additions:
        labels, counts = _grouped_counts(additions.values, y, frame)
    elif "thres" in additions:
        counts = (_constant(additions.values["thres"], frame, "thres()"),)
    elif "cat" in additions:
        counts = (_constant(additions.values["cat"], frame, "cat()") - 1,)
    else:
        counts = (observed,)
    if not labels and counts[0] < y.max() - 1:
        raise FormulaError(
            f"the response {response.name!r} has {int(y.max())} categories, which needs "
            f"{int(y.max()) - 1} thresholds, not {counts[0]}"
        )
    if min(counts) < 1:
        where = f" in threshold group {labels[counts.index(min(counts))]!r}" if labels else ""
        raise DataError(
            f"the response {response.name!r} has only one category{where}: an ordinal response "
            "needs at least two; when it can have more, name the number of thresholds with thres()"
        )
    structure = family.option("threshold")
    ordered = family.ordered_thresholds
    return Thresholds(structure, ordered, counts, labels, param, scope, "", "")


def _grouped_counts(
    values: Mapping[str, LearnedExpression], y: np.ndarray, frame: pd.DataFrame
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    value = values["thres_gr"].value(frame)
    per_row = factor_labels(value)
    order = getattr(value, "levels", None) or sorted(set(per_row), key=lambda v: (len(v), v))
    labels = tuple(str(label) for label in order if label in set(per_row))
    if "thres" not in values:
        return labels, tuple(int(y[per_row == label].max()) - 1 for label in labels)
    given = np.broadcast_to(np.asarray(values["thres"].value(frame), dtype=float), y.shape)
    return labels, tuple(int(given[per_row == label][0]) for label in labels)


def _constant(expression: LearnedExpression, frame: pd.DataFrame, what: str) -> int:
    value = np.unique(np.asarray(expression.value(frame), dtype=float))
    if len(value) != 1:
        raise FormulaError(f"{what} must be one number for all rows")
    return int(value[0])
