"""Proportional hazards: the program, predictions and errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.certifying import numpy_log_lik
from hiermodel.errors import DataError, FamilyError, FormulaError, PriorError
from hiermodel.flatnames import flat_names

from .draws import density, random_fit


def _times(n: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    time = rng.weibull(1.3, n) * 10 + 2
    return pd.DataFrame({
        "time": time, "x": rng.normal(size=n), "g": np.resize(["b", "a", "a"], n),
        "event": np.resize(["none", "right", "none", "left"], n),
        "any": np.resize(["none", "interval", "right", "left"], n),
        "late": time + rng.exponential(5, n), "entry": time * rng.uniform(0, 0.9, n),
        "w": rng.uniform(0.5, 2, n),
    })  # fmt: skip


DATA = _times()
LEFT = [
    "time",
    "time | cens(event)",
    "time | cens(any, late)",
    "time | trunc(lb = entry)",
    "time | trunc(ub = late)",
    "time | weights(w) + cens(any, late) + trunc(lb = 0, ub = 1e4)",
    "time | cens(event) + bhaz(gr = g)",
    "time | cens(any, late) + trunc(lb = entry) + bhaz(gr = g, df = 7, degree = 2)",
    "time | bhaz(knots = c(5, 9), Boundary.knots = c(0, 60))",
    "time | bhaz(df = 4, intercept = FALSE)",
    "time | bhaz(df = 3, degree = 0)",
]


def _parameters(model: hm.Model, made: object, point: np.ndarray) -> dict[str, np.ndarray]:
    found = made.constrain(point)  # type: ignore[attr-defined]
    return {var.name: np.asarray(found[var.name][0]) for var in model.parameters}


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("link", ["log", "softplus"])
def test_engine_and_numpy_agree(left: str, link: str) -> None:
    model = hm.model(f"{left} ~ x", DATA, hm.family("cox", link))
    full, prior = density(model, DATA), density(model, DATA, prior_only=True)
    rng = np.random.default_rng(2)
    for _ in range(3):
        point = rng.uniform(-1, 1, full.dim)
        value, gradient = full.value_and_grad(point)
        engine = value - prior.value_and_grad(point)[0]
        ours = numpy_log_lik(model, DATA, _parameters(model, full, point))
        assert np.isfinite(gradient).all()
        assert engine == pytest.approx(ours, rel=1e-9)


def test_knots_come_from_the_responses() -> None:
    model = hm.model("time ~ x", DATA, "cox")
    low, inner, high = model.part.baseline.splines.knots
    margin = np.ptp(DATA["time"]) / 50
    assert inner == pytest.approx(DATA["time"].median())
    assert high == pytest.approx(DATA["time"].max() + margin)
    assert low == pytest.approx(DATA["time"].min() - margin)
    near_zero = DATA.assign(time=DATA["time"] - DATA["time"].min() + 1e-3)
    assert hm.model("time ~ x", near_zero, "cox").part.baseline.splines.knots[0] == 0


def test_log_lik_of_new_rows_uses_the_learned_knots_and_groups() -> None:
    fit = random_fit(hm.model("time | cens(event) + bhaz(gr = g) ~ x", DATA, "cox"), DATA)
    whole = fit.log_lik().values
    np.testing.assert_allclose(fit.log_lik(DATA.iloc[5:9]).values, whole[..., 5:9], rtol=1e-12)
    swapped = DATA.assign(g=DATA["g"].map({"a": "b", "b": "a"}))
    assert np.abs(fit.log_lik(swapped).values - whole).min() > 0
    names = [e.name for e in flat_names(fit.posterior) if e.variable == "sbhaz"]
    assert names[:3] == ["sbhaz[a,1]", "sbhaz[b,1]", "sbhaz[a,2]"]
    with pytest.raises(DataError, match="the level 'c' in row 1, which the model does not know"):
        fit.log_lik(DATA.assign(g="c"))
    numbered = DATA.assign(g=np.resize([10, 9], len(DATA)))
    model = hm.model("time | bhaz(gr = g) ~ x", numbered, "cox")
    assert model.part.baseline.groups == ("9", "10")
    with pytest.raises(DataError, match="'3' is not one of the groups of the model"):
        model.bind(numbered.assign(g=3))
    assert fit.posterior_linpred(DATA[["x"]].head(3)).shape[-1] == 3


def test_times_cannot_be_predicted() -> None:
    fit = random_fit(hm.model("time | bhaz(gr = g) ~ x", DATA, "cox"), DATA)
    for verb in (fit.posterior_epred, fit.posterior_predict):
        with pytest.raises(FamilyError, match="no expected or predicted times"):
            verb()
    with pytest.raises(FamilyError, match="cannot be a component of a mixture"):
        hm.mixture("cox", "weibull")


@pytest.mark.parametrize(
    ("left", "error", "message"),
    [
        ("time | bhaz(df = 2)", FormulaError, "df of bhaz.. must be at least 4"),
        ("time | bhaz(df = 5.5)", FormulaError, "df of bhaz.. must be a whole number"),
        ("time | bhaz(knots = c(5, 'a'))", FormulaError, "knots of bhaz.. are numbers"),
        ("time | bhaz(knots = 1000)", DataError, "between the boundary knots"),
        ("time | bhaz(Boundary.knots = c(5, 10))", FormulaError, "around all values"),
        ("same", DataError, "does not vary"),
        ("few | bhaz(df = 20)", DataError, "take a smaller df"),
        ("time | bhaz(by = g)", FormulaError, "no argument 'by'"),
    ],
)
def test_errors(left: str, error: type[Exception], message: str) -> None:
    data = DATA.assign(same=3.0, few=np.resize([1.0, 2.0, 2.0, 2.0, 3.0], len(DATA)))
    with pytest.raises(error, match=message):
        hm.model(f"{left} ~ x", data, "cox")


def test_other_families_have_no_baseline_hazard() -> None:
    with pytest.raises(FormulaError, match="does not take the addition term bhaz"):
        hm.model("time | bhaz() ~ x", DATA, "weibull")


def test_priors_by_group() -> None:
    formula, weights = "time | bhaz(gr = g) ~ x", hm.prior("dirichlet(1, 2, 3, 4, 5)", "sbhaz")
    model = hm.model(formula, DATA, "cox", priors=[weights])
    np.testing.assert_array_equal(model.bind(DATA)["con_sbhaz"], [[1, 2, 3, 4, 5]] * 2)
    one = hm.prior("dirichlet(3)", "sbhaz", group="b")
    both = hm.model(formula, DATA, "cox", priors=[one]).bind(DATA)["con_sbhaz"]
    np.testing.assert_array_equal(both, [[1] * 5, [3] * 5])
    with pytest.raises(PriorError, match="one concentration for all of its 5 entries"):
        hm.model(formula, DATA, "cox", priors=[hm.prior("dirichlet(1, 2)", "sbhaz")])


def test_constant_weights() -> None:
    """Equal weights; those of one group alone cannot be held."""
    for formula in ("time ~ x", "time | bhaz(gr = g) ~ x"):
        fixed = hm.prior("constant(0.2)", "sbhaz")
        model = hm.model(formula, DATA, "cox", priors=[fixed])
        fit = random_fit(model, DATA)
        assert "sbhaz" not in [var.name for var in model.parameters]
        np.testing.assert_array_equal(fit.posterior["sbhaz"].values, 0.2)
    one = hm.prior("constant(0.2)", "sbhaz", group="a")
    with pytest.raises(PriorError, match="cannot be constant in some groups"):
        hm.model("time | bhaz(gr = g) ~ x", DATA, "cox", priors=[one])


def test_beside_another_response() -> None:
    data = DATA.assign(y=np.linspace(-1, 1, len(DATA)), keep=np.resize([1, 1, 0], len(DATA)))
    left = "time | cens(any, late) + bhaz(gr = g) + subset(keep)"
    formula = hm.bf(f"{left} ~ x", family="cox") + hm.bf("y ~ x", family="gaussian")
    model = hm.model(formula, data)
    full, prior = density(model, data), density(model, data, prior_only=True)
    point = np.random.default_rng(0).uniform(-1, 1, full.dim)
    engine = full.value_and_grad(point)[0] - prior.value_and_grad(point)[0]
    ours = numpy_log_lik(model, data, _parameters(model, full, point))
    assert engine == pytest.approx(ours, rel=1e-9)
    assert "sbhaz_time" in random_fit(model, data).posterior


def test_infections_of_kidney_patients() -> None:
    """Of proportional hazards, a Weibull model has the coefficients ``-shape * b``."""
    data = hm.datasets.load("kidney")
    formula = "time | cens(censored) ~ age + sex + (1 | patient)"
    settings = {"chains": 1, "warmup": 300, "draws": 300, "seed": 1, "progress": False}
    cox = hm.fit(formula, data, family="cox", **settings).to_frame()
    weibull = hm.fit(formula, data, family="weibull", **settings).to_frame()
    for name, within in (("b_sexfemale", 0.35), ("b_age", 0.01)):
        reference = (-weibull["shape"] * weibull[name]).mean()
        assert cox[name].mean() == pytest.approx(reference, abs=within)
    # McGilchrist & Aisbett (1991), Biometrics 47, 461-466: women are at a far lower risk.
    assert -2.2 < cox["b_sexfemale"].mean() < -1.1
