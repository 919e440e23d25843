from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from after.posteriors import CHAINS, DRAWS, fit_of, reaction_data
from scipy import integrate, special, stats

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, HiermodelError

S = CHAINS * DRAWS


def flat(fit: hm.Fit, name: str) -> np.ndarray:
    values = fit.posterior[name].values
    return values.reshape(S, *values.shape[2:])


def small(*shape: int, size: float = 0.5, seed: int = 0) -> np.ndarray:
    """Positive draws that do not differ much."""
    return size * np.exp(0.1 * np.random.default_rng(seed).normal(size=(CHAINS, DRAWS, *shape)))


def test_random_intercept() -> None:
    fit = fit_of("y ~ x + (1 | g)")
    v, s2 = flat(fit, "sd_g")[:, 0] ** 2, flat(fit, "sigma") ** 2
    found = fit.icc()
    np.testing.assert_allclose(found.draws["g"], v / (v + s2))
    assert found.table.loc["g", "Estimate"] == pytest.approx(float(np.mean(v / (v + s2))))
    assert fit.icc(robust=True, probs=(0.1,)).table.columns.tolist() == [
        "Estimate", "Est.Error", "Q10"
    ]


def test_random_slopes_depend_on_the_row() -> None:
    fit = fit_of("y ~ x + (1 + x | g)")
    sd, cor = flat(fit, "sd_g"), flat(fit, "cor_g")
    sigma = sd[:, :, None] * cor * sd[:, None, :]
    s2 = flat(fit, "sigma") ** 2
    new = pd.DataFrame({"x": [0.0, 3.0]}, index=["low", "high"])
    by_row = fit.icc(newdata=new)
    for label, x in (("low", 0.0), ("high", 3.0)):
        z = np.array([1.0, x])
        v = np.einsum("k,skl,l->s", z, sigma, z)
        np.testing.assert_allclose(by_row.draws["g", label], v / (v + s2))
    x = fit.frame["x"].to_numpy()
    z = np.column_stack([np.ones_like(x), x])
    v = np.einsum("nk,skl,nl->s", z, sigma, z) / len(x)
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + s2))
    assert "averaged over the fitted rows" in fit.icc().note


def test_several_factors_and_by() -> None:
    frame = reaction_data().assign(
        h=lambda f: np.tile(list("uvwxy"), 8), part=lambda f: np.where(f["g"] < "c", 1, 2)
    )
    fit = fit_of("y ~ x + (1 | g) + (1 | h)", frame=frame)
    a, b, s2 = flat(fit, "sd_g")[:, 0] ** 2, flat(fit, "sd_h")[:, 0] ** 2, flat(fit, "sigma") ** 2
    found = fit.icc()
    assert found.table.index.tolist() == ["g", "h", "(all)"]
    np.testing.assert_allclose(found.draws["h"], b / (a + b + s2))
    np.testing.assert_allclose(found.draws["(all)"], (a + b) / (a + b + s2))
    assert fit.icc("h").table.index.tolist() == ["h"]
    fit = fit_of("y ~ x + (1 | gr(g, by = part))", frame=frame)
    v = (flat(fit, "sd_g")[..., 0] ** 2).mean(axis=1)
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + flat(fit, "sigma") ** 2))


def test_members_add_squared_weights() -> None:
    frame = reaction_data().assign(h=lambda f: np.tile(list("abcd"), 10))
    fit = fit_of("y ~ x + (1 | mm(g, h))", frame=frame)
    v = 0.5 * flat(fit, "sd_mmgh")[:, 0] ** 2
    np.testing.assert_allclose(
        fit.icc().draws["mmgh"], v / (v + flat(fit, "sigma") ** 2)
    )


@pytest.mark.parametrize(
    ("link", "residual"), [("logit", np.pi**2 / 3), ("probit", 1.0), ("cloglog", np.pi**2 / 6)]
)
def test_latent_variables(link: str, residual: float) -> None:
    fit = fit_of("old ~ x + (1 | g)", hm.family("bernoulli", link=link))
    v = flat(fit, "sd_g")[:, 0] ** 2
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + residual))


def test_disc_scales_the_latent_variable_of_an_ordinal_response() -> None:
    fit = fit_of(hm.bf("rating ~ x + (1 | g)", "disc ~ 0 + z"), "cumulative")
    v = flat(fit, "sd_g")[:, 0] ** 2
    disc = np.exp(flat(fit, "b_disc")[:, :1] * fit.frame["z"].to_numpy())
    residual = (np.pi**2 / 3 / disc**2).mean(axis=1)
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + residual))


