"""Simulated data give back the parameters they were made from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm

N = 150
RNG = np.random.default_rng(20)
X = RNG.normal(size=N)


def _ordinal() -> np.ndarray:
    latent = X + RNG.logistic(size=N)
    return 1 + (latent[:, None] > [-1.0, 1.0]).sum(axis=1)


def _nominal() -> np.ndarray:
    utility = np.stack([np.zeros(N), 0.5 + X, -0.5 - X], 1) + RNG.gumbel(size=(N, 3))
    return np.array(["a", "b", "c"])[utility.argmax(axis=1)]


SURVIVAL = np.exp(0.5 + 0.5 * X) * RNG.weibull(2, N)
ERRORS = RNG.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], N)
DATA = pd.DataFrame(
    {
        "x": X,
        "u": np.abs(X),
        "count": np.where(RNG.random(N) < 0.3, 0, RNG.poisson(np.exp(1 + 0.5 * X))),
        "pos": RNG.gamma(3.0, np.exp(0.5 + 0.4 * X) / 3.0),
        "unit": RNG.beta(8 / (1 + np.exp(-X)), 8 / (1 + np.exp(X))),
        "rating": _ordinal(),
        "kind": _nominal(),
        "rt": 1 + 0.5 * X + 0.3 * RNG.normal(size=N) + RNG.exponential(1.0, N) - 1.0,
        "life": np.minimum(SURVIVAL, 3.0),
        "cens": (SURVIVAL > 3).astype(int),
        "y1": 1 + 0.5 * X + ERRORS[:, 0],
        "y2": -1 - 0.5 * X + ERRORS[:, 1],
        "decay": 2 * np.exp(-0.7 * np.abs(X)) + 0.2 * RNG.normal(size=N),
        "mixed": np.where(RNG.random(N) < 0.4, -3.0, 3.0) + RNG.normal(size=N),
    }
)
MODELS: dict[str, tuple[Any, Any, list[Any], dict[str, float]]] = {
    "count": ("count ~ x", "zero_inflated_poisson", [],
              {"b_Intercept": 1, "b_x": 0.5, "zi": 0.3}),
    "positive": ("pos ~ x", hm.family("gamma", "log"), [],
                 {"b_Intercept": 0.5, "b_x": 0.4, "shape": 3}),
    "bounded": ("unit ~ x", "beta", [], {"b_Intercept": 0, "b_x": 1, "phi": 8}),
    "ordinal": ("rating ~ x", "cumulative", [], {"b_x": 1}),
    "nominal": ("kind ~ x", "categorical", [], {"b_mub_x": 1, "b_muc_x": -1}),
    "reaction time": ("rt ~ x", "exgaussian", [],
                      {"b_Intercept": 1, "b_x": 0.5, "sigma": 0.3, "beta": 1}),
    "survival": ("life | cens(cens) ~ x", "weibull", [], {"b_x": 0.5, "shape": 2}),
    "several": (hm.bf("y1 ~ x") + hm.bf("y2 ~ x") + hm.set_rescor(True), "gaussian", [],
                {"b_y1_x": 0.5, "b_y2_x": -0.5, "rescor__y1__y2": 0.6}),
    "non-linear": (hm.bf("decay ~ a * exp(-b * u)", "a ~ 1", "b ~ 1", nl=True), "gaussian",
                   [hm.prior("normal(0, 2)", nlpar="a"), hm.prior("normal(0, 2)", nlpar="b")],
                   {"b_a_Intercept": 2, "b_b_Intercept": 0.7, "sigma": 0.2}),
    "mixture": ("mixed ~ 1", hm.mixture("gaussian", nmix=2), [],
                {"b_mu1_Intercept": -3, "b_mu2_Intercept": 3, "theta1": 0.4}),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_true_values_are_recovered(name: str) -> None:
    formula, family, priors, truth = MODELS[name]
    fit = hm.fit(formula, DATA, family=family, priors=priors or None, chains=1, warmup=300,
                 draws=300, seed=3)
    draws = fit.to_frame()
    for parameter, value in truth.items():
        mean, sd = draws[parameter].mean(), draws[parameter].std()
        assert sd < max(0.6, 0.2 * abs(value)), parameter
        assert abs(mean - value) < 4 * sd, (parameter, mean, sd)
