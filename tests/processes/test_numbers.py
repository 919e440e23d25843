"""Covariances, spectral densities, functions and distances against independent computation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.spatial.distance import pdist
from scipy.special import gamma, kv

from hiermodel.processes.conditional import MOST_TOGETHER, process_values
from hiermodel.processes.covariance import COVARIANCES, SMOOTHNESS, covariance, spectral_density
from hiermodel.processes.distances import extent, gap, length_scale_prior
from hiermodel.processes.hilbert import boundary, eigenfunctions, frequencies

RNG = np.random.default_rng(4)
ONE = np.ones(1)


@pytest.mark.parametrize("name", SMOOTHNESS)
def test_matern_functions_are_bessel_functions(name: str) -> None:
    """The general formula, Rasmussen and Williams (2006), equation 4.14."""
    x, nu = np.linspace(0.1, 4, 9)[:, None], SMOOTHNESS[name]
    scaled = np.sqrt(2 * nu) * x[:, 0] / 0.7
    expected = 4 * 2 ** (1 - nu) / gamma(nu) * scaled**nu * kv(nu, scaled)
    found = covariance(name, np.zeros((1, 1)), x, np.array([2.0]), np.array([[0.7]]))[0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", COVARIANCES)
def test_spectral_density_in_one_dimension_is_the_fourier_transform(name: str) -> None:
    sd, lscale = np.array([1.3]), np.array([[0.6]])

    def value(r: float) -> float:
        return float(covariance(name, np.zeros((1, 1)), np.array([[r]]), sd, lscale)[0, 0, 0])

    for omega in (0.5, 2.0, 5.0):
        found = spectral_density(name, np.array([[omega]]), sd, lscale)[0, 0]
        wave = integrate.quad(value, 0, np.inf, weight="cos", wvar=omega)[0]
        assert found == pytest.approx(2 * wave, rel=1e-6)


@pytest.mark.parametrize("name", COVARIANCES)
def test_spectral_density_integrates_to_the_variance(name: str) -> None:
    """In two dimensions with a length scale for each; heavy tails are taken to the plane."""
    sd, lscale = np.array([1.5]), np.array([[0.5, 2.0]])

    def at(angle: float, radius: float) -> float:
        omega = np.array([[radius * np.cos(angle) / 0.5, radius * np.sin(angle) / 2.0]])
        return float(spectral_density(name, omega, sd, lscale)[0, 0]) * radius

    # In units of the length scales, whose product is 1, the density has the shape of a circle.
    total = integrate.quad(lambda r: 2 * np.pi * at(0.3, r), 0, np.inf)[0]
    assert total / (2 * np.pi) ** 2 == pytest.approx(1.5**2, rel=1e-6)
    assert at(0.3, 1.2) == pytest.approx(at(1.9, 1.2))


@pytest.mark.parametrize("name", COVARIANCES)
@pytest.mark.parametrize("dims", [1, 2])
def test_the_sum_of_functions_nears_the_exact_covariance(name: str, dims: int) -> None:
    x = RNG.uniform(-0.5, 0.5, (12, dims))
    half, k = boundary(x, np.full(dims, 3.0)), 40
    lscale = np.array([[0.5] * dims])
    values = eigenfunctions(x, k, half)
    weights = spectral_density(name, frequencies(k, half), ONE, lscale)[0]
    near = (values * weights) @ values.T
    exact = covariance(name, x, x, ONE, lscale)[0]
    # Rough processes need more functions.
    limit = {"exponential": 0.12, "matern32": 0.01}.get(name, 1e-3)
    assert np.abs(near - exact).max() < limit * dims


def test_length_scale_prior_has_one_percent_in_each_tail() -> None:
    for low, high in ((0.02, 1.0), (0.3, 2.0), (1.0, 1.5)):
        found = length_scale_prior(low, high)
        assert found is not None
        prior = stats.invgamma(found[0], scale=found[1])
        assert prior.cdf(low) == pytest.approx(0.01, rel=1e-3)
        assert prior.sf(high) == pytest.approx(0.01, rel=1e-3)
    assert length_scale_prior(1e-9, 1.0) == length_scale_prior(0.01, 1.0)
    assert length_scale_prior(1.0, 1.0) is None
    assert length_scale_prior(np.inf, 0.0) is None


@pytest.mark.parametrize("dims", [1, 2, 3, 5])
def test_distances_are_those_of_all_pairs(dims: int) -> None:
    x = RNG.normal(size=(4000, dims))
    every = pdist(x)
    assert extent(x) == pytest.approx(every.max(), rel=1e-12)
    assert gap(x) == pytest.approx(every.min(), rel=1e-9)


def test_points_on_a_line_have_no_hull() -> None:
    x = np.column_stack([np.arange(3500.0), 2 * np.arange(3500.0)])
    assert extent(x) == pytest.approx(3499 * np.sqrt(5))


@pytest.mark.parametrize("name", COVARIANCES)
def test_new_points_are_drawn_from_the_conditional_normal(name: str) -> None:
    """Mean and covariance by the textbook formula with an inverse matrix."""
    known, new = np.array([[0.0], [0.7], [1.5]]), np.array([[0.3], [2.5], [0.7]])
    sd, lscale, draws = np.array([1.2]), np.array([[0.6]]), 40_000
    z = np.array([[0.4, -1.0, 0.8]])
    values = process_values(
        name, known, new, np.repeat(sd, draws), np.repeat(lscale, draws, axis=0),
        np.repeat(z, draws, axis=0), np.random.default_rng(1),
    )
    among = covariance(name, known, known, sd, lscale)[0]
    across = covariance(name, known, new, sd, lscale)[0]
    fitted = np.linalg.cholesky(among) @ z[0]
    mean = across.T @ np.linalg.inv(among) @ fitted
    cov = covariance(name, new, new, sd, lscale)[0] - across.T @ np.linalg.inv(among) @ across
    np.testing.assert_allclose(values.mean(axis=0), mean, atol=6 * 1.2 / np.sqrt(draws))
    np.testing.assert_allclose(np.cov(values.T), cov, atol=0.03)
    # A point of the data has its own value, without any noise.
    np.testing.assert_allclose(values[:, 2], fitted[1], rtol=1e-9)


def test_too_many_new_points_are_drawn_one_by_one() -> None:
    known, new = np.zeros((1, 1)), np.linspace(0.1, 3, MOST_TOGETHER + 1)[:, None]
    rng = np.random.default_rng(2)
    with pytest.warns(UserWarning, match="too many to be drawn together"):
        values = process_values(
            "exp_quad", known, new, np.ones(200), np.ones((200, 1)), np.zeros((200, 1)), rng
        )
    np.testing.assert_allclose(values[:, -1].std(), 1.0, atol=0.2)
    # Neighbours are not alike, as they would be together.
    assert abs(np.corrcoef(values[:, -1], values[:, -2])[0, 1]) < 0.4


def test_missing_coordinates_give_missing_values() -> None:
    known, new = np.zeros((1, 1)), np.array([[np.nan], [1.0]])
    values = process_values(
        "matern32", known, new, ONE, ONE[:, None], ONE[:, None], np.random.default_rng(0)
    )
    assert np.isnan(values[0, 0]) and np.isfinite(values[0, 1])
