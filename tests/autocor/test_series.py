"""Which rows are a series, in which order, and what cannot be one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import DataError, HiermodelWarning
from hiermodel.expressions import learn
from hiermodel.formula import parse_expression
from hiermodel.schema import Schema
from hiermodel.terms.series import Series

from .models import made, series

FRAME = pd.DataFrame({
    "g": ["b", "a", "b", "a", "b", "c"], "t": [3, 2, 1, 1, 2, 2],
    "y": [0.1, 1.2, -0.3, 0.4, 0.9, 2.0],
})


def of(frame: pd.DataFrame, time: str | None = "t", group: tuple[str, ...] = ("g",)) -> Series:
    schema = Schema.learn(frame, [str(c) for c in frame.columns])
    learned = None if time is None else learn(parse_expression(time), frame, schema)
    return Series("ar(t, g)", learned, group)


def test_rows_are_sorted_by_series_and_time() -> None:
    rows = of(FRAME).rows(FRAME)
    assert rows.order.tolist() == [3, 1, 2, 4, 0, 5]
    assert rows.sizes.tolist() == [2, 3, 1] and rows.starts.tolist() == [0, 2, 5]
    assert rows.steps.tolist() == [2, 1, 0, 0, 1, 0]


def test_lags_stay_inside_a_series() -> None:
    lags = of(FRAME).rows(FRAME).lags(2)
    assert lags.tolist() == [[4, 3, -1, -1, 2, -1], [2, -1, -1, -1, -1, -1]]
    assert of(FRAME).rows(FRAME).available_lags(2).tolist() == [1, 0, 1, 2, 0, 0]


def test_without_time_the_order_of_the_rows_counts() -> None:
    assert of(FRAME, None).rows(FRAME).order.tolist() == [1, 3, 0, 2, 4, 5]
    assert of(FRAME, None, ()).rows(FRAME).order.tolist() == list(range(6))


def test_series_of_equal_length_are_alike() -> None:
    frame = pd.DataFrame({"g": list("aabbc"), "t": [1, 2, 3, 4, 1]})
    rows = of(frame).rows(frame)
    assert rows.alike.tolist() == [0, 0, 2]
    (times, members), (single, last) = rows.sets
    assert times.tolist() == [0, 1] and members.tolist() == [[0, 1], [2, 3]]
    assert single.tolist() == [0] and last.tolist() == [[4]]


def test_known_times_tell_series_apart() -> None:
    frame = pd.DataFrame({"g": list("aabb"), "t": [1, 2, 1, 3]})
    one = of(frame)
    known = Series(one.text, one.time, one.group, one.times_of(frame))
    assert known.known == ("1", "2", "3")
    assert known.rows(frame).times.tolist() == [0, 1, 0, 2]
    with pytest.raises(DataError, match=r"t = 4 \(row 4\) is not among those of the fit"):
        known.rows(frame.assign(t=[1, 2, 1, 4]))


def test_several_columns_make_a_series() -> None:
    frame = pd.DataFrame({"a": list("xxyy"), "b": list("pqpp"), "t": [1, 1, 1, 2]})
    assert of(frame, "t", ("a", "b")).rows(frame).sizes.tolist() == [1, 1, 2]


@pytest.mark.parametrize("change, message", [
    ({"t": [3, 2, 1, 1, 1, 2]}, "series 'b' of 'g' has the time t = 1 twice, in rows 3 and 5"),
    ({"g": ["b", None, "b", "a", "b", "c"]}, "'g' is missing in row 2"),
    ({"t": [3, 2, np.nan, 1, 2, 2]}, "the time t is missing in row 3"),
])
def test_what_is_no_series(change: dict[str, list[object]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        of(FRAME).rows(FRAME.assign(**change))


def test_duplicated_times_are_told_when_the_model_is_made() -> None:
    data = series().assign(t=1)
    for term in ("ar(t, s)", "cosy(t, s)", "unstr(t, s)", "ma(t, s, cov = TRUE)"):
        with pytest.raises(DataError, match="twice"):
            hm.model(f"y ~ x + {term}", data)
    with pytest.raises(DataError, match="which are one series without gr ="):
        hm.model("y ~ x + ar(t)", data)


GAPS = pd.DataFrame({
    "y": np.arange(8.0), "g": list("aaaabbbb"), "t": [1, 2, 4, 5, 1, 2, 3, 4],
    "visit": pd.Categorical.from_codes([0, 1, 3, 4, 0, 1, 2, 3], [f"v{k}" for k in range(5)]),
    "wild": [0.1, 0.9, 3.3, 3.4, 0.2, 5.0, 7.7, 9.1],
})


def test_a_gap_is_an_error_where_steps_are_counted() -> None:
    for term in ("ar(t, g)", "arma(t, g)", "ma(t, g, cov = TRUE)"):
        with pytest.raises(DataError, match="between t = 2 and 4 of series 'a' there is a gap"):
            hm.model(f"y ~ {term}", GAPS)
    for term in ("ar(gr = g)", "cosy(t, g)", "unstr(t, g)"):
        hm.model(f"y ~ {term}", GAPS)


@pytest.mark.parametrize("time", ["visit", "wild"])
def test_times_without_a_step_are_told(time: str) -> None:
    with pytest.warns(HiermodelWarning, match="takes neighbouring rows as one step apart"):
        hm.model(f"y ~ ar({time}, g)", GAPS)


def test_rows_that_miss_a_value_leave_a_gap() -> None:
    data = series().copy()
    data.loc[(data["s"] == "s1") & (data["t"] == 3), "x"] = np.nan
    with (
        pytest.warns(HiermodelWarning, match="misses values in the column 'x'"),
        pytest.raises(DataError, match="between t = 2 and 4 of series 's1' there is a gap"),
    ):
        hm.model("y ~ x + ar(t, s)", data)


def test_gaps_in_new_rows_are_told() -> None:
    fit, data = made("y ~ x + ar(t, s)"), series()
    for times in ([1, 3], [2, 4, 6]):
        new = data[(data["s"] == "s0") & data["t"].isin(times)]
        with pytest.warns(HiermodelWarning, match="there is a gap in newdata"):
            fit.posterior_epred(new)
        fit.posterior_epred(new, incl_autocor=False)
    fit.posterior_epred(data[data["t"] > 3])
