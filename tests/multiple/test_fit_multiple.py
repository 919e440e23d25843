"""One model on several data sets: draws pooled, and what differs between the data sets."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, EngineError, HiermodelError

SMALL = {"chains": 2, "draws": 150, "warmup": 200, "seed": 3, "progress": False}
FORMULA = "y ~ x + (1 | g)"

pytestmark = pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning")


def imputed(count: int = 3, noise: float = 1.0) -> list[pd.DataFrame]:
    """Data sets that differ in some values of x."""
    rng = np.random.default_rng(8)
    n = 60
    x = rng.normal(size=n)
    y = 1 + 2 * x + np.repeat(rng.normal(size=6), 10) + rng.normal(size=n)
    sets = []
    for _ in range(count):
        filled = x.copy()
        filled[:20] += noise * rng.normal(size=20)
        sets.append(pd.DataFrame({"y": y, "x": filled, "g": np.repeat(list("abcdef"), 10)}))
    return sets


@pytest.fixture(scope="module")
def pooled() -> Any:
    return hm.fit_multiple(FORMULA, imputed(), **SMALL)


def test_draws_of_all_data_sets_are_pooled_in_order(pooled: Any) -> None:
    assert len(pooled.fits) == 3
    assert pooled.posterior.sizes["chain"] == 6
    assert pooled.sample_stats.sizes["chain"] == 6
    assert pooled.posterior["chain"].values.tolist() == list(range(6))
    for k, fit in enumerate(pooled.fits):
        for name, array in fit.posterior.data_vars.items():
            part = pooled.posterior[name].values[2 * k : 2 * k + 2]
            np.testing.assert_array_equal(part, array.values)
    assert pooled.posterior["b"].attrs == pooled.fits[0].posterior["b"].attrs
    assert pooled.fixef().loc["x", "Estimate"] == pytest.approx(
        np.mean([fit.fixef().loc["x", "Estimate"] for fit in pooled.fits])
    )


def test_each_data_set_is_fitted_to_its_own_rows(pooled: Any) -> None:
    for fit, data in zip(pooled.fits, imputed(), strict=True):
        np.testing.assert_array_equal(fit.frame["x"], data["x"])
    seeds = [fit.provenance["seed"] for fit in pooled.fits]
    assert len(set(seeds)) == 3
    # The same as the first one's model, fitted alone.
    model = hm.model(FORMULA, imputed()[0])
    alone = model.fit(imputed()[1], **(SMALL | {"seed": seeds[1]}))
    np.testing.assert_array_equal(alone.posterior["b"], pooled.fits[1].posterior["b"])


def test_seed_reproduces(pooled: Any) -> None:
    again = hm.fit_multiple(FORMULA, imputed(), **SMALL)
    np.testing.assert_array_equal(again.posterior["b"], pooled.posterior["b"])
    assert again.provenance["seed"] == 3


def test_rubins_rules(pooled: Any) -> None:
    """Against the rules written out for one parameter."""
    draws = [fit.posterior["b"].sel(coef="x").values for fit in pooled.fits]
    means, variances = [d.mean() for d in draws], [d.var(ddof=1) for d in draws]
    m = 3
    within, between = sum(variances) / m, sum((q - sum(means) / m) ** 2 for q in means) / (m - 1)
    total = within + (1 + 1 / m) * between
    r = (1 + 1 / m) * between / within
    df = (m - 1) * (1 + 1 / r) ** 2
    row = pooled.imputation_diagnostics().loc["b_x"]
    assert row["estimate"] == pytest.approx(sum(means) / m)
    assert row["within_sd"] == pytest.approx(math.sqrt(within))
    assert row["between_sd"] == pytest.approx(math.sqrt(between))
    assert row["total_sd"] == pytest.approx(math.sqrt(total))
    assert row["riv"] == pytest.approx(r)
    assert row["df"] == pytest.approx(df)
    assert row["fmi"] == pytest.approx((r + 2 / (df + 3)) / (r + 1))
    assert 0.1 < row["fmi"] < 1


def test_equal_data_sets_miss_nothing() -> None:
    """Only Monte Carlo error is between them."""
    same = [imputed()[0]] * 4
    fit = hm.fit_multiple("y ~ x", same, **(SMALL | {"draws": 1000, "chains": 4}))
    assert (fit.imputation_diagnostics()["fmi"] < 0.02).all()
    noisy = hm.fit_multiple("y ~ x", imputed(4), **SMALL)
    assert noisy.imputation_diagnostics().loc["b_x", "fmi"] > 0.1


def test_rhat_is_within_data_sets(pooled: Any) -> None:
    import arviz as az

    table = pooled.rhats()
    assert table.columns.tolist() == [1, 2, 3]
    for k, fit in enumerate(pooled.fits, start=1):
        expected = float(az.rhat(fit.posterior["sigma"].values))
        assert table.loc["sigma", k] == pytest.approx(expected, rel=1e-6)
    worst = pooled.imputation_diagnostics()["worst_rhat"]
    np.testing.assert_allclose(worst, table.max(axis=1))
    assert worst.index.equals(table.index)


def test_summary_does_not_blame_the_chains_for_the_data() -> None:
    """Data sets far apart: R-hat of the pooled draws is large, and no warning says so."""
    far = imputed(2)
    far[1] = far[1].assign(y=far[1]["y"] * 3)
    fit = hm.fit_multiple("y ~ x", far, **(SMALL | {"draws": 1000}))
    summary = fit.summary()
    assert summary.to_frame()["R-hat"].max() > 1.2
    assert not any("R-hat" in text for text in summary.warnings)
    assert fit.rhats().max().max() < 1.02


def test_warnings_name_the_data_set() -> None:
    few = hm.fit_multiple("y ~ x", imputed(2), **(SMALL | {"draws": 8, "warmup": 20}))
    texts = few.provenance["warnings"]
    assert any(text.startswith("data set 1: ") for text in texts)
    assert any(text.startswith("data set 2: ") for text in texts)
    assert "data set 2: " in str(few)
    assert str(few) == repr(few) == str(few.summary()) and "Dataset" not in str(few)


def test_what_people_do_with_a_fit(pooled: Any, tmp_path: Path) -> None:
    assert pooled.posterior_epred().shape == (6, 150, 60)
    assert pooled.fixef().shape[0] == 2
    back = hm.load(pooled.save(tmp_path / "pooled.nc"))
    assert type(back) is hm.Fit
    np.testing.assert_array_equal(back.posterior["b"], pooled.posterior["b"])
    with pytest.raises(HiermodelError, match=r"fit_multiple\(\) again"):
        pooled.update(seed=1)


def test_executor_draws_the_chains_of_all_data_sets() -> None:
    with ThreadPoolExecutor(2) as pool:
        one = hm.fit_multiple(FORMULA, imputed(), executor=pool, **SMALL)
    with ThreadPoolExecutor(1) as pool:
        other = hm.fit_multiple(FORMULA, imputed(), executor=pool, **SMALL)
        alone = hm.model(FORMULA, imputed()[0]).fit(
            imputed()[2], executor=pool, **(SMALL | {"seed": one.fits[2].provenance["seed"]})
        )
    np.testing.assert_array_equal(one.posterior["b"], other.posterior["b"])
    np.testing.assert_array_equal(one.fits[2].posterior["b"], alone.posterior["b"])
    assert len(np.unique(one.posterior["sigma"].values[:, 0])) == 6


def counts(count: int = 2) -> list[pd.DataFrame]:
    """Data sets of Poisson counts in few cells, whose levels tell much of their effects."""
    rng = np.random.default_rng(4)
    g = np.repeat(np.arange(20), 12)
    y = rng.poisson(np.exp(3 + rng.normal(size=20)[g]))
    return [
        pd.DataFrame({"y": y, "g": [f"g{k}" for k in g], "f": rng.choice(["a", "b"], len(g))})
        for _ in range(count)
    ]


@pytest.mark.parametrize("executor", [False, True])
@pytest.mark.parametrize(("given", "told"), [
    ({}, {"centred"}),
    ({"parameterization": "noncentered"}, set()),
    ({"parameterization": "centered"}, {"centred"}),
    ({"aggregate": True}, {"aggregated", "centred"}),
    ({"aggregate": True, "parameterization": {"g": "noncentered"}}, {"aggregated"}),
])
def test_forms_of_the_model_are_those_asked_for(
    given: dict[str, Any], told: set[str], executor: bool
) -> None:
    """The same with and without an executor, and the draws have the same names."""
    with ThreadPoolExecutor(1) as pool:
        fit = hm.fit_multiple(
            "y ~ f + (1 | g)", counts(), "poisson", executor=pool if executor else None,
            **given, **(SMALL | {"draws": 20, "warmup": 30}),
        )
    for one in fit.fits:
        assert {"collapsed", "aggregated", "centred"} & set(one.provenance) == told
        assert set(one.posterior) == {"b", "sd_g", "r_g", "Intercept", "lprior"}
    assert fit.posterior["r_g"].sizes["g"] == 20
    assert fit.log_lik().sizes["obs"] == 240


def test_collapsed_on_an_executor_is_the_posterior_of_the_model(pooled: Any) -> None:
    """Effects are drawn after the chains come back, from the statistics of their own data set."""
    assert all("collapsed" in fit.provenance for fit in pooled.fits)
    long = SMALL | {"draws": 1000}
    with ThreadPoolExecutor(1) as pool:
        one = hm.fit_multiple(FORMULA, imputed(2), executor=pool, collapse=True, **long)
        other = hm.fit_multiple(FORMULA, imputed(2), executor=pool, collapse=False, **long)
    assert [("collapsed" in f.provenance) for f in (*one.fits, *other.fits)] == [True] * 2 + [
        False] * 2
    for mine, its in zip(one.fits, other.fits, strict=True):
        for name in ("b", "sigma", "r_g"):
            a, b = (f.posterior[name].mean(("chain", "draw")).values for f in (mine, its))
            spread = its.posterior[name].std(("chain", "draw")).values
            assert (np.abs(a - b) < 0.25 * spread).all(), name


def test_what_cannot_be_done_is_told_by_both() -> None:
    with ThreadPoolExecutor(1) as pool:
        for executor in (None, pool):
            for given, words in (
                ({"collapse": True}, "cannot be collapsed: family 'poisson'"),
                ({"collapse": "yes"}, "collapse"), ({"aggregate": 2}, "aggregate"),
                ({"parameterization": "centred"}, "parameterization"),
            ):
                with pytest.raises(HiermodelError, match=words):
                    hm.fit_multiple("y ~ f + (1 | g)", counts(), "poisson", executor=executor,
                                    **given, **SMALL)


def test_lists_of_fits_and_mappings_of_data() -> None:
    named = dict(zip(("mice", "mean"), imputed(2), strict=True))
    fits = hm.fit_multiple("y ~ x", named, combine=False, **SMALL)
    assert [type(fit) for fit in fits] == [hm.Fit, hm.Fit]
    fit = hm.fit_multiple("y ~ x", named, priors="weak", sample_prior="yes", **SMALL)
    assert fit.provenance["data_sets"] == ["'mice'", "'mean'"]
    assert fit.datasets["prior"].sizes["chain"] == 4


# -------------------------------------------------------------------------------- errors


def test_one_data_frame_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"list of data frames.*got DataFrame.*fit\(\)"):
        hm.fit_multiple("y ~ x", imputed()[0])
    with pytest.raises(ArgumentError, match="at least two data sets, got 1"):
        hm.fit_multiple("y ~ x", imputed(1))


def test_the_bad_data_set_is_named() -> None:
    sets = imputed()
    sets[2] = sets[2].drop(columns="x")
    with pytest.raises(DataError, match=r"data set 3: the data lack the column 'x'"):
        hm.fit_multiple("y ~ x", sets, **SMALL)
    sets = imputed()
    sets[1] = sets[1].assign(g=sets[1]["g"].replace("f", "new"))
    with pytest.raises(DataError, match=r"data set 2: .*new"):
        hm.fit_multiple(FORMULA, sets, **SMALL)


def test_other_algorithms_are_refused() -> None:
    with pytest.raises(EngineError, match="leave out algorithm="):
        hm.fit_multiple("y ~ x", imputed(), algorithm="laplace")
