"""Fits of real data agree with published results of the same models."""

from __future__ import annotations

import warnings
from types import ModuleType

import numpy as np
import pytest

import hiermodel as hm

NAMES = ("sleepstudy", "cbpp", "epilepsy", "inhaler")


def _model(published: ModuleType, name: str) -> object:
    return next(model for model in published.MODELS if model.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_posterior_means(name: str, fits: dict[str, hm.Fit], published: ModuleType) -> None:
    """Within Monte Carlo error, or well inside the posterior where the reference is a mode."""
    rows = published.compare(_model(published, name), fits[name])
    assert len(rows) >= 5
    for row in rows:
        assert row.distance <= 1, row


def test_the_comparison_can_fail(fits: dict[str, hm.Fit], published: ModuleType) -> None:
    """References of another model do not agree."""
    wrong = {
        "b_Intercept": published.Reference(240.0, "mode"),
        "b_days": published.Reference(12.0, "mode"),
    }
    model = published.Published("x", "", "sleepstudy", "gaussian", "", wrong)
    assert all(row.distance > 1 for row in published.compare(model, fits["sleepstudy"]))
    exact = published.Published(
        "x", "", "epilepsy", "poisson", "", {"b_zBase": published.Reference(0.85, "mean", 0.004)}
    )
    assert published.compare(exact, fits["epilepsy"])[0].distance > 1


def test_quadrature_of_the_inhaler_model(published: ModuleType) -> None:
    """More nodes change nothing; without variation of subjects it is the plain likelihood."""
    model = published.RatingModel.of()
    points = np.array([[0.7, 1.1, 0.3, -1.0, 0.2, -0.2, 0.2], [0.5, 0.9, 0.5, -0.5, 0.0, 0.1, -20]])
    few, many = model.log_likelihood(points, 31), model.log_likelihood(points, 61)
    np.testing.assert_allclose(few, many, rtol=1e-6)
    data = hm.datasets.load("inhaler")
    plain = hm.model("rating ~ treat + period + carry", data, "cumulative")
    thresholds = model.thresholds(points)[1]
    b = points[1, 3:6]
    draws = {"b": b, "Intercept": thresholds - model.means @ b}
    fit = hm.Fit.from_draws(plain, data, {k: v[None, None] for k, v in draws.items()})
    assert few[1] == pytest.approx(float(fit.log_lik().sum()), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_fit_says_where_it_comes_from(name: str, fits: dict[str, hm.Fit]) -> None:
    facts = fits[name].provenance
    assert facts["engine"] == "stanli" and facts["seed"] == 2024
    assert "certificate" in facts
    assert facts["settings"]["draws"] == 300


# ------------------------------------------------------------------ update


def small(fit: hm.Fit, **changes: object) -> hm.Fit:
    with pytest.warns(hm.SamplingWarning):
        return fit.update(chains=1, draws=30, warmup=60, **changes)


def test_update_keeps_the_words(sleepstudy_fit: hm.Fit) -> None:
    again = small(sleepstudy_fit)
    assert again.model.stan_code == sleepstudy_fit.model.stan_code
    assert again.provenance["seed"] == 2024 and again.provenance["engine"] == "stanli"
    assert dict(again.posterior.sizes)["draw"] == 30
    assert len(again.frame) == 180


def test_update_changes_the_formula(sleepstudy_fit: hm.Fit) -> None:
    again = small(sleepstudy_fit, formula="reaction ~ 1 + (1 | subject)")
    assert again.fixef().index.tolist() == ["Intercept"]
    assert "cor_subject" not in again.posterior
    assert sleepstudy_fit.fixef().index.tolist() == ["Intercept", "days"]


def test_update_changes_the_data(sleepstudy_fit: hm.Fit) -> None:
    part = sleepstudy_fit.frame.query("days >= 2")
    again = small(sleepstudy_fit, data=part)
    assert len(again.frame) == 144
    assert again.model.stan_code == sleepstudy_fit.model.stan_code


def test_update_takes_the_name_of_brms(sleepstudy_fit: hm.Fit) -> None:
    few = sleepstudy_fit.frame.head(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = sleepstudy_fit.update(newdata=few, draws=20, warmup=20)
    assert again.model.nobs == 60
    with pytest.raises(hm.HiermodelError, match="data and newdata are two names"):
        sleepstudy_fit.update(few, newdata=few)


def test_update_changes_family_and_priors(sleepstudy_fit: hm.Fit) -> None:
    again = small(sleepstudy_fit, family="student", priors={"b": "normal(0, 50)"})
    assert again.model.family.name == "student" and "nu" in again.posterior
    assert "normal_lpdf(b | 0, 50)" in again.model.stan_code


def test_update_changes_the_seed(sleepstudy_fit: hm.Fit) -> None:
    one, two, other = (small(sleepstudy_fit, seed=s) for s in (5, 5, 6))
    np.testing.assert_array_equal(one.posterior["b"], two.posterior["b"])
    assert (one.posterior["b"].values != other.posterior["b"].values).any()


def test_update_keeps_what_is_no_number(sleepstudy_fit: hm.Fit) -> None:
    """Contrasts, known matrices, family options and the priors of the first fit."""
    from .draws import random_fit
    from .frames import relatives, study

    data = study()
    model = hm.model(
        "rating ~ f + (1 | gr(g, cov = A))", data, hm.family("cumulative", "probit"),
        {"b": "normal(0, 2)"}, data2={"A": relatives(data)}, contrasts={"f": "sum"},
    )
    fit = random_fit(model, data)
    again = small(fit, engine="stanli", seed=1, progress=False)
    assert again.model.stan_code == model.stan_code
    np.testing.assert_array_equal(again.model.bind(data)["X"], model.bind(data)["X"])
    np.testing.assert_array_equal(again.model.bind(data)["Lcov_1"], model.bind(data)["Lcov_1"])


def test_recorded_draws_give_the_same_fit(sleepstudy_fit: hm.Fit) -> None:
    """`Fit.from_draws` with the draws of an engine labels them as the fit does."""
    from .draws import random_draws

    model, data = sleepstudy_fit.model, sleepstudy_fit.frame
    draws = random_draws(model, data, chains=2, draws=3)
    fit = hm.Fit.from_draws(model, data, draws)
    assert list(fit.posterior.data_vars) == [
        v for v in sleepstudy_fit.posterior.data_vars if v != "lprior"
    ]
    for name in fit.posterior.data_vars:
        kept = sleepstudy_fit.posterior[name]
        assert fit.posterior[name].dims == kept.dims
        assert fit.posterior[name].shape[2:] == kept.shape[2:]
    assert fit.provenance["engine"] == "recorded"


# ------------------------------------------------------------------ prior draws


def test_prior_draws_ignore_the_response() -> None:
    data = hm.datasets.load("sleepstudy")
    model = hm.model("reaction ~ days", data, priors={"b": "normal(10, 1)", "sigma": "normal(0, 5)",
                                                     "Intercept": "normal(3, 2)"})
    prior = model.prior_predictive(data, chains=2, draws=400, warmup=300, seed=3,
                                   engine="stanli", progress=False)
    assert {"prior", "prior_predictive"} <= set(prior.groups)
    centred = prior.posterior["Intercept"].values
    slope = prior.posterior["b"].sel(coef="days").values
    assert centred.mean() == pytest.approx(3, abs=0.5)
    assert centred.std() == pytest.approx(2, abs=0.4)
    assert slope.mean() == pytest.approx(10, abs=0.25) and slope.std() == pytest.approx(1, abs=0.2)


def test_sample_prior_only_is_the_same_without_the_name() -> None:
    data = hm.datasets.load("sleepstudy")
    settings = {"chains": 1, "draws": 50, "warmup": 100, "seed": 3, "engine": "stanli",
                "progress": False}
    with pytest.warns(hm.SamplingWarning):
        first = hm.fit("reaction ~ days", data, priors="weak", sample_prior="only", **settings)
        second = hm.model("reaction ~ days", data, priors="weak").prior_predictive(data, **settings)
    np.testing.assert_array_equal(first.posterior["b"], second.posterior["b"])
