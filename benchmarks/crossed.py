"""Crossed factors: students who rate lecturers, from the data frame to the draws.

Usage: ``python benchmarks/crossed.py [--data FILE] [--draws N]``

``FILE`` is `InstEval` of the R package lme4 as CSV (73,421 rows; columns s, d, dept, service, y).
Without it data of the same shape are simulated. Prints wall and processor seconds, steps of a
draw, and the worst R-hat and least bulk ESS over coefficients, standard deviations and sigma.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd

import hiermodel as hm

FORMULA = "y ~ service + (1 | s) + (1 | d) + (1 | dept:service)"
STUDENTS, LECTURERS, DEPARTMENTS, ROWS = 2972, 1128, 14, 73_421


def simulated() -> pd.DataFrame:
    """Ratings in the size of `InstEval`."""
    rng = np.random.default_rng(1)
    s, d = rng.integers(0, STUDENTS, ROWS), rng.integers(0, LECTURERS, ROWS)
    home = rng.integers(0, DEPARTMENTS, LECTURERS)
    service = rng.binomial(1, 0.43, ROWS)
    both = rng.normal(0, 0.1, (DEPARTMENTS, 2))[home[d], service]
    effects = rng.normal(0, 0.33, STUDENTS)[s] + rng.normal(0, 0.51, LECTURERS)[d] + both
    y = np.clip(np.round(3.3 - 0.07 * service + effects + rng.normal(0, 1.18, ROWS)), 1, 5)
    return pd.DataFrame({"s": s, "d": d, "dept": home[d], "service": service, "y": y})


def main() -> None:
    """Fit once and print what it took."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", help="InstEval as CSV")
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    data = simulated() if options.data is None else pd.read_csv(options.data)
    data = data.astype(dict.fromkeys(("s", "d", "dept", "service"), str))
    warnings.simplefilter("ignore")
    started, used = time.perf_counter(), time.process_time()
    fit = hm.fit(FORMULA, data, draws=options.draws, seed=1, cores=2, progress=False)
    found: dict[str, Any] = {
        "seconds": time.perf_counter() - started, "processor_s": time.process_time() - used,
        "steps": float(fit.sample_stats["n_steps"].mean()),
    }
    table = fit.summary().to_frame()
    found |= {"worst R-hat": float(table["R-hat"].max()),
              "least bulk ESS": float(table["Bulk_ESS"].min())}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
