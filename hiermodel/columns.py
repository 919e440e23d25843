from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hiermodel.expressions import FactorValue, learn
from hiermodel.formula.parse import deparse
from hiermodel.formula.syntax import names as node_names
from hiermodel.schema import level_label


def clean(name):
    name = name.replace("(Intercept)", "Intercept")
    name = re.sub(r"[ ()\[\],\"'?;]", "", name)
    for a, b in (("+", "P"), ("-", "M"), ("*", "MU"), ("/", "D"), ("^", "E"), ("=", "EQ"), ("$", "USD")): name = name.replace(a, b)
    return name


@dataclass(frozen=True, eq=False)
class DesignSpec:
    terms: tuple
    intercept: bool
    drop_intercept: bool
    expressions: dict
    coding: tuple
    names: tuple
    assign: tuple
    @property
    def variables(self): return tuple(dict.fromkeys(v for t in self.terms for f in t.factors for v in node_names(f)))
    @classmethod
    def learn(cls, terms, intercept, frame, schema, *, cmc=True, source=""):
        drop = not intercept and not cmc
        has = intercept or drop
        ex = {}
        for t in terms:
            for f in t.factors: ex.setdefault(deparse(f), learn(f, frame, schema, source))
        keys = [tuple(deparse(f) for f in t.factors) for t in terms]
        present = {frozenset(k) for k in keys} | ({frozenset()} if has else set())
        head = frame.iloc[:1]
        vals = {k: e.value(frame) for k, e in ex.items()}
        isfac = {k: isinstance(v, FactorValue) for k, v in vals.items()}
        first_done = has
        coding, nm, assign = [], (["Intercept"] if has else []), ([-1] if has else [])
        for i, k in enumerate(keys):
            cod = []
            for f in k:
                if not isfac[f]: cod.append("num"); continue
                rest = frozenset(x for x in k if x != f)
                full = rest not in present and not (not rest and has)
                if not rest and not has:
                    full = not first_done; first_done = True
                cod.append("full" if full else "contr")
            coding.append(tuple(cod))
            cols = [""]
            for f, c in zip(k, cod):
                labs = _labels(f, vals[f], c)
                cols = [a + (":" if a else "") + b for b in labs for a in cols]
            nm += [clean(c) for c in cols]; assign += [i] * len(cols)
        if drop: nm, assign = nm[1:], assign[1:]
        return cls(tuple(terms), intercept, drop, ex, tuple(coding), tuple(nm), tuple(assign))

    def matrix(self, frame, missing="raise"):
        n = len(frame); out = np.empty((n, len(self.names))); j = 0
        if self.intercept: out[:, 0] = 1; j = 1
        for t, cod in zip(self.terms, self.coding):
            block = None
            for f, c in zip(t.factors, cod):
                v = _columns(self.expressions[deparse(f)].value(frame, missing), c, n)
                block = v if block is None else (v[:, :, None] * block[:, None, :]).reshape(n, -1)
            out[:, j:j + block.shape[1]] = block; j += block.shape[1]
        return out


def _labels(f, v, c):
    if isinstance(v, FactorValue): return [f + x for x in (v.levels if c == "full" else v.contrast.names)]
    v = np.asarray(v)
    return [f] if v.ndim < 2 else [f + str(i + 1) for i in range(v.shape[1])]


def _columns(v, c, n):
    if isinstance(v, FactorValue):
        m = np.eye(len(v.levels)) if c == "full" else v.contrast.matrix
        return np.vstack([m, np.zeros(m.shape[1])])[v.codes]
    v = np.asarray(v, float)
    if v.ndim == 0: v = np.full(n, float(v))
    return v[:, None] if v.ndim == 1 else v


def group_codes(frame, names, levels=None):
    parts = []
    for v in names:
        col = frame[v]
        if isinstance(col.dtype, pd.CategoricalDtype):
            lab = [level_label(c) for c in col.cat.categories]; raw = col.cat.codes.to_numpy()
        else:
            raw, u = pd.factorize(col, sort=True); lab = [level_label(x) for x in u]
        parts.append((raw, lab))
    if len(parts) == 1:
        raw, lab = parts[0]
        labels = np.array(lab + [None], dtype=object)[raw]; order = [l for i, l in enumerate(lab) if i in set(raw)]
    else:
        labs = [np.array(l + ["NA"], dtype=object)[r] for r, l in parts]
        labels = labs[0]
        for x in labs[1:]: labels = labels + "_" + x
        order = sorted(set(labels))
    if levels is None: levels = tuple(order)
    look = {l: i for i, l in enumerate(levels)}
    return np.array([look.get(l, -1) for l in labels], dtype=np.int64), levels
