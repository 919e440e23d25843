from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.special import xlogy
from scipy.stats import norm

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, HiermodelError, HiermodelWarning
from hiermodel.importance import is_modern, legacy
from hiermodel.prior_work.scaling import cumulative_distance, power_weights
from hiermodel.prior_work.sensitivity import CONFLICT, NOTHING, STRONG, diagnose

from .conjugate import Y, conjugate_fit, scaled

ALPHAS = (0.99, 1.01)


def exact_distance(p, q, low: float, high: float) -> float:
    """The distance of two distributions by quadrature, straight from its definition."""

    def one(sign: int) -> float:
        def cdfs(x: float) -> tuple[float, float]:
            return (p.cdf(x), q.cdf(x)) if sign > 0 else (p.sf(x), q.sf(x))

        def cjs(x: float) -> float:
            a, b = cdfs(x)
            m = (a + b) / 2
            return float(xlogy(a, a / m) + xlogy(b, b / m)) / np.log(2)

        top = quad(cjs, low, high, limit=400, epsabs=1e-14)[0]
        return float(np.sqrt(top / quad(lambda x: sum(cdfs(x)), low, high, limit=400)[0]))

    return max(one(1), one(-1))


@pytest.mark.parametrize(("m", "s"), [(0.0, 10.0), (3.0, 0.5), (0.1, 0.05), (-2.0, 1.0)])
def test_agrees_with_the_scaled_conjugate_posterior(m: float, s: float) -> None:
    fit = conjugate_fit(m, s)
    found = fit.prior_sensitivity().table.loc["b_Intercept"]
    draws = fit.posterior["Intercept"].values
    base = norm(*scaled(m, s))
    for part in ("prior", "likelihood"):
        want = np.mean([
            exact_distance(base, norm(*scaled(m, s, **{part: a})), draws.min(), draws.max())
            / abs(np.log2(a))
            for a in ALPHAS
        ])
        assert found[part] == pytest.approx(want, rel=0.03, abs=1e-4), part


def test_diagnoses_of_a_normal_mean() -> None:
    weak, conflict, strong = (
        conjugate_fit(m, s).prior_sensitivity() for m, s in [(0, 10), (3, 0.5), (0.1, 0.05)]
    )
    assert [r.table["diagnosis"].item() for r in (weak, conflict, strong)] == [
        NOTHING, CONFLICT, STRONG,
    ]
    assert "Prior and data may be in conflict for b_Intercept" in repr(conflict)
    assert conflict.conflicts == ("b_Intercept",)
    assert strong.strong_priors == ("b_Intercept",)
    assert "The prior is strong, or the likelihood weak, for b_Intercept" in repr(strong)
    assert "No sign" in repr(weak)
    assert list(weak.table) == ["prior", "likelihood", "diagnosis"]
    assert weak.pareto_k.shape == (2, 2)


def test_the_farther_the_prior_the_more_sensitive() -> None:
    found = [conjugate_fit(m, 1.0).prior_sensitivity().table for m in (0, 1, 2, 4)]
    assert np.all(np.diff([t["prior"].item() for t in found]) > 0)


@pytest.mark.parametrize(
    ("prior", "likelihood", "want"),
    [(0.04, 0.3, NOTHING), (0.05, 0.05, CONFLICT), (0.3, 0.04, STRONG), (np.nan, 1.0, NOTHING)],
)
def test_diagnosis(prior: float, likelihood: float, want: str) -> None:
    assert diagnose(prior, likelihood, 0.05) == want


def test_distance_against_arviz() -> None:
    """ArviZ has the distance too, as a private function of each line."""
    rng = np.random.default_rng(2)
    x, weights = rng.gamma(2.0, size=400), rng.dirichlet(np.full(400, 3.0))
    if is_modern():
        from arviz_stats.base import array_stats

        theirs = array_stats._cjs_dist
        want = max(theirs(x, weights), theirs(-x, weights))
    else:
        legacy()
        from arviz.stats.stats import _cjs_dist

        want = max(_cjs_dist(x, weights), _cjs_dist(-x, weights))
    assert cumulative_distance(x, weights) == pytest.approx(want, rel=1e-9)


def test_distance_is_free_of_units_and_in_bounds() -> None:
    rng = np.random.default_rng(3)
    x, weights = rng.normal(size=300), rng.dirichlet(np.ones(300))
    d = cumulative_distance(x, weights)
    assert 0 < d < 1
    assert cumulative_distance(-50 * x + 7, weights) == pytest.approx(d, rel=1e-9)
    assert np.isnan(cumulative_distance(np.ones(300), weights))
    one = np.eye(300)[np.argmax(x)]
    assert 0.5 < cumulative_distance(x, one) <= 1


def test_weights_of_small_differences_are_not_lost() -> None:
    log_prior = np.linspace(0, 0.05, 200)
    weights, k = power_weights(log_prior, 1.01)
    np.testing.assert_allclose(weights[-1] / weights[0], np.exp(0.01 * 0.05), rtol=1e-12)
    assert k == -np.inf


