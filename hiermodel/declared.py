"""Draws of the declared Stan parameters: what the posterior lacks of them, and getting them back.

The labelled posterior holds what users look at. The program's own parameters are what its log
density takes. Most of them stand in the posterior as they are, or can be solved for: the
standardised effects ``z_i`` follow from ``r``, ``sd`` and the Cholesky factor. A fit keeps the rest
in the group ``declared``, so that nothing large is stored twice and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr

from hiermodel.errors import HiermodelError
from hiermodel.modeling import Model
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects

#: The group of a fit that holds the draws which the posterior lacks; not part of ``Fit.idata``.
GROUP = "declared"
# Below these, dividing by a standard deviation or a factor would lose digits: z is kept instead.
_LEAST_SD, _LEAST_DIAGONAL = 1e-100, 1e-6


def kept_draws(
    model: Model, values: Mapping[str, Array], posterior: xr.Dataset
) -> xr.Dataset:
    """The draws of declared parameters that cannot be taken from the labelled posterior.

    Parameters
    ----------
    model : Model
    values : mapping of str to ndarray (chain, draw, ...)
        Draws of the declared parameters.
    posterior : Dataset
        What `posterior_dataset` made of them.

    Returns
    -------
    Dataset
        A variable for each such parameter, dims (chain, draw, ...).
    """
    full = model.complete(values)
    solvable = {f"z_{g.index}" for g in model.groups if _can_solve(g, full)}
    out = {}
    for var in model.parameters:
        if var.name not in values:
            continue  # effects that were drawn themselves, of a collapsed model
        array = np.asarray(values[var.name])
        if var.name in solvable or array.size == 0:
            continue
        found = _standing(model, posterior, var.name, array.shape[2:])
        if found is None or not np.array_equal(found, array):
            dims = ("chain", "draw", *(f"{var.name}_dim_{k}" for k in range(array.ndim - 2)))
            out[var.name] = xr.DataArray(array, dims=dims)
    return xr.Dataset(out)


def declared_draws(model: Model, posterior: xr.Dataset, kept: xr.Dataset) -> dict[str, Array]:
    """Draws of every declared parameter, each (chain, draw, *declared shape).

    Parameters
    ----------
    model : Model
    posterior : Dataset
        The labelled posterior.
    kept : Dataset
        What `kept_draws` kept of the same draws.

    Raises
    ------
    HiermodelError
        For draws that were saved without those that the posterior lacks.
    """
    from hiermodel.engines.inits import declared_shape

    sizes = model.constants()
    lead = (posterior.sizes["chain"], posterior.sizes["draw"])
    unsolved = {f"z_{g.index}": g for g in model.groups}
    out: dict[str, Array] = {}
    for var in model.parameters:
        shape = declared_shape(var, sizes)
        if var.name in kept:
            out[var.name] = np.asarray(kept[var.name].values, dtype=float)
        elif shape is not None and 0 in shape:
            out[var.name] = np.empty((*lead, *shape))
        elif var.name not in unsolved:
            found = (
                _of_rows(model, posterior, var.name) if shape is None
                else _standing(model, posterior, var.name, shape)
            )
            if found is None:
                raise HiermodelError(
                    f"this fit does not hold the draws of the Stan parameter {var.name!r}, which "
                    "its log density needs: it was saved by an older version. Fit again, for "
                    "example with fit.update()"
                )
            out[var.name] = found
    full = model.complete(out)
    for var in model.parameters:
        if var.name not in out:
            group = unsolved[var.name]
            out[var.name] = _standardised(group, _effects(group, posterior), full)
    return {var.name: out[var.name] for var in model.parameters}


def _standing(
    model: Model, posterior: xr.Dataset, name: str, shape: tuple[int, ...]
) -> Array | None:
    """The place of a parameter in the posterior, by its name and shape; None without one."""
    for array in _candidates(model, posterior, name):
        if array.shape[2:] == shape:
            return array
    return None


def _of_rows(model: Model, posterior: xr.Dataset, name: str) -> Array | None:
    """Imputed responses: how many there are only the rows of the data say."""
    if not any(part.imputed and part.imputed.parameter == name for part in model.parts):
        return None
    if name not in posterior:  # none was missing
        return np.empty((posterior.sizes["chain"], posterior.sizes["draw"], 0))
    return np.asarray(posterior[name].values, dtype=float)


def _candidates(model: Model, posterior: xr.Dataset, name: str) -> Iterator[Array]:
    if name in posterior:
        values = np.asarray(posterior[name].values, dtype=float)
        yield values
        if values.ndim > 2:
            yield values[..., 1:]  # without the intercept in front of the coefficients
    for group in model.groups:
        if name == f"sd_{group.index}":
            sd = posterior[f"sd_{group.key}"]
            values = np.asarray(sd.values[..., _columns(group, sd)], dtype=float)
            yield values if group.by is None else np.swapaxes(values, -1, -2)
        if name == f"df_{group.df_index}" and f"df_{group.key}" in posterior:
            yield np.asarray(posterior[f"df_{group.key}"].values, dtype=float)


def _columns(group: GroupEffects, array: xr.DataArray) -> list[int]:
    """Where the coefficients of a block stand among those of its grouping factor."""
    labels = [str(v) for v in array.coords[array.dims[-1]].values]
    return [labels.index(coef.label) for coef in group.coefs]


def _effects(group: GroupEffects, posterior: xr.Dataset) -> Array:
    r = posterior[f"r_{group.key}"]
    return np.asarray(r.values[..., _columns(group, r)], dtype=float)


def _can_solve(group: GroupEffects, full: Mapping[str, Array]) -> bool:
    """Whether the standardised effects follow from the effects without losing digits."""
    sd = full[f"sd_{group.index}"]
    if not (np.isfinite(sd).all() and sd.min() > _LEAST_SD):
        return False
    if group.has_cor:
        diagonal = np.diagonal(full[f"L_{group.index}"], axis1=-2, axis2=-1)
        if not diagonal.min() > _LEAST_DIAGONAL:
            return False
    if group.cov_factor is not None:
        pivots = np.diag(group.cov_factor)
        if not pivots.min() > _LEAST_DIAGONAL * pivots.max():
            return False
    return not group.student or bool(np.min(full[f"udf_{group.df_index}"]) > _LEAST_SD)


def _standardised(group: GroupEffects, r: Array, full: Mapping[str, Array]) -> Array:
    """The inverse of `GroupEffects.effects`: z with its declared shape from r."""
    i = group.index
    if group.student:
        mixing = full[f"df_{group.df_index}"][..., None] * full[f"udf_{group.df_index}"]
        r = r / np.sqrt(mixing)[..., None]
    rows = np.swapaxes(r, -1, -2)  # (chain, draw, coefs, levels)
    sd = full[f"sd_{i}"]
    scale = sd[..., None] if group.by is None else sd[..., group.by.codes]
    if not group.has_cor:
        return _without_cov(group, rows / scale)
    scaled = _without_cov(group, rows) / scale
    factor = full[f"L_{i}"]
    if group.by is None:
        return np.linalg.solve(factor, scaled)
    z = np.empty_like(scaled)
    for k in range(len(group.by.labels)):
        at = group.by.codes == k
        z[..., at] = np.linalg.solve(factor[:, :, k], scaled[..., at])
    return z


def _without_cov(group: GroupEffects, rows: Array) -> Array:
    """Undo the known covariance between levels, the last axis."""
    if group.cov_factor is None:
        return np.ascontiguousarray(rows)
    from scipy.linalg import solve_triangular

    flat = rows.reshape(-1, rows.shape[-1]).T
    solved = solve_triangular(group.cov_factor, flat, lower=True)
    return np.ascontiguousarray(solved.T.reshape(rows.shape))
