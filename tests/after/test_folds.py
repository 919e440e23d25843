"""How rows are divided, and which divisions cannot be fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.errors import ArgumentError, DataError
from hiermodel.refits.folds import check_levels, choose_folds

from .posteriors import fit_of, reaction_data


def folds_of(k: int = 5, folds: Any = None, group: Any = None, seed: int = 1) -> np.ndarray:
    fit = fit_of("y ~ x + dose + (1 | g)")
    return choose_folds(fit, k, folds, group, np.random.default_rng(seed))


def test_random_folds_have_equal_sizes() -> None:
    found = folds_of(6)
    assert np.bincount(found)[1:].tolist() == [7, 7, 7, 7, 6, 6]
    assert not np.array_equal(found, folds_of(6, seed=2))
    np.testing.assert_array_equal(found, folds_of(6))


def test_stratified_folds_spread_each_group() -> None:
    found = folds_of(5, "stratified", "g")
    table = pd.crosstab(reaction_data()["g"], found)
    assert (table == 2).all(axis=None)
    # Groups that do not divide evenly differ by one row at most, and so do the folds.
    table = pd.crosstab(reaction_data()["dose"], folds_of(4, "stratified", "dose"))
    assert (table.max(axis=1) - table.min(axis=1)).max() <= 1
    assert table.sum().tolist() == [10] * 4


def test_grouped_folds_keep_groups_whole() -> None:
    found = folds_of(2, "grouped", "g")
    table = pd.crosstab(reaction_data()["g"], found)
    assert ((table > 0).sum(axis=1) == 1).all() and (table.sum() == 20).all()


def test_a_group_alone_is_left_out_at_a_time() -> None:
    found = folds_of(group="g")
    np.testing.assert_array_equal(found, np.repeat([1, 2, 3, 4], 10))
    np.testing.assert_array_equal(folds_of(group=np.tile(["p", "q"], 20)), np.tile([1, 2], 20))
    np.testing.assert_array_equal(folds_of(folds="loo"), np.arange(1, 41))
    np.testing.assert_array_equal(folds_of(folds=[2.0, 1.0] * 20), [2, 1] * 20)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folds": "stratifed"}, r"did you mean 'stratified'"),
        ({"folds": "grouped"}, r"folds='grouped' needs group="),
        ({"folds": "loo", "group": "g"}, "no meaning with folds='loo'"),
        ({"folds": [1, 2] * 20, "group": "g"}, "no meaning when folds gives"),
        ({"folds": [1, 2]}, "folds has 2 numbers, the model has 40 rows"),
        ({"folds": [1, 3] * 20}, "without gaps, not 1, 3"),
        ({"folds": [1] * 40}, "at least two folds"),
        ({"folds": ["a", "b"] * 20}, "groups by name are group="),
        ({"folds": [0.5, 1] * 20}, "a whole number per row"),
        ({"k": 41}, "K must be a whole number from 2 to 40, the number of rows, not 41"),
        ({"k": 1}, "from 2 to 40"),
        ({"k": 5, "folds": "grouped", "group": "g"}, "from 2 to 4, the number of groups"),
        ({"group": "gg"}, r"no column 'gg' \(did you mean 'g'\?\)"),
        ({"group": ["a"] * 3}, "group has 3 labels, the model 40 rows"),
        ({"group": ["a"] * 40}, "one level only"),
        ({"group": [None, *["a", "b"] * 19, "a"]}, "group is missing in row 1"),
    ],
)
def test_folds_that_cannot_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        folds_of(**options)


def test_a_level_without_data_or_prior_is_refused() -> None:
    frame = reaction_data().assign(rare=["odd"] * 3 + ["usual"] * 37)
    folds = np.array([1] * 20 + [2] * 20)
    with pytest.raises(DataError, match="all rows with rare = 'odd' are in fold 1"):
        check_levels(fit_of("y ~ rare", frame=frame), folds)
    # A prior tells what data do not.
    model = hm.model("y ~ rare", frame, priors={"b": "normal(0, 1)"})
    values = {v.name: np.ones((1, 1, *([1] if v.name == "b" else []))) for v in model.parameters}
    check_levels(hm.Fit.from_draws(model, frame, values), folds)
    # A grouping factor may lose levels: new ones are drawn.
    check_levels(fit_of("y ~ gg + (1 | g)", frame=reaction_data().assign(gg=np.arange(40.0))),
                 np.repeat([1, 2, 3, 4], 10))


def test_a_category_without_rows_is_refused() -> None:
    frame = reaction_data()
    folds = np.where(frame["rating"] == "good", 2, 1)
    with pytest.raises(DataError, match="all rows with rating = 'bad' are in fold 1"):
        check_levels(fit_of("rating ~ x", "cumulative"), folds)
    spread = np.where(folds == 2, 2, np.where(np.arange(40) % 8 < 4, 1, 3))
    with pytest.raises(DataError, match="rating = 'good' are in fold 2"):
        check_levels(fit_of("rating ~ x", "categorical"), spread)
