"""Dot plots and violins: every value is a point."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hiermodel.criticism import pp_check, pp_check_data
from hiermodel.criticism.ppc.dots import HEIGHT, dots, stacks, violin
from hiermodel.criticism.ppc.overlays import density
from hiermodel.criticism.ppc.replications import Replications

from .posteriors import fit_of


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def sample(n: int, seed: int = 1) -> Replications:
    rng = np.random.default_rng(seed)
    return Replications(rng.normal(size=n), rng.normal(size=(3, n)), np.arange(float(n)))


def test_stacks_by_hand() -> None:
    centre, place = stacks(np.array([0.0, 0.4, 0.9, 1.0, 1.2, 5.0]), 1.0)
    assert centre.tolist() == pytest.approx([0.45, 0.45, 0.45, 1.1, 1.1, 5.0])
    assert place.tolist() == [1, 2, 3, 1, 2, 1]


def test_every_value_is_a_dot() -> None:
    data = sample(60)
    table = dots(data)
    assert table.groupby("draw").size().tolist() == [60, 60, 60, 60]
    width = table["width"].iloc[0]
    centres = table.loc[table["draw"] == 0, "x"].to_numpy()
    assert np.abs(np.sort(centres) - np.sort(data.y)).max() <= width / 2


def test_many_values_are_shown_by_hundred_quantiles() -> None:
    data = sample(5000)
    table = dots(data)
    assert table.groupby("draw").size().tolist() == [100] * 4
    middle = np.sort(table.loc[table["draw"] == 0, "x"])[[49, 50]].mean()
    assert middle == pytest.approx(np.median(data.y), abs=table["width"].iloc[0])


def test_the_highest_stack_fits() -> None:
    for data in (sample(100), Replications(np.zeros(40), np.ones((2, 40)), np.arange(40.0))):
        table = dots(data)
        span = np.ptp(data.pooled)
        assert table["value"].max() * table["width"].iloc[0] <= HEIGHT * span * 1.0001


def test_dots_of_few_values_do_not_become_too_small() -> None:
    """Three categories of 600 rows: fifty dots that one sees, not hundred that one does not."""
    y = np.repeat([1.0, 2.0, 4.0], [400, 150, 50])
    table = dots(Replications(y, np.tile(y, (2, 1)), np.arange(600.0)))
    data = table[table["draw"] == 0]
    assert data["x"].value_counts().to_dict() == {1.0: 33, 2.0: 13, 4.0: 4}
    assert table["width"].iloc[0] > 3 / 60


def test_equal_values_have_dots_too() -> None:
    table = dots(Replications(np.ones(5), np.ones((2, 5)), np.arange(5.0)))
    assert (table["width"] > 0).all() and table["value"].max() == 5


def test_dots_drawn_are_round_and_in_the_panel() -> None:
    axes = pp_check(fit_of("y ~ x"), "dots", ndraws=3, seed=1)
    check = pp_check_data(fit_of("y ~ x"), "dots", ndraws=3, seed=1)
    assert isinstance(axes, list) and [ax.get_title() for ax in axes][:2] == ["data",
                                                                             "replication 1"]
    width = check.table["width"].iloc[0]
    for draw, ax in enumerate(axes):
        assert ax.get_aspect() == 1.0
        part = check.table[check.table["draw"] == draw]
        offsets = np.asarray(ax.collections[0].get_offsets())
        np.testing.assert_allclose(offsets[:, 0], part["x"])
        np.testing.assert_allclose(offsets[:, 1], (part["value"] - 0.5) * width)
        assert ax.get_ylim()[1] >= part["value"].max() * width


def test_a_violin_is_the_density_of_all_replications() -> None:
    data = sample(40)
    table = violin(data)
    outline, points = table[table["draw"] == 1], table[table["draw"] == 0]
    np.testing.assert_allclose(
        outline["value"], density(data.yrep.ravel(), outline["x"].to_numpy())
    )
    assert points["x"].tolist() == data.y.tolist()
    assert table["upper"].iloc[0] == pytest.approx(np.quantile(data.yrep, 0.95))


def test_violins_stand_beside_each_other() -> None:
    fit = fit_of("y ~ x + (1 | g)")
    ax = pp_check(fit, "violin_grouped", group="g", seed=1)
    points = np.concatenate([np.asarray(c.get_offsets()) for c in ax.collections
                             if len(c.get_offsets()) == 10])
    assert len(points) == 40
    np.testing.assert_allclose(np.sort(points[:, 1]), np.sort(fit.response))
    np.testing.assert_array_equal(np.round(points[:, 0]), np.repeat([0, 1, 2, 3], 10))
