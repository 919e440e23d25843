"""Leave-one-group-out: integrals against closed forms and dense grids, the rest against refits."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate as quadrature
from scipy import special, stats
from scipy.special import logsumexp

import hiermodel as hm
from hiermodel.criticism import GroupElpd, leave_group_out, logo
from hiermodel.criticism.integrate import Integrals, integrate
from hiermodel.engines.inits import declared_shape
from hiermodel.errors import ArgumentError, HiermodelError, HiermodelWarning

SIZE = (2, 40)


def data() -> pd.DataFrame:
    """Groups of unequal size, one crossed and one by factor, responses of several kinds."""
    rng = np.random.default_rng(11)
    g = np.repeat([f"g{k}" for k in range(6)], [3, 5, 4, 6, 2, 4])
    n = len(g)
    frame = pd.DataFrame(
        {
            "g": g,
            "h": rng.choice(["p", "q", "r"], n),
            "x": rng.normal(size=n),
            "w": rng.normal(size=n),
            "y": rng.normal(1, 2, n),
            "v": rng.normal(size=n),
            "n": rng.poisson(2, n),
            "hit": rng.integers(0, 2, n),
            "rating": pd.Categorical(rng.choice(["a", "b", "c"], n), ["a", "b", "c"], ordered=True),
        }
    )
    frame["side"] = np.where(frame["g"] < "g3", "left", "right")
    return frame


def known(
    formula: Any, family: str = "gaussian", frame: pd.DataFrame | None = None
) -> hm.Fit:
    """A fit with random draws of moderate size."""
    frame = data() if frame is None else frame
    model = hm.model(formula, frame, family)
    rng = np.random.default_rng(2)
    values = {}
    for var in model.parameters:
        shape = declared_shape(var, model.constants())
        assert shape is not None
        value = 0.5 * rng.normal(size=(*SIZE, *shape))
        if var.lower:
            value = np.abs(value) + 0.6
        if var.type == "ordered":
            value = np.sort(value, axis=-1) + np.arange(shape[-1])
        if var.type == "cholesky_factor_corr":
            value = np.tril(value)
            value[..., np.arange(shape[-1]), np.arange(shape[-1])] = 1.0
            value /= np.linalg.norm(value, axis=-1, keepdims=True)
        values[var.name] = value
    return hm.Fit.from_draws(model, frame, values)


def integrals(fit: hm.Fit, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Integrals:
    """What logo() integrates, (draws, levels)."""
    seen = []

    def spy(*arguments: Any) -> Integrals:
        seen.append(integrate(*arguments))
        return seen[-1]

    monkeypatch.setattr(leave_group_out, "integrate", spy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        fit.logo("g", **options)
    return seen[0]


def by_grid(fit: hm.Fit, draw: int, level: int, points: int, reach: float = 7.0) -> float:
    """The integral on a dense grid: the grid points are handed to log_lik() as draws."""
    post = fit.posterior.stack(sample=("chain", "draw")).isel(sample=draw)
    sd = np.atleast_1d(post["sd_g"].values)
    if sd.ndim == 2:
        sd = sd[0 if level < 3 else 1]
    q = len(sd)
    cor = np.eye(q)
    if "cor_g" in post:
        cor = post["cor_g"].values
        cor = cor[0 if level < 3 else 1] if cor.ndim == 3 else cor
    axis = np.linspace(-reach, reach, points)
    z = np.stack(np.meshgrid(*[axis] * q, indexing="ij"), axis=-1).reshape(-1, q)
    u = z @ (sd[:, None] * np.linalg.cholesky(cor)).T
    chosen = fit.posterior.stack(sample=("chain", "draw")).isel(sample=[draw] * len(z))
    moved = chosen.drop_vars(["sample", "chain", "draw"]).rename(sample="draw").expand_dims("chain")
    moved = moved.transpose("chain", "draw", ...)
    r = moved["r_g"].values.copy()
    r[0, :, level] = u
    moved["r_g"] = xr.DataArray(r, dims=moved["r_g"].dims, coords=moved["r_g"].coords,
                                attrs=fit.posterior["r_g"].attrs)
    found = replace(fit, datasets={**fit.datasets, "posterior": moved}).log_lik().values[0]
    rows = (fit.whole_frame["g"] == f"g{level}").to_numpy()
    density = found[:, rows].sum(axis=1) + stats.norm.logpdf(z).sum(axis=1)
    return float(logsumexp(density) + q * np.log(axis[1] - axis[0]))


@pytest.mark.parametrize("nodes", [None, 1, 3])
def test_gaussian_is_multivariate_normal(
    nodes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = known("y ~ x + (x | g)")
    found = integrals(fit, monkeypatch, nodes=nodes).values
    post = fit.posterior.stack(sample=("chain", "draw"))
    for level, part in enumerate(dict(list(data().groupby("g"))).values()):
        design = np.column_stack([np.ones(len(part)), part["x"]])
        for draw in range(0, 80, 9):
            one = post.isel(sample=draw)
            scale = np.diag(one["sd_g"].values)
            cov = design @ scale @ one["cor_g"].values @ scale @ design.T
            cov = cov + float(one["sigma"]) ** 2 * np.eye(len(part))
            want = stats.multivariate_normal.logpdf(part["y"], design @ one["b"].values, cov)
            assert found[draw, level] == pytest.approx(want, abs=1e-6)


def test_bernoulli_by_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = known("hit ~ x + (1 | g)", "bernoulli")
    found = integrals(fit, monkeypatch)
    assert found.error.max() <= 1e-3
    post = fit.posterior.stack(sample=("chain", "draw"))
    for level, part in enumerate(dict(list(data().groupby("g"))).values()):
        for draw in range(0, 80, 20):
            one = post.isel(sample=draw)
            eta = one["b"].values[0] + one["b"].values[1] * part["x"].to_numpy()
            sign, sd = 2 * part["hit"].to_numpy() - 1, float(one["sd_g"][0])

            def joint(u: float, eta: Any = eta, sign: Any = sign, sd: float = sd) -> float:
                return float(np.prod(special.expit(sign * (eta + u))) * stats.norm.pdf(u, 0, sd))

            want = np.log(quadrature.quad(joint, -8 * sd, 8 * sd, epsabs=0)[0])
            assert found.values[draw, level] == pytest.approx(want, abs=1e-4)


CASES = [
    ("n ~ x + (1 | g)", "poisson", 201),
    ("n ~ x + (x | g)", "poisson", 121),
    ("n ~ x + (x || g)", "poisson", 121),
    ("n ~ x + (1 | g) + (0 + x | g)", "poisson", 121),
    ("n ~ x + (x | gr(g, by = side))", "negbinomial", 121),
    ("hit ~ x + (1 | g) + (1 | h)", "bernoulli", 201),
    ("hit ~ x + (1 | g) + (1 | g:h)", "bernoulli", 201),
    ("rating ~ x + (1 | g)", "cumulative", 201),
    ("y ~ x + (1 | g)", "student", 401),
    (hm.bf("y ~ x + (1 |p| g)", "sigma ~ (1 |p| g)"), "gaussian", 161),
    (hm.bf("n ~ x + (1 | g)", "zi ~ (1 | g)"), "zero_inflated_poisson", 121),
    (hm.bf("y ~ a * exp(b * x)", "a ~ 1 + (1 | g)", "b ~ 1", nl=True), "gaussian", 201),
    ("n | weights(w + 4) ~ (1 | g)", "poisson", 201),
    (hm.mvbf(hm.bf("y ~ x + (1 |p| g)"), hm.bf("n ~ (1 |p| g)", family="poisson")), "", 121),
    (hm.mvbf("y ~ x + (1 |p| g)", "v ~ (1 |p| g)") + hm.set_rescor(True), "", 121),
    (hm.mvbf("y ~ x + (1 | g)", "v ~ x"), "", 201),
]


@pytest.mark.parametrize(("formula", "family", "points"), CASES, ids=lambda v: str(v)[:40])
def test_every_kind_of_effect_on_a_grid(
    formula: Any, family: str, points: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = known(formula, family or "gaussian")
    found = integrals(fit, monkeypatch, nested=False)
    assert found.error.max() < (1e-3 if "(1 | g)" in str(formula) else 0.05)
    for draw, level in [(3, 0), (41, 2), (70, 5)]:
        want = by_grid(fit, draw, level, points)
        assert found.values[draw, level] == pytest.approx(want, abs=2e-3)


def test_nested_gaussian_is_multivariate_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = known("y ~ x + (1 | g) + (x | g:h) + (1 | h)")
    found = integrals(fit, monkeypatch)
    post = fit.posterior.stack(sample=("chain", "draw"))
    for level, part in enumerate(dict(list(data().groupby("g"))).values()):
        same = (part["h"].to_numpy()[:, None] == part["h"].to_numpy()).astype(float)
        design = np.column_stack([np.ones(len(part)), part["x"]])
        for draw in range(0, 80, 20):
            one = post.isel(sample=draw)
            mean = design @ one["b"].values + one["r_h"].sel(h=part["h"].to_numpy()).values[:, 0]
            scale = np.diag(one["sd_g:h"].values)
            within = design @ scale @ one["cor_g:h"].values @ scale @ design.T
            cov = float(one["sd_g"][0]) ** 2 + same * within
            cov = cov + float(one["sigma"]) ** 2 * np.eye(len(part))
            want = stats.multivariate_normal.logpdf(part["y"], mean, cov)
            assert found.values[draw, level] == pytest.approx(want, abs=1e-4)


def test_effects_of_rows_in_groups_on_grids(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = data()
    frame["row"] = [f"r{k}" for k in range(len(frame))]
    fit = known("n ~ x + (1 | g) + (1 | row)", "poisson", frame=frame)
    found = integrals(fit, monkeypatch)
    z = np.linspace(-7, 7, 141)
    post = fit.posterior.stack(sample=("chain", "draw"))
    for draw, level in [(3, 0), (41, 2), (70, 5)]:
        one, part = post.isel(sample=draw), frame[frame["g"] == f"g{level}"]
        eta = one["b"].values[0] + one["b"].values[1] * part["x"].to_numpy()
        outer, inner = float(one["sd_g"][0]) * z, float(one["sd_row"][0]) * z
        rate = np.exp(eta[:, None, None] + outer[:, None] + inner)
        step = np.log(z[1] - z[0])
        rows = logsumexp(
            stats.poisson.logpmf(part["n"].to_numpy()[:, None, None], rate)
            + stats.norm.logpdf(z) + step, axis=2,
        )  # fmt: skip
        want = logsumexp(rows.sum(axis=0) + stats.norm.logpdf(z)) + step
        assert found.values[draw, level] == pytest.approx(want, abs=2e-3)


def test_three_levels_of_nesting(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = data()
    frame["row"] = [f"r{k}" for k in range(len(frame))]
    fit = known("y ~ 1 + (1 | g) + (1 | g:h) + (1 | row)", frame=frame)
    found = integrals(fit, monkeypatch, nodes=3)
    one = fit.posterior.stack(sample=("chain", "draw")).isel(sample=17)
    part = frame[frame["g"] == "g1"]
    same = (part["h"].to_numpy()[:, None] == part["h"].to_numpy()).astype(float)
    own = float(one["sigma"]) ** 2 + float(one["sd_row"][0]) ** 2
    cov = float(one["sd_g"][0]) ** 2 + float(one["sd_g:h"][0]) ** 2 * same + own * np.eye(len(part))
    want = stats.multivariate_normal.logpdf(part["y"], np.full(5, float(one["b"][0])), cov)
    assert found.values[17, 1] == pytest.approx(want, abs=1e-4)


def test_laplace_with_three_effects(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = known("n ~ (x + w | g)", "poisson")
    laplace = integrals(fit, monkeypatch)
    assert np.isnan(laplace.error).all()
    finer = integrals(fit, monkeypatch, nodes=7)
    for draw, level in [(3, 0), (70, 5)]:
        want = by_grid(fit, draw, level, 41, 6.0)
        assert finer.values[draw, level] == pytest.approx(want, abs=2e-3)
        assert laplace.values[draw, level] == pytest.approx(want, abs=0.15)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = known("n ~ x + (x | g)", "poisson")
    whole = integrals(fit, monkeypatch, nodes=5).values
    monkeypatch.setattr("hiermodel.criticism.integrate._CHUNK", 24 * 7)
    np.testing.assert_allclose(integrals(fit, monkeypatch, nodes=5).values, whole, atol=1e-5)


def test_effects_of_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = known("n ~ x + (1 | g)", "poisson")
    post = fit.posterior.copy(deep=True)
    post["sd_g"][:] = 0.0
    post["r_g"][:] = 0.0
    flat = replace(fit, datasets={**fit.datasets, "posterior": post})
    found = integrals(flat, monkeypatch).values
    log_lik = flat.log_lik().values.reshape(80, -1)
    for level in range(6):
        rows = (data()["g"] == f"g{level}").to_numpy()
        np.testing.assert_allclose(found[:, level], log_lik[:, rows].sum(axis=1), atol=1e-8)


# --------------------------------------------------------------------------- the estimate

KW = {"chains": 2, "draws": 500, "warmup": 300, "seed": 1, "progress": False,
      "adapt_delta": 0.95}  # fmt: skip
PRIORS = [hm.prior("normal(0, 2)", "Intercept"), hm.prior("exponential(1)", "sd"),
          hm.prior("normal(0, 1)", "b")]  # fmt: skip


@pytest.fixture(scope="module")
def fit() -> hm.Fit:
    return hm.fit("n ~ x + (1 | g)", data(), "poisson", priors=PRIORS, **KW)


def quiet(call: Any, *arguments: Any, **options: Any) -> Any:
    """A result without the warning of its Pareto k: the groups here are few and small."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HiermodelWarning)
        return call(*arguments, **options)


