from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

import hiermodel as hm
from hiermodel.effects import hypothesis
from hiermodel.effects.evidence import density_ratio
from hiermodel.errors import ArgumentError, FormulaError, HiermodelWarning

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


# A normal slope with known sigma: the posterior is normal, and so is the prior.
X = np.linspace(-1, 1, 30)
LINE = pd.DataFrame({"x": X, "y": 0.2 * X + np.sin(np.arange(30) * 7.0)})


@pytest.fixture(scope="module")
def line() -> hm.Fit:
    return hm.fit(
        hm.bf("y ~ 0 + x", sigma=1), LINE, priors={"b": "normal(0.5, 1.5)"}, sample_prior="yes",
        chains=4, draws=4000, seed=1, progress=False,
    )


def exact_ratio(at: float) -> float:
    precision = (X**2).sum() + 1 / 1.5**2
    mean = ((X * LINE["y"]).sum() + 0.5 / 1.5**2) / precision
    return float(norm.pdf(at, mean, precision**-0.5) / norm.pdf(at, 0.5, 1.5))


def test_evidence_for_a_point_is_the_ratio_of_densities(line: hm.Fit) -> None:
    result = line.hypothesis(["x = 0", "x = 0.4", "x > 0"])
    for label, at in [("(x) = 0", 0.0), ("(x)-(0.4) = 0", 0.4)]:
        row = result.table.loc[label]
        assert row["Evid.Ratio"] == pytest.approx(exact_ratio(at), rel=0.06)
        assert row["Post.Prob"] == pytest.approx(row["Evid.Ratio"] / (1 + row["Evid.Ratio"]))
    assert "needs draws of the prior" not in repr(result)
    # The same as the Bayes factor of the model without the slope against that with it.
    null = norm.logpdf(LINE["y"]).sum()
    with_slope = line.bridge_sampler(seed=1).logml
    found = result.table.loc["(x) = 0", "Evid.Ratio"]
    assert np.log(found) == pytest.approx(null - with_slope, abs=0.1)


def test_evidence_far_in_the_tails_is_told(line: hm.Fit) -> None:
    with pytest.warns(HiermodelWarning, match="evidence ratio of 'x = 3' is a guess: 0 draws of"):
        assert line.hypothesis("x = 3").table["Evid.Ratio"].iloc[0] < 1e-6


def test_densities_of_heavy_tails() -> None:
    u = (np.arange(20_000) + 0.5) / 20_000
    found = density_ratio(norm.ppf(u, 0.3, 0.2), t.ppf(u, 1, 0, 2.5), "b = 0")
    assert found == pytest.approx(norm.pdf(0, 0.3, 0.2) / t.pdf(0, 1, 0, 2.5), rel=0.06)


def test_without_draws_of_the_prior_evidence_is_missing(fit) -> None:
    result = hypothesis(fit, "x = 0")
    assert np.isnan(result.table["Evid.Ratio"].iloc[0])
    assert "needs draws of the prior: fit with sample_prior='yes'" in repr(result)


def test_each_level_of_a_group(fit) -> None:
    result = hypothesis(fit, ["x > 0", "Intercept - 2 * x < 1"], group="g", scope="coef")
    assert result.table.index.names == ["g", "hypothesis"]
    levels = fit.posterior["g"].values.tolist()
    assert result.table.index.get_level_values("g").tolist() == 2 * levels
    b = fit.posterior["b"]
    for level in levels:
        r = fit.posterior["r_g"].sel(g=level)
        x = (b.sel(coef="x") + r.sel(g_coef="x")).values.ravel()
        intercept = (b.sel(coef="Intercept") + r.sel(g_coef="Intercept")).values.ravel()
        assert result.table.loc[(level, "(x) > 0"), "Post.Prob"] == (x > 0).mean()
        draws = result.draws[(level, "(Intercept-2*x)-(1) < 0")]
        np.testing.assert_allclose(draws, intercept - 2 * x - 1)
    ranef = hypothesis(fit, "x > 0", group="g", scope="ranef")
    r = fit.posterior["r_g"].sel(g=levels[0], g_coef="x").values.ravel()
    np.testing.assert_array_equal(ranef.draws[(levels[0], "(x) > 0")], r)
    assert "(x) > 0" in repr(ranef)


def test_scopes_that_cannot_be(fit) -> None:
    with pytest.raises(ArgumentError, match="scope must be one of standard, ranef, coef"):
        hypothesis(fit, "x > 0", scope="levels", group="g")
    with pytest.raises(ArgumentError, match=r"scope=.coef. needs group=.*it has g"):
        hypothesis(fit, "x > 0", scope="coef")
    with pytest.raises(ArgumentError, match="a grouping factor of the model; it has g"):
        hypothesis(fit, "x > 0", scope="coef", group="zzzz")
    with pytest.raises(FormulaError, match="no parameter 'y'"):
        hypothesis(fit, "y > 0", scope="coef", group="g")
