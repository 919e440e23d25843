"""Many rows: cells of a bernoulli model, a Parquet file that does not fit, gradients as rows grow.

``python benchmarks/big.py [cells] [votes] [parquet] [regression] [gradient] [--rows N]
[--folder DIR]``

Each case runs in a process of its own, whose peak memory is measured. ``parquet`` and
``regression`` (the same without group-level effects) write a file in pieces (1.8 GB for the
100,000,000 rows of the default) and delete it afterwards; they need ``hiermodel[big]``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from workers import peak_rss

CELLS = {"c1": 2, "c2": 3, "c3": 3, "c4": 2, "g": 10, "h": 8}
VOTES = "y ~ c1 + c2 + c3 + c4 + (1 | g) + (1 | h)"


def votes(rows: int) -> Any:
    """Four categorical predictors, two grouping factors, an answer of yes or no."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    codes = {name: rng.integers(0, kinds, rows) for name, kinds in CELLS.items()}
    eta = -0.5 + 0.3 * codes["c1"] + 0.1 * codes["c2"] - 0.1 * codes["c3"] + 0.05 * codes["c4"]
    eta += rng.normal(0, 0.4, CELLS["g"])[codes["g"]] + rng.normal(0, 0.3, CELLS["h"])[codes["h"]]
    columns = {
        name: pd.Categorical.from_codes(code, [f"{name}{k}" for k in range(CELLS[name])])
        for name, code in codes.items()
    }
    return pd.DataFrame({"y": rng.binomial(1, 1 / (1 + np.exp(-eta))), **columns})


def cells(rows: int) -> dict[str, Any]:
    """Data frame to cells, and a gradient of cells against one of rows."""
    import hiermodel as hm

    data = votes(rows)
    started = time.perf_counter()
    model = hm.model(VOTES, data, "bernoulli")
    built = time.perf_counter()
    added = model.aggregated()
    bound = added.bind(data)
    reduced = time.perf_counter()
    slow = gradient_ms(model.stan_code, model.bind(data), 3)
    fast = gradient_ms(added.stan_code, bound, 50)
    return {
        "cells": bound["N"], "model_s": built - started, "cells_s": reduced - built,
        "gradient_rows_ms": slow, "gradient_cells_ms": fast,
    }


def sampled(rows: int) -> dict[str, Any]:
    """Data frame to 4 x 1000 draws."""
    import hiermodel as hm

    data = votes(rows)
    started, used = time.perf_counter(), time.process_time()
    fit = hm.fit(VOTES, data, "bernoulli", seed=1, progress=False)
    return {
        "fit_s": time.perf_counter() - started, "processor_s": time.process_time() - used,
        "sampling_s": fit.provenance["seconds"],
        "steps": float(fit.sample_stats["n_steps"].mean()),
        "warnings": len(fit.provenance["warnings"]),
    }


def gradient_ms(code: str, data: Any, times: int) -> float:
    """Processor time of a gradient."""
    import numpy as np

    from hiermodel.engines import get_engine

    density = get_engine("stanli").log_density(code, data)
    q = np.full(density.dim, 0.1)
    density.value_and_grad(q)
    started = time.process_time()
    for _ in range(times):
        density.value_and_grad(q)
    return (time.process_time() - started) / times * 1e3


def write_parquet(path: Path, rows: int) -> None:
    """A gaussian study of 1000 groups, two million rows at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(1)
    u = rng.normal(0, [1.0, 0.5], (1000, 2))
    schema = pa.schema([("y", pa.float64()), ("x", pa.float64()), ("g", pa.int32())])
    with pq.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, 2_000_000):
            n = min(2_000_000, rows - start)
            g, x = rng.integers(0, 1000, n).astype(np.int32), rng.normal(size=n)
            y = 2 + 0.7 * x + u[g, 0] + u[g, 1] * x + rng.normal(0, 0.8, n)
            writer.write_table(pa.table({"y": y, "x": x, "g": g}, schema))


def parquet(path: str, formula: str = "y ~ x + (x | g)") -> dict[str, Any]:
    """From the file to 4 x 1000 draws."""
    import hiermodel as hm

    started, used = time.perf_counter(), time.process_time()
    fit = hm.fit(formula, path, seed=1, progress=False)
    print(fit, file=sys.stderr)
    return {
        "rows": fit.nobs, "fit_s": time.perf_counter() - started,
        "processor_s": time.process_time() - used, "sampling_s": fit.provenance["seconds"],
        "warnings": len(fit.provenance["warnings"]),
    }


def gradient() -> dict[str, Any]:
    """Gradients of collapsed and aggregated models with ten times the rows."""
    import numpy as np
    import pandas as pd

    import hiermodel as hm

    out = {}
    for rows in (100_000, 1_000_000):
        rng = np.random.default_rng(1)
        g, x = rng.integers(0, 1000, rows), rng.normal(size=rows)
        data = pd.DataFrame({"y": x + rng.normal(size=rows), "x": x, "g": g})
        collapsed = hm.model("y ~ x + (x | g)", data).collapsed()
        out[f"collapsed_{rows}_ms"] = gradient_ms(collapsed.stan_code, collapsed.bind(data), 500)
        some = votes(rows)
        added = hm.model(VOTES, some, "bernoulli").aggregated()
        out[f"cells_{rows}_ms"] = gradient_ms(added.stan_code, added.bind(some), 100)
    return out


def run(case: str, *arguments: str) -> None:
    """One case in a process of its own."""
    command = [sys.executable, __file__, "--worker", case, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    print(case, json.dumps(json.loads(done.stdout.splitlines()[-1]), indent=1), flush=True)


def main() -> None:
    """Run the cases that are asked for."""
    if sys.argv[1:2] == ["--worker"]:
        case, *rest = sys.argv[2:]
        found = {
            "cells": lambda: cells(int(rest[0])), "votes": lambda: sampled(int(rest[0])),
            "parquet": lambda: parquet(rest[0]),
            "regression": lambda: parquet(rest[0], "y ~ x"),
            "gradient": gradient,
        }[case]()
        print(json.dumps(found | {"peak_gb": peak_rss() / 1e9}))
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("cases", nargs="*", default=["cells", "votes", "parquet", "gradient"])
    parser.add_argument("--rows", type=int)
    parser.add_argument("--folder", default=None)
    given = parser.parse_args()
    for case in given.cases:
        if case in ("parquet", "regression"):
            with tempfile.TemporaryDirectory(dir=given.folder) as folder:
                path = Path(folder) / "rows.parquet"
                write_parquet(path, given.rows or 100_000_000)
                run(case, str(path))
        else:
            run(case, *([str(given.rows or 5_000_000)] if case in ("cells", "votes") else []))


if __name__ == "__main__":
    main()
