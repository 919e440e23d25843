"""Counts without closed forms, and zeros changed: against plain sums."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import gammaln, logsumexp

from hiermodel.families import evaluate
from hiermodel.families import special_counts as counts
from hiermodel.families.registry import as_family


@pytest.mark.parametrize(
    ("log_rate", "nu"),
    [(2.0, 0.5), (-0.1, 0.05), (5.0, 1.0), (3.0, 0.3), (1.0, 4.0), (60.0, 10.0), (7.0, 1.4)],
)
def test_com_poisson_is_its_series(log_rate: float, nu: float) -> None:
    k = np.arange(0, 200_000.0)
    weight = k * log_rate - nu * gammaln(k + 1)
    total = logsumexp(weight)
    a, b = np.array(log_rate), np.array(nu)
    assert counts.com_poisson_log_normalizer(a, b) == pytest.approx(total, abs=1e-10, rel=1e-12)
    mean = float(np.sum(k * np.exp(weight - total)))
    assert counts.com_poisson_mean(a, b) == pytest.approx(mean, rel=1e-10)
    for y in (0, 5, 200):
        below, above = logsumexp(weight[: y + 1]) - total, logsumexp(weight[y + 1 :]) - total
        assert counts.COM_POISSON.log_cdf(y, a, b) == pytest.approx(min(below, 0), abs=1e-9)
        assert counts.COM_POISSON.log_ccdf(y, a, b) == pytest.approx(min(above, 0), abs=1e-9)


@pytest.mark.parametrize(("log_q", "shape"), [(-0.1, 0.8), (-1.0, 0.3), (-0.001, 2.0), (-3, 0.7)])
def test_discrete_weibull_mean_is_the_whole_sum(log_q: float, shape: float) -> None:
    k = np.arange(1, 2_000_000.0)
    value = counts.discrete_weibull_mean(np.array(log_q), np.array(shape))
    assert value == pytest.approx(np.exp(log_q * k**shape).sum(), rel=1e-8)


@pytest.mark.parametrize("name", ["zero_inflated_negbinomial", "hurdle_negbinomial"])
def test_bounds_of_modified_counts(name: str) -> None:
    """Means between bounds are plain sums over the density."""
    p = SimpleNamespace(
        mu=np.array([[0.3, 4.0]]), shape=np.array([[0.7]]),
        zi=np.array([[0.4]]), hu=np.array([[0.4]]),
    )  # fmt: skip
    family = as_family(name)
    for low, high in ((0, 5), (1, 7), (0, 0), (2, 400)):
        ks = np.arange(low, high + 1)
        mass = np.stack([np.exp(evaluate.log_prob(family, np.full(2, k), p)[0]) for k in ks])
        expected = (ks[:, None] * mass).sum(axis=0) / mass.sum(axis=0)
        ours = evaluate.mean(family, p, np.float64(low), np.float64(high))[0]
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-12)
