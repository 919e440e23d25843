"""Grids, estimated marginal means and poststratification, against direct computation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError

from .posteriors import draws, fit_of, reaction_data


def flat(array) -> np.ndarray:
    values = array.values
    return values.reshape(-1, *values.shape[2:])


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    return fit_of("y ~ x * dose + z + old + (1 | g)")


@pytest.fixture(scope="module")
def votes() -> hm.Fit:
    return fit_of("hits | trials(size) ~ x + dose + (1 | g)", "binomial")


# ------------------------------------------------------------------ grids


def test_a_typical_row(fit) -> None:
    row = fit.datagrid()
    assert len(row) == 1 and list(row) == ["x", "dose", "z", "old", "g"]
    assert row["x"][0] == pytest.approx(fit.frame["x"].mean())
    assert row["dose"][0] == "mid" and row["g"][0] == "a"
    assert row["old"][0] == fit.frame["old"].mode()[0] and row["old"].dtype == bool
    assert list(row["dose"].cat.categories) == ["low", "mid", "high"]


def test_combinations_of_values(fit) -> None:
    grid = fit.datagrid(x=[0, 1.5], dose=["low", "high"], g="c")
    assert list(zip(grid["x"], grid["dose"], strict=True)) == [
        (0.0, "low"), (0.0, "high"), (1.5, "low"), (1.5, "high")]
    assert set(grid["g"]) == {"c"} and isinstance(grid["dose"].dtype, pd.CategoricalDtype)
    ends = fit.datagrid(x=lambda c: [c.min(), c.max()])
    np.testing.assert_allclose(ends["x"], [fit.frame["x"].min(), fit.frame["x"].max()])
    balanced = fit.datagrid("balanced", x=[0, 1])
    assert len(balanced) == 2 * 3 * 2 and balanced[["dose", "old", "x"]].duplicated().sum() == 0
    assert len(fit.posterior_epred(balanced)["obs"]) == 12


def test_whole_numbers_stay_whole_and_zero_one_take_their_mode() -> None:
    frame = reaction_data().assign(flag=lambda d: d["old"].astype(int))
    fit = fit_of("y ~ n + flag", frame=frame)
    assert fit.datagrid(n=[1, 2])["n"].dtype == frame["n"].dtype
    assert fit.datagrid(n=1.5)["n"].dtype == float
    assert fit.datagrid()["flag"][0] in (0, 1) and fit.datagrid()["n"][0] == frame["n"].mean()


def test_a_counterfactual_grid_repeats_every_row(fit) -> None:
    data = fit.frame.iloc[[4, 7]].set_axis(["p", "q"], axis=0)
    grid = fit.datagrid("counterfactual", data, dose=["low", "high"])
    assert grid["rowid"].tolist() == ["p", "q", "p", "q"]
    assert grid["dose"].tolist() == ["low", "low", "high", "high"]
    np.testing.assert_allclose(grid["x"], np.tile(data["x"], 2))
    assert len(fit.datagrid("counterfactual", old=[True])) == 40
    # Predictions of the grid keep its row labels.
    assert fit.predictions(grid)["rowid"].tolist() == ["p", "q", "p", "q"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f.datagrid("means"), ArgumentError, "grid must be one of mean_or_mode"),
        (lambda f: f.datagrid(xx=1), DataError, r"'xx' is no column .*it reads x, dose"),
        (lambda f: f.datagrid(dose="hgh"), DataError, r"no level of 'dose' \(did you mean 'high'"),
        (lambda f: f.datagrid(x="a"), DataError, "'x' is numeric; 'a' is no number"),
        (lambda f: f.datagrid(x=[]), DataError, "no value of 'x'"),
        (lambda f: f.datagrid("counterfactual"), ArgumentError, "needs values"),
        (lambda f: f.datagrid(newdata=f.frame), ArgumentError, "grid='counterfactual'"),
    ],
)
def test_grids_that_cannot_be(fit, call, error, message) -> None:
    with pytest.raises(error, match=message):
        call(fit)


# ------------------------------------------------------------------ marginal means


def means_of(fit, frame) -> np.ndarray:
    return flat(fit.posterior_epred(frame, re_formula="none"))


def test_marginal_means_by_hand(fit) -> None:
    x, z = fit.frame["x"].mean(), fit.frame["z"].mean()
    table = fit.emmeans("dose")
    assert table["dose"].tolist() == ["low", "mid", "high"] and set(table["groups"]) == {"none"}
    for k, level in enumerate(("low", "mid", "high")):
        frame = pd.DataFrame({"x": x, "z": z, "dose": level, "old": [False, True]})
        values = means_of(fit, frame).mean(axis=1)
        assert table["Estimate"][k] == pytest.approx(values.mean())
        assert table["Q97.5"][k] == pytest.approx(np.quantile(values, 0.975))
    assert "Averaged over old with equal weights. Held: x = " in table.note


def test_proportional_weights_and_values(fit) -> None:
    share = fit.frame["old"].mean()
    weighted = flat(fit.emmeans("dose", weights="proportional", at={"x": 1.0}).draws)
    frame = pd.DataFrame({"x": 1.0, "z": fit.frame["z"].mean(), "dose": "mid",
                          "old": [False, True]})
    expected = means_of(fit, frame) @ np.array([1 - share, share])
    np.testing.assert_allclose(weighted[:, 1], expected)
    numbers = fit.emmeans("x", by="dose", at={"x": [0, 2]}, contrasts="pairwise")
    assert numbers["contrast"].tolist() == ["2 - 0"] * 3
    b = fit.posterior["b"]
    slope = flat(b.sel(coef="x") + b.sel(coef="x:dosehigh"))
    np.testing.assert_allclose(flat(numbers.draws)[:, 2], 2 * slope)


def test_contrasts_of_means(fit) -> None:
    m = flat(fit.emmeans("dose", by="old").draws).reshape(-1, 2, 3)
    table = fit.emmeans("dose", by="old", contrasts="pairwise")
    assert table["contrast"].tolist() == ["mid - low", "high - low", "high - mid"] * 2
    assert table["old"].tolist() == [False] * 3 + [True] * 3
    expected = np.stack([m[..., 1] - m[..., 0], m[..., 2] - m[..., 0], m[..., 2] - m[..., 1]], -1)
    np.testing.assert_allclose(flat(table.draws), expected.reshape(len(m), -1), atol=1e-12)
    eff = flat(fit.emmeans("dose", contrasts="eff").draws)
    all_ = flat(fit.emmeans("dose").draws)
    np.testing.assert_allclose(eff, all_ - all_.mean(axis=1, keepdims=True), atol=1e-12)
    own = fit.emmeans("dose", contrasts={"linear": [-1, 0, 1]})
    assert own["contrast"].tolist() == ["linear"]
    np.testing.assert_allclose(flat(own.draws)[:, 0], all_[:, 2] - all_[:, 0], atol=1e-12)
    reverse = fit.emmeans("dose", contrasts="revpairwise")
    assert reverse["contrast"][0] == "low - mid"


def test_scales_of_means() -> None:
    fit = fit_of("n ~ dose * old + (1 | g)", "poisson", b=draws(5, seed=2) / 4)
    link = flat(fit.emmeans("dose", type="link").draws)
    back = fit.emmeans("dose", type="link", transform="inverse_link")
    np.testing.assert_allclose(flat(back.draws), np.exp(link))
    response = flat(fit.emmeans("dose").draws)
    # The mean of expectations is above the expectation at the mean.
    assert (response > np.exp(link) - 1e-12).all() and not np.allclose(response, np.exp(link))
    ratio = fit.emmeans("dose", type="link", contrasts="reference", transform="exp")
    np.testing.assert_allclose(flat(ratio.draws), np.exp(link[:, 1:] - link[:, :1]))
    ordinal = fit_of("rating ~ dose + x", "cumulative").emmeans("dose", contrasts="reference")
    assert ordinal["category"].tolist() == ["bad", "fair", "good"] * 2


def test_clusters_of_means(fit) -> None:
    table = fit.emmeans("dose", by="g", groups="observed")
    assert len(table) == 12
    frame = fit.datagrid(dose="mid", g="c", x=fit.frame["x"].mean(), old=[False, True])
    expected = flat(fit.posterior_epred(frame)).mean()
    row = table[(table["g"] == "c") & (table["dose"] == "mid")]
    assert row["Estimate"].item() == pytest.approx(expected)
    with pytest.raises(ArgumentError, match="groups='observed' needs to know which 'g'"):
        fit.emmeans("dose", groups="observed")
    assert set(fit.emmeans("dose", groups="integrated")["groups"]) == {"integrated"}


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f.emmeans("x"), ArgumentError, r"'x' is a number; .*at=\{'x'"),
        (lambda f: f.emmeans("dos"), DataError, r"'dos' is no predictor .*did you mean 'dose'"),
        (lambda f: f.emmeans("dose", by="dose"), ArgumentError, "in specs and in by"),
        (lambda f: f.emmeans("dose", weights="cells"), ArgumentError, "equal, proportional"),
        (lambda f: f.emmeans("dose", contrasts="trt.vs.ctrl"), ArgumentError, "contrasts must be"),
        (lambda f: f.emmeans("dose", contrasts={"a": [1, 2]}), ArgumentError, "low; mid; high"),
        (lambda f: f.emmeans("dose", type="predict"), ArgumentError, "of expectations"),
        (lambda f: f.emmeans("dose", at={"w": 1}), DataError, "'w' is no column"),
        (lambda f: f.emmeans("dose", at={"dose": ["low"]}, contrasts="pairwise"), DataError,
         "one marginal mean only"),
    ],
)
def test_means_that_cannot_be(fit, call, error, message) -> None:
    with pytest.raises(error, match=message):
        call(fit)


# ------------------------------------------------------------------ poststratification


CELLS = pd.DataFrame({
    "x": [0.0, 0.0, 1.0, 1.0, 2.0],
    "dose": ["low", "mid", "low", "high", "high"],
    "g": ["a", "b", "b", "d", "d"],
    "people": [10, 0, 30, 20, 40],
    "side": ["left", "left", "left", "right", "right"],
})


def test_population_means(votes) -> None:
    table = votes.poststratify(CELLS, "people", by="side")
    p = special.expit(flat(votes.posterior_linpred(CELLS)))
    n = CELLS["people"].to_numpy()
    for level in ("left", "right"):
        at = (CELLS["side"] == level).to_numpy()
        values = p[:, at] @ n[at] / n[at].sum()
        row = table[table["side"] == level].iloc[0]
        assert row["Estimate"] == pytest.approx(values.mean()) and row["n"] == n[at].sum()
        assert row["Q2.5"] == pytest.approx(np.quantile(values, 0.025))
    whole = p @ n / n.sum()
    assert table["side"].iloc[-1] == "(all)" and table["n"].iloc[-1] == 100
    assert table["Estimate"].iloc[-1] == pytest.approx(whole.mean())
    np.testing.assert_allclose(flat(votes.poststratify(CELLS, "people").draws)[:, 0], whole)
    total = votes.poststratify(CELLS, "people", total=True)
    assert total["Estimate"][0] == pytest.approx(100 * whole.mean())


def test_a_subgroup_without_people_is_an_error(votes) -> None:
    with pytest.raises(DataError, match="weights of g = c are all zero"):
        votes.poststratify(CELLS.assign(g=list("aabcd"), people=[1, 1, 1, 0, 1]), "people", by="g")


def test_unseen_clusters_of_the_population(votes) -> None:
    cells = CELLS.assign(g=["a", "new", "b", "new", "d"])
    with pytest.raises(DataError, match=r"level 'new' of grouping factor 'g'.*allow_new_levels"):
        votes.poststratify(cells, "people")
    table = votes.poststratify(
        cells, "people", by="g", allow_new_levels=True, sample_new_levels="gaussian", seed=1)
    assert table["g"].tolist() == ["a", "b", "d", "new", "(all)"]
    p = flat(votes.poststratify(cells.iloc[:1], "people").draws)[:, 0]
    assert table["Estimate"][0] == pytest.approx(p.mean())
    missing = cells.assign(g=["a", None, "b", None, "d"])
    with pytest.raises(DataError, match="cells has no value of 'g' in row 2"):
        votes.poststratify(missing, "people")


def test_the_column_of_sizes_is_not_taken_for_trials() -> None:
    fit = fit_of("hits | trials(size) ~ x", "binomial")
    cells = pd.DataFrame({"x": [0.0, 1.0], "size": [500, 1500]})
    p = special.expit(flat(fit.posterior_linpred(cells)))
    expected = p @ np.array([0.25, 0.75])
    np.testing.assert_allclose(flat(fit.poststratify(cells, "size").draws)[:, 0], expected)


def test_categories_and_the_other_clusters() -> None:
    fit = fit_of("rating ~ x + (1 | g)", "cumulative")
    table = fit.poststratify(CELLS, "people", by="side", groups="integrated")
    assert len(table) == 9 and set(table["groups"]) == {"integrated"}
    sums = table.groupby("side")["Estimate"].sum()
    np.testing.assert_allclose(sums, 1.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("cells", "n", "message"),
    [
        (CELLS, "peopel", "no column 'peopel'.*did you mean 'people'"),
        (CELLS.assign(people=[1, -2, 3, 4, 5]), "people", "row 2 is -2"),
        (CELLS.assign(people=[1, np.nan, 3, 4, 5]), "people", "row 2 is nan"),
        (CELLS.assign(people=list("abcde")), "people", "must be numbers"),
        (CELLS.assign(people=0), "people", "are all zero"),
        (CELLS.drop(columns="dose"), "people", "cells lacks the column 'dose'"),
        (CELLS.assign(dose="tiny"), "people", "tiny"),
    ],
)
def test_cells_that_cannot_be(votes, cells, n, message) -> None:
    with pytest.raises(DataError, match=message):
        votes.poststratify(cells, n)


def test_zero_cells_keep_their_place_in_the_whole(votes) -> None:
    # Cells without people change nothing.
    one = votes.poststratify(CELLS, "people")
    other = votes.poststratify(CELLS[CELLS["people"] > 0], "people")
    np.testing.assert_allclose(one["Estimate"], other["Estimate"])


def test_published_means_of_plant_growth() -> None:
    # Means of the three groups, 5.032, 4.661 and 5.526 (Dobson 1983, table 7.1), with flat priors.
    fit = hm.fit(
        "weight ~ group", hm.datasets.load("PlantGrowth"), priors={"Intercept": ""}, chains=2,
        draws=1000, warmup=500, seed=1, progress=False,
    )
    table = fit.emmeans("group")
    np.testing.assert_allclose(table["Estimate"], [5.032, 4.661, 5.526], atol=0.03)
    # Residual standard error 0.6234 with ten plants a group.
    np.testing.assert_allclose(table["Est.Error"], 0.6234 / np.sqrt(10), rtol=0.15)
