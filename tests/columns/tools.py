"""Small helpers: from formula text to designs and values."""

from __future__ import annotations

import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.expressions import learn
from hiermodel.formula import expand, parse_expression, parse_formula
from hiermodel.schema import Schema


def design(text, frame, *, cmc=True, contrasts=None, drop_unused_levels=True):
    schema = Schema.learn(frame, list(frame.columns), contrasts, drop_unused_levels)
    what = expand(parse_formula(text))
    return DesignSpec.learn(what.terms, what.intercept, frame, schema, cmc=cmc, source=text)


def learned(text, frame, **options):
    schema = Schema.learn(frame, list(frame.columns), **options)
    return learn(parse_expression(text), frame, schema, text)


def labels(value):
    return [None if code < 0 else value.levels[code] for code in value.codes]


def small() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            "z": [2.0, 1.0, 0.5, 3.0, -1.0, 4.0],
            "a": ["u", "v", "w", "u", "v", "w"],
            "b": pd.Categorical(list("qpqppq"), categories=["q", "p"]),
            "o": pd.Categorical(list("lmhlmh"), categories=["l", "m", "h"], ordered=True),
            "t": [True, False, False, True, True, False],
            "k": [8, 4, 6, 4, 8, 6],
        }
    )
