"""Tables of a posterior: population level, group level, covariances.

All take the labelled posterior, so they serve a fit, a loaded file or draws from elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.flatnames import (
    NOT_MAIN,
    SAMPLE_DIMS,
    attribute,
    flat_names,
    labels,
    own_dims,
    prefixes,
    scope_prefix,
    variable_class,
)
from hiermodel.summary.shown import as_table
from hiermodel.summary.statistics import PROBS, describe, statistic_names
from hiermodel.summary.views import GroupTables, VarCorr

# Ordinal families whose linear predictor is threshold minus eta; the others turn it round.


def of_class(posterior: xr.Dataset, *classes: str) -> Iterator[xr.DataArray]:
    """Yield the variables of these classes with dims (chain, draw, ...)."""
    for name in posterior.data_vars:
        array = posterior[name]
        if variable_class(array) in classes:
            yield array.transpose(*SAMPLE_DIMS, ...)


def flat_draws(array: xr.DataArray) -> np.ndarray:
    """Return draws with chains joined: (chain * draw, ...)."""
    values = np.asarray(array.values, dtype=float)
    return values.reshape(-1, *values.shape[2:])


def population_draws(posterior: xr.Dataset) -> tuple[tuple[str, ...], np.ndarray]:
    """Return names and draws (S, K) of all population-level coefficients, intercepts first."""
    entries: list[tuple[str, np.ndarray]] = []
    for array in of_class(posterior, "threshold", "b", "bs", "bsp", "bcs"):
        prefix = scope_prefix(array)
        lead = f"{prefix}_" if prefix else ""
        threshold = variable_class(array) == "threshold"
        draws = flat_draws(array)
        for i, label in enumerate(labels(array, own_dims(array)[0])):
            name = f"{lead}Intercept[{label}]" if threshold else f"{lead}{label}"
            entries.append((name, draws[:, i]))
    entries.sort(key=lambda e: not e[0].split("[")[0].endswith("Intercept"))
    n = posterior.sizes["chain"] * posterior.sizes["draw"]
    values = np.column_stack([d for _, d in entries]) if entries else np.empty((n, 0))
    return tuple(name for name, _ in entries), values


def fixef(
    posterior: xr.Dataset, probs: Sequence[float] = PROBS, robust: bool = False
) -> pd.DataFrame:
    """Summarise the population-level coefficients of all parameters.

    Parameters
    ----------
    posterior : xarray.Dataset
        Labelled draws, dims (chain, draw, ...).
    probs : sequence of float
        Quantiles, each in [0, 1].
    robust : bool
        Median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    pandas.DataFrame
        A row per coefficient, on the scale of the linear predictor: ``Intercept``, ``days``,
        ``sigma_Intercept``, ``Intercept[1]``. Columns ``Estimate``, ``Est.Error`` and
        ``Q2.5``, ``Q97.5`` as `probs` asks.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.summary import fixef
    >>> b = xr.DataArray(np.arange(6.0).reshape(2, 3, 1), dims=("chain", "draw", "coef"),
    ...                  coords={"coef": ["days"]}, attrs={"cls": "b"})
    >>> float(fixef(xr.Dataset({"b": b})).loc["days", "Estimate"])
    2.5
    """
    names, draws = population_draws(posterior)
    table = describe(draws, probs, robust)
    index = pd.Index(names, name="coef")
    return as_table(
        pd.DataFrame(table, index=index, columns=statistic_names(probs)), "Population level"
    )


def group_draws(posterior: xr.Dataset) -> dict[str, xr.DataArray]:
    """Return the draws of the group-level effects, grouping factor -> (sample, level, coef)."""
    out: dict[str, list[xr.DataArray]] = {}
    for array in of_class(posterior, "r"):
        level_dim, coef_dim = own_dims(array)
        part = xr.DataArray(
            flat_draws(array),
            dims=("sample", "level", "coef"),
            coords={"level": list(labels(array, level_dim)), "coef": list(labels(array, coef_dim))},
            attrs={"prefixes": prefixes(array, array.sizes[coef_dim])},
        )
        out.setdefault(attribute(array, "group"), []).append(part)
    return {
        group: parts[0] if len(parts) == 1 else xr.concat(parts, "coef", join="exact")
        for group, parts in out.items()
    }


def _group_table(
    array: xr.DataArray, probs: Sequence[float], robust: bool
) -> pd.DataFrame:
    levels, coefs = array["level"].values, array["coef"].values
    values = describe(array.values.reshape(array.sizes["sample"], -1), probs, robust)
    index = pd.MultiIndex.from_product([levels, coefs], names=["level", "coef"])
    return pd.DataFrame(values, index=index, columns=statistic_names(probs))


def ranef(
    posterior: xr.Dataset, probs: Sequence[float] = PROBS, robust: bool = False
) -> GroupTables:
    """Summarise the group-level effects: deviations of each level from the population.

    Parameters
    ----------
    posterior : xarray.Dataset
        Labelled draws, dims (chain, draw, ...).
    probs : sequence of float
        Quantiles, each in [0, 1].
    robust : bool
        Median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    GroupTables
        Grouping factor -> data frame with the index (level, coef), on the scale of the linear
        predictor.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.summary import ranef
    >>> r = xr.DataArray(np.ones((2, 3, 2, 1)), dims=("chain", "draw", "g", "g_coef"),
    ...                  coords={"g": ["a", "b"], "g_coef": ["Intercept"]},
    ...                  attrs={"cls": "r", "group": "g"})
    >>> float(ranef(xr.Dataset({"r_g": r}))["g"].loc[("b", "Intercept"), "Estimate"])
    1.0
    """
    tables = {g: _group_table(a, probs, robust) for g, a in group_draws(posterior).items()}
    return GroupTables(tables, "Group-level effects")


def coef(
    posterior: xr.Dataset,
    rising: Collection[str] = (),
    probs: Sequence[float] = PROBS,
    robust: bool = False,
) -> GroupTables:
    """Summarise the coefficients of each level: population level plus group level.

    A group-level intercept of an ordinal model moves all thresholds: threshold minus effect
    (cumulative, sratio), or effect minus threshold for `rising` families (cratio, acat).

    Parameters
    ----------
    posterior : xarray.Dataset
        Labelled draws, dims (chain, draw, ...).
    rising : collection of str
        Names of the thresholds (``"Intercept"``, ``"y2_Intercept"``) of `rising` families.
    probs : sequence of float
        Quantiles, each in [0, 1].
    robust : bool
        Median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    GroupTables
        Grouping factor -> data frame with the index (level, coef).

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.summary import coef
    >>> dims = ("chain", "draw")
    >>> b = xr.DataArray(np.ones((2, 3, 1)), dims=(*dims, "coef"),
    ...                  coords={"coef": ["x"]}, attrs={"cls": "b"})
    >>> r = xr.DataArray(np.ones((2, 3, 2, 1)), dims=(*dims, "g", "g_coef"),
    ...                  coords={"g": ["a", "b"], "g_coef": ["x"]},
    ...                  attrs={"cls": "r", "group": "g"})
    >>> float(coef(xr.Dataset({"b": b, "r_g": r}))["g"].loc[("a", "x"), "Estimate"])
    2.0
    """
    tables = {
        group: _group_table(draws, probs, robust)
        for group, draws in coef_draws(posterior, rising).items()
    }
    return GroupTables(tables, "Coefficients per level")


def coef_draws(
    posterior: xr.Dataset, rising: Collection[str] = ()
) -> dict[str, xr.DataArray]:
    """Return the draws behind `coef`, grouping factor -> (sample, level, coef)."""
    names, fixed = population_draws(posterior)
    return {
        group: _level_coefs(effects, names, fixed, rising)
        for group, effects in group_draws(posterior).items()
    }


def _level_coefs(
    effects: xr.DataArray, names: Sequence[str], fixed: np.ndarray, rising: Collection[str]
) -> xr.DataArray:
    varying = {str(c): effects.values[:, :, i] for i, c in enumerate(effects["coef"].values)}
    fixed_by_name = dict(zip(names, fixed.T, strict=True))
    thresholds: dict[str, list[str]] = {}
    for name in names:
        if _is_threshold(name):
            thresholds.setdefault(name.split("[")[0], []).append(name)
    n_levels = effects.sizes["level"]
    out: dict[str, np.ndarray] = {}
    for name, draws in varying.items():
        if name in thresholds and name not in fixed_by_name:
            for threshold in thresholds[name]:
                value = fixed_by_name[threshold][:, None]
                out[threshold] = _ordinal(value, draws, name in rising)
        elif name in fixed_by_name and _is_threshold(name):
            stem = name.split("[")[0]
            out[name] = _ordinal(fixed_by_name[name][:, None], draws, stem in rising)
        else:
            out[name] = draws + (fixed_by_name[name][:, None] if name in fixed_by_name else 0.0)
    for name, value in fixed_by_name.items():
        if name not in out:
            full = np.broadcast_to(value[:, None], (len(value), n_levels))
            shown = _ordinal(full, np.zeros((1, 1)), name.split("[")[0] in rising)
            out[name] = shown if _is_threshold(name) else full
    return xr.DataArray(
        np.stack(list(out.values()), axis=-1),
        dims=("sample", "level", "coef"),
        coords={"level": effects["level"].values, "coef": list(out)},
    )


def _is_threshold(name: str) -> bool:
    """True for ``Intercept[2]``, but not for a category-specific ``x[2]``."""
    return "[" in name and name.split("[")[0].endswith("Intercept")


def _ordinal(threshold: np.ndarray, effect: np.ndarray, rising: bool) -> np.ndarray:
    return effect - threshold if rising else threshold - effect


def varcorr(
    posterior: xr.Dataset, probs: Sequence[float] = PROBS, robust: bool = False
) -> VarCorr:
    """Summarise standard deviations, correlations and covariances of group-level effects.

    Parameters
    ----------
    posterior : xarray.Dataset
        Labelled draws, dims (chain, draw, ...).
    probs : sequence of float
        Quantiles, each in [0, 1].
    robust : bool
        Median and median absolute deviation instead of mean and standard deviation.

    Returns
    -------
    VarCorr
        Three data frames: ``sd`` with the index (group, coef), ``cor`` and ``cov`` with the
        index (group, coef, coef_other), full matrices. A residual standard deviation that has
        no formula of its own stands in ``sd`` under the group ``residual__``.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.summary import varcorr
    >>> sigma = xr.DataArray(np.ones((2, 3)), dims=("chain", "draw"), name="sigma",
    ...                      attrs={"cls": "dpar", "dpar": "sigma"})
    >>> float(varcorr(xr.Dataset({"sigma": sigma})).sd.loc[("residual__", ""), "Estimate"])
    1.0
    """
    sds: list[pd.DataFrame] = []
    cors: list[pd.DataFrame] = []
    covs: list[pd.DataFrame] = []
    correlations = {attribute(a, "group"): a for a in of_class(posterior, "cor")}
    for array in of_class(posterior, "sd"):
        group = attribute(array, "group")
        names, sd = _by_coefs(array)
        sds.append(_indexed(describe(sd, probs, robust), probs, group, names))
        if group in correlations:
            cor = _full_correlation(array, correlations[group], len(names))
            cov = cor * sd[:, :, None] * sd[:, None, :]
            cors.append(_indexed(_matrices(cor, probs, robust), probs, group, names, names))
            covs.append(_indexed(_matrices(cov, probs, robust), probs, group, names, names))
    residual = dict(_residual_sds(posterior))
    for resp, draws in residual.items():
        sds.append(_indexed(describe(draws, probs, robust), probs, "residual__", (resp,)))
    for array in of_class(posterior, "rescor"):
        responses = labels(array, own_dims(array)[0])
        cor = flat_draws(array)
        cors.append(
            _indexed(_matrices(cor, probs, robust), probs, "residual__", responses, responses)
        )
        if set(responses) <= set(residual):
            sd = np.column_stack([residual[name] for name in responses])
            cov = cor * sd[:, :, None] * sd[:, None, :]
            covs.append(
                _indexed(_matrices(cov, probs, robust), probs, "residual__", responses, responses)
            )
    stats = statistic_names(probs)
    return VarCorr(
        _concat(sds, ["group", "coef"], stats),
        _concat(cors, ["group", "coef", "coef_other"], stats),
        _concat(covs, ["group", "coef", "coef_other"], stats),
    )


def _matrices(draws: np.ndarray, probs: Sequence[float], robust: bool) -> np.ndarray:
    return describe(draws.reshape(len(draws), -1), probs, robust)


def _by_coefs(array: xr.DataArray) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and draws (S, by * coefs) of standard deviations."""
    *by, dim = own_dims(array)
    names = labels(array, dim)
    if by:
        names = tuple(f"{c}:{level}" for level in labels(array, by[0]) for c in names)
    draws = flat_draws(array)
    return names, draws.reshape(len(draws), -1)


