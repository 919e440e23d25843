"""New rows that miss a covariate of ``mi()``, and cross-validation with imputed responses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import hiermodel as hm
from hiermodel.criticism import loo_moment_match, loo_of
from hiermodel.criticism.observed import observed_rows
from hiermodel.declared import GROUP, declared_draws
from hiermodel.errors import ArgumentError, DataError, HiermodelError, HiermodelWarning
from tests.spine.draws import random_fit

MANY = 4000


def frame(n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    out = pd.DataFrame({"w": rng.normal(size=n), "z": rng.normal(size=n)})
    out["x"] = 1 + 0.5 * out["w"] + rng.normal(size=n)
    out["y"] = 2 - 0.7 * out["x"] + rng.normal(size=n)
    out["sdx"] = rng.uniform(0.1, 0.3, n)
    out.loc[[2, 5, 11], "x"] = np.nan
    out.loc[[5, 7], "z"] = np.nan
    return out


def made(formula: Any, data: pd.DataFrame | None = None) -> hm.Fit:
    data = frame() if data is None else data
    return random_fit(hm.model(formula, data), data)


def draws_of(fit: hm.Fit, name: str) -> np.ndarray:
    values = fit.posterior[name].values
    return values.reshape(-1, *values.shape[2:])


def joined(values: Any) -> np.ndarray:
    return np.asarray(values.values).reshape(-1, *values.shape[2:])


ONE = hm.bf("y ~ mi(x)") + hm.bf("x | mi() ~ w") + hm.set_rescor(False)
NOISY = hm.bf("y ~ mi(x) * w") + hm.bf("x | mi(sdx) ~ 1") + hm.set_rescor(False)
CHAIN = (
    hm.bf("y ~ mi(x) + mi(z)") + hm.bf("x | mi() ~ mi(z)") + hm.bf("z | mi() ~ 1")
    + hm.set_rescor(False)
)


@pytest.mark.parametrize("formula", [ONE, NOISY, CHAIN, "y ~ me(w, sdx)"])
def test_rows_of_the_fit_keep_their_values(formula: Any) -> None:
    fit = made(formula)
    for verb in ("posterior_epred", "posterior_linpred", "log_lik"):
        inside, again = getattr(fit, verb)(), getattr(fit, verb)(frame())
        assert inside.equals(again), verb
    # One other number, and they are other rows.
    other = frame()
    other.loc[0, "w"] += 0.5
    again = quiet(fit.posterior_epred, other, seed=1, **_resp(fit))
    assert not np.allclose(joined(again)[:, 1:], joined(fit.posterior_epred(**_resp(fit)))[:, 1:])


def _resp(fit: hm.Fit) -> dict[str, str]:
    return {"resp": "y"} if fit.model.is_multivariate else {}


def new_rows(**values: float) -> pd.DataFrame:
    return pd.DataFrame({name: np.full(MANY, v) for name, v in values.items()})


def test_a_missing_covariate_comes_from_its_own_model() -> None:
    fit = made(ONE)
    rows = new_rows(y=1.0, x=np.nan, w=0.4)
    b, slope = draws_of(fit, "b_y"), draws_of(fit, "bsp_y")[:, 0]
    mean = draws_of(fit, "b_x") @ [1, 0.4]
    sigma = draws_of(fit, "sigma_x")
    found = joined(fit.posterior_epred(rows, resp="y", seed=2, impute=True))
    spread = np.abs(slope) * sigma
    error = (found.mean(axis=1) - (b[:, 0] + slope * mean)) / (spread / np.sqrt(MANY))
    assert np.abs(error).max() < 4.5
    np.testing.assert_allclose(found.std(axis=1), spread, rtol=0.06)
    # The mean of the density is that of y without x.
    log_lik = joined(fit.log_lik(rows, resp="y", seed=2, impute=True))
    exact = stats.norm.pdf(
        1.0, b[:, 0] + slope * mean, np.hypot(draws_of(fit, "sigma_y"), spread)
    )
    np.testing.assert_allclose(np.exp(log_lik).mean(axis=1), exact, rtol=0.15)


def test_without_impute_they_are_nan_and_told() -> None:
    fit = made(ONE)
    rows = pd.DataFrame({"y": 1.0, "x": [0.3, np.nan, np.nan], "w": 0.4})
    told = "2 of 3 rows of newdata miss 'x', which the formula of 'y' reads by mi\\(\\)"
    with pytest.warns(HiermodelWarning, match=told):
        found = fit.posterior_epred(rows, resp="y")
    assert np.isnan(joined(found)).all(axis=0).tolist() == [False, True, True]
    with pytest.raises(HiermodelError, match="impute"):
        fit.posterior_epred(rows, resp="y", impute="yes")


def test_values_that_are_given_stay() -> None:
    fit = made(ONE)
    rows = pd.DataFrame({"y": 0.0, "x": [0.3, np.nan, -1.0], "w": 0.0})
    found = joined(fit.posterior_epred(rows, resp="y", seed=2, impute=True))
    b, slope = draws_of(fit, "b_y")[:, 0], draws_of(fit, "bsp_y")[:, 0]
    np.testing.assert_allclose(found[:, 0], b + slope * 0.3)
    np.testing.assert_allclose(found[:, 2], b - slope)
    assert np.isfinite(found).all()
    again = joined(fit.posterior_epred(rows, resp="y", seed=2, impute=True))
    np.testing.assert_array_equal(found, again)
    other = joined(fit.posterior_epred(rows, resp="y", seed=3, impute=True))
    assert not np.allclose(found[:, 1], other[:, 1])


def test_a_chain_of_missing_covariates_shares_its_draws() -> None:
    fit = made(CHAIN)
    rows = new_rows(y=0.0, x=np.nan, z=np.nan)
    found = joined(fit.posterior_epred(rows, resp="y", seed=5, impute=True))
    on_x, on_z = draws_of(fit, "bsp_y").T
    through = draws_of(fit, "bsp_x")[:, 0]
    mean_z = draws_of(fit, "b_z")[:, 0]
    mean = draws_of(fit, "b_y")[:, 0] + on_x * (
        draws_of(fit, "b_x")[:, 0] + through * mean_z
    ) + on_z * mean_z
    spread = np.sqrt(
        ((on_x * through + on_z) * draws_of(fit, "sigma_z")) ** 2
        + (on_x * draws_of(fit, "sigma_x")) ** 2
    )
    assert np.abs((found.mean(axis=1) - mean) / (spread / np.sqrt(MANY))).max() < 4.5
    np.testing.assert_allclose(found.std(axis=1), spread, rtol=0.06)


def test_a_circle_ends() -> None:
    circle = hm.bf("y | mi() ~ mi(x)") + hm.bf("x | mi() ~ mi(y)") + hm.set_rescor(False)
    fit = made(circle)
    rows = pd.DataFrame({"y": [1.0, np.nan], "x": [np.nan, np.nan]})
    found = joined(fit.posterior_epred(rows, resp="y", seed=1, impute=True))
    assert np.isfinite(found[:, 0]).all() and np.isnan(found[:, 1]).all()


def test_responses_with_residual_correlation_are_drawn_too() -> None:
    both = hm.mvbf(hm.bf("y ~ mi(x)"), hm.bf("x | mi() ~ w"), rescor=True)
    fit = made(both)
    rows = pd.DataFrame({"y": [0.0, 0.0], "x": [np.nan, 0.5], "w": 0.1})
    assert bool(np.isfinite(fit.posterior_predict(rows, seed=1, impute=True)["y"]).all())


# --------------------------------------------------------------------------- cross-validation


def quiet(call: Any, *args: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args, **options)


def test_rows_without_a_response_are_left_out_and_counted() -> None:
    fit = made("x | mi() ~ w")
    kept = observed_rows(fit)
    assert kept.sum() == 27
    expected = quiet(loo_of, fit.log_lik().isel(obs=np.flatnonzero(kept)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = fit.loo(save_psis=True)
        fit.waic()
    texts = [str(w.message) for w in told if w.category is HiermodelWarning]
    for what in ("loo()", "waic()"):
        counted = "3 of 30 rows have no response: mi() imputes it, and"
        assert f"{counted} {what} leaves them out" in texts
    assert found.elpd == pytest.approx(expected.elpd)
    assert 2 not in found.pointwise["obs"].values
    assert quiet(fit.waic).pointwise.size == 27
    sub = quiet(fit.loo, observations=range(27))
    assert sub.elpd == pytest.approx(expected.elpd)
    predicted = quiet(fit.loo_epred)
    weights = np.exp(joined(found.log_weights))
    means = joined(fit.posterior_epred())[:, kept]
    np.testing.assert_allclose(predicted, (weights * means).sum(axis=0))
    assert len(quiet(fit.loo_predictive_interval, seed=1)) == 27
    assert np.isfinite(quiet(fit.loo_r2, seed=1)).all(axis=None)


def test_of_several_responses_those_that_are_there_count() -> None:
    fit = made(ONE)
    y, x = fit.log_lik(resp="y"), fit.log_lik(resp="x")
    np.testing.assert_allclose(fit.log_lik(partial=True), y + x.fillna(0.0))
    np.testing.assert_allclose(fit.log_lik(), y + x)
    assert quiet(fit.loo).pointwise.size == 30
    assert quiet(fit.loo, resp="x").pointwise.size == 27
    assert np.isfinite(quiet(fit.loo, subsample=10, seed=1).elpd)
    none = made(
        hm.bf("x | mi() ~ w") + hm.bf("z | mi() ~ w") + hm.set_rescor(False)
    )
    # Row 5 misses both.
    assert np.isnan(none.log_lik(partial=True).isel(obs=5)).all()
    assert quiet(none.loo).pointwise.size == 29


def test_margins_of_correlated_responses() -> None:
    data = frame().assign(u=lambda d: d["w"] + 1)
    for family in ("gaussian", "student"):
        formula = hm.mvbf(
            hm.bf("y ~ w"), hm.bf("x | mi() ~ w"), hm.bf("z | mi() ~ 1"), rescor=True
        )
        fit = random_fit(hm.model(formula, data, family), data)
        found = joined(fit.log_lik(partial=True))
        draw, names = 4, ("y", "x", "z")
        sigma = np.array([draws_of(fit, f"sigma_{n}")[draw] for n in names])
        scale = draws_of(fit, "rescor")[draw] * np.outer(sigma, sigma)
        mean = np.stack([joined(fit.posterior_epred(resp=n))[draw] for n in names], axis=1)
        for row in (0, 2, 5, 7):
            y = data.loc[row, list(names)].to_numpy(dtype=float)
            there = ~np.isnan(y)
            part = scale[np.ix_(there, there)]
            law = (
                stats.multivariate_normal(mean[row, there], part) if family == "gaussian" else
                stats.multivariate_t(mean[row, there], part, draws_of(fit, "nu")[draw])
            )
            assert found[draw, row] == pytest.approx(law.logpdf(y[there]), rel=1e-9)


@pytest.fixture(scope="module")
def fitted() -> hm.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        priors = {"b_x": "normal(0, 3)", "b_y": "normal(0, 3)"}
        return hm.fit(ONE, frame(), priors=priors, chains=2, draws=300, warmup=200, seed=1,
                      progress=False)


def test_refits_predict_rows_that_miss_covariates(fitted: hm.Fit) -> None:
    found = quiet(fitted.kfold, K=3, seed=1, cores=1, progress=False)
    assert found.pointwise.size == 30 and np.isfinite(found.pointwise).all()
    assert found.elpd == pytest.approx(quiet(fitted.loo).elpd, abs=5)
    one = quiet(fitted.kfold, K=3, seed=1, cores=1, progress=False, resp="x")
    assert one.pointwise.size == 27
    exact = quiet(fitted.loo, reloo=True, k_threshold=0.25, cores=1, progress=False, seed=1,
                  resp="x")
    assert np.isfinite(exact.elpd) and len(exact.refitted) > 0
    assert not {2, 5, 11} & set(exact.refitted)


def test_moment_matching_and_bridge_sampling_find_the_imputed_values(fitted: hm.Fit) -> None:
    assert quiet(fitted.loo, moment_match=True).elpd == pytest.approx(
        quiet(fitted.loo).elpd, abs=2
    )
    with pytest.raises(ArgumentError, match="of 27 observations, the fit has 30"):
        loo_moment_match(fitted, quiet(fitted.loo, resp="x"))
    # Missing responses integrate out: the marginal likelihood is that of the complete rows.
    small = {"chains": 2, "draws": 1000, "warmup": 300, "seed": 1, "progress": False,
             "priors": {"b": "normal(0, 3)"}}
    gaps = quiet(hm.fit, "x | mi() ~ w", frame(), **small)
    whole = quiet(hm.fit, "x ~ w", frame(), **small)
    center = 0.05  # default prior scales and the centre of w differ a little between the rows
    assert quiet(gaps.bridge_sampler, seed=1).logml == pytest.approx(
        quiet(whole.bridge_sampler, seed=1).logml, abs=0.1 + center
    )
    complete = quiet(hm.fit, "y | mi() ~ w", frame(), **small)
    assert np.isfinite(quiet(complete.bridge_sampler, seed=1).logml)


def test_a_response_without_any_value_is_refused() -> None:
    with pytest.raises(DataError, match="response 'x' has only missing values"):
        hm.model("x | mi() ~ w", frame().assign(x=np.nan))


def test_rows_of_noisy_covariates_are_not_taken_for_new_ones() -> None:
    """loo(subsample=) looks at some rows; they keep their true values."""
    fit = made("y ~ me(w, sdx)")
    whole = quiet(fit.loo)
    some = quiet(fit.loo, observations=[1, 4, 8])
    np.testing.assert_allclose(some.pointwise, whole.pointwise.isel(obs=[1, 4, 8]))


def test_a_model_with_gaps_and_groups_is_not_collapsed() -> None:
    data = frame().assign(g=lambda d: [f"g{k % 5}" for k in range(len(d))])
    model = hm.model("x | mi() ~ w + (1 | g)", data)
    with pytest.raises(HiermodelError, match=r"missing values of 'x' are parameters of their rows"):
        model.collapsed()
    fit = quiet(hm.fit, "x | mi() ~ w + (1 | g)", data, chains=1, draws=30, warmup=30, seed=1,
                progress=False)
    assert fit.posterior["Ymi"].shape[-1] == 3 and not fit.provenance.get("collapsed")
    # Many rows without groups are rotated, unless some are parameters.
    many = pd.concat([frame()] * 40, ignore_index=True)
    long = quiet(hm.fit, "x | mi() ~ w", many, chains=1, draws=20, warmup=20, seed=1,
                 progress=False)
    assert long.posterior["Ymi"].shape[-1] == 120


def test_leaving_out_groups_counts_observed_responses() -> None:
    """The integral over the effects is that of the rows with a response."""
    data = frame().assign(g=lambda d: [f"g{k % 5}" for k in range(len(d))])
    there = data[data["x"].notna()].reset_index(drop=True)
    gaps, plain = hm.model("x | mi() ~ w + (1 | g)", data), hm.model("x ~ w + (1 | g)", there)
    fit = random_fit(gaps, data, chains=2, draws=60)
    kept = declared_draws(fit.model, fit.posterior, fit.datasets.get(GROUP, xr.Dataset()))
    shared = {name: v for name, v in kept.items() if name != "Ymi"}
    # The design is centred at the means of other rows.
    shift = there["w"].mean() - data["w"].mean()
    shared["Intercept"] = shared["Intercept"] + shared["b"][..., 0] * shift
    complete = hm.Fit.from_draws(plain, there, shared)
    found, expected = quiet(fit.logo, "g"), quiet(complete.logo, "g")
    np.testing.assert_allclose(found.pointwise, expected.pointwise, rtol=1e-6)
