"""Centred effects are the same model: densities differ by the Jacobian alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.centring import recentred
from hiermodel.certifying import numpy_log_lik
from hiermodel.declared import _standardised
from hiermodel.engines import get_engine
from hiermodel.terms.centring import Centring, Parameter, Shift, Source
from hiermodel.terms.group import CoefficientEffects

from .frames import study

# Formula, family.
MODELS: dict[str, tuple[Any, str]] = {
    "one": ("k ~ x + (1 | g)", "poisson"),
    "correlated": ("k ~ x + (x + t | g)", "poisson"),
    "uncorrelated": ("k ~ x + (x + t || g)", "poisson"),
    "crossed": ("k ~ x + (x | g) + (1 | h)", "poisson"),
    "several crossed": ("k ~ x + (1 | g) + (x + t | h) + (x + t || h:g)", "poisson"),
    "shared by two parameters": (hm.bf("y ~ x + (1 |i| g)", "sigma ~ (1 |i| g)"), "gaussian"),
    "thresholds": ("rating ~ x + (x | g)", "cumulative"),
    "non-linear": (
        hm.bf("y ~ a * exp(-b * t)", "a ~ 1 + (1 | g)", "b ~ x", nl=True), "gaussian",
    ),
    "several responses": ("mvbind(y, t) ~ x + (1 |i| g)", "gaussian"),
}
PRIORS = {"non-linear": [hm.prior("normal(0, 1)", nlpar="a"), hm.prior("normal(0, 1)", nlpar="b")]}


def model(name: str, normalize: bool = True) -> tuple[hm.Model, Any]:
    data = study()
    formula, family = MODELS[name]
    made = hm.model(formula, data, family, PRIORS.get(name), normalize=normalize)
    return made, data


def anyhow(made: hm.Model) -> dict[int, Centring]:
    """Weights and shifts at random: the posterior must not depend on them."""
    rng = np.random.default_rng(4)
    plain = [
        v for v in made.parameters
        if v.prior is not None and v.type in ("real", "vector", "ordered") and not v.lower
    ]
    sizes = made.constants()
    out: dict[int, Centring] = {}
    sources: list[Source] = [Parameter(var) for var in plain]
    lengths = [() if v.type == "real" else (int(sizes[v.size[0]]),) for v in plain]
    # The effects of a factor move with those of the factors after it.
    for group in reversed(made.groups):
        shape = (len(group.coefs), len(group.grouping.levels))
        shifts = [
            Shift(source, rng.normal(size=(*shape, *length)) / 5, rng.normal(size=length))
            for source, length in zip(sources, lengths, strict=True)
        ]
        out[group.index] = Centring(rng.uniform(size=shape), tuple(shifts))
        whole = replace(group, centring=out[group.index])
        sources += [CoefficientEffects(whole, k + 1) for k in range(shape[0])]
        lengths += [shape[1:]] * shape[0]
    return out


@pytest.mark.parametrize("name", MODELS)
def test_density_is_that_of_standardised_effects_with_the_jacobian(name: str) -> None:
    made, data = model(name)
    centred = recentred(made, anyhow(made))
    engine = get_engine("stanli")
    plain = engine.log_density(made.stan_code, made.bind(data), made.parameters)
    other = engine.log_density(centred.stan_code, centred.bind(data), centred.parameters)
    rng = np.random.default_rng(5)
    for _ in range(3):
        q = rng.normal(size=other.dim) / 3
        params = {k: v[0] for k, v in other.constrain(q[None]).items()}
        wanted = {v.name: params[v.name] for v in centred.parameters}
        draws = centred.complete({k: np.asarray(v)[None, None] for k, v in wanted.items()})
        jacobian = 0.0
        point = {k: v for k, v in wanted.items() if not k.startswith("v_")}
        for group in centred.groups:
            assert group.centring is not None
            i = group.index
            sd = draws[f"sd_{i}"][0, 0]
            tau = sd * np.diag(draws[f"L_{i}"][0, 0]) if group.has_cor else sd
            jacobian -= float((group.centring.weights * np.log(tau)[:, None]).sum())
            z = _standardised(made.groups[i - 1], group.effects(draws), draws)
            point[f"z_{i}"] = z[0, 0]
            # And back.
            np.testing.assert_allclose(group.centred_effects(draws)[1], z, rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(
                group.sampled_effects(draws, z), draws[f"v_{i}"], rtol=1e-9, atol=1e-12
            )
        expected = plain.value(point) + jacobian
        assert other.value_and_grad(q)[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_twin_of_the_likelihood(name: str) -> None:
    """What the certificate compares, and what posteriors are made of."""
    made, data = model(name)
    centred = recentred(made, anyhow(made))
    engine = get_engine("stanli")
    bound = centred.bind(data)
    full, prior = (
        engine.log_density(centred.stan_code, bound | {"prior_only": k}, centred.parameters)
        for k in (0, 1)
    )
    q = np.random.default_rng(6).normal(size=full.dim) / 3
    params = {k: v[0] for k, v in full.constrain(q[None]).items() if k != "lprior"}
    found = full.value_and_grad(q)[0] - prior.value_and_grad(q)[0]
    assert numpy_log_lik(centred, data, params) == pytest.approx(found, rel=1e-9)


def test_without_constants_the_gradient_is_the_same() -> None:
    made, data = model("correlated")
    short, _ = model("correlated", normalize=False)
    how = anyhow(made)
    engine = get_engine("stanli")
    gradients = []
    for one in (made, short):
        form = recentred(one, how)
        density = engine.log_density(form.stan_code, form.bind(data), form.parameters)
        q = np.random.default_rng(7).normal(size=density.dim) / 3
        gradients.append(density.value_and_grad(q)[1])
    np.testing.assert_allclose(*gradients, rtol=1e-9, atol=1e-9)


def test_weights_0_without_shifts_are_standardised_effects() -> None:
    made, data = model("correlated")
    shape = (3, len(made.groups[0].grouping.levels))
    centred = recentred(made, {1: Centring(np.zeros(shape))})
    engine = get_engine("stanli")
    plain = engine.log_density(made.stan_code, made.bind(data), made.parameters)
    other = engine.log_density(centred.stan_code, centred.bind(data), centred.parameters)
    point = {k: v[0] for k, v in plain.constrain(np.full((1, plain.dim), 0.2)).items()}
    point = {v.name: point[v.name] for v in made.parameters}
    there = {k: v for k, v in point.items() if k != "z_1"} | {"v_1": point["z_1"]}
    assert other.value(there) == pytest.approx(plain.value(point), rel=1e-12)


def test_the_model_itself_is_left_alone() -> None:
    made, _ = model("one")
    before = made.stan_code
    centred = recentred(made, anyhow(made))
    assert made.stan_code == before and "z_1" in before
    assert "v_1" in centred.stan_code and "z_1" not in centred.stan_code
    assert [v.name for v in made.parameters] != [v.name for v in centred.parameters]
