"""What went wrong in a run: one warning a problem, each saying what to try."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from hiermodel.engines.base import Draws
from hiermodel.engines.diagnostics import diagnostics
from hiermodel.engines.settings import SamplingSettings
from hiermodel.errors import SamplingWarning, warn
from hiermodel.importance import K_LIMIT

__all__ = ["check_approximation", "check_sampling", "diagnostics", "ebfmi"]

RHAT_LIMIT = 1.01
ESS_PER_CHAIN = 100
EBFMI_LIMIT = 0.2
# A model is taken for undetermined when so large a share of the parameters (at least 2) has so
# high an R-hat, and so many transitions reached the maximum tree depth.
_RHAT_LOST, _LOST_SHARE, _DEEP_SHARE = 1.1, 0.25, 0.1
# How many of the worst parameters a message names.
_SHOWN = 3


def check_sampling(
    draws: Draws,
    settings: SamplingSettings,
    names: Iterable[str] | None = None,
) -> tuple[str, ...]:
    """Look for the problems that make draws doubtful, and warn once for each kind.

    Looks at divergent transitions, the tree depth, E-BFMI (energy), values that are not finite,
    R-hat, and bulk and tail effective sample size.

    Parameters
    ----------
    draws : Draws
    settings : SamplingSettings
        Of the run, for the limits that it set.
    names : iterable of str, optional
        Variables to look at; by default all of `draws`.

    Returns
    -------
    tuple of str
        The messages, as emitted; empty when nothing is wrong.

    Warns
    -----
    SamplingWarning
        One per kind of problem.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> check_sampling(Draws({"mu": rng.normal(size=(4, 500))}), SamplingSettings())
    ()
    """
    of_values = _of_values(draws, draws.values if names is None else names)
    lost = _undetermined(draws, settings, of_values)
    checks: Sequence[Callable[[], str]] = (
        lambda: _divergences(draws, settings),
        lambda: lost or _tree_depth(draws, settings, of_values),
        lambda: _energy(draws),
        lambda: _not_finite(of_values),
        # Longer runs, which these advise, do not help then.
        lambda: "" if lost else _rhat(of_values, draws),
        lambda: "" if lost else _ess(of_values, draws),
    )
    messages = tuple(message for message in (check() for check in checks) if message)
    for message in messages:
        warn(message, SamplingWarning)
    return messages


def check_approximation(draws: Draws) -> tuple[str, ...]:
    """Warn of what makes a mode or approximate draws doubtful.

    Parameters
    ----------
    draws : Draws
        Made by ``optimize``, ``laplace`` or ``pathfinder``.

    Returns
    -------
    tuple of str
        The messages, as emitted; empty when nothing is wrong.

    Warns
    -----
    SamplingWarning
        When Pareto k of the importance ratios is above 0.7, and for the remarks of the engine.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> draws = Draws({"mu": rng.normal(size=(1, 500))}, method="laplace", pareto_k=0.2)
    >>> check_approximation(draws)
    ()
    """
    messages = draws.remarks
    if draws.pareto_k is not None and draws.pareto_k > K_LIMIT:
        messages += (
            f"The {draws.method} approximation is poor: Pareto k of its importance ratios is "
            f"{draws.pareto_k:.2f}, above {K_LIMIT:g}. Its means and intervals can be far from "
            'those of the posterior; do not report them, use algorithm="sampling".',
        )
    for message in messages:
        warn(message, SamplingWarning)
    return messages


def ebfmi(energy: np.ndarray) -> np.ndarray:
    """Estimate the Bayesian fraction of missing information of each chain.

    Mean square of successive energy differences over the variance of the energy (Betancourt
    2016, "Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo").

    Parameters
    ----------
    energy : ndarray
        ``(chain, draw)``.

    Returns
    -------
    ndarray
        ``(chain,)``, NaN for a chain of constant energy.
    """
    square = np.square(np.diff(energy, axis=1)).sum(axis=1)
    spread = np.square(energy - energy.mean(axis=1, keepdims=True)).sum(axis=1)
    return np.divide(square, spread, out=np.full(len(energy), np.nan), where=spread > 0)


def _divergences(draws: Draws, settings: SamplingSettings) -> str:
    diverging = draws.stats.get("diverging")
    count = 0 if diverging is None else int(np.sum(diverging))
    if diverging is None or count == 0:
        return ""
    higher = next((d for d in (0.95, 0.99) if d > settings.adapt_delta), None)
    first = (
        f"Try adapt_delta={higher} (now {settings.adapt_delta:g}); if they stay, "
        if higher is not None
        else f"adapt_delta is {settings.adapt_delta:g} already: "
    )
    return (
        f"{count} of {diverging.size} transitions after warmup were divergent: the sampler met "
        f"regions that it could not follow, and the estimates may be biased. {first}"
        "give tighter priors, above all to group-level sds, or simplify the group-level terms."
    )


def _tree_depth(draws: Draws, settings: SamplingSettings, values: _Values) -> str:
    depth = draws.stats.get("tree_depth")
    count = 0 if depth is None else int(np.sum(depth >= settings.max_treedepth))
    if depth is None or count == 0:
        return ""
    agree = not (np.nan_to_num(values.rhat) > RHAT_LIMIT).any()
    return (
        f"{count} of {depth.size} transitions after warmup reached the maximum tree depth of "
        f"{settings.max_treedepth}: the sampler was slow{', not wrong' if agree else ''}. "
        f"Try max_treedepth={settings.max_treedepth + 2}, predictors of similar scale, or tighter "
        "priors."
    )


def _energy(draws: Draws) -> str:
    energy = draws.stats.get("energy")
    if energy is None or energy.shape[1] < 10:
        return ""
    values = ebfmi(energy)
    low = np.flatnonzero(values < EBFMI_LIMIT)
    if low.size == 0:
        return ""
    return (
        f"E-BFMI is below {EBFMI_LIMIT:g} in {low.size} of {len(values)} chains (lowest "
        f"{np.nanmin(values):.2f}): the tails of the posterior may not have been reached. Try a "
        "longer warmup, tighter priors on sds, or fewer group-level terms."
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Values:
    """What one pass over all parameters finds."""

    labels: Sequence[str]
    bad: np.ndarray
    rhat: np.ndarray
    bulk: np.ndarray
    tail: np.ndarray


def _of_values(draws: Draws, names: Iterable[str]) -> _Values:
    labels, stacked = _columns(draws, names)
    bad = ~np.isfinite(stacked).all(axis=(0, 1))
    found = diagnostics(stacked)
    return _Values(labels, bad, found["rhat"], found["ess_bulk"], found["ess_tail"])


def _undetermined(draws: Draws, settings: SamplingSettings, values: _Values) -> str:
    """Many chains that went different ways, at full tree depth: no run is long enough."""
    depth = draws.stats.get("tree_depth")
    if depth is None or not len(values.labels):
        return ""
    deep = float(np.mean(depth >= settings.max_treedepth))
    high = np.nan_to_num(values.rhat) > _RHAT_LOST
    if deep < _DEEP_SHARE or high.sum() < max(2, _LOST_SHARE * len(values.labels)):
        return ""
    return (
        f"R-hat is above {_RHAT_LOST} for {int(high.sum())} of {len(values.labels)} parameters, "
        f"worst {_worst(values.labels, high, values.rhat, values.rhat, '.3g')}, and "
        f"{100 * deep:.0f} % of the transitions reached the maximum tree depth of "
        f"{settings.max_treedepth}: most likely the data and priors do not determine these "
        "parameters (flat priors with collinear or constant predictors, a factor coded twice, "
        "groups with hardly any rows). A longer run will not help: drop such terms, or give "
        "proper priors, such as priors='weak'. The estimates mean nothing."
    )


def _columns(draws: Draws, names: Iterable[str]) -> tuple[list[str], np.ndarray]:
    """All elements of the variables as columns ``(chain, draw, k)``, with their labels."""
    labels: list[str] = []
    parts: list[np.ndarray] = []
    for name in names:
        values = np.asarray(draws.values[name], dtype=float)
        shape = values.shape[2:]
        if 0 in values.shape:
            continue
        parts.append(values.reshape(*values.shape[:2], -1))
        labels += [
            name + (f"[{','.join(str(i + 1) for i in at)}]" if at else "")
            for at in np.ndindex(shape)
        ]
    return labels, np.concatenate(parts, axis=2) if parts else np.empty((0, 0, 0))


def _worst(
    labels: Sequence[str], bad: np.ndarray, badness: np.ndarray, values: np.ndarray, form: str
) -> str:
    order = np.argsort(np.where(bad, -badness, np.inf), kind="stable")
    shown = order[: min(_SHOWN, int(bad.sum()))]
    return ", ".join(f"{labels[i]} ({values[i]:{form}})" for i in shown)


def _not_finite(values: _Values) -> str:
    labels, bad = values.labels, values.bad
    if not bad.any():
        return ""
    named = [labels[i] for i in np.flatnonzero(bad)[:_SHOWN]]
    return (
        f"{int(bad.sum())} of {len(labels)} parameters have draws that are not finite: "
        f"{', '.join(named)}. Check the priors and the scale of the response and predictors."
    )


def _rhat(values: _Values, draws: Draws) -> str:
    labels, rhat = values.labels, values.rhat
    high = np.nan_to_num(rhat) > RHAT_LIMIT
    if not high.any():
        return ""
    return (
        f"R-hat is above {RHAT_LIMIT} for {int(high.sum())} of {len(labels)} parameters, worst "
        f"{_worst(labels, high, rhat, rhat, '.3f')}: the chains do not agree. Run them "
        f"longer (draws={2 * draws.n_draws}, and more warmup), and look at plot_trace() before "
        "trusting any estimate."
    )


def _ess(values: _Values, draws: Draws) -> str:
    labels, bulk, tail = values.labels, values.bulk, values.tail
    limit = ESS_PER_CHAIN * draws.n_chains
    worse = np.fmin(bulk, tail)
    low = np.nan_to_num(worse, nan=np.inf) < limit
    if not low.any():
        return ""
    kinds = [n for n, e in (("bulk", bulk), ("tail", tail)) if (e[low] < limit).any()]
    return (
        f"The effective sample size ({' and '.join(kinds)}) is below {limit} (100 per chain) for "
        f"{int(low.sum())} of {len(labels)} parameters, worst "
        f"{_worst(labels, low, -worse, worse, '.0f')}: means or interval "
        f"ends are not precise. Run longer, for example draws={2 * draws.n_draws}."
    )