def test_result(fit: hm.Fit) -> None:
    found = fit.logo()
    assert isinstance(found, GroupElpd) and found.kind == "logo(g)"
    assert found.pointwise.dims == ("g",)
    assert found.pointwise["g"].values.tolist() == [f"g{k}" for k in range(6)]
    assert found.elpd == pytest.approx(float(found.pointwise.sum()))
    assert found.estimates.index.tolist() == ["elpd_logo", "p_logo", "logoic"]
    assert found.estimates.loc["logoic", "Estimate"] == pytest.approx(-2 * found.elpd)
    text = repr(found)
    assert "Leave-one-group-out of 6 levels of g, 1000 draws" in text and "elpd_logo" in text
    fewer = quiet(fit.logo, "g", ndraws=200)
    assert fewer.n_draws == 200 and fewer.elpd == pytest.approx(found.elpd, abs=1.0)
    # New groups are harder to predict than new rows of known groups.
    assert found.elpd < quiet(fit.loo).elpd


def test_results_are_compared(fit: hm.Fit) -> None:
    other = hm.fit("n ~ 1 + (1 | g)", data(), "poisson", priors=PRIORS[:2], **KW)
    table = hm.compare({"x": fit.logo(), "none": other.logo()})
    assert set(table.index) == {"x", "none"} and table["elpd_diff"].iloc[0] == 0
    with pytest.raises(hm.DataError, match=r"'x' is logo\(g\) and 'loo' is loo"):
        hm.compare({"x": fit.logo(), "loo": quiet(fit.loo)})


