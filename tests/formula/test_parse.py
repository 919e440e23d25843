"""Text to trees: precedence, calls, literals, the two sides of a formula."""

from __future__ import annotations

import math

import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula import deparse, parse_expression, parse_formula
from hiermodel.formula.parse import ADDITIONS
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Constant,
    Name,
    Number,
    Paren,
    String,
    Unary,
    names,
    walk,
)

from .trees import assert_inside, bare


def bracketed(source: str) -> str:
    """An expression with every operation in brackets."""

    def show(node: object) -> str:
        match node:
            case Binary(op=op, left=left, right=right):
                return f"({show(left)} {op} {show(right)})"
            case Unary(op=op, operand=operand):
                return f"({op}{show(operand)})"
            case Paren(inner=inner):
                return show(inner)
        return deparse(node)  # type: ignore[arg-type]

    return show(parse_expression(source))


# help("Syntax") of R, with the bars just above the tilde.
@pytest.mark.parametrize(
    "source, expected",
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b / c", "((a / b) / c)"),
        ("a * b / c", "((a * b) / c)"),
        ("a * b:c", "(a * (b : c))"),
        ("a:b^2", "(a : (b ^ 2))"),
        ("a^b^c", "(a ^ (b ^ c))"),
        ("a ** b ** c", "(a ^ (b ^ c))"),
        ("-a^2", "(-(a ^ 2))"),
        ("2^-1", "(2 ^ (-1))"),
        ("-a * b", "((-a) * b)"),
        ("a + -b", "(a + (-b))"),
        ("a %in% b + c", "((a %in% b) + c)"),
        ("a * b %in% c", "(a * (b %in% c))"),
        ("a:b %in% c", "((a : b) %in% c)"),
        ("a + b < c * 2", "((a + b) < (c * 2))"),
        ("a == 1 & !b", "((a == 1) & (!b))"),
        ("!a == b", "(!(a == b))"),
        ("a & b | c", "((a & b) | c)"),
        ("1 + x | g", "((1 + x) | g)"),
        ("x | i | g", "((x | i) | g)"),
        ("x || g:h", "(x || (g : h))"),
        ("y | w ~ x + z", "((y | w) ~ (x + z))"),
        ("~ x + z", "(~(x + z))"),
    ],
)
def test_precedence(source: str, expected: str) -> None:
    assert bracketed(source) == expected


@pytest.mark.parametrize(
    "source, expected",
    [
        ("1e-3", 0.001), ("2", 2), ("2L", 2), ("1.50", 1.5), (".5", 0.5), ("Inf", math.inf),
        ("123456789012345", 123456789012345),
    ],
)
def test_numbers(source: str, expected: float) -> None:
    node = parse_expression(source)
    assert isinstance(node, Number)
    assert node.value == expected
    assert type(node.value) is type(expected)


def test_a_number_of_thousands_of_digits() -> None:
    node = parse_expression("9" * 5000)
    assert isinstance(node, Number) and node.value == math.inf


@pytest.mark.parametrize(
    "source, expected",
    [("TRUE", True), ("True", True), ("FALSE", False), ("False", False), ("NULL", None),
     ("None", None), ("NA", None)],
)
def test_constants(source: str, expected: bool | None) -> None:
    assert parse_expression(source) == Constant((0, len(source)), expected)


def test_words_in_backticks_are_columns() -> None:
    assert parse_expression("`TRUE`") == Name((0, 6), "TRUE")
    assert parse_expression("`a b`") == Name((0, 5), "a b")


def test_strings_of_both_kinds() -> None:
    assert bare(parse_expression("'cr'")) == bare(parse_expression('"cr"'))
    assert parse_expression("\"it's\"") == String((0, 6), "it's")


def test_calls() -> None:
    node = parse_expression("s(x, k = 5, bs = \"cr\", fx = TRUE)")
    assert isinstance(node, Call)
    assert node.function == "s"
    assert [a.name for a in node.arguments] == [None, "k", "bs", "fx"]
    assert [deparse(a.value) for a in node.arguments] == ["x", "5", '"cr"', "TRUE"]


def test_python_spellings_read_as_the_spellings_of_r() -> None:
    python = parse_expression("np.log(x)**2 + f(a, k=None, v=[1, 2], w=True, z='u')")
    r = parse_expression('np.log(x)^2 + f(a, k = NULL, v = c(1, 2), w = TRUE, z = "u")')
    assert bare(python) == bare(r)


