"""Likelihood with additions, means and random draws, over the registry of families."""

from __future__ import annotations

from itertools import combinations_with_replacement
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from hiermodel.errors import FamilyError
from hiermodel.families import evaluate
from hiermodel.families.registry import as_family, family, family_names
from hiermodel.families.truncation import log_mass

from .stan_programs import sample

# A baseline hazard says nothing about times behind its last knot: no draws and no means.
ALL = tuple(name for name in family_names() if "bhaz" not in as_family(name).additions)
CENSORED = [name for name in ALL if "cens" in as_family(name).additions]


def repeated(name: str, times: int) -> tuple[SimpleNamespace, np.ndarray]:
    """Parameters of a sample with `times` draws of each."""
    s = sample(as_family(name), seed=21)
    p = SimpleNamespace(
        **{
            k: v if k in ("trials", "dec", "reference") else np.repeat(v, times, axis=0)
            for k, v in vars(s.p).items()
        }
    )
    return p, s.y


@pytest.mark.parametrize("name", ALL)
def test_mean_agrees_with_random_draws(name: str) -> None:
    fam = as_family(name)
    p, _ = repeated(name, 4000)
    if name in ("student", "frechet"):
        p.nu = np.maximum(p.nu, 4.0)
    draws = evaluate.random(fam, np.random.default_rng(3), p)
    if fam.correlated:
        with pytest.raises(FamilyError, match=r"no closed form; use posterior_predict\(\)"):
            evaluate.mean(fam, p)
        log_ratios = np.log(np.delete(draws, 1, axis=-1) / draws[..., [1]])
        error = log_ratios.std(axis=0) / np.sqrt(len(draws))
        assert np.abs((log_ratios.mean(axis=0) - p.mu[0]) / error).max() < 4.5
        np.testing.assert_allclose(log_ratios.std(axis=0), p.sigma[0], rtol=0.06)
        factor = p.lncor[0, 0]
        np.testing.assert_allclose(np.corrcoef(log_ratios[:, 0].T), factor @ factor.T, atol=0.06)
        return
    expected = evaluate.mean(fam, p)
    if fam.response in ("ordinal", "nominal"):
        assert expected.shape[:2] == draws.shape
        np.testing.assert_allclose(expected.sum(axis=-1), 1)
        codes = np.arange(expected.shape[-1]) + fam.first_category
        share = np.stack([(draws == k).mean(axis=0) for k in codes], -1)
        np.testing.assert_allclose(share, expected[0], atol=0.04)
        return
    if fam.response == "angle":
        # The mean of a direction: that of the deviations from it, taken around the circle.
        draws = expected + np.angle(np.exp(1j * (draws - expected)))
    error = draws.std(axis=0) / np.sqrt(len(draws))
    z = (draws.mean(axis=0) - expected[0]) / error
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("name", ALL)
def test_same_seed_same_draws(name: str) -> None:
    fam = as_family(name)
    p, _ = repeated(name, 3)
    first = evaluate.random(fam, np.random.default_rng(8), p)
    np.testing.assert_array_equal(first, evaluate.random(fam, np.random.default_rng(8), p))


@pytest.mark.parametrize("name", [n for n in ALL if as_family(n).discrete])
def test_probabilities_of_all_values_sum_to_one(name: str) -> None:
    fam = as_family(name)
    s = sample(fam, seed=2)
    first = fam.first_category if fam.response in ("ordinal", "nominal") else 0
    values = (np.full(s.y.shape, v) for v in range(first, 600))
    if fam.several_columns:
        # All ways to split five trials: the cumulative counts increase.
        ends = combinations_with_replacement(range(6), s.y.shape[1] - 1)
        values = (np.tile(np.diff((0, *k, 5)), (len(s.y), 1)) for k in ends)
    total = sum(np.exp(evaluate.log_prob(fam, y, s.p)) for y in values)
    np.testing.assert_allclose(total, 1, atol=2e-5)


