from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from after.posteriors import fit_of, reaction_data

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError, HiermodelError

SMALL = dict(chains=2, draws=500, warmup=300, seed=3, progress=False)


@pytest.fixture(scope="module")
def sleep() -> hm.Fit:
    data = hm.datasets.load("sleepstudy")
    return hm.fit("reaction ~ days + (days | subject)", data, **SMALL)


@pytest.fixture(scope="module")
def radon() -> hm.Fit:
    return hm.fit("log_radon ~ floor + (1 | county)", hm.datasets.load("radon"), **SMALL)


def test_factors_follow_from_the_draws() -> None:
    fit = fit_of("y ~ x + (1 + x | g)")
    pooling = fit.pooling()
    r = fit.posterior["r_g"].values.reshape(-1, 4, 2)
    sd = fit.posterior["sd_g"].values.reshape(-1, 2)
    expected = np.minimum(r.var(axis=0, ddof=1) / sd.mean(axis=0) ** 2, 1.0)
    np.testing.assert_allclose(pooling.levels["pooling"].to_numpy().reshape(4, 2), expected)
    np.testing.assert_allclose(pooling.levels["weight"], 1 - pooling.levels["pooling"])
    assert pooling.levels["n"].tolist() == [10] * 8
    lam = 1 - r.mean(axis=0).var(axis=0, ddof=1) / r.var(axis=1, ddof=1).mean(axis=0)
    np.testing.assert_allclose(pooling.batches["lambda"], lam)
    assert pooling.batches.index.tolist() == [("g", "Intercept"), ("g", "x")]


def test_closed_form_of_a_normal_model_with_known_variances() -> None:
    """With mean and variances known the pooling factor is that of the textbook."""
    rng = np.random.default_rng(4)
    sizes = np.array([1, 2, 5, 20, 60])
    g = np.repeat(list("abcde"), sizes)
    data = pd.DataFrame({"g": g, "y": 3.0 + rng.normal(0, 1, 5)[pd.factorize(g)[0]]})
    data["y"] += rng.normal(0, 2.0, len(data))
    priors = [
        hm.prior("constant(3)", cls="Intercept"), hm.prior("constant(1)", cls="sd"),
        hm.prior("constant(2)", cls="sigma"),
    ]
    fit = hm.fit("y ~ 1 + (1 | g)", data, priors=priors, chains=2, draws=3000, warmup=500,
                 seed=2, progress=False)
    expected = (4.0 / sizes) / (1.0 + 4.0 / sizes)
    found = fit.pooling().levels
    np.testing.assert_allclose(found["pooling"], expected, atol=0.06)
    # 1 - pooling is the weight of the level's own mean.
    means = data.groupby("g")["y"].mean().to_numpy() - 3.0
    np.testing.assert_allclose(found["Estimate"], (1 - expected) * means, atol=0.08)


def test_members_of_several_levels_are_counted() -> None:
    frame = reaction_data()
    frame["h"] = np.tile(["a", "b", "c", "d"], 10)
    levels = fit_of("y ~ x + (1 | mm(g, h))", frame=frame).pooling().levels
    either = [int(((frame["g"] == v) | (frame["h"] == v)).sum()) for v in "abcd"]
    assert levels["n"].tolist() == either


def test_by_factor_has_a_standard_deviation_for_each_part() -> None:
    frame = reaction_data().assign(part=lambda f: np.where(f["g"] < "c", "one", "two"))
    fit = fit_of("y ~ x + (1 | gr(g, by = part))", frame=frame)
    r = fit.posterior["r_g"].values.reshape(-1, 4)
    sd = fit.posterior["sd_g"].values.reshape(-1, 2).mean(axis=0)[[0, 0, 1, 1]]
    expected = np.minimum(r.var(axis=0, ddof=1) / sd**2, 1.0)
    np.testing.assert_allclose(fit.pooling().levels["pooling"], expected)


