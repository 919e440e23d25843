"""Measure what hiermodel costs, side by side with peers in the same run.

Usage: ``python benchmarks/run.py [NAME ...] [--quick] [--json FILE]``

Names: import, sleepstudy, overhead, collapse, bind, predictions, loo, comparisons; all of them by
default. A peer that is not installed is left out and named. The exit code is 1 when a limit is
exceeded.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

WORKERS = Path(__file__).resolve().parent / "workers.py"
GB = 1e9


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, the limit that it must keep, and a peer's figure."""

    benchmark: str
    measure: str
    value: float
    unit: str
    limit: float | None = None
    peer: str = ""
    peer_value: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the limit is kept, True without one."""
        return self.limit is None or self.value <= self.limit

    def __str__(self) -> str:
        text = f"{self.benchmark:12} {self.measure:38} {self.value:9.3f} {self.unit:3}"
        if self.limit is not None:
            text += f" limit {self.limit:g} {'ok' if self.kept else 'EXCEEDED'}"
        if self.peer_value is not None:
            ratio = self.value / self.peer_value if self.peer_value else float("inf")
            text += f"   {self.peer}: {self.peer_value:.3f} {self.unit}, ratio {ratio:.2f}"
        return text


def run(command: Sequence[str]) -> str:
    """Standard output of a process; its errors are shown when it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:4])} failed:\n{done.stderr}")
    return done.stdout


def wall(command: Sequence[str], repeats: int = 1) -> float:
    """Median wall time of a cold process, in seconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run(command)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def python(code: str) -> list[str]:
    """Command that runs code in a new process of this Python."""
    return [sys.executable, "-c", code]


def worker(name: str, *arguments: Any) -> list[str]:
    """Command that runs a worker."""
    return [sys.executable, str(WORKERS), name, *map(str, arguments)]


def report(name: str, *arguments: Any) -> dict[str, Any]:
    """What a worker prints."""
    result: dict[str, Any] = json.loads(run(worker(name, *arguments)).splitlines()[-1])
    return result


def installed(package: str, wanted_by: str) -> bool:
    """Whether a peer is there; says so when it is not."""
    there = importlib.util.find_spec(package) is not None
    if not there:
        print(f"({wanted_by}: {package} is not installed, left out)")
    return there


def bench_import(quick: bool) -> list[Row]:
    """Time ``import hiermodel`` beyond the start of Python."""
    repeats = 5 if quick else 15
    start = wall(python("pass"), repeats)

    def cost(package: str) -> float:
        return max(0.0, wall(python(f"import {package}"), repeats) - start)

    own = cost("hiermodel")
    rows = [Row("import", "import hiermodel", own, "s", 0.3)]
    for peer in ("arviz", "statsmodels.formula.api", "bambi"):
        if installed(peer.split(".")[0], "import"):
            rows.append(Row("import", f"against {peer}", own, "s", None, peer, cost(peer)))
    return rows


def bench_sleepstudy(quick: bool) -> list[Row]:
    """Time a cold process from start to printed summary, 4 x 1000 draws."""
    import hiermodel as hm

    repeats = 1 if quick else 3
    data = hm.datasets.load("sleepstudy")
    model = hm.model("reaction ~ days + (days | subject)", data)
    plain = {k: getattr(v, "tolist", lambda v=v: v)() for k, v in model.bind(data).items()}
    own = wall(worker("sleepstudy_hiermodel"), repeats)
    rows = [Row("sleepstudy", "cold process to summary", own, "s", 4.0)]
    with tempfile.TemporaryDirectory() as folder:
        program, table = Path(folder) / "program.json", Path(folder) / "sleepstudy.csv"
        program.write_text(json.dumps({"code": model.stan_code, "data": plain}))
        data.to_csv(table, index=False)
        peers = [("stanli", "stanli", "stanli alone", program)]
        peers += [("statsmodels", "statsmodels", "statsmodels REML", table)]
        peers += [("bambi", "bambi", "Bambi", table)]
        for package, suffix, label, given in peers:
            if installed(package, "sleepstudy"):
                other = wall(worker(f"sleepstudy_{suffix}", given), repeats)
                rows.append(Row("sleepstudy", f"against {label}", own, "s", None, label, other))
    return rows


def bench_overhead(quick: bool) -> list[Row]:
    """Everything but the sampler: fit, labels and summary minus the engine's own run."""
    small = report("overhead", 0, 200 if quick else 1000)
    large = report("overhead", 2_000 if quick else 20_000, 200)
    beyond = small["total"] - small["engine"]
    share = 100 * (large["total"] / large["engine"] - 1)
    alone = "engine alone"
    return [
        Row("overhead", "sleepstudy, fit minus engine", beyond, "s", 0.5),
        Row("overhead", "sleepstudy, fit", small["total"], "s", None, alone, small["engine"]),
        Row("overhead", "large model, beyond the engine", share, "%", 20),
        Row("overhead", "large model, fit", large["total"], "s", None, alone, large["engine"]),
    ]


