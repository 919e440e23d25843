"""``cs()``: effects that differ between thresholds."""

from __future__ import annotations

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.errors import FormulaError, HiermodelWarning

from .frames import study


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ cs(x)", "needs the thresholds of an ordinal family"),
        ("rating ~ x:cs(z)", "takes one argument"),
        ("rating ~ (x + cs(1) | g)", "must stand alone"),
        ("rating ~ cs(1)", "has no column"),
    ],
)
def test_errors(formula: str, message: str) -> None:
    family = "gaussian" if formula.startswith("y") else "sratio"
    with pytest.raises(FormulaError, match=message):
        hm.model(formula, study(), family=family)


def test_cumulative_warns() -> None:
    with pytest.warns(HiermodelWarning, match="out of order"):
        hm.model("rating ~ cs(x)", study(), family="cumulative")


def test_several_calls_share_one_design() -> None:
    data = study()
    model = hm.model("rating ~ cs(x) + cs(z)", data, family="acat")
    bound = model.bind(data)
    assert bound["Kcs"] == 2
    np.testing.assert_allclose(bound["Xcs"], data[["x", "z"]].to_numpy())
    elements = model.priors.query("`class` == 'b'")["coef"].tolist()
    assert elements == ["", "x", "z"]
