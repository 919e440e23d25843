"""Ranks of true values over simulated data sets, for the forms in which models are sampled."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

SETS = 30


@pytest.fixture(scope="module")
def coverage(script: Callable[[str], ModuleType]) -> ModuleType:
    """The benchmark, which does the same with more data sets."""
    return script("benchmarks/calibration.py")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["collapsed", "centred", "regression"])
def test_true_values_rank_uniformly(name: str, coverage: ModuleType) -> None:
    """Seeds are fixed, so that this fails when something changed and not by chance."""
    outcomes = coverage.run(name, SETS, seed=2, workers=1)
    assert sum(o.sampled for o in outcomes) > SETS / 2
    assert not any(o.rhat > 1.03 for o in outcomes)
    for key in outcomes[0].ranks:
        ranks = np.array([o.ranks[key] for o in outcomes])
        # Ranks of 0 to 99, spread over their interval.
        smooth = (ranks + np.random.default_rng(1).uniform(size=SETS)) / 100
        assert stats.kstest(smooth, "uniform").pvalue > 0.005, key
        inside = sum(o.held[key][1] for o in outcomes)
        assert stats.binomtest(inside, SETS, 0.9).pvalue > 0.005, key


def test_shares_are_those_of_the_outcomes(coverage: ModuleType) -> None:
    outcomes = [
        coverage.Outcome({"b": 10 * k}, {"b": (k < 5, k < 8)}, 1.0, 0, True) for k in range(10)
    ]
    row = coverage.shares(outcomes).loc["b"]
    assert row["50 %"] == 0.5 and row["90 %"] == 0.8 and row["p"] == pytest.approx(1)
    assert row["se of 90 %"] == pytest.approx(np.sqrt(0.9 * 0.1 / 10))
    text = coverage.text_of("collapsed", outcomes, 1.0)
    assert "| `b` | 50 % | 80 % | 1.00 |" in text


def test_simulated_data_are_those_of_the_model(coverage: ModuleType) -> None:
    """Means and spreads of many data sets against the priors, in closed form."""
    rng = np.random.default_rng(3)
    truths = [coverage.CASES["collapsed"].simulate(rng)[1] for _ in range(2000)]
    cor = np.array([t["cor_g__Intercept__x"] for t in truths])
    # lkj(2) of two coefficients: (1 + r) / 2 is beta(2, 2), so that the variance of r is 1 / 5.
    assert cor.var() == pytest.approx(0.2, rel=0.1) and abs(cor.mean()) < 0.04
    sd = np.array([t["sd_g__x"] for t in truths])
    effect = np.array([t["r_g[g00,x]"] for t in truths])
    assert (effect / sd).std() == pytest.approx(1, rel=0.05)
    data, truth = coverage.CASES["regression"].simulate(rng)
    residual = data["y"] - truth["b_Intercept"] - truth["b_x"] * data["x"]
    wanted = stats.norm.logpdf(residual, 0, truth["sigma"]).sum()
    assert truth["log_lik"] == pytest.approx(wanted)
