"""Covariates with measurement error: latent values by hand, new data, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.engines import get_engine
from hiermodel.errors import DataError, FormulaError

N = 24


def study() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    group = np.arange(N) % 4
    return pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": rng.normal(1, 2, N),
            "sx": rng.uniform(0.2, 0.6, N),
            "z": rng.normal(size=N),
            "sz": rng.uniform(0.2, 0.6, N),
            "w": rng.normal(size=N),
            "g": np.array(list("abcd"))[group],
            "xg": np.array([0.5, 1.0, -1.0, 2.0])[group],
            "sg": np.array([0.1, 0.2, 0.3, 0.4])[group],
            "minus": -1.0,
            "f": np.array(["u", "v"])[np.arange(N) % 2],
        }
    )


DATA = study()


def one_draw(model: hm.Model, seed: int = 1) -> dict[str, np.ndarray]:
    """One draw of every parameter, from a random point."""
    bound = model.bind(DATA)
    density = get_engine("stanli").log_density(model.stan_code, bound, model.parameters)
    point = np.random.default_rng(seed).uniform(-0.5, 0.5, (1, density.dim))
    return {k: np.asarray(v) for k, v in density.constrain(point).items()}


def fit_of(formula: Any, seed: int = 1, copies: int = 1) -> tuple[hm.Fit, dict[str, Any]]:
    model = hm.model(formula, DATA)
    draws = {v.name: one_draw(model, seed)[v.name] for v in model.parameters}
    values = {k: np.repeat(v[None], copies, axis=1) for k, v in draws.items()}
    return hm.Fit.from_draws(model, DATA, values), {k: v[0] for k, v in draws.items()}


def test_true_values_and_predictor_by_hand() -> None:
    fit, p = fit_of("y ~ me(x, sx) * me(z, sz) + I(me(x, sx)^2) + w")
    latent = p["meanme_1"][:, None] + np.diag(p["sdme_1"]) @ p["Lme_1"] @ p["zme_1"]
    np.testing.assert_allclose(fit.posterior["Xme_mex"].values[0, 0], latent[0], rtol=1e-12)
    np.testing.assert_allclose(fit.posterior["Xme_mez"].values[0, 0], latent[1], rtol=1e-12)
    b, (x, z) = p["bsp"], latent
    names = ["bsp_mexsx", "bsp_mezsz", "bsp_ImexsxE2", "bsp_mexsx:mezsz"]
    frame = fit.to_frame()
    assert list(frame.filter(like="bsp")) == names
    w = DATA["w"] - DATA["w"].mean()
    expected = p["Intercept"] + p["b"][0] * w + b[0] * x + b[1] * z + b[2] * x**2 + b[3] * x * z
    np.testing.assert_allclose(fit.posterior_linpred().values[0, 0], expected, rtol=1e-10)
    cor = p["Lme_1"] @ p["Lme_1"].T
    assert frame["corme__mex__mez"].item() == pytest.approx(cor[0, 1])
    assert {"meanme_mex", "sdme_mez", f"Xme_mez[{N}]"} <= set(frame)


def test_density_of_the_latent_part_by_scipy() -> None:
    """What the program adds beside the likelihood of y and the default priors of y."""
    formula = hm.bf("y ~ me(x, sx)")
    model = hm.model(formula, DATA, priors=[hm.prior("normal(0, 1)", cls="meanme"),
                                            hm.prior("exponential(2)", cls="sdme")])
    p = {k: v[0] for k, v in one_draw(model).items()}
    bound = model.bind(DATA, prior_only=True)
    density = get_engine("stanli").log_density(model.stan_code, bound, model.parameters)
    point = np.random.default_rng(1).uniform(-0.5, 0.5, density.dim)
    latent = p["meanme_1"][0] + p["sdme_1"][0] * p["zme_1"]
    expected = (
        stats.norm.logpdf(DATA["x"], latent, DATA["sx"]).sum()
        + stats.norm.logpdf(p["zme_1"]).sum()
        + stats.norm.logpdf(p["meanme_1"]).sum()
        + stats.expon.logpdf(p["sdme_1"], scale=0.5).sum() + np.log(p["sdme_1"]).sum()
    )
    rows = model.priors.set_index("class")["prior"]
    _, location, scale = map(float, rows["Intercept"][len("student_t("):-1].split(","))
    expected += stats.t.logpdf(p["Intercept"], 3, location, scale)
    sigma_scale = float(rows["sigma"].split(",")[-1][:-1])
    expected += np.log(2) + stats.t.logpdf(p["sigma"], 3, 0, sigma_scale) + np.log(p["sigma"])
    assert density.value_and_grad(point)[0] == pytest.approx(float(expected), rel=1e-10)


def test_groups_share_their_value() -> None:
    fit, p = fit_of("y ~ me(xg, sg, gr = g)")
    latent = p["meanme_1"][0] + p["sdme_1"][0] * p["zme_1"]
    assert len(latent) == 4
    assert fit.posterior["Xme_mexg"].coords["me_g"].values.tolist() == list("abcd")
    expected = p["Intercept"] + p["bsp"][0] * latent[np.arange(N) % 4]
    np.testing.assert_allclose(fit.posterior_linpred().values[0, 0], expected, rtol=1e-12)
    bound = fit.model.bind(DATA)
    assert bound["Xn_1"].tolist() == [0.5, 1.0, -1.0, 2.0]


def test_new_rows_vary_around_what_they_give() -> None:
    fit, p = fit_of("y ~ me(x, sx)", copies=4000)
    new = pd.DataFrame({"x": [0.0, 3.0, np.nan], "sx": [0.5, 0.0, 0.1]})
    found = fit.posterior_linpred(new, seed=1).values[0]
    b = p["bsp"][0]
    assert found[:, 0].mean() == pytest.approx(p["Intercept"], abs=4 * abs(b) * 0.5 / 4000**0.5)
    assert found[:, 0].std() == pytest.approx(abs(b) * 0.5, rel=0.05)
    np.testing.assert_allclose(found[:, 1], p["Intercept"] + 3 * b)
    assert np.isnan(found[:, 2]).all()
    with pytest.raises(DataError, match="lacks the column 'sx'"):
        fit.posterior_linpred(pd.DataFrame({"x": [0.0]}))


def test_conditional_effects_are_those_of_the_true_value() -> None:
    fit, p = fit_of("y ~ me(x, sx)")
    effects = fit.conditional_effects()
    assert list(effects) == ["x"]
    line = p["Intercept"] + p["bsp"][0] * effects["x"]["x"]
    np.testing.assert_allclose(effects["x"]["estimate__"], line, rtol=1e-10)


def test_without_correlations() -> None:
    formula = hm.bf("y ~ me(x, sx) + me(z, sz)") + hm.set_mecor(False)
    fit, p = fit_of(formula)
    assert "Lme_1" not in p and "corme" not in fit.posterior
    latent = p["meanme_1"][1] + p["sdme_1"][1] * p["zme_2"]
    np.testing.assert_allclose(fit.posterior["Xme_mez"].values[0, 0], latent, rtol=1e-12)
    assert str(formula).endswith("mecor = False")
    assert (hm.bf("y ~ x") + hm.set_mecor()).mecor is True
    assert hm.mvbf(formula, "x ~ 1").mecor is False


def test_several_responses_read_one_variable() -> None:
    formula = hm.bf("y ~ me(x, sx)") + hm.bf("w ~ me(x, sx)") + hm.set_rescor(False)
    model = hm.model(formula, DATA)
    assert [v.name for v in model.parameters if v.name.startswith("zme")] == ["zme_1"]
    assert fit_of(formula)[0].posterior_epred(resp="w").shape == (1, 1, N)


def test_weak_priors_are_proper() -> None:
    model = hm.model("y ~ me(x, sx)", DATA, priors="weak")
    rows = model.priors
    wanted = {"meanme": f"normal({np.mean(DATA['x']):.3g}, {2.5 * np.std(DATA['x']):.3g})",
              "sdme": f"exponential({1 / np.std(DATA['x']):.3g})"}
    for cls, text in wanted.items():
        assert text in rows.loc[rows["class"] == cls, "prior"].tolist()
    assert not model.resolved_priors.improper


@pytest.mark.parametrize(
    ("formula", "error", "message"),
    [
        ("y ~ me(x)", FormulaError, "needs its standard errors: me\\(x, sdx\\)"),
        ("y ~ me(x, minus)", DataError, "the standard error in row 1 is negative"),
        ("y ~ me(f, sx)", DataError, "'f' is a factor, not numbers"),
        ("y ~ me(x, sx, gr = g)", DataError, "must be constant within the levels of 'g'"),
        ("y ~ me(x, sx, gr = h)", FormulaError, "h"),
        ("y ~ me(x, sx) + me(x, sz)", FormulaError, "are about the same covariate"),
        ("y ~ w + (me(x, sx) | g)", FormulaError, "add me\\(x, sx\\) outside of the brackets"),
        ("y ~ I(exp(me(x, sx)))", FormulaError, "numbers and"),
    ],
)
def test_refusals(formula: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        hm.model(formula, DATA)


def test_attenuation_is_undone() -> None:
    """The slope on the observed covariate is too small, that on the true one is not."""
    rng = np.random.default_rng(3)
    n = 250
    true = rng.normal(size=n)
    data = pd.DataFrame(
        {"y": true + rng.normal(0, 0.3, n), "x": true + rng.normal(0, 0.7, n), "sx": 0.7}
    )
    naive = float(np.polyfit(data["x"], data["y"], 1)[0])
    assert naive < 0.8
    fit = hm.fit("y ~ me(x, sx)", data, chains=1, warmup=400, draws=400, seed=2, progress=False)
    slope = fit.to_frame()["bsp_mexsx"]
    assert slope.std() < 0.15 and abs(slope.mean() - 1) < 4 * slope.std()
    assert slope.mean() - naive > 0.1
