"""Posterior predictive checks, which ask whether the model replicates the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.criticism import _arviz, ppc_data, ppc_pit, ppc_simple
from hiermodel.criticism.ppc_data import Replications, Stat
from hiermodel.errors import DataError, did_you_mean, warn

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit

# Checks of all draws use as many replications as fit into this many numbers (320 MB).
_MOST_NUMBERS = 40_000_000
_FEW_VALUES = 30
_MOST_GROUPS = 36


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of check: what it computes, how it is drawn, how many draws it takes."""

    compute: Callable[[Replications], pd.DataFrame]
    style: str
    ndraws: int | None
    groupable: bool


KINDS: Mapping[str, Kind] = {
    "dens_overlay": Kind(ppc_data.dens_overlay, "curves", 50, True),
    "ecdf_overlay": Kind(ppc_data.ecdf_overlay, "steps", 50, True),
    "hist": Kind(ppc_data.hist, "hists", 7, False),
    "error_hist": Kind(ppc_data.error_hist, "hists", 8, False),
    "bars": Kind(ppc_data.bars, "bars", None, True),
    "rootogram": Kind(ppc_data.rootogram, "bars", None, False),
    "stat": Kind(ppc_data.stat, "stat", None, True),
    "stat_2d": Kind(ppc_data.stat_2d, "stat_2d", None, False),
    "intervals": Kind(ppc_data.intervals, "intervals", None, True),
    "ribbon": Kind(ppc_data.intervals, "ribbon", None, True),
    "scatter_avg": Kind(ppc_data.scatter_avg, "scatter", None, True),
    "error_scatter_avg": Kind(ppc_data.error_scatter_avg, "errors", None, True),
    "error_scatter_avg_vs_x": Kind(ppc_simple.error_scatter_avg_vs_x, "errors_of_x", None, True),
    "error_scatter": Kind(ppc_simple.error_scatter, "error_panels", 8, False),
    "error_binned": Kind(ppc_simple.error_binned, "binned", None, True),
    "scatter": Kind(ppc_simple.scatter, "scatter_panels", 8, False),
    "boxplot": Kind(ppc_simple.boxplot, "boxes", 8, True),
    "dens": Kind(ppc_data.dens_overlay, "areas", 7, False),
    "freqpoly": Kind(ppc_simple.freqpoly, "curves", 8, True),
    "stat_freqpoly": Kind(ppc_simple.stat_freqpoly, "stat_line", None, True),
    "pit_ecdf": Kind(ppc_pit.pit_ecdf, "envelope", None, True),
}


# What can be shown of categories without an order: how often each comes.
_OF_CODES = ("bars", "rootogram", "hist", "stat", "stat_2d")


