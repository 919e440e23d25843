from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError
from hiermodel.formula.parse import deparse
from hiermodel.formula.syntax import *
from hiermodel.schema import Contrast, Schema, level_label, treatment
from hiermodel.schema import poly as poly_contrast


@dataclass(frozen=True, eq=False)
class FactorValue:
    codes: np.ndarray
    levels: tuple
    ordered: bool
    contrast: Contrast


ELEM = {"log": np.log, "exp": np.exp, "sqrt": np.sqrt, "abs": np.abs, "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "expm1": np.expm1, "sin": np.sin, "cos": np.cos, "tan": np.tan, "floor": np.floor, "ceiling": np.ceil, "round": np.round}
BIN = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power, "==": np.equal, "!=": np.not_equal, "<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal}


@dataclass(frozen=True, eq=False)
class LearnedExpression:
    node: Node
    schema: Schema
    state: dict
    source: str
    @property
    def text(self): return deparse(self.node)
    @property
    def variables(self): return names(self.node)
    def value(self, frame, missing="raise"):
        return _eval(self.node, frame, self.schema, self.state, missing, self.source, False)


def learn(node, frame, schema, source=""):
    state = {}
    _eval(node, frame, schema, state, "pass", source, True)
    return LearnedExpression(node, schema, state, source)


def column_value(name, frame, schema, missing):
    spec = schema.columns[name]; col = frame[name]
    if spec.kind == "numeric": return col.to_numpy(dtype=float)
    if isinstance(col.dtype, pd.CategoricalDtype):
        table = [level_label(c) for c in col.cat.categories]; raw = col.cat.codes.to_numpy()
    else:
        raw, u = pd.factorize(col); table = [level_label(x) for x in u]
    lookup = {l: i for i, l in enumerate(spec.levels)}
    m = np.array([lookup.get(t, -2) for t in table] + [-1], dtype=np.int64)
    codes = m[raw]
    if (codes == -2).any():
        bad = table[raw[np.flatnonzero(codes == -2)[0]]]
        raise DataError(f"column {name!r} has the level {bad!r}, which the model does not know; it knows {', '.join(spec.levels)}")
    return FactorValue(codes, spec.levels, spec.kind == "ordered", spec.contrast)


def _num(v):
    if isinstance(v, FactorValue):
        if v.levels == ("FALSE", "TRUE"): return np.where(v.codes < 0, np.nan, v.codes).astype(float)
        raise DataError("a factor cannot be used as a number")
    return v


def _eval(node, frame, schema, state, missing, src, learning):
    ev = lambda n: _eval(n, frame, schema, state, missing, src, learning)
    match node:
        case Name(value=v): return column_value(v, frame, schema, missing)
        case Number(value=v): return np.asarray(float(v))
        case String(value=v): return v
        case Constant(value=v): return v
        case Paren(inner=i): return ev(i)
        case Unary(op="-", operand=o): return -_num(ev(o))
        case Unary(op="+", operand=o): return _num(ev(o))
        case Binary(op=op, left=l, right=r) if op in BIN:
            a, b = ev(l), ev(r)
            if op in ("==", "!=") and (isinstance(a, FactorValue) and isinstance(b, str)):
                out = np.array([lv == b for lv in a.levels] + [False])[a.codes]
                return (out if op == "==" else ~out).astype(float)
            return BIN[op](_num(a), _num(b)).astype(float)
        case Call(function=f, arguments=args):
            f = f.removeprefix("np.").removeprefix("numpy.")
            key = deparse(node)
            kw = {a.name: a.value for a in args if a.name}; pos = [a.value for a in args if not a.name]
            if f == "I": return _num(ev(pos[0]))
            if f in ELEM: return ELEM[f](_num(ev(pos[0])))
            if f in ("cbind", "c"): return np.column_stack([_col(v.codes + 1.0 if isinstance(v, FactorValue) else v, len(frame)) for v in map(ev, pos)])
            if f in ("factor", "as.factor", "C", "ordered"):
                v = ev(pos[0])
                if isinstance(v, FactorValue): return v
                if learning: state[key] = tuple(sorted(set(v[~np.isnan(v)])))
                lv = tuple(level_label(x) for x in state[key]); look = {x: i for i, x in enumerate(state[key])}
                codes = np.array([look.get(x, -1) for x in v])
                return FactorValue(codes, lv, f == "ordered", poly_contrast(lv) if f == "ordered" else treatment(lv))
            if f in ("scale", "center"):
                v = _num(ev(pos[0]))
                if learning: state[key] = (np.nanmean(v), np.nanstd(v, ddof=1) if f == "scale" else 1.0)
                m, s = state[key]; return (v - m) / s
            if f == "poly":
                v = _num(ev(pos[0])); deg = int(_num(ev(pos[1] if len(pos) > 1 else kw.get("degree", Number((0, 0), 1)))))
                if learning: state[key] = _poly_state(v, deg)
                return _poly(v, deg, state[key])
            raise FormulaError(f"unknown function {f!r} in a formula", src, node.span)
    raise FormulaError("cannot be evaluated", src, node.span)


def _col(v, n):
    v = np.asarray(_num(v)); return np.full(n, float(v)) if v.ndim == 0 else v


def _poly_state(x, deg):
    m = x.mean(); c = x - m
    alpha, norm2 = [], [1.0, float(len(x))]
    p0, p1 = np.zeros_like(x), np.ones_like(x)
    polys = [p1]
    for k in range(deg):
        a = (x * polys[-1] ** 2).sum() / norm2[-1]; alpha.append(a)
        prev = polys[-2] if k else np.zeros_like(x)
        nxt = (x - a) * polys[-1] - (norm2[-1] / norm2[-2] if k else 0) * prev
        polys.append(nxt); norm2.append(float((nxt**2).sum()))
    return alpha, norm2


def _poly(x, deg, st):
    alpha, norm2 = st
    polys = [np.ones_like(x)]
    for k in range(deg):
        prev = polys[-2] if k else np.zeros_like(x)
        polys.append((x - alpha[k]) * polys[-1] - (norm2[k + 1] / norm2[k] if k else 0) * prev)
    return np.column_stack([p / np.sqrt(n) for p, n in zip(polys[1:], norm2[2:])])
