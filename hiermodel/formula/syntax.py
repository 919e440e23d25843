"""The frozen syntax tree of formula text, and what it expands to.

Two layers live here because everything downstream speaks both:

* nodes (`Name`, `Number`, `Call`, ...) are what the parser reads; each knows its offsets;
* `Interaction`, `GroupTerm`, `SpecialTerm`, `Expansion` are what a right-hand side means.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of formula text; `span` holds its start and end offset in the source."""

    span: Span


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable, without its backticks."""

    value: str


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number; `value` is an int when it was written as one.

    `text` is the name of a constant such as ``pi``, where one was written.
    """

    value: int | float
    text: str = ""


@dataclass(frozen=True, slots=True)
class String(Node):
    """A quoted string, without its quotes."""

    value: str


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """TRUE/True, FALSE/False, NULL/None or NA; `value` is True, False or None."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``-x``, ``+x``, ``!x`` or ``~x``."""

    op: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Two operands: arithmetic, comparison, formula operators, ``|`` and ``||``.

    ``^`` and ``**`` are both stored as ``^``.
    """

    op: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Paren(Node):
    """An expression in round brackets."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call; `name` is None for a positional one."""

    name: str | None
    value: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``f(a, k = b)``; dotted Python names (``np.log``) are kept whole in `function`.

    ``[a, b]`` and ``c(a, b)`` are both ``Call(function="c")``.
    """

    function: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class ParsedFormula:
    """One formula: ``response | additions ~ rhs``. `source` is the text as typed.

    `response` is None for a one-sided formula (``~ x``). `additions` are the calls right of
    ``|`` on the left-hand side, in order. ``a + b ~ 1`` keeps its left side as a `Binary`.
    `rhs` follows from `source`, so it is neither compared nor shown: a sum of thousands of terms
    is a tree that deep.
    """

    source: str
    response: Node | None
    additions: tuple[Call, ...]
    rhs: Node = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Interaction:
    """A product of factors such as ``a:b``; one factor is a main effect.

    `text` is the term in canonical R spelling (``x1:poly(x2, 2)``).
    """

    factors: tuple[Node, ...]
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class SpecialTerm:
    """A term with a special call such as ``mo(x)`` or ``s(z, k = 5)``, perhaps times others."""

    kind: str
    calls: tuple[Call, ...]
    factors: tuple[Node, ...]
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class GroupTerm:
    """``(coefs | g)``. ``g1/g2`` has been split into two of these.

    `group` names the variables of the grouping factor (``g1:g2`` has two) when it is plain;
    `call` is the ``gr(...)`` or ``mm(...)`` call when there is one (`group` is then the
    factor inside ``gr()`` or the member variables of ``mm()``).
    """

    coefs: Expansion
    group: tuple[str, ...]
    call: Call | None
    correlated: bool
    id: str | None
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a right-hand side means: terms in R's order (by degree, then by appearance).

    `intercept` says whether there is an intercept column. With ``0 + Intercept`` it is False
    and `plain_intercept` is True: the intercept is an ordinary coefficient, nothing is centred.
    """

    source: str
    intercept: bool
    plain_intercept: bool
    terms: tuple[Interaction, ...]
    specials: tuple[SpecialTerm, ...]
    groups: tuple[GroupTerm, ...]
    offsets: tuple[Node, ...]


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct parts of a node, in order of appearance."""
    match node:
        case Unary(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return (left, right)
        case Paren(inner=inner):
            return (inner,)
        case Call(arguments=arguments):
            return tuple(argument.value for argument in arguments)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and everything below it, in order of appearance."""
    # A stack, as a sum of thousands of terms is a tree that deep.
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(children(node))


def chain(node: Node, operators: Collection[str]) -> tuple[Node, tuple[Binary, ...]]:
    """Unroll ``a + b - c``: the first operand, and the operations on it from left to right."""
    steps: list[Binary] = []
    while isinstance(node, Binary) and node.op in operators:
        steps.append(node)
        node = node.left
    return node, tuple(reversed(steps))


def names(node: Node) -> tuple[str, ...]:
    """Return the variables used in an expression, each once, in order of appearance.

    ``contr.sum`` in ``C(x, contr.sum)`` names a contrast, not a variable.
    """
    return tuple(dict.fromkeys(_variables(node)))


def _variables(node: Node) -> Iterator[str]:
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, Name):
            yield node.value
        below = children(node)
        if is_contrast_call(node) and len(below) > 1 and isinstance(below[1], Name):
            below = (below[0], *below[2:])
        stack += reversed(below)


def is_contrast_call(node: Node) -> bool:
    """Whether a node is ``C(x, ...)``, whose second argument may be the bare name of a contrast."""
    return isinstance(node, Call) and node.function == "C"
