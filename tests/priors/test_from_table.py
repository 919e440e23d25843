"""The table of `default_priors`, changed and passed back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import hiermodel as hm
from tests.spine.draws import random_fit

FORMULA = "reaction ~ days + (days | subject)"


def data() -> pd.DataFrame:
    return hm.datasets.load("sleepstudy")


def table(**kwargs: Any) -> pd.DataFrame:
    return hm.default_priors(FORMULA, data(), **kwargs)


def rows(frame: pd.DataFrame, **values: str) -> pd.Series:
    found = pd.Series(True, index=frame.index)
    for name, value in values.items():
        found &= frame[{"cls": "class"}.get(name, name)] == value
    return found


def model(priors: Any) -> hm.Model:
    return hm.model(FORMULA, data(), priors=priors)


def test_an_unchanged_table_changes_nothing() -> None:
    assert model(table()).stan_code == model(None).stan_code
    pd.testing.assert_frame_equal(model(table()).priors, model(None).priors)


def test_changed_rows_count() -> None:
    changed = table()
    changed.loc[rows(changed, cls="b", coef="days"), "prior"] = "normal(0, 10)"
    changed.loc[rows(changed, cls="sd", group="", coef=""), "prior"] = "exponential(0.1)"
    changed.loc[rows(changed, cls="sigma"), "ub"] = 100
    same = [
        hm.prior("normal(0, 10)", coef="days"), hm.prior("exponential(0.1)", cls="sd"),
        hm.prior(None, cls="sigma", ub=100),
    ]
    assert model(changed).stan_code == model(same).stan_code


def test_rows_may_be_left_out() -> None:
    changed = table()
    changed["prior"] = changed["prior"].where(changed["class"] != "cor", "lkj(4)")
    only = changed[rows(changed, cls="cor", group="")][["prior", "class"]]
    assert model(only).stan_code == model({"cor": "lkj(4)"}).stan_code


@pytest.mark.parametrize("priors", [
    {"b": "normal(0, 3)"}, {"sd": "exponential(1)"}, {"sd_subject": "exponential(1)"},
    hm.prior("", cls="sigma"), hm.prior("normal(0, 1)", lb=0, tag="t"), "weak",
    ["weak", hm.prior("exponential(1)", cls="sd")],
], ids=str)
def test_the_table_of_a_model_makes_the_same_model(priors: Any) -> None:
    first = model(priors)
    again = model(first.priors)
    assert list(again.priors["prior"]) == list(first.priors["prior"])
    if not (priors == "weak" or isinstance(priors, list)):
        assert again.stan_code == first.stan_code


def test_through_a_file(tmp_path: Path) -> None:
    first = model({"b": "normal(0, 3)", "sigma": "exponential(1)"})
    first.priors.to_csv(tmp_path / "priors.csv", index=False)
    assert model(pd.read_csv(tmp_path / "priors.csv")).stan_code == first.stan_code


def test_a_fit_with_a_table_is_saved(tmp_path: Path) -> None:
    changed = table()
    changed.loc[rows(changed, cls="b", coef=""), "prior"] = "normal(0, 10)"
    fit = random_fit(model(changed), data())
    again = hm.load(fit.save(tmp_path / "fit.nc"))
    assert again.model.stan_code == fit.model.stan_code


@pytest.mark.parametrize(("wrong", "text"), [
    (pd.DataFrame({"prior": ["normal(0, 1)"]}), "lacks the column 'class'"),
    (table().rename(columns={"coef": "coeff"}), r"'coeff' \(did you mean 'coef'\?\)"),
    (pd.DataFrame({"prior": ["normal(0, 1)"], "class": ["b"], "coef": ["x"]}), "no parameter"),
    (pd.DataFrame({"prior": ["normal(0"], "class": ["b"]}), "never closed"),
])
def test_wrong_tables(wrong: pd.DataFrame, text: str) -> None:
    with pytest.raises(hm.PriorError, match=text):
        model(wrong)


def test_none_in_a_list() -> None:
    with pytest.raises(hm.PriorError, match="None"):
        model([None])
