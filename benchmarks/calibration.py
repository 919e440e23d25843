"""Are the posteriors right? Ranks and coverage over simulated data sets.

Usage: ``python benchmarks/calibration.py [CASE ...] [--sets N] [--seed N] [--markdown FILE]``

Parameters are drawn from the priors, a data set from the parameters, and the model is fitted to it
with the same priors. Then the rank of the true value among independent draws of the posterior is
uniform, and an interval of 50 or 90 % holds it in 50 or 90 % of the data sets, exactly, for every
quantity (simulation-based calibration: Talts et al. 2018, arXiv:1804.06788). Beside the parameters
one group-level effect is looked at, and the log-likelihood of the data, which shows errors that
single parameters hide (Modrak et al. 2025, Bayesian Analysis 20(2), 461-488).

A rank is that among 99 draws, thinned from all chains. The p-value is that of a chi-square test
of ten bins of ranks; a standard error is that of a share of so many data sets.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import hiermodel as hm

LEVELS, EACH, BINS, RANKED = 20, 6, 10, 99
PRIORS = {
    "b": "normal(0, 1)", "sd": "exponential(1)", "sigma": "exponential(1)", "cor": "lkj(2)",
}


@dataclass(frozen=True)
class Case:
    """A model and how its data come about."""

    formula: str
    family: str
    simulate: Callable[[np.random.Generator], tuple[pd.DataFrame, dict[str, float]]]
    sampled: str  # what must have been done, as the provenance of a fit calls it
    priors: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)


def _correlation(rng: np.random.Generator) -> float:
    """Of two coefficients under lkj(2), whose density goes with 1 - r^2."""
    return float(2 * rng.beta(2, 2) - 1)


def _frame(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Levels, and a predictor whose mean is 0, so that the intercept is that of the prior."""
    g, x = np.repeat(np.arange(LEVELS), EACH), rng.normal(size=LEVELS * EACH)
    return g, x - x.mean()


