from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError

from .posteriors import fit_of, reaction_data


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    return fit_of("y ~ x + z + (1 + x | g)")


def drawn(ax: plt.Axes) -> np.ndarray:
    """Places of the points."""
    (line,) = [line for line in ax.lines if line.get_marker() == "o"]
    return np.asarray(line.get_xdata())


def test_levels_are_sorted_by_their_estimates(fit) -> None:
    table = fit.level_intervals("g", "x")
    coef = fit.coef(probs=(0.025, 0.25, 0.75, 0.975))["g"].xs("x", level="coef")
    expected = coef.sort_values("Estimate", ascending=False)
    np.testing.assert_allclose(table.to_numpy(), expected.to_numpy())
    assert table.index.get_level_values("level").tolist() == expected.index.tolist()
    ax = fit.plot_levels("g", "x", figsize=(4, 3))
    np.testing.assert_allclose(drawn(ax), table["Estimate"])
    assert [t.get_text() for t in ax.get_yticklabels()] == expected.index.tolist()
    assert ax.get_xlabel() == "x (y)" and ax.get_ylabel() == "g"
    # The segments: outer, then inner intervals.
    outer = np.array([s[:, 0] for s in ax.collections[0].get_segments()])
    np.testing.assert_allclose(outer, table[["Q2.5", "Q97.5"]])
    inner = np.array([s[:, 0] for s in ax.collections[1].get_segments()])
    np.testing.assert_allclose(inner, table[["Q25", "Q75"]])


def test_deviations_and_orders(fit) -> None:
    table = fit.level_intervals(what="ranef", sort="x")
    ranef = fit.ranef()["g"]["Estimate"].unstack("coef")
    order = ranef["x"].sort_values(ascending=False).index.tolist()
    for coef in ("Intercept", "x"):
        assert table.loc[coef].index.tolist() == order
        np.testing.assert_allclose(table.loc[coef, "Estimate"], ranef.loc[order, coef])
    assert fit.level_intervals(sort=False).loc["x"].index.tolist() == list("abcd")
    axes = fit.plot_ranef()
    assert [ax.get_xlabel() for ax in axes] == ["deviation of Intercept (y)", "deviation of x (y)"]
    assert axes[1].get_yticklabels()[0].get_text() == ""


def test_thresholds_of_levels() -> None:
    fit = fit_of("rating ~ x + (1 | g)", "cumulative")
    table = fit.level_intervals()
    found = table.index.get_level_values("coef").unique().tolist()
    assert found == ["Intercept[1]", "Intercept[2]"]


def test_wrong_levels(fit) -> None:
    with pytest.raises(DataError, match="no grouping factor 'gg'"):
        fit.plot_levels("gg")
    with pytest.raises(DataError, match="did you mean 'x'"):
        fit.plot_levels("g", "xx")
    with pytest.raises(ArgumentError, match="sort must be"):
        fit.plot_levels("g", "x", sort="Intercept")
    with pytest.raises(ArgumentError, match="'coef' or 'ranef'"):
        fit.plot_levels(what="levels")
    with pytest.raises(ArgumentError, match="inner must be less"):
        fit.plot_levels(inner=0.99)
    with pytest.raises(DataError, match="no group-level terms"):
        fit_of("y ~ x").plot_levels()
    _, ax = plt.subplots()
    with pytest.raises(ArgumentError, match="2 panels"):
        fit.plot_levels(ax=ax)


def test_intervals_are_quantiles_of_the_draws(fit) -> None:
    draws = fit.to_frame()[["b_x", "sigma"]]
    table = fit.interval_table(["b_x", "sigma"], prob=0.8, inner=0.2)
    np.testing.assert_allclose(table["Estimate"], draws.median())
    np.testing.assert_allclose(table[["Q10", "Q40", "Q60", "Q90"]],
                               draws.quantile([0.1, 0.4, 0.6, 0.9]).T)
    ax = fit.plot_intervals(["b_x", "sigma"], prob=0.8, inner=0.2)
    np.testing.assert_allclose(drawn(ax), table["Estimate"])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["b_x", "sigma"]


