"""The response of a model: what stands left of ``~``, coded as the family needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.additions import Additions
from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.families import check_response, code_response
from hiermodel.families.base import Family
from hiermodel.families.several_columns import check_width
from hiermodel.formula import deparse
from hiermodel.formula.syntax import ParsedFormula
from hiermodel.schema import Schema
from hiermodel.stan.variables import Var

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Response:
    """One response, learned.

    Attributes
    ----------
    name : str
        Its text (``log(weight)``).
    variable : str
        Name for Stan and for multivariate suffixes.
    expression : LearnedExpression
    categories : tuple of str
        Categories of a nominal or ordinal response, in the order of their codes; the columns of
        a response of several columns.
    levels : tuple of str, optional
        Labels that were coded, for responses that are factors.
    additions : Additions
    reference : str
        Category of a nominal response whose linear predictor is zero; empty when there is none.
    """

    name: str
    variable: str
    expression: LearnedExpression
    family: Family
    additions: Additions
    categories: tuple[str, ...]
    levels: tuple[str, ...] | None
    suffix: str
    reference: str = ""

    @property
    def predicted_categories(self) -> tuple[str, ...]:
        """Categories of a nominal response that have a linear predictor: all but one."""
        return tuple(category for category in self.categories if category != self.reference)

    def dpars_of(self, base: str) -> tuple[str | None, ...]:
        """Names of a parameter of the categories, in their order: ``muB``, ``sigmaB``.

        None stands for the linear predictor of the reference category, which is zero.
        """
        names: list[str | None] = [category_parameter(c, base) for c in self.predicted_categories]
        if self.reference and self.family.on_link_scale(base):
            names.insert(self.categories.index(self.reference), None)
        return tuple(names)

    @property
    def category_dpars(self) -> dict[str, str]:
        """Every parameter of a single category, and what it is called in the family."""
        return {
            name: base
            for base in self.family.category_params
            for name in self.dpars_of(base)
            if name is not None
        }

    @property
    def reference_number(self) -> int:
        """Number of the reference category, from 1; 0 when there is none."""
        return self.categories.index(self.reference) + 1 if self.reference else 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the data that the response needs."""
        return self.expression.variables

    @property
    def variables(self) -> tuple[Var, ...]:
        """``Y`` and, where each category has parameters, the number of categories before it."""
        if not self.family.per_category:
            return (self.var,)
        return (Var(f"ncat{self.suffix}", "int", lower="2", comment="categories"), self.var)

    def constants(self) -> dict[str, int]:
        """What was learned: the number of categories that have parameters."""
        counted = self.family.per_category
        return {f"ncat{self.suffix}": len(self.categories)} if counted else {}

    @property
    def statistics(self) -> tuple[tuple[str, str, str], ...]:
        """Name, Stan text and meaning of what the program computes from ``Y`` alone."""
        s, known = self.suffix, {"min_Y": ("min", "smallest response")}
        return tuple(
            (f"{name}{s}", f"{known[name][0]}(Y{s})", known[name][1])
            for name in self.family.response_statistics
        )

    @property
    def var(self) -> Var:
        """The declaration of ``Y``."""
        if self.family.several_columns:
            return self._matrix_var
        if self.family.discrete:
            upper = f"ncat{self.suffix}" if self.family.response == "nominal" else ""
            return Var(
                f"Y{self.suffix}", "int", array=(f"N{self.suffix}",),
                lower="1" if upper else "", upper=upper, comment=f"response {self.name}",
            )
        size, note = (f"N{self.suffix}",), f"response {self.name}"
        return Var(f"Y{self.suffix}", "vector", size, comment=note)

    @property
    def _matrix_var(self) -> Var:
        """The declaration of ``Y`` with a column for each category."""
        s = self.suffix
        name, rows, width, note = f"Y{s}", f"N{s}", f"ncat{s}", f"response {self.name}"
        if self.family.discrete:
            return Var(name, "int", array=(rows, width), lower="0", comment=note)
        return Var(name, "vector", (width,), array=(rows,), lower="0", comment=note)

    def coded(self, frame: pd.DataFrame) -> Array:
        """``Y`` for any frame, checked against the family; NaN where ``mi()`` finds none."""
        if self.additions.imputed:
            return self._with_gaps(frame)
        value = self.expression.value(frame)
        y = self._codes(value)
        trials = None
        if "trials" in self.additions:
            trials = self.additions.data(frame)[f"trials{self.suffix}"]
        check_response(self.family, y, trials=trials, name=self.name)
        self.additions.check_response(y, frame, self.name)
        return y

    def _with_gaps(self, frame: pd.DataFrame) -> Array:
        """``Y`` with NaN where it is missing; what is observed is checked."""
        value = self.expression.value(frame, missing="pass")
        if isinstance(value, FactorValue):
            raise DataError(f"response {self.name!r} is a factor; mi() imputes numbers only")
        y = np.broadcast_to(np.asarray(value, dtype=float), (len(frame),)).copy()
        there = ~np.isnan(y)
        if there.any():
            check_response(self.family, y[there], name=self.name)
            observed = frame.loc[there].reset_index(drop=True)
            self.additions.check_response(y[there], observed, self.name)
        return y

    def _codes(self, value: Any) -> Array:
        if self.family.response == "nominal":
            return _nominal_codes(value, self.categories, self.name)
        coded, _ = code_response(self.family, value, name=self.name, levels=self.levels)
        return np.asarray(coded)


