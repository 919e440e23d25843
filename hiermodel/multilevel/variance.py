"""Intraclass correlation, design effect and the decomposition of variance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from hiermodel.arguments import flag, texts
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.frames import as_frame, row_labels
from hiermodel.multilevel.factors import Factor, factors, linear_predictor
from hiermodel.multilevel.link_scale import (
    fixed_variance,
    group_variance,
    mean_group_variance,
    residual_variance,
)
from hiermodel.multilevel.results import Shares, checked_origin, described, joined
from hiermodel.multilevel.simulated import response_parts
from hiermodel.summary.statistics import PROBS

if TYPE_CHECKING:
    from hiermodel.fitted import Fit
    from hiermodel.predictors import Predictor

Scale = Literal["link", "response"]
Array = np.ndarray

ALL = "(all)"


def icc(
    fit: Fit,
    group: str | Iterable[str] | None = None,
    *,
    scale: Scale = "link",
    newdata: Any = None,
    approximation: str = "lognormal",
    probs: Sequence[float] = PROBS,
    robust: bool = False,
    ndraws: int | None = None,
    nsim: int = 256,
    seed: int | None = 0,
) -> Shares:
    """Compute intraclass correlations: the share of each grouping factor in the variance.

    Parameters
    ----------
    fit : Fit
        Of one response.
    group : str or list of str, optional
        Grouping factors to show; by default each, and ``(all)`` of several together.
    scale : {"link", "response"}
        The scale of the linear predictor, or that of the response, for which new groups are
        simulated: any family with a mean.
    newdata : data frame, optional
        With ``scale="link"``: rows at which to give it, for models with random slopes, where it
        depends on the predictors. By default variances are averaged over the fitted rows.
    approximation : {"lognormal", "trigamma", "delta"}
        Of the residual variance of counts and of gamma responses with the log link.
    probs : sequence of float
    robust : bool
        Median and median absolute deviation.
    ndraws : int, optional
        Posterior draws for ``scale="response"``: 200 by default.
    nsim : int
        New groups simulated for each of them.
    seed : int, optional
        Of the simulation.

    Returns
    -------
    Shares
        A row per grouping factor; with `newdata` the index is (group, row).

    Raises
    ------
    DataError
        For a model without group-level terms, or an unknown factor.
    HiermodelError
        For families without a residual variance on the scale asked for.

    Notes
    -----
    ``v_g / (sum of v + residual)``, the residual being sigma^2 (normal, student, lognormal), pi^2/3
    (logit), 1 (probit), pi^2/6 (cloglog), divided by disc^2 for ordinal families, or for counts
    with mean m on the log scale ln(1 + CV^2) (``"lognormal"``), trigamma(1 / CV^2) or CV^2
    (``"delta"``), with CV^2 = 1/m for poisson and 1/m + 1/shape for negbinomial (Nakagawa, Johnson
    and Schielzeth 2017), where m averages ``exp(eta + v / 2)`` over the rows. With random slopes
    v_g is ``z' Sigma z`` (Goldstein, Browne and Rasbash 2002), averaged over the rows (Johnson
    2014). It does not count the variance of the population-level part, see
    `variance_decomposition`. For factors within each other the correlation of two rows of the
    same inner level is the sum of the shares.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("reaction ~ days + (1 | subject)", hm.datasets.load("sleepstudy"), chains=2,
    ...              draws=200, warmup=200, seed=1, progress=False)
    >>> list(fit.icc().table.index)
    ['subject']
    """
    origin = checked_origin(fit, "icc()")
    flag("robust", robust)
    found = factors(fit)
    shown = _shown(found, group)
    if scale not in ("link", "response"):
        raise ArgumentError(f"scale must be 'link' or 'response', not {scale!r}")
    if scale == "response":
        if newdata is not None:
            raise ArgumentError('newdata is for scale="link" only')
        parts = response_parts(fit, _chosen(fit, ndraws), _power_of_two(nsim), 200, seed)
        total = parts.between + parts.residual
        columns = {g: v / total for g, v in parts.groups.items()} | {ALL: parts.between / total}
        draws = joined({g: columns[g] for g in shown}, "group")
        note = (
            f"Response scale: {len(total)} draws x {_power_of_two(nsim)} simulated groups; "
            f"variance within rows, averaged over them. {origin}".rstrip()
        )
        return Shares(described(draws, probs, robust), draws, "Intraclass correlation", note)
    predictor = linear_predictor(fit, None, "icc()")
    frame = fit.frame if newdata is None else as_frame(newdata)
    residual, words = residual_variance(
        fit, predictor, approximation, _spread(fit, found, predictor, frame),
        None if newdata is None else frame,
    )
    note = f"Scale of the linear predictor; residual: {words}. {origin}".rstrip()
    if newdata is None:
        averaged = {f.name: mean_group_variance(fit, f, predictor, frame) for f in found}
        if any(varies for _, varies in averaged.values()):
            note += " Variances depend on the predictors: averaged over the fitted rows."
        between = np.sum([v for v, _ in averaged.values()], axis=0)
        total = between + residual[:, 0]
        columns = {g: v / total for g, (v, _) in averaged.items()} | {ALL: between / total}
        draws = joined({g: columns[g] for g in shown}, "group")
        return Shares(described(draws, probs, robust), draws, "Intraclass correlation", note)
    by_group = {f.name: group_variance(fit, f, predictor, frame) for f in found}
    labels = row_labels(newdata)
    rows = np.arange(len(frame)) if labels is None else labels
    return _by_row(rows, by_group, residual, shown, probs, robust, note)


def _by_row(
    rows: Array, by_group: dict[str, Array], residual: Array,
    shown: list[str], probs: Sequence[float], robust: bool, note: str,
) -> Shares:
    between: Array = np.sum(list(by_group.values()), axis=0)
    total = between + residual
    pieces = {g: (between if g == ALL else by_group[g]) / total for g in shown}
    index = pd.MultiIndex.from_product([shown, rows], names=["group", "row"])
    draws = pd.DataFrame(np.hstack([pieces[g] for g in shown]), columns=index)
    return Shares(described(draws, probs, robust), draws, "Intraclass correlation", note)


def _shown(found: Sequence[Factor], group: str | Iterable[str] | None) -> list[str]:
    names = [f.name for f in found]
    if group is None:
        return [*names, ALL] if len(names) > 1 else names
    wanted = texts("group", group, names[0])
    for name in wanted:
        if name not in names:
            raise DataError(
                f"the model has no grouping factor {name!r}{did_you_mean(name, names)}; "
                f"it has {', '.join(names)}"
            )
    return wanted


def _spread(
    fit: Fit, found: Sequence[Factor], predictor: Predictor, frame: pd.DataFrame
) -> Callable[[], Array]:
    """The sum of the group-level variances at each row, when it is needed."""

    def spread() -> Array:
        out: Array = np.sum([group_variance(fit, f, predictor, frame) for f in found], axis=0)
        return out

    return spread


def _chosen(fit: Fit, ndraws: int | None) -> Array:
    size = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    wanted = 200 if ndraws is None else _whole("ndraws", ndraws)
    return np.unique(np.linspace(0, size - 1, min(wanted, size)).astype(int))


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, got {value!r}")
    return int(value)


def _power_of_two(nsim: Any) -> int:
    """Sobol points are balanced in powers of two: the next one."""
    return 1 << (_whole("nsim", nsim) - 1).bit_length()


def design_effect(
    fit: Fit,
    group: str | Iterable[str] | None = None,
    *,
    probs: Sequence[float] = PROBS,
    robust: bool = False,
    **options: Any,
) -> Shares:
    """Compute the design effect of clusters: ``1 + (m - 1) icc``.

    Parameters
    ----------
    fit : Fit
    group : str or list of str, optional
        Grouping factors; each by default.
    probs, robust
        As for `icc`.
    **options
        ``scale``, ``approximation``, ``ndraws``, ``nsim``, ``seed`` of `icc`.

    Returns
    -------
    Shares
        With the columns ``levels`` and ``m``, rows per level on average, and ``n_effective``: the
        number of independent rows that say as much about the mean, at the estimate.

    Notes
    -----
    Kish (1965), Survey Sampling, section 5.4: by how much clusters of m rows increase the variance
    of a mean over independent rows.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("reaction ~ days + (1 | subject)", hm.datasets.load("sleepstudy"), chains=2,
    ...              draws=200, warmup=200, seed=1, progress=False)
    >>> float(fit.design_effect().table.loc["subject", "m"])
    10.0
    """
    if options.get("newdata") is not None:
        raise ArgumentError("design_effect() is one number per grouping factor: leave out newdata")
    by_name = {f.name: f for f in factors(fit)}
    wanted = [g for g in _shown(tuple(by_name.values()), group) if g != ALL]
    shares = icc(fit, wanted, **options)
    sizes: dict[str, float] = {}
    for name in wanted:
        rows = by_name[name].rows(fit.frame)
        sizes[name] = float(rows[rows > 0].mean())
    draws = shares.draws.apply(lambda column: 1 + (sizes[str(column.name)] - 1) * column)
    table = described(draws, probs, robust)
    table.insert(0, "levels", [len(by_name[g].levels) for g in wanted])
    table.insert(1, "m", [sizes[g] for g in wanted])
    table["n_effective"] = len(fit.frame) / table["Estimate"]
    return Shares(table, draws, "Design effect", "1 + (m - 1) icc. " + shares.note)


def variance_decomposition(
    fit: Fit,
    *,
    scale: Scale = "link",
    approximation: str = "lognormal",
    probs: Sequence[float] = PROBS,
    robust: bool = False,
    ndraws: int | None = None,
    nsim: int = 256,
    seed: int | None = 0,
) -> Shares:
    """Split the variance into that of the fixed part, each grouping factor and the residual.

    Parameters
    ----------
    fit : Fit
        Of one response.
    scale, approximation, probs, robust, ndraws, nsim, seed
        As for `icc`.

    Returns
    -------
    Shares
        Index (part, quantity): for ``fixed``, each grouping factor and ``residual`` the
        ``variance`` and the ``share``, then ``R2`` ``marginal`` (share of the fixed part) and
        ``conditional`` (fixed part and groups). On the scale of the response a part ``joint`` is
        what grouping factors explain only together.

    Notes
    -----
    Nakagawa, Johnson and Schielzeth (2017). The fixed part is the variance over the fitted rows
    of the predictor without group effects and offsets, in each draw. On the response scale it is
    that of the expectation over new groups.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("reaction ~ days + (1 | subject)", hm.datasets.load("sleepstudy"), chains=2,
    ...              draws=200, warmup=200, seed=1, progress=False)
    >>> shares = fit.variance_decomposition().table["Estimate"]
    >>> bool(shares["R2", "conditional"] > shares["R2", "marginal"])
    True
    """
    origin = checked_origin(fit, "variance_decomposition()")
    flag("robust", robust)
    found = factors(fit)
    if scale not in ("link", "response"):
        raise ArgumentError(f"scale must be 'link' or 'response', not {scale!r}")
    if scale == "response":
        simulated = response_parts(fit, _chosen(fit, ndraws), _power_of_two(nsim), 200, seed)
        parts = {"fixed": simulated.fixed, **simulated.groups}
        if len(found) > 1:
            rest = simulated.between - np.sum(list(simulated.groups.values()), axis=0)
            parts["joint"] = np.maximum(rest, 0.0)
        parts["residual"] = simulated.residual
        note = f"Response scale: {len(simulated.fixed)} draws x {_power_of_two(nsim)} groups."
    else:
        predictor = linear_predictor(fit, None, "variance_decomposition()")
        spread = _spread(fit, found, predictor, fit.frame)
        residual, words = residual_variance(fit, predictor, approximation, spread)
        parts = {"fixed": fixed_variance(fit, predictor)}
        for factor in found:
            parts[factor.name] = mean_group_variance(fit, factor, predictor, fit.frame)[0]
        parts["residual"] = residual[:, 0]
        note = f"Scale of the linear predictor; residual: {words}."
    note = f"{note} {origin}".rstrip()
    total: Array = np.sum(list(parts.values()), axis=0)
    columns: dict[tuple[str, str], Array] = {}
    for name, value in parts.items():
        columns[name, "variance"], columns[name, "share"] = value, value / total
    columns["R2", "marginal"] = parts["fixed"] / total
    columns["R2", "conditional"] = 1 - parts["residual"] / total
    draws = pd.DataFrame(columns)
    draws.columns = pd.MultiIndex.from_tuples(list(columns), names=["part", "quantity"])
    table = described(draws, probs, robust)
    return Shares(table, draws, "Decomposition of variance", note)
