"""What a formula asks of rows that are not in memory, and what it may not ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hiermodel.errors import DataError, HiermodelError
from hiermodel.families import as_family
from hiermodel.families.base import Family
from hiermodel.formula import Formula, as_formula
from hiermodel.formula.expand import expand
from hiermodel.formula.syntax import Call, Expansion, Name, Node, names, walk
from hiermodel.formula.values import ResponseFormula

# Functions whose value in a row depends on all rows.
_LEARNED = frozenset({
    "scale", "standardize", "center", "poly", "bs", "ns", "cut", "quantile", "mean", "sd", "var",
    "median", "min", "max", "sum", "range", "s", "t2", "gp", "me", "mi",
})  # fmt: skip
_FACTORS = frozenset({
    "factor", "as.factor", "ordered", "as.ordered", "C", "relevel", "interaction", "as.character",
    "mo",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """The one response of a formula, as its rows are read.

    Attributes
    ----------
    part : ResponseFormula
    family : Family
    columns : tuple of str
        All columns of the data, to tell names from parameters.
    """

    part: ResponseFormula
    family: Family
    columns: tuple[str, ...]

    @property
    def plain_response(self) -> str:
        """The column that is the response as it stands; empty for an expression."""
        node = self.part.main.response
        return node.value if isinstance(node, Name) else ""

    @property
    def has_moments(self) -> bool:
        """True when DuckDB can add up the responses: a plain column with gaussian density."""
        extra = {call.function for call in self.part.main.additions} - {"se"}
        other = {v for e in self._expansions for t in _nodes(e) for v in names(t)}
        y = self.plain_response
        return self.family.name == "gaussian" and bool(y) and not extra and y not in other

    @property
    def _expansions(self) -> tuple[Expansion, ...]:
        parsed = (self.part.main, *(sub.parsed for sub in self.part.subformulas))
        return tuple(expand(one, columns=self.columns) for one in parsed)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Columns of which every combination of values must be known: levels of factors."""
        out: list[tuple[str, ...]] = []
        for expansion in self._expansions:
            for group in expansion.groups:
                several = group.call is not None and group.call.function == "mm"
                out += [(name,) for name in group.group] if several else [tuple(group.group)]
            for node in _nodes(expansion):
                calls = (n for n in walk(node) if isinstance(n, Call))
                out += [(v,) for c in calls if c.function in _FACTORS for v in names(c)]
        return tuple(dict.fromkeys(out))

    def term_of(self, column: str) -> str:
        """The term that reads a column."""
        for expansion in self._expansions:
            for term in expansion.terms:
                if any(column in names(factor) for factor in term.factors):
                    return term.text
            for group in expansion.groups:
                inside = {v for t in group.coefs.terms for f in t.factors for v in names(f)}
                if column in inside or column in group.group:
                    return group.text
            for special in expansion.specials:
                return special.text
        return column

    def check(self) -> None:
        """Refuse functions that learn from all rows.

        Raises
        ------
        DataError
            The message names the call.
        """
        for expansion in self._expansions:
            for node in _nodes(expansion):
                for call in walk(node):
                    if isinstance(call, Call) and call.function in _LEARNED:
                        raise DataError(
                            f"{call.function}() in the formula learns from all rows, which are "
                            "not in memory: compute the column where the data are, and name it "
                            "in the formula"
                        )
            for special in expansion.specials:
                if special.kind in _LEARNED:
                    raise DataError(
                        f"the term {special.text} needs all rows in memory, which it was not "
                        "made to do without: fit a sample of the rows, read into a data frame"
                    )
        for call in self.part.main.additions:
            if call.function == "weights" and any(a.name == "scale" for a in call.arguments):
                raise DataError(
                    "weights(scale = ) divides by the mean of all weights: divide where the data "
                    "are, and name the column in weights()"
                )


def _nodes(expansion: Expansion) -> Iterator[Node]:
    for term in expansion.terms:
        yield from term.factors
    for group in expansion.groups:
        for term in group.coefs.terms:
            yield from term.factors
    yield from expansion.offsets


def reading(formula: str | Formula, family: Any, columns: Sequence[str]) -> Reading:
    """Look at a formula.

    Raises
    ------
    HiermodelError
        With several responses.
    """
    whole = as_formula(formula)
    if len(whole.responses) > 1:
        raise HiermodelError(
            "data that do not fit in memory are for models of one response: fit one after the "
            "other, or read a sample of the rows into a data frame"
        )
    (part,) = whole.responses
    own = part.family if isinstance(part.family, (Family, str)) else family
    return Reading(part, as_family(own), tuple(columns))


def check_arguments(given: Mapping[str, Any]) -> None:
    """Refuse arguments that need all rows.

    Raises
    ------
    HiermodelError
        The message names the argument and says what to do.
    """
    priors = given.get("priors")
    named = priors if isinstance(priors, str) else (
        priors[0] if isinstance(priors, (list, tuple)) and priors else ""
    )
    if named == "weak":
        raise HiermodelError(
            "priors='weak' scales with every column, which takes all rows in memory; leave priors "
            "out for those of brms, or give the priors you want"
        )
    if given.get("sample_prior") == "only" or given.get("prior_only"):
        raise HiermodelError(
            "draws of the prior need no big data: pass some rows as a data frame"
        )
    if given.get("stanvars"):
        raise HiermodelError("stanvars may refer to rows, which are not in memory")
    if given.get("aggregate") is False and given.get("collapse") is False:
        raise HiermodelError(
            "with aggregate=False and collapse=False every row must be in memory: leave one of "
            "them out, or read the rows into a data frame"
        )