def factor_labels(value: Any) -> Array:
    """The label of each row of a factor, or of numbers used as one; None where missing."""
    if isinstance(value, FactorValue):
        return np.array([*map(str, value.levels), None], dtype=object)[value.codes]
    return np.array([_number_label(v) for v in np.asarray(value)], dtype=object)


def label_codes(labels: Array, known: tuple[str, ...], term: str, what: str) -> Array:
    """Position of each label among those that are known, from 0."""
    table = {label: k for k, label in enumerate(known)}
    unknown = sorted({str(label) for label in labels} - set(table))
    if unknown:
        raise DataError(
            f"{term}: {unknown[0]!r} is not one of the {what} of the model ({', '.join(table)})"
        )
    return np.array([table[label] for label in labels], dtype=np.int64)


def _nominal_codes(value: Any, categories: tuple[str, ...], name: str) -> Array:
    """Codes 1..C in the order of `categories`."""
    labels = factor_labels(value)
    table = {label: k for k, label in enumerate(categories, start=1)}
    codes = np.array([table.get(label, 0) for label in labels], dtype=np.int64)
    if (codes == 0).any():
        row = int(np.flatnonzero(codes == 0)[0])
        raise DataError(
            f"response {name!r} has the category {labels[row]!r} in row {row + 1}, which the model "
            f"does not know; it knows {', '.join(categories)}"
        )
    return codes


def _number_label(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)


def nominal_categories(value: Any) -> tuple[str, ...]:
    """Categories of a nominal response, in the order of its levels."""
    if isinstance(value, FactorValue):
        levels = [str(level) for level in value.levels]
    else:
        levels = [_number_label(v) for v in sorted(set(np.asarray(value).tolist()))]
    if len(levels) < 2:
        raise DataError("a categorical response needs at least two categories")
    return tuple(levels)


def _column_names(expression: LearnedExpression) -> tuple[str, ...]:
    """Names of the columns of a response; the number of a column that has none."""
    names = expression.suffixes or ()
    return tuple(name or str(k) for k, name in enumerate(names, start=1))


def _reference(categories: tuple[str, ...], wanted: str | None) -> str:
    if wanted is None:
        return categories[0]
    if str(wanted) not in categories:
        raise DataError(
            f"refcat {wanted!r} is not one of the categories {', '.join(categories)}"
            f"{did_you_mean(str(wanted), categories)}"
        )
    return str(wanted)


def _check_distinct(categories: tuple[str, ...], name: str) -> None:
    seen: dict[str, str] = {}
    for category in categories:
        other = seen.setdefault(category_parameter(category), category)
        if other != category:
            raise DataError(
                f"the categories {other!r} and {category!r} of {name!r} cannot be told apart by "
                "their letters and digits, which name their parameters; rename one"
            )


def category_parameter(category: str, base: str = "mu") -> str:
    """Name of a parameter of a category: ``muversicolor``."""
    return base + re.sub(r"[^A-Za-z0-9]", "", category)


def learn_response(
    main: ParsedFormula, family: Family, additions: Additions, frame: pd.DataFrame, schema: Schema,
    suffix: str,
) -> Response:
    """Resolve the left-hand side: its expression, its categories, its levels."""
    if main.response is None:
        raise FormulaError("the formula has no response: write 'y ~ x'", main.source, (0, 1))
    expression = learn(main.response, frame, schema, main.source)
    name = deparse(main.response)
    variable = "".join(c for c in name if c.isalnum())
    value = expression.value(frame, missing="pass" if additions.imputed else "raise")
    categories: tuple[str, ...] = ()
    levels: tuple[str, ...] | None = None
    reference = ""
    check_width(family, value, name)
    if family.response == "nominal":
        categories = levels = nominal_categories(value)
        reference = _reference(categories, family.option("refcat"))
        _check_distinct(categories, name)
    elif family.several_columns:
        code_response(family, value, name=name)
        categories = _column_names(expression)
        if "refcat" in family.choices:
            reference = _reference(categories, family.option("refcat"))
        _check_distinct(categories, name)
    elif not additions.imputed:
        codes, levels = code_response(family, value, name=name)
        if family.response == "ordinal":
            first = family.first_category
            categories = levels or tuple(str(k) for k in range(first, int(np.max(codes)) + 1))
    return Response(
        name, variable, expression, family, additions, categories, levels, suffix, reference
    )
