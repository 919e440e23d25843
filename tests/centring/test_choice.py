"""How far effects are centred follows from what the data tell of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.centring import centred_groups, parameterization_named
from hiermodel.centring.curvature import _blocks
from hiermodel.centring.marginal_fit import MarginalFit
from hiermodel.engines import SamplingSettings, get_engine
from hiermodel.engines.free import free_places
from hiermodel.errors import ArgumentError, HiermodelError

from .frames import counts, study

SETTINGS = SamplingSettings.of(seed=1)


def weights(levels: int, each: int) -> np.ndarray:
    data = counts(levels, each)
    model = hm.model("k ~ a + x + (1 | g)", data, "poisson")
    found = centred_groups(model, model.groups, data, SETTINGS, "auto")
    return found[1].weights[0]


def test_the_more_rows_the_further() -> None:
    few, many = weights(60, 2), weights(20, 30)
    assert 0.2 < np.median(few) < 0.85
    assert np.median(many) > 0.95
    assert ((few >= 0) & (few <= 1)).all()


def test_shifts_take_off_what_is_told_of_the_levels_together_with_coefficients() -> None:
    """A level's effect gives way to its predictor as far as it is centred."""
    data = counts(20, 60)
    model = hm.model("k ~ a + (1 | g)", data, "poisson")
    centring = centred_groups(model, model.groups, data, SETTINGS, "auto")[1]
    shifts = {shift.parameter.name: shift for shift in centring.shifts}
    at = data.groupby("g")["a"].first().reindex(model.groups[0].grouping.levels)
    centred = at.to_numpy() - data["a"].mean()
    w = centring.weights[0]
    np.testing.assert_allclose(shifts["b"].slopes[0, :, 0], -w * centred, rtol=0.05, atol=0.01)
    np.testing.assert_allclose(shifts["Intercept"].slopes[0], -w, rtol=0.05)
    assert w.min() > 0.8


class NormalEffects:
    """Group means ``y_j ~ N(m + s z_j, e)`` with flat m and log s: everything in closed form."""

    def __init__(self, y: np.ndarray, error: float) -> None:
        self.y, self.error, self.dim = y, error, len(y) + 2

    def value_and_grad(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        m, z, s = q[0], q[1:-1], np.exp(q[-1])
        scaled = (self.y - m - s * z) / self.error**2
        lp = -0.5 * float(scaled @ (self.y - m - s * z) + z @ z)
        return lp, np.concatenate([[scaled.sum()], s * scaled - z, [s * float(scaled @ z)]])


def test_marginal_fit_of_normal_means_is_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    y, error = 3 + rng.normal(0, 2, 400) + rng.normal(0, 1.5, 400), 1.5
    data = study(800, 400)
    model = hm.model("k ~ 1 + (1 | g)", data, "poisson")
    places = {"Intercept": slice(0, 1), "z_1": slice(1, 401), "sd_1": slice(401, 402)}
    block, = _blocks(model.groups, places)
    fit = MarginalFit(NormalEffects(y, error), [block], seed=1)  # type: ignore[arg-type]
    q = fit.find(np.zeros(402))
    assert q is not None
    sd = np.exp(q[-1])
    assert sd**2 == pytest.approx(y.var() - error**2, rel=0.1)  # where the search stops
    assert q[0] == pytest.approx(y.mean(), abs=1e-3)
    told = sd**2 / error**2
    found = fit.information([q], block, [0])
    assert found is not None
    np.testing.assert_allclose(found.covariance[:, 0, 0], 1 / (1 + told), rtol=1e-4)
    np.testing.assert_allclose(found.slopes[:, 0, 0] * sd, -told / (1 + told), rtol=1e-4)


def test_places_are_those_of_the_engine() -> None:
    data = study()
    model = hm.model("rating ~ x + (x + t | g) + (1 | h)", data, "cumulative")
    places = free_places(model.parameters, model.bind(data))
    assert places is not None
    density = get_engine("stanli").log_density(model.stan_code, model.bind(data), model.parameters)
    q = np.random.default_rng(1).normal(size=density.dim)
    values = {k: v[0] for k, v in density.constrain(q[None]).items()}
    block, other = _blocks(model.groups, places)
    np.testing.assert_allclose(q[block.z].T, values["z_1"])
    np.testing.assert_allclose(np.exp(q[block.sd]), values["sd_1"])
    np.testing.assert_allclose(q[other.z].T, values["z_2"])
    assert len(block.correlations) == 3 and places["L_1"].stop <= density.dim


def test_crossed_factors_do_not_both_give_way() -> None:
    """An intercept that moves is taken up once; each predictor by the factor that it belongs to."""
    data = counts(30, 20)
    h = np.random.default_rng(5).integers(0, 25, len(data))
    extra = np.random.default_rng(6).normal(0, 0.6, 25)[h]
    k = np.random.default_rng(7).poisson(np.exp(np.log1p(data["k"]) + extra))
    data = data.assign(h=h.astype(str), k=k, c=np.random.default_rng(8).normal(size=25)[h])
    model = hm.model("k ~ a + c + (1 | g) + (1 | h)", data, "poisson")
    found = centred_groups(model, model.groups, data, SETTINGS, "auto")
    slopes = {
        model.groups[i - 1].name: {s.parameter.name: s.slopes[0] for s in centring.shifts}
        for i, centring in found.items()
    }
    assert set(slopes) == {"g", "h"}
    intercepts = [slopes[name]["Intercept"].any() for name in ("g", "h")]
    assert sorted(intercepts) == [False, True]
    assert slopes["g"]["b"].any(axis=0).tolist() == [True, False]
    assert slopes["h"]["b"].any(axis=0).tolist() == [False, True]


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("k ~ x + (1 | gr(g, dist = 'student'))", "Student"),
        ("k ~ x + (1 | mm(g, h))", "several members"),
        ("k ~ x + (1 | gr(g, by = side))", "for each level of side"),
    ],
)
def test_what_cannot_be_centred_says_so_or_is_left_alone(formula: str, says: str) -> None:
    data = study().assign(side=lambda d: np.where(d["g"] < "g3", "l", "r"))
    model = hm.model(formula, data, "poisson")
    with pytest.raises(HiermodelError, match=says):
        centred_groups(model, model.groups, data, SETTINGS, "centered")
    assert centred_groups(model, model.groups, data, SETTINGS, "auto") == {}


def test_a_word_for_a_factor() -> None:
    data = study()
    model = hm.model("k ~ x + (x | g) + (1 | h)", data, "poisson")
    how = {"g": "centered", "h": "noncentered"}
    found = centred_groups(model, model.groups, data, SETTINGS, how)
    assert list(found) == [1] and (found[1].weights == 1).all() and not found[1].shifts


@pytest.mark.parametrize("value", ["centred", True, None, {"g": "no"}])
def test_other_words_are_refused(value: Any) -> None:
    with pytest.raises(ArgumentError, match='"auto", "centered" or "noncentered"'):
        parameterization_named(value)


def test_unknown_factor_is_refused() -> None:
    data = study()
    model = hm.model("k ~ x + (1 | group)", data.rename(columns={"g": "group"}), "poisson")
    with pytest.raises(ArgumentError, match="did you mean 'group'"):
        centred_groups(model, model.groups, data, SETTINGS, {"grup": "centered"})


def test_starting_values_of_standardised_effects_keep_them() -> None:
    data = counts(10, 20)
    model = hm.model("k ~ a + (1 | g)", data, "poisson")
    given = SamplingSettings.of(seed=1, init={"z_1": np.zeros((1, 10))})
    assert centred_groups(model, model.groups, data, given, "auto") == {}
