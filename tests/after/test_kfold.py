"""Fits without some rows, against closed forms of models whose posterior is known."""

from __future__ import annotations

import subprocess
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import hiermodel as hm
from hiermodel.errors import ArgumentError, EngineError, HiermodelError, HiermodelWarning
from hiermodel.refits import jobs as jobs_module
from hiermodel.refits.jobs import Job, complete_rows, refit

from .posteriors import fit_of

pytestmark = pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning")
SMALL: dict[str, Any] = {"chains": 2, "draws": 1000, "warmup": 400, "seed": 1, "progress": False}
QUIET: dict[str, Any] = {"cores": 1, "progress": False, "seed": 4}


def slope_data() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = rng.normal(size=24)
    frame = pd.DataFrame({"x": x, "y": 0.8 * x + rng.normal(size=24)}, index=range(100, 124))
    frame["g"] = np.repeat(["a", "b", "c", "d"], 6)
    return frame


def slope_elpd(frame: pd.DataFrame, held: np.ndarray) -> np.ndarray:
    """Exact log densities of held rows: y ~ normal(b x, 1), b ~ normal(0, 2)."""
    rest = frame.drop(index=frame.index[held])
    precision = (rest["x"] ** 2).sum() + 0.25
    mean = (rest["x"] * rest["y"]).sum() / precision
    out = frame.iloc[held]
    return stats.norm.logpdf(out["y"], mean * out["x"], np.sqrt(1 + out["x"] ** 2 / precision))


@pytest.fixture(scope="module")
def slope() -> hm.Fit:
    return hm.fit(
        hm.bf("y ~ 0 + x", sigma=1), slope_data(), priors={"b": "normal(0, 2)"}, **SMALL
    )


def test_kfold_of_a_known_posterior(slope: hm.Fit) -> None:
    frame = slope_data()
    numbers = np.tile([1, 2, 3], 8)
    result = slope.kfold(folds=numbers, **QUIET)
    for fold in (1, 2, 3):
        held = np.flatnonzero(numbers == fold)
        np.testing.assert_allclose(result.pointwise[held], slope_elpd(frame, held), atol=0.06)
    assert result.kind == "kfold" and result.fits == () and result.n_draws == 2000
    assert result.pointwise["obs"].values.tolist() == list(range(100, 124))
    np.testing.assert_array_equal(result.folds, numbers)
    assert result.elpd == pytest.approx(float(result.pointwise.sum()))
    assert result.estimates.index.tolist() == ["elpd_kfold", "p_kfold", "kfoldic"]
    assert "3 folds of 8 to 8 observations" in repr(result)
    lpd = np.log(np.exp(slope.log_lik()).mean(("chain", "draw")))
    np.testing.assert_allclose(result.p_pointwise, lpd - result.pointwise, atol=1e-10)


def test_a_group_left_out_is_a_new_one() -> None:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"g": np.repeat(list("abcde"), 4)})
    frame["y"] = rng.normal(size=20) + np.repeat(rng.normal(scale=2, size=5), 4)
    priors = [
        hm.prior("normal(0, 3)", cls="Intercept"), hm.prior("constant(2)", cls="sd"),
    ]
    fit = hm.fit(hm.bf("y ~ 1 + (1 | g)", sigma=1), frame, priors=priors, **SMALL)
    result = fit.kfold(group="g", **QUIET)
    for k, name in enumerate("abcde", start=1):
        rest, held = frame[frame["g"] != name], frame[frame["g"] == name]
        # Group means are normal(mu, 4 + 1/4) each.
        means = rest.groupby("g")["y"].mean()
        precision = len(means) / 4.25 + 1 / 9
        centre = means.sum() / 4.25 / precision
        exact = stats.norm.logpdf(held["y"], centre, np.sqrt(1 / precision + 4 + 1))
        np.testing.assert_allclose(result.pointwise[result.folds == k], exact, atol=0.08)


