"""R-hat and effective sample sizes of many parameters at once.

Rank-normalised split R-hat and bulk and tail effective sample size of Vehtari, Gelman, Simpson,
Carpenter and Buerkner (2021), "Rank-normalization, folding, and localization: an improved R-hat
for assessing convergence of MCMC", Bayesian Analysis 16(2). The values are ArviZ's; computing
them here, for all parameters in one pass, spares ArviZ's import and its loop over variables.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Draws that one pass holds: small enough to stay in the processor's cache.
_CHUNK = 200_000


def diagnostics(draws: np.ndarray) -> dict[str, np.ndarray]:
    """Compute R-hat, bulk ESS and tail ESS.

    Parameters
    ----------
    draws : ndarray
        ``(chain, draw, k)``, or ``(chain, draw)`` for one parameter.

    Returns
    -------
    dict of str to ndarray
        ``rhat``, ``ess_bulk`` and ``ess_tail``, each ``(k,)``. NaN where draws are not finite,
        constant, or too few (less than 4). A single chain has its split R-hat.

    Examples
    --------
    >>> found = diagnostics(np.random.default_rng(1).normal(size=(4, 500, 2)))
    >>> found["rhat"].shape, bool((found["rhat"] < 1.02).all())
    ((2,), True)
    """
    array = np.asarray(draws, dtype=float)
    if array.ndim == 2:
        array = array[:, :, np.newaxis]
    if array.ndim != 3:
        raise ValueError(f"draws must be (chain, draw, k), got shape {array.shape}")
    k = array.shape[2]
    out = {name: np.full(k, np.nan) for name in ("rhat", "ess_bulk", "ess_tail")}
    if array.shape[1] < 4:
        return out
    for part in _parts(array):
        block = array[:, :, part]
        low, high = block.min(axis=(0, 1)), block.max(axis=(0, 1))
        good = np.isfinite(low) & np.isfinite(high) & (high > low)
        if not good.any():
            continue
        found = _of_varying(np.moveaxis(block[:, :, good], 2, 0))
        for name, values in found.items():
            out[name][np.arange(k)[part][good]] = values
    return out


def ess_mean(rows: np.ndarray) -> np.ndarray:
    """Effective sample size for the mean of each quantity, without ranks.

    Parameters
    ----------
    rows : ndarray (k, chain, draw)
        Contiguous. Single precision gives single precision, in half the time.

    Returns
    -------
    ndarray (k,)
        NaN where draws are not finite, constant, or too few (less than 4).

    Examples
    --------
    >>> found = ess_mean(np.random.default_rng(1).normal(size=(2, 4, 500)))
    >>> bool((found > 1500).all())
    True
    """
    out = np.full(len(rows), np.nan)
    if rows.shape[2] < 4:
        return out
    low, high = rows.min(axis=(1, 2)), rows.max(axis=(1, 2))
    good = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & (high > low))
    width = max(1, _CHUNK // (rows.shape[1] * rows.shape[2]))
    for start in range(0, len(good), width):
        at = good[start : start + width]
        out[at] = _ess(_split(rows[at]))
    return out


def _parts(array: np.ndarray) -> Iterator[slice]:
    width = max(1, _CHUNK // (array.shape[0] * array.shape[1]))
    for start in range(0, array.shape[2], width):
        yield slice(start, start + width)


def _of_varying(draws: np.ndarray) -> dict[str, np.ndarray]:
    """Diagnostics of draws ``(k, chain, draw)`` that are finite and not constant."""
    split = _split(draws)
    scores = _normal_scores(split)
    middle = np.median(split, axis=(1, 2), keepdims=True)
    folded = _normal_scores(np.abs(split - middle))
    low, high = (_ess_indicator(draws <= edge) for edge in _tail_edges(draws))
    return {
        "rhat": np.fmax(_rhat(scores), _rhat(folded)),
        "ess_bulk": _ess(scores),
        "ess_tail": np.fmin(low, high),
    }


def _split(draws: np.ndarray) -> np.ndarray:
    """Halve each chain; the middle draw of an odd number is left out."""
    half = draws.shape[2] // 2
    return np.concatenate([draws[:, :, :half], draws[:, :, -half:]], axis=1)


def _tail_edges(draws: np.ndarray) -> np.ndarray:
    flat = draws.reshape(len(draws), -1)
    return np.quantile(flat, (0.05, 0.95), axis=1)[:, :, np.newaxis, np.newaxis]


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    """Replace draws by normal quantiles of their ranks over all chains, ties averaged."""
    from scipy.special import ndtri

    flat = draws.reshape(len(draws), -1)
    n = flat.shape[1]
    # Ranks are whole or half numbers: 2n - 1 quantiles serve all parameters.
    table = ndtri((np.arange(2, 2 * n + 1) / 2 - 0.375) / (n + 0.25))
    return np.asarray(table[_doubled_ranks(flat)]).reshape(draws.shape)


def _doubled_ranks(rows: np.ndarray) -> np.ndarray:
    """Twice the rank within each row, counted from 0, equal values sharing their mean rank."""
    k, n = rows.shape
    order = np.argsort(rows, axis=1)
    ordered = np.take_along_axis(rows, order, axis=1)
    places = np.broadcast_to(2 * np.arange(n), (k, n)).copy()
    same = ordered[:, 1:] == ordered[:, :-1]
    for row in np.flatnonzero(same.any(axis=1)):
        group = np.concatenate([[0], np.cumsum(~same[row])])
        last = np.cumsum(np.bincount(group)) - 1
        first = np.concatenate([[0], last[:-1] + 1])
        places[row] = (first + last)[group]
    ranks = np.empty((k, n), dtype=np.int64)
    np.put_along_axis(ranks, order, places, axis=1)
    return ranks


def _rhat(draws: np.ndarray) -> np.ndarray:
    n = draws.shape[2]
    between = n * draws.mean(axis=2).var(axis=1, ddof=1)
    within = draws.var(axis=2, ddof=1).mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt((between / within + n - 1) / n))


def _ess_indicator(inside: np.ndarray) -> np.ndarray:
    """ESS of an event; all draws count where it always happens, as in ArviZ."""
    halves = _split(inside.astype(float))
    out = np.full(len(halves), float(halves[0].size) if len(halves) else 0.0)
    varying = halves.min(axis=(1, 2)) < halves.max(axis=(1, 2))
    out[varying] = _ess(halves[varying])
    return out


def _ess(draws: np.ndarray) -> np.ndarray:
    """ESS of split chains ``(k, chain, draw)`` by Geyer's initial monotone sequence."""
    k, chains, n = draws.shape
    if k == 0:
        return np.empty(0)
    covariance = _mean_autocovariance(draws)
    within = covariance[:, 0] * n / (n - 1.0)
    pooled = within * (n - 1.0) / n
    if chains > 1:
        pooled = pooled + draws.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rho = 1.0 - (within[:, np.newaxis] - covariance) / pooled[:, np.newaxis]
    rho[:, 0] = 1.0
    total = chains * n
    tau = _geyer(rho, n)
    return np.asarray(total / np.maximum(tau, 1 / np.log10(total)))