def test_empty_calls_and_trailing_commas() -> None:
    assert bare(parse_expression("mi()")) == ("Call", ("mi", ()))
    assert bare(parse_expression("f(a,)")) == bare(parse_expression("f(a)"))


def test_every_node_knows_its_place() -> None:
    source = "y ~ log(x + 1) * `a b`:z - I(-x^2) + (1 |ID| gr(g, cov = A))"
    for node in walk(parse_expression(source)):
        piece = source[node.span[0] : node.span[1]]
        assert bare(parse_expression(piece)) == bare(node)


def test_two_sides() -> None:
    parsed = parse_formula("log(y) | trials(n) + weights(w, scale = TRUE) ~ x")
    assert parsed.response is not None
    assert deparse(parsed.response) == "log(y)"
    assert [deparse(a) for a in parsed.additions] == ["trials(n)", "weights(w, scale = TRUE)"]
    assert deparse(parsed.rhs) == "x"


def test_one_side() -> None:
    parsed = parse_formula("~ x + z")
    assert (parsed.response, parsed.additions) == (None, ())
    assert deparse(parsed.rhs) == "x + z"


def test_several_parameters_on_the_left_stay_a_sum() -> None:
    parsed = parse_formula("a + b ~ 1")
    assert isinstance(parsed.response, Binary) and parsed.response.op == "+"


def test_several_lines() -> None:
    source = "y ~ x +\n    z +\n    (1 | g)"
    assert bare(parse_formula(source).rhs) == bare(parse_formula("y ~ x + z + (1 | g)").rhs)


def test_the_caret_stands_in_its_own_line() -> None:
    source = "y ~ x +\n    z z2 +\n    (1 | g)"
    with pytest.raises(FormulaError) as caught:
        parse_formula(source)
    assert str(caught.value).splitlines()[1:] == ["      z z2 +", "        ^^"]


@pytest.mark.parametrize("name", ADDITIONS)
def test_every_addition_is_read_once(name: str) -> None:
    parsed = parse_formula(f"y | {name}(a, b = 2) ~ x")
    assert [call.function for call in parsed.additions] == [name]
    source = f"y | {name}(a) + {name}(b) ~ x"
    with pytest.raises(FormulaError, match="twice") as caught:
        parse_formula(source)
    assert source[slice(*caught.value.span or ())] == f"{name}(b)"


def test_an_unknown_addition_gets_the_nearest() -> None:
    with pytest.raises(FormulaError, match="did you mean 'weights'"):
        parse_formula("y | weight(w) ~ x")


def test_names_are_the_columns_in_use() -> None:
    node = parse_expression("log(x) + C(f, contr.sum) * x:z + s(t, by = u, bs = 'cr')")
    assert names(node) == ("x", "f", "z", "t", "u")


def test_a_sum_may_be_long() -> None:
    source = "y ~ " + " + ".join(f"x{k}" for k in range(3000))
    parsed = parse_formula(source)
    assert len(names(parsed.rhs)) == 3000
    assert deparse(parsed.rhs) == source[4:]
    assert parsed == parse_formula(source) and source in repr(parsed)


@pytest.mark.parametrize(
    "source",
    [
        "y ~ " + "(" * 500 + "x" + ")" * 500,
        "y ~ " + "-" * 500 + "x",
        "y ~ " + "f(" * 500 + "x" + ")" * 500,
        "y ~ " + "^".join("x" * 500),
        "y ~ " + ":".join(f"x{k}" for k in range(500)),
        "y ~ f(" + " + ".join(f"x{k}" for k in range(500)) + ")",
    ],
    ids=["brackets", "signs", "calls", "powers", "interactions", "sum in a call"],
)
def test_nesting_has_an_end(source: str) -> None:
    with pytest.raises(FormulaError, match="nested too deeply") as caught:
        parse_formula(source)
    assert_inside(caught.value, source)


@pytest.mark.parametrize("value", [None, 3, ["y ~ x"], b"y ~ x"])
def test_what_is_no_text(value: object) -> None:
    with pytest.raises(FormulaError, match="must be text"):
        parse_formula(value)  # type: ignore[arg-type]
    with pytest.raises(FormulaError, match="must be text"):
        parse_expression(value)  # type: ignore[arg-type]
