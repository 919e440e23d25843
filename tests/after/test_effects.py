from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.effects import conditional_effects
from hiermodel.errors import DataError

from .posteriors import fit_of


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def fit():
    return fit_of("y ~ x * z + dose + old + (1 | g)")


def test_numeric_effect_by_hand() -> None:
    fit = fit_of("y ~ x + z")
    table = conditional_effects(fit, "x", resolution=5)["x"]
    x, z = fit.frame["x"], fit.frame["z"]
    np.testing.assert_allclose(table["x"], np.linspace(x.min(), x.max(), 5))
    np.testing.assert_allclose(table["effect1__"], table["x"])
    b = fit.posterior["b"].values.reshape(-1, 3)
    mean = b @ np.array([np.ones(5), table["x"], np.full(5, z.mean())])
    np.testing.assert_allclose(table["estimate__"], np.median(mean, axis=0))
    mad = 1.4826 * np.median(np.abs(mean - np.median(mean, axis=0)), axis=0)
    np.testing.assert_allclose(table["se__"], mad)
    np.testing.assert_allclose(table["lower__"], np.quantile(mean, 0.025, axis=0))
    np.testing.assert_allclose(table["upper__"], np.quantile(mean, 0.975, axis=0))
    assert table["z"].nunique() == 1 and table["z"].iloc[0] == pytest.approx(z.mean())


def test_prob_and_mean() -> None:
    fit = fit_of("y ~ x")
    table = conditional_effects(fit, "x", resolution=3, prob=0.5, robust=False)["x"]
    frame = pd.DataFrame({"x": table["x"]})
    draws = fit.posterior_epred(frame).values.reshape(-1, 3)
    np.testing.assert_allclose(table["estimate__"], draws.mean(axis=0))
    np.testing.assert_allclose(table["se__"], draws.std(axis=0, ddof=1))
    np.testing.assert_allclose(table["upper__"], np.quantile(draws, 0.75, axis=0))


def test_default_effects_are_those_of_the_formula(fit) -> None:
    effects = conditional_effects(fit, resolution=3)
    assert list(effects) == ["x", "z", "dose", "old", "x:z"]
    assert list(effects["dose"]["effect1__"]) == ["low", "mid", "high"]
    assert list(effects["old"]["effect1__"]) == [False, True]
    assert set(effects["x"]["dose"]) == {"low"} and not effects["x"]["old"].any()


def test_second_number_at_mean_and_sds(fit) -> None:
    table = conditional_effects(fit, "x:z", resolution=4)["x:z"]
    z = fit.frame["z"]
    expected = [z.mean() - z.std(), z.mean(), z.mean() + z.std()]
    np.testing.assert_allclose(table["effect2__"].unique(), expected)
    # The second variable changes fastest.
    assert len(table) == 12 and table["effect1__"].iloc[:3].nunique() == 1
    given = conditional_effects(fit, "x:z", resolution=4, int_conditions={"z": [0.0, 1.0]})
    assert given["x:z"]["z"].unique().tolist() == [0.0, 1.0]


def test_two_factors(fit) -> None:
    table = conditional_effects(fit, "dose:old")["dose:old"]
    assert len(table) == 6
    assert table[["effect1__", "effect2__"]].astype(str).to_numpy().tolist()[1] == ["low", "True"]


def test_numbers_that_the_formula_makes_a_factor() -> None:
    frame = fit_of("y ~ x").frame.assign(k=np.tile([4, 6, 8, 6], 10))
    fit = fit_of("y ~ factor(k) * x", frame=frame)
    effects = conditional_effects(fit, resolution=4)
    assert effects["k"]["effect1__"].tolist() == [4, 6, 8]
    assert set(effects["x"]["k"]) == {4} and len(effects["k:x"]) == 9
    effects.plot(points=True)


def test_conditions(fit) -> None:
    table = conditional_effects(fit, "x", {"dose": ["mid", "high"], "z": 0.5}, resolution=3)["x"]
    assert table["cond__"].unique().tolist() == ["dose = mid & z = 0.5", "dose = high & z = 0.5"]
    assert table["dose"].tolist() == ["mid"] * 3 + ["high"] * 3 and set(table["z"]) == {0.5}
    named = pd.DataFrame({"dose": ["mid", "high"], "cond__": ["one", "two"]})
    table = conditional_effects(fit, "x", named, resolution=3)["x"]
    assert table["cond__"].unique().tolist() == ["one", "two"]


def test_group_levels(fit) -> None:
    population = conditional_effects(fit, "x", resolution=3)["x"]["estimate__"]
    of_level = conditional_effects(fit, "x", {"g": "b"}, re_formula=None, resolution=3)["x"]
    new = conditional_effects(fit, "x", re_formula=None, resolution=3, seed=1)["x"]
    assert not np.allclose(population, of_level["estimate__"])
    # A new level of the group is more uncertain than the population.
    wide = (new["upper__"] - new["lower__"]).mean()
    narrow = conditional_effects(fit, "x", resolution=3)["x"]
    assert wide > (narrow["upper__"] - narrow["lower__"]).mean()


def test_probabilities_of_categories() -> None:
    fit = fit_of("rating ~ x + old", "cumulative")
    effects = conditional_effects(fit, "x", resolution=4, robust=False)
    table = effects["x"]
    assert len(table) == 12 and list(table["cats__"].cat.categories) == ["bad", "fair", "good"]
    assert (table["effect2__"] == table["cats__"]).all()
    by_point = table.groupby("effect1__")["estimate__"].sum()
    np.testing.assert_allclose(by_point, 1.0)
    mean = conditional_effects(fit, "x", resolution=4, robust=False, categorical=False)["x"]
    codes = table["cats__"].cat.codes.astype(float) + 1
    expected = (codes * table["estimate__"]).groupby(table["effect1__"]).sum()
    np.testing.assert_allclose(mean["estimate__"], expected)
    assert effects.label == "P(rating)"