def test_processes_change_nothing(slope: hm.Fit) -> None:
    alone = slope.kfold(3, save_fits=True, **QUIET)
    together = slope.kfold(3, save_fits=True, **{**QUIET, "cores": 2})
    np.testing.assert_array_equal(alone.pointwise, together.pointwise)
    for one, other in zip(alone.fits, together.fits, strict=True):
        xr.testing.assert_equal(one.posterior["b"], other.posterior["b"])
        assert one.nobs == 16
    predicted = slope.kfold_predict(together, "posterior_epred")
    assert predicted.sizes == {"chain": 2, "draw": 1000, "obs": 24}
    assert predicted["obs"].values.tolist() == list(range(100, 124))
    frame = slope_data()
    for row, fold in enumerate(alone.folds.values):
        b = alone.fits[fold - 1].posterior["b"].isel(coef=0)
        np.testing.assert_allclose(predicted[:, :, row], b * frame["x"].iloc[row])
    draws = slope.kfold_predict(alone, ndraws=50, seed=1)
    assert draws.sizes["draw"] == 50 and float((draws - predicted.mean()).std()) > 0.8


def test_reloo_is_exact() -> None:
    frame = slope_data()
    frame.loc[105, ["x", "y"]] = [6.0, -1.0]
    fit = hm.fit(
        hm.bf("y ~ 0 + x", sigma=1), frame, priors={"b": "normal(0, 2)"}, **SMALL
    )
    with pytest.warns(HiermodelWarning, match=r"1 of 24 observations.*reloo=True"):
        rough = fit.loo()
    exact = fit.loo(reloo=True, **QUIET)
    assert exact.refitted == (105,) and exact.problems == 0
    truth = np.concatenate([slope_elpd(frame, np.array([i])) for i in range(24)])
    np.testing.assert_allclose(np.delete(exact.pointwise.values, 5),
                               np.delete(truth, 5), rtol=0.02, atol=0.03)
    assert abs(float(exact.pointwise[5]) - truth[5]) < 0.3, (rough.pointwise[5], truth[5])
    assert abs(float(rough.pointwise[5]) - truth[5]) > 0.5
    assert exact.elpd == pytest.approx(rough.elpd + float(exact.pointwise[5] - rough.pointwise[5]))
    assert "1 rows by refitting" in repr(exact)
    with pytest.warns(HiermodelWarning, match="1 of 24"):
        assert fit.loo(reloo=True, k_threshold=5.0, **QUIET).refitted == ()


def test_factors_keep_levels_and_priors_stay() -> None:
    frame = slope_data().assign(f=["p"] * 4 + ["q", "r"] * 10, h=["a", "b", "c"] * 8)
    fit = hm.fit(
        "y ~ f + (1 | h)", frame, priors={"b": "normal(0, 1)"},
        **{**SMALL, "draws": 100, "warmup": 100},
    )
    rows = complete_rows(fit)
    assert rows["f"].cat.categories.tolist() == ["p", "q", "r"]
    one = refit(fit, Job("fold 1", tuple(range(4)), 1), 1, keep=True)
    assert one.fit is not None and one.log_lik.shape == (200, 4)
    assert list(one.fit.fixef().index) == ["Intercept", "fq", "fr"]
    assert one.fit.ngroups() == {"h": 3}
    pd.testing.assert_series_equal(one.fit.priors["prior"], fit.priors["prior"])


def test_several_responses() -> None:
    rng = np.random.default_rng(1)
    frame = slope_data().assign(n=rng.poisson(2.0, 24))
    fit = hm.fit(
        hm.mvbf(hm.bf("y ~ x"), hm.bf("n ~ x", family="poisson")), frame,
        **{**SMALL, "draws": 200, "warmup": 200},
    )
    whole, part = fit.kfold(2, **QUIET), fit.kfold(2, resp="n", **QUIET)
    other = fit.kfold(2, resp="y", **QUIET)
    np.testing.assert_array_equal(whole.folds, part.folds)
    assert whole.elpd == pytest.approx(part.elpd + other.elpd, abs=0.5)
    with pytest.raises(HiermodelError, match="with resp='n'"):
        fit.only("n").kfold(2)


def test_what_is_refused(slope: hm.Fit) -> None:
    with pytest.raises(ArgumentError, match="cores must be"):
        slope.kfold(2, cores=0)
    with pytest.raises(ArgumentError, match="seed must be"):
        slope.kfold(2, seed=-1)
    result = slope.kfold(2, **QUIET)
    with pytest.raises(ArgumentError, match=r"kfold\(save_fits=True\)"):
        slope.kfold_predict(result)
    with pytest.raises(ArgumentError, match="what kfold"):
        slope.kfold_predict(slope.loo())
    with pytest.raises(HiermodelError, match="its draws are from the prior"):
        hm.fit(
            hm.bf("y ~ 0 + x", sigma=1), slope_data(), priors={"b": "normal(0, 2)"},
            sample_prior="only", **{**SMALL, "draws": 50},
        ).kfold(2)


