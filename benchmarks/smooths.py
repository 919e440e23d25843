"""Time the bases of smooths: 100,000 rows, 50 functions.

Usage: ``python benchmarks/smooths.py [rows]``

``model`` learns the basis and resolves the model, ``bind`` computes the columns for the program.
The ratio is to plain NumPy: the functions of all distances to 2000 places by SciPy, times a matrix,
once. Times are of the processor, because other work may share the machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from scipy.special import xlogy

import hiermodel as hm

FORMULAS = {
    "tp, one covariate": "y ~ s(x, k = 50)",
    "cr, one covariate": 'y ~ s(x, bs = "cr", k = 50)',
    "tp, two covariates": "y ~ s(x, z, k = 50)",
    "tp, two covariates, 500 places": "y ~ s(x, z, k = 50, xt = list(max.knots = 500))",
    "t2, two covariates": "y ~ t2(x, z, k = 7)",
}


def seconds(work: Callable[[], Any]) -> tuple[Any, float]:
    """What some work gives, and the seconds of the processor that it took."""
    start = time.process_time()
    made = work()
    return made, time.process_time() - start


def plain(data: pd.DataFrame, places: int = 2000, columns: int = 47) -> None:
    """Radial functions of all distances, in pieces of rows."""
    x = data[["x", "z"]].to_numpy()
    weights = np.random.default_rng(1).normal(size=(places, columns))
    for start in range(0, len(x), 2000):
        squared = np.square(cdist(x[start : start + 2000], x[:places]))
        xlogy(squared, squared) @ weights


def main() -> None:
    """Print a line for each basis."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.uniform(size=(rows, 3)), columns=["x", "z", "y"])
    hm.model("y ~ s(x)", data.head(100)).bind(data.head(100))  # imports
    _, floor = seconds(lambda: plain(data))
    print(f"{rows} rows; plain NumPy, two covariates: {floor:.2f} s")
    for name, formula in FORMULAS.items():
        model, learned = seconds(partial(hm.model, formula, data))
        _, bound = seconds(partial(model.bind, data))
        ratio = (learned + bound) / floor
        print(f"{name:32} model {learned:5.2f} s, bind {bound:5.2f} s, {ratio:4.2f} x plain NumPy")


if __name__ == "__main__":
    main()