@pytest.mark.parametrize("name", [*CENSORED, "cox"])
def test_censoring(name: str) -> None:
    fam = as_family(name)
    s = sample(fam, seed=4)
    n = len(s.y)
    unit = fam.response in ("unit", "unit_with_zero")
    y = np.full(n, 0.3) if unit else np.full(n, 1.0)
    upper = y + (0.4 if unit else 2)
    cdf, cdf_upper, ccdf = (
        np.exp(evaluate.log_prob(fam, at, s.p, cens=np.full(n, code)))
        for at, code in ((y, -1), (upper, -1), (y, 1))
    )
    np.testing.assert_allclose(cdf + ccdf, 1, rtol=1e-10)
    interval = evaluate.log_prob(fam, y, s.p, cens=np.full(n, 2), rcens=upper)
    np.testing.assert_allclose(np.exp(interval), cdf_upper - cdf, rtol=1e-8, atol=1e-12)
    mixed = np.resize([0, -1, 1, 2], n)
    out = evaluate.log_prob(fam, y, s.p, cens=mixed, rcens=upper)
    np.testing.assert_allclose(out[:, mixed == 0], evaluate.log_prob(fam, y, s.p)[:, mixed == 0])
    np.testing.assert_allclose(out[:, mixed == 2], interval[:, mixed == 2])


BOUNDS = {
    "unit": (0.2, 0.7), "unit_with_zero": (0.2, 0.7), "positive": (0.5, 2.5), "real": (-0.5, 1.5),
    "nonnegative": (0.5, 2.5), "angle": (-0.5, 1.5),
}  # fmt: skip


@pytest.mark.parametrize("name", CENSORED)
def test_truncation(name: str) -> None:
    fam = as_family(name)
    p, _ = repeated(name, 1000)
    lb, ub = BOUNDS.get(fam.response, (1, 4))
    draws = evaluate.random(fam, np.random.default_rng(6), p, lb=lb, ub=ub, ntries=2)
    assert draws.min() >= lb and draws.max() <= ub
    if fam.discrete:
        assert (draws == lb).any()
    possible = np.isfinite(log_mass(fam.distribution, lb, ub, *evaluate.arguments(fam, p)))[0]
    expected = evaluate.mean(fam, p, lb, ub)
    error = draws.std(axis=0) / np.sqrt(len(draws)) + 1e-5  # rare values may not be drawn
    z = (draws.mean(axis=0) - expected[0]) / error
    assert np.abs(z[possible]).max() < 4.5


