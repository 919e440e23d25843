from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from scipy import stats

from hiermodel.criticism import pp_check, pp_check_data
from hiermodel.criticism.ppc import KINDS, type_names
from hiermodel.criticism.ppc.kinds import PANELS
from hiermodel.criticism.ppc.overlays import bars, density, ecdf_overlay, intervals, stat
from hiermodel.criticism.ppc.replications import Replications
from hiermodel.errors import DataError

from .posteriors import fit_of, reaction_data


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fit():
    return fit_of("y ~ x + (1 | g)")


@pytest.fixture(scope="module")
def counts():
    return fit_of("n ~ x", "poisson", b=np.zeros((2, 20, 1)), Intercept=np.full((2, 20), 1.1))


def test_density_is_a_kernel_estimate() -> None:
    rng = np.random.default_rng(1)
    values, grid = rng.normal(size=2000), np.linspace(-3, 3, 256)
    spread = min(values.std(ddof=1), np.subtract(*np.quantile(values, (0.75, 0.25))) / 1.34)
    bandwidth = 0.9 * spread * 2000**-0.2
    exact = stats.norm.pdf((grid[:, None] - values) / bandwidth).mean(axis=1) / bandwidth
    np.testing.assert_allclose(density(values, grid), exact, atol=0.003)


def test_density_of_equal_values_is_finite() -> None:
    curve = density(np.ones(5), np.linspace(0, 2, 101))
    assert np.isfinite(curve).all() and curve.argmax() == 50


def test_density_counts_mass_outside_the_grid() -> None:
    values = np.concatenate([np.random.default_rng(1).normal(size=500), np.full(500, 1e6)])
    grid = np.linspace(-4, 4, 200)
    scale = density(values, grid).sum() * (grid[1] - grid[0])
    assert scale < 0.51


def replications() -> Replications:
    y = np.array([0.0, 1.0, 1.0, 3.0])
    yrep = np.array([[0.0, 0.0, 1.0, 2.0], [1.0, 1.0, 1.0, 4.0], [0.0, 1.0, 2.0, 3.0]])
    return Replications(y, yrep, np.array([3.0, 1.0, 2.0, 0.0]))


def test_bars_by_hand() -> None:
    table = bars(replications())
    assert table["value"].tolist() == [0, 1, 2, 3, 4]
    assert table["observed"].tolist() == [1, 2, 0, 1, 0]
    assert table["median"].tolist() == [1, 1, 1, 0, 0]


def test_intervals_by_hand() -> None:
    table = intervals(replications())
    assert table["x"].tolist() == [0, 1, 2, 3] and table["y"].tolist() == [3, 1, 1, 0]
    assert table["median"].tolist() == [3, 1, 1, 0]
    assert table.loc[0, "outer_upper"] == pytest.approx(np.quantile([2, 4, 3], 0.95))


def test_ecdf_by_hand() -> None:
    table = ecdf_overlay(replications())
    data = table[table["draw"] == 0].set_index("x")["value"]
    assert data.loc[0.0] == 0.25 and data.loc[1.0] == 0.75 and data.iloc[-1] == 1.0
    second = table[table["draw"] == 2].set_index("x")["value"]
    assert second.loc[1.0] == 0.75 and second.loc[0.0] == 0.0


def test_stat_by_hand_and_by_function() -> None:
    table = stat(replications())
    assert table["value"].tolist() == [0.75, 1.75, 1.5] and table["observed"].iloc[0] == 1.25
    data = replications()
    own = Replications(data.y, data.yrep, data.x, (lambda v: float(v[-1]),))
    assert stat(own)["value"].tolist() == [2.0, 4.0, 3.0]


def test_replications_are_those_of_posterior_predict(fit) -> None:
    check = pp_check_data(fit, "stat", ndraws=10, stat="max", seed=4)
    expected = fit.posterior_predict(ndraws=10, seed=4).values.reshape(10, -1).max(axis=1)
    np.testing.assert_allclose(check.table["value"], expected)
    assert check.table["observed"].iloc[0] == fit.response.max() and check.ndraws == 10


def test_seed_makes_it_reproducible(fit) -> None:
    one, two = (pp_check_data(fit, "stat", seed=1).table for _ in range(2))
    assert one.equals(two)
    assert not one.equals(pp_check_data(fit, "stat", seed=2).table)


def test_groups_are_computed_within(fit) -> None:
    check = pp_check_data(fit, "stat_grouped", group="g", seed=1)
    assert check.groups == ("a", "b", "c", "d")
    y = fit.response[fit.frame["g"] == "c"]
    part = check.table[check.table["group"] == "c"]
    assert part["observed"].iloc[0] == pytest.approx(y.mean())


@pytest.mark.parametrize(
    ("formula", "family", "expected"),
    [
        ("y ~ x", "gaussian", "dens_overlay"),
        ("n ~ x", "poisson", "bars"),
        ("rating ~ x", "cumulative", "bars"),
        ("old ~ x", "bernoulli", "bars"),
        ("hits | trials(size) ~ x", "binomial", "bars"),
    ],
)
def test_default_types(formula: str, family: str, expected: str) -> None:
    assert pp_check_data(fit_of(formula, family), seed=1).type == expected


def options_of(type: str) -> dict[str, object]:
    options: dict[str, object] = {"group": "g"} if type.endswith("_grouped") else {}
    return options | ({"stat": ("mean", "sd")} if type == "stat_2d" else {})


