"""Smooth terms alone: their draws at rows of data, and their curves and surfaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.errors import ArgumentError, did_you_mean
from hiermodel.frames import as_frame, row_labels
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
    chains, draws = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"]
    values = {
        str(name): fit.posterior[name].values.reshape(chains * draws, -1)
        for name in fit.posterior.data_vars
        if fit.posterior[name].attrs.get("cls") in ("bs", "s")
    }
    total = sum(term.one_eta(member, values, frame) for member in members)
    labels = fit.row_labels if newdata is None else row_labels(newdata)
    out = xr.DataArray(
        np.broadcast_to(total, (chains * draws, len(frame))).reshape(chains, draws, len(frame)),
        dims=("chain", "draw", "obs"), coords={"obs": labels}, name=members[0].text,
    )  # fmt: skip
    if ndraws is None:
        return out
    total_draws = chains * draws
    if not 1 <= ndraws <= total_draws:
        raise ArgumentError(f"ndraws must be between 1 and {total_draws}, not {ndraws!r}")
    at = np.linspace(0, total_draws - 1, ndraws).round().astype(int)
    picked = out.values.reshape(total_draws, -1)[at]
    return xr.DataArray(
        picked[None], dims=("chain", "draw", "obs"), coords={"obs": labels}, name=out.name
    )


def _terms(fit: Fit) -> Iterator[tuple[Predictor, SmoothTerm]]:
    for predictor in fit.model.predictors:
        if isinstance(predictor, Predictor):
            for term in predictor.terms:
                if isinstance(term, SmoothTerm):
                    yield predictor, term


def _found(
    fit: Fit, smooth: str, dpar: str | None, nlpar: str | None
) -> tuple[SmoothTerm, Sequence[Smooth]]:
    """The smooths of that text: one, or one for each level of a factor ``by``."""
    known: dict[str, None] = {}
    for predictor, term in _terms(fit):
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


def smooth_texts(fit: Fit) -> list[tuple[str, str, str]]:
    """All smooths: text, parameter and non-linear parameter."""
    found = [
        (one.text, predictor.scope.dpar, predictor.scope.nlpar)
        for predictor, term in _terms(fit)
        for one in term.smooths
    ]
    return list(dict.fromkeys(found))


def smooth_variables(fit: Fit, text: str, dpar: str, nlpar: str) -> tuple[str, ...]:
    """Columns that a smooth reads."""
    _, members = _found(fit, text, dpar or None, nlpar or None)
    return tuple(dict.fromkeys(v for one in members for v in one.variables))


def grid(fit: Fit, variables: Sequence[str], resolution: int) -> pd.DataFrame:
    """Rows on a grid of the covariates of a smooth; the last one changes fastest."""
    from hiermodel.effects.grid import is_number

    values = []
    for name in variables:
        column = fit.whole_frame[name]
        if is_number(column):
            numbers = column.to_numpy(dtype=float)
            values.append(np.linspace(np.nanmin(numbers), np.nanmax(numbers), resolution))
        else:
            values.append(np.array(sorted(column.dropna().unique())))
    return pd.MultiIndex.from_product(values, names=list(variables)).to_frame(index=False)
