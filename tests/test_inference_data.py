"""The object with the draws: groups, attributes, files, on both lines of ArviZ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from hiermodel import inference_data as idt
from hiermodel.errors import DataError


def posterior() -> xr.Dataset:
    rng = np.random.default_rng(1)
    ds = xr.Dataset(
        {
            "b": (("chain", "draw", "coef"), rng.normal(size=(2, 5, 2))),
            "r_g": (("chain", "draw", "g"), rng.normal(size=(2, 5, 3))),
            "empty": (("chain", "draw", "nothing"), np.empty((2, 5, 0))),
        },
        coords={
            "chain": [0, 1],
            "draw": np.arange(5),
            "coef": ["Intercept", "días"],
            "g": pd.Index(["a", "b b", "c.1"]),
        },
        attrs={"created": "now", "nested": {"a": [1, 2]}},
    )
    ds["b"].attrs = {"cls": "b", "group": "", "prefixes": [""], "none": None, "yes": True}
    return ds


def stats() -> xr.Dataset:
    return xr.Dataset(
        {
            "diverging": (("chain", "draw"), np.eye(2, 5) > 0),
            "tree_depth": (("chain", "draw"), np.full((2, 5), 3)),
        }
    )


@pytest.fixture
def idata() -> Any:
    groups = {"posterior": posterior(), "sample_stats": stats()}
    return idt.make(groups, {"formula": "y ~ x", "seed": 3, "levels": ["one"], "gone": None})


def test_object_of_the_installed_line(idata: Any) -> None:
    assert isinstance(idata, xr.DataTree) is idt.uses_datatree()
    assert idt.group_names(idata) == ("posterior", "sample_stats")
    assert idt.has_group(idata, "posterior") and not idt.has_group(idata, "prior")
    xr.testing.assert_identical(idt.dataset(idata, "posterior"), posterior())
    assert idata.posterior["b"].attrs["cls"] == "b"
    assert idt.attributes(idata)["formula"] == "y ~ x"


def test_arviz_takes_it(idata: Any) -> None:
    import arviz as az

    table = az.summary(idata, var_names=["b"])
    assert list(table.index) == ["b[Intercept]", "b[días]"]


def test_missing_group_names_the_nearest(idata: Any) -> None:
    with pytest.raises(DataError, match=r"no group 'posteriors' .*did you mean 'posterior'"):
        idt.dataset(idata, "posteriors")


def test_with_group_returns_a_new_object(idata: Any) -> None:
    more = idt.with_group(idata, "log_likelihood", xr.Dataset({"y": ("obs", [1.0, 2.0])}))
    assert set(idt.group_names(more)) == {"posterior", "sample_stats", "log_likelihood"}
    assert not idt.has_group(idata, "log_likelihood")
    assert idt.attributes(more) == idt.attributes(idata)
    replaced = idt.with_group(more, "posterior", stats())
    assert "diverging" in idt.dataset(replaced, "posterior")


def test_file_gives_back_an_equal_object(idata: Any, tmp_path: Path) -> None:
    path = idt.save(idata, tmp_path / "fit.nc")
    back = idt.open(path)
    assert type(back) is type(idata)
    assert idt.group_names(back) == idt.group_names(idata)
    xr.testing.assert_identical(idt.dataset(back, "posterior"), posterior())
    xr.testing.assert_identical(idt.dataset(back, "sample_stats"), stats())
    assert idt.dataset(back, "posterior")["b"].attrs == posterior()["b"].attrs
    assert idt.attributes(back) == idt.attributes(idata)
    assert list(tmp_path.iterdir()) == [path]


def test_saving_again_what_was_read(idata: Any, tmp_path: Path) -> None:
    first = idt.save(idata, tmp_path / "fit.nc")
    again = idt.save(idt.open(first), first)
    xr.testing.assert_identical(idt.dataset(idt.open(again), "posterior"), posterior())


def test_datasets_without_arviz(tmp_path: Path) -> None:
    idt.save({"posterior": posterior()}, tmp_path / "a.nc")
    idt.write({"posterior": posterior()}, {"x": 1.5}, tmp_path / "b.nc")
    groups, attrs = idt.read(tmp_path / "b.nc")
    assert attrs == {"x": 1.5} and isinstance(attrs["x"], float)
    xr.testing.assert_identical(groups["posterior"], posterior())


def test_arviz_reads_the_file(idata: Any, tmp_path: Path) -> None:
    import arviz as az

    path = idt.save(idata, tmp_path / "fit.nc")
    other = az.from_netcdf(str(path))
    np.testing.assert_array_equal(other.posterior["b"].values, posterior()["b"].values)


def test_failed_save_leaves_the_old_file(idata: Any, tmp_path: Path) -> None:
    path = idt.save(idata, tmp_path / "fit.nc")
    before = path.read_bytes()
    bad = xr.Dataset({"x": ("obs", np.array([object()], dtype=object))})
    with pytest.raises((TypeError, ValueError)):
        idt.save({"posterior": bad}, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_that_cannot_be_read_or_written(idata: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        idt.open(tmp_path / "no.nc")
    (tmp_path / "text.nc").write_text("not netCDF")
    with pytest.raises(DataError, match="not a netCDF-4 file"):
        idt.open(tmp_path / "text.nc")
    with pytest.raises(DataError, match="no such directory"):
        idt.save(idata, tmp_path / "nowhere" / "fit.nc")


def test_without_a_netcdf_library(
    idata: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idt, "_BACKENDS", {"h5netcdf": ("no_such_library",)})
    with pytest.raises(DataError, match="pip install h5netcdf h5py"):
        idt.save(idata, tmp_path / "fit.nc")
