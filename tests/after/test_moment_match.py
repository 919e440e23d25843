"""Moment matching against exact leave-one-out densities."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

import hiermodel as hm
from hiermodel.criticism import Elpd, loo, loo_moment_match
from hiermodel.criticism.moment_match import _State, _Step, _steps
from hiermodel.declared import GROUP, declared_draws
from hiermodel.errors import ArgumentError, HiermodelError, HiermodelWarning

KW = {"chains": 4, "draws": 500, "warmup": 300, "seed": 1, "progress": False}


def outlier() -> np.ndarray:
    y = np.random.default_rng(1).normal(size=30)
    y[4] = 8.0
    return y


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    priors = [hm.prior("student_t(3, 0, 2.5)", "Intercept"),
              hm.prior("student_t(3, 0, 2.5)", "sigma")]  # fmt: skip
    return hm.fit("y ~ 1", pd.DataFrame({"y": outlier()}), priors=priors, **KW)


def quiet_loo(fit: hm.Fit) -> Elpd:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        return loo(fit)


def exact(row: int) -> float:
    """log p(y_row | the others) of a normal sample, on a grid of mu and log sigma."""
    y = outlier()
    mu, log_sigma = np.linspace(-5, 7, 601)[:, None], np.linspace(-1.5, 2.5, 601)
    sigma = np.exp(log_sigma)
    log_post = stats.t.logpdf(mu / 2.5, 3) + stats.t.logpdf(sigma / 2.5, 3) + log_sigma
    for value in np.delete(y, row):
        log_post = log_post + stats.norm.logpdf(value, mu, sigma)
    new = stats.norm.logpdf(y[row], mu, sigma)
    return float(logsumexp(log_post + new) - logsumexp(log_post))


@pytest.mark.parametrize("options", [{}, {"split": False}, {"cov": False}])
def test_an_outlier(fit: hm.Fit, options: dict[str, bool]) -> None:
    plain = quiet_loo(fit)
    assert plain.pareto_k is not None and plain.pareto_k[4] > 0.7
    assert abs(float(plain.pointwise[4]) - exact(4)) > 1.0
    found = loo_moment_match(fit, **options)
    assert found.pareto_k is not None and found.problems == 0
    error = abs(float(found.pointwise[4]) - exact(4))
    # Without the split, few moved draws are where the row's own density is large.
    assert error < (0.15 if options.get("split", True) else abs(plain.pointwise[4] - exact(4)))
    others = np.arange(30) != 4
    np.testing.assert_array_equal(found.pointwise[others], plain.pointwise[others])
    assert found.elpd == pytest.approx(float(found.pointwise.sum()))
    assert found.p == pytest.approx(plain.p + plain.elpd - found.elpd)
    assert found.se == pytest.approx(np.sqrt(30 * found.pointwise.values.var(ddof=1)))


def test_it_is_an_argument_of_loo(fit: hm.Fit) -> None:
    found = fit.loo(moment_match=True)
    assert float(found.pointwise[4]) == pytest.approx(exact(4), abs=0.15)
    given = loo_moment_match(fit, quiet_loo(fit))
    np.testing.assert_array_equal(given.pointwise, found.pointwise)


def test_nothing_to_do_needs_no_density(fit: hm.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(fit: hm.Fit) -> None:
        raise AssertionError

    monkeypatch.setattr("hiermodel.criticism.moment_match.unconstrained", never)
    plain = quiet_loo(fit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        calm = replace(plain, pareto_k=plain.pareto_k * 0 if plain.pareto_k is not None else None)
        assert loo_moment_match(fit, calm).elpd == pytest.approx(plain.elpd)


def test_what_is_left_is_told(fit: hm.Fit) -> None:
    with pytest.warns(HiermodelWarning, match=r"of 30 observations have a Pareto k above 0.05 aft"):
        loo_moment_match(fit, k_threshold=0.05, max_iters=1, cov=False)


def test_group_level_model_against_refits() -> None:
    rng = np.random.default_rng(5)
    group = np.repeat([f"g{k}" for k in range(8)], 3)
    data = pd.DataFrame({"g": group, "x": rng.normal(size=24)})
    data["n"] = rng.poisson(np.exp(1 + rng.normal(size=8)[np.arange(24) // 3]))
    data.loc[7, "n"] = 15
    priors = [hm.prior("normal(1, 2)", "Intercept"), hm.prior("exponential(1)", "sd"),
              hm.prior("normal(0, 1)", "b")]  # fmt: skip
    settings = {**KW, "draws": 1000, "adapt_delta": 0.95}
    fit = hm.fit("n ~ x + (1 | g)", data, "poisson", priors=priors, **settings)
    plain = quiet_loo(fit)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        found = loo_moment_match(fit)
    assert plain.pareto_k is not None and found.pareto_k is not None
    assert plain.pareto_k[7] > 1.0 and found.pareto_k[7] < 0.8
    refit = fit.model.fit(data.drop(7).reset_index(drop=True), **settings)
    log_lik = refit.log_lik(data.iloc[[7]]).values.ravel()
    want = logsumexp(log_lik) - np.log(len(log_lik))
    before, after = (abs(float(one.pointwise[7]) - want) for one in (plain, found))
    assert before > 1.5 and after < 0.5


def test_several_responses() -> None:
    y = outlier()
    data = pd.DataFrame({"y": y, "z": np.random.default_rng(2).normal(size=30)})
    fit = hm.fit(hm.mvbf("y ~ 1", "z ~ 1"), data, **KW)
    plain = quiet_loo(fit.only("y"))
    for found in (fit.loo("y", moment_match=True), fit.loo(moment_match=True)):
        assert found.problems == 0
    one = fit.loo("y", moment_match=True)
    assert float(one.pointwise[4]) < float(plain.pointwise[4]) - 1.0


def test_maps_and_their_inverses() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(400, 3)) @ np.array([[1, 0.5, 0], [0, 1, 0.2], [0, 0, 2.0]])
    weights = rng.normal(size=400)
    weights = weights - logsumexp(weights)
    state = _State(points, np.zeros(400), weights, 1.0)
    shift, scale, turn = _steps(state, cov=True)
    w = np.exp(weights)
    mean = w @ points
    weighted = (points - mean).T @ ((points - mean) * w[:, None]) * 400 / 399
    for step in (shift, scale, turn):
        moved = step(points)
        np.testing.assert_allclose(moved.mean(axis=0), mean)
        np.testing.assert_allclose(step.inverse(moved), points, atol=1e-10)
    np.testing.assert_allclose(scale(points).var(axis=0, ddof=1), np.diag(weighted))
    np.testing.assert_allclose(np.cov(turn(points), rowvar=False), weighted)
    ratio = np.linalg.det(np.cov(turn(points).T)) / np.linalg.det(np.cov(points.T))
    assert turn.log_determinant == pytest.approx(0.5 * np.log(ratio))
    assert _Step(mean, mean, np.array([2.0, 1.0, 3.0])).log_determinant == pytest.approx(np.log(6))


def test_bad_input(fit: hm.Fit) -> None:
    with pytest.raises(ArgumentError, match="moment_match must be True or False, not 1"):
        fit.loo(moment_match=1)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="max_iters must be a whole number from 1 on"):
        loo_moment_match(fit, max_iters=0)
    with pytest.raises(ArgumentError, match="k_threshold must lie between 0 and 1"):
        loo_moment_match(fit, k_threshold=2)
    rough = replace(fit, provenance={**fit.provenance, "method": "laplace"})
    with pytest.raises(HiermodelError, match="moment matching needs draws of the posterior"):
        rough.loo(moment_match=True)


def test_rows_that_depend_on_each_other_are_matched_among_all(capfd: pytest.CaptureFixture) -> None:
    """Against draws of the posterior without the row, which ``mi()`` gives: the row is missing."""
    data = hm.datasets.load("Orthodont").iloc[64:104].reset_index(drop=True)
    small = {"chains": 2, "draws": 1000, "warmup": 300, "seed": 1, "progress": False}
    formula = "distance {}~ age + unstr(age, Subject)"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = hm.fit(formula.format(""), data, **small)
        plain = fit.loo()
        row = int(plain.pareto_k.argmax())
        matched = fit.loo(moment_match=True)
        assert "Moment matching" in capfd.readouterr().err
        gap = data.assign(distance=data["distance"].where(data.index != row))
        without = hm.fit(formula.format("| mi() "), gap, **small)
    kept = without.datasets.get(GROUP, xr.Dataset())
    draws = declared_draws(without.model, without.posterior, kept)
    exact = hm.Fit.from_draws(fit.model, data, {k: v for k, v in draws.items() if k != "Ymi"})
    values = exact.log_lik().isel(obs=row).values.ravel()
    expected = np.log(np.mean(np.exp(values)))
    assert float(plain.pareto_k[row]) > plain.k_threshold
    assert float(matched.pareto_k[row]) < float(plain.pareto_k[row])
    assert abs(matched.pointwise[row] - expected) < abs(plain.pointwise[row] - expected)


def test_true_values_of_noisy_covariates_stay_with_their_rows() -> None:
    data = hm.datasets.load("mtcars").assign(se=0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = hm.fit("mpg ~ me(wt, se) + am", data, chains=2, draws=500, warmup=300, seed=1,
                     progress=False)
        matched = loo_moment_match(fit, k_threshold=0.3, progress=False)
        assert matched.elpd == pytest.approx(fit.loo().elpd, abs=1.5)
