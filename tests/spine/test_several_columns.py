"""Responses of several columns, from the formula to predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import DataError, FamilyError, FormulaError, HiermodelError
from hiermodel.flatnames import flat_names

from .draws import random_fit, same_values
from .frames import study

DATA = study(n=36, levels=4)
SHARES, COUNTS = "cbind(s1, s2, s3) ~ x", "cbind(n1, n2, n3) | trials(size) ~ x"


def made(formula: Any, family: Any, data: pd.DataFrame = DATA, **more: Any) -> hm.Fit:
    return random_fit(hm.model(formula, data, family, **more), data)


@pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning", "ignore:.*Pareto k")
def test_a_fit_of_shares() -> None:
    """Shares with known means are found again."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=150)
    eta = np.stack([0 * x, 0.5 + 0.8 * x, -0.3 * x], axis=1)
    mean = np.exp(eta) / np.exp(eta).sum(axis=1, keepdims=True)
    y = np.stack([rng.dirichlet(20 * m) for m in mean])
    data = pd.DataFrame({"x": x, "a": y[:, 0], "b": y[:, 1], "c": y[:, 2]})
    fit = hm.fit("cbind(a, b, c) ~ x", data, "dirichlet", chains=1, draws=100, warmup=150, seed=1,
                 progress=False)
    expected = fit.posterior_epred()
    assert expected.dims == ("chain", "draw", "obs", "category")
    assert expected.coords["category"].values.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(expected.mean(("chain", "draw")), mean, atol=0.06)
    drawn = fit.posterior_predict(seed=2)
    assert drawn.shape == (1, 100, 150, 3)
    np.testing.assert_allclose(drawn.sum("category"), 1)
    np.testing.assert_allclose(drawn.mean(("chain", "draw")), mean, atol=0.09)
    assert 14 < float(fit.posterior["phi"].mean()) < 28
    assert fit.log_lik().dims == ("chain", "draw", "obs")
    assert fit.datasets["observed_data"]["Y"].dims == ("obs", "category")
    assert np.isfinite(fit.loo().estimates.to_numpy()).all()


@pytest.mark.parametrize("family", ["multinomial", "dirichlet_multinomial"])
def test_counts(family: str) -> None:
    fit = made(COUNTS, family)
    same_values(fit.posterior_epred().sum("category")[0, 0], DATA["size"])
    drawn = fit.posterior_predict(seed=1)
    assert drawn.dtype.kind == "i" and (drawn.sum("category")[1, 2] == DATA["size"].values).all()
    new = pd.DataFrame({"x": [0.0, 1.0], "size": [1, 50]})
    np.testing.assert_allclose(fit.posterior_epred(new).sum("category")[0, 0], [1, 50])
    effects = fit.conditional_effects("x", resolution=3, robust=False)["x"]
    assert effects["cats__"].cat.categories.tolist() == ["n1", "n2", "n3"]
    np.testing.assert_allclose(effects.groupby("effect1__")["estimate__"].sum(), 1)