def test_a_failing_fit_is_named(slope: hm.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    def bad(fit: Any, job: Job, *rest: Any) -> Any:
        raise EngineError("no luck")

    monkeypatch.setattr(jobs_module, "refit", bad)
    with pytest.raises(EngineError, match="the fit without fold 1 failed: no luck"):
        slope.kfold(2, **QUIET)


def test_problems_in_a_process_are_told(slope: hm.Fit) -> None:
    wrong = [Job("fold 1", (0,), 1), Job("fold 2", (1,), -5)]
    with pytest.raises(EngineError, match="without fold 2 failed: seed must be"):
        jobs_module.run_jobs(slope, wrong, 2, False)


def test_no_process_survives_an_interrupt(
    slope: hm.Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[str]] = []
    start = jobs_module._start

    def remember(*arguments: Any) -> subprocess.Popen[str]:
        started.append(start(*arguments))
        return started[-1]

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs_module, "_start", remember)
    monkeypatch.setattr(jobs_module, "_read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        slope.kfold(4, **{**QUIET, "cores": 2})
    assert len(started) == 2 and all(p.poll() is not None for p in started)


def test_a_bar_over_the_fits(slope: hm.Fit, capsys: pytest.CaptureFixture[str]) -> None:
    slope.kfold(2, **{**QUIET, "progress": True})
    assert "Refitting 2 times" in capsys.readouterr().err
    slope.kfold(2, **QUIET)
    assert capsys.readouterr().err == ""


def test_draws_of_any_origin_can_be_refitted() -> None:
    # Recorded draws have no settings: the defaults are taken.
    fit = fit_of(hm.bf("y ~ 0 + x", sigma=1))
    assert fit.provenance["engine"] == "recorded"
    outcome = refit(fit, Job("row", (0,), 1), 1)
    assert outcome.log_lik.shape == (4000, 1)


def test_rows_that_are_impossible_without_them() -> None:
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"time": 5 + np.sort(rng.gamma(2.0, size=30)), "x": rng.normal(size=30)})
    frame.loc[0, "time"] = 1.0
    fit = hm.fit("time ~ x", frame, "cox", **{**SMALL, "chains": 1, "draws": 50, "warmup": 50})
    folds = np.where(np.arange(30) == 0, 1, 2 + np.arange(30) % 2)
    with pytest.warns(HiermodelWarning, match=r"1 rows have .* first is 0.*Boundary\.knots"):
        assert fit.kfold(folds=folds, **QUIET).pointwise[0] == -np.inf


def test_models_whose_functions_are_here_are_fitted_here() -> None:
    def log_lik(y: Any, mu: Any) -> Any:
        return stats.norm.logpdf(y, mu, 1.0)

    family = hm.custom_family(
        "unit_normal",
        stan="real unit_normal_lpdf(real y, real mu) { return normal_lpdf(y | mu, 1); }",
        log_lik=log_lik,
    )
    fit = hm.fit(
        "y ~ 0 + x", slope_data(), family, priors={"b": "normal(0, 2)"},
        **{**SMALL, "certify": False},
    )
    numbers = np.tile([1, 2], 12)
    with pytest.warns(HiermodelWarning, match="one after the other.*'unit_normal'"):
        result = fit.kfold(folds=numbers, **{**QUIET, "cores": 2})
    held = np.flatnonzero(numbers == 2)
    np.testing.assert_allclose(result.pointwise[held], slope_elpd(slope_data(), held), atol=0.06)


def slope_joint(frame: pd.DataFrame, held: np.ndarray) -> float:
    """Exact joint log density of held rows: they are normal, correlated by what b may be."""
    rest = frame.drop(index=frame.index[held])
    precision = (rest["x"] ** 2).sum() + 0.25
    mean = (rest["x"] * rest["y"]).sum() / precision
    out = frame.iloc[held]
    cov = np.eye(len(out)) + np.outer(out["x"], out["x"]) / precision
    return float(stats.multivariate_normal.logpdf(out["y"], mean * out["x"], cov))


