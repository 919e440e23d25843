"""Intercepts of the centred design, which have the priors, beside those that users read.

The intercept on the uncentred scale is computed from the coefficients too, so that it has no
proper prior where one of them has none. That of the centred design has one of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import xarray as xr

from hiermodel.flatnames import FlatName, flat_names, matching, variable_class
from hiermodel.plots.draws import selected
from hiermodel.terms.population import PopulationTerm

if TYPE_CHECKING:
    from hiermodel.modeling import Model


def with_centred(model: Model, posterior: xr.Dataset) -> xr.Dataset:
    """A posterior that also has the thresholds of the centred design.

    Parameters
    ----------
    model : Model
    posterior : Dataset
        Labelled draws; those of other intercepts have the centred one already.

    Returns
    -------
    Dataset
        With a variable ``Intercept`` (``Intercept_<dpar>``) for each ``threshold``, whose flat
        names are ``Intercept[1]``, ``Intercept[2]``, ...
    """
    made = {}
    for part in model.parts:
        for thresholds in part.thresholds:
            array = posterior[f"threshold{thresholds.suffix}"]
            predictor = next(p for p in part.predictors if p.param == thresholds.param)
            for term in predictor.terms:
                if isinstance(term, PopulationTerm) and term.centred and not term.is_empty:
                    b = posterior[f"b{term.suffix}"].transpose("chain", "draw", ...).values
                    array = array.transpose("chain", "draw", ...) - (b @ term.means)[..., None]
            attrs = {**posterior[f"threshold{thresholds.suffix}"].attrs, "cls": "Intercept"}
            made[f"Intercept{thresholds.suffix}"] = array.assign_attrs(attrs)
    return posterior.assign(made)


def names_with_prior(
    posterior: xr.Dataset, variables: str | Sequence[str] | None, flat: Collection[str]
) -> list[str]:
    """Flat names of what is asked for; by default centred intercepts stand in for flat ones.

    Parameters
    ----------
    posterior : Dataset
        As `with_centred` gives it.
    variables : str or sequence of str, optional
        Variables, flat names or patterns with ``*``; by default what the summary shows.
    flat : collection of str
        Flat names without a proper prior.
    """
    names = [str(v) for v in selected(posterior, variables).data_vars]
    if variables is not None:
        return names
    out: list[str] = []
    for name in names:
        out.append(name)
        centred = centred_name(posterior, name) if name in flat else None
        if centred is not None and centred not in flat:
            out.append(centred)
    return out


def centred_name(posterior: xr.Dataset, name: str) -> str | None:
    """Flat name of the centred intercept that an uncentred one is computed from."""
    (entry,) = matching(name, flat_names(posterior))
    array = posterior[entry.variable]
    cls = variable_class(array)
    if cls not in ("b", "threshold"):
        return None
    is_intercept = cls == "threshold" or array[array.dims[-1]].values[entry.at[-1]] == "Intercept"
    variable = f"Intercept{entry.variable.removeprefix('threshold' if cls == 'threshold' else 'b')}"
    if not is_intercept or variable not in posterior:
        return None
    at = entry.at if cls == "threshold" else ()
    wanted: list[FlatName] = flat_names(posterior, [variable])
    return next(one.name for one in wanted if one.at == at)
