from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from hiermodel.criticism import _arviz
from hiermodel.errors import DataError
from hiermodel.plots import plot_forest, plot_pairs, plot_trace
from hiermodel.plots.draws import selected

from .posteriors import fit_of, mixed_posterior


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fit():
    return fit_of("y ~ x + z + (1 | g)")


def test_default_selection_is_that_of_the_summary() -> None:
    assert list(selected(mixed_posterior()).data_vars) == [
        "b_Intercept", "b_sigma_Intercept", "b_x", "b_sigma_z",
        "sd_g__Intercept", "sd_g__x", "sd_g__sigma_Intercept", "cor_g__Intercept__x",
    ]  # fmt: skip


def test_selection_by_variable_flat_name_and_pattern() -> None:
    posterior = mixed_posterior()
    chosen = selected(posterior, ["r_g[c,x]", "sd_*", "b", "b_x"])
    assert list(chosen.data_vars) == [
        "r_g[c,x]", "sd_g__Intercept", "sd_g__x", "sd_g__sigma_Intercept", "b_Intercept", "b_x",
    ]  # fmt: skip
    np.testing.assert_array_equal(chosen["r_g[c,x]"], posterior["r_g"].values[:, :, 1, 1])


def test_unknown_names() -> None:
    with pytest.raises(DataError, match="did you mean 'b_x'"):
        selected(mixed_posterior(), "b_xx")
    with pytest.raises(DataError, match="no parameter to plot"):
        selected(xr.Dataset())


@pytest.mark.parametrize("plot", [plot_trace, plot_forest, plot_pairs])
def test_plots_draw_and_change_no_settings(fit, plot) -> None:
    before = dict(plt.rcParams)
    assert plot(fit) is not None
    assert any(ax.has_data() for ax in plt.gcf().axes)
    assert dict(plt.rcParams) == before


def test_trace_has_a_row_per_parameter(fit) -> None:
    plot_trace(fit, ["b", "sigma"])
    drawn = {t for ax in plt.gcf().axes for t in (ax.get_title(), ax.get_ylabel(), ax.get_xlabel())}
    assert {"b_Intercept", "b_x", "b_z", "sigma"} <= drawn or len(plt.gcf().axes) == 8


def test_pairs_need_two(fit) -> None:
    with pytest.raises(DataError, match="at least two"):
        plot_pairs(fit, "sigma")


def test_container_marks_divergences() -> None:
    draws = selected(mixed_posterior(), "b")
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.ones((2, 20), bool))})
    data = _arviz.plot_data(draws, stats)
    assert bool(data["sample_stats"]["diverging"].all())


def test_pairs_mark_divergences(fit) -> None:
    stats = xr.Dataset({"diverging": (("chain", "draw"), np.zeros((2, 20), bool))})
    stats["diverging"][:, :4] = True
    assert plot_pairs(fit.with_group("sample_stats", stats)) is not None
    assert any(ax.has_data() for ax in plt.gcf().axes)


@pytest.mark.parametrize("plot", [plot_trace, plot_forest, plot_pairs])
def test_size_is_given_in_the_same_way_on_both_lines_of_arviz(fit, plot) -> None:
    plot(fit, ["b", "sigma"], figsize=(6.5, 4.0))
    np.testing.assert_allclose(plt.gcf().get_size_inches(), (6.5, 4.0))
