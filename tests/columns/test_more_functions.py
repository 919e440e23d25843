"""Numbers out of text, constants by name, named columns of cbind, places of levels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.columns import group_codes
from tests.spine.draws import random_fit


def frame() -> pd.DataFrame:
    return pd.DataFrame({
        "y": [1.0, 2.5, 3.0, 4.5, 5.0, 7.5], "x": [0.1, 0.4, 0.2, 0.9, 0.5, 0.7],
        "m": [1, 2, 3, 4, 5, 7], "text": ["10", "9", "2.5", "10", "-1e2", "9"],
        "word": ["a", "b", "a", "c", "b", "a"],
        "f": pd.Categorical(["u", "v", "w", "u", "v", "w"]),
        "size": pd.Categorical(["10", "9", "10", "9", "9", "10"]),
    })


def column(term: str, data: pd.DataFrame | None = None) -> np.ndarray:
    """The column of a term beside the intercept."""
    used = frame() if data is None else data
    return np.asarray(hm.model(f"y ~ {term}", used).bind(used)["X"])[:, 1]


def test_text_that_spells_numbers() -> None:
    np.testing.assert_array_equal(column("as.numeric(text)"), [10, 9, 2.5, 10, -100, 9])
    np.testing.assert_array_equal(column("as.integer(text)"), [10, 9, 2, 10, -100, 9])
    np.testing.assert_array_equal(column("as.numeric(as.character(size))"), [10, 9, 10, 9, 9, 10])


def test_factors_give_codes() -> None:
    """As in R: the levels of the categorical are sorted as text, 10 before 9."""
    np.testing.assert_array_equal(column("as.numeric(size)"), [1, 2, 1, 2, 2, 1])
    np.testing.assert_array_equal(column("as.numeric(factor(word))"), [1, 2, 1, 3, 2, 1])


def test_text_that_spells_none() -> None:
    with pytest.raises(hm.FormulaError, match="'a' is no number") as info:
        hm.model("y ~ as.numeric(word)", frame())
    assert "as.numeric(factor(word))" in str(info.value)


def test_new_texts_are_numbers_as_well() -> None:
    model = hm.model("y ~ as.numeric(text)", frame())
    fit = random_fit(model, frame())
    one, two = (fit.posterior_linpred(pd.DataFrame({"text": [v]})) for v in ("11", "12"))
    b = fit.posterior["b"].sel(coef="as.numerictext")
    np.testing.assert_allclose((two - one).values[..., 0], b)


@pytest.mark.parametrize("name", ["pi", "np.pi", "math.pi"])
def test_pi(name: str) -> None:
    np.testing.assert_allclose(
        column(f"sin(2 * {name} * x)"), np.sin(2 * math.pi * frame()["x"]), atol=1e-15
    )


def test_pi_keeps_its_name_in_labels() -> None:
    model = hm.model("y ~ sin(2 * pi * x)", frame())
    assert "sin2MUpiMUx" in list(model.priors["coef"])


def test_a_column_goes_before_the_constant() -> None:
    data = frame().assign(pi=3.0)
    np.testing.assert_allclose(column("I(pi * x)", data), 3 * data["x"])


@pytest.mark.parametrize("where", [
    "y | trunc(lb = -np.inf) ~ x", hm.bf("y ~ x", "sigma ~ I(x * pi)"), "I(y / pi) ~ x",
    "y ~ x + offset(x * pi)", "y ~ (0 + I(x * pi) | f)",
], ids=str)
def test_constants_everywhere(where: Any) -> None:
    fit = random_fit(hm.model(where, frame()), frame())
    assert np.isfinite(fit.log_lik()).all()


def test_constants_are_saved(tmp_path: Any) -> None:
    fit = random_fit(hm.model("y ~ sin(pi * x)", frame()), frame())
    again = hm.load(fit.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(again.posterior_epred(), fit.posterior_epred())


def test_a_constant_is_no_term() -> None:
    with pytest.raises(hm.FormulaError, match="a number cannot be a term"):
        hm.model("y ~ x + pi", frame())


def test_names_in_cbind() -> None:
    model = hm.model("y ~ cbind(x, other = m)", frame())
    assert list(model.priors.query("coef != ''")["coef"]) == ["cbindxotherEQmother",
                                                              "cbindxotherEQmx"]
    np.testing.assert_array_equal(np.asarray(model.bind(frame())["X"])[:, 2], frame()["m"])


def coefs(formula: str) -> list[str]:
    return [c for c in hm.model(formula, frame()).priors["coef"] if c]


def test_place_of_the_first_level() -> None:
    assert [c[-1] for c in coefs("y ~ relevel(f, ref = 2)")] == ["u", "w"]
    assert [c[-1] for c in coefs('y ~ relevel(f, ref = "w")')] == ["u", "v"]
    assert [c[-1] for c in coefs("y ~ relevel(size, ref = 9)")] == ["0"]  # a label, not a place
    with pytest.raises(hm.FormulaError, match="'4' is not a level"):
        hm.model("y ~ relevel(f, ref = 4)", frame())


def test_a_place_that_is_a_label_as_well() -> None:
    data = frame().assign(k=pd.Categorical([2, 1, 3, 2, 1, 3], categories=[2, 1, 3]))
    with pytest.raises(hm.FormulaError, match='write ref = "1" or ref = "2"'):
        hm.model("y ~ relevel(k, ref = 2)", data)
    assert hm.model("y ~ relevel(k, ref = 3)", data).nobs == 6


def test_grouping_column_that_is_not_there() -> None:
    with pytest.raises(hm.DataError, match=r"grouping column 'ff' \(did you mean 'f'\?\)"):
        group_codes(frame(), ["ff"])


def test_polars_categories() -> None:
    polars = pytest.importorskip("polars")
    data = polars.DataFrame({
        "y": [1.0, 2.0, 3.0],
        "e": polars.Series(["b", "a", "b"], dtype=polars.Enum(["b", "a"])),
        "c": polars.Series(["b", "a", "b"], dtype=polars.Categorical),
    })
    model = hm.model("y ~ e", data, priors={"b": "normal(0, 1)"})
    assert "ea" in list(model.priors["coef"])
    model = hm.model("y ~ c", data, priors={"b": "normal(0, 1)"})
    assert "cb" in list(model.priors["coef"])
