"""Columns that the data cannot tell apart are told, when their priors are flat."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm


def frame(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.normal(size=n), "a": rng.normal(size=n) + 5,
                         "b": rng.normal(size=n)})
    return data.assign(
        twice=2 * data["a"], both=data["a"] - 3 * data["b"] + 7, one=1.0,
        f=pd.Categorical(np.tile(["u", "v", "w"], n // 3)),
        dummy=np.tile([0.0, 1.0, 0.0], n // 3),
        close=data["a"] + 1e-9 * rng.normal(size=n),
        near=data["a"] + 1e-4 * rng.normal(size=n),
        year=2000.0 + np.arange(n) % 20,
    )


def told(formula: Any, *args: Any, **kwargs: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hm.model(formula, frame(), *args, **kwargs)
    return [str(w.message) for w in caught]


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        ("y ~ a + twice", "'twice' is a linear combination of 'a'."),
        ("y ~ a + b + both", "'both' is a linear combination of 'a', 'b'."),
        ("y ~ a + one", "'one' is constant beside the intercept"),
        ("y ~ a + close", "'close' is a linear combination of 'a'"),
        ("y ~ f + dummy", "'dummy' is a linear combination of 'fv'"),
        ("y ~ 0 + f + one", "'one' is a linear combination of 'fu', 'fv', 'fw'"),
        ("y ~ 0 + Intercept + one", "'one' is a linear combination of 'Intercept'"),
        (hm.bf("y ~ a", center=False) + hm.lf("sigma ~ b + one"), "in the formula of sigma"),
    ],
)
def test_told_with_names(formula: Any, text: str) -> None:
    (message,) = told(formula)
    assert text in message


@pytest.mark.parametrize(
    "formula",
    ["y ~ a + b + f", "y ~ a + near", "y ~ year + I(year^2) + I(year^3)", "y ~ 0 + f + a",
     "y ~ a * f", "y ~ 1", "y ~ 0 + one + a"],
)
def test_nothing_to_tell(formula: str) -> None:
    assert told(formula) == []


def test_thresholds_are_the_intercept() -> None:
    data = frame().assign(r=np.tile([1, 2, 3], 20))
    with pytest.warns(hm.HiermodelWarning, match="'one' is constant"):
        hm.model("r ~ a + one", data, "cumulative")


def test_categories_share_one_warning() -> None:
    data = frame().assign(k=np.tile(["p", "q", "r"], 20))
    with pytest.warns(hm.HiermodelWarning) as caught:
        hm.model("k ~ a + twice", data, "categorical")
    assert len(caught) == 1


@pytest.mark.parametrize(
    "priors", [{"b": "normal(0, 5)"}, {"b_twice": "normal(0, 5)"}, "weak"]
)
def test_a_proper_prior_on_one_is_enough(priors: Any) -> None:
    assert told("y ~ a + twice", priors=priors) == []


def test_many_rows_cost_little() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(size=(200_000, 11)), columns=["y", *"abcdefghij"])
    start = time.perf_counter()
    hm.model("y ~ " + " + ".join("abcdefghij"), data)
    assert time.perf_counter() - start < 3


@pytest.mark.parametrize("addition", ["weights(w)", "weights(w, scale = TRUE)", "weights(0)"])
def test_all_weights_zero(addition: str) -> None:
    with pytest.raises(hm.DataError, match="all weights are zero"):
        hm.model(f"y | {addition} ~ a", frame().assign(w=0.0))
