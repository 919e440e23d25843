"""Fits from files and lazy tables: the posterior of the data frame, and what cannot be had."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.big import BigFit
from hiermodel.big import fit as big_fit
from hiermodel.engines import base
from hiermodel.errors import DataError, HiermodelError, HiermodelWarning

NEEDS = ("duckdb", "pyarrow")
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDS),
    reason="the extra hiermodel[big] is not installed",
)
QUICK: dict[str, Any] = {"chains": 2, "draws": 100, "warmup": 150, "seed": 1, "progress": False}


@pytest.fixture(autouse=True)
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is big."""
    monkeypatch.setattr(big_fit, "MOST_ROWS", 100)
    monkeypatch.setattr(big_fit, "MOST_CELLS", 500)
    monkeypatch.setattr(big_fit, "HELD_ROWS", 200)


def rows(n: int = 3000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame({
        "x": rng.normal(3, 2, n), "g": [f"g{k}" for k in rng.integers(0, 12, n)],
        "h": rng.integers(1, 5, n), "f": rng.choice(["lo", "mid", "hi"], n, p=[0.6, 0.3, 0.1]),
        "t": rng.integers(1, 4, n), "e": rng.choice([0.5, 1.0, 2.5], n),
        "yes": rng.uniform(size=n) < 0.3, "w": rng.choice([0.5, 1.0, 2.0], n),
    })
    level = data["g"].str[1:].astype(int) / 12
    data["y"] = 10 + 0.5 * data["x"] + level + rng.normal(0, 4, n)
    data["b"] = rng.binomial(1, 0.2 + 0.5 * level)
    data["c"] = rng.poisson(data["e"] * (1 + level))
    data["k"] = rng.choice(["u", "v", "w"], n)
    return data


def fitted(formula: Any, data: Any, family: Any = "gaussian", **more: Any) -> hm.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hm.fit(formula, data, family, **{**QUICK, **more})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "rows.parquet"
    rows().to_parquet(path, row_group_size=700)
    return path


# What is fitted, and how it is read.
MODELS = {
    "stream": ("y ~ x + f + (x | g)", "gaussian", "in chunks"),
    "stream with offset": ("y ~ x + offset(2 * x) + (1 | g:h)", "gaussian", "in chunks"),
    "stream, weights": ("y | weights(w) ~ 0 + x + (1 | g)", "gaussian", "in chunks"),
    "number as level": ("y ~ factor(t) + x + (1 | h)", "gaussian", "in chunks"),
    "regression": ("y ~ x * f", "gaussian", "rows.parquet in chunks"),
    "regression with offset, weights": (
        "y | weights(w) ~ x + offset(t)", "gaussian", "rows rotated to 3 with all cross-products",
    ),
    "regression without intercept": ("y ~ 0 + x + f", "gaussian", "in chunks"),
    "regression, gaussian cells": ("y ~ f * h", "gaussian", "cells were counted"),
    "gaussian cells": ("y ~ f + (1 | g) + (1 | h)", "gaussian", "cells were counted"),
    "sigma": (hm.bf("y ~ f", "sigma ~ yes"), "gaussian", "cells were counted"),
    "bernoulli": ("b ~ f * yes + (1 | g)", "bernoulli", "cells were counted"),
    "poisson": ("c ~ f + offset(log(e)) + (1 | h)", "poisson", "cells were counted"),
    "categorical": ("k ~ yes + (1 | h)", "categorical", "cells were counted"),
    "negbinomial": ("c | rate(e) ~ f", "negbinomial", "cells were counted"),
}


@pytest.mark.parametrize("case", MODELS)
def test_everything_learned_is_that_of_the_data_frame(case: str, written: Path) -> None:
    formula, family, words = MODELS[case]
    fit = fitted(formula, written, family, draws=20, warmup=20)
    model = hm.model(formula, rows(), family)
    assert isinstance(fit, BigFit)
    assert fit.nobs == 3000 == fit.model.nobs
    told = str(fit.provenance.get("collapsed") or fit.provenance.get("aggregated"))
    assert words in told and words in str(fit.summary())
    pd.testing.assert_frame_equal(fit.priors, model.priors)
    assert fit.ngroups() == {g.name: len(g.grouping.levels) for g in model.groups}
    for ours, theirs in zip(fit.model.parts[0].predictors, model.parts[0].predictors, strict=True):
        np.testing.assert_allclose(ours.population.means, theirs.population.means, rtol=1e-12)
        assert ours.population.coefs == theirs.population.coefs
    constants, expected = fit.model.constants(), model.constants()
    assert constants.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(constants[name], expected[name], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("case", [
    "stream", "stream with offset", "stream, weights", "regression",
    "regression with offset, weights", "regression without intercept",
    "regression, gaussian cells", "gaussian cells", "bernoulli", "poisson",
])
def test_the_density_is_that_of_the_data_frame(
    case: str, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program's data, as the engine got them, against those of all rows in memory."""
    from hiermodel import sampling
    from hiermodel.engines import get_engine

    formula, family, _ = MODELS[case]
    caught: list[tuple[str, Any]] = []
    right = sampling._draw

    def catch(form: Any, data: Any, run: Any, *more: Any) -> base.Draws:
        caught.append((form.stan_code, data))
        return right(form, data, run, *more)

    monkeypatch.setattr(sampling, "_draw", catch)
    fitted(formula, written, family, draws=5, warmup=5, parameterization="noncentered")
    monkeypatch.setattr(sampling, "_draw", right)
    code, data = caught[0]
    model = hm.model(formula, rows(), family)
    form: Any = model.collapsed() if family == "gaussian" else model
    engine = get_engine("stanli")
    a = engine.log_density(code, data)
    b = engine.log_density(form.stan_code, form.bind(rows()))
    assert a.dim == b.dim
    for k in range(3):
        q = np.random.default_rng(k).uniform(-0.5, 0.5, a.dim)
        (one, slope), (other, other_slope) = a.value_and_grad(q), b.value_and_grad(q)
        assert one == pytest.approx(other, rel=1e-10)
        np.testing.assert_allclose(slope, other_slope, rtol=1e-7, atol=1e-7 * abs(slope).max())


def test_posterior_is_that_of_the_data_frame(written: Path) -> None:
    long: dict[str, Any] = {"draws": 1000}
    one = fitted("y ~ x + (x | g)", written, **long)
    other = fitted("y ~ x + (x | g)", rows(), **long)
    for name in ("b", "sigma", "sd_g", "r_g"):
        a, b = (f.posterior[name].mean(("chain", "draw")).values for f in (one, other))
        spread = other.posterior[name].std(("chain", "draw")).values
        assert (np.abs(a - b) < 0.25 * spread).all(), name


def test_small_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(big_fit, "MOST_ROWS", 10_000)
    rows(300).to_parquet(tmp_path / "few.parquet")
    fit = fitted("y ~ s(x, k = 4) + (1 | g)", str(tmp_path / "few.parquet"))
    assert type(fit) is hm.Fit
    assert fit.log_lik().sizes["obs"] == 300


def test_afterwards(written: Path, tmp_path: Path) -> None:
    fit = fitted("y ~ x + f + (1 | g)", written)
    new = rows(5, seed=9)
    assert fit.posterior_epred(new).sizes["obs"] == 5
    assert fit.log_lik(new).sizes["obs"] == 5
    assert len(fit.fixef()) == 4 and len(fit.ranef()["g"]) == 12
    frame = fit.conditional_effects("x").effect("x").frame
    assert frame["x"].max() == fit.whole_frame["x"].max()
    assert len(fit.predictions(newdata=fit.datagrid(f=["lo", "hi"]))) == 2
    assert fit.hypothesis("x > 0") is not None
    assert fit.update(data=written, priors={"b": "normal(0, 5)"}, sample_prior="yes").groups
    loaded = hm.load(fit.save(tmp_path / "fit.nc"))
    assert isinstance(loaded, BigFit) and loaded.nobs == 3000
    pd.testing.assert_frame_equal(loaded.priors, fit.priors)
    np.testing.assert_array_equal(loaded.posterior_epred(new), fit.posterior_epred(new))
    again = fit.update(data=written, formula=". ~ . - f")
    assert isinstance(again, BigFit) and len(again.fixef()) == 2


@pytest.mark.parametrize("verb", [
    "loo", "waic", "pp_check", "posterior_epred", "posterior_predict", "log_lik", "bayes_r2",
    "residuals", "update", "kfold", "bridge_sampler", "avg_predictions",
])
def test_what_needs_the_rows_is_refused(verb: str, written: Path) -> None:
    fit = fitted("y ~ x + (1 | g)", written, draws=20, warmup=20, priors={"b": "normal(0, 5)"})
    with pytest.raises(HiermodelError, match="rows"):
        getattr(fit, verb)()


def test_sources(written: Path, tmp_path: Path) -> None:
    """A folder, a relation, a LazyFrame and a dask frame are the same rows."""
    import duckdb

    data = rows()
    first = fitted("b ~ f + (1 | g)", written, "bernoulli")
    folder = tmp_path / "parts"
    folder.mkdir()
    for k in range(3):
        data.iloc[k * 1000 : (k + 1) * 1000].to_parquet(folder / f"{k}.parquet")
    connection = duckdb.connect()
    sources: dict[str, Any] = {
        "folder": folder, "duckdb": connection.sql("SELECT * FROM data"),
    }
    try:
        import polars

        sources["polars"] = polars.from_pandas(data).lazy().filter(polars.col("x") > -1e9)
    except ImportError:
        pass
    try:
        import dask.dataframe

        sources["dask"] = dask.dataframe.from_pandas(data, npartitions=3)
    except ImportError:
        pass
    for name, source in sources.items():
        fit = fitted("b ~ f + (1 | g)", source, "bernoulli")
        assert isinstance(fit, BigFit), name
        # The same cells in the same order, so the same draws.
        np.testing.assert_array_equal(fit.posterior["b"], first.posterior["b"], err_msg=name)


def test_categories_keep_their_order() -> None:
    import duckdb

    polars = pytest.importorskip("polars")
    kind = polars.Enum(["lo", "mid", "hi"])
    lazy = polars.from_pandas(rows()).with_columns(polars.col("f").cast(kind)).lazy()
    assert fitted("b ~ f", lazy, "bernoulli").fixef().index.tolist() == ["Intercept", "fmid", "fhi"]
    connection = duckdb.connect()
    data = rows()
    relation = connection.sql(
        "SELECT * REPLACE (CAST(f AS ENUM('lo', 'mid', 'hi')) AS f) FROM data"
    )
    assert len(data) == 3000
    found = fitted("y ~ x + f + (1 | g)", relation)
    assert found.fixef().index.tolist() == ["Intercept", "x", "fmid", "fhi"]


def test_missing_values_are_told(tmp_path: Path) -> None:
    data = rows()
    data.loc[:9, "x"] = np.nan
    data.loc[5:14, "g"] = None
    data.to_parquet(tmp_path / "gaps.parquet")
    with pytest.warns(HiermodelWarning, match=r"15 of 3000 rows miss values .* 'x', 'g'"):
        fit = hm.fit("y ~ x + (1 | g)", tmp_path / "gaps.parquet", **QUICK)
    assert fit.nobs == 2985
    data.loc[20, "x"] = np.inf
    data.to_parquet(tmp_path / "gaps.parquet")
    with pytest.raises(DataError, match="'x' has 1 infinite values"):
        fitted("y ~ x + (1 | g)", tmp_path / "gaps.parquet")


REFUSED = {
    "b ~ x + (1 | g)": ("bernoulli", "x needs every row: 'x' has about .* different values"),
    "y ~ s(x, k = 4)": ("gaussian", r"s\(x, k = 4\) needs all rows in memory"),
    "y | trunc(lb = -99) ~ x": ("gaussian", "y needs every row: .*not lb"),
    "y ~ x + (1 | g) + (1 | h)": ("gaussian", "effects of 'h' stay among the parameters"),
    "y ~ scale(x) + (1 | g)": ("gaussian", r"scale\(\) in the formula learns from all rows"),
    "y ~ s(x) + (1 | g)": ("gaussian", r"s\(x\) needs all rows in memory"),
    "y | weights(w, scale = TRUE) ~ x + (1 | g)": ("gaussian", "name the column in weights"),
    "log(y + 50) ~ x + (1 | g)": ("gaussian", "must be a column of numbers"),
    "y ~ nowhere + (1 | g)": ("gaussian", "column 'nowhere' is not in the data"),
}


@pytest.mark.parametrize("formula", REFUSED)
def test_refused_by_term(formula: str, written: Path) -> None:
    family, words = REFUSED[formula]
    with pytest.raises(HiermodelError, match=words):
        fitted(formula, written, family)


def test_refused_arguments(written: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"priors": "weak"}, "priors='weak'"),
        ({"sample_prior": "only"}, "need no big data"),
        ({"stanvars": [hm.stanvar(1.0, "one", "real one;")]}, "stanvars"),
        ({"aggregate": False, "collapse": False}, "every row must be in memory"),
    ]
    for given, words in cases:
        with pytest.raises(HiermodelError, match=words):
            fitted("y ~ f + (1 | g)", written, **given)
    with pytest.raises(HiermodelError, match="models of one response"):
        fitted(hm.bf("y ~ f") + hm.bf("x ~ f"), written)
    with pytest.raises(DataError, match="decomp = 'QR'"):
        fitted(hm.bf("y ~ x + (1 | g)", decomp="QR"), written)


def test_wrong_paths(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "rows.csv").write_text("y\n1\n")
    (tmp_path / "no.parquet").write_text("this is no Parquet")
    pd.DataFrame({"y": np.zeros(0), "x": np.zeros(0)}).to_parquet(tmp_path / "none.parquet")
    cases = {
        "there.parquet": "there is no file or folder", "empty": "no file that ends in .parquet",
        "rows.csv": "does not end in .parquet", "no.parquet": "is no Parquet",
        "none.parquet": "has no rows",
    }
    for name, words in cases.items():
        with pytest.raises(DataError, match=words):
            fitted("y ~ x", tmp_path / name)


def test_a_broken_row_group_is_told(written: Path) -> None:
    """Bytes in the middle of the file are wrong; its end, which says what is in it, is not."""
    content = bytearray(written.read_bytes())
    for at in range(len(content) // 4, len(content) // 4 + 3000):
        content[at] ^= 0xFF
    written.write_bytes(bytes(content))
    with pytest.raises(DataError, match=r"rows\.parquet could not be read, and nothing was fitted"):
        fitted("y ~ x + (1 | g)", written)


def test_a_broken_row_group_of_a_folder_is_told(tmp_path: Path) -> None:
    """Cells, chunks and small folders alike: the message names the file, nothing is fitted."""
    folder = tmp_path / "parts"
    folder.mkdir()
    data = rows()
    for k in range(3):
        part = data.iloc[k * 1000 : (k + 1) * 1000]
        part.to_parquet(folder / f"{k}.parquet", row_group_size=250)
    content = bytearray((folder / "1.parquet").read_bytes())
    for at in range(len(content) // 3, 2 * len(content) // 3):
        content[at] ^= 0xFF
    (folder / "1.parquet").write_bytes(bytes(content))
    for formula in ("y ~ x + (1 | g)", "y ~ x", "y ~ f + (1 | h)"):
        with pytest.raises(DataError, match=r"parts could not be read, and nothing was fitted"):
            fitted(formula, folder)
    (folder / "1.parquet").write_bytes(bytes(content[: len(content) // 2]))
    with pytest.raises(DataError, match=r"(?s)parts .*1\.parquet"):
        fitted("y ~ x", folder)


def test_what_a_lazy_table_cannot_compute_is_told() -> None:
    polars = pytest.importorskip("polars")
    lazy = polars.from_pandas(rows()).lazy().with_columns(
        x=polars.col("f").str.to_date("%Y").dt.year()
    )
    with pytest.raises(DataError, match="polars data could not be read, and nothing was fitted"):
        fitted("y ~ x + (1 | g)", lazy)


def test_without_duckdb(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(HiermodelError, match=r"pip install 'hiermodel\[big\]'"):
        fitted("y ~ x", written)


@pytest.mark.parametrize("missing", ["duckdb", "pyarrow", ""])
def test_what_is_not_there_is_said_first(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is installed: it would not help."""
    if missing:
        monkeypatch.setitem(sys.modules, missing, None)
    (tmp_path / "rows.csv").write_text("y\n1\n")
    for name, words in (("no.parquet", "there is no file or folder"), ("", "has no file that ends"),
                        ("rows.csv", "does not end in .parquet")):
        with pytest.raises(DataError, match=words):
            fitted("y ~ x", tmp_path / name)
