"""Log-likelihood, random draws and means of a family, in plain NumPy.

Everything here is a pure function of a family and an object `p` that holds its parameters on
the natural scale: arrays ``(S, N)`` or ``(S, 1)`` as attributes named like the parameters, plus
``trials`` ``(N,)`` and ``thresholds`` ``(S, 1 or N, T)`` for families that have them; ``mu`` of
ordinal and nominal families on the link scale. A parameter with a fixed value may be absent.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.random import Generator

from hiermodel.errors import FamilyError
from hiermodel.families.base import Distribution, Family, NumpyMath, ResponseKind
from hiermodel.families.mixture import component_parameters, log_probabilities
from hiermodel.families.numerics import Array, log_diff_exp
from hiermodel.families.truncation import inside, log_interval, log_mass

_Test = Callable[[Array], Array]

LEFT, NONE, RIGHT, INTERVAL = -1, 0, 1, 2

# Halvings of an interval of doubles after which nothing is left to halve.
_BISECTIONS = 120
_EXPANSIONS = 1100


def complete(family: Family, p: Any) -> Any:
    """Return `p` with the parameters that are fixed when absent filled in."""
    missing = {
        param.name: np.full((1, 1), param.fixed)
        for param in family.params
        if param.fixed is not None and not hasattr(p, param.name)
    }
    if "dec" in family.additions and not hasattr(p, "dec"):
        # Only densities look at the decision: random draws and means are of the time alone.
        missing["dec"] = np.zeros((1, 1))
    return SimpleNamespace(**{**vars(p), **missing}) if missing else p


def arguments(family: Family, p: Any) -> tuple[Array, ...]:
    """Arguments of the family's density, as arrays."""
    values = family.arguments(complete(family, p), NumpyMath)
    return tuple(np.asarray(value, float) for value in values)


def log_prob(
    family: Family,
    y: Array,
    p: Any,
    *,
    weights: Array | None = None,
    cens: Array | None = None,
    rcens: Array | None = None,
    lb: Array | None = None,
    ub: Array | None = None,
) -> Array:
    """Log-likelihood of every row for every draw.

    Parameters
    ----------
    family : Family
    y : array (N,)
        Responses as the Stan program has them; ``(N, C)`` for those of several columns.
    p : object
        Parameters, see the module.
    weights : array (N,), optional
        Multiply the log-likelihood of their rows.
    cens : array (N,), optional
        -1 left, 0 not, 1 right, 2 interval censored, the interval being ``(y, rcens]``.
    rcens : array (N,), optional
        Upper ends of the intervals.
    lb, ub : array (N,) or float, optional
        Truncation bounds, both inside the support that is left.

    Returns
    -------
    array (S, N)

    Raises
    ------
    FamilyError
        If rows are censored or truncated and the family has no distribution function.

    Examples
    --------
    >>> from hiermodel.families.registry import as_family
    >>> p = SimpleNamespace(mu=np.zeros((1, 2)), sigma=np.ones((1, 1)))
    >>> log_prob(as_family("gaussian"), np.array([0.0, 1.0]), p).round(3)
    array([[-0.919, -1.419]])
    """
    if family.components:
        bounds = {"cens": cens, "rcens": rcens, "lb": lb, "ub": ub}
        mixed = np.logaddexp.reduce(component_log_probs(family, y, p, **bounds), axis=-1)
        return mixed if weights is None else np.asarray(weights) * mixed
    dist, args = family.distribution, arguments(family, p)
    y = np.asarray(y)
    with np.errstate(invalid="ignore", over="ignore"):
        if cens is None or not np.any(cens):
            out = dist.log_prob(y, *args)
        else:
            _require_cdf(family, "cens()")
            out = _censored(dist, y, args, np.asarray(cens), rcens)
        if lb is not None or ub is not None:
            _require_cdf(family, "trunc()")
            low, high = _bounds(lb, ub)
            out = out - log_mass(dist, low, high, *args)
        if weights is not None:
            out = np.asarray(weights) * out
    return out


