"""Category-specific effects of ordinal models: ``cs(x)`` and ``(cs(1) | g)``.

Such an effect has one coefficient per threshold. It takes nothing to the linear predictor, which
is one number per row, but moves the thresholds of its row: threshold k becomes
``threshold_k - effect_k``, so that every ordinal family keeps its one formula
(Peterson & Harrell 1990, doi:10.2307/2347760).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.errors import FormulaError
from hiermodel.formula import expand
from hiermodel.formula.syntax import Expansion, ParsedFormula, SpecialTerm
from hiermodel.schema import Schema
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled, Scope, register_term
from hiermodel.terms.group_view import GroupView

TEMPLATE = "category_specific.stan.jinja"


def inner_expansion(special: SpecialTerm, source: str) -> Expansion:
    """What stands inside ``cs()``, as a right-hand side of its own."""
    call = special.calls[0]
    if len(call.arguments) != 1 or special.factors or len(special.calls) > 1:
        raise FormulaError(
            "cs() takes one argument, such as cs(x + z), and is not multiplied with other terms: "
            "write products inside it",
            source,
            special.span,
        )
    inner = expand(ParsedFormula(source, None, (), call.arguments[0].value))
    if inner.specials or inner.groups or inner.offsets:
        raise FormulaError("cs() holds ordinary terms only", source, special.span)
    return inner


def label(coef: str, k: int) -> str:
    """Label of the coefficient of a threshold: ``x[2]``."""
    return f"{coef}[{k}]"


@dataclass(frozen=True, eq=False)
class CategorySpecificTerm:
    """Population-level ``cs()`` terms of one predictor, together one design ``Xcs``."""

    template: ClassVar[str] = TEMPLATE

    scope: Scope
    design: DesignSpec
    expansion: Expansion
    text: str
    defaults: tuple[Any, ...]

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def product(self) -> str:
        """Stan text of its matrix, rows x thresholds."""
        return f"Xcs{self.suffix} * bcs{self.suffix}"

    @property
    def threshold_summands(self) -> tuple[tuple[int, str], ...]:
        """Nothing that comes threshold by threshold."""
        return ()

    @property
    def variables(self) -> tuple[Var, ...]:
        """Design and coefficients, one row a column of the design."""
        s, scope = self.suffix, self.scope
        elements = tuple(
            PriorElement(coef, "", scope.resp, scope.dpar, scope.nlpar, default)
            for coef, default in zip(self.design.names, self.defaults, strict=True)
        )
        return (
            Var(f"Kcs{s}", "int", lower="1", comment="category-specific columns"),
            Var(f"Xcs{s}", "matrix", (scope.rows, f"Kcs{s}"), comment=f"design of {self.text}"),
            Var(
                f"bcs{s}", "matrix", (f"Kcs{s}", f"nthres{Scope(resp=scope.resp).suffix}"),
                block=Block.PARAMETERS, prior=PriorTarget("b", elements),
                comment="category-specific effects",
            ),
        )  # fmt: skip

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that the design reads."""
        return tuple(self.design.variables)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """``Xcs``: rows x columns."""
        return {f"Xcs{self.suffix}": self.design.matrix(frame, missing=missing)}

    def constants(self) -> dict[str, Any]:
        """The number of columns."""
        return {f"Kcs{self.suffix}": len(self.design.names)}

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """Nothing: it moves the thresholds."""
        return np.zeros((1, 1))

    def threshold_effects(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """What is taken off the thresholds, (draws, rows, thresholds)."""
        b = draws[f"bcs{self.suffix}"]
        b = b.reshape(len(b), len(self.design.names), -1)
        return np.einsum("nk,skt->snt", data[f"Xcs{self.suffix}"], b)

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """``bcs`` with the labels ``x[1]``, ``x[2]``, ..."""
        s = self.suffix
        values = draws[f"bcs{s}"]
        count = values.shape[-1]
        names = tuple(label(c, k) for c in self.design.names for k in range(1, count + 1))
        attrs = {"cls": "bcs", "group": "", "dpar": self.scope.dpar, "resp": self.scope.resp}
        flat = values.reshape(*values.shape[:-2], -1)
        dim = f"coef_cs{s}"
        return (Labelled(f"bcs{s}", flat, (dim,), {dim: names}, attrs),)

    def with_defaults(
        self, default_b: Callable[[Callable[[], Array]], Any], frame: pd.DataFrame
    ) -> CategorySpecificTerm:
        """The term with default priors, as `hiermodel.predictors.with_defaults` gives them."""

        def column(k: int) -> Array:
            return self.design.matrix(frame)[:, k]

        count = range(len(self.design.names))
        return replace(self, defaults=tuple(default_b(partial(column, k)) for k in count))


def category_specific(
    special: SpecialTerm, scope: Scope, frame: pd.DataFrame, schema: Schema, source: str = ""
) -> CategorySpecificTerm:
    """The term behind ``cs(...)``."""
    # Factories are not given the formula: its text from here on, where it stood.
    source = source or " " * special.span[0] + special.text
    inner = inner_expansion(special, source)
    design = DesignSpec.learn(inner.terms, False, frame, schema, cmc=False, source=source)
    if not design.names:
        raise FormulaError(
            f"{special.text} has no column; thresholds are the intercepts already",
            source,
            special.span,
        )
    return CategorySpecificTerm(scope, design, inner, special.text, ("",) * len(design.names))


def joined(
    terms: tuple[Any, ...], frame: pd.DataFrame, schema: Schema
) -> tuple[Any, ...]:
    """Terms with all ``cs()`` of a formula in one design, where the first of them stands."""
    ours = [term for term in terms if isinstance(term, CategorySpecificTerm)]
    if len(ours) < 2:
        return terms
    first = ours[0]
    every = tuple(term for one in ours for term in one.expansion.terms)
    unique = tuple({term.text: term for term in every}.values())
    design = DesignSpec.learn(
        unique, False, frame, schema, cmc=False, source=first.expansion.source
    )
    whole = replace(
        first, design=design, text=" + ".join(one.text for one in ours),
        defaults=("",) * len(design.names),
    )  # fmt: skip
    kept = [term for term in terms if term is first or term not in ours]
    return tuple(whole if term is first else term for term in kept)


@dataclass(frozen=True, eq=False)
class CategorySpecificView(GroupView):
    """Group-level ``cs()``: each coefficient of the design once per threshold."""

    template: ClassVar[str] = TEMPLATE

    nthres: int = 0

    @property
    def width(self) -> int:
        """Number of its coefficients."""
        return len(self.design.names) * self.nthres

    @property
    def coefficient_names(self) -> tuple[str, ...]:
        """Labels of its coefficients, ``Intercept[1]``, ..."""
        ks = range(1, self.nthres + 1)
        return tuple(label(name, k) for name in self.design.names for k in ks)

    @property
    def product(self) -> str:
        """No matrix at once."""
        return ""

    def threshold_of(self, column: int) -> int:
        """The threshold that a coefficient moves, from 1."""
        return (column - self.first) % self.nthres + 1

    @property
    def threshold_summands(self) -> tuple[tuple[int, str], ...]:
        """Threshold and Stan expression of each coefficient."""
        members = len(self.owner.grouping.member_indices)
        every = self.summands
        return tuple(
            (self.threshold_of(column), " + ".join(every[j * members : (j + 1) * members]))
            for j, column in enumerate(self.columns)
        )

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The columns of its design, each once per threshold."""
        plain = self.design.matrix(frame, missing=missing)
        return {
            self.z_name(column, member): np.ascontiguousarray(plain[:, j // self.nthres])
            for j, column in enumerate(self.columns)
            for member in self.owner.grouping.member_indices
        }

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """Nothing: it moves the thresholds."""
        return np.zeros((1, 1))

    def threshold_effects(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """What is taken off the thresholds, (draws, rows, thresholds)."""
        if f"r_{self.owner.index}" not in draws:
            return np.zeros((1, 1, self.nthres))
        total = [np.zeros((1, 1))] * self.nthres
        for column in self.columns:
            k = self.threshold_of(column) - 1
            total[k] = total[k] + self.level_effects(draws, data, (column,))
        return np.stack(np.broadcast_arrays(*total), axis=-1)


register_term("cs", category_specific)
