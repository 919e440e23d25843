from __future__ import annotations

from dataclasses import dataclass, replace

from hiermodel.formula.parse import parse_formula
from hiermodel.formula.syntax import *


@dataclass(frozen=True)
class Options:
    center: bool = True
    cmc: bool = True
    sparse: bool = False
    decomp: str = "none"
    nl: bool = False
    loop: bool = True


@dataclass(frozen=True)
class SubFormula:
    name: str
    parsed: ParsedFormula
    options: Options = Options()


@dataclass(frozen=True)
class ResponseFormula:
    main: ParsedFormula
    subformulas: tuple = ()
    fixed: tuple = ()
    options: Options = Options()
    family: object = None
    unused: ParsedFormula | None = None


@dataclass(frozen=True)
class Formula:
    responses: tuple
    rescor: bool | None = None
    def __add__(self, other):
        if isinstance(other, tuple):
            r = self.responses[0]
            return replace(self, responses=(replace(r, subformulas=r.subformulas + other),))
        return replace(self, responses=self.responses + other.responses)
    def __str__(self):
        return "\n".join(" ".join(p.source.split()) for r in self.responses for p in (r.main, *(s.parsed for s in r.subformulas)))


def _opts(center, cmc, sparse, decomp, nl=False, loop=True):
    return Options(center is not False, cmc is not False, bool(sparse), decomp or "none", nl, loop)


def _sub(text, opts):
    p = parse_formula(text)
    return tuple(SubFormula(n, p, opts) for n in names(p.response))


def lf(*formulas, center=None, cmc=None, sparse=None, decomp=None, dpar=None, resp=None):
    return tuple(s for f in formulas for s in _sub(f, _opts(center, cmc, sparse, decomp)))


def nlf(*formulas, loop=True):
    return tuple(s for f in formulas for s in _sub(f, _opts(None, None, None, None, True, loop)))


def bf(formula, *subs, nl=False, loop=True, center=None, cmc=None, sparse=None, decomp=None, family=None, unused=None, autocor=None, **named):
    out = []
    for s in subs:
        out += s if isinstance(s, tuple) else _sub(s, Options())
    fixed = tuple(named.items())
    return Formula((ResponseFormula(parse_formula(formula), tuple(out), fixed, _opts(center, cmc, sparse, decomp, nl, loop), family, parse_formula(unused) if unused else None),))


mvbf = None


def set_rescor(flag=True): return None


def as_formula(obj):
    return obj if isinstance(obj, Formula) else bf(obj)


def to_json(f):
    r = f.responses[0]
    return {"main": r.main.source, "subs": [s.parsed.source for s in r.subformulas]}


def from_json(d): return bf(d["main"], *d["subs"])
