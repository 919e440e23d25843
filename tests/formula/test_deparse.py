"""Trees to text."""

from __future__ import annotations

import pytest

from hiermodel.formula import deparse, parse_expression

from .trees import bare


@pytest.mark.parametrize(
    "source, expected",
    [
        ("I(age**2)", "I(age^2)"),
        ("I( age ^ 2 )", "I(age^2)"),
        ("poly(dose,2)", "poly(dose, 2)"),
        ("log(x+1)", "log(x + 1)"),
        ("a*b-c", "a * b - c"),
        ("a : b", "a:b"),
        ("cbind( by1,by2 )", "cbind(by1, by2)"),
        ("s(x,bs='cr',k=5)", 's(x, bs = "cr", k = 5)'),
        ("s(x, xt = 'a \"b\"')", "s(x, xt = 'a \"b\"')"),
        ("mo(x,id=None)", "mo(x, id = NULL)"),
        ("f([1,2],True)", "f(c(1, 2), TRUE)"),
        ("-x", "-x"),
        ("!a&b", "!a & b"),
        ("a%in%b", "a %in% b"),
        ("1|g", "1 | g"),
        ("x||g", "x || g"),
        ("np.log(x)", "np.log(x)"),
        ("ifelse(y>8,1,0)", "ifelse(y > 8, 1, 0)"),
        ("(a+b)^2", "(a + b)^2"),
        # R writes a number in the shorter of its two forms.
        ("100000", "1e+05"),
        ("123456", "123456"),
        ("1000", "1000"),
        ("0.001", "0.001"),
        ("0.0001", "1e-04"),
        ("1.50", "1.5"),
        ("0.1", "0.1"),
        ("2.0", "2"),
        ("1e15", "1e+15"),
        ("3L", "3"),
        ("Inf", "Inf"),
        ("0", "0"),
    ],
)
def test_spelling(source: str, expected: str) -> None:
    assert deparse(parse_expression(source)) == expected


@pytest.mark.parametrize(
    "source", ["`a b` + 1", "log(`TRUE`)", "f(`a b` = 2)", "`2nd`:`x+1`", "`Inf`", "." , "`_x`"]
)
def test_backticks_make_it_readable_again(source: str) -> None:
    node = parse_expression(source)
    assert bare(parse_expression(deparse(node, backticks=True))) == bare(node)


def test_labels_have_no_backticks() -> None:
    assert deparse(parse_expression("log(`a b`)")) == "log(a b)"
    assert deparse(parse_expression("log(`x`)"), backticks=True) == "log(x)"
