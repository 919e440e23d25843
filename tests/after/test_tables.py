from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hiermodel.families import as_family
from hiermodel.summary import coef, fixef, ngroups, ranef, varcorr
from hiermodel.summary.statistics import describe

from .posteriors import CHAINS, DRAWS, draws, mixed_posterior, variable


def test_statistics_against_numpy() -> None:
    values = draws(3, seed=8).reshape(-1, 3)
    table = describe(values, (0.0, 0.1, 0.5, 1.0))
    np.testing.assert_allclose(table[:, 0], values.mean(axis=0))
    np.testing.assert_allclose(table[:, 1], values.std(axis=0, ddof=1))
    expected = np.quantile(values, (0.0, 0.1, 0.5, 1.0), axis=0).T
    np.testing.assert_allclose(table[:, 2:], expected, rtol=1e-12)


def test_robust_statistics_by_hand() -> None:
    table = describe(np.array([[1.0], [2.0], [4.0], [100.0]]), (0.5,), robust=True)
    np.testing.assert_allclose(table, [[3.0, 1.4826 * 1.5, 3.0]])


def test_statistics_keep_infinite_ends() -> None:
    table = describe(np.array([[1.0], [np.inf]]), (0.0, 1.0))
    assert table[0, 2] == 1.0 and table[0, 3] == np.inf


def test_wrong_probs_are_named() -> None:
    with pytest.raises(ValueError, match=r"probs .* 95"):
        describe(np.ones((2, 1)), (95,))


def test_fixef_lists_intercepts_first() -> None:
    posterior = mixed_posterior()
    table = fixef(posterior, probs=(0.1,))
    assert list(table.index) == ["Intercept", "sigma_Intercept", "x", "sigma_z"]
    assert list(table.columns) == ["Estimate", "Est.Error", "Q10"]
    expected = posterior["b_sigma"].sel(coef_sigma="z").values
    assert table.loc["sigma_z", "Estimate"] == pytest.approx(expected.mean())


def test_ranef_by_level_and_coefficient() -> None:
    posterior = mixed_posterior()
    tables = ranef(posterior)
    assert list(tables) == ["g"]
    expected = posterior["r_g"].values[:, :, 1, 1]
    assert tables["g"].loc[("c", "x"), "Estimate"] == pytest.approx(expected.mean())
    spread = tables.to_frame().loc[("g", "c", "x"), "Est.Error"]
    assert spread == pytest.approx(expected.std(ddof=1))
    assert ngroups(posterior) == {"g": 3}


def test_unknown_group_is_named() -> None:
    with pytest.raises(KeyError, match="the model has 'g'"):
        ranef(mixed_posterior())["h"]


def test_coef_adds_draw_by_draw() -> None:
    posterior = mixed_posterior()
    table = coef(posterior)["g"]
    r, b = posterior["r_g"].values, posterior["b"].values
    total = r[:, :, 0, 1] + b[:, :, 1]
    assert table.loc[("a b", "x"), "Est.Error"] == pytest.approx(total.std(ddof=1))
    # A coefficient that does not vary is the same for all levels.
    fixed = posterior["b_sigma"].values[:, :, 1]
    assert table.loc[("d", "sigma_z"), "Estimate"] == pytest.approx(fixed.mean())


@pytest.mark.parametrize(
    ("family", "sign"), [("cumulative", 1), ("sratio", 1), ("cratio", -1), ("acat", -1)]
)
def test_coef_of_ordinal_families(family: str, sign: int) -> None:
    threshold, r, b = draws(2, seed=1), draws(3, 1, seed=2), draws(1, seed=3)
    posterior = xr.Dataset(
        {
            "threshold": variable(threshold, "threshold", ("threshold_index", ["1", "2"])),
            "b": variable(b, "b", ("coef", ["x"])),
            "r_g": variable(
                r, "r", ("g", ["a", "b", "c"]), ("g_coef", ["Intercept"]), group="g"
            ),
        }
    )
    table = coef(posterior, {"Intercept"} if as_family(family).rising else ())["g"]
    assert list(table.loc["a"].index) == ["Intercept[1]", "Intercept[2]", "x"]
    expected = sign * (threshold[:, :, 1] - r[:, :, 2, 0])
    assert table.loc[("c", "Intercept[2]"), "Estimate"] == pytest.approx(expected.mean())


