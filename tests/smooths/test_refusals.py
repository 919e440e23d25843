"""Wrong arguments of ``s()``, ``t2()`` and ``gp()``, and knots: errors that say what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import FormulaError, HiermodelWarning
from hiermodel.smooths.bases import learn_basis
from hiermodel.smooths.bsplines import p_spline
from hiermodel.terms.smooths import SmoothTerm

RNG = np.random.default_rng(12)
DATA = pd.DataFrame({
    "x": RNG.uniform(0, 10, 60), "z": RNG.normal(size=60), "g": RNG.choice(list("abc"), 60),
    "y": RNG.normal(size=60),
})

REFUSED = {
    # sizes
    "s(x, k = 'a')": "k is a whole number",
    "s(x, k = c(5, 5))": "k is a whole number",
    "s(x, k = 5, k = 6)": "argument 'k' of s\\(\\) is given twice",
    "s(x, bs = 'ps', k = 3)": 'k = 3 is too small for bs = "ps" of degree 3; give at least 4',
    "s(x, bs = 'bs', k = 3)": "too small",
    "s(x, bs = 'cc', k = 3)": 'k = 3 is too small for bs = "cc"; give at least 4',
    "t2(x, z, k = 4.5)": "k takes whole numbers",
    # orders
    "s(x, m = 0)": 'm of bs = "tp" is the order .* of at least 1, not 0',
    "s(x, m = -1)": "not -1",
    "s(x, m = 1.5)": "not 1.5",
    "s(x, z, m = 1)": "of at least 2, not 1",
    "s(x, m = c(2, 0))": "one whole number",
    "s(x, bs = 'ps', m = c(2, 1, 1))": "whole numbers, not 2, 1, 1",
    "s(x, bs = 'ps', m = c(2, 10))": "no differences of order 10",
    "s(x, bs = 'bs', m = c(3, 4))": "not above the degree; not 3, 4",
    "s(x, bs = 'gp', m = c(2, 1, 3))": "a power above 0 and up to 2",
    "t2(x, z, m = c(1, 2, 3))": "m has 3 values for 2 margins",
    # names and columns
    "s(x, bs = cr)": 'bs is a text in quotes, such as bs = "cr"',
    "s(x, bs = TRUE)": "bs is a text in quotes",
    "s(x, by = TRUE)": "by of a smooth is a column of numbers or a factor",
    "s(x, by = c(x, z))": "by of a smooth is a column",
    "s(x, x)": "x stands twice in s\\(x, x\\)",
    "s(x, g, bs = 'fs', xt = 'fs')": 'a curve of bs = "fs" cannot have bs = "fs"',
    "s(x, g, bs = 'fs', pc = 1)": 'pc says nothing to bs = "fs"',
    "s(g, bs = 're', xt = 3)": 'xt says nothing to bs = "re"; leave it out',
    "t2(x, z, bs = c('cr', 're'))": 'a margin with bs = "re" is of one factor, not of z',
    "t2(g, bs = 're')": 'all margins have bs = "re"',
    "t2(x, z, d = c(3, -1))": "d takes whole numbers",
    "t2(x, z, d = c(1.5, 0.5))": "d takes whole numbers",
    # smoothing parameters
    "s(x, k = 5, sp = 1)": "leave sp out and give hm.prior\\('constant\\(0.5\\)', cls='sds', "
    "coef='s\\(x, k = 5\\)'\\)",
    # processes
    "gp(x, x)": "x stands twice",
    "gp(x, c = 2)": "give the number of functions, k, too",
    "gp(x, k = 5, c = 0.3)": "does not hold the points of gpx: give a c of at least 0.5",
    "gp(x, by = TRUE)": "by of gp\\(\\) is a column",
}


@pytest.mark.parametrize("term", REFUSED)
def test_wrong_arguments_are_refused_in_words(term: str) -> None:
    with pytest.raises(FormulaError, match=REFUSED[term]) as caught:
        hm.model(f"y ~ {term}", DATA)
    assert "^" in str(caught.value)  # a caret below the culprit


@pytest.mark.parametrize(
    ("term", "message"),
    [
        ("s(x, bs = 'cr', m = 3)", 'bs = "cr" penalises second derivatives: m = 3 says nothing'),
        ("t2(x, z, k = 4, m = 1)", "m = 1 says nothing to it"),
        ("s(g, bs = 're', k = 3)", 'k says nothing to bs = "re"'),
        ("s(g, bs = 're', m = 1)", "m says nothing"),
    ],
)
def test_what_mgcv_ignores_is_told(term: str, message: str) -> None:
    with pytest.warns(HiermodelWarning, match=message):
        hm.model(f"y ~ {term}", DATA)


@pytest.mark.parametrize(
    ("bs", "knots", "message"),
    [
        ("cr", [0, 5], "2 knots for k = 10 functions: .* give 10 knots\n"),
        ("cs", [1, 2, 3], "give 10 knots, or k = 3"),
        ("cc", [1, 2, 3], "give two, the ends of the period, or 10"),
        ("cp", [1, 2, 3], "give two, the ends of the period, or 11"),
        ("cp", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11], "evenly spaced"),
        ("ps", [1, 2, 3], "give two, the ends of their range, or all 14"),
        ("ps", [2, 10], "the range of the knots, 2 to 10, does not hold the data"),
        ("bs", [2, 10], "does not hold the data"),
        ("cr", [0, 1, 1, 2, 3, 4, 5, 6, 7, 8], "different numbers, but 1 is there twice"),
        ("tp", [1, 2, 3], "3 knots are too few places for k = 10"),
    ],
)
def test_wrong_knots_are_refused_in_words(bs: str, knots: list[float], message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        hm.model(f"y ~ s(x, bs = '{bs}')", DATA, knots={"x": knots})


def test_knots_of_covariates_with_different_lengths() -> None:
    knots = {"x": [0, 1, 2, 3, 4, 5], "z": [-1, 0, 1, 2, 3]}
    with pytest.raises(FormulaError, match="there are 6 and 5 numbers"):
        hm.model("y ~ s(x, z, k = 5)", DATA, knots=knots)


# ------------------------------------------------------------------ what is taken


def smooth(formula: str, **given: Any) -> Any:
    term = hm.model(formula, DATA, **given).predictors[0].smooths  # type: ignore[union-attr]
    assert isinstance(term, SmoothTerm)
    return term.smooths[0]


def test_defaults_in_words_are_defaults() -> None:
    plain = smooth("y ~ s(x)")
    for text in ("s(x, k = -1)", "s(x, sp = -1)", "s(x, m = NA)", "s(x, xt = NULL)"):
        np.testing.assert_array_equal(
            smooth(f"y ~ {text}").columns(DATA)[1][0], plain.columns(DATA)[1][0]
        )
    second = smooth("y ~ s(x, bs = 'cr', m = 2)").columns(DATA)[1][0]
    np.testing.assert_array_equal(second, smooth("y ~ s(x, bs = 'cr')").columns(DATA)[1][0])


def test_knots_of_thin_plates_are_their_places() -> None:
    knots = {"x": np.linspace(0, 10, 15)}
    basis = smooth("y ~ s(x, k = 8)", knots=knots).form.basis
    np.testing.assert_allclose(basis.places[:, 0] + basis.shift, knots["x"])
    both = {"x": np.linspace(0, 10, 25), "z": RNG.normal(size=25)}
    for bs in ("tp", "ds", "gp"):
        basis = smooth(f"y ~ s(x, z, k = 8, bs = '{bs}')", knots=both).form.basis
        places = basis.places + basis.shift
        np.testing.assert_allclose(places, np.column_stack([both["x"], both["z"]]))
    # A covariate without: the places are those of the data.
    with pytest.warns(HiermodelWarning, match="without those of z they are not used there"):
        part = smooth("y ~ s(x, z, k = 8) + s(x, bs = 'cr', k = 25)", knots={"x": both["x"]})
    assert len(part.form.basis.places) == len(DATA)


def test_all_places_as_knots_change_nothing() -> None:
    knots = {"x": DATA["x"].to_list()}
    found, plain = smooth("y ~ s(x)", knots=knots), smooth("y ~ s(x)")
    np.testing.assert_allclose(found.columns(DATA)[1][0], plain.columns(DATA)[1][0], atol=1e-10)


@pytest.mark.parametrize("bs", ["ps", "bs"])
def test_two_knots_of_b_splines_are_their_range(bs: str) -> None:
    x = DATA[["x"]].to_numpy()
    wide = learn_basis(bs, x, 8, knots=np.array([-5.0, 20.0]))
    same = learn_basis(bs, np.array([[-5.0], [20.0], *np.linspace(0, 9, 20)[:, None]]), 8)
    np.testing.assert_allclose(wide.design(x), same.design(x))
    whole = p_spline(x[:, 0], 8, knots=np.arange(12.0))
    np.testing.assert_array_equal(whole.knots, np.arange(12.0))


def test_margins_have_orders_of_their_own() -> None:
    """As in mgcv: a vector has one number for each margin, a list several for each."""
    one = smooth("y ~ t2(x, z, bs = 'ps', k = 5, m = c(1, 2))").form.basis
    assert [m.rank for m in one.margins] == [4, 3]
    assert [m.basis.degree for m in one.margins] == [2, 3]
    several = smooth("y ~ t2(x, z, bs = 'ps', k = 5, m = list(c(2, 1), c(1, 3)))").form.basis
    assert [m.rank for m in several.margins] == [4, 2]
    assert [m.basis.degree for m in several.margins] == [3, 2]


def test_a_margin_of_levels_gives_each_level_a_curve() -> None:
    """Functions of the curve times independent effects: a covariance within levels only."""
    one = smooth("y ~ t2(x, g, bs = c('cr', 're'), k = c(5, 3))")
    fixed, random = one.columns(DATA)
    # Rough and straight parts of the curve by level; nothing without a penalty.
    assert fixed.shape[1] == 0 and [b.shape[1] for b in random] == [9, 6]
    same = DATA["g"].to_numpy()[:, None] == DATA["g"].to_numpy()
    for block in random:
        cov = block @ block.T
        assert np.abs(cov[~same]).max() < 1e-12 < np.abs(cov[same]).min()
    # The straight parts of a level span its lines.
    at = (DATA["g"] == "b").to_numpy()
    lines = np.column_stack([np.ones(at.sum()), DATA["x"][at]])
    rest = lines - random[1][at] @ np.linalg.lstsq(random[1][at], lines, rcond=None)[0]
    assert np.abs(rest).max() < 1e-8
    # A missing level has no curve.
    nowhere = one.columns(DATA.head(3).assign(g=None), "pass")[1]
    assert not any(block.any() for block in nowhere)


def test_priors_find_a_smooth_however_it_is_spaced() -> None:
    formula = 'y ~ s(x,k=5,bs="cr")'
    for coef in ("s(x,k=5,bs='cr')", 's(x, k = 5, bs = "cr")'):
        table = hm.model(
            formula, DATA, priors=[hm.prior("exponential(2)", cls="sds", coef=coef)]
        ).priors
        assert table.loc[table["prior"] == "exponential(2)", "coef"].to_list() == [
            's(x, k = 5, bs = "cr")'
        ]
    with pytest.raises(hm.PriorError, match="the nearest is"):
        hm.model(formula, DATA, priors=[hm.prior("exponential(2)", cls="sds", coef="s(x,k=6)")])
