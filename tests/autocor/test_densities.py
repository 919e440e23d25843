"""Densities against SciPy: of all rows, and of each row given the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import linalg, stats

import hiermodel as hm
from hiermodel.declared import GROUP, declared_draws
from hiermodel.log_likelihood import total_log_lik
from hiermodel.prepare import LIKELIHOOD_ROLES, prepare
from tests.spine.draws import density as density_of

from .models import covariance, flat, joined, made, ring, series

Matrix = Callable[[hm.Fit, int], np.ndarray]


def process(ar: float, ma: float, n: int) -> np.ndarray:
    """Covariance of an ARMA(1, 1) process from its state space form, not from closed forms."""
    step = np.array([[ar, ma], [0.0, 0.0]])
    noise = np.array([[1.0], [1.0]])
    state = linalg.solve_discrete_lyapunov(step, noise @ noise.T)
    lagged = [state[0, 0]]
    power = np.eye(2)
    for _ in range(n - 1):
        power = step @ power
        lagged.append((power @ state)[0, 0])
    return linalg.toeplitz(lagged)


def within(fit: hm.Fit, block: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Correlate rows of a series by their positions in `block`."""
    groups = fit.frame["s"].to_numpy()
    same = groups[:, None] == groups
    return np.where(same, block[np.ix_(position, position)], 0.0)


def steps(fit: hm.Fit) -> np.ndarray:
    return fit.frame["t"].to_numpy() - 1


def arma(fit: hm.Fit, draw: int) -> np.ndarray:
    ar = flat(fit, "ar")[draw, 0] if "ar" in fit.posterior else 0.0
    ma = flat(fit, "ma")[draw, 0] if "ma" in fit.posterior else 0.0
    return within(fit, process(ar, ma, 6), steps(fit))


def cosy(fit: hm.Fit, draw: int) -> np.ndarray:
    value = flat(fit, "cosy")[draw]
    return within(fit, np.full((6, 6), value) + np.diag(np.full(6, 1 - value)), steps(fit))


def unstr(fit: hm.Fit, draw: int) -> np.ndarray:
    return within(fit, flat(fit, "cortime")[draw], steps(fit))


def known(fit: hm.Fit, draw: int) -> np.ndarray:
    return covariance(len(fit.frame))


def spatial(fit: hm.Fit, draw: int) -> np.ndarray:
    name = "lagsar" if "lagsar" in fit.posterior else "errorsar"
    n = len(fit.frame)
    inverse = np.linalg.inv(np.eye(n) - flat(fit, name)[draw] * ring(n))
    return inverse @ inverse.T


CASES: dict[str, tuple[Any, str, Matrix]] = {
    "ar": ("y ~ x + ar(t, s, cov = TRUE)", "gaussian", arma),
    "ma": ("y ~ x + ma(t, s, cov = TRUE)", "student", arma),
    "arma": (hm.bf("y ~ x + arma(t, s, cov = TRUE)", "sigma ~ z"), "gaussian", arma),
    "cosy": ("y ~ x + cosy(gr = s)", "student", cosy),
    "cosy_se": ("y | se(se, sigma = TRUE) ~ x + cosy(t, s)", "gaussian", cosy),
    "ar_se": (hm.bf("y | se(se, sigma = TRUE) ~ ar(t, s, cov = TRUE)", "sigma ~ z"), "student",
              arma),
    "unstr": ("y ~ x + unstr(t, s)", "gaussian", unstr),
    "unstr_se": ("y | se(se, sigma = TRUE) ~ x + unstr(t, s)", "gaussian", unstr),
    "unstr_sigma": (hm.bf("y ~ x + unstr(visit, s)", "sigma ~ z"), "student", unstr),
    "fcor": ("y ~ x + fcor(V)", "gaussian", known),
    "fcor_student": (hm.bf("y ~ x + fcor(V)", "sigma ~ z"), "student", known),
    "lag": ("y ~ x + sar(W)", "gaussian", spatial),
    "lag_student": ("y ~ x + sar(W)", "student", spatial),
    "error": ('y ~ x + sar(W, type = "error")', "gaussian", spatial),
    "error_student": ('y ~ x + sar(W, type = "error")', "student", spatial),
}


def ingredients(name: str, draw: int) -> tuple[hm.Fit, np.ndarray, np.ndarray, float]:
    """The fit, mean and scale matrix of all rows, and the degrees of freedom (inf for normal)."""
    formula, family, matrix = CASES[name]
    fit = made(formula, family)
    mean = joined(fit.posterior_epred())[draw]
    sigma = np.broadcast_to(joined(fit.posterior_epred(dpar="sigma"))[draw], mean.shape)
    scale = matrix(fit, draw) * np.outer(sigma, sigma)
    if "se" in fit.model.response.additions:
        scale = scale + np.diag(fit.frame["se"] ** 2)
    nu = flat(fit, "nu")[draw] if family == "student" else np.inf
    return fit, mean, scale, nu


def density(y: np.ndarray, mean: np.ndarray, scale: np.ndarray, nu: float) -> float:
    if np.isinf(nu):
        return float(stats.multivariate_normal(mean, scale).logpdf(y))
    return float(stats.multivariate_t(mean, scale, nu).logpdf(y))


