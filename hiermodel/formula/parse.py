"""Tokens -> syntax tree: a precedence-climbing parser over the operator table."""

from __future__ import annotations

from typing import NoReturn

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.operators import BINARY, CONSTANTS, PREFIX, SYNONYMS
from hiermodel.formula.syntax import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Paren,
    ParsedFormula,
    Span,
    String,
    Unary,
    chain,
    children,
    walk,
)
from hiermodel.formula.tokens import Kind, Token, tokenize

ADDITIONS = (
    "weights", "trials", "se", "cens", "trunc", "rate", "thres", "cat",
    "dec", "bhaz", "mi", "subset", "index", "vreal", "vint",
)  # fmt: skip

_BRACKETS = {"(": ")", "[": "]"}
# Deeper nesting than anyone writes; it keeps Python's stack out of danger.
_MAX_DEPTH = 60
_MAX_HEIGHT = 150


def parse_expression(source: str) -> Node:
    """Read an expression, such as ``log(x) + 1``.

    Parameters
    ----------
    source : str

    Returns
    -------
    Node

    Raises
    ------
    FormulaError
        With the position of what cannot be read.

    Examples
    --------
    >>> parse_expression("a:b").op
    ':'
    """
    if not isinstance(source, str):
        raise FormulaError(f"a formula must be text, not {type(source).__name__}")
    parser = _Parser(source)
    node = parser.expression(0)
    if parser.token.kind is not Kind.END:
        parser.unexpected()
    _check_height(node, source)
    return node


def parse_formula(source: str) -> ParsedFormula:
    """Read a formula: ``response | additions ~ terms``, or ``~ terms``.

    Parameters
    ----------
    source : str

    Returns
    -------
    ParsedFormula

    Raises
    ------
    FormulaError
        With the position of what cannot be read.

    Examples
    --------
    >>> parsed = parse_formula("y | trials(n) ~ x + (1 | g)")
    >>> parsed.additions[0].function
    'trials'
    """
    tree = parse_expression(source)
    if isinstance(tree, Unary) and tree.op == "~":
        _only_one_tilde(tree.operand, source)
        return ParsedFormula(source, None, (), tree.operand)
    if not (isinstance(tree, Binary) and tree.op == "~"):
        message = "a formula needs '~' between the response and its predictors: y ~ x"
        raise FormulaError(message, source, tree.span)
    _only_one_tilde(tree.left, source)
    _only_one_tilde(tree.right, source)
    response = tree.left
    additions: tuple[Call, ...] = ()
    if isinstance(response, Binary) and response.op == "|":
        additions = _additions(response.right, source)
        response = response.left
    if isinstance(response, Binary) and response.op in ("|", "||"):
        message = "the left-hand side takes one '|', with addition terms joined by '+' behind it"
        raise FormulaError(message, source, response.span)
    return ParsedFormula(source, response, additions, tree.right)


def _check_height(tree: Node, source: str) -> None:
    """Refuse a tree that code which calls itself could not go through.

    The sums of terms may be as long as they like: whoever reads them unrolls them.
    """
    stack = [(tree, 0, False)]
    while stack:
        node, height, in_call = stack.pop()
        if height > _MAX_HEIGHT:
            raise FormulaError("the formula is nested too deeply", source, node.span)
        if isinstance(node, Binary) and node.op in "+-" and not in_call:
            first, steps = chain(node, "+-")
            stack += [(part, height + 1, False) for part in (first, *(s.right for s in steps))]
            continue
        inside = in_call or isinstance(node, Call)
        stack += [(child, height + 1, inside) for child in children(node)]


def _only_one_tilde(node: Node, source: str) -> None:
    for part in walk(node):
        if isinstance(part, (Unary, Binary)) and part.op == "~":
            raise FormulaError("a formula has one '~' only", source, part.span)


def _additions(node: Node, source: str) -> tuple[Call, ...]:
    """The calls of ``weights(w) + trials(n)``, each of a known name and at most once."""
    first, steps = chain(node, "+")
    calls: dict[str, Call] = {}
    for part in (first, *(step.right for step in steps)):
        if not isinstance(part, Call):
            message = "behind '|' on the left stand addition terms, such as weights(w) or trials(n)"
            raise FormulaError(message, source, part.span)
        if part.function not in ADDITIONS:
            hint = did_you_mean(part.function, ADDITIONS)
            message = (
                f"there is no addition term {part.function}(){hint}; "
                f"known are {', '.join(ADDITIONS)}"
            )
            raise FormulaError(message, source, part.span)
        if part.function in calls:
            message = f"the addition term {part.function}() is given twice"
            raise FormulaError(message, source, part.span)
        calls[part.function] = part
    return tuple(calls.values())


