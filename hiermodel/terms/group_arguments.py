"""What the arguments of ``gr()`` and ``mm()`` say: grouping factor, by, cov, dist, pw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import group_codes
from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import flag, literal, match_arguments
from hiermodel.formula.syntax import GroupTerm, Name, Node
from hiermodel.schema import Schema
from hiermodel.terms.base import Array
from hiermodel.terms.grouping import ByFactor, Grouping, by_labels

_OPTIONS = ("by", "cor", "id", "cov", "dist", "pw")


@dataclass(frozen=True, eq=False)
class GroupContext:
    """What is needed to resolve group-level terms; `defaults` are the priors of cor and df."""

    frame: pd.DataFrame
    schema: Schema
    data2: Mapping[str, Any]
    defaults: Mapping[str, Any]


def options_of(term: GroupTerm, source: str) -> dict[str, Node]:
    """The named arguments of a term, as expressions."""
    call = term.call
    if call is None:
        return {}
    if call.function == "mm":
        # The members are the positional arguments; the rest is named.
        named = replace(call, arguments=tuple(a for a in call.arguments if a.name is not None))
        return match_arguments(named, ("weights", "scale", *_OPTIONS), source)
    return match_arguments(call, ("g", *_OPTIONS), source)


def grouping_of(
    term: GroupTerm, options: Mapping[str, Node], name: str, source: str, context: GroupContext
) -> Grouping:
    """The grouping factor of a term, or its members."""
    multi = term.call is not None and term.call.function == "mm"
    frame = context.frame
    if multi:
        members: tuple[tuple[str, ...], ...] = tuple((variable,) for variable in term.group)
        levels = _pooled_levels(frame, term.group)
    else:
        members = (term.group,)
        levels = group_codes(frame, term.group)[1]
    if len(levels) < 2:
        raise DataError(
            f"grouping factor {name!r} has only one level ({', '.join(levels)}): effects that "
            "vary over levels need at least two; drop the term "
            f"{term.text} or use another factor"
        )
    weights: LearnedExpression | None = None
    if multi and "weights" in options:
        weights = learn(options["weights"], frame, context.schema, source)
        shape = np.shape(weights.value(frame))
        if len(shape) != 2 or shape[1] != len(members):
            message = f"weights of mm() must have {len(members)} columns, one per member"
            raise FormulaError(message, source, options["weights"].span)
    scale = flag(options.get("scale"), True, source, "scale of mm()")
    return Grouping(name, members, levels, multi, weights, scale)


def _pooled_levels(frame: pd.DataFrame, variables: Sequence[str]) -> tuple[str, ...]:
    """Levels of all members together: factors keep their order, other values are sorted."""
    if all(isinstance(frame[v].dtype, pd.CategoricalDtype) for v in variables):
        every = [level for v in variables for level in group_codes(frame, (v,))[1]]
        order = [str(c) for v in variables for c in frame[v].cat.categories]
        return tuple(level for level in dict.fromkeys(order) if level in set(every))
    pooled = pd.concat([frame[v].astype(object) for v in variables], ignore_index=True)
    numeric = all(pd.api.types.is_numeric_dtype(frame[v]) for v in variables)
    values = pooled.astype(float) if numeric else pooled.astype(str)
    return group_codes(pd.DataFrame({"pooled": values}), ("pooled",))[1]


def is_student(node: Node | None, source: str) -> bool:
    """Whether ``dist`` says that effects follow a Student distribution."""
    dist = literal(node, "gaussian", source, "dist")
    if dist not in ("gaussian", "student"):
        hint = did_you_mean(str(dist), ("gaussian", "student"))
        message = f"dist must be 'gaussian' or 'student', not {dist!r}{hint}"
        raise FormulaError(message, source, node.span if node else None)
    return dist == "student"


def by_factor(
    node: Node | None, grouping: Grouping, source: str, context: GroupContext
) -> ByFactor | None:
    """The factor of ``by``, one of whose levels each level of the grouping factor has."""
    if node is None:
        return None
    expression = learn(node, context.frame, context.schema, source)
    value = expression.value(context.frame)
    labels = by_labels(value, len(grouping.members))
    codes = grouping.codes(context.frame)
    if labels.shape[1] != len(codes):
        message = f"by of mm() needs one column per member: by = cbind({', '.join('b' * 2)})"
        raise FormulaError(message, source, node.span)
    per_level = pd.DataFrame(
        {"level": np.concatenate(codes), "by": labels.T.reshape(-1)}
    ).drop_duplicates()
    repeated = per_level["level"][per_level["level"].duplicated()]
    if len(repeated):
        level = grouping.levels[int(repeated.iloc[0])]
        raise DataError(
            f"by = {deparse(node)}: level {level!r} of {grouping.name!r} has several values; "
            "the by factor must be constant within each level"
        )
    order = value.levels if isinstance(value, FactorValue) else _sorted_labels(per_level["by"])
    used = set(per_level["by"])
    by_levels = tuple(label for label in order if label in used)
    by_code = per_level.set_index("level")["by"].map({b: k for k, b in enumerate(by_levels)})
    codes_of_levels = by_code.sort_index().to_numpy(dtype=np.int64)
    return ByFactor(deparse(node), by_levels, codes_of_levels, expression)


def _sorted_labels(labels: pd.Series) -> tuple[str, ...]:
    unique = list(dict.fromkeys(labels))
    try:
        return tuple(sorted(unique, key=float))
    except ValueError:
        return tuple(sorted(unique))


def cov_factor(
    node: Node | None, grouping: Grouping, source: str, context: GroupContext
) -> Array | None:
    """Cholesky factor of the matrix that ``cov`` names."""
    if node is None:
        return None
    if not isinstance(node, Name):
        raise FormulaError("cov must be the name of a matrix in data2", source, node.span)
    if node.value not in context.data2:
        hint = did_you_mean(node.value, context.data2)
        message = (
            f"cov = {node.value}: there is no {node.value!r} in data2{hint}; pass it as "
            f"data2={{{node.value!r}: DataFrame with the levels as index and columns}}"
        )
        raise FormulaError(message, source, node.span)
    return _checked_cholesky(node.value, context.data2[node.value], grouping)


def _checked_cholesky(name: str, matrix: Any, grouping: Grouping) -> Array:
    if not isinstance(matrix, pd.DataFrame):
        raise DataError(
            f"data2[{name!r}] must be a DataFrame whose index holds the levels of "
            f"{grouping.name!r}"
        )
    table = matrix.set_axis(matrix.index.map(str), axis=0)
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        raise DataError(f"the index of data2[{name!r}] has the label {twice!r} more than once")
    missing = [level for level in grouping.levels if level not in table.index]
    if missing or table.shape[0] != table.shape[1]:
        what = f"levels {missing[:3]} of {grouping.name!r}" if missing else "a square shape"
        raise DataError(f"data2[{name!r}] lacks {what}")
    position = {label: k for k, label in enumerate(table.index)}
    order = [position[level] for level in grouping.levels]
    cov = table.to_numpy(dtype=float)[np.ix_(order, order)]
    if not np.isfinite(cov).all():
        row, column = (grouping.levels[k] for k in np.argwhere(~np.isfinite(cov))[0])
        raise DataError(
            f"data2[{name!r}] has a missing or infinite value between {row!r} and {column!r}"
        )
    if not np.allclose(cov, cov.T):
        raise DataError(f"data2[{name!r}] is not symmetric")
    try:
        return np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        raise DataError(f"data2[{name!r}] is not positive definite") from None


def prior_weights(
    node: Node | None, grouping: Grouping, source: str, context: GroupContext
) -> Array | None:
    """The weights of levels that ``pw`` names."""
    if node is None:
        return None
    value = np.asarray(learn(node, context.frame, context.schema, source).value(context.frame))
    codes = grouping.codes(context.frame)
    weights = np.full(len(grouping.levels), np.nan)
    for code in codes:
        weights[code] = value
        if not np.array_equal(weights[code], value):
            raise DataError(
                f"pw = {deparse(node)}: the weights must be constant within the levels of "
                f"{grouping.name!r}"
            )
    if not (weights >= 0).all():
        raise DataError(f"pw = {deparse(node)}: the weights must not be negative")
    return weights
