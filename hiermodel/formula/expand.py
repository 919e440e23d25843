"""What a right-hand side means: R's algebra of terms, group-level terms, offsets.

The algebra is that of Wilkinson & Rogers (1973) as R's ``terms()`` does it: terms are sets of
factors, ordered by their degree and then by appearance; within a term factors stand in the order
in which they first appear in the formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product

from hiermodel.errors import FormulaError
from hiermodel.formula.deparse import deparse
from hiermodel.formula.groups import check_groups, is_bar, read_group
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Expansion,
    GroupTerm,
    Interaction,
    Name,
    Node,
    Number,
    Paren,
    ParsedFormula,
    Span,
    SpecialTerm,
    String,
    Unary,
    chain,
    names,
)

SPECIAL_TERMS = frozenset(
    "s t2 te ti gp mo me mi cs cse mmc ar ma arma cosy unstr sar car fcor".split()
)
_MAX_POWER = 20
# More than anyone means; it keeps a*b*c*... from taking all memory.
_MAX_TERMS = 10_000
_MAX_PAIRS = 400_000


@dataclass(frozen=True, slots=True)
class _Product:
    """A product of factors, named by their canonical text; empty for the intercept."""

    factors: frozenset[str]
    span: Span


_INTERCEPT: frozenset[str] = frozenset()
_ONLY_ADDED = {
    "group": "a group-level term can only be added, with '+'",
    "offset": "an offset can only be added, with '+'",
}


@dataclass(slots=True)
class _Found:
    """What an expansion collects on its way; local to one call of `expand`."""

    nodes: dict[str, Node] = field(default_factory=dict)
    groups: list[GroupTerm] = field(default_factory=list)
    offsets: list[Node] = field(default_factory=list)


def expand(parsed: ParsedFormula, columns: Sequence[str] | None = None) -> Expansion:
    """Expand the right-hand side of a formula.

    Parameters
    ----------
    parsed : ParsedFormula
    columns : sequence of str, optional
        Columns of the data, needed for ``.``, which stands for all that the left side does
        not use.

    Returns
    -------
    Expansion

    Raises
    ------
    FormulaError
        For something that is no term, with its position.

    Examples
    --------
    >>> from hiermodel.formula import parse_formula
    >>> e = expand(parse_formula("y ~ a * b + (1 | g)"))
    >>> [t.text for t in e.terms], e.groups[0].group
    (['a', 'b', 'a:b'], ('g',))
    """
    return _expand(parsed.rhs, parsed, columns)


def _expand(node: Node, parsed: ParsedFormula, columns: Sequence[str] | None) -> Expansion:
    found = _Found()
    reader = _Reader(parsed, columns, found)
    # The intercept is there from the start, as in R: ``0 +`` and ``- 1`` take it away.
    products = reader.sum([_Product(_INTERCEPT, node.span)], node)
    order = {key: place for place, key in enumerate(found.nodes)}
    unique: dict[frozenset[str], _Product] = {}
    for found_one in products:
        unique.setdefault(found_one.factors, found_one)
    intercept = _INTERCEPT in unique
    kept = sorted((p for p in unique.values() if p.factors), key=lambda p: len(p.factors))
    known = columns if columns is not None else ()
    plain = frozenset({"Intercept"}) in unique and "Intercept" not in known
    if plain and intercept:
        message = (
            "'Intercept' is the intercept as an ordinary coefficient; write '0 + Intercept' to "
            "have it instead of the usual one"
        )
        raise FormulaError(message, parsed.source, found.nodes["Intercept"].span)
    terms: list[Interaction] = []
    specials: list[SpecialTerm] = []
    for product in kept:
        if plain and product.factors == {"Intercept"}:
            continue
        keys = sorted(product.factors, key=order.__getitem__)
        factors = tuple(found.nodes[key] for key in keys)
        text = ":".join(keys)
        calls = tuple(f for f in factors if isinstance(f, Call) and f.function in SPECIAL_TERMS)
        if calls:
            others = tuple(f for f in factors if f not in calls)
            specials.append(SpecialTerm(calls[0].function, calls, others, text, product.span))
        else:
            terms.append(Interaction(factors, text, product.span))
    check_groups(found.groups, parsed.source)
    return Expansion(
        parsed.source, intercept, plain, tuple(terms), tuple(specials), tuple(found.groups),
        tuple(found.offsets),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns nodes into products; offsets and group-level terms go to `found`."""

    parsed: ParsedFormula
    columns: Sequence[str] | None
    found: _Found

    def fail(self, message: str, node: Node) -> FormulaError:
        return FormulaError(message, self.parsed.source, node.span)

    def sum(self, before: list[_Product], node: Node) -> list[_Product]:
        """Products of a sum, added to (or taken from) those `before` it."""
        first, steps = chain(node, "+-")
        out = self.summand(before, first)
        for step in steps:
            add = self.summand if step.op == "+" else self.without
            out = add(out, step.right)
        return out

    def summand(self, before: list[_Product], node: Node) -> list[_Product]:
        """Products of one part of a sum, added to those `before` it."""
        match node:
            case Unary(op="+", operand=operand):
                return self.summand(before, operand)
            case Unary(op="-", operand=operand):
                return self.without(before, operand)
            case Paren(inner=inner) if is_bar(inner):
                self.found.groups += read_group(
                    inner, node.span, self.parsed.source, self.expansion_of
                )
                return before
            case Paren(inner=inner):
                # A minus in brackets takes from its own sum, but there is one intercept only.
                terms = [p for p in before if p.factors]
                return [*terms, *self.sum([p for p in before if not p.factors], inner)]
            case Call(function="offset", arguments=arguments):
                if len(arguments) != 1:
                    raise self.fail("offset() takes one expression", node)
                self.found.offsets.append(arguments[0].value)
                return before
            case Number(value=0):
                return [p for p in before if p.factors]
            case _:
                return [*before, *self.products(node)]

    def expansion_of(self, node: Node) -> Expansion:
        """Expand the coefficients of a group-level term on their own."""
        return _expand(node, self.parsed, self.columns)

    def without(self, before: list[_Product], node: Node) -> list[_Product]:
        """Products without those of `node`; ``- 1`` takes the intercept away, ``- 0`` adds it."""
        if isinstance(node, Number) and node.value == 0:
            return [*before, _Product(_INTERCEPT, node.span)]
        if isinstance(node, Paren) and is_bar(node.inner):
            raise self.fail(_ONLY_ADDED["group"], node)
        dropped = {p.factors for p in self.summands(node)}
        return [p for p in before if p.factors not in dropped]

    def summands(self, node: Node) -> list[_Product]:
        """Products of an operand, or of what is subtracted: a sum in brackets, or one term."""
        match node:
            case Paren(inner=inner) if is_bar(inner):
                raise self.fail(_ONLY_ADDED["group"], node)
            case Paren(inner=inner):
                return self.summands(inner)
            case Binary(op="+" | "-"):
                groups, offsets = len(self.found.groups), len(self.found.offsets)
                out = self.sum([], node)
                if len(self.found.groups) > groups:
                    raise self.fail(_ONLY_ADDED["group"], node)
                if len(self.found.offsets) > offsets:
                    raise self.fail(_ONLY_ADDED["offset"], node)
                return out
            case Call(function="offset"):
                raise self.fail(_ONLY_ADDED["offset"], node)
            case _:
                return self.products(node)

    def products(self, node: Node) -> list[_Product]:
        """Products of one term of a sum."""
        match node:
            case Paren(inner=inner):
                return self.summands(node) if is_bar(inner) else self.summands(inner)
            case Number(value=1):
                return [_Product(_INTERCEPT, node.span)]
            case Name(value=".") if self.columns is not None:
                return [self.factor(Name(node.span, c)) for c in self.others()]
            case Name(value="."):
                raise self.fail("'.' stands for all other columns and needs the data", node)
            case Name() | Call():
                return [self.factor(node)]
            case Binary(op="*", left=left, right=right):
                a, b = self.summands(left), self.summands(right)
                return [*a, *b, *self.crossed(a, b, node)]
            case Binary(op=":" | "%in%", left=left, right=right):
                return self.crossed(self.summands(left), self.summands(right), node)
            case Binary(op="/", left=left, right=right):
                a, b = self.summands(left), self.summands(right)
                every = frozenset[str]().union(*(p.factors for p in a))
                return [*a, *self.crossed([_Product(every, left.span)], b, node)]
            case Binary(op="^", left=left, right=right):
                return self.power(left, right, node)
            case Binary(op="|" | "||"):
                raise self.fail("a group-level term stands in brackets: (x | g)", node)
        raise self.fail(_not_a_term(node), node)

    def others(self) -> Iterable[str]:
        """Columns that the left-hand side does not use."""
        used: set[str] = set()
        if self.parsed.response is not None:
            used |= set(names(self.parsed.response))
        for call in self.parsed.additions:
            used |= set(names(call))
        return [c for c in self.columns or () if c not in used]

    def factor(self, node: Node) -> _Product:
        key = deparse(node)
        known = self.found.nodes.setdefault(key, node)
        if type(known) is not type(node):
            message = f"the column `{key}` and the expression {key} would have the same name"
            raise self.fail(message, node)
        return _Product(frozenset({key}), node.span)

    def power(self, left: Node, right: Node, node: Node) -> list[_Product]:
        if not (isinstance(right, Number) and isinstance(right.value, int) and right.value > 0):
            raise self.fail(
                "'^' between terms takes a whole number; a power of a column is I(x^2)", right
            )
        if right.value > _MAX_POWER:
            raise self.fail(f"a power of terms is at most {_MAX_POWER}", right)
        out = base = _unique(self.summands(left))
        for _ in range(right.value - 1):
            before = len(out)
            out = _unique([*out, *self.crossed(out, base, node)])
            if len(out) == before:
                break
        return out

    def crossed(
        self, a: Iterable[_Product], b: Iterable[_Product], node: Node
    ) -> list[_Product]:
        """All products of one of `a` and one of `b`, each once."""
        a, b = _unique(a), _unique(b)
        out: dict[frozenset[str], _Product] = {}
        if len(a) * len(b) <= _MAX_PAIRS:
            for x, y in product(a, b):
                key = x.factors | y.factors
                out.setdefault(key, _Product(key, node.span))
                if len(out) > _MAX_TERMS:
                    break
            else:
                return list(out.values())
        raise self.fail(
            f"this makes more than {_MAX_TERMS:,} terms; leave out interactions of high order, "
            "as in (a + b + c)^2",
            node,
        )


def _unique(products: Iterable[_Product]) -> list[_Product]:
    out: dict[frozenset[str], _Product] = {}
    for product in products:
        out.setdefault(product.factors, product)
    return list(out.values())


def _not_a_term(node: Node) -> str:
    match node:
        case Number():
            return "a number cannot be a term (0 and 1 stand for the intercept)"
        case String():
            return "a quoted text cannot be a term; a column with an unusual name takes backticks"
        case Binary(op=op) | Unary(op=op):
            return f"{op!r} cannot join terms; inside I(...) it is arithmetic"
    return "this cannot be a term"