def mean(family: Family, p: Any, lb: Array | None = None, ub: Array | None = None) -> Array:
    """E[Y] for every draw and row, of the truncated distribution when there are bounds.

    Returns
    -------
    array (S, N)
        Or ``(S, N, C)``: the probabilities of the categories of ordinal and nominal families,
        the means of the columns of responses with several.

    Examples
    --------
    >>> from hiermodel.families.registry import as_family
    >>> p = SimpleNamespace(mu=np.full((1, 1), 2.0))
    >>> round(float(mean(as_family("poisson"), p, lb=1)[0, 0]), 4)
    2.313
    """
    if family.components:
        means = [mean(part, own, lb, ub) for part, own in component_parameters(family, p)]
        probabilities = np.exp(log_probabilities(family, p))
        shares = np.moveaxis(probabilities, -1, 0)
        # Categories of an ordinal response stand behind the rows.
        widen = (...,) if means[0].ndim == 2 else (..., None)
        return np.asarray(sum(w[widen] * m for w, m in zip(shares, means, strict=True)))
    if lb is None and ub is None:
        with np.errstate(invalid="ignore", over="ignore"):
            return family.mean(complete(family, p), NumpyMath)
    return truncated_mean(family, p, *_bounds(lb, ub))


def threshold_distances(family: Family, p: Any) -> Array:
    """Where each row stands to its thresholds, ``(S, N, T)``, as the density sees it."""
    p = complete(family, p)
    mu, disc = NumpyMath.across(p.mu), NumpyMath.across(p.disc)
    distance: Array = disc * (mu - p.thresholds if family.rising else p.thresholds - mu)
    return distance


def truncated_mean(family: Family, p: Any, lb: Array, ub: Array) -> Array:
    """E[Y | lb <= Y <= ub], exact, in closed form.

    Parameters
    ----------
    family : Family
    p : object
        Parameters, see the module.
    lb, ub : array (N,) or float
        Bounds, infinite for none. Counts equal to `lb` are inside.

    Returns
    -------
    array (S, N)

    Raises
    ------
    FamilyError
        If the distribution has no truncated mean.
    """
    dist = family.distribution
    if dist.truncated_mean is None:
        raise FamilyError(
            f"the mean of a truncated {family.name!r} response is not known; its "
            "Distribution needs truncated_mean"
        )
    low, high = _bounds(lb, ub)
    if dist.discrete:
        low, high = np.ceil(low), np.floor(high)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return inside(dist.truncated_mean(low, high, *arguments(family, p)), low, high)


def random(
    family: Family,
    rng: Generator,
    p: Any,
    lb: Array | None = None,
    ub: Array | None = None,
    ntries: int = 25,
) -> Array:
    """Draw one response for every draw and row.

    Truncated responses are drawn by rejection, `ntries` times, and by inverting the
    distribution function where that did not succeed: exact however little mass there is
    between the bounds.

    Returns
    -------
    array (S, N)
        ``(S, N, C)`` for responses of several columns. Integers for discrete families; floats when
        a parameter is NaN, which gives NaN.

    Examples
    --------
    >>> from hiermodel.families.registry import as_family
    >>> p = SimpleNamespace(mu=np.full((2, 3), 4.0))
    >>> y = random(as_family("poisson"), np.random.default_rng(1), p, lb=30)
    >>> y.shape, bool(y.min() >= 30)
    ((2, 3), True)
    """
    if family.components:
        return _mixed_random(family, rng, p, lb, ub, ntries)
    dist, args = family.distribution, arguments(family, p)
    broken, safe = _without_nan(args, family.response)
    y = dist.random(rng, *safe, *_random_arguments(family, p))
    if lb is not None or ub is not None:
        _require_cdf(family, "trunc()")
        y = draw_truncated(dist, rng, y, safe, *_bounds(lb, ub), ntries)
    if dist.discrete and np.all(np.isfinite(y)):
        y = np.asarray(y).astype(np.int64)
    if not np.any(broken):
        return y
    return np.where(broken[..., None] if family.several_columns else broken, np.nan, y)


def _random_arguments(family: Family, p: Any) -> tuple[Array, ...]:
    if family.random_arguments is None:
        return ()
    return tuple(np.asarray(value) for value in family.random_arguments(p, NumpyMath))


def component_log_probs(family: Family, y: Array, p: Any, **bounds: Any) -> Array:
    """Log probability of each component of a mixture and of the response, ``(S, N, K)``."""
    weights = log_probabilities(family, p)
    parts = [
        log_prob(part, y, own, **bounds) for part, own in component_parameters(family, p)
    ]
    shape = np.broadcast_shapes(*(part.shape for part in parts), weights.shape[:-1])
    return np.stack([np.broadcast_to(part, shape) for part in parts], axis=-1) + weights


