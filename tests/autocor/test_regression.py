"""ar(), ma(), arma() as regressions on earlier residuals: against loops over rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import hiermodel as hm
from hiermodel.declared import declared_draws
from hiermodel.errors import DataError

from .models import flat, joined, made, series

FORMULAS = {
    "ar": "y ~ x + ar(t, s, p = 2)",
    "ma": "y ~ x + ma(t, s, q = 2)",
    "arma": "y ~ x + arma(t, s, p = 1, q = 2)",
    "one": "y ~ x + arma(p = 2, q = 1)",
}


def by_hand(
    data: pd.DataFrame, mean: np.ndarray, y: np.ndarray, ar: np.ndarray, ma: np.ndarray,
    single: bool = False,
) -> np.ndarray:
    """Expectations of one draw, row by row, as Box & Jenkins write them."""
    out = np.empty(len(data))
    groups = ["all"] if single else sorted(data["s"].unique())
    for g in groups:
        own = data if single else data[data["s"] == g].sort_values("t")
        errors: list[float] = []
        for row in own.index:
            smooth = mean[row] + sum(
                ma[k] * errors[-1 - k] for k in range(len(ma)) if k < len(errors)
            )
            out[row] = smooth + sum(
                ar[k] * errors[-1 - k] for k in range(len(ar)) if k < len(errors)
            )
            errors.append(y[row] - smooth)
    return out


def coefficients(fit: hm.Fit, draw: int) -> tuple[np.ndarray, np.ndarray]:
    none = np.zeros(0)
    ar = flat(fit, "ar")[draw] if "ar" in fit.posterior else none
    ma = flat(fit, "ma")[draw] if "ma" in fit.posterior else none
    return ar, ma


@pytest.mark.parametrize("name", FORMULAS)
def test_expectations_are_one_step_ahead(name: str) -> None:
    fit, data = made(FORMULAS[name]), series()
    plain = joined(fit.posterior_epred(incl_autocor=False))
    b = flat(fit, "b")
    np.testing.assert_allclose(plain, b[:, :1] + b[:, 1:] * data["x"].to_numpy())
    found = joined(fit.posterior_epred())
    for draw in (0, 6):
        expected = by_hand(
            data, plain[draw], fit.response, *coefficients(fit, draw), single=name == "one"
        )
        np.testing.assert_allclose(found[draw], expected, rtol=1e-10)
    np.testing.assert_allclose(joined(fit.posterior_linpred()), found)


def test_log_likelihood_and_residuals() -> None:
    fit = made("y ~ x + arma(t, s)", "student")
    mean = joined(fit.posterior_epred())
    nu, sigma = flat(fit, "nu")[:, None], flat(fit, "sigma")[:, None]
    expected = stats.t.logpdf(fit.response, nu, mean, sigma)
    np.testing.assert_allclose(joined(fit.log_lik()), expected)
    np.testing.assert_allclose(joined(fit.residuals()), fit.response - mean)


def test_other_links_look_back_on_the_scale_of_the_response() -> None:
    data = series().assign(y=np.exp(series()["y"]))
    fit = made("y ~ x + ar(t, s)", hm.family("gaussian", link="log"), data)  # type: ignore[arg-type]
    plain = joined(fit.posterior_epred(incl_autocor=False))
    found = joined(fit.posterior_epred())
    expected = by_hand(data, plain[2], fit.response, *coefficients(fit, 2))
    np.testing.assert_allclose(found[2], expected, rtol=1e-10)
    linpred = joined(fit.posterior_linpred(transform=True))
    np.testing.assert_allclose(linpred, found)


def test_known_errors_weights_and_effects_stand_beside() -> None:
    fit = made("y | se(se, sigma = TRUE) + weights(w) ~ x + ar(t, s) + (1 | s)")
    mean = joined(fit.posterior_epred())
    sigma = np.sqrt(flat(fit, "sigma")[:, None] ** 2 + fit.frame["se"].to_numpy() ** 2)
    expected = fit.frame["w"].to_numpy() * stats.norm.logpdf(fit.response, mean, sigma)
    np.testing.assert_allclose(joined(fit.log_lik()), expected)
    plain = joined(fit.posterior_epred(incl_autocor=False))
    np.testing.assert_allclose(
        mean[1], by_hand(fit.frame, plain[1], fit.response, *coefficients(fit, 1))
    )


def test_new_rows_are_series_of_their_own() -> None:
    """Earlier rows are those of newdata, whatever rows were fitted."""
    fit = made("y ~ x + ar(t, s)")
    new = pd.DataFrame({"s": ["new"] * 3, "t": [7, 8, 9], "x": [0.0, 1.0, 2.0],
                        "y": [1.0, 3.0, -1.0]})
    plain = joined(fit.posterior_epred(new, incl_autocor=False))
    expected = by_hand(new, plain[0], new["y"].to_numpy(), *coefficients(fit, 0))
    np.testing.assert_allclose(joined(fit.posterior_epred(new))[0], expected)
    with pytest.raises(DataError, match="lacks the response 'y', whose residuals"):
        fit.posterior_epred(new.drop(columns="y"))
    with pytest.raises(DataError, match="lacks the column 't'"):
        fit.posterior_epred(new.drop(columns="t"))
    fit.posterior_epred(new[["x"]], incl_autocor=False)


def many(fit: hm.Fit, data: pd.DataFrame, times: int = 40_000) -> hm.Fit:
    """The first draw, often."""
    first = declared_draws(fit.model, fit.posterior, fit.datasets.get("declared", xr.Dataset()))
    draws = {k: np.repeat(v[:1, :1], times, axis=1) for k, v in first.items()}
    if "nu" in draws:
        draws["nu"] = np.full_like(draws["nu"], 8.0)  # the variance exists
    return hm.Fit.from_draws(fit.model, data, draws)


@pytest.mark.parametrize("family", ["gaussian", "student"])
def test_forecasts_spread_as_the_theory_says(family: str) -> None:
    """An AR(1) forecast k steps ahead: mean ar^k e, variance sigma^2 (1 + ar^2 + ...)."""
    data = series()
    fit = many(made("y ~ x + ar(t, s)", family), data)
    ar, sigma = flat(fit, "ar")[0, 0], flat(fit, "sigma")[0]
    new = pd.DataFrame({"s": ["a"] * 4, "t": [1, 2, 3, 4], "x": [0.3, -0.2, 0.5, 0.1],
                        "y": [2.0, np.nan, np.nan, np.nan]})
    plain = joined(fit.posterior_epred(new, incl_autocor=False))[0]
    expected = plain + ar ** np.arange(4) * (2.0 - plain[0])
    expected[0] = plain[0]
    mean = joined(fit.posterior_epred(new, seed=1))
    paths = joined(fit.posterior_predict(new, seed=1))
    scale = sigma if family == "gaussian" else sigma * np.sqrt(8 / 6)
    sd = scale * np.sqrt(np.cumsum(ar ** (2 * np.arange(3))))
    np.testing.assert_allclose(mean.mean(axis=0), expected, atol=4 * sd.max() / 200)
    np.testing.assert_allclose(paths[:, 1:].std(axis=0), sd, rtol=0.04)
    # One path: what was drawn for a row is what the next one looks back to.
    np.testing.assert_allclose(
        mean[:, 2], plain[2] + ar * (paths[:, 1] - plain[1]), rtol=1e-9
    )
    np.testing.assert_array_equal(paths, joined(fit.posterior_predict(new, seed=1)))


def test_missing_responses_are_imputed_in_their_series() -> None:
    data = series().copy()
    gone = data.index[(data["s"] == "s1") & (data["t"] == 3)]
    data.loc[gone, "y"] = np.nan
    fit = made("y | mi() ~ x + arma(t, s)", data=data)
    plain = joined(fit.posterior_epred(incl_autocor=False))
    draw = 4
    y = data["y"].to_numpy().copy()
    y[gone] = flat(fit, "Ymi")[draw]
    expected = by_hand(data, plain[draw], y, *coefficients(fit, draw))
    np.testing.assert_allclose(joined(fit.posterior_epred())[draw], expected)
    log_lik = joined(fit.log_lik())
    assert np.isnan(log_lik[:, gone]).all() and np.isfinite(np.delete(log_lik, gone, 1)).all()


def test_covariances_take_imputed_responses_too() -> None:
    data = series().copy()
    data.loc[3, "y"] = np.nan
    fit = made("y | mi() ~ x + ar(t, s, cov = TRUE)", data=data)
    filled = data.copy()
    filled["y"] = filled["y"].fillna(0.0)
    again = made("y ~ x + ar(t, s, cov = TRUE)", data=filled)
    log_lik = joined(fit.log_lik())
    assert np.isnan(log_lik[:, 3]).all() and np.isfinite(np.delete(log_lik, 3, 1)).all()
    assert again.log_lik().shape == fit.log_lik().shape
    one = {k: np.asarray(fit.posterior[k].values[:1, :1]) for k in ("ar", "sigma", "Intercept")}
    one["b"] = fit.posterior["b"].values[:1, :1, 1:]
    filled.loc[3, "y"] = float(fit.posterior["Ymi"].values[0, 0, 0])
    same = hm.Fit.from_draws(again.model, filled, one)
    np.testing.assert_allclose(
        np.delete(joined(same.log_lik())[0], 3), np.delete(log_lik[0], 3), rtol=1e-9
    )


def test_several_responses() -> None:
    data = series()
    formula: Any = (
        hm.bf("y ~ x + ar(t, s)") + hm.bf("y2 ~ x") + hm.acformula("~ ma(t, s)", resp="y2")
        + hm.set_rescor(False)
    )
    fit = made(formula, data=data)
    assert {"ar_y", "ma_y2"} <= set(fit.posterior)
    plain = joined(fit.posterior_epred(resp="y2", incl_autocor=False))
    expected = by_hand(
        data, plain[2], data["y2"].to_numpy(), np.zeros(0), flat(fit, "ma_y2")[2]
    )
    np.testing.assert_allclose(joined(fit.posterior_epred(resp="y2"))[2], expected)
    assert fit.log_lik().shape == (2, 4, len(data))


def test_correlated_responses_look_back() -> None:
    data = series()
    fit = made(hm.bf("mvbind(y, y2) ~ x + ar(t, s)"), data=data)
    assert "rescor" in fit.posterior
    means = np.stack([joined(fit.posterior_epred(resp=r))[5] for r in ("y", "y2")], axis=-1)
    sd = np.array([flat(fit, "sigma_y")[5], flat(fit, "sigma_y2")[5]])
    cov = flat(fit, "rescor")[5] * np.outer(sd, sd)
    expected = [
        stats.multivariate_normal(m, cov).logpdf(y)
        for m, y in zip(means, data[["y", "y2"]].to_numpy(), strict=True)
    ]
    np.testing.assert_allclose(joined(fit.log_lik())[5], expected)


def test_order_of_rows_does_not_matter() -> None:
    data = series()
    fit = made("y ~ x + arma(t, s)", data=data)
    turned = data.iloc[::-1].reset_index(drop=True)
    found = joined(fit.posterior_epred(turned))
    np.testing.assert_allclose(found, joined(fit.posterior_epred())[:, ::-1])
