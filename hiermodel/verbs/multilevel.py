"""Verbs of a fit that only a multilevel model has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hiermodel.multilevel import Anova, Pooling, PoolingComparison, Shares


class Multilevel(Verbs):
    """Pooling, shares of variance, batches of coefficients."""

    def pooling(
        self, group: str | Iterable[str] | None = None, *, resp: str | None = None
    ) -> Pooling:
        """How far each level is pooled towards the population: pooling factors and lambda.

        See `hiermodel.multilevel.pooling` for the definitions.
        """
        from hiermodel.multilevel import pooling

        return pooling(self._one(resp), group)

    def pooling_comparison(
        self,
        group: str | None = None,
        coef: str | Sequence[str] | None = None,
        *,
        prob: float = 0.95,
        resp: str | None = None,
    ) -> PoolingComparison:
        """Each level's estimate without pooling, partially pooled and completely pooled.

        See `hiermodel.multilevel.pooling_comparison` for how they are made.
        """
        from hiermodel.multilevel import pooling_comparison

        return pooling_comparison(self._one(resp), group, coef, prob=prob)

    def plot_pooling(
        self,
        group: str | None = None,
        coef: str | Sequence[str] | None = None,
        *,
        prob: float = 0.95,
        against: str | None = None,
        ax: Axes | None = None,
        figsize: tuple[float, float] | None = None,
        resp: str | None = None,
    ) -> Axes:
        """Draw no, partial and complete pooling; `pooling_comparison` has the numbers.

        Parameters
        ----------
        group : str, optional
            Grouping factor; may be left out when there is one.
        coef : str or two of them, optional
            One coefficient (the first by default), or the plane of two.
        prob : float
            Mass of the intervals.
        against : {"level", "n"}, optional
            A row per level, or levels over their number of rows (the default with more than
            40 levels of different sizes).
        ax : Axes, optional
        figsize : (float, float), optional
        resp : str, optional

        Returns
        -------
        Axes
        """
        comparison = self.pooling_comparison(group, coef, prob=prob, resp=resp)
        chosen = comparison.coefs[:1] if coef is None else coef
        return comparison.plot(chosen, against=against, ax=ax, figsize=figsize)

    def icc(
        self, group: str | Iterable[str] | None = None, *, resp: str | None = None, **options: Any
    ) -> Shares:
        """Intraclass correlation of each grouping factor, per draw.

        See `hiermodel.multilevel.icc` for the options: ``scale``, ``newdata``,
        ``approximation``, ``probs``, ``robust``, ``ndraws``, ``nsim``, ``seed``.
        """
        from hiermodel.multilevel import icc

        return icc(self._one(resp), group, **options)

    def design_effect(
        self, group: str | Iterable[str] | None = None, *, resp: str | None = None, **options: Any
    ) -> Shares:
        """Design effect of each grouping factor, ``1 + (m - 1) icc``.

        See `hiermodel.multilevel.design_effect`.
        """
        from hiermodel.multilevel import design_effect

        return design_effect(self._one(resp), group, **options)

    def variance_decomposition(self, *, resp: str | None = None, **options: Any) -> Shares:
        """Variance of the fixed part, of each grouping factor and of the residual; R2 of both.

        See `hiermodel.multilevel.variance_decomposition` for the options.
        """
        from hiermodel.multilevel import variance_decomposition

        return variance_decomposition(self._one(resp), **options)

    def anova(
        self, *, dpar: str | None = None, robust: bool = True, resp: str | None = None
    ) -> Anova:
        """Batches of coefficients with finite- and superpopulation standard deviations.

        See `hiermodel.multilevel.anova` (Gelman 2005).
        """
        from hiermodel.multilevel import anova

        return anova(self._one(resp), dpar=dpar, robust=robust)
