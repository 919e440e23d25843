"""Text to tokens."""

from __future__ import annotations

import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula.tokens import Kind, tokenize

from .trees import assert_inside


def texts(source: str) -> list[str]:
    return [token.text for token in tokenize(source)[:-1]]


@pytest.mark.parametrize(
    "source, expected",
    [
        ("ph.ecog+np.log(x)", ["ph.ecog", "+", "np.log", "(", "x", ")"]),
        (".x + .", [".x", "+", "."]),
        ("_a + x_1", ["_a", "+", "x_1"]),
        ("größe ~ 温度", ["größe", "~", "温度"]),
        ("`a b`+`2nd`", ["`a b`", "+", "`2nd`"]),
        ("1e-3 + 1.5E+2 - .5 + 2. + 3L", ["1e-3", "+", "1.5E+2", "-", ".5", "+", "2.", "+", "3L"]),
        ("a**b^c", ["a", "**", "b", "^", "c"]),
        ("a%in%b", ["a", "%in%", "b"]),
        ("a||b|c", ["a", "||", "b", "|", "c"]),
        ("a<=b>=c==d!=e<f>g",
         ["a", "<=", "b", ">=", "c", "==", "d", "!=", "e", "<", "f", ">", "g"]),
        ("s(x, bs='cr', m=\"a'b\")", ["s", "(", "x", ",", "bs", "=", "'cr'", ",", "m", "=",
                                      "\"a'b\"", ")"]),
        ("[a, 1]", ["[", "a", ",", "1", "]"]),
        ("y ~\n  x +\n\tz", ["y", "~", "x", "+", "z"]),
    ],
)
def test_texts(source: str, expected: list[str]) -> None:
    assert texts(source) == expected


def test_places() -> None:
    source = "  log( `a b` ) ~ 10 "
    for token in tokenize(source)[:-1]:
        assert source[token.start : token.end] == token.text


def test_the_end_points_at_the_last_character() -> None:
    end = tokenize("y ~  ")[-1]
    assert (end.kind, end.span) == (Kind.END, (2, 3))


@pytest.mark.parametrize(
    "source, span, words",
    [
        ("y ~ x # z", (6, 7), "'#'"),
        ("y ~ x $ z", (6, 7), "'$'"),
        ("y ~ x %% z", (6, 7), "'%'"),
        ("y ~ `a b", (4, 8), "backtick"),
        ("y ~ s(x, bs = 'cr)", (14, 18), "quote"),
        ('y ~ s(x, bs = "cr)', (14, 18), "double quote"),
    ],
)
def test_unreadable(source: str, span: tuple[int, int], words: str) -> None:
    with pytest.raises(FormulaError, match=words.replace("$", r"\$")) as caught:
        tokenize(source)
    assert caught.value.span == span
    assert_inside(caught.value, source)
