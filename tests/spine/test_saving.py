"""A saved fit comes back equal: draws, rows, words and predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hiermodel as hm

from . import cases
from .draws import fit_of, random_fit
from .frames import relatives, study


def round_trip(fit: hm.Fit, folder: Path) -> hm.Fit:
    path = fit.save(folder / "fit.nc")
    return hm.load(path)


def check_equal(again: hm.Fit, fit: hm.Fit) -> None:
    """Same program, same labelled draws with their attributes, same predictions."""
    assert again.model.stan_code == fit.model.stan_code
    pd.testing.assert_frame_equal(again.model.priors, fit.model.priors)
    for key, value in fit.model.bind(fit.frame).items():
        np.testing.assert_array_equal(again.model.bind(again.frame)[key], value, err_msg=key)
    assert list(again.posterior.data_vars) == list(fit.posterior.data_vars)
    xr.testing.assert_equal(again.posterior, fit.posterior)
    for name in fit.posterior.data_vars:
        assert again.posterior[name].dims == fit.posterior[name].dims
        first, second = (dict(f.posterior[name].attrs) for f in (again, fit))
        assert {k: _plain(v) for k, v in first.items()} == {
            k: _plain(v) for k, v in second.items()
        }
    np.testing.assert_array_equal(again.posterior_predict(seed=1), fit.posterior_predict(seed=1))
    np.testing.assert_array_equal(again.log_lik(), fit.log_lik())
    assert str(again.summary()) == str(fit.summary())
    assert list(again.to_frame().columns) == list(fit.to_frame().columns)


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()


@pytest.mark.parametrize("name", cases.EVERY)
def test_every_kind_of_model(name: str, tmp_path: Path) -> None:
    fit = fit_of(name)
    check_equal(round_trip(fit, tmp_path), fit)


def columns_of_all_kinds() -> pd.DataFrame:
    data = study()
    data["text"] = np.where(data["x"] > 0, "up", "down")
    data["whole"] = (data["z"] * 3).round().astype(int)
    data["dose"] = pd.Categorical(data["count"].clip(1, 3), categories=[1, 2, 3], ordered=True)
    data["number level"] = pd.Categorical(data["count"].clip(1, 3), categories=[3, 1, 2])
    data["truth"] = data["flag"].astype("boolean")
    data["nullable"] = data["whole"].astype("Int64")
    return data


@pytest.mark.filterwarnings("ignore:the data cannot tell")
def test_columns_of_all_kinds(tmp_path: Path) -> None:
    """Factors keep their order of levels, ordered factors their contrasts, text its levels."""
    data = columns_of_all_kinds()
    model = hm.model(
        "y ~ f + dose + `number level` + flag + truth + text + whole + nullable + (1 | g)", data
    )
    fit = random_fit(model, data)
    again = round_trip(fit, tmp_path)
    check_equal(again, fit)
    rows = data.head(5)
    np.testing.assert_array_equal(again.posterior_linpred(rows), fit.posterior_linpred(rows))
    assert list(again.fixef().index) == list(fit.fixef().index)
    assert again.frame["dose"].cat.ordered and not again.frame["f"].cat.ordered


def test_known_matrices(tmp_path: Path) -> None:
    data = study()
    model = hm.model("y ~ (1 | gr(g, cov = A))", data, data2={"A": relatives(data)})
    fit = random_fit(model, data)
    check_equal(round_trip(fit, tmp_path), fit)


@pytest.mark.parametrize(
    "contrasts",
    [{"f": "sum"}, {"f": "helmert"}, {"f": "poly"},
     {"f": pd.DataFrame([[1.0, 0], [0, 1], [-1, -1]], index=["low", "mid", "top"],
                        columns=["a", "b"])}],
    ids=["sum", "helmert", "poly", "matrix"],
)
def test_contrasts(contrasts: dict[str, Any], tmp_path: Path) -> None:
    data = study()
    fit = random_fit(hm.model("y ~ f * x", data, contrasts=contrasts), data)
    again = round_trip(fit, tmp_path)
    check_equal(again, fit)
    rows = data.tail(3)
    np.testing.assert_array_equal(again.posterior_linpred(rows), fit.posterior_linpred(rows))


@pytest.mark.parametrize(
    "priors",
    [
        {"b": "normal(0, 5)", "sd_g": "exponential(2)", "sigma": "normal(0, 3)"},
        [hm.prior("normal(0, 5)", cls="b", coef="x"), hm.prior("cauchy(0, 2)", cls="sd"),
         hm.prior("normal(0, 1)", cls="Intercept")],
        [hm.prior("normal(0, 1)", cls="b", lb=0, ub=4)],
        hm.prior("constant(1)", cls="sigma"),
        "weak",
        "brms",
        ["weak", hm.prior("normal(0, 5)", cls="b", coef="x")],
    ],
    ids=["shorthand", "list", "bounds", "single", "weak", "brms", "weak-and-own"],
)
def test_priors(priors: Any, tmp_path: Path) -> None:
    data = study()
    fit = random_fit(hm.model("y ~ x + (1 | g)", data, priors=priors), data)
    check_equal(round_trip(fit, tmp_path), fit)


@pytest.mark.filterwarnings("ignore:the data cannot tell")
def test_words_of_the_model(tmp_path: Path) -> None:
    """Family options, normalize, unused levels, sample_prior."""
    data = study()
    data["f"] = data["f"].cat.add_categories("never")
    model = hm.model(
        hm.bf("rating ~ f + (1 | g)", "disc ~ 0 + x"), data,
        hm.family("cumulative", "probit", threshold="equidistant", link_disc="softplus"),
        normalize=False, drop_unused_levels=False, priors={"delta": "exponential(1)"},
    )
    fit = random_fit(model, data)
    again = round_trip(fit, tmp_path)
    check_equal(again, fit)
    assert again.model.family.links == fit.model.family.links
    assert not again.model.normalize
    assert "fnever" in again.fixef().index


def test_rows_that_were_dropped_stay_dropped(tmp_path: Path) -> None:
    data = study()
    data.loc[5, "x"] = np.nan
    with pytest.warns(hm.errors.HiermodelWarning):
        fit = random_fit(hm.model("y ~ x", data), data.drop(index=5))
    check_equal(round_trip(fit, tmp_path), fit)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.nc"
    xr.Dataset({"x": ("n", np.arange(3.0))}).to_netcdf(path, engine="h5netcdf")
    with pytest.raises(hm.HiermodelError, match=r"other\.nc is not a fit"):
        hm.load(path)
    with pytest.raises((hm.HiermodelError, FileNotFoundError)):
        hm.load(tmp_path / "absent.nc")


# ------------------------------------------------------------------ from_draws


def draws_of(name: str) -> tuple[hm.Model, pd.DataFrame, dict[str, np.ndarray]]:
    from .draws import random_draws

    model, data = cases.model(name), cases.training(name)
    return model, data, random_draws(model, data)


def test_draws_of_a_parameter_may_not_miss() -> None:
    model, data, draws = draws_of("correlated_slopes")
    del draws["sigma"]
    with pytest.raises(hm.HiermodelError, match="'sigma' are missing"):
        hm.Fit.from_draws(model, data, draws)


def test_draws_must_have_the_declared_dims() -> None:
    model, data, draws = draws_of("correlated_slopes")
    draws["sd_1"] = draws["sd_1"][..., 0]
    with pytest.raises(hm.HiermodelError, match=r"'sd_1'.*must have 3 dims"):
        hm.Fit.from_draws(model, data, draws)


def test_draws_must_have_the_declared_sizes() -> None:
    model, data, draws = draws_of("correlated_slopes")
    draws["z_1"] = draws["z_1"][..., :3]
    draws["sd_1"] = draws["sd_1"][..., :1]
    with pytest.raises(hm.HiermodelError, match="sd_1"):
        hm.Fit.from_draws(model, data, draws)


def test_draws_must_have_all_levels() -> None:
    model, data, draws = draws_of("correlated_slopes")
    draws["z_1"] = draws["z_1"][..., :3]
    with pytest.raises(hm.HiermodelError, match="z_1"):
        hm.Fit.from_draws(model, data, draws)


def test_draws_must_agree_about_their_number() -> None:
    model, data, draws = draws_of("correlated_slopes")
    draws["sigma"] = draws["sigma"][:, :3]
    with pytest.raises(hm.HiermodelError, match="sigma"):
        hm.Fit.from_draws(model, data, draws)


def test_more_draws_than_parameters_are_no_harm() -> None:
    model, data, draws = draws_of("correlated_slopes")
    fit = hm.Fit.from_draws(model, data, {**draws, "other": draws["sigma"]})
    assert "other" not in fit.posterior


# ------------------------------------------------------------------ data frames of other kinds


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_data_frames(library: str) -> None:
    """The same model and the same predictions, whatever holds the data."""
    module = pytest.importorskip(library)
    data = study()
    data["f"] = data["f"].astype(str)
    text = "y ~ x + f + flag + (x | g)"
    if library == "polars":
        other = module.DataFrame({name: data[name].to_list() for name in data.columns})
    else:
        other = module.table({name: data[name].to_list() for name in data.columns})
    first, second = hm.model(text, data), hm.model(text, other)
    assert first.stan_code == second.stan_code
    a, b = first.bind(data), second.bind(other)
    for key in a:
        np.testing.assert_array_equal(a[key], b[key], err_msg=key)
    fit = random_fit(first, data)
    rows = other[:4]
    np.testing.assert_allclose(fit.posterior_epred(rows), fit.posterior_epred().values[:, :, :4])


def test_a_dict_of_columns() -> None:
    data = study()
    columns = {name: data[name].to_numpy() for name in ("y", "x", "g")}
    first, second = hm.model("y ~ x + (1 | g)", data), hm.model("y ~ x + (1 | g)", columns)
    np.testing.assert_array_equal(first.bind(data)["J_1"], second.bind(columns)["J_1"])
