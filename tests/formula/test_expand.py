"""What a right-hand side means: the algebra of terms, as R's ``terms()`` has it."""

from __future__ import annotations

import pytest

from hiermodel.errors import FormulaError
from hiermodel.formula import deparse, expand, parse_formula
from hiermodel.formula.expand import SPECIAL_TERMS
from hiermodel.formula.syntax import Expansion

from .trees import assert_inside


def meaning(text: str, columns: list[str] | None = None) -> Expansion:
    return expand(parse_formula(text), columns)


def labels(text: str, columns: list[str] | None = None) -> list[str]:
    return [term.text for term in meaning(text, columns).terms]


# attr(terms(...), "intercept") and attr(terms(...), "term.labels") of R; labels with blanks are
# closed by semicolons.
R_TERMS = [
    ("~ 1", 1, ""),
    ("~ 0", 0, ""),
    ("~ -1", 0, ""),
    ("~ a", 1, "a"),
    ("~ (a)", 1, "a"),
    ("~ a + b", 1, "a b"),
    ("~ b + a", 1, "b a"),
    ("~ a + a", 1, "a"),
    ("~ a + (b + c)", 1, "a b c"),
    ("~ a:b", 1, "a:b"),
    ("~ a:b + a", 1, "a a:b"),
    ("~ b:a + a + b", 1, "a b b:a"),
    ("~ a:b + b:a", 1, "a:b"),
    ("~ b + a:b", 1, "b b:a"),
    ("~ a + b:a", 1, "a a:b"),
    ("~ a:a", 1, "a"),
    ("~ a:b:a", 1, "a:b"),
    ("~ a*b", 1, "a b a:b"),
    ("~ a*a", 1, "a"),
    ("~ a*b*c", 1, "a b c a:b a:c b:c a:b:c"),
    ("~ a*b + c", 1, "a b c a:b"),
    ("~ a*b + c*d", 1, "a b c d a:b c:d"),
    ("~ a*(b + c)", 1, "a b c a:b a:c"),
    ("~ (a + b)*(c + d)", 1, "a b c d a:c a:d b:c b:d"),
    ("~ (a + b):(c + d)", 1, "a:c a:d b:c b:d"),
    ("~ (a + b + c)^2", 1, "a b c a:b a:c b:c"),
    ("~ (a + b + c)**2", 1, "a b c a:b a:c b:c"),
    ("~ (a + b + c)^3", 1, "a b c a:b a:c b:c a:b:c"),
    ("~ (a + b)^5", 1, "a b a:b"),
    ("~ (a + b)^1", 1, "a b"),
    ("~ (a*b)^2", 1, "a b a:b"),
    ("~ a^2", 1, "a"),
    ("~ (a + c:d + a:b)^2", 1, "a a:b c:d a:c:d a:c:d:b"),
    ("~ a:b^2", 1, "a:b"),
    ("~ (a + b)^2:c", 1, "a:c b:c a:b:c"),
    ("~ a/b", 1, "a a:b"),
    ("~ a/b/c", 1, "a a:b a:b:c"),
    ("~ a/(b + c)", 1, "a a:b a:c"),
    ("~ (a + b)/c", 1, "a b a:b:c"),
    ("~ a*b/c", 1, "a b a:b a:b:c"),
    ("~ a/b*c", 1, "a c a:b a:c a:b:c"),
    ("~ a:b:c + a", 1, "a a:b:c"),
    # Taking away.
    ("~ a*b - a", 1, "b a:b"),
    ("~ a*b - a:b", 1, "a b"),
    ("~ a*b - b:a", 1, "a b"),
    ("~ a*b*c - a:b:c", 1, "a b c a:b a:c b:c"),
    ("~ (a + b + c)^2 - a:b", 1, "a b c a:c b:c"),
    ("~ a*b*c - (a + b)^2", 1, "c a:c b:c a:b:c"),
    ("~ a + b - a", 1, "b"),
    ("~ a - a + b + a", 1, "b a"),
    ("~ a - c", 1, "a"),
    ("~ -a + a", 1, "a"),
    ("~ a + -a", 1, "a"),
    ("~ a + b - (a + b)", 1, ""),
    ("~ a + (b - a)", 1, "a b"),
    # The intercept belongs to the whole formula; the last word counts.
    ("~ a - 1", 0, "a"),
    ("~ a + 0", 0, "a"),
    ("~ 0 + a", 0, "a"),
    ("~ -1 + a", 0, "a"),
    ("~ a + -1", 0, "a"),
    ("~ a - 0", 1, "a"),
    ("~ 0 + a + 1", 1, "a"),
    ("~ a - 1 + 1", 1, "a"),
    ("~ 1 + a - 1", 0, "a"),
    ("~ a + (b - 1)", 0, "a b"),
    ("~ a - (b - 1)", 1, "a"),
    ("~ a - (b + 1)", 0, "a"),
    ("~ (a - 1)*b", 0, "a b a:b"),
    ("~ (a + 0)*b", 0, "a b a:b"),
    ("~ (1 + a)*b", 1, "a b a:b"),
    ("~ (1 + a):b", 1, "a:b"),
    ("~ (1 + a + b)^2", 1, "a b a:b"),
    ("~ 0 + (1 + a)*b", 1, "a b a:b"),
    ("~ a/(1 + b)", 1, "a a:b"),
    ("~ a*1", 1, "a"),
    # Calls are columns of their own.
    ("~ x + I(x^2) + log( x )", 1, "x; I(x^2); log(x)"),
    ("~ poly(x,2)*f", 1, "poly(x, 2); f; poly(x, 2):f"),
    ("~ x1:poly(x2,2)", 1, "x1:poly(x2, 2);"),
    ("~ np.log(x)*f", 1, "np.log(x); f; np.log(x):f"),
    ("~ log(x) + log( x )", 1, "log(x);"),
    ("~ I(a + b)*c", 1, "I(a + b); c; I(a + b):c"),
    ("~ offset(w) + a + offset(log(n))", 1, "a"),
]


