"""No, partial and complete pooling side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.arguments import probability, texts
from hiermodel.errors import DataError
from hiermodel.multilevel.factors import flat, linear_predictor, one_factor
from hiermodel.multilevel.results import checked_origin, cut
from hiermodel.multilevel.separate import complete_pooling, no_pooling, problem
from hiermodel.summary.html import frame_html, page
from hiermodel.summary.statistics import describe, quantile_name
from hiermodel.summary.text import frame_text, title_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.fitted import Fit

_ABOUT = (
    "no pooling: maximum likelihood with own coefficients for each level, all else at posterior "
    "means (- where the rows of the level do not determine it); partial pooling: the model; "
    "population: the model without the level's deviation; complete pooling: maximum likelihood "
    "without the grouping factor."
)


@dataclass(frozen=True, slots=True, eq=False)
class PoolingComparison:
    """Estimates of each level without pooling, with partial and with complete pooling.

    Attributes
    ----------
    table : pandas.DataFrame
        Index (level, coef), on the scale of the linear predictor: ``n`` rows; ``no_pooling`` and
        ``no_pooling_se``; ``partial_pooling``, ``Est.Error`` and quantiles of the model;
        ``population``; ``complete_pooling``.
    group : str
    label : str
        What the coefficients are about: the response, or the scale of its link.
    prob : float
        Mass of the intervals of the model.
    origin : str
        What the draws are of, when not of the posterior itself.

    Examples
    --------
    >>> fit.pooling_comparison("county").table  # doctest: +SKIP
    >>> fit.plot_pooling("county")  # doctest: +SKIP
    """

    table: pd.DataFrame
    group: str
    label: str
    prob: float
    origin: str = ""

    @property
    def coefs(self) -> tuple[str, ...]:
        """The coefficients that vary."""
        return tuple(dict.fromkeys(map(str, self.table.index.get_level_values("coef"))))

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table."""
        return self.table.copy()

    def plot(self, coef: str | Sequence[str] | None = None, **options: Any) -> Axes:
        """Draw it; see `hiermodel.multilevel.draw.draw_pooling`."""
        from hiermodel.multilevel.draw import draw_pooling

        return draw_pooling(self, coef, **options)

    def _title(self) -> str:
        return f"No, partial and complete pooling over {self.group}: {self.label}"

    def __repr__(self) -> str:
        shown, more = cut(self.table, ".table")
        parts = [f"{title_text(self._title())}\n{frame_text(shown)}", more, _ABOUT, self.origin]
        return "\n".join(p for p in parts if p)

    def _repr_html_(self) -> str:
        shown, more = cut(self.table, ".table")
        note = "\n".join((more, _ABOUT, self.origin))
        return page(self._title(), [frame_html(shown, note=note)])


def pooling_comparison(
    fit: Fit,
    group: str | None = None,
    coef: str | Sequence[str] | None = None,
    *,
    prob: float = 0.95,
) -> PoolingComparison:
    """Compare each level's estimate without pooling, partially pooled, completely pooled.

    Parameters
    ----------
    fit : Fit
        Of one response, with a linear main formula.
    group : str, optional
        Grouping factor; may be left out when there is one.
    coef : str or list of str, optional
        Coefficients to show; all that vary over the factor by default.
    prob : float
        Mass of the central intervals of the model.

    Returns
    -------
    PoolingComparison

    Raises
    ------
    DataError
        For an unknown factor or coefficient.
    HiermodelError
        For factors with ``mm()`` or effects on several parameters, non-linear formulas, mixtures
        and categorical responses.

    Notes
    -----
    *No pooling* gives each level coefficients of its own, without a distribution over them, and
    fits by maximum likelihood; coefficients that do not vary over the factor stay common to all
    levels. Other parameters (sigma, shape, thresholds) and the effects of other grouping factors
    are held at their posterior means. For a normal response with identity link it is least
    squares. *Complete pooling* fits the same without the factor. Population-level columns that
    are constant within levels are part of a level's own coefficients, so that all four columns
    are comparable (Gelman and Hill 2007, chapter 12): ``population`` then differs by level.

    Examples
    --------
    >>> import hiermodel as hm
    >>> fit = hm.fit("log_radon ~ floor + (1 | county)", hm.datasets.load("radon"), chains=2,
    ...              draws=200, warmup=200, seed=1, progress=False)
    >>> both = fit.pooling_comparison("county").table.loc[("LAC QUI PARLE", "Intercept")]
    >>> bool(both["no_pooling"] > both["partial_pooling"] > both["population"])
    True
    """
    prob = probability("prob", prob)
    origin = checked_origin(fit, "pooling_comparison()")
    factor = one_factor(fit, group)
    chosen = factor.coefs if coef is None else tuple(texts("coef", coef, factor.coefs[0]))
    places = [factor.position(c) for c in chosen]
    it = problem(fit, factor)
    levels = len(factor.levels)
    alone, taken = no_pooling(it, levels)
    together = complete_pooling(it)
    fixed = _population_draws(fit)
    population = np.zeros(factor.r.shape)
    complete = np.zeros(factor.r.shape[1:])
    for name, share in taken:
        population += fixed[name][:, None, None] * share
        complete += together[name] * share
    partial = population + factor.r
    lower, upper = (1 - prob) / 2, (1 + prob) / 2
    stats = describe(partial.reshape(len(partial), -1), (lower, upper))
    stats = stats.reshape(levels, len(factor.coefs), 4)
    columns = {
        "n": np.repeat(factor.rows(fit.frame)[:, None], len(factor.coefs), axis=1),
        "no_pooling": alone.values,
        "no_pooling_se": alone.errors,
        "partial_pooling": stats[..., 0],
        "Est.Error": stats[..., 1],
        quantile_name(lower): stats[..., 2],
        quantile_name(upper): stats[..., 3],
        "population": population.mean(axis=0),
        "complete_pooling": complete,
    }
    index = pd.MultiIndex.from_product([factor.levels, chosen], names=["level", "coef"])
    table = pd.DataFrame({k: v[:, places].ravel() for k, v in columns.items()}, index=index)
    return PoolingComparison(table, factor.name, _label(fit), prob, origin)


def _population_draws(fit: Fit) -> dict[str, np.ndarray]:
    predictor = linear_predictor(fit, None, "pooling_comparison()")
    name = f"b{predictor.population.suffix}"
    if name not in fit.posterior:
        return {}
    array = fit.posterior[name]
    labels = [str(v) for v in array.coords[array.dims[-1]].values]
    return dict(zip(labels, flat(array).T, strict=True))


def _label(fit: Fit) -> str:
    predictor = linear_predictor(fit, None, "pooling_comparison()")
    name = str(fit.response_name)
    return name if predictor.link == "identity" else f"{predictor.link} scale of {name}"


def level_order(table: pd.DataFrame) -> list[str]:
    """Levels of a comparison of one coefficient, from the lowest partially pooled estimate."""
    ordered = table.sort_values("partial_pooling")
    return [str(v) for v in ordered.index.get_level_values("level")]


def one_coef(comparison: PoolingComparison, coef: str) -> pd.DataFrame:
    """The rows of one coefficient.

    Raises
    ------
    DataError
        For one that is not in the table.
    """
    if coef not in comparison.coefs:
        raise DataError(
            f"{coef!r} is not among the coefficients {', '.join(comparison.coefs)} of "
            f"{comparison.group!r}"
        )
    rows = comparison.table.index.get_level_values("coef") == coef
    return comparison.table[rows]


