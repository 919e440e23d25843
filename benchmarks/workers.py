"""The timed pieces. Each runs in a process of its own: ``python benchmarks/workers.py NAME [ARG]``.

A worker prints one JSON object. Times are wall-clock seconds inside the process, memory is
bytes; the runner measures the wall time of whole processes.
"""

from __future__ import annotations

import json
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

FORMULA = "reaction ~ days + (days | subject)"


def peak_rss() -> int:
    """Largest resident size so far, in bytes (Linux counts in KiB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# ------------------------------------------------------------------------------------- cold start


def sleepstudy_hiermodel() -> dict[str, Any]:
    """Import, load, fit 4 x 1000 draws, print the summary."""
    import hiermodel as hm

    data = hm.datasets.load("sleepstudy")
    print(hm.fit(FORMULA, data, engine="stanli", seed=1, progress=False), file=sys.stderr)
    return {}


def sleepstudy_stanli() -> dict[str, Any]:
    """Do the least that anyone could: the same program and data, sampled by the engine alone."""
    import stanli

    with open(sys.argv[2], encoding="utf-8") as stream:
        given = json.load(stream)
    model = stanli.Model(stan_code=given["code"], data=json.dumps(given["data"]))
    fit = model.sample(chains=4, warmup=1000, samples=1000, seed=1, parallel_chains=2)
    print(fit.draws("b").mean(), file=sys.stderr)
    return {}


def sleepstudy_statsmodels() -> dict[str, Any]:
    """Fit the same model by REML, which gives no posterior."""
    import pandas as pd
    import statsmodels.formula.api as smf

    data = pd.read_csv(sys.argv[2])
    mixed = smf.mixedlm("reaction ~ days", data, groups=data["subject"], re_formula="~ days")
    print(mixed.fit().summary(), file=sys.stderr)
    return {}


def sleepstudy_bambi() -> dict[str, Any]:
    """Fit the same model with Bambi and PyMC."""
    import arviz as az
    import bambi as bmb
    import pandas as pd

    data = pd.read_csv(sys.argv[2])
    model = bmb.Model("reaction ~ days + (days | subject)", data)
    draws = model.fit(chains=4, draws=1000, tune=1000, cores=2, random_seed=1, progressbar=False)
    print(az.summary(draws), file=sys.stderr)
    return {}


# --------------------------------------------------------------------------------------- overhead


def _grouped_frame(rows: int, levels: int, seed: int = 1) -> Any:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    group = rng.integers(levels, size=rows)
    x = rng.normal(size=rows)
    effects = rng.normal(size=(levels, 2)) * 0.5
    y = 1 + 0.5 * x + effects[group, 0] + effects[group, 1] * x + rng.normal(size=rows)
    labels = np.char.add("g", np.arange(levels).astype(str))
    return pd.DataFrame({"y": y, "x": x, "g": pd.Categorical.from_codes(group, labels)})


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def overhead() -> dict[str, Any]:
    """Time a fit against the engine alone, same program, data, seed and process."""
    import hiermodel as hm
    from hiermodel.engines import SamplingSettings, get_engine

    rows, draws = int(sys.argv[2]), int(sys.argv[3])
    if rows == 0:
        formula, data = FORMULA, hm.datasets.load("sleepstudy")
    else:
        formula, data = "y ~ x + (x | g)", _grouped_frame(rows, 50)
    # The engine gets the same program: that of the model as it stands.
    settings: dict[str, Any] = {"draws": draws, "warmup": draws, "seed": 1, "progress": False}
    engine = get_engine("stanli")
    # A first short run, so that neither side pays for imports.
    str(hm.fit(formula, data.head(200), chains=1, draws=20, warmup=20, seed=1, engine=engine,
               collapse=False, progress=False))

    model = hm.model(formula, data)
    code, bound, parameters = model.stan_code, model.bind(data), model.parameters
    checked = SamplingSettings(**settings)
    total, alone = [], []
    # In turns, and the best of three: whatever else the machine does hits both sides alike.
    for _ in range(3):
        total.append(_seconds(
            lambda: str(hm.fit(formula, data, engine=engine, collapse=False, **settings))
        ))
        alone.append(_seconds(lambda: engine.sample(code, bound, parameters, checked)))
    return {"total": min(total), "engine": min(alone)}


# --------------------------------------------------------------------------------------- collapse


def _worst(fit: Any) -> tuple[float, float]:
    """Largest R-hat and smallest bulk ESS of b, sd, cor and sigma."""
    import numpy as np

    from hiermodel.engines.diagnose import diagnostics
    from hiermodel.flatnames import NOT_MAIN, columns, flat_names, variable_class

    main = [v for v in fit.posterior if variable_class(fit.posterior[v]) not in NOT_MAIN]
    found = diagnostics(columns(fit.posterior, flat_names(fit.posterior, main)))
    return float(np.max(found["rhat"])), float(np.min(found["ess_bulk"]))


def collapse_fit() -> dict[str, Any]:
    """From a data frame to 4 x 1000 draws, effects included; imports are not counted."""
    import hiermodel as hm

    data = _grouped_frame(int(sys.argv[2]), int(sys.argv[3]))
    str(hm.fit("y ~ x + (x | g)", data.head(200), chains=1, draws=20, warmup=20, seed=1,
               engine="stanli", progress=False))
    made: list[Any] = []
    cpu = time.process_time()
    seconds = _seconds(lambda: made.append(
        hm.fit("y ~ x + (x | g)", data, seed=1, engine="stanli", progress=False)
    ))
    cpu = time.process_time() - cpu
    rhat, ess = _worst(made[0])
    return {"seconds": seconds, "cpu": cpu, "rhat": rhat, "ess": ess, "peak": peak_rss()}


def collapse_gain() -> dict[str, Any]:
    """Smallest ESS for each second of CPU on sleepstudy, collapsed and as it stands."""
    import hiermodel as hm

    data, out = hm.datasets.load("sleepstudy"), {}
    for name, collapse in (("warm", True), ("collapsed", True), ("plain", False)):
        cpu = time.process_time()
        fit = hm.fit(FORMULA, data, seed=1, engine="stanli", collapse=collapse, progress=False)
        cpu = time.process_time() - cpu
        out[name] = _worst(fit)[1] / cpu
    return out


def collapse_gradient() -> dict[str, Any]:
    """Seconds of a gradient with 1000 levels, for so many rows and for ten times as many."""
    import numpy as np

    import hiermodel as hm
    from hiermodel.engines import get_engine

    out = {}
    for name, rows in (("few", int(sys.argv[2])), ("many", 10 * int(sys.argv[2]))):
        data = _grouped_frame(rows, 1000)
        form = hm.model("y ~ x + (x | g)", data).collapsed()
        density = get_engine("stanli").log_density(form.stan_code, form.bind(data))
        gradient = partial(density.value_and_grad, np.zeros(density.dim))
        out[name] = min(_seconds(gradient) for _ in range(500))
    return out


# ------------------------------------------------------------------------------------------- bind


def _traced(call: Callable[[], Any]) -> tuple[Any, float, int]:
    """Result, seconds (of a run without tracing) and peak bytes of a call."""
    seconds = _seconds(call)
    tracemalloc.start()
    result = call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, seconds, peak


def bind_hiermodel() -> dict[str, Any]:
    """Make the Stan data of ``x + (x | g)``."""
    import hiermodel as hm

    data = _grouped_frame(int(sys.argv[2]), 1000)
    model = hm.model("y ~ x + (x | g)", data)
    bound, seconds, peak = _traced(lambda: model.bind(data))
    held = sum(getattr(value, "nbytes", 0) for value in bound.values())
    return {"seconds": seconds, "peak": peak, "result": held}


def bind_formulaic() -> dict[str, Any]:
    """Make the design of ``x`` and the sparse indicator columns of ``g`` and ``g:x``."""
    import formulaic

    data = _grouped_frame(int(sys.argv[2]), 1000)
    population = formulaic.Formula("1 + x")
    group = formulaic.Formula("0 + g + g:x")

    def call() -> tuple[Any, Any]:
        return (
            population.get_model_matrix(data, output="numpy"),
            group.get_model_matrix(data, output="sparse"),
        )

    (dense, sparse), seconds, peak = _traced(call)
    held = dense.nbytes + sparse.data.nbytes + sparse.indices.nbytes + sparse.indptr.nbytes
    return {"seconds": seconds, "peak": peak, "result": held}


def bind_formulae() -> dict[str, Any]:
    """Make the design matrices of Bambi's formula package."""
    from formulae import design_matrices

    data = _grouped_frame(int(sys.argv[2]), 1000)
    made, seconds, peak = _traced(lambda: design_matrices("y ~ x + (x | g)", data))
    group = made.group.design_matrix
    parts = [group.data, group.indices, group.indptr] if hasattr(group, "indptr") else [group]
    held = made.common.design_matrix.nbytes + sum(part.nbytes for part in parts)
    return {"seconds": seconds, "peak": peak, "result": held}


