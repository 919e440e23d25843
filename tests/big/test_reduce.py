"""Medians, cells and levels that DuckDB computes, against NumPy on the same rows."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.big import reduce
from hiermodel.big.source import opened
from hiermodel.big.stream import stream
from hiermodel.engines import get_engine
from hiermodel.priors.scales import link_values
from hiermodel.totals import weighted_median

NEEDS = ("duckdb", "pyarrow")
pytestmark = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDS),
    reason="the extra hiermodel[big] is not installed",
)


@pytest.mark.parametrize("values", [
    np.random.default_rng(1).normal(size=5001), np.random.default_rng(2).normal(size=5000),
    np.random.default_rng(3).poisson(1.5, 4000).astype(float), np.full(3000, 2.5),
    np.concatenate([np.random.default_rng(4).normal(size=3000), [1e300, -1e300]]),
    np.repeat([1.0, 2.0], 2000), np.array([3.0]), np.full(50, np.nan),
], ids=["odd", "even", "counts", "one value", "far values", "two values", "one row", "missing"])
def test_median_is_exact(values: np.ndarray, tmp_path: Path,
                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reduce, "_SORTED", 100)
    monkeypatch.setattr(reduce, "_BINS", 64)
    pd.DataFrame({"v": values}).to_parquet(tmp_path / "v.parquet")
    with opened(tmp_path / "v.parquet") as source:
        found = reduce.median(source, '"v"', "NOT isnan(v)")
    np.testing.assert_equal(found, np.nan if np.isnan(values).all() else np.median(values))


@pytest.mark.parametrize("link", ["identity", "log", "inverse", "sqrt", "1/mu^2"])
def test_scale_of_the_response_is_that_of_the_prior(link: str, tmp_path: Path) -> None:
    y = np.random.default_rng(1).gamma(2, 3, 1001).round(1)
    pd.DataFrame({"y": y}).to_parquet(tmp_path / "y.parquet")
    with opened(tmp_path / "y.parquet") as source:
        found = reduce.response_scale(source, "y", link, "TRUE")
    values = link_values(y, link)
    centre = np.median(values)
    np.testing.assert_allclose(found, [centre, np.median(np.abs(values - centre))], rtol=1e-12)


def test_weighted_median() -> None:
    rng = np.random.default_rng(1)
    for n in (1, 2, 7, 50):
        values, times = rng.integers(0, 20, n).astype(float), rng.integers(1, 5, n)
        assert weighted_median(values, times) == np.median(np.repeat(values, times))


def test_chunks_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the rows are cut, also where a chunk has one row of a level."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({
        "g": [f"g{k}" for k in rng.integers(0, 30, 400)], "x": rng.normal(size=400) + 5,
        "w": rng.uniform(0.5, 2, 400), "se": rng.uniform(0.5, 2, 400),
        "f": rng.choice(["a", "b"], 400),
    })
    data["y"] = data["x"] + rng.normal(size=400)
    engine = get_engine("stanli")
    for formula in ("y ~ x + f + (x | g)", "y | weights(w) ~ x + (x + f | g)",
                    "y | se(se) ~ 0 + x + (1 | g)"):
        collapsed = hm.model(formula, data).collapsed()
        whole = collapsed.bind(data)
        for size in (400, 150, 7):
            cut = (data.iloc[k : k + size] for k in range(0, 400, size))
            found, rows, _, _ = stream(collapsed, cut)
            assert rows == 400
            a = engine.log_density(collapsed.stan_code, whole, collapsed.parameters)
            b = engine.log_density(collapsed.stan_code, collapsed.bound(found),
                                   collapsed.parameters)
            for k in range(2):
                q = np.random.default_rng(k).uniform(-1, 1, a.dim)
                assert b.value_and_grad(q)[0] == pytest.approx(a.value_and_grad(q)[0], rel=1e-11)
