"""Prior predictive checks are posterior predictive checks of a fit that left out the data."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import hiermodel as hm
from hiermodel.criticism.ppc import KINDS, pp_check_data


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def prior() -> hm.Fit:
    """A prior far from the data, so that it shows which of both is drawn."""
    data = hm.datasets.load("mtcars")
    model = hm.model("mpg ~ wt", data, priors=[
        hm.prior("normal(0, 1)", cls="b"), hm.prior("normal(500, 1)", cls="Intercept"),
        hm.prior("exponential(1)", cls="sigma"),
    ])  # fmt: skip
    return model.prior_predictive(
        data, chains=2, draws=200, warmup=300, seed=1, progress=False
    )


@pytest.mark.parametrize("kind", ["dens_overlay", "stat", "intervals", "ecdf_overlay", "hist"])
def test_title_says_that_it_is_the_prior(prior, kind: str) -> None:
    assert kind in KINDS
    drawn = prior.pp_check(kind, seed=1)
    figure = (drawn[0] if isinstance(drawn, list) else drawn).figure
    assert figure.get_suptitle() == "prior predictive check, from draws of the prior"


def test_given_axes_say_it_too(prior) -> None:
    _, ax = plt.subplots()
    prior.pp_check("stat", seed=1, ax=ax)
    assert ax.get_title() == "prior predictive check, from draws of the prior"
    assert ax.figure.get_suptitle() == ""


def test_replications_are_those_of_the_prior(prior) -> None:
    table = pp_check_data(prior, "stat", stat="mean", seed=1).table
    assert table["value"].mean() == pytest.approx(500, abs=1)
    assert table["observed"].iloc[0] == pytest.approx(
        hm.datasets.load("mtcars")["mpg"].mean(), rel=1e-12
    )
    kept = prior.datasets["prior_predictive"]["Y"].values
    assert np.mean(kept) == pytest.approx(500, abs=1)


def test_a_posterior_has_no_such_title() -> None:
    fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=300, warmup=300, seed=1,
                 progress=False)
    assert fit.pp_check(seed=1).figure.get_suptitle() == ""
