"""Marginal likelihoods against closed forms and quadrature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

import hiermodel as hm
from hiermodel.criticism import MarginalLikelihood
from hiermodel.criticism.bridge import bridge, relative_error
from hiermodel.errors import (
    ArgumentError,
    DataError,
    HiermodelError,
    HiermodelWarning,
    PriorError,
)

KW = {"chains": 2, "draws": 1000, "warmup": 400, "seed": 1, "progress": False}
rng = np.random.default_rng(7)
X = rng.normal(size=20)
LINE = pd.DataFrame({"x": X, "y": 1 + 0.5 * X + 1.3 * rng.normal(size=20)})
SIGMA = hm.prior("constant(1.3)", "sigma")
B, INTERCEPT = hm.prior("normal(0, 2)", "b"), hm.prior("normal(1, 3)", "Intercept")


@pytest.fixture(scope="module")
def line() -> hm.Fit:
    return hm.fit("y ~ x", LINE, priors=[B, INTERCEPT, SIGMA], **KW)


@pytest.fixture(scope="module")
def flat_line() -> hm.Fit:
    return hm.fit("y ~ 1", LINE, priors=[INTERCEPT, SIGMA], **KW)


def exact(slope: bool) -> float:
    """Of a normal model with known sigma: the responses are multivariate normal."""
    centred = X - X.mean()
    cov = 1.3**2 * np.eye(20) + 9 * np.ones((20, 20))
    cov = cov + (4 * np.outer(centred, centred) if slope else 0)
    return float(stats.multivariate_normal.logpdf(LINE["y"], np.ones(20), cov))


def test_conjugate_normal(line: hm.Fit) -> None:
    found = line.bridge_sampler(seed=1)
    assert found.logml == pytest.approx(exact(True), abs=0.02)
    assert found.converged and 0 < found.relative_error < 0.01
    assert found.n_draws == 1000 and "log marginal likelihood" in repr(found)
    # The proposal is all but exact: the error of repeated proposals is what it says, and small.
    again = [line.bridge_sampler(seed=k).logml for k in range(2, 8)]
    assert np.std(again) < 3 * found.relative_error


def test_binomial_by_quadrature() -> None:
    counts = np.array([2, 3, 5, 1, 4, 4])
    data = pd.DataFrame({"k": counts, "n": 10})
    fit = hm.fit(
        "k | trials(n) ~ 1", data, "binomial", priors=[hm.prior("normal(0, 1.5)", "Intercept")],
        **KW,
    )

    def joint(a: float) -> float:
        lik = stats.binom.logpmf(counts, 10, special.expit(a)).sum()
        return float(np.exp(lik + stats.norm.logpdf(a, 0, 1.5) + 12))

    want = np.log(integrate.quad(joint, -6, 5, epsabs=0)[0]) - 12
    assert fit.bridge_sampler(seed=1).logml == pytest.approx(want, abs=0.02)


def test_group_level_effects_by_quadrature() -> None:
    group = np.repeat(np.arange(5), 3)
    y = np.random.default_rng(3).normal(size=5)[group] + np.random.default_rng(4).normal(size=15)
    data = pd.DataFrame({"y": y, "g": [f"g{k}" for k in group]})
    fit = hm.fit(
        "y ~ 1 + (1 | g)", data, priors=[
            hm.prior("normal(0, 2)", "Intercept"), hm.prior("exponential(1)", "sd"),
            hm.prior("constant(1)", "sigma"),
        ], **(KW | {"draws": 4000}),
    )  # fmt: skip
    same = (group[:, None] == group).astype(float)

    def joint(sd: float) -> float:
        cov = np.eye(15) + 4 * np.ones((15, 15)) + sd**2 * same
        return float(np.exp(stats.multivariate_normal.logpdf(y, np.zeros(15), cov) - sd + 20))

    want = np.log(integrate.quad(joint, 0, 15, epsabs=0)[0]) - 20
    found = fit.bridge_sampler(seed=1)
    assert found.logml == pytest.approx(want, abs=0.06)
    assert found.relative_error < 0.05
    # It was collapsed: two parameters are left. With the effects there are seven.
    whole = fit.update(collapse=False, draws=1000).bridge_sampler(seed=1)
    few = fit.update(draws=1000).bridge_sampler(seed=1)
    assert whole.logml == pytest.approx(want, abs=0.1)
    assert few.logml == pytest.approx(want, abs=0.05)
    assert few.relative_error < whole.relative_error


def test_bayes_factor_and_probabilities(line: hm.Fit, flat_line: hm.Fit) -> None:
    want = exact(True) - exact(False)
    assert hm.bayes_factor(line, flat_line, log=True) == pytest.approx(want, abs=0.03)
    assert hm.bayes_factor(line, flat_line) == pytest.approx(np.exp(want), rel=0.04)
    results = {"line": line.bridge_sampler(seed=1), "flat": flat_line.bridge_sampler(seed=1)}
    odds = np.exp(results["line"].logml - results["flat"].logml)
    found = hm.post_prob(results)
    assert found.index.tolist() == ["line", "flat"] and found.sum() == pytest.approx(1)
    assert found["line"] / found["flat"] == pytest.approx(odds)
    weighted = hm.post_prob(results, {"flat": 0.8, "line": 0.2})
    assert weighted["line"] / weighted["flat"] == pytest.approx(odds / 4)
    assert hm.post_prob(results, [0.0, 1.0]).tolist() == [0.0, 1.0]


def test_the_iteration_finds_a_known_constant() -> None:
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=4000), draw.normal(0.3, 1.2, size=4000)

    def ratio(q: np.ndarray) -> np.ndarray:
        """Of exp(-q^2 / 2) and the normal(0.3, 1.2) density."""
        return -0.5 * q**2 - stats.norm.logpdf(q, 0.3, 1.2)

    logml, _, converged = bridge(ratio(x), ratio(y), 4000)
    assert converged and logml == pytest.approx(0.5 * np.log(2 * np.pi), abs=0.02)
    # Exact proposals have no error, worse ones more of it.
    near = relative_error(ratio(x).reshape(4, -1), ratio(y), logml)
    assert relative_error(np.full((4, 10), 2.0), np.full(40, 2.0), 2.0) == 0.0
    assert 0.001 < near < 0.02


def test_error_is_the_spread_of_repetitions() -> None:
    def one(seed: int) -> tuple[float, float]:
        draw = np.random.default_rng(seed)
        x, y = draw.normal(size=(4, 100)), draw.normal(1.0, 1.0, size=400)
        ratios = [-0.5 * q**2 - stats.norm.logpdf(q, 1.0, 1.0) for q in (x, y)]
        value = bridge(ratios[0].ravel(), ratios[1], 400)[0]
        return value, relative_error(ratios[0], ratios[1], value)

    found = np.array([one(seed) for seed in range(60)])
    assert found[:, 0].std() == pytest.approx(found[:, 1].mean(), rel=0.3)


def test_what_has_no_marginal_likelihood(line: hm.Fit) -> None:
    flat = hm.fit("y ~ x", LINE, **KW)
    with pytest.raises(PriorError, match=r"the prior of b.* is flat"):
        flat.bridge_sampler()
    bounded = hm.fit(
        "y ~ x", LINE, priors=[hm.prior("", "b", lb=-1, ub=2), INTERCEPT, SIGMA], **KW
    )
    with pytest.raises(PriorError, match=r"the prior of b.*write uniform\(a, b\)"):
        bounded.bridge_sampler()
    dropped = hm.fit("y ~ x", LINE, priors=[B, INTERCEPT, SIGMA], normalize=False, **KW)
    with pytest.raises(HiermodelError, match="normalize=True"):
        dropped.bridge_sampler()
    for changed, words in [
        ({"method": "optimize"}, "needs draws"),
        ({"prior_only": True}, "left out the data"),
        ({"method": "laplace"}, "Laplace approximation"),
    ]:
        with pytest.raises(HiermodelError, match=words):
            replace(line, provenance={**line.provenance, **changed}).bridge_sampler()


def test_bad_arguments(line: hm.Fit, flat_line: hm.Fit) -> None:
    with pytest.raises(ArgumentError, match="maxiter must be a whole number from 1 on, not 0"):
        line.bridge_sampler(maxiter=0)
    few = replace(
        line, datasets={k: v.isel(draw=slice(0, 4)) if "draw" in v.dims else v
                        for k, v in line.datasets.items()},
    )  # fmt: skip
    with pytest.raises(ArgumentError, match=r"2 unconstrained parameters to half of the draws, 4;"):
        few.bridge_sampler()
    with pytest.warns(HiermodelWarning, match="did not converge in 1 iterations"):
        line.bridge_sampler(maxiter=1)
    one = flat_line.bridge_sampler(seed=1)
    other = replace(one, data="another")
    with pytest.raises(DataError, match="'fit1' and 'fit2' differ"):
        hm.bayes_factor(one, other)
    with pytest.raises(ArgumentError, match="'fit2' is no fit"):
        hm.bayes_factor(one, 3.0)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="takes models by name"):
        hm.post_prob([one, one])  # type: ignore[arg-type]
    both: dict[str, hm.Fit | MarginalLikelihood] = {"a": one, "b": one}
    with pytest.raises(ArgumentError, match="one probability for each of the 2 models"):
        hm.post_prob(both, [1.0])
    with pytest.raises(ArgumentError, match="must add up to 1"):
        hm.post_prob(both, [0.3, 0.3])
    with pytest.raises(ArgumentError, match="prior_prob names a, c; the models are a, b"):
        hm.post_prob(both, {"a": 0.5, "c": 0.5})
    with pytest.raises(ArgumentError, match="at least two"):
        hm.post_prob({"a": one})
