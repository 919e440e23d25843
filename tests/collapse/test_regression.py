"""Without group-level effects: rows rotated until few are left, the same density and posterior."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.collapse import CollapsedRegression, worth_it
from hiermodel.engines import get_engine
from hiermodel.errors import HiermodelError

from .frames import study

QUICK: dict[str, Any] = {"chains": 2, "draws": 50, "warmup": 50, "seed": 1, "progress": False}

# Formula, priors.
MODELS: dict[str, tuple[Any, Any]] = {
    "slopes": ("y ~ x * f + t", None),
    "intercept": ("y ~ 1", None),
    "no intercept": ("y ~ 0 + x + t", None),
    "nothing": ("y ~ 0", None),
    "offset": ("y ~ x + offset(2 * t)", None),
    "offset alone": ("y ~ 0 + offset(t)", None),
    "weights": ("y | weights(w) ~ x + t", None),
    "se": ("y | se(error) ~ x", None),
    "se and weights": ("y | se(error) + weights(w) ~ x", None),
    "uncentred": (hm.bf("y ~ x + t", center=False), {"b": "normal(0, 2)"}),
    "sparse": (hm.bf("y ~ x + f", sparse=True), None),
    "QR": (hm.bf("y ~ x + t + f", decomp="QR"), None),
    "known sigma": (hm.bf("y ~ x", sigma=0.7), None),
    "constants": ("y ~ x + t", [hm.prior("constant(0.4)", coef="x"), hm.prior("exponential(1)",
                                                                                "sigma")]),
    "all weak": ("y ~ x + f", "weak"),
    "horseshoe": ("y ~ x + t + f", {"b": "horseshoe(1)"}),
    "R2D2": ("y ~ x + t + f", {"b": "R2D2()"}),
    "polynomial": ("y ~ poly(x, 3) + I(t^2)", None),
}


def made(name: str, **more: Any) -> tuple[hm.Model, Any]:
    data = study(rows=200)
    formula, priors = MODELS[name]
    return hm.model(formula, data, priors=priors, **more), data


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("name", MODELS)
def test_density_is_that_of_the_rows(name: str, normalize: bool) -> None:
    model, data = made(name, normalize=normalize)
    if not model.parameters:
        with pytest.raises(HiermodelError, match="no parameter"):
            model.fit(data, collapse=True, **QUICK)
        return
    collapsed = model.collapsed()
    assert isinstance(collapsed, CollapsedRegression)
    bound = collapsed.bind(data)
    assert bound["Nrest"] <= collapsed.columns + 1
    assert [v.name for v in collapsed.parameters] == [v.name for v in model.parameters]
    engine = get_engine("stanli")
    one = engine.log_density(collapsed.stan_code, bound, collapsed.parameters)
    other = engine.log_density(model.stan_code, model.bind(data), model.parameters)
    prior = engine.log_density(collapsed.stan_code, bound | {"prior_only": 1}, model.parameters)
    assert one.dim == other.dim
    away = []
    for k in range(4):
        q = np.random.default_rng(k).uniform(-1, 1, one.dim)
        (a, slope), (b, other_slope) = one.value_and_grad(q), other.value_and_grad(q)
        away.append(a - b)
        np.testing.assert_allclose(slope, other_slope, rtol=1e-8, atol=1e-8 * abs(b))
        if normalize:
            assert a == pytest.approx(b, rel=1e-12, abs=1e-9)
            params = {n: v[0] for n, v in one.constrain(q[None]).items()}
            found = collapsed.log_lik(model.rows(data), {n: params[n] for n in params})
            assert a - prior.value_and_grad(q)[0] == pytest.approx(found, rel=1e-11)
    # Without constants of densities the two differ by a number.
    np.testing.assert_allclose(away, away[0], atol=1e-8)


def test_a_mean_far_from_zero_costs_no_digits() -> None:
    data = study(rows=300).assign(y=lambda d: 1e6 + d["y"], x=lambda d: 1e5 + d["x"])
    model = hm.model("y ~ x + t", data)
    collapsed, engine = model.collapsed(), get_engine("stanli")
    one = engine.log_density(collapsed.stan_code, collapsed.bind(data))
    other = engine.log_density(model.stan_code, model.bind(data))
    # Near the mode, where residuals are small beside the mean.
    q = np.array([0.7, 0.0, 1e6 + 2.5, 0.0])
    assert one.value_and_grad(q)[0] == pytest.approx(other.value_and_grad(q)[0], rel=1e-8)


def fitted(formula: Any, data: Any, **more: Any) -> hm.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hm.fit(formula, data, **{**QUICK, **more})


def test_auto_is_for_many_rows() -> None:
    few, many = study(rows=999), study(rows=1000)
    formulas = ("y ~ x", hm.bf("y ~ x", "sigma ~ x"), "y ~ s(x, k = 5)")
    assert not any(worth_it(hm.model(f, few), few) for f in formulas)
    assert [worth_it(hm.model(f, many), many) for f in formulas] == [True, False, False]
    fit = fitted("y ~ x", many)
    words = "1000 rows rotated to 3 with all cross-products"
    assert fit.provenance["collapsed"] == words and words in str(fit.summary())
    assert "collapsed" not in fitted("y ~ x", few).provenance
    assert "collapsed" not in fitted("y ~ x", many, collapse=False).provenance
    # Nothing is left to add up, but cells can be rotated.
    both = fitted("y ~ f", many, collapse=True, aggregate=True)
    assert both.provenance["collapsed"] == (
        "rows added up to cells, 1000 rows rotated to 4 with all cross-products"
    )
    np.testing.assert_allclose(
        both.posterior["b"], fitted("y ~ f", many, collapse=True).posterior["b"], rtol=1e-6
    )


@pytest.mark.parametrize("given", [
    {}, {"collapse": True, "algorithm": "laplace"}, {"collapse": True, "algorithm": "optimize"},
    {"sample_prior": "yes", "priors": {"b": "normal(0, 2)"}},
])
def test_afterwards_everything_is_per_row(given: dict[str, Any], tmp_path: Any) -> None:
    data = study(rows=1000)
    fit = fitted("y ~ x + f", data, **given)
    assert "rotated" in fit.provenance["collapsed"]
    assert fit.log_lik().sizes["obs"] == 1000 == fit.posterior_epred().sizes["obs"]
    plain = fitted("y ~ x + f", data, **{"draws": 400, **given, "collapse": False})
    for name in ("b", "Intercept", "sigma"):
        a, b = (f.posterior[name].mean(("chain", "draw")).values for f in (fit, plain))
        spread = 0.04 if "algorithm" in given else plain.posterior[name].std().values
        assert (np.abs(a - b) < spread).all(), name
    loaded = hm.load(fit.save(tmp_path / "fit.nc"))
    np.testing.assert_array_equal(loaded.log_lik(), fit.log_lik())
    if "algorithm" not in given:
        assert fitted("y ~ x + f", data, draws=300).loo().pareto_k.max() < 0.5
        again = loaded.update(formula=". ~ . - f")
        assert "rotated to 3" in again.provenance["collapsed"]


def test_the_log_density_of_the_fit_is_that_of_the_rows() -> None:
    """Bridge sampling and the sampler's lp see no difference."""
    data, priors = study(rows=1000), {"b": "normal(0, 2)"}
    fits = [
        fitted("y ~ x", data, priors=priors, draws=500, collapse=collapse)
        for collapse in (True, False)
    ]
    a, b = (fit.bridge_sampler(seed=1).logml for fit in fits)
    assert a == pytest.approx(b, abs=0.05)
    lp = [float(fit.sample_stats["lp"].mean()) for fit in fits]
    assert lp[0] == pytest.approx(lp[1], abs=0.5)