def _full_correlation(sd: xr.DataArray, cor: xr.DataArray, n: int) -> np.ndarray:
    """Correlations (S, n, n) over all coefficients: zero between blocks and levels of `by`."""
    blocks = flat_draws(cor)
    blocks = blocks.reshape(len(blocks), -1, *blocks.shape[-2:])
    coef_dim = own_dims(sd)[-1]
    all_names = labels(sd, coef_dim)
    places = [all_names.index(c) for c in labels(cor, own_dims(cor)[-2])]
    out = np.zeros((len(blocks), n, n))
    out[:, np.arange(n), np.arange(n)] = 1.0
    for k in range(blocks.shape[1]):
        at = np.array(places) + k * len(all_names)
        block = np.nan_to_num(blocks[:, k], nan=0.0)
        block[:, np.arange(len(at)), np.arange(len(at))] = 1.0
        out[:, at[:, None], at[None, :]] = block
    return out


def _residual_sds(posterior: xr.Dataset) -> Iterator[tuple[str, np.ndarray]]:
    for array in of_class(posterior, "dpar"):
        resp = attribute(array, "resp")
        is_sigma = str(array.name) == ("sigma" if not resp else f"sigma_{resp}")
        if not is_sigma or own_dims(array):
            continue
        draws = flat_draws(array)
        # With se() alone sigma is the constant zero, which is no parameter.
        if np.any(draws != 0.0):
            yield resp, draws[:, None]