def _quadrature(lb: float, ub: float, kink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights between bounds, one column a row; a density may have a kink."""
    nodes, base = np.polynomial.legendre.leggauss(200)
    middle = np.clip(kink, lb, ub)
    parts = [(np.full_like(middle, lb), middle), (middle, np.full_like(middle, ub))]
    values = [a + (b - a) * (nodes[:, None] + 1) / 2 for a, b in parts]
    weights = [base[:, None] * (b - a) / 2 for a, b in parts]
    return np.concatenate(values), np.concatenate(weights)


@pytest.mark.parametrize("name", CENSORED)
def test_truncated_mean_by_summing(name: str) -> None:
    """The closed forms equal sums over the density, with one bound and with two."""
    fam = as_family(name)
    s = sample(fam, seed=9)
    for lb, ub in ((BOUNDS.get(fam.response, (1, 4))), (BOUNDS.get(fam.response, (1, 4))[0], None)):
        if fam.discrete:
            values = np.arange(lb, 3000 if ub is None else ub + 1)
            weight = np.exp(evaluate.log_prob(fam, values[:, None], s.p))
        else:
            if ub is None:
                continue
            values, base = _composite(lb, ub)
            weight = np.exp(evaluate.log_prob(fam, values[:, None], s.p)) * base[:, None]
            at_zero = np.exp(evaluate.log_prob(fam, np.array([0.0]), s.p))
            if name == "zero_inflated_asym_laplace":
                # The nodes see the density alone; the point mass adds itself, but no sum.
                values, weight = np.append(values, 0.0), np.append(weight, at_zero, axis=0)
        total = weight.sum(axis=0)
        good = total > 0
        expected = (weight * values[:, None]).sum(axis=0)[good] / total[good]
        mean = evaluate.truncated_mean(fam, s.p, lb, np.inf if ub is None else ub)
        np.testing.assert_allclose(mean[0][good], expected, rtol=1e-7)


def _composite(lb: float, ub: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of panels so small that a kink of a density does not matter."""
    nodes, base = np.polynomial.legendre.leggauss(8)
    ends = np.linspace(lb, ub, 20_001)
    half = (ends[1:] - ends[:-1])[:, None] / 2
    return ((ends[:-1, None] + half) + half * nodes).ravel(), (half * base).ravel()


def test_truncated_likelihood_subtracts_the_mass() -> None:
    p = SimpleNamespace(mu=np.full((1, 1), 2.5))
    out = evaluate.log_prob(as_family("poisson"), np.array([1, 3]), p, lb=np.array([1, 2]))
    mass = [1 - stats.poisson(2.5).pmf(0), 1 - stats.poisson(2.5).cdf(1)]
    np.testing.assert_allclose(np.exp(out[0]), stats.poisson(2.5).pmf([1, 3]) / mass)


def test_far_truncation_is_exact() -> None:
    p = SimpleNamespace(mu=np.zeros((2000, 1)), sigma=np.ones((1, 1)))
    draws = evaluate.random(as_family("gaussian"), np.random.default_rng(1), p, lb=30.0)
    # beyond 30 a normal is an exponential with rate near 30
    assert draws.min() >= 30
    mean = evaluate.mean(as_family("gaussian"), p, lb=30.0)[0, 0]
    assert mean == pytest.approx(30 + 1 / 30 - 2 / 30**3, abs=1e-5)
    assert draws.mean() == pytest.approx(mean, abs=0.004)
    counts = SimpleNamespace(mu=np.full((500, 1), 2.0))
    far = evaluate.random(as_family("poisson"), np.random.default_rng(1), counts, lb=60)
    assert far.dtype == np.int64 and far.min() == 60


def test_weights_multiply_everything() -> None:
    p = SimpleNamespace(mu=np.zeros((1, 2)), sigma=np.ones((1, 1)))
    y, weights = np.array([0.3, 1.0]), np.array([2.0, 0.5])
    plain = evaluate.log_prob(as_family("gaussian"), y, p, lb=0.0)
    weighted = evaluate.log_prob(as_family("gaussian"), y, p, lb=0.0, weights=weights)
    np.testing.assert_allclose(weighted, plain * weights)


def test_fixed_parameters_are_filled_in() -> None:
    p = SimpleNamespace(mu=np.full((1, 3), 2.0))
    y = np.array([0, 1, 2])
    geometric = evaluate.log_prob(as_family("geometric"), y, p)
    np.testing.assert_allclose(np.exp(geometric[0]), (1 / 3) * (2 / 3) ** y)
    p.shape = np.full((1, 1), 2.0)
    assert not np.allclose(evaluate.log_prob(as_family("geometric"), y, p), geometric)


def test_ordinal_link_changes_mean_and_likelihood_alike() -> None:
    p = SimpleNamespace(mu=np.full((1, 1), 0.4), thresholds=np.array([[[-1.0, 0.2]]]))
    for link in as_family("cumulative").param("mu").links:
        fam = family("cumulative", link=link)
        logs = [evaluate.log_prob(fam, np.array([k]), p)[0, 0] for k in (1, 2, 3)]
        np.testing.assert_allclose(np.exp(logs), evaluate.mean(fam, p)[0, 0])


def test_nan_parameters_give_nan_draws() -> None:
    p = SimpleNamespace(mu=np.array([[1.0, np.nan]]))
    draws = evaluate.random(as_family("poisson"), np.random.default_rng(0), p)
    assert np.isfinite(draws[0, 0]) and np.isnan(draws[0, 1])
    nothing = SimpleNamespace(mu=np.full((1, 2), np.nan))
    assert np.isnan(evaluate.random(as_family("poisson"), np.random.default_rng(0), nothing)).all()
    p = SimpleNamespace(mu=np.array([[0.1, np.nan]]), thresholds=np.array([[[0.0, 1.0]]]))
    draws = evaluate.random(as_family("sratio"), np.random.default_rng(0), p)
    assert np.isfinite(draws[0, 0]) and np.isnan(draws[0, 1])


def test_hurdle_that_all_rows_share() -> None:
    p = SimpleNamespace(
        mu=np.zeros((2, 5)), hu=np.full((2, 1), 0.3), thresholds=np.array([[[0.0, 1.0]]])
    )
    draws = evaluate.random(as_family("hurdle_cumulative"), np.random.default_rng(0), p)
    assert draws.shape == (2, 5) and set(np.unique(draws)) <= {0, 1, 2, 3}


def test_family_without_distribution_function() -> None:
    p = SimpleNamespace(mu=np.zeros((1, 1)), thresholds=np.array([[[0.0]]]))
    with pytest.raises(FamilyError, match=r"'sratio' has no distribution function for cens\(\)"):
        evaluate.log_prob(as_family("sratio"), np.array([1]), p, cens=np.array([1]))
    with pytest.raises(FamilyError, match="mean of a truncated 'sratio'"):
        evaluate.mean(as_family("sratio"), p, lb=1)
