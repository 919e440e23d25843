"""Effects of ``mo()``, ``me()`` and ``mi()``: one coefficient for each product with one of them.

A coefficient multiplies a product of special variables, whose values are parameters or depend on
some, and perhaps a column of a design of ordinary factors. All coefficients of a predictor are one
vector ``bsp``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.expressions import LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import match_arguments
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Interaction,
    Name,
    Node,
    Number,
    Paren,
    SpecialTerm,
    Unary,
    names,
    walk,
)
from hiermodel.frozen import FrozenMap
from hiermodel.schema import Column, Schema
from hiermodel.stan.expr import StanExpr, as_expr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.measurement_error import NoiseFree, Noisy
from hiermodel.terms.missing import Imputed, ImputedResponse
from hiermodel.terms.monotonic import FUNCTION, Monotonic, MonotonicVariable, learn_monotonic

KINDS = ("mo", "me", "mi")
Factor = Monotonic | Noisy | Imputed

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}


@dataclass(frozen=True, eq=False)
class Latents:
    """What ``me()`` and ``mi()`` refer to: latent variables of the whole model."""

    noise_free: tuple[NoiseFree, ...] = ()
    imputed: tuple[ImputedResponse, ...] = ()
    several: bool = False


@dataclass(frozen=True, eq=False)
class SpecialCoef:
    """One coefficient: special variables by their text, and how they are combined.

    Attributes
    ----------
    name : str
    nodes : tuple of Call
        What is multiplied: calls, or calculations with them (``I(me(x, sdx)^2)``).
    factors : mapping of str to Monotonic, Noisy or Imputed
        What each call in them is.
    column : int
        Column of the design of ordinary factors that it is multiplied with.
    covariate : str
        Stan name of that column; empty without ordinary factors.
    """

    name: str
    nodes: tuple[Call, ...]
    factors: Mapping[str, Factor]
    column: int
    covariate: str

    @property
    def stan(self) -> StanExpr:
        """The product for all rows."""
        leaves: dict[str, Any] = {key: one.stan for key, one in self.factors.items()}
        out = as_expr(1)
        for node in self.nodes:
            out = out * _fold(node, leaves)
        return out * StanExpr(self.covariate, rows=True) if self.covariate else out

    def value(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The product, (draws, rows): the twin of `stan`."""
        return self._product({k: one.value(draws, data) for k, one in self.factors.items()}, data)

    def typical(self, frame: pd.DataFrame, data: Mapping[str, Any]) -> Array:
        """The product with typical values, for default priors."""
        return self._product({k: one.typical(frame) for k, one in self.factors.items()}, data)

    def _product(self, leaves: Mapping[str, Any], data: Mapping[str, Any]) -> Array:
        out: Any = 1.0
        for node in self.nodes:
            out = out * _fold(node, leaves)
        return np.asarray(out * data[self.covariate] if self.covariate else out)


def _fold(node: Node, leaves: Mapping[str, Any]) -> Any:
    match node:
        case Call(function="I", arguments=arguments):
            return _fold(arguments[0].value, leaves)
        case Call():
            return leaves[deparse(node)]
        case Number(value=value):
            return float(value)
        case Paren(inner=inner):
            return _fold(inner, leaves)
        case Unary(op="-", operand=operand):
            return -_fold(operand, leaves)
        case Binary(op=op, left=left, right=right):
            return _ARITHMETIC[op](_fold(left, leaves), _fold(right, leaves))
    raise AssertionError(node)  # _check_arithmetic() has refused everything else


def _check_arithmetic(node: Node, source: str) -> None:
    """Refuse what a calculation with special variables cannot hold."""
    match node:
        case Call(function=name) if name in KINDS:
            return
        case Call(function="I", arguments=[argument]):
            _check_arithmetic(argument.value, source)
        case Number():
            return
        case Paren(inner=inner):
            _check_arithmetic(inner, source)
        case Unary(op="-", operand=operand):
            _check_arithmetic(operand, source)
        case Binary(op=op, left=left, right=right) if op in _ARITHMETIC:
            _check_arithmetic(left, source)
            _check_arithmetic(right, source)
        case _:
            raise FormulaError(
                "calculations with mo(), me() or mi() take numbers and + - * / ^ inside I(): "
                "I(me(x, sdx)^2); multiply with columns outside: me(x, sdx):z", source, node.span,
            )


