"""Pictures of tables of effects: the numbers that are drawn, and where."""

from __future__ import annotations

import pickle
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError

SMALL: dict[str, Any] = {"chains": 2, "draws": 100, "warmup": 200, "seed": 1, "progress": False}
pytestmark = pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def tooth() -> hm.Fit:
    return hm.fit("len ~ supp * dose", hm.datasets.load("ToothGrowth"), **SMALL)


@pytest.fixture(scope="module")
def wine() -> hm.Fit:
    return hm.fit("rating ~ temp + contact + (1 | judge)", hm.datasets.load("wine"),
                  family="cumulative", **SMALL)


def bars_of(ax: plt.Axes) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """x, estimate and both ends of each series of points with bars."""
    out = {}
    for made in ax.containers:
        points, _, (lines,) = made.lines
        segments = np.array(lines.get_segments())
        label = str(made.get_label())
        out["" if label.startswith("_") else label] = (
            np.asarray(points.get_xdata()), np.asarray(points.get_ydata()),
            segments[:, 0, 1], segments[:, 1, 1],
        )
    return out


def test_lines_over_a_number(tooth: hm.Fit) -> None:
    doses = np.linspace(0.5, 2, 7)
    table = tooth.predictions(tooth.datagrid(dose=doses, supp=["OJ", "VC"]))
    (ax,) = table.plot()
    assert ax.get_xlabel() == "dose" and ax.get_ylabel() == "len"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["OJ", "VC"]
    for drawn, ribbon, supp in zip(ax.lines, ax.collections, ["OJ", "VC"], strict=True):
        own = table[table["supp"] == supp]
        np.testing.assert_allclose(drawn.get_xdata(), doses)
        np.testing.assert_allclose(drawn.get_ydata(), own["Estimate"])
        corners = ribbon.get_paths()[0].vertices
        assert corners[:, 1].min() == pytest.approx(own["Q2.5"].min())
        assert corners[:, 1].max() == pytest.approx(own["Q97.5"].max())
    data = table.plot_data()
    assert list(data) == ["panel", "colour", "x", "Estimate", "Q2.5", "Q97.5"]
    assert data["x"].dtype == float and len(data) == 14
    # Estimates are those of the draws, computed here.
    b = tooth.posterior["b"].values.reshape(-1, 4)
    assert table.columns[:1].tolist() == ["rowid"]
    at = b @ np.array([1.0, 1.0, 0.5, 0.5])
    first = data[(data["colour"] == "VC") & (data["x"] == 0.5)].iloc[0]
    assert first["Estimate"] == pytest.approx(at.mean())
    assert first["Q2.5"] == pytest.approx(np.quantile(at, 0.025))


def test_order_of_the_user_and_panels(tooth: hm.Fit) -> None:
    table = tooth.predictions(tooth.datagrid(dose=[0.5, 1, 2], supp=["OJ", "VC"]))
    axes = table.plot(["supp", None, "dose"])
    assert [ax.get_title() for ax in axes] == ["dose = 0.5", "dose = 1", "dose = 2"]
    assert axes[0].get_ylim() == axes[2].get_ylim() and axes[2].get_legend() is None
    x, y, low, high = bars_of(axes[1])[""]
    own = table[table["dose"] == 1].sort_values("supp")
    np.testing.assert_allclose([y, low, high], own[["Estimate", "Q2.5", "Q97.5"]].T)
    assert x.tolist() == [0, 1]
    assert [t.get_text() for t in axes[1].get_xticklabels()] == ["OJ", "VC"]
    swapped = table.plot(["supp", "dose"])[0]
    assert list(bars_of(swapped)) == ["0.5", "1", "2"]
    assert swapped.get_legend().get_title().get_text() == "dose"


def test_averages_go_by_what_they_were_taken_by(tooth: hm.Fit) -> None:
    table = tooth.avg_predictions(by=["supp", "dose"], prob=0.8)
    (ax,) = table.plot()
    assert ax.get_xlabel() == "supp" and list(bars_of(ax)) == ["0.5", "1", "2"]
    assert list(table.plot_data()[["Q10", "Q90"]].columns) == ["Q10", "Q90"]
    means = tooth.emmeans("supp", by="dose", at={"dose": [0.5, 1, 2]})
    (ax,) = means.plot(["dose", "supp"])
    assert len(ax.lines) == 2 and ax.get_xlabel() == "dose"


