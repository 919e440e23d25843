"""The formula language against R's known answers, and against nonsense."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hiermodel import FormulaError, bf
from hiermodel.formula import (
    as_formula,
    deparse,
    expand,
    from_json,
    parse_expression,
    parse_formula,
    to_json,
)
from hiermodel.formula.syntax import Node, walk


def expanded(text: str, columns: list[str] | None = None) -> tuple[bool, list[str]]:
    found = expand(parse_formula(text), columns)
    return found.intercept, [term.text for term in found.terms]


@pytest.mark.parametrize(
    ("text", "intercept", "terms"),
    [
        ("y ~ 1", True, []),
        ("y ~ 0", False, []),
        ("y ~ x - 1", False, ["x"]),
        ("y ~ 0 + x", False, ["x"]),
        ("y ~ -1 + x", False, ["x"]),
        ("y ~ x + 0 + 1", True, ["x"]),
        ("y ~ a * b", True, ["a", "b", "a:b"]),
        ("y ~ a * b * c", True, ["a", "b", "c", "a:b", "a:c", "b:c", "a:b:c"]),
        ("y ~ (a + b + c)^2", True, ["a", "b", "c", "a:b", "a:c", "b:c"]),
        ("y ~ (a + b + c)**2", True, ["a", "b", "c", "a:b", "a:c", "b:c"]),
        ("y ~ a / b", True, ["a", "a:b"]),
        ("y ~ a / b / c", True, ["a", "a:b", "a:b:c"]),
        ("y ~ (a + b) / c", True, ["a", "b", "a:b:c"]),
        ("y ~ b + a:b", True, ["b", "b:a"]),
        ("y ~ a:b + a", True, ["a", "a:b"]),
        ("y ~ a * b - a", True, ["b", "a:b"]),
        ("y ~ x + x", True, ["x"]),
        ("y ~ I(x^2) + poly( x,2 )", True, ["I(x^2)", "poly(x, 2)"]),
        ("y ~ np.log(x)*f", True, ["np.log(x)", "f", "np.log(x):f"]),
    ],
)
def test_terms_are_those_of_r(text: str, intercept: bool, terms: list[str]) -> None:
    assert expanded(text) == (intercept, terms)


def test_dot_is_every_other_column() -> None:
    assert expanded("y ~ . - b", ["y", "a", "b", "c"]) == (True, ["a", "c"])


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("y ~ (x | g)", [("(x | g)", ("g",), True, None, True)]),
        ("y ~ (0 + x || g)", [("(0 + x || g)", ("g",), False, None, False)]),
        ("y ~ (1 |i| g)", [("(1 |i| g)", ("g",), True, "i", True)]),
        ("y ~ (1 | a/b)", [("(1 | a)", ("a",), True, None, True),
                           ("(1 | a:b)", ("a", "b"), True, None, True)]),
        ("y ~ (1 | a:b)", [("(1 | a:b)", ("a", "b"), True, None, True)]),
        ("y ~ (x | gr(g, cor = FALSE))",
         [("(x | gr(g, cor = FALSE))", ("g",), False, None, True)]),
        ("y ~ (1 | mm(a, b))", [("(1 | mm(a, b))", ("a", "b"), True, None, True)]),
    ],
)
def test_group_level_terms(text: str, groups: list[Any]) -> None:
    found = expand(parse_formula(text)).groups
    shown = [(g.text, g.group, g.correlated, g.id, g.coefs.intercept) for g in found]
    assert shown == groups


def test_other_parts() -> None:
    found = expand(parse_formula("y | trials(n) ~ 0 + Intercept + x*mo(z) + offset(log(e))"))
    assert found.plain_intercept and not found.intercept
    assert [s.text for s in found.specials] == ["mo(z)", "x:mo(z)"]
    assert [deparse(o) for o in found.offsets] == ["log(e)"]


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("y ~", "must follow", "~"),
        ("y x", "operator is missing", "x"),
        ("y ~ (x", "never closed", "("),
        ("y ~ x)", "closes nothing", ")"),
        ("y ~ `x", "never closed", "`x"),
        ("y ~ x # z", "no meaning", "#"),
        ("y ~ x * (1 | g)", "group-level term", "(1 | g)"),
        ("y ~ x | g", "brackets", "x | g"),
        ("y ~ (1 | g) + (x | g)", "twice", "(x | g)"),
        ("y ~ (1 | log(g))", "grouping factor", "log(g)"),
        ("y ~ 2", "number", "2"),
        ("y ~ x^z", "whole number", "z"),
        ("y ~ a ~ b", "one '~'", "a"),
        ("y | wieghts(w) ~ 1", "did you mean 'weights'", "wieghts(w)"),
        ("y | weights(w) + weights(v) ~ 1", "twice", "weights(v)"),
        ("y ~ Intercept + x", "0 \\+ Intercept", "Intercept"),
    ],
)
def test_errors_mark_the_culprit(text: str, words: str, marked: str) -> None:
    with pytest.raises(FormulaError, match=words) as info:
        expand(parse_formula(text))
    span = info.value.span
    assert span is not None
    found = text[slice(*span)]
    assert marked in found or found in marked
    assert "^" in str(info.value).splitlines()[-1]


def stripped(node: Node) -> Any:
    """A tree without places."""
    if isinstance(node, (list, tuple)):
        return tuple(map(stripped, node))
    fields = [f for f in getattr(node, "__dataclass_fields__", {}) if f != "span"]
    if not fields:
        return node
    return (type(node).__name__, *(stripped(getattr(node, f)) for f in fields))


@pytest.mark.parametrize(
    "text",
    ["-2^2", "2^3^2", "a + b * c", "-a:b", "!x & y", "x %in% z", "f(a, k = 'b')",
     "c(1, 2L, .5, 1e-3)", "[a, b]", "`my col` + ph.ecog", "a == 1 | b", "TRUE", "np.log(x)"],
)
def test_deparsed_text_means_the_same(text: str) -> None:
    tree = parse_expression(text)
    assert stripped(parse_expression(deparse_quoted(tree))) == stripped(tree)
    for node in walk(tree):
        assert 0 <= node.span[0] < node.span[1] <= len(text)


def deparse_quoted(tree: Node) -> str:
    return deparse(tree).replace("my col", "`my col`").replace("``", "`")


def test_precedence_is_that_of_r() -> None:
    assert parse_expression("-2^2").operand.op == "^"
    assert parse_expression("2^3^2").right.op == "^"
    assert parse_expression("a + b:c").op == "+"


VALID = [
    "y ~ x + (1 | g)", "y | trials(n) ~ a * b + (1 + x || g1/g2)", "log(y) ~ poly(x, 2) - 1",
    "y | cens(c, y2 = z) + weights(w) ~ 0 + Intercept + mo(x):z + (1 |i| gr(g, by = b))",
    "y ~ (a + b)^2 + offset(log(e)) + s(x, k = 5, bs = 'cr')", "y ~ . + (0 + f | mm(a, b))",
]
TOKENS = st.sampled_from(
    ["y", "x", "g", "~", "+", "-", "*", ":", "/", "^", "|", "||", "(", ")", "0", "1", "2", "3.5",
     "'a'", "`b c`", ",", "=", "==", "%in%", "mo(", "gr(", "mm(", "I(", "offset(", ".", "TRUE",
     "[", "]", "!", "&", "\\n", "'", "`", "#"]
)


def only_formula_errors(text: str) -> None:
    try:
        parsed = parse_formula(text)
        expand(parsed, ["y", "x", "g"])
        as_formula(text)
    except FormulaError as error:
        assert error.source is not None
        assert error.span is not None
        start, stop = error.span
        assert 0 <= start <= stop <= max(1, len(error.source))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(TOKENS, max_size=14))
def test_token_soup(tokens: list[str]) -> None:
    only_formula_errors(" ".join(tokens))


@settings(max_examples=300, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sampled_from(VALID), st.integers(0, 80), st.integers(0, 6),
       st.text(alphabet=string.printable + "äß∂", max_size=4))
def test_mutations(text: str, at: int, cut: int, insert: str) -> None:
    at = min(at, len(text))
    only_formula_errors(text[:at] + insert + text[at + cut :])


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    only_formula_errors(text)


def test_large_formulas() -> None:
    many = "y ~ " + " + ".join(f"x{k}" for k in range(3000))
    assert len(expanded(many)[1]) == 3000
    with pytest.raises(FormulaError):
        expanded("y ~ " + " * ".join(f"x{k}" for k in range(40)))
    with pytest.raises(FormulaError):
        parse_formula("y ~ " + "(" * 5000 + "x" + ")" * 5000)


def test_bf_collects_formulas_and_survives_json() -> None:
    formula = bf("y ~ x", "sigma ~ z", "nu ~ 1", phi=2, decomp="QR", unused="~ v")
    part = formula.responses[0]
    assert [s.name for s in part.subformulas] == ["sigma", "nu"]
    assert part.options.decomp == "QR"
    assert from_json(to_json(formula)) == formula
    assert str(bf("y ~ x", "a + b ~ 1")).splitlines() == ["y ~ x", "a + b ~ 1"]
    with pytest.raises(FormulaError, match="sigma"):
        bf("y ~ x", "sigma ~ x", "sigma ~ z")
