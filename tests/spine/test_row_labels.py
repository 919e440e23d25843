"""The index of the user's data frame comes back as the coordinate ``obs``."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm

from .draws import random_draws, random_fit
from .frames import study

SMALL: dict[str, Any] = {"chains": 1, "draws": 5, "warmup": 5, "seed": 1, "progress": False}


def indexed(index: Any) -> tuple[hm.Fit, pd.DataFrame]:
    data = study().set_axis(index, axis=0)
    model = hm.model("y ~ x + (1 | g)", data)
    return random_fit(model, data), data


def kinds() -> list[Any]:
    n = len(study())
    return [
        pytest.param([f"row {k}" for k in range(n)], id="text"),
        pytest.param(np.arange(n)[::-1] * 10, id="numbers"),
        pytest.param(pd.RangeIndex(1, n + 1), id="from one"),
        pytest.param(pd.date_range("2020-01-01", periods=n), id="dates"),
    ]


@pytest.mark.parametrize("index", kinds())
def test_labels_of_all_results(index: Any, tmp_path: Path) -> None:
    fit, data = indexed(index)
    want = np.asarray(data.index)
    again = hm.load(fit.save(tmp_path / "fit.nc"))
    for one in (fit, again):
        for result in (one.posterior_predict(seed=1), one.log_lik(), one.posterior_epred(),
                       one.posterior_linpred(), one.residuals()):
            np.testing.assert_array_equal(result["obs"].values.astype(want.dtype), want)
        for group in ("observed_data", "constant_data"):
            np.testing.assert_array_equal(one.datasets[group]["obs"].values, want)
        rows = data.iloc[[5, 2]]
        np.testing.assert_array_equal(one.posterior_epred(rows)["obs"], want[[5, 2]])
        np.testing.assert_array_equal(one.posterior_epred(study())["obs"], np.arange(len(data)))


def test_rows_with_missing_values_take_their_labels_along() -> None:
    data = study().set_axis([f"row {k}" for k in range(len(study()))], axis=0)
    data.loc["row 3", "x"] = np.nan
    data.loc["row 7", "z"] = np.nan  # no variable of the model
    with pytest.warns(hm.HiermodelWarning, match="1 row"):
        model = hm.model("y ~ x", data)
    with pytest.warns(hm.HiermodelWarning, match="1 row"):
        fit = hm.Fit.from_draws(model, data, random_draws(model, data.drop(index="row 3")))
    labels = list(fit.row_labels)
    assert "row 3" not in labels and "row 7" in labels and len(labels) == len(data) - 1
    assert float(fit.datasets["observed_data"]["Y"].sel(obs="row 4")) == data.loc["row 4", "y"]


@pytest.mark.parametrize("index", [
    lambda n: np.zeros(n, dtype=int),
    lambda n: pd.MultiIndex.from_arrays([np.arange(n), np.arange(n)]),
    lambda n: pd.RangeIndex(n),
], ids=["repeated", "several levels", "plain"])
def test_other_rows_are_numbered(index: Any) -> None:
    fit, data = indexed(index(len(study())))
    np.testing.assert_array_equal(fit.log_lik()["obs"], np.arange(len(data)))


@pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning")
def test_update_keeps_the_labels() -> None:
    data = study().set_axis(np.arange(len(study())) + 100, axis=0)
    fit = hm.fit("y ~ 1", data, **SMALL)
    assert fit.update(formula="y ~ x").row_labels[0] == 100


def test_missing_rows_are_told_once() -> None:
    data = study()
    data.loc[3, "x"] = np.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hm.fit("y ~ x", data, **SMALL)
    assert sum("left out" in str(w.message) for w in caught) == 1