def groups_of(fit: hm.Fit, name: str) -> list[np.ndarray]:
    """Rows that have a density together: Student rows of different series are independent."""
    if name.startswith(("fcor", "lag", "error")):
        return [np.arange(len(fit.frame))]
    labels = fit.frame["s"].to_numpy()
    return [np.flatnonzero(labels == g) for g in np.unique(labels)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("draw", [0, 5])
def test_density_of_all_rows(name: str, draw: int) -> None:
    fit, mean, scale, nu = ingredients(name, draw)
    expected = sum(
        density(fit.response[at], mean[at], scale[np.ix_(at, at)], nu)
        for at in groups_of(fit, name)
    )
    prediction = prepare(fit.model, fit.posterior, fit.frame, needs=LIKELIHOOD_ROLES)
    found = total_log_lik(prediction, fit.response)[draw]
    assert found == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_density_of_each_row_given_the_others(name: str) -> None:
    """p(y_i | y_-i) = p(y) / p(y_-i)."""
    draw = 3
    fit, mean, scale, nu = ingredients(name, draw)
    expected = np.empty(len(fit.frame))
    for at in groups_of(fit, name):
        whole = density(fit.response[at], mean[at], scale[np.ix_(at, at)], nu)
        for i in at:
            others = at[at != i]
            rest = density(fit.response[others], mean[others], scale[np.ix_(others, others)], nu)
            expected[i] = whole - rest
    np.testing.assert_allclose(joined(fit.log_lik())[draw], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", CASES)
def test_chunks_of_draws_do_not_matter(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    formula, family, _ = CASES[name]
    fit = made(formula, family)
    whole = joined(fit.log_lik())
    monkeypatch.setattr("hiermodel.prepare._CHUNK_BYTES", 1)
    np.testing.assert_allclose(joined(fit.log_lik()), whole, rtol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_new_responses_have_the_covariance(name: str) -> None:
    """Means and covariances of many draws at one point; with 8 degrees of freedom these exist."""
    formula, family, matrix = CASES[name]
    data = series(3, 4)
    fit = made(formula, family, data)
    draws = {k: np.repeat(np.asarray(v)[:1, :1], 20_000, axis=1)
             for k, v in declared(fit).items()}
    if family == "student":
        draws["nu"] = np.full_like(draws["nu"], 8.0)
    many = hm.Fit.from_draws(fit.model, data, draws)
    sample = joined(many.posterior_predict(seed=3))
    mean = joined(many.posterior_epred())[0]
    sigma = np.broadcast_to(joined(many.posterior_epred(dpar="sigma"))[0], mean.shape)
    expected = matrix(many, 0) * np.outer(sigma, sigma)
    if "se" in many.model.response.additions:
        expected = expected + np.diag(data["se"] ** 2)
    if family == "student":
        expected = expected * 8 / 6
    spread = np.sqrt(np.diag(expected))
    assert np.abs((sample.mean(axis=0) - mean) / spread).max() < 0.05
    found = np.cov(sample.T)
    assert np.abs((found - expected) / np.outer(spread, spread)).max() < 0.08


def declared(fit: hm.Fit) -> dict[str, np.ndarray]:
    return declared_draws(fit.model, fit.posterior, fit.datasets.get(GROUP, xr.Dataset()))


@pytest.mark.parametrize("term", ["ar(t, own, cov = TRUE)", "arma(t, own, cov = TRUE)"])
def test_series_of_one_row_have_the_variance_of_the_process(term: str) -> None:
    data = series().assign(own=[f"row {k}" for k in range(23)])
    fit = made(f"y ~ x + {term}", data=data)
    scale = np.sqrt([
        process(a, flat(fit, "ma")[k, 0] if "ma" in fit.posterior else 0.0, 1)[0, 0]
        for k, a in enumerate(flat(fit, "ar")[:, 0])
    ])
    sd = (flat(fit, "sigma") * scale)[:, None]
    expected = stats.norm.logpdf(fit.response, joined(fit.posterior_epred()), sd)
    np.testing.assert_allclose(joined(fit.log_lik()), expected)


@pytest.mark.parametrize("name", ["ar", "ma", "arma", "cosy", "unstr", "ar_se"])
def test_programs_have_the_density(name: str) -> None:
    """The engine and NumPy agree on the density of all rows, at random draws."""
    formula, family, _ = CASES[name]
    data = series()
    fit = made(formula, family, data)
    model = fit.model
    full = density_of(model, data)
    prior = density_of(model, data, prior_only=True)
    prediction = prepare(model, fit.posterior, fit.frame, needs=LIKELIHOOD_ROLES)
    expected = total_log_lik(prediction, fit.response)
    values = declared(fit)
    for k in (0, 7):
        at = {name: v.reshape(-1, *v.shape[2:])[k] for name, v in values.items()}
        q = full.unconstrain(at)
        found = full.value_and_grad(q)[0] - prior.value_and_grad(q)[0]
        assert found == pytest.approx(expected[k], rel=1e-9)
