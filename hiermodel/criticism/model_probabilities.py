"""Bayes factors and posterior probabilities of models, from their marginal likelihoods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from hiermodel.arguments import flag
from hiermodel.criticism.bridge import MarginalLikelihood, bridge_sampler, data_digest
from hiermodel.errors import ArgumentError, DataError
from hiermodel.terms.base import Array

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


def bayes_factor(
    fit1: Fit | MarginalLikelihood, fit2: Fit | MarginalLikelihood, log: bool = False
) -> float:
    """Bayes factor of one model over another: the ratio of their marginal likelihoods.

    Parameters
    ----------
    fit1, fit2 : Fit or MarginalLikelihood
        Models of the same data with proper priors. Bridge sampling is run for a fit; pass results
        of ``fit.bridge_sampler()`` to look at their errors first.
    log : bool
        Give the natural logarithm.

    Returns
    -------
    float
        Above 1 (0 on the log scale) when the data favour `fit1`.

    Raises
    ------
    DataError
        For models of different data.
    HiermodelError
        As `bridge_sampler`.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> small = dict(chains=2, draws=500, warmup=500, seed=1, progress=False, priors="weak")
    >>> with_days = hm.fit("reaction ~ days", data, **small)
    >>> without = hm.fit("reaction ~ 1", data, **small)
    >>> hm.bayes_factor(with_days, without, log=True) > 10
    True
    """
    flag("log", log)
    one, two = _marginal_likelihoods({"fit1": fit1, "fit2": fit2}, "bayes_factor()")
    difference = one.logml - two.logml
    return difference if log else float(np.exp(difference))


def post_prob(
    fits: Mapping[str, Fit | MarginalLikelihood], prior_prob: Any = None
) -> pd.Series:
    """Posterior probabilities of models, from their marginal likelihoods.

    Parameters
    ----------
    fits : mapping of str to Fit or MarginalLikelihood
        At least two models of the same data with proper priors.
    prior_prob : mapping of str to float or sequence of float, optional
        Prior probabilities of the models, which add up to 1; equal ones by default.

    Returns
    -------
    pandas.Series
        A probability per model, in the order of `fits`.

    Raises
    ------
    ArgumentError
        For prior probabilities that are none.
    DataError
        For models of different data.
    HiermodelError
        As `bridge_sampler`.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> small = dict(chains=2, draws=500, warmup=500, seed=1, progress=False, priors="weak")
    >>> with_days = hm.fit("reaction ~ days", data, **small)
    >>> without = hm.fit("reaction ~ 1", data, **small)
    >>> hm.post_prob({"days": with_days, "none": without}).round(3).tolist()
    [1.0, 0.0]
    """
    if not isinstance(fits, Mapping):
        raise ArgumentError(
            "post_prob() takes models by name, post_prob({'a': fit_a, 'b': fit_b}), not "
            f"{type(fits).__name__}"
        )
    if len(fits) < 2:
        raise ArgumentError("post_prob() takes at least two models")
    prior = _prior_probabilities(prior_prob, list(fits))
    found = _marginal_likelihoods(fits, "post_prob()")
    with np.errstate(divide="ignore"):
        logs = np.array([one.logml for one in found]) + np.log(prior)
    return pd.Series(
        np.exp(logs - logsumexp(logs)), index=pd.Index(list(fits), name="model"), name="post_prob"
    )


def _marginal_likelihoods(
    fits: Mapping[str, Fit | MarginalLikelihood], what: str
) -> list[MarginalLikelihood]:
    for name, one in fits.items():
        if not (isinstance(one, MarginalLikelihood) or hasattr(one, "bridge_sampler")):
            raise ArgumentError(f"{what}: {name!r} is no fit and no result of bridge_sampler()")
    digests = {
        name: one.data if isinstance(one, MarginalLikelihood) else data_digest(one)
        for name, one in fits.items()
    }
    (first, digest), *others = digests.items()
    for name, other in others:
        if other != digest:
            raise DataError(
                f"{what} compares models of the same responses: those of {first!r} and {name!r} "
                "differ; fit both to the same rows (missing values of a predictor drop rows)"
            )
    return [
        one if isinstance(one, MarginalLikelihood) else bridge_sampler(one, seed=1)
        for one in fits.values()
    ]


def _prior_probabilities(given: Any, names: Sequence[str]) -> Array:
    if given is None:
        return np.full(len(names), 1.0 / len(names))
    if isinstance(given, Mapping):
        if set(given) != set(names):
            raise ArgumentError(
                f"prior_prob names {', '.join(map(str, given))}; the models are {', '.join(names)}"
            )
        given = [given[name] for name in names]
    try:
        values = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise ArgumentError(f"prior_prob must be probabilities, not {given!r}") from None
    if values.shape != (len(names),):
        raise ArgumentError(
            f"prior_prob needs one probability for each of the {len(names)} models, got {given!r}"
        )
    if not ((values >= 0).all() and abs(values.sum() - 1) < 1e-6):
        raise ArgumentError(
            f"prior_prob must not be negative and must add up to 1, got {values.tolist()}"
        )
    return values
