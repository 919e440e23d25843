"""Smooths alone: against their own columns and draws, what is drawn, what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, HiermodelWarning
from hiermodel.terms.smooths import SmoothTerm


def study(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n), "u": rng.normal(size=n),
            "x": rng.uniform(0, 3, n), "z": rng.uniform(-1, 1, n), "w": rng.normal(size=n),
            "f": np.array(["a", "b", "c"])[rng.permutation(np.arange(n) % 3)],
            "o": pd.Categorical.from_codes(np.arange(n) % 3, ["lo", "mid", "hi"], ordered=True),
        }
    )  # fmt: skip


DATA = study()


def fit_of(formula: Any, data: pd.DataFrame = DATA, draws: int = 25) -> hm.Fit:
    """A fit with random draws of every parameter."""
    from hiermodel.engines.inits import declared_shape

    model = hm.model(formula, data)
    rng = np.random.default_rng(3)
    sizes = model.constants()
    values = {}
    for var in model.parameters:
        shape = declared_shape(var, sizes)
        assert shape is not None
        made = rng.normal(size=(2, draws, *shape))
        values[var.name] = np.abs(made) if var.lower == "0" else made
    return hm.Fit.from_draws(model, data, values)


def term_of(fit: hm.Fit, dpar: str = "") -> SmoothTerm:
    term = next(p.smooths for p in fit.model.predictors if p.scope.dpar == dpar)
    assert isinstance(term, SmoothTerm)
    return term


def by_hand(fit: hm.Fit, index: int, grid: pd.DataFrame, dpar: str = "") -> np.ndarray:
    """Draws x rows of one smooth, from its columns."""
    term = term_of(fit, dpar)
    one, tail = term.smooths[index], f"_{dpar}" if dpar else ""
    fixed, random = one.columns(grid)
    post = fit.posterior
    start = sum(s.form.fixed.shape[1] for s in term.smooths[:index])
    bs = post[f"bs{tail}"].values.reshape(-1, post[f"bs{tail}"].shape[-1])
    total = bs[:, start : start + fixed.shape[1]] @ fixed.T
    prefix = f"{dpar}_" if dpar else ""
    for j, block in enumerate(random, start=1):
        weights = post[f"s_{prefix}{one.short}_{j}"].values
        total = total + weights.reshape(len(total), -1) @ block.T
    return total


def test_curve_against_its_columns() -> None:
    fit = fit_of("y ~ w + s(z, k = 4) + s(x, k = 5)")
    shown = fit.conditional_smooths(resolution=7, prob=0.8)
    assert list(shown) == ["mu: s(z, k = 4)", "mu: s(x, k = 5)"]
    frame = shown["s(x,k=5)"]
    np.testing.assert_allclose(frame["x"], np.linspace(DATA["x"].min(), DATA["x"].max(), 7))
    draws = by_hand(fit, 1, frame)
    np.testing.assert_allclose(frame["estimate__"], np.median(draws, axis=0), rtol=1e-12)
    np.testing.assert_allclose(frame["lower__"], np.quantile(draws, 0.1, axis=0), rtol=1e-12)
    np.testing.assert_allclose(frame["upper__"], np.quantile(draws, 0.9, axis=0), rtol=1e-12)
    plain = fit.conditional_smooths("s(x, k = 5)", resolution=7, robust=False)
    assert list(plain) == ["mu: s(x, k = 5)"]
    np.testing.assert_allclose(plain["s(x, k = 5)"]["estimate__"], draws.mean(axis=0))
    np.testing.assert_allclose(plain["s(x, k = 5)"]["se__"], draws.std(axis=0, ddof=1))


def test_levels_of_a_factor_are_series() -> None:
    fit = fit_of("y ~ f + s(x, by = f, k = 5)")
    frame = fit.conditional_smooths(resolution=4)["s(x, by = f, k = 5)"]
    for index, level in enumerate("abc"):
        part = frame[frame["f"] == level]
        draws = by_hand(fit, index, part)
        np.testing.assert_allclose(part["estimate__"], np.median(draws, axis=0), rtol=1e-12)
    few = fit.conditional_smooths(int_conditions={"f": ["c"]})["s(x, by = f, k = 5)"]
    assert set(few["f"]) == {"c"}
    # The first level of an ordered factor has no curve of its own.
    fit = fit_of("y ~ o + s(x, k = 5) + s(x, by = o, k = 5)")
    frame = fit.conditional_smooths("s(x, by = o, k = 5)")["s(x, by = o, k = 5)"]
    assert set(frame["o"]) == {"mid", "hi"}


def test_numbers_in_by_take_three_values_or_those_that_were_asked_for() -> None:
    fit = fit_of("y ~ s(x, by = z, k = 5)")
    frame = fit.conditional_smooths(resolution=3)["s(x, by = z, k = 5)"]
    mean, sd = DATA["z"].mean(), DATA["z"].std()
    np.testing.assert_allclose(np.unique(frame["z"]), [mean - sd, mean, mean + sd])
    frame = fit.conditional_smooths(int_conditions={"z": [0, 2]})["s(x, by = z, k = 5)"]
    assert (frame[frame["z"] == 0]["upper__"] == 0).all()
    twice = frame[frame["z"] == 2]
    np.testing.assert_allclose(
        twice["estimate__"], np.median(by_hand(fit, 0, twice), axis=0), rtol=1e-12
    )


def test_two_numbers_are_a_surface_or_lines() -> None:
    fit = fit_of("y ~ s(x, z, k = 8)")
    shown = fit.conditional_smooths(resolution=9)
    effect = shown.effect("s(x, z, k = 8)")
    assert effect.surface and len(effect.frame) == 81 and effect.lines is None
    np.testing.assert_allclose(
        effect.frame["estimate__"], np.median(by_hand(fit, 0, effect.frame), axis=0), rtol=1e-10
    )
    near = fit.conditional_smooths(resolution=9, too_far=0.08)["s(x, z, k = 8)"]
    assert 0 < len(near) < 81
    lines = fit.conditional_smooths(surface=False, int_conditions={"z": [0.5]})
    assert not lines.effect("s(x, z, k = 8)").surface
    assert len(lines["s(x, z, k = 8)"]) == 100
    by = fit_of("y ~ s(x, z, by = f, k = 8)").conditional_smooths(resolution=5)
    assert by["s(x, z, by = f, k = 8)"]["cond__"].unique().tolist() == ["f = a", "f = b", "f = c"]
    axes = by.plot(rug=True)
    assert [a.get_title() for a in axes[:3]] == ["f = a", "f = b", "f = c"]
    dots = [next(o for o in a.lines if o.get_label() == "_points") for a in axes[:3]]
    assert [len(o.get_xdata()) for o in dots] == [20, 20, 20]
    plt.close("all")


def test_factors_among_the_covariates() -> None:
    fit = fit_of('y ~ s(x, f, bs = "fs", k = 4) + s(f, bs = "re")')
    shown = fit.conditional_smooths(resolution=4)
    whole = fit.posterior_smooths('s(x, f, bs = "fs", k = 4)',
                                  shown['s(x, f, bs = "fs", k = 4)'])  # fmt: skip
    np.testing.assert_allclose(
        shown["s(x,f,bs='fs',k=4)"]["estimate__"], np.median(whole, axis=(0, 1)), rtol=1e-12
    )
    frame = shown['s(f, bs = "re")']
    assert frame["f"].tolist() == ["a", "b", "c"]
    # Each level has one coefficient of its own.
    found = np.sort(np.median(fit.posterior["s_sf_1"].values, axis=(0, 1)))
    np.testing.assert_allclose(np.sort(frame["estimate__"]), found, rtol=1e-12)


def test_formulas_of_other_parameters_and_responses() -> None:
    fit = fit_of(hm.bf("y ~ s(x, k = 5)", "sigma ~ s(x, k = 5)"))
    shown = fit.conditional_smooths(resolution=5)
    assert list(shown) == ["mu: s(x, k = 5)", "sigma: s(x, k = 5)"]
    frame = shown["sigma: s(x, k = 5)"]
    np.testing.assert_allclose(
        frame["estimate__"], np.median(by_hand(fit, 0, frame, "sigma"), axis=0), rtol=1e-12
    )
    with pytest.raises(KeyError, match="several smooths are"):
        shown["s(x, k = 5)"]
    axes = shown.plot()
    assert [a.get_ylabel() for a in axes] == ["s(x, k = 5)", "sigma: s(x, k = 5)"]
    plt.close("all")
    fit = fit_of(hm.bf("y ~ exp(e)", "e ~ s(x, k = 5)", nl=True))
    assert list(fit.conditional_smooths()) == ["e: s(x, k = 5)"]
    both = fit_of(hm.mvbf("y ~ s(x, k = 5)", "u ~ s(z, k = 5)", rescor=False))
    assert list(both.conditional_smooths(resp="u")) == ["mu: s(z, k = 5)"]
    with pytest.raises(Exception, match="resp="):
        both.conditional_smooths()


def test_transformed_covariates_are_drawn_over_their_columns() -> None:
    fit = fit_of("y ~ s(log(x), k = 5)")
    frame = fit.conditional_smooths(resolution=5)["s(log(x), k = 5)"]
    np.testing.assert_allclose(frame["effect1__"], np.linspace(DATA.x.min(), DATA.x.max(), 5))
    np.testing.assert_allclose(
        frame["estimate__"], np.median(by_hand(fit, 0, frame), axis=0), rtol=1e-12
    )


def test_what_is_drawn() -> None:
    fit = fit_of("y ~ s(x, by = f, k = 5) + s(z, k = 5)")
    shown = fit.conditional_smooths(spaghetti=True, ndraws=12)
    lines = shown.effect("s(z, k = 5)").lines
    assert lines is not None and lines["draw__"].nunique() == 12
    curve = lines[lines["draw__"] == lines["draw__"].iloc[0]]
    posterior = fit.posterior_smooths("s(z, k = 5)", shown["s(z, k = 5)"], ndraws=12)
    np.testing.assert_allclose(curve["estimate__"], posterior.values.reshape(12, -1)[0])
    axes = fit.conditional_smooths().plot(rug=True)
    assert len(axes) == 2
    curves = [o for o in axes[0].lines if not str(o.get_label()).startswith("_")]
    assert [o.get_label() for o in curves] == ["a", "b", "c"]
    frame = fit.conditional_smooths()["s(x, by = f, k = 5)"]
    np.testing.assert_allclose(
        curves[1].get_ydata(), frame[frame["f"] == "b"]["estimate__"]
    )
    with pytest.raises(DataError, match="no place"):
        fit.conditional_smooths().plot(points=True)
    plt.close("all")
    assert "Smooths: on the scale" in repr(shown) and "<img" in shown._repr_html_()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"smooths": "s(q)"}, ArgumentError, "no smooth 's\\(q\\)'.*it has mu: s\\(x, by = f"),
        ({"smooths": []}, ArgumentError, "smooth"),
        ({"prob": 1.2}, ArgumentError, "prob"),
        ({"resolution": 1}, ArgumentError, "resolution"),
        ({"too_far": 0.1}, ArgumentError, "no smooth is one"),
        ({"int_conditions": {"x": [1]}}, ArgumentError, "'x' is not the second variable.*f, w"),
        ({"int_conditions": {"f": ["d"]}}, DataError, "'d' is not a level of 'f'"),
        ({"int_conditions": {"w": ["d"]}}, ArgumentError, "'w' is a number"),
        ({"int_conditions": {"w": []}}, ArgumentError, "no value of 'w'"),
        ({"int_conditions": [1]}, ArgumentError, "values by variable"),
        ({"surface": 1}, ArgumentError, "surface"),
        ({"resp": "y2"}, Exception, "y2"),
    ],
)
def test_what_is_refused(options: dict[str, Any], error: type[Exception], words: str) -> None:
    fit = fit_of("y ~ s(x, by = f, k = 5) + s(z, by = w, k = 5)")
    with pytest.raises(error, match=words):
        fit.conditional_smooths(**options)


def test_models_without_smooths_and_smooths_of_many_covariates() -> None:
    with pytest.raises(ArgumentError, match="no smooths"):
        fit_of("y ~ x").conditional_smooths()
    fit = fit_of("y ~ s(x, k = 5) + t2(x, z, w, k = c(3, 3, 3))")
    with pytest.warns(HiermodelWarning, match="is left out"):
        assert list(fit.conditional_smooths()) == ["mu: s(x, k = 5)"]
    with pytest.raises(ArgumentError, match="more covariates than a picture"):
        fit.conditional_smooths("t2(x, z, w, k = c(3, 3, 3))")


@pytest.mark.parametrize(
    "term",
    [
        "s(factor(u), bs = 're')", "s(x, by = factor(u), k = 4)",
        "s(x, factor(u), bs = 'fs', k = 4)", "gp(x, by = factor(u), k = 3)",
    ],
)
def test_numbers_made_factors_have_their_values_as_levels(term: str) -> None:
    data = DATA.assign(u=np.arange(len(DATA)) % 3 * 5)
    fit = fit_of(f"y ~ {term}", data)
    levels = {"0", "5", "10"}
    if term.startswith("s("):
        (table,) = fit.conditional_smooths(resolution=5).values()
        assert set(table["u"].astype(str)) == levels
    effects = fit.conditional_effects(resolution=5)
    assert set(effects["u"]["u"].astype(str)) == levels


def test_random_effects_of_a_number_are_told_to_be_a_slope() -> None:
    with pytest.warns(HiermodelWarning, match=r"write s\(factor\(x\), bs = \"re\"\)"):
        hm.model("y ~ s(x, bs = 're')", DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hm.model("y ~ s(f, x, bs = 're')", DATA)
