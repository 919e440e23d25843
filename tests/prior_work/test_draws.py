from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import expon, kstest, norm, t

import hiermodel as hm
from hiermodel.errors import DataError, HiermodelWarning, PriorError

from .conjugate import conjugate_fit

SMALL = {"chains": 2, "draws": 500, "warmup": 500, "seed": 3, "progress": False}


def p_of(draws, cdf) -> float:
    """Of the test that thinned draws have a distribution."""
    return float(kstest(np.asarray(draws)[::4], cdf).pvalue)


@pytest.fixture(scope="module")
def cars() -> hm.Fit:
    """A coefficient with a prior, one without, and a prior on sigma."""
    return hm.fit(
        "mpg ~ wt + hp", hm.datasets.load("mtcars"),
        priors=[hm.prior("normal(-3, 1)", coef="wt"), hm.prior("exponential(0.2)", cls="sigma"),
                hm.prior("normal(20, 5)", cls="Intercept")],
        **SMALL,
    )


def test_draws_have_the_distribution_of_the_prior(cars) -> None:
    found = cars.prior_draws(["b_wt", "sigma", "Intercept"])
    assert found.index.names == [".chain", ".draw"]
    assert len(found) == 1000
    assert p_of(found["b_wt"], norm(-3, 1).cdf) > 0.001
    assert p_of(found["sigma"], expon(scale=5).cdf) > 0.001
    assert p_of(found["Intercept"], norm(20, 5).cdf) > 0.001
    assert p_of(found["sigma"], norm(-3, 1).cdf) < 1e-6


def test_flat_priors_are_left_out_and_told(cars) -> None:
    # b_Intercept is computed from b_hp.
    with pytest.warns(HiermodelWarning, match="without draws of b_Intercept, b_hp: a flat prior"):
        found = cars.prior_draws()
    # The intercept of the centred design has a prior of its own, and stands in for it.
    assert list(found) == ["Intercept", "b_wt", "sigma"]
    assert p_of(found["Intercept"], norm(20, 5).cdf) > 0.001
    with pytest.raises(DataError, match="no draws of 'b_hp': its prior is flat"):
        cars.prior_draws(["b_hp", "b_wt"])
    with pytest.raises(PriorError, match="no draws of b_hp: a flat prior, or computed"):
        cars.prior_draws("b_hp")


def test_groups_of_default_priors() -> None:
    fit = hm.fit("reaction ~ days + (days | subject)", hm.datasets.load("sleepstudy"),
                 priors={"sd": "exponential(0.05)"}, **SMALL)
    found = fit.prior_draws(["sd_*", "r_subject[308,days]", "cor_*"])
    assert list(found) == [
        "sd_subject__Intercept", "sd_subject__days", "r_subject[308,days]",
        "cor_subject__Intercept__days",
    ]
    assert p_of(found["sd_subject__days"], expon(scale=20).cdf) > 0.001
    # lkj(1) of two: the correlation is uniform.
    assert p_of((found["cor_subject__Intercept__days"] + 1) / 2, "uniform") > 0.001


def test_a_fit_that_holds_them_gives_them_back() -> None:
    data = hm.datasets.load("mtcars")
    fit = hm.fit("mpg ~ wt", data, priors="weak", sample_prior="yes", **SMALL)
    found = fit.prior_draws("b_wt")
    np.testing.assert_array_equal(
        found["b_wt"], fit.datasets["prior"]["b"].sel(coef="wt").values.reshape(-1)
    )
    with pytest.raises(DataError, match="holds draws of the prior, so that seed= says nothing"):
        fit.prior_draws(seed=1)
    prior = fit.model.prior_predictive(data, **SMALL)
    np.testing.assert_array_equal(
        prior.prior_draws("b_wt")["b_wt"], prior.posterior["b"].sel(coef="wt").values.reshape(-1)
    )


