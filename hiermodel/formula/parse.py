"""Formula text -> syntax tree."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hiermodel.errors import FormulaError
from hiermodel.formula.syntax import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Number,
    Paren,
    ParsedFormula,
    String,
    Unary,
)

TOKEN = re.compile(r"""
 (?P<space>\s+)
|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
|(?P<name>[^\W\d]\w*(?:\.\w+)*|\.[^\W\d]\w*(?:\.\w+)*)
|(?P<tick>`[^`]*`)
|(?P<string>"[^"]*"|'[^']*')
|(?P<op>%in%|\|\||\*\*|==|!=|<=|>=|[-+*/^:|~(),=<>!\[\].&])
""", re.X)

PREC = {"~": 1, "|": 2, "||": 2, "&": 4, "==": 6, "!=": 6, "<": 6, ">": 6, "<=": 6, ">=": 6,
        "+": 7, "-": 7, "*": 8, "/": 8, "%in%": 9, ":": 10, "^": 12}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


def tokenize(text):
    out = []; at = 0
    while at < len(text):
        m = TOKEN.match(text, at)
        if m is None:
            raise FormulaError(f"cannot read {text[at]!r} in a formula", text, (at, at + 1))
        if m.lastgroup != "space":
            out.append(Token(m.lastgroup, m.group(), m.start(), m.end()))
        at = m.end()
    out.append(Token("end", "", max(0, len(text) - 1), len(text)))
    return out


CONST = {"TRUE": True, "True": True, "T": True, "FALSE": False, "False": False, "NULL": None, "None": None, "NA": None}


class Parser:
    def __init__(self, text):
        self.text = text; self.toks = tokenize(text); self.i = 0

    @property
    def tok(self): return self.toks[self.i]

    def fail(self, msg, tok=None):
        tok = tok or self.tok
        raise FormulaError(msg, self.text, (tok.start, max(tok.end, tok.start + 1)))

    def take(self, text=None):
        t = self.tok
        if text is not None and t.text != text:
            self.fail(f"expected {text!r} here" if t.kind != "end" else f"the formula ends where {text!r} is expected")
        self.i += 1
        return t

    def expr(self, level=0):
        left = self.unary()
        while True:
            t = self.tok
            op = "^" if t.text == "**" else t.text
            if t.kind != "op" or op not in PREC or PREC[op] < level:
                return left
            self.i += 1
            right = self.expr(PREC[op] + (0 if op == "^" else 1))
            left = Binary((left.span[0], right.span[1]), op, left, right)

    def unary(self):
        t = self.tok
        if t.kind == "op" and t.text in "+-!~" and t.text:
            self.i += 1
            operand = self.expr(11 if t.text in "+-" else 5)
            return Unary((t.start, operand.span[1]), t.text, operand)
        return self.atom()

    def atom(self):
        t = self.take()
        span = (t.start, t.end)
        if t.kind == "number":
            v = float(t.text); return Number(span, int(t.text) if t.text.isdigit() else v)
        if t.kind == "string": return String(span, t.text[1:-1])
        if t.kind == "tick": return Name(span, t.text[1:-1])
        if t.kind == "name":
            if self.tok.text == "(":
                args, end = self.args("(", ")")
                return Call((t.start, end), t.text, args)
            if t.text in CONST: return Constant(span, CONST[t.text])
            if t.text == "Inf": return Number(span, float("inf"))
            return Name(span, t.text)
        if t.text == "(":
            inner = self.expr(); end = self.take(")").end
            return Paren((t.start, end), inner)
        if t.text == "[":
            self.i -= 1
            args, end = self.args("[", "]")
            return Call((t.start, end), "c", args)
        if t.text == ".": return Name(span, ".")
        self.i -= 1
        self.fail("the formula ends too early" if t.kind == "end" else f"unexpected {t.text!r}")

    def args(self, a, b):
        self.take(a); out = []
        while self.tok.text != b:
            name = None
            if self.tok.kind in ("name", "tick") and self.toks[self.i + 1].text == "=":
                name = self.take().text.strip("`"); self.take("=")
            out.append(Argument(name, self.expr()))
            if self.tok.text == ",": self.take(",")
            elif self.tok.text != b: self.fail(f"expected ',' or {b!r}")
        return tuple(out), self.take(b).end


def parse_expression(text):
    p = Parser(text); e = p.expr()
    if p.tok.kind != "end": p.fail(f"unexpected {p.tok.text!r}")
    return e


ADD = "weights trials se cens trunc rate thres cat dec bhaz mi subset index vreal vint".split()


def parse_formula(text):
    tree = parse_expression(text)
    if isinstance(tree, Unary) and tree.op == "~":
        return ParsedFormula(text, None, (), tree.operand)
    if not (isinstance(tree, Binary) and tree.op == "~"):
        raise FormulaError("a formula needs '~' between response and predictors", text, tree.span)
    left, adds = tree.left, ()
    if isinstance(left, Binary) and left.op == "|":
        adds = tuple(_adds(left.right, text)); left = left.left
    return ParsedFormula(text, left, adds, tree.right)


def _adds(node, text):
    if isinstance(node, Binary) and node.op == "+":
        yield from _adds(node.left, text); yield from _adds(node.right, text); return
    if not isinstance(node, Call) or node.function not in ADD:
        raise FormulaError("unknown addition term", text, node.span)
    yield node


def deparse(node):
    match node:
        case Name(value=v): return v
        case Number(value=v): return f"{v:g}" if isinstance(v, float) else str(v)
        case String(value=v): return f'"{v}"'
        case Constant(value=v): return {True: "TRUE", False: "FALSE", None: "NULL"}[v]
        case Unary(op=op, operand=o): return op + deparse(o)
        case Paren(inner=i): return f"({deparse(i)})"
        case Call(function=f, arguments=args):
            return f + "(" + ", ".join((f"{a.name} = " if a.name else "") + deparse(a.value) for a in args) + ")"
        case Binary(op=op, left=l, right=r):
            sep = op if op in "^:" else f" {op} "
            return deparse(l) + sep + deparse(r)