# ------------------------------------------------------------------------------------ predictions


def _random_draws(levels: int, draws: int) -> dict[str, Any]:
    """Draws of the declared parameters of ``y ~ x + (x | g)``: memory does not depend on values."""
    import numpy as np

    rng = np.random.default_rng(2)
    lead = (4, draws // 4)
    factor = np.broadcast_to(np.eye(2), (*lead, 2, 2))
    return {
        "b": rng.normal(size=(*lead, 1)),
        "Intercept": rng.normal(size=lead),
        "sigma": np.exp(rng.normal(size=lead)),
        "sd_1": np.exp(rng.normal(size=(*lead, 2))),
        "z_1": rng.normal(size=(*lead, 2, levels)),
        "L_1": factor,
    }


def predictions_hiermodel() -> dict[str, Any]:
    """Expectations for many rows: peak memory beyond the result."""
    import hiermodel as hm

    rows, draws = int(sys.argv[2]), int(sys.argv[3])
    data = _grouped_frame(rows, 100)
    model = hm.model("y ~ x + (x | g)", data)
    fit = hm.Fit.from_draws(model, data, _random_draws(100, draws))
    fit.posterior_epred(data.head(10))
    before = peak_rss()
    started = time.perf_counter()
    expected = fit.posterior_epred(data)
    seconds = time.perf_counter() - started
    beyond = peak_rss() - before - expected.nbytes
    return {"seconds": seconds, "result": expected.nbytes, "beyond": beyond}


def predictions_numpy() -> dict[str, Any]:
    """Do the same by the formula as one writes it down, all draws at once."""
    import numpy as np

    rows, draws = int(sys.argv[2]), int(sys.argv[3])
    data = _grouped_frame(rows, 100)
    x, codes = data["x"].to_numpy(), data["g"].cat.codes.to_numpy()
    rng = np.random.default_rng(2)
    intercept, slope = rng.normal(size=(2, draws, 1))
    r = rng.normal(size=(draws, 100, 2))
    before = peak_rss()
    started = time.perf_counter()
    expected = intercept + slope * x + r[:, codes, 0] + r[:, codes, 1] * x
    seconds = time.perf_counter() - started
    beyond = peak_rss() - before - expected.nbytes
    return {"seconds": seconds, "result": expected.nbytes, "beyond": beyond}


# -------------------------------------------------------------------------------------------- loo


def _linear_fit(rows: int, draws: int) -> Any:
    """A linear model with exact draws of its posterior under flat priors."""
    import numpy as np
    import pandas as pd

    import hiermodel as hm

    rng = np.random.default_rng(3)
    x = rng.normal(size=rows)
    data = pd.DataFrame({"x": x, "y": 1.0 + 0.5 * x + rng.normal(size=rows)})
    design = np.column_stack([np.ones(rows), x - x.mean()])
    inverse = np.linalg.inv(design.T @ design)
    centre = inverse @ design.T @ data["y"].to_numpy()
    rest = float(((data["y"] - design @ centre) ** 2).sum())
    sigma = np.sqrt(rest / rng.chisquare(rows - 2, size=(4, draws // 4)))
    beta = centre + sigma[..., None] * rng.multivariate_normal([0, 0], inverse, size=sigma.shape)
    values = {"b": beta[..., 1:], "Intercept": beta[..., 0], "sigma": sigma}
    return hm.Fit.from_draws(hm.model("y ~ x", data), data, values)


def _best_of_three(task: Callable[[], float]) -> dict[str, Any]:
    """The fastest of three runs: other programs on the machine only make it slower."""
    times, processor = [], []
    for _ in range(3):
        started, used = time.perf_counter(), time.process_time()
        elpd = task()
        times.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return {
        "seconds": min(times), "processor": min(processor), "peak": peak_rss(), "elpd": elpd
    }


def loo_hiermodel() -> dict[str, Any]:
    """PSIS-LOO of a fit, log-likelihood included; ArviZ is imported before."""
    rows, draws = int(sys.argv[2]), int(sys.argv[3])
    _linear_fit(50, draws).loo()
    fit = _linear_fit(rows, draws)
    return _best_of_three(lambda: float(fit.loo().elpd))


def loo_arviz() -> dict[str, Any]:
    """ArviZ's own function on the same draws, its log-likelihood computed in the time as well."""
    from hiermodel import inference_data
    from hiermodel.importance import is_modern, legacy

    rows, draws = int(sys.argv[2]), int(sys.argv[3])
    _linear_fit(50, draws).loo()
    fit = _linear_fit(rows, draws)
    if is_modern():
        loo = import_module("arviz_stats").loo
    else:
        loo = legacy().loo

    def task() -> float:
        group = fit.log_lik().rename("Y").to_dataset()
        found = loo(inference_data.make({"posterior": fit.posterior, "log_likelihood": group}))
        return float(found.elpd if is_modern() else found.elpd_loo)

    return _best_of_three(task)


# ---------------------------------------------------------------------------- effects on responses


def _logistic_fit(rows: int, draws: int) -> Any:
    """A logistic model of ``x + (x | g)`` with 100 groups and random draws."""
    import hiermodel as hm

    data = _grouped_frame(rows, 100)
    data["y"] = (data["y"] > 1).astype(int)
    given = _random_draws(100, draws)
    del given["sigma"]
    # Standard deviations as large as people see them.
    given["sd_1"] = given["sd_1"] / given["sd_1"].max()
    model = hm.model("y ~ x + (x | g)", data, family="bernoulli")
    return hm.Fit.from_draws(model, data, given)


def comparisons_hiermodel() -> dict[str, Any]:
    """Compare every row with x + 1, or take averages; peak resident size of the process."""
    rows, draws, what = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    fit = _logistic_fit(rows, draws)
    few = fit.frame.head(10)
    fit.comparisons("x", few)
    started = time.perf_counter()
    if what == "rows":
        fit.comparisons("x")
    elif what == "average":
        fit.avg_comparisons("x")
    else:
        fit.avg_comparisons("x", groups="integrated")
    return {"seconds": time.perf_counter() - started, "peak": peak_rss()}


def comparisons_numpy() -> dict[str, Any]:
    """Do the same as one writes it down, all rows and draws at once."""
    import numpy as np
    from scipy import special

    rows, draws = int(sys.argv[2]), int(sys.argv[3])
    fit = _logistic_fit(rows, draws)
    started = time.perf_counter()
    low = special.expit(fit.posterior_linpred(fit.frame).values)
    high = special.expit(fit.posterior_linpred(fit.frame.assign(x=fit.frame["x"] + 1)).values)
    change = (high - low).reshape(draws, rows)
    np.column_stack([change.mean(axis=0), change.std(axis=0, ddof=1),
                     *np.quantile(change, [0.025, 0.975], axis=0)])
    return {"seconds": time.perf_counter() - started, "peak": peak_rss()}


WORKERS: dict[str, Callable[[], dict[str, Any]]] = {
    worker.__name__: worker
    for worker in (
        sleepstudy_hiermodel, sleepstudy_stanli, sleepstudy_statsmodels, sleepstudy_bambi,
        overhead, collapse_fit, collapse_gain, collapse_gradient,
        bind_hiermodel, bind_formulaic, bind_formulae,
        predictions_hiermodel, predictions_numpy, loo_hiermodel, loo_arviz,
        comparisons_hiermodel, comparisons_numpy,
    )
}

if __name__ == "__main__":
    print(json.dumps(WORKERS[sys.argv[1]]()))
