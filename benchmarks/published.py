"""Posterior means beside published results of the same models on the same data.

Run ``python benchmarks/published.py`` to print the table of docs/published-results.md, and
``python benchmarks/published.py --write`` to write it there. The tests import the references
from here, so that every number is written down once.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import optimize, special, stats

import hiermodel as hm

PAGE = Path(__file__).resolve().parent.parent / "docs" / "published-results.md"


@dataclass(frozen=True)
class Reference:
    """A published number.

    Attributes
    ----------
    value : float
    kind : {"mean", "mode", "mode of sd"}
        A posterior mean under the same priors must agree within Monte Carlo error; an estimate
        of (restricted) maximum likelihood must lie well inside the posterior. Modes of standard
        deviations lie below their posterior means.
    error : float
        Monte Carlo standard error of a posterior mean.
    rounding : float
        Half a unit of the last published digit.
    """

    value: float
    kind: Literal["mean", "mode", "mode of sd"]
    error: float = 0.0
    rounding: float = 0.0

    def distance(self, mean: float, sd: float, mcse: float) -> float:
        """Difference in units of what is allowed: agreement is at most 1."""
        if self.kind == "mean":
            allowed = 4 * np.hypot(mcse, self.error) + self.rounding
        else:
            allowed = (0.35 if self.kind == "mode" else 1.0) * sd + 4 * mcse
        return abs(mean - self.value) / float(allowed)


@dataclass(frozen=True)
class Published:
    """A model with published results; parameters under their flat names."""

    name: str
    formula: str
    data: str
    family: str
    source: str
    references: Mapping[str, Reference]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    adapt_delta: float = 0.8

    def fit(self, **settings: Any) -> hm.Fit:
        """Sample its posterior on the embedded engine."""
        chosen = {"engine": "stanli", "seed": 2024, "progress": False, **settings}
        chosen.setdefault("adapt_delta", self.adapt_delta)
        data = hm.datasets.load(self.data)
        return hm.fit(self.formula, data, self.family, **self.arguments, **chosen)


def _means(rounding: float, **rows: tuple[float, float, float]) -> dict[str, Reference]:
    """References from a summary: posterior mean, standard deviation, effective sample size."""
    return {
        name: Reference(mean, "mean", sd / np.sqrt(ess), rounding)
        for name, (mean, sd, ess) in rows.items()
    }


SLEEPSTUDY = Published(
    "sleepstudy",
    "reaction ~ days + (days | subject)",
    "sleepstudy",
    "gaussian",
    "lme4, REML: Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015). Fitting linear "
    "mixed-effects models using lme4. Journal of Statistical Software 67(1)",
    {
        "b_Intercept": Reference(251.405, "mode"),
        "b_days": Reference(10.467, "mode"),
        "sd_subject__Intercept": Reference(24.741, "mode of sd"),
        "sd_subject__days": Reference(5.922, "mode of sd"),
        "cor_subject__Intercept__days": Reference(0.066, "mode"),
        "sigma": Reference(25.592, "mode of sd"),
    },
)

CBPP = Published(
    "cbpp",
    "incidence | trials(size) ~ period + (1 | herd)",
    "cbpp",
    "binomial",
    "lme4, maximum likelihood (Laplace): example of glmer() in the manual of lme4",
    {
        "b_Intercept": Reference(-1.398, "mode"),
        "b_period2": Reference(-0.992, "mode"),
        "b_period3": Reference(-1.128, "mode"),
        "b_period4": Reference(-1.580, "mode"),
        "sd_herd__Intercept": Reference(0.642, "mode of sd"),
    },
)

EPILEPSY = Published(
    "epilepsy",
    "count ~ zAge + zBase * Trt + (1 | patient)",
    "epilepsy",
    "poisson",
    "brms 2.x, 4 x 1000 draws: first example of its web page, paulbuerkner.com/brms",
    _means(
        0.005,
        sd_patient__Intercept=(0.58, 0.07, 768),
        b_Intercept=(1.77, 0.11, 753),
        b_zAge=(0.09, 0.08, 830),
        b_zBase=(0.70, 0.12, 678),
        b_Trt1=(-0.26, 0.16, 709),
        **{"b_zBase:Trt1": (0.05, 0.17, 721)},
    ),
)

INHALER = Published(
    "inhaler",
    "rating ~ treat + period + carry + (1 | subject)",
    "inhaler",
    "cumulative",
    "importance sampling in NumPy: subjects integrated out by Gauss-Hermite quadrature "
    "(`inhaler_references`), no Stan; model of Ezzet, F. and Whitehead, J. (1991), Statistics in "
    "Medicine 10, 901-907",
    {},
)

MODELS = (SLEEPSTUDY, CBPP, EPILEPSY, INHALER)


# --------------------------------------------------------------------------- without Stan

Draws = np.ndarray


def _normal_nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and log weights that integrate against the standard normal density."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes, np.log(weights / np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class RatingModel:
    """Cumulative logit model of the inhaler data with subjects integrated out.

    A point is ``(first threshold, log distances, coefficients, log sd)``.
    """

    design: np.ndarray
    ratings: np.ndarray
    weights: np.ndarray
    means: np.ndarray

    @classmethod
    def of(cls) -> RatingModel:
        """Collapse the data to distinct patterns of two ratings."""
        data = hm.datasets.load("inhaler")
        columns = ["treat", "period", "carry"]
        wide = data.sort_values(["subject", "period"], ascending=[True, False])
        first, second = wide.iloc[::2], wide.iloc[1::2]
        assert (first["subject"].to_numpy() == second["subject"].to_numpy()).all()
        table = np.column_stack(
            [first[[*columns, "rating"]].to_numpy(), second[[*columns, "rating"]].to_numpy()]
        )
        patterns, counts = np.unique(table, axis=0, return_counts=True)
        design = np.stack([patterns[:, :3], patterns[:, 4:7]], axis=1)
        ratings = patterns[:, [3, 7]].astype(int)
        return cls(design, ratings, counts.astype(float), data[columns].mean().to_numpy())

    @staticmethod
    def thresholds(points: Draws) -> Draws:
        """Ordered thresholds, (points, 3)."""
        first = points[:, :1]
        return np.concatenate([first, first + np.cumsum(np.exp(points[:, 1:3]), axis=1)], axis=1)

    def log_likelihood(self, points: Draws, nodes: int = 41) -> np.ndarray:
        """Log-likelihood of each point, subjects integrated out."""
        z, log_weight = _normal_nodes(nodes)
        padded = np.full((len(points), 5), np.inf)
        padded[:, 0] = -np.inf
        padded[:, 1:4] = self.thresholds(points)
        eta = np.einsum("prk,sk->spr", self.design, points[:, 3:6])
        eta = eta[..., None] + np.exp(points[:, 6])[:, None, None, None] * z
        upper = special.expit(padded[:, self.ratings][..., None] - eta)
        lower = special.expit(padded[:, self.ratings - 1][..., None] - eta)
        per_subject = np.log(np.maximum(upper - lower, 1e-300)).sum(axis=2) + log_weight
        total: np.ndarray = special.logsumexp(per_subject, axis=2) @ self.weights
        return total

    def log_posterior(self, points: Draws) -> np.ndarray:
        """With the default priors and the Jacobian of the point's scale."""
        b, log_sd = points[:, 3:6], points[:, 6]
        centred = self.thresholds(points) - (b @ self.means)[:, None]
        prior = stats.t.logpdf(centred, 3, scale=2.5).sum(axis=1)
        prior += stats.t.logpdf(np.exp(log_sd), 3, scale=2.5) + log_sd
        density: np.ndarray = self.log_likelihood(points) + prior + points[:, 1:3].sum(axis=1)
        return density

    def parameters(self, points: Draws) -> Draws:
        """Thresholds, coefficients and standard deviation, (points, 7)."""
        return np.column_stack([self.thresholds(points), points[:, 3:6], np.exp(points[:, 6])])


