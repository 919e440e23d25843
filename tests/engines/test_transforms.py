"""Stan's transforms in NumPy against those of the embedded engine."""

from __future__ import annotations

import numpy as np
import pytest

from hiermodel.engines.stanli_density import StanliDensity
from hiermodel.engines.transforms import constrained
from hiermodel.stan.variables import Var

VARIABLES = [
    Var("a", "real"), Var("b", "vector", ("3",)), Var("s", "real", lower="0"),
    Var("u", "vector", ("2",), upper="-1.5"), Var("p", "real", lower="-1", upper="2"),
    Var("m", "matrix", ("2", "3"), lower="0.5"), Var("o", "ordered", ("4",)),
    Var("L", "cholesky_factor_corr", ("4",)), Var("z", "vector", ("2",), ("3", "2")),
    Var("C", "cholesky_factor_corr", ("2",), ("3",)), Var("q", "ordered", ("1",), ("2",)),
    Var("r", "row_vector", ("2",)), Var("none", "vector", ("0",)),
]  # fmt: skip
CODE = """
parameters {
  real a; vector[3] b; real<lower=0> s; vector<upper=-1.5>[2] u; real<lower=-1, upper=2> p;
  matrix<lower=0.5>[2, 3] m; ordered[4] o; cholesky_factor_corr[4] L; array[3, 2] vector[2] z;
  array[3] cholesky_factor_corr[2] C; array[2] ordered[1] q; row_vector[2] r; vector[0] none;
}
model { a ~ normal(0, 1); }
"""


def test_points_are_mapped_as_by_the_engine() -> None:
    density = StanliDensity(CODE, {}, VARIABLES)
    points = np.random.default_rng(2).normal(size=(7, density.dim))
    want, found = density.constrain(points), constrained(VARIABLES, {}, points)
    assert found is not None and list(found) == [var.name for var in VARIABLES]
    for name, array in found.items():
        assert array.shape == (7, *want[name].shape[1:]) or name == "none"
        if name != "none":
            np.testing.assert_allclose(array, want[name], rtol=1e-12, atol=1e-14)
    assert found["none"].shape == (7, 0)


@pytest.mark.parametrize("var", [
    Var("w", "simplex", ("3",)), Var("x", "real", lower="low"), Var("y", "vector", ("unknown",)),
    Var("S", "cov_matrix", ("2",)),
])  # fmt: skip
def test_what_is_not_known_is_left_to_the_engine(var: Var) -> None:
    assert constrained([var], {}, np.zeros((2, 5))) is None


def test_points_of_another_size_are_refused() -> None:
    assert constrained(VARIABLES[:2], {}, np.zeros((2, 3))) is None
    assert constrained(VARIABLES[:2], {}, np.zeros((2, 5))) is None
