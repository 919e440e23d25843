"""From ``mo()``, ``me()`` and ``mi()`` in a formula to their effects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.expressions import LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import match_arguments
from hiermodel.formula.syntax import (
    Binary,
    Call,
    GroupTerm,
    Interaction,
    Name,
    Node,
    Number,
    Paren,
    SpecialTerm,
    Unary,
    walk,
)
from hiermodel.frozen import FrozenMap
from hiermodel.schema import Column, Schema
from hiermodel.terms.base import Scope
from hiermodel.terms.measurement_error import Noisy
from hiermodel.terms.missing import Imputed
from hiermodel.terms.monotonic import Monotonic, MonotonicVariable, learn_monotonic
from hiermodel.terms.special_effects import (
    ARITHMETIC,
    KINDS,
    Factor,
    Latents,
    SpecialCoef,
    SpecialEffectsTerm,
)


def is_special(special: SpecialTerm) -> bool:
    """Whether it is one of these effects."""
    return special.kind in KINDS


def special_calls(nodes: Sequence[Node]) -> tuple[Call, ...]:
    """The calls of special variables in nodes, each text once."""
    found = [
        node for one in nodes for node in walk(one)
        if isinstance(node, Call) and node.function in KINDS
    ]
    return tuple({deparse(call): call for call in found}.values())


def special_design(
    specials: Sequence[SpecialTerm], frame: pd.DataFrame, schema: Schema, source: str
) -> tuple[DesignSpec, tuple[str, ...]]:
    """The design of products with ones in the place of special variables, and their texts."""
    order: dict[str, int] = {}
    for special in specials:
        for node in sorted((*special.calls, *special.factors), key=lambda n: n.span[0]):
            order.setdefault(deparse(node), len(order))
    calls = tuple(dict.fromkeys(deparse(call) for one in specials for call in one.calls))
    terms = []
    for special in specials:
        nodes = sorted((*special.calls, *special.factors), key=lambda n: order[deparse(n)])
        factors = tuple(
            Name(node.span, deparse(node)) if deparse(node) in calls else node for node in nodes
        )
        terms.append(Interaction(factors, special.text, special.span))
    columns = FrozenMap(
        {**schema.columns, **{text: Column(text, "numeric") for text in calls}}
    )
    ones = frame.assign(**dict.fromkeys(calls, 1.0))
    design = DesignSpec.learn(
        terms, True, ones, Schema(columns, schema.drop_unused_levels), source=source
    )
    return design, calls


def check_arithmetic(node: Node, source: str) -> None:
    """Refuse what a calculation with special variables cannot hold."""
    match node:
        case Call(function=name) if name in KINDS:
            return
        case Call(function="I", arguments=[argument]):
            check_arithmetic(argument.value, source)
        case Number():
            return
        case Paren(inner=inner):
            check_arithmetic(inner, source)
        case Unary(op="-", operand=operand):
            check_arithmetic(operand, source)
        case Binary(op=op, left=left, right=right) if op in ARITHMETIC:
            check_arithmetic(left, source)
            check_arithmetic(right, source)
        case _:
            raise FormulaError(
                "calculations with mo(), me() or mi() take numbers and + - * / ^ inside I(): "
                "I(me(x, sdx)^2); multiply with columns outside: me(x, sdx):z", source, node.span,
            )


@dataclass(slots=True)
class _Maker:
    """Makes the special variables of a predictor; local to one call of `build_special_effects`."""

    scope: Scope
    frame: pd.DataFrame
    schema: Schema
    source: str
    latents: Latents
    known: dict[str, MonotonicVariable | Factor]
    monotonic: list[Monotonic]
    numbers: int = 0

    def factor(self, call: Call, coef: str, nth: int) -> Factor:
        """The special variable behind a call in a coefficient."""
        text = deparse(call)
        if call.function == "mo":
            return self._monotonic(call, text, coef, nth)
        if text not in self.known:
            make = self._noisy if call.function == "me" else self._imputed
            self.known[text] = make(call, text)
        found = self.known[text]
        assert not isinstance(found, MonotonicVariable)
        return found

    def _monotonic(self, call: Call, text: str, coef: str, nth: int) -> Monotonic:
        if text not in self.known:
            self.known[text] = learn_monotonic(call, self.frame, self.schema, self.source, text)
        variable = self.known[text]
        assert isinstance(variable, MonotonicVariable)
        index = simplex = len(self.monotonic) + 1
        for other in self.monotonic:
            if variable.share and other.variable.share == variable.share:
                if other.variable.steps != variable.steps:
                    raise FormulaError(
                        f"{other.variable.text} and {text} have {other.variable.steps + 1} and "
                        f"{variable.steps + 1} categories, so that they cannot share the id "
                        f"{variable.share!r}", self.source, call.span,
                    )
                simplex = other.simplex
                break
        made = Monotonic(self.scope, variable, index, simplex, f"{coef}{nth}")
        self.monotonic.append(made)
        return made

    def _noisy(self, call: Call, text: str) -> Noisy:
        for block in self.latents.noise_free:
            for variable in block.members:
                if variable.text == text:
                    return Noisy(block, variable)
        raise AssertionError(text)  # all calls of the model have been collected before

    def _imputed(self, call: Call, text: str) -> Imputed:
        arguments = match_arguments(call, ("x", "idx"), self.source)
        node = arguments.get("x")
        if not isinstance(node, Name):
            raise FormulaError("mi() takes the name of a response: mi(x)", self.source, call.span)
        responses = {one.expression.text: one for one in self.latents.imputed}
        own = responses.get(node.value)
        if own is not None and own.resp == self.scope.resp:
            raise FormulaError(
                f"{text}: a response cannot be its own covariate", self.source, call.span
            )
        if node.value not in responses or not self.latents.several:
            known = ", ".join(responses) or "none"
            raise FormulaError(
                f"{text} needs a formula of {node.value!r} with missing values: add "
                f"bf('{node.value} | mi() ~ ...')"
                f"{did_you_mean(node.value, responses)}; responses with mi(): {known}",
                self.source, node.span,
            )
        source = responses[node.value]
        idx: LearnedExpression | None = None
        if "idx" in arguments:
            idx = learn(arguments["idx"], self.frame, self.schema, self.source)
            if source.index is None:
                raise FormulaError(
                    f"{text}: idx refers to index() of the response; write "
                    f"'{node.value} | mi() + index({idx.text}) ~ ...'",
                    self.source, arguments["idx"].span,
                )
            self.numbers += 1
        elif len(source.observed) != len(self.frame):
            raise FormulaError(
                f"{text}: the responses {node.value!r} and {self.scope.resp!r} have different "
                f"rows (subset()); say with idx which row of {node.value!r} is meant, and with "
                "index() what its rows are called", self.source, call.span,
            )
        return Imputed(self.scope, self.numbers, text, source, idx)


def build_special_effects(
    specials: Sequence[SpecialTerm], scope: Scope, frame: pd.DataFrame, schema: Schema,
    source: str, latents: Latents,
) -> SpecialEffectsTerm:
    """The effects of all ``mo()``, ``me()`` and ``mi()`` of a formula.

    Parameters
    ----------
    specials : sequence of SpecialTerm
        In the order of the formula.
    scope : Scope
    frame : DataFrame
        The training rows of the response.
    schema : Schema
    source : str
    latents : Latents

    Raises
    ------
    FormulaError, DataError
        For wrong arguments, unknown responses, data of the wrong type.
    """
    for special in specials:
        for call in special.calls:
            if call.function not in KINDS and call.function != "I":
                raise FormulaError(
                    f"{deparse(call)} cannot be multiplied with other special terms",
                    source, special.span,
                )
            check_arithmetic(call, source)
    design, texts = special_design(specials, frame, schema, source)
    maker = _Maker(scope, frame, schema, source, latents, {}, [])
    coefs: list[SpecialCoef] = []
    for column, (name, term) in enumerate(zip(design.names, design.assign, strict=True)):
        if term < 0:
            continue
        special = specials[term]
        nodes = tuple(sorted(special.calls, key=lambda n: texts.index(deparse(n))))
        factors: dict[str, Factor] = {}
        count = 0
        for call in special_calls(nodes):
            count += call.function == "mo"
            factors[deparse(call)] = maker.factor(call, name, count)
        number = 1 + sum(bool(coef.covariate) for coef in coefs)
        covariate = f"Csp{scope.suffix}_{number}" if special.factors else ""
        coefs.append(SpecialCoef(name, nodes, factors, column, covariate))
    text = " + ".join(special.text for special in specials)
    return SpecialEffectsTerm(scope, tuple(coefs), design, texts, text, ("",) * len(coefs))


def varying_coefs(
    term: GroupTerm, group: str, effects: SpecialEffectsTerm | None, frame: pd.DataFrame,
    schema: Schema, source: str,
) -> tuple[SpecialCoef, ...]:
    """Those coefficients of a group-level term that are special: the population level has them.

    Parameters
    ----------
    term : GroupTerm
    group : str
        The grouping factor, for messages.
    effects : SpecialEffectsTerm, optional
        The effects of the population level.
    frame, schema, source
        As in `build_special_effects`.
    """
    ours = [special for special in term.coefs.specials if is_special(special)]
    if not ours:
        return ()
    if term.call is not None and term.call.function == "mm":
        raise FormulaError(
            f"{ours[0].text} cannot stand in a multi-membership term", source, term.span
        )
    known = {coef.name: coef for coef in effects.coefs} if effects else {}
    design, _ = special_design(ours, frame, schema, source)
    lacking = [name for name in design.names[1:] if name not in known]
    if lacking:
        raise FormulaError(
            f"{ours[0].text} varies over levels of {group!r}, but its average effect "
            f"{lacking[0]!r} is not in the formula: add {ours[0].text} outside of the brackets",
            source, term.span,
        )
    return tuple(known[name] for name in design.names[1:])
