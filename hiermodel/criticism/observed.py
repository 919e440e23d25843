"""The rows that cross-validation is about: those with a response.

A response that ``mi()`` imputes is a parameter, and there is nothing to predict and compare with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hiermodel.errors import DataError, warn

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


def observed_rows(fit: Fit) -> np.ndarray:
    """Mask (N,) of the rows with a response; of several responses with one of them at least.

    Examples
    --------
    >>> observed_rows(fit).sum()  # doctest: +SKIP
    """
    if any(part.subset is not None for part in fit.model.parts) and fit.model.is_multivariate:
        return np.ones(len(fit.frame), dtype=bool)  # each response has rows of its own
    found = np.zeros(len(fit.frame), dtype=bool)
    for part in fit.model.parts:
        if part.imputed is None:
            return np.ones(len(fit.frame), dtype=bool)
        one = fit.only(part.name) if fit.model.is_multivariate else fit
        found |= ~np.isnan(np.asarray(one.response, dtype=float))
    return found


def observed_log_lik(
    fit: Fit, what: str, *, ndraws: int | None = None, tell: bool = True
) -> xr.DataArray:
    """Log-likelihood (chain, draw, obs) of the rows with a response.

    Parameters
    ----------
    fit : Fit
    what : str
        Who asks, for messages.
    ndraws : int, optional
    tell : bool
        Warn of rows that are left out.

    Raises
    ------
    DataError
        When no row has a response.

    Warns
    -----
    HiermodelWarning
        Counts the rows that are left out.

    Examples
    --------
    >>> observed_log_lik(fit, "loo()").sizes["obs"]  # doctest: +SKIP
    """
    kept = observed_rows(fit)
    found: xr.DataArray = fit.log_lik(ndraws=ndraws, partial=True)
    found = found.transpose("chain", "draw", "obs")
    return found.isel(obs=with_response(kept, what, tell)) if not kept.all() else found


def with_response(kept: np.ndarray, what: str, tell: bool = True) -> np.ndarray:
    """Positions of the rows that are `kept`; tells how many are not.

    Examples
    --------
    >>> with_response(np.array([True, True]), "loo()").tolist()
    [0, 1]
    """
    at = np.flatnonzero(kept)
    if not len(at):
        raise DataError(f"no row has a response, so that {what} has nothing to compare with")
    if tell and len(at) < len(kept):
        warn(
            f"{len(kept) - len(at)} of {len(kept)} rows have no response: mi() imputes it, and "
            f"{what} leaves them out"
        )
    return at
