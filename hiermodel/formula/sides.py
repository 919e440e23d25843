"""What the two sides of a formula must not share, or lack."""

from __future__ import annotations

from collections.abc import Iterator

from hiermodel.errors import FormulaError
from hiermodel.formula.deparse import deparse
from hiermodel.formula.syntax import Expansion, Node, ParsedFormula, names


def check_sides(parsed: ParsedFormula, expansion: Expansion) -> None:
    """Check the response against the right-hand side.

    Raises
    ------
    FormulaError
        For a response without a column, and for one that is its own predictor.

    Examples
    --------
    >>> from hiermodel.formula import expand, parse_formula
    >>> parsed = parse_formula("y ~ log(y)")
    >>> check_sides(parsed, expand(parsed))  # another variable than y itself
    """
    response = parsed.response
    if response is None:
        return
    if not names(response):
        raise FormulaError(
            f"the response {deparse(response)} is a constant: the left side names a column of "
            "the data",
            parsed.source,
            response.span,
        )
    text = deparse(response)
    for factor in _factors(expansion):
        if deparse(factor) == text:
            raise FormulaError(
                f"the response {text} stands on the right-hand side as well, where it would "
                "predict itself; leave it out there",
                parsed.source,
                factor.span,
            )


def _factors(expansion: Expansion) -> Iterator[Node]:
    for term in expansion.terms:
        yield from term.factors
    for special in expansion.specials:
        yield from special.factors
    yield from expansion.offsets
    for group in expansion.groups:
        yield from _factors(group.coefs)
