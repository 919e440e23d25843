"""Group-level terms."""

from __future__ import annotations

import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula import expand, parse_formula
from hiermodel.formula.syntax import GroupTerm


def groups(text: str) -> tuple[GroupTerm, ...]:
    return expand(parse_formula(text)).groups


def group(text: str) -> GroupTerm:
    (one,) = groups(text)
    return one


@pytest.mark.parametrize(
    "text, intercept, terms",
    [
        ("~ (1 | g)", True, ""),
        ("~ (x | g)", True, "x"),
        ("~ (1 + x | g)", True, "x"),
        ("~ (0 + x | g)", False, "x"),
        ("~ (x - 1 | g)", False, "x"),
        ("~ (x * z | g)", True, "x z x:z"),
        ("~ (0 + f:x | g)", False, "f:x"),
    ],
)
def test_coefficients(text: str, intercept: bool, terms: str) -> None:
    coefs = group(text).coefs
    assert coefs.intercept == intercept
    assert [term.text for term in coefs.terms] == terms.split()


def test_the_intercept_of_a_group_is_its_own() -> None:
    found = expand(parse_formula("y ~ 0 + x + (x | g)"))
    assert not found.intercept and found.groups[0].coefs.intercept
    found = expand(parse_formula("y ~ x + (0 + x | g)"))
    assert found.intercept and not found.groups[0].coefs.intercept


def test_a_plain_intercept_that_varies() -> None:
    coefs = group("~ (0 + Intercept + x | g)").coefs
    assert coefs.plain_intercept and not coefs.intercept


@pytest.mark.parametrize(
    "text, correlated, identifier, shown",
    [
        ("~ (x|g)", True, None, "(x | g)"),
        ("~ (x||g)", False, None, "(x || g)"),
        ("~ (1+x|ID|g)", True, "ID", "(1 + x |ID| g)"),
        ("~ (x |2| g)", True, "2", "(x |2| g)"),
        ("~ (x | gr(g))", True, None, "(x | gr(g))"),
        ("~ (x | gr(g, cor = FALSE))", False, None, "(x | gr(g, cor = FALSE))"),
        ("~ (x || gr(g, cor = TRUE))", False, None, "(x || gr(g, cor = TRUE))"),
        ("~ (x | gr(g, id = 'a'))", True, "a", '(x | gr(g, id = "a"))'),
        ("~ (x |b| gr(g, by = f))", True, "b", "(x |b| gr(g, by = f))"),
        ("~ (x | mm(g, h, id = 'a', cor = False))", False, "a",
         '(x | mm(g, h, id = "a", cor = FALSE))'),
    ],
)
def test_correlation_and_id(
    text: str, correlated: bool, identifier: str | None, shown: str
) -> None:
    one = group(text)
    assert (one.correlated, one.id, one.text) == (correlated, identifier, shown)


def test_two_bars_are_one_term() -> None:
    one = group("~ (1 + x + z || g)")
    assert [term.text for term in one.coefs.terms] == ["x", "z"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("~ (1 | g)", ["g"]),
        ("~ (1 | g:h)", ["g:h"]),
        ("~ (1 | g/h)", ["g", "g:h"]),
        ("~ (1 | g/h/i)", ["g", "g:h", "g:h:i"]),
        ("~ (1 | g:h/i)", ["g:h", "g:h:i"]),
        ("~ (1 | (g))", ["g"]),
        ("~ (1 | gr(g, by = f))", ["g"]),
        ("~ (1 | gr(g:h))", ["g:h"]),
        ("~ (1 | mm(g, h, i, weights = w))", ["g:h:i"]),
        ("~ (1 | `the group`)", ["the group"]),
        ("~ (1 | g) + (1 | h) + (0 + x | g)", ["g", "h", "g"]),
        ("~ ((1 | g) + a)", ["g"]),
    ],
)
def test_grouping_factors(text: str, expected: list[str]) -> None:
    assert [":".join(one.group) for one in groups(text)] == expected


def test_nested_factors_share_what_varies() -> None:
    outer, inner = groups("~ (x || g/h)")
    assert (outer.text, inner.text) == ("(x || g)", "(x || g:h)")
    assert outer.coefs == inner.coefs
    assert not outer.correlated and not inner.correlated