def _mixed_random(
    family: Family, rng: Generator, p: Any, lb: Array | None, ub: Array | None, ntries: int
) -> Array:
    """Draw from every component, then choose one."""
    draws = [
        random(part, rng, own, lb, ub, ntries) for part, own in component_parameters(family, p)
    ]
    probabilities = np.exp(log_probabilities(family, p))
    shape = np.broadcast_shapes(*(d.shape for d in draws), probabilities.shape[:-1])
    u = rng.random(shape)[..., None]
    bounds = np.cumsum(probabilities, axis=-1)[..., :-1]
    chosen = (u >= bounds).sum(axis=-1)[None]
    stacked = np.stack([np.broadcast_to(d, shape) for d in draws])
    picked: Array = np.take_along_axis(stacked, chosen, axis=0)[0]
    return picked


# ---- parts


def _require_cdf(family: Family, term: str) -> None:
    dist = family.distribution
    if dist.log_cdf is None or dist.log_ccdf is None:
        raise FamilyError(f"family {family.name!r} has no distribution function for {term}")


def _bounds(lb: Array | None, ub: Array | None) -> tuple[Array, Array]:
    low = np.asarray(-np.inf if lb is None else lb, float)
    high = np.asarray(np.inf if ub is None else ub, float)
    return low, high


def _columns(args: tuple[Array, ...], rows: Array, n: int) -> tuple[Array, ...]:
    """Take the arguments of some rows; those that all rows share stay as they are."""
    return tuple(a[..., rows] if a.ndim and a.shape[-1] == n and n > 1 else a for a in args)


def _censored(
    dist: Distribution, y: Array, args: tuple[Array, ...], cens: Array, rcens: Array | None
) -> Array:
    assert dist.log_cdf is not None and dist.log_ccdf is not None
    n = y.shape[-1]
    shape = np.broadcast_shapes(y.shape, *(a.shape for a in args))
    out = np.empty(shape)
    for code in np.unique(cens):
        rows = np.flatnonzero(cens == code)
        some, at = _columns(args, rows, n), y[..., rows]
        if code == NONE:
            value = dist.log_prob(at, *some)
        elif code == RIGHT:
            value = dist.log_ccdf(at, *some)
        elif code == LEFT:
            value = dist.log_cdf(at, *some)
        else:
            assert rcens is not None
            value = log_interval(dist, at, np.asarray(rcens)[..., rows], *some)
        out[..., rows] = value
    return out


def _without_nan(
    args: tuple[Array, ...], response: ResponseKind
) -> tuple[Array, tuple[Array, ...]]:
    """Where an argument is NaN, and arguments that a generator accepts everywhere.

    Arguments of ordinal and nominal densities have a category axis, and their generators take
    NaN. Behind their first entry those of ordinal densities may be padded with NaN.
    """
    if response == "ordinal":
        # A parameter without a formula has one column for all rows.
        first = np.broadcast_arrays(*(a[..., 0] for a in args))
        return np.any([np.isnan(a) for a in first], axis=0), args
    if response == "nominal":
        return np.any([np.isnan(a).any(axis=-1) for a in args], axis=0), args
    if response in ("simplex", "count vector"):
        inner = [np.isnan(a).any(axis=tuple(range(2, a.ndim))) for a in args]
        broken = np.any(np.broadcast_arrays(*inner), axis=0)
        return broken, tuple(np.where(np.isnan(a), 1.0, a) for a in args)
    missing = [np.isnan(a) for a in args]
    broken = missing[0]
    for more in missing[1:]:
        broken = broken | more
    if not np.any(broken):
        return broken, args
    # Any valid row serves in the place of a broken one.
    good = np.argwhere(~broken)
    if not len(good):
        return broken, tuple(np.broadcast_to(1.0, broken.shape) for _ in args)
    whole = tuple(good[0])
    full = [np.broadcast_to(a, broken.shape) for a in args]
    return broken, tuple(np.where(broken, a[whole], a) for a in full)


