"""Verbs of a fit about populations: marginal means, poststratification, and grids of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    import pandas as pd

    from hiermodel.marginal import EffectTable


class Means(Verbs):
    """Means over rows that are not those of the data."""

    def emmeans(
        self, specs: Any, by: Any = None, *, contrasts: Any = None, at: Any = None,
        weights: str = "equal", groups: Any = "none", resp: str | None = None, **options: Any,
    ) -> EffectTable:
        """Estimated marginal means, or contrasts of them.

        The means of a balanced grid: all levels of factors, numbers at their mean.

        Parameters
        ----------
        specs : str or sequence of str
            Factors to show means of; numbers with values in `at`.
        by : str or sequence of str, optional
            Further ones; contrasts are taken within their levels.
        contrasts : str or mapping, optional
            ``"pairwise"`` (later minus earlier level; ``"revpairwise"`` the other way round),
            ``"reference"``, ``"sequential"``, ``"eff"`` (minus the mean of all), or weights of
            the means by the name of the contrast.
        at : mapping, optional
            Values of variables in the place of mean and levels.
        weights : {"equal", "proportional"}
            Of the combinations of levels that are averaged over: all alike, or as often as they
            occur in the data.
        groups : str or mapping
            As in `predictions`; by default ``"none"``.
        resp, **options
            As in `predictions`; ``type="response"`` averages expectations, ``type="link"``
            linear predictors, which ``transform="inverse_link"`` brings back afterwards.

        Returns
        -------
        EffectTable
            A row for each mean or contrast, in units of the response.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.emmeans("supp", contrasts="pairwise", at={"dose": [1, 2]})["contrast"].tolist()
        ['VC - OJ']
        """
        from hiermodel.marginal import emmeans

        return emmeans(
            self._one(resp), specs, by, contrasts=contrasts, at=at, weights=weights,
            groups=groups, **options,
        )

    def poststratify(
        self, cells: Any, n: str = "n", by: Any = None, *, total: bool = False,
        resp: str | None = None, **options: Any,
    ) -> EffectTable:
        """Means or totals of a population, from the sizes of its cells (MRP).

        Parameters
        ----------
        cells : data frame
            A row for each cell of the population, with all predictors and grouping factors.
        n : str
            The column with the size of each cell.
        by : str, sequence of str or data frame, optional
            Subgroups of the population, as in `predictions`; the whole population is the last
            row, ``(all)``.
        total : bool
            Sums over the population instead of means.
        resp, **options
            As in `predictions`. Unseen levels of grouping factors need
            ``allow_new_levels=True``. Responses with trials count one trial each, so that
            means are proportions.

        Returns
        -------
        EffectTable
            A row for each subgroup and the whole, with its size ``n``.

        Raises
        ------
        DataError
            For cells that lack a column or a value, sizes that are negative, unseen levels.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> cells = fit.datagrid("balanced", dose=[1, 2]).assign(people=[10, 20, 30, 40])
        >>> fit.poststratify(cells, n="people", by="supp")["n"].tolist()
        [30.0, 70.0, 100.0]
        """
        from hiermodel.marginal import poststratify

        return poststratify(self._one(resp), cells, n, by, total=total, **options)

    def datagrid(
        self, grid: str = "mean_or_mode", newdata: Any = None, *, resp: str | None = None,
        **values: Any,
    ) -> pd.DataFrame:
        """Rows at which to predict: all combinations of values, the rest typical or as observed.

        Parameters
        ----------
        grid : {"mean_or_mode", "balanced", "counterfactual"}
            What the other columns take: numbers their mean, all else (and numbers that are all 0
            or 1) the most frequent value; all levels of factors and numbers at their mean; or
            what they have in each row, which is repeated for every combination. Numbers of
            trials are one in the first two.
        newdata : data frame, optional
            The rows of a counterfactual grid; the fitted ones by default.
        resp : str, optional
            One of several responses.
        **values
            Values by column: one, several, or a function of the column of the data.

        Returns
        -------
        DataFrame
            With the types of the data; a counterfactual grid has a column ``rowid``.

        Raises
        ------
        DataError
            For columns that the model does not read, and levels that factors do not have.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.datagrid(dose=[0.5, 2], supp=["OJ", "VC"]).shape
        (4, 2)
        >>> fit.datagrid("counterfactual", supp=["OJ", "VC"])["rowid"].size
        120
        """
        from hiermodel.marginal import datagrid

        return datagrid(self._one(resp), values, grid, newdata)
