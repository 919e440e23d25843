"""Frames of every kind at the door, and missing rows."""

import warnings

import numpy as np
import pandas as pd
import pytest

from hiermodel.errors import DataError, HiermodelWarning
from hiermodel.frames import as_frame, drop_missing


def test_pandas_is_not_copied_and_gets_plain_rows():
    frame = pd.DataFrame({"x": np.arange(4.0), 7: list("abcd")}, index=[5, 5, 1, 0])
    out = as_frame(frame)
    assert out.index.tolist() == [0, 1, 2, 3]
    assert out.columns.tolist() == ["x", "7"]
    assert np.shares_memory(out["x"].to_numpy(), frame["x"].to_numpy())
    assert frame.index.tolist() == [5, 5, 1, 0]


def test_a_plain_frame_comes_back_itself():
    frame = pd.DataFrame({"x": [1.0]})
    assert as_frame(frame) is frame


def test_dict_of_anything():
    out = as_frame({"x": np.arange(3), "g": ["a", "b", "a"], "s": pd.Series([1, 2, 3], [9, 8, 7])})
    assert out["s"].tolist() == [1, 2, 3]
    assert out.shape == (3, 3)


def test_polars_keeps_order_and_missing_values():
    polars = pytest.importorskip("polars")
    table = polars.DataFrame(
        {
            "e": polars.Series(["lo", "hi", None], dtype=polars.Enum(["lo", "mid", "hi"])),
            "c": polars.Series(["b", "a", "b"], dtype=polars.Categorical),
            "i": [1, None, 3],
            "n": [1, 2, 3],
            "t": [True, False, True],
            "s": ["x", None, "z"],
        }
    )
    out = as_frame(table)
    assert out["e"].cat.categories.tolist() == ["lo", "mid", "hi"]
    assert out["e"].cat.codes.tolist() == [0, 2, -1]
    assert out["c"].tolist() == ["b", "a", "b"]
    assert out["c"].cat.categories.tolist() == ["a", "b"]
    assert out["i"].isna().tolist() == [False, True, False]
    assert out["n"].dtype == np.int64
    assert out["t"].dtype == bool
    assert out["s"].isna().tolist() == [False, True, False]
    with pytest.raises(DataError, match=r"call \.collect\(\) first"):
        as_frame(table.lazy())


def test_pyarrow():
    pyarrow = pytest.importorskip("pyarrow")
    codes = pyarrow.DictionaryArray.from_arrays([1, 0, 1], ["q", "p"])
    out = as_frame(pyarrow.table({"x": [1.5, None, 3.0], "c": codes}))
    assert out["c"].cat.categories.tolist() == ["q", "p"]
    assert out["x"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            [1, 2],
            "data must be a data frame (pandas, polars, pyarrow) or a dict of arrays, not list",
        ),
        ({}, "the data have no columns"),
        (pd.DataFrame(index=[1, 2]), "the data have no columns"),
        (pd.DataFrame({"x": []}), "the data have no rows"),
        (
            pd.DataFrame([[1, 2]], columns=["x", "x"]),
            "the column name 'x' occurs more than once in the data",
        ),
        (
            pd.DataFrame([[1, 2]], columns=["1", 1]),
            "the column name '1' occurs more than once in the data",
        ),
        (
            {"x": [1, 2], "y": [1, 2, 3]},
            "columns differ in length: 'x' has 2 values, 'y' has 3",
        ),
        ({"x": 1}, "data hold only single values; each column must be a list or an array"),
        ({"x": np.ones((2, 2))}, "column 'x' must be one-dimensional, it has shape (2, 2)"),
    ],
)
def test_bad_frames(data, message):
    with pytest.raises(DataError) as error:
        as_frame(data)
    assert str(error.value) == message


def test_complete_rows_are_not_touched():
    frame = pd.DataFrame({"x": [1.0, 2.0], "unused": [np.nan, 1.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out, dropped = drop_missing(frame, ["x", "no column"])
    assert out is frame
    assert dropped == 0


def test_rows_are_dropped_over_all_variables_with_one_warning():
    frame = pd.DataFrame(
        {"x": [1.0, np.nan, 3.0, 4.0], "g": ["a", "b", None, "d"], "y2": [np.nan, 1, 2, 3]}
    )
    with pytest.warns(HiermodelWarning) as record:
        out, dropped = drop_missing(frame, ["x", "g", "y2"], keep=["y2"])
    assert [str(w.message) for w in record] == [
        "2 rows of 4 miss values in the columns 'x', 'g' and are left out"
    ]
    assert record[0].filename == __file__
    assert dropped == 2
    assert out.index.tolist() == [0, 1]
    assert out["x"].tolist() == [1.0, 4.0]


def test_one_row_in_the_singular():
    with pytest.warns(HiermodelWarning, match="1 row of 2 misses values in the column 'x' and is"):
        drop_missing(pd.DataFrame({"x": pd.array([1, None], dtype="Int64")}), ["x"])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [np.nan, np.nan]}, "column 'x' has only missing values"),
        (
            {"x": [np.nan, 1.0], "g": ["a", None]},
            "every row misses a value in one of the columns 'x', 'g'; no row is left",
        ),
        (
            {"x": [1.0, np.inf, -np.inf]},
            "column 'x' has infinite values, the first in row 2; "
            "make them missing or leave these rows out",
        ),
    ],
)
def test_what_cannot_be_dropped(columns, message):
    with pytest.raises(DataError) as error:
        drop_missing(pd.DataFrame(columns), list(columns))
    assert str(error.value) == message


def test_large_finite_values_are_no_infinities():
    frame = pd.DataFrame({"x": [1e308, 1e308, 1e308]})
    assert drop_missing(frame, ["x"])[1] == 0