def test_separate_lines_are_least_squares_of_each_subject(sleep) -> None:
    table = sleep.pooling_comparison().table
    data = hm.datasets.load("sleepstudy")
    for subject, rows in data.groupby("subject", observed=True):
        slope, intercept = np.polyfit(rows["days"], rows["reaction"], 1)
        np.testing.assert_allclose(
            table.loc[str(subject), "no_pooling"], [intercept, slope], rtol=1e-6
        )
    slope, intercept = np.polyfit(data["days"], data["reaction"], 1)
    np.testing.assert_allclose(
        table["complete_pooling"].to_numpy()[:2], [intercept, slope], rtol=1e-6
    )
    coef = sleep.coef()["subject"]
    both = table.join(coef.add_suffix("_coef"))
    np.testing.assert_allclose(both["partial_pooling"], both["Estimate_coef"])
    np.testing.assert_allclose(both["Q97.5"], both["Q97.5_coef"])
    np.testing.assert_allclose(table["population"].to_numpy()[:2], sleep.fixef()["Estimate"])


def test_shared_slope_beside_separate_intercepts(radon) -> None:
    table = radon.pooling_comparison("county", "Intercept").table
    data = hm.datasets.load("radon")
    dummies = pd.get_dummies(data["county"]).to_numpy(dtype=float)
    design = np.column_stack([data["floor"], dummies])
    expected = np.linalg.lstsq(design, data["log_radon"].to_numpy(), rcond=None)[0][1:]
    np.testing.assert_allclose(table["no_pooling"], expected, rtol=1e-6)
    assert (table["no_pooling_se"] > table["Est.Error"]).mean() > 0.9


def test_predictors_of_levels_are_part_of_their_intercepts() -> None:
    data = hm.datasets.load("radon")
    fit = hm.fit("log_radon ~ floor + log_uranium + (1 | county)", data, **SMALL)
    table = fit.pooling_comparison().table.droplevel("coef")
    u = data.groupby("county", observed=True)["log_uranium"].first()
    b = fit.fixef()["Estimate"]
    np.testing.assert_allclose(table["population"], b["Intercept"] + b["log_uranium"] * u)
    r = fit.ranef()["county"]["Estimate"].to_numpy()
    np.testing.assert_allclose(table["partial_pooling"] - table["population"], r)
    dummies = pd.get_dummies(data["county"]).to_numpy(dtype=float)
    design = np.column_stack([data["floor"], dummies])
    expected = np.linalg.lstsq(design, data["log_radon"].to_numpy(), rcond=None)[0][1:]
    np.testing.assert_allclose(table["no_pooling"], expected, rtol=1e-6)


def test_counts_and_proportions_have_closed_forms() -> None:
    frame = reaction_data()
    frame.loc[frame["g"] == "b", "n"] = 0
    fit = fit_of("n ~ 1 + (1 | g)", "poisson", frame)
    table = fit.pooling_comparison().table.droplevel("coef")
    means = frame.groupby("g")["n"].mean()
    expected = np.log(means.where(means > 0))
    np.testing.assert_allclose(table["no_pooling"], expected, rtol=1e-6)
    np.testing.assert_allclose(
        table.loc["a", "no_pooling_se"], (10 * means["a"]) ** -0.5, rtol=1e-4
    )
    np.testing.assert_allclose(table["complete_pooling"], np.log(frame["n"].mean()), rtol=1e-6)
    # All zero: the estimate runs to minus infinity, and is missing.
    assert np.isnan(table.loc["b", "no_pooling"]) and "-" in repr(fit.pooling_comparison())
    fit = fit_of("hits | trials(size) ~ 1 + (1 | g)", "binomial")
    table = fit.pooling_comparison().table.droplevel("coef")
    share = reaction_data().groupby("g")[["hits", "size"]].sum()
    share = share["hits"] / share["size"]
    np.testing.assert_allclose(table["no_pooling"], np.log(share / (1 - share)), rtol=1e-6)


