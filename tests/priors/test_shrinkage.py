"""Horseshoe and R2D2: their text, what they refuse, densities by hand, posteriors by quadrature."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.engines import get_engine
from hiermodel.errors import HiermodelError, HiermodelWarning, PriorError
from hiermodel.priors.shrinkage import Horseshoe, R2D2Prior, parse_shrinkage


def study(n: int = 60, p: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    data = pd.DataFrame(rng.standard_normal((n, p)), columns=[f"x{k}" for k in range(1, p + 1)])
    data["g"] = np.array([f"g{k}" for k in range(6)])[rng.permutation(np.arange(n) % 6)]
    data["a"] = np.array(["u", "v"])[[int(g[1]) % 2 for g in data["g"]]]
    data["y"] = 1 + 2 * data["x1"] + rng.normal(size=n)
    data["z"] = rng.normal(size=n)
    data["o"] = pd.Categorical(np.arange(n) % 3, ordered=True)
    data["s"] = 0.5
    data["keep"] = np.arange(n) % 3 > 0
    return data


DATA = study()


# ------------------------------------------------------------------ text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("horseshoe()", Horseshoe()),
        ("horseshoe(3, 2, df_slab = 5)", Horseshoe(3.0, 2.0, df_slab=5.0)),
        ("horseshoe(par_ratio = 3/10, autoscale = FALSE)", Horseshoe(par_ratio=0.3,
                                                                     autoscale=False)),
        ("horseshoe(par_ratio = NULL, main = T)", Horseshoe(main=True)),
        ("R2D2(mean_R2=0.2, prec_R2=2^3, main=True)", R2D2Prior(0.2, 8.0, main=True)),
        ("R2D2(cons_D2 = c(1, 2, 0.5))", R2D2Prior(cons_D2=(1.0, 2.0, 0.5))),
        ("R2D2(0.5, 4, [1, sqrt(4)])", R2D2Prior(0.5, 4.0, (1.0, 2.0))),
        ("normal(0, 1)", None),
    ],
)  # fmt: skip
def test_arguments_are_read_as_in_r_and_in_python(text: str, expected: Any) -> None:
    assert parse_shrinkage(text) == expected


def test_functions_write_the_text_that_is_read() -> None:
    assert hm.horseshoe() == "horseshoe()"
    text = hm.horseshoe(df=3, par_ratio=0.1, autoscale=False)
    assert text == "horseshoe(df = 3, par_ratio = 0.1, autoscale = FALSE)"
    assert parse_shrinkage(text) == Horseshoe(3.0, par_ratio=0.1, autoscale=False)
    text = hm.R2D2(0.3, cons_D2=[1, 2], main=True)
    assert text == "R2D2(mean_R2 = 0.3, cons_D2 = c(1, 2), main = TRUE)"
    assert parse_shrinkage(text) == R2D2Prior(0.3, cons_D2=(1.0, 2.0), main=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("horseshoe(df = -1)", "df must be a positive number"),
        ("horseshoe(scale_slab = 0)", "scale_slab must be a positive number"),
        ("horseshoe(dff = 1)", "did you mean 'df'"),
        ("horseshoe(1, df = 2)", "df is given twice"),
        ("horseshoe(1, 1, 1, 2, 4, 0.1, TRUE, TRUE, 3)", "at most 8 arguments"),
        ("horseshoe(main = 1)", "main is True or False"),
        ("horseshoe(df = sigma)", "neither a number nor arithmetic"),
        ("horseshoe(df = open('x'))", "neither a number nor arithmetic"),
        ("R2D2(mean_R2 = 1.5)", "mean_R2 must be between 0 and 1"),
        ("R2D2(cons_D2 = c(1, -1))", "cons_D2 must be a positive number"),
        ("lasso()", "take horseshoe"),
    ],
)
def test_nonsense_is_refused(text: str, words: str) -> None:
    with pytest.raises(PriorError, match=words.replace("(", r"\(")):
        hm.prior(text)


def test_nonsense_numbers_of_the_functions_are_refused() -> None:
    with pytest.raises(PriorError, match="prec_R2 must be a positive number, not -1"):
        hm.R2D2(prec_R2=-1)
    with pytest.raises(PriorError, match="autoscale is True or False"):
        hm.horseshoe(autoscale="yes")  # type: ignore[arg-type]


def test_par_ratio_beside_scale_global_is_told() -> None:
    with pytest.warns(HiermodelWarning, match="scale_global is, which is ignored"):
        hm.prior("horseshoe(scale_global = 2, par_ratio = 0.1)")


# ------------------------------------------------------------------ what a model refuses

HS = hm.prior("horseshoe()")


@pytest.mark.parametrize(
    ("formula", "priors", "words"),
    [
        ("y ~ x1", hm.prior("horseshoe()", "sigma"), "class 'sigma' cannot have this prior"),
        ("y ~ x1", hm.prior("horseshoe()", "Intercept"), "class 'Intercept' cannot"),
        ("y ~ x1", hm.prior("horseshoe()", coef="x1"), "leave out coef and group"),
        ("y ~ x1 + (1 | g)", hm.prior("horseshoe()", "sd", group="g"), "leave out coef"),
        ("y ~ x1", hm.prior("horseshoe()", lb=0), "have no bounds of their own"),
        ("y ~ x1 + x2", HS + hm.prior("normal(0, 1)", coef="x2"), "have no other prior"),
        ("y ~ x1 + x2", HS + hm.prior("constant(1)", coef="x2"), "have no other prior"),
        ("y ~ x1 + (1 | g)", HS + hm.prior("horseshoe()", "sd"), "none of them have it"),
        ("y ~ x1 + (1 | g)", hm.prior("horseshoe(main = TRUE)")
         + hm.prior("horseshoe(main = TRUE)", "sd"), "2 of them have it"),
        ("y ~ x1 + (1 | g)", hm.prior("horseshoe(main = TRUE)") + hm.prior("R2D2()", "sd"),
         "one kind of prior"),
        ("y ~ x1 + x2", hm.prior("R2D2(cons_D2 = c(1, 1, 1))"), "3 concentrations.*2 shares"),
        (hm.bf("y ~ x1 + (1 |i| g)", "sigma ~ 1 + (1 |i| g)"), hm.prior("R2D2()", "sd"),
         "also holds parameters of"),
    ],
)  # fmt: skip
def test_what_a_model_refuses(formula: Any, priors: Any, words: str) -> None:
    with pytest.raises(PriorError, match=words):
        hm.model(formula, DATA, priors=priors)


@pytest.mark.parametrize("name", ["Horseshoe", "hs", "r2d2"])
def test_other_spellings_are_told(name: str) -> None:
    right = "R2D2()" if name == "r2d2" else "horseshoe()"
    with pytest.raises(PriorError) as caught:
        hm.model("y ~ x1", DATA, priors=hm.prior(f"{name}()"))
    assert str(caught.value).endswith(f"; write {right}")


def test_category_specific_effects_are_refused() -> None:
    with pytest.raises(PriorError, match=r"differ between categories cannot.*x2"):
        hm.model("o ~ x1 + cs(x2)", DATA, hm.family("acat"), priors=HS)


def test_arguments_of_classes_that_are_not_main_are_told() -> None:
    priors = hm.prior("R2D2(main = TRUE)") + hm.prior("R2D2(mean_R2 = 0.9)", "sd")
    with pytest.warns(HiermodelWarning, match="its arguments are ignored"):
        model = hm.model("y ~ x1 + (1 | g)", DATA, priors=priors)
    assert model.bind(DATA)["R2D2_mean_R2"] == 0.5


# ------------------------------------------------------------------ the density by hand


def log_prior(model: hm.Model, point: dict[str, Any]) -> float:
    """Log density without the likelihood, as the engine has it, without Jacobians."""
    data = model.bind(DATA, prior_only=True)
    density = get_engine("stanli").log_density(model.stan_code, data, model.parameters)
    values = {k: np.asarray(v, dtype=float) for k, v in point.items()}
    at = density.unconstrain(values)
    jacobian = sum(
        float(np.log(value).sum()) for var in model.parameters
        for value in [values[var.name]] if var.lower == "0" and not var.upper
    )
    return float(density.value_and_grad(at)[0]) - jacobian


def half_t(x: Any, df: float, scale: float) -> float:
    return float(np.sum(stats.t.logpdf(np.asarray(x) / scale, df) - np.log(scale) + np.log(2)))


@pytest.mark.parametrize("autoscale", [True, False])
def test_horseshoe_by_hand(autoscale: bool) -> None:
    text = hm.horseshoe(3, 0.7, 2, 1.5, 6, autoscale=autoscale)
    priors = hm.prior(text) + hm.prior("normal(0, 2)", "Intercept")
    model = hm.model("y ~ x1 + x2", DATA, priors=priors + hm.prior("exponential(1)", "sigma"))
    zb, local = [0.3, -1.2], [0.4, 2.5]
    point = {"zb": zb, "Intercept": 0.2, "sigma": 1.3, "hs_global": 0.6, "hs_slab": 0.9,
             "hs_local": local}  # fmt: skip
    expected = (
        stats.norm.logpdf(zb).sum() + half_t(local, 3, 1.0)
        + half_t(0.6, 2, 0.7 * (1.3 if autoscale else 1.0))
        + stats.invgamma.logpdf(0.9, 3.0, scale=3.0)
        + stats.norm.logpdf(0.2, 0, 2) + stats.expon.logpdf(1.3)
    )  # fmt: skip
    assert log_prior(model, point) == pytest.approx(expected, rel=1e-12)
    fit = hm.Fit.from_draws(
        model, DATA, {k: np.asarray(v, float)[None, None] for k, v in point.items()}
    )
    # Piironen and Vehtari (2017), equation (2.8).
    c2, tau = 1.5**2 * 0.9, 0.6
    scales = tau * np.sqrt(c2 * np.square(local) / (c2 + tau**2 * np.square(local)))
    np.testing.assert_allclose(fit.posterior["sdb"].values[0, 0], scales, rtol=1e-12)
    np.testing.assert_allclose(fit.posterior["b"].values[0, 0, 1:], zb * scales, rtol=1e-12)
    frame = fit.to_frame()
    assert {"sdb_x1", "hs_global", "hs_slab", "hs_local[b_x2]"} <= set(frame.columns)
    shown = str(fit.summary())
    assert "hs_slab" in shown and "sdb_x1" not in shown and "hs_local" not in shown


def r2d2_point(model: hm.Model, **more: Any) -> dict[str, Any]:
    made = {"Intercept": 0.1, "sigma": 1.4, "R2D2_R2": 0.3, **more}
    return {var.name: made[var.name] for var in model.parameters}


def test_r2d2_over_all_classes_shares_one_variance_out() -> None:
    priors = [hm.prior("R2D2(0.4, 5, main = TRUE)"), hm.prior("R2D2()", "sd"),
              hm.prior("R2D2()", "sds")]  # fmt: skip
    model = hm.model("y ~ x1 + s(x2, k = 5) + (1 + x3 || g)", DATA, priors=priors)
    phi = np.array([0.1, 0.2, 0.3, 0.15, 0.25])
    rng = np.random.default_rng(1)
    point = r2d2_point(
        model, zb=[0.5], zbs=[-0.4], zs_1_1=rng.normal(size=3), z_1=rng.normal(size=(2, 6)),
        R2D2_phi=phi,
    )
    fit = hm.Fit.from_draws(
        model, DATA, {k: np.asarray(v, float)[None, None] for k, v in point.items()}
    )
    tau2 = 1.4**2 * 0.3 / 0.7
    scales = np.sqrt(phi * tau2)
    post = fit.posterior
    assert post["R2D2_tau2"].item() == pytest.approx(tau2, rel=1e-12)
    found = [post["sdb"].values, post["sdbs"].values, post["sds"].values, post["sd_g"].values]
    np.testing.assert_allclose(np.concatenate(found, -1)[0, 0], scales, rtol=1e-12)
    labels = ["b_x1", "bs_sx2_1", "sds_sx2_1", "sd_g__Intercept", "sd_g__x3"]
    assert post["R2D2_phi"].coords["R2D2_phi_scale"].values.tolist() == labels
    np.testing.assert_allclose(
        post["s_sx2_1"].values[0, 0], scales[2] * point["zs_1_1"], rtol=1e-12
    )
    np.testing.assert_allclose(
        post["r_g"].values[0, 0], (scales[3:, None] * point["z_1"]).T, rtol=1e-12
    )
    # No prior of sd or sds is left beside it.
    assert not any("sd" in line for line in model.resolved_priors.statements)


def series() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    data = DATA.assign(t=np.arange(60) % 10, w=rng.uniform(size=60), count=rng.poisson(2, 60))
    return data.assign(g=[f"s{k // 10}" for k in range(60)])


@pytest.mark.parametrize(
    ("formula", "family", "classes", "labels"),
    [
        ("y ~ x1 + arma(time = t, gr = g, p = 2, q = 1)", "gaussian", ("b", "ar", "ma"),
         ["b_x1", "ar[1]", "ar[2]", "ma[1]"]),
        ("count ~ x1 + ar(time = t, gr = g, cov = TRUE)", "poisson", ("b", "sderr"),
         ["b_x1", "sderr"]),
        ("y ~ s(x1, k = 4) + gp(w, by = a, k = 4)", "gaussian", ("sds", "sdgp"),
         ["sds_sx1_1", "sdgp_gpwau", "sdgp_gpwav"]),
        ("y ~ x1 + car(W, gr = a)", "gaussian", ("b", "sdcar"), ["b_x1", "sdcar"]),
    ],
)  # fmt: skip
def test_series_processes_and_maps(
    formula: str, family: str, classes: tuple[str, ...], labels: list[str]
) -> None:
    data = series()
    priors = [hm.prior("R2D2(main = TRUE)", classes[0])]
    priors += [hm.prior("R2D2()", cls) for cls in classes[1:]]
    neighbours = pd.DataFrame([[0, 1], [1, 0]], index=["u", "v"], columns=["u", "v"])
    fit = hm.fit(formula, data, family, priors, data2={"W": neighbours}, chains=1, draws=20,
                 warmup=60, seed=1, progress=False, max_treedepth=6)  # fmt: skip
    assert fit.provenance["certificate"]
    assert fit.posterior["R2D2_phi"].coords["R2D2_phi_scale"].values.tolist() == labels
    draws = fit.to_frame()
    scales = np.sqrt(draws.filter(like="R2D2_phi[").mul(draws["R2D2_tau2"], axis=0))
    for k, label in enumerate(labels):
        name = f"sd{label}" if label.startswith(("b_", "ar", "ma")) else label
        np.testing.assert_allclose(draws[name], scales.iloc[:, k], rtol=1e-10)


@pytest.mark.parametrize(
    ("formula", "family", "scaled"),
    [
        ("y ~ x1", "gaussian", " * square(sigma)"),
        ("y ~ x1", "student", "square(sigma)"),
        (hm.bf("y ~ x1", sigma=2.0), "gaussian", "square(2.0)"),
        (hm.bf("y ~ x1", "sigma ~ x2"), "gaussian", ""),
        ("y | se(s) ~ x1", "gaussian", ""),
        ("y | se(s, sigma = TRUE) ~ x1", "gaussian", "square(sigma)"),
        ("keep ~ x1", "bernoulli", ""),
    ],
)
def test_the_residual_scale_counts_where_it_is_one_number(
    formula: Any, family: str, scaled: str
) -> None:
    model = hm.model(formula, DATA, family, priors=hm.prior("R2D2()"))
    line = next(t for t in model.stan_code.splitlines() if "R2D2_tau2 =" in t)
    assert ("square" in line) == bool(scaled)
    assert scaled.removeprefix(" * ") in line


def test_by_factor_qr_and_responses() -> None:
    priors = [hm.prior("R2D2(main = TRUE)"), hm.prior("R2D2()", "sd")]
    model = hm.model(hm.bf("y ~ x1 + (1 + x2 || gr(g, by = a))", decomp="QR"), DATA,
                     priors=priors)  # fmt: skip
    assert model.parameters[0].name == "zb"
    rng = np.random.default_rng(2)
    phi = np.array([0.2, 0.1, 0.3, 0.15, 0.25])
    point = r2d2_point(model, zb=[0.7], z_1=rng.normal(size=(2, 6)), R2D2_phi=phi)
    fit = hm.Fit.from_draws(
        model, DATA, {k: np.asarray(v, float)[None, None] for k, v in point.items()}
    )
    scales = np.sqrt(phi * 1.4**2 * 0.3 / 0.7)
    # Column by column, as to_matrix() of Stan: coefficients within levels of the factor.
    np.testing.assert_allclose(
        fit.posterior["sd_g"].values[0, 0], scales[1:].reshape(2, 2), rtol=1e-12
    )
    whole = hm.mvbf("y ~ x1 + x2", "z ~ x1", rescor=False)
    model = hm.model(whole, DATA, priors=hm.prior("horseshoe()", resp="z"))
    names = [v.name for v in model.parameters]
    assert {"b_y", "zb_z", "hs_global_z"} <= set(names) and "hs_global_y" not in names
    assert "hs_scale_global_z * sigma_z" in model.stan_code


def test_par_ratio_depends_on_the_rows_that_are_used() -> None:
    text = "horseshoe(par_ratio = 0.2)"
    model = hm.model("y ~ x1", DATA, priors=hm.prior(text))
    assert model.bind(DATA)["hs_scale_global"] == pytest.approx(0.2 / np.sqrt(60))
    model = hm.model("y | subset(keep) ~ x1", DATA, priors=hm.prior(text))
    assert model.bind(DATA)["hs_scale_global"] == pytest.approx(0.2 / np.sqrt(40))


@pytest.mark.parametrize(
    ("priors", "options"),
    list(itertools.product(
        ["horseshoe(main = TRUE)", "R2D2(main = TRUE)"],
        [{}, {"normalize": False}, {"threads": 2}],
    )),
)  # fmt: skip
def test_engine_and_model_agree(priors: str, options: dict[str, Any]) -> None:
    """The certificate of a fit compares the program with the model's own computation."""
    kind = priors.split("(")[0]
    both = hm.prior(priors, tag="sparse") + hm.prior(f"{kind}()", "sd")
    model = hm.model("y ~ x1 + x2 + (1 | g)", DATA, priors=both, **options)
    fit = model.fit(DATA, chains=1, draws=30, warmup=100, seed=1, progress=False,
                    collapse=False)  # fmt: skip
    assert fit.provenance["certificate"]
    if model.normalize:
        assert "lprior_sparse" in fit.posterior


