"""The unconstrained draws of a fit, and its log density there.

What samplers work on: every declared parameter mapped to the real line, one column per free
number. Moment matching and bridge sampling need it. The density is that of the embedded engine,
Jacobians of the transforms included, whichever engine made the draws; it is checked against the
log density that the sampler wrote down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel import declared
from hiermodel.certifying import certify, not_certifiable
from hiermodel.collapse import CollapsedModel
from hiermodel.engines import LogDensity, SamplingSettings, get_engine
from hiermodel.engines.free import free_labels
from hiermodel.engines.transforms import constrained
from hiermodel.errors import EngineError, HiermodelError
from hiermodel.modeling import Model
from hiermodel.origin import Origin
from hiermodel.posterior import posterior_dataset
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.predictions import Predictions

# Draws whose density is compared with that of the sampler, and how well the two must agree.
_CHECKED, _AGREE = 8, 1e-6
# Models that were certified here, with the rows that it was done for: once is enough.
_CERTIFIED: WeakKeyDictionary[Model, ref[pd.DataFrame]] = WeakKeyDictionary()


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
    collapsed : bool
        Whether the density is that of the collapsed model, without the effects.
    known_transforms : bool
        Whether `engines.transforms` maps points as the engine does, which is fast.
    """

    model: Model
    rows: pd.DataFrame
    density: LogDensity
    draws: Array
    labels: tuple[str, ...]
    collapsed: bool = False
    known_transforms: bool = False

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
        """The labelled variables at points ``(n, dim)``, as one chain of n draws.

        Not of a collapsed model, whose points hold no effects.
        """
        found = None
        if self.known_transforms:
            found = constrained(self.model.parameters, self.model.constants(), points)
        if found is None:
            found = self.density.constrain(points)
        values = {name: array[np.newaxis] for name, array in found.items()}
        return posterior_dataset(self.model, values, self.rows)


def unconstrained(fit: Predictions, collapsed: bool = False) -> Unconstrained:
    """The unconstrained draws of a fit, with its log density.

    Parameters
    ----------
    fit : Predictions
        A whole fit, not that of one of several responses.
    collapsed : bool
        Of a fit that was sampled collapsed: the density and the parameters that were sampled,
        the effects integrated out. Other fits have one density only.

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
    collapsed = collapsed and bool(fit.provenance.get("collapsed"))
    form = model.collapsed() if collapsed else model
    density = _density(fit, form)
    kept = fit.datasets.get(declared.GROUP, xr.Dataset())
    every = declared.declared_draws(model, fit.posterior, kept)
    values = {var.name: every[var.name] for var in form.parameters}
    lead = next(iter(values.values())).shape[:2]
    sizes = model.constants()
    labels = tuple(label for var in form.parameters for label in free_labels(var, sizes))
    draws = np.empty((*lead, density.dim))
    for chain, draw in product(*map(range, lead)):
        point = {name: array[chain, draw] for name, array in values.items()}
        draws[chain, draw] = density.unconstrain(point)
    if len(labels) != density.dim:
        labels = tuple(f"q[{k + 1}]" for k in range(density.dim))
    known = _transforms_agree(form, draws, values)
    made = Unconstrained(model, rows, density, draws, labels, collapsed, known)
    _check_density(fit, made)
    return made


def _transforms_agree(
    form: Model | CollapsedModel, draws: Array, values: Mapping[str, Array]
) -> bool:
    """Whether NumPy maps some draws back to the values that the engine made them of."""
    points = draws.reshape(-1, draws.shape[-1])
    at = np.unique(np.linspace(0, len(points) - 1, _CHECKED).astype(int))
    sizes = form.model.constants() if isinstance(form, CollapsedModel) else form.constants()
    found = constrained(form.parameters, sizes, points[at])
    return found is not None and all(
        np.allclose(array, values[name].reshape(len(points), *array.shape[1:])[at], rtol=1e-9,
                    atol=1e-12)
        for name, array in found.items()
    )


def _density(fit: Predictions, form: Model | CollapsedModel) -> LogDensity:
    """The density of the posterior by the embedded engine, certified if it was not before."""
    engine, facts = get_engine("stanli"), fit.provenance
    # A certificate is of the form that was sampled, and says nothing about another one.
    sampled = bool(facts.get("collapsed")) == isinstance(form, CollapsedModel)
    sampled = sampled and not (facts.get("aggregated") or facts.get("centred"))
    certified = bool(facts.get("certificate")) and sampled
    known = facts.get("engine") != "cmdstan" and sampled
    if not (known or certified or not_certifiable(fit.model)):
        _certify_once(fit, form, engine)
    return engine.log_density(form.stan_code, form.bind(fit.frame, prior_only=False),
                              form.parameters)


def _certify_once(fit: Predictions, form: Model | CollapsedModel, engine: Any) -> None:
    settings = SamplingSettings.of(seed=1)
    if isinstance(form, CollapsedModel):
        certify(fit.model, fit.frame, engine, settings, form)
        return
    seen = _CERTIFIED.get(form)
    if seen is None or seen() is not fit.frame:
        certify(form, fit.frame, engine, settings)
        _CERTIFIED[form] = ref(fit.frame)


def _check_density(fit: Predictions, made: Unconstrained) -> None:
    """Compare the density with what the sampler wrote down for the same draws."""
    method = Origin.of(fit.provenance).method
    if "lp" not in fit.sample_stats or method != "nuts" or fit.provenance.get("prior_only"):
        return
    if bool(fit.provenance.get("collapsed")) != made.collapsed or fit.provenance.get("centred"):
        return  # the sampler wrote down the density of other parameters
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