@pytest.mark.parametrize(
    ("approximation", "of"),
    [("lognormal", np.log1p), ("delta", np.asarray), ("trigamma",
                                                      lambda q: special.polygamma(1, 1 / q))],
)
def test_counts(approximation: str, of) -> None:
    fit = fit_of("n ~ x + offset(z) + (1 | g)", "poisson")
    v = flat(fit, "sd_g")[:, 0] ** 2
    eta = fit.posterior_linpred(re_formula="none").values.reshape(S, -1)
    mean = np.exp(eta + v[:, None] / 2).mean(axis=1)
    found = fit.icc(approximation=approximation).draws["g"]
    np.testing.assert_allclose(found, v / (v + of(1 / mean)))
    fit = fit_of("n ~ x + (1 | g)", "negbinomial")
    v = flat(fit, "sd_g")[:, 0] ** 2
    eta = fit.posterior_linpred(re_formula="none").values.reshape(S, -1)
    mean = np.exp(eta + v[:, None] / 2).mean(axis=1)
    squared = 1 / mean + 1 / flat(fit, "shape")
    found = fit.icc(approximation=approximation).draws["g"]
    np.testing.assert_allclose(found, v / (v + of(squared)))


def test_response_scale_of_counts_has_a_closed_form() -> None:
    """Of a lognormal mean: Var = m^2 (e^v - 1); two crossed factors share what is theirs."""
    frame = reaction_data().assign(h=lambda f: np.tile(list("uvwxy"), 8))
    fit = fit_of("n ~ 1 + (1 | g) + (1 | h)", "poisson", frame, sd_1=small(1),
                 sd_2=small(1, size=0.4, seed=1))
    a, b = flat(fit, "sd_g")[:, 0] ** 2, flat(fit, "sd_h")[:, 0] ** 2
    mean = np.exp(flat(fit, "b")[:, 0] + (a + b) / 2)
    total = mean**2 * (np.exp(a + b) - 1) + mean
    found = fit.icc(scale="response", nsim=4096, ndraws=S).draws
    np.testing.assert_allclose(found["g"], mean**2 * (np.exp(a) - 1) / total, rtol=0.06)
    np.testing.assert_allclose(found["h"], mean**2 * (np.exp(b) - 1) / total, rtol=0.06)
    np.testing.assert_allclose(found["(all)"], mean**2 * (np.exp(a + b) - 1) / total, rtol=0.06)
    parts = fit.variance_decomposition(scale="response", nsim=4096, ndraws=S).draws
    assert (parts["fixed", "variance"] < 1e-20).all()
    np.testing.assert_allclose(parts["residual", "variance"], mean, rtol=0.06)
    np.testing.assert_allclose(
        parts["joint", "variance"],
        mean**2 * (np.exp(a + b) - np.exp(a) - np.exp(b) + 1), rtol=0.25,
    )


def test_response_scale_of_a_binary_response_by_quadrature() -> None:
    fit = fit_of("old ~ x + (1 + x | g)", "bernoulli", sd_1=small(2, size=0.6))
    found = fit.icc(scale="response", nsim=2048, ndraws=S).draws["g"]
    sd, cor, b = flat(fit, "sd_g")[0], flat(fit, "cor_g")[0], flat(fit, "b")[0]
    sigma = sd[:, None] * cor * sd[None, :]
    between = within = 0.0
    for x in fit.frame["x"]:
        z = np.array([1.0, x])
        eta, s = float(b @ z), float(np.sqrt(z @ sigma @ z))
        moments = [
            integrate.quad(
                lambda t, k=k, eta=eta, s=s: special.expit(eta + s * t) ** k * stats.norm.pdf(t),
                -9, 9,
            )[0]
            for k in (1, 2)
        ]
        between += moments[1] - moments[0] ** 2
        within += moments[0] - moments[1]
    assert found[0] == pytest.approx(between / (between + within), rel=0.03)


def test_response_scale_of_a_normal_response_is_that_of_the_predictor() -> None:
    fit = fit_of("y ~ x + (1 + x | g)", sd_1=small(2))
    link = fit.icc().draws["g"].to_numpy()
    found = fit.icc(scale="response", ndraws=S, nsim=2048).draws["g"]
    np.testing.assert_allclose(found, link, rtol=0.05)
    again = fit.icc(scale="response", ndraws=S, nsim=2048).draws["g"]
    np.testing.assert_array_equal(found, again)


