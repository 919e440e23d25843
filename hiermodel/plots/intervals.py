"""Posterior intervals and densities of parameters, with a region of practical equivalence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import probability
from hiermodel.errors import ArgumentError
from hiermodel.flatnames import columns, flat_names
from hiermodel.plots.axes import DARK, GREY, LIGHT, forest_size, one_axes, rows_below
from hiermodel.plots.rope import chosen, ranges_of
from hiermodel.summary import main_names
from hiermodel.summary.shown import as_table
from hiermodel.summary.statistics import describe, quantile_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit

_KINDS = ("intervals", "density")


def interval_table(
    fit: Fit,
    variables: str | Sequence[str] | None = None,
    *,
    prob: float = 0.95,
    inner: float = 0.5,
) -> pd.DataFrame:
    """Medians and two central intervals of parameters.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows.
    prob, inner : float
        Mass of the outer and of the inner intervals.

    Returns
    -------
    DataFrame
        A row per parameter: ``Estimate`` (median), ``Est.Error`` (scaled MAD) and four quantiles.
    """
    names, draws = _draws(fit, variables)
    probs = interval_probs(prob, inner)
    table = describe(draws, probs, robust=True)
    quantiles = [quantile_name(p) for p in probs]
    frame = pd.DataFrame(table, index=names, columns=["Estimate", "Est.Error", *quantiles])
    return as_table(frame, "Posterior intervals", "Estimate: median; Est.Error: scaled MAD.")


def interval_probs(prob: float, inner: float) -> tuple[float, float, float, float]:
    """Ends of an outer and an inner central interval."""
    prob, inner = probability("prob", prob), probability("inner", inner)
    if inner >= prob:
        raise ArgumentError(f"inner must be less than prob, got {inner:g} and {prob:g}")
    return (1 - prob) / 2, (1 - inner) / 2, (1 + inner) / 2, (1 + prob) / 2


def _draws(fit: Fit, variables: str | Sequence[str] | None) -> tuple[list[str], np.ndarray]:
    if variables is None:
        shown = set(main_names(fit.posterior))
        entries = [e for e in flat_names(fit.posterior) if e.name in shown]
    else:
        entries = chosen(fit, variables)
    return [e.name for e in entries], columns(fit.posterior, entries).reshape(-1, len(entries))


def plot_intervals(
    fit: Fit,
    variables: str | Sequence[str] | None = None,
    *,
    rope: bool | tuple[float, float] | Mapping[str, tuple[float, float]] = False,
    prob: float = 0.95,
    inner: float = 0.5,
    kind: str = "intervals",
    ax: Axes | None = None,
    figsize: tuple[float, float] | None = None,
) -> Axes:
    """Draw posterior intervals, or densities, of parameters.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows, with a
        ROPE the population-level coefficients without intercepts.
    rope : bool, (float, float) or mapping of flat name to such
        A region of practical equivalence, drawn as a band; True for the default ranges of
        `hiermodel.plots.rope.rope`. The share of the posterior inside stands at the right.
    prob, inner : float
        Mass of the thin and of the thick lines, central intervals around the median.
    kind : {"intervals", "density"}
        With ``"density"`` a density above each interval (Gaussian kernel).
    ax : Axes, optional
    figsize : (float, float), optional
        Inches, for a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        A name that nothing matches.
    ArgumentError
        Wrong ranges, probabilities or kinds.

    Examples
    --------
    >>> fit.plot_intervals("b_*", rope=(-1, 1), kind="density")  # doctest: +SKIP
    """
    fit.origin.refuse_point("plot_intervals()")
    if kind not in _KINDS:
        raise ArgumentError(f"kind must be 'intervals' or 'density', not {kind!r}")
    if rope is not False and variables is None:
        variables = [e.name for e in chosen(fit, None)]
    table = interval_table(fit, variables, prob=prob, inner=inner)
    names, draws = _draws(fit, variables)
    density = kind == "density"
    size = forest_size(2 * len(names) if density else len(names))
    ax = one_axes(ax, figsize, size)
    y = rows_below(ax, names)
    if density:
        y = y - 0.25
        for k in range(len(names)):
            _density(ax, draws[:, k], y[k] + 0.06)
    q = table.iloc[:, 2:].to_numpy()
    ax.hlines(y, q[:, 0], q[:, 3], color=DARK, lw=1.0)
    ax.hlines(y, q[:, 1], q[:, 2], color=DARK, lw=3.4)
    ax.plot(table["Estimate"], y, "o", mfc="white", mec=DARK, ms=4.8, ls="none", zorder=3)
    if rope is not False:
        _rope(ax, fit, names, draws, y, None if rope is True else rope, variables)
    elif q[:, 0].min() < 0 < q[:, 3].max():
        ax.axvline(0.0, color=GREY, lw=0.8, ls="--", zorder=0)
    ax.set_xlabel(f"value (median, {100 * inner:g} % and {100 * prob:g} % intervals)")
    if not fit.origin.is_plain:
        ax.set_title(f"draws of {fit.origin.phrase}", fontsize="medium")
    return ax


def _density(ax: Axes, values: np.ndarray, base: float) -> None:
    from scipy.stats import gaussian_kde

    if np.ptp(values) == 0.0:
        return
    low, high = np.quantile(values, (0.001, 0.999))
    x = np.linspace(low, high, 200)
    height = gaussian_kde(values)(x)
    top = base + 0.62 * height / height.max()
    ax.fill_between(x, base, top, color=LIGHT, alpha=0.55, lw=0)
    ax.plot(x, top, color=DARK, lw=0.8)


def _rope(
    ax: Axes, fit: Fit, names: list[str], draws: np.ndarray, y: np.ndarray, given: Any,
    variables: Any,
) -> None:
    ranges = ranges_of(fit, chosen(fit, variables), given)
    if len(set(ranges.values())) == 1:
        ax.axvspan(*ranges[names[0]], color="0.88", lw=0, zorder=0)
    else:
        for name, place in zip(names, y, strict=True):
            low, high = ranges[name]
            ax.fill_between([low, high], place - 0.3, place + 0.55, color="0.88", lw=0, zorder=0)
    for k, name in enumerate(names):
        low, high = ranges[name]
        share = float(np.mean((draws[:, k] >= low) & (draws[:, k] <= high)))
        ax.annotate(f"{100 * share:.1f} %", (1.01, y[k]), xycoords=("axes fraction", "data"),
                    va="center", fontsize=8.5, annotation_clip=False)
    ax.annotate("in ROPE", (1.01, 1.0), xycoords="axes fraction", va="bottom", fontsize=8.5,
                annotation_clip=False)
