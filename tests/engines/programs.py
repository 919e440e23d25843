"""Small Stan programs with data, as the tests of the engines need them."""

from __future__ import annotations

from typing import Any

import numpy as np

from hiermodel.stan.variables import Block, Var


def param(name: str, type_: str, *size: str, lower: str = "", array: tuple[str, ...] = ()) -> Var:
    return Var(name, type_, size, array=array, lower=lower, block=Block.PARAMETERS)


SLEEP_CODE = """
data {
  int<lower=1> N;
  vector[N] Y;
  int<lower=0> K;
  matrix[N, K] X;
  int<lower=1> N_1;
  array[N] int<lower=1, upper=N_1> J_1;
  vector[N] days;
  int prior_only;  // braces } in a comment { must not matter
}
parameters {
  real Intercept;
  real slope;
  vector[K] b;
  real<lower=0> sigma;
  vector<lower=0>[1] sd_1;
  matrix[1, N_1] z_1;
}
transformed parameters {
  real lprior = 0;
  vector[N_1] r_1 = sd_1[1] * z_1[1]';
  lprior += normal_lpdf(Intercept | 250, 50);
  lprior += normal_lpdf(slope | 0, 20);
  lprior += exponential_lpdf(sigma | 0.03);
  lprior += exponential_lpdf(sd_1 | 0.03);
}
model {
  if (!prior_only) {
    target += normal_lpdf(Y | Intercept + slope * days + X * b + r_1[J_1], sigma);
  }
  target += lprior;
  target += std_normal_lpdf(to_vector(z_1));
}
"""

SLEEP_PARAMETERS = (
    param("Intercept", "real"),
    param("slope", "real"),
    param("b", "vector", "K"),
    param("sigma", "real", lower="0"),
    param("sd_1", "vector", "1", lower="0"),
    param("z_1", "matrix", "1", "N_1"),
)


def sleep_data(prior_only: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(11)
    groups, times = 6, 5
    group = np.repeat(np.arange(groups), times)
    days = np.tile(np.arange(times, dtype=float), groups)
    mean = 250 + 10 * days + rng.normal(0, 30, groups)[group]
    return {
        "N": groups * times,
        "Y": mean + rng.normal(0, 20, groups * times),
        "K": 0,
        "X": np.zeros((groups * times, 0)),
        "N_1": groups,
        "J_1": group + 1,
        "days": days,
        "prior_only": prior_only,
    }


def sleep_log_lik(params: dict[str, np.ndarray], data: dict[str, Any]) -> float:
    effect = params["sd_1"][0] * params["z_1"][0]
    mean = params["Intercept"] + params["slope"] * data["days"] + effect[data["J_1"] - 1]
    assert params["b"].shape == (0,)
    z = (data["Y"] - mean) / params["sigma"]
    return float(np.sum(-0.5 * z**2 - np.log(params["sigma"]) - 0.5 * np.log(2 * np.pi)))


NORMAL_CODE = """
parameters { real a; vector[2] b; real<lower=0> s; }
model {
  target += normal_lpdf(a | 1, 2);
  target += normal_lpdf(b | a, 1);
  target += lognormal_lpdf(s | 0, 0.5);
}
"""
NORMAL_PARAMETERS = (
    param("a", "real"),
    param("b", "vector", "2"),
    param("s", "real", lower="0"),
)

# Every constrained type that models of this package declare.
TYPES_CODE = """
data { int K; }
parameters {
  ordered[K] o;
  simplex[K] p;
  cholesky_factor_corr[K] L;
  corr_matrix[K] R;
  unit_vector[K] u;
  array[2] vector<lower=0, upper=1>[K] a;
  real<upper=3> top;
}
model { o ~ normal(0, 1); L ~ lkj_corr_cholesky(2); }
"""
TYPES_PARAMETERS = (
    param("o", "ordered", "K"),
    param("p", "simplex", "K"),
    param("L", "cholesky_factor_corr", "K"),
    param("R", "corr_matrix", "K"),
    param("u", "unit_vector", "K"),
    param("a", "vector", "K", array=("2",)),
    param("top", "real"),
)
