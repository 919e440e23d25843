"""From the group-level terms of all formulas to their owners and views."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec, group_codes
from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import flag, literal, match_arguments
from hiermodel.formula.syntax import Call, Expansion, GroupTerm, Name, Node
from hiermodel.schema import Schema
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.build_special_effects import is_special, varying_coefs
from hiermodel.terms.category_specific import CategorySpecificView, inner_expansion
from hiermodel.terms.category_specific import label as threshold_label
from hiermodel.terms.group import GroupCoef, GroupEffects, GroupView, MemberColumn
from hiermodel.terms.grouping import ByFactor, Grouping, by_labels
from hiermodel.terms.special_effects import SpecialCoef, SpecialEffectsTerm
from hiermodel.terms.special_view import SpecialView

DefaultSd = Callable[[Callable[[], Array]], Any]

_OPTIONS = ("by", "cor", "id", "cov", "dist", "pw")


@dataclass(frozen=True, eq=False)
class GroupContext:
    """What is needed to resolve group-level terms; `defaults` are the priors of cor and df."""

    frame: pd.DataFrame
    schema: Schema
    data2: Mapping[str, Any]
    defaults: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class GroupRequest:
    """The group-level terms of one predictor.

    `default_sd` gives the default prior of a standard deviation; it gets a function that
    computes the column of the design, which most defaults do not need. `frame` holds the rows
    of the predictor's response, the context those of the whole model. `nthres` is the number of
    thresholds that ``cs()`` can move, 0 where there are none. `special` are the effects of
    ``mo()``, ``me()`` and ``mi()`` of the predictor, which may vary over levels.
    """

    scope: Scope
    expansion: Expansion
    default_sd: DefaultSd
    frame: pd.DataFrame
    nthres: int = 0
    special: SpecialEffectsTerm | None = None


@dataclass(frozen=True, eq=False)
class _Piece:
    """The columns that one group-level term gives to one block."""

    term: GroupTerm
    scope: Scope
    source: str
    design: DesignSpec
    member_columns: tuple[MemberColumn, ...]
    default_sd: DefaultSd
    frame: pd.DataFrame
    nthres: int = 0
    special: tuple[SpecialCoef, ...] = ()
    effects: SpecialEffectsTerm | None = None

    def coefs(self) -> tuple[GroupCoef, ...]:
        """Its coefficients with the default priors of their standard deviations."""
        frame = self.frame
        out = [
            GroupCoef(one, self.scope, self.default_sd(partial(self._column, frame, k)))
            for k, name in enumerate(self.design.names)
            for one in self._per_threshold(name)
        ]
        for column in self.member_columns:
            values = partial(column.value, frame, 1, "raise")
            out.append(GroupCoef(column.name, self.scope, self.default_sd(values)))
        for special in self.special:
            values = partial(self._special_column, special)
            out.append(GroupCoef(special.name, self.scope, self.default_sd(values)))
        return tuple(out)

    def _special_column(self, coef: SpecialCoef) -> Array:
        assert self.effects is not None
        return coef.typical(self.frame, self.effects.data(self.frame))

    def _column(self, frame: pd.DataFrame, k: int) -> Array:
        return self.design.matrix(frame)[:, k]

    def _per_threshold(self, name: str) -> tuple[str, ...]:
        """The coefficient, or with ``cs()`` one per threshold."""
        if not self.nthres:
            return (name,)
        return tuple(threshold_label(name, k) for k in range(1, self.nthres + 1))

    def view(self, owner: GroupEffects, first: int) -> GroupView:
        """Its columns, from position `first` of the owner on."""
        parts = (owner, self.scope, first, self.design, self.member_columns, self.term.text)
        if self.special and self.effects is not None:
            return SpecialView(*parts, self.special, self.effects)
        return CategorySpecificView(*parts, self.nthres) if self.nthres else GroupView(*parts)


def group_name(term: GroupTerm) -> str:
    """Name of the grouping factor as users see it."""
    if term.call is not None and term.call.function == "mm":
        return "mm" + "".join(term.group)
    return ":".join(term.group)


def build_groups(
    requests: Sequence[GroupRequest], context: GroupContext
) -> tuple[tuple[GroupEffects, ...], tuple[tuple[GroupView, ...], ...]]:
    """Resolve all group-level terms of a model.

    Parameters
    ----------
    requests : sequence of GroupRequest
        One entry per predictor, in the order of the model.
    context : GroupContext

    Returns
    -------
    owners : tuple of GroupEffects
        Numbered from 1: by predictor, then by name of the grouping factor.
    views : tuple of tuple of GroupView
        Per predictor.
    """
    blocks: dict[object, list[tuple[int, _Piece]]] = {}
    for position, request in enumerate(requests):
        for rank, term in enumerate(sorted(request.expansion.groups, key=group_name)):
            for tail, piece in enumerate(_pieces(term, request, context.schema)):
                key = (group_name(term), term.id) if term.id else (position, rank, tail)
                _check_same_group(blocks, term, request.expansion.source)
                blocks.setdefault(key, []).append((position, piece))
    owners: list[GroupEffects] = []
    views: list[list[GroupView]] = [[] for _ in requests]
    for index, members in enumerate(blocks.values(), start=1):
        owner = _owner(index, [piece for _, piece in members], owners, context)
        owners.append(owner)
        first = 1
        for position, piece in members:
            view = piece.view(owner, first)
            first += view.width
            views[position].append(view)
    return tuple(owners), tuple(tuple(v) for v in views)


def _check_same_group(
    blocks: Mapping[object, list[tuple[int, _Piece]]], term: GroupTerm, source: str
) -> None:
    if term.id is None:
        return
    for pieces in blocks.values():
        other = pieces[0][1].term
        if other.id == term.id and group_name(other) != group_name(term):
            message = (
                f"the ID {term.id!r} already belongs to the grouping factor "
                f"{group_name(other)!r}; effects that share an ID must share their factor"
            )
            raise FormulaError(message, source, term.span)


def _pieces(term: GroupTerm, request: GroupRequest, schema: Schema) -> list[_Piece]:
    """One piece, or two when independent effects include member-specific ones."""
    source, frame = request.expansion.source, request.frame
    _check_coefs(term, source)
    if any(special.kind == "cs" for special in term.coefs.specials):
        return [_category_specific(term, request, schema)]
    intercept = term.coefs.intercept or term.coefs.plain_intercept
    design = DesignSpec.learn(term.coefs.terms, intercept, frame, schema, source=source)
    columns = tuple(
        _member_column(term, call, source, frame, schema) for call in _mmc_calls(term)
    )
    special = varying_coefs(term, group_name(term), request.special, frame, schema, source)

    def piece(
        design: DesignSpec, columns: tuple[MemberColumn, ...], special: tuple[SpecialCoef, ...] = ()
    ) -> _Piece:
        return _Piece(term, request.scope, source, design, columns, request.default_sd, frame, 0,
                      special, request.special)

    if (columns or special) and not term.correlated and design.names:
        empty = DesignSpec.learn((), False, frame, schema, source=source)
        return [piece(design, ()), piece(empty, columns, special)]
    if not columns and not special and not design.names:
        raise FormulaError(
            f"the group-level term {term.text} has no coefficient", source, term.span
        )
    return [piece(design, columns, special)]



def _category_specific(term: GroupTerm, request: GroupRequest, schema: Schema) -> _Piece:
    """The piece of ``(cs(...) | g)``."""
    source, frame = request.expansion.source, request.frame
    special = term.coefs.specials[0]
    if not request.nthres:
        raise FormulaError(
            "cs() needs the thresholds of an ordinal family, without groups of thresholds",
            source, special.span,
        )  # fmt: skip
    if term.coefs.terms or len(term.coefs.specials) > 1:
        raise FormulaError(
            "cs() must stand alone in a group-level term: write (0 + x | g) + (cs(1) | g)",
            source, special.span,
        )  # fmt: skip
    inner = inner_expansion(special, source)
    design = DesignSpec.learn(inner.terms, inner.intercept, frame, schema, source=source)
    return _Piece(
        term, request.scope, source, design, (), request.default_sd, frame, request.nthres
    )


def _check_coefs(term: GroupTerm, source: str) -> None:
    for special in term.coefs.specials:
        if special.kind not in ("mmc", "cs") and not is_special(special):
            message = (
                f"{special.kind}() has no effect that varies over groups: write it outside of the "
                "brackets"
            )
            raise FormulaError(message, source, special.span)
    for interaction in term.coefs.terms:
        for factor in interaction.factors:
            if isinstance(factor, Name) and (factor.value,) == term.group:
                message = f"{factor.value!r} cannot vary over its own levels in {term.text}"
                raise FormulaError(message, source, factor.span)
    if term.coefs.offsets:
        raise FormulaError(
            "offset() cannot stand inside a group-level term", source, term.span
        )


def _mmc_calls(term: GroupTerm) -> tuple[Call, ...]:
    return tuple(s.calls[0] for s in term.coefs.specials if not is_special(s))


def _member_column(
    term: GroupTerm, call: Call, source: str, frame: pd.DataFrame, schema: Schema
) -> MemberColumn:
    multi = term.call is not None and term.call.function == "mm"
    if not multi:
        raise FormulaError("mmc() can only be used with mm()", source, call.span)
    if len(call.arguments) != len(term.group):
        message = f"mmc() needs one covariate per member: {len(term.group)}"
        raise FormulaError(message, source, call.span)
    nodes = [argument.value for argument in call.arguments]
    expressions = tuple(learn(n, frame, schema, source) for n in nodes)
    name = "mmc" + "".join(deparse(n) for n in nodes)
    return MemberColumn(name, expressions)


def _owner(
    index: int, pieces: list[_Piece], earlier: Sequence[GroupEffects], context: GroupContext
) -> GroupEffects:
    term, source = pieces[0].term, pieces[0].source
    options = _options(term, source)
    name = group_name(term)
    grouping = _grouping(term, options, name, source, context)
    coefs = tuple(coef for piece in pieces for coef in piece.coefs())
    student = _is_student(options.get("dist"), source)
    _check_same_kind(term, student, options.get("by"), name, source, earlier)
    known = [owner.name for owner in earlier]
    distinct = list(dict.fromkeys([*known, name]))
    return GroupEffects(
        index=index,
        grouping=grouping,
        coefs=coefs,
        correlated=term.correlated,
        student=student,
        df_index=distinct.index(name) + 1,
        declares_df=not any(o.student and o.name == name for o in earlier),
        by=_by_factor(options.get("by"), grouping, source, context),
        cov_factor=_cov_factor(options.get("cov"), grouping, source, context),
        prior_weights=_prior_weights(options.get("pw"), grouping, source, context),
        defaults=context.defaults,
        text=", ".join(dict.fromkeys(piece.term.text for piece in pieces)),
    )


def _check_same_kind(
    term: GroupTerm,
    student: bool,
    by: Node | None,
    name: str,
    source: str,
    earlier: Sequence[GroupEffects],
) -> None:
    """All effects of a grouping factor have one distribution and one by factor, as in brms."""
    by_name = deparse(by) if by is not None else ""
    for other in earlier:
        if other.name != name:
            continue
        if other.student != student:
            message = (
                f"the effects of {name!r} have another distribution in {other.text}; "
                "give dist the same value in all terms of a grouping factor"
            )
            raise FormulaError(message, source, term.span)
        if (other.by.name if other.by else "") != by_name:
            message = (
                f"the effects of {name!r} have another by factor in {other.text}; "
                "give by the same value in all terms of a grouping factor"
            )
            raise FormulaError(message, source, term.span)


def _options(term: GroupTerm, source: str) -> dict[str, Node]:
    call = term.call
    if call is None:
        return {}
    if call.function == "mm":
        # The members are the positional arguments; the rest is named.
        named = replace(call, arguments=tuple(a for a in call.arguments if a.name is not None))
        return match_arguments(named, ("weights", "scale", *_OPTIONS), source)
    return match_arguments(call, ("g", *_OPTIONS), source)


def _grouping(
    term: GroupTerm, options: Mapping[str, Node], name: str, source: str, context: GroupContext
) -> Grouping:
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


def _is_student(node: Node | None, source: str) -> bool:
    dist = literal(node, "gaussian", source, "dist")
    if dist not in ("gaussian", "student"):
        hint = did_you_mean(str(dist), ("gaussian", "student"))
        message = f"dist must be 'gaussian' or 'student', not {dist!r}{hint}"
        raise FormulaError(message, source, node.span if node else None)
    return dist == "student"


def _by_factor(
    node: Node | None, grouping: Grouping, source: str, context: GroupContext
) -> ByFactor | None:
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


def _cov_factor(
    node: Node | None, grouping: Grouping, source: str, context: GroupContext
) -> Array | None:
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


def _prior_weights(
    node: Node | None, grouping: Grouping, source: str, context: GroupContext
) -> Array | None:
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
