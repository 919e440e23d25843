"""Matrices of rows: sorted by their names, never matched with the wrong rows in silence."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import DataError, HiermodelError
from tests.spine.draws import random_fit

from .models import covariance

N = 7
LABELS = [f"r{k}" for k in range(N)]
ORDER = [3, 0, 6, 2, 5, 1, 4]


def frame(labels: list[str] | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    out = pd.DataFrame({"x": rng.normal(size=N), "y": rng.normal(size=N)})
    return out if labels is None else out.set_axis(labels, axis=0)


def named(labels: list[Any] = LABELS) -> pd.DataFrame:
    return pd.DataFrame(covariance(N), index=labels, columns=labels)


def bound(data: pd.DataFrame, matrix: Any) -> np.ndarray:
    model = hm.model("y ~ x + fcor(V)", data, data2={"V": matrix})
    return np.asarray(model.bind(data)["Mfcor"])


def test_names_count_where_the_rows_have_them() -> None:
    matrix, shuffled = named(), named().iloc[ORDER, ORDER]
    np.testing.assert_array_equal(bound(frame(LABELS), matrix), matrix)
    np.testing.assert_array_equal(bound(frame(LABELS), shuffled), matrix)
    # Columns in an order of their own.
    np.testing.assert_array_equal(bound(frame(LABELS), shuffled[LABELS]), matrix)
    np.testing.assert_array_equal(bound(frame(), named().iloc[:, ORDER]), matrix)


def test_rows_that_are_dropped_leave_the_matrix_too() -> None:
    data = frame(LABELS)
    data.loc["r4", "x"] = np.nan
    keep = [0, 1, 2, 3, 5, 6]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = bound_of_dropped(data, named())
        np.testing.assert_array_equal(found, covariance(N)[np.ix_(keep, keep)])
        # Without names nobody knows whether the row is out already.
        with pytest.raises(DataError, match="is 7 x 7, and the model has 6 rows"):
            bound_of_dropped(data, covariance(N))


def bound_of_dropped(data: pd.DataFrame, matrix: Any) -> np.ndarray:
    model = hm.model("y ~ x + fcor(V)", data, data2={"V": matrix})
    return np.asarray(model.bind(data)["Mfcor"])


def test_without_common_names_the_order_counts() -> None:
    plain = covariance(N)
    for data, matrix in (
        (frame(), named()), (frame(LABELS), plain), (frame(LABELS), pd.DataFrame(plain)),
        (frame(LABELS), named([f"other {k}" for k in range(N)])),
        (frame().iloc[ORDER], pd.DataFrame(plain)),
    ):
        np.testing.assert_array_equal(bound(data, matrix), plain)


def test_some_of_the_names_are_refused() -> None:
    matrix = named([*LABELS[:-1], "r9"])
    with pytest.raises(DataError, match=r"data2\['V'\] lacks the row 'r6' of the data"):
        bound(frame(LABELS), matrix)
    differ = named().set_axis([*LABELS[:-1], "r9"], axis=1)
    with pytest.raises(DataError, match=r"rows and columns .* have different names, such as 'r9'"):
        bound(frame(LABELS), differ)


@pytest.mark.parametrize("formula", ["y ~ x + fcor(V)", "y ~ x + sar(W)"])
def test_rows_in_another_order_are_refused(formula: str) -> None:
    near = np.eye(N, k=1) + np.eye(N, k=-1)
    data2 = {"V": covariance(N), "W": near}
    for labels in (None, LABELS):
        data = frame(labels)
        fit = random_fit(hm.model(formula, data, data2=data2), data)
        # Other values in the same order are what they are.
        assert fit.posterior_predict(data.assign(x=0.0), seed=1).sizes["obs"] == N
        for verb in ("posterior_predict", "log_lik", "posterior_epred"):
            with pytest.raises(DataError, match="the rows of the fit in another order"):
                getattr(fit, verb)(data.iloc[ORDER])
        fit.posterior_epred(data.iloc[ORDER], incl_autocor=False)


def test_maps_by_row_number() -> None:
    near = {"W": np.eye(N, k=1) + np.eye(N, k=-1)}
    fit = random_fit(hm.model("y ~ x + car(W)", frame(), data2=near), frame())
    with pytest.raises(DataError, match=r"in another order, and car"):
        fit.posterior_epred(frame().iloc[ORDER])
    with pytest.raises(DataError, match=r"cannot tell which ones 3 rows are"):
        fit.posterior_epred(frame().iloc[2:5])
    with pytest.raises(HiermodelError, match="name the places with gr ="):
        fit.kfold(K=2, progress=False)


def test_saved_matrices_keep_their_places(tmp_path: Path) -> None:
    """The rows of a map in another order than its columns; numbers that are no names."""
    places = pd.DataFrame(
        np.eye(N, k=1) + np.eye(N, k=-1), index=LABELS, columns=LABELS
    ).iloc[ORDER]
    data = frame().assign(p=LABELS, n=range(N))
    model = hm.model("n ~ x + car(A, gr = p)", data, "poisson", data2={"A": places})
    fit = random_fit(model, data)
    fit.save(tmp_path / "map.nc")
    loaded = hm.load(tmp_path / "map.nc")
    for name in ("edges1", "edges2"):
        np.testing.assert_array_equal(loaded.model.bind(data)[name], model.bind(data)[name])
    mixed = frame().iloc[ORDER]
    fit = random_fit(hm.model("y ~ x + fcor(V)", mixed, data2={"V": covariance(N)}), mixed)
    fit.save(tmp_path / "rows.nc")
    again = hm.load(tmp_path / "rows.nc")
    small = {"chains": 1, "draws": 10, "warmup": 10, "seed": 1, "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        updated = again.update(engine="stanli", **small)
    np.testing.assert_array_equal(
        updated.model.bind(updated.frame)["Mfcor"], covariance(N)
    )
