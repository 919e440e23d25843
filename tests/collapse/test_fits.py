"""Collapsed and uncollapsed runs have the same posterior, and what comes after works alike."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hiermodel as hm
from hiermodel.engines.diagnose import diagnostics
from hiermodel.flatnames import columns, flat_names

from .frames import study


def run(formula: Any, data: pd.DataFrame, **more: Any) -> hm.Fit:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return hm.fit(formula, data, **{"seed": 1, "progress": False, **more})


def table(fit: hm.Fit) -> tuple[list[str], np.ndarray]:
    """Every scalar of the posterior but the log prior: names, and (chain, draw, name)."""
    kept = [str(v) for v in fit.posterior.data_vars if v != "lprior"]
    names = flat_names(fit.posterior, kept)
    return [n.name for n in names], columns(fit.posterior, names)


def compare(one: hm.Fit, other: hm.Fit) -> None:
    """Means, sds and quantiles agree within Monte Carlo error."""
    names, first = table(one)
    again, second = table(other)
    assert names == again
    found = [diagnostics(x) for x in (first, second)]
    size, tail = ([np.asarray(f[kind]) for f in found] for kind in ("ess_bulk", "ess_tail"))
    flat = [x.reshape(-1, len(names)) for x in (first, second)]
    varies = flat[0].std(axis=0) > 0
    sd = np.sqrt((flat[0].var(axis=0) + flat[1].var(axis=0)) / 2)
    error = sd * np.sqrt(1 / size[0] + 1 / size[1])
    limit = stats.norm.isf(0.001 / len(names) / 2)
    gap = np.abs(flat[0].mean(axis=0) - flat[1].mean(axis=0))
    assert (gap <= limit * error)[varies].all(), np.array(names)[varies & (gap > limit * error)]
    ratio = flat[0].std(axis=0)[varies] / flat[1].std(axis=0)[varies]
    assert (np.abs(np.log(ratio)) < 0.25).all()
    for p in (0.1, 0.5, 0.9):
        quantiles = [np.quantile(x, p, axis=0) for x in flat]
        spread = [
            _quantile_error(x, p, np.minimum(*n)) for x, *n in zip(flat, size, tail, strict=True)
        ]
        gap = np.abs(quantiles[0] - quantiles[1])
        wrong = varies & (gap > limit * np.hypot(*spread))
        assert not wrong.any(), (p, np.array(names)[wrong])


def _quantile_error(draws: np.ndarray, p: float, size: np.ndarray) -> np.ndarray:
    """Monte Carlo error of a quantile, from the draws two errors of the share around it."""
    share = 2 * np.sqrt(p * (1 - p) / size)
    ends = [
        [np.quantile(x, np.clip(p + sign * s, 0, 1)) for x, s in zip(draws.T, share, strict=True)]
        for sign in (1, -1)
    ]
    return (np.array(ends[0]) - np.array(ends[1])) / 4


CASES = {
    "sleepstudy": ("reaction ~ days + (days | subject)", "sleepstudy", {}),
    "sleepstudy, uncorrelated": ("reaction ~ days + (days || subject)", "sleepstudy", {}),
    "weights": ("y | weights(w) ~ x + (1 | g)", None, {}),
    "three": ("y ~ x + t + (x + t | g)", None, {"priors": {"b": "normal(0, 2)"}}),
    "crossed": ("y ~ x + (x | g) + (1 | h)", None, {"priors": {"sd": "normal(0, 1)"}}),
    "se": ("y | se(error) ~ 1 + (1 | g)", None, {}),
}


@pytest.mark.parametrize(("formula", "name", "more"), CASES.values(), ids=CASES)
def test_same_posterior(formula: str, name: str | None, more: dict[str, Any]) -> None:
    data = hm.datasets.load(name) if name else study(rows=120, levels=9)
    settings = {"adapt_delta": 0.95, **more}
    collapsed, plain = (run(formula, data, collapse=c, **settings) for c in (True, False))
    assert "collapsed" in collapsed.provenance
    assert [*collapsed.posterior.data_vars] == [*plain.posterior.data_vars]
    for v in plain.posterior.data_vars:
        assert collapsed.posterior[v].dims == plain.posterior[v].dims
        assert collapsed.posterior[v].attrs == plain.posterior[v].attrs
    compare(collapsed, plain)


REAL = {
    "radon": "log_radon ~ floor + (floor | county)",
    "Orthodont": "distance ~ age + (age | Subject)",
    "Oxboys": "height ~ age + (age | Subject)",
    "Dyestuff": "Yield ~ 1 + (1 | Batch)",
    "Penicillin": "diameter ~ 1 + (1 | plate) + (1 | sample)",
    "Pastes": "strength ~ 1 + (1 | batch/cask)",
    "eight_schools": "y | se(sigma) ~ 1 + (1 | school)",
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "formula"), REAL.items(), ids=REAL)
def test_same_posterior_of_real_data(name: str, formula: str) -> None:
    data = hm.datasets.load(name)
    settings = {"adapt_delta": 0.95, "warmup": 1500, "draws": 1500}
    compare(*(run(formula, data, collapse=c, **settings) for c in (True, False)))


@pytest.fixture(scope="module")
def pair() -> tuple[hm.Fit, hm.Fit]:
    data = study(rows=100, levels=8)
    collapsed, plain = (
        run("y ~ x + (x | g)", data, collapse=c, chains=2, draws=500) for c in (True, False)
    )
    return collapsed, plain


def test_rows_keep_their_log_lik(pair: tuple[hm.Fit, hm.Fit]) -> None:
    fit, plain = pair
    post = fit.posterior
    codes = [post["g"].to_numpy().tolist().index(g) for g in fit.frame["g"]]
    x = fit.frame["x"].to_numpy()
    r = post["r_g"].to_numpy()
    b = post["b"].to_numpy()
    mean = b[..., :1] + r[:, :, codes, 0] + (b[..., 1:] + r[:, :, codes, 1]) * x
    want = stats.norm(mean, post["sigma"].to_numpy()[..., None]).logpdf(fit.frame["y"])
    assert fit.log_lik().to_numpy() == pytest.approx(want, rel=1e-10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [float(f.loo().elpd) for f in pair]
    assert found[0] == pytest.approx(found[1], abs=1.0)
    assert fit.posterior_epred().shape == plain.posterior_epred().shape


def test_tables_have_the_same_rows(pair: tuple[hm.Fit, hm.Fit]) -> None:
    fit, plain = pair
    assert [*fit.to_frame().columns] == [*plain.to_frame().columns]
    assert str(fit.summary()).splitlines()[0] == str(plain.summary()).splitlines()[0]


def test_saved_and_loaded(pair: tuple[hm.Fit, hm.Fit], tmp_path: Path) -> None:
    fit, _ = pair
    again = hm.load(fit.save(tmp_path / "fit.nc"))
    assert again.provenance["collapsed"] == fit.provenance["collapsed"]
    assert (again.posterior["r_g"].to_numpy() == fit.posterior["r_g"].to_numpy()).all()
    assert again.posterior_epred().to_numpy() == pytest.approx(fit.posterior_epred().to_numpy())


def test_update_keeps_the_wish(pair: tuple[hm.Fit, hm.Fit]) -> None:
    for fit in pair:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = fit.update(draws=20, warmup=20)
        assert ("collapsed" in again.provenance) == ("collapsed" in fit.provenance)


def test_same_seed_same_draws() -> None:
    data = study()
    first, second = (
        run("y ~ x + (1 | g)", data, chains=2, draws=50, cores=c) for c in (1, 2)
    )
    for v in first.posterior.data_vars:
        assert (first.posterior[v].to_numpy() == second.posterior[v].to_numpy()).all()


def test_prior_draws_beside_collapsed_ones() -> None:
    fit = run("y ~ x + (1 | g)", study(), chains=1, draws=50, warmup=50, sample_prior="yes",
              priors="weak", collapse=True)
    assert [*fit.datasets["prior"].data_vars] == [*fit.posterior.data_vars]


def test_data_stay_small() -> None:
    """What the program gets does not grow with the rows."""
    sizes = []
    for rows in (500, 5000):
        data = study(rows=rows, levels=9)
        bound = hm.model("y ~ x + (x | g)", data).collapsed().bind(data)
        sizes.append({k: np.shape(v) for k, v in bound.items()})
    assert sizes[0] == sizes[1]


def test_a_wrong_program_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from hiermodel.collapse import CollapsedModel
    from hiermodel.errors import CertificateError

    right = CollapsedModel.stan_code.func  # type: ignore[attr-defined]
    wrong = property(lambda self: right(self).replace("-0.5 * (sum", "-0.5001 * (sum"))
    monkeypatch.setattr(CollapsedModel, "stan_code", wrong)
    with pytest.raises(CertificateError, match="another density"):
        run("y ~ x + (1 | g)", study(), chains=1, draws=10, collapse=True)


@pytest.mark.slow
def test_intervals_cover_what_was_simulated() -> None:
    """Ranks of the truth among draws are uniform when truths come from the priors."""
    priors = {"b": "normal(0, 1)", "Intercept": "normal(0, 2)", "sd": "normal(0, 1)",
              "sigma": "normal(0, 1)"}
    ranks = []
    for k in range(100):
        rng = np.random.default_rng(1000 + k)
        g, x = np.repeat(np.arange(8), 6), rng.normal(size=48)
        b, intercept = rng.normal(), rng.normal(0, 2)
        sd, sigma = np.abs(rng.normal(size=2)), abs(rng.normal())
        rho = 2 * rng.beta(1, 1) - 1  # lkj(1) of two coefficients
        factor = np.linalg.cholesky(np.array([[1, rho], [rho, 1]]))
        u = (sd[:, None] * factor @ rng.normal(size=(2, 8))).T
        y = intercept + b * (x - x.mean()) + u[g, 0] + u[g, 1] * x + rng.normal(0, sigma, 48)
        data = pd.DataFrame({"y": y, "x": x, "g": g.astype(str)})
        fit = run("y ~ x + (x | g)", data, priors=priors, collapse=True, chains=1, draws=200,
                  thin=5, seed=k + 1)
        post = fit.posterior.squeeze("chain")
        truth = {
            "b": (post["b"][:, 1], b), "Intercept": (post["Intercept"], intercept),
            "sd1": (post["sd_g"][:, 0], sd[0]), "sd2": (post["sd_g"][:, 1], sd[1]),
            "rho": (post["cor_g"][:, 0, 1], rho), "sigma": (post["sigma"], sigma),
            "r": (post["r_g"][:, 3, 1], u[3, 1]),
        }
        ranks.append([float((draws < value).mean()) for draws, value in truth.values()])
    for name, column in zip(truth, np.array(ranks).T, strict=True):
        assert stats.kstest(column, "uniform").pvalue > 0.001, name