def draw_truncated(
    dist: Distribution,
    rng: Generator,
    y: Array,
    args: tuple[Array, ...],
    lb: Array,
    ub: Array,
    ntries: int = 25,
) -> Array:
    """Replace those of the draws `y` that lie outside bounds by draws from inside them."""
    shape = np.broadcast_shapes(np.shape(y), lb.shape, ub.shape)
    y = np.array(np.broadcast_to(y, shape), float)
    low, high = (np.broadcast_to(bound, shape).ravel() for bound in (lb, ub))
    flat = tuple(np.broadcast_to(a, shape).ravel() for a in args)
    out = y.ravel()
    left = np.flatnonzero((out < low) | (out > high))
    for _ in range(ntries):
        if not len(left):
            break
        out[left] = dist.random(rng, *(a[left] for a in flat))
        left = left[(out[left] < low[left]) | (out[left] > high[left])]
    if len(left):
        u = 1 - rng.random(len(left))  # never 0, whose quantile may be infinite
        out[left] = _invert(dist, u, low[left], high[left], tuple(a[left] for a in flat))
    return out.reshape(shape)


def _invert(dist: Distribution, u: Array, lb: Array, ub: Array, args: tuple[Array, ...]) -> Array:
    """Return the quantile at `u` of the distribution between bounds, by bisection.

    It is the smallest y with P(lb <= Y <= y) >= u P(lb <= Y <= ub), looked for in the tail
    where the distribution function has its digits.
    """
    assert dist.log_cdf is not None and dist.log_ccdf is not None
    if dist.discrete:
        lb, ub = np.ceil(lb), np.floor(ub)
    below = lb - 1 if dist.discrete else lb
    with np.errstate(all="ignore"):
        part = np.log(u) + log_mass(dist, lb, ub, *args)
        cdf_below, ccdf_below = dist.log_cdf(below, *args), dist.log_ccdf(below, *args)
        lower = np.logaddexp(cdf_below, part)
        upper = log_diff_exp(ccdf_below, np.minimum(part, ccdf_below))
        out = np.full(u.shape, np.nan)
        upper_tail = lower >= ccdf_below
        for rows in (np.flatnonzero(~upper_tail), np.flatnonzero(upper_tail)):
            rows = rows[np.isfinite(part[rows])]
            if not len(rows):
                continue
            some = tuple(a[rows] for a in args)
            if upper_tail[rows[0]]:
                reached = _falls_to(dist.log_ccdf, some, upper[rows])
            else:
                reached = _rises_to(dist.log_cdf, some, lower[rows])
            out[rows] = _bisect(dist.discrete, lb[rows], ub[rows], reached)
    return out


def _rises_to(function: Callable[..., Array], args: tuple[Array, ...], goal: Array) -> _Test:
    return lambda y: function(y, *args) >= goal


def _falls_to(function: Callable[..., Array], args: tuple[Array, ...], goal: Array) -> _Test:
    return lambda y: function(y, *args) <= goal


def _bisect(discrete: bool, lb: Array, ub: Array, reached: _Test) -> Array:
    """Return the smallest y between the bounds for which `reached` is true."""
    low, high = _bracket(lb, ub, reached)
    for _ in range(_BISECTIONS):
        middle = np.floor((low + high) / 2) if discrete else low + (high - low) / 2
        if np.all((middle <= low) | (middle >= high)):
            break
        done = reached(middle)
        high = np.where(done, middle, high)
        low = np.where(done, low, middle)
    return high


def _bracket(lb: Array, ub: Array, reached: _Test) -> tuple[Array, Array]:
    """Finite numbers around the quantile, found by doubling the distance to a bound."""
    start = np.where(np.isfinite(lb), lb, np.where(np.isfinite(ub), ub, 0.0))
    # One below, so that a quantile equal to the bound can be found.
    low = np.where(np.isfinite(lb), lb - 1, start - 1)
    high = np.where(np.isfinite(ub), ub, start + 1)
    step = 1.0
    for _ in range(_EXPANSIONS):
        open_high = ~np.isfinite(ub) & ~reached(high)
        open_low = ~np.isfinite(lb) & reached(low)
        if not (np.any(open_high) or np.any(open_low)) or not np.isfinite(step):
            break
        high = np.where(open_high, high + step, high)
        low = np.where(open_low, low - step, low)
        step *= 2
    return low, high
