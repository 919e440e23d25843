from __future__ import annotations

import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError
from hiermodel.prior_work import prior_summary

from .conjugate import conjugate_fit


def table(formula: str, priors: object = None, **options: object) -> pd.DataFrame:
    data = hm.datasets.load("sleepstudy")
    model = hm.model(formula, data, priors=priors)
    return prior_summary(model, **options).set_index(["class", "coef", "group"])


def test_rows_show_what_they_inherit() -> None:
    found = table(
        "reaction ~ days + (days | subject)",
        [hm.prior("normal(0, 9)", cls="b", tag="slopes"), hm.prior("exponential(1)", cls="sd")],
    )
    assert found.loc[("b", "", ""), ["prior", "source"]].tolist() == ["normal(0, 9)", "user"]
    assert found.loc[("b", "days", ""), ["prior", "tag", "source"]].tolist() == [
        "normal(0, 9)", "slopes", "(vectorized)",
    ]
    row = found.loc[("sd", "days", "subject"), ["prior", "lb", "source"]]
    assert row.tolist() == ["exponential(1)", "0", "(vectorized)"]
    assert found.loc[("cor", "", "subject"), "prior"] == "lkj(1)"
    assert found.loc[("sigma", "", ""), "source"] == "default"


def test_a_row_of_its_own_is_not_inherited() -> None:
    found = table(
        "reaction ~ days + I(days^2)",
        [hm.prior("normal(0, 9)", cls="b"), hm.prior("cauchy(0, 1)", coef="days")],
    )
    assert found.loc[("b", "days", ""), ["prior", "source"]].tolist() == ["cauchy(0, 1)", "user"]


def test_flat_priors() -> None:
    found = table("reaction ~ days")
    assert found.loc[("b", "", ""), ["prior", "source"]].tolist() == ["(flat)", "default"]
    assert found.loc[("b", "days", ""), ["prior", "source"]].tolist() == ["(flat)", "(vectorized)"]
    proper = table("reaction ~ days", all=False)
    assert [key[0] for key in proper.index] == ["Intercept", "sigma"]
    made = table(
        "reaction ~ days + I(days^2)",
        [hm.prior("normal(0, 9)", cls="b"), hm.prior("", coef="days")],
    )
    assert made.loc[("b", "days", ""), ["prior", "source"]].tolist() == ["(flat)", "user"]


def test_of_a_fit() -> None:
    fit = conjugate_fit(0, 1)
    assert fit.prior_summary()["prior"].tolist() == ["normal(0, 1)", "constant(1)"]
    before = fit.priors.copy()
    pd.testing.assert_frame_equal(fit.priors, before)
    with pytest.raises(ArgumentError, match="all must be True or False, not 'yes'"):
        fit.prior_summary(all="yes")
