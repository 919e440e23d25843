"""The models whose programs are kept as snapshots and whose contracts are checked."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

import hiermodel as hm

from .frames import borders, covariance, relatives, study, weights


@dataclass(frozen=True)
class Case:
    """A model in words: what a user would type."""

    name: str
    formula: str
    more: tuple[Any, ...] = ()
    family: str = "gaussian"
    family_options: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    needs_relatives: bool = False
    needs_map: bool = False
    mixed: tuple[str, ...] = ()

    def build(self, data: pd.DataFrame, **changes: Any) -> hm.Model:
        """The model of these data."""
        if self.mixed:
            family = hm.mixture(*self.mixed)
        else:
            family = hm.family(self.family, **self.family_options)
        if self.needs_relatives:
            changes = {"data2": {"A": relatives(data)}, **changes}
        if self.needs_map:
            n = len(data)
            maps = {"W": weights(n), "V": covariance(n), "B": borders(data)}
            changes = {"data2": maps, **changes}
        formula = hm.bf(self.formula, *self.more, **self.options)
        return hm.model(formula, data, family, **{**self.arguments, **changes})


_NLPARS = [hm.prior("normal(0, 2)", nlpar=name) for name in ("a", "b")]
_R2D2 = [
    hm.prior("R2D2(main = TRUE)"),
    *(hm.prior("R2D2()", cls) for cls in ("sd", "sds", "ar")),
]
_CONSTANT = {"b_x": "constant(0.5)", "sd_g": "constant(1)", "sigma": "exponential(1)"}

CASES = (
    Case("correlated_slopes", "y ~ x + (x | g)"),
    Case("uncorrelated_slopes", "y ~ x + (x || g) + (1 | h)"),
    Case("factor_slopes", "y ~ f * x + (0 + f | g)"),
    Case("nested", "y ~ x + (1 | h/g)", family="student"),
    Case("by", "y ~ x + (x | gr(g, by = side))"),
    Case("by_uncorrelated", "y ~ x + (1 | gr(g, by = side)) + (x || gr(h, id = q))"),
    Case("cov", "y ~ x + (x | gr(g, cov = A))", needs_relatives=True),
    Case("student_effects", 'y ~ x + (x | gr(g, dist = "student"))'),
    Case("prior_weights", "y ~ x + (x | gr(g, pw = pw))", family="lognormal"),
    Case("members", "y ~ x + (1 + mmc(x1, x2) | mm(m1, m2, weights = cbind(w1, w2)))"),
    Case("shared_id", "y ~ x + (1 |p| g)", ("sigma ~ z + (1 |p| g)",)),
    Case("autoregression", "y ~ x + ar(time = t, gr = g, p = 2)"),
    Case("moving_average", "y ~ x + arma(t, g, p = 1, q = 2) + (1 | h)", family="student"),
    Case("arma_covariance", "y ~ x + arma(time = t, gr = g, cov = TRUE)", ("sigma ~ z",)),
    Case("compound_symmetry", "y | se(s, sigma = TRUE) ~ x + cosy(gr = g)"),
    Case("common_correlation", "y ~ x + cosy(gr = g)"),
    Case("unstructured", "y ~ x + unstr(visit, patient)", family="student"),
    Case("latent_residuals", "count ~ x + ar(t, g, cov = TRUE)", family="poisson"),
    Case("known_covariance", "y ~ x + fcor(V)", ("sigma ~ z",), needs_map=True),
    Case("spatial_lag", "y ~ x + sar(W)", needs_map=True),
    Case("horseshoe", "y ~ x * f + mo(rating) + (1 | g)", ("sigma ~ z + x",),
         arguments={"priors": [hm.prior("horseshoe(par_ratio = 0.2)", dpar=dpar)
                               for dpar in ("", "sigma")]}),
    Case("r2d2_everywhere", "y ~ x + z + s(x1, k = 4) + (x || h) + ar(t, g, p = 2)",
         arguments={"priors": _R2D2}),
    Case("spatial_error", 'y ~ x + sar(W, type = "error")', family="student", needs_map=True),
    Case("spatial_effects", "count ~ x + car(B, gr = patient)",
         ('shape ~ car(B, gr = patient, type = "bym2")',),
         family="negbinomial", needs_map=True),
    Case("intrinsic_effects", 'y ~ x + car(B, gr = patient, type = "icar") + (1 | g)',
         ('sigma ~ car(B, gr = patient, type = "esicar")',), needs_map=True),
    Case("qr", "y ~ x + z + f", options={"decomp": "QR"}),
    Case("sparse", "y ~ x + f", options={"sparse": True}),
    Case("uncentred", "y ~ x + (1 | g)", options={"center": False}),
    Case("known_errors", "y | se(s, sigma = TRUE) ~ x + (1 | g)"),
    Case("rate", "count | rate(time) ~ x + offset(log(size)) + (1 | g)", family="poisson"),
    Case("shape_formula", "count ~ x + (1 | g)", ("shape ~ z",), family="negbinomial"),
    Case("truncated_binomial", "ok | trials(size) + trunc(lb = 1) ~ x + (1 | g)",
         family="binomial"),
    Case("truncated", "y | trunc(y_low, y_up) ~ x", family="student"),
    Case("censored", "pos | weights(w) + cens(event, pos_up) ~ x + (1 | g)", family="weibull"),
    Case("beta", "unit ~ x + (1 | g)", ("phi ~ x",), family="beta"),
    Case("cumulative", "rating ~ x + f + (1 | g)", family="cumulative"),
    Case("threshold_groups", "rating | thres(gr = item) ~ x", family="cumulative",
         family_options={"link": "probit", "threshold": "equidistant"}),
    Case("sum_to_zero", "rating ~ x", ("disc ~ 0 + z",), family="acat",
         family_options={"threshold": "sum_to_zero"}),
    Case("categorical", "kind ~ x + (1 | g)", family="categorical"),
    Case("multinomial", "cbind(n1, n2, n3) | trials(size) ~ x + (1 | g)", family="multinomial",
         family_options={"refcat": "n3"}),
    Case("dirichlet", "cbind(s1, s2, s3) | weights(w) ~ x", ("mus2 ~ z + (1 | g)", "phi ~ x"),
         family="dirichlet"),
    Case("constants", "y ~ x + z + (1 | g)", arguments={"priors": _CONSTANT}),
    Case("weak", "y ~ x + f + (x | g)", arguments={"priors": "weak"}),
    Case("non_linear", "y ~ a * exp(-b * x / 2) + 1", ("a ~ f + (1 | g)", "b ~ 1"),
         options={"nl": True}, arguments={"priors": _NLPARS}),
    Case("kinked", "count ~ a + b * fmax(x, 0)", ("a + b ~ 1", hm.nlf("shape ~ a + b * z")),
         family="negbinomial", options={"nl": True}, arguments={"priors": _NLPARS}),
    Case("mixture", "y ~ x + (1 | g)", mixed=("gaussian", "student")),
    Case("ordered_mixture", "count | weights(w) ~ x", ("theta1 ~ z",), mixed=("poisson",) * 2),
    Case("tied", "y ~ 1", ("mu2 ~ x",), mixed=("gaussian", "gaussian"),
         options={"sigma2": "sigma1", "theta1": 1, "theta2": 3}),
    Case("smooths", "y ~ f + s(x, k = 6) + s(z, by = f, k = 5) + (1 | g)",
         ("sigma ~ s(z, k = 5)",)),
    Case("processes", "y ~ f + gp(x, z, by = f, iso = FALSE, k = 3) + gp(x1, k = 5)",
         ("sigma ~ gp(z, by = x, k = 4, gr = FALSE, cov = \"matern52\")",)),
    Case("exact_processes", "count ~ gp(x, by = f, cmc = FALSE, cov = \"exponential\")"
         " + gp(z, x1, iso = FALSE, cov = \"matern32\")",
         ("shape ~ gp(x, by = z, cov = \"matern32\", gr = FALSE)",), family="negbinomial"),
    Case("tensor", "count ~ t2(x, z, k = 4) + s(g, bs = \"re\")", family="poisson"),
    Case("factor_smooth", "y ~ s(x, h, bs = \"fs\", k = 5) + s(z, k = 4, fx = TRUE)"),
    Case("monotonic", 'y ~ mo(rating) * f + mo(score, id = "q") + (mo(rating) | g)',
         ("sigma ~ mo(score):x",)),
    Case("measurement_error", "count ~ me(x, s) * z + I(me(x, s)^2) + me(z, s) + (me(x, s) || g)",
         family="poisson"),
    Case("missing", "gaps | mi() + weights(w) ~ x + (1 | g)"),
    Case("threads", "y ~ x + (x | g)", ("sigma ~ z",), arguments={"threads": 2}),
    Case("without_constants", "count ~ x + (x | g)", family="poisson",
         arguments={"normalize": False}),
)

# Models whose rows depend on each other: on earlier residuals, or for their log-likelihood.
TOGETHER = (
    "autoregression", "moving_average", "arma_covariance", "compound_symmetry",
    "common_correlation", "unstructured", "latent_residuals", "known_covariance", "spatial_lag",
    "spatial_error", "r2d2_everywhere",
)
# Models with effects of places.
MAPS = ("spatial_effects", "intrinsic_effects")
BY_NAME = {case.name: case for case in CASES}
EVERY = list(BY_NAME)
# Latent values belong to the training rows: other rows, and the same in another order, have others.
LATENT = ("measurement_error", "missing")
ALL = [name for name in EVERY if name not in LATENT]
APART = [name for name in ALL if name not in TOGETHER]


@functools.cache
def training(name: str) -> pd.DataFrame:
    """The data of a case; not to be changed. ``pos`` where the response must be positive."""
    data = study()
    if BY_NAME[name].family == "lognormal":
        data["y"] = data["pos"]
    return data


@functools.cache
def model(name: str) -> hm.Model:
    """The model of a case, built once."""
    return BY_NAME[name].build(training(name))
