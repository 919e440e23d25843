"""R-squared and leave-one-out predictions, against formulas written out on the draws."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.criticism.loo_predictions import weighted_quantiles
from hiermodel.errors import ArgumentError, HiermodelError, HiermodelWarning

from .posteriors import CHAINS, DRAWS, fit_of, reaction_data


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Random draws are no posterior: Pareto k is high, which is not what is tested here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Pareto k", category=HiermodelWarning)
        yield


@pytest.fixture(scope="module")
def linear() -> tuple[hm.Fit, np.ndarray, np.ndarray]:
    """A linear model with 2000 exact draws of its posterior (flat priors), its data."""
    rng = np.random.default_rng(5)
    frame = reaction_data()
    x, y = frame["x"].to_numpy(), frame["y"].to_numpy()
    design = np.column_stack([np.ones_like(x), x - x.mean()])
    inverse = np.linalg.inv(design.T @ design)
    hat = inverse @ design.T @ y
    n = len(y)
    rss = ((y - design @ hat) ** 2).sum()
    sigma = np.sqrt(rss / rng.chisquare(n - 2, size=(2, 1000)))
    noise = rng.multivariate_normal([0, 0], inverse, size=(2, 1000))
    beta = hat + noise * sigma[..., None]
    fit = hm.Fit.from_draws(
        hm.model("y ~ x", frame), frame,
        {"b": beta[..., 1:], "Intercept": beta[..., 0], "sigma": sigma},
    )
    return fit, design, y


def leave_one_out(design: np.ndarray, y: np.ndarray, i: int) -> tuple[float, float, int]:
    """Location, scale and degrees of freedom of the t distribution of y_i given the others."""
    keep = np.arange(len(y)) != i
    inverse = np.linalg.inv(design[keep].T @ design[keep])
    hat = inverse @ design[keep].T @ y[keep]
    df = keep.sum() - 2
    s2 = ((y[keep] - design[keep] @ hat) ** 2).sum() / df
    scale = np.sqrt(s2 * (1 + design[i] @ inverse @ design[i]))
    return float(design[i] @ hat), float(scale), int(df)


def test_loo_is_that_of_the_t_distributions(linear: tuple) -> None:
    fit, design, y = linear
    exact = []
    for i in range(len(y)):
        location, scale, df = leave_one_out(design, y, i)
        exact.append(stats.t.logpdf(y[i], df, location, scale))
    np.testing.assert_allclose(fit.loo().pointwise, exact, atol=0.03)


def test_loo_predictions_are_those_of_the_t_distributions(linear: tuple) -> None:
    fit, design, y = linear
    known = [leave_one_out(design, y, i) for i in range(len(y))]
    location, scale, df = (np.array(v) for v in zip(*known, strict=True))
    np.testing.assert_allclose(fit.loo_epred(), location, atol=0.03)
    np.testing.assert_allclose(fit.loo_linpred(), location, atol=0.03)
    np.testing.assert_allclose(fit.loo_predict(seed=1), location, atol=0.12)
    variance = fit.loo_predict("var", seed=1)
    np.testing.assert_allclose(variance, scale**2 * df / (df - 2), rtol=0.2)
    interval = fit.loo_predictive_interval(0.8, seed=1)
    assert interval.columns.tolist() == ["Q10", "Q90"]
    np.testing.assert_allclose(interval["Q90"], stats.t.ppf(0.9, df, location, scale), atol=0.3)


def test_weights_that_are_equal_give_plain_statistics() -> None:
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(5000, 3))
    even = np.full((5000, 3), 1 / 5000)
    found = weighted_quantiles(draws, even, (0.1, 0.5))
    np.testing.assert_allclose(found, np.quantile(draws, (0.1, 0.5), axis=0).T, atol=2e-3)
    # All the weight on one draw: every quantile is that draw.
    single = np.zeros((5000, 3))
    single[7] = 1.0
    np.testing.assert_allclose(weighted_quantiles(draws, single, (0.5,))[:, 0], draws[7], atol=0.05)


def test_bayes_r2_of_a_linear_model(linear: tuple) -> None:
    fit, _, y = linear
    mu = np.asarray(fit.posterior_epred()).reshape(-1, len(y))
    sigma = np.asarray(fit.posterior["sigma"]).ravel()
    v = mu.var(axis=1, ddof=1)
    by_model = v / (v + sigma**2)
    by_residual = v / (v + (y - mu).var(axis=1, ddof=1))
    for method, expected in (("model", by_model), ("residual", by_residual)):
        draws = fit.bayes_r2(method=method, summary=False)
        assert draws.dims == ("chain", "draw")
        np.testing.assert_allclose(np.ravel(draws), expected)
    np.testing.assert_allclose(np.ravel(fit.bayes_r2(summary=False)), by_residual)
    table = fit.bayes_r2(method="model", probs=(0.1,))
    assert table.columns.tolist() == ["Estimate", "Est.Error", "Q10"]
    assert table.loc["R2", "Estimate"] == pytest.approx(by_model.mean())
    assert fit.bayes_r2(robust=True).loc["R2", "Estimate"] == pytest.approx(np.median(by_residual))
    rows = fit.bayes_r2(reaction_data().iloc[:20], method="residual", summary=False)
    some = mu[:, :20]
    expected = some.var(axis=1, ddof=1)
    expected = expected / (expected + (y[:20] - some).var(axis=1, ddof=1))
    np.testing.assert_allclose(np.ravel(rows), expected)


def test_bayes_r2_of_other_models() -> None:
    binary = fit_of("old ~ x", "bernoulli")
    mu = np.asarray(binary.posterior_epred()).reshape(-1, 40)
    v = mu.var(axis=1, ddof=1)
    np.testing.assert_allclose(
        np.ravel(binary.bayes_r2(method="model", summary=False)),
        v / (v + (mu * (1 - mu)).mean(axis=1)),
    )
    counts = fit_of("n ~ x", "poisson")
    mu = np.asarray(counts.posterior_epred()).reshape(-1, 40)
    v = mu.var(axis=1, ddof=1)
    residual = (reaction_data()["n"].to_numpy() - mu).var(axis=1, ddof=1)
    np.testing.assert_allclose(np.ravel(counts.bayes_r2(summary=False)), v / (v + residual))


def test_known_standard_errors_are_residual_variance() -> None:
    frame = reaction_data().assign(error=np.linspace(0.5, 2.0, 40))
    for options, has_sigma in (("error", False), ("error, sigma=TRUE", True)):
        fit = fit_of(f"y | se({options}) ~ x", frame=frame)
        v = np.asarray(fit.posterior_epred()).reshape(-1, 40).var(axis=1, ddof=1)
        sigma = np.ravel(fit.posterior["sigma"]) if has_sigma else 0.0
        expected = v / (v + (frame["error"].to_numpy() ** 2).mean() + sigma**2)
        np.testing.assert_allclose(np.ravel(fit.bayes_r2(method="model", summary=False)), expected)


def test_a_sigma_with_a_formula() -> None:
    fit = fit_of(hm.bf("y ~ x", "sigma ~ z"))
    v = np.asarray(fit.posterior_epred()).reshape(-1, 40).var(axis=1, ddof=1)
    sigma = np.asarray(fit.posterior_epred(dpar="sigma")).reshape(-1, 40)
    expected = v / (v + (sigma**2).mean(axis=1))
    np.testing.assert_allclose(np.ravel(fit.bayes_r2(method="model", summary=False)), expected)


def test_a_row_for_each_response() -> None:
    fit = fit_of(hm.mvbf(hm.bf("y ~ x"), hm.bf("n ~ x", family="poisson")))
    table = fit.bayes_r2()
    assert table.index.tolist() == ["R2y", "R2n"]
    single = fit.bayes_r2(resp="n", summary=False)
    np.testing.assert_allclose(single, fit.bayes_r2(summary=False)["R2n"])
    assert fit.loo_r2(seed=1).index.tolist() == ["R2y", "R2n"]


def test_loo_r2_has_the_bayesian_bootstrap(linear: tuple) -> None:
    fit, design, y = linear
    errors = y - np.array([leave_one_out(design, y, i)[0] for i in range(len(y))])
    draws = fit.loo_r2(seed=1, summary=False)
    assert draws.sizes == {"chain": 1, "draw": 4000}
    expected = 1 - errors.var() / y.var()
    assert float(draws.median()) == pytest.approx(expected, abs=0.01)
    weights = np.random.default_rng(9).dirichlet(np.ones(len(y)), size=4000)
    w_var = lambda v: weights @ v**2 - (weights @ v) ** 2  # noqa: E731
    by_hand = 1 - w_var(errors) / w_var(y)
    assert float(draws.std()) == pytest.approx(by_hand.std(), rel=0.1)


def test_what_is_refused() -> None:
    with pytest.raises(HiermodelError, match="not defined for ordinal responses"):
        fit_of("rating ~ x", "cumulative").bayes_r2()
    with pytest.raises(HiermodelError, match="not defined for categorical responses"):
        fit_of("dose ~ x", "categorical").loo_r2()
    with pytest.raises(ArgumentError, match=r"method='model'.*not for family 'poisson'"):
        fit_of("n ~ x", "poisson").bayes_r2(method="model")
    with pytest.raises(ArgumentError, match="did you mean 'residual'"):
        fit_of("y ~ x").bayes_r2(method="residuals")
    with pytest.raises(ArgumentError, match=r"type must be one of.*did you mean 'quantile'"):
        fit_of("y ~ x").loo_predict("quantiles")
    with pytest.raises(HiermodelError, match="codes have no order"):
        fit_of("dose ~ x", "categorical").loo_predict()


def test_categories_have_columns() -> None:
    fit = fit_of("rating ~ x", "cumulative")
    table = fit.loo_epred()
    assert table.columns.tolist() == ["bad", "fair", "good"]
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    weights = np.exp(fit.loo(save_psis=True).log_weights)
    by_hand = (weights * fit.posterior_epred().isel(category=1)).sum(("chain", "draw"))
    np.testing.assert_allclose(table["fair"], by_hand)
    assert weights.sizes == {"chain": CHAINS, "draw": DRAWS, "obs": 40}
    np.testing.assert_allclose(weights.sum(("chain", "draw")), 1.0)