@pytest.mark.parametrize("text, intercept, terms", R_TERMS, ids=[row[0] for row in R_TERMS])
def test_terms_of_r(text: str, intercept: int, terms: str) -> None:
    expected = [t.strip() for t in terms.split(";") if t] if ";" in terms else terms.split()
    found = meaning(text)
    assert [term.text for term in found.terms] == expected
    assert found.intercept == bool(intercept)


@pytest.mark.parametrize(
    "text, sets",
    [
        ("~ a + b %in% a", ["a", "a b"]),
        ("~ a %in% (b + c)", ["a b c"]),
        ("~ (a + b) %in% c", ["a c", "b c"]),
    ],
)
def test_within(text: str, sets: list[str]) -> None:
    """``%in%`` joins each term on its left with all of those on its right."""
    found = [{deparse(factor) for factor in term.factors} for term in meaning(text).terms]
    assert found == [set(one.split()) for one in sets]


COLUMNS = ["y", "a", "b", "n"]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("y ~ .", "a b n"),
        ("y ~ . - b", "a n"),
        ("y ~ . + a", "a b n"),
        ("y ~ a:b + .", "a b n a:b"),
        ("y | trials(n) ~ .", "a b"),
        ("log(y) ~ .", "a b n"),
        ("cbind(y, a) ~ .", "b n"),
        ("y | trials(n) ~ .^2", "a b a:b"),
        ("y | trials(n) ~ .*c", "a b c a:c b:c"),
    ],
)
def test_the_dot_is_all_other_columns(text: str, expected: str) -> None:
    assert labels(text, COLUMNS) == expected.split()


def test_the_dot_needs_columns() -> None:
    with pytest.raises(FormulaError, match="needs the data"):
        meaning("y ~ .")


