"""Verbs of a fit that say what it means on the scale of the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    from hiermodel.marginal import EffectTable


class Marginal(Verbs):
    """Predictions, comparisons and slopes: of rows, and averages of them."""

    def predictions(
        self, newdata: Any = None, *, variables: Any = None, by: Any = None, wts: Any = None,
        dpar: str | None = None, nlpar: str | None = None, type: str = "response",
        groups: Any = None, hypothesis: Any = None, equivalence: Any = None, transform: Any = None,
        prob: float = 0.95, robust: bool = False, draws: bool = False, ndraws: int | None = None,
        seed: int | None = None, allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty", resp: str | None = None,
    ) -> EffectTable:
        """Predictions for rows, or averages of them, summarised over the draws.

        Everything is computed in each draw and summarised at the end.

        Parameters
        ----------
        newdata : data frame or {"mean", "balanced"}, optional
            Rows; by default the fitted ones. ``"mean"`` is one typical row, ``"balanced"`` all
            combinations of factor levels, see `datagrid`.
        variables : str, sequence of str or mapping, optional
            Counterfactual predictions: every row once for each value of these variables. Names
            stand for all levels of a factor and five quantiles of a number; a mapping gives the
            values.
        by : bool, str, sequence of str or data frame, optional
            Average over rows: True for one average, columns for an average in each of their
            groups, or a table that maps values of columns to subgroups in its column ``by``.
        wts : str or array, optional
            Weights of the rows in averages: a column or one number a row.
        dpar : str, optional
            A parameter such as ``"sigma"`` in the place of the response.
        nlpar : str, optional
            A parameter of a non-linear formula in the place of the response.
        type : {"response", "link", "predict"}
            Expectation (a probability for each category where the response has categories),
            linear predictor, or new responses.
        groups : {"observed", "none", "new", "integrated"} or mapping, optional
            Which clusters: those of the rows; a typical one (all group-level effects zero); one
            new cluster, drawn in each draw; or the expectation over the population of clusters.
            A mapping gives one for each grouping factor. By default those of the rows, and the
            typical one for the grids ``"mean"`` and ``"balanced"``.
        hypothesis : str, sequence of str or weights, optional
            In the place of the rows: ``"pairwise"``, ``"reference"`` or ``"sequential"``
            differences (with ``rev`` in front, the other way round), statements on the rows such
            as ``"b2 - b1 > 0"``, or weights of the rows: a vector or a matrix with a column for
            each hypothesis.
        equivalence : tuple of float, optional
            Region of practical equivalence: adds its probability ``ROPE.Prob`` and a
            ``Decision`` by the interval (Kruschke 2018, doi:10.1177/2515245918771304).
        transform : callable or str, optional
            Applied to the draws before they are summarised: a function of an array, ``"exp"``,
            ``"percent"``, ..., or ``"inverse_link"``.
        prob : float
            Probability of the central interval.
        robust : bool
            Median and median absolute deviation instead of mean and standard deviation.
        draws : bool
            Keep the draws of single rows; those of averages are always there.
        ndraws : int, optional
            Number of draws to use; all by default.
        seed : int, optional
            For new clusters and new responses.
        allow_new_levels : bool
            Permit unseen levels of grouping factors with ``groups="observed"``.
        sample_new_levels : {"uncertainty", "gaussian", "old_levels"}
            What they get, as in `posterior_epred`.
        resp : str, optional
            One of several responses.

        Returns
        -------
        EffectTable
            A pandas data frame with ``rowid`` (single rows), the columns of `by`, ``category``
            (responses with categories), ``groups`` (models with group-level effects),
            ``Estimate``, ``Est.Error`` and quantiles in units of the response, and the columns
            of the data (single rows). Its attribute ``draws`` has dims (chain, draw, row), its
            method `plot` draws it.

        Raises
        ------
        DataError
            For rows that lack a column or a value, unseen levels.
        ArgumentError
            For arguments that cannot be.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.predictions(by="supp")["supp"].tolist()
        ['OJ', 'VC']
        >>> fit.predictions("mean", draws=True).draws.dims
        ('chain', 'draw', 'row')
        """
        from hiermodel.marginal import predictions

        return predictions(
            self._one(resp), newdata, variables=variables, by=by, wts=wts, dpar=dpar,
            nlpar=nlpar, type=type, groups=groups, hypothesis=hypothesis,
            equivalence=equivalence, transform=transform, prob=prob, robust=robust,
            draws=draws, ndraws=ndraws, seed=seed, allow_new_levels=allow_new_levels,
            sample_new_levels=sample_new_levels,
        )

    def avg_predictions(
        self, newdata: Any = None, *, variables: Any = None, by: Any = None,
        resp: str | None = None, **options: Any,
    ) -> EffectTable:
        """Averages of predictions over rows.

        Parameters
        ----------
        newdata, by, resp, **options
            As in `predictions`; by default one average over all rows.
        variables : str, sequence of str or mapping, optional
            As in `predictions`; there is then an average for each of their values.

        Returns
        -------
        EffectTable
            As of `predictions`, a row for each subgroup.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.avg_predictions(variables={"dose": [1, 2]})["dose"].tolist()
        [1.0, 2.0]
        """
        from hiermodel.marginal import avg_predictions

        return avg_predictions(self._one(resp), newdata, variables=variables, by=by, **options)

    def comparisons(
        self, variables: Any = None, newdata: Any = None, *, comparison: Any = "difference",
        cross: bool = False, by: Any = None, wts: Any = None, resp: str | None = None,
        **options: Any,
    ) -> EffectTable:
        """How predictions change when variables change, for each row or averaged over rows.

        Parameters
        ----------
        variables : str, sequence of str or mapping, optional
            Variables to change, by default each of the model, one at a time. A mapping says
            how: for numbers a step (1 by default, from the value of the row on; numbers that are
            all 0 or 1 go from 0 to 1), two values ``[low, high]``, ``"sd"`` or ``"2sd"``
            (around the mean), ``"iqr"``, ``"minmax"``; for factors ``"reference"`` (each
            level against the first; the default), ``"pairwise"``, ``"sequential"`` or two levels;
            for both a function of the column that gives the low and the high side.
        newdata, by, wts, resp, **options
            As in `predictions`.
        comparison : {"difference", "ratio", "lnratio", "lnor", "lift"} or callable
            High minus low side; high / low; its logarithm; difference of log odds;
            (high - low) / low; or a function of the arrays of the high and the low side.
            Averages compare averages: a ratio is that of the average predictions.
        cross : bool
            Change all variables together, in all combinations of their contrasts.

        Returns
        -------
        EffectTable
            As of `predictions`, with the columns ``term`` and ``contrast``.

        Raises
        ------
        ArgumentError
            For a contrast that the variable cannot have, sides outside of the domain of the
            comparison, and grouping variables whose clusters are not observed.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> table = fit.comparisons({"dose": [0.5, 2], "supp": "reference"}, by=True)
        >>> table["contrast"].tolist()
        ['2 - 0.5', 'VC - OJ']
        """
        from hiermodel.marginal import comparisons

        return comparisons(
            self._one(resp), variables, newdata, comparison=comparison, cross=cross, by=by,
            wts=wts, **options,
        )

    def avg_comparisons(
        self, variables: Any = None, newdata: Any = None, *, by: Any = None,
        resp: str | None = None, **options: Any,
    ) -> EffectTable:
        """Comparisons averaged over rows.

        Parameters
        ----------
        variables, newdata, by, resp, **options
            As in `comparisons`; by default one average over all rows.

        Returns
        -------
        EffectTable
            As of `comparisons`, a row for each contrast and subgroup.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> table = fit.avg_comparisons("supp", by="dose", hypothesis="b3 - b1 > 0")
        >>> bool(table["Post.Prob"][0] > 0.9)
        True
        """
        from hiermodel.marginal import avg_comparisons

        return avg_comparisons(self._one(resp), variables, newdata, by=by, **options)

    def slopes(
        self, variables: Any = None, newdata: Any = None, *, slope: str = "dydx",
        by: Any = None, wts: Any = None, resp: str | None = None, **options: Any,
    ) -> EffectTable:
        """Partial derivatives of predictions by numeric variables.

        Parameters
        ----------
        variables : str or sequence of str, optional
            By default all numbers.
        newdata, by, wts, resp, **options
            As in `predictions`.
        slope : {"dydx", "eyex", "eydx", "dyex"}
            Derivative; elasticity dy/dx x/y; semi-elasticities dy/dx / y and dy/dx x. Averages
            are those of the slopes of the rows.

        Returns
        -------
        EffectTable
            As of `predictions`, with the columns ``term`` and ``contrast``; in units of the
            response by those of the variable.

        Raises
        ------
        ArgumentError
            For a factor.

        Notes
        -----
        Central differences over a ten-thousandth of the range of the variable in the data.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.slopes("dose", fit.datagrid(supp=["OJ", "VC"]))["supp"].tolist()
        ['OJ', 'VC']
        """
        from hiermodel.marginal import slopes

        return slopes(
            self._one(resp), variables, newdata, slope=slope, by=by, wts=wts, **options
        )

    def avg_slopes(
        self, variables: Any = None, newdata: Any = None, *, by: Any = None,
        resp: str | None = None, **options: Any,
    ) -> EffectTable:
        """Slopes averaged over rows.

        Parameters
        ----------
        variables, newdata, by, resp, **options
            As in `slopes`; by default one average over all rows.

        Returns
        -------
        EffectTable
            As of `slopes`, a row for each variable and subgroup.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("ToothGrowth")
        >>> fit = hm.fit("len ~ supp * dose", data, chains=2, draws=100, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.avg_slopes("dose", by="supp").columns.tolist()
        ['term', 'contrast', 'supp', 'Estimate', 'Est.Error', 'Q2.5', 'Q97.5']
        """
        from hiermodel.marginal import avg_slopes

        return avg_slopes(self._one(resp), variables, newdata, by=by, **options)