def test_tags_scale_their_part_alone() -> None:
    frame = hm.datasets.load("mtcars")
    fit = hm.fit(
        "mpg ~ wt + hp", frame, chains=2, draws=500, warmup=500, seed=1, progress=False,
        priors=[
            hm.prior("normal(0, 0.5)", coef="wt", tag="weight"),
            hm.prior("normal(0, 10)", coef="hp", tag="power"),
        ],
    )
    whole = fit.prior_sensitivity(variables="b_*")
    weight, power = (fit.prior_sensitivity(t, variables="b_*") for t in ("weight", "power"))
    both = fit.prior_sensitivity(["weight", "power"], variables="b_*")
    assert whole.table.loc["b_wt", "diagnosis"] == CONFLICT
    assert weight.table.loc["b_wt", "diagnosis"] == CONFLICT
    assert power.table["prior"].max() < 0.01 < weight.table.loc["b_wt", "prior"]
    assert both.table.loc["b_wt", "prior"] == pytest.approx(
        weight.table.loc["b_wt", "prior"], rel=0.1
    )
    assert "priors tagged weight" in repr(weight)
    assert power.table["likelihood"].equals(whole.table["likelihood"])
    with pytest.raises(DataError, match=r"no prior has the tag 'wieght'.*did you mean 'weight'"):
        fit.prior_sensitivity("wieght")


def test_errors() -> None:
    fit = conjugate_fit(0, 1)
    with pytest.raises(DataError, match=r"tag 'slopes', or any: fit again with priors such"):
        fit.prior_sensitivity("slopes")
    with pytest.raises(DataError, match="no parameter 'b_day'"):
        fit.prior_sensitivity(variables="b_day")
    with pytest.raises(ArgumentError, match="lower_alpha must be below 1 and upper_alpha above"):
        fit.prior_sensitivity(lower_alpha=1.1, upper_alpha=1.2)
    with pytest.raises(ArgumentError, match="threshold must be a positive number, not 'a'"):
        fit.prior_sensitivity(threshold="a")
    bare = hm.Fit.from_draws(fit.model, fit.frame, {"Intercept": fit.posterior["Intercept"].values})
    with pytest.raises(HiermodelError, match="needs the log prior 'lprior'"):
        bare.prior_sensitivity()
    few = {k: fit.posterior[k].values[:1, :20] for k in ("Intercept", "lprior")}
    with pytest.raises(HiermodelError, match="at least 25 draws, and this fit has 20"):
        hm.Fit.from_draws(fit.model, fit.frame, few).prior_sensitivity()
    prior = replace(fit, provenance={**fit.provenance, "prior_only": True})
    with pytest.raises(HiermodelError, match="its draws are from the prior"):
        prior.prior_sensitivity()
    mode = replace(fit, provenance={**fit.provenance, "method": "optimize"})
    with pytest.raises(HiermodelError, match=r"prior_sensitivity\(\) needs draws"):
        mode.prior_sensitivity()


def test_powers_too_far_away_are_told() -> None:
    told = "of the weights for scaling the (prior|likelihood) is"
    with pytest.warns(HiermodelWarning, match=told):
        conjugate_fit(40.0, 0.5).prior_sensitivity(lower_alpha=0.2)


def test_likelihood_is_that_of_all_rows() -> None:
    from hiermodel.prior_work.components import log_likelihood

    fit = conjugate_fit(0, 1)
    mu = fit.posterior["Intercept"].values.reshape(-1, 1)
    np.testing.assert_allclose(log_likelihood(fit), norm.logpdf(Y, mu, 1).sum(1), rtol=1e-10)


SMALL = {"chains": 2, "draws": 500, "warmup": 500, "seed": 1, "progress": False}


def test_whole_result_against_arviz() -> None:
    fit = hm.fit("mpg ~ wt + hp", hm.datasets.load("mtcars"),
                 priors=[hm.prior("normal(0, 0.5)", coef="wt")], **SMALL)
    names = ["b_wt", "b_hp", "sigma"]
    draws = fit.to_frame(names)
    posterior = xr.Dataset(
        {n: (("chain", "draw"), draws[n].to_numpy().reshape(2, 500)) for n in names}
    )
    given = fit.with_groups("log_likelihood").with_group("log_prior", fit.posterior[["lprior"]])
    idata = given.with_group("posterior", posterior).idata
    table = fit.prior_sensitivity(variables=names).table
    for part in ("prior", "likelihood"):
        if is_modern():
            from arviz_stats import psense

            theirs = psense(idata, group=part)
        else:
            theirs = legacy().psens(idata, component=part)
        want = [float(theirs[n]) for n in names]
        np.testing.assert_allclose(table[part], want, rtol=0.01)


def test_groups_and_several_responses() -> None:
    data = hm.datasets.load("sleepstudy").assign(other=lambda d: np.log(d["reaction"]))
    formula = hm.mvbf(hm.bf("reaction ~ days + (1 | subject)"), hm.bf("other ~ days"))
    fit = hm.fit(formula + hm.set_rescor(False), data, **SMALL)
    table = fit.prior_sensitivity().table
    assert {"b_reaction_days", "b_other_days", "sd_subject__reaction_Intercept"} <= set(table.index)
    # Flat priors, and default priors as wide as the data.
    assert (table["diagnosis"] == NOTHING).all()
    assert table.loc["b_other_days", "likelihood"] > 0.05


def test_models_that_do_not_keep_the_log_prior() -> None:
    fit = hm.fit("mpg ~ wt", hm.datasets.load("mtcars"), priors="weak", normalize=False, **SMALL)
    with pytest.raises(HiermodelError, match="a model made with normalize=False does not keep"):
        fit.prior_sensitivity()
