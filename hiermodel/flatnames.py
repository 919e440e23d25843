"""The flat names of brms (``b_days``, ``r_subject[308,days]``) for a labelled posterior.

Papers, tutorials and hypotheses speak these names. A posterior with labelled dims is turned
into them, in the order in which brms lists its variables, and into a data frame with one
column per name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import texts
from hiermodel.errors import DataError, did_you_mean

SAMPLE_DIMS = ("chain", "draw")

# The order in which brms lists the classes of parameters. Classes it does not know come in
# front of the log prior, in the order of the posterior.
_CLASS_ORDER = (
    "b_Intercept", "b", "bs", "bsp", "bcs", "ar", "ma", "sderr", "lagsar", "errorsar", "car",
    "rhocar", "sdcar", "cosy", "cortime", "sd", "cor", "df", "sds", "sdgp", "lscale", "dpar",
    "hs", "R2D2", "sdb", "sdar", "sdma", "lncor", "Intercept", "rescor", "delta", "simo", "r",
    "s", "zgp", "rcar", "sbhaz", "Ymi", "Yl", "meanme", "sdme", "corme", "Xme", "hs_local",
    "R2D2_phi",
)  # fmt: skip
_LAST = ("prior", "lprior", "lp")
#: Classes that a summary leaves out: single group-level effects, and what other variables imply.
NOT_MAIN = (
    "r", "s", "zgp", "rcar", "err", "Ymi", "Yl", "Xme", "sdb", "sdar", "sdma", "hs_local",
    "R2D2_phi", "lprior", "prior", "lp", "Intercept",
)  # fmt: skip


class FlatName(NamedTuple):
    """A flat name and where its draws are: a variable, and an index behind (chain, draw)."""

    name: str
    variable: str
    at: tuple[int, ...]


def attribute(array: xr.DataArray, name: str) -> str:
    """Return a text attribute of a variable, empty when it has none."""
    value = array.attrs.get(name, "")
    return "" if value is None else str(value)


def prefixes(array: xr.DataArray, n: int) -> tuple[str, ...]:
    """Return the ``prefixes`` attribute, one text per coefficient.

    A netCDF file gives back a list of one text as a plain text, and may drop an empty list.
    """
    value = array.attrs.get("prefixes", ())
    texts = (value,) if isinstance(value, str) else tuple(str(v) for v in value)
    return texts if len(texts) == n else ("",) * n


def variable_class(array: xr.DataArray) -> str:
    """Return the class of a variable (``b``, ``sd``, ...); ``dpar`` when it does not say."""
    return attribute(array, "cls") or "dpar"


def scope_prefix(array: xr.DataArray) -> str:
    """Return what stands in front of a coefficient for its parameters and response."""
    parts = (attribute(array, name) for name in ("dpar", "resp", "nlpar"))
    return "_".join(part for part in parts if part)


def labels(array: xr.DataArray, dim: str) -> tuple[str, ...]:
    """Return the labels of a dim as text; positions from 1 when it has no coordinate."""
    if dim not in array.coords:
        return tuple(str(i + 1) for i in range(array.sizes[dim]))
    return tuple(str(v) for v in array.coords[dim].values)


def own_dims(array: xr.DataArray) -> tuple[str, ...]:
    """Return the dims of a variable behind (chain, draw)."""
    return tuple(str(d) for d in array.dims if d not in SAMPLE_DIMS)


def _join(*parts: str) -> str:
    return "_".join(p for p in parts if p)


def _plain(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    dims = own_dims(array)
    if not dims:
        yield str(array.name), ()
        return
    texts = [labels(array, dim) for dim in dims]
    for index in product(*(range(len(t)) for t in texts)):
        inner = ",".join(t[i] for t, i in zip(texts, index, strict=True))
        yield f"{array.name}[{inner}]", index


def _coefficients(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    (dim,) = own_dims(array)
    prefix = scope_prefix(array)
    for i, label in enumerate(labels(array, dim)):
        yield f"b_{_join(prefix, label)}", (i,)


def _smooth_parameters(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    """``bs_sx_1``, ``sds_sx_1``, ``sdgp_gpx``, ``lscale_gpx``."""
    (dim,) = own_dims(array)
    head = f"{variable_class(array)}_{_join(scope_prefix(array), '')}"
    for i, label in enumerate(labels(array, dim)):
        yield f"{head.rstrip('_')}_{label}", (i,)


def _category_specific(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    (dim,) = own_dims(array)
    prefix = scope_prefix(array)
    for i, label in enumerate(labels(array, dim)):
        yield f"bcs_{_join(prefix, label)}", (i,)


def _special_effects(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    (dim,) = own_dims(array)
    prefix = scope_prefix(array)
    for i, label in enumerate(labels(array, dim)):
        yield f"bsp_{_join(prefix, label)}", (i,)


def _noise_free(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    (dim,) = own_dims(array)
    yield from ((f"{array.name}_{label}", (i,)) for i, label in enumerate(labels(array, dim)))


def _thresholds(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    (dim,) = own_dims(array)
    prefix = scope_prefix(array)
    for i, label in enumerate(labels(array, dim)):
        yield f"b_{_join(prefix, 'Intercept')}[{label}]", (i,)


def _sds(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    group = attribute(array, "group")
    *by, dim = own_dims(array)
    coefs = list(enumerate(labels(array, dim)))
    if not by:
        yield from ((f"sd_{group}__{coef}", (i,)) for i, coef in coefs)
        return
    for k, level in enumerate(labels(array, by[0])):
        yield from ((f"sd_{group}__{coef}:{level}", (k, i)) for i, coef in coefs)


def correlation_pairs(array: xr.DataArray) -> list[tuple[int, int]]:
    """Return the pairs of coefficients whose correlation is estimated, in brms's order.

    The coefficients of a grouping factor may come in blocks with a covariance matrix of their
    own (attribute ``blocks``: their sizes). Between blocks, and in blocks without correlations,
    the matrix holds zeros, which are no parameters.
    """
    n = array.shape[-1]
    sizes = np.atleast_1d(array.attrs.get("blocks", n)).astype(int)
    block = np.repeat(np.arange(len(sizes)), sizes) if sizes.sum() == n else np.zeros(n)
    draws = np.nan_to_num(array.values.reshape(-1, n, n))
    return [
        (i, j) for j in range(n) for i in range(j)
        if block[i] == block[j] and np.any(draws[:, i, j])
    ]  # fmt: skip


def _correlations(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    group = attribute(array, "group")
    *by, dim, _ = own_dims(array)
    coefs = labels(array, dim)
    pairs = correlation_pairs(array)
    if not by:
        yield from ((f"cor_{group}__{coefs[i]}__{coefs[j]}", (i, j)) for i, j in pairs)
        return
    for k, level in enumerate(labels(array, by[0])):
        for i, j in pairs:
            yield f"cor_{group}__{coefs[i]}:{level}__{coefs[j]}:{level}", (k, i, j)


def _effects(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    group = attribute(array, "group")
    level_dim, coef_dim = own_dims(array)
    levels = [level.replace(" ", ".") for level in labels(array, level_dim)]
    coefs = labels(array, coef_dim)
    for j, (coef, prefix) in enumerate(zip(coefs, prefixes(array, len(coefs)), strict=True)):
        head = f"r_{group}__{prefix}" if prefix else f"r_{group}"
        short = coef.removeprefix(f"{prefix}_") if prefix else coef
        yield from ((f"{head}[{level},{short}]", (i, j)) for i, level in enumerate(levels))


def _baseline_weights(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Of groups the first index runs fastest."""
    yield from sorted(_plain(array), key=lambda item: item[1][::-1])