def test_flat_priors_beside_own_code() -> None:
    data = hm.datasets.load("mtcars")
    own = hm.stanvar(scode="target += normal_lpdf(b[1] | sigma, 1);", block="model")
    fit = hm.fit("mpg ~ wt", data, stanvars=[own], **SMALL)
    with pytest.raises(PriorError, match=r"flat, and Stan code of the model may tie it to others"):
        fit.prior_draws("sigma")


def test_unknown_names_come_before_sampling() -> None:
    with pytest.raises(DataError, match="no parameter 'b_wt'"):
        conjugate_fit(0, 1).prior_draws("b_wt")


def test_free_elements_beside_constants() -> None:
    data = hm.datasets.load("mtcars")
    fit = hm.fit("mpg ~ wt + hp", data, priors=[hm.prior("constant(0)", coef="hp")], **SMALL)
    with pytest.warns(HiermodelWarning, match="without draws of b_Intercept, b_wt"):
        found = fit.prior_draws()
    assert list(found) == ["Intercept", "b_hp", "sigma"]
    assert (found["b_hp"] == 0).all()


@pytest.fixture(scope="module")
def inhaler() -> hm.Fit:
    """Thresholds with priors of their own, flat coefficients, and a column far from 0."""
    data = hm.datasets.load("inhaler")
    data["week"] = np.arange(len(data)) % 7 + 20.0
    return hm.fit(
        "rating ~ treat + week", data, family="sratio",
        priors=[hm.prior("normal(1, 2)", cls="Intercept", coef="2")], **SMALL,
    )


def test_thresholds_of_the_centred_design_stand_in(inhaler) -> None:
    with pytest.warns(HiermodelWarning, match=r"without draws of b_Intercept\[1\], b_Intercept"):
        found = inhaler.prior_draws()
    assert list(found) == ["Intercept[1]", "Intercept[2]", "Intercept[3]"]
    assert p_of(found["Intercept[1]"], t(3, 0, 2.5).cdf) > 0.001
    assert p_of(found["Intercept[2]"], norm(1, 2).cdf) > 0.001
    assert list(inhaler.prior_draws("Intercept[2]")) == ["Intercept[2]"]
    with pytest.raises(PriorError, match=r"no draws of b_Intercept\[2\]: .*'Intercept\[2\]', that"):
        inhaler.prior_draws("b_Intercept[2]")
    with pytest.raises(DataError, match=r"no draws of 'b_week': its prior is flat.*; leave"):
        inhaler.prior_draws(["Intercept[2]", "b_week"])


def test_centred_thresholds_of_prior_and_posterior(inhaler) -> None:
    table = inhaler.prior_posterior_data()
    kinds = table.groupby("parameter")["distribution"].unique().map(list).to_dict()
    assert kinds["Intercept[3]"] == ["prior", "posterior"]
    assert kinds["b_Intercept[3]"] == kinds["b_week"] == ["posterior"]
    # On the centred design: the threshold minus what the mean row adds.
    columns = inhaler.frame[["treat", "week"]].mean().to_numpy()
    b = inhaler.posterior["b"].values.reshape(-1, 2)
    centred = inhaler.posterior["threshold"].values.reshape(-1, 3)[:, 2] - b @ columns
    rows = table.query("parameter == 'Intercept[3]' and distribution == 'posterior'")
    low, high = np.quantile(centred, [0.005, 0.995])
    np.testing.assert_allclose(rows["value"].iloc[[0, -1]], [low, high], rtol=1e-8)


def test_thresholds_of_a_fit_that_holds_draws() -> None:
    data = hm.datasets.load("inhaler")
    data["week"] = np.arange(len(data)) % 7 + 20.0
    fit = hm.fit("rating ~ treat + week", data, family="cumulative", priors="weak",
                 sample_prior="yes", **SMALL)
    found = fit.prior_draws(["Intercept[1]", "b_Intercept[1]", "b_week", "b_treat"])
    shift = found["b_week"] * data["week"].mean() + found["b_treat"] * data["treat"].mean()
    np.testing.assert_allclose(found["Intercept[1]"] + shift, found["b_Intercept[1]"], rtol=1e-9)
