"""A tag gives a part of the log prior a variable of its own, among the draws as well."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import hiermodel as hm

pytestmark = pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning")

SMALL = {"chains": 2, "draws": 40, "warmup": 40, "seed": 1, "progress": False}


def fitted(**settings: object) -> hm.Fit:
    data = hm.datasets.load("sleepstudy")
    priors = [
        hm.prior("normal(0, 20)", cls="b", tag="slopes"),
        hm.prior("exponential(0.1)", cls="sigma", tag="scales"),
    ]
    return hm.fit("reaction ~ days", data, priors=priors, **{**SMALL, **settings})


@pytest.mark.parametrize("algorithm", ["nuts", "laplace", "optimize"])
def test_draws_of_the_tagged_parts(algorithm: str) -> None:
    posterior = fitted(algorithm=algorithm).posterior
    slopes = stats.norm(0, 20).logpdf(posterior["b"].sel(coef="days"))
    np.testing.assert_allclose(posterior["lprior_slopes"], slopes)
    scales = stats.expon(scale=10).logpdf(posterior["sigma"])
    np.testing.assert_allclose(posterior["lprior_scales"], scales)
    rest = posterior["lprior"] - posterior["lprior_slopes"] - posterior["lprior_scales"]
    assert np.isfinite(rest).all() and (rest != 0).all()  # the intercept has the rest
    assert posterior["lprior_slopes"].attrs["cls"] == "lprior"


def test_tables_leave_them_out() -> None:
    fit = fitted()
    assert {"lprior", "lprior_slopes", "lprior_scales"} <= set(fit.to_frame())
    assert "lprior_slopes" not in str(fit.summary())
