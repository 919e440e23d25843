"""Effects that sum to zero against other ways to sample the same posterior.

Usage: ``python benchmarks/sum_to_zero.py [--repeats N]``

Effects of a factor are their mean and deviations that sum to zero: the intercept takes the mean,
which is drawn beside it with its own prior, so that the posterior is that of the plain program.
Written for one grouping factor with a varying intercept. The figure is the least bulk ESS over
coefficients and standard deviation per second of processor time, the median over repeats.
"""

from __future__ import annotations

import argparse
import time
import warnings
from typing import Any

import numpy as np
from peers import CASES, data_of

import hiermodel as hm
from hiermodel.engines.diagnostics import diagnostics
from hiermodel.engines.stanli_density import build

NAMES = ("cbpp", "epilepsy")


def programs(code: str) -> dict[str, str]:
    """The plain program, and two with effects that sum to zero."""
    centred = replaced(code, {
        "array[M_1] vector[N_1] z_1;": "sum_to_zero_vector[N_1] u_1; real m_1;",
        "vector[N_1] r_1 = sd_1[1] * z_1[1];": "vector[N_1] r_1 = u_1;",
        "target += std_normal_lpdf(z_1[1] |);":
            "target += normal_lpdf(u_1 | 0, sd_1[1]) + log(sd_1[1]) + std_normal_lpdf(m_1 |);",
        "student_t_lpdf(Intercept |": "student_t_lpdf(Intercept - sd_1[1] / sqrt(N_1) * m_1 |",
    })  # fmt: skip
    standardised = replaced(centred, {
        "vector[N_1] r_1 = u_1;": "vector[N_1] r_1 = sd_1[1] * u_1;",
        "normal_lpdf(u_1 | 0, sd_1[1]) + log(sd_1[1])": "std_normal_lpdf(u_1 |)",
    })
    return {
        "plain program": code, "sum to zero, centred": centred,
        "sum to zero, standardised": standardised,
    }


def replaced(code: str, parts: dict[str, str]) -> str:
    """Replace parts of a program, each of which must be there."""
    for old, new in parts.items():
        if old not in code:
            raise ValueError(f"the program has no {old!r}")
        code = code.replace(old, new)
    return code


def of_program(code: str, data: dict[str, Any], seed: int) -> np.ndarray:
    """Draws of intercept, standard deviation and coefficients."""
    fit = build(code, data).sample(
        chains=4, seed=seed, warmup=1000, samples=1000, parallel_chains=2, refresh=0
    )
    sd = fit.draws("sd_1").reshape(4, 1000, 1)
    intercept = fit.draws("Intercept").reshape(4, 1000, 1)
    if "m_1" in fit:
        intercept = intercept - sd / np.sqrt(data["N_1"]) * fit.draws("m_1").reshape(4, 1000, 1)
    return np.concatenate([intercept, sd, fit.draws("b")], axis=2)


def of_fit(name: str, data: Any, seed: int) -> np.ndarray:
    """The same of what `hm.fit` does by itself."""
    case = CASES[name]
    fit = hm.fit(case.formula, data, case.family, seed=seed, cores=2, progress=False)
    sd = fit.posterior[f"sd_{fit.model.groups[0].name}"]
    return np.concatenate([fit.posterior["b"].values, sd.values], axis=2)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    warnings.simplefilter("ignore")
    print("| case | way | least bulk ESS | processor s | ESS/s |\n|---|---|---|---|---|")
    for name in NAMES:
        case, data = CASES[name], data_of(name)
        model = hm.model(case.formula, data, case.family)
        bound = model.bind(data)
        ways = programs(model.stan_code)
        for way in (*ways, "hm.fit"):
            found = []
            for seed in range(1, repeats + 1):
                started = time.process_time()
                if way in ways:
                    draws = of_program(ways[way], bound, seed)
                else:
                    draws = of_fit(name, data, seed)
                seconds = time.process_time() - started
                found.append((diagnostics(draws)["ess_bulk"].min(), seconds))
            ess, seconds = np.median(found, axis=0)
            rate = np.median([e / s for e, s in found])
            print(f"| {name} | {way} | {ess:.0f} | {seconds:.2f} | {rate:.0f} |", flush=True)


if __name__ == "__main__":
    main()