def test_nominal_categories() -> None:
    frame = fit_of("y ~ x").frame.assign(kind=lambda f: f["rating"].astype(str))
    fit = fit_of("kind ~ x", "categorical", frame)
    table = conditional_effects(fit, resolution=3)["x"]
    assert list(table["cats__"].cat.categories) == ["bad", "fair", "good"]
    with pytest.raises(DataError, match="no mean"):
        conditional_effects(fit, resolution=3, categorical=False)
    with pytest.raises(DataError, match="categories"):
        conditional_effects(fit_of("y ~ x"), categorical=True)


def test_trials_are_one_and_points_are_proportions() -> None:
    fit = fit_of("hits | trials(size) ~ x", "binomial")
    effects = conditional_effects(fit, resolution=3)
    assert effects["x"]["estimate__"].between(0, 1).all()
    assert effects.observed is not None
    np.testing.assert_allclose(effects.observed["response__"], fit.frame["hits"] / 12)
    assert effects.label == "hits / trials"


def test_methods_and_parameters() -> None:
    fit = fit_of(hm.bf("n ~ x", "shape ~ z"), "negbinomial")
    frame = fit.frame
    link = conditional_effects(fit, "x", method="linpred", resolution=3)["x"]
    mean = conditional_effects(fit, "x", resolution=3)["x"]
    np.testing.assert_allclose(np.exp(link["lower__"]), mean["lower__"], rtol=0.2)
    shape = conditional_effects(fit, "z", dpar="shape", resolution=3)["z"]
    expected = fit.posterior_epred(
        pd.DataFrame({"x": frame["x"].mean(), "z": shape["z"]}), dpar="shape"
    ).values.reshape(-1, 3)
    np.testing.assert_allclose(shape["estimate__"], np.median(expected, axis=0))
    one, two = (
        conditional_effects(fit, "x", method="predict", resolution=3, seed=5)["x"]
        for _ in range(2)
    )
    assert one.equals(two)
    frame = one[["x", "z"]]
    draws = fit.posterior_predict(frame, seed=5).values.reshape(-1, 3)
    np.testing.assert_allclose(one["upper__"], np.quantile(draws, 0.975, axis=0))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"effects": "xx"}, DataError, "did you mean 'x'"),
        ({"effects": "x:z:dose"}, DataError, "at most two"),
        ({"effects": "g"}, DataError, "not a population-level predictor"),
        ({"effects": "x", "conditions": {"zz": 1}}, DataError, "did you mean 'z'"),
        ({"effects": "x", "conditions": pd.DataFrame({"z": []})}, DataError, "at least one row"),
        ({"effects": "x", "conditions": {"dose": "huge"}}, DataError, "huge"),
        ({"prob": 95}, ValueError, "prob"),
        ({"resolution": 1}, ValueError, "resolution"),
        ({"method": "fitted"}, ValueError, "method"),
    ],
)
def test_errors(fit, arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        conditional_effects(fit, **arguments)


def test_no_predictor_no_effect() -> None:
    with pytest.raises(DataError, match="no population-level predictor"):
        conditional_effects(fit_of("y ~ 1 + (1 | g)"))


def test_plot_shows_the_table(fit) -> None:
    effects = conditional_effects(fit, ["x", "x:z", "dose"], resolution=5)
    axes = effects.plot(points=True)
    assert len(axes) == 3
    np.testing.assert_allclose(axes[0].lines[0].get_ydata(), effects["x"]["estimate__"])
    assert len(axes[1].lines) == 3 and axes[1].get_legend().get_title().get_text() == "z"
    assert [t.get_text() for t in axes[2].get_xticklabels()] == ["low", "mid", "high"]
    np.testing.assert_allclose(axes[0].collections[0].get_offsets()[:, 1], fit.frame["y"])
    assert axes[0].get_ylabel() == "y"


def test_panels_for_conditions_and_categories() -> None:
    fit = fit_of("rating ~ x * old", "cumulative")
    effects = conditional_effects(fit, "x:old", {"g": ["a", "b"]}, resolution=3)
    axes = effects.plot()
    assert [ax.get_title() for ax in axes][:2] == ["g = a, bad", "g = b, bad"]
    assert len(axes) == 6


def test_given_axes(fit) -> None:
    _, ax = plt.subplots()
    assert conditional_effects(fit, "x", resolution=3).plot(ax) == [ax]
    with pytest.raises(ValueError, match="2 panels, but 1 axes"):
        conditional_effects(fit, ["x", "z"], resolution=3).plot(ax)


def test_settings_of_matplotlib_stay(fit) -> None:
    before = dict(plt.rcParams)
    effects = conditional_effects(fit, "x", resolution=3)
    effects.plot()
    effects._repr_html_()
    assert dict(plt.rcParams) == before


def test_reprs(fit) -> None:
    effects = conditional_effects(fit, "x")
    assert "Conditional effects: y" in repr(effects) and "dose = low" in repr(effects)
    html = effects._repr_html_()
    assert "data:image/png;base64," in html and "<script" not in html
    with pytest.raises(KeyError, match="there are x"):
        effects["z"]