@dataclass(frozen=True, eq=False)
class SpecialEffectsTerm:
    """All effects of ``mo()``, ``me()`` and ``mi()`` of one predictor."""

    template: ClassVar[str] = "special_effects.stan.jinja"

    scope: Scope
    coefs: tuple[SpecialCoef, ...]
    design: DesignSpec
    calls: tuple[str, ...]
    text: str
    defaults: tuple[Any, ...]

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def functions(self) -> tuple[str, ...]:
        """Stan functions that it calls."""
        return (FUNCTION,) if self.monotonic else ()

    @property
    def summands(self) -> tuple[str, ...]:
        """Stan text of each coefficient with its product."""
        b = f"bsp{self.suffix}"
        return tuple(
            (StanExpr(f"{b}[{k}]") * coef.stan).text for k, coef in enumerate(self.coefs, start=1)
        )

    @property
    def factors(self) -> tuple[Factor, ...]:
        """All special variables, each once."""
        return tuple({id(f): f for coef in self.coefs for f in coef.factors.values()}.values())

    @property
    def monotonic(self) -> tuple[Monotonic, ...]:
        """Those of ``mo()``, in the order of their numbers."""
        return tuple(one for one in self.factors if isinstance(one, Monotonic))

    @property
    def variables(self) -> tuple[Var, ...]:
        """Sizes, covariates, what the special variables declare, and the coefficients."""
        s, scope = self.suffix, self.scope
        out = [Var(f"Ksp{s}", "int", lower="1", comment="special effects")]
        out += [
            Var(coef.covariate, "vector", (scope.rows,), comment=f"covariate of {coef.name}")
            for coef in self.coefs if coef.covariate
        ]
        if self.monotonic:
            out += [
                Var(f"Imo{s}", "int", lower="1", comment="monotonic variables"),
                Var(f"Jmo{s}", "int", array=(f"Imo{s}",), lower="1", comment="their steps"),
            ]
        for factor in self.factors:
            out += factor.variables
        elements = tuple(
            PriorElement(coef.name, "", scope.resp, scope.dpar, scope.nlpar, default)
            for coef, default in zip(self.coefs, self.defaults, strict=True)
        )
        out.append(
            Var(f"bsp{s}", "vector", (f"Ksp{s}",), block=Block.PARAMETERS,
                prior=PriorTarget("b", elements), comment=f"coefficients of {self.text}")
        )
        return tuple({var.name: var for var in out}.values())

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that a prediction reads."""
        plain = (v for v in self.design.variables if v not in self.calls)
        return tuple(dict.fromkeys([*plain, *(v for f in self.factors for v in f.columns_needed)]))

    @property
    def effect_columns(self) -> tuple[tuple[str, ...], ...]:
        """The columns whose effect each coefficient is; without standard errors and groups."""
        out = []
        for coef in self.coefs:
            found = [v for one in coef.factors.values() for v in one.effect_columns]
            if coef.covariate:
                term = self.design.terms[self.design.assign[coef.column]]
                found += [v for f in term.factors for v in names(f) if v not in self.calls]
            out.append(tuple(dict.fromkeys(found)))
        return tuple(out)

    @property
    def whole_columns(self) -> tuple[str, ...]:
        """Numbers that must be whole ones: those of ``mo()``."""
        numbers = (one.variable for one in self.monotonic if not one.variable.factor)
        return tuple(dict.fromkeys(v for one in numbers for v in one.expression.variables))

    @property
    def noise_columns(self) -> tuple[str, ...]:
        """Standard errors of covariates."""
        return tuple(v for one in self.factors for v in one.noise_columns)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """Covariates, and what the special variables read."""
        out: dict[str, Any] = {}
        if any(coef.covariate for coef in self.coefs):
            matrix = self.design.matrix(with_ones(frame, self.design, self.calls), missing)
            out |= {
                coef.covariate: np.ascontiguousarray(matrix[:, coef.column])
                for coef in self.coefs if coef.covariate
            }
        for factor in self.factors:
            out |= factor.data(frame, missing)
        return out

    def constants(self) -> dict[str, Any]:
        """Sizes."""
        s, out = self.suffix, {f"Ksp{self.suffix}": len(self.coefs)}
        steps = [one.variable.steps for one in self.monotonic]
        return out | {f"Imo{s}": len(steps), f"Jmo{s}": np.array(steps)} if steps else out

    def latent(
        self, draws: Mapping[str, Array], frame: pd.DataFrame, training: bool,
        rng: np.random.Generator,
    ) -> dict[str, Array]:
        """Values of latent variables in the rows, (draws, rows), to be put among the draws."""
        out: dict[str, Array] = {}
        for factor in self.factors:
            if not isinstance(factor, Monotonic):
                out |= factor.latent(draws, frame, training, rng)
        return out

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The sum of the coefficients times their products."""
        b = draws[f"bsp{self.suffix}"]
        total: Array = np.zeros((1, 1))
        for k, coef in enumerate(self.coefs):
            total = total + b[:, k : k + 1] * coef.value(draws, data)
        return total

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """``bsp`` with the names of the coefficients, and the simplexes."""
        s, scope = self.suffix, self.scope
        attrs = {
            "cls": "bsp", "group": "", "dpar": scope.dpar, "resp": scope.resp,
            "nlpar": scope.nlpar,
        }
        dim = f"coef_sp{s}"
        names = tuple(coef.name for coef in self.coefs)
        shown = Labelled(f"bsp{s}", draws[f"bsp{s}"], (dim,), {dim: names}, attrs)
        return (shown, *(one.label(draws) for one in self.monotonic))

    def with_defaults(
        self, default_b: Callable[[Callable[[], Array]], Any], frame: pd.DataFrame
    ) -> SpecialEffectsTerm:
        """The term with default priors, as `hiermodel.predictors.with_defaults` gives them."""

        def column(coef: SpecialCoef) -> Array:
            return coef.typical(frame, self.data(frame))

        return replace(self, defaults=tuple(default_b(partial(column, c)) for c in self.coefs))


def with_ones(frame: pd.DataFrame, design: DesignSpec, calls: Sequence[str]) -> pd.DataFrame:
    """The columns of the design, with ones in the place of special variables."""
    held = [v for v in design.variables if v not in calls]
    return frame[held].assign(**dict.fromkeys(calls, 1.0))


# --------------------------------------------------------------------------- from a formula


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
        if node.value not in responses or not self.latents.several:
            known = ", ".join(responses) or "none"
            raise FormulaError(
                f"{text} needs a formula of {node.value!r} with missing values: add "
                f"bf('{node.value} | mi() ~ ...')"
                f"{did_you_mean(node.value, responses)}; responses with mi(): {known}",
                self.source, node.span,
            )
        source = responses[node.value]
        if source.resp == self.scope.resp:
            raise FormulaError(
                f"{text}: a response cannot be its own covariate", self.source, call.span
            )
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
            _check_arithmetic(call, source)
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
