"""Log-scale special functions that hold on far out in the tails.

SciPy's regularised incomplete gamma and beta functions underflow at 1e-308. Where they do, the
logs are computed from a series or a continued fraction instead (Abramowitz & Stegun 6.5.29,
6.5.31, 26.5.8, the fractions by Lentz's method). All functions broadcast.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

from hiermodel.links import log1m_exp

Array = np.ndarray

_TINY = 1e-290
_MAX_TERMS = 2000


def log_diff_exp(a: Array, b: Array) -> Array:
    """``log(exp(a) - exp(b))`` for a >= b; -inf where they are equal."""
    a, b = np.broadcast_arrays(np.asarray(a, float), np.asarray(b, float))
    with np.errstate(invalid="ignore"):
        # -inf minus -inf is no mass at all, not an undefined number.
        gap = np.where(np.isneginf(a), 0.0, b - a)
        return a + log1m_exp(np.minimum(gap, 0.0))


def outside(y: Array, support: Array, log_prob: Array) -> Array:
    """-inf where y is outside its support; NaN parameters stay NaN."""
    return np.where(support, log_prob, np.where(np.isnan(log_prob), log_prob, -np.inf))


def size_of(*args: Array) -> tuple[int, ...]:
    """Shape that arrays broadcast to."""
    return np.broadcast_shapes(*(np.shape(a) for a in args))


def xlogy(x: Array, y: Array) -> Array:
    """``x log(y)`` with 0 log 0 = 0."""
    return special.xlogy(x, y)


def log_rising(a: Array, n: Array) -> Array:
    """Log of ``a (a + 1) ... (a + n - 1)``, with all digits also where `a` is large.

    There the difference of two log gamma functions is taken from Stirling's series (Abramowitz
    and Stegun 1972, 6.1.41), whose large terms are subtracted on paper.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        direct = special.gammaln(a + n) - special.gammaln(a)
        large = np.maximum(a, 10.0)
        series = (large + n - 0.5) * np.log1p(n / large) + n * np.log(large) - n
        series = series + _stirling_rest(large + n) - _stirling_rest(large)
    # Nothing is multiplied when n is 0, whatever a is.
    out = np.where(a < 10, direct, series)
    return np.where((n == 0) & ~np.isnan(a), 0.0, out)


def _stirling_rest(z: Array) -> Array:
    """What Stirling's formula for the log gamma function leaves out, for z from 10 on."""
    inverse = 1 / np.asarray(z, float)
    square = inverse**2
    out: Array = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return out


def _patched(value: Array, log_value: Array, fallback: Callable[..., Array], *args: Array) -> Array:
    """Replace the log where `value` has (nearly) underflowed by `fallback` of the arguments."""
    args = tuple(np.broadcast_to(np.asarray(a, float), value.shape) for a in args)
    finite = np.all([np.isfinite(a) for a in args], axis=0)
    low = (value < _TINY) & finite
    if not np.any(low):
        return log_value
    out = np.array(log_value)
    with np.errstate(all="ignore"):
        out[low] = fallback(*(a[low] for a in args))
    return out


def log_gammainc(a: Array, x: Array) -> Array:
    """Log of the lower regularised incomplete gamma function P(a, x)."""
    with np.errstate(divide="ignore"):
        lower = np.asarray(special.gammainc(a, x))
        log_lower = np.where(lower > 0.5, np.log1p(-special.gammaincc(a, x)), np.log(lower))
    return _patched(lower, log_lower, _log_gamma_series, a, x)


def log_gammaincc(a: Array, x: Array) -> Array:
    """Log of the upper regularised incomplete gamma function Q(a, x)."""
    with np.errstate(divide="ignore"):
        upper = np.asarray(special.gammaincc(a, x))
        log_upper = np.where(upper > 0.5, np.log1p(-special.gammainc(a, x)), np.log(upper))
    return _patched(upper, log_upper, _log_gamma_fraction, a, x)


def _log_gamma_series(a: Array, x: Array) -> Array:
    term = np.ones_like(a)
    total = np.ones_like(a)
    for k in range(1, _MAX_TERMS):
        term = term * x / (a + k)
        total = total + term
        if np.all(term < total * 1e-17):
            break
    head = xlogy(a, x) - x - special.gammaln(a + 1)
    return np.where(x <= 0, -np.inf, head + np.log(total))


def _log_gamma_fraction(a: Array, x: Array) -> Array:
    b = x + 1 - a
    c = np.full_like(a, 1 / 1e-300)
    d = 1 / b
    h = d
    for i in range(1, _MAX_TERMS):
        an = -i * (i - a)
        b = b + 2
        d = 1 / (an * d + b)
        c = b + an / c
        h = h * d * c
        if np.all(np.abs(d * c - 1) < 1e-15):
            break
    return xlogy(a, x) - x - special.gammaln(a) + np.log(h)


def log_betainc(a: Array, b: Array, x: Array, y: Array | None = None) -> Array:
    """Log of the regularised incomplete beta function I_x(a, b).

    `y` is ``1 - x`` for callers that know it more precisely than the subtraction gives.
    """
    y = 1 - np.asarray(x, float) if y is None else y
    with np.errstate(divide="ignore"):
        small = np.asarray(y) < np.asarray(x)
        value = np.where(small, special.betaincc(b, a, y), special.betainc(a, b, x))
        other = np.where(small, special.betainc(b, a, y), special.betaincc(a, b, x))
        log_value = np.where(value > 0.5, np.log1p(-other), np.log(value))
    return _patched(value, log_value, _log_beta_fraction, a, b, x, y)


def _log_beta_fraction(a: Array, b: Array, x: Array, y: Array) -> Array:
    c = np.ones_like(a)
    d = 1 / (1 - (a + b) * x / (a + 1))
    h = d
    for m in range(1, _MAX_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + even * d)
        c = 1 + even / c
        h = h * d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + odd * d)
        c = 1 + odd / c
        h = h * d * c
        if np.all(np.abs(d * c - 1) < 1e-15):
            break
    head = xlogy(a, x) + xlogy(b, y) - np.log(a) - special.betaln(a, b)
    return np.where(x <= 0, -np.inf, head + np.log(h))