# ------------------------------------------------------------------ posteriors


def test_one_coefficient_against_quadrature() -> None:
    """With sigma = 1 the coefficient is normal given R2, which is integrated numerically."""
    rng = np.random.default_rng(8)
    data = pd.DataFrame({"x": rng.normal(size=30)})
    data["y"] = 0.4 * data["x"] + rng.normal(size=30)
    fit = hm.fit(
        hm.bf("y ~ 0 + x", sigma=1.0), data, priors=hm.prior("R2D2(0.4, 3)"), chains=2,
        draws=4000, seed=2, progress=False, adapt_delta=0.95,
    )
    r2 = np.linspace(0, 1, 20_001)[1:-1]
    tau2 = r2 / (1 - r2)
    xx, xy = float(data["x"] @ data["x"]), float(data["x"] @ data["y"])
    precision = xx + 1 / tau2
    weight = stats.beta.pdf(r2, 1.2, 1.8) * np.exp(
        0.5 * xy**2 / precision - 0.5 * np.log(tau2 * precision)
    )
    weight /= weight.sum()
    mean = float(weight @ (xy / precision))
    second = float(weight @ (1 / precision + (xy / precision) ** 2))
    draws = fit.posterior["b"].values.ravel()
    assert draws.mean() == pytest.approx(mean, abs=0.012)
    assert draws.std() == pytest.approx(np.sqrt(second - mean**2), abs=0.012)
    assert fit.posterior["R2D2_R2"].values.mean() == pytest.approx(float(weight @ r2), abs=0.012)


