"""Effective draws per second against peers: Bambi with its samplers, statsmodels, CmdStan.

Usage: ``python benchmarks/peers.py [CASE ...] [--tools A,B] [--markdown FILE]``; `make bench` makes
an environment with all peers and runs it.

Each tool and case is a process of its own, started by this one, in turns. In it the model is built
and fitted twice from the data frame, everything anew: the first call pays for what a tool imports,
compiles and caches. The figure is the smallest bulk ESS over the population-level effects and
thresholds, the group-level standard deviations and sigma, divided by the wall seconds of the call.
Tools import at other times: "cold" counts the import of the tool and the first call together,
"first" the call alone. ESS is computed by one function for all.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

CALLS = ("cold", "first", "second")
LIMIT = 600  # seconds that one tool may take for one case
CHAINS, DRAWS, WARMUP, CORES = 4, 1000, 1000, 2


@dataclass(frozen=True)
class Case:
    """A model, as each tool writes it; an empty text for what a tool cannot fit."""

    formula: str
    family: str
    bambi: str
    bambi_family: str
    mixedlm: tuple[str, str, str] | None = None
    note: str = ""


CASES: Mapping[str, Case] = {
    "sleepstudy": Case(
        "reaction ~ days + (days | subject)", "gaussian",
        "reaction ~ days + (days | subject)", "gaussian",
        ("reaction ~ days", "subject", "~ days"),
        "Bambi has no correlation of the effects",
    ),
    "radon": Case(
        "y ~ x + (x | g)", "gaussian", "y ~ x + (x | g)", "gaussian",
        ("y ~ x", "g", "~ x"),
        "simulated: 919 rows, 85 groups; Bambi has no correlation of the effects",
    ),
    "cbpp": Case(
        "incidence | trials(size) ~ period + (1 | herd)", "binomial",
        "p(incidence, size) ~ period + (1 | herd)", "binomial",
    ),
    "epilepsy": Case(
        "count ~ zAge + zBase * Trt + (1 | patient)", "poisson",
        "count ~ zAge + zBase * Trt + (1 | patient)", "poisson",
    ),
    "inhaler": Case(
        "rating ~ treat + period + carry + (1 | subject)", "cumulative",
        "rating ~ treat + period + carry + (1 | subject)", "cumulative",
    ),
}  # fmt: skip


def data_of(name: str) -> Any:
    """The data of a case; ``radon`` is simulated in the size of the radon data of Minnesota."""
    import numpy as np
    import pandas as pd

    import hiermodel as hm

    if name != "radon":
        frame = hm.datasets.load(name)
        if name == "inhaler":
            frame["rating"] = pd.Categorical(frame["rating"], ordered=True)
        return frame
    rng = np.random.default_rng(4)
    group = np.sort(rng.choice(85, size=919, p=rng.dirichlet(np.full(85, 0.8)) * 0.9 + 0.1 / 85))
    x = (rng.random(919) < 0.17).astype(float)
    effects = rng.multivariate_normal([0, 0], [[0.12, -0.02], [-0.02, 0.1]], size=85)
    y = 1.4 - 0.65 * x + effects[group, 0] + effects[group, 1] * x + rng.normal(0, 0.72, 919)
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{k:02d}" for k in group]})


# ------------------------------------------------------------------------------------ the workers


def of_hiermodel(engine: str) -> Callable[[Case, Any, int], dict[str, Any]]:
    """How hiermodel fits a case on an engine."""

    def fit(case: Case, data: Any, seed: int) -> dict[str, Any]:
        import hiermodel as hm

        made = hm.fit(
            case.formula, data, case.family, engine=engine, chains=CHAINS, draws=DRAWS,
            cores=CORES, seed=seed, progress=False,
        )
        posterior = made.datasets["posterior"]
        wanted = ("b", "threshold", "sd", "dpar")
        return {
            str(name): array.to_numpy() for name, array in posterior.data_vars.items()
            if array.attrs["cls"] in wanted
        }  # fmt: skip

    return fit


def of_bambi(method: str) -> Callable[[Case, Any, int], dict[str, Any]]:
    """How Bambi fits a case with a sampler."""

    def fit(case: Case, data: Any, seed: int) -> dict[str, Any]:
        import bambi as bmb

        model = bmb.Model(case.bambi, data, family=case.bambi_family)
        options: dict[str, Any] = {"chains": CHAINS, "draws": DRAWS, "tune": WARMUP}
        if method != "numpyro":  # its chains are devices, see the environment of the process
            options |= {"cores": CORES}
        idata = model.fit(
            inference_method=method, random_seed=seed, progressbar=False, **options
        )
        # Effects of single groups are named like the term, their sds end with _sigma; nutpie
        # keeps the unconstrained values as well.
        return {
            name: array.transpose("chain", "draw", ...).to_numpy()
            for name, array in idata.posterior.data_vars.items()
            if not name.endswith("__") and ("|" not in name or name.endswith("_sigma"))
        }  # fmt: skip

    return fit


def of_statsmodels(case: Case, data: Any, seed: int) -> dict[str, Any]:
    """How statsmodels fits a case: by REML, without a posterior."""
    import statsmodels.formula.api as smf

    assert case.mixedlm is not None
    formula, group, effects = case.mixedlm
    smf.mixedlm(formula, data, groups=data[group], re_formula=effects).fit().summary()
    return {}


TOOLS: Mapping[str, tuple[Callable[[Case, Any, int], dict[str, Any]], tuple[str, ...]]] = {
    "hiermodel, stanli": (of_hiermodel("stanli"), ("hiermodel", "stanli")),
    "hiermodel, nutpie": (of_hiermodel("nutpie"), ("hiermodel", "stanli", "nutpie")),
    "hiermodel, CmdStan": (of_hiermodel("cmdstan"), ("hiermodel", "cmdstanpy")),
    "Bambi, PyMC": (of_bambi("pymc"), ("bambi", "pymc")),
    "Bambi, nutpie": (of_bambi("nutpie"), ("bambi", "pymc", "nutpie")),
    "Bambi, numpyro": (of_bambi("numpyro"), ("bambi", "pymc", "numpyro")),
    "statsmodels, REML": (of_statsmodels, ("statsmodels",)),
}


def work(tool: str, name: str) -> dict[str, Any]:
    """Fit a case twice in this process; called by the runner."""
    import numpy as np

    from hiermodel.engines.diagnostics import diagnostics

    warnings.simplefilter("ignore")
    fit, packages = TOOLS[tool]
    started = time.perf_counter()
    for package in packages:
        __import__(package)
    out: dict[str, Any] = {"import": time.perf_counter() - started, "seconds": []}
    case, data = CASES[name], data_of(name)
    for seed in (1, 2):
        started = time.perf_counter()
        draws = fit(case, data, seed)
        out["seconds"].append(time.perf_counter() - started)
        if draws:
            flat = [np.reshape(v, (*np.shape(v)[:2], -1)) for v in draws.values()]
            found = diagnostics(np.concatenate(flat, axis=2))
            out.setdefault("ess", []).append(float(np.nanmin(found["ess_bulk"])))
            out.setdefault("rhat", []).append(float(np.nanmax(found["rhat"])))
            out["parameters"] = int(sum(v.shape[2] for v in flat))
    return out


# ------------------------------------------------------------------------------------- the runner


def missing(tool: str, case: Case) -> str:
    """Why a tool does not run; empty when it does."""
    if tool == "statsmodels, REML" and case.mixedlm is None:
        return "has no such model"
    for package in TOOLS[tool][1]:
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed"
    if "CmdStan" in tool:
        from hiermodel.engines.cmdstan import find_cmdstan

        if find_cmdstan() is None:
            return "no CmdStan was found"
    return ""


def measure(tool: str, name: str) -> dict[str, Any]:
    """Run a tool on a case in a process of its own."""
    # Four devices of JAX, so that its chains run side by side; no other tool looks at it.
    environment = os.environ | {"XLA_FLAGS": f"--xla_force_host_platform_device_count={CHAINS}"}
    command = [sys.executable, __file__, "--work", tool, name]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT, env=environment
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {LIMIT} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:200]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def versions() -> str:
    """Versions of everything that took part."""
    names = ("hiermodel", "stanli", "nutpie", "bambi", "pymc", "numpyro", "jax", "statsmodels",
             "arviz", "numpy")
    found = [f"Python {platform.python_version()}"]
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


def rate(result: Mapping[str, Any], call: str) -> float | None:
    """Effective draws per second of a call; None without draws."""
    if "ess" not in result:
        return None
    at = int(call == "second")
    seconds = float(result["seconds"][at]) + (float(result["import"]) if call == "cold" else 0.0)
    return float(result["ess"][at]) / seconds


def table(results: Mapping[str, Mapping[str, dict[str, Any]]]) -> str:
    """The results as a Markdown table for each case."""
    lines = []
    for name, tools in results.items():
        case = CASES[name]
        lines += [f"### {name}", "", f"`{case.formula}`, {case.family}. {case.note}".rstrip(), ""]
        lines += [
            "| tool | import, s | first call, s | second call, s | least bulk ESS "
            "| worst R-hat | ESS/s cold | ESS/s first | ESS/s second "
            "| ratio cold | ratio first | ratio second |",
            "|---|---|---|---|---|---|---|---|---|---|---|---|",
        ]
        own = tools.get("hiermodel, stanli", {})
        for tool, result in tools.items():
            if "seconds" not in result:
                lines.append(f"| {tool} | {result['failed']}{' |' * 11}")
                continue
            first, second = result["seconds"]
            cells = [tool, f"{result['import']:.1f}", f"{first:.2f}", f"{second:.2f}"]
            if "ess" in result:
                cells += [f"{result['ess'][1]:.0f}", f"{result['rhat'][1]:.3f}"]
                cells += [f"{rate(result, call):.0f}" for call in CALLS]
                for call in CALLS:
                    mine, theirs = rate(own, call), rate(result, call)
                    cells.append(f"{mine / theirs:.1f}" if mine and theirs else "")
            else:
                cells += ["no posterior", *[""] * 7]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases and tools that were asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--tools", help="some of: " + "; ".join(TOOLS) + " (separated by ;)")
    parser.add_argument("--markdown", type=Path, help="write the tables to a file")
    parser.add_argument("--work", nargs=2, metavar=("TOOL", "CASE"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.work:
        print(json.dumps(work(*options.work)))
        return 0
    tools = [one.strip() for one in options.tools.split(";")] if options.tools else list(TOOLS)
    for kind, given, known in (("case", options.cases, CASES), ("tool", tools, TOOLS)):
        unknown = [name for name in given if name not in known]
        if unknown:
            parser.error(f"no {kind} {unknown[0]!r}; there are {'; '.join(known)}")
    # As pip does with what it installs: a checkout is else compiled in every process.
    own = importlib.util.find_spec("hiermodel")
    for folder in (own.submodule_search_locations or ()) if own else ():
        compileall.compile_dir(folder, quiet=1)
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{versions()}; {machine}", flush=True)
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for name in options.cases or CASES:
        results[name] = {}
        for tool in tools:
            reason = missing(tool, CASES[name])
            result = {"failed": reason} if reason else measure(tool, name)
            results[name][tool] = result
            print(f"{name:12} {tool:20} {result}", flush=True)
    text = table(results)
    print("\n" + text)
    if options.markdown:
        head = f"{versions()}; {machine}; {time.strftime('%B %Y')}."
        options.markdown.write_text(f"{head}\n\n{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
