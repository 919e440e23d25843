"""What columns are, and names that are no columns."""

import datetime

import numpy as np
import pandas as pd
import pytest

from hiermodel.errors import DataError, FormulaError
from hiermodel.formula import parse_expression
from hiermodel.formula.syntax import names
from hiermodel.schema import Schema, check_columns, level_label


def column(values, **options):
    return Schema.learn(pd.DataFrame({"v": values}), ["v"], **options).columns["v"]


@pytest.mark.parametrize(
    ("values", "kind", "levels"),
    [
        ([1, 2], "numeric", ()),
        (pd.array([1, 2], dtype="Int64"), "numeric", ()),
        (np.array([1.5, 2], dtype=object), "numeric", ()),
        (["b", "a", "C"], "factor", ("C", "a", "b")),
        (pd.array(["b", "a"], dtype="string"), "factor", ("a", "b")),
        (pd.Categorical(["b", "a"], categories=["b", "x", "a"]), "factor", ("b", "a")),
        (pd.Categorical([4.0, 10.0, 4.0]), "factor", ("4", "10")),
        (pd.Categorical(["b", "a"], categories=["b", "a"], ordered=True), "ordered", ("b", "a")),
        ([True, True], "factor", ("FALSE", "TRUE")),
        (pd.array([True, False], dtype="boolean"), "factor", ("FALSE", "TRUE")),
        (np.array([True, None], dtype=object), "factor", ("FALSE", "TRUE")),
    ],
)
def test_kinds(values, kind, levels):
    found = column(values)
    assert (found.kind, found.levels) == (kind, levels)


def test_unused_levels_may_stay():
    values = pd.Categorical(["b", "a"], categories=["b", "x", "a"])
    assert column(values, drop_unused_levels=False).levels == ("b", "x", "a")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            pd.to_datetime(["2020-01-01"]),
            "column 'v' holds dates or times; turn it into numbers (such as days since the "
            "start) or into a factor first",
        ),
        (
            [datetime.date(2020, 1, 1)],
            "column 'v' holds dates or times; turn it into numbers (such as days since the "
            "start) or into a factor first",
        ),
        (
            np.array([1, "a"], dtype=object),
            "column 'v' holds mixed-integer values; a variable of a model must be numbers, "
            "text, booleans or a categorical",
        ),
        ([1j], "column 'v' holds complex numbers"),
        (
            pd.Categorical([1, "1"], categories=pd.Index([1, "1"], dtype=object)),
            "column 'v' has two categories that are both written '1'",
        ),
    ],
)
def test_no_variables_of_a_model(values, message):
    with pytest.raises(DataError) as error:
        column(values)
    assert str(error.value) == message


def test_contrasts_need_a_factor_of_the_data():
    frame = pd.DataFrame({"dose": [1, 2]})
    with pytest.raises(DataError, match="contrasts are given for 'dose', which is numeric"):
        Schema.learn(frame, ["dose"], {"dose": "sum"})
    with pytest.raises(DataError, match=r"'doze', which is no column .* \(did you mean 'dose'\?\)"):
        Schema.learn(frame, ["dose"], {"doze": "sum"})


@pytest.mark.parametrize(
    ("value", "label"),
    [(1.0, "1"), (0.1, "0.1"), (-0.0, "0"), (1 / 3, "0.333333333333333"), (True, "TRUE"), (7, "7")],
)
def test_labels(value, label):
    assert level_label(value) == label


def test_unknown_column():
    source = "y ~ x + log(dayz)"
    node = parse_expression("log(dayz)")
    with pytest.raises(FormulaError) as error:
        check_columns([node], pd.DataFrame({"days": [1]}), source[8:])
    assert str(error.value) == (
        "column 'dayz' is not in the data (did you mean 'days'?)\n  log(dayz)\n      ^^^^"
    )


def test_the_name_of_a_contrast_is_no_column():
    node = parse_expression("C(g, contr.sum)")
    assert names(node) == ("g",)
    check_columns([node], pd.DataFrame({"g": ["a"]}), "C(g, contr.sum)")


def test_columns_cannot_be_changed():
    schema = Schema.learn(pd.DataFrame({"x": [1]}), ["x"])
    with pytest.raises(TypeError):
        schema.columns["y"] = schema.columns["x"]
