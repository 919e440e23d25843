"""Estimates without pooling: maximum likelihood with an own coefficient for each level.

The log-likelihood of a row depends on the coefficients through its linear predictor alone, so
two derivatives per row, by central differences of the family's log density, give Newton's steps
for any family (for exponential families these are iteratively reweighted least squares; for a
normal response the first step is the solution of least squares).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from hiermodel.errors import DataError, HiermodelError
from hiermodel.families import evaluate
from hiermodel.links import link_named
from hiermodel.multilevel.arrow import Arrow
from hiermodel.multilevel.factors import (
    Factor,
    check_independent_rows,
    linear_predictor,
    views,
)
from hiermodel.predict import parameters
from hiermodel.prepare import LIKELIHOOD_ROLES, Prediction, prepare
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.fitted import Fit
    from hiermodel.predictors import Predictor

# Steps of the differences, and when Newton has arrived.
_STEP = 1e-3
_TOLERANCE = 1e-8
_MOST_STEPS = 100
# A standard error of this size on a link scale belongs to an estimate that runs to infinity.
_RUNAWAY = 30.0
_RANK = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """Maximum likelihood estimates.

    Attributes
    ----------
    values, errors : ndarray (levels, coefs)
        NaN where the data of a level do not determine a coefficient.
    shared : mapping of str to float
        The population-level coefficients that all levels share.
    """

    values: Array
    errors: Array
    shared: Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """The rows of a fit, with everything but the coefficients in question at posterior means.

    Attributes
    ----------
    population : ndarray (N, P)
        Population-level columns, `names` their coefficients (thresholds are held).
    own : ndarray (N, C)
        Columns of the coefficients that vary over the levels, in the order of the factor.
    codes : ndarray (N,)
    held : ndarray (N,)
        Offsets and the effects of other grouping factors.
    log_lik : callable
        Linear predictor (N,) -> log-likelihood (N,).
    """

    population: Array
    names: tuple[str, ...]
    own: Array
    codes: Array
    held: Array
    log_lik: Callable[[Array], Array]
    bounded: bool


def problem(fit: Fit, factor: Factor) -> Problem:
    """Gather what maximum likelihood needs.

    Raises
    ------
    HiermodelError
        For models whose levels cannot be estimated one by one.
    """
    what = "the comparison with separate estimates"
    predictor = linear_predictor(fit, None, what)
    _check(factor, predictor, what)
    check_independent_rows(fit, what)
    # A single draw: the posterior mean of everything.
    mean = fit.posterior.mean(("chain", "draw"), keep_attrs=True)
    mean = mean.expand_dims(chain=[0], draw=[0])
    for name in mean.data_vars:
        mean[name].attrs = fit.posterior[name].attrs
    prediction = prepare(fit.model, mean, fit.frame, None, None, LIKELIHOOD_ROLES)
    draws, data = prediction.chunk(slice(0, 1)), prediction.data
    population = predictor.population
    matrix = data.get(f"X{population.suffix}")
    if matrix is None:
        width = 1 if population.has_intercept else 0
        matrix = np.ones((prediction.n, width))
    own_views = views(predictor, factor.name)
    columns: dict[str, Array] = {}
    for view in own_views:
        for position in view.columns:
            columns[view.owner.coefs[position - 1].label] = data[view.z_name(position)]
    held = np.zeros(prediction.n)
    for term in predictor.terms[1:]:
        if term not in own_views:
            held = held + np.broadcast_to(term.eta(draws, data), (1, prediction.n))[0]
    y = np.asarray(fit.response)
    return Problem(
        np.asarray(matrix, dtype=float),
        population.design.names if population.design.names else ("Intercept",),
        np.column_stack([columns[c] for c in factor.coefs]),
        factor.owners[0].grouping.codes(fit.frame)[0],
        held,
        _log_lik(prediction, predictor, y),
        predictor.link != "identity" or predictor.on_link_scale,
    )


def _check(factor: Factor, predictor: Predictor, what: str) -> None:
    if any(owner.grouping.multi for owner in factor.owners):
        raise HiermodelError(
            f"{what} is not defined for {factor.name!r}: with mm() a row belongs to several levels"
        )
    for term in predictor.category_specific:
        if term in views(predictor):
            raise HiermodelError(
                f"{what} does not take group-level cs() terms, such as {term.text}"
            )
    mine = {view.owner.coefs[k - 1].label for view in views(predictor, factor.name)
            for k in view.columns}
    others = [coef for coef in factor.coefs if coef not in mine]
    if others:
        raise HiermodelError(
            f"{what} is for effects on {predictor.name} alone, but {factor.name!r} has "
            f"{others[0]!r} too"
        )


def _log_lik(
    prediction: Prediction, predictor: Predictor, y: Array
) -> Callable[[Array], Array]:
    part = prediction.part
    base = vars(parameters(prediction, slice(0, 1)))
    link = link_named(predictor.link)
    roles = ("weights", "cens", "rcens", "lb", "ub")
    extras: dict[str, Any] = {k: v for k, v in prediction.extras.items() if k in roles}
    name = predictor.param
    scaled = "denom" in prediction.extras and name in part.family.scaled_by_rate

    def log_lik(eta: Array) -> Array:
        value = eta if predictor.on_link_scale else link.inverse(eta)
        if scaled:
            value = value * prediction.extras["denom"]
        p = SimpleNamespace(**{**base, name: value[None, :]})
        return np.asarray(evaluate.log_prob(part.family, y, p, **extras)[0], dtype=float)

    return log_lik


def no_pooling(it: Problem, levels: int) -> tuple[Estimates, list[tuple[str, Array]]]:
    """Own coefficients for each level, as if the standard deviation between them were infinite.

    Returns
    -------
    Estimates
    list of (str, ndarray (levels, coefs))
        The population-level columns that the own coefficients take up altogether: the columns
        that vary over the levels themselves, and those that are constant within levels. The
        array says what the column adds to each coefficient per unit of its own coefficient.
    """
    width = it.own.shape[1]
    determined = _determined(it, levels)
    taken, kept = [], []
    for k, name in enumerate(it.names):
        share = _absorbed(it.population[:, k], it, levels)
        if share is None:
            kept.append(k)
        else:
            taken.append((name, share))
    system = Arrow(it.population[:, kept], it.own, it.codes, levels)
    beta, variances = _newton(it, system)
    own = slice(len(kept), None)
    values = beta[own].reshape(levels, width)
    errors = np.sqrt(np.clip(variances[own], 0, None)).reshape(levels, width)
    bad = ~determined | (errors * _typical(it) > _RUNAWAY if it.bounded else False)
    shared = {it.names[k]: float(beta[i]) for i, k in enumerate(kept)}
    return (
        Estimates(np.where(bad, np.nan, values), np.where(bad, np.nan, errors), shared), taken
    )


def complete_pooling(it: Problem) -> dict[str, float]:
    """Population-level coefficients of the model without the grouping factor."""
    if it.population.shape[1] == 0:
        return {}
    nobody = np.zeros((len(it.codes), 0))
    beta, _ = _newton(it, Arrow(it.population, nobody, it.codes, 0))
    return dict(zip(it.names, map(float, beta), strict=True))


def _typical(it: Problem) -> Array:
    """Typical size of each own column, which brings coefficients to the linear predictor."""
    size: Array = np.sqrt(np.mean(it.own**2, axis=0))
    return size


def _determined(it: Problem, levels: int) -> Array:
    """Which coefficients of which level its rows determine: (levels, coefs)."""
    out = np.zeros((levels, it.own.shape[1]), dtype=bool)
    for j in range(levels):
        z = it.own[it.codes == j]
        if len(z) == 0:
            continue
        _, s, vt = np.linalg.svd(z, full_matrices=True)
        null = vt[int(np.sum(s > _RANK * max(s[0], 1.0))):]
        out[j] = np.all(np.abs(null) < 1e-8, axis=0) if len(null) else True
    return out


def _absorbed(x: Array, it: Problem, levels: int) -> Array | None:
    """Weights (levels, coefs) with which own columns make up a population-level column, or None.

    A single own column that does it, such as the intercept for a column that is constant within
    levels, goes before combinations of several.
    """
    width = it.own.shape[1]
    scale = max(float(np.abs(x).max()), 1e-300)
    masks = [it.codes == j for j in range(levels)]
    for columns in ([c] for c in range(width)):
        found = _fit_columns(x, it, masks, columns)
        if found is not None and found[1] <= 1e-8 * scale:
            return found[0]
    found = _fit_columns(x, it, masks, list(range(width)))
    return found[0] if found is not None and found[1] <= 1e-8 * scale else None


def _fit_columns(
    x: Array, it: Problem, masks: list[Array], columns: list[int]
) -> tuple[Array, float]:
    out, worst = np.zeros((len(masks), it.own.shape[1])), 0.0
    for j, mask in enumerate(masks):
        if not mask.any():
            continue
        z = it.own[mask][:, columns]
        solution = np.linalg.lstsq(z, x[mask], rcond=None)[0]
        out[j, columns] = solution
        worst = max(worst, float(np.abs(z @ solution - x[mask]).max()))
    return out, worst


def _newton(it: Problem, system: Arrow) -> tuple[Array, Array]:
    """Coefficients at the maximum, and their variances from the curvature there."""
    beta = np.zeros(system.size)
    value = float(np.sum(it.log_lik(it.held)))
    if not np.isfinite(value):
        raise DataError(
            "the separate estimates have no start: the likelihood is zero where all coefficients "
            "are zero"
        )
    for _ in range(_MOST_STEPS):
        eta = system.eta(beta)
        gradient, curvature = _derivatives(it.log_lik, it.held + eta)
        step = system.solve(curvature, gradient)
        # Half steps while the likelihood does not rise.
        size, better = 1.0, False
        for _ in range(30):
            tried = beta + size * step
            reached = system.eta(tried)
            after = float(np.sum(it.log_lik(it.held + reached)))
            if np.isfinite(after) and after >= value - 1e-9 * (1 + abs(value)):
                better = True
                break
            size /= 2
        if not better:
            break
        moved = np.abs(reached - eta).max(initial=0.0)
        gain, beta, value = after - value, tried, after
        done = moved < _TOLERANCE * (1 + np.abs(eta).max(initial=0.0))
        # With separated data the likelihood rises for ever, by less and less.
        if done or (it.bounded and gain < 1e-6 and np.abs(reached).max() > _RUNAWAY):
            break
    _, curvature = _derivatives(it.log_lik, it.held + system.eta(beta))
    return beta, system.variances(curvature)


def _derivatives(log_lik: Callable[[Array], Array], eta: Array) -> tuple[Array, Array]:
    """First derivative and negative second derivative of each row, the latter positive."""
    h = _STEP * np.maximum(1.0, np.abs(eta))
    low, middle, high = log_lik(eta - h), log_lik(eta), log_lik(eta + h)
    first = (high - low) / (2 * h)
    second = (2 * middle - high - low) / h**2
    # Where the density is not log-concave, the squared score stands in (an upper bound's safety).
    curvature = np.where(second > 1e-10, second, np.maximum(first**2, 1e-10))
    return np.nan_to_num(first), np.nan_to_num(curvature, nan=1e-10)