@dataclass(frozen=True, slots=True, eq=False)
class PPCheck:
    """What a posterior predictive check draws.

    Attributes
    ----------
    type : str
        Kind of check, without ``_grouped``.
    table : pandas.DataFrame
        The numbers that are drawn; with groups the first column is ``group``.
    response : str
    x_label, y_label : str
    categories : tuple of str
        Labels of the values of a response with categories.
    ndraws : int
    first_category : int
        The value of the first label.
    """

    type: str
    table: pd.DataFrame
    response: str
    x_label: str
    y_label: str
    categories: tuple[str, ...]
    ndraws: int
    first_category: int = 1

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups, empty without groups."""
        return tuple(dict.fromkeys(self.table["group"])) if "group" in self.table else ()


def type_names() -> tuple[str, ...]:
    """Return all types that `pp_check` knows."""
    return tuple(n for k, kind in KINDS.items() for n in (k, f"{k}_grouped")[: 1 + kind.groupable])


def default_type(fit: Fit) -> str:
    """Return the type for a response: bars for few whole numbers, else curves."""
    if not fit.model.family.discrete:
        return "dens_overlay"
    y = np.asarray(fit.response)
    return "bars" if y.max() - y.min() <= _FEW_VALUES else "ecdf_overlay"


def pp_check_data(
    fit: Fit,
    type: str | None = None,
    ndraws: int | None = None,
    group: str | None = None,
    stat: Stat | Sequence[Stat] = "mean",
    x: str | None = None,
    seed: int | None = None,
) -> PPCheck:
    """Compute a posterior predictive check without drawing it.

    Parameters are those of `pp_check`.

    Returns
    -------
    PPCheck

    Raises
    ------
    DataError
        An unknown type, group, variable or statistic.

    Examples
    --------
    >>> pp_check_data(fit, "stat", stat="sd", seed=1).table  # doctest: +SKIP
    """
    fit.origin.refuse_point("pp_check()")
    if fit.model.family.several_columns:
        raise DataError(
            f"pp_check() shows one column, but the response {fit.response_name!r} has several; "
            "compare the columns of fit.response with posterior_predict()"
        )
    if not (type is None or isinstance(type, str)):
        raise DataError(f"type must be text such as 'dens_overlay', not {type!r}")
    name, by_group = _resolve(type or default_type(fit), group)
    if fit.model.family.response == "nominal" and name not in _OF_CODES:
        raise DataError(
            f"{name} is for numbers, and the categories of {fit.response_name!r} have no order: "
            "take type='bars'"
        )
    kind = KINDS[name]
    labels = _group_labels(fit, group) if by_group and group is not None else None
    if ndraws is None:
        ndraws = kind.ndraws or _all_draws(fit)
    elif not isinstance(ndraws, Integral) or isinstance(ndraws, bool) or ndraws < 1:
        raise DataError(f"ndraws must be a whole number of at least 1, not {ndraws!r}")
    total = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    y = np.asarray(fit.response, dtype=float)
    replicated = fit.posterior_predict(ndraws=min(ndraws, total), seed=seed)
    yrep = np.asarray(replicated.values, dtype=float).reshape(-1, len(y))
    stats = _statistics(stat)
    data = Replications(y, yrep, _places(fit, x), stats)
    exact = _exact_rows(fit)
    if exact is not None:
        data = Replications(y[exact], yrep[:, exact], data.x[exact], stats)
        labels = [v for v, kept in zip(labels, exact, strict=True) if kept] if labels else None
    table = ppc_data.grouped(kind.compute, data, labels) if labels else kind.compute(data)
    x_label, y_label = _axis_labels(name, str(fit.response_name), stats, x)
    categories = tuple(fit.model.response.categories)
    return PPCheck(
        name, table, str(fit.response_name), x_label, y_label, categories, len(yrep),
        fit.model.family.first_category,
    )  # fmt: skip


def pp_check(
    fit: Fit,
    type: str | None = None,
    ndraws: int | None = None,
    group: str | None = None,
    stat: Stat | Sequence[Stat] = "mean",
    x: str | None = None,
    ax: Axes | Sequence[Axes] | None = None,
    seed: int | None = None,
    figsize: tuple[float, float] | None = None,
) -> Axes | list[Axes]:
    """Compare the data with replications drawn from the posterior predictive distribution.

    Censored responses are left out, with a warning. Of draws of the prior
    (`Model.prior_predictive`, ``sample_prior="only"``) it is a prior predictive check, and the
    title says so.

    Parameters
    ----------
    fit : Fit
    type : str, optional
        ``dens_overlay``, ``ecdf_overlay``, ``hist``, ``error_hist``, ``bars``, ``rootogram``,
        ``stat``, ``stat_2d``, ``stat_freqpoly``, ``intervals``, ``ribbon``, ``scatter``,
        ``scatter_avg``, ``error_scatter``, ``error_scatter_avg``, ``error_scatter_avg_vs_x``,
        ``error_binned``, ``boxplot``, ``dens``, ``freqpoly`` or ``pit_ecdf`` (randomised for
        ties, with a simultaneous 95 % envelope); most also with ``_grouped``. By default
        bars for responses with few values and overlaid densities else.
    ndraws : int, optional
        Number of replications; 50 for overlays, 7 or 8 for histograms, else all draws.
    group : str, optional
        Column of the data: one panel for each of its values.
    stat : str, function or pair of these
        ``mean``, ``median``, ``sd``, ``var``, ``min``, ``max``, ``prop_zero``, or a function of
        an array.
    x : str, optional
        Numeric column along which intervals and ribbons are drawn; by default the row number.
    ax : Axes or sequence of Axes, optional
        Where to draw; a new figure by default.
    seed : int, optional
        Makes the replications reproducible.
    figsize : (float, float), optional
        Inches of a new figure.

    Returns
    -------
    Axes, or list of Axes
        A list for groups and for histograms.

    Raises
    ------
    DataError
        An unknown type, group, variable or statistic.

    Examples
    --------
    >>> fit.pp_check()  # doctest: +SKIP
    >>> fit.pp_check("stat_grouped", group="subject", stat="max")  # doctest: +SKIP
    """
    from hiermodel.criticism.ppc_draw import draw_check

    drawn = draw_check(pp_check_data(fit, type, ndraws, group, stat, x, seed), ax, figsize)
    if not fit.origin.is_plain:
        told = f"from draws of {fit.origin.phrase}"
        if fit.origin.prior_only:
            told = f"prior predictive check, {told}"
        if ax is None:
            _arviz.title(drawn, told)
        else:
            # The figure is the user's: the first of the axes given says it.
            first = drawn[0] if isinstance(drawn, list) else drawn
            first.set_title("\n".join(text for text in (told, first.get_title()) if text),
                            fontsize="medium")
    return drawn


def _resolve(type: str, group: str | None) -> tuple[str, bool]:
    """Return the kind behind a type, and whether it is grouped."""
    name = type.removesuffix("_grouped")
    if name not in KINDS:
        known = type_names()
        raise DataError(
            f"pp_check has no type {type!r}{did_you_mean(type, known)}; it has {', '.join(known)}"
        )
    by_group = type.endswith("_grouped") or group is not None
    if by_group and not KINDS[name].groupable:
        raise DataError(f"type {name!r} cannot be grouped; leave out group")
    if by_group and group is None:
        raise DataError(f"type {type!r} needs a column of the data: group='...'")
    return name, by_group


def _statistics(stat: Stat | Sequence[Stat]) -> tuple[Stat, ...]:
    if isinstance(stat, str) or callable(stat):
        return (stat,)
    if isinstance(stat, Sequence) and all(isinstance(s, str) or callable(s) for s in stat):
        return tuple(stat)
    raise DataError(f"stat must be a name such as 'sd', a function, or a pair of these: {stat!r}")


def _exact_rows(fit: Fit) -> np.ndarray | None:
    """Rows whose response was observed itself; None when all were.

    A censored or missing response is no value that replications could be compared with.
    """
    additions = fit.model.response.additions
    if additions.imputed:
        return _observed_rows(np.asarray(fit.response, dtype=float))
    if "cens" not in additions:
        return None
    roles = tuple(role for role in ("cens", "rcens") if role in additions)
    exact: np.ndarray = additions.data(fit.frame, roles)[f"cens{additions.suffix}"] == 0
    if exact.all():
        return None
    if not exact.any():
        raise DataError("every response is censored: there is nothing to compare replications with")
    warn(f"{int((~exact).sum())} censored responses of {len(exact)} are not shown in pp_check()")
    return exact


def _observed_rows(y: np.ndarray) -> np.ndarray | None:
    there: np.ndarray = ~np.isnan(y)
    if there.all():
        return None
    warn(f"{int((~there).sum())} missing responses of {len(y)} are not shown in pp_check()")
    return there


def _column(fit: Fit, name: str, what: str) -> pd.Series:
    known = [str(c) for c in fit.frame.columns]
    if name not in known:
        raise DataError(f"{what} {name!r} is not in the data{did_you_mean(name, known)}")
    return fit.frame[name]


def _group_labels(fit: Fit, group: str) -> list[str]:
    column = _column(fit, group, "group")
    if column.nunique() > _MOST_GROUPS:
        raise DataError(
            f"group {group!r} has {column.nunique()} values, more than the {_MOST_GROUPS} panels "
            "that are drawn"
        )
    return [str(v) for v in column]


def _places(fit: Fit, x: str | None) -> np.ndarray:
    if x is None:
        return np.arange(1.0, len(fit.frame) + 1)
    column = _column(fit, x, "x")
    if not pd.api.types.is_numeric_dtype(column):
        raise DataError(f"x {x!r} must be numeric; use group={x!r} for a factor")
    return column.to_numpy(dtype=float)


def _all_draws(fit: Fit) -> int:
    return max(100, _MOST_NUMBERS // max(1, len(fit.frame)))


def _axis_labels(
    name: str, response: str, stats: Sequence[Stat], x: str | None
) -> tuple[str, str]:
    texts = [s if isinstance(s, str) else getattr(s, "__name__", "statistic") for s in stats]
    labels = {
        "dens_overlay": (response, "density"),
        "ecdf_overlay": (response, "cumulative proportion"),
        "hist": (response, "count"),
        "error_hist": (f"{response} - replication", "count"),
        "bars": (response, "count"),
        "rootogram": (response, "square root of count"),
        "stat": (f"{texts[0]}({response})", "replications"),
        "stat_2d": (f"{texts[0]}({response})", f"{texts[-1]}({response})"),
        "scatter_avg": ("mean replication", response),
        "error_scatter_avg": ("mean error", response),
        "error_scatter_avg_vs_x": (x or "row", "mean error"),
        "error_scatter": (f"{response} - replication", response),
        "error_binned": ("mean replication", "mean error"),
        "scatter": ("replication", response),
        "boxplot": ("", response),
        "dens": (response, "density"),
        "freqpoly": (response, "count"),
        "pit_ecdf": (f"PIT of {response}", "ECDF - uniform"),
        "stat_freqpoly": (f"{texts[0]}({response})", "replications"),
    }
    return labels.get(name, (x or "row", response))