def _degrees(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    if own_dims(array):
        yield from _plain(array)
    else:
        yield f"df_{attribute(array, 'group')}", ()


def _residual_correlations(array: xr.DataArray) -> Iterator[tuple[str, tuple[int, ...]]]:
    names, head = labels(array, own_dims(array)[0]), array.name
    for j in range(len(names)):
        yield from ((f"{head}__{names[i]}__{names[j]}", (i, j)) for i in range(j))


_NAMERS: dict[str, Callable[[xr.DataArray], Iterator[tuple[str, tuple[int, ...]]]]] = {
    "b": _coefficients,
    "bs": _smooth_parameters,
    "sds": _smooth_parameters,
    "sdgp": _smooth_parameters,
    "lscale": _smooth_parameters,
    "bcs": _category_specific,
    "bsp": _special_effects,
    "meanme": _noise_free,
    "sdme": _noise_free,
    "sdb": _noise_free,
    "corme": _residual_correlations,
    "threshold": _thresholds,
    "sd": _sds,
    "cor": _correlations,
    "r": _effects,
    "df": _degrees,
    "sbhaz": _baseline_weights,
    "rescor": _residual_correlations,
    "cortime": _residual_correlations,
    "lncor": _residual_correlations,
}


def _rank(cls: str, name: str) -> int:
    if cls == "threshold" or (cls == "b" and name.endswith("Intercept")):
        cls = "b_Intercept"
    if cls in _CLASS_ORDER:
        return _CLASS_ORDER.index(cls)
    return len(_CLASS_ORDER) + 1 + (_LAST.index(cls) if cls in _LAST else -1)


def flat_names(
    posterior: xr.Dataset, variables: Sequence[str] | None = None
) -> list[FlatName]:
    """Return brms's flat names of a posterior, in brms's order.

    Parameters
    ----------
    posterior : xarray.Dataset
        Labelled draws, dims (chain, draw, ...), with the attributes ``cls``, ``group``,
        ``dpar``, ``resp`` and ``prefixes``.
    variables : sequence of str, optional
        Only these variables of `posterior`.

    Returns
    -------
    list of FlatName
        ``(name, variable, at)``; the draws are ``posterior[variable].values[:, :, *at]``.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.flatnames import flat_names
    >>> b = xr.DataArray(np.zeros((4, 10, 2)), dims=("chain", "draw", "coef"),
    ...                  coords={"coef": ["Intercept", "days"]}, attrs={"cls": "b"})
    >>> [entry.name for entry in flat_names(xr.Dataset({"b": b}))]
    ['b_Intercept', 'b_days']
    """
    found: list[tuple[int, FlatName]] = []
    for variable in posterior.data_vars if variables is None else variables:
        array = posterior[variable].transpose(*SAMPLE_DIMS, ...)
        cls = variable_class(array)
        namer = _NAMERS.get(cls, _plain)
        for name, index in namer(array):
            found.append((_rank(cls, name), FlatName(name, str(variable), index)))
    found.sort(key=lambda item: item[0])
    return [entry for _, entry in found]


def columns(posterior: xr.Dataset, names: Sequence[FlatName]) -> np.ndarray:
    """Return the draws behind flat names.

    Parameters
    ----------
    posterior : xarray.Dataset
    names : sequence of FlatName

    Returns
    -------
    ndarray (chain, draw, len(names))
    """
    n_chains, n_draws = posterior.sizes["chain"], posterior.sizes["draw"]
    out = np.empty((n_chains, n_draws, len(names)))
    places: dict[str, list[int]] = {}
    for position, entry in enumerate(names):
        places.setdefault(entry.variable, []).append(position)
    for variable, positions in places.items():
        values = posterior[variable].transpose(*SAMPLE_DIMS, ...).values
        if values.ndim == 2:
            out[:, :, positions] = values[:, :, None]
            continue
        index = np.array([names[p].at for p in positions]).T
        out[:, :, positions] = values[(slice(None), slice(None), *index)]
    return out


def matching(name: str, entries: Sequence[FlatName]) -> list[FlatName]:
    """Find the entries that a name means: a flat name, a variable, or a pattern with ``*``.

    Raises
    ------
    DataError
        When nothing matches; the message names the nearest.
    """
    exact = [entry for entry in entries if entry.name == name]
    if exact:
        return exact
    pattern = re.compile(re.escape(name).replace(r"\*", ".*") + r"\Z")
    found = [e for e in entries if e.variable == name or pattern.match(e.name)]
    if not found:
        options = dict.fromkeys([e.name for e in entries] + [e.variable for e in entries])
        raise DataError(f"the posterior has no parameter {name!r}{did_you_mean(name, options)}")
    return found


def to_frame(
    posterior: xr.Dataset, variables: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Return draws as a data frame with brms's flat names.

    Parameters
    ----------
    posterior : xarray.Dataset
        Labelled draws, dims (chain, draw, ...).
    variables : str or sequence of str, optional
        Only these: variables of `posterior`, flat names, or patterns with ``*``.

    Returns
    -------
    pandas.DataFrame
        One row per draw, chain by chain, with the index levels ``.chain`` and ``.draw``; one
        column per flat name.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.flatnames import to_frame
    >>> sigma = xr.DataArray(np.ones((2, 3)), dims=("chain", "draw"), attrs={"cls": "dpar"})
    >>> to_frame(xr.Dataset({"sigma": sigma})).shape
    (6, 1)
    """
    names = flat_names(posterior)
    if variables is not None:
        wanted = texts("a variable", variables, "b_days")
        names = list(dict.fromkeys(e for name in wanted for e in matching(name, names)))
    values = columns(posterior, names)
    chains, draws = (
        posterior[dim].values if dim in posterior.coords else np.arange(posterior.sizes[dim])
        for dim in SAMPLE_DIMS
    )
    index = pd.MultiIndex.from_product([chains, draws], names=[".chain", ".draw"])
    return pd.DataFrame(
        values.reshape(len(index), len(names)), index=index, columns=[e.name for e in names]
    )