@pytest.mark.filterwarnings("ignore:.*Pareto k")
@pytest.mark.parametrize("type", type_names())
def test_every_type_draws(fit, counts, type: str) -> None:
    kind = KINDS[type.removesuffix("_grouped")]
    used = counts if kind.style == "bars" else fit
    ndraws = 3 if kind.style in PANELS else 30
    drawn = pp_check(used, type, ndraws=ndraws, seed=1, **options_of(type))
    axes = drawn if isinstance(drawn, list) else [drawn]
    assert all(isinstance(ax, Axes) and ax.has_data() for ax in axes)
    titles = [ax.get_title() for ax in axes]
    if type.endswith("_grouped") and kind.group == "panels":
        if kind.style in PANELS:
            assert titles == [f"{g}, replication {k}" for g in "abcd" for k in (1, 2, 3)]
        else:
            assert titles == ["a", "b", "c", "d"]
    elif kind.group == "axis":
        assert [t.get_text() for t in axes[0].get_xticklabels()] == ["a", "b", "c", "d"]


def test_panels_of_groups_have_one_legend(fit) -> None:
    axes = pp_check(fit, "dens_overlay", group="g", ndraws=3, seed=1)
    assert isinstance(axes, list) and all(ax.get_legend() is None for ax in axes)
    (legend,) = axes[0].figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["replications", "data"]


def test_numbers_of_groups_are_named_and_in_order() -> None:
    frame = reaction_data().assign(h=np.tile([10, 9, 2, 10], 10))
    fit = fit_of("y ~ x + h", frame=frame)
    axes = pp_check(fit, "stat", group="h", seed=1)
    assert isinstance(axes, list)
    assert [ax.get_title() for ax in axes] == ["h = 2", "h = 9", "h = 10"]


def test_levels_of_groups_keep_their_order() -> None:
    check = pp_check_data(fit_of("y ~ x + dose"), "stat", group="dose", seed=1)
    assert check.groups == ("low", "mid", "high")


def test_what_is_drawn_is_the_table(fit, counts) -> None:
    table = pp_check_data(fit, "dens_overlay", ndraws=5, seed=1).table
    ax = pp_check(fit, "dens_overlay", ndraws=5, seed=1)
    assert len(ax.lines) == 6
    data = table[table["draw"] == 0]
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), data["value"])
    ax = pp_check(counts, "bars", seed=1)
    expected = pp_check_data(counts, "bars", seed=1).table["observed"]
    assert [bar.get_height() for bar in ax.patches] == expected.tolist()


def test_categories_label_the_bars() -> None:
    ax = pp_check(fit_of("rating ~ x", "cumulative"), seed=1)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["bad", "fair", "good"]


def test_given_axes_are_used(fit) -> None:
    _, ax = plt.subplots()
    assert pp_check(fit, ax=ax, seed=1) is ax
    with pytest.raises(ValueError, match="4 panels, but 1 axes"):
        pp_check(fit, "stat", group="g", ax=ax, seed=1)
    with pytest.raises(ValueError, match="ax must be axes of matplotlib, not 3"):
        pp_check(fit, "stat", ax=3, seed=1)


def test_settings_of_matplotlib_stay(fit) -> None:
    before = dict(plt.rcParams)
    pp_check(fit, seed=1)
    assert dict(plt.rcParams) == before


def test_x_places_the_intervals(fit) -> None:
    table = pp_check_data(fit, "intervals", x="x", seed=1).table
    np.testing.assert_allclose(table["x"], np.sort(fit.frame["x"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "dens_overlai"}, "did you mean 'dens_overlay'"),
        ({"type": "stat_grouped"}, "needs a column"),
        ({"type": "hist", "group": "g"}, "cannot be grouped"),
        ({"type": "stat", "group": "gg"}, "'gg' is not in the data"),
        ({"type": "stat", "group": "x"}, "40 values"),
        ({"type": "stat", "stat": "maen"}, "did you mean 'mean'"),
        ({"type": "stat_2d"}, "two statistics"),
        ({"type": "bars"}, "whole numbers"),
        ({"type": "ribbon", "x": "g"}, "must be numeric"),
        ({"type": "stat", "group": ["g"]}, "group must be the name of a column"),
        ({"type": "violin"}, "needs a column"),
        ({"type": "violin_groupd"}, "did you mean 'violin_grouped'"),
        ({"type": "dots", "group": "g"}, "cannot be grouped"),
        ({"type": "scatter", "group": "g", "ndraws": 20}, "80 panels.*ndraws=18"),
        ({"type": "stat", "stat": np.sort}, r"'sort' must give back one number.*shape \(40,\)"),
        ({"type": "stat", "stat": lambda v: np.inf}, "'<lambda>' of 40 values is not a finite"),
        ({"type": "hist", "x": "x"}, "no use for x='x'; x is for intervals, ribbon"),
        ({"type": "bars", "stat": "sd"}, "'bars' has no use for stat; stat is for stat, stat_2d"),
        ({"type": "stat", "stat": ("mean", "sd")}, "takes one statistic"),
        ({"type": "hist", "ndraws": 73}, "73 draws would be 73 panels.*ndraws=72"),
        ({"ndraws": 0}, "whole number between 1 and 400"),
        ({"ndraws": 401}, "between 1 and 400.*not 401"),
    ],
)
def test_errors_name_the_culprit(options: dict, message: str) -> None:
    shape = (2, 200)
    fit = fit_of(
        "y ~ x + (1 | g)", b=np.ones((*shape, 1)), Intercept=np.ones(shape), sigma=np.ones(shape),
        sd_1=np.ones((*shape, 1)), z_1=np.ones((*shape, 1, 4)),
    )  # fmt: skip
    with pytest.raises(DataError, match=message):
        pp_check_data(fit, seed=1, **options)