def test_joint_density_of_folds(slope: hm.Fit) -> None:
    frame, numbers = slope_data(), np.tile([1, 2, 3], 8)
    result = slope.kfold(folds=numbers, joint="fold", save_fits=True, **QUIET)
    exact = [slope_joint(frame, np.flatnonzero(numbers == n)) for n in (1, 2, 3)]
    np.testing.assert_allclose(result.pointwise, exact, atol=0.1)
    assert result.pointwise.dims == ("fold",) and result.pointwise["fold"].values.tolist() == [
        1, 2, 3
    ]
    # The numbers themselves, from the fits.
    for n, one in enumerate(result.fits, start=1):
        held = np.flatnonzero(numbers == n)
        b = one.posterior["b"].values.reshape(-1, 1)
        rows = stats.norm.logpdf(frame["y"].to_numpy()[held], b * frame["x"].to_numpy()[held])
        assert float(result.pointwise[n - 1]) == pytest.approx(
            np.log(np.exp(rows.sum(axis=1)).mean()), rel=1e-9
        )
    assert result.se == pytest.approx(np.sqrt(3) * np.std(result.pointwise, ddof=1))
    lik = slope.log_lik().values.reshape(-1, 24)
    full = [np.log(np.exp(lik[:, numbers == n].sum(axis=1)).mean()) for n in (1, 2, 3)]
    np.testing.assert_allclose(result.p_pointwise, full - result.pointwise, rtol=1e-6)
    assert "of 3 folds, the rows of each jointly" in repr(result)
    assert slope.kfold(folds=numbers, joint="obs", **QUIET).pointwise.size == 24


def test_joint_density_of_groups_within_folds(slope: hm.Fit) -> None:
    frame, numbers = slope_data(), np.tile([1, 2, 3], 8)
    result = slope.kfold(folds=numbers, group=frame["g"], joint="group", **QUIET)
    assert result.pointwise.dims == ("group",) and result.pointwise.size == 12
    for k in range(12):
        one = result.pointwise[k]
        held = (numbers == int(one["fold"])) & (frame["g"] == str(one["group"].values)).to_numpy()
        rest = frame[numbers != int(one["fold"])]
        precision = (rest["x"] ** 2).sum() + 0.25
        mean = (rest["x"] * rest["y"]).sum() / precision
        out = frame[held]
        cov = np.eye(2) + np.outer(out["x"], out["x"]) / precision
        exact = stats.multivariate_normal.logpdf(out["y"], mean * out["x"], cov)
        assert float(one) == pytest.approx(float(exact), abs=0.08)


def test_joint_density_of_new_groups_is_what_logo_integrates() -> None:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"g": np.repeat(list("abcdefgh"), 3)})
    frame["y"] = rng.normal(size=24) + np.repeat(rng.normal(size=8), 3)
    priors = [hm.prior("normal(0, 3)", cls="Intercept"), hm.prior("constant(1)", cls="sd")]
    fit = hm.fit(hm.bf("y ~ 1 + (1 | g)", sigma=1), frame, priors=priors,
                 **{**SMALL, "draws": 4000})
    result = fit.kfold(group="g", joint="group", **QUIET)
    assert result.pointwise.dims == ("g",) and "".join(result.pointwise["g"].values) == "abcdefgh"
    np.testing.assert_allclose(result.pointwise, fit.logo("g").pointwise, atol=0.12)
    for name in "ah":
        rest, held = frame[frame["g"] != name], frame[frame["g"] == name]
        means = rest.groupby("g")["y"].mean()
        precision = len(means) / (1 + 1 / 3) + 1 / 9
        cov = np.eye(3) + 1 + 1 / precision
        centre = np.full(3, means.sum() / (1 + 1 / 3) / precision)
        exact = stats.multivariate_normal.logpdf(held["y"], centre, cov)
        assert float(result.pointwise.sel(g=name)) == pytest.approx(float(exact), abs=0.1)


