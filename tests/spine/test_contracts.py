"""Every model keeps its promises: declared data and parameters, terms, no numbers in programs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from hiermodel.engines.inits import declared_shape
from hiermodel.stan.variables import Block
from hiermodel.terms.base import Term
from hiermodel.terms.gaussian_process import GaussianProcessTerm
from hiermodel.terms.special_effects import SpecialEffectsTerm

from . import cases
from .draws import density, fit_of, random_draws
from .frames import study


@pytest.mark.parametrize("name", cases.EVERY)
def test_bind_gives_the_data_block(name: str) -> None:
    """Same names in the same order, declared shapes and kinds, values within the bounds."""
    model, data = cases.model(name), cases.training(name)
    bound = model.bind(data)
    declared = [v for v in model.variables if v.block is Block.DATA]
    assert list(bound) == [v.name for v in declared]
    for var in declared:
        value = bound[var.name]
        assert np.shape(value) == declared_shape(var, bound), var.name
        kind = np.asarray(value).dtype.kind
        assert kind in "iu" if var.type == "int" else kind in "fiu", var.name
        for bound_text, holds in ((var.lower, np.greater_equal), (var.upper, np.less_equal)):
            limit = _number(bound_text, bound)
            if limit is not None:
                assert holds(value, limit).all(), var.name


def _number(text: str, data: dict[str, object]) -> float | None:
    if not text:
        return None
    name, _, place = text.rstrip("]").partition("[")
    if name not in data:
        return float(text)
    return float(np.asarray(data[name])[int(place) - 1] if place else data[name])  # type: ignore[arg-type]


@pytest.mark.parametrize("name", cases.EVERY)
def test_the_program_declares_what_the_model_lists(name: str) -> None:
    model = cases.model(name)
    for var in model.variables:
        assert var.declaration in model.stan_code, var.name
    names = [v.name for v in model.variables]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", cases.EVERY)
def test_parameters_are_those_of_the_engine(name: str) -> None:
    """Names and shapes of `Model.parameters` are what the engine constrains to."""
    model, data = cases.model(name), cases.training(name)
    made = density(model, data).model
    found: dict[str, list[tuple[int, ...]]] = {}
    for text in made.constrained_names:
        base, _, index = text.rstrip("]").partition("[")
        found.setdefault(base, []).append(tuple(int(k) for k in index.split(",") if k))
    draws = random_draws(model, data, chains=1, draws=1)
    for var in model.parameters:
        shape = draws[var.name].shape[2:]
        assert tuple(max(k) for k in zip(*found[var.name], strict=True)) == shape, var.name
        assert len(found[var.name]) == int(np.prod(shape))
    listed = [v.name for v in model.parameters]
    assert [n for n in found if n in listed] == listed


@pytest.mark.parametrize("name", cases.EVERY)
def test_draws_are_within_their_declared_bounds(name: str) -> None:
    model, data = cases.model(name), cases.training(name)
    draws = random_draws(model, data)
    for var in model.parameters:
        if re.fullmatch(r"[-\d.]+", var.lower):
            assert (draws[var.name] >= float(var.lower)).all()
        if var.type == "ordered":
            assert (np.diff(draws[var.name], axis=-1) > 0).all()
        if var.type == "cholesky_factor_corr":
            rows = np.linalg.norm(draws[var.name], axis=-1)
            np.testing.assert_allclose(rows, 1.0, rtol=1e-12)


@pytest.mark.parametrize("name", cases.EVERY)
def test_terms_keep_the_protocol(name: str) -> None:
    """Each term gives exactly its declared data, its constants depend on no row."""
    model, data = cases.model(name), cases.training(name)
    bound = model.bind(data)
    fit = fit_of(name)
    draws = {
        str(k): v.values.reshape(-1, *v.shape[2:]) for k, v in fit.posterior.data_vars.items()
    }
    for group in model.groups:
        r = fit.posterior[f"r_{group.name}"]
        labels = [str(v) for v in r.coords[f"{group.name}_coef"].values]
        at = [labels.index(coef.label) for coef in group.coefs]
        draws[f"r_{group.index}"] = r.values.reshape(-1, *r.shape[2:])[:, :, at]
    for predictor in model.predictors:
        for term in predictor.terms:
            assert isinstance(term, Term)
            given = {**term.data(data), **term.constants()}
            wanted = {v.name for v in term.variables if v.block is Block.DATA}
            assert set(given) == wanted, term.text
            assert set(term.columns_needed) <= set(data.columns)
            only = data[list(dict.fromkeys(term.columns_needed))].copy()
            only.index = range(len(only))
            for key, value in term.data(only).items():
                np.testing.assert_array_equal(value, bound[key])
            if isinstance(term, SpecialEffectsTerm):
                draws |= term.latent(draws, data, True, np.random.default_rng(1))
            if isinstance(term, GaussianProcessTerm):
                draws |= term.drawn(draws, data, data, np.random.default_rng(1))
            eta = term.eta(draws, bound)
            assert np.broadcast_shapes(eta.shape, (8, len(data))) == (8, len(data))


# Categories of the response and groups of thresholds are part of a program; all else is not.
@pytest.mark.parametrize("name", cases.EVERY)
def test_the_program_does_not_know_the_numbers(name: str) -> None:
    """Other numbers, another number of rows and levels, another scale: the same program."""
    case = cases.BY_NAME[name]
    other = study(seed=77, n=112, levels=14, scale=1000.0)
    if case.family == "lognormal":
        other["y"] = other["pos"]
    assert case.build(other).stan_code == cases.model(name).stan_code


@pytest.mark.parametrize("name", cases.EVERY)
def test_a_program_has_no_long_numbers(name: str) -> None:
    """Only numbers that a person would write."""
    code = re.sub(r"//.*|/\*.*?\*/", "", cases.model(name).stan_code, flags=re.DOTALL)
    for number in re.findall(r"(?<![\w.])\d+\.\d+", code):
        assert len(number) <= 5, number


@pytest.mark.parametrize("name", cases.EVERY)
def test_prior_only_leaves_the_data_out(name: str) -> None:
    """The density of the prior is the same whatever the responses are."""
    model, data = cases.model(name), cases.training(name)
    first = density(model, data, prior_only=True)
    bound = model.bind(data, prior_only=True)
    shuffled = {**bound, "Y": np.asarray(bound["Y"])[::-1].copy()}
    second = type(first)(model.stan_code, shuffled, model.parameters)
    point = np.random.default_rng(2).uniform(-0.5, 0.5, first.dim)
    assert first.value_and_grad(point)[0] == second.value_and_grad(point)[0]
    assert np.isfinite(first.value_and_grad(point)[0])


@pytest.mark.parametrize("name", cases.EVERY)
def test_posterior_has_labels_and_attributes(name: str) -> None:
    """Every variable says what it is, and what has labels has as many as it is long."""
    posterior = fit_of(name).posterior
    for variable in posterior.data_vars:
        array = posterior[variable]
        assert array.dims[:2] == ("chain", "draw")
        assert {"cls", "group", "dpar", "resp"} <= set(array.attrs), variable
        assert np.isfinite(array.values).all(), variable
        for dim in array.dims[2:]:
            labels = array.coords[dim].values.tolist()
            assert len(set(labels)) == len(labels), variable
            assert all(isinstance(v, str) for v in labels), variable


@pytest.mark.parametrize("name", cases.EVERY)
def test_every_view_of_a_fit_works(name: str) -> None:
    """Tables, text and flat names exist for every kind of model."""
    fit = fit_of(name)
    assert str(fit.summary())
    assert len(fit.to_frame()) == 8
    assert not fit.fixef().isna().any().any()
    if fit.model.groups:
        assert fit.ranef() and fit.varcorr() is not None
    assert repr(fit.model)


def test_levels_that_occur_in_the_data_only_once_are_fine() -> None:
    data = study(n=60, levels=60)
    model = cases.BY_NAME["correlated_slopes"].build(data)
    assert model.bind(data)["N_1"] == 60