def test_draws_of_the_prior_have_the_distributions_that_were_asked_for() -> None:
    priors = hm.prior("R2D2(0.3, 8, 1)")
    model = hm.model("y ~ x1 + x2 + x3", DATA, priors=priors)
    draws = model.fit(
        DATA, prior_only=True, chains=2, draws=2000, seed=3, progress=False
    ).to_frame()
    thin = draws.iloc[::4]
    assert stats.kstest(thin["R2D2_R2"], stats.beta(2.4, 5.6).cdf).pvalue > 0.001
    # A share of a flat Dirichlet distribution of three.
    assert stats.kstest(thin["R2D2_phi[b_x2]"], stats.beta(1, 2).cdf).pvalue > 0.001
    standard = thin["b_x1"] / thin["sdb_x1"]
    assert stats.kstest(standard, stats.norm.cdf).pvalue > 0.001
    fit = hm.fit("y ~ x1", DATA, priors=hm.prior("horseshoe(3, 0.5, 5, 2, 8, autoscale=FALSE)"),
                 chains=2, draws=200, seed=1, progress=False)  # fmt: skip
    prior = fit.prior_draws("hs_*", chains=2, draws=2000).iloc[::4]
    assert stats.kstest(prior["hs_local[b_x1]"], stats.halfnorm.cdf).pvalue < 1e-6
    assert stats.kstest(prior["hs_local[b_x1]"], lambda x: 2 * stats.t.cdf(x, 3) - 1).pvalue > 1e-3
    assert stats.kstest(prior["hs_slab"], stats.invgamma(4, scale=4).cdf).pvalue > 1e-3


