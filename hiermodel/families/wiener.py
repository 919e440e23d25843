"""Response times of a Wiener process between two boundaries, in NumPy.

The process starts at ``bias * bs`` with drift ``mu`` and ends at 0 or at ``bs``; the response
time is the time until then plus ``ndt``.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from hiermodel.families.base import Distribution
from hiermodel.families.numerics import Array, outside, size_of

# With these numbers of terms what is left out is below 1e-17 of the sum, left and right of
# the time (in units of bs^2) at which one series takes over from the other.
_SWITCH, _SMALL_TERMS, _LARGE_TERMS = 0.5, 8, 12


def _log_first_passage(t: Array, w: Array) -> Array:
    """Log density of the time to 0 without drift, from w, with the other boundary at 1.

    The two series of Navarro & Fuss (2009), Journal of Mathematical Psychology 53, 222-230,
    doi:10.1016/j.jmp.2009.02.003.
    """
    t, w = np.broadcast_arrays(t, w)
    short, long = np.minimum(t, _SWITCH), np.maximum(t, _SWITCH)
    total = w + 0.0
    for k in range(1, _SMALL_TERMS + 1):
        for j in (k, -k):
            total = total + (w + 2 * j) * np.exp(-2 * j * (w + j) / short)
    with np.errstate(divide="ignore", invalid="ignore"):
        small = np.log(total) - 0.5 * w * w / short - 0.5 * np.log(2 * np.pi * short**3)
    total = np.zeros(t.shape)
    for k in range(1, _LARGE_TERMS + 1):
        total = total + k * np.sin(k * np.pi * w) * np.exp(-0.5 * (k * k - 1) * np.pi**2 * long)
    with np.errstate(divide="ignore", invalid="ignore"):
        large = np.log(np.pi * total) - 0.5 * np.pi**2 * long
    return np.where(t < _SWITCH, small, large)


def _log_prob(y: Array, bs: Array, ndt: Array, bias: Array, mu: Array, decision: Array) -> Array:
    time = np.asarray(y) - ndt
    inside = time > 0
    time = np.where(inside, time, 1.0)
    upper = np.asarray(decision) == 1
    w, drift = np.where(upper, 1 - bias, bias), np.where(upper, -mu, mu)
    log_prob = (
        _log_first_passage(time / np.square(bs), w)
        - drift * bs * w
        - 0.5 * np.square(drift) * time
        - 2 * np.log(bs)
    )
    return outside(y, inside, log_prob)


def wiener_mean_time(bs: Array, bias: Array, mu: Array) -> Array:
    """Mean time until a boundary is reached, ``(bs P(upper) - start) / mu``.

    Parameters
    ----------
    bs, bias, mu : array
        Distance of the boundaries, relative starting point, drift.
    """
    # The mirror image of a process has the same times: drifts are taken as positive.
    start = np.where(np.asarray(mu) < 0, 1 - bias, bias) * bs
    drift = np.abs(mu)
    slow = drift * bs < 1e-5
    safe = np.where(slow, 1.0, drift)
    upper = np.expm1(-2 * safe * start) / np.expm1(-2 * safe * bs)
    series = start * (bs - start) * (1 + drift * (bs - 2 * start) / 3)
    return np.where(slow, series, (bs * upper - start) / safe)


# ---- random draws


def _random(
    rng: Generator, bs: Array, ndt: Array, bias: Array, mu: Array, decision: Array
) -> Array:
    """Exact draws of the response time.

    From where it is, the process must first leave the largest symmetric interval between the
    boundaries. That time has a simple exact sampler, and is independent of the side; on one
    side there is a boundary, on the other one the walk goes on.
    """
    shape = size_of(bs, ndt, bias, mu, decision)
    width, drift = (np.broadcast_to(a, shape).ravel().astype(float) for a in (bs, mu))
    place = (np.broadcast_to(bias, shape) * np.broadcast_to(bs, shape)).ravel()
    time = np.zeros(place.shape)
    left = np.arange(place.size)
    while len(left):
        below, above = place[left], width[left] - place[left]
        radius = np.minimum(below, above)
        v = drift[left] * radius
        time[left] += np.square(radius) * _exit_time(rng, np.abs(v))
        with np.errstate(over="ignore"):
            up = rng.random(len(left)) < 1 / (1 + np.exp(-2 * v))
        ends = np.where(up, above <= below, below <= above)
        place[left] += np.where(up, radius, -radius)
        left = left[~ends]
    return np.asarray(np.broadcast_to(ndt, shape) + time.reshape(shape))


def _exit_time(rng: Generator, v: Array) -> Array:
    """Time at which a process with drift v >= 0 leaves (-1, 1).

    Proposals come from the inverse Gaussian distribution of the first time at 1; a proposal t is
    accepted with the probability `_acceptance`, by the reflection series of the density.
    Half of the proposals or more are accepted.
    """
    out = np.empty(v.shape)
    left = np.arange(v.size)
    while len(left):
        t = _first_time_at_one(rng, v[left])
        accepted = rng.random(len(left)) < _acceptance(t)
        out[left[accepted]] = t[accepted]
        left = left[~accepted]
    return out


def _first_time_at_one(rng: Generator, v: Array) -> Array:
    """Inverse Gaussian with mean 1 / v and shape 1 (Michael, Schucany & Haas 1976), also v = 0."""
    chi = np.square(rng.standard_normal(v.shape))
    small = 1 / (v + chi / 2 + np.sqrt(chi * chi / 4 + v * chi))
    first = rng.random(v.shape) * (1 + v * small) <= 1
    with np.errstate(divide="ignore"):
        return np.where(first, small, 1 / np.where(first, 1.0, v * v * small))


def _acceptance(t: Array) -> Array:
    """``sum over k of (-1)^k (2k + 1) exp(-2 k (k + 1) / t)``, from 1 at 0 down to 0.

    Later on it is computed from the eigenfunction series of the same density.
    """
    early, late = np.minimum(t, 1.0), np.maximum(t, 1.0)
    k = np.arange(8)
    signed = np.where(k % 2, -1.0, 1.0) * (2 * k + 1)
    short = (signed * np.exp(-2 * k * (k + 1) / early[:, None])).sum(axis=1)
    decay = np.exp(0.5 / late[:, None] - np.square(2 * k + 1) * np.pi**2 * late[:, None] / 8)
    long = np.pi / 4 * np.sqrt(2 * np.pi * late**3) * (signed * decay).sum(axis=1)
    return np.where(t < 1.0, short, long)


WIENER = Distribution(
    "wiener_choice",
    discrete=False,
    log_prob=_log_prob,
    random=_random,
    vectorized=False,
    functions=("wiener_choice.stan",),
)
