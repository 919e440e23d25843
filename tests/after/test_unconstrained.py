"""The draws that a log density takes: all of them come back, also from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import hiermodel as hm
from hiermodel.declared import GROUP, declared_draws, kept_draws
from hiermodel.engines.inits import declared_shape
from hiermodel.errors import EngineError, HiermodelError
from hiermodel.posterior import posterior_dataset
from hiermodel.unconstrained import unconstrained

from .posteriors import reaction_data

SMALL = {"chains": 2, "draws": 50, "warmup": 100, "seed": 1, "progress": False}


def frame() -> pd.DataFrame:
    data = reaction_data()
    data["h"] = np.tile([f"h{k}" for k in range(8)], 5)
    data["side"] = data["h"].map(lambda v: "left" if v < "h4" else "right")
    return data


def random_values(model: hm.Model) -> dict[str, np.ndarray]:
    """Draws of every declared parameter, inside its support."""
    rng = np.random.default_rng(4)
    out = {}
    for var in model.parameters:
        shape = declared_shape(var, model.constants())
        assert shape is not None
        value = rng.normal(size=(2, 3, *shape))
        if var.lower:
            value = np.abs(value) + float(var.lower) + 0.1
        if var.type == "ordered":
            value = np.sort(value, axis=-1)
        if var.type == "simplex":
            value = rng.dirichlet(np.ones(shape[-1]), size=(2, 3, *shape[:-1]))
        if var.type == "cholesky_factor_corr":
            value = np.tril(value)
            value[..., np.arange(shape[-1]), np.arange(shape[-1])] = 1.0
            value /= np.linalg.norm(value, axis=-1, keepdims=True)
        out[var.name] = value
    return out


COV = pd.DataFrame(
    0.5 ** np.abs(np.subtract.outer(np.arange(8), np.arange(8))),
    index=[f"h{k}" for k in range(8)], columns=[f"h{k}" for k in range(8)],
)


@pytest.mark.parametrize(
    ("formula", "family", "kept"),
    [
        ("y ~ x + dose", "gaussian", set()),
        ("y ~ 0 + x", "gaussian", set()),
        ("y ~ x + (x | g) + (1 | h)", "gaussian", {"L_1"}),
        ("y ~ x + (x || h)", "gaussian", set()),
        ("y ~ x + (1 | h) + (0 + x | h)", "gaussian", set()),
        ("y ~ x + (x | gr(h, by = side))", "gaussian", {"L_1"}),
        ("y ~ x + (x || gr(h, by = side))", "gaussian", set()),
        ("y ~ x + (1 | gr(h, cov = A))", "gaussian", set()),
        ("y ~ x + (x | gr(h, cov = A))", "gaussian", {"L_1"}),
        ("y ~ x + (x || gr(h, by = side, cov = A))", "gaussian", set()),
        ("y ~ x + (x | gr(h, dist = 'student'))", "gaussian", {"L_1", "udf_1"}),
        ("rating ~ x + (1 | h)", "cumulative", {"Intercept"}),
        (hm.bf("y ~ x + (1 |p| h)", "sigma ~ z + (1 |p| h)"), "gaussian", {"L_1"}),
    ],
)
def test_declared_draws_come_back(formula: str, family: str, kept: set[str]) -> None:
    data = frame()
    model = hm.model(formula, data, family, data2={"A": COV})
    values = random_values(model)
    posterior = posterior_dataset(model, values, model.rows(data))
    found = kept_draws(model, values, posterior)
    assert set(found.data_vars) == kept
    back = declared_draws(model, posterior, found)
    assert list(back) == [var.name for var in model.parameters]
    for name, value in values.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-10, atol=1e-10, err_msg=name)


def test_effects_of_no_size_are_kept() -> None:
    data = frame()
    model = hm.model("y ~ x + (1 | h)", data)
    values = random_values(model)
    values["sd_1"][0, 1] = 0.0
    posterior = posterior_dataset(model, values, model.rows(data))
    found = kept_draws(model, values, posterior)
    assert set(found.data_vars) == {"z_1"}
    np.testing.assert_array_equal(
        declared_draws(model, posterior, found)["z_1"], values["z_1"]
    )


@pytest.fixture(scope="module")
def fitted() -> hm.Fit:
    with pytest.warns(hm.SamplingWarning):
        return hm.fit("n ~ x + (x | h)", frame(), "poisson", **SMALL)


def test_density_is_that_of_the_sampler(fitted: hm.Fit) -> None:
    space = unconstrained(fitted)
    points = space.draws.reshape(100, -1)
    np.testing.assert_allclose(
        space.log_density(points), fitted.sample_stats["lp"].values.ravel(), rtol=1e-9
    )
    assert len(space.labels) == space.dim == len(set(space.labels))
    assert space.labels[:2] == ("b[1]", "Intercept") and "z_1[2,8]" in space.labels


def test_numpy_maps_points_as_the_engine_does(
    fitted: hm.Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = unconstrained(fitted)
    assert space.known_transforms
    points = space.draws.reshape(100, -1)[::9] + 0.3
    fast = space.posterior(points)
    monkeypatch.setattr("hiermodel.unconstrained.constrained", lambda *given: None)
    slow = space.posterior(points)
    for name in ("b", "sd_h", "cor_h", "r_h"):
        np.testing.assert_allclose(fast[name], slow[name], rtol=1e-10, atol=1e-12)
    # A transform that gives something else is not used.
    monkeypatch.setattr(
        "hiermodel.unconstrained.constrained",
        lambda variables, sizes, points: {"b": np.full((len(points), 1), 7.0)},
    )
    assert not unconstrained(fitted).known_transforms


def test_gradient_is_the_slope(fitted: hm.Fit) -> None:
    space = unconstrained(fitted)
    q, step = space.draws[0, 0], 1e-6
    k = space.labels.index("z_1[2,8]")
    up, down = q.copy(), q.copy()
    up[k] += step
    down[k] -= step
    slope = np.diff(space.log_density(np.stack([down, up])))[0] / (2 * step)
    assert space.gradient(q[np.newaxis])[0, k] == pytest.approx(slope, rel=1e-4)


def test_labelled_variables_at_the_draws_are_the_posterior(fitted: hm.Fit) -> None:
    space = unconstrained(fitted)
    again = space.posterior(space.draws.reshape(100, -1))
    for name in ("b", "sd_h", "cor_h", "r_h"):
        want = fitted.posterior[name].values
        np.testing.assert_allclose(
            again[name].values[0], want.reshape(100, *want.shape[2:]), rtol=1e-9, atol=1e-9
        )


def test_a_file_holds_what_is_needed(fitted: hm.Fit, tmp_path: Path) -> None:
    loaded = hm.load(fitted.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(unconstrained(loaded).draws, unconstrained(fitted).draws)
    assert GROUP in loaded.datasets and GROUP not in loaded.groups


def test_an_older_file_is_refused(fitted: hm.Fit) -> None:
    without = hm.Fit(
        fitted.model, fitted.frame,
        {k: v for k, v in fitted.datasets.items() if k != GROUP}, fitted.provenance,
    )
    with pytest.raises(HiermodelError, match=r"draws of the Stan parameter 'L_1'.*fit.update"):
        unconstrained(without)


def test_draws_of_another_density_are_refused(fitted: hm.Fit) -> None:
    stats = fitted.sample_stats.copy()
    stats["lp"] = stats["lp"] * np.linspace(1, 1.1, 50)
    with pytest.raises(EngineError, match="do not belong to its log density"):
        unconstrained(fitted.with_group("sample_stats", stats))


def test_one_of_several_responses_is_refused() -> None:
    data = frame()
    model = hm.model(hm.mvbf("y ~ x", hm.bf("n ~ x", family="poisson")), data)
    fit = hm.Fit.from_draws(model, data, random_values(model))
    assert unconstrained(fit).dim == 5
    with pytest.raises(HiermodelError, match="all responses together"):
        unconstrained(fit.only("y"))


def test_density_of_draws_of_another_engine_is_certified(
    fitted: hm.Fit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(
        "hiermodel.unconstrained.certify", lambda model, *rest: seen.append(model)
    )
    facts = {k: v for k, v in fitted.provenance.items() if k != "certificate"}
    other = hm.Fit(fitted.model, fitted.frame, fitted.datasets, {**facts, "engine": "cmdstan"})
    unconstrained(other)
    unconstrained(fitted)
    assert seen == [fitted.model]


@pytest.fixture(scope="module")
def collapsed() -> hm.Fit:
    return hm.fit("y ~ x + (x | h)", frame(), collapse=True, priors="weak", **SMALL)


def test_collapsed_form_is_what_the_sampler_saw(collapsed: hm.Fit) -> None:
    space = unconstrained(collapsed, collapsed=True)
    assert space.labels == ("b[1]", "Intercept", "sigma", "sd_1[1]", "sd_1[2]", "L_1[free 1]")
    lp = collapsed.sample_stats["lp"].values.ravel()
    np.testing.assert_allclose(space.log_density(space.draws.reshape(100, -1)), lp, rtol=1e-9)
    whole = unconstrained(collapsed)
    assert whole.dim == space.dim + 16 and not whole.collapsed
    # Other fits have one form, whatever is asked for.
    plain = collapsed.update(collapse=False)
    assert unconstrained(plain, collapsed=True).dim == whole.dim


def test_each_form_is_certified_once(collapsed: hm.Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr("hiermodel.unconstrained.certify", lambda *given: seen.append(given[0]))
    fit = hm.Fit(  # the same fit with a model that was not certified yet
        hm.model("y ~ x + (x | h)", frame(), priors="weak"), collapsed.frame, collapsed.datasets,
        collapsed.provenance,
    )
    unconstrained(fit, collapsed=True)
    assert seen == []  # the certificate of the fit is of this form
    unconstrained(fit)
    unconstrained(fit.with_groups("log_likelihood"))
    assert seen == [fit.model]
    unconstrained(hm.Fit(fit.model, fit.frame.copy(), fit.datasets, fit.provenance))
    assert seen == [fit.model, fit.model]


def test_mixtures_and_simplexes() -> None:
    data = frame()
    model = hm.model("y ~ 1", data, hm.mixture("gaussian", nmix=3))
    fit = hm.Fit.from_draws(model, data, random_values(model))
    space = unconstrained(fit)
    assert len(space.labels) == space.dim and "theta[free 2]" in space.labels
    again = space.posterior(space.draws.reshape(6, -1))
    np.testing.assert_allclose(
        again["theta1"].values.ravel(), fit.posterior["theta1"].values.ravel(), rtol=1e-9
    )
