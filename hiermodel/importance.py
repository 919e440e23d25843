"""Pareto-smoothed importance sampling: the weights of ArviZ, and resampling by them.

Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25(72).
ArviZ is imported when a function is called: importing it takes longer than fitting a small model.
"""

from __future__ import annotations

import warnings
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from hiermodel import inference_data

#: Above this Pareto k importance weights cannot be trusted, whatever the number of draws.
K_LIMIT = 0.7
# Log ratios that differ by less are those of an approximation that is exact.
_NO_SPREAD = 1e-3


@cache
def is_modern() -> bool:
    """Tell whether the installed ArviZ is of the 1.x line."""
    return inference_data.uses_datatree()


@cache
def legacy() -> Any:
    """Import ArviZ 0.23 without its announcement of version 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return import_module("arviz")


def psis(log_ratios: np.ndarray, tail: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Pareto-smoothed importance weights, and the shapes k of their tails.

    Parameters
    ----------
    log_ratios : ndarray (N, S)
        Log importance ratios, a row per problem, a column per draw. Finite, and the `tail`
        largest values of a row are not all the same.
    tail : int
        How many of the largest weights are smoothed, at least 5.

    Returns
    -------
    log_weights : ndarray (N, S)
        Normalised within each row.
    k : ndarray (N,)
    """
    # Both lines take the relative efficiency r and smooth 3 sqrt(S / r) weights; one rounds up
    # and the other down, so aim at the middle.
    n_draws = log_ratios.shape[1]
    if is_modern():
        array_stats = import_module("arviz_stats.base").array_stats
        reff = n_draws * (3.0 / (tail + 0.5)) ** 2
        # ArviZ 1 takes log-likelihoods, the negative of log ratios.
        weights, k = array_stats.psislw(-log_ratios, r_eff=reff, axis=-1)
    else:
        reff = n_draws * (3.0 / (tail - 0.5)) ** 2
        weights, k = legacy().psislw(log_ratios, reff=reff)
    return np.asarray(weights), np.asarray(k)


def smoothed(log_ratios: np.ndarray) -> tuple[np.ndarray, float]:
    """Smoothed log weights ``(S,)`` of independent draws, at least 25, and their Pareto k.

    k is minus infinity for ratios that are all the same, infinity where the tail has no shape.
    """
    n = len(log_ratios)
    if np.ptp(log_ratios) < _NO_SPREAD:
        return np.full(n, -np.log(n)), -np.inf
    tail = int(np.ceil(min(n / 5.0, 3.0 * np.sqrt(n))))
    weights, shape = psis(log_ratios[np.newaxis], tail)
    return weights[0], float(shape[0]) if np.isfinite(shape[0]) else np.inf


def resample(
    log_ratios: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Choose draws of an approximation so that they become draws of its target.

    With smoothed weights that can be trusted draws are chosen with replacement, systematically:
    each as often as its weight says, up to rounding. When Pareto k is above 0.7 a few draws would
    have nearly all the weight. Then they are chosen without replacement, which moves the draws
    towards the target but keeps them different (Gelman and others 2013, Bayesian Data Analysis,
    third edition, section 10.4).

    Parameters
    ----------
    log_ratios : ndarray (S,)
        Log density of the target minus that of the approximation, up to a constant.
    size : int
        Draws wanted, at most S.
    rng : numpy.random.Generator

    Returns
    -------
    chosen : ndarray (size,)
        Places of the chosen draws, in random order.
    k : float
        Pareto k; minus infinity when the ratios are all the same.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=4000)                 # from normal(0, 1), for normal(0.5, 1)
    >>> chosen, k = resample(0.5 * x, 1000, rng)
    >>> round(float(x[chosen].mean()), 1), k < 0.7
    (0.5, True)
    """
    n = len(log_ratios)
    weights, k = smoothed(log_ratios)
    if k == -np.inf:
        return rng.permutation(n)[:size], k
    if k > K_LIMIT:
        # The largest of log weights with Gumbel noise: a weighted sample without replacement.
        return np.argsort(-(weights + rng.gumbel(size=n)))[:size], k
    steps = (np.arange(size) + rng.random()) / size
    cumulative = np.cumsum(np.exp(weights))
    chosen = np.searchsorted(cumulative / cumulative[-1], steps)
    return rng.permutation(np.minimum(chosen, n - 1)), k
