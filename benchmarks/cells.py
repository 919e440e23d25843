"""When is it worth it to add rows up to cells? A gradient of rows against one of cells.

Usage: ``python benchmarks/cells.py [CASE ...] [--rows N ...] [--ratios R ...] [--markdown FILE]``

The same model, ``y ~ x + (1 | g)``, on data with 1 to 16 rows for each combination of x and g. Both
programs run on the embedded engine, in turns; the figure is the least processor time of a gradient
over the repeats, and the ratio that of the rows over that of the cells. `aggregate="auto"` adds
up where a gradient costs less than half: "auto" says what it does.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import hiermodel as hm
from hiermodel.aggregate import worth_it
from hiermodel.engines import get_engine
from hiermodel.families.base import Family

LEVELS, REPEATS, SECONDS = 100, 15, 0.02

Draw = Callable[[np.random.Generator, np.ndarray], Any]

# Family -> a response around a linear predictor that is small.
CASES: Mapping[str, tuple[str, Draw]] = {
    "bernoulli": ("y ~ x + (1 | g)", lambda rng, eta: rng.binomial(1, 1 / (1 + np.exp(-eta)))),
    "bernoulli probit": ("y ~ x + (1 | g)", lambda rng, eta: rng.binomial(1, 0.5, len(eta))),
    "poisson": ("y ~ x + (1 | g)", lambda rng, eta: rng.poisson(np.exp(eta))),
    "gaussian": ("y ~ x + (1 | g)", lambda rng, eta: eta + rng.normal(size=len(eta))),
    "categorical": ("y ~ x + (1 | g)", lambda rng, eta: rng.choice(list("abc"), len(eta))),
    "cumulative": ("y ~ x + (1 | g)", lambda rng, eta: rng.integers(1, 5, len(eta))),
    "sratio": ("y ~ x + (1 | g)", lambda rng, eta: rng.integers(1, 5, len(eta))),
    "negbinomial": ("y ~ x + (1 | g)", lambda rng, eta: rng.negative_binomial(
        2, 2 / (2 + np.exp(eta)))),
    "student": ("y ~ x + (1 | g)", lambda rng, eta: rng.integers(-2, 3, len(eta))),
    "lognormal": ("y ~ x + (1 | g)", lambda rng, eta: rng.integers(1, 6, len(eta))),
}


def data_of(draw: Draw, rows: int, ratio: float, seed: int = 1) -> pd.DataFrame:
    """Rows of which about `ratio` share x and g."""
    rng = np.random.default_rng(seed)
    combinations = max(1, round(rows / ratio))
    cell = np.arange(rows) % combinations
    g, x = cell % LEVELS, (cell // LEVELS) / max(1, combinations // LEVELS)
    frame = pd.DataFrame({"x": x, "g": [f"g{k}" for k in g]})
    frame["y"] = draw(rng, 0.5 * x + 0.1 * (g / LEVELS))
    return frame


def family_of(name: str) -> str | Family:
    """The family of a case, which may name a link after a blank."""
    family, _, link = name.partition(" ")
    return hm.family(family, link=link) if link else family


def gradient_times(densities: Sequence[Any], repeats: int = REPEATS) -> list[float]:
    """The least processor seconds of a gradient of each, measured in turns."""
    points = [np.random.default_rng(1).normal(0, 0.1, d.dim) for d in densities]
    calls = []
    for density, q in zip(densities, points, strict=True):
        started = time.process_time()
        for _ in range(3):
            density.value_and_grad(q)
        calls.append(max(3, int(SECONDS / max((time.process_time() - started) / 3, 1e-6))))
    least = [np.inf] * len(densities)
    for _ in range(repeats):
        for k, (density, q) in enumerate(zip(densities, points, strict=True)):
            started = time.process_time()
            for _ in range(calls[k]):
                density.value_and_grad(q)
            least[k] = min(least[k], (time.process_time() - started) / calls[k])
    return least


def measure(name: str, rows: int, ratio: float) -> dict[str, Any]:
    """Times of both programs."""
    formula, draw = CASES[name]
    data = data_of(draw, rows, ratio)
    model = hm.model(formula, data, family_of(name))
    cells = model.aggregated()
    bound = cells.bind(data)
    engine = get_engine("stanli")
    densities = [
        engine.log_density(model.stan_code, model.bind(data), model.parameters),
        engine.log_density(cells.stan_code, bound, cells.parameters),
    ]
    plain, added = gradient_times(densities)
    return {
        "rows": rows, "cells": int(bound["N"]), "plain": plain, "added": added,
        "ratio": plain / added, "auto": worth_it(model, data),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--rows", type=int, nargs="+", default=[2_000, 50_000])
    parser.add_argument("--ratios", type=float, nargs="+", default=[1, 1.5, 2, 4, 8, 16])
    parser.add_argument("--markdown", type=Path, help="write the table to a file")
    options = parser.parse_args(argv)
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    lines = [
        "| family | rows | cells | rows a cell | gradient of the rows, ms | of the cells, ms "
        "| ratio | a cell costs, rows | auto |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines))
    for name in options.cases or CASES:
        for rows in options.rows:
            for ratio in options.ratios:
                found = measure(name, rows, ratio)
                lines.append(
                    f"| {name} | {rows} | {found['cells']} | {rows / found['cells']:.1f} "
                    f"| {1e3 * found['plain']:.3f} | {1e3 * found['added']:.3f} "
                    f"| {found['ratio']:.1f} | {rows / found['cells'] / found['ratio']:.1f} "
                    f"| {'cells' if found['auto'] else 'rows'} |"
                )
                print(lines[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
