"""Modes, Laplace's approximation and Pathfinder on densities with a known answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.engines import Draws, SamplingSettings
from hiermodel.engines.diagnose import check_approximation
from hiermodel.engines.laplace import laplace_points
from hiermodel.engines.lbfgs import lbfgs, point_at
from hiermodel.engines.modes import find_mode
from hiermodel.engines.pathfinder import approximations, best_on_path, pathfinder_points
from hiermodel.engines.stanli import StanliEngine
from hiermodel.errors import EngineError, SamplingWarning
from hiermodel.importance import resample


class Given:
    """A log density from Python functions."""

    def __init__(self, dim: int, both: Callable[[np.ndarray], tuple[float, np.ndarray]]) -> None:
        self.dim = dim
        self.value_and_grad = both

    def value(self, params: Mapping[str, Any]) -> float:
        raise NotImplementedError

    def unconstrain(self, params: Mapping[str, Any]) -> np.ndarray:
        raise NotImplementedError

    def constrain(self, q: np.ndarray) -> dict[str, np.ndarray]:
        raise NotImplementedError


def normal(dim: int = 8) -> tuple[Given, np.ndarray, np.ndarray]:
    """A correlated normal of unequal scales: density, mean, covariance."""
    rng = np.random.default_rng(3)
    root = rng.normal(size=(dim, dim)) * np.logspace(0, 2, dim)[:, np.newaxis]
    covariance = root @ root.T + 0.1 * np.eye(dim)
    mean, precision = 20 * rng.normal(size=dim), np.linalg.inv(covariance)

    def both(q: np.ndarray) -> tuple[float, np.ndarray]:
        pull = precision @ (q - mean)
        return float(-0.5 * (q - mean) @ pull), -pull

    return Given(dim, both), mean, covariance


def test_the_mode_of_a_normal_is_its_mean() -> None:
    density, mean, _ = normal()
    mode = find_mode(density, [np.zeros(8)])
    assert mode.reached and mode.curved
    np.testing.assert_allclose(mode.point.q, mean, atol=1e-5)
    assert mode.point.lp == pytest.approx(0, abs=1e-9)


def test_the_search_ends_when_starts_agree() -> None:
    density, _, _ = normal()
    starts = iter(np.random.default_rng(1).normal(size=(8, 8)))
    find_mode(density, starts)
    assert len(list(starts)) == 3


def test_the_higher_of_two_modes() -> None:
    def both(q: np.ndarray) -> tuple[float, np.ndarray]:
        heights = np.array([0.0, 1.0]) - 0.5 * (q[0] - np.array([-9.0, 9.0])) ** 2
        lp = np.logaddexp.reduce(heights)
        return float(lp), np.array([np.exp(heights - lp) @ (np.array([-9.0, 9.0]) - q[0])])

    starts = [np.array([x]) for x in (-5.0, 5.0, -6.0)]
    mode = find_mode(Given(1, both), starts)
    assert mode.point.q[0] == pytest.approx(9) and mode.lower == pytest.approx(0)
    (remark,) = mode.remarks
    assert "several modes" in remark and "init=" in remark


def test_a_wall_of_the_domain_is_no_end() -> None:
    def both(q: np.ndarray) -> tuple[float, np.ndarray]:
        if q[0] <= 0:
            return -np.inf, np.full(1, np.nan)
        return float(2 * np.log(q[0]) - 200 * q[0]), 2 / q - 200

    mode = find_mode(Given(1, both), [np.array([30.0])])
    assert mode.point.q[0] == pytest.approx(0.01) and mode.reached


@pytest.mark.parametrize("both", [
    lambda q: (float(q.sum()), np.ones(2)),
    lambda q: (float(np.exp(q[0])), np.array([np.exp(q[0]), 0.0])),
])  # fmt: skip
def test_a_density_without_bound(both: Callable[..., Any]) -> None:
    with np.errstate(over="ignore"), pytest.raises(EngineError, match="rises without bound") as e:
        find_mode(Given(2, both), [np.zeros(2), np.ones(2)])
    assert 'algorithm="sampling"' in str(e.value) and "\n" not in str(e.value)


def test_no_finite_start() -> None:
    density = Given(1, lambda q: (-np.inf, np.full(1, np.nan)))
    with pytest.raises(EngineError, match="finite at no starting point"):
        find_mode(density, [np.zeros(1)])


RIDGE = Given(2, lambda q: (float(-((q[0] + q[1] - 1) ** 2)), np.full(2, -2 * (q.sum() - 1))))
PLATEAU = Given(1, lambda q: (float(-np.logaddexp(0, -q[0])), np.exp(-np.logaddexp(0, q))))


@pytest.mark.parametrize("density", [RIDGE, PLATEAU])
def test_flat_modes_have_no_laplace_approximation(density: Given) -> None:
    mode = find_mode(density, [np.zeros(density.dim)])
    assert mode.curved is False
    with pytest.raises(EngineError, match="does not exist") as error:
        laplace_points(density, mode, 10, np.random.default_rng(1))
    assert 'algorithm="sampling"' in str(error.value) and "sample()" not in str(error.value)


def test_laplace_of_a_normal_is_exact() -> None:
    density, mean, covariance = normal()
    mode = find_mode(density, [np.zeros(8)])
    points, lp, ratios = laplace_points(density, mode, 4000, np.random.default_rng(1))
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(points.mean(axis=0), mean, atol=0.06 * sd.max())
    np.testing.assert_allclose(points.std(axis=0), sd, rtol=0.05)
    assert np.ptp(ratios) < 1e-3 and lp.shape == (4000,)


def test_pathfinder_recovers_a_normal() -> None:
    density, mean, covariance = normal()
    rng = np.random.default_rng(1)
    found = pathfinder_points(density, rng.normal(size=(3, 8)), 2000, rng)
    assert found is not None
    points, _, ratios = found
    chosen, k = resample(ratios, 2000, rng)
    sd = np.sqrt(np.diag(covariance))
    assert k < 0.7
    assert (np.abs(points[chosen].mean(axis=0) - mean) < 0.1 * sd).all()
    correlation = covariance / np.outer(sd, sd)
    np.testing.assert_allclose(np.cov(points[chosen].T) / np.outer(sd, sd), correlation, atol=0.15)


def test_an_approximation_has_the_density_that_it_draws_from() -> None:
    density, _, _ = normal()
    best = best_on_path(density, point_at(density, np.ones(8)), np.random.default_rng(2))
    assert best is not None
    low_rank = best.basis @ (best.factor @ best.factor.T - np.eye(8)) @ best.basis.T
    covariance = np.outer(best.scale, best.scale) * (np.eye(8) + low_rank)
    points = best.draw(50_000, np.random.default_rng(4))
    sd = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(np.cov(points.T) / np.outer(sd, sd),
                               covariance / np.outer(sd, sd), atol=0.02)  # fmt: skip
    away = points[:5] - best.mean
    distance = np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away)
    expected = -0.5 * (distance + np.linalg.slogdet(2 * np.pi * covariance)[1])
    np.testing.assert_allclose(best.log_density(points[:5]), expected, rtol=1e-6)


def test_paths_climb_and_long_ones_are_thinned() -> None:
    def both(q: np.ndarray) -> tuple[float, np.ndarray]:  # Rosenbrock's valley
        a, b = 1 - q[0], q[1] - q[0] ** 2
        return float(-(a**2) - 100 * b**2), np.array([2 * a + 400 * b * q[0], -200 * b])

    density = Given(2, both)
    path = lbfgs(density, point_at(density, np.array([-30.0, 30.0])))
    heights = np.array([point.lp for point in path])
    assert (np.diff(heights) > 0).all() and heights[-1] == pytest.approx(0, abs=1e-8)
    assert len(path) > 60 and 20 <= len(list(approximations(path))) <= 51


def test_resampling_moves_draws_to_the_target() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=8000)
    chosen, k = resample(0.5 * x, 2000, rng)
    assert k < 0.7 and x[chosen].mean() == pytest.approx(0.5, abs=0.07)
    chosen, k = resample(np.zeros(100), 60, rng)
    assert k == -np.inf and len(set(chosen.tolist())) == 60
    chosen, k = resample(rng.standard_cauchy(4000) ** 2, 1000, rng)
    assert k > 0.7 and len(set(chosen.tolist())) == 1000


def test_a_poor_approximation_is_warned_of_once() -> None:
    draws = Draws({"mu": np.ones((1, 9))}, method="pathfinder", pareto_k=1.2, remarks=("Also.",))
    with pytest.warns(SamplingWarning) as caught:
        messages = check_approximation(draws)
    assert [str(w.message) for w in caught] == list(messages) and len(messages) == 2
    assert "Pareto k of its importance ratios is 1.20" in messages[1]


# --------------------------------------------------------------------------- real models

MODELS = {
    "slopes": ("reaction ~ days + (days | subject)", "sleepstudy", "gaussian", -861.92840),
    "binomial": ("incidence | trials(size) ~ period + (1 | herd)", "cbpp", "binomial", -93.85245),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_seed_finds_the_same_mode(name: str) -> None:
    formula, data, family, height = MODELS[name]
    frame = hm.datasets.load(data)
    model = hm.model(formula, frame, family)
    for seed in range(5):
        settings = SamplingSettings(seed=seed, progress=False)
        found = StanliEngine().optimize(
            model.stan_code, model.bind(frame), model.parameters, settings
        )
        assert found.log_density == pytest.approx(height, abs=1e-3) and not found.remarks


@pytest.mark.parametrize("algorithm", ["laplace", "pathfinder"])
def test_group_level_models_are_warned_of(algorithm: str) -> None:
    frame = hm.datasets.load("sleepstudy")
    with pytest.warns(SamplingWarning, match=f"The {algorithm} approximation is poor: Pareto k"):
        hm.fit(MODELS["slopes"][0], frame, algorithm=algorithm, draws=200, seed=1)


@pytest.mark.parametrize("algorithm", ["laplace", "pathfinder"])
def test_a_regression_is_approximated_well(algorithm: str) -> None:
    frame = hm.datasets.load("sleepstudy")
    fit = hm.fit("reaction ~ days", frame, algorithm=algorithm, seed=1)
    nuts = hm.fit("reaction ~ days", frame, seed=1, progress=False)
    assert fit.origin.pareto_k is not None and fit.origin.pareto_k < 0.7
    for name in ("b_Intercept", "b_days", "sigma"):
        ours, theirs = fit.to_frame()[name], nuts.to_frame()[name]
        assert ours.mean() == pytest.approx(theirs.mean(), abs=0.15 * theirs.std())
        assert ours.std() == pytest.approx(theirs.std(), rel=0.1)
