"""Predictions alone, new rows, and where the axes end."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.criticism import pp_check, pp_check_data
from hiermodel.criticism.ppc import KINDS, type_names
from hiermodel.criticism.ppc.overlays import bars, dens_overlay
from hiermodel.criticism.ppc.replications import Replications

from .posteriors import fit_of, reaction_data

ALONE = [n for n in type_names() if KINDS[n.removesuffix("_grouped")].alone]
NEVER = [n for n in type_names() if n not in ALONE]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    return fit_of("y ~ x + (1 | g)")


def options_of(type: str) -> dict[str, object]:
    options: dict[str, object] = {"group": "g"} if type.endswith("_grouped") else {}
    return options | ({"stat": ("mean", "sd")} if type == "stat_2d" else {})


# ------------------------------------------------------------------ predictions alone


@pytest.mark.parametrize("type", ALONE)
def test_predictions_alone_are_the_replications_without_the_data(fit, type: str) -> None:
    options = options_of(type) | {"ndraws": 5, "seed": 1}
    alone, both = (pp_check_data(fit, type, prefix=p, **options) for p in ("ppd", "ppc"))
    assert (alone.prefix, both.prefix) == ("ppd", "ppc")
    assert "observed" not in alone.table and "y" not in alone.table
    if "draw" in alone.table:
        assert alone.table["draw"].min() == 1
    if type.startswith(("stat", "intervals", "ribbon", "boxplot")):
        # These do not share a grid with the data, so the numbers are the same.
        rest = both.table[both.table["draw"] > 0] if "draw" in both.table else both.table
        pd.testing.assert_frame_equal(
            alone.table, rest[alone.table.columns].reset_index(drop=True)
        )
    drawn = pp_check(fit, type, prefix="ppd", **options)
    axes = drawn if isinstance(drawn, list) else [drawn]
    assert all(ax.has_data() for ax in axes)
    texts = [t.get_text() for ax in axes if ax.get_legend() for t in ax.get_legend().get_texts()]
    assert "data" not in texts


def test_kinds_without_data_are_those_of_bayesplot() -> None:
    assert {n for n, kind in KINDS.items() if kind.alone} == {
        "dens_overlay", "ecdf_overlay", "dens", "hist", "dots", "freqpoly", "boxplot", "stat",
        "stat_freqpoly", "stat_2d", "intervals", "ribbon",
    }


@pytest.mark.parametrize("type", NEVER)
def test_other_kinds_need_the_data(fit, type: str) -> None:
    with pytest.raises(hm.DataError, match=f"type '{type}' compares with the data.*dens_overlay"):
        pp_check_data(fit, type, prefix="ppd", **options_of(type))


def test_default_without_the_data(fit) -> None:
    assert pp_check_data(fit, prefix="ppd", seed=1).type == "dens_overlay"
    assert pp_check_data(fit_of("n ~ x", "poisson"), prefix="ppd", seed=1).type == "hist"


def test_other_prefixes_are_refused(fit) -> None:
    with pytest.raises(hm.DataError, match=r"prefix must be 'ppc'.*not 'pp'"):
        pp_check_data(fit, prefix="pp")


# ------------------------------------------------------------------ new rows


@pytest.fixture(scope="module")
def later() -> pd.DataFrame:
    frame = reaction_data().iloc[5:15].assign(site=list("uuuuuvvvvv"))
    return frame.assign(y=lambda d: d["y"] + 100)


def test_new_rows_are_compared_with_their_response(fit, later) -> None:
    table = pp_check_data(fit, "intervals", newdata=later, x="x", seed=3).table
    draws = fit.posterior_predict(later, seed=3).values.reshape(-1, 10)
    order = np.argsort(later["x"].to_numpy(), kind="stable")
    np.testing.assert_allclose(table["y"], later["y"].to_numpy()[order])
    np.testing.assert_allclose(table["median"], np.median(draws, axis=0)[order])


def test_columns_of_new_rows_are_groups(fit, later) -> None:
    check = pp_check_data(fit, "stat", newdata=later, group="site", seed=1)
    assert check.groups == ("u", "v")
    observed = check.table.groupby("group")["observed"].first()
    assert observed["v"] == pytest.approx(later["y"].iloc[5:].mean())


def test_any_data_frame_is_taken(fit, later) -> None:
    columns = {name: later[name].to_numpy() for name in ("x", "g", "y")}
    one, other = (pp_check_data(fit, "stat", newdata=d, seed=1) for d in (columns, later))
    assert one.table.equals(other.table)


def test_predictions_of_new_rows_need_no_response(fit, later) -> None:
    bare = later[["x", "g"]]
    check = pp_check_data(fit, "intervals", newdata=bare, prefix="ppd", seed=1)
    assert len(check.table) == 10
    with pytest.raises(hm.DataError, match=r"newdata lacks the response 'y'.*prefix='ppd'"):
        pp_check_data(fit, "intervals", newdata=bare)


def test_arguments_of_predictions_are_passed_on(fit, later) -> None:
    new = later.assign(g="new")
    with pytest.raises(hm.DataError, match="new"):
        pp_check_data(fit, "intervals", newdata=new)
    table = pp_check_data(
        fit, "intervals", newdata=new, allow_new_levels=True, sample_new_levels="gaussian", seed=1
    ).table
    draws = fit.posterior_predict(
        new, allow_new_levels=True, sample_new_levels="gaussian", seed=1
    ).values.reshape(-1, 10)
    np.testing.assert_allclose(table["median"], np.median(draws, axis=0))
    without = pp_check_data(fit, "scatter_avg", re_formula="none", seed=1).table["x"]
    expected = fit.posterior_predict(re_formula="none", seed=1).mean(("chain", "draw"))
    np.testing.assert_allclose(without, expected)


def test_autocorrelation_can_be_left_out() -> None:
    frame = reaction_data().assign(t=np.tile(np.arange(10), 4))
    fit = fit_of("y ~ x + ar(t, g)", frame=frame, ar=np.full((2, 20, 1), 0.6))
    bare = frame.drop(columns="y")
    with pytest.raises(hm.DataError, match="incl_autocor=False"):
        pp_check_data(fit, "intervals", newdata=bare, prefix="ppd", seed=1)
    table = pp_check_data(
        fit, "intervals", newdata=bare, prefix="ppd", incl_autocor=False, seed=1
    ).table
    draws = fit.posterior_predict(bare, incl_autocor=False, seed=1).values.reshape(-1, 40)
    np.testing.assert_allclose(table["median"], np.median(draws, axis=0))


def test_missing_values_of_new_rows_are_named(fit, later) -> None:
    holes = later.assign(x=[np.nan, *later["x"].iloc[1:]])
    with pytest.raises(hm.DataError, match="row 1 of newdata is missing"):
        pp_check_data(fit, "intervals", newdata=holes, seed=1)
    with pytest.raises(hm.HiermodelError, match="y"):
        pp_check_data(fit, newdata=later.assign(y=[np.nan, *later["y"].iloc[1:]]), seed=1)
    with pytest.raises(hm.DataError, match="group 'site' is missing in row 2 of newdata"):
        pp_check_data(
            fit, "stat", group="site", newdata=later.assign(site=["u", None, *"uuuvvvvv"]), seed=1
        )


def test_censoring_of_new_rows_is_theirs() -> None:
    frame = reaction_data().assign(status=0)
    fit = fit_of("y | cens(status) ~ x", frame=frame)
    new = frame.iloc[:6].assign(status=[0, 1, 0, 0, 1, 0])
    with pytest.warns(hm.HiermodelWarning, match="2 censored responses of 6"):
        table = pp_check_data(fit, "intervals", newdata=new, seed=1).table
    assert table["x"].tolist() == [1, 3, 4, 6]
    curve = pp_check_data(fit, "km_overlay", newdata=new, seed=1, ndraws=3).table
    assert curve.loc[curve["draw"] == 0, "censored"].sum() == 2


def test_one_of_several_responses() -> None:
    data = reaction_data()
    fit = fit_of_two(data)
    check = fit.pp_check_data("stat", resp="z", newdata=data.iloc[:7], stat="max", seed=1)
    assert check.response == "z"
    assert check.table["observed"].iloc[0] == data["z"].iloc[:7].max()
    with pytest.raises(hm.HiermodelError, match="resp="):
        fit.pp_check("stat")


def fit_of_two(data: pd.DataFrame) -> hm.Fit:
    from tests.spine.draws import random_fit

    model = hm.model(hm.bf("y ~ x") + hm.bf("z ~ x"), data)
    return random_fit(model, data)


# ------------------------------------------------------------------ where axes end


def wide(scale: float) -> Replications:
    rng = np.random.default_rng(1)
    return Replications(rng.normal(size=50), scale * rng.normal(size=(40, 50)), np.arange(50.0))


def test_curves_reach_as_far_as_the_replications() -> None:
    table = dens_overlay(wide(30.0))
    ends = table["x"].min(), table["x"].max()
    assert ends[0] < -75 and ends[1] > 75
    every = table[table["draw"] > 0].groupby("draw")
    mass = every.apply(lambda t: np.trapezoid(t["value"], t["x"]), include_groups=False)
    assert mass.mean() > 0.98


def test_single_values_far_out_do_not_squeeze_the_picture() -> None:
    data = wide(1.0)
    data.yrep[3, 4] = 1e6
    assert dens_overlay(data)["x"].max() < 10


def test_bars_do_not_fill_the_memory() -> None:
    y = np.array([0.0, 1.0, 4.0])
    yrep = np.tile([0.0, 2.0, 3.0], (2000, 1))
    yrep[7, 1] = 1e12
    table = bars(Replications(y, yrep, np.arange(3.0)))
    assert table["value"].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(hm.DataError, match=r"a bar for each of .* take type='ecdf_overlay'"):
        bars(Replications(y, yrep + 1e9 * np.arange(2000)[:, None], np.arange(3.0)))


def test_replications_that_are_no_numbers_are_told() -> None:
    fit = fit_of("y ~ x", "lognormal", frame=reaction_data().assign(y=lambda d: abs(d["y"]) + 1),
                 Intercept=np.full((2, 20), 800.0))
    with np.errstate(over="ignore"), pytest.raises(hm.DataError, match="40 of 40 replications"):
        pp_check_data(fit, "stat", seed=1)
