"""Whatever is typed: a formula, or a `FormulaError` that marks a place in the text."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from hiermodel.errors import FormulaError
from hiermodel.formula import (
    bf,
    deparse,
    expand,
    from_json,
    parse_expression,
    parse_formula,
    to_json,
)
from hiermodel.formula.expand import SPECIAL_TERMS
from hiermodel.formula.parse import ADDITIONS

from .trees import assert_inside, bare

COLUMNS = ["y", "a", "b", "ph.ecog", "a b", "g", "h"]

# Every kind of token, well-formed and broken.
TOKENS = [
    *"abgh", "y", "x1", "ph.ecog", "np.log", "`a b`", "``", "`", "Intercept", ".", "..",
    "0", "1", "2", "1e-3", "3L", "1e999", "99999999999999999999", "0x1F", "'cr'", '"tp"', "'", '"',
    "+", "-", "*", "/", "^", "**", ":", "%in%", "%", "|", "||", "~", "=", "==", "!=", "<", "<=",
    ">", ">=", "&", "&&", "!", ",", "(", ")", "[", "]", "()", "c(", "I(", "log(", "gr(", "mm(",
    "offset(", "mvbind(", "TRUE", "False", "NULL", "None", "NA", "Inf", "cor =", "id =", "by =",
    "(1 | g)", "(x || g)", "(x |i| g)", "\n", "\t", "#", "$", "\\", "é", "²", "\u00a0", "😀",
    *(f"{name}(" for name in (*ADDITIONS, *sorted(SPECIAL_TERMS))),
]

soup = st.lists(st.sampled_from(TOKENS), max_size=14).flatmap(
    lambda tokens: st.sampled_from([" ", ""]).map(lambda glue: glue.join(tokens))
)

names = st.sampled_from(["a", "b", "x1", "ph.ecog", "`a b`", ".x", "`TRUE`"])
numbers = st.one_of(
    st.integers(0, 10**15 - 1).map(str),
    st.floats(0, 1e12, allow_nan=False).map(lambda v: f"{v:.6g}"),
    st.sampled_from(["2L", ".5", "1e-3", "Inf"]),
)
literals = st.one_of(numbers, st.sampled_from(["TRUE", "None", "NA", "'cr'", '"it\'s"']))


def _operation(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(
        ["+", "-", "*", "/", "^", "**", ":", " %in% ", "==", "<=", "&", "|", "||"]
    )
    return st.tuples(parts, operators, parts).map(" ".join)


def _call(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    argument = st.one_of(parts, parts.map("k = {}".format), parts.map("`k l`={}".format))
    return st.tuples(
        st.sampled_from(["log", "np.log", "I", "s", "poly"]), st.lists(argument, max_size=3)
    ).map(lambda call: f"{call[0]}({','.join(call[1])})")


def _more(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        _operation(parts),
        _call(parts),
        parts.map("({})".format),
        parts.map("-{}".format),
        parts.map("!{}".format),
        st.lists(parts, max_size=3).map(lambda xs: f"[{', '.join(xs)}]"),
    )


expressions = st.recursive(st.one_of(names, literals), _more, max_leaves=12)

factors = st.sampled_from(["a", "b", "c", "d", "log(a)", "poly(b, 2)", "`a b`", "mo(c)"])
terms = st.recursive(
    st.one_of(factors, st.sampled_from(["0", "1"])),
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from([" + ", " - ", "*", "/", ":", " %in% "]), parts).map(
            "".join
        ),
        parts.map("({})".format),
        st.tuples(parts, st.sampled_from(["2", "3"])).map("({0[0]})^{0[1]}".format),
    ),
    max_leaves=8,
)
group_terms = st.tuples(
    st.sampled_from(["1", "x", "0 + x", "1 + x*z", "cs(1)"]),
    st.sampled_from(["|", "||", "|i|"]),
    st.sampled_from(["g", "g:h", "g/h", "gr(g, by = b)", "mm(g, h)", "gr(g, cor = FALSE)"]),
).map("({0[0]} {0[1]} {0[2]})".format)
left_sides = st.sampled_from(
    ["y", "log(y)", "y | weights(w)", "y | trials(n) + cens(k, y2)", "cbind(y, z)", "", "`a b`",
     "mvbind(y, z)"]
)
formulas = st.tuples(
    left_sides, st.lists(st.one_of(terms, group_terms), min_size=1, max_size=5)
).map(lambda parts: f"{parts[0]} ~ {' + '.join(parts[1])}")

pieces = st.one_of(st.sampled_from(TOKENS), st.characters())


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A formula with pieces cut out, doubled or put in."""
    text = draw(formulas)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.integers(0, 4)))
        new = draw(st.one_of(st.just(""), pieces, st.just(2 * text[start:stop])))
        text = text[:start] + new + text[stop:]
    return text


