"""Shortcuts of a fit, the model in a notebook, labels of categories, censored responses."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.criticism import pp_check_data
from tests.spine.draws import random_fit

from .posteriors import fit_of, reaction_data


def test_shortcuts() -> None:
    fit = fit_of("y ~ x + (1 | g)")
    assert fit.stan_code == fit.model.stan_code
    assert fit.formula is fit.model.formula and fit.family is fit.model.family
    assert fit.nobs == len(fit.frame) == fit.model.nobs
    pd.testing.assert_frame_equal(fit.priors, fit.model.priors)


def test_a_model_in_a_notebook() -> None:
    data = reaction_data()
    model = hm.model("y ~ x + (1 | g)", data, priors={"b": "normal(0, 1)"})
    html = model._repr_html_()
    assert "y ~ x + (1 | g)" in html and "normal(0, 1)" in html and "<table" in html
    assert "<b>" not in hm.model("`<b>` ~ x", data.rename(columns={"y": "<b>"}))._repr_html_()


def kinds(refcat: str = "car") -> hm.Fit:
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"x": rng.normal(size=30), "k": np.tile(["bus", "car", "train"], 10)})
    model = hm.model("k ~ x", data, hm.family("categorical", refcat=refcat))
    return random_fit(model, data)


def test_labels_of_predicted_categories(tmp_path: Path) -> None:
    fit = kinds()
    again = hm.load(fit.with_groups("posterior_predictive", seed=1).save(tmp_path / "fit.nc"))
    for one in (fit, again):
        predicted = one.posterior_predict(seed=1)
        assert predicted.attrs["categories"] == ["bus", "car", "train"]
    for group in ("observed_data", "posterior_predictive"):
        assert again.datasets[group]["Y"].attrs["categories"] == ["bus", "car", "train"]
    ordinal = fit_of("rating ~ x", "cumulative").posterior_predict(seed=1)
    assert ordinal.attrs["categories"] == ["bad", "fair", "good"]
    assert "categories" not in fit_of("y ~ x").posterior_predict(seed=1).attrs


def test_observed_categories_are_coded_as_predicted_ones() -> None:
    """Whatever the reference category is: codes count the levels."""
    fit = kinds("train")
    codes = fit.datasets["observed_data"]["Y"].values
    labels = np.array(fit.posterior_predict(seed=1).attrs["categories"])
    np.testing.assert_array_equal(labels[codes - 1], fit.frame["k"])
    table = pp_check_data(fit, "bars", seed=1)
    assert table.categories == ("bus", "car", "train")
    np.testing.assert_array_equal(table.table["observed"], [10, 10, 10])


def censored(status: np.ndarray) -> hm.Fit:
    data = reaction_data().assign(status=status)
    return random_fit(hm.model("y | cens(status) ~ x", data), data)


def test_censored_responses_are_not_compared() -> None:
    status = np.zeros(40, dtype=int)
    status[:7] = 1
    fit = censored(status)
    with pytest.warns(hm.HiermodelWarning, match="7 censored responses of 40 are not shown"):
        check = pp_check_data(fit, "intervals", seed=1)
    assert sorted(check.table["y"]) == sorted(fit.frame["y"][7:])
    with pytest.warns(hm.HiermodelWarning, match="not shown"):
        grouped = pp_check_data(fit, "intervals_grouped", group="g", seed=1)
    assert (grouped.table["group"] == "a").sum() == 3
    assert len(pp_check_data(censored(0 * status), "intervals", seed=1).table) == 40
    with pytest.raises(hm.DataError, match="every response is censored"):
        pp_check_data(censored(0 * status + 1), "intervals", seed=1)
    plt.close("all")
