"""The kinds of posterior predictive checks: what each computes, how it is drawn, what it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hiermodel.criticism.ppc import dots, loo, overlays, pit, simple, survival
from hiermodel.criticism.ppc.replications import Compute, Stat
from hiermodel.errors import DataError, did_you_mean


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of check.

    Attributes
    ----------
    compute : callable
        From `Replications` to the table that is drawn.
    style : str
        How it is drawn.
    ndraws : int, optional
        How many draws it takes by default; all when None.
    group : {"panels", "axis", "no"}
        Whether groups get panels, stand beside each other on the axis (and must be given), or
        cannot be told apart.
    alone : bool
        Whether it can be drawn without the data (``prefix="ppd"``).
    leaves_out : bool
        Whether each row is predicted without it.
    censored : bool
        Whether it shows right-censored rows for what they are.
    stats : int
        How many statistics it takes.
    along_x : bool
        Whether rows stand at their places on a horizontal axis.
    """

    compute: Compute
    style: str
    ndraws: int | None = None
    group: str = "panels"
    alone: bool = False
    leaves_out: bool = False
    censored: bool = False
    stats: int = 0
    along_x: bool = False


KINDS: Mapping[str, Kind] = {
    "dens_overlay": Kind(overlays.dens_overlay, "curves", 50, alone=True),
    "ecdf_overlay": Kind(overlays.ecdf_overlay, "steps", 50, alone=True),
    "km_overlay": Kind(survival.km_overlay, "survival", 50, censored=True),
    "hist": Kind(overlays.hist, "hists", 7, "no", alone=True),
    "dens": Kind(overlays.dens_overlay, "areas", 7, "no", alone=True),
    "dots": Kind(dots.dots, "dots", 7, "no", alone=True),
    "freqpoly": Kind(simple.freqpoly, "curves", 8, alone=True),
    "boxplot": Kind(simple.boxplot, "boxes", 8, alone=True),
    "violin": Kind(dots.violin, "violins", None, "axis"),
    "bars": Kind(overlays.bars, "bars"),
    "rootogram": Kind(overlays.rootogram, "bars"),
    "stat": Kind(overlays.stat, "stat", alone=True, stats=1),
    "stat_2d": Kind(overlays.stat_2d, "stat_2d", None, "no", alone=True, stats=2),
    "stat_freqpoly": Kind(overlays.stat_freqpoly, "stat_line", alone=True, stats=1),
    "intervals": Kind(overlays.intervals, "intervals", alone=True, along_x=True),
    "ribbon": Kind(overlays.intervals, "ribbon", alone=True, along_x=True),
    "scatter": Kind(simple.scatter, "scatter_panels", 8),
    "scatter_avg": Kind(overlays.scatter_avg, "scatter"),
    "error_hist": Kind(overlays.error_hist, "hists", 8),
    "error_scatter": Kind(simple.error_scatter, "error_panels", 8),
    "error_scatter_avg": Kind(overlays.error_scatter_avg, "errors"),
    "error_scatter_avg_vs_x": Kind(simple.error_scatter_avg_vs_x, "errors_of_x", along_x=True),
    "error_binned": Kind(simple.error_binned, "binned"),
    "pit_ecdf": Kind(pit.pit_ecdf, "envelope"),
    "loo_intervals": Kind(loo.loo_intervals, "intervals", leaves_out=True, along_x=True),
    "loo_ribbon": Kind(loo.loo_intervals, "ribbon", leaves_out=True, along_x=True),
    "loo_pit_ecdf": Kind(loo.loo_pit_ecdf, "envelope", leaves_out=True),
    "loo_pit_overlay": Kind(loo.loo_pit_overlay, "curves", leaves_out=True),
    "loo_pit_qq": Kind(loo.loo_pit_qq, "quantiles", leaves_out=True),
}

# What can be shown of categories without an order: how often each comes.
_OF_CODES = ("bars", "rootogram", "hist", "stat", "stat_2d")

#: Styles with a panel for each replication; with groups there are this many for each group.
PANELS = frozenset({"hists", "areas", "scatter_panels", "error_panels", "dots"})
_OF_EACH_GROUP = 3


def type_names() -> tuple[str, ...]:
    """Return all types that `pp_check` knows."""
    names: list[str] = []
    for name, kind in KINDS.items():
        names += [name] if kind.group != "axis" else []
        names += [f"{name}_grouped"] if kind.group != "no" else []
    return tuple(names)


