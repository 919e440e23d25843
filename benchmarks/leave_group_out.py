"""Compare `logo()` with leaving each group out and fitting again.

Usage: ``python benchmarks/leave_group_out.py [cbpp] [sleepstudy] [epilepsy]``

For each level the exact number is log p(y_g | y_-g): the likelihood of the level's rows with its
effects integrated out, averaged over draws of a fit without these rows. Both are timed.
"""

from __future__ import annotations

import sys
import time
import warnings
from typing import Any

import numpy as np
from scipy.special import logsumexp

import hiermodel as hm
from hiermodel.criticism.integrate import integrate
from hiermodel.criticism.leave_group_out import group_likelihood

SETTINGS: dict[str, Any] = {
    "chains": 4, "draws": 1000, "warmup": 1000, "seed": 1, "progress": False
}
MODELS = {
    "cbpp": ("incidence | trials(size) ~ period + (1 | herd)", "binomial", "herd"),
    "sleepstudy": ("reaction ~ days + (days | subject)", "gaussian", "subject"),
    "epilepsy": ("count ~ zAge + zBase * Trt + (1 | patient)", "poisson", "patient"),
}


def exact(fit: hm.Fit, level: str, group: str) -> float:
    """The log predictive density of a level from a fit without it, with the same priors."""
    whole = fit.frame
    mine = (whole[group].astype(str) == level).to_numpy()
    refit = fit.model.fit(whole[~mine].reset_index(drop=True), **SETTINGS)
    owners = tuple(owner for owner in fit.model.groups if owner.name == group)
    likelihood = group_likelihood(fit.model, refit.posterior, whole, owners)
    values = integrate(likelihood).values[:, owners[0].grouping.levels.index(level)]
    return float(logsumexp(values) - np.log(len(values)))


def main(names: list[str]) -> None:
    """Print a row per data set, and the levels that differ most."""
    warnings.simplefilter("ignore")
    for name in names or list(MODELS):
        formula, family, group = MODELS[name]
        fit = hm.fit(formula, hm.datasets.load(name), family, **SETTINGS)
        start = time.perf_counter()
        found = fit.logo(group)
        mine = time.perf_counter() - start
        start = time.perf_counter()
        levels = [str(v) for v in found.pointwise[group].values]
        want = np.array([exact(fit, level, group) for level in levels])
        refits = time.perf_counter() - start
        assert found.pareto_k is not None
        k = found.pareto_k.values
        error = found.pointwise.values - want
        print(
            f"{name}: {len(levels)} levels; elpd {found.elpd:.2f}, by refits {want.sum():.2f} "
            f"(se {found.se:.1f}); {mine:.1f} s and {refits:.0f} s"
        )
        good = k <= found.k_threshold
        print(f"  {good.sum()} levels with Pareto k <= {found.k_threshold:.2f}: largest "
              f"difference {np.abs(error[good]).max():.2f}")
        for i in np.flatnonzero(~good):
            print(f"  {levels[i]}: k {k[i]:.2f}, {found.pointwise.values[i]:.2f}, by refit "
                  f"{want[i]:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
