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
from hiermodel.formula import deparse
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Node,
    Number,
    Paren,
    Unary,
    names,
)
from hiermodel.stan.expr import StanExpr, as_expr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.measurement_error import NoiseFree, Noisy
from hiermodel.terms.missing import Imputed, ImputedResponse
from hiermodel.terms.monotonic import FUNCTION, Monotonic

KINDS = ("mo", "me", "mi")
Factor = Monotonic | Noisy | Imputed

ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
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
            return ARITHMETIC[op](_fold(left, leaves), _fold(right, leaves))
    raise AssertionError(node)  # check_arithmetic() has refused everything else


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
    def latent_factors(self) -> tuple[Noisy | Imputed, ...]:
        """Those of ``me()`` and ``mi()``, whose values are drawn."""
        return tuple(one for one in self.factors if not isinstance(one, Monotonic))

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
        for factor in self.latent_factors:
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
