"""What is scaled: the log prior, its parts with a tag, and the log-likelihood of each draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hiermodel.arguments import texts
from hiermodel.errors import DataError, HiermodelError, did_you_mean
from hiermodel.log_likelihood import log_lik, total_log_lik
from hiermodel.prepare import LIKELIHOOD_ROLES, prepare

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

#: Pareto smoothing needs a tail.
FEWEST = 25


def check_draws(fit: Fit, what: str) -> None:
    """Refuse fits whose draws are not of a posterior, or too few.

    Raises
    ------
    HiermodelError
    """
    fit.origin.refuse_point(what)
    if fit.origin.prior_only:
        raise HiermodelError(
            f"{what} compares what prior and data say, and this fit left out the data: its draws "
            'are from the prior. Fit the model to the data, with sample_prior="no" or "yes"'
        )
    n = fit.posterior.sizes["chain"] * fit.posterior.sizes["draw"]
    if n < FEWEST:
        raise HiermodelError(f"{what} needs at least {FEWEST} draws, and this fit has {n}")
    fit.origin.warn_if_poor(what)


def tags_of(fit: Fit, prior_tags: str | Sequence[str] | None) -> tuple[str, ...]:
    """The tags asked for; empty for the whole prior.

    Raises
    ------
    DataError
        For a tag that no prior has.
    """
    if prior_tags is None:
        return ()
    known = fit.model.resolved_priors.tags
    wanted = tuple(dict.fromkeys(texts("a tag", prior_tags, "slopes")))
    for tag in wanted:
        if tag in known:
            continue
        if not known:
            raise DataError(
                f"no prior of this model has the tag {tag!r}, or any: fit again with priors such "
                f"as hm.prior('normal(0, 1)', cls='b', tag={tag!r}), or leave out prior_tags="
            )
        raise DataError(
            f"no prior has the tag {tag!r}{did_you_mean(tag, known)}; tags are {', '.join(known)}"
        )
    return wanted


def log_prior(fit: Fit, tags: tuple[str, ...], what: str) -> np.ndarray:
    """Log prior ``(S,)`` of each draw, or the sum of its parts with these tags.

    Raises
    ------
    HiermodelError
        When the posterior does not hold it.
    """
    if not fit.model.normalize:
        # The program then declares a log prior, and leaves it at 0.
        raise HiermodelError(
            f"{what} needs the log prior of each draw, which a model made with normalize=False "
            "does not keep; fit again with normalize=True"
        )
    names = [f"lprior_{tag}" for tag in tags] or ["lprior"]
    missing = [name for name in names if name not in fit.posterior]
    if missing:
        raise HiermodelError(
            f"{what} needs the log prior {missing[0]!r}, which the posterior does not hold: fits "
            "made of given draws have it when it is among the draws"
        )
    parts = [_flat(fit.posterior[name].transpose("chain", "draw").values) for name in names]
    return np.sum(parts, axis=0)


def log_likelihood(fit: Fit) -> np.ndarray:
    """Log-likelihood ``(S,)`` of each draw, of all responses that were observed.

    Where residuals are correlated that of all rows together: the log-likelihoods of single rows
    are then given the others, and their sum is no likelihood.
    """
    parts = fit.model.parts
    if any(part.residual_covariance is not None for part in parts):
        several = fit.model.is_multivariate
        return np.sum([_joint(fit.only(p.name) if several else fit) for p in parts], axis=0)
    values = fit.log_lik(partial=True).transpose("chain", "draw", "obs")
    # A missing response has the same in all draws: nothing.
    missing = values.isnull().all(("chain", "draw"))
    return _flat(values.where(~missing, 0.0).sum("obs", skipna=False).values)


def _joint(fit: Fit) -> np.ndarray:
    """Log density of all rows of one response in each draw."""
    prediction = prepare(fit.model, fit.posterior, fit.frame, needs=LIKELIHOOD_ROLES)
    if fit.model.part.residual_covariance is not None:
        return total_log_lik(prediction, fit.response)
    return np.asarray(np.nansum(log_lik(prediction, fit.response), axis=1))


def _flat(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=float).reshape(-1)
