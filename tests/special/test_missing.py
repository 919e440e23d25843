"""Missing values: imputed responses and covariates by hand, new data, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.criticism import loo_of
from hiermodel.criticism.ppc import pp_check_data
from hiermodel.engines import get_engine
from hiermodel.errors import DataError, EngineError, FormulaError, HiermodelWarning

N = 30


def study() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    x = rng.normal(size=N)
    x[[2, 7, 11, 29]] = np.nan
    pos = rng.gamma(2.0, size=N)
    pos[[0, 5]] = np.nan
    y = rng.normal(size=N)
    return pd.DataFrame(
        {
            "y": y,
            "gap": np.where(np.arange(N) % 6 == 1, np.nan, y),
            "x": x,
            "sx": np.where(np.isnan(x), np.nan, 0.3),
            "pos": pos,
            "z": rng.normal(size=N),
            "g": np.array(list("abc"))[np.arange(N) % 3],
            "unit": np.arange(N) % 10,
            "first": np.arange(N) < 10,
            "row": np.arange(N),
            "kind": np.array(["u", None, "v"])[np.arange(N) % 3],
        }
    )


DATA = study()
Y_OF_X = hm.bf("y ~ mi(x) * z")
X = hm.bf("x | mi() ~ z")


def one_draw(model: hm.Model, seed: int = 1) -> dict[str, np.ndarray]:
    bound = model.bind(DATA)
    density = get_engine("stanli").log_density(model.stan_code, bound, model.parameters)
    point = np.random.default_rng(seed).uniform(-0.5, 0.5, (1, density.dim))
    found = density.constrain(point)
    return {v.name: np.asarray(found[v.name]) for v in model.parameters}


def fit_of(formula: Any, copies: int = 1, **options: Any) -> tuple[hm.Fit, dict[str, Any]]:
    model = hm.model(formula, DATA, **options)
    draws = one_draw(model)
    values = {k: np.repeat(v[None], copies, axis=1) for k, v in draws.items()}
    return hm.Fit.from_draws(model, DATA, values), {k: v[0] for k, v in draws.items()}


def test_no_row_is_dropped_and_values_are_labelled_by_rows() -> None:
    """Warnings are errors in the test run: none is given."""
    fit, p = fit_of(Y_OF_X + X + hm.set_rescor(False))
    assert fit.nobs == N
    imputed = fit.posterior["Ymi_x"]
    assert imputed.coords["Ymi_x_row"].values.tolist() == ["3", "8", "12", "30"]
    assert fit.to_frame()["Ymi_x[12]"].item() == p["Ymi_x"][2]
    assert "Ymi_x" not in str(fit.summary())


def test_predictor_reads_the_imputed_values() -> None:
    fit, p = fit_of(Y_OF_X + X + hm.set_rescor(False))
    x = DATA["x"].to_numpy().copy()
    x[np.isnan(x)] = p["Ymi_x"]
    z = DATA["z"].to_numpy()
    expected = p["Intercept_y"] + p["b_y"][0] * (z - z.mean()) + p["bsp_y"][0] * x
    expected = expected + p["bsp_y"][1] * x * z
    np.testing.assert_allclose(fit.posterior_epred(resp="y").values[0, 0], expected, rtol=1e-10)
    pointwise = fit.log_lik(resp="x").values[0, 0]
    mean = fit.posterior_epred(resp="x").values[0, 0]
    wanted = stats.norm.logpdf(DATA["x"], mean, p["sigma_x"])
    np.testing.assert_allclose(pointwise, wanted, rtol=1e-10)
    assert np.flatnonzero(np.isnan(pointwise)).tolist() == [2, 7, 11, 29]


def test_new_rows_have_what_they_give() -> None:
    fit, p = fit_of(Y_OF_X + X + hm.set_rescor(False))
    new = pd.DataFrame({"x": [1.0, np.nan], "z": [0.0, 0.0]})
    with pytest.warns(HiermodelWarning, match="1 of 2 rows of newdata miss 'x'"):
        found = fit.posterior_epred(new, resp="y").values[0, 0]
    start = p["Intercept_y"] - p["b_y"][0] * DATA["z"].mean()
    assert found[0] == pytest.approx(start + p["bsp_y"][0])
    assert np.isnan(found[1])
    with pytest.raises(DataError, match="lacks the column 'x'"):
        fit.posterior_epred(new[["z"]], resp="y")


def test_effects_that_vary_read_the_imputed_values() -> None:
    fit, p = fit_of(hm.bf("y ~ mi(x) + (mi(x) | g)") + X + hm.set_rescor(False))
    x = DATA["x"].to_numpy().copy()
    x[np.isnan(x)] = p["Ymi_x"]
    r = (np.diag(p["sd_1"]) @ p["L_1"] @ p["z_1"]).T[np.arange(N) % 3]
    expected = p["Intercept_y"] + r[:, 0] + (p["bsp_y"][0] + r[:, 1]) * x
    np.testing.assert_allclose(fit.posterior_epred(resp="y").values[0, 0], expected, rtol=1e-10)


def test_responses_measured_with_error() -> None:
    """The true responses are sampled, also where nothing was observed."""
    model = hm.model("x | mi(sx) ~ z", DATA)
    assert [v.name for v in model.parameters] == ["Yl", "b", "Intercept", "sigma"]
    fit, p = fit_of("x | mi(sx) ~ z")
    assert fit.posterior["Yl"].shape == (1, 1, N)
    bound = model.bind(DATA, prior_only=False)
    full = get_engine("stanli").log_density(model.stan_code, bound, model.parameters)
    prior = get_engine("stanli").log_density(
        model.stan_code, model.bind(DATA, prior_only=True), model.parameters
    )
    point = np.random.default_rng(1).uniform(-0.5, 0.5, full.dim)
    mean = fit.posterior_epred().values[0, 0]
    expected = stats.norm.logpdf(p["Yl"], mean, p["sigma"]).sum()
    got = full.value_and_grad(point)[0] - prior.value_and_grad(point)[0]
    assert got == pytest.approx(expected, rel=1e-10)
    broken = DATA.assign(sx=0.3).assign(sx=lambda d: d["sx"].where(d.index != 4))
    with pytest.raises(DataError, match="standard error in row 5 is missing"):
        hm.model("x | mi(sx) ~ z", broken).bind(broken)


ELSEWHERE = (
    hm.bf("y ~ mi(x, idx = unit)") + hm.bf("x | mi() + subset(first) + index(row) ~ z")
    + hm.set_rescor(False)
)


def test_values_of_rows_elsewhere() -> None:
    fit, p = fit_of(ELSEWHERE)
    x = DATA["x"].to_numpy()[:10].copy()
    x[np.isnan(x)] = p["Ymi_x"]
    assert len(p["Ymi_x"]) == 2
    expected = p["Intercept_y"] + p["bsp_y"][0] * np.tile(x, 3)
    np.testing.assert_allclose(fit.posterior_epred(resp="y").values[0, 0], expected, rtol=1e-10)
    # New rows name a unit of the training data, or bring a value of their own.
    known = fit.posterior_epred(pd.DataFrame({"unit": [7, 99]}), resp="y").values[0, 0]
    assert known[0] == pytest.approx(p["Intercept_y"] + p["bsp_y"][0] * x[7])
    assert np.isnan(known[1])
    own = fit.posterior_epred(pd.DataFrame({"unit": [7], "x": [2.0]}), resp="y").item()
    assert own == pytest.approx(p["Intercept_y"] + 2 * p["bsp_y"][0])


def test_imputed_values_stay_within_bounds() -> None:
    lognormal = hm.bf("pos | mi() ~ z", family="lognormal")
    model = hm.model(hm.bf("y ~ mi(pos)") + lognormal + hm.set_rescor(False), DATA)
    bounds = {v.name: (v.lower, v.upper) for v in model.parameters if v.name == "Ymi_pos"}
    assert bounds == {"Ymi_pos": ("0", "")}
    truncated = hm.model("x | mi() + trunc(-4, 5) ~ z", DATA)
    (ymi,) = [v for v in truncated.parameters if v.name == "Ymi"]
    assert (ymi.lower, ymi.upper) == ("-4", "5")
    columns = DATA.assign(low=np.where(DATA["x"].isna(), -3.0, -9.0))
    by_row = hm.model("x | mi() + trunc(lb = low) ~ z", columns)
    (ymi,) = [v for v in by_row.parameters if v.name == "Ymi"]
    assert ymi.lower == "lb[Jmi]"
    bound = by_row.bind(columns)
    density = get_engine("stanli").log_density(by_row.stan_code, bound, by_row.parameters)
    values = density.constrain(np.full((1, density.dim), -3.0))["Ymi"]
    np.testing.assert_allclose(values, -3 + np.exp(-3))


def test_responses_together_with_gaps() -> None:
    fit, p = fit_of(hm.bf("gap | mi() ~ z") + hm.bf("x | mi() ~ 1"))
    assert "rescor" in fit.posterior
    joint = fit.log_lik().values[0, 0]
    missing = DATA[["gap", "x"]].isna().any(axis=1).to_numpy()
    assert np.array_equal(np.isnan(joint), missing)
    sigma = np.array([p["sigma_gap"], p["sigma_x"]])
    cov = p["Lrescor"] @ p["Lrescor"].T * np.outer(sigma, sigma)
    mean = np.column_stack([fit.posterior_epred(resp=r).values[0, 0] for r in ("gap", "x")])
    residual = (DATA[["gap", "x"]].to_numpy() - mean)[~missing]
    expected = stats.multivariate_normal([0, 0], cov).logpdf(residual)
    np.testing.assert_allclose(joint[~missing], expected, rtol=1e-10)


def test_checks_show_observed_responses_only() -> None:
    fit, _ = fit_of("gap | mi() ~ z", copies=5)
    with pytest.warns(HiermodelWarning, match="5 missing responses of 30 are not shown"):
        table = pp_check_data(fit, "scatter_avg").table
    assert len(table) == N - 5


def test_loo_is_that_of_the_observed_rows() -> None:
    model = hm.model("gap | mi() ~ z", DATA)
    rng = np.random.default_rng(3)
    draws = {
        "Ymi": rng.normal(size=(2, 100, 5)), "b": 0.05 * rng.normal(size=(2, 100, 1)),
        "Intercept": 0.05 * rng.normal(size=(2, 100)), "sigma": 1 + 0.1 * rng.random((2, 100)),
    }
    fit = hm.Fit.from_draws(model, DATA, draws)
    with pytest.raises(DataError, match=r"log_lik.dropna\('obs'\) leaves them out"):
        loo_of(fit.log_lik())
    observed = DATA[DATA["gap"].notna()].reset_index(drop=True)
    shared = {k: v for k, v in draws.items() if k != "Ymi"}
    shared["Intercept"] = draws["Intercept"] + draws["b"][..., 0] * (
        observed["z"].mean() - DATA["z"].mean()
    )
    plain = hm.Fit.from_draws(hm.model("gap ~ z", observed), observed, shared)
    with pytest.warns(HiermodelWarning, match="5 of 30 rows have no response"):
        found = fit.loo()
    assert found.elpd == pytest.approx(plain.loo().elpd, rel=1e-8)
    assert len(found.pointwise) == N - 5


def test_nothing_missing_is_a_model_too() -> None:
    fit, _ = fit_of("y | mi() ~ z")
    plain = hm.Fit.from_draws(
        hm.model("y ~ z", DATA), DATA,
        {k: fit_of("y | mi() ~ z")[1][k][None, None] for k in ("b", "Intercept", "sigma")},
    )
    np.testing.assert_allclose(fit.log_lik().values, plain.log_lik().values)
    assert len(fit.to_frame()) == 1


@pytest.mark.filterwarnings("ignore:4 rows of 30 miss values")
@pytest.mark.parametrize(
    ("formula", "error", "message"),
    [
        ("y ~ mi(x)", FormulaError, "add bf\\('x | mi\\(\\) ~ ...'\\)"),
        (hm.bf("y ~ mi(xx)") + X, FormulaError, "xx"),
        (hm.bf("y ~ mi(x + 1)") + X, FormulaError, "takes the name of a response"),
        (hm.bf("y ~ mi(x, idx = unit)") + X, FormulaError, "idx refers to index\\(\\)"),
        (hm.bf("y ~ z") + hm.bf("x | mi() ~ mi(x)"), FormulaError, "its own covariate"),
        (hm.bf("y ~ mi(x)") + hm.bf("x | mi() + subset(first) ~ z"), FormulaError,
         "different rows"),
        (hm.bf("y ~ mi(x, idx = row)") + hm.bf("x | mi() + subset(first) + index(row) ~ z"),
         DataError, "row 11 has row = 10, which no row of the response 'x' has"),
        (hm.bf("y ~ mi(x, idx = unit)") + hm.bf("x | mi() + index(unit) ~ z"), DataError,
         "must name each row of 'x' once, but 0 occurs several times"),
        ("kind | mi() ~ z", DataError, "only numbers can be imputed"),
        ("x | mi() + cens(first) ~ z", FormulaError, "what is censored is not missing"),
        ("x | mi() + se(sx) ~ z", FormulaError, "write mi\\(sdy\\)"),
    ],
)
def test_refusals(formula: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        hm.model(formula, DATA).bind(DATA)


def test_threads_are_refused() -> None:
    with pytest.raises(EngineError, match="threads cannot be used with mi\\(\\)"):
        _ = hm.model("x | mi() ~ z", DATA, threads=2).stan_code


def test_values_missing_by_a_covariate_are_imputed_well() -> None:
    """The slope is right although x is missing where z is high, and imputations are near x."""
    rng = np.random.default_rng(9)
    n = 250
    z = rng.normal(size=n)
    x = 0.5 * z + rng.normal(0, 0.7, n)
    y = 1 + 1.2 * x - 0.5 * z + rng.normal(0, 0.5, n)
    gone = rng.random(n) < np.where(z > 0, 0.5, 0.1)
    data = pd.DataFrame({"y": y, "x": np.where(gone, np.nan, x), "z": z})
    formula = hm.bf("y ~ mi(x) + z") + hm.bf("x | mi() ~ z") + hm.set_rescor(False)
    fit = hm.fit(formula, data, chains=1, warmup=300, draws=300, seed=2, progress=False)
    draws = fit.to_frame()
    for name, value in {"bsp_y_mix": 1.2, "b_y_z": -0.5, "b_x_z": 0.5, "sigma_x": 0.7}.items():
        assert draws[name].std() < 0.15
        assert abs(draws[name].mean() - value) < 4 * draws[name].std(), name
    imputed = fit.posterior["Ymi_x"].mean(("chain", "draw")).values
    assert np.corrcoef(imputed, x[gone])[0, 1] > 0.8
    assert fit.provenance["certificate"]
