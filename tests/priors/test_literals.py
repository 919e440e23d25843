"""Numbers in priors that no density can have are refused; everything else is left alone."""

from __future__ import annotations

import pytest

import hiermodel as hm


@pytest.mark.parametrize("text", [
    "normal(-3, 2)", "normal(a, b)", "normal(0, 2 * x)", "student_t(3, 0, 2.5)", "std_normal()",
    "skew_normal(0, 1, -4)", "uniform(-1, 1)", "uniform(low, 3)", "pareto_type_2(-1, 1, 1)",
    "skew_double_exponential(-2, 1, 0.4)", "beta_proportion(0.5, 3)", "my_density(-1, 0)",
    "constant(-1)", "normal([0, 1]', 2)", "normal(0)", "",
])
def test_possible(text: str) -> None:
    assert hm.prior(text).text == text


@pytest.mark.parametrize(("text", "message"), [
    ("normal(0, -5)", "sigma of normal"),
    ("normal(0, 0)", "greater than 0, not 0"),
    ("normal(1e400, 1)", "mu of .* a finite number"),
    ("student_t(0, 0, 1)", "nu of student_t"),
    ("cauchy(0, - 1)", "sigma of cauchy"),
    ("lognormal(1, -1)", "sigma of lognormal"),
    ("exponential(-1)", "beta of exponential"),
    ("inv_gamma(1, 0)", "beta of inv_gamma"),
    ("beta_proportion(1.5, 3)", "between 0 and 1"),
    ("skew_normal(0, -1, 3)", "omega of skew_normal"),
    ("uniform(2, 2)", "alpha below beta"),
])
def test_impossible(text: str, message: str) -> None:
    with pytest.raises(hm.PriorError, match=message):
        hm.prior(text, cls="sigma")
    with pytest.raises(hm.PriorError, match=message) as info:
        hm.model("reaction ~ 1", hm.datasets.load("sleepstudy"), priors={"sigma": text})
    assert "'sigma'" in str(info.value)