def slopes(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Gaussian rows with correlated intercepts and slopes of their levels."""
    g, x = _frame(rng)
    intercept, b, (sd0, sd1), sigma = rng.normal(0, 2), rng.normal(), *_scales(rng)
    cor = _correlation(rng)
    root = np.linalg.cholesky([[sd0**2, cor * sd0 * sd1], [cor * sd0 * sd1, sd1**2]])
    u = rng.normal(size=(LEVELS, 2)) @ root.T
    mean = intercept + b * x + u[g, 0] + u[g, 1] * x
    y = rng.normal(mean, sigma)
    truth = {
        "b_Intercept": intercept, "b_x": b, "sd_g__Intercept": sd0, "sd_g__x": sd1,
        "cor_g__Intercept__x": cor, "sigma": sigma, "r_g[g00,x]": u[0, 1],
        "log_lik": float(stats.norm.logpdf(y, mean, sigma).sum()),
    }
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{k:02d}" for k in g]}), truth


def _scales(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    return rng.exponential(size=2), float(rng.exponential())


def counts(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Poisson counts with intercepts of their levels."""
    g, x = _frame(rng)
    intercept, b, sd = rng.normal(1, 1), rng.normal(0, 0.5), rng.exponential()
    u = rng.normal(0, sd, LEVELS)
    rate = np.exp(intercept + b * x + u[g])
    y = rng.poisson(rate)
    truth = {
        "b_Intercept": intercept, "b_x": b, "sd_g__Intercept": sd, "r_g[g00,Intercept]": u[0],
        "log_lik": float(stats.poisson.logpmf(y, rate).sum()),
    }
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{k:02d}" for k in g]}), truth


def line(rng: np.random.Generator) -> tuple[pd.DataFrame, dict[str, float]]:
    """Gaussian rows without levels."""
    _, x = _frame(rng)
    intercept, b, sigma = rng.normal(0, 2), rng.normal(), rng.exponential()
    y = rng.normal(intercept + b * x, sigma)
    truth = {
        "b_Intercept": intercept, "b_x": b, "sigma": sigma,
        "log_lik": float(stats.norm.logpdf(y, intercept + b * x, sigma).sum()),
    }
    return pd.DataFrame({"y": y, "x": x}), truth


CASES: Mapping[str, Case] = {
    "collapsed": Case(
        "y ~ x + (x | g)", "gaussian", slopes, "collapsed",
        PRIORS | {"Intercept": "normal(0, 2)"}, {"collapse": True},
    ),
    "centred": Case(
        "y ~ x + (1 | g)", "poisson", counts, "centred",
        {"b": "normal(0, 0.5)", "sd": "exponential(1)", "Intercept": "normal(1, 1)"},
    ),
    "regression": Case(
        "y ~ x", "gaussian", line, "collapsed",
        {"b": "normal(0, 1)", "Intercept": "normal(0, 2)", "sigma": "exponential(1)"},
        {"collapse": True},
    ),
}


@dataclass(frozen=True)
class Outcome:
    """One data set: of each quantity the rank (0 to 99) and whether intervals hold it."""

    ranks: Mapping[str, int]
    held: Mapping[str, tuple[bool, bool]]
    rhat: float
    divergences: int
    sampled: bool


def one(name: str, seed: int) -> Outcome:
    """Simulate, fit and rank."""
    case, rng = CASES[name], np.random.default_rng([seed, 7])
    data, truth = case.simulate(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = hm.fit(
            case.formula, data, case.family, case.priors, seed=seed + 1, cores=1, progress=False,
            **case.options,
        )
        table = fit.summary().to_frame()
    frame = fit.to_frame()
    draws = {k: frame[k].to_numpy() for k in truth if k != "log_lik"}
    draws["log_lik"] = fit.log_lik().sum("obs").to_numpy().reshape(-1)
    ranks, held = {}, {}
    for key, value in truth.items():
        values = draws[key]
        thin = values[:: len(values) // (RANKED + 1)][:RANKED]
        ranks[key] = int((thin < value).sum())
        low, middle_low, middle_high, high = np.quantile(values, [0.05, 0.25, 0.75, 0.95])
        held[key] = bool(middle_low <= value <= middle_high), bool(low <= value <= high)
    return Outcome(
        ranks, held, float(table["R-hat"].max()), int(fit.sample_stats["diverging"].sum()),
        case.sampled in fit.provenance,
    )


def run(name: str, sets: int, seed: int, workers: int = 2) -> list[Outcome]:
    """Outcomes of so many data sets."""
    seeds = range(seed * 100_000, seed * 100_000 + sets)
    if workers == 1:
        return [one(name, s) for s in seeds]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(partial(one, name), seeds, chunksize=5))


def shares(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Coverage with standard errors, and the p-value of uniform ranks, of each quantity."""
    n = len(outcomes)
    rows = {}
    for key in outcomes[0].ranks:
        half, most = (np.mean([o.held[key][k] for o in outcomes]) for k in (0, 1))
        counted = np.bincount([o.ranks[key] * BINS // (RANKED + 1) for o in outcomes],
                              minlength=BINS)
        rows[key] = {
            "50 %": half, "se of 50 %": np.sqrt(0.25 / n), "90 %": most,
            "se of 90 %": np.sqrt(0.09 / n), "p": float(stats.chisquare(counted).pvalue),
        }
    return pd.DataFrame(rows).T.rename_axis("quantity")


def text_of(name: str, outcomes: Sequence[Outcome], seconds: float) -> str:
    """A Markdown table of a case."""
    case, table = CASES[name], shares(outcomes)
    n = len(outcomes)
    lines = [
        f"### {name}: `{case.formula}`, {case.family}", "",
        f"{n} data sets, {sum(o.sampled for o in outcomes)} of them {case.sampled}; "
        f"R-hat above 1.01 in {sum(o.rhat > 1.01 for o in outcomes)}, divergences in "
        f"{sum(o.divergences > 0 for o in outcomes)}; {seconds:.0f} s.", "",
        f"| quantity | in 50 % intervals (standard error {100 * np.sqrt(0.25 / n):.1f}) "
        f"| in 90 % intervals ({100 * np.sqrt(0.09 / n):.1f}) | ranks uniform, p |",
        "|---|---|---|---|",
    ]
    for key, row in table.iterrows():
        lines.append(
            f"| `{key}` | {100 * row['50 %']:.0f} % | {100 * row['90 %']:.0f} % | {row['p']:.2f} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--sets", type=int, default=100, help="data sets of each case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--markdown", type=Path, help="write the tables to a file")
    options = parser.parse_args(argv)
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    parts = []
    for name in options.cases or CASES:
        started = time.perf_counter()
        outcomes = run(name, options.sets, options.seed, options.workers)
        parts.append(text_of(name, outcomes, time.perf_counter() - started))
        print(parts[-1] + "\n", flush=True)
    if options.markdown:
        options.markdown.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
