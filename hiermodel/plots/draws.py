"""Trace, forest and pairs plots of parameters under their flat names.

Thin on ArviZ: the draws that are asked for become one scalar variable each, named as in brms,
and ArviZ draws them. Works on both lines of ArviZ and changes no settings of matplotlib.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from hiermodel.arguments import texts
from hiermodel.criticism import _arviz
from hiermodel.errors import DataError
from hiermodel.flatnames import columns, flat_names, matching
from hiermodel.summary import main_names

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

# More parameters than this make a pairs plot unreadable.
MAX_PAIRS = 6


def selected(posterior: xr.Dataset, variables: str | Sequence[str] | None = None) -> xr.Dataset:
    """Return draws of some parameters, one scalar variable per flat name.

    Parameters
    ----------
    posterior : xarray.Dataset
    variables : str or sequence of str, optional
        Variables of the posterior (``"b"``, ``"r_subject"``), flat names (``"b_days"``), or
        patterns with ``*`` (``"sd_*"``). By default what the summary shows.

    Returns
    -------
    xarray.Dataset
        Dims (chain, draw).

    Raises
    ------
    DataError
        A name that nothing matches.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.plots.draws import selected
    >>> b = xr.DataArray(np.zeros((4, 10, 2)), dims=("chain", "draw", "coef"),
    ...                  coords={"coef": ["Intercept", "days"]}, attrs={"cls": "b"})
    >>> list(selected(xr.Dataset({"b": b}), "b_d*"))
    ['b_days']
    """
    entries = flat_names(posterior)
    if variables is None:
        shown = set(main_names(posterior))
        chosen = [entry for entry in entries if entry.name in shown]
    else:
        wanted = texts("a variable", variables, "b_days")
        chosen = list(dict.fromkeys(e for name in wanted for e in matching(name, entries)))
    if not chosen:
        raise DataError("the posterior has no parameter to plot")
    draws = columns(posterior, chosen)
    coords = {d: posterior.coords[d] for d in ("chain", "draw") if d in posterior.coords}
    return xr.Dataset(
        {e.name: (("chain", "draw"), draws[:, :, i]) for i, e in enumerate(chosen)}, coords=coords
    )


def plot_trace(fit: Fit, variables: str | Sequence[str] | None = None, **options: Any) -> Any:
    """Draw densities and traces of parameters.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows.
    **options
        For ArviZ's ``plot_trace`` (0.23) or ``plot_trace_dist`` (1.x).

    Returns
    -------
    array of Axes, or PlotCollection
        What ArviZ gives: axes on 0.23, a plot collection on 1.x.

    Raises
    ------
    DataError
        A name that nothing matches.
    HiermodelError
        For a fit that is a mode, not draws.

    Examples
    --------
    >>> fit.plot_trace(["b", "sigma"])  # doctest: +SKIP
    """
    fit.origin.refuse_point("plot_trace()")
    data = _arviz.plot_data(selected(fit.posterior, variables), fit.sample_stats)
    return _titled(fit, _arviz.plot("plot_trace", data, **options))


def plot_forest(fit: Fit, variables: str | Sequence[str] | None = None, **options: Any) -> Any:
    """Draw estimates and intervals of parameters below each other.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        Variables (``"r_subject"``), flat names or patterns with ``*``; by default what the
        summary shows.
    **options
        For ArviZ's ``plot_forest``; ``figsize`` in inches on both lines. Chains are drawn together
        unless ``combined=False``.

    Returns
    -------
    array of Axes, or PlotCollection
        What ArviZ gives: axes on 0.23, a plot collection on 1.x.

    Raises
    ------
    DataError
        A name that nothing matches.

    Examples
    --------
    >>> fit.plot_forest("r_subject")  # doctest: +SKIP
    """
    fit.origin.refuse_point("plot_forest()")
    data = _arviz.plot_data(selected(fit.posterior, variables), None)
    return _titled(fit, _arviz.plot("plot_forest", data, **{"combined": True, **options}))


def plot_pairs(fit: Fit, variables: str | Sequence[str] | None = None, **options: Any) -> Any:
    """Draw parameters against each other, divergent transitions marked.

    Parameters
    ----------
    fit : Fit
    variables : str or sequence of str, optional
        At least two variables, flat names or patterns with ``*``; by default the first six of
        the summary.
    **options
        For ArviZ's ``plot_pair``.

    Returns
    -------
    array of Axes, or PlotMatrix
        What ArviZ gives: axes on 0.23, a plot matrix on 1.x.

    Raises
    ------
    DataError
        A name that nothing matches, or a single parameter.

    Examples
    --------
    >>> fit.plot_pairs(["b_*", "sigma"])  # doctest: +SKIP
    """
    fit.origin.refuse_point("plot_pairs()")
    draws = selected(fit.posterior, variables)
    if variables is None:
        draws = draws[list(draws.data_vars)[:MAX_PAIRS]]
    if len(draws.data_vars) < 2:
        raise DataError("plot_pairs() needs at least two parameters")
    stats = fit.sample_stats
    marked = stats is not None and "diverging" in stats and bool(stats["diverging"].any())
    data = _arviz.plot_data(draws, stats if marked else None)
    picture = _arviz.plot("plot_pair", data, **{**_arviz.pair_options(marked), **options})
    return _titled(fit, picture)


def _titled(fit: Fit, picture: Any) -> Any:
    """Write above a picture what its draws are, when they are not of the posterior itself."""
    if not fit.origin.is_plain:
        _arviz.title(picture, f"draws of {fit.origin.phrase}")
    return picture
