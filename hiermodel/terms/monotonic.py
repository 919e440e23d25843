"""Monotonic effects: ``mo(x)`` of an ordered factor or of whole numbers.

The effect of category ``x`` of ``0 ... J`` is ``J * sum(simo[1:x])``, where ``simo`` are the shares
of the steps between neighbours, so that the coefficient is the average step
(Bürkner & Charpentier 2020, doi:10.1111/bmsp.12195).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import clean
from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions import FactorValue, LearnedExpression, learn_value
from hiermodel.formula.arguments import literal, match_arguments
from hiermodel.formula.syntax import Call
from hiermodel.schema import Schema
from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled, Scope

FUNCTION = "monotonic.stan"


@dataclass(frozen=True, eq=False)
class MonotonicVariable:
    """What ``mo(x)`` reads: its categories from 0 to `steps`.

    Attributes
    ----------
    text : str
        The call as written.
    expression : LearnedExpression
    steps : int
        Number of steps between neighbouring categories, J.
    low : int
        The smallest number; 0 for a factor.
    factor : bool
    share : str
        The ``id`` of calls that have one simplex; empty without.
    """

    text: str
    expression: LearnedExpression
    steps: int
    low: int
    factor: bool
    share: str

    def codes(self, frame: pd.DataFrame, missing: str = "raise") -> Array:
        """Category of each row, from 0; -1 where it is missing."""
        value = self.expression.value(frame, missing=missing)
        if isinstance(value, FactorValue):
            return np.asarray(value.codes, dtype=np.int64)
        numbers = np.broadcast_to(np.asarray(value, dtype=float), (len(frame),))
        absent = np.isnan(numbers)
        codes = np.where(absent, 0.0, numbers - self.low)
        wrong = (codes != np.floor(codes)) | (codes < 0) | (codes > self.steps)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{self.text}: {numbers[row]:g} in row {row + 1} is none of the whole numbers "
                f"{self.low} to {self.low + self.steps} of the data that the model learned from; "
                "a monotonic effect says nothing about other values"
            )
        return np.where(absent, -1, codes).astype(np.int64)


def learn_monotonic(
    call: Call, frame: pd.DataFrame, schema: Schema, source: str, text: str
) -> MonotonicVariable:
    """Read ``mo(x, id = "a")``.

    Raises
    ------
    FormulaError
        For wrong arguments.
    DataError
        When x is neither an ordered factor nor whole numbers, or does not vary.
    """
    arguments = match_arguments(call, ("x", "id"), source)
    if "x" not in arguments:
        raise FormulaError("mo() needs a variable: mo(x)", source, call.span)
    node = arguments["x"]
    share = literal(arguments.get("id"), None, source, "id of mo()")
    if share is not None and not isinstance(share, str):
        raise FormulaError("id of mo() must be a text", source, arguments["id"].span)
    learned, value = learn_value(node, frame, schema, source)
    if isinstance(value, FactorValue):
        if not value.ordered:
            raise DataError(
                f"{text}: {learned.text!r} is a factor without an order; make it an ordered one, "
                f"such as pd.Categorical(data[{learned.text!r}], categories=[...], ordered=True), "
                "or whole numbers"
            )
        low, high = 0, len(value.levels) - 1
    else:
        numbers = np.asarray(value, dtype=float)
        if numbers.ndim != 1:
            raise FormulaError(f"{text}: mo() takes one column", source, node.span)
        known = numbers[~np.isnan(numbers)]
        broken = known != np.floor(known)
        if broken.any():
            raise DataError(
                f"{text}: {learned.text!r} has the value {known[broken][0]:g}; mo() takes an "
                "ordered factor or whole numbers"
            )
        low, high = (int(known.min()), int(known.max())) if known.size else (0, 0)
    if high <= low:
        raise DataError(
            f"{text}: {learned.text!r} has one category only, so that it has no effect to estimate"
        )
    return MonotonicVariable(
        text, learned, high - low, low, isinstance(value, FactorValue), share or ""
    )


@dataclass(frozen=True, eq=False)
class Monotonic:
    """One ``mo()`` in one coefficient.

    Attributes
    ----------
    scope : Scope
    variable : MonotonicVariable
    index : int
        Its number in the predictor, from 1.
    simplex : int
        Number of the one whose simplex it takes, its own or an earlier one with the same id.
    name : str
        The coefficient and its place there: ``moinc:age1``.
    """

    scope: Scope
    variable: MonotonicVariable
    index: int
    simplex: int
    name: str

    @property
    def data_name(self) -> str:
        """Stan name of the categories of the rows."""
        return f"Xmo{self.scope.suffix}_{self.index}"

    @property
    def user_name(self) -> str:
        """Name of its simplex in the posterior."""
        return f"simo{self.scope.suffix}_{self.name}"

    @property
    def stan(self) -> StanExpr:
        """The values of all rows."""
        simplex = f"simo{self.scope.suffix}_{self.simplex}"
        return StanExpr(f"monotonic({simplex}, {self.data_name})", rows=True)

    @property
    def effect_columns(self) -> tuple[str, ...]:
        """The columns whose effect it is."""
        return self.variable.expression.variables

    @property
    def noise_columns(self) -> tuple[str, ...]:
        """Standard errors: none."""
        return ()

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return self.variable.expression.variables

    @property
    def variables(self) -> tuple[Var, ...]:
        """The categories of the rows and, unless it is shared, the simplex."""
        s, scope, size = self.scope.suffix, self.scope, f"Jmo{self.scope.suffix}[{self.index}]"
        data = Var(
            self.data_name, "int", array=(scope.rows,), lower="0", upper=size,
            comment=f"categories of {self.variable.text}",
        )
        if self.simplex != self.index:
            return (data,)
        element = PriorElement(
            clean(self.variable.share) or self.name, "", scope.resp, scope.dpar, scope.nlpar,
            "dirichlet(1)",
        )
        simplex = Var(
            f"simo{s}_{self.index}", "simplex", (size,), block=Block.PARAMETERS,
            prior=PriorTarget("simo", (element,), self.variable.steps),
            comment=f"shares of the steps of {self.variable.text}",
        )
        return (data, simplex)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The categories of the rows."""
        return {self.data_name: self.variable.codes(frame, missing)}

    def typical(self, frame: pd.DataFrame) -> Array:
        """Its values when all steps are equal: the categories."""
        return self.variable.codes(frame).astype(float)

    def value(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """``J * sum(simo[1:x])`` of every draw and row."""
        simplex = draws[self.user_name]
        table = np.zeros((len(simplex), self.variable.steps + 2))
        table[:, 1:-1] = self.variable.steps * np.cumsum(simplex, axis=1)
        table[:, -1] = np.nan  # code -1: a missing category
        out: Array = table[:, data[self.data_name]]
        return out

    def label(self, draws: Mapping[str, Array]) -> Labelled:
        """Its simplex, also where it is shared."""
        name = self.user_name
        dim = f"{name}_step"
        steps = tuple(str(k) for k in range(1, self.variable.steps + 1))
        scope = self.scope
        attrs = {
            "cls": "simo", "group": "", "dpar": scope.dpar, "resp": scope.resp,
            "nlpar": scope.nlpar,
        }
        values = draws[f"simo{scope.suffix}_{self.simplex}"]
        return Labelled(name, values, (dim,), {dim: steps}, attrs)
