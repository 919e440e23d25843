"""Sampling with checks around it: the certificate before, the sampler's problems after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.engines import Draws, Engine, SamplingSettings
from hiermodel.engines.certificate import Certificate, certify_density
from hiermodel.engines.diagnose import check_sampling
from hiermodel.modeling import Model
from hiermodel.posterior import posterior_dataset
from hiermodel.predict import LIKELIHOOD_ROLES, log_lik, prepare

# The certificate looks at a part of larger data: it must stay cheap.
_CERTIFIED_ROWS = 10_000


def numpy_log_lik(model: Model, rows: pd.DataFrame, params: Mapping[str, np.ndarray]) -> float:
    """Sum of the pointwise log-likelihood at one point, computed without the engine.

    Parameters
    ----------
    model : Model
    rows : DataFrame
    params : mapping of str to ndarray
        Declared parameters at their declared shapes.
    """
    values = {name: np.asarray(v, dtype=float)[None, None] for name, v in params.items()}
    prediction = prepare(model, posterior_dataset(model, values), rows, needs=LIKELIHOOD_ROLES)
    return float(log_lik(prediction, model.response.coded(rows)).sum())


def certify(model: Model, rows: pd.DataFrame, engine: Engine, seed: int) -> Certificate:
    """Check that the engine computes the density that the model states (see `Certificate`)."""
    checked = rows
    if len(rows) > _CERTIFIED_ROWS:
        at = np.random.default_rng(seed).choice(len(rows), _CERTIFIED_ROWS, replace=False)
        checked = rows.iloc[np.sort(at)].reset_index(drop=True)
    data = model.bind(checked, prior_only=False)
    return certify_density(
        engine.log_density(model.stan_code, data),
        engine.log_density(model.stan_code, data | {"prior_only": 1}),
        lambda params: numpy_log_lik(model, checked, params),
        model.parameters,
        data,
        seed=seed,
        subject=f"family {model.family.name!r} with " + str(model.formula),
    )


def checked_sample(
    model: Model,
    rows: pd.DataFrame,
    engine: Engine,
    settings: SamplingSettings,
    prior_only: bool,
    certified: bool,
) -> tuple[Draws, dict[str, Any]]:
    """Certify, sample, diagnose.

    Returns
    -------
    draws : Draws
    facts : dict
        For the provenance of the fit: certificate, warnings.
    """
    facts: dict[str, Any] = {}
    if certified and engine.name == "stanli":
        facts["certificate"] = str(certify(model, rows, engine, settings.used_seed))
    data = model.bind(rows, prior_only=prior_only)
    draws = engine.sample(model.stan_code, data, model.parameters, settings)
    facts["warnings"] = list(check_sampling(draws, settings))
    return draws, facts