def test_response_scale_for_any_family() -> None:
    for formula, family in (
        ("rating ~ x + (1 | g)", "cumulative"), ("n ~ x + (1 | g)", "zero_inflated_poisson"),
        (hm.bf("y ~ x + (1 | g)", "sigma ~ (1 | g)"), "gaussian"),
    ):
        table = fit_of(formula, family, sd_1=small(1)).icc(scale="response", ndraws=10).table
        assert table["Estimate"].between(0, 1).all()


def test_known_errors_and_student_residuals() -> None:
    frame = reaction_data().assign(e=lambda f: np.linspace(0.5, 1.5, len(f)))
    fit = fit_of("y | se(e) ~ x + (1 | g)", frame=frame)
    v = flat(fit, "sd_g")[:, 0] ** 2
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + np.mean(frame["e"] ** 2)))
    fit = fit_of("y ~ x + (1 | g)", "student", nu=3 + small())
    v, nu = flat(fit, "sd_g")[:, 0] ** 2, flat(fit, "nu")
    residual = flat(fit, "sigma") ** 2 * nu / (nu - 2)
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + residual))
    with pytest.raises(HiermodelError, match="infinite in 100 %"):
        fit_of("y ~ x + (1 | g)", "student", nu=1 + small()).icc()


def test_infinite_variances_are_refused_on_both_scales() -> None:
    fit = fit_of("y ~ x + (1 | gr(g, dist = 'student'))", df_1=1 + small(seed=1))
    for scale in ("link", "response"):
        with pytest.raises(HiermodelError, match="infinite"):
            fit.icc(scale=scale)
    with pytest.raises(HiermodelError, match="infinite"):
        fit_of("y ~ x + (1 | g)", "student", nu=1 + small()).icc(scale="response")
    fit = fit_of("y ~ x + (1 | gr(g, dist = 'student'))", df_1=4 + small(seed=1))
    df = flat(fit, "df_g")
    v = flat(fit, "sd_g")[:, 0] ** 2 * df / (df - 2)
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + flat(fit, "sigma") ** 2))


def test_known_covariance_scales_each_level() -> None:
    frame = reaction_data()
    a = pd.DataFrame(np.diag([1.0, 2.0, 3.0, 4.0]) + 0.5, index=list("abcd"), columns=list("abcd"))
    model = hm.model("y ~ x + (1 | gr(g, cov = A))", frame, data2={"A": a})
    rng = np.random.default_rng(0)
    values = {
        "b": rng.normal(size=(2, 20, 1)), "Intercept": rng.normal(size=(2, 20)),
        "sigma": small(), "sd_1": small(1), "z_1": rng.normal(size=(2, 20, 1, 4)),
    }
    fit = hm.Fit.from_draws(model, frame, values)
    v = flat(fit, "sd_g")[:, 0] ** 2 * np.mean([1.5, 2.5, 3.5, 4.5])
    np.testing.assert_allclose(fit.icc().draws["g"], v / (v + flat(fit, "sigma") ** 2))
    r = flat(fit, "r_g")[:, :, 0]
    prior = flat(fit, "sd_g").mean() ** 2 * np.array([1.5, 2.5, 3.5, 4.5])
    expected = np.minimum(r.var(axis=0, ddof=1) / prior, 1)
    np.testing.assert_allclose(fit.pooling().levels["pooling"], expected)
    with pytest.raises(HiermodelError, match="known covariance"):
        fit.icc(scale="response")


def test_design_effect() -> None:
    frame = reaction_data().iloc[5:]
    fit = fit_of("y ~ x + (1 | g)", frame=frame)
    found = fit.design_effect()
    np.testing.assert_allclose(found.draws["g"], 1 + (35 / 4 - 1) * fit.icc().draws["g"])
    row = found.table.loc["g"]
    assert row["levels"] == 4 and row["m"] == 35 / 4
    assert row["n_effective"] == pytest.approx(35 / row["Estimate"])
    with pytest.raises(ArgumentError, match="newdata"):
        fit.design_effect(newdata=frame)


def test_variance_decomposition() -> None:
    fit = fit_of("y ~ x + z + (1 | g)")
    eta = fit.posterior_linpred(re_formula="none").values.reshape(S, -1)
    parts = [eta.var(axis=1, ddof=1), flat(fit, "sd_g")[:, 0] ** 2, flat(fit, "sigma") ** 2]
    found = fit.variance_decomposition().draws
    for name, part in zip(("fixed", "g", "residual"), parts, strict=True):
        np.testing.assert_allclose(found[name, "variance"], part)
        np.testing.assert_allclose(found[name, "share"], part / sum(parts))
    np.testing.assert_allclose(found["R2", "marginal"], parts[0] / sum(parts))
    np.testing.assert_allclose(found["R2", "conditional"], (parts[0] + parts[1]) / sum(parts))
    text = repr(fit.variance_decomposition())
    assert "marginal" in text and "<table>" in fit.variance_decomposition()._repr_html_()


