"""Gaussian processes in models: predictors by hand, new rows, names, priors, threads, saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import DataError
from hiermodel.processes.covariance import covariance, spectral_density

SETTINGS: dict[str, Any] = {"chains": 1, "draws": 30, "warmup": 60, "seed": 1, "progress": False,
                            "engine": "stanli"}  # fmt: skip


def study(n: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "y2": rng.normal(size=n),
            "x": rng.permutation(np.arange(n) // 2) / 3.0,
            "z": rng.normal(size=n),
            "f": np.array(["a", "b", "c"])[np.arange(n) % 3],
        }
    )


DATA = study()


def fit_with(formula: Any, draws: dict[str, Any], data: pd.DataFrame = DATA) -> hm.Fit:
    """A fit with one draw of each parameter."""
    model = hm.model(formula, data)
    values = {k: np.asarray(v, dtype=float)[None, None] for k, v in draws.items()}
    return hm.Fit.from_draws(model, data, values)


def test_exact_process_by_hand() -> None:
    points = list(dict.fromkeys(DATA["x"]))
    z = np.linspace(-1, 1, len(points))
    draws = {"Intercept": 0.5, "sdgp_1": [2.0], "lscale_1": [[0.4]], "zgp_1": z, "sigma": 1.0}
    fit = fit_with("y ~ gp(x, cov = 'matern52')", draws)
    scaled = np.array(points)[:, None] / np.ptp(DATA["x"])
    cov = covariance("matern52", scaled, scaled, np.array([2.0]), np.array([[0.4]]))[0]
    values = dict(zip(points, np.linalg.cholesky(cov) @ z, strict=True))
    expected = 0.5 + DATA["x"].map(values).to_numpy()
    linpred = fit.posterior_linpred().values[0, 0]
    np.testing.assert_allclose(linpred, expected, rtol=1e-7)
    np.testing.assert_array_equal(fit.posterior_linpred(DATA[["x"]]).values[0, 0], linpred)


def test_approximate_process_by_hand() -> None:
    """Sines of the centred and scaled points, roots of the spectral density, one at a time."""
    z = np.array([0.5, -1.0, 0.25])
    draws = {"Intercept": 0.0, "sdgp_1": [1.5], "lscale_1": [[0.3]], "zgp_1": z, "sigma": 1.0}
    fit = fit_with("y ~ gp(x, k = 3, c = 3/2)", draws)
    new = pd.DataFrame({"x": [-4.0, 0.0, 1.1, 9.0]})
    points = np.array(list(dict.fromkeys(DATA["x"]))) / np.ptp(DATA["x"])
    centred = new["x"].to_numpy() / np.ptp(DATA["x"]) - points.mean()
    expected = np.zeros(4)
    for j in (1, 2, 3):
        omega = j * np.pi / (2 * 1.5)
        density = 1.5**2 * np.sqrt(2 * np.pi) * 0.3 * np.exp(-0.5 * (0.3 * omega) ** 2)
        function = np.sin(omega * (centred + 1.5)) / np.sqrt(1.5)
        expected += np.sqrt(density) * z[j - 1] * function
    np.testing.assert_allclose(fit.posterior_linpred(new).values[0, 0], expected, rtol=1e-10)


def test_each_level_of_a_factor_has_its_own_process() -> None:
    draws = {"Intercept": 0.0, "sdgp_1": [1.0, 2.0, 3.0], "lscale_1": [[0.2], [0.3], [0.4]],
             "zgp_1_1": [1.0, 0.0], "zgp_1_2": [0.0, 1.0], "zgp_1_3": [1.0, 1.0],
             "sigma": 1.0}  # fmt: skip
    fit = fit_with("y ~ gp(x, by = f, k = 2)", draws)
    rows = DATA["f"] == "b"
    own = DATA["x"][rows].to_numpy()
    points = np.array(list(dict.fromkeys(own))) / np.ptp(own)
    omega = 2 * np.pi / (2 * 1.25)
    density = spectral_density("exp_quad", np.array([[omega]]), np.array([2.0]), np.array([[0.3]]))
    sines = np.sin(omega * (own / np.ptp(own) - points.mean() + 1.25)) / np.sqrt(1.25)
    found = fit.posterior_linpred().values[0, 0][rows]
    np.testing.assert_allclose(found, np.sqrt(density[0, 0]) * sines, rtol=1e-10)
    assert list(fit.posterior["sdgp"].coords["sdgp_term"].values) == ["gpxfa", "gpxfb", "gpxfc"]


def test_numbers_by_multiply_the_process() -> None:
    draws = {"Intercept": 0.0, "sdgp_1": [1.0], "lscale_1": [[0.3]], "zgp_1": [1.0, 2.0],
             "sigma": 1.0}  # fmt: skip
    plain = fit_with("y ~ gp(x, k = 2)", draws).posterior_linpred().values
    found = fit_with("y ~ gp(x, by = z, k = 2)", draws).posterior_linpred().values
    np.testing.assert_allclose(found, plain * DATA["z"].to_numpy(), rtol=1e-12)


def test_equal_points_may_have_values_of_their_own() -> None:
    model = hm.model("y ~ gp(x, gr = FALSE)", DATA)
    assert model.bind(DATA)["Xgp_1"].shape == (24, 1)
    assert hm.model("y ~ gp(x)", DATA).bind(DATA)["Xgp_1"].shape == (12, 1)


def test_isotropic_and_not_are_equal_with_equal_length_scales() -> None:
    z = np.random.default_rng(1).normal(size=24)
    base = {"Intercept": 0.0, "sdgp_1": [1.3], "zgp_1": z, "sigma": 1.0}
    for cov in ("exp_quad", "matern32", "exponential"):
        one = fit_with(f"y ~ gp(x, z, cov = '{cov}')", {**base, "lscale_1": [[0.2]]})
        two = fit_with(
            f"y ~ gp(x, z, cov = '{cov}', iso = FALSE)", {**base, "lscale_1": [[0.2, 0.2]]}
        )
        np.testing.assert_allclose(
            one.posterior_linpred().values, two.posterior_linpred().values, rtol=1e-6
        )
    names = hm.model("y ~ gp(x, z, iso = FALSE)", DATA).priors
    assert list(names["coef"][names["class"] == "lscale"]) == ["", "gpxzx", "gpxzz"]


def test_scale_false_leaves_the_units_of_the_covariate() -> None:
    model = hm.model("y ~ gp(x, scale = FALSE)", DATA)
    np.testing.assert_array_equal(
        model.bind(DATA)["Xgp_1"][:, 0], list(dict.fromkeys(DATA["x"]))
    )


def test_the_engine_computes_every_kind() -> None:
    """The certificate compares program and NumPy before sampling."""
    formula = hm.bf(
        "y ~ gp(x, z, iso = FALSE, cov = 'matern52') + gp(x, by = f, cmc = FALSE, k = 3)",
        "sigma ~ gp(z, k = 3, cov = 'exponential')",
    )
    fit = hm.fit(formula, DATA, **SETTINGS)
    again = fit.posterior_linpred(DATA.drop(columns="y"))
    np.testing.assert_array_equal(fit.posterior_linpred().values, again.values)


def test_threads_give_the_same_density() -> None:
    from hiermodel.engines import get_engine

    formula = "y ~ gp(x) + gp(z, gr = FALSE, k = 3) + gp(x, by = f, cmc = FALSE, k = 3)"
    formula = formula.replace("gp(x) + ", "gp(z, x, gr = FALSE) + ")
    one, two = hm.model(formula, DATA), hm.model(formula, DATA, threads=2)
    densities = [
        get_engine("stanli").log_density(m.stan_code, m.bind(DATA), m.parameters)
        for m in (one, two)
    ]
    point = np.random.default_rng(1).normal(size=densities[0].dim) * 0.3
    found = {k: v[0] for k, v in densities[0].constrain(point[None]).items() if k != "lprior"}
    first, second = (d.value(found) for d in densities)
    assert first == pytest.approx(second, rel=1e-12)


def test_in_parameters_of_a_nonlinear_formula_and_several_responses() -> None:
    nonlinear = hm.bf("y ~ a * exp(b)", "a ~ 1 + gp(x, k = 3)", "b ~ 1", nl=True)
    priors = [hm.prior("normal(0, 1)", nlpar=name) for name in ("a", "b")]
    fit = hm.fit(nonlinear, DATA, priors=priors, **SETTINGS)
    assert {"sdgp_a_gpx", "lscale_a_gpx", "zgp_a_gpx[3]"} <= set(fit.to_frame().columns)
    both = hm.bf("y ~ gp(x, k = 3)") + hm.bf("y2 ~ gp(z, k = 3)") + hm.set_rescor(False)
    fit = hm.fit(both, DATA, **SETTINGS)
    assert "sdgp_y2_gpz" in fit.to_frame().columns
    first = fit.posterior_epred(DATA, resp="y").values
    np.testing.assert_array_equal(first, fit.posterior_epred(resp="y").values)


def test_save_and_load(tmp_path: Path) -> None:
    fit = hm.fit("y ~ gp(x) + gp(z, k = 4)", DATA, **SETTINGS)
    fit.save(tmp_path / "fit.nc")
    again = hm.load(tmp_path / "fit.nc")
    new = pd.DataFrame({"x": [0.1, 7.0], "z": [0.0, 3.0]})
    np.testing.assert_array_equal(
        again.posterior_epred(new, seed=3).values, fit.posterior_epred(new, seed=3).values
    )


def test_conditional_effects_have_the_covariates() -> None:
    fit = hm.fit("y ~ gp(x, by = f, k = 3)", DATA, **SETTINGS)
    effects = fit.conditional_effects()
    assert {"x", "f", "x:f"} <= set(effects)


def test_priors_of_length_scales() -> None:
    rows = hm.model(
        "y ~ gp(x, k = 3)", DATA, priors=[hm.prior("normal(0, 1)", cls="lscale")]
    ).priors
    rows = rows[rows["class"] == "lscale"]
    # The user's prior of the class takes the place of the default of the term.
    assert list(rows["prior"]) == ["normal(0, 1)", ""]
    fixed = hm.model(
        "y ~ gp(x, by = f, k = 3)", DATA,
        priors=[hm.prior("constant(0.5)", cls="lscale", coef="gpxfb")],
    )
    assert [p.name for p in fixed.parameters if "lscale" in p.name] == [
        "par_lscale_1_1_1", "par_lscale_1_3_1"
    ]
    draws = {v.name: np.full((1, 1, *shape), 0.7) for v, shape in zip(
        fixed.parameters, [(), (3,), (), (), (3,), (3,), (3,), ()], strict=True)}  # fmt: skip
    fit = hm.Fit.from_draws(fixed, DATA, draws)
    np.testing.assert_array_equal(fit.posterior["lscale"].values[0, 0], [0.7, 0.5, 0.7])


def test_a_level_with_a_single_point_is_told() -> None:
    data = DATA.assign(f=["a"] * 23 + ["b"])
    with pytest.raises(DataError, match="single point in the rows of gpxfb"):
        hm.model("y ~ gp(x, by = f)", data)


def test_missing_levels_and_numbers_of_new_rows() -> None:
    fit = hm.fit("y ~ gp(x, by = f, k = 3)", DATA, **SETTINGS)
    new = pd.DataFrame({"x": [0.5, np.nan], "f": [None, "a"]})
    found = fit.posterior_linpred(new).values[0]
    # Without a level no process has an effect.
    np.testing.assert_allclose(found[:, 0], fit.posterior["b"].values[0, :, 0])
    assert np.isnan(found[:, 1]).all()


def test_close_points_are_certified() -> None:
    """Matrices that are singular but for rounding: the check goes where they are not."""
    n = 200
    data = pd.DataFrame({"x": np.linspace(0, 1, n), "f": np.array(["a", "b"])[np.arange(n) % 2]})
    data["y"] = np.sin(6 * data["x"]) + np.random.default_rng(1).normal(size=n)
    short = SETTINGS | {"draws": 2, "warmup": 2}
    fit = hm.fit("y ~ gp(x)", data, **short)
    assert "log density equals the model's" in str(fit.summary())
    held = [hm.prior("constant(0.3)", cls="lscale", coef="gpxfb")]
    assert hm.fit("y ~ gp(x, by = f)", data, priors=held, **short) is not None