def _mean_autocovariance(draws: np.ndarray) -> np.ndarray:
    """Autocovariances ``(k, n)`` of draws ``(k, chain, n)``, the mean over chains."""
    from scipy.fft import irfft, next_fast_len, rfft

    n = draws.shape[2]
    length = next_fast_len(2 * n, real=True)
    centred = draws - draws.mean(axis=2, keepdims=True)
    spectrum = rfft(centred, n=length, axis=2)
    # The transform is linear: one inverse of the mean power serves all chains.
    power = (spectrum.real**2 + spectrum.imag**2).mean(axis=1)
    return np.asarray(irfft(power, n=length, axis=1)[:, :n] / n)


def _geyer(rho: np.ndarray, n: int) -> np.ndarray:
    """Integrated autocorrelation time from pair sums that are positive and made to decrease.

    Pair ``j`` is ``rho[2j] + rho[2j + 1]``. All pairs before the first that is not positive
    count twice; of that one, or of the last that is looked at, the even lag counts once.
    """
    last = max(0, (n - 3) // 2)
    even, odd = rho[:, 0 : 2 * last + 1 : 2], rho[:, 1 : 2 * last + 2 : 2]
    sums = even + odd
    column = np.arange(last + 1)
    stop = np.where(sums > 0, last, column).min(axis=1)[:, np.newaxis]
    counted = column < stop
    monotone = np.minimum.accumulate(np.where(counted, sums, np.inf), axis=1)
    closing = np.take_along_axis(even, stop, axis=1)
    closing = np.where(np.take_along_axis(sums, stop, axis=1) >= 0, closing, np.fmax(closing, 0))
    return np.asarray(-1.0 + 2.0 * np.where(counted, monotone, 0).sum(axis=1) + closing[:, 0])