def test_factors_of_a_term() -> None:
    (term,) = meaning("~ poly(x, 2):b").terms
    assert [deparse(factor) for factor in term.factors] == ["poly(x, 2)", "b"]


def test_a_term_knows_its_place() -> None:
    text = "y ~ a + log(b)*c"
    spans = {term.text: text[slice(*term.span)] for term in meaning(text).terms}
    assert spans == {"a": "a", "log(b)": "log(b)", "c": "c", "log(b):c": "log(b)*c"}
    text = "y ~ (a + b)^2"
    spans = {term.text: text[slice(*term.span)] for term in meaning(text).terms}
    assert spans == {"a": "a", "b": "b", "a:b": "(a + b)^2"}


def test_offsets_are_collected() -> None:
    offsets = meaning("~ a + offset(log(n)) + (offset(w) + b)").offsets
    assert [deparse(node) for node in offsets] == ["log(n)", "w"]


@pytest.mark.parametrize("text", ["~ 0 + Intercept + x", "~ x + Intercept - 1", "~ -1 + Intercept"])
def test_the_intercept_as_a_plain_coefficient(text: str) -> None:
    found = meaning(text)
    assert found.plain_intercept and not found.intercept
    assert "Intercept" not in [term.text for term in found.terms]


def test_a_column_may_be_named_intercept() -> None:
    found = meaning("y ~ Intercept", ["y", "Intercept"])
    assert found.intercept and not found.plain_intercept
    assert [term.text for term in found.terms] == ["Intercept"]


def test_the_plain_intercept_beside_the_usual_one() -> None:
    with pytest.raises(FormulaError, match=r"write '0 \+ Intercept'"):
        meaning("~ Intercept + x")


@pytest.mark.parametrize("kind", sorted(SPECIAL_TERMS))
def test_special_calls(kind: str) -> None:
    found = meaning(f"~ a + {kind}(x, k = 5) + {kind}(z):a")
    assert [term.text for term in found.terms] == ["a"]
    first, second = found.specials
    assert (first.kind, first.text, first.factors) == (kind, f"{kind}(x, k = 5)", ())
    assert second.kind == kind
    assert second.text == f"a:{kind}(z)"
    assert [deparse(factor) for factor in second.factors] == ["a"]
    assert [call.function for call in second.calls] == [kind]


def test_special_calls_cross_like_others() -> None:
    found = meaning("~ mo(x)*a*mo(z)")
    assert [term.text for term in found.terms] == ["a"]
    assert [term.text for term in found.specials] == [
        "mo(x)", "mo(z)", "mo(x):a", "mo(x):mo(z)", "a:mo(z)", "mo(x):a:mo(z)",
    ]
    assert [len(term.calls) for term in found.specials] == [1, 1, 1, 2, 1, 2]


def test_two_things_of_one_name() -> None:
    with pytest.raises(FormulaError, match="same name"):
        meaning("~ I(x + 1) + I(`x + 1`)")
    with pytest.raises(FormulaError, match="same name"):
        meaning("~ `log(x)` + log(x)")
    assert labels("~ `x` + x") == ["x"]


def test_thousands_of_terms() -> None:
    assert len(labels("~ " + " + ".join(f"x{k}" for k in range(3000)))) == 3000


@pytest.mark.parametrize(
    "text",
    [
        "~ " + "*".join(f"x{k}" for k in range(40)),
        "~ (" + " + ".join(f"x{k}" for k in range(200)) + ")^3",
        "~ (" + " + ".join(f"x{k}" for k in range(900)) + "):("
        + " + ".join(f"z{k}" for k in range(900)) + ")",
    ],
    ids=["crossing", "power", "interaction"],
)
def test_too_many_terms(text: str) -> None:
    with pytest.raises(FormulaError, match="more than 10,000 terms") as caught:
        meaning(text)
    assert_inside(caught.value, text)
