"""Cost of a gradient with autocorrelation terms, on the embedded engine.

Usage: ``python benchmarks/autocorrelation.py [ROWS]``

10,000 rows by default, in series of 100. Each term is compared with the same model without it, and
the regressions on earlier residuals with a program that visits one row after the other.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pandas as pd
import stanli

import hiermodel as hm

ROW_BY_ROW = """
data {
  int N; vector[N] Y; vector[N] x; array[N] int J_lag; int Kar; int Kma;
}
parameters {
  real b; real Intercept; vector[Kar] ar; vector[Kma] ma; real<lower=0> sigma;
}
model {
  vector[N] mu = Intercept + b * x;
  matrix[N, max(Kar, Kma)] Err = rep_matrix(0, N, max(Kar, Kma));
  vector[N] err;
  for (n in 1:N) {
    mu[n] += Err[n, 1:Kma] * ma;
    err[n] = Y[n] - mu[n];
    for (i in 1:J_lag[n]) Err[n + 1, i] = err[n + 1 - i];
    mu[n] += Err[n, 1:Kar] * ar;
  }
  target += normal_lpdf(Y | mu, sigma);
}
"""

TERMS = (
    "", "ar(t, s)", "ar(t, s, p = 3)", "ma(t, s)", "arma(t, s)", "ar(t, s, cov = TRUE)",
    "arma(t, s, cov = TRUE)", "cosy(t, s)", "unstr(visit, patient)",
)
_SECONDS = 1.0


def data_of(rows: int) -> pd.DataFrame:
    """Series of 100 rows in no order; patients with five visits."""
    rng = np.random.default_rng(1)
    n = np.arange(rows)
    frame = pd.DataFrame({
        "s": n // 100, "t": n % 100, "patient": n // 5, "visit": n % 5,
        "x": rng.normal(size=rows), "y": rng.normal(size=rows),
    })
    return frame.sample(frac=1, random_state=1, ignore_index=True)


def per_gradient(program: str, data: dict[str, Any]) -> float:
    """Milliseconds: the best of five rounds of gradients at different points."""
    made = stanli.Model(mir=stanli.stan_to_mir(program), data=data)
    points = 0.1 * np.random.default_rng(1).normal(size=(20, made.n_unconstrained))
    made.log_prob_grad(points[0])
    best, until = np.inf, time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        started = time.perf_counter()
        for point in points:
            made.log_prob_grad(point)
        best = min(best, (time.perf_counter() - started) / len(points))
    return 1e3 * best


def row_by_row(data: pd.DataFrame, p: int, q: int) -> float:
    """The same of the program that visits rows."""
    frame = data.sort_values(["s", "t"])
    step = frame.groupby("s").cumcount().to_numpy()
    lags = np.append(np.minimum(step, max(p, q))[1:], 0)
    return per_gradient(ROW_BY_ROW, {
        "N": len(frame), "Y": frame["y"].to_numpy(), "x": frame["x"].to_numpy(), "J_lag": lags,
        "Kar": p, "Kma": q,
    })


def main(rows: int = 10_000) -> None:
    """Print a line for each term."""
    data = data_of(rows)
    loops = {
        "ar(t, s)": (1, 0), "ar(t, s, p = 3)": (3, 0), "ma(t, s)": (0, 1), "arma(t, s)": (1, 1)
    }
    plain = 0.0
    print(f"milliseconds per gradient, {rows} rows")
    for term in TERMS:
        model = hm.model("y ~ x" + (f" + {term}" if term else ""), data)
        cost = per_gradient(model.stan_code, model.bind(data))
        plain = plain or cost
        line = f"{'y ~ x' if not term else '  + ' + term:<28} {cost:8.2f}   x{cost / plain:6.1f}"
        if term in loops:
            visited = row_by_row(data, *loops[term])
            line += f"   row by row {visited:8.2f}   x{visited / cost:5.1f} slower"
        print(line)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
