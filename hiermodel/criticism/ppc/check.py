"""`pp_check`: from a fit to the numbers of a check, and to its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.criticism import _arviz
from hiermodel.criticism.given_others import rows_without_themselves
from hiermodel.criticism.ppc import rows as of_rows
from hiermodel.criticism.ppc.kinds import (
    KINDS,
    PANELS,
    axis_labels,
    check_numbers,
    check_options,
    default_draws,
    replicated_label,
    resolve,
)
from hiermodel.criticism.ppc.loo import log_weights
from hiermodel.criticism.ppc.replications import Groups, Replications, Stat, grouped
from hiermodel.errors import DataError
from hiermodel.notebook import note_html, page, words_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit

# Checks of all draws use as many replications as fit into this many numbers (320 MB).
_MOST_NUMBERS = 40_000_000
_FEW_VALUES = 30
_MOST_PANELS = 72
_SHOWN = 10
# What shows of new rows what a check shows of fitted ones; others are all about transforms.
_WITHOUT_LOO = {"loo_intervals": "intervals", "loo_ribbon": "ribbon"}


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
    prefix : {"ppc", "ppd"}
        Whether the data are shown as well, or the predictions alone.
    group : str
        Column of the groups; empty without groups.
    """

    type: str
    table: pd.DataFrame
    response: str
    x_label: str
    y_label: str
    categories: tuple[str, ...]
    ndraws: int
    first_category: int = 1
    prefix: str = "ppc"
    group: str = ""

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups, empty without groups."""
        return tuple(dict.fromkeys(self.table["group"])) if "group" in self.table else ()

    @property
    def replicated_label(self) -> str:
        """What the legend calls that with which the data are compared."""
        return replicated_label(self.type, self.prefix)

    def _title(self) -> str:
        what = f"{self.type} of {self.response}, {self.ndraws} draws"
        by = f", by {self.group}" if self.group else ""
        return f"Posterior predictive {'check' if self.prefix == 'ppc' else 'draws'}: {what}{by}"

    def _brief(self) -> tuple[pd.DataFrame, str]:
        left = len(self.table) - _SHOWN
        return self.table.head(_SHOWN), f"... {left} more rows" if left > 0 else ""

    def __repr__(self) -> str:
        part, more = self._brief()
        lines = (self._title(), part.to_string(index=False), more)
        return "\n".join(line for line in lines if line)

    def _repr_html_(self) -> str:
        part, more = self._brief()
        heads = [str(c) for c in part]
        rows = [[_text(v) for v in row] for row in part.itertuples(index=False)]
        return page(self._title(), [words_html(rows, heads), note_html(more)])


def _text(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def default_type(fit: Fit) -> str:
    """Return the type for a response.

    Bars for few whole numbers, survival curves where rows are right-censored, else densities or
    distribution functions.
    """
    y = np.asarray(fit.response, dtype=float)
    family = fit.model.family
    codes = of_rows.censoring(fit, of_rows.rows_of(fit, None, with_data=True))
    if codes is not None and codes.any() and np.isin(codes, (0, 1)).all():
        return "km_overlay"
    if not family.discrete:
        return "dens_overlay"
    # Counts that a prior allows may be as large as numbers can be.
    bounded = family.has_categories or "trials" in family.additions or family.name == "bernoulli"
    few = y.max() - y.min() <= _FEW_VALUES
    return "bars" if few and (bounded or not fit.origin.prior_only) else "ecdf_overlay"


def pp_check_data(
    fit: Fit,
    type: str | None = None,
    ndraws: int | None = None,
    group: str | None = None,
    stat: Stat | Sequence[Stat] = "mean",
    x: str | None = None,
    seed: int | None = None,
    *,
    prefix: str = "ppc",
    newdata: Any = None,
    re_formula: str | None = None,
    allow_new_levels: bool = False,
    sample_new_levels: str = "uncertainty",
    incl_autocor: bool = True,
) -> PPCheck:
    """Compute a posterior predictive check without drawing it.

    Parameters are those of `pp_check`.

    Returns
    -------
    PPCheck

    Raises
    ------
    DataError
        An unknown type, group, variable or statistic; new data without their response.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=500, seed=1,
    ...              progress=False)
    >>> check = fit.pp_check_data("stat", stat="sd", seed=1)
    >>> list(check.table.columns), len(check.table)
    (['draw', 'value', 'observed'], 1000)
    """
    _refuse(fit, type, prefix)
    name, by_group = resolve(type or _default(fit, prefix), group, prefix)
    kind, stats = KINDS[name], _statistics(stat)
    check_options(name, stats, x)
    check_numbers(name, fit.response_name, fit.model.family.response)
    if kind.leaves_out and newdata is not None:
        raise DataError(
            f"type {name!r} predicts each fitted row without it, and newdata were not fitted; "
            f"take type={_WITHOUT_LOO.get(name, 'pit_ecdf')!r}"
        )
    rows = of_rows.rows_of(fit, newdata, with_data=prefix == "ppc")
    groups = rows.groups(group) if by_group and group is not None else None
    ndraws = _draws(fit, name, by_group, ndraws, len(rows))
    if kind.style in PANELS:
        _check_panels(ndraws, groups)
    if kind.leaves_out:
        replicated = rows_without_themselves(
            fit, "posterior_predict", ndraws=ndraws, seed=seed, re_formula=re_formula,
            incl_autocor=incl_autocor,
        )  # fmt: skip
    else:
        replicated = fit.posterior_predict(
            newdata, ndraws=ndraws, seed=seed, re_formula=re_formula,
            allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels,
            incl_autocor=incl_autocor,
        )  # fmt: skip
    yrep = np.asarray(replicated.values, dtype=float).reshape(-1, len(rows))
    of_rows.check_replications(yrep, rows)
    # A stream of its own, so that it is not that of the replications.
    rng = np.random.default_rng(None if seed is None else [seed, 1])
    data = Replications(rows.y, yrep, rows.places(x), stats, rng)
    if kind.censored:
        data = replace(
            data, censored=of_rows.right_censored(fit, rows, name),
            entry=of_rows.entry_times(fit, rows),
        )  # fmt: skip
    kept = of_rows.comparable_rows(fit, rows, kind.censored) if prefix == "ppc" else None
    if kept is not None:
        data = data.take(kept)
        groups = groups.take(kept) if groups else None
    if kind.leaves_out:
        data = replace(data, log_weights=log_weights(fit, name, ndraws, kept))
    table = grouped(kind.compute, data, groups) if groups else kind.compute(data)
    return PPCheck(
        name, table, str(fit.response_name),
        *axis_labels(name, str(fit.response_name), stats, x, group),
        tuple(fit.model.response.categories), ndraws, fit.model.family.first_category, prefix,
        group or "",
    )  # fmt: skip


def _refuse(fit: Fit, type: Any, prefix: Any) -> None:
    """Refuse what has no check at all, and words that are none."""
    fit.origin.refuse_point("pp_check()")
    if fit.model.family.several_columns:
        raise DataError(
            f"pp_check() shows one column, but the response {fit.response_name!r} has several; "
            "compare the columns of fit.response with posterior_predict()"
        )
    if not (type is None or isinstance(type, str)):
        raise DataError(f"type must be text such as 'dens_overlay', not {type!r}")
    if prefix not in ("ppc", "ppd"):
        raise DataError(
            f"prefix must be 'ppc', with the data, or 'ppd', the predictions alone, not {prefix!r}"
        )


def _check_panels(ndraws: int, groups: Groups | None) -> None:
    """Refuse more panels than one can look at."""
    n = len(groups.order) if groups else 1
    if n * ndraws > _MOST_PANELS:
        each = f"{n} groups with {ndraws} draws each" if groups else f"{ndraws} draws"
        raise DataError(
            f"{each} would be {n * ndraws} panels, more than the {_MOST_PANELS} that are drawn; "
            f"take fewer draws, ndraws={max(1, _MOST_PANELS // n)}"
        )


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
    *,
    prefix: str = "ppc",
    newdata: Any = None,
    re_formula: str | None = None,
    allow_new_levels: bool = False,
    sample_new_levels: str = "uncertainty",
    incl_autocor: bool = True,
) -> Axes | list[Axes]:
    """Compare the data with replications drawn from the posterior predictive distribution.

    Censored responses are left out, with a warning, save by ``km_overlay``. Of draws of the prior
    (`Model.prior_predictive`, ``sample_prior="only"``) it is a prior predictive check, and the
    title says so.

    Parameters
    ----------
    fit : Fit
    type : str, optional
        What is compared; the names are those of bayesplot.

        * Distributions: ``dens_overlay``, ``ecdf_overlay``, ``freqpoly``, ``boxplot``, and with a
          panel for each replication ``hist``, ``dens``, ``dots``; ``violin_grouped`` pools the
          replications of each group and puts the data into them; ``km_overlay`` compares
          Kaplan-Meier estimates of the data with their right-censored rows to replications.
        * Whole numbers and categories: ``bars``, ``rootogram``.
        * Statistics: ``stat``, ``stat_freqpoly``, ``stat_2d``.
        * Row by row, medians with intervals of 50 and 90 %: ``intervals``, ``ribbon``.
        * Against each other: ``scatter``, ``scatter_avg``, and the errors ``error_hist``,
          ``error_scatter``, ``error_scatter_avg``, ``error_scatter_avg_vs_x``, ``error_binned``.
        * Where each row lies in its replications: ``pit_ecdf`` (randomised for ties, with a
          simultaneous 95 % envelope).
        * The same with each row predicted without itself, by importance weights (PSIS-LOO):
          ``loo_intervals``, ``loo_ribbon``, ``loo_pit_ecdf``, ``loo_pit_overlay`` (the density
          beside those of 100 uniform samples), ``loo_pit_qq``.

        Most also with ``_grouped``. By default ``bars`` for whole numbers of few values,
        ``ecdf_overlay`` for others, ``km_overlay`` for right-censored responses and
        ``dens_overlay`` else.
    ndraws : int, optional
        Number of replications; 50 for overlays, 7 or 8 for panels of single replications (3 for
        each group), else all draws.
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
        Makes the replications, and what is randomised, reproducible.
    figsize : (float, float), optional
        Inches of a new figure.
    prefix : {"ppc", "ppd"}
        ``"ppd"`` leaves out the data and shows the predictive distribution alone, for the kinds
        that make sense so.
    newdata : data frame, optional
        Other rows than the fitted ones, with their response unless ``prefix="ppd"``.
    re_formula : str, optional
        Group-level effects to include, as in `posterior_predict`.
    allow_new_levels, sample_new_levels
        Of grouping factors in `newdata`, as in `posterior_predict`.
    incl_autocor : bool
        Whether autocorrelation is part of the predictions, as in `posterior_predict`.

    Returns
    -------
    Axes, or list of Axes
        A list for groups and for panels of single replications.

    Raises
    ------
    DataError
        An unknown type, group, variable or statistic; new data without their response.
    HiermodelError
        For a mode, and for leaving rows out of draws of the prior.

    Warns
    -----
    HiermodelWarning
        When rows are left out because they are censored, and when the importance weights of rows
        cannot be trusted.

    Examples
    --------
    >>> fit.pp_check()  # doctest: +SKIP
    >>> fit.pp_check("stat_grouped", group="subject", stat="max")  # doctest: +SKIP
    >>> fit.pp_check("loo_pit_ecdf")  # doctest: +SKIP
    >>> fit.pp_check("intervals", newdata=later, x="day")  # doctest: +SKIP
    """
    from hiermodel.criticism.ppc.draw import draw_check

    check = pp_check_data(
        fit, type, ndraws, group, stat, x, seed, prefix=prefix, newdata=newdata,
        re_formula=re_formula, allow_new_levels=allow_new_levels,
        sample_new_levels=sample_new_levels, incl_autocor=incl_autocor,
    )  # fmt: skip
    drawn = draw_check(check, ax, figsize)
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


def _default(fit: Fit, prefix: str) -> str:
    name = default_type(fit)
    if prefix == "ppc" or KINDS[name].alone:
        return name
    return "hist" if fit.model.family.discrete else "dens_overlay"


def _draws(fit: Fit, name: str, by_group: bool, ndraws: int | None, n_rows: int) -> int:
    """How many draws are taken: those asked for, or what the kind takes by default."""
    total = int(fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"])
    if ndraws is not None:
        whole = isinstance(ndraws, Integral) and not isinstance(ndraws, bool)
        if not whole or not 1 <= ndraws <= total:
            raise DataError(
                f"ndraws must be a whole number between 1 and {total}, the draws that the fit "
                f"has, not {ndraws!r}"
            )
        return int(ndraws)
    # Leaving rows out takes log-likelihoods and weights as well, as large as the replications.
    most = _MOST_NUMBERS // (2 if KINDS[name].leaves_out else 1)
    most = max(100, most // max(1, n_rows))
    return default_draws(name, by_group, min(most, total))


def _statistics(stat: Stat | Sequence[Stat]) -> tuple[Stat, ...]:
    if isinstance(stat, str) or callable(stat):
        return (stat,)
    if isinstance(stat, Sequence) and all(isinstance(s, str) or callable(s) for s in stat):
        return tuple(stat)
    raise DataError(f"stat must be a name such as 'sd', a function, or a pair of these: {stat!r}")