def check(run: Callable[[], object], text: str) -> bool:
    try:
        run()
    except FormulaError as error:
        assert_inside(error, text)
        return False
    return True


def read(text: str) -> None:
    """All that may be done with a formula without data."""
    check(lambda: parse_expression(text), text)
    if not check(lambda: parse_formula(text), text):
        return
    parsed = parse_formula(text)
    check(lambda: expand(parsed), text)
    check(lambda: expand(parsed, COLUMNS), text)
    again = deparse(parsed.rhs, backticks=True)
    assert bare(parse_expression(again)) == bare(parsed.rhs)
    if check(lambda: bf(text), text):
        formula = bf(text)
        assert from_json(json.loads(json.dumps(to_json(formula)))) == formula
        assert str(formula)
    check(lambda: bf("yy ~ 1", text), text)


@given(soup)
@settings(max_examples=200, deadline=None)
def test_soup(text: str) -> None:
    read(text)


@given(soup)
@settings(max_examples=200, deadline=None)
def test_soup_on_the_right(text: str) -> None:
    read(f"y ~ {text}")


@given(soup)
@settings(max_examples=200, deadline=None)
def test_soup_behind_the_bar(text: str) -> None:
    read(f"y | {text} ~ x")
    read(f"y ~ (1 | {text})")


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
@example("\x00")
@example("\ud800")
def test_any_text(text: str) -> None:
    read(text)


@given(mutated())
@settings(max_examples=200, deadline=None)
def test_mutated_formulas(text: str) -> None:
    read(text)


@given(formulas)
@settings(max_examples=200, deadline=None)
def test_formulas_are_read(text: str) -> None:
    """What the grammar allows is parsed, and only the meaning can be refused."""
    parse_formula(text)
    read(text)


@given(expressions)
@settings(max_examples=200, deadline=None)
def test_written_and_read_again(text: str) -> None:
    node = parse_expression(text)
    written = deparse(node, backticks=True)
    assert bare(parse_expression(written)) == bare(node)
    assert deparse(parse_expression(written), backticks=True) == written


@given(expressions, st.sampled_from(["", " ", "\n", "\t  "]))
@settings(max_examples=200, deadline=None)
def test_blanks_change_nothing(text: str, blank: str) -> None:
    assert bare(parse_expression(f"{blank}{text}{blank}")) == bare(parse_expression(text))


def _sets(text: str) -> tuple[bool, set[frozenset[str]]] | None:
    try:
        found = expand(parse_formula(text))
    except FormulaError:
        return None
    every = [t.factors for t in found.terms]
    every += [(*t.calls, *t.factors) for t in found.specials]
    return found.intercept, {frozenset(deparse(f, backticks=True) for f in fs) for fs in every}


@given(terms)
@settings(max_examples=200, deadline=None)
def test_an_expansion_means_itself(text: str) -> None:
    """Terms written out as a sum of products are the same terms."""
    found = _sets(f"~ {text}")
    if found is None:
        return
    intercept, sets = found
    sums = " + ".join(":".join(sorted(one)) for one in sets)
    written = f"~ {int(intercept)}" + (f" + {sums}" if sums else "")
    assert _sets(written) == found


@given(terms, terms)
@settings(max_examples=200, deadline=None)
def test_crossing_is_all_products(a: str, b: str) -> None:
    """What ``*``, ``:``, ``/`` and ``+`` make of two operands, from the operands' own terms."""
    left, right = _sets(f"~ {a}"), _sets(f"~ {b}")
    assume(left is not None and right is not None)
    assert left is not None and right is not None
    x, y = left[1], right[1]
    products = {one | two for one in x for two in y}
    nested = {frozenset[str]().union(*x) | two for two in y}
    expected = {"+": x | y, "*": x | y | products, "/": x | nested}
    if x and y:
        expected[":"] = products
    for operator, sets in expected.items():
        found = _sets(f"~ ({a}){operator}({b})")
        assert found is not None and found[1] == sets, operator


@given(terms)
@settings(max_examples=200, deadline=None)
def test_terms_come_by_degree_and_once(text: str) -> None:
    assume(_sets(f"~ {text}") is not None)
    found = expand(parse_formula(f"~ {text}")).terms
    degrees = [len(term.factors) for term in found]
    assert degrees == sorted(degrees)
    assert len({term.text for term in found}) == len(found)
