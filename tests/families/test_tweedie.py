"""The compound Poisson-gamma density against its definition."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate, stats

from hiermodel.families.tweedie import TWEEDIE

CASES = [(2.0, 1.0, 1.5), (10.0, 0.05, 1.2), (0.5, 3.0, 1.8), (40.0, 0.02, 1.5), (3.0, 0.4, 1.03)]


def _by_events(y: float, mu: float, phi: float, power: float) -> float:
    """Sum over the number of events of Poisson probability times gamma density."""
    rate = mu ** (2 - power) / (phi * (2 - power))
    shape, scale = (2 - power) / (power - 1), phi * (power - 1) * mu ** (power - 1)
    n = np.arange(1, 20_000)
    return float(np.sum(stats.poisson.pmf(n, rate) * stats.gamma.pdf(y, n * shape, scale=scale)))


@pytest.mark.parametrize(("mu", "phi", "power"), CASES)
def test_density_is_that_of_a_sum_of_amounts(mu: float, phi: float, power: float) -> None:
    for y in np.array([0.2, 0.7, 1.0, 1.6]) * mu:
        expected = _by_events(float(y), mu, phi, power)
        assert np.exp(TWEEDIE.log_prob(y, mu, phi, power)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("mu", "phi", "power"), CASES[:3])
def test_it_is_a_distribution_with_its_mean(mu: float, phi: float, power: float) -> None:
    ends = np.array([1e-300, 0.01, 0.1, 1.0, 5.0, 20.0, 100.0, 1000.0])

    def total(weight: object) -> float:
        return sum(
            integrate.quad(
                lambda y: y**weight * np.exp(TWEEDIE.log_prob(y, mu, phi, power)), a, b, limit=500
            )[0]
            for a, b in itertools.pairwise(ends)
        )

    zero = np.exp(TWEEDIE.log_prob(0.0, mu, phi, power))
    assert total(0) + zero == pytest.approx(1, rel=1e-8)
    assert total(1) == pytest.approx(mu, rel=1e-8)


def test_variance_is_a_power_of_the_mean() -> None:
    draws = TWEEDIE.random(np.random.default_rng(1), np.full(400_000, 3.0), 0.7, 1.4)
    assert draws.mean() == pytest.approx(3.0, rel=0.01)
    assert draws.var() == pytest.approx(0.7 * 3.0**1.4, rel=0.02)
    zero = np.exp(TWEEDIE.log_prob(0.0, 3.0, 0.7, 1.4))
    assert (draws == 0).mean() == pytest.approx(zero, abs=0.003)