def test_comparisons_have_a_line_where_nothing_differs(tooth: hm.Fit) -> None:
    table = tooth.avg_comparisons(comparison="ratio", equivalence=(0.9, 1.1))
    (ax,) = table.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == table.plot_data()["x"].tolist()
    assert table.plot_data()["x"].tolist() == ["supp: VC / OJ", "dose: (x + 1) / x"]
    assert ax.get_xlabel() == "len" and ax.lines[0].get_xdata()[0] == 1.0
    assert ax.patches[0].get_extents().transformed(ax.transData.inverted()).x0 == pytest.approx(0.9)
    table = tooth.avg_comparisons("supp", by="dose", comparison="lnratio", transform="exp")
    (ax,) = table.plot()
    assert ax.lines[0].get_ydata()[0] == 1.0 and ax.get_xlabel() == "dose"
    assert ax.get_ylabel() == "exp(len) (supp: ln(VC / OJ))"
    (ax,) = tooth.avg_comparisons("supp", by="dose", comparison=lambda a, b: a * b).plot()
    assert len(ax.lines) == 1  # no line but the estimates: nobody knows what is nothing
    (ax,) = tooth.avg_predictions(by="dose").plot()
    assert len(ax.lines) == 1
    (ax,) = tooth.avg_predictions(by="dose", hypothesis="sequential").plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["(1) - (0.5)", "(2) - (1)"]
    assert ax.lines[0].get_xdata()[0] == 0.0
    slopes = tooth.slopes("dose", tooth.datagrid(dose=[0.5, 1, 2], supp=["OJ", "VC"]))
    assert slopes.plot()[0].get_ylabel() == "len (dose: dY/dX)"


def test_terms_have_panels_of_their_own(tooth: hm.Fit) -> None:
    axes = tooth.comparisons({"dose": 0.5, "supp": "reference"}, by="dose").plot()
    assert [ax.get_title() for ax in axes] == ["dose: +0.5", "supp: VC - OJ"]
    assert axes[0].get_ylim() != axes[1].get_ylim()


def test_categories_have_the_colour_or_panels(wine: hm.Fit) -> None:
    table = wine.avg_comparisons("temp", by="contact")
    (ax,) = table.plot()
    assert ax.get_legend().get_title().get_text() == "category"
    assert list(bars_of(ax)) == ["1", "2", "3", "4", "5"]
    np.testing.assert_allclose(
        bars_of(ax)["3"][1], table[table["category"] == "3"]["Estimate"]
    )
    axes = wine.avg_predictions(by=["temp", "contact"]).plot()
    assert [ax.get_title() for ax in axes] == [f"category {k}" for k in range(1, 6)]
    assert list(bars_of(axes[0])) == ["no", "yes"]
    (ax,) = wine.avg_comparisons("temp").plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == [f"category {k}" for k in range(1, 6)]


def test_levels_written_as_numbers_are_no_line() -> None:
    data = hm.datasets.load("sleepstudy")
    fit = hm.fit("reaction ~ factor(days) + (1 | subject)", data, **SMALL)
    (ax,) = fit.avg_predictions(by="days").plot()
    assert len(bars_of(ax)) == 1
    (ax,) = fit.avg_predictions(by="subject").plot()
    assert bars_of(ax)[""][0].tolist() == list(range(18))
    assert [t.get_text() for t in ax.get_xticklabels()][:2] == ["308", "309"]
    axes = fit.predictions().plot()  # 18 subjects are too many colours, but not too many panels
    assert len(axes) == 18 and axes[0].get_title() == "308"


def test_many_levels_stand_below_each_other() -> None:
    data = hm.datasets.load("radon")
    fit = hm.fit("log_radon ~ floor + (1 | county)", data, **SMALL)
    table = fit.avg_predictions(by=["county"])
    (ax,) = table.plot()
    assert ax.get_xlabel() == "log_radon" and ax.get_ylabel() == "county"
    assert [t.get_text() for t in ax.get_yticklabels()] == table["county"].tolist()
    (made,) = ax.containers
    np.testing.assert_allclose(made.lines[0].get_xdata(), table["Estimate"])
    segments = np.array(made.lines[2][0].get_segments())
    np.testing.assert_allclose(segments[:, 1, 0], table["Q97.5"])
    assert ax.get_ylim()[0] > ax.get_ylim()[1] and ax.figure.get_size_inches()[1] <= 14
    axes = fit.avg_predictions(by=["county", "floor"]).plot(["county", None, "floor"])
    assert len(axes) == 2 and axes[0].get_xlim() == axes[1].get_xlim()


def test_large_numbers_keep_their_digits() -> None:
    data = hm.datasets.load("mtcars").assign(code=lambda d: 100_001.0 + d["am"])
    fit = hm.fit("mpg ~ code", data, **SMALL)
    assert fit.avg_predictions(by="code").plot_data()["x"].tolist() == ["100001", "100002"]


