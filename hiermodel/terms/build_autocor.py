"""From the autocorrelation terms of a formula to what they do: `ar()`, `cosy()`, `sar()`, ...

A gaussian or Student response has residuals of its own, which are correlated. Other families get
latent residuals in their linear predictor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import learn
from hiermodel.families.base import Family
from hiermodel.formula.arguments import flag, literal, match_arguments
from hiermodel.formula.syntax import (
    Binary,
    Constant,
    Name,
    Node,
    ParsedFormula,
    SpecialTerm,
)
from hiermodel.schema import Schema
from hiermodel.stan.variables import ScalePrior
from hiermodel.terms.arma import Arma
from hiermodel.terms.arma_covariance import ArmaCovariance
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.cosy import CompoundSymmetry
from hiermodel.terms.fcor import KnownCovariance
from hiermodel.terms.known_matrices import matrix_of_rows
from hiermodel.terms.latent_residuals import LatentResiduals
from hiermodel.terms.residual_covariance import Autocorrelation, ResidualCovariance
from hiermodel.terms.sar import SpatialAutoregression, sorted_eigenvalues
from hiermodel.terms.series import Series
from hiermodel.terms.time_covariance import TimeCovariance
from hiermodel.terms.time_structure import TimeMatrix, TimeStructure
from hiermodel.terms.unstr import Unstructured

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "ar": ("time", "gr", "p", "cov"),
    "ma": ("time", "gr", "q", "cov"),
    "arma": ("time", "gr", "p", "q", "cov"),
    "cosy": ("time", "gr"),
    "unstr": ("time", "gr"),
    "fcor": ("M",),
    "sar": ("M", "type"),
}
#: Terms that this module builds.
KINDS = frozenset(ARGUMENTS)
#: Terms that the argument ``autocor`` of a formula may hold.
AUTOCOR = KINDS | {"car"}
_TIME = frozenset({"ar", "ma", "arma", "cosy", "unstr"})
_SPACE = frozenset({"sar", "car"})
# Families whose response is a number around its mean.
NATURAL = frozenset({"gaussian", "student"})


@dataclass(frozen=True, eq=False)
class AutocorContext:
    """What building the terms of one response needs.

    `default` gives the default prior of a class; `predicted` are parameters with a formula.
    """

    scope: Scope
    family: Family
    frame: pd.DataFrame
    schema: Schema
    data2: Mapping[str, Any]
    additions: Sequence[str]
    se_with_sigma: bool
    predicted: frozenset[str]
    default: Callable[[str], str | ScalePrior]


@dataclass(frozen=True, eq=False)
class AutocorTerm:
    """A term with the formula that it stands in."""

    special: SpecialTerm
    source: str

    @property
    def kind(self) -> str:
        """Name of the call."""
        return self.special.kind

    def fail(self, message: str, node: Node | None = None) -> FormulaError:
        """An error with the term marked."""
        return FormulaError(message, self.source, (node or self.special.calls[0]).span)

    @property
    def arguments(self) -> dict[str, Node]:
        """Its arguments by name."""
        if len(self.special.calls) > 1 or self.special.factors:
            raise self.fail(
                f"{self.kind}() is about the residuals of all rows and cannot be multiplied; add "
                "it with '+'"
            )
        call = self.special.calls[0]
        return match_arguments(call, ARGUMENTS[call.function], self.source)


def autocor_columns(special: SpecialTerm, source: str) -> list[Node]:
    """Expressions of a term whose names are columns of the data: its time and its series."""
    found = AutocorTerm(special, source).arguments
    return [found[name] for name in ("time", "gr") if name in found and not _absent(found[name])]


def check_alone(parsed: ParsedFormula, specials: Sequence[SpecialTerm], others: bool) -> None:
    """Refuse an ``autocor`` formula that holds something else."""
    wrong = next((one for one in specials if one.kind not in AUTOCOR), None)
    if wrong is not None or others or not specials:
        listed = ", ".join(f"{kind}()" for kind in sorted(AUTOCOR))
        raise FormulaError(
            f"autocor holds autocorrelation terms only: {listed}", parsed.source,
            wrong.span if wrong is not None else None,
        )


def build_autocor(
    terms: Sequence[AutocorTerm], context: AutocorContext
) -> tuple[Autocorrelation | None, LatentResiduals | None]:
    """Resolve the terms: what happens to the rows of a response, and to its linear predictor."""
    _check_together(terms)
    arma: Arma | None = None
    covariance: ResidualCovariance | None = None
    latent: LatentResiduals | None = None
    natural = context.family.name in NATURAL
    for term in terms:
        if term.kind == "car":
            continue
        if context.family.components or context.family.per_category:
            raise term.fail(
                f"{term.kind}() belongs to the one mu of a response; family "
                f"{context.family.name!r} has several"
            )
        found = term.arguments
        if term.kind in _TIME:
            cov = term.kind in ("cosy", "unstr") or _cov(term, found)
            if not cov:
                if not natural:
                    raise term.fail(
                        f"{term.kind}() without cov = TRUE looks back at residuals, which family "
                        f"{context.family.name!r} does not have; write cov = TRUE for latent ones"
                    )
                arma = _arma(term, found, context)
                continue
            if natural:
                covariance = _time_covariance(term, found, context)
            else:
                latent = _latent(term, found, context)
            continue
        if not natural:
            raise term.fail(
                f"{term.kind}() correlates residuals, which family {context.family.name!r} does "
                "not have; it is for gaussian and student"
            )
        covariance = (_fcor if term.kind == "fcor" else _sar)(term, found, context)
        _check_additions(term, context)
    made = Autocorrelation(arma, covariance) if arma or covariance else None
    return made, latent


def _check_together(terms: Sequence[AutocorTerm]) -> None:
    """At most one term in time, one in space, and one that makes a covariance matrix."""
    for kinds, what in ((_TIME, "in time"), (_SPACE, "in space"), ({"fcor"}, "of this kind")):
        found = [term for term in terms if term.kind in kinds]
        if len(found) > 1:
            raise found[1].fail(
                f"a response has one autocorrelation term {what}, and this one stands beside "
                f"{found[0].special.text}"
            )
    matrices = [
        term for term in terms
        if term.kind in ("cosy", "unstr", "fcor", "sar")
        or (term.kind in _TIME and _cov(term, term.arguments))
    ]
    if len(matrices) > 1:
        raise matrices[1].fail(
            "the residuals of a response have one covariance matrix, and "
            f"{matrices[0].special.text} makes another"
        )


# --------------------------------------------------------------------------- arguments


def _absent(node: Node | None) -> bool:
    """Whether an argument was left out, or is NA or NULL."""
    return node is None or (isinstance(node, Constant) and node.value is None)


def _cov(term: AutocorTerm, found: Mapping[str, Node]) -> bool:
    return flag(found.get("cov"), False, term.source, f"cov of {term.kind}()")


def _order(term: AutocorTerm, found: Mapping[str, Node], name: str) -> int:
    """The order ``p`` or ``q`` of a term."""
    if name not in ARGUMENTS[term.kind]:
        return 0
    value = literal(found.get(name), 1, term.source, f"{name} of {term.kind}()")
    lowest = 0 if term.kind == "arma" else 1
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise term.fail(
            f"{name} of {term.kind}() is a whole number from {lowest} on, not {value!r}",
            found.get(name),
        )
    return value


def _orders(term: AutocorTerm, found: Mapping[str, Node]) -> tuple[int, int]:
    p, q = _order(term, found, "p"), _order(term, found, "q")
    if not p and not q:
        raise term.fail("arma(p = 0, q = 0) has no coefficients; leave it out")
    return p, q


def _series(term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext,
            apart: bool = False) -> Series:
    """Which rows are a series, checked on the rows to fit."""
    time, group = found.get("time"), found.get("gr")
    learned = None
    if not _absent(time):
        assert time is not None
        learned = learn(time, context.frame, context.schema, term.source)
    members = () if _absent(group) else _group(term, group)
    text = term.special.text
    series = Series(text, learned, members)
    if apart:
        if learned is None or not members:
            raise term.fail(
                "unstr() needs time = and gr =: it has a correlation for each pair of times, of "
                "which several series tell"
            )
        series = Series(text, learned, members, series.times_of(context.frame))
    rows = series.rows(context.frame)
    if term.kind in ("ar", "ma", "arma"):
        series.check_steps(context.frame, rows)
        series = series.with_step(context.frame)
    return series


def _group(term: AutocorTerm, node: Node | None) -> tuple[str, ...]:
    """The columns of ``gr = g`` or ``gr = g1:g2``."""
    match node:
        case Name(value=value):
            return (value,)
        case Binary(op=":", left=left, right=right):
            return (*_group(term, left), *_group(term, right))
    raise term.fail(
        f"gr of {term.kind}() names a grouping factor: gr = g, or gr = g1:g2", node
    )


# --------------------------------------------------------------------------- terms in time


def _arma(term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext) -> Arma:
    p, q = _orders(term, found)
    series = _series(term, found, context)
    longest = int(series.rows(context.frame).sizes.max())
    for name, order in (("p", p), ("q", q)):
        if order >= longest:
            raise term.fail(
                f"{name} = {order}: no series is longer than {longest}, so that no row tells of "
                f"the coefficient of lag {longest}. " + (
                    f"{name} is at most {longest - 1} here" if longest > 1
                    else f"Does gr = of {term.kind}() name the series, and not the rows?"
                ),
                found.get(name),
            )
    return Arma(context.scope, series, p, q, term.special.text, context.default("ar"))


def _structure(
    term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext
) -> TimeStructure:
    """The series, and how their times covary."""
    scope, text = context.scope, term.special.text
    series = _series(term, found, context, apart=term.kind == "unstr")
    times: TimeMatrix
    if term.kind == "cosy":
        times = CompoundSymmetry(scope, text, context.default("cosy"))
    elif term.kind == "unstr":
        times = Unstructured(scope, series.known, text, context.default("cortime"))
    else:
        p, q = _orders(term, found)
        if max(p, q) > 1:
            raise term.fail(
                f"with cov = TRUE the orders of {term.kind}() are at most 1; higher ones need "
                "cov = FALSE, which is for gaussian and student responses"
            )
        times = ArmaCovariance(scope, p, q, text, context.default("ar"))
    natural = context.family.name in NATURAL
    return TimeStructure(scope, series, times, natural and "se" in context.additions)


def _time_covariance(
    term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext
) -> TimeCovariance:
    _check_additions(term, context)
    structure = _structure(term, found, context)
    sizes = structure.series.rows(context.frame).sizes
    return TimeCovariance(structure, int(sizes.max()))


def _latent(
    term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext
) -> LatentResiduals:
    structure = _structure(term, found, context)
    training = structure.series.rows(context.frame)
    return LatentResiduals(structure, training, context.default("sderr"))


def _check_additions(term: AutocorTerm, context: AutocorContext) -> None:
    """One density of all rows knows nothing of weights, censored or truncated ones."""
    allowed = {"mi", "subset", "index"} | ({"se"} if term.kind in _TIME else set())
    wrong = [name for name in context.additions if name not in allowed]
    if wrong:
        raise term.fail(
            f"{wrong[0]}() cannot stand beside {term.kind}() here: correlated residuals have one "
            "density of all rows"
            + ("; ar(), ma() and arma() with cov = FALSE can" if term.kind in _TIME else "")
        )
    if "se" in context.additions and not context.se_with_sigma:
        raise term.fail(
            f"{term.kind}() correlates the residuals around sigma, which se() takes away; write "
            "se(..., sigma = TRUE)"
        )


# --------------------------------------------------------------------------- known matrices


def matrix_name(term: AutocorTerm) -> str:
    """The matrix with a row for each row of the data that a term names; empty for other terms."""
    node = term.arguments.get("M") if term.kind in ("sar", "fcor") else None
    return node.value if isinstance(node, Name) else ""


def _matrix(
    term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext
) -> tuple[str, Array]:
    """The matrix in data2 that a term names: square, finite, a row for each row of the data."""
    node = found.get("M")
    if not isinstance(node, Name):
        raise term.fail(f"{term.kind}() takes the name of a matrix in data2: {term.kind}(M)", node)
    name = node.value
    if name not in context.data2:
        raise term.fail(
            f"there is no {name!r} in data2{did_you_mean(name, context.data2)}; pass it as "
            f"data2={{{name!r}: matrix}}", node,
        )
    return name, matrix_of_rows(term.kind, name, context.data2[name], len(context.frame))


def _fcor(term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext) -> KnownCovariance:
    name, matrix = _matrix(term, found, context)
    if not np.allclose(matrix, matrix.T):
        row, column = np.argwhere(~np.isclose(matrix, matrix.T))[0] + 1
        raise DataError(
            f"data2[{name!r}] is not symmetric (row {row}, column {column}); fcor() takes the "
            "covariances of the residuals"
        )
    try:
        return KnownCovariance(context.scope, name, matrix, term.special.text)
    except np.linalg.LinAlgError:
        raise DataError(
            f"data2[{name!r}] is not positive definite, so it is no covariance matrix"
        ) from None


def _sar(
    term: AutocorTerm, found: Mapping[str, Node], context: AutocorContext
) -> SpatialAutoregression:
    types = ("lag", "error")
    chosen = literal(found.get("type"), "lag", term.source, "type of sar()")
    if chosen not in types:
        raise term.fail(
            f"type of sar() is 'lag' or 'error', not {chosen!r}{did_you_mean(str(chosen), types)}",
            found.get("type"),
        )
    for param in ("sigma", "nu"):
        if param in context.predicted:
            raise term.fail(
                f"{param} has a formula, which sar() cannot have beside it: its residuals share "
                f"one {param}"
            )
    name, matrix = _matrix(term, found, context)
    real = sorted_eigenvalues(matrix).real
    if not (real.min() < -1e-10 and real.max() > 1e-10):
        raise DataError(
            f"data2[{name!r}] has no eigenvalues on both sides of zero, which bound the "
            "correlation of sar(); weights have zeros on the diagonal, and neighbours that "
            "neighbour each other"
        )
    lag = chosen == "lag"
    return SpatialAutoregression(
        context.scope, name, matrix, lag, term.special.text,
        context.default("lagsar" if lag else "errorsar"),
    )