def test_rope_shares_and_decisions() -> None:
    rng = np.random.default_rng(0)
    b = np.stack([
        rng.normal(0.0, 0.01, (2, 500)), rng.normal(3.0, 0.1, (2, 500)),
        rng.normal(0.1, 0.1, (2, 500)),
    ], axis=-1)  # fmt: skip
    model = hm.model("n ~ x + z + old", reaction_data(), "poisson")
    fit = hm.Fit.from_draws(model, reaction_data(), {"b": b, "Intercept": b[..., 0]})
    table = fit.rope().table
    assert table["decision"].tolist() == ["accept", "reject", "undecided"]
    assert table.index.tolist() == ["b_x", "b_z", "b_oldTRUE"]
    flat = b.reshape(-1, 3)
    np.testing.assert_allclose(table["in_ROPE"], (np.abs(flat) <= 0.1).mean(axis=0))
    # The shortest interval that holds 95 % of the draws.
    ordered = np.sort(flat[:, 1])
    wide = int(np.floor(0.95 * len(ordered)))
    lengths = ordered[wide:] - ordered[: len(ordered) - wide]
    length = float(table.loc["b_z", "HDI.high"] - table.loc["b_z", "HDI.low"])
    assert length == pytest.approx(float(lengths.min()), rel=0.02)
    part = flat[:, 2]
    low, high = table.loc["b_oldTRUE", ["HDI.low", "HDI.high"]]
    held = part[(part >= low) & (part <= high)]
    assert table.loc["b_oldTRUE", "HDI_in_ROPE"] == pytest.approx(np.mean(np.abs(held) <= 0.1))
    wider = fit.rope(range={"b_z": (2.0, 4.0)}).table
    assert wider["decision"].tolist() == ["accept", "accept", "undecided"]
    assert "undecided" in repr(fit.rope()) and "<table>" in fit.rope()._repr_html_()


def test_default_ranges() -> None:
    def of(formula, family: str = "gaussian", variable: str = "b_x") -> float:
        return float(fit_of(formula, family).rope(variable).table.loc[variable, "ROPE.high"])

    assert of("y ~ x") == pytest.approx(0.1 * reaction_data()["y"].std())
    assert of("old ~ x", "bernoulli") == pytest.approx(0.1 * np.pi / np.sqrt(3))
    assert of("old ~ x", hm.family("bernoulli", link="probit")) == 0.1
    assert of("size ~ x", "lognormal") == 0.01
    assert of("n ~ x", "poisson") == 0.1
    assert of(hm.bf("y ~ x", "sigma ~ x"), variable="b_sigma_x") == 0.1


def test_picture_of_a_rope(fit) -> None:
    ax = fit.plot_intervals("b_x", rope=(-0.5, 0.5), kind="density")
    share = fit.rope("b_x", (-0.5, 0.5)).table.loc["b_x", "in_ROPE"]
    texts = [t.get_text() for t in ax.texts]
    assert texts == [f"{100 * share:.1f} %", "in ROPE"]
    default = fit.plot_intervals(rope=True)
    assert [t.get_text() for t in default.get_yticklabels()] == ["b_x", "b_z"]


@pytest.mark.parametrize("wrong", [(1, 0), (0, 0), "narrow", 0.1, (0, 1, 2)])
def test_wrong_ropes(fit, wrong) -> None:
    with pytest.raises(ArgumentError, match=r"\(low, high\)"):
        fit.rope("b_x", wrong)


def test_other_wrong_arguments(fit) -> None:
    with pytest.raises(ArgumentError, match="did you mean 'b_x'"):
        fit.rope(range={"b_xx": (0, 1)})
    with pytest.raises(DataError, match="did you mean"):
        fit.rope("b_xx")
    with pytest.raises(DataError, match="name the parameters"):
        fit_of("y ~ 1").rope()
    with pytest.raises(ArgumentError, match="'intervals' or 'density'"):
        fit.plot_intervals(kind="violin")
    with pytest.raises(ArgumentError, match="figsize"):
        fit.plot_intervals(figsize=(0, 3))
