"""The unconstrained draws of a fit, and its log density there.

What samplers work on: every declared parameter mapped to the real line, one column per free
number. Moment matching and bridge sampling need it. The density is that of the embedded engine,
Jacobians of the transforms included, whichever engine made the draws; it is checked against the
log density that the sampler wrote down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import declared
from hiermodel.engines import LogDensity, SamplingSettings, get_engine
from hiermodel.engines.inits import declared_shape
from hiermodel.errors import EngineError, HiermodelError
from hiermodel.modeling import Model
from hiermodel.origin import Origin
from hiermodel.posterior import posterior_dataset
from hiermodel.sampling import certify, not_certifiable
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.predictions import Predictions

# Draws whose density is compared with that of the sampler, and how well the two must agree.
_CHECKED, _AGREE = 8, 1e-6


@dataclass(frozen=True, eq=False)
class Unconstrained:
    """Unconstrained draws of a fit with its log density.

    Attributes
    ----------
    model : Model
    rows : DataFrame
        The rows that the model was fitted to.
    density : LogDensity
        Of all parameters given these rows, on the unconstrained scale.
    draws : ndarray (chain, draw, dim)
    labels : tuple of str
        Of the columns, in Stan's names: ``b[1]``, ``sd_1[2]``, ``z_1[1,4]``.
    """

    model: Model
    rows: pd.DataFrame
    density: LogDensity
    draws: Array
    labels: tuple[str, ...]

    @property
    def dim(self) -> int:
        """Number of unconstrained parameters."""
        return self.draws.shape[-1]

    def log_density(self, points: Array) -> Array:
        """Log density ``(n,)`` at points ``(n, dim)``; minus infinity where there is none."""
        values = np.array([self.density.value_and_grad(point)[0] for point in points])
        return np.where(np.isnan(values), -np.inf, values)

    def gradient(self, points: Array) -> Array:
        """Gradient ``(n, dim)`` of the log density at points ``(n, dim)``."""
        return np.array([self.density.value_and_grad(point)[1] for point in points])

    def posterior(self, points: Array) -> xr.Dataset:
        """The labelled variables at points ``(n, dim)``, as one chain of n draws."""
        found = self.density.constrain(points)
        values = {name: array[np.newaxis] for name, array in found.items()}
        return posterior_dataset(self.model, values, self.rows)


def unconstrained(fit: Predictions) -> Unconstrained:
    """The unconstrained draws of a fit, with its log density.

    Parameters
    ----------
    fit : Predictions
        A whole fit, not that of one of several responses.

    Returns
    -------
    Unconstrained

    Raises
    ------
    HiermodelError
        For a fit of one of several responses, and for draws that do not belong to the density.
    """
    if fit.whole is not None:
        raise HiermodelError(
            "the log density belongs to all responses together; use the whole fit, and resp= "
            "where one response is meant"
        )
    model, rows = fit.model, fit.frame
    density = _density(fit)
    kept = fit.datasets.get(declared.GROUP, xr.Dataset())
    values = declared.declared_draws(model, fit.posterior, kept)
    lead = next(iter(values.values())).shape[:2]
    sizes = model.constants()
    labels = tuple(label for var in model.parameters for label in free_labels(var, sizes))
    draws = np.empty((*lead, density.dim))
    for chain, draw in product(*map(range, lead)):
        point = {name: array[chain, draw] for name, array in values.items()}
        draws[chain, draw] = density.unconstrain(point)
    if len(labels) != density.dim:
        labels = tuple(f"q[{k + 1}]" for k in range(density.dim))
    made = Unconstrained(model, rows, density, draws, labels)
    _check_density(fit, made)
    return made


def _density(fit: Predictions) -> LogDensity:
    """The density of the posterior by the embedded engine, certified if it was not before."""
    engine, model = get_engine("stanli"), fit.model
    # The certificate of a collapsed fit is one of another program.
    certified = fit.provenance.get("certificate") and not fit.provenance.get("collapsed")
    another = fit.provenance.get("engine") == "cmdstan" or fit.provenance.get("collapsed")
    if another and not (certified or not_certifiable(model)):
        certify(model, fit.frame, engine, SamplingSettings.of(seed=1))
    return engine.log_density(model.stan_code, model.bind(fit.frame, prior_only=False),
                              model.parameters)


def _check_density(fit: Predictions, made: Unconstrained) -> None:
    """Compare the density with what the sampler wrote down for the same draws."""
    method = Origin.of(fit.provenance).method
    if "lp" not in fit.sample_stats or method != "nuts" or fit.provenance.get("prior_only"):
        return
    if fit.provenance.get("collapsed"):
        return  # the sampler wrote down the density without the effects
    written = np.asarray(fit.sample_stats["lp"].values, dtype=float).ravel()
    at = np.unique(np.linspace(0, len(written) - 1, _CHECKED).astype(int))
    found = made.log_density(made.draws.reshape(len(written), -1)[at])
    # Without its constants a program differs by the same number everywhere.
    difference = found - written[at]
    difference -= np.median(difference)
    if not (np.abs(difference) <= _AGREE * np.maximum(1.0, np.abs(written[at]))).all():
        worst = int(np.abs(difference).argmax())
        raise EngineError(
            "the draws of this fit do not belong to its log density: the sampler wrote "
            f"{written[at][worst]:.10g} for a draw where the density is {found[worst]:.10g}. Data, "
            "priors or the program changed since; fit again, for example with fit.update()"
        )