def test_against_refits(fit: hm.Fit) -> None:
    """log p(y_g | y_-g) from draws of refits without the group, on a grid of its effect."""
    whole, found = data(), fit.logo()
    z = np.linspace(-7, 7, 201)
    for level in ("g0", "g3"):
        mine = whole["g"] == level
        refit = fit.model.fit(whole[~mine].reset_index(drop=True), **{**KW, "draws": 1000})
        eta = refit.posterior_linpred(whole[mine], re_formula="none").values.reshape(2000, -1)
        sd = refit.posterior["sd_g"].values.reshape(-1, 1)
        y = whole.loc[mine, "n"].to_numpy()
        inner = stats.norm.logpdf(z) + sum(
            stats.poisson.logpmf(y[j], np.exp(eta[:, [j]] + sd * z)) for j in range(len(y))
        )
        per_draw = logsumexp(inner, axis=1) + np.log(z[1] - z[0])
        want = logsumexp(per_draw) - np.log(2000)
        assert float(found.pointwise.sel(g=level)) == pytest.approx(want, abs=0.15)


def test_influential_groups_are_told() -> None:
    fit = known("y ~ x + (1 | g)")
    with pytest.warns(HiermodelWarning, match=r"levels of 'g' have a Pareto k above"):
        assert fit.logo().problems > 0