def test_sparse_signals_are_found_and_the_rest_is_shrunk() -> None:
    """40 coefficients, 4 of them not zero, 60 rows: least squares is far off, shrinkage is not."""
    rng = np.random.default_rng(12)
    n, p = 60, 40
    x = rng.standard_normal((n, p))
    beta = np.zeros(p)
    beta[:4] = [2.0, -2.0, 1.5, -1.5]
    data = pd.DataFrame(x, columns=[f"x{k:02d}" for k in range(p)])
    data["y"] = x @ beta + rng.normal(size=n)
    formula = "y ~ " + " + ".join(data.columns[:p])
    plain = np.linalg.lstsq(np.column_stack([np.ones(n), x]), data["y"], rcond=None)[0][1:]
    squares = np.mean((plain - beta) ** 2)
    for text in (hm.horseshoe(par_ratio=0.1), hm.R2D2(0.7, 5)):
        fit = hm.fit(formula, data, priors=hm.prior(text), chains=2, draws=500, seed=4,
                     adapt_delta=0.95, max_treedepth=11, progress=False)  # fmt: skip
        b = fit.posterior["b"].values[..., 1:].reshape(-1, p)
        low, high = np.quantile(b, [0.025, 0.975], axis=0)
        inside = (low <= beta) & (beta <= high)
        assert inside.mean() >= 0.9
        assert (np.sign(low[:4]) == np.sign(high[:4])).all()
        assert np.mean((b.mean(axis=0) - beta) ** 2) < 0.35 * squares


