"""Contrast matrices as R's ``contr.*`` functions give them."""

import numpy as np
import pandas as pd
import pytest

from columns.tools import design, small
from hiermodel.contrasts import Contrast, make_contrast
from hiermodel.errors import DataError

R = {
    ("treatment", 3): [[0, 0], [1, 0], [0, 1]],
    ("sas", 3): [[1, 0], [0, 1], [0, 0]],
    ("sum", 3): [[1, 0], [0, 1], [-1, -1]],
    ("helmert", 4): [[-1, -1, -1], [1, -1, -1], [0, 2, -1], [0, 0, 3]],
    ("poly", 3): [[-0.7071068, 0.4082483], [0, -0.8164966], [0.7071068, 0.4082483]],
    ("poly", 4): [
        [-0.6708204, 0.5, -0.2236068],
        [-0.2236068, -0.5, 0.6708204],
        [0.2236068, -0.5, -0.6708204],
        [0.6708204, 0.5, 0.2236068],
    ],
    ("poly", 2): [[-0.7071068], [0.7071068]],
}


@pytest.mark.parametrize(("scheme", "k"), list(R))
def test_matrices(scheme, k):
    levels = tuple("abcdefgh"[:k])
    contrast = Contrast(levels, scheme)
    assert contrast.matrix == pytest.approx(np.array(R[scheme, k]), abs=5e-8)
    assert len(contrast.names) == k - 1


@pytest.mark.parametrize(
    ("scheme", "names"),
    [
        ("treatment", ("b", "c", "d", "e")),
        ("sas", ("a", "b", "c", "d")),
        ("sum", ("1", "2", "3", "4")),
        ("helmert", ("1", "2", "3", "4")),
        ("poly", (".L", ".Q", ".C", "^4")),
    ],
)
def test_names(scheme, names):
    assert Contrast(tuple("abcde"), scheme).names == names


@pytest.mark.parametrize("k", [2, 5, 12])
def test_polynomials_are_orthonormal(k):
    m = Contrast(tuple(map(str, range(k))), "poly").matrix
    assert m.T @ m == pytest.approx(np.eye(k - 1), abs=1e-10)
    assert m.sum(axis=0) == pytest.approx(np.zeros(k - 1), abs=1e-10)


def test_many_levels_cost_nothing_until_asked():
    levels = tuple(map(str, range(200_000)))
    assert len(Contrast(levels).names) == 199_999


def test_row_labels_are_matched():
    table = pd.DataFrame({"one": [3.0, 1, 2], "two": [0.0, 5, 1]}, index=["c", "a", "b"])
    contrast = make_contrast("f", table, ("a", "b", "c"), ("a", "b", "c"))
    assert contrast.matrix.tolist() == [[1, 5], [2, 1], [3, 0]]
    assert contrast.names == ("one", "two")


def test_rows_of_unused_levels_are_left_out():
    table = pd.DataFrame({"one": [1.0, 7.0, -1.0]}, index=["a", "gone", "b"])
    assert make_contrast("f", table, ("a", "b"), ("a", "gone", "b")).matrix.tolist() == [[1], [-1]]
    assert make_contrast("f", [[1], [7], [-1]], ("a", "b"), ("a", "gone", "b")).matrix.tolist() == [
        [1],
        [-1],
    ]


def test_unnamed_columns_are_numbered_from_one():
    assert make_contrast("f", np.eye(3)[:, :2], tuple("abc"), ()).names == ("1", "2")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "summ",
            "contrasts of 'f': there is no scheme 'summ' (did you mean 'sum'?); use one of "
            "treatment, sum, helmert, poly, sas, or a matrix with a row per level",
        ),
        ([[1], [2]], "contrasts of 'f' have 2 rows, but the factor has 3 levels: a, b, c"),
        (np.eye(3), "contrasts of 'f' have 3 columns; a factor with 3 levels takes 1 to 2"),
        (
            [[1, 2], [1, 2], [1, 2]],
            "contrasts of 'f' are redundant: together with the intercept their columns are "
            "linearly dependent",
        ),
        ([[1], [np.nan], [0]], "contrasts of 'f' hold values that are no finite numbers"),
        (
            pd.DataFrame({"one": [1.0, 0, -1]}, index=["a", "b", "x"]),
            "contrasts of 'f' have no row for the level 'c'; their rows are a, b, x",
        ),
        (
            [["p"], ["q"], ["r"]],
            "contrasts of 'f' must be the name of a scheme or a matrix of numbers",
        ),
    ],
)
def test_wrong_contrasts(spec, message):
    with pytest.raises(DataError) as error:
        make_contrast("f", spec, ("a", "b", "c"), ("a", "b", "c"))
    assert str(error.value) == message


def test_they_reach_the_design():
    spec = design("~ a + o", small(), contrasts={"a": "sum", "o": "helmert"})
    assert spec.names == ("Intercept", "a1", "a2", "o1", "o2")
    assert spec.matrix(small())[2].tolist() == [1, -1, -1, 0, 2]
