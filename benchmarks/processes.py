"""The gradient of an approximate Gaussian process beside its bare matrix product.

Run ``python benchmarks/processes.py``. For 100,000 rows and 20 functions it prints the time of one
gradient of ``y ~ gp(x, k = 20)``, of a program with nothing but the product of the same matrix
with a vector and the same likelihood, and of the product alone in NumPy (forth and back), and the
ratios.
With ``gr = TRUE`` (the default) rows with equal x share a value, with ``gr = FALSE`` none do.

Then one gradient of exact processes of 200 points: of the program that ``hiermodel.model`` gives,
with Stan's covariance functions, and of the one that is fitted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import hiermodel as hm
from hiermodel.engines import get_engine
from hiermodel.nugget import with_nugget
from hiermodel.processes.covariance import COVARIANCES

BARE = """
data {
  int N;
  int K;
  vector[N] Y;
  matrix[N, K] X;
}
parameters {
  real Intercept;
  vector[K] z;
  real<lower=0> sigma;
}
model {
  vector[N] mu = Intercept + X * z;
  target += normal_lpdf(Y | mu, sigma);
}
"""


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """The median time of a call."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def gradient(code: str, data: dict[str, Any], repeats: int) -> float:
    """Seconds of one gradient of a program."""
    density = get_engine("stanli").log_density(code, data)
    point = np.full(density.dim, 0.1)
    return seconds(lambda: density.value_and_grad(point), repeats)


def exact(points: int, repeats: int) -> None:
    """Print the gradients of exact processes."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"x": np.sort(rng.uniform(size=points))})
    frame["y"] = np.sin(6 * frame["x"]) + 0.3 * rng.normal(size=points)
    print(f"{points} points, exact, one gradient:")
    for cov in COVARIANCES:
        model = hm.model(f"y ~ gp(x, cov = '{cov}')", frame)
        fitted = with_nugget(model)
        plain = gradient(model.stan_code, model.bind(frame), repeats)
        own = gradient(fitted.stan_code, fitted.bind(frame), repeats)
        print(
            f"  {cov:32} {1e3 * own:8.2f} ms  {own / plain:.2f} times that with Stan's function"
        )


def both_ways(matrix: np.ndarray, repeats: int) -> float:
    """Seconds of a matrix times a vector, and of its transpose times another."""
    narrow, tall = np.ones(matrix.shape[1]), np.ones(matrix.shape[0])
    return seconds(lambda: (matrix @ narrow, matrix.T @ tall), repeats)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--functions", type=int, default=20)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    n, k = options.rows, options.functions
    x = rng.uniform(size=n)
    frame = pd.DataFrame({"x": x, "r": x.round(3), "y": np.sin(6 * x) + rng.normal(size=n)})
    print(f"{n} rows, {k} functions, one gradient:")
    bare = None
    for label, formula in (
        ("gr = FALSE", f"y ~ gp(x, k = {k}, gr = FALSE)"),
        ("gr = TRUE, all x different", f"y ~ gp(x, k = {k})"),
        ("gr = TRUE, 1001 different x", f"y ~ gp(r, k = {k})"),
    ):
        start = time.perf_counter()
        model = hm.model(formula, frame)
        data = model.bind(frame)
        built = time.perf_counter() - start
        if bare is None:
            given = {"N": n, "K": k, "Y": data["Y"], "X": data["Xgp_1"]}
            bare = gradient(BARE, given, options.repeats)
            product = both_ways(np.asarray(data["Xgp_1"]), options.repeats)
            print(f"  {'product in NumPy, both ways':32} {1e3 * product:8.2f} ms")
            print(f"  {'product and likelihood in Stan':32} {1e3 * bare:8.2f} ms")
        found = gradient(model.stan_code, data, options.repeats)
        print(
            f"  {label:32} {1e3 * found:8.2f} ms  {found / bare:.2f} times the bare program; "
            f"model and data made in {built:.2f} s"
        )
    exact(options.points, options.repeats)


if __name__ == "__main__":
    main()
