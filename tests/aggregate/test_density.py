"""The log density of cells is that of their rows: the same number, not the same but for one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.certifying import numpy_log_lik
from hiermodel.engines import get_engine
from hiermodel.errors import DataError

from .frames import study

# Formula, family, kind of statistics.
CASES: dict[str, tuple[Any, Any, str]] = {
    "bernoulli": ("b ~ f * x + (x | h)", "bernoulli", "Successes"),
    "probit": ("b ~ f + (1 | h)", hm.family("bernoulli", link="probit"), "Successes"),
    "intercept alone": ("b ~ 1", "bernoulli", "Successes"),
    "binomial": ("s | trials(t) ~ f + (1 | h)", "binomial", "Successes"),
    "binomial, one number": ("s | trials(6) ~ f + (1 | h)", "binomial", "Successes"),
    "poisson": ("c ~ x + (1 | h)", "poisson", "Sums"),
    "offset": ("c ~ f + offset(log(e)) + (1 | h)", "poisson", "Sums"),
    "rate": ("c | rate(e) ~ x + (1 | h)", "poisson", "Sums"),
    "rate and offset": ("c | rate(e) ~ x + offset(x) + offset(log(t))", "poisson", "Sums"),
    "identity link": ("c ~ f", hm.family("poisson", link="identity"), "Sums"),
    "gaussian": ("y ~ f + (x | h)", "gaussian", "Moments"),
    "gaussian, log link": ("exp(y) ~ f", hm.family("gaussian", link="log"), "Moments"),
    "sigma with formula": (hm.bf("y | weights(w) ~ f + (x | h)", "sigma ~ x"), "gaussian",
                           "Moments"),
    "sigma fixed": (hm.bf("y ~ f", sigma=0.7), "gaussian", "Moments"),
    "scaled weights": ("y | weights(w, scale = TRUE) ~ f", "gaussian", "Moments"),
    "se": ("y | se(error) ~ x", "gaussian", "Moments"),
    "se and sigma": ("y | se(error, sigma = TRUE) ~ x", "gaussian", "Moments"),
    "by": ("y ~ 1 + (1 | gr(h, by = side))", "gaussian", "Moments"),
    "gaussian, truncated": ("z | trunc(lb = -20) ~ f", "gaussian", "Counts"),
    "categorical": ("k ~ f + (1 | h)", "categorical", "Categories"),
    "cumulative": ("o ~ x + (1 | h)", "cumulative", "Counts"),
    "acat": ("o | weights(w) ~ cs(x)", "acat", "Counts"),
    "negbinomial": ("c ~ x + (1 | h)", "negbinomial", "Counts"),
    "weighted bernoulli": ("b | weights(w) ~ f + x", "bernoulli", "Counts"),
    "weighted categorical": ("k | weights(w) ~ f", "categorical", "Counts"),
    "smooth": ("p ~ s(x, k = 3) + (1 | h)", "gamma", "Counts"),
    "bounds": ("c | trunc(lb = 0) + cens(b) ~ x", "poisson", "Counts"),
    "monotonic, members": ("p ~ mo(t) + (1 | mm(h, f))", "weibull", "Counts"),
    "mixture": ("c ~ x", hm.mixture("poisson", "poisson"), "Counts"),
    "smallest response": ("p ~ x", "shifted_lognormal", "Counts"),
    "baseline hazard": ("p ~ f", "cox", "Counts"),
    "sparse": (hm.bf("c ~ f", sparse=True), "poisson", "Sums"),
    "QR": (hm.bf("b ~ x + t", decomp="QR"), "bernoulli", "Successes"),
    "cell means": (hm.bf("s | trials(t) ~ 0 + Intercept + f"), "binomial", "Successes"),
}


def densities(model: hm.Model, data: Any) -> tuple[Any, Any, list[np.ndarray]]:
    """Of the rows and of the cells, and points at which both are defined."""
    cells, engine = model.aggregated(), get_engine("stanli")
    rows = engine.log_density(model.stan_code, model.bind(data))
    added = engine.log_density(cells.stan_code, cells.bind(data), cells.parameters)
    points = [np.random.default_rng(k).uniform(0, 0.8, rows.dim) for k in range(6)]
    return rows, added, [q for q in points if np.isfinite(rows.value_and_grad(q)[0])]


@pytest.mark.parametrize("case", CASES)
def test_equal_to_rows(case: str) -> None:
    formula, family, kind = CASES[case]
    data = study()
    model = hm.model(formula, data, family)
    cells = model.aggregated()
    assert type(cells.form).__name__ == kind
    assert cells.bind(data)["N"] < len(data)
    rows, added, points = densities(model, data)
    assert len(points) >= 2
    for q in points:
        (a, grad_a), (b, grad_b) = added.value_and_grad(q), rows.value_and_grad(q)
        assert a == pytest.approx(b, rel=1e-11)
        np.testing.assert_allclose(grad_a, grad_b, rtol=1e-9, atol=1e-9 * np.abs(grad_b).max())


@pytest.mark.parametrize("case", ["binomial", "offset", "sigma with formula", "categorical"])
def test_without_constants_the_difference_is_one_number(case: str) -> None:
    formula, family, _ = CASES[case]
    data = study()
    rows, added, points = densities(hm.model(formula, data, family, normalize=False), data)
    found = [added.value_and_grad(q)[0] - rows.value_and_grad(q)[0] for q in points]
    np.testing.assert_allclose(found, found[0], atol=1e-9)


def test_equal_to_numpy() -> None:
    """The log-likelihood of the cells is the sum of the pointwise one, without any engine."""
    data = study()
    model = hm.model("c | rate(e) ~ x + offset(log(t)) + (1 | h)", data, family="poisson")
    cells, engine = model.aggregated(), get_engine("stanli")
    bound = cells.bind(data)
    full = engine.log_density(cells.stan_code, bound, cells.parameters)
    prior = engine.log_density(cells.stan_code, bound | {"prior_only": 1}, cells.parameters)
    q = np.random.default_rng(3).uniform(-1, 1, full.dim)
    params = {name: v[0] for name, v in full.constrain(q[None]).items()}
    found = full.value_and_grad(q)[0] - prior.value_and_grad(q)[0]
    assert found == pytest.approx(numpy_log_lik(model, model.rows(data), params), rel=1e-11)


def test_rows_that_stand_for_several() -> None:
    """Rows with counts are the rows as often as the counts say."""
    data = study(60)
    times = np.random.default_rng(1).integers(1, 4, len(data))
    many = data.loc[np.repeat(np.arange(len(data)), times)].reset_index(drop=True)
    for formula, family in (
        ("s | trials(t) ~ f", "binomial"), ("c ~ offset(log(e)) + f", "poisson"),
        ("y ~ f", "gaussian"), ("k ~ f", "categorical"), ("o ~ f", "cumulative"),
    ):
        cells = hm.model(formula, many, family).aggregated()
        a, b = cells.bind(data, times=times), cells.bind(many)
        assert a.keys() == b.keys()
        for name in a:
            np.testing.assert_allclose(a[name], b[name], rtol=1e-12, err_msg=name)


def test_extreme_offsets_do_not_overflow() -> None:
    data = study()
    data["far"] = np.where(data["f"] == "a", 900.0, -900.0) + data["e"]
    bound = hm.model("c ~ f + offset(far)", data, family="poisson").aggregated().bind(data)
    assert all(np.isfinite(np.asarray(v, dtype=float)).all() for v in bound.values())


@pytest.mark.parametrize(("formula", "family"), [
    ("b ~ f", "bernoulli"), ("s | trials(t) ~ f", "binomial"), ("c ~ f", "poisson"),
])
@pytest.mark.parametrize("intercept", [-700.0, -40.0, 40.0, 700.0])
def test_far_out_the_densities_are_finite_and_equal(
    formula: str, family: str, intercept: float
) -> None:
    """Where a sampler may look first: probabilities of 0 and 1 to the last digit."""
    data = study()
    rows, added, _ = densities(hm.model(formula, data, family), data)
    q = np.zeros(rows.dim)
    q[-1] = intercept
    (a, slope), (b, other) = added.value_and_grad(q), rows.value_and_grad(q)
    assert np.isfinite(b) and a == pytest.approx(b, rel=1e-11)
    np.testing.assert_allclose(slope, other, rtol=1e-9, atol=1e-9 * np.abs(other).max())


def test_sums_beyond_integers_are_refused() -> None:
    data = study()
    data["c"] = 100_000_000
    cells = hm.model("c ~ f", data, family="poisson").aggregated()
    with pytest.raises(DataError, match=r"counts of a cell add up to \d+, more than the largest"):
        cells.bind(data)


def test_what_cells_share() -> None:
    data = study()

    def key(formula: Any, family: Any) -> set[str]:
        return set(hm.model(formula, data, family).aggregated().key)

    assert key("b ~ f + (x | h)", "bernoulli") == {"f", "x", "h"}
    # An offset that is a covariate too, a rate that is an effect too: shared.
    assert key("c ~ e + offset(log(e))", "poisson") == {"e"}
    assert key("c | rate(e) ~ f + (0 + e | h)", "poisson") == {"e", "f", "h"}
    # The offset of another link than log is no rate.
    assert key("c ~ f + offset(x)", hm.family("poisson", link="identity")) == {"f", "x"}
    assert key("p ~ f", "gamma") == {"p", "f"}
    assert key("y | weights(w) + se(error) ~ 1", "gaussian") == {"error"}
    # The response among the predictors.
    assert key("y ~ f + I(y > 0)", "gaussian") == {"y", "f"}


def test_missing_values_of_a_column_are_a_cell_of_their_own() -> None:
    data = study()
    data["until"] = np.where(data["b"] == 1, data["p"] + 1, np.nan)
    data["kind"] = np.where(data["b"] == 1, "interval", "none")
    model = hm.model("p | cens(kind, until) ~ f", data, "gamma")
    rows, added, points = densities(model, data)
    for q in points:
        assert added.value_and_grad(q)[0] == pytest.approx(rows.value_and_grad(q)[0], rel=1e-9)
