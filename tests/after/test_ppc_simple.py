from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

import hiermodel as hm
from hiermodel.criticism import pp_check
from hiermodel.criticism.ppc.overlays import stat_freqpoly
from hiermodel.criticism.ppc.replications import Replications
from hiermodel.criticism.ppc.simple import (
    boxplot,
    error_binned,
    error_scatter,
    error_scatter_avg_vs_x,
    freqpoly,
    scatter,
)

from .posteriors import fit_of


def replications() -> Replications:
    y = np.array([0.0, 1.0, 1.0, 3.0])
    yrep = np.array([[0.0, 0.0, 1.0, 2.0], [1.0, 1.0, 1.0, 4.0]])
    return Replications(y, yrep, np.array([3.0, 1.0, 2.0, 0.0]))


def test_boxes_are_quantiles_with_the_data_first() -> None:
    table = boxplot(replications())
    assert table["draw"].tolist() == [0, 1, 2]
    assert table["median"].tolist() == [1.0, 0.5, 1.0]
    assert table.loc[0, "highest"] == pytest.approx(np.quantile([0, 1, 1, 3], 0.95))


def test_counts_of_bins_sum_to_the_rows_and_draws() -> None:
    data = replications()
    assert freqpoly(data).groupby("draw")["value"].sum().tolist() == [4, 4, 4]
    table = stat_freqpoly(data)
    assert table["value"].sum() == 2 and table["observed"].iloc[0] == 1.25


def test_pairs_by_hand() -> None:
    table = scatter(replications())
    assert table[table["draw"] == 2]["x"].tolist() == [1, 1, 1, 4]
    assert table[table["draw"] == 2]["value"].tolist() == [0, 1, 1, 3]
    errors = error_scatter(replications())
    assert errors[errors["draw"] == 2]["x"].tolist() == [-1, 0, 0, -1]


def test_errors_by_hand() -> None:
    table = error_scatter_avg_vs_x(replications())
    assert table["x"].tolist() == [3, 1, 2, 0]
    assert table["value"].tolist() == [-0.5, 0.5, 0, 0]
    binned = error_binned(replications())
    assert binned["x"].tolist() == [0.5, 2.0] and binned["value"].tolist() == [0.0, 0.0]
    half = 2 * np.std([-0.5, 0.5], ddof=1) / np.sqrt(2)
    assert binned.loc[0, "upper"] == pytest.approx(half) and binned.loc[1, "upper"] == 0


def test_figsize_is_that_of_the_figure() -> None:
    ax = pp_check(fit_of("y ~ x"), "boxplot", seed=1, figsize=(3.0, 2.0))
    assert tuple(ax.figure.get_size_inches()) == (3.0, 2.0)
    plt.close("all")


def test_categories_without_an_order_have_no_numbers_to_show() -> None:
    fit = fit_of("dose ~ x", "categorical")
    with pytest.raises(hm.HiermodelError, match="have no order: take type='bars'"):
        pp_check(fit, "boxplot")
