"""Power-scaling: what a posterior becomes when prior or likelihood is raised to a power.

Kallioinen, Paananen, Bürkner and Vehtari (2024), Detecting and diagnosing prior and likelihood
sensitivity with power-scaling, Statistics and Computing 34:57. The scaled posterior is reached by
importance weights ``component ** (alpha - 1)``, smoothed by Pareto. ArviZ 0.23 and 1.x compute
the same diagnostic, each for its own pair of powers and without parts of the prior; the distance
is therefore computed here, the smoothing is theirs.
"""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from hiermodel.importance import smoothed

#: `smoothed` takes ratios that differ by less as all the same; here they are the signal.
_NO_TAIL = 1e-3


def power_weights(log_component: np.ndarray, alpha: float) -> tuple[np.ndarray, float]:
    """Normalised weights ``(S,)`` of draws when a component is raised to a power, and Pareto k.

    Parameters
    ----------
    log_component : ndarray (S,)
        Log prior, part of it, or log-likelihood of each draw; at least 25 draws.
    alpha : float
        The power.

    Returns
    -------
    weights : ndarray (S,)
        They add up to 1.
    k : float
        Minus infinity where the weights are so even that nothing has to be smoothed.

    Examples
    --------
    >>> weights, k = power_weights(np.zeros(100), 1.01)
    >>> round(float(weights.max()), 10), k
    (0.01, -inf)
    """
    log_ratios = (alpha - 1.0) * (log_component - log_component.mean())
    if np.ptp(log_ratios) < _NO_TAIL:
        return np.exp(log_ratios - logsumexp(log_ratios)), -np.inf
    log_weights, k = smoothed(log_ratios)
    weights = np.exp(log_weights - logsumexp(log_weights))
    return weights, k


def cumulative_distance(draws: np.ndarray, weights: np.ndarray) -> float:
    """Cumulative Jensen-Shannon distance between draws and the same draws weighted.

    Parameters
    ----------
    draws, weights : ndarray (S,)

    Returns
    -------
    float
        From 0 to 1, free of the unit of the draws; NaN for draws that are all the same.

    Notes
    -----
    With the distribution functions P and Q it is the root of the symmetric divergence, the
    integral of ``P log2(2P / (P + Q)) + Q log2(2Q / (P + Q))``, over its upper bound, the
    integral of ``P + Q``; the linear terms of both directions cancel. It is not the same for
    draws with the other sign, so that the larger one of both is taken, as ArviZ does.

    Examples
    --------
    >>> x = np.arange(50.0)
    >>> round(cumulative_distance(x, np.full(50, 0.02)), 10)
    0.0
    """
    order = np.argsort(draws, kind="stable")
    widths = np.diff(draws[order])
    if not widths.any():
        return float("nan")
    n = len(draws)
    p = np.arange(1, n) / n
    q = np.cumsum(weights[order] / weights.sum())[:-1]
    # Of the draws with the other sign the distribution functions are 1 - P and 1 - Q.
    return max(_one_sided(widths, p, q), _one_sided(widths, 1.0 - p, 1.0 - q))


def _one_sided(widths: np.ndarray, p: np.ndarray, q: np.ndarray) -> float:
    total = p + np.maximum(q, 0.0)
    # Relative difference: the two logarithms are of 1 + d and 1 - d, where digits are not lost.
    d = np.clip((p - q) / total, -1.0, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        both = (1.0 + d) * np.log1p(d) + (1.0 - d) * np.log1p(-d)
    # At d of 1 or -1 one term is 0 log 0.
    both = np.where(np.abs(d) == 1.0, 2.0 * np.log(2.0), both)
    divergence = float(widths @ (total * both)) / (2.0 * np.log(2.0))
    return float(np.sqrt(max(divergence, 0.0) / float(widths @ total)))


def sensitivity(
    draws: np.ndarray, log_component: np.ndarray, alphas: tuple[float, float]
) -> tuple[np.ndarray, tuple[float, float]]:
    """How fast posteriors move when a component is power-scaled.

    Parameters
    ----------
    draws : ndarray (S, P)
        A column per parameter.
    log_component : ndarray (S,)
    alphas : (float, float)
        A power below 1 and one above.

    Returns
    -------
    ndarray (P,)
        Distance per doubling of the power, the mean of both directions; NaN for constants.
    (float, float)
        Pareto k of both powers.
    """
    out = np.zeros(draws.shape[1])
    shapes: list[float] = []
    for alpha in alphas:
        weights, k = power_weights(log_component, alpha)
        shapes.append(k)
        doublings = abs(np.log2(alpha))
        for j in range(draws.shape[1]):
            out[j] += cumulative_distance(draws[:, j], weights) / doublings / 2.0
    return out, (shapes[0], shapes[1])
