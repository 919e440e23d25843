from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hiermodel.errors import FormulaError, did_you_mean
from hiermodel.formula.syntax import Name, walk


@dataclass(frozen=True, eq=False)
class Contrast:
    names: tuple
    matrix: np.ndarray


@dataclass(frozen=True, eq=False)
class Column:
    name: str
    kind: str
    levels: tuple = ()
    contrast: Contrast | None = None
    boolean: bool = False


def treatment(levels): return Contrast(tuple(levels[1:]), np.eye(len(levels))[:, 1:])
def summed(levels):
    k = len(levels); return Contrast(tuple(str(i) for i in range(1, k)), np.vstack([np.eye(k - 1), -np.ones(k - 1)]))
def helmert(levels):
    k = len(levels); m = np.zeros((k, k - 1))
    for j in range(k - 1): m[: j + 1, j] = -1; m[j + 1, j] = j + 1
    return Contrast(tuple(str(i) for i in range(1, k)), m)
def poly(levels):
    k = len(levels); x = np.arange(1, k + 1) - (k + 1) / 2
    q, r = np.linalg.qr(np.vander(x, k, increasing=True)); q = q * np.sign(np.diag(r))
    m = q[:, 1:]
    return Contrast(tuple([".L", ".Q", ".C"][: k - 1] + [f"^{i}" for i in range(4, k)]), m)


MAKERS = {"treatment": treatment, "sum": summed, "helmert": helmert, "poly": poly}


def level_label(v):
    if isinstance(v, (float, np.floating)): return f"{v:.15g}"
    if isinstance(v, (bool, np.bool_)): return "TRUE" if v else "FALSE"
    return str(v)


@dataclass(frozen=True, eq=False)
class Schema:
    columns: Mapping[str, Column]
    @classmethod
    def learn(cls, frame, variables, contrasts=None, drop_unused_levels=True):
        out = {}
        for v in dict.fromkeys(variables):
            col = frame[v]; ordered = False; boolean = False
            if isinstance(col.dtype, pd.CategoricalDtype):
                cats = col.cat.categories
                used = set(col.cat.codes.unique())
                levels = tuple(level_label(c) for i, c in enumerate(cats) if i in used or not drop_unused_levels)
                ordered = bool(col.cat.ordered)
            elif pd.api.types.is_bool_dtype(col.dtype):
                levels = ("FALSE", "TRUE"); boolean = True
            elif pd.api.types.is_numeric_dtype(col.dtype):
                out[v] = Column(v, "numeric"); continue
            else:
                levels = tuple(sorted({str(x) for x in col.dropna()}))
            spec = (contrasts or {}).get(v, "poly" if ordered else "treatment")
            if isinstance(spec, str): con = MAKERS[spec](levels)
            else:
                t = pd.DataFrame(spec); con = Contrast(tuple(str(c) for c in t.columns), t.to_numpy(float))
            out[v] = Column(v, "ordered" if ordered else "factor", levels, con, boolean)
        return cls(out)


def check_columns(nodes, frame, source):
    known = [str(c) for c in frame.columns]
    for node in nodes:
        for n in walk(node):
            if isinstance(n, Name) and n.value not in known and n.value not in ("Intercept",):
                raise FormulaError(f"column {n.value!r} is not in the data{did_you_mean(n.value, known)}", source, n.span)
