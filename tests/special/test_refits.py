"""K-fold cross-validation of maps and monotonic effects: a fold may hold all rows of a category."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import DataError, HiermodelWarning
from hiermodel.refits.categories import whole_categories
from hiermodel.refits.jobs import Job, refit
from tests.spine.draws import random_fit

SMALL: dict[str, Any] = {"chains": 1, "draws": 60, "warmup": 60, "seed": 1, "progress": False}


def quiet(call: Any, *args: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args, **options)


def path(n: int, labels: list[Any]) -> pd.DataFrame:
    """Places in a row, each bordering on the next."""
    near = np.eye(n, k=1) + np.eye(n, k=-1)
    return pd.DataFrame(near, index=labels, columns=labels)


def places(numeric: bool = False) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    rng = np.random.default_rng(1)
    labels: list[Any] = list(range(1, 9)) if numeric else [f"p{k}" for k in range(8)]
    data = pd.DataFrame({"p": np.repeat(labels, 2), "x": rng.normal(size=16)})
    data["n"] = rng.poisson(4, 16)
    return data, {"A": path(8, labels)}


@pytest.mark.parametrize("numeric", [False, True])
@pytest.mark.parametrize("kind", ["escar", "icar"])
def test_places_of_a_fold_stay_on_the_map(kind: str, numeric: bool) -> None:
    data, near = places(numeric)
    formula = f"n ~ x + car(A, gr = p, type = '{kind}')"
    fit = quiet(hm.fit, formula, data, "poisson", data2=near, **SMALL)
    held = tuple(range(4, 8))
    outcome = quiet(refit, fit, Job("fold 1", held, 5), 1, keep=True)
    assert outcome.fit is not None
    locations = outcome.fit.posterior["rcar"]["rcar_location"].values.tolist()
    assert locations == fit.posterior["rcar"]["rcar_location"].values.tolist()
    assert np.isfinite(outcome.log_lik).all()
    assert len(outcome.fit.frame) == 12


def test_unused_locations_are_kept_when_asked_for() -> None:
    data, near = places()
    some = data.iloc[:12].assign(p=pd.Categorical(data["p"].iloc[:12], list(near["A"].index)))
    with pytest.warns(HiermodelWarning, match="drop_unused_levels=False"):
        left_out = hm.model("n ~ x + car(A, gr = p)", some, "poisson", data2=near)
    kept = hm.model("n ~ x + car(A, gr = p)", some, "poisson", data2=near,
                    drop_unused_levels=False)
    assert left_out.bind(some)["Nloc"] == 6 and kept.bind(some)["Nloc"] == 8
    fit = random_fit(kept, some)
    found = fit.posterior_linpred(data.iloc[12:])
    draws = fit.posterior
    expected = (
        draws["b"].values @ np.stack([np.ones(4), data["x"].iloc[12:]])
        + draws["rcar"].values[..., [6, 6, 7, 7]]
    )
    np.testing.assert_allclose(found, expected)
    # Places that the map does not have are an error still.
    with pytest.raises(DataError, match="location 'p9'"):
        fit.posterior_linpred(data.iloc[:1].assign(p="p9"))


def steps() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"k": [0, 1, 1, 2, 0, 2, 1, 3, 5, 0, 1, 2], "x": rng.normal(size=12)})
    data["y"] = data["k"] + rng.normal(size=12)
    return data


def test_steps_of_a_fold_stay_known() -> None:
    fit = quiet(hm.fit, "y ~ mo(k) + x", steps(), **SMALL)
    outcome = quiet(refit, fit, Job("fold 1", (7, 8), 5), 1, keep=True)
    assert outcome.fit is not None
    assert outcome.fit.posterior["simo_mok1"].shape[-1] == 5
    assert outcome.fit.posterior["bsp"]["coef_sp"].values.tolist() == ["mok"]
    assert np.isfinite(outcome.log_lik).all()


def test_columns_that_are_numbers_too_are_left_alone() -> None:
    data = steps().assign(
        own=lambda d: d["k"], grouped=lambda d: pd.Categorical(d["k"], ordered=True)
    )

    def found(formula: str) -> set[str]:
        return set(whole_categories(hm.model(formula, data), data))

    assert found("y ~ mo(k) + mo(own):x") == {"k", "own"}
    assert found("y ~ mo(k) * k") == set()
    assert found("y ~ mo(k) + s(k, k = 3)") == set()
    assert found("y ~ mo(k) + mo(grouped) + (1 | own)") == {"k"}
    assert found("y ~ mo(I(k + 1))") == set()
    categories = whole_categories(hm.model("y ~ mo(k)", data), data)["k"].categories
    assert categories.tolist() == [0, 1, 2, 3, 4, 5]


def test_the_only_rows_of_an_end_are_told_before_fitting() -> None:
    fit = random_fit(hm.model("y ~ mo(k) + I(k^2)", steps()), steps())
    folds = np.where(np.arange(12) == 8, 1, np.arange(12) % 2 + 2)
    with pytest.raises(DataError, match=r"the highest category of mo\(k\) are in fold 1 \(row 9"):
        fit.kfold(folds=folds, progress=False)


def test_an_ordered_factor_may_miss_levels() -> None:
    """Its shares have a prior, whatever the coefficient has."""
    data = steps().assign(k=lambda d: pd.Categorical(d["k"], ordered=True))
    fit = quiet(hm.fit, "y ~ mo(k)", data, **SMALL)
    folds = np.where(np.isin(np.arange(12), (7, 8)), 1, 2)
    found = quiet(fit.kfold, folds=folds, Ksub=[1], progress=False, cores=1)
    assert found.pointwise.size == 2 and np.isfinite(found.elpd)
