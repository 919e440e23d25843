from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

from hiermodel.criticism import compare, loo, loo_of, waic_of
from hiermodel.criticism.comparison import stacking_weights
from hiermodel.errors import DataError, HiermodelWarning

from .posteriors import fit_of


def labelled(values: np.ndarray) -> xr.DataArray:
    return xr.DataArray(values, dims=("chain", "draw", "obs"))


def normal_mean(n: int = 30, size: int = 4000) -> tuple[np.ndarray, xr.DataArray, np.ndarray]:
    """Data, log-likelihood of a normal mean with known sd 1, and exact leave-one-out densities."""
    rng = np.random.default_rng(1)
    y = rng.normal(size=n)
    mu = rng.normal(y.mean(), n**-0.5, size=(4, size // 4, 1))
    rest = (y.sum() - y) / (n - 1)
    exact = stats.norm.logpdf(y, rest, np.sqrt(1 + 1 / (n - 1)))
    return y, labelled(stats.norm.logpdf(y, mu, 1.0)), exact


def test_loo_agrees_with_exact_leave_one_out() -> None:
    _, log_lik, exact = normal_mean()
    result = loo_of(log_lik)
    np.testing.assert_allclose(result.pointwise, exact, atol=0.01)
    assert result.elpd == pytest.approx(result.pointwise.sum().item())
    assert result.se == pytest.approx(np.sqrt(30 * result.pointwise.values.var(ddof=1)))
    rows = log_lik.values.reshape(-1, 30)
    lpd = logsumexp(rows, axis=0) - np.log(len(rows))
    np.testing.assert_allclose(result.p_pointwise, lpd - result.pointwise)
    assert float(result.pareto_k.max()) < 0.5 and result.problems == 0


def test_waic_by_its_definition() -> None:
    _, log_lik, _ = normal_mean()
    rows = log_lik.values.reshape(-1, 30)
    penalty = rows.var(axis=0, ddof=1)
    expected = logsumexp(rows, axis=0) - np.log(len(rows)) - penalty
    result = waic_of(log_lik)
    np.testing.assert_allclose(result.pointwise, expected)
    assert result.p == pytest.approx(penalty.sum())
    assert result.estimates.loc["waic", "Estimate"] == pytest.approx(-2 * expected.sum())
    assert result.estimates.loc["waic", "SE"] == pytest.approx(2 * result.se)


def test_an_influential_row_is_reported() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(scale=0.1, size=(4, 250, 5))
    values[:, :, 3] = -0.5 * rng.standard_cauchy(size=(4, 250)) ** 2
    with pytest.warns(HiermodelWarning, match="1 of 5 observations have a Pareto k"):
        result = loo_of(labelled(values))
    assert int(result.pareto_k.argmax("obs")) == 3 and result.problems == 1
    assert "1 of 5 Pareto k are above" in repr(result)
    with pytest.warns(HiermodelWarning, match="prefer loo"):
        waic_of(labelled(values))


def test_rows_that_do_not_vary_are_exact() -> None:
    _, log_lik, _ = normal_mean()
    log_lik = log_lik.copy()
    log_lik[:, :, 0] = -1.5
    result = loo_of(log_lik)
    assert result.pointwise[0] == pytest.approx(-1.5) and result.pareto_k[0] == -np.inf


def test_probability_zero_in_a_draw() -> None:
    _, log_lik, _ = normal_mean()
    log_lik = log_lik.copy()
    log_lik[0, 0, 2] = -np.inf
    with pytest.warns(HiermodelWarning):
        result = loo_of(log_lik)
    assert result.pareto_k[2] == np.inf and result.pointwise[2] == -np.inf


def test_missing_log_likelihood_names_the_row() -> None:
    _, log_lik, _ = normal_mean()
    log_lik = log_lik.copy()
    log_lik[0, 0, 7] = np.nan
    with pytest.raises(DataError, match="row 7"):
        loo_of(log_lik)


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    _, log_lik, _ = normal_mean()
    whole = loo_of(log_lik)
    monkeypatch.setattr("hiermodel.criticism.elpd._CHUNK", 4000 * 7)
    np.testing.assert_array_equal(loo_of(log_lik).pointwise, whole.pointwise)


def test_dims_in_another_order() -> None:
    _, log_lik, _ = normal_mean()
    turned = loo_of(log_lik.transpose("obs", "draw", "chain"))
    np.testing.assert_allclose(turned.pointwise, loo_of(log_lik).pointwise)


def test_compare_orders_and_differences() -> None:
    _, log_lik, _ = normal_mean()
    better, worse = loo_of(log_lik), loo_of(log_lik - 0.1)
    table = compare({"worse": worse, "better": better})
    assert list(table.index) == ["better", "worse"]
    assert table.loc["worse", "elpd_diff"] == pytest.approx(-3.0)
    assert table.loc["worse", "se_diff"] == pytest.approx(0.0, abs=1e-10)
    assert table["weight"].tolist() == pytest.approx([1.0, 0.0], abs=1e-6)


def test_stacking_finds_the_mixture() -> None:
    # Two models, each right about its half of the data: the best mixture is 1 : 1.
    elpd = np.array([[0.0] * 50 + [-9.0] * 50, [-9.0] * 50 + [0.0] * 50])
    np.testing.assert_allclose(stacking_weights(elpd), [0.5, 0.5], atol=1e-6)


def test_compare_refuses_what_is_not_comparable() -> None:
    _, log_lik, _ = normal_mean()
    result = loo_of(log_lik)
    with pytest.raises(DataError, match="at least two"):
        compare({"a": result})
    with pytest.raises(DataError, match="'a' has 30 and 'b' has 29"):
        compare({"a": result, "b": loo_of(log_lik[:, :, 1:])})
    with pytest.raises(DataError, match="loo and 'b' is waic"):
        compare({"a": result, "b": waic_of(log_lik)})


def test_methods_of_a_fit() -> None:
    fit = fit_of("n ~ x", "poisson")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        result = loo(fit)
        assert result.pointwise.sizes == {"obs": 40}
        assert fit.waic().elpd == waic_of(fit.log_lik()).elpd
        table = compare({"a": fit, "b": fit_of("n ~ 1", "poisson")}, criterion="waic")
    assert table["weight"].sum() == pytest.approx(1.0)
    assert "<table" in result._repr_html_()


@pytest.mark.parametrize("scale", [0.05, 1.0, 4.0])
def test_elpd_does_not_depend_on_keeping_the_weights(scale: float) -> None:
    rng = np.random.default_rng(4)
    values = labelled(-1.0 + scale * rng.normal(size=(4, 1000, 12)) ** 3 / 5 - 700 * (scale > 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        kept, plain = loo_of(values, save_psis=True), loo_of(values)
    np.testing.assert_allclose(plain.pointwise, kept.pointwise, rtol=1e-10)
    np.testing.assert_allclose(plain.pareto_k, kept.pareto_k, atol=1e-8)
    weights = kept.log_weights
    assert weights.dims == ("chain", "draw", "obs") and plain.log_weights is None
    np.testing.assert_allclose(np.exp(weights).sum(("chain", "draw")), 1.0)
    by_hand = logsumexp((weights + values).values.reshape(-1, 12), axis=0)
    np.testing.assert_allclose(kept.pointwise, by_hand)


def test_weights_where_nothing_can_be_smoothed() -> None:
    _, log_lik, _ = normal_mean()
    log_lik = log_lik.copy()
    log_lik[0, :3, 2] = -np.inf
    log_lik[:, :, 0] = -1.5
    with pytest.warns(HiermodelWarning):
        weights = np.exp(loo_of(log_lik, save_psis=True).log_weights)
    np.testing.assert_allclose(weights[:, :, 0], 1 / 4000)
    # The draws that make the row impossible have all the weight.
    np.testing.assert_allclose(weights[0, :3, 2], 1 / 3)
    assert float(weights[1:, :, 2].sum()) == 0.0