def _indexed(
    values: np.ndarray, probs: Sequence[float], group: str, *names: Sequence[str]
) -> pd.DataFrame:
    keys = ["group", "coef", "coef_other"][: 1 + len(names)]
    index = pd.MultiIndex.from_product([[group], *(list(n) for n in names)], names=keys)
    return pd.DataFrame(values, index=index, columns=statistic_names(probs))


def _concat(parts: list[pd.DataFrame], keys: list[str], stats: list[str]) -> pd.DataFrame:
    if parts:
        return pd.concat(parts)
    empty = pd.MultiIndex.from_arrays([[] for _ in keys], names=keys)
    return pd.DataFrame(np.empty((0, len(stats))), index=empty, columns=stats)


def ngroups(posterior: xr.Dataset) -> dict[str, int]:
    """Return the number of levels of each grouping factor.

    Parameters
    ----------
    posterior : xarray.Dataset
        Labelled draws.

    Returns
    -------
    dict of str to int

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> from hiermodel.summary import ngroups
    >>> r = xr.DataArray(np.ones((2, 3, 5, 1)), dims=("chain", "draw", "g", "g_coef"),
    ...                  attrs={"cls": "r", "group": "g"})
    >>> ngroups(xr.Dataset({"r_g": r}))
    {'g': 5}
    """
    return {group: array.sizes["level"] for group, array in group_draws(posterior).items()}


def main_names(posterior: xr.Dataset) -> list[str]:
    """Return the flat names that a summary or a default plot shows.

    Left out is what `NOT_MAIN` lists: group-level effects, what rows have of their own, the log
    prior, and the intercepts of centred designs, whose intercept on the original scale is there.
    """
    shown = [
        str(v)
        for v in posterior.data_vars
        if variable_class(posterior[v]) not in NOT_MAIN
    ]
    return [entry.name for entry in flat_names(posterior, shown)]
