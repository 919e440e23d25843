from __future__ import annotations

import numpy as np
import pytest

from hiermodel.effects import hypothesis
from hiermodel.errors import FormulaError

from .posteriors import CHAINS, DRAWS, fit_of


@pytest.fixture(scope="module")
def fit():
    given = {"L_1": np.broadcast_to([[1, 0], [0.6, 0.8]], (CHAINS, DRAWS, 2, 2))}
    return fit_of("y ~ x * dose + I(x^2) + (x | g)", **given)


def test_one_sided_by_hand(fit) -> None:
    result = hypothesis(fit, "x > 0.1", alpha=0.1)
    draws = fit.to_frame()["b_x"] - 0.1
    row = result.table.loc["(x)-(0.1) > 0"]
    assert row["Estimate"] == pytest.approx(draws.mean())
    assert row["CI.Lower"] == pytest.approx(np.quantile(draws, 0.1))
    prob = (draws > 0).mean()
    assert row["Post.Prob"] == prob and row["Evid.Ratio"] == pytest.approx(prob / (1 - prob))
    np.testing.assert_allclose(result.draws["(x)-(0.1) > 0"], draws)


def test_point_hypothesis_has_a_two_sided_interval(fit) -> None:
    row = hypothesis(fit, "x = 50").table.iloc[0]
    draws = fit.to_frame()["b_x"] - 50
    assert row["CI.Upper"] == pytest.approx(np.quantile(draws, 0.975))
    assert row["Star"] == "*" and np.isnan(row["Evid.Ratio"])
    assert hypothesis(fit, "x = 0").table.iloc[0]["Star"] == ""


def test_certain_hypotheses(fit) -> None:
    table = hypothesis(fit, ["sigma > -1", "sigma < -1"], cls="").table
    assert table["Evid.Ratio"].tolist() == [np.inf, 0.0] and table["Star"].tolist() == ["*", ""]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x:dosemid > 0", lambda f: f["b_x:dosemid"]),
        (
            "b_x + 2 * x:dosehigh < dosemid",
            lambda f: f["b_x"] + 2 * f["b_x:dosehigh"] - f["b_dosemid"],
        ),
        ("r_g[b, x] - r_g[a,x] > 0", lambda f: f["r_g[b,x]"] - f["r_g[a,x]"]),
        ("exp(x) ^ 2 > 1", lambda f: np.exp(f["b_x"]) ** 2 - 1),
        ("(x - -1) / sigma = 0", lambda f: (f["b_x"] + 1) / f["sigma"]),
        ("abs(IxE2) >= plogis(x)", lambda f: f["b_IxE2"].abs() - 1 / (1 + np.exp(-f["b_x"]))),
    ],
)
def test_expressions(fit, text: str, expected) -> None:
    result = hypothesis(fit, text)
    np.testing.assert_allclose(result.draws.iloc[:, 0], expected(fit.to_frame()))


def test_class_and_group(fit) -> None:
    result = hypothesis(fit, "Intercept > x", cls="sd", group="g")
    frame = fit.to_frame()
    expected = frame["sd_g__Intercept"] - frame["sd_g__x"]
    np.testing.assert_allclose(result.draws.iloc[:, 0], expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "no sign"),
        ("0 < x < 1", "more than one sign"),
        ("x >", "lacks a side"),
        ("xx > 0", "did you mean 'x'"),
        ("open(x) > 0", r"cannot call open\(\)"),
        ("x > 'a'", "arithmetic"),
        ("__import__ > 0", "."),
    ],
)
def test_errors(fit, text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        hypothesis(fit, text)


def test_wrong_alpha(fit) -> None:
    with pytest.raises(ValueError, match="alpha"):
        hypothesis(fit, "x > 0", alpha=5)


def test_reprs(fit) -> None:
    result = hypothesis(fit, "x > 0")
    assert "(x) > 0" in repr(result) and "90 % for one-sided" in repr(result)
    assert "(x) &gt; 0" in result._repr_html_()
