from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from hiermodel.flatnames import flat_names, to_frame

from .posteriors import CHAINS, DRAWS, draws, fit_of, mixed_posterior, variable


def names(posterior: xr.Dataset) -> list[str]:
    return [entry.name for entry in flat_names(posterior)]


def test_names_and_order_of_a_mixed_model() -> None:
    assert names(mixed_posterior()) == [
        "b_Intercept", "b_sigma_Intercept", "b_x", "b_sigma_z",
        "sd_g__Intercept", "sd_g__x", "sd_g__sigma_Intercept", "cor_g__Intercept__x",
        "Intercept",
        *(f"r_g[{level},{c}]" for c in ("Intercept", "x") for level in ("a.b", "c", "d")),
        *(f"r_g__sigma[{level},Intercept]" for level in ("a.b", "c", "d")),
        "lprior",
    ]  # fmt: skip


def test_values_stand_under_their_names() -> None:
    posterior = mixed_posterior()
    frame = to_frame(posterior)
    assert frame.shape == (CHAINS * DRAWS, 19)
    assert frame.index.names == [".chain", ".draw"]
    r = posterior["r_g"].values
    assert frame.loc[(1, 3), "r_g[d,x]"] == r[1, 3, 2, 1]
    assert frame.loc[(0, 7), "r_g__sigma[a.b,Intercept]"] == r[0, 7, 0, 2]
    cor = posterior["cor_g"].values
    assert frame.loc[(1, 0), "cor_g__Intercept__x"] == cor[1, 0, 0, 1]


def test_dims_in_another_order_change_nothing() -> None:
    posterior = mixed_posterior()
    turned = posterior.transpose("draw", "chain", ...)
    assert to_frame(turned).equals(to_frame(posterior))


def test_thresholds_and_their_groups() -> None:
    for labels in (["1", "2"], ["i1,1", "i2,1"]):
        posterior = xr.Dataset(
            {
                "b": variable(draws(1), "b", ("coef", ["x"])),
                "threshold": variable(draws(2), "threshold", ("threshold_index", labels)),
                "disc": variable(draws(), "dpar", dpar="disc"),
            }
        )
        expected = [*(f"b_Intercept[{label}]" for label in labels), "b_x", "disc"]
        assert names(posterior) == expected


def test_by_levels_come_first_and_stand_behind_the_coefficient() -> None:
    by, coefs = ("g_by", ["hA", "hB"]), ("g_coef", ["Intercept", "x"])
    cor = np.full((CHAINS, DRAWS, 2, 2, 2), 0.5)
    posterior = xr.Dataset(
        {
            "sd_g": variable(draws(2, 2), "sd", by, coefs, group="g"),
            "cor_g": variable(cor, "cor", by, coefs, ("g_coef_other", coefs[1]), group="g"),
            "df_g": variable(draws(), "df", group="g"),
        }
    )
    assert names(posterior) == [
        "sd_g__Intercept:hA", "sd_g__x:hA", "sd_g__Intercept:hB", "sd_g__x:hB",
        "cor_g__Intercept:hA__x:hA", "cor_g__Intercept:hB__x:hB", "df_g",
    ]  # fmt: skip
    assert flat_names(posterior)[2].at == (1, 0)


def test_a_single_prefix_read_back_from_a_file_as_text() -> None:
    array = variable(
        draws(2, 1), "r", ("g", ["a", "b"]), ("g_coef", ["phi_x"]), group="g", prefixes="phi"
    )
    assert names(xr.Dataset({"r_g": array})) == ["r_g__phi[a,x]", "r_g__phi[b,x]"]


def test_correlations_of_uncorrelated_blocks_have_no_name() -> None:
    cor = np.broadcast_to(np.eye(3), (CHAINS, DRAWS, 3, 3)).copy()
    cor[..., 1, 2] = cor[..., 2, 1] = 0.3
    coefs = ("g_coef", ["a", "b", "c"])
    other = ("g_coef_other", coefs[1])
    posterior = xr.Dataset({"cor_g": variable(cor, "cor", coefs, other, group="g", blocks=[1, 2])})
    assert names(posterior) == ["cor_g__b__c"]


@pytest.mark.parametrize(
    ("formula", "family", "expected"),
    [
        ("y ~ x + (x | g)", "gaussian", "cor_g__Intercept__x"),
        ("y ~ x * dose", "gaussian", "b_x:dosehigh"),
        ("rating ~ x", "cumulative", "b_Intercept[2]"),
        ("n ~ old", "poisson", "b_oldTRUE"),
    ],
)
def test_names_of_a_fit(formula: str, family: str, expected: str) -> None:
    given = {"L_1": np.broadcast_to([[1, 0], [0.6, 0.8]], (CHAINS, DRAWS, 2, 2))}
    fit = fit_of(formula, family, **given)
    assert expected in fit.to_frame().columns
    assert fit.to_frame().columns.is_unique
