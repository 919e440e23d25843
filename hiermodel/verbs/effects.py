"""Verbs of a fit that say what its predictors do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    import xarray as xr

    from hiermodel.effects import ConditionalEffects, ConditionalSmooths, Hypotheses


class Effects(Verbs):
    """Effects on the response, and hypotheses."""

    def conditional_effects(
        self, effects: Any = None, conditions: Any = None, *, resp: str | None = None,
        **options: Any,
    ) -> ConditionalEffects:
        """Expected response over one or two predictors, the others held fixed.

        See `hiermodel.effects.conditional_effects` for the options: other `conditions`,
        ``spaghetti``, ``surface``, ``method``, ``dpar``, ...
        """
        from hiermodel.effects import conditional_effects

        return conditional_effects(self._one(resp), effects, conditions, **options)

    def conditional_smooths(
        self, smooths: str | Sequence[str] | None = None, *, resp: str | None = None,
        **options: Any,
    ) -> ConditionalSmooths:
        """Each smooth alone, over its covariates, on the scale of its linear predictor.

        Parameters
        ----------
        smooths : str or sequence of str, optional
            Terms as in the formula, ``"s(x)"``; all by default.
        resp : str, optional
            Which of several responses.
        **options
            ``int_conditions``, ``prob``, ``robust``, ``spaghetti``, ``surface``, ``resolution``,
            ``too_far``, ``ndraws``; see `hiermodel.effects.conditional_smooths`.

        Returns
        -------
        ConditionalSmooths
            Data frames by name (``"mu: s(x)"``), which can plot themselves: lines with ribbons
            for one number, surfaces for two.

        Examples
        --------
        >>> fit.conditional_smooths().plot()  # doctest: +SKIP
        """
        from hiermodel.effects import conditional_smooths

        return conditional_smooths(self._one(resp), smooths, **options)

    def posterior_smooths(
        self, smooth: str, newdata: Any = None, *, resp: str | None = None, **options: Any
    ) -> xr.DataArray:
        """Draws of one smooth term, on the scale of its linear predictor.

        Parameters
        ----------
        smooth : str
            The term as in the formula, ``"s(x)"``.
        newdata : data frame, optional
            The fitted rows by default; only the columns of the smooth are needed.
        resp : str, optional
            Which of several responses.
        **options
            ``dpar``, ``nlpar``, ``ndraws``; see `hiermodel.effects.posterior_smooths`.

        Returns
        -------
        DataArray
            Dims (chain, draw, obs).
        """
        from hiermodel.effects import posterior_smooths

        return posterior_smooths(self._one(resp), smooth, newdata, **options)

    def hypothesis(self, hypothesis: str | Sequence[str], **options: Any) -> Hypotheses:
        """Evaluate statements about parameters, such as ``"days > 0"``.

        See `hiermodel.effects.hypothesis` for the options: ``cls``, ``group``, ``scope`` (each
        level of a group), ``alpha``, ``robust``. Evidence for ``=`` needs draws of the prior:
        ``hm.fit(..., sample_prior="yes")``.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.hypothesis(["dose > 0", "suppVC + 2 * suppVC:dose = 0"]).table["Star"].tolist()
        ['*', '']
        """
        from hiermodel.effects import hypothesis as evaluate

        return evaluate(self._one(), hypothesis, **options)

    def predictor_columns(self) -> list[tuple[str, str, tuple[str, ...]]]:
        """Columns of the population-level terms: name, kind and levels."""
        from hiermodel.describe import predictor_columns

        return predictor_columns(self.model)

    def effects_terms(self) -> list[tuple[str, ...]]:
        """Main effects and two-way interactions of columns, as in the formula."""
        from hiermodel.describe import effects_terms

        return effects_terms(self.model)
