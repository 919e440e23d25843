"""Exact processes are fitted with a nugget, which makes their density smooth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.certifying import certify
from hiermodel.engines import SamplingSettings, get_engine
from hiermodel.nugget import NUGGET, nugget_of, with_nugget
from hiermodel.processes.conditional import process_values
from hiermodel.processes.covariance import COVARIANCES, covariance

MCYCLE = hm.datasets.load("mcycle").iloc[::3]


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    with pytest.warns(hm.SamplingWarning):  # so few draws
        return hm.fit(
            "accel ~ gp(times)", MCYCLE, chains=2, draws=50, warmup=150, seed=1, progress=False
        )


def test_what_is_fitted_has_a_nugget_and_the_model_has_not(fit: hm.Fit) -> None:
    model = hm.model("accel ~ gp(times)", MCYCLE)
    assert "add_diag(cov, 1e-12)" in model.stan_code and nugget_of(model) == 0
    assert "add_diag(cov, 1e-09 * square(sdgp))" in fit.model.stan_code
    assert nugget_of(fit.model) == NUGGET
    assert with_nugget(fit.model) is fit.model
    approximate = hm.model("accel ~ gp(times, k = 5)", MCYCLE)
    assert with_nugget(approximate) is approximate


def test_chains_find_their_way_where_rounding_errors_would_stop_them(fit: hm.Fit) -> None:
    """With 1e-12 a chain ended with steps below 1e-4, another with divergences only."""
    stats = fit.sample_stats
    assert (stats["step_size"] > 0.03).all() and stats["diverging"].mean() < 0.1
    assert str(fit.provenance["certificate"]).startswith("log density equals")


def test_fitted_values_are_those_of_the_program(fit: hm.Fit, tmp_path: Path) -> None:
    posterior = fit.posterior
    sd, lscale = posterior["sdgp"].values[0, -1], posterior["lscale"].values[0, -1]
    x = np.unique(MCYCLE["times"].to_numpy())[:, None] / np.ptp(MCYCLE["times"])
    # The order of the points is that of the rows, which are sorted.
    assert MCYCLE["times"].is_monotonic_increasing
    cov = covariance("exp_quad", x, x, sd, lscale[None])[0] + 1e-9 * sd**2 * np.eye(len(x))
    values = np.linalg.cholesky(cov) @ posterior["zgp_gptimes"].values[0, -1]
    place = np.searchsorted(x[:, 0] * np.ptp(MCYCLE["times"]), MCYCLE["times"] - 1e-9)
    expected = values[place] + posterior["b"].values[0, -1, 0]
    found = fit.posterior_linpred()
    np.testing.assert_allclose(found.values[0, -1], expected, rtol=1e-6, atol=1e-6 * float(sd[0]))
    fit.save(tmp_path / "fit.nc")
    again = hm.load(tmp_path / "fit.nc")
    assert again.model.stan_code == fit.model.stan_code
    np.testing.assert_array_equal(again.posterior_linpred().values, found.values)


@pytest.mark.parametrize("cov", COVARIANCES)
@pytest.mark.parametrize("more", ["", ", by = f", ", gr = FALSE", ", z", ", z, iso = FALSE"])
def test_what_is_fitted_is_certified_with_every_covariance(cov: str, more: str) -> None:
    """Matern functions of one distance are computed from distances: half the time."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({
        "x": np.repeat(rng.uniform(size=8), 2), "z": rng.uniform(size=16),
        "f": ["a", "b"] * 8, "y": rng.normal(size=16),
    })
    model = with_nugget(hm.model(f"y ~ gp(x{more}, cov = '{cov}')", data))
    assert ("Rgp_1" in model.stan_code) == (cov != "exp_quad" and "iso" not in more)
    engine = get_engine("stanli")
    found = str(certify(model, data, engine, SamplingSettings.of(seed=1)))
    assert found.startswith("log density equals")


def test_given_draws_are_read_as_they_were_made(fit: hm.Fit) -> None:
    """Of a program of one's own, or of brms: without a nugget."""
    model = hm.model("accel ~ gp(times)", MCYCLE)
    draws = {
        "Intercept": np.zeros((1, 1)), "sigma": np.ones((1, 1)), "sdgp_1": np.ones((1, 1, 1)),
        "lscale_1": np.full((1, 1, 1, 1), 0.05),
        "zgp_1": np.ones((1, 1, model.bind(MCYCLE)["Nsubgp_1"])),
    }
    made = hm.Fit.from_draws(model, MCYCLE, draws)
    assert nugget_of(made.model) == 0


def test_what_one_draw_needs_is_not_added_to_others() -> None:
    x = np.linspace(0, 1, 30)[:, None]
    z = np.random.default_rng(0).normal(size=(2, 30))
    # The second has a length scale far above the distances, and no root without more.
    sd, lscale = np.array([1.0, 300.0]), np.array([[0.02], [50.0]])
    rng = np.random.default_rng(0)
    both = process_values("exp_quad", x, x, sd, lscale, z, rng)
    alone = process_values("exp_quad", x, x, sd[:1], lscale[:1], z[:1], rng)
    np.testing.assert_array_equal(both[0], alone[0])
