"""Fits from end to end: recovery, names, saving, updating, what other methods make of them."""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import sparse

import hiermodel as hm
from hiermodel.declared import declared_draws
from hiermodel.errors import EngineError, HiermodelError

from .models import flat, joined, made, matrices, series

QUICK = {"chains": 2, "draws": 400, "warmup": 400, "seed": 1, "progress": False}


@functools.cache
def long_series(seed: int = 1) -> pd.DataFrame:
    """Ten AR(1) series of 40 rows: ar = 0.6, innovations of 0.5."""
    rng = np.random.default_rng(seed)
    rows = []
    for g in range(10):
        e = rng.normal() * 0.5 / 0.8
        for t in range(40):
            x = rng.normal()
            rows.append((f"s{g}", t + 1, x, 1 + 0.5 * x + e))
            e = 0.6 * e + 0.5 * rng.normal()
    return pd.DataFrame(rows, columns=["s", "t", "x", "y"]).sample(frac=1, random_state=1)


@functools.cache
def fitted(formula: str) -> hm.Fit:
    return hm.fit(formula, long_series(), **QUICK)


@pytest.mark.parametrize("formula", ["y ~ x + ar(t, s)", "y ~ x + ar(t, s, cov = TRUE)"])
def test_recovery(formula: str) -> None:
    fit = fitted(formula)
    assert flat(fit, "ar").mean() == pytest.approx(0.6, abs=0.1)
    assert flat(fit, "sigma").mean() == pytest.approx(0.5, abs=0.05)
    assert flat(fit, "b")[:, 1].mean() == pytest.approx(0.5, abs=0.06)
    assert "log density equals the model's" in str(fit.summary())


def test_neighbours_tell_of_a_row() -> None:
    """Given the rows on both sides a row is easier to predict than from the one before alone."""
    both, before = fitted("y ~ x + ar(t, s, cov = TRUE)"), fitted("y ~ x + ar(t, s)")
    assert both.loo().elpd > before.loo().elpd
    plain = hm.fit("y ~ x", long_series(), **QUICK)
    assert before.loo().elpd > plain.loo().elpd + 50


