from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.stats import expon, norm

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, HiermodelError
from hiermodel.prior_work.compare import density

from .conjugate import conjugate_fit, scaled

SMALL = {"chains": 2, "draws": 500, "warmup": 500, "seed": 3, "progress": False}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def cars() -> hm.Fit:
    return hm.fit("mpg ~ wt + hp", hm.datasets.load("mtcars"), sample_prior="no",
                  priors=[hm.prior("normal(-3, 1)", coef="wt")], **SMALL)


def test_density_of_known_distributions() -> None:
    u = (np.arange(8000) + 0.5) / 8000
    for known, rel in [(norm(3, 2), 0.05), (expon(scale=4), 0.1)]:
        x, y = density(known.ppf(u))
        np.testing.assert_allclose(y, known.pdf(x), atol=rel * known.pdf(x).max())
    # At the bound half of the density would be lost without reflection.
    x, y = density(expon(scale=4).ppf(u))
    assert y[0] > 0.85 * 0.25


def test_data_of_a_conjugate_model() -> None:
    m, s = 1.0, 0.5
    fit = conjugate_fit(m, s)
    prior = norm.ppf((np.arange(4000) + 0.5) / 4000, m, s).reshape(4, 1000)
    held = hm.Fit.from_draws(fit.model, fit.frame, {"Intercept": prior}).posterior
    table = fit.with_group("prior", held).prior_posterior_data("b_Intercept")
    assert list(table) == ["parameter", "distribution", "value", "density"]
    for kind, known in [("prior", norm(m, s)), ("posterior", norm(*scaled(m, s)))]:
        rows = table[table["distribution"] == kind]
        np.testing.assert_allclose(
            rows["density"], known.pdf(rows["value"]), atol=0.05 * known.pdf(known.mean())
        )


def test_flat_priors_have_no_curve(cars) -> None:
    axes = cars.plot_prior_posterior(["b_wt", "b_hp", "sigma"])
    assert [ax.get_title() for ax in axes] == ["b_wt", "b_hp", "sigma"]
    assert [[line.get_label() for line in ax.lines] for ax in axes] == [
        ["posterior", "prior"], ["posterior"], ["posterior", "prior"],
    ]
    assert [t.get_text() for t in axes[1].texts] == ["no proper prior"]
    assert [t.get_text() for t in axes[0].figure.legends[0].get_texts()] == ["prior", "posterior"]
    table = cars.prior_posterior_data(["b_wt", "b_hp", "sigma"])
    drawn = axes[0].lines[1]
    rows = table.query("parameter == 'b_wt' and distribution == 'prior'")
    np.testing.assert_array_equal(drawn.get_ydata(), rows["density"])


def test_wide_priors_leave_room_for_the_posterior() -> None:
    fit = conjugate_fit(0, 1)
    wide = norm.ppf((np.arange(4000) + 0.5) / 4000, 20, 50).reshape(4, 1000)
    held = hm.Fit.from_draws(fit.model, fit.frame, {"Intercept": wide}).posterior
    (ax,) = fit.with_group("prior", held).plot_prior_posterior("b_Intercept")
    low, high = ax.get_xlim()
    middle = norm(20, 50).interval(0.8)
    posterior = fit.posterior["Intercept"].values
    assert low < min(middle[0], posterior.min()) and high > max(middle[1], posterior.max())
    assert high - low < 1.6 * (middle[1] - middle[0])


def test_axes_of_ones_own(cars) -> None:
    _, ax = plt.subplots()
    assert cars.plot_prior_posterior("b_wt", ax=ax) == [ax]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["prior", "posterior"]
    with pytest.raises(ArgumentError, match="ax has 1 axes for 2 parameters"):
        cars.plot_prior_posterior(["b_wt", "sigma"], ax=ax)
    with pytest.raises(ArgumentError, match="give ax or figsize, not both"):
        cars.plot_prior_posterior("b_wt", ax=ax, figsize=(3, 3))
    with pytest.raises(ArgumentError, match="figsize must be"):
        cars.plot_prior_posterior("b_wt", figsize=3)


def test_errors(cars) -> None:
    with pytest.raises(DataError, match="no parameter 'b_tw'"):
        cars.plot_prior_posterior("b_tw")
    prior = replace(cars, provenance={**cars.provenance, "prior_only": True})
    with pytest.raises(HiermodelError, match="its draws are from the prior"):
        prior.plot_prior_posterior()
    groups = hm.fit("reaction ~ 1 + (1 + days | subject)", hm.datasets.load("sleepstudy"), **SMALL)
    with pytest.raises(DataError, match="at most 30 parameters, not 36: choose some"):
        groups.plot_prior_posterior("r_subject")
