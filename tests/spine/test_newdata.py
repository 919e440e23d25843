"""Rows given as newdata mean the same as the same rows in the training data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel import prepare

from . import cases
from .draws import fit_of, permuted, random_fit, same_values
from .frames import study

VERBS = ("posterior_linpred", "posterior_epred", "log_lik", "posterior_predict")


def values(fit: hm.Fit, verb: str, *args: Any, **kwargs: Any) -> np.ndarray:
    if verb == "posterior_predict":
        kwargs.setdefault("seed", 5)
    return np.asarray(getattr(fit, verb)(*args, **kwargs).values)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", cases.ALL)
def test_training_rows_as_newdata(name: str, verb: str) -> None:
    fit = fit_of(name)
    expected = values(fit, verb)
    assert expected.shape[:3] == (2, 4, 60) and np.isfinite(expected).all()
    same_values(values(fit, verb, cases.training(name)), expected)


@pytest.mark.parametrize("verb", VERBS[:3])
@pytest.mark.parametrize("name", cases.APART)
def test_rows_do_not_depend_on_each_other(name: str, verb: str) -> None:
    """A few rows alone give what they give among all rows, in any order."""
    fit, data = fit_of(name), cases.training(name)
    expected = values(fit, verb)
    at = [7, 3, 31]
    same_values(values(fit, verb, data.iloc[at]), expected[:, :, at])
    same_values(values(fit, verb, data.iloc[[11]]), expected[:, :, [11]])
    shuffled, order = permuted(data)
    same_values(values(fit, verb, shuffled), expected[:, :, order])


@pytest.mark.parametrize("name", cases.APART)
def test_columns_that_are_not_needed_may_miss(name: str) -> None:
    """An expectation needs no response, weights or censoring; the order of columns is free."""
    fit, data = fit_of(name), cases.training(name)
    needed: set[str] = set()
    for predictor in fit.model.predictors:
        for term in predictor.terms:
            needed |= set(term.columns_needed)
    for group in fit.model.groups:
        needed |= set(group.columns_needed)
    additions = fit.model.response.additions
    for role in prepare.EXPECTATION_ROLES:
        if role in additions:
            needed |= set(additions.values[role].variables)
    if any(t.grouped for t in fit.model.part.thresholds):
        needed |= set(additions.values["thres_gr"].variables)
    frame = data[sorted(needed, reverse=True)]
    assert fit.model.response.columns[0] not in frame
    same_values(values(fit, "posterior_epred", frame), values(fit, "posterior_epred"))


@pytest.mark.parametrize("name", cases.ALL)
def test_dpars(name: str) -> None:
    """Every parameter with a formula: natural scale = inverse link of the linear predictor."""
    fit = fit_of(name)
    for predictor in fit.model.predictors:
        if not predictor.param or predictor.param.startswith("theta"):
            continue
        natural = fit.posterior_epred(dpar=predictor.name).values
        same_values(natural, fit.posterior_linpred(dpar=predictor.name, transform=True).values)
        assert natural.shape == (2, 4, 60)
    for scalar in fit.model.part.scalars:
        for var in scalar.variables:
            if var.name not in fit.posterior:
                continue
            natural = fit.posterior_epred(dpar=var.name).values
            draws = fit.posterior[var.name].values[:, :, None]
            same_values(natural, np.broadcast_to(draws, natural.shape))


@pytest.mark.parametrize("name", cases.ALL)
def test_subset_of_draws(name: str) -> None:
    """`ndraws` takes whole draws, evenly spread, as one chain."""
    fit = fit_of(name)
    everything = values(fit, "posterior_epred")
    flat = everything.reshape(8, *everything.shape[2:])
    part = values(fit, "posterior_epred", ndraws=3)
    assert part.shape[:2] == (1, 3)
    at = [int(np.flatnonzero([np.allclose(row, draw, rtol=1e-10, atol=0) for draw in flat])[0])
          for row in part[0]]
    assert at == sorted(set(at)) and at[0] == 0 and at[-1] == 7
    same_values(values(fit, "posterior_epred", ndraws=8), everything)
    assert fit.log_lik(ndraws=5).sizes["draw"] == 5


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    "name", ["correlated_slopes", "cumulative", "categorical", "truncated", "rate"]
)
def test_size_of_chunks_is_invisible(
    name: str, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = fit_of(name)
    expected = values(fit, verb)
    monkeypatch.setattr(prepare, "_CHUNK_BYTES", 8 * 60 * 3)
    same_values(values(fit, verb), expected)


def test_chunks_do_not_change_predictions_of_new_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = fit_of("correlated_slopes")
    rows = cases.training("correlated_slopes").head(9).assign(g="someone new")
    for how in ("uncertainty", "gaussian", "old_levels"):
        options: dict[str, Any] = {
            "allow_new_levels": True, "sample_new_levels": how, "seed": 11
        }
        expected = fit.posterior_predict(rows, **options).values
        with monkeypatch.context() as patch:
            patch.setattr(prepare, "_CHUNK_BYTES", 8 * 9 * 2)
            same_values(fit.posterior_predict(rows, **options).values, expected)


@pytest.mark.parametrize("name", cases.ALL)
def test_predictions_obey_their_seed(name: str) -> None:
    fit = fit_of(name)
    first = fit.posterior_predict(seed=1).values
    np.testing.assert_array_equal(first, fit.posterior_predict(seed=1).values)
    assert (first != fit.posterior_predict(seed=2).values).any()
    assert (fit.posterior_predict().values != fit.posterior_predict().values).any()


@pytest.mark.parametrize("name", cases.ALL)
def test_predictions_lie_in_the_support(name: str) -> None:
    """Predicted responses could be observed, truncation bounds included."""
    fit = fit_of(name)
    drawn = fit.posterior_predict(seed=3).values
    data, family = cases.training(name), fit.model.family
    if family.discrete:
        assert (drawn == np.round(drawn)).all() and drawn.min() >= 0
    if family.response in ("ordinal", "nominal"):
        assert drawn.min() >= 1 and drawn.max() <= len(fit.model.response.categories)
    if family.response == "trials":
        assert (drawn <= data["size"].to_numpy()).all()
    if family.response == "positive":
        assert (drawn > 0).all()
    if name == "truncated":
        assert (np.abs(drawn) <= 20).all()
    if name == "truncated_binomial":
        assert (drawn >= 1).all()


# ------------------------------------------------------------------ what comes from newdata


def test_offsets_and_rates_come_from_newdata() -> None:
    fit, data = fit_of("rate"), cases.training("rate")
    plain = values(fit, "posterior_epred")
    same_values(values(fit, "posterior_epred", data.assign(size=2 * data["size"])), 2 * plain)
    same_values(values(fit, "posterior_epred", data.assign(time=3 * data["time"])), 3 * plain)
    shifted = values(fit, "posterior_linpred", data.assign(size=2 * data["size"]))
    same_values(shifted, values(fit, "posterior_linpred") + np.log(2))


def test_trials_come_from_newdata() -> None:
    data = study()
    fit = random_fit(hm.model("ok | trials(size) ~ x", data, "binomial"), data)
    plain = fit.posterior_epred().values
    more = data.assign(size=5 * data["size"])
    same_values(fit.posterior_epred(more).values, 5 * plain)
    same_values(fit.posterior_linpred(more).values, fit.posterior_linpred().values)


def test_known_errors_come_from_newdata() -> None:
    fit, data = fit_of("known_errors"), cases.training("known_errors")
    wide = fit.posterior_predict(data.assign(s=1000.0), seed=1).values
    assert wide.std() > 100 * fit.posterior_predict(seed=1).values.std()


def test_truncation_bounds_come_from_newdata() -> None:
    fit, data = fit_of("truncated"), cases.training("truncated")
    high = fit.posterior_predict(data.assign(y_low=3.0), seed=1).values
    assert high.min() >= 3.0
    assert (fit.posterior_epred(data.assign(y_low=3.0)).values >= 3.0).all()


def test_residuals() -> None:
    fit, data = fit_of("correlated_slopes"), cases.training("correlated_slopes")
    expected = data["y"].to_numpy() - fit.posterior_epred().values
    same_values(fit.residuals().values, expected)
    same_values(fit.residuals(data.iloc[[4, 2]]).values, expected[:, :, [4, 2]])
    first = fit.residuals(method="posterior_predict", seed=4).values
    same_values(first, data["y"].to_numpy() - fit.posterior_predict(seed=4).values)


def test_thresholds_with_the_linear_predictor() -> None:
    """P(Y <= k) of a cumulative model is the inverse link of thresholds minus predictor."""
    fit = fit_of("cumulative")
    distance = fit.posterior_linpred(incl_thres=True)
    assert distance.dims[-1] == "threshold"
    below = 1 / (1 + np.exp(-distance.values))
    same_values(np.cumsum(fit.posterior_epred().values, axis=-1)[..., :-1], below)


@pytest.mark.parametrize("name", ["cumulative", "threshold_groups", "sum_to_zero", "categorical"])
def test_category_probabilities_sum_to_one(name: str) -> None:
    fit = fit_of(name)
    probabilities = fit.posterior_epred()
    assert probabilities.coords["category"].values.tolist() == list(fit.model.response.categories)
    same_values(probabilities.sum("category"), np.ones((2, 4, 60)))


@pytest.mark.parametrize("name", ["cumulative", "threshold_groups", "sum_to_zero", "categorical"])
def test_log_lik_of_a_category_is_the_log_of_its_probability(name: str) -> None:
    fit = fit_of(name)
    codes = fit.response.astype(int) - 1
    picked = fit.posterior_epred().values[:, :, np.arange(60), codes]
    same_values(fit.log_lik().values, np.log(picked), rtol=1e-8)
