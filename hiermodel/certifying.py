"""The certificate of a program: the density of the engine against the one in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.aggregate import AggregatedModel
from hiermodel.collapse import CollapsedModel
from hiermodel.engines import Engine, LogDensity, SamplingSettings
from hiermodel.engines.certificate import (
    ADVICE,
    CDF_GRADIENT_TOLERANCE,
    GRADIENT_TOLERANCE,
    HELD_TOLERANCES,
    SINGULAR_TOLERANCES,
    TOLERANCE,
    Certificate,
    certify_density,
)
from hiermodel.engines.inits import checked_inits
from hiermodel.families.custom import Missing
from hiermodel.joint import joint_log_lik, joint_predictions
from hiermodel.log_likelihood import filled_responses, total_log_lik
from hiermodel.modeling import Model
from hiermodel.posterior import posterior_dataset
from hiermodel.predictors import Predictor
from hiermodel.prepare import LIKELIHOOD_ROLES, prepare
from hiermodel.stan.variables import Var
from hiermodel.terms.gaussian_process import GaussianProcessTerm

Reduced = CollapsedModel | AggregatedModel

# The certificate looks at a part of larger data: it must stay cheap.
_CERTIFIED_ROWS = 10_000
# All of them may be rows of one level, whose covariance matrix is built.
_CERTIFIED_ROWS_COLLAPSED = 1_500
_CERTIFIED_ROWS_HELD = 12


def numpy_log_lik(model: Model, rows: pd.DataFrame, params: Mapping[str, np.ndarray]) -> float:
    """Sum of the pointwise log-likelihood at one point, computed without the engine.

    With ``mi()`` it is that of the imputed responses too, as in the program.

    Parameters
    ----------
    model : Model
    rows : DataFrame
    params : mapping of str to ndarray
        Declared parameters at their declared shapes.
    """
    values = {name: np.asarray(v, dtype=float)[None, None] for name, v in params.items()}
    posterior = posterior_dataset(model, values, rows)
    if model.rescor is not None:
        return float(joint_log_lik(model, joint_predictions(model, posterior, rows), True).sum())
    total = 0.0
    for part in model.parts:
        prediction = prepare(model.only(part.name), posterior, rows, needs=LIKELIHOOD_ROLES)
        total += float(total_log_lik(prediction, filled_responses(prediction)).sum())
    return total


def certify(
    model: Model,
    rows: pd.DataFrame,
    engine: Engine,
    settings: SamplingSettings,
    reduced: Reduced | None = None,
) -> Certificate:
    """Check that the engine computes the density that the model states (see `Certificate`).

    With `reduced` its program is checked: that of a collapsed model against a marginal density
    that no rotation went into, that of an aggregated model against the density of the rows.
    """
    collapsed = reduced if isinstance(reduced, CollapsedModel) else None
    seed = settings.used_seed
    checked = rows
    # Rows that impute, or read what others impute, belong together.
    whole = any(
        part.imputed is not None or part.latent_residuals
        or (part.autocor is not None and part.autocor.needs_all_rows)
        for part in model.parts
    )
    most = _CERTIFIED_ROWS if collapsed is None else _CERTIFIED_ROWS_COLLAPSED
    # A length scale that is held constant cannot be brought where points are told apart.
    held = any(fixed.var.name.startswith("lscale") for fixed in model.resolved_priors.fixed)
    if held:
        most = _CERTIFIED_ROWS_HELD
    if len(rows) > most and not whole:
        at = np.random.default_rng(seed).choice(len(rows), most, replace=False)
        checked = rows.iloc[np.sort(at)].reset_index(drop=True)
    form = reduced or model
    data = form.bind(checked, prior_only=False)
    if collapsed is not None:
        data = collapsed.present(data)
    density = engine.log_density(form.stan_code, data)
    exact = [
        (part.rows(checked), predictor.processes)
        for part in model.parts for predictor in part.predictors
        if isinstance(predictor, Predictor) and predictor.processes is not None
        and predictor.processes.has_exact
    ]
    uses_cdf = any(
        role in part.response.additions for part in model.parts for role in ("cens", "lb", "ub")
    )
    tolerance = TOLERANCE
    gradient_tolerance = CDF_GRADIENT_TOLERANCE if uses_cdf else GRADIENT_TOLERANCE
    if exact:
        tolerance, gradient_tolerance = HELD_TOLERANCES if held else SINGULAR_TOLERANCES
    own = [
        family.name
        for part in model.parts
        for family in part.family.components or (part.family,)
        if family.custom
    ]
    return certify_density(
        density,
        engine.log_density(form.stan_code, data | {"prior_only": 1}),
        lambda params: (
            collapsed.log_lik(checked, params) if collapsed is not None
            else numpy_log_lik(model, checked, params)
        ),
        form.parameters,
        data,
        seed=seed,
        subject=" and ".join(f"family {part.family.name!r}" for part in model.parts)
        + f" with {model.formula}",
        starts=_given_starts(form.parameters, density, data, settings),
        normalized=model.normalize,
        advice=(
            f"No draws were taken. log_lik= of the custom family {own[0]!r} and its density in "
            "Stan must be the same function: correct one of them, or pass certify=False"
            if own else ADVICE
        ),
        tame=partial(_with_short_scales, exact) if exact else None,
        tolerance=tolerance,
        gradient_tolerance=gradient_tolerance,
    )


def _with_short_scales(
    exact: Sequence[tuple[pd.DataFrame, GaussianProcessTerm]], params: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Parameters with length scales so short that the matrices of exact processes keep digits."""
    for frame, processes in exact:
        for name, value in processes.short_scales(frame).items():
            if name in params:
                params[name] = np.broadcast_to(value, np.shape(params[name])).copy()
    return params


def _given_starts(
    parameters: Sequence[Var],
    density: LogDensity,
    data: Mapping[str, Any],
    settings: SamplingSettings,
) -> np.ndarray | None:
    """Unconstrained starting values, where the user gives all of them."""
    given = checked_inits(settings, parameters, data)
    if given is None or any(v.name not in init for v in parameters for init in given):
        return None
    return np.stack([density.unconstrain(init) for init in given])


def not_certifiable(model: Model) -> str:
    """Why the log-likelihood cannot be computed without the engine; empty when it can."""
    if any(one.block == "likelihood" for one in model.stanvars):
        return "a stanvar changes the likelihood"
    for part in model.parts:
        cumulative = any(role in part.response.additions for role in ("cens", "lb", "ub"))
        for family in part.family.components or (part.family,):
            used: dict[str, Any] = {"log_lik": family.distribution.log_prob}
            if cumulative:
                used["log_cdf"] = family.distribution.log_cdf
                used["log_ccdf"] = family.distribution.log_ccdf
            for argument, function in used.items():
                if isinstance(function, Missing):
                    return f"family {family.name!r} has no {argument}="
    return ""
