"""How far effects are centred follows from what the data tell of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.centring import centred_groups, parameterization_named, recentred
from hiermodel.centring.marginal_fit import MarginalFit
from hiermodel.centring.search import blocks_of
from hiermodel.engines import SamplingSettings, get_engine
from hiermodel.engines.free import free_places
from hiermodel.engines.modes import hessian
from hiermodel.engines.tuning import DrawsTuner
from hiermodel.errors import ArgumentError, HiermodelError

from .frames import counts, study

SETTINGS = SamplingSettings.of(seed=1)


def weights(levels: int, each: int) -> np.ndarray:
    data = counts(levels, each)
    model = hm.model("k ~ a + x + (1 | g)", data, "poisson")
    found = centred_groups(model, model.groups, data, SETTINGS, "auto")[0]
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
    centring = centred_groups(model, model.groups, data, SETTINGS, "auto")[0][1]
    shifts = {shift.source.name: shift for shift in centring.shifts}
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
    block, = blocks_of(model.groups, places)
    fit = MarginalFit(NormalEffects(y, error), [block], seed=1)  # type: ignore[arg-type]
    q = fit.find(np.zeros(402))
    assert q is not None
    sd = np.exp(q[-1])
    assert sd**2 == pytest.approx(y.var() - error**2, rel=0.1)  # where the search stops
    assert q[0] == pytest.approx(y.mean(), abs=1e-3)
    told = sd**2 / error**2
    found = fit.covariance([q], block)
    np.testing.assert_allclose(found[:, 0, 0], 1 / (1 + told), rtol=1e-4)
    change = found[:, 0, 0] * -fit.times(q, np.array([0]), np.ones(1))[1:-1]
    np.testing.assert_allclose(change * sd, -told / (1 + told), rtol=1e-4)


def test_places_are_those_of_the_engine() -> None:
    data = study()
    model = hm.model("rating ~ x + (x + t | g) + (1 | h)", data, "cumulative")
    places = free_places(model.parameters, model.bind(data))
    assert places is not None
    density = get_engine("stanli").log_density(model.stan_code, model.bind(data), model.parameters)
    q = np.random.default_rng(1).normal(size=density.dim)
    values = {k: v[0] for k, v in density.constrain(q[None]).items()}
    block, other = blocks_of(model.groups, places)
    np.testing.assert_allclose(q[block.z].T, values["z_1"])
    np.testing.assert_allclose(np.exp(q[block.sd]), values["sd_1"])
    np.testing.assert_allclose(q[other.z].T, values["z_2"])
    assert len(block.correlations) == 3 and places["L_1"].stop <= density.dim


def test_crossed_factors_give_way_together_once() -> None:
    """An intercept that moves is taken up by both together; predictors by their own factor.

    The larger factor gives way to the intercept and to the effects of the smaller one.
    """
    data = counts(30, 20)
    h = np.random.default_rng(5).integers(0, 25, len(data))
    extra = np.random.default_rng(6).normal(0, 0.6, 25)[h]
    k = np.random.default_rng(7).poisson(np.exp(np.log1p(data["k"]) + extra))
    data = data.assign(h=h.astype(str), k=k, c=np.random.default_rng(8).normal(size=25)[h])
    model = hm.model("k ~ a + c + (1 | g) + (1 | h)", data, "poisson")
    found, tuner = centred_groups(model, model.groups, data, SETTINGS, "auto")
    assert list(found) == [2, 1] and tuner is not None
    g, h_ = (
        {s.source.name: s.slopes[0] for s in found[index].shifts} for index in (1, 2)
    )
    assert set(h_) == {"b", "Intercept"} and set(g) == {"b", "Intercept", "r_2_1"}
    both = h_["Intercept"].mean() + (g["Intercept"] + g["r_2_1"] @ h_["Intercept"]).mean()
    assert both == pytest.approx(-1, abs=0.15)
    # By predictors that belong to the levels of one factor, the other one is hardly moved.
    moved = g["b"] + g["r_2_1"] @ h_["b"]
    a = data.groupby("g")["a"].first()[list(model.groups[0].grouping.levels)]
    assert np.corrcoef(moved[:, 0], a)[0, 1] < -0.98
    assert np.abs(moved[:, 1]).max() < 0.3 * np.abs(h_["b"][:, 1]).max()


def test_what_is_sampled_of_crossed_factors_hangs_together_less() -> None:
    """The condition of the curvature, with each number in its own scale."""
    rng = np.random.default_rng(3)
    data = pd.DataFrame({"g": rng.integers(0, 40, 900), "h": rng.integers(0, 15, 900)})
    eta = rng.normal(0, 0.8, 40)[data["g"]] + rng.normal(0, 0.8, 15)[data["h"]]
    data = data.assign(k=rng.poisson(np.exp(1 + eta)), g=data["g"].astype(str)).astype({"h": str})
    model = hm.model("k ~ 1 + (1 | g) + (1 | h)", data, "poisson")
    found, tuner = centred_groups(model, model.groups, data, SETTINGS, "auto")
    assert isinstance(tuner, DrawsTuner)
    conditions = []
    for shifts in (True, False):
        how = found if shifts else {i: replace(c, shifts=()) for i, c in found.items()}
        form = recentred(model, how)
        density = get_engine("stanli").log_density(form.stan_code, form.bind(data), form.parameters)
        mean = {k: v.mean(axis=0) for k, v in tuner.values.items()}
        if not shifts:
            effects = {f"r_{g.index}": g.effects({k: v[None, None] for k, v in mean.items()})
                       for g in recentred(model, found).groups}
            for group in form.groups:
                r = effects[f"r_{group.index}"][0, 0].T
                sd = mean[f"sd_{group.index}"][:, None]
                mean[f"v_{group.index}"] = r / sd ** (1 - group.centring.weights)
        curvature = -hessian(density, density.unconstrain(mean))
        scale = np.sqrt(np.diag(np.linalg.inv(curvature)))
        conditions.append(np.linalg.cond(curvature * np.outer(scale, scale)))
    assert conditions[0] < conditions[1] / 5


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
    assert centred_groups(model, model.groups, data, SETTINGS, "auto")[0] == {}


def test_a_word_for_a_factor() -> None:
    data = study()
    model = hm.model("k ~ x + (x | g) + (1 | h)", data, "poisson")
    how = {"g": "centered", "h": "noncentered"}
    found = centred_groups(model, model.groups, data, SETTINGS, how)[0]
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
    assert centred_groups(model, model.groups, data, given, "auto") == ({}, None)
