"""Properties of formulas made at random: places, spelling, and the algebra of terms."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hiermodel.formula import (
    bf,
    deparse,
    expand,
    from_json,
    parse_expression,
    parse_formula,
    to_json,
)
from hiermodel.formula.syntax import walk

from .trees import bare

FIXED = settings(max_examples=300, deadline=None, derandomize=True)

# ---- expressions of every kind: operands in brackets or bare, so that precedence has a say
ATOMS = st.sampled_from(
    ["x", "ph.ecog", "np.log", ".", "1", "0", "2L", ".5", "1e-3", "1e5", "Inf", "TRUE", "NULL",
     "NA", "'it'", '"a b"', "'say \"a\"'", "`a b`", "`2nd`", "`TRUE`", "`x:y`"]
)  # fmt: skip
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", ":", "^", "**", "%in%", "==", "!=", "<", ">", "<=", ">=", "&", "&&", "|",
     "||"]
)  # fmt: skip
BLANKS = st.sampled_from(["", " ", "\n  "])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    chains = st.builds(
        lambda a, left, op, right, b: f"{a}{left}{op}{right}{b}",
        inner, BLANKS, OPERATORS, BLANKS, inner,
    )
    signs = st.builds(lambda op, a: f"{op}{a}", st.sampled_from("-+!"), inner)
    brackets = st.builds(lambda a: f"({a})", inner)
    calls = st.builds(
        lambda f, a, more: f"{f}({', '.join([a, *(f'k = {m}' for m in more)])})",
        st.sampled_from(["log", "np.exp", "c", "s"]), inner, st.lists(inner, max_size=1),
    )
    lists = st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
    return st.one_of(chains, signs, brackets, calls, lists)


EXPRESSIONS = st.recursive(ATOMS, grown, max_leaves=8)


@FIXED
@given(EXPRESSIONS)
def test_spelling_does_not_change_the_tree(text: str) -> None:
    tree = parse_expression(text)
    spelled = deparse(tree, backticks=True)
    assert bare(parse_expression(spelled)) == bare(tree)
    assert deparse(parse_expression(spelled), backticks=True) == spelled


@FIXED
@given(EXPRESSIONS)
def test_the_place_of_a_node_holds_its_text(text: str) -> None:
    for node in walk(parse_expression(text)):
        assert bare(parse_expression(text[slice(*node.span)])) == bare(node)


@FIXED
@given(EXPRESSIONS)
def test_formulas_survive_json(text: str) -> None:
    formula = bf(f"log(`a b`) ~ {text}", f"sigma ~ {text}", nl=True, nu=4)
    assert from_json(to_json(formula)) == formula


# ---- sums and products of terms, beside a model of what they mean: sets of sets of columns
Term = frozenset[str]
Meaning = tuple[str, frozenset[Term]]


def crossed(a: frozenset[Term], b: frozenset[Term]) -> frozenset[Term]:
    return frozenset(x | y for x in a for y in b)


def combined(left: Meaning, op: str, right: Meaning) -> Meaning:
    (a_text, a), (b_text, b) = left, right

    def merged(terms: frozenset[Term]) -> frozenset[Term]:
        return frozenset([frozenset[str]().union(*terms)])

    means = {
        "+": a | b,
        "*": a | b | crossed(a, b),
        ":": crossed(a, b),
        "%in%": crossed(a, merged(b)),
        "/": a | crossed(merged(a), b),
    }
    return f"({a_text}) {op} ({b_text})", means[op]


def squared(base: Meaning) -> Meaning:
    text, terms = base
    return f"({text})^2", terms | crossed(terms, terms)


LETTERS = st.sampled_from("abcdef").map(lambda name: (name, frozenset([frozenset([name])])))


@st.composite
def meanings(draw: st.DrawFn) -> Meaning:
    # Fixed in number, as recursive strategies seldom join more than two columns.
    parts = draw(st.lists(LETTERS, min_size=2, max_size=5))
    while len(parts) > 1:
        at = draw(st.integers(0, len(parts) - 2))
        op = draw(st.sampled_from(["+", "*", ":", "%in%", "/"]))
        joined = combined(parts[at], op, parts[at + 1])
        parts[at : at + 2] = [squared(joined) if draw(st.integers(0, 5)) == 0 else joined]
    return parts[0]


MEANINGS = meanings()


def sets(text: str) -> list[Term]:
    terms = expand(parse_formula(text)).terms
    return [frozenset(deparse(factor) for factor in term.factors) for term in terms]


@FIXED
@given(MEANINGS)
def test_terms_are_sets_of_columns(meaning: Meaning) -> None:
    text, expected = meaning
    found = sets(f"y ~ {text}")
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert [len(term) for term in found] == sorted(len(term) for term in found)


@FIXED
@given(MEANINGS, MEANINGS)
def test_minus_takes_terms_away(all_of: Meaning, without: Meaning) -> None:
    found = sets(f"y ~ {all_of[0]} - ({without[0]})")
    assert set(found) == all_of[1] - without[1]


@FIXED
@given(MEANINGS, st.booleans())
def test_the_intercept_is_apart_from_the_terms(meaning: Meaning, first: bool) -> None:
    text = meaning[0]
    bare_sum = expand(parse_formula(f"y ~ 0 + {text}" if first else f"y ~ {text} - 1"))
    usual = expand(parse_formula(f"y ~ {text}"))
    assert usual.intercept and not bare_sum.intercept
    assert [t.text for t in bare_sum.terms] == [t.text for t in usual.terms]