def test_slope_of_a_level_with_one_row_is_not_determined() -> None:
    frame = reaction_data()
    frame = frame[(frame["g"] != "d") | (frame.index == 30)]
    table = fit_of("y ~ x + (x | g)", frame=frame).pooling_comparison().table
    assert table.loc["d", "no_pooling"].isna().all()
    assert table.loc[["a", "b", "c"], "no_pooling"].notna().all()
    assert table["partial_pooling"].notna().all()


def test_what_cannot_be_compared_is_refused() -> None:
    frame = reaction_data().assign(h=lambda f: np.tile(list("abcd"), 10))
    with pytest.raises(HiermodelError, match="several levels"):
        fit_of("y ~ x + (1 | mm(g, h))", frame=frame).pooling_comparison()
    with pytest.raises(HiermodelError, match="sigma_Intercept"):
        fit_of(hm.bf("y ~ x + (1 |p| g)", "sigma ~ (1 |p| g)")).pooling_comparison()
    with pytest.raises(DataError, match="several grouping factors"):
        fit_of("y ~ x + (1 | g) + (1 | h)", frame=frame).pooling_comparison()
    with pytest.raises(DataError, match="did you mean 'x'"):
        fit_of("y ~ x + (x | g)").pooling_comparison("g", "xx")
    with pytest.raises(DataError, match="no group-level terms"):
        fit_of("y ~ x").pooling()
    with pytest.raises(DataError, match="no grouping factor 'gg'"):
        fit_of("y ~ x + (1 | g)").pooling("gg")


def test_a_mode_has_no_pooling_factors() -> None:
    data = hm.datasets.load("sleepstudy")
    fit = hm.fit("reaction ~ days + (1 | subject)", data, algorithm="optimize", seed=1,
                 progress=False)
    with pytest.raises(HiermodelError, match="needs draws"):
        fit.pooling()


def test_one_of_several_responses() -> None:
    frame = reaction_data()
    both = hm.bf("y ~ x + (1 |p| g)") + hm.bf("z ~ x + (1 |p| g)") + hm.set_rescor(False)
    fit = fit_of(both, frame=frame)
    with pytest.raises(HiermodelError, match="resp="):
        fit.pooling()
    assert fit.pooling(resp="z").batches.index.tolist() == [("g", "z_Intercept")]
    assert len(fit.pooling_comparison(resp="y").table) == 4


def test_pictures_show_the_table(sleep, radon) -> None:
    table = sleep.pooling_comparison(coef="days").table
    ax = sleep.plot_pooling(coef="days", figsize=(5, 5))
    drawn = {line.get_label(): np.asarray(line.get_xdata()) for line in ax.lines}
    order = np.argsort(table["partial_pooling"].to_numpy())[::-1]
    np.testing.assert_allclose(drawn["partial pooling"], table["partial_pooling"].iloc[order])
    np.testing.assert_allclose(drawn["no pooling"], table["no_pooling"].iloc[order])
    assert [t.get_text() for t in ax.get_yticklabels()] == [table.index[k][0] for k in order]
    assert ax.get_xlabel() == "days (reaction)" and ax.get_ylabel() == "subject"
    by_size = radon.plot_pooling()
    assert by_size.get_xlabel() == "rows of the county" and by_size.get_xscale() == "log"
    _, given = plt.subplots()
    assert sleep.plot_pooling(coef=("Intercept", "days"), ax=given) is given
    assert len(given.texts) == 18
    with pytest.raises(ArgumentError, match="not both"):
        sleep.plot_pooling(ax=given, figsize=(3, 3))
    with pytest.raises(ArgumentError, match="'level' or 'n'"):
        sleep.plot_pooling(against="size")


def test_reprs(sleep) -> None:
    pooling = sleep.pooling()
    assert "lambda" in repr(pooling) and "more rows" in repr(pooling)
    assert "<table>" in pooling._repr_html_()
    assert "complete_pooling" in repr(sleep.pooling_comparison())
    assert "<table>" in sleep.pooling_comparison()._repr_html_()