def resolve(type: str, group: str | None, prefix: str) -> tuple[str, bool]:
    """Return the kind behind a type, and whether it is grouped.

    Raises
    ------
    DataError
        A type that is not known, that cannot have groups or lacks them, that needs the data.
    """
    name = type.removesuffix("_grouped")
    if name not in KINDS:
        known = type_names()
        raise DataError(
            f"pp_check has no type {type!r}{did_you_mean(type, known)}; it has {', '.join(known)}"
        )
    kind = KINDS[name]
    by_group = type.endswith("_grouped") or group is not None or kind.group == "axis"
    if by_group and kind.group == "no":
        raise DataError(f"type {name!r} cannot be grouped; leave out group")
    if by_group and group is None:
        raise DataError(f"type {type!r} needs a column of the data: group='...'")
    if prefix == "ppd" and not kind.alone:
        alone = ", ".join(n for n, k in KINDS.items() if k.alone)
        raise DataError(
            f"type {type!r} compares with the data, which prefix='ppd' leaves out; without them "
            f"there are {alone}"
        )
    return name, by_group


def check_numbers(name: str, response: str, nature: str) -> None:
    """Refuse kinds that need numbers for a response with categories.

    Parameters
    ----------
    name : str
        Of the kind.
    response : str
        Name of the response.
    nature : str
        What its values are, as families call it.
    """
    if nature == "nominal" and name not in _OF_CODES:
        raise DataError(
            f"{name} is for numbers, and the categories of {response!r} have no order: "
            "take type='bars'"
        )
    if nature == "ordinal" and KINDS[name].censored:
        raise DataError(
            f"{name} is for times, and {response!r} has categories: take type='bars'"
        )


def check_options(name: str, stats: Sequence[Stat], x: str | None) -> None:
    """Refuse statistics and places that a kind would not look at.

    Raises
    ------
    DataError
    """
    kind = KINDS[name]
    if x is not None and not kind.along_x:
        known = ", ".join(n for n, k in KINDS.items() if k.along_x)
        raise DataError(f"type {name!r} has no use for x={x!r}; x is for {known}")
    if not kind.stats and tuple(stats) != ("mean",):
        known = ", ".join(n for n, k in KINDS.items() if k.stats)
        raise DataError(f"type {name!r} has no use for stat; stat is for {known}")
    if kind.stats and len(stats) != kind.stats:
        wanted = "one statistic: stat='sd'" if kind.stats == 1 else (
            "two statistics: stat=('mean', 'sd')"
        )
        raise DataError(f"{name} takes {wanted}")


def default_draws(name: str, by_group: bool, most: int) -> int:
    """How many draws a kind takes by default, at most `most`."""
    kind = KINDS[name]
    if by_group and kind.style in PANELS:
        return min(_OF_EACH_GROUP, most)
    return min(kind.ndraws or most, most)


def axis_labels(
    name: str, response: str, stats: Sequence[Stat], x: str | None, group: str | None
) -> tuple[str, str]:
    """Return the texts at the axes."""
    texts = [overlays.stat_name(s) for s in stats]
    labels = {
        "dens_overlay": (response, "density"),
        "ecdf_overlay": (response, "cumulative proportion"),
        "km_overlay": (response, "survival"),
        "hist": (response, "count"),
        "dens": (response, "density"),
        "dots": (response, ""),
        "freqpoly": (response, "count"),
        "boxplot": ("", response),
        "violin": (group or "", response),
        "bars": (response, "count"),
        "rootogram": (response, "square root of count"),
        "stat": (f"{texts[0]}({response})", "replications"),
        "stat_2d": (f"{texts[0]}({response})", f"{texts[-1]}({response})"),
        "stat_freqpoly": (f"{texts[0]}({response})", "replications"),
        "scatter": ("replication", response),
        "scatter_avg": ("mean replication", response),
        "error_hist": (f"{response} - replication", "count"),
        "error_scatter": (f"{response} - replication", response),
        "error_scatter_avg": ("mean error", response),
        "error_scatter_avg_vs_x": (x or "row", "mean error"),
        "error_binned": ("mean replication", "mean error"),
        "pit_ecdf": (f"PIT of {response}", "ECDF - uniform"),
        "loo_pit_ecdf": (f"LOO-PIT of {response}", "ECDF - uniform"),
        "loo_pit_overlay": (f"LOO-PIT of {response}", "density"),
        "loo_pit_qq": ("uniform quantile", f"LOO-PIT of {response}"),
    }
    return labels.get(name, (x or "row", response))


def replicated_label(name: str, prefix: str) -> str:
    """What the legend calls that with which the data are compared."""
    if name == "loo_pit_overlay":
        return "uniform"
    if KINDS[name].leaves_out:
        return "predicted without the row"
    return "predictions" if prefix == "ppd" else "replications"