NAMES = (
    "b_Intercept[1]", "b_Intercept[2]", "b_Intercept[3]",
    "b_treat", "b_period", "b_carry", "sd_subject__Intercept",
)


def _mode(density: Callable[[Draws], np.ndarray], start: np.ndarray) -> tuple[Any, Any]:
    """Mode and inverse of the negative Hessian by central differences."""
    found = optimize.minimize(lambda x: -density(x[None])[0], start, method="BFGS")
    step, k = 1e-3, len(start)
    corners = np.array(list(itertools.product((1, -1), repeat=2)))
    hessian = np.empty((k, k))
    for i, j in itertools.product(range(k), repeat=2):
        moves = np.zeros((4, k))
        moves[:, i] += step * corners[:, 0]
        moves[:, j] += step * corners[:, 1]
        hessian[i, j] = corners.prod(axis=1) @ density(found.x + moves) / (4 * step**2)
    return found.x, np.linalg.inv(-hessian)


def inhaler_references(size: int = 20_000, seed: int = 1) -> dict[str, Reference]:
    """Posterior means of the inhaler model by importance sampling, with their errors.

    The proposal is a multivariate Student t around the mode. The error of a self-normalised
    estimate is that of Geweke (1989), Econometrica 57, 1317-1339.
    """
    model, rng = RatingModel.of(), np.random.default_rng(seed)
    start = np.array([0.7, 1.0, 0.5, -0.8, 0.2, -0.2, 0.0])
    mode, covariance = _mode(model.log_posterior, start)
    proposal = stats.multivariate_t(mode, 1.2 * (covariance + covariance.T) / 2, df=6, seed=rng)
    points = proposal.rvs(size)
    log_ratio = np.concatenate(
        [model.log_posterior(chunk) for chunk in np.array_split(points, size // 500)]
    ) - proposal.logpdf(points)
    weights = special.softmax(log_ratio)
    values = model.parameters(points)
    means = weights @ values
    errors = np.sqrt((weights**2) @ (values - means) ** 2)
    return {
        name: Reference(float(mean), "mean", float(error))
        for name, mean, error in zip(NAMES, means, errors, strict=True)
    }


# --------------------------------------------------------------------------- the table


@dataclass(frozen=True)
class Row:
    """One parameter: what was published, what was measured."""

    parameter: str
    reference: Reference
    mean: float
    sd: float
    mcse: float

    @property
    def distance(self) -> float:
        """Difference in units of what is allowed."""
        return self.reference.distance(self.mean, self.sd, self.mcse)


@functools.cache
def _computed() -> Mapping[str, Reference]:
    return inhaler_references()


def references(model: Published) -> Mapping[str, Reference]:
    """The published numbers, or those that this file computes."""
    return model.references or _computed()


def compare(model: Published, fit: hm.Fit) -> list[Row]:
    """Posterior means of a fit beside the references of its model."""
    import arviz

    draws = fit.to_frame()
    chains = fit.posterior.sizes["chain"]
    rows = []
    for name, reference in references(model).items():
        values = draws[name].to_numpy().reshape(chains, -1)
        mcse = float(np.asarray(arviz.mcse(values, method="mean")))
        rows.append(Row(name, reference, float(values.mean()), float(values.std(ddof=1)), mcse))
    return rows


def _section(model: Published, rows: list[Row], fit: hm.Fit) -> str:
    lines = [
        f"## {model.name}", "",
        f"`{model.formula}`, family `{model.family}`. Reference: {model.source}.", "",
        "| parameter | reference | kind | posterior mean | posterior sd | MCSE "
        "| difference / allowed |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        reference = row.reference
        error = f" ± {reference.error:.4f}" if reference.error else ""
        lines.append(
            f"| `{row.parameter}` | {reference.value:.4g}{error} | {reference.kind} "
            f"| {row.mean:.4g} | {row.sd:.3g} | {row.mcse:.2g} | {row.distance:.2f} |"
        )
    facts = fit.provenance
    version = f"{facts['engine']} {facts['engine_version']}"
    return "\n".join([*lines, "", f"Sampled by {version}, seed {facts['seed']}.", ""])


HEAD = """# Agreement with published results

Made by `python benchmarks/published.py --write`, 4 chains of 1000 draws each, default priors.

- *mean*: a posterior mean under the same priors. Allowed: four Monte Carlo standard errors of
  both runs, plus half a unit of the last published digit.
- *mode*: an estimate of maximum likelihood or REML. Allowed: 0.35 posterior standard deviations.
- *mode of sd*: the same for a standard deviation, whose posterior mean lies above the mode.
  Allowed: one posterior standard deviation.

The last column is the difference in units of what is allowed; at most 1 is agreement.

"""


def main() -> int:
    """Fit all models, print the table, exit with 1 when a number disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    sections, worst = [], 0.0
    for model in MODELS:
        fit = model.fit(chains=4, draws=1000, warmup=1000)
        rows = compare(model, fit)
        worst = max(worst, *(row.distance for row in rows))
        sections.append(_section(model, rows, fit))
    text = HEAD + "\n".join(sections)
    print(text)
    if arguments.write:
        PAGE.write_text(text, encoding="utf-8")
    return int(worst > 1)


if __name__ == "__main__":
    raise SystemExit(main())
