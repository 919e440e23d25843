"""Tiny Stan programs around the likelihood of one family, for comparison with NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import stanli

from hiermodel.families.base import Family, FunctionTemplate, StanExpr, StanMath
from hiermodel.families.msplines import MSplines
from hiermodel.links import LINKS
from hiermodel.stan.expr import as_expr
from hiermodel.stan.render import function_text

FUNCTIONS = Path(__file__).parents[2] / "stan_templates" / "functions"
N = 14
CATEGORIES = 4

# Ranges of linear predictors whose means lie well inside the support of any density.
_ETA = {
    "identity": {"real": (-2, 2), "positive": (0.3, 4), "probability": (0.05, 0.95)},
    "inverse": {"real": (0.3, 2), "positive": (0.3, 2)},
    "1/mu^2": {"positive": (0.3, 4)},
    "sqrt": {"positive": (0.5, 2)},
    "log": {"real": (-1, 1), "positive": (-1, 1.5), "probability": (-3, -0.05)},
}
# Natural-scale ranges of the other parameters.
_OTHERS = {
    "sigma": (0.4, 2), "nu": (1.5, 30), "alpha": (-4, 4), "shape": (0.5, 5), "phi": (0.5, 9),
    "disc": (0.4, 2), "zi": (0.1, 0.9), "hu": (0.1, 0.9), "zoi": (0.1, 0.9), "coi": (0.1, 0.9),
    "quantile": (0.1, 0.9), "bias": (0.2, 0.8), "kappa": (0.3, 8), "beta": (0.3, 3),
    "xi": (-0.4, 0.4), "bs": (0.7, 2), "ndt": (0.1, 0.3), "cutzero": (-3, -1),
    "cutgap": (1, 4), "power": (0.1, 0.9),
}  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """Parameters on link and natural scale, responses, and Stan data."""

    family: Family
    linear: dict[str, np.ndarray]
    p: SimpleNamespace
    y: np.ndarray
    data: dict[str, Any]


def eta_range(family: Family) -> tuple[float, float]:
    link, mu = family.link("mu"), family.param("mu")
    kind = "real" if mu.lower < 0 else "probability" if mu.upper <= 1 else "positive"
    return _ETA.get(link, {}).get(kind, (-2, 2))


def sample(family: Family, seed: int = 0) -> Sample:
    """Random parameters, one per row, and responses drawn from them."""
    rng = np.random.default_rng(seed)
    linear: dict[str, np.ndarray] = {}
    natural: dict[str, Any] = {}
    if family.per_category:
        columns = CATEGORIES - family.correlated
        linear["mu"] = rng.uniform(-2, 2, (N, columns))
        raw = family.on_link_scale("mu")
        mu = linear["mu"] if raw else LINKS[family.link("mu")].inverse(linear["mu"])
        if np.any(mu <= family.param("mu").lower):  # the identity of a positive parameter
            mu = linear["mu"] = np.abs(mu) + 0.1
        natural["mu"] = mu[None]
    else:
        linear["mu"] = rng.uniform(*eta_range(family), N)
        mu = (
            linear["mu"]
            if family.has_thresholds
            else LINKS[family.link("mu")].inverse(linear["mu"])
        )
        natural["mu"] = mu[None]
    for param in family.params[1:]:
        if not param.links:
            continue
        size = (N, linear["mu"].shape[1]) if param.per_category else N
        value = rng.uniform(*_OTHERS[param.name], size) + (param.lower == 1 != (param.name == "nu"))
        linear[param.name] = LINKS[family.link(param.name)].link(value)
        natural[param.name] = value[None]
    data: dict[str, Any] = {"N": N, "C": CATEGORIES}
    if "trials" in family.additions:
        natural["trials"] = rng.integers(1, 20, N)
        data["trials"] = natural["trials"].tolist()
    if "dec" in family.additions:
        natural["dec"] = rng.integers(0, 2, N)
        data["dec"] = natural["dec"].tolist()
    if family.correlated:
        corr = 0.6 ** np.abs(np.subtract.outer(range(CATEGORIES - 1), range(CATEGORIES - 1)))
        natural["lncor"] = np.linalg.cholesky(corr)[None, None]
        natural["reference"] = 2
        data["lncor"] = natural["lncor"][0, 0].tolist()
    if family.has_thresholds:
        natural["thresholds"] = np.sort(rng.uniform(-1.5, 1.5, CATEGORIES - 1))[None, None]
        data["thresholds"] = natural["thresholds"][0, 0].tolist()
    y = None
    if "bhaz" in family.additions:
        # Such a family has no random responses; some of these lie behind the last knot.
        splines, weights = MSplines(3, (0.1, 1.0, 2.5)), np.array([0.1, 0.2, 0.3, 0.25, 0.15])
        natural["baseline"] = (3, *weights, *splines.knots)
        y = rng.uniform(0.2, 3, N)
        data["bhaz"] = (splines.values(y) @ weights).tolist()
        data["cbhaz"] = (splines.integrals(y) @ weights).tolist()
    p = SimpleNamespace(**natural)
    from hiermodel.families import evaluate

    if y is None:
        y = evaluate.random(family, rng, p)[0]
    if family.response == "unit":
        y = np.clip(y, 1e-6, 1 - 1e-6)
    elif family.response == "unit_with_zero":
        y = np.minimum(y, 1 - 1e-6)  # a draw near 1 may be rounded to it
    data["Y"] = y.tolist()
    return Sample(family, linear, p, y, data)


def functions_block(s: Sample, by_row: bool) -> str:
    """Every Stan function of a family, for calls row by row or for all rows at once."""
    family = s.family
    rows = tuple(as_expr(a).rows for a in family.arguments(stan_parameters(s), StanMath))
    # Densities with the link folded in have no distribution functions.
    plain = (*family.distribution.functions, *family.distribution.tail_functions)
    folded = [function for fused in family.fused for function in fused.functions]
    sources = [(f, by_row) for f in (*plain, *LINKS[family.link("mu")].functions)]
    sources += [(f, False) for f in folded]
    written = [
        source
        if isinstance(source, (str, FunctionTemplate))
        else source.written(None if by_row else rows, cumulative)
        for source, cumulative in sources
    ]
    text = "\n".join(function_text(source) for source in dict.fromkeys(written))
    return f"functions {{\n{text}\n}}\n" if text else ""


def program(s: Sample, statements: str) -> str:
    """A program whose parameters are the linear predictors; `statements` use ``mu`` etc."""
    family = s.family
    y_type = "array[N] int" if family.discrete else "vector[N]"
    if family.several_columns:
        y_type = "array[N, C] int" if family.discrete else "array[N] vector[C]"
    more = ["array[N] int trials;"] if "trials" in s.data else []
    more += ["array[N] int dec;"] if "dec" in s.data else []
    more += ["vector[C - 1] thresholds;"] if "thresholds" in s.data else []
    more += ["matrix[C - 1, C - 1] lncor;"] if "lncor" in s.data else []
    more += ["vector[N] bhaz; vector[N] cbhaz;"] if "bhaz" in s.data else []
    declare, transform = [], []
    for name in s.linear:
        by_category = name in family.category_params
        width = "C - 1" if family.correlated else "C"
        kind = f"array[N] vector[{width}]" if by_category else "vector[N]"
        declare.append(f"{kind} eta_{name};")
        eta = StanExpr(f"eta_{name}", rows=True)
        if by_category:  # links act on vectors, one row after the other
            row = StanExpr(f"eta_{name}[n]", rows=True)
            done = row if family.on_link_scale(name) else LINKS[family.link(name)].stan_inverse(row)
            transform.append(f"{kind} {name}; for (n in 1:N) {name}[n] = {done.text};")
            continue
        value = eta if family.on_link_scale(name) else LINKS[family.link(name)].stan_inverse(eta)
        transform.append(f"{kind} {name} = {value.text};")
    return (
        functions_block(s, statements.startswith("for"))
        + f"data {{ int N; int C; {y_type} Y; {' '.join(more)} }}\n"
        + f"parameters {{ {' '.join(declare)} }}\n"
        + f"model {{ {' '.join(transform)}\n{statements}\n}}\n"
    )


def stan_parameters(s: Sample) -> SimpleNamespace:
    """The parameters as Stan text, one per row."""
    p = SimpleNamespace(**{name: StanExpr(name, rows=True) for name in s.linear})
    for param in s.family.params:
        if param.fixed is not None and not hasattr(p, param.name):
            setattr(p, param.name, StanExpr(f"{param.fixed:g}"))
    p.trials = StanExpr("trials", rows=True)
    p.dec = StanExpr("dec", rows=True)
    p.thresholds = StanExpr("thresholds")
    p.lncor, p.reference = StanExpr("lncor"), StanExpr("2")
    p.baseline = (StanExpr("bhaz", rows=True), StanExpr("cbhaz", rows=True))
    return p


def call(family: Family, s: Sample, suffix: str, rows: bool) -> str:
    """``target += f_suffix(Y | ...)`` for all rows at once, or in a loop."""
    name = f"{family.distribution.name}_{suffix}"
    args = family.arguments(stan_parameters(s), StanMath)
    if rows:
        inner = f"{name}(Y[n] | {', '.join(a.at('n').text for a in args)})"
        return f"for (n in 1:N) target += {inner};"
    return f"target += {name}(Y | {', '.join(a.text for a in args)});"


def evaluate_stan(s: Sample, statements: str) -> tuple[float, np.ndarray]:
    """Log density and gradient at the sample's linear predictors."""
    model = stanli.Model(stan_code=program(s, statements), data=s.data)
    q = np.concatenate([value.ravel() for value in s.linear.values()])
    lp, gradient = model.log_prob_grad(q)
    return float(lp), np.asarray(gradient)
