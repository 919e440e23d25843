"""Predictions, comparisons and slopes against direct computation from the draws."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, FormulaError, HiermodelError

from .posteriors import draws, fit_of, reaction_data


def flat(array) -> np.ndarray:
    values = array.values
    return values.reshape(-1, *values.shape[2:])


def epred(fit: hm.Fit, frame: pd.DataFrame | None = None) -> np.ndarray:
    return flat(fit.posterior_epred(frame))


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    return fit_of("y ~ x * dose + z + old + (1 | g)")


@pytest.fixture(scope="module")
def counts() -> hm.Fit:
    return fit_of("n ~ x * dose + (1 | g)", "poisson", b=draws(5, seed=2) / 5)


@pytest.fixture(scope="module")
def binary() -> hm.Fit:
    return fit_of("old ~ x + dose + (1 | g)", "bernoulli")


def check(table, values: np.ndarray) -> None:
    """The table summarises these draws (draws, rows)."""
    np.testing.assert_allclose(table["Estimate"], values.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(table["Est.Error"], values.std(axis=0, ddof=1), atol=1e-9)
    np.testing.assert_allclose(table["Q2.5"], np.quantile(values, 0.025, axis=0), atol=1e-9)
    np.testing.assert_allclose(table["Q97.5"], np.quantile(values, 0.975, axis=0), atol=1e-9)


# ------------------------------------------------------------------ predictions


def test_predictions_of_rows(fit) -> None:
    table = fit.predictions()
    check(table, epred(fit))
    assert table["rowid"].tolist() == list(range(40)) and set(table["groups"]) == {"observed"}
    pd.testing.assert_frame_equal(pd.DataFrame(table)[list(fit.frame.columns)], fit.frame)
    with pytest.raises(HiermodelError, match="draws=True"):
        _ = table.draws
    kept = fit.predictions(draws=True)
    assert kept.draws.dims == ("chain", "draw", "row")
    np.testing.assert_allclose(flat(kept.draws), epred(fit))
    check(kept, epred(fit))


def test_labels_of_rows_are_the_users() -> None:
    frame = reaction_data().set_index(pd.Index([f"row {k}" for k in range(40)]))
    fit = fit_of("y ~ x", frame=frame)
    assert fit.predictions()["rowid"].tolist()[:2] == ["row 0", "row 1"]
    new = frame.iloc[[3, 5]]
    assert fit.predictions(new)["rowid"].tolist() == ["row 3", "row 5"]


def test_link_dpar_and_new_responses() -> None:
    fit = fit_of(hm.bf("n ~ x", "shape ~ z"), "negbinomial")
    check(fit.predictions(type="link"), flat(fit.posterior_linpred()))
    check(fit.predictions(dpar="shape"), flat(fit.posterior_epred(dpar="shape")))
    check(fit.predictions(dpar="shape", type="link"), flat(fit.posterior_linpred(dpar="shape")))
    new = fit.predictions(type="predict", seed=4, draws=True)
    assert (flat(new.draws) % 1 == 0).all() and (flat(new.draws) >= 0).all()
    pd.testing.assert_frame_equal(
        pd.DataFrame(new), pd.DataFrame(fit.predictions(type="predict", seed=4))
    )
    shown = fit.predictions(type="link", transform="inverse_link")
    check(shown, np.exp(flat(fit.posterior_linpred())))


def test_averages_by_columns_and_weights(fit) -> None:
    values, frame = epred(fit), fit.frame
    check(fit.avg_predictions(), values.mean(axis=1, keepdims=True))
    table = fit.predictions(by=["old", "dose"])
    groups = frame.groupby(["old", "dose"], observed=True).indices
    expected = np.column_stack([values[:, at].mean(axis=1) for at in groups.values()])
    check(table, expected)
    assert list(zip(table["old"], table["dose"], strict=True)) == list(groups)
    weights = np.arange(40.0)
    for wts, data in ((weights, None), ("w", frame.assign(w=weights))):
        table = fit.avg_predictions(data, wts=wts, by="dose")
        for k, level in enumerate(("low", "mid", "high")):
            at = (frame["dose"] == level).to_numpy()
            expected = np.average(values[:, at], axis=1, weights=weights[at])
            assert table["Estimate"][k] == pytest.approx(expected.mean())
    # Averages have their draws.
    np.testing.assert_allclose(flat(table.draws).mean(axis=0), table["Estimate"])
    assert table.draws.coords["dose"].values.tolist() == ["low", "mid", "high"]


def test_subgroups_from_a_table(fit) -> None:
    mapping = pd.DataFrame({"dose": ["low", "mid", "high"], "by": ["less", "less", "more"]})
    table = fit.predictions(by=mapping)
    high = (fit.frame["dose"] == "high").to_numpy()
    values = epred(fit)
    assert table["by"].tolist() == ["less", "more"]
    check(table, np.column_stack([values[:, ~high].mean(axis=1), values[:, high].mean(axis=1)]))
    with pytest.raises(DataError, match="no subgroup for dose = high"):
        fit.predictions(by=mapping.iloc[:2])


def test_averages_are_the_same_in_small_chunks(fit, monkeypatch) -> None:
    whole = fit.predictions(by="dose"), fit.comparisons("x"), fit.avg_slopes("x", by="old")
    monkeypatch.setattr("hiermodel.marginal.values._CHUNK_BYTES", 8 * 40 * 3)
    cut = fit.predictions(by="dose"), fit.comparisons("x"), fit.avg_slopes("x", by="old")
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one["Estimate"], other["Estimate"], rtol=1e-9)


def test_counterfactual_predictions(fit) -> None:
    table = fit.avg_predictions(variables="dose")
    expected = np.column_stack([
        epred(fit, fit.frame.assign(dose=level)).mean(axis=1) for level in ("low", "mid", "high")
    ])
    check(table, expected)
    rows = fit.predictions(variables={"x": [0, 1]})
    assert len(rows) == 80 and rows["rowid"].tolist() == [*range(40)] * 2
    check(rows, np.column_stack([epred(fit, fit.frame.assign(x=v)) for v in (0.0, 1.0)]))
    five = fit.avg_predictions(variables="x")
    np.testing.assert_allclose(five["x"], fit.frame["x"].quantile([0, 0.25, 0.5, 0.75, 1]))
    weights = np.arange(40.0)
    weighted = fit.avg_predictions(variables={"old": [True]}, wts=weights)
    expected = np.average(epred(fit, fit.frame.assign(old=True)), axis=1, weights=weights)
    check(weighted, expected[:, None])


def test_a_robust_summary_with_another_probability(fit) -> None:
    table = fit.avg_predictions(by="dose", prob=0.5, robust=True)
    values = flat(fit.avg_predictions(by="dose").draws)
    np.testing.assert_allclose(table["Estimate"], np.median(values, axis=0))
    np.testing.assert_allclose(table["Q75"], np.quantile(values, 0.75, axis=0))
    few = fit.avg_predictions(ndraws=7)
    expected = flat(fit.posterior_epred(ndraws=7)).mean(axis=1)
    assert few["Estimate"][0] == pytest.approx(expected.mean())
    assert few.draws.sizes["draw"] == 7 and "of 7 draws" in few.note


def test_categories_have_a_row_each() -> None:
    fit = fit_of("rating ~ x + (1 | g)", "cumulative")
    table = fit.predictions(fit.frame.iloc[:2])
    assert table["category"].tolist() == ["bad", "fair", "good"] * 2
    check(table, flat(fit.posterior_epred(fit.frame.iloc[:2])).reshape(40, -1))
    averages = fit.avg_predictions(by="old")
    assert len(averages) == 6
    np.testing.assert_allclose(averages.groupby("old")["Estimate"].sum(), 1.0)
    with pytest.raises(ArgumentError, match="probability of each"):
        fit.predictions(type="predict")


def test_one_of_several_responses() -> None:
    model = hm.bf("y ~ x") + hm.bf("z ~ dose") + hm.set_rescor(False)
    fit = fit_of(model)
    check(fit.predictions(resp="z"), flat(fit.posterior_epred(resp="z")))
    assert fit.avg_comparisons("dose", resp="z")["contrast"].tolist() == ["mid - low", "high - low"]
    with pytest.raises(HiermodelError, match="pass resp=, one of y, z"):
        fit.predictions()
    with pytest.raises(DataError, match="'dose' is no predictor"):
        fit.comparisons("dose", resp="y")


# ------------------------------------------------------------------ comparisons


def test_contrasts_of_numbers(fit) -> None:
    frame, x = fit.frame, fit.frame["x"]
    base = epred(fit)

    def at(values) -> np.ndarray:
        return epred(fit, frame.assign(x=values))

    check(fit.comparisons("x"), at(x + 1) - base)
    check(fit.comparisons({"x": -2.5}), at(x - 2.5) - base)
    check(fit.comparisons({"x": [1, 4]}), at(4.0) - at(1.0))
    mean, sd = x.mean(), x.std()
    check(fit.comparisons({"x": "sd"}), at(mean + sd / 2) - at(mean - sd / 2))
    check(fit.comparisons({"x": "2sd"}), at(mean + sd) - at(mean - sd))
    check(fit.comparisons({"x": "iqr"}), at(x.quantile(0.75)) - at(x.quantile(0.25)))
    check(fit.comparisons({"x": "minmax"}), at(x.max()) - at(x.min()))
    own = fit.comparisons({"x": lambda c: (c * 0, c * 2)})
    check(own, at(2 * x) - at(0 * x))
    labels = [fit.avg_comparisons({"x": spec})["contrast"][0]
              for spec in (1, -2.5, [1, 4], "sd", "iqr", "minmax")]
    around = "(mean + sd/2) - (mean - sd/2)"
    assert labels == ["+1", "-2.5", "4 - 1", around, "Q3 - Q1", "Max - Min"]


def test_numbers_zero_and_one_go_from_zero_to_one() -> None:
    frame = reaction_data().assign(old=lambda d: d["old"].astype(int))
    fit = fit_of("y ~ x * old", frame=frame)
    table = fit.comparisons("old")
    assert set(table["contrast"]) == {"1 - 0"}
    check(table, epred(fit, frame.assign(old=1)) - epred(fit, frame.assign(old=0)))


def test_contrasts_of_factors(fit) -> None:
    level = {v: epred(fit, fit.frame.assign(dose=v)) for v in ("low", "mid", "high")}
    expected = {
        "reference": [("mid", "low"), ("high", "low")],
        "pairwise": [("mid", "low"), ("high", "low"), ("high", "mid")],
        "sequential": [("mid", "low"), ("high", "mid")],
    }
    for kind, pairs in expected.items():
        table = fit.avg_comparisons({"dose": kind})
        assert table["contrast"].tolist() == [f"{a} - {b}" for a, b in pairs]
        check(table, np.column_stack([(level[a] - level[b]).mean(axis=1) for a, b in pairs]))
    two = fit.comparisons({"dose": ["high", "mid"]})
    assert set(two["contrast"]) == {"mid - high"}
    check(two, level["mid"] - level["high"])
    old = fit.comparisons("old")
    assert set(old["contrast"]) == {"True - False"}
    check(old, epred(fit, fit.frame.assign(old=True)) - epred(fit, fit.frame.assign(old=False)))
    made = fit_of("y ~ factor(size)", frame=reaction_data().assign(size=np.tile([4, 6], 20)))
    assert made.avg_comparisons()["contrast"].tolist() == ["6 - 4"]


def test_all_variables_by_default_and_subgroups_of_observed_values(fit) -> None:
    table = fit.avg_comparisons()
    assert table["term"].tolist() == ["x", "dose", "dose", "z", "old"]
    by = fit.comparisons("x", by="dose")
    change = epred(fit, fit.frame.assign(x=fit.frame["x"] + 1)) - epred(fit)
    places = fit.frame.groupby("dose", observed=True).indices
    check(by, np.column_stack([change[:, at].mean(axis=1) for at in places.values()]))


@pytest.mark.parametrize(
    ("name", "function", "label"),
    [
        ("ratio", lambda hi, lo: hi / lo, "mid / low"),
        ("lnratio", lambda hi, lo: np.log(hi / lo), "ln(mid / low)"),
        ("lift", lambda hi, lo: (hi - lo) / lo, "(mid - low) / low"),
        ("lnor", lambda hi, lo: special.logit(hi) - special.logit(lo), "ln(odds(mid) / odds(low))"),
    ],
)
def test_comparisons_of_rows_and_of_averages(binary, name, function, label) -> None:
    high, low = (epred(binary, binary.frame.assign(dose=v)) for v in ("mid", "low"))
    rows = binary.comparisons({"dose": ["low", "mid"]}, comparison=name)
    check(rows, function(high, low))
    assert rows["contrast"][0] == label
    average = binary.avg_comparisons({"dose": ["low", "mid"]}, comparison=name)
    # The comparison of averages, not the average of comparisons.
    check(average, function(high.mean(axis=1), low.mean(axis=1))[:, None])


def test_a_comparison_of_ones_own(counts) -> None:
    def log2(hi, lo):
        return np.log2(hi / lo)

    table = counts.comparisons("x", comparison=log2)
    frame = counts.frame
    expected = np.log2(epred(counts, frame.assign(x=frame["x"] + 1)) / epred(counts))
    check(table, expected)
    assert table["contrast"][0] == "log2((x + 1), x)"
    with pytest.raises(ArgumentError, match="one number for each draw and row"):
        counts.comparisons("x", comparison=lambda hi, lo: hi.mean())


def test_all_variables_together(fit) -> None:
    table = fit.comparisons({"x": 2, "dose": "reference"}, cross=True)
    assert table["contrast"].unique().tolist() == ["+2, mid - low", "+2, high - low"]
    assert set(table["term"]) == {"x, dose"}
    base = epred(fit, fit.frame.assign(dose="low"))
    changed = fit.frame.assign(x=fit.frame["x"] + 2)
    expected = [epred(fit, changed.assign(dose=v)) - base for v in ("mid", "high")]
    check(table, np.column_stack(expected))


def test_levels_of_a_grouping_factor_can_be_compared_when_observed(fit) -> None:
    table = fit.avg_comparisons({"g": ["a", "c"]})
    r = fit.posterior["r_g"]
    difference = flat(r.sel(g="c") - r.sel(g="a"))
    check(table, difference)
    for mode in ("none", "new", "integrated"):
        with pytest.raises(ArgumentError, match=f"'g' needs groups='observed'.*{mode}"):
            fit.comparisons("g", groups=mode)


def test_comparisons_of_categories() -> None:
    fit = fit_of("rating ~ x + old", "cumulative")
    table = fit.avg_comparisons("x")
    change = epred(fit, fit.frame.assign(x=fit.frame["x"] + 1)) - epred(fit)
    check(table, change.mean(axis=1))
    assert table["category"].tolist() == ["bad", "fair", "good"]
    assert table["Estimate"].sum() == pytest.approx(0.0, abs=1e-12)


# ------------------------------------------------------------------ slopes


LINKS = {
    "logit": lambda e: special.expit(e) * special.expit(-e),
    "probit": stats.norm.pdf,
    "cloglog": lambda e: np.exp(e - np.exp(e)),
    "cauchit": stats.cauchy.pdf,
}


@pytest.mark.parametrize("link", LINKS)
def test_slopes_against_the_derivative_of_the_link(link) -> None:
    fit = fit_of("old ~ x + z", hm.family("bernoulli", link=link))
    eta = flat(fit.posterior_linpred())
    b = flat(fit.posterior["b"])
    expected = b[:, [1]] * LINKS[link](eta)
    np.testing.assert_allclose(
        flat(fit.slopes("x", draws=True).draws), expected, rtol=1e-5, atol=1e-8
    )
    check_near = fit.avg_slopes("x")["Estimate"][0]
    assert check_near == pytest.approx(expected.mean(), rel=1e-6)


def test_slopes_with_products_and_powers(counts) -> None:
    fit = fit_of("n ~ x * z + I(x^2)", "poisson", b=draws(4, seed=3) / 10)
    mean, x, z = epred(fit), fit.frame["x"].to_numpy(), fit.frame["z"].to_numpy()
    b = flat(fit.posterior["b"].sel(coef=["x", "IxE2", "x:z"]))
    derivative = mean * (b[:, [0]] + 2 * b[:, [1]] * x + b[:, [2]] * z)
    found = flat(fit.slopes("x", draws=True).draws)
    np.testing.assert_allclose(found, derivative, rtol=1e-5, atol=1e-7)
    for kind, expected in (("eyex", derivative * x / mean), ("eydx", derivative / mean),
                           ("dyex", derivative * x)):
        rows = flat(fit.slopes("x", slope=kind, draws=True).draws)
        np.testing.assert_allclose(rows, expected, rtol=1e-5, atol=1e-7)
        average = fit.avg_slopes("x", slope=kind)
        assert average["Estimate"][0] == pytest.approx(expected.mean(), rel=1e-5)
    assert fit.avg_slopes()["term"].tolist() == ["x", "z"]


def test_slopes_of_whole_numbers() -> None:
    fit = fit_of("y ~ n + z")
    assert fit.frame["n"].dtype.kind == "i"
    check(fit.avg_slopes("n"), flat(fit.posterior["b"])[:, [1]])


# ------------------------------------------------------------------ hypotheses and regions


def test_hypotheses_about_rows(fit) -> None:
    b = flat(fit.avg_predictions(by="dose").draws)
    pairwise = fit.avg_predictions(by="dose", hypothesis="pairwise")
    assert pairwise["hypothesis"].tolist() == [
        "(mid) - (low)", "(high) - (low)", "(high) - (mid)"]
    check(pairwise, np.column_stack([b[:, 1] - b[:, 0], b[:, 2] - b[:, 0], b[:, 2] - b[:, 1]]))
    check(fit.avg_predictions(by="dose", hypothesis="revreference"), b[:, [0]] - b[:, 1:])
    check(fit.avg_predictions(by="dose", hypothesis="sequential"), np.diff(b, axis=1))
    table = fit.avg_predictions(by="dose", hypothesis=["b2 = b1", "b3 - b1 > 0", "exp(b1) < b2/2"])
    check(table, np.column_stack(
        [b[:, 1] - b[:, 0], b[:, 2] - b[:, 0], np.exp(b[:, 0]) - b[:, 1] / 2]))
    np.testing.assert_allclose(
        table["Post.Prob"],
        [np.nan, (b[:, 2] > b[:, 0]).mean(), (np.exp(b[:, 0]) < b[:, 1] / 2).mean()])
    check(fit.avg_predictions(by="dose", hypothesis="high = low"), b[:, [2]] - b[:, [0]])
    check(fit.avg_predictions(by="dose", hypothesis=[1, -2, 1]), b @ np.array([[1], [-2], [1]]))
    named = fit.avg_predictions(by="dose", hypothesis={"trend": [-1, 0, 1], "bow": [1, -2, 1]})
    assert named["hypothesis"].tolist() == ["trend", "bow"]
    check(named, b @ np.array([[-1, 1], [0, -2], [1, 1.0]]))


def test_hypotheses_within_categories() -> None:
    fit = fit_of("rating ~ x + old", "cumulative")
    table = fit.avg_predictions(by="old", hypothesis="pairwise")
    assert table["category"].tolist() == ["bad", "fair", "good"]
    values = flat(fit.avg_predictions(by="old").draws)
    check(table, values[:, 3:] - values[:, :3])


def test_region_of_practical_equivalence(fit) -> None:
    b = flat(fit.avg_comparisons({"dose": "pairwise"}).draws)
    low, high = -0.5, 0.5
    table = fit.avg_comparisons({"dose": "pairwise"}, equivalence=(low, high))
    np.testing.assert_allclose(table["ROPE.Prob"], ((b >= low) & (b <= high)).mean(axis=0))
    wide = fit.avg_comparisons("x", equivalence=(-100, 100))
    far = fit.avg_comparisons("x", equivalence=(100, 200))
    assert wide["Decision"].tolist() == ["equivalent"] and wide["ROPE.Prob"][0] == 1
    assert far["Decision"].tolist() == ["different"] and far["ROPE.Prob"][0] == 0
    assert table["Decision"].tolist() == ["undecided"] * 3 and "ROPE: -0.5 to 0.5" in table.note
    per_row = fit.comparisons("x", equivalence=(-1, 1))
    assert per_row["ROPE.Prob"].between(0, 1).all()


def test_transformations_come_last(binary) -> None:
    table = binary.avg_comparisons("x", comparison="lnor", transform="exp")
    check(table, np.exp(flat(binary.avg_comparisons("x", comparison="lnor").draws)))
    np.testing.assert_allclose(flat(table.draws).mean(axis=0), table["Estimate"])
    twice = binary.avg_predictions(by="dose", hypothesis="pairwise", transform=lambda v: 100 * v)
    check(twice, 100 * flat(binary.avg_predictions(by="dose", hypothesis="pairwise").draws))


# ------------------------------------------------------------------ how it looks, what is refused


def test_tables_print_in_short(fit) -> None:
    table = fit.predictions()
    text = repr(table)
    assert text.startswith("Predictions: y\nrowid  x ") and "... 20 more rows" in text
    assert text.count("\n") < 30 and "40 draws; intervals hold 95 %" in text
    html = table._repr_html_()
    assert "<h4>Predictions: y</h4>" in html and html.count("<tr>") == 21
    assert '<th class="l">rowid</th>' in html
    part = table.head(3)
    assert type(part) is pd.DataFrame and len(part) == 3
    joined = pd.concat([fit.avg_predictions(), fit.avg_predictions(groups="none")])
    assert joined["groups"].tolist() == ["observed", "none"]


def test_columns_of_the_data_give_way_to_those_of_the_table() -> None:
    frame = reaction_data().rename(columns={"dose": "term", "old": "groups"})
    fit = fit_of("y ~ x + term + groups + (1 | g)", frame=frame)
    table = fit.comparisons("x")
    assert set(table["term"]) == {"x"} and "term.data" in table and "groups.data" in table
    by = fit.avg_comparisons("x", by="groups")
    assert by["groups.data"].tolist() == [False, True] and set(by["groups"]) == {"observed"}


REFUSED = [
    (lambda f: f.predictions(type="prob"), ArgumentError, "type must be one of response, link"),
    (lambda f: f.predictions(type="predict", dpar="sigma"), ArgumentError, "leave out dpar="),
    (lambda f: f.predictions(newdata="median"), ArgumentError, "'mean' or 'balanced'"),
    (lambda f: f.predictions("mean", groups="observed"), ArgumentError, "no observed level of 'g'"),
    (lambda f: f.predictions(by="dos"), DataError, r"by: 'dos' is no column .*'dose'"),
    (lambda f: f.predictions(wts="size"), ArgumentError, "weights of averages"),
    (lambda f: f.avg_predictions(wts="w"), DataError, "wts: 'w' is no column"),
    (lambda f: f.avg_predictions(wts=[1, 2]), ArgumentError, "for each of 40 rows"),
    (lambda f: f.avg_predictions(wts=-np.ones(40)), DataError, r"row 1 has -1"),
    (lambda f: f.avg_predictions(wts=np.zeros(40)), DataError, "are all zero"),
    (lambda f: f.avg_predictions(by=False), ArgumentError, "by=False forbids"),
    (lambda f: f.predictions(prob=1.5), ArgumentError, "prob must lie between"),
    (lambda f: f.predictions(transform="sq"), ArgumentError, "transform must be a function"),
    (lambda f: f.predictions(transform=np.sum), ArgumentError, "one number for each draw"),
    (lambda f: f.predictions(equivalence=(1, -1)), ArgumentError, "the lower one first"),
    (lambda f: f.predictions(hypothesis="pairwise", newdata=f.frame.iloc[:1]), ArgumentError,
     "one row only"),
    (lambda f: f.avg_predictions(by="dose", hypothesis="b4 = b1"), FormulaError, "b1 to b3"),
    (lambda f: f.avg_predictions(by="dose", hypothesis="1 = 2"), FormulaError, "names no row"),
    (lambda f: f.avg_predictions(by="dose", hypothesis=[1, 2]), ArgumentError, "each of 3 rows"),
    (lambda f: f.avg_predictions(by="dose", hypothesis=0), ArgumentError, "hypothesis must be"),
    (lambda f: f.predictions(f.frame.drop(columns="x")), DataError, "lacks the column 'x'"),
    (lambda f: f.predictions(f.frame.assign(x=np.nan)), DataError, "no value of 'x' in row 1"),
    (lambda f: f.comparisons("y"), DataError, "'y' is no predictor of the model"),
    (lambda f: f.comparisons({"x": "sdd"}), ArgumentError, "did you mean 'sd'"),
    (lambda f: f.comparisons({"x": 0}), ArgumentError, "step of 'x'"),
    (lambda f: f.comparisons({"x": [1, 1]}), ArgumentError, "different numbers"),
    (lambda f: f.comparisons({"dose": "pairs"}), ArgumentError, "contrast of the factor 'dose'"),
    (lambda f: f.comparisons({"dose": ["low", "hgh"]}), DataError, "did you mean 'high'"),
    (lambda f: f.comparisons("x", comparison="lnor"), ArgumentError, "between 0 and 1"),
    (lambda f: f.comparisons("x", comparison="ratio"), ArgumentError, "not negative"),
    (lambda f: f.comparisons("x", comparison="odds"), ArgumentError, "comparison must be one of"),
    (lambda f: f.comparisons("x", cross=True), ArgumentError, "at least two"),
    (lambda f: f.comparisons({"x": lambda c: c}), ArgumentError, "must give two columns"),
    (lambda f: f.slopes("dose"), ArgumentError, "'dose' is a factor, which has no slope"),
    (lambda f: f.slopes("x", slope="dxdy"), ArgumentError, "slope must be one of dydx, eyex"),
    (lambda f: f.slopes("x", type="predict"), ArgumentError, "have no slope"),
    (lambda f: f.avg_slopes("x", conf_level=0.9), ArgumentError, "'conf_level'; write prob="),
    (lambda f: f.avg_comparisons(grops="new"), ArgumentError, "did you mean 'groups'"),
    (lambda f: f.avg_comparisons(re_formula=None), ArgumentError, "write groups='none'"),
    (lambda f: f.poststratify(f.frame, one_trial=True), ArgumentError, "no argument 'one_trial'"),
]


@pytest.mark.parametrize("k", range(len(REFUSED)))
def test_bad_arguments(fit, k) -> None:
    call, error, message = REFUSED[k]
    with pytest.raises(error, match=message):
        call(fit)


def test_rows_of_a_subset_and_several_responses() -> None:
    frame = reaction_data().assign(keep=np.tile([True, False], 20))
    one = fit_of("y | subset(keep) ~ x + (1 | g)", frame=frame)
    rows = one.predictions(frame)
    assert rows["rowid"].tolist() == list(range(0, 40, 2))
    check(rows, flat(one.posterior_epred(frame)))
    check(one.predictions(), epred(one))
    both = hm.bf("y | subset(keep) ~ x + (1 |p| g)") + hm.bf("z ~ dose + (1 |p| g)")
    fit = fit_of(both + hm.set_rescor(False), frame=frame)
    check(fit.predictions(resp="y"), flat(fit.posterior_epred(resp="y")))
    # Each response reads its own effects of the clusters they share.
    for resp, k in (("y", 0), ("z", 1)):
        new = flat(fit.predictions(frame, resp=resp, groups="new", seed=2, draws=True).draws)
        typical = flat(fit.predictions(frame, resp=resp, groups="none", draws=True).draws)
        effect = (new - typical)[:, 0]
        np.testing.assert_allclose(new - typical, np.tile(effect[:, None], new.shape[1]))
        scale = flat(fit.posterior["sd_g"])[:, k]
        assert 0.5 < np.std(effect / scale) < 1.6


def test_other_data_frames_and_pickles(fit) -> None:
    columns = {c: list(fit.frame[c].astype(str) if c == "dose" else fit.frame[c])
               for c in fit.frame.columns}
    check(fit.predictions(columns), epred(fit))
    table = fit.avg_predictions(by="dose")
    again = pickle.loads(pickle.dumps(table))
    assert repr(again) == repr(table)
    np.testing.assert_array_equal(again.draws, table.draws)


def test_nothing_is_not_a_number(counts) -> None:
    fit = fit_of("y ~ log(n + 1) + x")
    with pytest.raises(DataError, match=r"the model gives no number for the row|log"):
        fit.predictions(fit.frame.assign(n=-5))
    with pytest.raises(DataError, match="nothing to compare"):
        fit_of("y ~ 1").comparisons()