def test_saved_updated_and_used_like_any_fit(tmp_path: Path) -> None:
    priors = [hm.prior("horseshoe(par_ratio = 0.5, main = TRUE)"), hm.prior("horseshoe()", "sd")]
    fit = hm.fit("y ~ x1 + x2 + (1 | g)", DATA, priors=priors, chains=2, draws=100, seed=1,
                 progress=False, collapse=False, adapt_delta=0.95)  # fmt: skip
    path = tmp_path / "fit.nc"
    fit.save(path)
    again = hm.load(path)
    pd.testing.assert_frame_equal(again.to_frame(), fit.to_frame())
    np.testing.assert_array_equal(
        again.posterior_epred(DATA.head()).values, fit.posterior_epred().values[..., :5]
    )
    less = fit.update(data=DATA.head(30), progress=False)
    assert less.model.bind(DATA.head(30))["hs_scale_global"] == pytest.approx(0.5 / np.sqrt(30))
    table = fit.model.priors
    user = table[table["source"] == "user"]
    assert user["prior"].tolist() == ["horseshoe(par_ratio = 0.5, main = TRUE)", "horseshoe()"]
    found = fit.prior_sensitivity()
    assert {"b_x1", "hs_global"} <= set(found.table.index)
    assert np.isfinite(fit.bridge_sampler(seed=1).logml)


