"""Quadrature rules for normal and Student variables, and how fine they must be.

One to three dimensions are Gauss-Hermite products (in one dimension the trapezoidal rule takes
over where integrands are too steep for it; Trefethen & Weideman 2014, doi:10.1137/130932132), more
are a scrambled Sobol sequence. Student effects in one dimension have a trapezoidal rule of their
own; in several, their mixing variable is integrated over its logarithm. The number of nodes is the
smallest for which a finer rule agrees.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy import special, stats

from hiermodel.errors import ArgumentError, HiermodelError
from hiermodel.terms.base import Array

# A rule is fine enough when the next one changes no value by more than this share.
TOLERANCE = 1e-6

# Kinds of rules by dimension, coarse to fine.
_RULES: Mapping[int, tuple[tuple[str, int], ...]] = {
    0: (("hermite", 1), ("hermite", 2)),
    1: (("hermite", 5), ("hermite", 9), ("hermite", 15), ("hermite", 25), ("trapezoid", 81),
        ("trapezoid", 161), ("trapezoid", 321), ("trapezoid", 641), ("trapezoid", 1281),
        ("trapezoid", 2561)),
    2: (("hermite", 5), ("hermite", 9), ("hermite", 15), ("hermite", 23), ("hermite", 35),
        ("trapezoid", 81), ("trapezoid", 121), ("sobol", 13), ("sobol", 14)),
    3: (("hermite", 5), ("hermite", 7), ("hermite", 11), ("hermite", 15), ("hermite", 21),
        ("sobol", 13), ("sobol", 14)),
}
_SOBOL = (("sobol", 9), ("sobol", 11), ("sobol", 13))
# Random rules cannot be as exact; their error is far below that of the draws.
_SOBOL_TOLERANCE = 5e-3
_STUDENT = (21, 41, 81, 121, 161, 321, 641, 1281)
_MIXING = (7, 11, 17, 25, 35, 49, 69, 97)
# Products with mixing variables are large; they need not be finer than this.
_MIXED_TOLERANCE = 1e-4
# Corners of products that weigh less than this are left out.
_SMALL_WEIGHT = 1e-20
# More points than this, with those of mixing variables, are not tried.
_MOST_NODES = 50_000


def nodes(kind: str, count: int, dims: int) -> tuple[Array, Array]:
    """Return the nodes (K, dims) and weights (K) of a rule for standard normal variables.

    Examples
    --------
    >>> z, w = nodes("hermite", 5, 1)
    >>> round(float((w * z[:, 0] ** 4).sum()), 10)
    3.0
    """
    if dims == 0:
        return np.zeros((1, 0)), np.ones(1)
    if kind == "sobol":
        uniform = stats.qmc.Sobol(dims, seed=20240229).random_base2(count)
        return special.ndtri(uniform), np.full(len(uniform), 1.0 / len(uniform))
    if kind == "hermite":
        z, w = np.polynomial.hermite_e.hermegauss(count)
    else:
        z = np.linspace(-10.0, 10.0, count)
        w = np.exp(-0.5 * z**2)
    w = w / w.sum()
    if dims == 1:
        return z[:, None], w
    grids = np.meshgrid(*[z] * dims, indexing="ij")
    weights = np.prod(np.meshgrid(*[w] * dims, indexing="ij"), axis=0).ravel()
    kept = weights > _SMALL_WEIGHT
    points = np.column_stack([g.ravel() for g in grids])[kept]
    return points, weights[kept] / weights[kept].sum()


def student(df: Array, count: int) -> tuple[Array, Array]:
    """Return nodes and weights for Student variables with these degrees of freedom, (K, draws).

    The trapezoidal rule for the inverse hyperbolic sine of the variable, in which tails of any
    weight end soon.
    """
    end = np.arcsinh(stats.t.isf(1e-12, df))
    s = end * np.linspace(-1.0, 1.0, count)[:, None]
    w = stats.t.pdf(np.sinh(s), df) * np.cosh(s)
    return np.sinh(s), w / w.sum(axis=0)


def mixing(df: Array, count: int) -> tuple[Array, Array]:
    """Return multipliers of the covariance of Student effects and their weights, (K, draws).

    The multiplier is df / chi2(df). The density of log chi2 is smooth, so that the trapezoidal
    rule converges geometrically.
    """
    low = np.log(stats.chi2.ppf(1e-10, df))
    high = np.log(stats.chi2.isf(1e-14, df))
    t = low + (high - low) * np.linspace(0.0, 1.0, count)[:, None]
    log_density = 0.5 * df * t - 0.5 * np.exp(t)
    w = np.exp(log_density - log_density.max(axis=0))
    return df / np.exp(t), w / w.sum(axis=0)


@dataclass(frozen=True)
class Rule:
    """How fine the quadrature is: a kind and count of nodes, and nodes of mixing variables."""

    kind: str
    count: int
    mixing: int

    @staticmethod
    def ladder(dims: int, student: int, normal: bool) -> list[Rule]:
        """Return the rules to choose from, coarse to fine.

        Parameters
        ----------
        dims : int
            Number of linear predictors that vary.
        student : int
            Number of clusters in a row whose effects have a Student distribution.
        normal : bool
            Whether there are normal effects as well.
        """
        kinds = _RULES.get(dims, _SOBOL)
        if not student:
            return [Rule(kind, count, 1) for kind, count in kinds]
        outer = _STUDENT if dims == 1 else _MIXING
        rough = [] if dims == 1 else [Rule("sobol", k, 17) for k in (10, 11)]
        rules = [
            Rule(*kinds[min(k, len(kinds) - 1)], outer[min(k, len(outer) - 1)])
            for k in range(max(len(kinds), len(outer)))
        ]
        inner = normal or dims > 1
        size = [
            (len(nodes(r.kind, r.count, dims)[1]) if inner else 1) * r.mixing**student
            for r in rules
        ]
        kept = [r for r, count in zip(rules, size, strict=True) if count <= _MOST_NODES]
        return [*kept, *rough]


def choose_rule(values: Callable[[Rule], Array], dims: int, heavy: int, normal: int) -> Rule:
    """Return the coarsest rule that a finer one agrees with.

    Parameters
    ----------
    values : callable
        The quantity for a few rows and draws by a rule.
    dims : int
        Number of linear predictors that vary.
    heavy, normal : int
        Number of clusters in a row with Student and with normal effects.

    Raises
    ------
    ArgumentError
        For Student effects of more than two clusters in a row.
    HiermodelError
        When no rule is fine enough: the expectation may not exist.
    """
    if heavy > 2:
        raise ArgumentError(
            "groups='integrated' can integrate over Student effects of at most two clusters in a "
            "row; give the others another mode, such as groups={'g': 'new'}"
        )
    mixed = heavy > 0 and (dims > 1 or heavy + normal > 1)
    ladder = Rule.ladder(dims, heavy, normal > 0)
    with np.errstate(all="ignore"):
        before = values(ladder[0])
        for coarse, fine in pairwise(ladder):
            after = values(fine)
            tolerance = _MIXED_TOLERANCE if mixed else TOLERANCE
            tolerance = _SOBOL_TOLERANCE if fine.kind == "sobol" else tolerance
            scale = np.abs(after) + 1e-3 * np.abs(after).max(initial=0.0) + 1e-12
            if np.all(np.isfinite(after)) and np.all(np.abs(after - before) <= tolerance * scale):
                return coarse
            before = after
    raise HiermodelError(
        "the expectation over the population of clusters does not settle, however fine the "
        "quadrature; it may not exist (Student effects on a log link have none) or the standard "
        "deviations of some draws are huge; groups='new' gives the distribution of a new cluster"
    )
