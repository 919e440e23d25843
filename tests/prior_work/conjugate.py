"""A normal mean with known sigma: the posterior, also with a scaled prior, is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

import hiermodel as hm

CHAINS, DRAWS = 4, 1000
Y = np.array([0.3, -0.4, 0.8, 0.1, -0.6, 0.2, 0.5, -0.1, 0.4, 0.0])


def scaled(m: float, s: float, prior: float = 1.0, likelihood: float = 1.0) -> tuple[float, float]:
    """Mean and sd of the posterior with prior and likelihood to these powers."""
    precision = prior / s**2 + likelihood * len(Y)
    return (prior * m / s**2 + likelihood * Y.sum()) / precision, precision**-0.5


def conjugate_fit(m: float, s: float, tag: str = "", **options: object) -> hm.Fit:
    """The fit of ``y ~ 1`` with the prior normal(m, s), its draws at quantiles of the posterior."""
    frame = pd.DataFrame({"y": Y})
    priors = [
        hm.prior(f"normal({m}, {s})", cls="Intercept", tag=tag),
        hm.prior("constant(1)", cls="sigma"),
    ]
    model = hm.model("y ~ 1", frame, priors=priors, **options)
    n = CHAINS * DRAWS
    draws = norm.ppf((np.arange(n) + 0.5) / n, *scaled(m, s))
    draws = np.random.default_rng(1).permutation(draws).reshape(CHAINS, DRAWS)
    given = {"Intercept": draws, "lprior": norm.logpdf(draws, m, s)}
    if tag:
        given[f"lprior_{tag}"] = given["lprior"]
    return hm.Fit.from_draws(model, frame, given)