def test_collapsed_models_have_the_same_posterior() -> None:
    priors = [hm.prior("R2D2(main = TRUE)"), hm.prior("R2D2()", "sd")]
    settings = {"chains": 2, "draws": 1500, "seed": 5, "progress": False, "adapt_delta": 0.95}
    made = [
        hm.fit("y ~ x1 + x2 + (1 | g)", DATA, priors=priors, collapse=collapse, **settings)
        for collapse in (True, False)
    ]
    assert made[0].provenance.get("collapsed") and not made[1].provenance.get("collapsed")
    for name in ("b_x1", "sigma", "R2D2_R2", "sd_g__Intercept"):
        one, other = (fit.to_frame()[name] for fit in made)
        assert one.mean() == pytest.approx(other.mean(), abs=0.2 * other.std())
        assert one.std() == pytest.approx(other.std(), rel=0.2)


def test_effects_with_shared_scales_are_not_centred() -> None:
    settings = {"chains": 1, "draws": 20, "warmup": 60, "seed": 1, "progress": False}
    data, priors = series(), [hm.prior("horseshoe()", "sd")]
    with pytest.raises(HiermodelError, match="not free positive parameters"):
        hm.fit("count ~ x1 + (1 | g)", data, "poisson", priors, parameterization="centered",
               **settings)  # fmt: skip
    fit = hm.fit("count ~ x1 + (1 | g)", data, "poisson", priors, **settings)
    assert fit.provenance["certificate"]


def test_a_table_of_priors_may_hold_one() -> None:
    table = hm.default_priors("y ~ x1 + x2", DATA)
    table.loc[(table["class"] == "b") & (table["coef"] == ""), "prior"] = "horseshoe(3)"
    model = hm.model("y ~ x1 + x2", DATA, priors=table)
    assert "hs_local" in [v.name for v in model.parameters]
    assert not model.resolved_priors.improper
    same = hm.model("y ~ x1 + x2", DATA, priors={"b": "horseshoe(3)"})
    assert same.stan_code == model.stan_code
