"""Verbs of a fit that predict each row by the others, and R-squared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hiermodel.verbs.base import Verbs

if TYPE_CHECKING:
    import pandas as pd

    from hiermodel.fitted import Fit


class Accuracy(Verbs):
    """Leave-one-out predictions and explained variance."""

    def loo_predict(
        self, type: str = "mean", probs: Sequence[float] = (0.5,), *, resp: str | None = None,
        seed: int | None = None,
    ) -> pd.Series | pd.DataFrame:
        """Predict each response from the posterior without its row, by importance weights.

        Where residuals are correlated (``cosy()``, ``arma(cov = TRUE)``, ``sar()``, ...) each row
        is predicted from the others too, as `loo` has it; likewise in `loo_epred` and `loo_r2`.

        Parameters
        ----------
        type : {"mean", "var", "quantile"}
            What of the predictive distribution.
        probs : sequence of float
            With ``type="quantile"``: which, each in [0, 1].
        resp : str, optional
            Which of several responses.
        seed : int, optional
            Of the predictive draws.

        Returns
        -------
        Series or DataFrame
            By row label, in units of the response; a column per quantile (``Q2.5``).

        Warns
        -----
        HiermodelWarning
            When rows have a Pareto k above the threshold: what is said of them is doubtful.

        Examples
        --------
        >>> import hiermodel as hm
        >>> data = hm.datasets.load("sleepstudy")
        >>> fit = hm.fit("reaction ~ days", data, chains=2, draws=200, warmup=200, seed=1,
        ...              progress=False)
        >>> fit.loo_predict("quantile", probs=(0.05, 0.95), seed=1).columns.tolist()
        ['Q5', 'Q95']
        """
        from hiermodel.criticism import loo_prediction

        return loo_prediction(self._one(resp), "posterior_predict", type, probs, seed=seed)

    def loo_epred(
        self, type: str = "mean", probs: Sequence[float] = (0.5,), *, resp: str | None = None
    ) -> pd.Series | pd.DataFrame:
        """Expect each response from the posterior without its row.

        Parameters are those of `loo_predict`. Ordinal and categorical responses have a column
        of probabilities per category.
        """
        from hiermodel.criticism import loo_prediction

        return loo_prediction(self._one(resp), "posterior_epred", type, probs)

    def loo_linpred(
        self, type: str = "mean", probs: Sequence[float] = (0.5,), *, resp: str | None = None,
        dpar: str | None = None, transform: bool = False,
    ) -> pd.Series | pd.DataFrame:
        """Linear predictor of each row from the posterior without that row.

        Parameters are those of `loo_predict`, `dpar` and `transform` those of
        `posterior_linpred`.
        """
        from hiermodel.criticism import loo_prediction

        return loo_prediction(
            self._one(resp), "posterior_linpred", type, probs, dpar=dpar, transform=transform
        )

    def loo_predictive_interval(
        self, prob: float = 0.9, *, resp: str | None = None, seed: int | None = None
    ) -> pd.DataFrame:
        """Central interval of a new response for each row, from the posterior without that row.

        Parameters
        ----------
        prob : float
            Mass of the interval.
        resp : str, optional
            Which of several responses.
        seed : int, optional
            Of the predictive draws.

        Returns
        -------
        DataFrame
            Two quantiles by row label.
        """
        from hiermodel.criticism import loo_predictive_interval

        return loo_predictive_interval(self._one(resp), prob, seed)

    def bayes_r2(
        self,
        newdata: Any = None,
        *,
        resp: str | None = None,
        method: str = "residual",
        re_formula: str | None = None,
        ndraws: int | None = None,
        allow_new_levels: bool = False,
        sample_new_levels: str = "uncertainty",
        seed: int | None = None,
        summary: bool = True,
        robust: bool = False,
        probs: Sequence[float] = (0.025, 0.975),
    ) -> Any:
        """Bayesian R-squared: the part of the variance of new data that the model explains.

        In each draw it is the variance over rows of the expectations, divided by the same plus
        the residual variance (Gelman, Goodrich, Gabry and Vehtari 2019, The American Statistician
        73, 307-309).

        Parameters
        ----------
        newdata : data frame, optional
            Must hold the response with ``method="residual"``; the fitted rows by default.
        resp : str, optional
            One of several responses; by default all of them.
        method : {"residual", "model"}
            Residual variance: that of observed minus expected responses; or that of the model,
            the mean of ``sigma^2`` (gaussian) or ``mu (1 - mu)`` (bernoulli), as in the paper.
        re_formula, ndraws, allow_new_levels, sample_new_levels, seed
            As in `posterior_linpred`.
        summary : bool
            A table; the draws with False.
        robust : bool
            Median and scaled MAD instead of mean and standard deviation.
        probs : sequence of float
            Quantiles of the table.

        Returns
        -------
        DataFrame
            One row ``R2``, or ``R2<resp>`` for each of several responses; with
            ``summary=False`` a DataArray (chain, draw), or a Dataset of these.

        Raises
        ------
        HiermodelError
            For ordinal and categorical responses, and those of several columns.

        Examples
        --------
        >>> import hiermodel as hm
        >>> fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), chains=2, draws=200, warmup=200,
        ...              seed=1, progress=False)
        >>> bool(0.6 < fit.bayes_r2().loc["R2", "Estimate"] < 0.85)
        True
        """
        from hiermodel.criticism import r2

        draws = {
            name: r2.bayes_r2_draws(
                one, newdata, method, re_formula=re_formula, ndraws=ndraws, seed=seed,
                allow_new_levels=allow_new_levels, sample_new_levels=sample_new_levels,
            )
            for name, one in self._r2_fits(resp).items()
        }
        return r2.shown(draws, summary, robust, probs)

    def loo_r2(
        self,
        *,
        resp: str | None = None,
        ndraws: int = 4000,
        seed: int | None = None,
        summary: bool = True,
        robust: bool = False,
        probs: Sequence[float] = (0.025, 0.975),
    ) -> Any:
        """Leave-one-out R-squared: the part of the variance that the model predicts.

        One minus the variance of the leave-one-out errors over that of the responses, with the
        uncertainty of the Bayesian bootstrap over rows (online supplement of Gelman, Goodrich,
        Gabry and Vehtari 2019). Draws are kept inside [-1, 1].

        Parameters
        ----------
        resp : str, optional
            One of several responses; by default all of them.
        ndraws : int
            Draws of the Bayesian bootstrap.
        seed : int, optional
            Of the Bayesian bootstrap.
        summary, robust, probs
            As in `bayes_r2`.

        Returns
        -------
        DataFrame
            As `bayes_r2`; with ``summary=False`` a DataArray (chain, draw) of one chain.

        Examples
        --------
        >>> fit.loo_r2(seed=1)  # doctest: +SKIP
        """
        from hiermodel.criticism import r2

        draws = {
            name: r2.loo_r2_draws(one, ndraws, seed) for name, one in self._r2_fits(resp).items()
        }
        return r2.shown(draws, summary, robust, probs)

    def _r2_fits(self, resp: str | None) -> dict[str, Fit]:
        """The fits of the responses, by the names of their rows."""
        if resp is None and self.model.is_multivariate:
            return {f"R2{name}": self._one(name) for name in self.model.responses}
        return {"R2": self._one(resp)}