def test_offsets_are_no_effects() -> None:
    frame = reaction_data()
    fit = fit_of("n ~ x + offset(z) + (1 | g)", "poisson", frame)
    b = flat(fit, "b")[:, 1]
    expected = b**2 * frame["x"].var()
    np.testing.assert_allclose(fit.variance_decomposition().draws["fixed", "variance"], expected)


@pytest.mark.parametrize(
    ("formula", "family", "message"),
    [
        ("rating ~ x + (1 | g)", "sratio", 'scale="response"'),
        ("n ~ x + (1 | g)", "zero_inflated_poisson", 'scale="response"'),
        ("y | trunc(lb = -100) ~ x + (1 | g)", "gaussian", 'scale="response"'),
        ("rating ~ cs(1) + (cs(1) | g)", "acat", "cs"),
    ],
)
def test_what_has_no_residual_variance_is_refused(formula: str, family: str, message: str) -> None:
    with pytest.raises(HiermodelError, match=message):
        fit_of(formula, family).icc()


def test_other_refusals() -> None:
    fit = fit_of("y ~ x + (1 | g)")
    with pytest.raises(ArgumentError, match="'link' or 'response'"):
        fit.icc(scale="log")
    with pytest.raises(ArgumentError, match="did you mean 'lognormal'"):
        fit.icc(approximation="log-normal")
    with pytest.raises(DataError, match="no grouping factor 'h'"):
        fit.icc("h")
    with pytest.raises(ArgumentError, match="nsim"):
        fit.icc(scale="response", nsim=0)
    with pytest.raises(ArgumentError, match="newdata"):
        fit.icc(scale="response", newdata=fit.frame)
    kind = reaction_data().assign(kind=lambda f: f["rating"].astype(str))
    nominal = fit_of("kind ~ x + (1 | g)", "categorical", kind)
    with pytest.raises(HiermodelError, match="unordered categories"):
        nominal.icc(scale="response")
    with pytest.raises(HiermodelError, match="several main predictors"):
        nominal.icc()


def test_published_radon() -> None:
    """Gelman and Hill (2007, section 12.3): sd of counties 0.33, of houses 0.76."""
    fit = hm.fit("log_radon ~ floor + (1 | county)", hm.datasets.load("radon"), chains=2,
                 draws=500, warmup=300, seed=1, progress=False)
    table = fit.anova().table
    assert table.loc["county", "super"] == pytest.approx(0.33, abs=0.02)
    assert table.loc["residual", "super"] == pytest.approx(0.76, abs=0.01)
    published = 0.33**2 / (0.33**2 + 0.76**2)
    assert fit.icc().table.loc["county", "Estimate"] == pytest.approx(published, abs=0.02)


def test_one_of_several_responses() -> None:
    both = hm.bf("y ~ x + (1 |p| g)") + hm.bf("n ~ x + (1 |p| g)", family="poisson")
    fit = fit_of(both + hm.set_rescor(False))
    sd = flat(fit, "sd_g")
    assert fit.posterior["g_coef"].values.tolist() == ["y_Intercept", "n_Intercept"]
    v, s2 = sd[:, 0] ** 2, flat(fit, "sigma_y") ** 2
    np.testing.assert_allclose(fit.icc(resp="y").draws["g"], v / (v + s2))
    simulated = fit.icc(resp="y", scale="response", nsim=2048, ndraws=S).draws["g"]
    np.testing.assert_allclose(simulated, v / (v + s2), rtol=0.06)
    assert fit.icc(resp="n").table["Estimate"].between(0, 1).all()
    assert fit.anova(resp="n").table.index.tolist() == ["x", "g"]
    with pytest.raises(HiermodelError, match="resp="):
        fit.icc()


def test_approximations_are_named() -> None:
    data = hm.datasets.load("sleepstudy")
    with pytest.warns(Warning):
        fit = hm.fit("reaction ~ days + (1 | subject)", data, algorithm="laplace", seed=1,
                     progress=False)
        for found in (fit.icc(), fit.anova(), fit.pooling(), fit.pooling_comparison(), fit.rope(),
                      fit.variance_decomposition(), fit.icc(scale="response", ndraws=3)):
            assert "Laplace" in repr(found)
        assert "Laplace" in fit.anova().plot().texts[-1].get_text()
