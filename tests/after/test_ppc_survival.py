"""Kaplan-Meier curves of censored responses, against SciPy and textbook numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.criticism import pp_check, pp_check_data
from hiermodel.criticism.ppc.replications import Replications
from hiermodel.criticism.ppc.survival import kaplan_meier, km_overlay
from tests.spine.draws import random_fit


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_remission_times_of_leukaemia() -> None:
    """The 6-MP arm of Freireich and others (1963), as in every textbook."""
    deaths = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    alive = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    times = np.array([*deaths, *alive], dtype=float)
    lost = np.arange(len(times)) >= len(deaths)
    at, survival = kaplan_meier(times, lost)
    assert at.tolist() == [6, 7, 10, 13, 16, 22, 23]
    expected = [0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448]
    np.testing.assert_allclose(survival, expected, atol=5e-4)


def test_estimate_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    times, lost = np.ceil(rng.exponential(20, 200)), rng.random(200) < 0.3
    at, survival = kaplan_meier(times, lost)
    exact = stats.ecdf(stats.CensoredData.right_censored(times, lost)).sf
    np.testing.assert_allclose(survival, exact.evaluate(at), atol=1e-12)


def test_late_entries_are_at_risk_only_then() -> None:
    at, survival = kaplan_meier(
        np.array([2.0, 3.0, 5.0]), np.zeros(3, dtype=bool), np.array([0.0, 2.5, 1.0])
    )
    # At 2 the second has not entered: one of two dies; then one of two, one of one.
    assert at.tolist() == [2, 3, 5] and survival == pytest.approx([0.5, 0.25, 0.0])


def test_late_entry_recovers_the_whole_distribution() -> None:
    rng = np.random.default_rng(2)
    times, entry = rng.exponential(1.0, 20_000), rng.uniform(0, 1, 20_000)
    seen = times > entry
    at, survival = kaplan_meier(times[seen], None, entry[seen])
    inner = (at > 0.2) & (at < 2)
    np.testing.assert_allclose(survival[inner], np.exp(-at[inner]), atol=0.03)


def test_table_by_hand() -> None:
    data = Replications(
        np.array([1.0, 2.0, 4.0]), np.array([[2.0, 2.0, 9.0]]), np.arange(3.0),
        censored=np.array([False, True, False]),
    )  # fmt: skip
    table = km_overlay(data)
    observed = table[table["draw"] == 0]
    assert observed["x"].tolist() == [0, 1, 2, 4]
    assert observed["value"].tolist() == pytest.approx([1, 2 / 3, 2 / 3, 0])
    assert observed["censored"].tolist() == [0, 0, 1, 0]
    replicated = table[table["draw"] == 1]
    assert replicated["x"].tolist() == pytest.approx([0, 2, 4.8])
    assert replicated["value"].tolist() == pytest.approx([1, 1 / 3, 1 / 3])


def times(status: list | np.ndarray | None = None, formula: str = "") -> hm.Fit:
    rng = np.random.default_rng(3)
    data = pd.DataFrame({
        "t": rng.weibull(1.3, 60) * 10 + 2, "x": rng.normal(size=60), "low": 1.0,
        "sex": np.tile(["f", "m"], 30), "kind": np.tile([1, 2, 3], 20),
        "status": np.tile([0, 0, 1], 20) if status is None else status,
    })  # fmt: skip
    return random_fit(hm.model(formula or "t | cens(status) ~ x + sex", data, "weibull"), data)


def test_censored_rows_are_kept() -> None:
    fit = times()
    table = pp_check_data(fit, "km_overlay", ndraws=5, seed=1).table
    observed = table[table["draw"] == 0]
    assert observed["censored"].sum() == 20
    lost = np.tile([False, False, True], 20)
    exact = stats.ecdf(stats.CensoredData.right_censored(fit.response, lost)).sf
    np.testing.assert_allclose(observed["value"], exact.evaluate(observed["x"]), atol=1e-12)
    draws = fit.posterior_predict(ndraws=5, seed=1).values.reshape(5, -1)
    second = table[table["draw"] == 2]
    expected = [(draws[1] > x).mean() for x in second["x"]]
    np.testing.assert_allclose(second["value"], expected, atol=1e-12)


def test_groups_have_curves_of_their_own() -> None:
    fit = times()
    table = pp_check_data(fit, "km_overlay", group="sex", ndraws=3, seed=1).table
    part = table[(table["group"] == "m") & (table["draw"] == 0)]
    male = (fit.frame["sex"] == "m").to_numpy()
    at, survival = kaplan_meier(fit.response[male], (fit.frame["status"] == 1).to_numpy()[male])
    assert set(at) <= set(part["x"])
    assert part.set_index("x")["value"].loc[at].tolist() == pytest.approx(survival.tolist())


def test_default_of_right_censored_responses() -> None:
    assert pp_check_data(times(), seed=1).type == "km_overlay"
    assert pp_check_data(times(np.zeros(60)), seed=1).type == "dens_overlay"
    with pytest.warns(hm.HiermodelWarning, match="not shown"):
        assert pp_check_data(times(np.tile([0, -1, 0], 20)), seed=1).type == "dens_overlay"


def test_without_censoring_it_is_the_distribution_function() -> None:
    fit = times(formula="t ~ x")
    observed = pp_check_data(fit, "km_overlay", ndraws=2, seed=1).table.query("draw == 0")
    np.testing.assert_allclose(
        observed["value"], [(fit.response > x).mean() for x in observed["x"]], atol=1e-12
    )


def test_truncation_is_late_entry() -> None:
    fit = times(formula="t | cens(status) + trunc(lb = low) ~ x")
    table = pp_check_data(fit, "km_overlay", ndraws=2, seed=1).table
    assert (table.groupby("draw")["x"].min() == 1.0).all()


def test_marks_are_where_rows_are_censored() -> None:
    fit = times()
    table = pp_check_data(fit, "km_overlay", ndraws=4, seed=1).table
    ax = pp_check(fit, "km_overlay", ndraws=4, seed=1)
    marks = ax.lines[0]
    lost = table[table["censored"] > 0]
    np.testing.assert_allclose(marks.get_xdata(), lost["x"])
    assert len(ax.lines) == 6 and ax.lines[-1].get_drawstyle() == "steps-post"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["censored", "replications",
                                                                    "data"]


@pytest.mark.parametrize(("code", "word"), [(-1, "left"), (2, "interval")])
def test_other_censoring_is_refused(code: int, word: str) -> None:
    status = np.zeros(60)
    status[4] = code
    formula = "t | cens(status) ~ x"
    if code == 2:
        formula = "t | cens(status, 100) ~ x"
    with pytest.raises(hm.DataError, match=f"row 5 of the data is {word}-censored"):
        pp_check_data(times(status, formula), "km_overlay")


def test_categories_are_no_times() -> None:
    data = pd.DataFrame({"r": np.tile([1, 2, 3], 20), "x": np.arange(60.0)})
    fit = random_fit(hm.model("r ~ x", data, "cumulative"), data)
    with pytest.raises(hm.DataError, match="km_overlay is for times"):
        pp_check_data(fit, "km_overlay")
