"""What a right-hand side means: R's algebra of terms, group-level terms, offsets.

The algebra is that of Wilkinson & Rogers (1973) as R's ``terms()`` does it: terms are sets of
factors, ordered by their degree and then by appearance; within a term factors stand in the order
in which they first appear in the formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    walk,
)

SPECIAL_TERMS = frozenset(
    "s t2 te ti gp mo me mi cs cse mmc ar ma arma cosy unstr sar car fcor".split()
)
# Those that a factor may calculate with.
_CALCULATED = frozenset({"mo", "me", "mi"})
_MAX_POWER = 20
# More than anyone means; it keeps a*b*c*... from taking all memory.
_MAX_TERMS = 10_000
_MAX_PAIRS = 400_000
# The intercept as an ordinary coefficient: 0 + Intercept.
_PLAIN = {"Intercept"}


@dataclass(frozen=True, slots=True)
class _Product:
    """A product of factors, named by their canonical text."""

    factors: frozenset[str]
    span: Span


@dataclass(slots=True)
class _Found:
    """What an expansion collects on its way; local to one call of `expand`.

    The intercept is there from the start and belongs to the whole right-hand side, wherever a
    ``0`` or a ``1`` stands: ``(a - 1) * b`` has none, as in R.
    """

    intercept: bool = True
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
    products = _unique(_Reader(parsed, columns, found).terms(node))
    # Sorting is stable: terms of one degree stay in the order of appearance.
    kept = sorted(products, key=lambda p: len(p.factors))
    plain = "Intercept" not in (columns or ()) and any(p.factors == _PLAIN for p in kept)
    if plain and found.intercept:
        message = (
            "'Intercept' is the intercept as an ordinary coefficient; write '0 + Intercept' to "
            "have it instead of the usual one"
        )
        raise FormulaError(message, parsed.source, found.nodes["Intercept"].span)
    if plain:
        kept = [p for p in kept if p.factors != _PLAIN]
    terms, specials = _sorted_out(kept, found.nodes)
    check_groups(found.groups, parsed.source)
    return Expansion(
        parsed.source, found.intercept, plain, terms, specials, tuple(found.groups),
        tuple(found.offsets),
    )


def _sorted_out(
    products: Iterable[_Product], nodes: Mapping[str, Node]
) -> tuple[tuple[Interaction, ...], tuple[SpecialTerm, ...]]:
    """Ordinary terms and special ones; factors in the order in which the formula has them."""
    order = {key: place for place, key in enumerate(nodes)}
    terms: list[Interaction] = []
    specials: list[SpecialTerm] = []
    for one in products:
        keys = sorted(one.factors, key=order.__getitem__)
        factors = tuple(nodes[key] for key in keys)
        text = ":".join(keys)
        kinds = {f: kind for f in factors if (kind := _special_kind(f))}
        calls = tuple(f for f in kinds if isinstance(f, Call))
        if calls:
            others = tuple(f for f in factors if f not in kinds)
            specials.append(SpecialTerm(kinds[calls[0]], calls, others, text, one.span))
        else:
            terms.append(Interaction(factors, text, one.span))
    return tuple(terms), tuple(specials)


def _special_kind(node: Node) -> str:
    """The kind of a special factor: ``s`` of ``s(x)``, and ``me`` of ``I(me(x, sdx)^2)``."""
    if not isinstance(node, Call):
        return ""
    if node.function in SPECIAL_TERMS:
        return node.function
    inside = (n.function for n in walk(node) if isinstance(n, Call) and n.function in _CALCULATED)
    return next(inside, "")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns nodes into products; offsets and group-level terms go to `found`."""

    parsed: ParsedFormula
    columns: Sequence[str] | None
    found: _Found

    def fail(self, message: str, node: Node) -> FormulaError:
        return FormulaError(message, self.parsed.source, node.span)

    def terms(self, node: Node, adding: bool = True, alone: bool = True) -> list[_Product]:
        """Products of a node.

        `adding` is False for what is taken away, where ``1`` and ``0`` change their roles.
        `alone` is True for the parts of the outermost sum, the place of offsets and
        group-level terms.
        """
        match node:
            case Binary(op="+" | "-"):
                return self.sum(node, adding, alone)
            case Unary(op="+", operand=operand):
                return self.terms(operand, adding, alone)
            case Unary(op="-", operand=operand):
                self.terms(operand, not adding, False)
                return []
            case Paren(inner=inner) if is_bar(inner):
                if not (adding and alone):
                    raise self.fail("a group-level term can only be added, with '+'", node)
                self.found.groups += read_group(
                    inner, node.span, self.parsed.source, self.expansion_of
                )
                return []
            case Paren(inner=inner):
                return self.terms(inner, adding, alone)
            case Call(function="offset"):
                self.offset(node, adding and alone)
                return []
            case Number(value=0 | 1 as value):
                self.found.intercept = adding == (value == 1)
                return []
        return self.products(node, adding)

    def sum(self, node: Node, adding: bool, alone: bool) -> list[_Product]:
        """Products of a sum, which may be thousands of terms long."""
        first, steps = chain(node, "+-")
        out = self.terms(first, adding, alone)
        for step in steps:
            if step.op == "+":
                out += self.terms(step.right, adding, alone)
            else:
                dropped = {p.factors for p in self.terms(step.right, not adding, False)}
                out = [p for p in out if p.factors not in dropped]
        return out

    def offset(self, call: Call, allowed: bool) -> None:
        if not allowed:
            raise self.fail("an offset can only be added, with '+'", call)
        if len(call.arguments) != 1:
            raise self.fail("offset() takes one expression", call)
        self.found.offsets.append(call.arguments[0].value)

    def expansion_of(self, node: Node) -> Expansion:
        """Expand the coefficients of a group-level term on their own."""
        return _expand(node, self.parsed, self.columns)

    def products(self, node: Node, adding: bool) -> list[_Product]:
        """Products of one term of a sum."""
        match node:
            case Name(value=".") if self.columns is not None:
                return [self.factor(Name(node.span, c)) for c in self.others()]
            case Name(value="."):
                raise self.fail("'.' stands for all other columns and needs the data", node)
            case Name() | Call():
                return [self.factor(node)]
            case Binary(op="^", left=left, right=right):
                return self.power(left, right, node, adding)
            case Binary(op="*" | "/" | ":" | "%in%"):
                return self.joined(node, adding)
            case Binary(op="|" | "||"):
                raise self.fail("a group-level term stands in brackets: (x | g)", node)
        raise self.fail(_not_a_term(node), node)

    def joined(self, node: Binary, adding: bool) -> list[_Product]:
        """Products of ``a * b``, ``a / b``, ``a:b`` and ``a %in% b``."""
        left = self.terms(node.left, adding, False)
        right = self.terms(node.right, adding, False)
        if node.op == "*":
            return [*left, *right, *self.crossed(left, right, node)]
        if node.op == "/":
            return [*left, *self.crossed([_merged(left, node.left)], right, node)]
        for side, products in ((node.left, left), (node.right, right)):
            if not products:
                message = (
                    f"{node.op!r} needs a column on both sides (0 and 1 stand for the intercept)"
                )
                raise self.fail(message, side)
        # ``a %in% (b + c)`` is a within both of them: a:b:c.
        within = right if node.op == ":" else [_merged(right, node.right)]
        return self.crossed(left, within, node)

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
        if known is not node:
            texts = [deparse(n, backticks=True) for n in (known, node)]
            if texts[0] != texts[1]:
                message = f"{texts[0]} and {texts[1]} are two things, but would have the same name"
                raise self.fail(message, node)
        return _Product(frozenset({key}), node.span)

    def power(self, left: Node, right: Node, node: Node, adding: bool) -> list[_Product]:
        if not (isinstance(right, Number) and isinstance(right.value, int) and right.value > 0):
            raise self.fail(
                "'^' between terms takes a whole number; a power of a column is I(x^2)", right
            )
        if right.value > _MAX_POWER:
            raise self.fail(f"a power of terms is at most {_MAX_POWER}", right)
        out = base = _unique(self.terms(left, adding, False))
        for _ in range(right.value - 1):
            before = out
            # A product of a term with itself is that term: nothing is lost, and terms of one
            # degree come in R's order.
            out = self.crossed(base, out, node)
            if [p.factors for p in out] == [p.factors for p in before]:
                break
        known = {p.factors: p for p in base}
        return [known.get(p.factors, p) for p in out]

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


def _merged(products: Iterable[_Product], node: Node) -> _Product:
    """The product of all of them."""
    return _Product(frozenset[str]().union(*(p.factors for p in products)), node.span)


def _unique(products: Iterable[_Product]) -> list[_Product]:
    out: dict[frozenset[str], _Product] = {}
    for one in products:
        out.setdefault(one.factors, one)
    return list(out.values())


def _not_a_term(node: Node) -> str:
    match node:
        case Number():
            return "a number cannot be a term (0 and 1 stand for the intercept)"
        case String():
            return "a quoted text cannot be a term; a column with an unusual name takes backticks"
        case Unary(op=op):
            return f"{op!r} cannot stand before a term; inside I(...) it is a calculation"
        case Binary(op=op):
            return f"{op!r} cannot join terms; inside I(...) it is a calculation"
    return f"{deparse(node)} is a value, not a column, and cannot be a term"