def test_matching_moments_and_subsampling_keep_rows_together() -> None:
    fit = fitted("y ~ x + ar(t, s, cov = TRUE)")
    whole = fit.loo()
    one = int(np.argmax(whole.pareto_k.values))
    limit = float(np.sort(whole.pareto_k.values)[-2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matched = fit.loo(moment_match=True, k_threshold=limit)
    assert matched.pointwise.values[one] == pytest.approx(whole.pointwise.values[one], abs=0.05)
    rows = [3, 77, 200]
    some = fit.loo(observations=rows)
    np.testing.assert_allclose(some.pointwise, whole.pointwise.values[rows])


NAMES = {
    "y ~ x + arma(t, s, p = 1, q = 2)": ["ar[1]", "ma[1]", "ma[2]"],
    "y ~ x + cosy(t, s)": ["cosy"],
    "y ~ x + sar(W)": ["lagsar"],
    'y ~ x + sar(W, type = "error")': ["errorsar"],
    "count ~ x + cosy(t, s)": ["sderr", "cosy"],
}


@pytest.mark.parametrize("formula", NAMES)
def test_flat_names_are_those_of_brms(formula: str) -> None:
    fit = made(formula, "poisson" if formula.startswith("count") else "gaussian")
    columns = list(fit.to_frame().columns)
    wanted = NAMES[formula]
    assert [name for name in columns if name in wanted] == wanted
    assert fit.summary().__str__().count("Autocorrelation") == 1
    assert ("err[1]" in columns) == formula.startswith("count")


def test_correlations_of_times_are_named_by_them() -> None:
    fit = made("y ~ x + unstr(visit, s)", data=series(3, 3))
    assert [c for c in fit.to_frame() if c.startswith("cortime")] == [
        "cortime__v1__v2", "cortime__v1__v3", "cortime__v2__v3"
    ]
    matrix = fit.posterior["cortime"]
    assert matrix.sel(cortime_time="v1", cortime_time_other="v1").values == pytest.approx(1)
    several = made(hm.bf("y ~ unstr(visit, s)") + hm.bf("y2 ~ 1") + hm.set_rescor(False),
                   data=series(3, 3))
    assert "cortime_y__v1__v2" in several.to_frame()


FORMULAS = [
    ("y ~ x + ar(t, s)", "gaussian"), ("y ~ x + unstr(t, s)", "student"),
    ("count ~ x + ar(t, s, cov = TRUE)", "poisson"), ("y ~ x + fcor(V)", "gaussian"),
    ("y ~ x + sar(W)", "student"),
]


@pytest.mark.parametrize("formula, family", FORMULAS)
def test_a_saved_fit_is_the_same(formula: str, family: str, tmp_path: Path) -> None:
    fit = made(formula, family)
    again = hm.load(fit.save(tmp_path / "fit.nc"))
    assert again.model.stan_code == fit.model.stan_code
    np.testing.assert_array_equal(joined(again.log_lik()), joined(fit.log_lik()))
    np.testing.assert_array_equal(
        joined(again.posterior_predict(seed=1)), joined(fit.posterior_predict(seed=1))
    )
    first = declared_draws(fit.model, fit.posterior, fit.datasets.get("declared", xr.Dataset()))
    assert set(first) == {v.name for v in fit.model.parameters}


def test_matrices_of_other_kinds(tmp_path: Path) -> None:
    data = series()
    weights = matrices(len(data))["W"]
    full = hm.model("y ~ sar(W)", data, data2={"W": weights}).bind(data)["Msar"]
    for kind in (pd.DataFrame(weights), sparse.csr_array(weights), weights.tolist()):
        model = hm.model("y ~ sar(W)", data, data2={"W": kind})
        np.testing.assert_array_equal(model.bind(data)["Msar"], full)
    fit = hm.Fit.from_draws(model, data, {
        "Intercept": np.zeros((1, 2)), "lagsar": np.zeros((1, 2)), "sigma": np.ones((1, 2)),
    })
    assert hm.load(fit.save(tmp_path / "fit.nc")).model.nobs == len(data)


def test_update_takes_other_rows() -> None:
    fit = fitted("y ~ x + ar(t, s)")
    some = long_series().query("s != 's3'")
    again = fit.update(data=some, draws=50, warmup=50, certify=False)
    assert again.model.nobs == 360
    other = fit.update(formula=". ~ . - ar(t, s) + cosy(t, s)", draws=50, warmup=50)
    assert "cosy" in other.posterior and "ar" not in other.posterior


def test_effects_are_those_of_the_formula_alone() -> None:
    fit = fitted("y ~ x + ar(t, s)")
    slope = flat(fit, "b")[:, 1].mean()
    comparison = float(fit.avg_comparisons("x").draws.mean())
    assert comparison == pytest.approx(slope, abs=0.02)
    effect = fit.conditional_effects("x")["x"]
    rise = effect["estimate__"].iloc[-1] - effect["estimate__"].iloc[0]
    assert rise / (effect["x"].iloc[-1] - effect["x"].iloc[0]) == pytest.approx(slope, abs=0.02)
    plain = joined(fit.posterior_epred(incl_autocor=False))
    found = joined(fit.avg_predictions(groups="none").draws)
    np.testing.assert_allclose(found.ravel(), plain.mean(axis=1), rtol=1e-8)


def test_draws_of_the_prior_do_not_look_at_responses() -> None:
    data = series()
    priors = {"b": "normal(0, 1)", "ar": "normal(0, 0.3)"}
    settings = {"chains": 1, "draws": 200, "warmup": 200, "seed": 1, "progress": False}
    model = hm.model("y ~ x + ar(t, s)", data, priors=priors)
    one, other = (
        model.prior_predictive(frame, **settings).datasets["prior_predictive"]["Y"]
        for frame in (data, data.assign(y=data["y"] + 1000))
    )
    np.testing.assert_array_equal(one, other)


# --------------------------------------------------------------------------- what cannot be


def test_folds_keep_series_whole() -> None:
    fit = fitted("y ~ x + ar(t, s)")
    with pytest.raises(HiermodelError, match=r"kfold\(group='s'\) leaves out whole series"):
        fit.kfold(5, seed=1)
    with pytest.raises(HiermodelError, match="one matrix for all of them"):
        made("y ~ x + sar(W)").kfold(5, folds=np.arange(23) % 5 + 1)
    with pytest.raises(HiermodelError, match="there is only one series"):
        made("y ~ x + ar()").kfold(5, folds=np.arange(23) % 5 + 1)


def test_whole_series_can_be_left_out() -> None:
    data = long_series().query("s in ['s0', 's1', 's2']")
    fit = hm.fit("y ~ x + ar(t, s)", data, chains=1, draws=100, warmup=100, seed=1,
                 progress=False)
    result = fit.kfold(group="s", seed=1, progress=False)
    assert np.isfinite(result.pointwise).all() and len(set(result.folds.values)) == 3


@pytest.mark.parametrize("call, message", [
    (lambda f: f.model.collapsed(), "ar\\(t, s\\) makes rows depend on each other"),
    (lambda f: f.logo("s"), "ar\\(t, s\\) makes rows depend on each other"),
    (lambda f: f.icc(), "not built for residuals that depend on each other"),
])
def test_what_needs_independent_rows(call: Any, message: str) -> None:
    fit = made("y ~ x + ar(t, s) + (1 | s)")
    with pytest.raises(HiermodelError, match=message):
        call(fit)


def test_threads_cannot_share_out_a_series() -> None:
    for formula in ("y ~ ar(t, s)", "y ~ cosy(t, s)"):
        model = hm.model(formula, series(), threads=2)
        with pytest.raises(EngineError, match="threads cannot be used with"):
            _ = model.stan_code


def test_rows_of_one_density_need_all_responses() -> None:
    data = series()
    new = data.assign(y=data["y"].mask(data.index == 4))
    with pytest.raises(HiermodelError, match="y is missing in row 5"):
        made("y ~ x + cosy(t, s)").log_lik(new)
    with pytest.raises(HiermodelError, match="every row of newdata needs its response; row 5"):
        made("y | mi() ~ x + cosy(t, s)", data=new).log_lik(new)


def test_a_matrix_knows_its_rows_only() -> None:
    fit, data = made("y ~ x + sar(W)"), series()
    with pytest.raises(HiermodelError, match="23 x 23, and there are 3 rows"):
        fit.posterior_epred(data.head(3))
    assert fit.posterior_epred(data.head(3), incl_autocor=False).shape[-1] == 3
    assert made("y ~ x + fcor(V)").posterior_epred(data.head(3)).shape[-1] == 3
    with pytest.raises(HiermodelError, match="incl_autocor=False"):
        made("y ~ x + fcor(V)").posterior_predict(data.head(3))
