"""Prior and posterior of parameters against each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import figure_size
from hiermodel.errors import ArgumentError, DataError, HiermodelError
from hiermodel.flatnames import to_frame
from hiermodel.plots.axes import DARK, LIGHT
from hiermodel.plots.draws import selected
from hiermodel.prior_work.centred import names_with_prior, with_centred
from hiermodel.prior_work.draws import prior_dataset

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit

# Tails beyond these quantiles are not drawn: priors such as student_t have long ones.
_TAIL = 0.005
_BINS, _POINTS = 2000, 400
# More panels than this cannot be read.
_MOST, _COLUMNS = 30, 3


def prior_posterior_data(
    fit: Fit, variables: str | Sequence[str] | None = None, **settings: Any
) -> pd.DataFrame:
    """Densities of prior and posterior: what `plot_prior_posterior` draws.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows, and the
        intercepts of the centred design where those that it shows have no proper prior.
    **settings
        Of the sampler of the prior, as in `prior_draws`.

    Returns
    -------
    DataFrame
        Columns ``parameter`` (flat name), ``distribution`` (``"prior"`` or ``"posterior"``),
        ``value`` in the unit of the parameter and ``density`` per unit. A parameter with a flat
        prior has no rows of the prior, a constant has none at all.

    Raises
    ------
    DataError
        A name that nothing matches.
    HiermodelError
        For a mode, and for draws of the prior, which have no posterior.
    PriorError
        When the user's own Stan code keeps flat priors from being left out.

    Notes
    -----
    Gaussian kernel with Silverman's rule, reflected at the ends, so that a density is not lost at
    the bound of a standard deviation; between the quantiles 0.5 % and 99.5 %.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), priors="weak", chains=2, draws=500,
    ...              seed=1, progress=False)
    >>> prior_posterior_data(fit, "b_wt")["distribution"].unique().tolist()
    ['prior', 'posterior']
    """
    what = "plot_prior_posterior()"
    fit.origin.refuse_point(what)
    if fit.origin.prior_only:
        raise HiermodelError(
            f"{what} needs draws of the posterior, and this fit left out the data: its draws are "
            'from the prior. Fit the model to the data, with sample_prior="no" or "yes"; '
            "plot_intervals() and plot_trace() show the prior alone"
        )
    posterior = with_centred(fit.model, fit.posterior)
    selected(posterior, variables)  # names that there are not, before anything is sampled
    prior, flat = prior_dataset(fit, settings)
    names = names_with_prior(posterior, variables, flat)
    both = {"prior": to_frame(prior), "posterior": to_frame(posterior)}
    parts = []
    for name in names:
        for distribution, draws in both.items():
            if distribution == "prior" and name in flat:
                continue
            values = draws[name].to_numpy()
            if np.ptp(values) == 0.0:
                continue
            x, y = density(values)
            parts.append(pd.DataFrame(
                {"parameter": name, "distribution": distribution, "value": x, "density": y}
            ))
    if not parts:
        raise DataError(f"{what}: {', '.join(names)} is constant, there is nothing to draw")
    return pd.concat(parts, ignore_index=True)


def density(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Density of draws ``(S,)`` on a grid that leaves out the far tails.

    Examples
    --------
    >>> x, y = density(np.random.default_rng(1).normal(size=4000))
    >>> round(float(np.interp(0.0, x, y)), 1)
    0.4
    """
    from scipy.ndimage import gaussian_filter1d

    n = len(values)
    low, high = np.quantile(values, [_TAIL / 5, 1 - _TAIL / 5])
    counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
    width = edges[1] - edges[0]
    q1, q3 = np.quantile(values, [0.25, 0.75])
    spread = min(float(np.std(values)), (q3 - q1) / 1.34) or float(np.std(values))
    smooth = gaussian_filter1d(
        counts / (n * width), 0.9 * spread * n**-0.2 / width, mode="reflect"
    )
    first, last = np.quantile(values, [_TAIL, 1 - _TAIL])
    x = np.linspace(first, last, _POINTS)
    return x, np.interp(x, (edges[:-1] + edges[1:]) / 2, smooth)