def test_rough_integrals_are_told(monkeypatch: pytest.MonkeyPatch, fit: hm.Fit) -> None:
    monkeypatch.setitem(integrate.__globals__["_RULES"], 1, (1, 2))
    monkeypatch.setattr(leave_group_out, "_UNRESOLVED", 1e-7)
    with pytest.warns(HiermodelWarning, match=r"'g' is not accurate for . of 6 levels.*nodes="):
        fit.logo()


def test_level_without_rows() -> None:
    frame = data()
    frame["g"] = pd.Categorical(frame["g"], [*(f"g{k}" for k in range(6)), "empty"])
    fit = hm.fit("n ~ 1 + (1 | g)", frame, "poisson", drop_unused_levels=False, **KW)
    assert "empty" not in fit.logo().pointwise["g"].values


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("y ~ x + (1 | gr(g, dist = 'student'))", "its effects are not normal"),
        ("y ~ x + (1 | mm(g, h))", r"mm\(\)"),
        ("y ~ x + (1 | gr(g, cov = A))", "its levels are correlated"),
    ],
)
def test_what_cannot_be_left_out(formula: str, words: str) -> None:
    levels = [f"g{k}" for k in range(6)]
    cov = pd.DataFrame(np.eye(6) + 0.1, index=levels, columns=levels)
    fit = hm.fit(formula, data(), data2={"A": cov}, **(KW | {"draws": 100, "warmup": 200}))
    with pytest.raises(HiermodelError, match=rf"logo\(\) cannot leave out levels.*{words}.*kfold"):
        logo(fit)