class _Parser:
    """Reads one expression, from the token `at` on; `open` are the brackets around it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tokens = tokenize(source)
        self.at = 0
        self.depth = 0
        self.open: list[Token] = []
        if self.token.kind is Kind.END:
            raise FormulaError("the formula is empty", source, self.token.span)

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def fail(self, message: str, span: Span) -> NoReturn:
        raise FormulaError(message, self.source, span)

    def unexpected(self) -> NoReturn:
        token = self.token
        if token.kind is Kind.END:
            self.fail("the formula ends here, but something must follow", token.span)
        if token.text in (")", "]"):
            self.fail(self.misplaced(token), token.span)
        if token.text == "=":
            message = "'=' stands only before the value of an argument; equality is '=='"
            self.fail(message, token.span)
        before = self.tokens[self.at - 1] if self.at else None
        if before is not None and token.kind is not Kind.OPERATOR:
            self.fail(
                f"an operator is missing between {before.text!r} and {token.text!r}", token.span
            )
        if self.operator() in BINARY:
            self.fail(f"nothing stands on the left of this {token.text!r}", token.span)
        self.fail(f"{token.text!r} cannot stand here", token.span)

    def misplaced(self, closing: Token) -> str:
        """What is wrong with a closing bracket."""
        if not self.open:
            return f"{closing.text!r} closes nothing"
        opening = self.open[-1].text
        if _BRACKETS[opening] != closing.text:
            return f"{closing.text!r} cannot close {opening!r}"
        before = self.tokens[self.at - 1].text
        return f"something must stand between {before!r} and {closing.text!r}"

    def operator(self) -> str:
        """The operator at hand in its one spelling, or an empty string."""
        token = self.token
        if token.kind is not Kind.OPERATOR:
            return ""
        return SYNONYMS.get(token.text, token.text)

    def expression(self, least: int) -> Node:
        """Read operators that bind at least as tight as `least`."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            self.fail("the formula is nested too deeply", self.token.span)
        left = self.prefixed()
        while (operator := BINARY.get(self.operator())) and operator.precedence >= least:
            self.at += 1
            step = 0 if operator.right_associative else 1
            right = self.expression(operator.precedence + step)
            left = Binary((left.span[0], right.span[1]), operator.symbol, left, right)
        self.depth -= 1
        return left

    def prefixed(self) -> Node:
        token, symbol = self.token, self.operator()
        if symbol not in PREFIX:
            return self.atom()
        self.at += 1
        operand = self.expression(PREFIX[symbol])
        return Unary((token.start, operand.span[1]), symbol, operand)

    def atom(self) -> Node:
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                self.at += 1
                return Number(token.span, _number(token.text))
            case Kind.STRING:
                self.at += 1
                return String(token.span, token.text[1:-1])
            case Kind.QUOTED_NAME:
                self.at += 1
                if len(token.text) == 2:
                    self.fail("the backticks hold no name", token.span)
                return Name(token.span, token.text[1:-1])
            case Kind.NAME:
                self.at += 1
                return self.name(token)
        if token.text == "(":
            return self.paren()
        if token.text == "[":
            arguments, end = self.arguments()
            return Call((token.start, end), "c", arguments)
        if token.text == ".":
            self.at += 1
            return Name(token.span, ".")
        self.unexpected()

    def name(self, token: Token) -> Node:
        if self.token.text == "(" and self.token.kind is Kind.OPERATOR:
            arguments, end = self.arguments()
            return Call((token.start, end), token.text, arguments)
        if token.text in CONSTANTS:
            return Constant(token.span, CONSTANTS[token.text])
        if token.text == "Inf":
            return Number(token.span, float("inf"))
        return Name(token.span, token.text)

    def paren(self) -> Node:
        opening = self.token
        self.at += 1
        self.open.append(opening)
        if self.token.text == ")" and self.token.kind is Kind.OPERATOR:
            self.fail("nothing stands between these brackets", (opening.start, self.token.end))
        inner = self.expression(0)
        end = self.close(opening)
        return Paren((opening.start, end), inner)

    def close(self, opening: Token) -> int:
        closing = _BRACKETS[opening.text]
        self.not_at_end(opening)
        if self.token.text != closing:
            self.unexpected()
        end = self.token.end
        self.at += 1
        self.open.pop()
        return end

    def not_at_end(self, opening: Token) -> None:
        if self.token.kind is Kind.END:
            self.fail(f"the {opening.text!r} here is never closed", opening.span)

    def arguments(self) -> tuple[tuple[Argument, ...], int]:
        """Read ``(a, k = b)`` or ``[a, b]``; the end of the closing bracket comes with them."""
        opening = self.token
        self.at += 1
        self.open.append(opening)
        out: list[Argument] = []
        while self.token.text != _BRACKETS[opening.text] or self.token.kind is not Kind.OPERATOR:
            self.not_at_end(opening)
            out.append(self.argument())
            if self.token.text == "," and self.token.kind is Kind.OPERATOR:
                self.at += 1
            elif self.token.text != _BRACKETS[opening.text]:
                self.not_at_end(opening)
                self.unexpected()
        return tuple(out), self.close(opening)

    def argument(self) -> Argument:
        token = self.token
        is_name = token.kind in (Kind.NAME, Kind.QUOTED_NAME)
        if not (is_name and self.tokens[self.at + 1].text == "="):
            return Argument(None, self.expression(0))
        if token.text == "``":
            self.fail("the backticks hold no name", token.span)
        self.at += 2
        return Argument(token.text.strip("`"), self.expression(0))


def _number(text: str) -> int | float:
    plain = text.removesuffix("L")
    # Python reads no int of thousands of digits, and R none at all above 2^53.
    return int(plain) if plain.isdigit() and len(plain) <= 15 else float(plain)
