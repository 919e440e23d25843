"""Starts and warmup: what shorter warmup, Pathfinder's starts and nutpie do to speed and accuracy.

Usage: ``python benchmarks/starts.py [CASE ...] [--repeats N] [--simulations N]``

Each variant is fitted `--repeats` times with other seeds, in turns with the others. Speed is the
smallest bulk ESS over population-level effects, thresholds, group-level standard deviations and
sigma, per second of wall time (program built anew, draws taken; the medians over repeats).
Accuracy is shown by R-hat, by divergences and by coverage: how often mean +- 1.96 Monte Carlo
standard errors holds the mean of a long run of the embedded sampler (10 times as many draws); it
should be near 95 %. `--simulations` simulates that many data sets of a model with known parameters,
drawn from its prior, and counts how often 90 % intervals hold them.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from peers import CASES, data_of

import hiermodel as hm
from hiermodel.engines import SamplingSettings, get_engine
from hiermodel.engines.diagnostics import diagnostics
from hiermodel.engines.stanli_density import StanliDensity
from hiermodel.fitting import plan
from hiermodel.sampling import checked_draws

# Engine, warmup, starts: "fit" is what `hm.fit` does, with the form, centring and metric that it
# chooses; the others sample the program as it stands.
VARIANTS: Mapping[str, tuple[str, int | None, str]] = {
    "fit, stanli (default)": ("stanli", None, "fit"),
    "fit, stanli, warmup 1000": ("stanli", 1000, "fit"),
    "fit, nutpie, warmup 300": ("nutpie", 300, "fit"),
    "program, stanli, warmup 1000": ("stanli", 1000, "random"),
    "program, stanli, warmup 1000, Pathfinder starts": ("stanli", 1000, "pathfinder"),
    "program, stanli, warmup 300": ("stanli", 300, "random"),
    "program, nutpie, warmup 1000": ("nutpie", 1000, "random"),
    "program, nutpie, warmup 300": ("nutpie", 300, "random"),
}


class Problem:
    """A program with its data, and the parameters that count."""

    def __init__(self, model: hm.Model, data: Any) -> None:
        self.model, self.frame = model, data
        self.code, self.data, self.parameters = model.stan_code, model.bind(data), model.parameters
        self.kept = [n for n in self.names if not n.startswith(("z_", "L_"))]

    @property
    def names(self) -> list[str]:
        return [var.name for var in self.parameters]

    def run(
        self, variant: tuple[str, int | None, str], seed: int, draws: int = 1000
    ) -> dict[str, Any]:
        """Draws ``(chain, draw, k)``, seconds and divergences of one run."""
        engine, warmup, starts = variant
        started = time.perf_counter()
        if starts == "fit":
            given: dict[str, Any] = {} if warmup is None else {"warmup": warmup}
            whole = plan(
                self.model, self.model.rows(self.frame), None, engine, algorithm="nuts",
                prior_only=None, certify=True, collapse="auto",
                aggregate="auto", parameterization="auto", draws=draws, seed=seed, cores=2,
                progress=False, **given,
            )
            model, reduced, tuner = whole.form()
            found, _ = checked_draws(model, whole.rows, whole.run, False, reduced, tuner=tuner)
            values, diverging = found.values, found.stats["diverging"]
        elif starts == "random":
            assert warmup is not None
            settings = SamplingSettings(
                warmup=warmup, draws=draws, seed=seed, cores=2, progress=False
            )
            found = get_engine(engine).sample(self.code, self.data, self.parameters, settings)
            values, diverging = found.values, found.stats["diverging"]
        else:
            assert warmup is not None
            density = StanliDensity(self.code, self.data, self.parameters, seed)
            fit = density.model.sample(
                chains=4, seed=seed, warmup=warmup, samples=draws, parallel_chains=2, refresh=0,
                pathfinder_init={},
            )
            values = {name: fit.draws(name) for name in self.kept if name in fit}
            diverging = np.asarray(fit.divergences)
        seconds = time.perf_counter() - started
        flat = [np.reshape(values[n], (4, draws, -1)) for n in self.kept if n in values]
        return {
            "draws": np.concatenate(flat, axis=2), "seconds": seconds,
            "diverging": int(np.sum(diverging)),
        }  # fmt: skip


def compare(name: str, repeats: int) -> None:
    """Print a table of the variants for a case."""
    case = CASES[name]
    data = data_of(name)
    problem = Problem(hm.model(case.formula, data, case.family), data)
    reference = problem.run(("stanli", 2000, "random"), 99, 10_000)["draws"]
    truth = reference.mean(axis=(0, 1))
    error = reference.std(axis=(0, 1)) / np.sqrt(diagnostics(reference)["ess_bulk"])
    rows: dict[str, list[tuple[float, ...]]] = {label: [] for label in VARIANTS}
    failed = dict.fromkeys(VARIANTS, 0)
    for engine in ("stanli", "nutpie"):  # imports and first calls count for nobody
        problem.run((engine, 20, "random"), 1, 20)
    for repeat in range(repeats):
        for label, variant in VARIANTS.items():
            try:
                run = problem.run(variant, 100 + repeat)
            except RuntimeError:  # stanli's Pathfinder found no start
                failed[label] += 1
                continue
            draws, found = run["draws"], diagnostics(run["draws"])
            mcse = np.hypot(draws.std(axis=(0, 1)) / np.sqrt(found["ess_bulk"]), error)
            held = np.abs(draws.mean(axis=(0, 1)) - truth) < 1.96 * mcse
            least = found["ess_bulk"].min()
            rows[label].append((
                least / run["seconds"], least, run["seconds"], found["rhat"].max(), held.mean(),
                run["diverging"],
            ))  # fmt: skip
    print(f"\n### {name}, {repeats} repeats\n")
    print("| variant | ESS/s | least bulk ESS | seconds | worst R-hat | fits with R-hat > 1.01 "
          "| coverage of the long run | fits with divergences | failed |")
    print("|---|---|---|---|---|---|---|---|---|")
    for label, found_rows in rows.items():
        if not found_rows:
            print(f"| {label} | | | | | | | | {failed[label]} |")
            continue
        table = np.array(found_rows)
        rate, least, seconds = np.median(table[:, :3], axis=0)
        print(
            f"| {label} | {rate:.0f} | {least:.0f} | {seconds:.2f} | {table[:, 3].max():.3f} "
            f"| {(table[:, 3] > 1.01).sum()} | {100 * table[:, 4].mean():.0f} % "
            f"| {(table[:, 5] > 0).sum()} | {failed[label]} |", flush=True
        )


def simulate(count: int) -> None:
    """Print how often 90 % intervals hold the parameters that data were simulated with."""
    rng = np.random.default_rng(20)
    group = np.repeat(np.arange(15), 8)
    priors = {"Intercept": "normal(0, 2)", "b": "normal(0, 1)", "sd": "normal(0, 1)",
              "sigma": "normal(0, 1)"}  # fmt: skip
    import pandas as pd

    chosen = {k: v for k, v in VARIANTS.items() if v[2] != "pathfinder"}
    held: dict[str, list[np.ndarray]] = {label: [] for label in chosen}
    for number in range(count):
        x = rng.normal(size=120)
        x -= x.mean()  # the prior of the intercept is that of the centred design
        slope, (sd, sigma) = rng.normal(), np.abs(rng.normal(size=2))
        intercept = rng.normal(0, 2)
        y = intercept + slope * x + sd * rng.normal(size=15)[group] + sigma * rng.normal(size=120)
        data = pd.DataFrame({"y": y, "x": x, "g": group.astype(str)})
        problem = Problem(hm.model("y ~ x + (1 | g)", data, priors=priors), data)
        true = {"b": slope, "Intercept": intercept, "sigma": sigma, "sd_1": sd}
        want = np.array([true[name] for name in problem.kept])
        for label, variant in chosen.items():
            draws = problem.run(variant, 1000 + number)["draws"]
            low, high = np.quantile(draws, (0.05, 0.95), axis=(0, 1))
            held[label].append((low < want) & (want < high))
    print(f"\n### Coverage of 90 % intervals, {count} simulated data sets\n")
    print(f"| variant | {' | '.join(problem.kept)} | together |")
    print("|---|" + "---|" * (len(problem.kept) + 1))
    for label, found in held.items():
        share = 100 * np.mean(found, axis=0)
        cells = " | ".join(f"{one:.0f} %" for one in share)
        print(f"| {label} | {cells} | {share.mean():.1f} % |", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Compare the variants on the cases that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--simulations", type=int, default=0, metavar="N")
    options = parser.parse_args(argv)
    unknown = [name for name in options.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    warnings.simplefilter("ignore")
    for name in options.cases or CASES:
        compare(name, options.repeats)
    if options.simulations:
        simulate(options.simulations)
    return 0


if __name__ == "__main__":
    sys.exit(main())
