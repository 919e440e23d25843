"""Fits with centred effects: the same posterior, and nothing else that a user would notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.engines.diagnostics import diagnostics

from .frames import counts

SMALL: dict[str, Any] = {"chains": 2, "draws": 500, "warmup": 500, "seed": 1, "progress": False}


@pytest.fixture(scope="module")
def fits() -> dict[str, Any]:
    data = hm.datasets.load("epilepsy")
    return {
        how: hm.fit("count ~ zAge + zBase * Trt + (1 | patient)", data, "poisson",
                    {"b": "normal(0, 5)"}, parameterization=how, **SMALL)
        for how in ("auto", "centered", "noncentered")
    }


def main(fit: Any) -> np.ndarray:
    post = fit.posterior
    return np.concatenate([post["b"].values, post["sd_patient"].values], axis=-1)


@pytest.mark.parametrize("how", ["auto", "centered"])
def test_posterior_is_the_same(fits: dict[str, Any], how: str) -> None:
    ours, plain = main(fits[how]), main(fits["noncentered"])
    errors = [x.std(axis=(0, 1)) / np.sqrt(diagnostics(x)["ess_bulk"]) for x in (ours, plain)]
    away = (ours.mean(axis=(0, 1)) - plain.mean(axis=(0, 1))) / np.hypot(*errors)
    assert np.abs(away).max() < 4
    ratio = ours.std(axis=(0, 1)) / plain.std(axis=(0, 1))
    assert ((0.75 < ratio) & (ratio < 1.33)).all()
    effects = [f.posterior["r_patient"].mean(("chain", "draw")) for f in (fits[how],
                                                                         fits["noncentered"])]
    np.testing.assert_allclose(effects[0], effects[1], atol=0.12)


def test_chains_mix_better(fits: dict[str, Any]) -> None:
    """Far fewer steps and more effective draws; both by more than noise could do."""
    steps = {how: float(fit.sample_stats["n_steps"].mean()) for how, fit in fits.items()}
    least = {how: diagnostics(main(fit))["ess_bulk"].min() for how, fit in fits.items()}
    assert steps["auto"] < steps["noncentered"] / 2
    assert least["auto"] > 2 * least["noncentered"]


def test_summary_says_what_was_done(fits: dict[str, Any]) -> None:
    assert "effects of patient centred by 0." in str(fits["auto"].summary())
    assert "centred by 1.00" in str(fits["centered"].summary())
    assert "centred by" not in str(fits["noncentered"].summary())
    assert fits["auto"].model.stan_code == fits["noncentered"].model.stan_code


@pytest.mark.filterwarnings("ignore:the error of this marginal likelihood")
def test_log_density_and_marginal_likelihood(fits: dict[str, Any]) -> None:
    auto, plain = (fits[how].bridge_sampler(seed=1) for how in ("auto", "noncentered"))
    assert auto.logml == pytest.approx(plain.logml, abs=0.8)


def test_saved_and_updated(fits: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "fit.nc"
    fits["auto"].save(path)
    again = hm.load(path)
    np.testing.assert_array_equal(main(again), main(fits["auto"]))
    np.testing.assert_allclose(again.log_lik().values, fits["auto"].log_lik().values)
    short = fits["centered"].update(draws=20, warmup=100)
    assert short.provenance["parameterization"] == "centered"
    assert "centred by 1.00" in short.provenance["centred"]


def test_correlated_effects_and_a_second_parameter() -> None:
    data = counts(50, 20, shape=4.0)
    settings = SMALL | {"draws": 300, "warmup": 300}
    formula = hm.bf("k ~ a + x + (x | g)", "shape ~ a")
    fits = [hm.fit(formula, data, "negbinomial", parameterization=how, **settings)
            for how in ("auto", "noncentered")]
    assert "centred" in fits[0].provenance
    for name in ("b", "b_shape", "sd_g", "cor_g"):
        one, other = (f.posterior[name].mean(("chain", "draw")).values for f in fits)
        spread = fits[1].posterior[name].std(("chain", "draw")).values
        np.testing.assert_allclose(one, other, atol=0.5 * spread.max())


def test_crossed_factors_of_a_collapsed_model() -> None:
    rng = np.random.default_rng(3)
    g, h = rng.integers(0, 40, 800), rng.integers(0, 25, 800)
    y = 1 + rng.normal(0, 1, 40)[g] + rng.normal(0, 0.7, 25)[h] + rng.normal(0, 0.5, 800)
    data = {"y": y, "g": g.astype(str), "h": h.astype(str)}
    frame = pd.DataFrame(data)
    settings = SMALL | {"draws": 300, "warmup": 300, "collapse": True}
    fits = [hm.fit("y ~ 1 + (1 | g) + (1 | h)", frame, parameterization=how, **settings)
            for how in ("auto", "noncentered")]
    assert "effects of h centred" in fits[0].provenance["centred"]
    assert "effects of g" in fits[0].provenance["collapsed"]
    assert fits[0].provenance["certificate"]
    for name in ("sd_g", "sd_h", "sigma", "b"):
        one, other = (f.posterior[name].mean(("chain", "draw")).values for f in fits)
        spread = fits[1].posterior[name].std(("chain", "draw")).values
        np.testing.assert_allclose(one, other, atol=0.5 * spread.max())
    np.testing.assert_allclose(*(f.posterior["r_h"].std(("chain", "draw")).values for f in fits),
                               rtol=0.4)
