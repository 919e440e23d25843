"""``. ~ . + x``: the answers are those of R's ``update.formula``, and of ``bf`` for the rest."""

from __future__ import annotations

from typing import Any

import pytest

import hiermodel as hm
from hiermodel.formula import bf, expand, lf, update_formula

OLD = "y ~ a + b + (1 | g)"


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        (OLD, ". ~ . + x", "y ~ a + b + (1 | g) + x"),
        (OLD, "~ . + x", "y ~ a + b + (1 | g) + x"),
        (OLD, "log(y) ~ .", "log(y) ~ a + b + (1 | g)"),
        (OLD, "log(.) ~ .", "log(y) ~ a + b + (1 | g)"),
        (OLD, "z ~ x", "z ~ x"),
        (OLD, ". ~ x", "y ~ x"),
        (OLD, "~ . - (1 | g)", "y ~ a + b"),
        (OLD, "~ . - a", "y ~ b + (1 | g)"),
        (OLD, "~ . - 1", "y ~ a + b + (1 | g) - 1"),
        (OLD, "~ x + .", "y ~ x + a + b + (1 | g)"),
        ("y ~ a - b", "~ b + .", "y ~ b + (a - b)"),
        ("y ~ a + b", "~ . * c", "y ~ (a + b) * c"),
        ("y ~ a + b", "~ (.)^2", "y ~ ((a + b))^2"),
        ("y ~ a", "~ . - a", "y ~ 1"),
        ("y ~ a * b", "~ . - a:b", "y ~ a * b - a:b"),
        ("y ~ a + a * b", "~ . - a", "y ~ a + a * b - a"),
        ("y ~ a + offset(e)", "~ . - offset(e)", "y ~ a"),
        ("y ~ .", "~ . - a", "y ~ . - a"),
        ("y | weights(w) ~ a", ". ~ . + b", "y | weights(w) ~ a + b"),
        ("y | weights(w) ~ a", ". | trials(n) ~ .", "y | weights(w) + trials(n) ~ a"),
        ("y | weights(w) ~ a", "y ~ .", "y ~ a"),
        ("y ~ `a b`", "~ . + c", "y ~ `a b` + c"),
    ],
)
def test_dots(old: str, new: str, result: str) -> None:
    assert str(update_formula(bf(old), new)) == result


def test_brackets_keep_the_meaning() -> None:
    made = update_formula(bf("y ~ a - b"), "~ b + .")
    assert [t.text for t in expand(made.responses[0].main).terms] == ["b", "a"]


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        ("y ~ x", ["y ~ x", "sigma ~ a", "nu = 4"]),
        (bf("y ~ x", "sigma ~ 1"), ["y ~ x", "sigma ~ 1", "nu = 4"]),
        (bf("~ .", "sigma ~ . + b"), ["y ~ a", "sigma ~ a + b", "nu = 4"]),
        (bf("~ .", sigma=2), ["y ~ a", "nu = 4", "sigma = 2"]),
        (bf("~ .", "nu ~ a"), ["y ~ a", "sigma ~ a", "nu ~ a"]),
    ],
)
def test_formulas_of_parameters_stay(new: Any, lines: list[str]) -> None:
    old = bf("y ~ a", "sigma ~ a", nu=4, center=False)
    made = update_formula(old, new)
    assert str(made).splitlines() == lines
    assert not made.responses[0].options.center


def test_options_of_a_new_formula_count() -> None:
    made = update_formula(bf("y ~ a"), bf("~ .", decomp="QR"))
    assert made.responses[0].options.decomp == "QR"


def test_non_linear_formulas_are_calculations() -> None:
    old = bf("y ~ k * exp(x)", nl=True) + lf("k ~ 1")
    assert str(update_formula(old, "~ . - exp(x)")).startswith("y ~ k * exp(x) - exp(x)")


def test_one_of_several_responses() -> None:
    old = bf("y1 ~ a") + bf("y2 ~ b")
    assert str(update_formula(old, "y2 ~ . + c")).splitlines()[:2] == ["y1 ~ a", "y2 ~ b + c"]
    assert str(update_formula(old, "y3 ~ c")).splitlines() == ["y3 ~ c"]
    with pytest.raises(hm.FormulaError, match="which response is changed"):
        update_formula(old, "~ . + c")


@pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning")
def test_update_of_a_fit() -> None:
    data = hm.datasets.load("sleepstudy")
    small = {"chains": 1, "draws": 5, "warmup": 5, "seed": 1, "progress": False}
    fit = hm.fit(hm.bf("reaction ~ 1", "sigma ~ days"), data, **small)
    assert list(fit.update(formula=". ~ . + days").fixef().index) == [
        "Intercept", "sigma_Intercept", "days", "sigma_days"
    ]
