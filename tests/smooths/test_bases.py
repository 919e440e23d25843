"""Bases of smooths: what their penalties measure, and the mixed models made of them."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate

from hiermodel.smooths.bases import BASES, learn_basis
from hiermodel.smooths.cubic import cubic
from hiermodel.smooths.effects import Levels, curves
from hiermodel.smooths.mixed import mixed_form
from hiermodel.smooths.tensor import tensor
from hiermodel.smooths.thin_plate import thin_plate

RNG = np.random.default_rng(3)
X = np.sort(RNG.uniform(-1, 4, 80))[:, None]
XZ = RNG.uniform(-1, 4, (80, 2))
SMOOTH = ("tp", "cr", "ps", "bs", "ds", "gp")
CYCLIC = ("cc", "cp")


@pytest.mark.parametrize("name", BASES)
def test_the_mixed_form_spans_what_the_basis_spans(name: str) -> None:
    basis = learn_basis(name, X, 7)
    fixed, random = mixed_form(basis, X).columns(X)
    design = basis.design(X)
    columns = np.column_stack([np.ones(len(X)), fixed, *random])
    rest = design - columns @ np.linalg.lstsq(columns, design, rcond=None)[0]
    assert np.abs(rest).max() < 1e-8
    # Without the constant, which the model has already.
    assert np.linalg.matrix_rank(columns) == columns.shape[1] == design.shape[1]
    np.testing.assert_allclose(np.column_stack([fixed, *random]).mean(axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("name", BASES)
def test_normal_coefficients_have_the_penalty_as_density(name: str) -> None:
    """The squared normal coefficients of a function are its penalty."""
    basis = learn_basis(name, X, 7)
    form = mixed_form(basis, X)
    (penalty,) = basis.penalties
    map_ = np.column_stack([form.fixed, *form.random])
    weights = RNG.normal(size=map_.shape[1])
    coefficients = map_ @ weights
    rough = coefficients @ penalty.matrix @ coefficients
    if name in ("ts", "cs"):
        assert form.fixed.shape[1] == 0
    normal = weights[form.fixed.shape[1] :]
    scale = rough / (normal @ normal)
    other = RNG.normal(size=map_.shape[1])
    again = map_ @ other
    normal = other[form.fixed.shape[1] :]
    assert again @ penalty.matrix @ again == pytest.approx(scale * (normal @ normal), rel=1e-7)


@pytest.mark.parametrize("name", ["tp", "cr", "ps", "bs"])
def test_straight_lines_are_not_rough(name: str) -> None:
    basis = learn_basis(name, X, 7)
    line = np.linalg.lstsq(basis.design(X), 2 - 3 * X[:, 0], rcond=None)[0]
    np.testing.assert_allclose(basis.design(X) @ line, 2 - 3 * X[:, 0], atol=1e-8)
    assert line @ basis.penalties[0].matrix @ line == pytest.approx(0, abs=1e-8)
    # Beyond the data it goes on as a line.
    far = np.array([[-9.0], [12.0]])
    np.testing.assert_allclose(basis.design(far) @ line, 2 - 3 * far[:, 0], rtol=1e-6)


@pytest.mark.parametrize("name", ["cr", "bs"])
def test_roughness_is_the_integral_of_the_squared_second_derivative(name: str) -> None:
    basis = learn_basis(name, X, 6)
    b = RNG.normal(size=6)
    ends = basis.knots if name == "cr" else basis.knots[3:-3]

    def second(x: float) -> float:
        h = 1e-3
        near = basis.design(np.array([[x - h], [x], [x + h]])) @ b
        return float((near[0] - 2 * near[1] + near[2]) / h**2)

    total = sum(
        integrate.quad(lambda x: second(x) ** 2, low + 2e-3, high - 2e-3)[0]
        for low, high in itertools.pairwise(ends)
    )
    assert b @ basis.penalties[0].matrix @ b == pytest.approx(total, rel=0.02)


@pytest.mark.parametrize("name", CYCLIC)
def test_cyclic_bases_meet_at_their_ends(name: str) -> None:
    basis = learn_basis(name, X, 7)
    low, high = X.min(), X.max()
    ends = basis.design(np.array([[low], [high], [low + 1e-6], [high - 1e-6]]))
    np.testing.assert_allclose(ends[0], ends[1], atol=1e-9)
    np.testing.assert_allclose(ends[2] - ends[0], ends[1] - ends[3], atol=1e-9)
    shifted = basis.design(X + (high - low))
    np.testing.assert_allclose(shifted, basis.design(X), atol=1e-8)


def test_tensor_products_hold_sums_and_products_of_lines() -> None:
    basis = tensor(XZ, [(cubic(XZ[:, 0], 4), (0,)), (cubic(XZ[:, 1], 4), (1,))])
    fixed, random = mixed_form(basis, XZ).columns(XZ)
    assert fixed.shape[1] == 3 and [b.shape[1] for b in random] == [4, 4, 4]
    for surface in (XZ[:, 0], XZ[:, 1], XZ[:, 0] * XZ[:, 1]):
        columns = np.column_stack([np.ones(len(XZ)), fixed])
        rest = surface - columns @ np.linalg.lstsq(columns, surface, rcond=None)[0]
        assert np.abs(rest).max() < 1e-8


def test_curves_of_levels_do_not_see_other_levels() -> None:
    codes = RNG.integers(0, 3, 80)
    x = np.column_stack([X[:, 0], codes])
    basis = curves(x, thin_plate(X, 4), 3)
    design = basis.design(x).reshape(80, 3, 4)
    assert not design[codes == 0][:, 1:].any() and design[codes == 0][:, 0].any()
    assert not basis.design(np.array([[1.0, -1.0]])).any()


def test_effects_of_levels_are_independent() -> None:
    (block,) = mixed_form(Levels(3), np.eye(3)).columns(np.eye(3))[1]
    np.testing.assert_allclose(block @ block.T, np.eye(3))


def test_thin_plates_in_pieces_are_sums_of_radial_functions() -> None:
    basis = thin_plate(X, 8)
    far = np.linspace(-4, 9, 60)[:, None]
    whole = type(basis)(basis.places, basis.shift, basis.order, basis.weights, basis.scales,
                        basis.penalty)  # fmt: skip
    np.testing.assert_allclose(basis.design(far), whole.design(far), atol=1e-9)


def test_many_rows_take_some_places_only() -> None:
    x = RNG.uniform(size=(5000, 1))
    basis = thin_plate(x, 10)
    assert len(basis.places) == 2000
    y = np.sin(6 * x[:, 0])
    fitted = basis.design(x) @ np.linalg.lstsq(basis.design(x), y, rcond=None)[0]
    assert np.abs(fitted - y).max() < 0.02


CASES = {
    "sm_s1": ("tp", None, ()), "sm_m1": ("tp", 6, (1.0,)), "sm_ts": ("ts", 6, ()),
    "sm_cs": ("cs", 6, ()), "sm_cc": ("cc", 8, ()), "sm_ps": ("ps", 8, ()), "sm_gp": ("gp", 8, ()),
    "x_sm_cp": ("cp", 8, ()),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_covariances_are_the_published_ones(case: str, root: Path) -> None:
    folder = root.parent / "shared" / "golden"
    if not (folder / "cases" / f"{case}.json").is_file():
        pytest.skip("the corpus is not there")
    import pandas as pd

    recorded = json.loads((folder / "cases" / f"{case}.json").read_text())["standata"]["Zs_1_1"]
    target = np.reshape(recorded["values"], recorded["shape"])
    x = pd.read_csv(folder / "data" / "smooth_sim.csv")[["x0"]].to_numpy()
    name, k, m = CASES[case]
    ((block,)) = mixed_form(learn_basis(name, x, k, m), x).columns(x)[1]
    np.testing.assert_allclose(block @ block.T, target @ target.T, atol=1e-8)
