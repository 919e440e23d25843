"""Checks of each row against predictions made without it (PSIS-LOO).

A check of replications uses the data twice: the row that is checked has moved the posterior
towards itself. Importance weights take it out again (Gabry and others 2019, Visualization in
Bayesian workflow, JRSS A 182, section 5; Vehtari, Gelman and Gabry 2017, Statistics and Computing
27, 1413-1432).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from hiermodel.criticism.elpd import check_origin
from hiermodel.criticism.leave_one_out import loo_of
from hiermodel.criticism.loo_predictions import weighted_quantiles
from hiermodel.criticism.ppc.overlays import INTERVAL_PROBS, density, interval_table
from hiermodel.criticism.ppc.pit import difference
from hiermodel.criticism.ppc.replications import Array, Replications
from hiermodel.errors import warn

if TYPE_CHECKING:
    from hiermodel.fitted import Fit

_UNIFORMS = 100
_GRID = 256
# Rows are worked on in pieces of about this many numbers (32 MB).
_CHUNK = 4_000_000


def log_weights(fit: Fit, type: str, ndraws: int, kept: Array | None = None) -> Array:
    """Smoothed log weights (ndraws, N) of the draws that `posterior_predict` takes as well.

    Of the rows that are `kept`, a mask, where it is given.

    Raises
    ------
    HiermodelError
        For a mode, or draws of the prior.

    Warns
    -----
    HiermodelWarning
        When observations have a Pareto k above the threshold.
    """
    check_origin(fit, f"pp_check(type={type!r})")
    log_lik = fit.log_lik(ndraws=ndraws)
    if kept is not None:
        log_lik = log_lik.isel(obs=np.flatnonzero(kept))
    found = loo_of(log_lik, save_psis=True, tell=False)
    if found.problems:
        warn(
            f"{found.problems} of {found.pointwise.size} observations have a Pareto k above "
            f"{found.k_threshold:.2f}: what {type} shows of them is doubtful; loo().pareto_k "
            "says which they are"
        )
    assert found.log_weights is not None
    return np.asarray(found.log_weights.values.reshape(-1, found.pointwise.size))


def transforms(data: Replications) -> Array:
    """LOO-PIT (N,): the weight of the replications below, and a uniform part of that of equal ones.

    The uniform part makes the transforms of discrete responses uniform under the right model
    (Czado, Gneiting and Held 2009, Predictive model assessment for count data, Biometrics 65).
    """
    part = data.rng.random(len(data.y))
    out = np.empty(len(data.y))
    for at, given in _weights(data):
        below = np.where(data.yrep[:, at] < data.y[at], given, 0.0).sum(axis=0)
        equal = np.where(data.yrep[:, at] == data.y[at], given, 0.0).sum(axis=0)
        out[at] = below + part[at] * equal
    return np.clip(out, 0.0, 1.0)


def loo_intervals(data: Replications) -> pd.DataFrame:
    """Compute the table of `intervals` with weighted quantiles."""
    quantiles = [
        weighted_quantiles(data.yrep[:, at], given, INTERVAL_PROBS) for at, given in _weights(data)
    ]
    return interval_table(data, np.concatenate(quantiles).T)


def _weights(data: Replications) -> Iterator[tuple[slice, Array]]:
    """The weights (S, n) of the draws, which sum to 1 for each row, for some rows at a time."""
    assert data.log_weights is not None
    draws, n = data.log_weights.shape
    step = max(1, _CHUNK // draws)
    for start in range(0, n, step):
        at = slice(start, start + step)
        given = np.exp(data.log_weights[:, at])
        yield at, given / given.sum(axis=0)


def loo_pit_ecdf(data: Replications) -> pd.DataFrame:
    """Compute the ECDF of the LOO-PIT less the uniform: ``x``, ``value``, ``lower``, ``upper``."""
    return difference(transforms(data))


def loo_pit_overlay(data: Replications) -> pd.DataFrame:
    """Compute densities of the LOO-PIT (draw 0) and of 100 uniform samples of the same size.

    Columns ``draw``, ``x``, ``value``. The density is folded back at 0 and 1, where it would
    else fall.
    """
    grid = np.linspace(0.0, 1.0, _GRID)
    pit = transforms(data)
    uniform = data.rng.random((_UNIFORMS, len(pit)))
    parts = [
        pd.DataFrame({"draw": s, "x": grid, "value": density(values, grid, bounded=True)})
        for s, values in [*enumerate(uniform, start=1), (0, pit)]
    ]
    return pd.concat(parts, ignore_index=True)


def loo_pit_qq(data: Replications) -> pd.DataFrame:
    """Pair uniform quantiles ``x``, (i - 1/2) / N, with the sorted LOO-PIT ``value``."""
    pit = np.sort(transforms(data))
    return pd.DataFrame({"x": (np.arange(len(pit)) + 0.5) / len(pit), "value": pit})
