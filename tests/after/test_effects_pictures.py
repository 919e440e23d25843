"""Spaghetti, surfaces, points, rugs and facets of conditional effects."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.effects import conditional_effects
from hiermodel.errors import ArgumentError, DataError

from .posteriors import fit_of


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    return fit_of("y ~ x * z + dose + old + (1 | g)")


def test_lines_are_single_draws(fit) -> None:
    effect = conditional_effects(fit, "x", spaghetti=True, resolution=4, ndraws=8).effect("x")
    assert effect.lines is not None and len(effect.lines) == 8 * 4
    draws = fit.posterior_epred(
        effect.frame[["x", "z", "dose", "old"]], re_formula="none", ndraws=8
    ).values.reshape(8, 4)
    np.testing.assert_allclose(effect.lines["estimate__"].to_numpy().reshape(8, 4), draws)
    np.testing.assert_allclose(effect.lines["x"].iloc[:4], effect.frame["x"])
    assert effect.lines["draw__"].iloc[::4].tolist() == list(range(8))
    ax = conditional_effects(fit, "x", spaghetti=True, resolution=4, ndraws=8).plot()[0]
    segments = ax.collections[0].get_segments()
    np.testing.assert_allclose([s[:, 1] for s in segments], draws)
    # All 40 draws stand for the estimate, without ndraws.
    whole = conditional_effects(fit, "x", spaghetti=True, resolution=4)
    assert whole.effect("x").lines["draw__"].nunique() == 40
    assert whole["x"].equals(conditional_effects(fit, "x", resolution=4)["x"])


def test_lines_belong_to_their_series_and_panel(fit) -> None:
    effects = conditional_effects(
        fit, "x:dose", {"z": [0.0, -1.0]}, spaghetti=True, resolution=3, ndraws=5
    )
    axes = effects.plot()
    assert len(axes) == 2 and all(len(ax.collections) == 3 for ax in axes)
    part = effects.effect("x:dose").lines
    part = part[(part["cond__"] == "z = -1") & (part["effect2__"] == "mid")]
    drawn = [s[:, 1] for s in axes[1].collections[1].get_segments()]
    np.testing.assert_allclose(drawn, part["estimate__"].to_numpy().reshape(5, 3))
    # Factors have no lines along them.
    assert conditional_effects(fit, "dose", spaghetti=True).effect("dose").lines is None


def test_surface_is_a_grid_of_both_numbers(fit) -> None:
    effects = conditional_effects(fit, "x:z", surface=True, resolution=6, robust=False)
    table = effects["x:z"]
    assert len(table) == 36 and effects.effect("x:z").surface
    z = fit.frame["z"]
    np.testing.assert_allclose(table["z"].unique(), np.linspace(z.min(), z.max(), 6))
    draws = fit.posterior_epred(table[["x", "z", "dose", "old"]], re_formula="none").values
    np.testing.assert_allclose(table["estimate__"], draws.reshape(40, -1).mean(axis=0))
    (ax,) = effects.plot(points=True)
    assert ax.get_xlabel() == "x" and ax.get_ylabel() == "z"
    bar = next(a for a in ax.figure.axes if a is not ax)
    assert bar.get_ylabel() == "y"
    (points,) = [line for line in ax.lines if line.get_label() == "_points"]
    np.testing.assert_allclose(points.get_xdata(), fit.frame["x"])
    # The default is coarser than that of lines.
    assert len(conditional_effects(fit, "x:z", surface=True, ndraws=2)["x:z"]) == 1600


def test_panels_of_a_surface_have_the_same_colours(fit) -> None:
    effects = conditional_effects(fit, "x:z", {"dose": ["low", "high"]}, surface=True,
                                  resolution=5)
    axes = effects.plot()
    mappables = [ax.collections[0] for ax in axes]
    assert mappables[0].get_clim() == mappables[1].get_clim()


def test_too_far_leaves_out_what_has_no_data(fit) -> None:
    whole = conditional_effects(fit, "x:z", surface=True, resolution=9)["x:z"]
    near = conditional_effects(fit, "x:z", surface=True, resolution=9, too_far=0.15)["x:z"]
    columns = whole[["x", "z"]]
    unit = (columns - columns.min()) / (columns.max() - columns.min())
    rows = (fit.frame[["x", "z"]] - columns.min()) / (columns.max() - columns.min())
    distance = np.sqrt(
        ((unit.to_numpy()[:, None] - rows.to_numpy()[None]) ** 2).sum(axis=2)
    ).min(axis=1)
    assert 0 < len(near) < 81
    pd.testing.assert_frame_equal(near, whole[distance <= 0.15].reset_index(drop=True))
    conditional_effects(fit, "x:z", surface=True, resolution=9, too_far=0.15).plot()


def test_points_follow_the_conditions(fit) -> None:
    conditions = pd.DataFrame({"dose": ["low", "mid"], "z": [-1.0, -0.5], "cond__": ["a", "b"]})
    points = conditional_effects(fit, "x", conditions, resolution=3).effect("x").points
    frame = fit.frame
    for label, level in (("a", "low"), ("b", "mid")):
        own = frame[frame["dose"] == level]
        np.testing.assert_allclose(points.loc[points["cond__"] == label, "response__"], own["y"])
    near = conditional_effects(fit, "x", conditions, resolution=3, select_points=0.2)
    points = near.effect("x").points
    z = frame["z"]
    keep = (frame["dose"] == "low") & ((z + 1.0).abs() / (z.max() - z.min()) <= 0.2)
    np.testing.assert_allclose(points.loc[points["cond__"] == "a", "x"], frame.loc[keep, "x"])
    axes = near.plot(points=True)
    np.testing.assert_allclose(
        axes[0].collections[0].get_offsets()[:, 1], frame.loc[keep, "y"]
    )
    assert axes[0].get_ylim() == axes[1].get_ylim()


def test_points_have_the_marker_of_their_series(fit) -> None:
    (ax,) = conditional_effects(fit, "x:dose", resolution=3).plot(points=True)
    low, mid, high = ax.collections[:3]
    for one, level in zip((low, mid, high), ("low", "mid", "high"), strict=True):
        own = fit.frame[fit.frame["dose"] == level]
        np.testing.assert_allclose(one.get_offsets()[:, 0], own["x"])
    styles = {line.get_linestyle() for line in ax.lines}
    assert len(styles) == 3


def test_rug_marks_the_predictor(fit) -> None:
    (ax,) = conditional_effects(fit, "x", resolution=3).plot(rug=True)
    (rug,) = [line for line in ax.lines if line.get_label() == "_rug"]
    np.testing.assert_allclose(rug.get_xdata(), fit.frame["x"])
    wine = fit_of("rating ~ x + old", "cumulative")
    probabilities = conditional_effects(wine, "x", resolution=3)
    assert [line.get_label() for line in probabilities.plot(rug=True)[0].lines][-1] == "_rug"
    with pytest.raises(DataError, match="rug=True"):
        probabilities.plot(points=True)
    numbers = conditional_effects(wine, "x", resolution=3, categorical=False)
    codes = fit_codes(wine)
    drawn = numbers.plot(points=True)[0].collections[0].get_offsets()[:, 1]
    np.testing.assert_allclose(drawn, codes)


def fit_codes(fit: hm.Fit) -> np.ndarray:
    return fit.frame["rating"].cat.codes.to_numpy() + 1


def test_columns_and_size(fit) -> None:
    axes = conditional_effects(fit, resolution=3).plot(ncols=2, figsize=(7, 9))
    figure = axes[0].figure
    assert axes[0].get_subplotspec().get_gridspec().get_geometry() == (3, 2)
    assert tuple(figure.get_size_inches()) == (7, 9)
    _, ax = plt.subplots()
    with pytest.raises(ArgumentError, match="leave them out with ax"):
        conditional_effects(fit, "x", resolution=3).plot(ax, ncols=2)
    with pytest.raises(ArgumentError, match="ncols"):
        conditional_effects(fit, "x", resolution=3).plot(ncols=0)


def test_legend_stands_beside_the_axes(fit) -> None:
    (ax,) = conditional_effects(fit, "x:dose", resolution=3).plot(points=True)
    ax.figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 >= ax.get_window_extent().x1 - 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"effects": "x:dose", "surface": True}, "two numbers"),
        ({"effects": "x:z", "too_far": 0.1}, "surface=True"),
        ({"effects": "x:z", "surface": True, "int_conditions": {"z": [0]}}, "leave one"),
        ({"effects": "x:z", "surface": True, "too_far": -1}, "positive number"),
        ({"effects": "x", "select_points": "near"}, "positive number"),
        ({"effects": "x", "spaghetti": 100}, "True or False"),
    ],
)
def test_wrong_arguments(fit, arguments: dict, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        conditional_effects(fit, **arguments)


def test_lines_of_categories_sum_to_one() -> None:
    wine = fit_of("rating ~ x + old", "cumulative")
    effects = conditional_effects(wine, "x", spaghetti=True, resolution=3, ndraws=4)
    lines = effects.effect("x").lines
    np.testing.assert_allclose(lines.groupby(["draw__", "x"])["estimate__"].sum(), 1.0)
    (ax,) = effects.plot()
    drawn = [s[:, 1] for s in ax.collections[1].get_segments()]
    fair = lines[lines["cats__"] == "fair"]["estimate__"].to_numpy().reshape(4, 3)
    np.testing.assert_allclose(drawn, fair)


def test_surfaces_of_categories() -> None:
    wine = fit_of("rating ~ x * z", "cumulative")
    axes = conditional_effects(wine, "x:z", surface=True, resolution=4).plot()
    assert [ax.get_title() for ax in axes] == ["bad", "fair", "good"]
    with pytest.raises(ArgumentError, match="figsize"):
        conditional_effects(wine, "x", resolution=3).plot(figsize=5)
