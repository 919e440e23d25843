"""Which models are collapsed, which are refused and with which words, what auto decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hiermodel as hm
from hiermodel.collapse import worth_it
from hiermodel.errors import ArgumentError, EngineError, HiermodelError

from .frames import study

QUICK: dict[str, Any] = {"chains": 1, "draws": 20, "warmup": 20, "seed": 1, "progress": False}

REFUSED = {
    'y ~ x + (x | gr(g, dist = "student"))': "'g' follow a Student distribution",
    "y ~ x + (x | gr(g, by = side))": "covariance for each level of side",
    "y ~ x + (1 | mm(g, h))": "several members",
    "y ~ s(x, k = 4) + (1 | g)": r"the term s\(x, k = 4\) cannot be rotated",
    "y | se(error, sigma = TRUE) ~ x + (1 | g)": "se\\(sigma = TRUE\\)",
    "y | trunc(lb = -50) ~ x + (1 | g)": "only weights\\(\\) and se\\(\\) allow it, not lb",
    "y | cens(0) ~ x + (1 | g)": "not cens",
}


@pytest.mark.parametrize(("formula", "words"), REFUSED.items())
def test_refused_by_name(formula: str, words: str) -> None:
    model = hm.model(formula, study())
    with pytest.raises(HiermodelError, match=f"cannot be collapsed: .*{words}"):
        model.collapsed()
    assert not worth_it(model, study())


def test_refused_families_and_formulas() -> None:
    data = study()
    cases = {
        "family 'student' is not gaussian": hm.model("y ~ x + (1 | g)", data, "student"),
        "link of mu is 'log'": hm.model(
            "exp(y) ~ x + (1 | g)", data, hm.family("gaussian", link="log")
        ),
        "sigma has a formula": hm.model(hm.bf("y ~ x + (1 | g)", "sigma ~ x"), data),
        "not linear": hm.model(
            hm.bf("y ~ a + b * x", "a ~ 1 + (1 | g)", "b ~ 1", nl=True), data,
            priors=[hm.prior("normal(0, 1)", nlpar=n) for n in "ab"],
        ),
        "several responses": hm.model(hm.bf("y ~ (1 | g)") + hm.bf("t ~ x"), data),
        "stanvars": hm.model(
            "y ~ x + (1 | g)", data, stanvars=[hm.stanvar(1.0, "one", "real one;")]
        ),
    }
    for words, model in cases.items():
        with pytest.raises(HiermodelError, match=words):
            model.collapsed()


def test_known_covariance_is_refused() -> None:
    data = study()
    levels = sorted(set(data["g"]))
    known = np.eye(len(levels)) + 0.2
    import pandas as pd

    frame = pd.DataFrame(known, index=levels, columns=levels)
    model = hm.model("y ~ x + (1 | gr(g, cov = A))", data, data2={"A": frame})
    with pytest.raises(HiermodelError, match="known covariance"):
        model.collapsed()


def test_true_is_refused_before_sampling() -> None:
    with pytest.raises(HiermodelError, match=r"'poisson' is not gaussian.*leave collapse"):
        hm.fit("w ~ x + (1 | g)", study().assign(w=1), "poisson", collapse=True, **QUICK)


@pytest.mark.parametrize("value", ["yes", 1, None, "atuo"])
def test_bad_argument(value: Any) -> None:
    with pytest.raises(ArgumentError, match='collapse takes "auto", True or False'):
        hm.fit("y ~ x + (1 | g)", study(), collapse=value, **QUICK)


def fitted(formula: str = "y ~ x + (1 | g)", **more: Any) -> hm.Fit:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hm.fit(formula, study(), **{**QUICK, **more})


def test_auto_says_what_it_did() -> None:
    fit = fitted()
    words = "7 effects of g integrated out"
    assert words in fit.provenance["collapsed"]
    assert words in str(fit.summary())
    plain = fitted(collapse=False)
    assert "collapsed" not in plain.provenance
    assert "integrated out" not in str(plain.summary())


def test_auto_leaves_alone() -> None:
    left = [
        fitted(init={"z_1": np.zeros((1, 7))}),
        fitted(algorithm="optimize"),
        fitted(sample_prior="only", priors="weak"),
        fitted('y ~ x + (1 | gr(g, dist = "student"))'),
        fitted(threads=2),
    ]
    assert ["collapsed" in fit.provenance for fit in left] == [False] * len(left)


def test_auto_asks_what_a_gradient_costs() -> None:
    """Eight coefficients of a level cost more than the two rows that it has."""
    data = study(rows=40, levels=20)
    for k in range(8):
        data[f"x{k}"] = np.random.default_rng(k).normal(size=len(data))
    many = " + ".join(f"x{k}" for k in range(8))
    assert not worth_it(hm.model(f"y ~ x + ({many} | g)", data), data)
    assert worth_it(hm.model("y ~ x + (x | g)", data), data)


def test_auto_collapses_crossed_factors_where_cells_have_many_rows() -> None:
    rng = np.random.default_rng(1)
    few, many = (
        study(rows=n, levels=20).assign(
            f=rng.integers(0, 40, n).astype(str), h=rng.integers(0, 15, n).astype(str)
        )
        for n in (90, 4000)
    )

    def found(formula: str) -> list[bool]:
        return [worth_it(hm.model(formula, data), data) for data in (few, many)]

    # Columns cost twice what they cost in rows; few of them are outweighed by shorter draws.
    assert found("y ~ f + (1 | g) + (1 | h)") == [False, True]
    assert found("y ~ x + (1 | g) + (1 | h)") == [True, True]


def test_recorded_draws_are_of_the_model_as_it_stands() -> None:
    from hiermodel.engines.recorded import RecordedEngine

    values = {"b": np.zeros((1, 2, 1)), "Intercept": np.zeros((1, 2)),
              "sigma": np.ones((1, 2)), "sd_1": np.ones((1, 2, 1)),
              "z_1": np.ones((1, 2, 1, 7))}
    from hiermodel.engines import Draws

    engine = RecordedEngine(Draws(values))
    fit = fitted(engine=engine, chains=1, draws=2)
    assert (fit.posterior["r_g"] == 1).all()
    with pytest.raises(EngineError, match="recorded"):
        fitted(engine=engine, chains=1, draws=2, collapse=True)


def test_mode_of_the_marginal_posterior() -> None:
    """With optimize the effects are conditional means: the same each time, near lme4's."""
    first, second = (fitted(algorithm="optimize", collapse=True, seed=k) for k in (1, 2))
    # The warning of a mode that effects have a part in does not apply.
    assert first.provenance["warnings"] == []
    assert "says little" in fitted(algorithm="optimize").provenance["warnings"][0]
    a, b = first.posterior["r_g"].to_numpy(), second.posterior["r_g"].to_numpy()
    assert a == pytest.approx(b, abs=1e-4)
    assert float(first.posterior["sd_g"].squeeze()) > 0.1


def test_laplace_of_few_parameters_is_a_good_approximation() -> None:
    """Pareto k tells, and the means are those of NUTS."""
    data = study(rows=200, levels=20)
    quick = hm.fit("y ~ x + (1 | g)", data, algorithm="laplace", collapse=True, seed=1)
    assert float(quick.provenance["pareto_k"]) < 0.7
    sampled = hm.fit("y ~ x + (1 | g)", data, seed=1, progress=False)
    for name in ("b", "sd_g", "sigma"):
        a, b = (f.posterior[name].mean(("chain", "draw")).to_numpy() for f in (quick, sampled))
        spread = sampled.posterior[name].std(("chain", "draw")).to_numpy()
        assert (np.abs(a - b) < 0.2 * spread).all()


def test_program_for_the_user_stays() -> None:
    fit = fitted()
    assert "z_1" in fit.model.stan_code
    assert "z_1" not in fit.model.collapsed().stan_code
