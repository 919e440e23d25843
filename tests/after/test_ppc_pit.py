from __future__ import annotations

import numpy as np
import pytest

from hiermodel.criticism import pp_check_data
from hiermodel.criticism.ppc.pit import envelope, pit_ecdf, transforms
from hiermodel.criticism.ppc.replications import Replications

from .posteriors import fit_of


def replications(shift: float, n: int = 200) -> Replications:
    rng = np.random.default_rng(5)
    y = rng.poisson(3.0, n) + shift
    return Replications(y, rng.poisson(3.0, (400, n)).astype(float), np.arange(n, dtype=float))


def outside(data: Replications) -> bool:
    table = pit_ecdf(data)
    return bool(((table["value"] < table["lower"]) | (table["value"] > table["upper"])).any())


def test_transforms_count_the_replications_below() -> None:
    yrep = np.array([[0.0, 5.0], [1.0, 6.0], [2.0, 7.0]])
    pit = transforms(Replications(np.array([1.5, 4.0]), yrep, np.arange(2.0)))
    assert 0.5 <= pit[0] < 0.75 and 0 <= pit[1] < 0.25


def test_counts_of_the_right_model_are_inside_and_shifted_ones_not() -> None:
    assert not outside(replications(0.0))
    assert outside(replications(1.0))


def test_envelope_holds_the_whole_curve_as_often_as_it_says() -> None:
    lower, upper = envelope(100, 100)
    grid = np.linspace(0, 1, 101)
    numbers = np.sort(np.random.default_rng(9).random((2000, 100)), axis=1)
    curves = np.array([np.searchsorted(row, grid, side="right") for row in numbers]) / 100
    inside = ((curves >= lower - 1e-9) & (curves <= upper + 1e-9)).all(axis=1).mean()
    assert 0.93 < inside < 0.975


def test_the_random_part_follows_the_seed() -> None:
    fit = fit_of("n ~ x", "poisson", b=np.zeros((2, 20, 1)), Intercept=np.full((2, 20), 1.1))
    one, again, other = (
        pp_check_data(fit, "pit_ecdf", seed=seed).table for seed in (1, 1, 2)
    )
    assert one.equals(again) and not one.equals(other)
    data = Replications(np.zeros(3), np.zeros((4, 3)), np.arange(3.0), rng=np.random.default_rng(5))
    assert transforms(data) == pytest.approx(np.random.default_rng(5).random(3))
