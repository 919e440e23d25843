"""From the group-level terms of all formulas to their owners and views."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.errors import FormulaError
from hiermodel.expressions import learn
from hiermodel.formula import deparse
from hiermodel.formula.syntax import Call, Expansion, GroupTerm, Name, Node
from hiermodel.schema import Schema
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.build_special_effects import is_special, varying_coefs
from hiermodel.terms.category_specific import CategorySpecificView, inner_expansion
from hiermodel.terms.category_specific import label as threshold_label
from hiermodel.terms.group import GroupCoef, GroupEffects
from hiermodel.terms.group_arguments import (
    GroupContext,
    by_factor,
    cov_factor,
    grouping_of,
    is_student,
    options_of,
    prior_weights,
)
from hiermodel.terms.group_view import GroupView, MemberColumn
from hiermodel.terms.special_effects import SpecialCoef, SpecialEffectsTerm
from hiermodel.terms.special_view import SpecialView

DefaultSd = Callable[[Callable[[], Array]], Any]



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
    options = options_of(term, source)
    name = group_name(term)
    grouping = grouping_of(term, options, name, source, context)
    coefs = tuple(coef for piece in pieces for coef in piece.coefs())
    student = is_student(options.get("dist"), source)
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
        by=by_factor(options.get("by"), grouping, source, context),
        cov_factor=cov_factor(options.get("cov"), grouping, source, context),
        prior_weights=prior_weights(options.get("pw"), grouping, source, context),
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
