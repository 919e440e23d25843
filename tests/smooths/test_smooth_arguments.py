"""``xt``, ``id``, ``ord`` and ``sp`` of smooths, and sums of functions of many distances."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

import hiermodel as hm
from hiermodel.errors import FormulaError
from hiermodel.smooths.bases import learn_basis, learn_with_design
from hiermodel.smooths.radial import Places, radial_columns
from hiermodel.smooths.remembered import Memory
from hiermodel.smooths.thin_plate import ThinPlate, energy, thin_plate
from hiermodel.terms.smooths import SmoothTerm
from tests.smooths.test_conditional_smooths import DATA, fit_of


def term(formula: str) -> SmoothTerm:
    found = hm.model(formula, DATA).predictors[0].smooths  # type: ignore[union-attr]
    assert isinstance(found, SmoothTerm)
    return found


# ------------------------------------------------------------------ distances


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_radial_columns_are_the_plain_sums(d: int) -> None:
    rng = np.random.default_rng(d)
    x, weights = rng.normal(size=(700, d)), rng.normal(size=(300, 4))
    places = x[:300]  # distances of zero too
    order = (d + 1) // 2 + 1
    found = radial_columns(np.sqrt, x, places, weights)
    np.testing.assert_allclose(found, cdist(x, places) @ weights, rtol=1e-10, atol=1e-10)
    direct = energy(cdist(x, places), order, d) @ weights
    basis = ThinPlate(places, np.zeros(d), order, weights, np.ones(4 + 1), None)  # type: ignore[arg-type]
    np.testing.assert_allclose(
        radial_columns(lambda r2: energy(np.sqrt(r2), order, d), x, places, weights), direct,
        rtol=1e-9, atol=1e-9 * np.abs(direct).max(),
    )
    assert np.isfinite(direct).all() and basis.constrained


def test_rows_that_repeat_and_distances_by_product_change_nothing() -> None:
    rng = np.random.default_rng(8)
    x, weights = rng.integers(0, 9, size=(400, 2)) / 3 + 1e3, rng.normal(size=(30, 4))
    places = x[:30]
    seen: list[int] = []

    def square(squared: np.ndarray) -> np.ndarray:
        seen.append(len(squared))
        return squared**2

    direct = cdist(x, places) ** 4 @ weights
    found = radial_columns(square, x, places, weights)
    np.testing.assert_allclose(found, direct, rtol=1e-9)
    assert sum(seen) == len(np.unique(x, axis=0)) < 400
    centred = radial_columns(
        square, x - places.mean(axis=0), places - places.mean(axis=0), weights, by_product=True
    )
    np.testing.assert_allclose(centred, direct, rtol=1e-9, atol=1e-9 * np.abs(direct).max())


def test_designs_of_many_distances_are_computed_once() -> None:
    rng = np.random.default_rng(9)
    x = rng.uniform(size=(900, 2))
    basis, design = learn_with_design("tp", x, 9)
    assert basis.design(x.copy()) is design
    fresh = pickle.loads(pickle.dumps(basis))
    assert not fresh.memory.kept
    np.testing.assert_array_equal(fresh.design(x), design)  # to the bit
    # Other rows are others, and little work is done again.
    assert not np.array_equal(basis.design(x[::-1]), design)
    assert basis.design(x[:5]) is not basis.design(x[:5])
    for name in ("ds", "gp"):
        basis, _ = learn_with_design(name, x, 9)
        assert basis.design(x) is basis.design(x)


def test_the_memory_of_designs_has_a_limit() -> None:
    memory = Memory(most_bytes=3 * 80)
    rows = [np.full((10, 1), float(i)) for i in range(4)]
    kept = [memory.values(x, 10**9, np.copy) for x in rows[:3]]
    assert memory.values(rows[0], 10**9, np.copy) is kept[0]
    memory.values(rows[3], 10**9, np.copy)
    # The second was not used for the longest time.
    assert memory.values(rows[0], 10**9, np.copy) is kept[0]
    assert memory.values(rows[1], 10**9, np.copy) is not kept[1]
    with pytest.raises(ValueError, match="read-only"):
        kept[0][0] = 1
    large = np.zeros((31, 1))
    assert memory.values(large, 10**9, np.copy) is not memory.values(large, 10**9, np.copy)


@pytest.mark.parametrize("name", ["tp", "ts", "ds", "gp", "cr"])
def test_design_that_was_learned_with_is_the_design(name: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.integers(0, 40, size=(200, 1 if name == "cr" else 2)) / 7
    basis, design = learn_with_design(name, x, 9)
    np.testing.assert_allclose(design, basis.design(x), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(design, learn_basis(name, x, 9).design(x), rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------ xt


def test_max_knots_limits_the_places() -> None:
    whole, few = thin_plate(DATA[["x", "z"]].to_numpy(), 8), term(
        "y ~ s(x, z, k = 8, xt = list(max.knots = 20))"
    ).smooths[0].form.basis
    assert len(whole.places) == 60
    assert len(few.places) == 20  # type: ignore[attr-defined]
    # All places are the default; the seed chooses others.
    same = term("y ~ s(x, z, k = 8, xt = list(max.knots = 60))").smooths[0]
    plain = term("y ~ s(x, z, k = 8)").smooths[0]
    for one, other in zip(same.columns(DATA)[1], plain.columns(DATA)[1], strict=True):
        np.testing.assert_array_equal(one, other)
    other = term("y ~ s(x, z, k = 8, xt = list(max.knots = 20, seed = 5))").smooths[0]
    assert not np.array_equal(
        other.form.basis.places, few.places  # type: ignore[attr-defined]
    )
    x = np.arange(100.0)[:, None]
    np.testing.assert_array_equal(Places(5).chosen(x, 3)[:, 0], [0, 25, 50, 74, 99])


def test_few_places_fit_nearly_as_well_as_all() -> None:
    """A smooth of 300 places follows the one of 1500: their spaces nearly hold the same curves."""
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(1500, 2))
    truth = np.sin(5 * x[:, 0]) * np.cos(4 * x[:, 1])
    fits = []
    for limit in (1500, 300):
        design = thin_plate(x, 40, limit=Places(limit)).design(x)
        fits.append(design @ np.linalg.lstsq(design, truth, rcond=None)[0])
    errors = [float(np.sqrt(np.mean((fit - truth) ** 2))) for fit in fits]
    assert errors[1] < 1.5 * errors[0] < 0.05


def test_basis_of_the_curves_of_fs() -> None:
    for text in ('xt = "cr"', 'xt = list(bs = "cr")', 'xt = list("cr")'):
        smooth = term(f'y ~ s(x, f, bs = "fs", k = 5, {text})').smooths[0]
        assert type(smooth.form.basis.basis).__name__ == "Cubic"  # type: ignore[attr-defined]
        assert [b.shape[1] for b in smooth.form.random] == [9, 3, 3]
    plain = term('y ~ s(x, f, bs = "fs", k = 5)').smooths[0]
    assert isinstance(plain.form.basis.basis, ThinPlate)  # type: ignore[attr-defined]


# ------------------------------------------------------------------ id


def test_smooths_with_one_id_share_their_standard_deviation() -> None:
    model = hm.model("y ~ f + s(x, by = f, k = 5, id = 1)", DATA)
    names = [v.name for v in model.parameters]
    assert "sds_1" in names and "sds_2" not in names and "zs_3_1" in names
    assert (model.priors["class"] == "sds").sum() == 2  # the class and the one smooth
    fit = fit_of("y ~ f + s(x, by = f, k = 5, id = 1)")
    assert fit.posterior["sds"].shape == (2, 25, 1)
    sd = fit.posterior["sds"].values
    for level in "abc":
        weights = fit.posterior[f"s_sxf{level}_1"].values
        assert weights.shape == (2, 25, 3) and np.ptp(weights / sd) > 0
    # The linear predictor is the sum of what is shown.
    data = DATA.assign(y=0.0)
    total = fit.posterior_smooths("s(x, by = f, k = 5, id = 1)", data).values
    levels = fit.posterior["b"].sel(coef=["fb", "fc"]).values
    rest = fit.posterior["b"].sel(coef="Intercept").values[..., None]
    for k, level in enumerate("bc"):
        rest = rest + levels[..., k, None] * (DATA["f"] == level).to_numpy()
    np.testing.assert_allclose(fit.posterior_linpred(data).values, total + rest, rtol=1e-10)


def test_shared_standard_deviations_are_certified_and_sampled() -> None:
    formula = "y ~ f + s(x, by = f, k = 4, id = 'a')"
    fit = hm.fit(formula, DATA, chains=1, draws=30, warmup=60, seed=1, progress=False)
    assert fit.provenance["certificate"]
    model = hm.model(formula, DATA, priors=[hm.prior("horseshoe()", "sds")])
    assert model.bind(DATA)["Kscales"] == 1


# ------------------------------------------------------------------ ord


def test_orders_choose_blocks_of_tensor_products() -> None:
    def shapes(text: str) -> tuple[int, list[int]]:
        form = term(f"y ~ t2(x, z, k = 4{text})").smooths[0].form
        return form.fixed.shape[1], [b.shape[1] for b in form.random]

    fixed, blocks = shapes("")
    assert (fixed, sorted(blocks)) == (3, [4, 4, 4])
    assert shapes(", ord = c(0, 1, 2)") == (fixed, blocks)
    assert shapes(", ord = c(0, 1)") == (3, [4, 4])
    assert shapes(", ord = 2") == (0, [4])
    whole = term("y ~ t2(x, z, k = 4)").smooths[0].columns(DATA)[1]
    both = term("y ~ t2(x, z, k = 4, ord = 2)").smooths[0].columns(DATA)[1][0]
    # Penalties are scaled by the whole design, so that blocks agree up to a number.
    def covariance(block: np.ndarray) -> np.ndarray:
        return block @ block.T / np.sum(block**2)

    match = [np.allclose(covariance(both), covariance(block), atol=1e-12) for block in whole]
    assert sum(match) == 1


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("term_text", "words"),
    [
        ("s(x, sp = 0.1)", "constant"),
        ("s(x, k = 5, xt = 3)", "xt is list"),
        ("s(x, k = 5, xt = list(max.knots = 2))", "at least 3"),
        ("s(x, k = 5, xt = list(max.knots = 0.5))", "xt is list"),
        ("s(x, k = 5, xt = list(knots = 9))", "xt is list"),
        ('s(x, bs = "cr", xt = list(max.knots = 9))', 'nothing to bs = "cr"'),
        ('s(f, bs = "re", xt = list(max.knots = 9))', 'nothing to bs = "re"'),
        ('s(x, f, bs = "fs", k = 4, xt = "qq")', "no basis 'qq'"),
        ('s(x, f, bs = "fs", k = 4, xt = 2)', "basis of each curve"),
        ("s(x, k = 5, id = TRUE)", "id is a number or text"),
        ("s(x, k = 5, id = 1) + s(z, k = 5, id = 1)", "not the same basis"),
        ("s(x, k = 5, id = 1) + s(x, by = z, k = 7, id = 1)", "not the same basis"),
        ("t2(x, z, k = 4, ord = 3)", "from 0 to 2"),
        ("t2(x, z, k = 4, ord = 0)", "nothing that is smooth"),
        ("t2(x, z, k = 4, xt = list(max.knots = 9))", "no argument 'xt'"),
        ("s(x, z, k = 20, xt = list(max.knots = 9))", "9 places are too few for k = 20 functions"),
    ],
)
def test_what_is_refused(term_text: str, words: str) -> None:
    with pytest.raises(FormulaError, match=words):
        hm.model(f"y ~ {term_text}", DATA)


def test_new_rows_and_saved_fits(tmp_path: Any) -> None:
    fit = fit_of("y ~ s(x, z, k = 8, xt = list(max.knots = 20)) + s(w, by = f, k = 4, id = 2)")
    fit.save(tmp_path / "fit.nc")
    again = hm.load(tmp_path / "fit.nc")
    new = pd.concat([DATA.head(3), DATA.tail(3)])
    np.testing.assert_allclose(
        again.posterior_linpred(new).values,
        fit.posterior_linpred().values[..., [0, 1, 2, -3, -2, -1]], rtol=1e-10,
    )  # fmt: skip