def test_varcorr_covariances_per_draw() -> None:
    posterior = mixed_posterior()
    sd, cor = posterior["sd_g"].values, posterior["cor_g"].values
    result = varcorr(posterior)
    cov = sd[..., 0] * sd[..., 1] * cor[..., 0, 1]
    assert result.cov.loc[("g", "x", "Intercept"), "Estimate"] == pytest.approx(cov.mean())
    variance = (sd[..., 1] ** 2).mean()
    assert result.cov.loc[("g", "x", "x"), "Estimate"] == pytest.approx(variance)
    assert result.cor.loc[("g", "x", "sigma_Intercept"), "Estimate"] == 0.0
    assert result.cor.loc[("g", "x", "x"), "Est.Error"] == 0.0


def test_varcorr_residual_only_for_a_sigma_that_is_a_parameter() -> None:
    sigma = draws(seed=1, positive=True)
    with_sigma = xr.Dataset({"sigma": variable(sigma, "dpar", dpar="sigma")})
    table = varcorr(with_sigma).sd
    assert table.loc[("residual__", ""), "Estimate"] == pytest.approx(sigma.mean())
    known = xr.Dataset({"sigma": variable(0 * sigma, "dpar", dpar="sigma")})
    assert varcorr(known).sd.empty
    assert "residual__" not in varcorr(mixed_posterior()).sd.index.get_level_values("group")


def test_varcorr_of_by_factors_is_block_diagonal() -> None:
    by, coefs = ("g_by", ["hA", "hB"]), ("g_coef", ["Intercept", "x"])
    cor = np.full((CHAINS, DRAWS, 2, 2, 2), 0.5)
    cor[..., [0, 1], [0, 1]] = 1.0
    posterior = xr.Dataset(
        {
            "sd_g": variable(np.full((CHAINS, DRAWS, 2, 2), 2.0), "sd", by, coefs, group="g"),
            "cor_g": variable(cor, "cor", by, coefs, ("g_coef_other", coefs[1]), group="g"),
        }
    )
    result = varcorr(posterior)
    estimates = result.cov["Estimate"]
    assert estimates.loc[("g", "Intercept:hB", "x:hB")] == 2.0
    assert estimates.loc[("g", "Intercept:hA", "x:hB")] == 0.0


def test_tables_print_in_terminal_and_notebook() -> None:
    posterior = mixed_posterior()
    result = varcorr(posterior)
    assert "cor(Intercept, x)" in repr(result) and "cor(Intercept, x)" in result._repr_html_()
    kinds = result.to_frame().index.get_level_values("kind")
    assert list(kinds) == ["sd"] * 3 + ["cor"] * 3 + ["cov"] * 3
    tables = ranef(posterior)
    assert "g (3 levels)" in repr(tables)
    assert "<script" not in tables._repr_html_()


def test_long_tables_say_how_much_is_left() -> None:
    levels = [f"l{i}" for i in range(40)]
    r = variable(draws(40, 1), "r", ("g", levels), ("g_coef", ["Intercept"]), group="g")
    text = repr(ranef(xr.Dataset({"r_g": r})))
    assert "16 more rows" in text and "l23" in text and "l24" not in text


def test_models_without_groups() -> None:
    posterior = mixed_posterior()[["b"]]
    assert dict(ranef(posterior)) == {} and varcorr(posterior).sd.empty
    assert "no grouping factor" in repr(coef(posterior))
    assert isinstance(ranef(posterior).to_frame(), pd.DataFrame)
