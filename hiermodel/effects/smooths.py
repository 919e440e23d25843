"""Smooth terms alone: their draws at rows of data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from hiermodel.errors import ArgumentError, did_you_mean
from hiermodel.frames import as_frame, row_labels
from hiermodel.predictions import thinned
from hiermodel.predictors import Predictor
from hiermodel.terms.smooths import Smooth, SmoothTerm

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


def posterior_smooths(
    fit: Fit,
    smooth: str,
    newdata: Any = None,
    *,
    dpar: str | None = None,
    nlpar: str | None = None,
    ndraws: int | None = None,
) -> xr.DataArray:
    """Draws of one smooth term, on the scale of its linear predictor.

    Parameters
    ----------
    fit : Fit
    smooth : str
        The term as in the formula, ``"s(x)"``; spaces do not matter.
    newdata : data frame, optional
        The fitted rows by default; only the columns of the smooth are needed.
    dpar, nlpar : str, optional
        The parameter whose formula has the term; ``mu`` by default.
    ndraws : int, optional
        Number of draws, evenly spread.

    Returns
    -------
    DataArray
        Dims (chain, draw, obs). With a factor ``by`` it is the curve of the level of each row.

    Raises
    ------
    ArgumentError
        A term that the model does not have.

    Examples
    --------
    >>> fit.posterior_smooths("s(x)").mean(("chain", "draw"))  # doctest: +SKIP
    """
    term, members = _found(fit, smooth, dpar, nlpar)
    frame = fit.frame if newdata is None else as_frame(newdata)
    posterior = thinned(fit.posterior, ndraws)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], len(frame))
    values = {
        str(name): array.values.reshape(shape[0] * shape[1], -1)
        for name, array in posterior.data_vars.items()
        if array.attrs.get("cls") in ("bs", "s")
    }
    total = sum(term.one_eta(member, values, frame) for member in members)
    labels = fit.row_labels if newdata is None else row_labels(newdata)
    return xr.DataArray(
        np.broadcast_to(total, (shape[0] * shape[1], len(frame))).reshape(shape),
        dims=("chain", "draw", "obs"), coords={"obs": labels}, name=members[0].text,
    )  # fmt: skip


def _found(
    fit: Fit, smooth: str, dpar: str | None, nlpar: str | None
) -> tuple[SmoothTerm, Sequence[Smooth]]:
    """The smooths of that text: one, or one for each level of a factor ``by``."""
    known: dict[str, None] = {}
    for predictor in fit.model.predictors:
        term = predictor.smooths if isinstance(predictor, Predictor) else None
        if term is None:
            continue
        scope = predictor.scope
        if nlpar is not None or scope.nlpar:
            if scope.nlpar != (nlpar or ""):
                continue
        elif (scope.dpar or "mu") != (dpar or "mu"):
            continue
        members = [one for one in term.smooths if _plain(one.text) == _plain(str(smooth))]
        if members:
            return term, members
        known |= dict.fromkeys(one.text for one in term.smooths)
    where = nlpar or dpar or "mu"
    listed = ", ".join(known) or "no smooths"
    raise ArgumentError(
        f"the formula of {where} has no smooth {smooth!r}{did_you_mean(str(smooth), known)}; "
        f"it has {listed}"
    )


def _plain(text: str) -> str:
    return text.replace(" ", "").replace("'", '"')
