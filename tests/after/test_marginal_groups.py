"""Clusters: observed, none, new and integrated, against direct computation and quadrature."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, HiermodelError
from hiermodel.marginal.quadrature import mixing, nodes, student
from hiermodel.marginal.values import Values

from .posteriors import CHAINS, DRAWS, draws, fit_of, reaction_data


def flat(array) -> np.ndarray:
    values = array.values
    return values.reshape(-1, *values.shape[2:])


def of(fit: hm.Fit, frame: pd.DataFrame, groups, **options) -> np.ndarray:
    """Draws of predictions, (draws, rows)."""
    return flat(fit.predictions(frame, groups=groups, draws=True, **options).draws)


def normal_mean(function, eta: float, sd: float) -> float:
    """E f(eta + sd z) by adaptive quadrature."""
    def integrand(z: float) -> float:
        return function(eta + sd * z) * stats.norm.pdf(z)

    return integrate.quad(integrand, -12, 12, epsabs=1e-12, epsrel=1e-11, limit=400)[0]


@pytest.fixture(scope="module")
def logistic() -> hm.Fit:
    return fit_of("old ~ x + (1 | g)", "bernoulli", sd_1=draws(1, seed=5, positive=True) * 2)


ROWS = pd.DataFrame({"x": [-1.0, 0.5, 3.0], "g": ["a", "b", "d"]})


def test_observed_and_none_are_predictions_with_and_without_effects(logistic) -> None:
    expected = flat(logistic.posterior_epred(ROWS))
    np.testing.assert_allclose(of(logistic, ROWS, "observed"), expected)
    typical = flat(logistic.posterior_epred(ROWS, re_formula="none"))
    np.testing.assert_allclose(of(logistic, ROWS, "none"), typical)
    assert not np.allclose(expected, typical)


def test_integrated_logistic_normal_against_quadrature(logistic) -> None:
    found = of(logistic, ROWS, "integrated")
    eta = flat(logistic.posterior_linpred(ROWS, re_formula="none"))
    sd = flat(logistic.posterior["sd_g"])[:, 0]
    expected = [
        [normal_mean(special.expit, eta[s, n], sd[s]) for n in range(3)] for s in range(len(sd))
    ]
    np.testing.assert_allclose(found, expected, rtol=2e-6)


def test_integrated_poisson_has_a_closed_form_with_correlated_slopes() -> None:
    factor = np.broadcast_to(np.array([[1.0, 0.0], [0.6, 0.8]]), (CHAINS, DRAWS, 2, 2))
    fit = fit_of("n ~ x + (x | g)", "poisson", L_1=factor, sd_1=draws(2, seed=8, positive=True) / 2)
    eta = flat(fit.posterior_linpred(ROWS, re_formula="none"))
    sd = flat(fit.posterior["sd_g"])
    x = ROWS["x"].to_numpy()
    variance = (
        sd[:, [0]] ** 2 + sd[:, [1]] ** 2 * x**2 + 2 * 0.6 * sd[:, [0]] * sd[:, [1]] * x
    )
    np.testing.assert_allclose(of(fit, ROWS, "integrated"), np.exp(eta + variance / 2), rtol=1e-5)


def test_integrated_student_effects_against_quadrature() -> None:
    fit = fit_of(
        "old ~ x + (1 | gr(g, dist = 'student'))", "bernoulli",
        df_1=2.5 + draws(seed=4, positive=True),
    )
    found = of(fit, ROWS.iloc[[1]], "integrated")[:, 0]
    eta = flat(fit.posterior_linpred(ROWS.iloc[[1]], re_formula="none"))[:, 0]
    sd, df = flat(fit.posterior["sd_g"])[:, 0], flat(fit.posterior["df_g"])
    for s in range(0, 40, 7):
        expected = integrate.quad(
            lambda p, s=s: special.expit(eta[s] + sd[s] * stats.t.ppf(p, df[s])), 0, 1,
            epsabs=1e-9, limit=500,
        )[0]
        assert found[s] == pytest.approx(expected, rel=1e-5)


def test_student_effects_on_a_log_link_have_no_expectation() -> None:
    fit = fit_of("n ~ x + (1 | gr(g, dist = 'student'))", "poisson", df_1=2 + np.zeros((2, 20)))
    with pytest.raises(HiermodelError, match="does not settle"):
        fit.predictions(ROWS, groups="integrated")


def test_integrated_over_two_parameters_that_are_correlated() -> None:
    # lognormal: E Y = E exp(mu + sigma^2 / 2), with effects on mu and on log sigma.
    rho = 0.5
    factor = np.broadcast_to(
        np.array([[1.0, 0.0], [rho, np.sqrt(1 - rho**2)]]), (CHAINS, DRAWS, 2, 2)
    )
    frame = reaction_data().assign(pos=lambda d: np.exp(d["y"] / 4))
    fit = fit_of(
        hm.bf("pos ~ x + (1 |i| g)", "sigma ~ 1 + (1 |i| g)"), "lognormal", frame, L_1=factor,
        sd_1=np.broadcast_to([0.4, 0.15], (CHAINS, DRAWS, 2)),
        Intercept_sigma=np.full((CHAINS, DRAWS), -1.0),
    )
    found = of(fit, ROWS.iloc[[0]], "integrated")[:, 0]
    mu = flat(fit.posterior_linpred(ROWS.iloc[[0]], re_formula="none"))[:, 0]

    def integrand(z2: float) -> float:
        # Given the second effect, the first is normal: its part has a closed form.
        mean, var = 0.4 * rho * z2, 0.4**2 * (1 - rho**2)
        sigma = np.exp(-1.0 + 0.15 * z2)
        return np.exp(mean + var / 2 + sigma**2 / 2) * stats.norm.pdf(z2)

    # Beyond a few standard deviations of log sigma the integral has no end: the tail is cut off.
    factor_of = integrate.quad(integrand, -8, 8)[0]
    np.testing.assert_allclose(found, np.exp(mu) * factor_of, rtol=1e-5)


def test_crossed_nested_and_multiple_membership_add_their_variances() -> None:
    second = np.roll(np.repeat(list("abcd"), 10), 5)
    frame = reaction_data().assign(h=np.tile(["p", "q"], 20), g2=second)
    fit = fit_of("n ~ 1 + (1 | h / g) + (1 | mm(g, g2))", "poisson", frame,
                 **{f"sd_{k}": draws(1, seed=20 + k, positive=True) / 2 for k in (1, 2, 3)})
    rows = pd.DataFrame({"h": ["p", "p"], "g": ["a", "a"], "g2": ["b", "a"]})
    eta = flat(fit.posterior_linpred(rows, re_formula="none"))
    sd = {k: flat(fit.posterior[f"sd_{k}"])[:, 0] for k in ("h", "h:g", "mmgg2")}
    # Two different members with weights of a half, or one member twice.
    members = np.column_stack([sd["mmgg2"] ** 2 / 2, sd["mmgg2"] ** 2])
    variance = (sd["h"] ** 2 + sd["h:g"] ** 2)[:, None] + members
    np.testing.assert_allclose(of(fit, rows, "integrated"), np.exp(eta + variance / 2), rtol=1e-5)


def test_covariances_differ_by_the_levels_of_a_by_factor() -> None:
    frame = reaction_data().assign(site=np.repeat(["u", "u", "v", "v"], 10))
    fit = fit_of("n ~ 1 + (1 | gr(g, by = site))", "poisson", frame,
                 sd_1=draws(1, 2, seed=3, positive=True) / 2)
    rows = pd.DataFrame({"site": ["u", "v"]})
    sd = flat(fit.posterior["sd_g"])[:, :, 0]
    eta = flat(fit.posterior_linpred(rows, re_formula="none"))
    np.testing.assert_allclose(of(fit, rows, "integrated"), np.exp(eta + sd**2 / 2), rtol=1e-5)
    with pytest.raises(DataError, match="'site' has the level 'w'"):
        fit.predictions(pd.DataFrame({"site": ["w"]}), groups="integrated")


def test_probabilities_of_categories_integrate_to_one() -> None:
    fit = fit_of("rating ~ x + (1 | g)", "categorical")
    table = fit.predictions(ROWS.iloc[[1]], groups="integrated", draws=True)
    assert list(table["category"]) == ["bad", "fair", "good"]
    np.testing.assert_allclose(flat(table.draws).sum(axis=1), 1.0)
    # Two linear predictors, by a large sample in one draw.
    rng = np.random.default_rng(1)
    where = {"chain": 0, "draw": 3}
    sd = {k: fit.posterior["sd_g"].isel(**where).values[j] for j, k in enumerate(("f", "g"))}
    eta = fit.posterior_linpred(ROWS.iloc[[1]], re_formula="none").isel(**where).values[0]
    z = rng.normal(size=(200_000, 2)) * [sd["f"], sd["g"]]
    p = special.softmax(np.column_stack([np.zeros(len(z)), eta + z]), axis=1).mean(axis=0)
    np.testing.assert_allclose(flat(table.draws)[3], p, atol=4e-3)


def test_ordinal_against_quadrature() -> None:
    fit = fit_of("rating ~ x + (1 | g)", "cumulative")
    found = flat(fit.predictions(ROWS.iloc[[2]], groups="integrated", draws=True).draws)
    eta = flat(fit.posterior_linpred(ROWS.iloc[[2]], re_formula="none"))[:, 0]
    cut, sd = flat(fit.posterior["threshold"]), flat(fit.posterior["sd_g"])[:, 0]
    for s in (0, 13, 31):
        first = normal_mean(lambda e, s=s: special.expit(cut[s, 0] - e), eta[s], sd[s])
        assert found[s, 0] == pytest.approx(first, rel=1e-5)


def test_a_parameter_and_the_link_scale(logistic) -> None:
    link = of(logistic, ROWS, "integrated", type="link")
    eta = flat(logistic.posterior_linpred(ROWS, re_formula="none"))
    np.testing.assert_allclose(link, eta, atol=1e-8)
    fit = fit_of(hm.bf("y ~ x", "sigma ~ 1 + (1 | g)"))
    sd = flat(fit.posterior["sd_g"])[:, [0]]
    level = flat(fit.posterior_linpred(ROWS, dpar="sigma", re_formula="none"))
    sigma = of(fit, ROWS, "integrated", dpar="sigma")
    np.testing.assert_allclose(sigma, np.exp(level + sd**2 / 2), rtol=1e-5)
    # The mean does not depend on sigma.
    np.testing.assert_allclose(of(fit, ROWS, "integrated"), flat(fit.posterior_epred(
        ROWS, re_formula="none")), rtol=1e-8)


def test_nonlinear_parameters_with_effects() -> None:
    formula = hm.bf("y ~ a * exp(-k * x)", "a ~ 1", "k ~ 1 + (1 | g)", nl=True)
    frame = reaction_data()
    model = hm.model(formula, frame, priors=[hm.prior("normal(0, 1)", nlpar="a"),
                                            hm.prior("normal(0, 1)", nlpar="k")])
    shape = (CHAINS, DRAWS)
    values = {"b_a": draws(1, seed=1), "b_k": draws(1, seed=2), "sigma": np.ones(shape),
              "sd_1": draws(1, seed=3, positive=True) / 4, "z_1": draws(1, 4, seed=4)}
    fit = hm.Fit.from_draws(model, frame, values)
    x = ROWS["x"].to_numpy()
    a, k = flat(fit.posterior["b_a"]), flat(fit.posterior["b_k"])
    sd = flat(fit.posterior["sd_g"])
    expected = a * np.exp(-k * x + (sd * x) ** 2 / 2)
    np.testing.assert_allclose(of(fit, ROWS, "integrated"), expected, rtol=1e-5)


# ------------------------------------------------------------------ a new cluster


def constant(value, size: int = 4000) -> np.ndarray:
    value = np.asarray(value, dtype=float)
    return np.broadcast_to(value, (2, size // 2, *value.shape))


def test_a_new_cluster_is_the_same_for_all_rows_and_has_the_fitted_distribution() -> None:
    frame = reaction_data()
    model = hm.model("y ~ x + (x | g)", frame)
    cor = np.array([[1.0, 0.0], [-0.5, np.sqrt(0.75)]])
    fit = hm.Fit.from_draws(model, frame, {
        "b": constant([1.0]), "Intercept": constant(0.0), "sigma": constant(1.0),
        "sd_1": constant([2.0, 0.5]), "L_1": constant(cor), "z_1": constant(np.zeros((2, 4)))})
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    new = of(fit, rows, "new", seed=3)
    effects = new - of(fit, rows, "none")
    slope = effects[:, 1] - effects[:, 0]
    np.testing.assert_allclose(effects[:, 2], effects[:, 0] + 2 * slope)
    assert np.std(effects[:, 0]) == pytest.approx(2.0, rel=0.05)
    assert np.std(slope) == pytest.approx(0.5, rel=0.05)
    assert np.corrcoef(effects[:, 0], slope)[0, 1] == pytest.approx(-0.5, abs=0.05)
    np.testing.assert_array_equal(new, of(fit, rows, "new", seed=3))
    assert not np.array_equal(new, of(fit, rows, "new", seed=4))
    # Both sides of a comparison are about the same new cluster.
    compared = fit.comparisons("x", rows, groups="new", seed=3, draws=True)
    np.testing.assert_allclose(flat(compared.draws), np.tile(1 + slope[:, None], 3))


def test_the_average_over_new_clusters_is_the_integrated_expectation() -> None:
    frame = reaction_data()
    model = hm.model("old ~ 1 + (1 | g)", frame, "bernoulli")
    fit = hm.Fit.from_draws(model, frame, {
        "Intercept": constant(-1.0, 20_000), "sd_1": constant([2.0], 20_000),
        "z_1": constant(np.zeros((1, 4)), 20_000)})
    rows = pd.DataFrame({"x": [0.0]})
    table = fit.predictions(rows, groups="new", seed=1)
    exact = fit.predictions(rows, groups="integrated")
    assert exact["Estimate"][0] == pytest.approx(normal_mean(special.expit, -1.0, 2.0), rel=1e-6)
    assert exact["Est.Error"][0] == pytest.approx(0.0, abs=1e-9)
    assert table["Estimate"][0] == pytest.approx(exact["Estimate"][0], abs=0.01)
    # The typical cluster is another quantity.
    typical = fit.predictions(rows, groups="none")["Estimate"][0]
    assert typical == pytest.approx(special.expit(-1.0)) and exact["Estimate"][0] > typical + 0.04


def test_chunks_share_the_new_cluster(monkeypatch, logistic) -> None:
    whole = of(logistic, logistic.frame, "new", seed=2)
    monkeypatch.setattr("hiermodel.marginal.values._CHUNK_BYTES", 8 * 40 * 7)
    monkeypatch.setattr("hiermodel.marginal.values._INTEGRATED", 1)
    np.testing.assert_allclose(of(logistic, logistic.frame, "new", seed=2), whole)
    pieces = of(logistic, logistic.frame, "integrated")
    monkeypatch.undo()
    np.testing.assert_allclose(pieces, of(logistic, logistic.frame, "integrated"), rtol=1e-6)


def test_a_mode_for_each_factor() -> None:
    frame = reaction_data().assign(h=np.tile(["p", "q"], 20))
    fit = fit_of("n ~ x + (1 | g) + (1 | h)", "poisson", frame,
                 sd_2=draws(1, seed=9, positive=True) / 2)
    rows = ROWS.assign(h="q")
    found = of(fit, rows, {"g": "observed", "h": "integrated"})
    eta = flat(fit.posterior_linpred(rows, re_formula="~ (1 | g)"))
    sd = flat(fit.posterior["sd_h"])[:, [0]]
    np.testing.assert_allclose(found, np.exp(eta + sd**2 / 2), rtol=1e-5)
    table = fit.avg_predictions(rows, groups={"g": "observed", "h": "integrated"})
    assert table["groups"].tolist() == ["g: observed, h: integrated"]
    with pytest.raises(ArgumentError, match="says nothing about the grouping factor 'h'"):
        fit.predictions(rows, groups={"g": "none"})
    with pytest.raises(ArgumentError, match="'gg' is no grouping factor"):
        fit.predictions(rows, groups={"gg": "none"})


def test_the_table_says_which_clusters(logistic) -> None:
    for mode, words in (("observed", "observed levels of g"), ("none", "effects of g are zero"),
                        ("new", "one new level of g"), ("integrated", "population of g")):
        table = logistic.avg_predictions(groups=mode, seed=1)
        assert table["groups"].tolist() == [mode]
        assert words in repr(table) and words in table._repr_html_()
    assert "groups" not in fit_of("y ~ x").avg_predictions().columns


def test_unseen_levels_need_permission(logistic) -> None:
    rows = ROWS.assign(g=["a", "new", "new"])
    with pytest.raises(DataError, match=r"level 'new' of grouping factor 'g'.*allow_new_levels"):
        logistic.predictions(rows)
    allowed = of(logistic, rows, "observed", allow_new_levels=True,
                 sample_new_levels="gaussian", seed=1)
    np.testing.assert_allclose(allowed[:, 0], flat(logistic.posterior_epred(rows.iloc[[0]]))[:, 0])
    # Rows of one new level share its effect.
    eta = special.logit(allowed) - flat(logistic.posterior_linpred(rows, re_formula="none"))
    np.testing.assert_allclose(eta[:, 1], eta[:, 2], atol=1e-9)
    assert np.std(eta[:, 1]) > 0


def test_what_cannot_be_integrated_is_refused(logistic) -> None:
    with pytest.raises(ArgumentError, match=r"did you mean 'integrated'"):
        logistic.predictions(groups="integratd")
    with pytest.raises(ArgumentError, match="groups='new' it is drawn"):
        logistic.predictions(groups="integrated", type="predict")


def test_rows_that_are_alike_are_integrated_once(logistic, monkeypatch) -> None:
    single = of(logistic, ROWS, "integrated")
    order = np.random.default_rng(3).integers(0, 3, 60)
    seen: list[int] = []
    bind = Values._bind

    def counted(self: Values, frame: pd.DataFrame) -> object:
        seen.append(len(frame))
        return bind(self, frame)

    monkeypatch.setattr(Values, "_bind", counted)
    many = ROWS.iloc[order].reset_index(drop=True).assign(other=range(60))
    np.testing.assert_allclose(of(logistic, many, "integrated"), single[:, order], rtol=1e-9)
    assert seen[-1] == 3
    # Rows of a multi-membership term differ by which of their members are the same.
    fit = fit_of("n ~ 1 + (1 | mm(g, h))", "poisson",
                 reaction_data().assign(h=np.tile(["b", "c", "d", "a"], 10)))
    rows = pd.DataFrame({"g": ["a", "a"], "h": ["a", "b"]})
    two = of(fit, rows, "integrated")
    assert (two[:, 0] > two[:, 1]).all()
    twenty = of(fit, rows.iloc[[0, 1] * 10].reset_index(drop=True), "integrated")
    np.testing.assert_allclose(twenty, np.tile(two, 10), rtol=1e-9)


def test_category_specific_effects_against_simulation() -> None:
    fit = fit_of("rating ~ x + cs(z) + (1 | old) + (cs(x) | g)", "sratio")
    rows = pd.DataFrame({"x": [-1.0, 2.0], "z": [-1.5, 0.0]})
    found = of(fit, rows, "integrated").reshape(-1, 2, 3)
    np.testing.assert_allclose(found.sum(axis=2), 1.0)
    assert fit.posterior["g_coef"].values.tolist() == [
        "Intercept[1]", "Intercept[2]", "x[1]", "x[2]"
    ]
    z = stats.norm.ppf(stats.qmc.Sobol(5, seed=5).random_base2(15))
    eta = flat(fit.posterior["b"])[:, 0, None] * rows["x"].to_numpy()
    bcs = flat(fit.posterior["bcs"])
    for s in (3, 17, 30):
        sd, cor = flat(fit.posterior["sd_g"])[s], flat(fit.posterior["cor_g"])[s]
        r = (z[:, :4] @ np.linalg.cholesky(cor).T) * sd
        of_all = z[:, 4] * flat(fit.posterior["sd_old"])[s, 0]
        for n, (x, other) in enumerate(rows.itertuples(index=False)):
            # P(stop at k | got to k): effects of the level on each threshold, of the other on all.
            moved = bcs[s] * other + r[:, :2] + x * r[:, 2:]
            thresholds = flat(fit.posterior["threshold"])[s] - moved
            stop = special.expit(thresholds - eta[s, n] - of_all[:, None])
            probs = np.column_stack([
                stop[:, 0], (1 - stop[:, 0]) * stop[:, 1], (1 - stop[:, 0]) * (1 - stop[:, 1])
            ])
            np.testing.assert_allclose(found[s, n], probs.mean(axis=0), atol=3e-3)


def test_a_single_threshold_that_varies_against_quadrature() -> None:
    data = reaction_data()
    data["rating"] = pd.Categorical(
        data["rating"].astype(str).replace("good", "fair"), ["bad", "fair"], ordered=True
    )
    fit = fit_of("rating ~ x + (cs(1) | g)", "sratio", data)
    found = of(fit, ROWS, "integrated").reshape(-1, 3, 2)
    eta = flat(fit.posterior["b"])[:, 0, None] * ROWS["x"].to_numpy()
    threshold, sd = flat(fit.posterior["threshold"])[:, 0], flat(fit.posterior["sd_g"])[:, 0]
    for s in (0, 11, 39):
        expected = [normal_mean(special.expit, threshold[s] - eta[s, n], sd[s]) for n in range(3)]
        np.testing.assert_allclose(found[s, :, 0], expected, rtol=2e-6)


def test_special_effects_have_a_closed_form() -> None:
    data = reaction_data()
    data["dose"] = data["dose"].cat.as_ordered()
    fit = hm.fit("n ~ mo(dose) + z + (mo(dose) + z | g)", data, "poisson", chains=1, draws=60,
                 warmup=200, seed=1, progress=False)
    levels = list(data["dose"].cat.categories)
    rows = pd.DataFrame({"dose": pd.Categorical(levels, levels, ordered=True), "z": 0.5})
    found = of(fit, rows, "integrated")
    eta = flat(fit.posterior_linpred(rows, re_formula="none"))
    sd, cor = flat(fit.posterior["sd_g"]), flat(fit.posterior["cor_g"])
    names = fit.posterior["g_coef"].values.tolist()
    simo = flat(fit.posterior["simo_modose1"])
    steps = np.column_stack([np.zeros(len(simo)), np.cumsum(simo, axis=1)]) * simo.shape[1]
    for n in range(3):
        known = {"Intercept": np.ones(60), "z": np.full(60, 0.5), "modose": steps[:, n]}
        design = np.column_stack([known[name] for name in names])
        variance = np.einsum("si,sij,sj->s", design * sd, cor, design * sd)
        np.testing.assert_allclose(found[:, n], np.exp(eta[:, n] + variance / 2), rtol=1e-5)
    # Many rows are cut into chunks, and are looked at in part for the quadrature.
    many = rows.iloc[np.tile(np.arange(3), 300)].reset_index(drop=True)
    table = fit.avg_predictions(many, groups="integrated")
    assert table["Estimate"].iloc[0] == pytest.approx(found.mean(), rel=1e-6)
    compared = fit.avg_comparisons("dose", rows, groups="integrated")
    assert compared["Estimate"].iloc[0] == pytest.approx((found[:, 1] - found[:, 0]).mean())


def test_rules_integrate_what_they_must() -> None:
    for kind, count, dims in (("hermite", 9, 1), ("trapezoid", 81, 1), ("hermite", 9, 2)):
        z, w = nodes(kind, count, dims)
        assert w.sum() == pytest.approx(1.0)
        np.testing.assert_allclose(w @ z**2, np.ones(dims), rtol=1e-9)
    df = np.array([3.0, 8.0, 60.0])
    scale, w = mixing(df, 97)
    # E sqrt of the inverse multiplier: a moment of the chi distribution.
    chi = np.sqrt(2 / df) * np.exp(special.gammaln((df + 1) / 2) - special.gammaln(df / 2))
    np.testing.assert_allclose((w / np.sqrt(scale)).sum(axis=0), chi, rtol=1e-8)
    z, w = student(df, 321)
    np.testing.assert_allclose((w * z**2).sum(axis=0)[1:], (df / (df - 2))[1:], rtol=1e-6)


def test_student_effects_of_many_clusters_are_refused() -> None:
    frame = reaction_data().assign(h=np.tile(["p", "q"], 20), k=np.tile(["s", "t", "u", "v"], 10))
    student = [f"(1 | gr({g}, dist = 'student'))" for g in ("g", "h", "k")]
    degrees = {f"df_{j}": np.full((CHAINS, DRAWS), 8.0) for j in (1, 2, 3)}
    fit = fit_of(f"old ~ 1 + {' + '.join(student)}", "bernoulli", frame, **degrees)
    with pytest.raises(ArgumentError, match="at most two clusters in a row"):
        fit.predictions(frame.iloc[:2], groups="integrated")
    two = fit.predictions(
        frame.iloc[:1], groups={"g": "integrated", "h": "none", "k": "integrated"}, draws=True
    )
    # One draw against a large sample.
    rng = np.random.default_rng(2)
    s = {"chain": 0, "draw": 5}
    eta = fit.posterior_linpred(frame.iloc[:1], re_formula="none").isel(**s).item()
    z = sum(float(fit.posterior[f"sd_{g}"].isel(**s).item()) * rng.standard_t(8.0, 400_000)
            for g in ("g", "k"))
    assert two.draws.isel(**s).item() == pytest.approx(special.expit(eta + z).mean(), abs=4e-3)


def test_student_effects_on_two_parameters_share_their_mixing_variable() -> None:
    frame = reaction_data().assign(hits=lambda d: d["n"])
    formula = hm.bf("hits ~ 1 + (1 |i| gr(g, dist = 'student'))",
                    "zi ~ 1 + (1 |i| gr(g, dist = 'student'))")
    fit = fit_of(formula, hm.family("zero_inflated_poisson", link="softplus"), frame,
                 df_1=np.full((CHAINS, DRAWS), 6.0))
    rows = frame.iloc[[0]]
    found = fit.predictions(rows, groups="integrated", draws=True).draws
    rng = np.random.default_rng(5)
    z = rng.normal(size=(400_000, 2)) * np.sqrt(6.0 / rng.chisquare(6.0, (400_000, 1)))
    for draw in (2, 11):
        s = {"chain": 1, "draw": draw}
        sd = fit.posterior["sd_g"].isel(**s).values
        eta = [fit.posterior_linpred(rows, dpar=p, re_formula="none").isel(**s).item()
               for p in ("mu", "zi")]
        y = np.logaddexp(0, eta[0] + sd[0] * z[:, 0])
        y = y * special.expit(-eta[1] - sd[1] * z[:, 1])
        assert found.isel(**s).item() == pytest.approx(y.mean(), rel=0.015)


def test_rows_far_out_decide_how_fine_the_quadrature_is() -> None:
    frame = pd.concat([reaction_data()] * 50, ignore_index=True)
    fit = fit_of("old ~ x + (0 + x | g)", "bernoulli", frame, sd_1=np.full((CHAINS, DRAWS, 1), 0.5))
    rows = frame.assign(x=0.1)
    # One row among two thousand whose effects have a standard deviation of 20.
    rows.loc[777, "x"] = 40.0
    found = of(fit, rows, "integrated")[:, 777]
    eta = flat(fit.posterior_linpred(rows.iloc[[777]], re_formula="none"))[:, 0]
    for s in (0, 17, 39):
        expected = integrate.quad(
            lambda e, s=s: special.expit(e) * stats.norm.pdf(e, eta[s], 20.0),
            -200, 200, points=[0, eta[s]], limit=500, epsabs=1e-11)[0]
        assert found[s] == pytest.approx(expected, rel=1e-5, abs=1e-8)
