"""Models of several responses: each alone, and all of a row together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.certifying import numpy_log_lik
from hiermodel.errors import FormulaError, HiermodelError

from .draws import density, random_draws, random_fit, same_values
from .frames import study
from .snapshots import check_snapshot

Z = hm.bf("z ~ f + (1 |p| g)")


def formulas() -> dict[str, tuple[Any, str]]:
    """Model formulas with the family of those that name none."""
    return {
        "several_responses": (
            hm.bf("count ~ x + (1 |p| g)", "shape ~ z", family="negbinomial")
            + hm.bf("rating ~ x + z", family="cumulative")
            + hm.bf("y | subset(flag) ~ x + (x |p| g)"),
            "gaussian",
        ),
        "residual_correlations": (hm.bf("y ~ x + (1 |p| g)") + Z + hm.set_rescor(True), "gaussian"),
        "student_correlations": (
            hm.bf("y | weights(w) ~ x", "sigma ~ x") + hm.bf("z | weights(w) ~ 1"), "student"
        ),
        "threads_of_responses": (hm.bf("y ~ x + (1 | g)") + Z + hm.set_rescor(True), "gaussian"),
        "imputed_covariate": (
            hm.bf("y ~ mi(gaps) * f + (mi(gaps) | g)") + hm.bf("gaps | mi() ~ x")
            + hm.set_rescor(False),
            "gaussian",
        ),
        "measured_elsewhere": (
            hm.bf("y ~ mi(z, idx = twin)")
            + hm.bf("z | mi(s) + subset(first) + index(row) ~ x") + hm.set_rescor(False),
            "gaussian",
        ),
        "imputed_together": (hm.bf("gaps | mi() ~ x") + hm.bf("y | mi() ~ z"), "gaussian"),
        "expressions_and_responses": (
            hm.bf("y ~ a * exp(b * x)", "a + b ~ 1", nl=True) + hm.bf("unit ~ x", family="beta"),
            "gaussian",
        ),
    }


NAMES = list(formulas())
# New rows have no imputed values: tests/special is about these models.
SAME_ON_NEW_DATA = [name for name in NAMES if not name.startswith(("imputed", "measured"))]


def build(name: str, data: pd.DataFrame) -> hm.Model:
    formula, family = formulas()[name]
    threads = 2 if name.startswith("threads") else 1
    return hm.model(formula, data, family, threads=threads)


@pytest.mark.parametrize("name", NAMES)
def test_program(name: str) -> None:
    """A snapshot that does not know the numbers of the data."""
    code = build(name, study()).stan_code
    check_snapshot(f"{name}.stan", code)
    assert build(name, study(seed=77, n=112, levels=14, scale=1000.0)).stan_code == code


@pytest.mark.parametrize("name", NAMES)
def test_log_likelihood_is_that_of_the_program(name: str) -> None:
    data = study()
    model = build(name, data)
    full, prior = density(model, data), density(model, data, prior_only=True)
    rng = np.random.default_rng(4)
    for _ in range(3):
        q = rng.uniform(-0.5, 0.5, full.dim)
        params = {k: v[0] for k, v in full.constrain(q[None]).items()}
        expected = full.value_and_grad(q)[0] - prior.value_and_grad(q)[0]
        values = {v.name: params[v.name] for v in model.parameters}
        assert numpy_log_lik(model, model.rows(data), values) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", SAME_ON_NEW_DATA)
def test_every_view_of_a_fit_works(name: str) -> None:
    data = study()
    model = build(name, data)
    fit = random_fit(model, data)
    assert str(fit.summary()) and repr(model)
    assert len(fit.to_frame()) == 8 and not fit.fixef().isna().any().any()
    for verb in ("posterior_linpred", "posterior_epred", "posterior_predict"):
        found = getattr(fit, verb)()
        assert list(found.data_vars) == list(model.responses)
        for resp in model.responses:
            one = getattr(fit, verb)(resp=resp)
            assert one.dims[:3] == ("chain", "draw", "obs") and np.isfinite(one.values).all()
            again = getattr(fit, verb)(data, resp=resp)
            if verb != "posterior_predict":
                same_values(again, one)
                same_values(found[resp], one)


def rescor_fit() -> tuple[hm.Fit, pd.DataFrame]:
    data = study()
    model = build("residual_correlations", data)
    draws = random_draws(model, data, chains=1, draws=1)
    copies = {k: np.repeat(v, 4000, axis=1) for k, v in draws.items()}
    return hm.Fit.from_draws(model, data, copies), data


def test_joint_predictions_have_the_residual_correlation() -> None:
    fit, _ = rescor_fit()
    drawn = fit.posterior_predict(seed=1)
    row = np.stack([drawn[name].values[0, :, 3] for name in ("y", "z")])
    wanted = fit.posterior["rescor"].values[0, 0, 0, 1]
    assert np.corrcoef(row)[0, 1] == pytest.approx(wanted, abs=4 / np.sqrt(4000))
    sigma = fit.posterior["sigma_y"].values[0, 0]
    assert row[0].std() == pytest.approx(sigma, rel=0.06)


def test_joint_log_likelihood_by_scipy() -> None:
    fit, data = rescor_fit()
    mean = fit.posterior_epred(ndraws=1)
    sigma = np.array([fit.posterior[f"sigma_{name}"].values[0, 0] for name in ("y", "z")])
    cov = fit.posterior["rescor"].values[0, 0] * np.outer(sigma, sigma)
    residual = np.column_stack([data[name] - mean[name].values[0, 0] for name in ("y", "z")])
    expected = stats.multivariate_normal([0, 0], cov).logpdf(residual)
    same_values(fit.log_lik(ndraws=1).values[0, 0], expected)
    alone = stats.norm.logpdf(residual[:, 0], 0, sigma[0])
    same_values(fit.log_lik(resp="y", ndraws=1).values[0, 0], alone)


def test_a_subset_has_rows_of_its_own() -> None:
    data = study()
    fit = random_fit(build("several_responses", data), data)
    used = data["flag"].to_numpy()
    assert fit.posterior_epred().sizes["obs_y"] == used.sum()
    assert fit.posterior_epred(resp="y")["obs"].values.tolist() == np.flatnonzero(used).tolist()
    assert fit.posterior_epred(resp="count").sizes["obs"] == len(data)
    assert fit.datasets["observed_data"]["y"].sizes == {"obs_y": used.sum()}
    with pytest.raises(HiermodelError, match="rows of their own; say which with resp="):
        fit.log_lik()


def test_one_response_must_be_named_where_one_is_needed() -> None:
    data = study()
    fit = random_fit(build("residual_correlations", data), data)
    for call in (fit.pp_check, fit.conditional_effects):
        with pytest.raises(HiermodelError, match="pass resp=, one of y, z"):
            call()
    with pytest.raises(FormulaError, match=r"no response 'yy' \(did you mean 'y'\?\)"):
        fit.posterior_epred(resp="yy")
    assert fit.conditional_effects("x", resp="y")["x"].shape[0] == 100


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        (hm.bf("y ~ x") + hm.bf("count ~ x", family="poisson") + hm.set_rescor(True),
         "all responses must be gaussian, or all student"),
        (hm.bf("y ~ x") + hm.bf("z | trunc(lb = -100) ~ x") + hm.set_rescor(True),
         r"the addition term trunc\(\)"),
        (hm.bf("y ~ x") + hm.set_rescor(True), "at least two responses"),
    ],
)  # fmt: skip
def test_impossible_residual_correlations(formula: Any, message: str) -> None:
    with pytest.raises(FormulaError, match=message):
        hm.model(formula, study())


def test_default_of_residual_correlations() -> None:
    """They are estimated where they can be, as brms does, and not with a subset."""
    data = study()
    assert hm.model(hm.bf("y ~ x") + hm.bf("z ~ x"), data).rescor is not None
    assert hm.model(hm.bf("y ~ x") + hm.bf("z | subset(flag) ~ x"), data).rescor is None
    assert hm.model("mvbind(y, z) ~ x", data).rescor is not None
    both = hm.bf("y ~ x") + hm.bf("count ~ x", family="poisson")
    assert hm.model(both, data).rescor is None


def test_a_single_response_needs_no_name() -> None:
    data = hm.datasets.load("mtcars")
    model = hm.model("mpg ~ wt", data)
    assert model.only("mpg").part.response.name == "mpg"
    with pytest.raises(hm.FormulaError, match="no response 'mgp'; its only one is 'mpg', so that"):
        model.only("mgp")