def test_axes_of_ones_own(tooth: hm.Fit) -> None:
    table = tooth.avg_predictions(by="supp")
    _, ax = plt.subplots()
    assert table.plot(ax=ax) == [ax]
    with pytest.raises(ArgumentError, match="the picture has 1 panels, but 2 axes were given"):
        table.plot(ax=[ax, ax])
    with pytest.raises(ArgumentError, match="ncols and figsize are for a new figure"):
        table.plot(ax=ax, figsize=(3, 3))
    with pytest.raises(ArgumentError, match="ax must be Axes of matplotlib, not str"):
        table.plot(ax="here")
    assert table.plot(figsize=(3, 2))[0].figure.get_size_inches().tolist() == [3, 2]


def test_what_cannot_be_drawn(tooth: hm.Fit) -> None:
    table = tooth.avg_predictions(by=["supp", "dose"])
    with pytest.raises(DataError, match=r"by: 'sup' is no column of the table.*'supp'"):
        table.plot("sup")
    with pytest.raises(DataError, match=r"several rows of the table have supp = OJ, with diff"):
        table.plot("supp")
    with pytest.raises(ArgumentError, match="names a column twice"):
        table.plot(["supp", "supp"])
    with pytest.raises(ArgumentError, match="by names the column for the axis"):
        table.plot([None, "supp"])
    many = tooth.predictions(tooth.datagrid(dose=np.linspace(0.5, 2, 12), supp=["OJ", "VC"]))
    with pytest.raises(DataError, match=r"'dose' has 12 values.*plot\(by=\['supp', None"):
        many.plot(["supp", "dose"])


def test_a_table_is_a_data_frame_still(tooth: hm.Fit) -> None:
    table = tooth.avg_comparisons("supp", by="dose", transform="percent")
    again = pickle.loads(pickle.dumps(table))
    assert again.title == table.title and len(again.plot()) == 1
    part = table[["dose", "Estimate"]]
    assert type(part) is pd.DataFrame
    assert part.plot(x="dose", y="Estimate").get_xlabel() == "dose"


def test_poststratified_levels_and_the_whole(wine: hm.Fit) -> None:
    cells = wine.datagrid("balanced").assign(n=[1.0, 2.0, 3.0, 4.0])
    table = wine.poststratify(cells, by="temp", groups="none")
    data = table.plot_data()
    assert data["x"].unique().tolist() == ["cold", "warm", "(all)"]
    assert table.plot()[0].get_ylabel() == "P(rating)"


def test_parameters_of_a_non_linear_formula() -> None:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.uniform(0, 4, 80), "t": ["a", "b"] * 40})
    top = 5.0 + (data["t"] == "b")
    data["y"] = top * np.exp(-0.5 * data["x"]) + 0.2 * rng.normal(size=80)
    curve = hm.bf("y ~ top * exp(-rate * x)", "top ~ t", "rate ~ 1", nl=True)
    priors = [hm.prior("normal(5, 2)", nlpar="top"), hm.prior("normal(1, 1)", nlpar="rate", lb=0)]
    fit = hm.fit(curve, data, priors=priors, **SMALL)
    draws = fit.posterior["b_top"].values.reshape(-1, 2)
    table = fit.predictions(by="t", nlpar="top")
    assert table.title == "Average predictions: top of y"
    np.testing.assert_allclose(
        table["Estimate"], [draws[:, 0].mean(), draws.sum(axis=1).mean()], rtol=1e-10
    )
    found = fit.avg_comparisons("t", nlpar="top")
    assert found["Q2.5"].iloc[0] == pytest.approx(np.quantile(draws[:, 1], 0.025))
    assert fit.avg_slopes("x", nlpar="top")["Estimate"].iloc[0] == 0.0
    assert fit.emmeans("t", nlpar="top").plot()[0].get_ylabel() == "top of y"
    with pytest.raises(hm.HiermodelError, match="'topp' is not a parameter of a non-linear"):
        fit.predictions(nlpar="topp")
    with pytest.raises(ArgumentError, match="dpar= and nlpar= are different parameters"):
        fit.predictions(nlpar="top", dpar="sigma")
    with pytest.raises(ArgumentError, match="draws responses; leave out nlpar="):
        fit.predictions(nlpar="top", type="predict")
    with pytest.raises(ArgumentError, match="the formula of 'top' has no link"):
        fit.predictions(nlpar="top", transform="inverse_link")