def test_bad_arguments(fit: hm.Fit) -> None:
    with pytest.raises(ArgumentError, match=r"no effects of 'gg' \(did you mean 'g'\?\)"):
        fit.logo("gg")
    with pytest.raises(ArgumentError, match="nodes must be a whole number from 1 on, not 0"):
        fit.logo(nodes=0)
    with pytest.raises(ArgumentError, match=r"nodes=150 .* give at most 141"):
        known("n ~ x + (x | g)", "poisson").logo(nodes=150)
    with pytest.raises(ArgumentError, match="has none; use loo"):
        known("n ~ x", "poisson").logo()
    with pytest.raises(ArgumentError, match="pass group=, one of g, h"):
        known("n ~ x + (1 | g) + (1 | h)", "poisson").logo()
    shared = known(hm.mvbf("y ~ x + (1 |p| g)", "v ~ (1 |p| g)"))
    with pytest.raises(HiermodelError, match="shared by the responses y, v"):
        shared.logo("g", resp="y")
    prior = replace(fit, provenance={**fit.provenance, "prior_only": True})
    with pytest.raises(HiermodelError, match="left out the data"):
        prior.logo()


def test_one_of_several_responses(monkeypatch: pytest.MonkeyPatch) -> None:
    both = known(hm.mvbf("y ~ x + (1 | g)", "v ~ x + (1 | g)"))
    whole = integrals(both, monkeypatch).values
    each = [integrals(both, monkeypatch, resp=name).values for name in ("y", "v")]
    if both.model.rescor is None:
        np.testing.assert_allclose(each[0] + each[1], whole, atol=1e-6)
