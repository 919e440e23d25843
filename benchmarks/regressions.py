"""Regressions without group-level effects: starts and metric of the mode against Stan's warmup.

Usage: ``python benchmarks/regressions.py [--rows N]``

What `hm.fit` does by itself against the same fit with ``warmup=1000``, which leaves the metric to
Stan's own adaptation: processor seconds, least bulk ESS of all parameters, steps of a draw
(2 chains x 500 draws one after the other). The data are simulated, with two correlated predictors.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd

import hiermodel as hm
from hiermodel.engines.diagnostics import diagnostics

RIGHT = "x0 + x1 + x2 + x3 + x4 + x5"
# Response, family.
CASES = {
    "binary": "bernoulli", "count": "poisson", "overdispersed": "negbinomial",
    "rating": "cumulative", "heavy": "student", "share": "beta", "choice": "categorical",
    "zeros": "zero_inflated_poisson",
}


def simulated(rows: int) -> pd.DataFrame:
    """A response for each family."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 6))
    x[:, 1] = 0.9 * x[:, 0] + 0.3 * x[:, 1]
    eta = x @ [0.3, -0.2, 0.1, 0.0, 0.4, -0.1]
    data = pd.DataFrame(x, columns=[f"x{k}" for k in range(6)])
    p = 1 / (1 + np.exp(-eta))
    count = rng.poisson(np.exp(1 + eta))
    utilities = np.column_stack([eta, 0 * eta, -eta]) + rng.gumbel(size=(rows, 3))
    latent = eta + rng.logistic(size=rows)
    return data.assign(
        binary=rng.binomial(1, p), count=count,
        overdispersed=rng.poisson(np.exp(1 + eta) * rng.gamma(2, 0.5, rows)),
        rating=np.searchsorted([-1, 0, 1], latent) + 1,
        heavy=eta + rng.standard_t(4, rows), share=rng.beta(3 * p, 3 * (1 - p)),
        choice=np.array(["a", "b", "c"])[utilities.argmax(axis=1)],
        zeros=count * rng.binomial(1, 0.7, rows),
    )


def measured(model: hm.Model, data: pd.DataFrame, **more: Any) -> tuple[float, float, float]:
    """Processor seconds, least bulk ESS, steps."""
    started = time.process_time()
    fit = model.fit(data, seed=1, chains=2, draws=500, cores=1, progress=False, **more)
    seconds = time.process_time() - started
    values = [fit.posterior[v].values.reshape(2, 500, -1) for v in fit.posterior]
    draws = np.concatenate(values, axis=2)
    draws = draws[:, :, draws.std(axis=(0, 1)) > 0]
    least = float(diagnostics(draws)["ess_bulk"].min())
    return seconds, least, float(fit.sample_stats["n_steps"].mean())


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=6000)
    data = simulated(parser.parse_args().rows)
    warnings.simplefilter("ignore")
    print("| family | s | ESS | steps | warmup=1000: s | ESS | steps | s, ratio | ESS, ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    measured(hm.model("count ~ x0", data, "poisson"), data)  # imports
    for response, family in CASES.items():
        model = hm.model(f"{response} ~ {RIGHT}", data, family)
        one, other = measured(model, data), measured(model, data, warmup=1000)
        row = [f"{s:.2f} | {ess:.0f} | {steps:.1f}" for s, ess, steps in (one, other)]
        ratios = f"{one[0] / other[0]:.2f} | {one[1] / other[1]:.2f}"
        print(f"| {family} | {row[0]} | {row[1]} | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
