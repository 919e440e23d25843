"""Posteriors and fits with known draws, made without a sampler."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

import hiermodel as hm

CHAINS, DRAWS = 2, 20


def variable(
    values: np.ndarray, cls: str, *coords: tuple[str, Sequence[str]], **attrs: object
) -> xr.DataArray:
    """Draws (chain, draw, ...) with labels and attributes."""
    dims = ("chain", "draw", *(dim for dim, _ in coords))
    labels = {dim: list(names) for dim, names in coords}
    full = {"cls": cls, "group": "", "dpar": "", "resp": "", **attrs}
    return xr.DataArray(values, dims=dims, coords=labels, attrs=full)


def draws(*shape: int, seed: int = 0, positive: bool = False) -> np.ndarray:
    """Random draws (chain, draw, *shape)."""
    values = np.random.default_rng(seed).normal(size=(CHAINS, DRAWS, *shape))
    return np.abs(values) if positive else values


def mixed_posterior() -> xr.Dataset:
    """Two group-level coefficients with a correlation, and an effect on sigma."""
    levels, coefs = ("dim g", ["a b", "c", "d"]), ("g_coef", ["Intercept", "x", "sigma_Intercept"])
    cor = np.broadcast_to(np.eye(3), (CHAINS, DRAWS, 3, 3)).copy()
    cor[..., 0, 1] = cor[..., 1, 0] = np.tanh(draws(seed=5))
    prefixes = ["", "", "sigma"]
    group = {"group": "g", "prefixes": prefixes}
    return xr.Dataset(
        {
            "b": variable(draws(2, seed=1), "b", ("coef", ["Intercept", "x"])),
            "Intercept": variable(draws(seed=2), "Intercept"),
            "b_sigma": variable(
                draws(2, seed=3), "b", ("coef_sigma", ["Intercept", "z"]), dpar="sigma"
            ),
            "sd_g": variable(draws(3, seed=4, positive=True), "sd", coefs, **group),
            "cor_g": variable(
                cor, "cor", coefs, ("g_coef_other", coefs[1]), blocks=[2, 1], **group
            ),
            "r_g": variable(draws(3, 3, seed=6), "r", levels, coefs, **group),
            "lprior": variable(draws(seed=7), "lprior"),
        }
    )


def reaction_data() -> pd.DataFrame:
    """Numbers, a factor, a boolean and groups."""
    rng = np.random.default_rng(3)
    n = 40
    frame = pd.DataFrame(
        {
            "x": rng.normal(2.0, 1.5, n),
            "z": rng.normal(-1.0, 0.5, n),
            "dose": pd.Categorical(["low", "mid", "high", "mid"] * 10, ["low", "mid", "high"]),
            "old": rng.integers(0, 2, n).astype(bool),
            "g": np.repeat(["a", "b", "c", "d"], 10),
        }
    )
    frame["y"] = 1.0 + 2.0 * frame["x"] + rng.normal(size=n)
    frame["n"] = rng.poisson(3.0, n)
    frame["size"] = 12
    frame["hits"] = rng.binomial(12, 0.4, n)
    frame["rating"] = pd.Categorical(
        np.tile(["bad", "fair", "good", "fair"], 10), ["bad", "fair", "good"], ordered=True
    )
    return frame


def fit_of(
    formula: str, family: str = "gaussian", frame: pd.DataFrame | None = None, **given: np.ndarray
) -> hm.Fit:
    """A fit with random draws of the declared parameters, or with the `given` ones."""
    data = reaction_data() if frame is None else frame
    model = hm.model(formula, data, family)
    sizes = {k: v for k, v in model.bind(data).items() if np.ndim(v) == 0}
    values: dict[str, np.ndarray] = {}
    for seed, var in enumerate(model.parameters, start=10):
        if var.name in given:
            values[var.name] = given[var.name]
            continue
        shape = tuple(int(sizes[s] if s in sizes else s) for s in (*var.array, *var.size))
        if var.type == "cholesky_factor_corr":
            values[var.name] = np.broadcast_to(np.eye(shape[0]), (CHAINS, DRAWS, *shape * 2))
        else:
            value = draws(*shape, seed=seed, positive=var.lower == "0")
            values[var.name] = np.sort(value, axis=-1) if var.type == "ordered" else value
    return hm.Fit.from_draws(model, data, values)