def test_every_category_of_dirichlet2_has_a_predictor() -> None:
    fit = made(SHARES, "dirichlet2")
    assert fit.posterior_linpred().coords["category"].values.tolist() == ["s1", "s2", "s3"]
    natural = np.stack([fit.posterior_epred(dpar=f"mus{k}") for k in (1, 2, 3)], axis=-1)
    same_values(fit.posterior_epred(), natural / natural.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("reference", ["s1", "s2", "s3"])
def test_the_reference_of_logistic_normal(reference: str) -> None:
    """The density is that of the log ratios, whatever their denominator."""
    fit = made(SHARES, hm.family("logistic_normal", refcat=reference))
    others = [c for c in ("s1", "s2", "s3") if c != reference]
    assert fit.posterior_linpred().coords["category"].values.tolist() == others
    assert fit.posterior["lncor"].shape == (2, 4, 2, 2)
    z = np.log(DATA[others].to_numpy() / DATA[[reference]].to_numpy())
    mu = fit.posterior_linpred().values
    sigma = np.stack([fit.posterior[f"sigma{c}"] for c in others], axis=-1)[:, :, None]
    rho = fit.posterior["lncor"].values[..., 0, 1][:, :, None]
    u, v = np.moveaxis((z - mu) / sigma, -1, 0)
    square = (u**2 - 2 * rho * u * v + v**2) / (1 - rho**2)
    density = -square / 2 - np.log(2 * np.pi) - np.log(sigma).sum(-1) - np.log1p(-(rho**2)) / 2
    shares = np.log(DATA[["s1", "s2", "s3"]].to_numpy()).sum(axis=1)
    same_values(fit.log_lik(), density - shares)


def test_parameters_of_single_categories() -> None:
    formula = hm.bf(SHARES, "mus2 ~ z", "sigmas2 ~ z", sigmas3=0.5)
    fit = made(formula, "logistic_normal")
    assert (fit.posterior["sigmas3"] == 0.5).all() and "b_sigmas2" in fit.posterior
    assert fit.posterior_epred(dpar="sigmas2").shape == (2, 4, 36)
    assert fit.posterior_predict(seed=1).shape == (2, 4, 36, 3)
    assert "lncor__s2__s3" in [flat.name for flat in flat_names(fit.posterior)]


def test_beside_other_responses() -> None:
    formula = hm.bf(SHARES, family="logistic_normal") + hm.bf("y ~ x", family="gaussian")
    fit = made(formula, None)
    drawn = fit.posterior_predict(seed=1)
    assert drawn["cbinds1s2s3"].dims[-1] == "category_cbinds1s2s3"
    assert fit.only("cbinds1s2s3").log_lik().shape == fit.log_lik().shape == (2, 4, 36)
    assert fit.only("cbinds1s2s3").datasets["observed_data"]["Y"].dims == ("obs", "category")


def test_what_has_no_answer() -> None:
    fit = made(SHARES, "logistic_normal")
    with pytest.raises(FamilyError, match=r"use posterior_predict\(\)"):
        fit.posterior_epred()
    with pytest.raises(HiermodelError, match="residuals are not defined for responses of several"):
        fit.residuals()
    with pytest.raises(DataError, match="shows one column"):
        fit.pp_check()
    with pytest.raises(DataError, match="unordered categories have no mean"):
        made(SHARES, "dirichlet").conditional_effects("x", categorical=False)


FORTH = DATA.index == 3


@pytest.mark.parametrize(("formula", "family", "changes", "message"), [
    (SHARES, "dirichlet", {"s1": DATA["s1"] + FORTH * 0.1}, "sum to 1.1 in row 4.*divide each row"),
    (SHARES, "dirichlet", {"s1": DATA["s1"].mask(FORTH, 0.0)}, "is 0 in row 4, column 1"),
    (SHARES, "logistic_normal", {"s2": DATA["s2"].mask(FORTH, -1.0)}, "is -1 in row 4, column 2"),
    (COUNTS, "multinomial", {"n3": DATA["n3"].mask(FORTH, -1)}, "is -1 in row 4, column 3"),
    (COUNTS, "multinomial", {"size": DATA["size"] + FORTH}, r"in row 4, but its trials\(\) are"),
    (COUNTS, "multinomial", {"n1": DATA["n1"] + 0.5}, "needs counts 0, 1, 2"),
    ("s1 ~ x", "dirichlet", {}, r"write cbind\(a, b, c\) ~ ..., not s1 ~"),
    (SHARES, "gaussian", {}, "needs a response of one column, but .* has 3"),
    (SHARES, "categorical", {}, "needs a response of one column, but .* has 3"),
    (SHARES, hm.family("dirichlet", refcat="s"), {}, "refcat 's' is not one of the categories"),
])
def test_data_that_cannot_be(formula: str, family: Any, changes: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        hm.model(formula, DATA.assign(**changes), family)


def test_formulas_that_cannot_be() -> None:
    with pytest.raises(FormulaError, match="needs the number of trials"):
        hm.model("cbind(n1, n2, n3) ~ x", DATA, "multinomial")
    with pytest.raises(FormulaError, match="its other parameters: sigmas2, sigmas3"):
        hm.model(hm.bf(SHARES, "sigma ~ x"), DATA, "logistic_normal")
    with pytest.raises(FormulaError, match="cannot be equated"):
        hm.model(hm.bf(SHARES, sigmas2="sigmas3"), DATA, "logistic_normal")
    with pytest.raises(FamilyError, match="cannot be a component of a mixture"):
        hm.mixture("dirichlet", "dirichlet")
