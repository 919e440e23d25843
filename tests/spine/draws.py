"""Points and draws of any model, without sampling."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pandas as pd

import hiermodel as hm
from hiermodel.engines import get_engine
from hiermodel.engines.inits import declared_shape

from . import cases


def density(model: hm.Model, data: Any, prior_only: bool = False) -> Any:
    """The log density of a model by the embedded engine."""
    bound = model.bind(data, prior_only=prior_only)
    return get_engine("stanli").log_density(model.stan_code, bound, model.parameters)


def random_draws(
    model: hm.Model, data: Any, chains: int = 2, draws: int = 4, seed: int = 1, radius: float = 0.5
) -> dict[str, np.ndarray]:
    """Valid draws of the declared parameters, (chain, draw, ...), spread over their supports."""
    bound = model.bind(data)
    made = get_engine("stanli").log_density(model.stan_code, bound, model.parameters)
    rng = np.random.default_rng(seed)
    points = rng.uniform(-radius, radius, (chains * draws, made.dim))
    found = made.constrain(points) if made.dim else {}
    out = {}
    for var in model.parameters:
        empty = np.zeros((len(points), *(declared_shape(var, bound) or ())))
        values = found.get(var.name, empty)
        out[var.name] = values.reshape(chains, draws, *values.shape[1:])
    return out


def random_fit(model: hm.Model, data: Any, **settings: Any) -> hm.Fit:
    """A fit with random draws."""
    return hm.Fit.from_draws(model, data, random_draws(model, data, **settings))


@functools.cache
def fit_of(name: str) -> hm.Fit:
    """The fit of a case with random draws, made once."""
    return random_fit(cases.model(name), cases.training(name))


def same_values(first: Any, second: Any, rtol: float = 1e-10) -> None:
    """Two arrays, or frames of draws, hold the same numbers."""
    np.testing.assert_allclose(np.asarray(first), np.asarray(second), rtol=rtol, atol=1e-12)


def permuted(data: pd.DataFrame, seed: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows in another order, and that order."""
    order = np.random.default_rng(seed).permutation(len(data))
    return data.iloc[order].reset_index(drop=True), order
