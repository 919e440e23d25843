"""Weights of models, and averages over models by them.

Yao, Vehtari, Simpson and Gelman (2018), Using stacking to average Bayesian predictive
distributions, Bayesian Analysis 13, 917-1007.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.criticism.comparison import estimates, stacking_weights
from hiermodel.criticism.elpd import Elpd
from hiermodel.errors import ArgumentError, DataError, did_you_mean
from hiermodel.flatnames import columns, flat_names

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

WEIGHTS = ("stacking", "pseudobma", "pseudobma_bb", "loo", "waic", "kfold")
_VERBS = ("posterior_predict", "posterior_epred", "posterior_linpred")


def model_weights(
    fits: Mapping[str, Fit | Elpd],
    weights: str = "stacking",
    *,
    bb_draws: int = 1000,
    seed: int | None = None,
) -> pd.Series:
    """Weights of models by how well they predict.

    Parameters
    ----------
    fits : mapping of str to Fit or Elpd
        Models of the same observations, or what `Fit.loo`, `Fit.waic` or `Fit.kfold` gave for them.
    weights : {"stacking", "pseudobma", "pseudobma_bb", "loo", "waic", "kfold"}
        Stacking: the mixture of predictive distributions that predicts best; pseudo-BMA: in
        proportion to the exponential of elpd; ``"pseudobma_bb"``: the same, averaged over the
        Bayesian bootstrap of the observations, which keeps small differences from deciding
        everything (pseudo-BMA+). ``"loo"``, ``"waic"`` and ``"kfold"`` are pseudo-BMA by that
        criterion.
    bb_draws : int
        Draws of the Bayesian bootstrap.
    seed : int, optional
        Of the Bayesian bootstrap.

    Returns
    -------
    pandas.Series
        Weights that sum to 1, by the name of the model.

    Raises
    ------
    DataError
        Fewer than two models, or models of different observations.

    Examples
    --------
    >>> hm.model_weights({"slopes": fit1, "intercepts": fit2})  # doctest: +SKIP
    """
    if weights not in WEIGHTS:
        raise ArgumentError(
            f"weights must be one of {', '.join(WEIGHTS)}, not {weights!r}"
            f"{did_you_mean(str(weights), WEIGHTS)}"
        )
    criterion = weights if weights in ("waic", "kfold") else "loo"
    results = estimates(fits, criterion, "model_weights")
    kind = next(iter(results.values())).kind
    if weights in ("loo", "waic", "kfold") and not kind.startswith(weights):
        raise DataError(f"weights={weights!r} needs results of {weights}(), not of {kind}()")
    index = pd.Index(list(results), name="model")
    table = np.stack([r.pointwise.values for r in results.values()])
    if weights == "stacking":
        values = stacking_weights(table)
    elif weights == "pseudobma_bb":
        values = _bootstrapped(table, bb_draws, seed)
    else:
        values = _softmax(np.array([r.elpd for r in results.values()]))
    return pd.Series(values, index=index, name="weight")


def pp_average(
    fits: Mapping[str, Fit],
    weights: str | Mapping[str, float] | Sequence[float] = "stacking",
    method: str = "posterior_predict",
    *,
    newdata: Any = None,
    resp: str | None = None,
    ndraws: int | None = None,
    seed: int | None = None,
    **options: Any,
) -> xr.DataArray:
    """Predictive draws of several models, mixed by weights.

    Parameters
    ----------
    fits : mapping of str to Fit
        Models of the same observations.
    weights : str, mapping or sequence of float
        As in `model_weights`, or the weights themselves, which are made to sum to 1.
    method : {"posterior_predict", "posterior_epred", "posterior_linpred"}
        What is mixed.
    newdata : data frame, optional
        Rows to predict for; the fitted rows by default.
    resp : str, optional
        Which of several responses.
    ndraws : int, optional
        Draws of the mixture; by default as many as the first model has.
    seed : int, optional
        Of predictions, of the Bayesian bootstrap, and of the order of the draws.
    **options
        Passed on to the method: ``re_formula``, ``allow_new_levels``, ...

    Returns
    -------
    DataArray
        Dims (chain, draw, obs), one chain; the coordinate ``model`` of the draws tells where each
        comes from, the attribute ``weights`` with which weights. Each model gives as many draws
        as its weight says, up to rounding.

    Raises
    ------
    ArgumentError
        For weights or draws that cannot be.

    Examples
    --------
    >>> hm.pp_average({"slopes": fit1, "intercepts": fit2}, seed=1)  # doctest: +SKIP
    """
    if method not in _VERBS:
        raise ArgumentError(
            f"method must be one of {', '.join(_VERBS)}, not {method!r}"
            f"{did_you_mean(str(method), _VERBS)}"
        )
    known = _weights_of(fits, weights, resp, seed)
    counts = _shares(fits, known, ndraws)
    if any(fit.model.is_multivariate for fit in fits.values()) and resp is None:
        raise ArgumentError("several responses: say which one with resp=")
    rng = np.random.default_rng(seed)
    pieces, names = [], []
    for name, count in counts.items():
        if count:
            one = getattr(fits[name], method)(
                newdata, resp=resp, ndraws=count, seed=int(rng.integers(2**31)), **options
            )
            flat = one.values.reshape(1, count, *one.shape[2:])
            kept = {k: v for k, v in one.coords.items() if not {"chain", "draw"} & {*v.dims, k}}
            pieces.append(xr.DataArray(flat, dims=one.dims, coords=kept, attrs=one.attrs))
            names += [name] * count
    mixed = xr.concat(pieces, dim="draw").transpose("chain", "draw", ...)
    order = rng.permutation(len(names))
    mixed = mixed.isel(draw=order).assign_coords(
        chain=[0], draw=np.arange(len(names)), model=("draw", np.array(names)[order])
    )
    return mixed.assign_attrs(weights=dict(known), ndraws=dict(counts))


def posterior_average(
    fits: Mapping[str, Fit],
    variable: str | Sequence[str] | None = None,
    weights: str | Mapping[str, float] | Sequence[float] = "stacking",
    *,
    missing: float | Mapping[str, float] | None = None,
    ndraws: int | None = None,
    seed: int | None = None,
) -> pd.DataFrame:
    """Draws of parameters of several models, mixed by weights.

    Parameters
    ----------
    fits : mapping of str to Fit
        Models of the same observations.
    variable : str or sequence of str, optional
        Flat names such as ``"b_days"``; by default those that all models have.
    weights : str, mapping or sequence of float
        As in `pp_average`.
    missing : float or mapping of str to float, optional
        What a parameter is in a model that does not have it: 0 for coefficients that were left
        out, say. Without it such parameters are an error.
    ndraws : int, optional
        Draws of the mixture; by default as many as the first model has.
    seed : int, optional
        Of the draws that are taken.

    Returns
    -------
    pandas.DataFrame
        A column per parameter, a row per draw, and the column ``model``.

    Raises
    ------
    ArgumentError
        For weights that cannot be, or a parameter that a model lacks.

    Examples
    --------
    >>> hm.posterior_average({"slopes": fit1, "intercepts": fit2}, "b_days")  # doctest: +SKIP
    """
    known = _weights_of(fits, weights, None, seed)
    counts = _shares(fits, known, ndraws)
    entries = {name: {e.name: e for e in flat_names(f.posterior)} for name, f in fits.items()}
    everywhere = [n for n in next(iter(entries.values())) if all(n in e for e in entries.values())]
    if variable is None:
        wanted = everywhere
    else:
        wanted = [variable] if isinstance(variable, str) else list(variable)
    given = missing if isinstance(missing, Mapping) else dict.fromkeys(wanted, missing)
    rng = np.random.default_rng(seed)
    frames = []
    for name, fit in fits.items():
        there = [v for v in wanted if v in entries[name]]
        found = columns(fit.posterior, [entries[name][v] for v in there])
        flat = found.reshape(found.shape[0] * found.shape[1], len(there))
        chosen = flat[rng.choice(len(flat), counts[name], replace=counts[name] > len(flat))]
        frame = pd.DataFrame(chosen, columns=there)
        for lacking in (v for v in wanted if v not in entries[name]):
            every = {n for e in entries.values() for n in e}
            if lacking not in every or given.get(lacking) is None:
                hint = did_you_mean(lacking, every) if lacking not in every else (
                    f"; missing={{{lacking!r}: 0}} says what it is there"
                )
                raise ArgumentError(f"the model {name!r} has no parameter {lacking!r}{hint}")
            frame[lacking] = float(given[lacking])  # type: ignore[arg-type]
        frames.append(frame[wanted].assign(model=name))
    return pd.concat(frames, ignore_index=True)


def _bootstrapped(table: np.ndarray, draws: int, seed: int | None) -> np.ndarray:
    if isinstance(draws, bool) or not isinstance(draws, int) or draws < 1:
        raise ArgumentError(f"bb_draws must be a whole number of at least 1, not {draws!r}")
    n = table.shape[1]
    rng = np.random.default_rng(seed)
    total = np.zeros(len(table))
    for _ in range(draws):
        total += _softmax(n * (table @ rng.dirichlet(np.ones(n))))
    return np.asarray(total / draws)


def _softmax(values: np.ndarray) -> np.ndarray:
    out = np.exp(values - values.max())
    return np.asarray(out / out.sum())


def _weights_of(
    fits: Mapping[str, Fit], weights: Any, resp: str | None, seed: int | None
) -> dict[str, float]:
    if not isinstance(fits, Mapping) or len(fits) < 2:
        raise DataError("give at least two models by name: {'a': fit_a, 'b': fit_b}")
    for name, fit in fits.items():
        if not hasattr(fit, "posterior_predict"):
            raise DataError(f"{name!r} is no fit, whose draws could be mixed: {fit!r}")
    if isinstance(weights, str):
        single = {n: fit if resp is None else fit.only(resp) for n, fit in fits.items()}
        found = model_weights(single, weights, seed=seed)
        return {str(name): float(value) for name, value in found.items()}
    if isinstance(weights, (Mapping, pd.Series)):
        odd = set(weights.keys()) ^ set(fits)
        if odd:
            raise ArgumentError(f"weights and models have different names: {sorted(odd)[0]!r}")
        values = [weights[name] for name in fits]
    else:
        values = list(weights)
    if len(values) != len(fits):
        raise ArgumentError(f"{len(values)} weights are given for {len(fits)} models")
    for value in values:
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not 0.0 <= float(value) < np.inf:
            raise ArgumentError(f"weights must be numbers from 0 on, got {value!r}")
    total = float(sum(values))
    if total <= 0:
        raise ArgumentError("at least one weight must be above 0")
    return {name: float(v) / total for name, v in zip(fits, values, strict=True)}


def _shares(
    fits: Mapping[str, Fit], weights: Mapping[str, float], ndraws: int | None
) -> dict[str, int]:
    """How many draws each model gives: its share rounded, the rest to the largest remainders."""
    sizes = {
        n: f.posterior.sizes["chain"] * f.posterior.sizes["draw"] for n, f in fits.items()
    }
    total = next(iter(sizes.values())) if ndraws is None else ndraws
    if isinstance(total, bool) or not isinstance(total, int) or total < 1:
        raise ArgumentError(f"ndraws must be a whole number of at least 1, not {ndraws!r}")
    exact = np.array([weights[name] * total for name in fits])
    counts = np.floor(exact + 1e-9).astype(int)
    rest = np.argsort(-(exact - counts), kind="stable")[: total - counts.sum()]
    counts[rest] += 1
    for name, count in zip(fits, counts, strict=True):
        if count > sizes[name]:
            raise ArgumentError(
                f"the mixture needs {count} draws of {name!r}, which has {sizes[name]}; "
                "take fewer with ndraws="
            )
    return {name: int(count) for name, count in zip(fits, counts, strict=True)}
