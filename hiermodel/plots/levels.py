"""Forest plots of the levels of a grouping factor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import figure_size, texts
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.plots.axes import DARK, GREY, bare, forest_size, rows_below
from hiermodel.plots.intervals import interval_probs
from hiermodel.summary.shown import as_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit


def level_intervals(
    fit: Fit,
    group: str | None = None,
    coef: str | Sequence[str] | None = None,
    *,
    what: str = "coef",
    sort: bool | str = True,
    prob: float = 0.95,
    inner: float = 0.5,
) -> pd.DataFrame:
    """Estimates and intervals of the levels of a grouping factor, in the order of the picture.

    Parameters
    ----------
    fit : Fit
    group : str, optional
        Grouping factor; may be left out when there is one.
    coef : str or list of str, optional
        Coefficients; all that vary over the factor by default.
    what : {"coef", "ranef"}
        Coefficients of the levels (population plus deviation), or the deviations.
    sort : bool or str
        Sort levels by the estimate of the first coefficient, or of the one named; False keeps
        the order of the levels.
    prob, inner : float
        Mass of the outer and of the inner central intervals.

    Returns
    -------
    DataFrame
        Index (coef, level), highest estimate first: ``Estimate`` (mean), ``Est.Error`` and four
        quantiles, on the scale of the linear predictor.

    Raises
    ------
    DataError
        For an unknown factor or coefficient.
    """
    if what not in ("coef", "ranef"):
        raise ArgumentError(f"what must be 'coef' or 'ranef', not {what!r}")
    fit.origin.refuse_point("level_intervals()")
    probs = interval_probs(prob, inner)
    deviations = fit.ranef(probs=probs)
    if not len(deviations):
        raise DataError(
            "the model has no group-level terms: write one into the formula, such as (1 | g)"
        )
    if group is None and len(deviations) > 1:
        raise DataError(
            f"the model has several grouping factors: pass group=, one of {', '.join(deviations)}"
        )
    name = next(iter(deviations)) if group is None else group
    if name not in list(deviations):
        raise DataError(
            f"the model has no grouping factor {name!r}{did_you_mean(str(name), deviations)}; "
            f"it has {', '.join(deviations)}"
        )
    table = deviations[name] if what == "ranef" else fit.coef(probs=probs)[name]
    varying = [str(c) for c in deviations[name].index.get_level_values("coef").unique()]
    known = [str(c) for c in table.index.get_level_values("coef").unique()]
    if what == "coef" and coef is None:
        # The intercept of an ordinal model is one for each threshold.
        varying = [c for c in known if c in varying or c.split("[")[0] in varying]
    wanted = varying if coef is None else texts("coef", coef, varying[0])
    for one in wanted:
        if one not in known:
            raise DataError(
                f"{one!r} is not a coefficient of the levels of {name!r}"
                f"{did_you_mean(one, known)}; there are {', '.join(known)}"
            )
    levels = _order(table, wanted, sort)
    pieces = {one: table.xs(one, level="coef").loc[levels] for one in wanted}
    return as_table(
        pd.concat(pieces, names=["coef", "level"]),
        f"{'Coefficients' if what == 'coef' else 'Deviations'} of the levels of {name}",
    )


def _order(table: pd.DataFrame, coefs: list[str], sort: bool | str) -> list[Any]:
    by = coefs[0] if sort is True else sort
    if by is False:
        return list(dict.fromkeys(table.index.get_level_values("level")))
    if by not in coefs:
        raise ArgumentError(f"sort must be True, False or one of {', '.join(coefs)}, not {sort!r}")
    one = table.xs(by, level="coef")["Estimate"]
    return list(one.sort_values(ascending=False, kind="stable").index)


def plot_levels(
    fit: Fit,
    group: str | None = None,
    coef: str | Sequence[str] | None = None,
    *,
    what: str = "coef",
    sort: bool | str = True,
    prob: float = 0.95,
    inner: float = 0.5,
    ax: Axes | Sequence[Axes] | None = None,
    figsize: tuple[float, float] | None = None,
) -> Axes | list[Axes]:
    """Draw the levels of a grouping factor below each other, sorted by their estimates.

    Parameters
    ----------
    fit, group, coef, what, sort, prob, inner
        See `level_intervals`, which has the numbers. Several coefficients stand side by side
        with the levels in the same order.
    ax : Axes or sequence of Axes, optional
        One for each coefficient.
    figsize : (float, float), optional
        Inches, for a new figure.

    Returns
    -------
    Axes or list of Axes
        A list for several coefficients.

    Examples
    --------
    >>> fit.plot_levels("subject", "days")  # doctest: +SKIP
    >>> fit.plot_ranef("subject")  # doctest: +SKIP
    """
    table = level_intervals(
        fit, group, coef, what=what, sort=sort, prob=prob, inner=inner
    )
    coefs = list(dict.fromkeys(table.index.get_level_values("coef")))
    levels = list(dict.fromkeys(map(str, table.index.get_level_values("level"))))
    axes = _axes(coefs, len(levels), ax, figsize)
    name = group if group is not None else next(iter(fit.ranef()))
    fixed = fit.fixef()["Estimate"]
    for k, (one, coef_name) in enumerate(zip(axes, coefs, strict=True)):
        part = table.loc[coef_name]
        y = rows_below(one, levels)
        q = part.iloc[:, 2:].to_numpy()
        one.hlines(y, q[:, 0], q[:, 3], color=DARK, lw=0.9)
        one.hlines(y, q[:, 1], q[:, 2], color=DARK, lw=2.8)
        one.plot(part["Estimate"], y, "o", mfc="white", mec=DARK, ms=4.4, ls="none", zorder=3)
        centre = 0.0 if what == "ranef" else fixed.get(coef_name)
        if centre is not None and (what == "ranef" or "[" not in coef_name):
            one.axvline(float(centre), color=GREY, lw=0.9, ls="--", zorder=0)
        of = _of(fit, coef_name)
        one.set_xlabel(f"deviation of {coef_name}{of}" if what == "ranef" else f"{coef_name}{of}")
        if k == 0:
            one.set_ylabel(name)
        else:
            one.set_yticklabels([])
        bare(one)
    if not fit.origin.is_plain:
        axes[0].set_title(f"draws of {fit.origin.phrase}", fontsize="medium")
    return axes[0] if len(axes) == 1 else axes


def _of(fit: Fit, coef: str) -> str:
    """What a coefficient of the main formula is about: the response, or the scale of a link."""
    if fit.model.is_multivariate:
        return ""
    main = fit.model.part.main
    own = {c.label for g in fit.model.groups for c in g.coefs if c.scope == main.scope}
    if coef not in own:
        return ""
    name = fit.model.part.response.name
    return f" ({name})" if main.link == "identity" else f" ({main.link} scale of {name})"


def _axes(coefs: Sequence[str], levels: int, ax: Any, figsize: Any) -> list[Axes]:
    if ax is not None:
        if figsize is not None:
            raise ArgumentError("give ax or figsize, not both: the size is that of the axes given")
        axes = list(np.ravel(np.asarray(ax, dtype=object)))
        if len(axes) != len(coefs):
            raise ArgumentError(
                f"the picture has {len(coefs)} panels ({', '.join(coefs)}), but {len(axes)} axes "
                "were given"
            )
        return axes
    import matplotlib.pyplot as plt

    size = figure_size(figsize, forest_size(levels, 4.6 if len(coefs) == 1 else 3.4 * len(coefs)))
    figure, made = plt.subplots(1, len(coefs), figsize=size, layout="constrained", squeeze=False)
    del figure
    return list(made[0])