def plot_prior_posterior(
    fit: Fit,
    variables: str | Sequence[str] | None = None,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
    **settings: Any,
) -> list[Axes]:
    """Draw the density of the prior against that of the posterior, a panel per parameter.

    An axis ends where the posterior and most of the prior do; far tails of a wide prior go on
    outside, and `prior_posterior_data` has them.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows.
    ax : Axes or sequence of Axes, optional
        One for each parameter; a new figure by default.
    figsize : (float, float), optional
        Inches, for a new figure.
    **settings
        Of the sampler of the prior, as in `prior_draws`.

    Returns
    -------
    list of Axes

    Raises
    ------
    DataError
        A name that nothing matches, or too many parameters.
    ArgumentError
        When `ax` holds another number of axes than there are parameters, or no axes.
    HiermodelError
        For a mode, and for draws of the prior.

    Examples
    --------
    >>> fit.plot_prior_posterior(["b_*", "sigma"], seed=1)  # doctest: +SKIP
    """
    import matplotlib.pyplot as plt

    count = len(selected(with_centred(fit.model, fit.posterior), variables).data_vars)
    if count > _MOST:
        raise DataError(
            f"plot_prior_posterior() draws at most {_MOST} parameters, not {count}: choose some "
            "with variables="
        )
    if ax is not None and figsize is not None:
        raise ArgumentError("give ax or figsize, not both: the size is that of the axes given")
    table = prior_posterior_data(fit, variables, **settings)
    names = list(dict.fromkeys(table["parameter"]))
    if ax is None:
        ncols = min(_COLUMNS, len(names))
        nrows = -(-len(names) // ncols)
        size = figure_size(figsize, (2.9 * ncols, 2.2 * nrows + 0.4))
        figure, made = plt.subplots(
            nrows, ncols, figsize=size, layout="constrained", squeeze=False
        )
        panels: list[Any] = list(made.ravel())
        for empty in panels[len(names):]:
            empty.remove()
        panels = panels[: len(names)]
    else:
        panels = list(ax) if isinstance(ax, Iterable) else [ax]
        wrong = [one for one in panels if not hasattr(one, "plot")]
        if wrong:
            raise ArgumentError(f"ax must be Axes of matplotlib, not {type(wrong[0]).__name__}")
        if len(panels) != len(names):
            raise ArgumentError(f"ax has {len(panels)} axes for {len(names)} parameters")
    for axes, name in zip(panels, names, strict=True):
        _panel(axes, table[table["parameter"] == name], name)
    _legend(panels, ax is None)
    if ax is None and not fit.origin.is_plain:
        figure.suptitle(f"posterior: draws of {fit.origin.phrase}", fontsize="medium")
    return panels


def _panel(ax: Axes, table: pd.DataFrame, name: str) -> None:
    shown = {kind: rows for kind, rows in table.groupby("distribution")}
    if "posterior" in shown:
        rows = shown["posterior"]
        ax.fill_between(rows["value"], rows["density"], color=LIGHT, alpha=0.55, lw=0)
        ax.plot(rows["value"], rows["density"], color=DARK, lw=1.4, label="posterior")
    if "prior" in shown:
        rows = shown["prior"]
        ax.plot(rows["value"], rows["density"], color="0.25", lw=1.4, ls=(0, (4, 2)),
                label="prior")
    else:
        ax.annotate("no proper prior", (0.98, 0.95), xycoords="axes fraction", ha="right", va="top",
                    fontsize=8, color="0.35")
    if len(shown) == 2:
        ax.set_xlim(*_window(shown["prior"], shown["posterior"]))
    ax.set_title(name, fontsize=9.5)
    ax.set_ylim(bottom=0)
    ax.set_yticks([])
    ax.locator_params(axis="x", nbins=5)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)


def _window(prior: pd.DataFrame, posterior: pd.DataFrame) -> tuple[float, float]:
    """Ends of the axis: all of the posterior, and of the prior its middle 80 % and a margin.

    With the tails of a wide prior the posterior would be a spike.
    """
    x, y = (prior[name].to_numpy() for name in ("value", "density"))
    mass = np.cumsum(y) / y.sum()
    low, high = np.interp([0.1, 0.9], mass, x)
    margin = 0.2 * (high - low)
    low, high = max(low - margin, x[0]), min(high + margin, x[-1])
    low = min(float(low), float(posterior["value"].min()))
    high = max(float(high), float(posterior["value"].max()))
    room = 0.02 * (high - low)
    return low - room, high + room


def _legend(panels: list[Axes], own: bool) -> None:
    """One legend for all: below the panels of an own figure, else in the first panel."""
    found: dict[str, Any] = {}
    for panel in panels:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    order = [label for label in ("prior", "posterior") if label in found]
    handles = [found[label] for label in order]
    if own:
        panels[0].figure.legend(handles, order, loc="outside lower center", ncols=2,
                                frameon=False, fontsize=9)
    else:
        panels[0].legend(handles, order, frameon=False, fontsize=8)
