from __future__ import annotations

from hiermodel.errors import FormulaError
from hiermodel.formula.parse import deparse
from hiermodel.formula.syntax import *

SPECIAL = set("s t2 te ti gp mo me mi cs cse mmc ar ma arma cosy unstr sar car fcor".split())


def expand(parsed, columns=None):
    return _Expander(parsed, columns).run(parsed.rhs)


class _Expander:
    def __init__(self, parsed, columns):
        self.parsed, self.columns = parsed, columns
        self.src = parsed.source

    def run(self, node):
        self.groups = []; self.offsets = []; self.intercept = True; self.plain = False; self.zero = False
        terms = self.terms(node)
        uniq = {}
        for t in terms: uniq.setdefault(frozenset(t), t)
        terms = sorted(uniq.values(), key=len)
        inter, spec = [], []
        for t in terms:
            nodes = [self.nodes[k] for k in t]
            span = (min(n.span[0] for n in nodes), max(n.span[1] for n in nodes))
            text = ":".join(t)
            calls = tuple(n for n in nodes if isinstance(n, Call) and n.function in SPECIAL)
            if calls:
                spec.append(SpecialTerm(span, calls[0].function, calls, tuple(n for n in nodes if n not in calls), text) if False else SpecialTerm(calls[0].function, calls, tuple(n for n in nodes if n not in calls), text, span))
            else:
                inter.append(Interaction(tuple(nodes), text, span))
        plain = [t for t in inter if t.text == "Intercept"]
        if plain:
            inter = [t for t in inter if t.text != "Intercept"]
        return Expansion(self.src, self.intercept, bool(plain) and not self.intercept, tuple(inter), tuple(spec), tuple(self.groups), tuple(self.offsets))

    nodes: dict = {}

    def leaf(self, node):
        key = deparse(node); self.nodes.setdefault(key, node) if False else self.nodes.__setitem__(key, node)
        return [(key,)]

    def terms(self, node):
        if not hasattr(self, "_n"): self.nodes = {}; self._n = 1
        match node:
            case Paren(inner=Binary(op="|" | "||")): self.group(node.inner, node.span); return []
            case Paren(inner=i): return self.terms(i)
            case Number(value=0): self.intercept = False; return []
            case Number(value=1): self.intercept = True; return []
            case Unary(op="-", operand=Number(value=1)): self.intercept = False; return []
            case Binary(op="+", left=l, right=r): return self.terms(l) + self.terms(r)
            case Binary(op="-", left=l, right=r):
                left = self.terms(l)
                if isinstance(r, Number):
                    self.intercept = r.value == 0; return left
                drop = {frozenset(t) for t in self.terms(r)}
                return [t for t in left if frozenset(t) not in drop]
            case Binary(op=":", left=l, right=r): return self.cross(self.terms(l), self.terms(r))
            case Binary(op="*", left=l, right=r):
                a, b = self.terms(l), self.terms(r); return a + b + self.cross(a, b)
            case Binary(op="/", left=l, right=r):
                a, b = self.terms(l), self.terms(r)
                allf = tuple(dict.fromkeys(k for t in a for k in t))
                return a + self.cross([allf], b)
            case Binary(op="%in%", left=l, right=r): return self.cross(self.terms(l), self.terms(r))
            case Binary(op="^", left=l, right=Number(value=n)):
                a = self.terms(l); out = a
                for _ in range(n - 1): out = out + self.cross(out, a)
                return out
            case Call(function="offset", arguments=args): self.offsets.append(args[0].value); return []
            case Name(value=".") if self.columns is not None:
                used = set(names(self.parsed.response)) if self.parsed.response else set()
                return [t for c in self.columns if c not in used for t in self.leaf(Name(node.span, c))]
            case Name() | Call(): return self.leaf(node)
            case _: raise FormulaError("cannot be used as a term", self.src, node.span)

    def cross(self, a, b):
        return [tuple(dict.fromkeys(x + y)) for x in a for y in b]

    def group(self, node, span):
        cor = node.op == "|"; left, right = node.left, node.right; id_ = None
        if isinstance(left, Binary) and left.op == "|":
            id_ = deparse(left.right); left = left.left
        sub = _Expander(self.parsed, self.columns); sub.nodes = {}; sub._n = 1
        coefs = sub.run(left)
        call = None
        groups = []
        if isinstance(right, Call):
            call = right
            pos = [a.value for a in call.arguments if a.name is None]
            if call.function == "mm": groups = [tuple(n for p in pos for n in names(p))]
            else: groups = [names(pos[0])]
            for a in call.arguments:
                if a.name == "cor": cor = bool(a.value.value)
                if a.name == "id": id_ = a.value.value
        else:
            groups = self.split(right)
        for g in groups:
            r = deparse(right) if call else ":".join(g)
            bar = "||" if not cor and not call else ("|" if not id_ or call else f"|{id_}|")
            self.groups.append(GroupTerm(coefs, g, call, cor, id_, f"({deparse(left)} {bar} {r})", span))

    def split(self, node):
        if isinstance(node, Binary) and node.op == "/":
            a = self.split(node.left); b = names(node.right)
            return a + [a[-1] + b]
        return [names(node)]