def test_some_folds_only(slope: hm.Fit) -> None:
    whole = slope.kfold(4, **QUIET)
    some = slope.kfold(4, Ksub=[3, 1], save_fits=True, **QUIET)
    assert some.left_out == (1, 3) and len(some.fits) == 2 and whole.left_out == (1, 2, 3, 4)
    np.testing.assert_array_equal(some.folds, whole.folds)
    used = np.isin(whole.folds, [1, 3])
    np.testing.assert_array_equal(some.pointwise, whole.pointwise[used])
    assert some.elpd == pytest.approx(float(whole.pointwise[used].sum()))
    assert "2 of 4 folds of 6 to 6 observations" in repr(some)
    predicted = slope.kfold_predict(some, "posterior_epred")
    np.testing.assert_array_equal(predicted["obs"], some.pointwise["obs"])
    x = slope_data()["x"].to_numpy()[used]
    for k, fold in enumerate(whole.folds.values[used]):
        b = some.fits[(1, 3).index(fold)].posterior["b"].isel(coef=0)
        np.testing.assert_allclose(predicted[:, :, k], b * x[k])
    three = slope.kfold(4, Ksub=3, **QUIET)
    assert len(set(three.left_out)) == 3
    np.testing.assert_array_equal(
        three.pointwise, whole.pointwise[np.isin(whole.folds, three.left_out)]
    )
    joint = slope.kfold(4, Ksub=[2], joint="fold", **QUIET)
    assert joint.pointwise["fold"].values.tolist() == [2] and np.isnan(joint.se)


def test_comparisons_of_joint_densities(slope: hm.Fit) -> None:
    other = slope.update(formula="y ~ 0 + x + g", priors={"b": "normal(0, 2)"})
    folds = np.tile([1, 2, 3], 8)
    one = slope.kfold(folds=folds, joint="fold", Ksub=[1, 2], **QUIET)
    table = hm.compare({"x": one, "g": other}, criterion="kfold")
    assert len(table) == 2 and np.isfinite(table["elpd_diff"]).all()
    with pytest.raises(hm.DataError, match="each fold together and 'b' each obs; give both"):
        hm.compare({"a": one, "b": other.kfold(folds=folds, **QUIET)})
    group = slope.kfold(folds=folds, group=slope_data()["g"], joint="group", **QUIET)
    with pytest.raises(hm.DataError, match="no more which groups"):
        hm.compare({"a": group, "b": other}, criterion="kfold")


def test_joint_and_ksub_that_cannot_be(slope: hm.Fit) -> None:
    with pytest.raises(ArgumentError, match=r"not 'folds'.*did you mean 'fold'"):
        slope.kfold(2, joint="folds")
    with pytest.raises(ArgumentError, match="joint='group' needs group="):
        slope.kfold(2, joint="group")
    with pytest.raises(ArgumentError, match=r"1 and 4; one fold by its number is Ksub=\[5\]"):
        slope.kfold(4, Ksub=5, **QUIET)
    with pytest.raises(ArgumentError, match="from 1 to 4, not 0"):
        slope.kfold(4, Ksub=[0, 1], **QUIET)
    with pytest.raises(ArgumentError, match="none twice"):
        slope.kfold(4, Ksub=[2, 2], **QUIET)
    with pytest.raises(ArgumentError, match="a number of folds or their numbers, not 'all'"):
        slope.kfold(4, Ksub="all", **QUIET)


def test_joint_densities_of_few_draws_are_told() -> None:
    rng = np.random.default_rng(4)
    frame = pd.DataFrame({"g": np.repeat([f"g{k}" for k in range(5)], 60)})
    frame["y"] = rng.normal(size=300) + np.repeat(rng.normal(scale=5, size=5), 60)
    fit = hm.fit("y ~ 1 + (1 | g)", frame, **{**SMALL, "draws": 100, "warmup": 200})
    with pytest.warns(HiermodelWarning, match="joint densities of . of 5 groups rest on fewer"):
        fit.kfold(group="g", joint="group", **QUIET)


def test_joint_density_of_correlated_residuals_is_refused() -> None:
    frame = slope_data().assign(t=np.tile(np.arange(6), 4))
    fit = hm.fit("y ~ x + cosy(gr = g)", frame, **{**SMALL, "draws": 50, "warmup": 50})
    with pytest.raises(HiermodelError, match=r"with cosy\(gr = g\) that of a row"):
        fit.kfold(group="g", joint="group", **QUIET)