def bench_collapse(quick: bool) -> list[Row]:
    """Fit gaussian models whose effects are integrated out."""
    n = 100_000 if quick else 1_000_000
    rows = []
    for levels, limit in ((1000, 4.0), (20_000, 15.0)):
        made = report("collapse_fit", n, levels)
        what = f"{n:,} rows, {levels:,} levels"
        rows += [
            Row("collapse", f"{what}, fit", made["seconds"], "s", limit),
            Row("collapse", f"{what}, CPU of the fit", made["cpu"], "s"),
            Row("collapse", f"{what}, largest R-hat", made["rhat"], "", 1.01),
            Row("collapse", f"{what}, smallest ESS", made["ess"], ""),
            Row("collapse", f"{what}, peak memory", made["peak"] / GB, "GB"),
        ]
    gain, gradient = report("collapse_gain"), report("collapse_gradient", n // 10)
    return [
        *rows,
        Row("collapse", "gradient, ms", 1e3 * gradient["many"], "ms", None,
            "a tenth of the rows", 1e3 * gradient["few"]),
        Row("collapse", "sleepstudy, ESS / CPU second", gain["collapsed"], "", None,
            "as it stands", gain["plain"]),
    ]


def bench_bind(quick: bool) -> list[Row]:
    """Bind ``x + (x | g)`` with 1000 levels."""
    n = 100_000 if quick else 1_000_000
    own = report("bind_hiermodel", n)
    rows = [
        Row("bind", f"{n:,} rows", own["seconds"], "s", 2.0),
        Row("bind", "peak memory / size of its matrices", own["peak"] / own["result"], "x", 3.0),
    ]
    for package in ("formulaic", "formulae"):
        if not installed(package, "bind"):
            continue
        if package == "formulae" and n > 100_000:
            print("(bind: formulae runs with --quick only, 1,000,000 rows took it 16 GB)")
            continue
        other = report(f"bind_{package}", n)
        for what, key, scale, unit in (("time", "seconds", 1.0, "s"), ("peak", "peak", GB, "GB")):
            value, rival = own[key] / scale, other[key] / scale
            name = f"{what} against {package}"
            rows.append(Row("bind", name, value, unit, None, package, rival))
    return rows


def bench_predictions(quick: bool) -> list[Row]:
    """Compute 4000 draws of expectations for 100,000 rows."""
    n, draws = (10_000, 4000) if quick else (100_000, 4000)
    own, other = report("predictions_hiermodel", n, draws), report("predictions_numpy", n, draws)
    what, label = f"{draws} draws x {n:,} rows", "plain NumPy"
    beyond, rival = own["beyond"] / GB, other["beyond"] / GB
    return [
        Row("predictions", f"{what}, memory beyond", beyond, "GB", 1.0, label, rival),
        Row("predictions", f"{what}, time", own["seconds"], "s", None, label, other["seconds"]),
    ]


def bench_loo(quick: bool) -> list[Row]:
    """Leave-one-out of 10,000 rows with 4000 draws, log-likelihood included."""
    n, draws = (1_000 if quick else 10_000), 4000
    own, other = report("loo_hiermodel", n, draws), report("loo_arviz", n, draws)
    if abs(own["elpd"] - other["elpd"]) > 0.01 * n**0.5:
        sys.exit(f"loo: {own['elpd']} differs from ArviZ's {other['elpd']}")
    what, label = f"{draws} draws x {n:,} rows", "arviz.loo"
    peak, rival = own["peak"] / GB, other["peak"] / GB
    return [
        Row("loo", f"{what}, time", own["seconds"], "s", 5.0, label, other["seconds"]),
        Row("loo", f"{what}, processor", own["processor"], "s", None, label, other["processor"]),
        Row("loo", f"{what}, peak memory", peak, "GB", 2.0, label, rival),
    ]


def bench_comparisons(quick: bool) -> list[Row]:
    """Compare 10,000 rows of a logistic multilevel model in 4000 draws."""
    n, draws = (2_000, 1000) if quick else (10_000, 4000)
    found = {w: report("comparisons_hiermodel", n, draws, w)
             for w in ("rows", "average", "integrated")}
    other = report("comparisons_numpy", n, draws)
    rows, label = found["rows"], "plain NumPy"
    name = "comparisons"
    return [
        Row(name, f"{draws} draws x {n:,} rows", rows["seconds"], "s", 5.0, label,
            other["seconds"]),
        Row(name, "peak resident size", rows["peak"] / GB, "GB", 2.0, label, other["peak"] / GB),
        Row(name, "average over rows", found["average"]["seconds"], "s", 5.0),
        Row(name, "average, integrated clusters", found["integrated"]["seconds"], "s"),
    ]


BENCHMARKS: dict[str, Callable[[bool], list[Row]]] = {
    "import": bench_import,
    "sleepstudy": bench_sleepstudy,
    "overhead": bench_overhead,
    "collapse": bench_collapse,
    "bind": bench_bind,
    "predictions": bench_predictions,
    "loo": bench_loo,
    "comparisons": bench_comparisons,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer repeats")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    options = parser.parse_args(argv)
    unknown = [name for name in options.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    rows: list[Row] = []
    for name in options.names or BENCHMARKS:
        for row in BENCHMARKS[name](options.quick):
            print(row, flush=True)
            rows.append(row)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    return int(not all(row.kept for row in rows))


if __name__ == "__main__":
    sys.exit(main())
