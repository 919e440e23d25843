"""Monotonic effects: values by hand, new data, shared simplexes, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import DataError, FormulaError, PriorError

LEVELS = ["low", "mid", "high", "top"]


def study(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "inc": pd.Categorical.from_codes(rng.permutation(np.arange(n) % 4), LEVELS, True),
            "edu": 3 + rng.permutation(np.arange(n) % 3),
            "x": rng.normal(size=n),
            "f": np.array(["a", "b", "c"])[np.arange(n) % 3],
            "g": np.array(["g1", "g2", "g3", "g4"])[rng.permutation(np.arange(n) % 4)],
            "raw": rng.normal(size=n),
            "same": 1,
        }
    )


DATA = study()


def fit_with(formula: Any, draws: dict[str, Any], data: pd.DataFrame = DATA) -> hm.Fit:
    """A fit with one draw of each parameter."""
    model = hm.model(formula, data)
    values = {k: np.asarray(v, dtype=float)[None, None] for k, v in draws.items()}
    return hm.Fit.from_draws(model, data, values)


def by_hand(codes: np.ndarray, simplex: list[float]) -> np.ndarray:
    """``J * sum(simo[1:x])``, one row after the other."""
    return np.array([len(simplex) * sum(simplex[:code]) for code in codes])


def test_linear_predictor_by_hand() -> None:
    simplexes = [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]
    fit = fit_with(
        "y ~ mo(inc) * x",
        {"Intercept": 1.0, "b": [0.5], "bsp": [2.0, -1.0], "simo_1": simplexes[0],
         "simo_2": simplexes[1], "sigma": 1.0},
    )
    codes, x = DATA["inc"].cat.codes.to_numpy(), DATA["x"].to_numpy()
    expected = (
        1 + 0.5 * (x - x.mean()) + 2 * by_hand(codes, simplexes[0])
        - by_hand(codes, simplexes[1]) * x
    )
    np.testing.assert_allclose(fit.posterior_linpred().values[0, 0], expected, rtol=1e-12)
    names = list(fit.to_frame().columns)
    assert [n for n in names if n.startswith("bsp")] == ["bsp_moinc", "bsp_moinc:x"]
    assert "simo_moinc1[1]" in names and "simo_moinc:x1[3]" in names


def test_effects_that_vary_over_groups_by_hand() -> None:
    simplex = [0.25, 0.75]
    fit = fit_with(
        "y ~ mo(edu) + (mo(edu) || g)",
        {"Intercept": 0.0, "bsp": [1.0], "simo_1": simplex, "sigma": 1.0, "sd_1": [2.0],
         "z_1": [[0.1, 0.2, 0.3, 0.4]], "sd_2": [3.0], "z_2": [[1.0, -1.0, 2.0, 0.0]]},
    )
    level = np.array([int(g[1]) - 1 for g in DATA["g"]])
    height = by_hand(DATA["edu"].to_numpy() - 3, simplex)
    expected = np.array([0.2, 0.4, 0.6, 0.8])[level]
    expected = expected + (1 + np.array([3.0, -3.0, 6.0, 0.0])[level]) * height
    np.testing.assert_allclose(fit.posterior_linpred().values[0, 0], expected, rtol=1e-12)
    table = fit.coef()["g"]
    assert table.loc[("g3", "moedu"), "Estimate"] == pytest.approx(7.0)
    np.testing.assert_allclose(
        fit.posterior_linpred(re_formula="NA").values[0, 0], height, rtol=1e-12
    )


def test_a_shared_id_is_one_parameter() -> None:
    formula = 'y ~ mo(inc, id = "a") + mo(inc, id = "a"):f'
    model = hm.model(formula, DATA)
    assert [v.name for v in model.parameters if v.type == "simplex"] == ["simo_1"]
    rows = model.priors[model.priors["class"] == "simo"]
    assert rows["coef"].tolist() == ["a"]
    draws = {"Intercept": 0.0, "bsp": [1.0, 2.0, 3.0], "simo_1": [0.6, 0.3, 0.1], "sigma": 1.0}
    frame = fit_with(formula, draws).to_frame()
    # Without a main effect of f, as in R's model.matrix.
    assert list(frame.filter(like="bsp")) == [
        "bsp_moincidEQa", "bsp_moincidEQa:fb", "bsp_moincidEQa:fc"
    ]
    assert frame["simo_moincidEQa:fc1[1]"].item() == 0.6


def test_new_rows_are_those_of_the_training_data() -> None:
    fit = fit_with(
        "y ~ mo(edu) + mo(inc)",
        {"Intercept": 0.0, "bsp": [1.0, 3.0], "simo_1": [0.4, 0.6], "simo_2": [0.2, 0.2, 0.6],
         "sigma": 1.0},
    )
    rows = DATA.iloc[[3, 1]]
    np.testing.assert_allclose(
        fit.posterior_epred(rows).values[0, 0], fit.posterior_epred().values[0, 0, [3, 1]]
    )
    single = pd.DataFrame({"edu": [3], "inc": ["high"]})
    assert fit.posterior_epred(single).item() == pytest.approx(3 * 3 * 0.4)
    gap = pd.DataFrame({"edu": [np.nan, 4.0], "inc": ["low", "low"]})
    np.testing.assert_allclose(fit.posterior_epred(gap).values[0, 0], [np.nan, 2 * 0.4])
    for edu, shown in ((6, "6 in row 1 is none of the whole numbers 3 to 5"), (3.5, "3.5 in row")):
        with pytest.raises(DataError, match=shown):
            fit.posterior_epred(pd.DataFrame({"edu": [edu], "inc": ["low"]}))
    with pytest.raises(DataError, match="huge"):
        fit.posterior_epred(pd.DataFrame({"edu": [3], "inc": ["huge"]}))


def test_conditional_effects_stay_on_whole_numbers() -> None:
    fit = fit_with(
        "y ~ mo(edu) * x",
        {"Intercept": 0.0, "b": [0.0], "bsp": [1.0, 0.5], "simo_1": [0.4, 0.6],
         "simo_2": [0.5, 0.5], "sigma": 1.0},
    )
    effects = fit.conditional_effects()
    assert effects["edu"]["edu"].tolist() == [3.0, 4.0, 5.0]
    mean = DATA["x"].mean()
    expected = np.array([0.0, 0.8, 2.0]) + 0.5 * mean * np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(effects["edu"]["estimate__"], expected, atol=1e-12)
    # The typical number is a whole one too.
    assert np.isfinite(effects["x"]["estimate__"]).all()


def test_priors_of_steps() -> None:
    own = [
        hm.prior("dirichlet(2)", cls="simo", coef="moinc1"),
        hm.prior("dirichlet(c(1, 2))", cls="simo", coef="moedu1"),
    ]
    bound = hm.model("y ~ mo(inc) + mo(edu)", DATA, priors=own).bind(DATA)
    assert bound["con_simo_1"].tolist() == [2, 2, 2]
    assert bound["con_simo_2"].tolist() == [1, 2]
    with pytest.raises(PriorError, match="matches no parameter"):
        hm.model("y ~ mo(inc)", DATA, priors=[hm.prior("dirichlet(2)", cls="simo")])
    with pytest.raises(PriorError, match="one concentration for all of its 3"):
        hm.model("y ~ mo(inc)", DATA, priors=[hm.prior("dirichlet(1, 2)", cls="simo",
                                                       coef="moinc1")])


@pytest.mark.parametrize(
    ("formula", "error", "message"),
    [
        ("y ~ mo(f)", DataError, "'f' is a factor without an order; make it an ordered one"),
        ("y ~ mo(raw)", DataError, "mo\\(\\) takes an ordered factor or whole numbers"),
        ("y ~ mo(same)", DataError, "'same' has one category only"),
        ("y ~ mo()", FormulaError, "mo\\(\\) needs a variable"),
        ("y ~ mo(inc, id = 3)", FormulaError, "id of mo\\(\\) must be a text"),
        ("y ~ mo(inc, ids = 'a')", FormulaError, "no argument 'ids'"),
        ("y ~ mo(inc, id = 'a') + mo(edu, id = 'a')", FormulaError, "have 4 and 3 categories"),
        ("y ~ x + (mo(inc) | g)", FormulaError, "its average effect 'moinc' is not in the formula"),
        ("y ~ mo(inc) + I(log(mo(inc)))", FormulaError, "numbers and"),
        ("y ~ mo(inc):s(x)", FormulaError, "cannot be multiplied with other special terms"),
        ("y ~ mo(incc)", FormulaError, "did you mean 'inc'"),
    ],
)
def test_refusals(formula: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        hm.model(formula, DATA)


def test_known_steps_are_recovered() -> None:
    rng = np.random.default_rng(2)
    n = 300
    code = rng.integers(0, 4, n)
    data = pd.DataFrame(
        {
            "y": 1 + 3 * np.array([0.0, 0.6, 0.9, 1.0])[code] + rng.normal(0, 0.4, n),
            "inc": pd.Categorical.from_codes(code, LEVELS, True),
        }
    )
    fit = hm.fit("y ~ mo(inc)", data, chains=1, warmup=300, draws=300, seed=4)
    draws = fit.to_frame()
    truth = {"bsp_moinc": 1.0, "simo_moinc1[1]": 0.6, "simo_moinc1[2]": 0.3, "b_Intercept": 1.0}
    for name, value in truth.items():
        assert draws[name].std() < 0.1
        assert abs(draws[name].mean() - value) < 4 * draws[name].std(), name
