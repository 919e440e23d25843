"""Random references: moments over 4000 calls, compared within Monte Carlo error.

The first draw is repeated, so that one call gives a sample of the same distribution. The
standard error of every statistic, whatever its distribution, is estimated from batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness import compare
from harness.post import PostCase, by_response, method, per_draw
from harness.post_exact import must_refuse, population

SAMPLES = 4000
BATCHES = 40
# With 40 batches a t statistic beyond 6 has probability 5e-7; about 2000 are looked at.
STANDARD_ERRORS = 6.0
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

Statistic = Callable[[np.ndarray], np.ndarray]


def standard_error(sample: np.ndarray, statistic: Statistic, theirs: int) -> np.ndarray:
    """Standard error of the difference to an equal statistic of `theirs` other values."""
    batches = np.array_split(sample, BATCHES)
    own = np.std([statistic(batch) for batch in batches], axis=0, ddof=1) / np.sqrt(BATCHES)
    return np.asarray(own * np.sqrt(1.0 + len(sample) / theirs))


def agrees(
    name: str,
    sample: np.ndarray,
    statistic: Statistic,
    expected: np.ndarray,
    theirs: int,
    slack: float = 0.0,
) -> str:
    """One line when a statistic of the sample (S, ...) is too far from the expected value."""
    ours = statistic(sample)
    allowed = STANDARD_ERRORS * standard_error(sample, statistic, theirs) + slack
    off = np.abs(ours - expected)
    bad = ~(off <= allowed)
    if not bad.any():
        return ""
    at = np.unravel_index(int(np.argmax(np.where(bad, off / (allowed + 1e-300), -1))), off.shape)
    return (
        f"{name}[{', '.join(str(int(i)) for i in at)}]: {ours[at]:.6g}, recorded {expected[at]:.6g}"
        f" (allowed difference {allowed[at]:.3g})"
    )


def predictive(post: PostCase, key: str) -> list[str]:
    """Moments, quantiles or probabilities of ``posterior_predict`` at the first draw."""
    lines: list[str] = []
    repeated = post.repeated(SAMPLES)
    for resp, reference in _by_response(post.case[key]):
        extra = {"resp": resp} if resp else {}
        result = method(repeated, "posterior_predict")(seed=1, **extra)
        rows = post.placed(reference["rows"])
        if resp:
            # A response with a subset() has some of these rows only.
            rows = np.flatnonzero(np.isin(result[result.dims[2]], rows))
        sample = per_draw(result)[:, rows]
        sample = sample.reshape(len(sample), -1)  # columns of a matrix response within rows
        label = f"{key} ({resp})" if resp else key
        lines += _moments(label, sample, reference["moments"], reference["draws"])
    return lines


def _by_response(
    references: Mapping[str, Any]
) -> list[tuple[str | None, Mapping[str, Any]]]:
    """References with moments, by response: moments of several responses may stand together."""
    if "moments" not in references:
        return [(resp, one) for resp, one in references.items() if "moments" in one]
    if "mean" in references["moments"]:
        return [(None, references)]
    return [
        (resp, {**references, "moments": moments})
        for resp, moments in references["moments"].items()
    ]


def _moments(
    name: str, sample: np.ndarray, moments: Mapping[str, Any], theirs: int
) -> list[str]:
    lines = []
    integer = bool(np.all(sample == np.round(sample)))
    light = ~_heavy_tailed(sample, compare.array(moments["sd"]))
    for statistic, function in (("mean", _mean), ("sd", _sd)):
        expected = compare.array(moments[statistic])[light]
        if light.any():
            label = f"{name} {statistic}"
            lines.append(agrees(label, sample[:, light], function, expected, theirs))
    if "quantiles" in moments:
        expected = compare.array(moments["quantiles"]).reshape(-1, len(QUANTILES))
        slack = 1.0 if integer else 0.0
        lines.append(agrees(f"{name} quantiles", sample, _quantiles, expected, theirs, slack))
    if "support" in moments and not _nested(moments["support"]):
        support = compare.array(moments["support"])
        expected = compare.array(moments["prob"]).reshape(sample.shape[1], len(support))
        lines.append(_probabilities(name, sample, support, expected, theirs))
    return [line for line in lines if line]


def _nested(values: Any) -> bool:
    return bool(values) and isinstance(values[0], list)


def _heavy_tailed(sample: np.ndarray, recorded_sd: np.ndarray) -> np.ndarray:
    """Rows whose mean and sd are decided by a few values (they may not even exist)."""
    low, high = np.quantile(sample, [0.25, 0.75], axis=0)
    spread = np.maximum(sample.std(axis=0), np.nan_to_num(recorded_sd, nan=np.inf))
    # 0.74 for a normal distribution, 1.5 for a t with 2.5 degrees of freedom.
    return np.asarray((high > low) & (spread > 1.5 * (high - low)))


def _mean(sample: np.ndarray) -> np.ndarray:
    return np.asarray(sample.mean(axis=0))


def _sd(sample: np.ndarray) -> np.ndarray:
    return np.asarray(sample.std(axis=0, ddof=1))


def _quantiles(sample: np.ndarray) -> np.ndarray:
    return np.quantile(sample, QUANTILES, axis=0).T


def _correlation(sample: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(sample[:, 0], sample[:, 1])[0, 1]])


def _probabilities(
    name: str, sample: np.ndarray, support: np.ndarray, expected: np.ndarray, theirs: int
) -> str:
    ours = (sample[:, :, None] == support).mean(axis=0)
    pooled = (ours * len(sample) + expected * theirs) / (len(sample) + theirs)
    error = np.sqrt(pooled * (1 - pooled) * (1 / len(sample) + 1 / theirs))
    off = np.abs(ours - expected) - STANDARD_ERRORS * error - 2.0 / theirs
    if not (off > 0).any():
        return ""
    row, value = np.unravel_index(int(np.argmax(off)), off.shape)
    return (
        f"{name}: P(Y = {support[value]:g}) of row {row + 1} is {ours[row, value]:.4f}, "
        f"recorded {expected[row, value]:.4f}"
    )


def new_level(post: PostCase, key: str) -> list[str]:
    """A new level: refused without permission; with it, drawn in one of two ways."""
    newdata, reference = post.newdata(key), post.case[key]
    lines = population(post, newdata, reference, key)
    if reference.get("error_if_not_allowed"):
        lines += must_refuse(post, newdata, key)
    for way in ("uncertainty", "gaussian"):
        moments = reference.get(f"linpred_{way}_draw1") or {}
        for resp, inner in by_response(moments):
            if "mean" in inner:
                resp = resp or inner.get("response")
                lines += _new_level_moments(post, newdata, f"{key} {way}", way, resp, inner)
    return lines


def _new_level_moments(
    post: PostCase, newdata: Any, name: str, way: str, resp: str | None, moments: Mapping[str, Any]
) -> list[str]:
    extra = {"resp": resp} if resp else {}
    result = method(post.repeated(SAMPLES), "posterior_linpred")(
        newdata, allow_new_levels=True, sample_new_levels=way, seed=1, **extra
    )
    sample = per_draw(result)
    # Columns of a categorical model are the rows within each category.
    sample = sample.reshape(len(sample), sample.shape[1], -1).swapaxes(1, 2).reshape(SAMPLES, -1)
    theirs = int(moments["draws"])
    mean, sd = compare.array(moments["mean"]), compare.array(moments["sd"])
    lines = [
        agrees(f"{name} mean", sample, _mean, mean, theirs, 1e-8),
        agrees(f"{name} sd", sample, _sd, sd, theirs, 1e-8),
    ]
    if moments.get("cor12") not in (None, "NA", "NaN") and sample[:, :2].std(axis=0).min() > 0:
        cor = np.array([compare.number(moments["cor12"])])
        lines.append(agrees(f"{name} correlation", sample, _correlation, cor, theirs, 1e-8))
    return [line for line in lines if line]


def moments_of_random_linpred(post: PostCase, key: str) -> list[str]:
    """Linear predictors that are random for new rows: moments at the first draw."""
    newdata = post.newdata("newdata")
    lines: list[str] = []
    for resp, moments in by_response(post.case[key]):
        if "mean" not in moments:
            continue
        extra = {"resp": resp} if resp else {}
        repeated = post.repeated(SAMPLES)
        sample = per_draw(method(repeated, "posterior_linpred")(newdata, seed=1, **extra))
        # The jitter of an exact Gaussian process is a matter of taste: hence the slack.
        mean, sd = compare.array(moments["mean"]), compare.array(moments["sd"])
        theirs = int(moments.get("draws", SAMPLES))
        lines.append(agrees(f"{key} mean", sample, _mean, mean, theirs, 1e-2))
        lines.append(agrees(f"{key} sd", sample, _sd, sd, theirs, 1e-2))
    return [line for line in lines if line]