def test_calls_are_kept() -> None:
    one = group("~ (1 | gr(g, by = f, cov = A, dist = 'student'))")
    assert one.call is not None
    assert [a.name for a in one.call.arguments] == [None, "by", "cov", "dist"]
    assert group("~ (1 | g)").call is None


def test_special_terms_may_vary() -> None:
    (special,) = group("~ (1 + mmc(a, b) | mm(g, h))").coefs.specials
    assert special.kind == "mmc"
    (special,) = group("~ (cs(1) | g)").coefs.specials
    assert special.kind == "cs"


@pytest.mark.parametrize(
    "text, culprit, words",
    [
        ("~ 1 | g", "1 | g", "in brackets"),
        ("~ x + 1 | g", "x + 1 | g", "in brackets"),
        ("~ x*(1 | g)", "(1 | g)", "only be added"),
        ("~ x:(1 | g)", "(1 | g)", "only be added"),
        ("~ x/(1 | g)", "(1 | g)", "only be added"),
        ("~ (1 | g)^2", "(1 | g)", "only be added"),
        ("~ x - (1 | g)", "(1 | g)", "only be added"),
        ("~ -(1 | g)", "(1 | g)", "only be added"),
        ("~ (a + (1 | g))*x", "(1 | g)", "only be added"),
        ("~ (1 | g*h)", "g*h", "a column, or columns joined"),
        ("~ (1 | g + h)", "g + h", "crossed factors are two terms"),
        ("~ (1 | factor(g))", "factor(g)", "make a column of it"),
        ("~ (1 | 3)", "3", "a column, or columns joined"),
        ("~ (1 | .)", ".", "a column, or columns joined"),
        ("~ (1 | gr(g/h))", "g/h", "nested"),
        ("~ (1 | gr(g, h))", "gr(g, h)", "one grouping factor"),
        ("~ (1 | gr())", "gr()", "one grouping factor"),
        ("~ (1 | mm(g))", "mm(g)", "two or more"),
        ("~ (1 | mm(g, log(h)))", "log(h)", "are columns"),
        ("~ (1 | gr(g, cor = 2))", "2", "TRUE or FALSE"),
        ("~ (1 | gr(g, id = f(x)))", "f(x)", "in quotes"),
        ("~ (x | f(i) | g)", "f(i)", "ID between bars"),
        ("~ (x || i | g)", "(x || i | g)", "a group-level term is"),
        ("~ (x | i || g)", "(x | i || g)", "a group-level term is"),
        ("~ (a | b | c | d)", "(a | b | c | d)", "a group-level term is"),
        ("~ ((1 | h) | g)", "(1 | h)", "inside another"),
        ("~ (1 + (x | h) | g)", "(x | h)", "inside another"),
    ],
)
def test_what_is_no_group_term(text: str, culprit: str, words: str) -> None:
    with pytest.raises(FormulaError, match=words) as caught:
        groups(text)
    assert text[slice(*caught.value.span or ())] == culprit


@pytest.mark.parametrize(
    "text",
    [
        "~ (1 | g) + (1 | g)",
        "~ (1 | g) + (x | g)",
        "~ (1 |i| g) + (1 |j| g)",
        "~ (1 | g) + (1 | gr(g, by = f))",
        "~ (0 + x | g) + (0 + x | g)",
        "~ (1 | g/h) + (1 | g)",
        "~ (1 | mm(g, h)) + (x | mm(g, h))",
        "~ (1 | g) + (0 + Intercept | g)",
    ],
)
def test_a_coefficient_varies_once_over_a_factor(text: str) -> None:
    with pytest.raises(FormulaError, match="varies twice over"):
        groups(text)


@pytest.mark.parametrize(
    "text",
    [
        "~ (1 | g) + (0 + x | g)",
        "~ (1 | g) + (1 | h)",
        "~ (1 | g) + (1 | g:h)",
        "~ (1 | g) + (1 | mm(g, h))",
    ],
)
def test_other_coefficients_or_factors_may(text: str) -> None:
    assert len(groups(text)) == 2
