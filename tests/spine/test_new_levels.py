"""Group-level effects in predictions: which are included, and what new levels get."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm

from . import cases
from .draws import fit_of, random_draws, random_fit, same_values
from .frames import study

GROUPED = [n for n in cases.ALL if cases.model(n).groups]


def by_hand(fit: hm.Fit, data: pd.DataFrame, effects: dict[str, np.ndarray]) -> np.ndarray:
    """``b0 + b1 x`` plus effects per row."""
    b = fit.posterior["b"].values
    out: np.ndarray = b[..., :1] + b[..., 1:2] * data["x"].to_numpy()
    for values in effects.values():
        out = out + values
    return out


# ------------------------------------------------------------------ re_formula


@pytest.mark.parametrize("name", GROUPED)
def test_none_leaves_all_effects_out(name: str) -> None:
    """And then the grouping factor need not be there, or may have any value."""
    fit, data = fit_of(name), cases.training(name)
    population = fit.posterior_linpred(re_formula="none").values
    assert not np.allclose(population, fit.posterior_linpred().values)
    groups = {v for g in fit.model.groups for member in g.grouping.members for v in member}
    same_values(fit.posterior_linpred(data.drop(columns=list(groups)), re_formula="none"),
                population)
    strangers = data.assign(**dict.fromkeys(groups, "nobody"))
    same_values(fit.posterior_linpred(strangers, re_formula="none"), population)
    for same in ("NA", "~ 0", "~0"):
        same_values(fit.posterior_linpred(re_formula=same), population)


@pytest.mark.parametrize("name", ["correlated_slopes", "by", "cov", "student_effects"])
def test_subsets_of_coefficients(name: str) -> None:
    """The effect of each coefficient alone adds up to all of them."""
    fit, data = fit_of(name), cases.training(name)
    none = fit.posterior_linpred(re_formula="none").values
    intercepts = fit.posterior_linpred(re_formula="~ (1 | g)").values
    slopes = fit.posterior_linpred(re_formula="~ (0 + x | g)").values
    everything = fit.posterior_linpred().values
    same_values(intercepts + slopes - none, everything)
    same_values(fit.posterior_linpred(re_formula="~ (x | g)"), everything)
    same_values(fit.posterior_linpred(re_formula="(x | g)"), everything)
    level = data["g"].to_numpy()
    r = fit.posterior["r_g"].sel(g=level.tolist()).values
    same_values(intercepts - none, r[..., 0])
    same_values(slopes - none, r[..., 1] * data["x"].to_numpy())


def test_subsets_of_factors() -> None:
    fit = fit_of("uncorrelated_slopes")
    none = fit.posterior_linpred(re_formula="none").values
    of_g = fit.posterior_linpred(re_formula="~ (1 | g) + (0 + x | g)").values
    of_h = fit.posterior_linpred(re_formula="~ (1 | h)").values
    same_values(of_g + of_h - none, fit.posterior_linpred())
    same_values(fit.posterior_linpred(re_formula="~ (x || g)"), of_g)
    same_values(fit.posterior_linpred(re_formula="~ (x || g) + (1 | h)"), fit.posterior_linpred())


def test_a_factor_may_be_named_as_in_its_columns() -> None:
    fit = fit_of("factor_slopes")
    same_values(fit.posterior_linpred(re_formula="~ (0 + f | g)"), fit.posterior_linpred())


def test_nested_factors_are_named_by_their_term() -> None:
    fit = fit_of("nested")
    outer = fit.posterior_linpred(re_formula="~ (1 | h)").values
    inner = fit.posterior_linpred(re_formula="~ (1 | h:g)").values
    none = fit.posterior_linpred(re_formula="none").values
    same_values(outer + inner - none, fit.posterior_linpred())


def test_the_same_subset_for_every_verb() -> None:
    fit = fit_of("correlated_slopes")
    eta = fit.posterior_linpred(re_formula="~ (1 | g)").values
    same_values(fit.posterior_epred(re_formula="~ (1 | g)"), eta)
    same_values(fit.residuals(re_formula="~ (1 | g)"), fit.response - eta)
    sigma = fit.posterior["sigma"].values[..., None]
    z = (fit.response - eta) / sigma
    expected = -0.5 * z**2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)
    same_values(fit.log_lik(re_formula="~ (1 | g)"), expected)


def test_effects_with_an_id_reach_every_parameter() -> None:
    """``re_formula`` also acts on the formula of sigma."""
    fit = fit_of("shared_id")
    plain = fit.posterior_linpred(dpar="sigma", re_formula="none").values
    b = fit.posterior["b_sigma"].values
    z = cases.training("shared_id")["z"].to_numpy()
    same_values(plain, b[..., :1] + b[..., 1:] * z)
    labels = fit.posterior["r_g"].coords["g_coef"].values.tolist()
    assert labels == ["Intercept", "sigma_Intercept"]


# ------------------------------------------------------------------ new levels


@pytest.mark.parametrize("verb", ["posterior_linpred", "posterior_epred", "posterior_predict",
                                  "log_lik"])
def test_an_unseen_level_is_an_error_that_names_it(verb: str) -> None:
    fit = fit_of("correlated_slopes")
    rows = cases.training("correlated_slopes").head(4).copy()
    rows.loc[2, "g"] = "g1O"
    with pytest.raises(hm.DataError, match=r"level 'g1O' of grouping factor 'g' \(row 3\)") as info:
        getattr(fit, verb)(rows)
    assert "allow_new_levels=True" in str(info.value)
    assert getattr(fit, verb)(rows, allow_new_levels=True).sizes["obs"] == 4


def test_the_model_refuses_unseen_levels_in_data() -> None:
    data = cases.training("correlated_slopes")
    with pytest.raises(hm.DataError, match="'new'"):
        cases.model("correlated_slopes").bind(data.assign(g="new"))


@pytest.mark.parametrize("name", GROUPED)
def test_known_levels_do_not_feel_new_ones(name: str) -> None:
    fit, data = fit_of(name), cases.training(name)
    rows = data.head(6).copy()
    for column in ("g", "m1", "m2"):
        rows[column] = ["stranger", *rows[column].iloc[1:]]
    rows["h"] = ["stranger", *rows["h"].astype(str).iloc[1:]]
    known = fit.posterior_linpred(data.iloc[1:6]).values
    for how in ("uncertainty", "gaussian", "old_levels"):
        with_new = fit.posterior_linpred(
            rows, allow_new_levels=True, sample_new_levels=how, seed=1
        ).values
        same_values(with_new[:, :, 1:], known)
        assert np.isfinite(with_new[:, :, 0]).all()


@pytest.mark.parametrize("how", ["uncertainty", "gaussian", "old_levels"])
def test_new_levels_obey_their_seed(how: str) -> None:
    fit = fit_of("correlated_slopes")
    rows = cases.training("correlated_slopes").head(3).assign(g=["a", "b", "a"])
    options: dict[str, Any] = {"allow_new_levels": True, "sample_new_levels": how}
    first = fit.posterior_linpred(rows, **options, seed=1).values
    np.testing.assert_array_equal(first, fit.posterior_linpred(rows, **options, seed=1).values)
    others = [fit.posterior_linpred(rows, **options, seed=s).values for s in range(2, 8)]
    assert any((first != other).any() for other in others)


def big_fit() -> hm.Fit:
    data = study()
    model = hm.model("y ~ x + (x | g)", data)
    return random_fit(model, data, chains=2, draws=4000)


def test_uncertainty_takes_the_effects_of_a_random_level() -> None:
    """In each draw the pair of one known level; every level comes about equally often."""
    fit = big_fit()
    row = pd.DataFrame({"x": [0.0, 1.0], "g": ["new", "new"]})
    made = fit.posterior_linpred(row, allow_new_levels=True, seed=3).values
    b, r = fit.posterior["b"].values, fit.posterior["r_g"].values
    intercept = made[..., 0] - b[..., 0]
    slope = made[..., 1] - made[..., 0] - b[..., 1]
    hit = np.isclose(r[..., 0], intercept[..., None]) & np.isclose(r[..., 1], slope[..., None])
    assert (hit.sum(axis=-1) == 1).all()
    share = hit.mean(axis=(0, 1))
    np.testing.assert_allclose(share, 1 / 6, atol=4 * np.sqrt(5 / 36 / 8000))


def test_gaussian_has_the_moments_of_the_group_level_distribution() -> None:
    fit = big_fit()
    row = pd.DataFrame({"x": [0.0, 1.0], "g": ["new", "new"]})
    made = fit.posterior_linpred(
        row, allow_new_levels=True, sample_new_levels="gaussian", seed=3
    ).values
    b = fit.posterior["b"].values
    sd, cor = fit.posterior["sd_g"].values, fit.posterior["cor_g"].values[..., 0, 1]
    u = (made[..., 0] - b[..., 0]) / sd[..., 0]
    v = (made[..., 1] - made[..., 0] - b[..., 1]) / sd[..., 1]
    tolerance = 4 / np.sqrt(u.size)
    for z in (u, v):
        assert abs(z.mean()) < tolerance and abs(z.std() - 1) < tolerance
        assert abs((np.abs(z) < 1).mean() - 0.6827) < tolerance
    assert abs((u * v - cor).mean()) < 2 * tolerance


def test_student_effects_of_new_levels_have_heavy_tails() -> None:
    data = study()
    model = cases.BY_NAME["student_effects"].build(data)
    draws = random_draws(model, data, chains=1, draws=8000)
    draws["df_1"] = np.full_like(draws["df_1"], 3.0)
    fit = hm.Fit.from_draws(model, data, draws)
    row = pd.DataFrame({"x": [0.0], "g": ["new"]})
    made = fit.posterior_linpred(
        row, allow_new_levels=True, sample_new_levels="gaussian", seed=3
    ).values[..., 0]
    z = (made - fit.posterior["b"].values[..., 0]) / fit.posterior["sd_g"].values[..., 0]
    # Quantiles of Student's t with three degrees of freedom.
    expected = {0.5: 0.0, 0.75: 0.765, 0.95: 2.353, 0.99: 4.541}
    for p, quantile in expected.items():
        assert np.mean(z < quantile) == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / 8000))


def test_old_levels_takes_one_level_for_all_draws() -> None:
    fit = fit_of("correlated_slopes")
    row = pd.DataFrame({"x": [0.0], "g": ["new"]})
    r, b = fit.posterior["r_g"].values[..., 0], fit.posterior["b"].values[..., 0]
    seen = set()
    for seed in range(12):
        made = fit.posterior_linpred(
            row, allow_new_levels=True, sample_new_levels="old_levels", seed=seed
        ).values[..., 0]
        hits = [k for k in range(6) if np.allclose(r[..., k], made - b)]
        assert len(hits) == 1
        seen.add(hits[0])
    assert len(seen) > 1


def test_one_new_level_has_one_effect() -> None:
    """All rows of a new level share its effect, other new levels have their own."""
    fit = fit_of("correlated_slopes")
    rows = pd.DataFrame({"x": 0.0, "g": ["p", "q", "p", "g01"]})
    made = fit.posterior_linpred(
        rows, allow_new_levels=True, sample_new_levels="gaussian", seed=1
    ).values
    same_values(made[..., 0], made[..., 2])
    assert (made[..., 0] != made[..., 1]).all()


def test_new_levels_follow_their_by_factor() -> None:
    """A new level of the left side takes effects of levels of the left side only."""
    fit = fit_of("by")
    data = cases.training("by")
    sides = dict(zip(data["g"], data["side"], strict=True))
    r, b = fit.posterior["r_g"], fit.posterior["b"].values[..., 0]
    for side in ("left", "right"):
        row = pd.DataFrame({"x": [0.0], "g": ["new"], "side": [side]})
        made = fit.posterior_linpred(row, allow_new_levels=True, seed=2).values[..., 0] - b
        own = [g for g in r.coords["g"].values if sides[g] == side]
        candidates = r.sel(g=own).values[..., 0]
        assert np.isclose(candidates, made[..., None]).any(axis=-1).all()


def test_how_new_levels_are_sampled_is_checked() -> None:
    fit = fit_of("correlated_slopes")
    row = pd.DataFrame({"x": [0.0], "g": ["new"]})
    with pytest.raises(hm.HiermodelError, match="did you mean 'gaussian'"):
        fit.posterior_linpred(row, allow_new_levels=True, sample_new_levels="gausian")


def test_new_combinations_of_nested_levels_are_new_levels() -> None:
    """Both levels are known, their pair is not."""
    data = study(levels=14)
    fit = random_fit(hm.model("y ~ x + (1 | h/g)", data), data)
    seen = set(zip(data["h"], data["g"], strict=True))
    fresh = next((h, g) for h in data["h"] for g in data["g"] if (h, g) not in seen)
    row = pd.DataFrame({"x": [0.0], "h": [fresh[0]], "g": [fresh[1]]})
    with pytest.raises(hm.DataError, match="h:g"):
        fit.posterior_linpred(row)
    assert np.isfinite(fit.posterior_linpred(row, allow_new_levels=True, seed=1).values).all()


# ------------------------------------------------------------------ missing values in newdata


def test_a_missing_number_gives_nan_in_its_row_only() -> None:
    fit, data = fit_of("correlated_slopes"), cases.training("correlated_slopes")
    rows = data.head(4).copy()
    rows.loc[1, "x"] = np.nan
    made = fit.posterior_linpred(rows).values
    assert np.isnan(made[:, :, 1]).all()
    same_values(made[:, :, [0, 2, 3]], fit.posterior_linpred().values[:, :, [0, 2, 3]])


def test_a_missing_factor_has_no_dummies() -> None:
    """It predicts as the mean of contrasts at zero: the intercept alone."""
    data = study()
    fit = random_fit(hm.model("y ~ x + f", data), data)
    rows = data.head(3).copy()
    rows.loc[1, "f"] = np.nan
    made = fit.posterior_linpred(rows).values
    b = fit.posterior["b"].values
    same_values(made[:, :, 1], b[..., 0] + b[..., 1] * rows["x"].iloc[1])
    same_values(made[:, :, [0, 2]], fit.posterior_linpred().values[:, :, [0, 2]])


def test_a_missing_group_is_a_new_level() -> None:
    fit, data = fit_of("correlated_slopes"), cases.training("correlated_slopes")
    rows = data.head(3).copy()
    rows.loc[1, "g"] = None
    with pytest.raises(hm.DataError, match="'NA'"):
        fit.posterior_linpred(rows)
    made = fit.posterior_linpred(rows, allow_new_levels=True, seed=1).values
    assert np.isfinite(made).all()
    same_values(made[:, :, [0, 2]], fit.posterior_linpred().values[:, :, [0, 2]])


def test_an_unseen_level_of_a_factor_is_an_error() -> None:
    data = study()
    fit = random_fit(hm.model("y ~ x + f", data), data)
    with pytest.raises(hm.DataError, match="'tip'"):
        fit.posterior_linpred(data.head(2).assign(f=["low", "tip"]))


def test_a_subset_of_levels_keeps_its_dummies() -> None:
    """One row of the last level alone is coded as among all."""
    data = study()
    fit = random_fit(hm.model("y ~ x + f", data), data)
    at = int(np.flatnonzero(data["f"] == "top")[0])
    row = data.iloc[[at]].assign(f=["top"])
    same_values(fit.posterior_linpred(row), fit.posterior_linpred().values[:, :, [at]])


def test_rows_with_missing_values_are_dropped_from_training() -> None:
    """Once, over all variables, with one warning that counts."""
    data = study()
    data.loc[3, "x"] = np.nan
    data.loc[8, "g"] = None
    data.loc[9, "w1"] = np.nan  # no part of the model
    with pytest.warns(hm.errors.HiermodelWarning, match="2 rows of 60") as caught:
        model = hm.model("y ~ x + (1 | g)", data)
    assert len(caught) == 1
    assert model.nobs == 58
    with pytest.warns(hm.errors.HiermodelWarning, match="2"):
        assert model.bind(data)["N"] == 58


def test_re_formula_finds_coefficients_whose_names_are_cleaned() -> None:
    frame = study()
    fit = random_fit(hm.model("y ~ x + (1 + I(x^2) | g)", frame), frame)
    every, some = fit.posterior_epred(), fit.posterior_epred(re_formula="~ (1 + I(x^2) | g)")
    np.testing.assert_allclose(every, some)
