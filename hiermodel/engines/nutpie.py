"""nutpie's NUTS on the embedded Stan: the program and its density are stanli's, the sampler is not.

stanli's library has the functions of BridgeStan's interface, which nutpie calls without Python in
between: one library, one density, another adaptation of metric and step size (nutpie's metric comes
from draws and gradients).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from hiermodel.engines.base import Draws, wanted_names
from hiermodel.engines.progress import ChainProgress
from hiermodel.engines.settings import DEFAULT_RADIUS, SamplingSettings
from hiermodel.engines.stan_data import collect, named_stats, to_json
from hiermodel.engines.stanli import StanliEngine
from hiermodel.engines.stanli_density import StanliDensity
from hiermodel.engines.starts import chain_starts, given_starts
from hiermodel.engines.tuning import Tuner
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

INSTALL = "pip install 'hiermodel[nutpie]'"

# Statistics of nutpie and their names in Stan.
_STATS = {
    "logp": "lp__",
    "mean_tree_accept": "accept_stat__",
    "step_size": "stepsize__",
    "depth": "treedepth__",
    "n_steps": "n_leapfrog__",
    "diverging": "divergent__",
    "energy": "energy__",
}
# nutpie renders a template for each report of its progress; this one is as plain as can be.
_PROGRESS = "{% for chain in chains %}{{ chain.finished_draws }} {% endfor %}"
_REPORT_EVERY = 100  # milliseconds
_LEAST_WARMUP = 2


class NutpieEngine(StanliEngine):
    """Runs programs of the embedded Stan with nutpie's NUTS (extra ``hiermodel[nutpie]``).

    Everything but sampling is the embedded engine's: the density and its certificate, modes and
    approximations. Same settings, seed and versions give the same draws, whatever `cores` is.

    Starting values other than the default are handed over through Python, where every gradient
    costs some microseconds more.

    Raises
    ------
    EngineError
        When nutpie is not installed.

    References
    ----------
    Hoffman, M. D. and Gelman, A. (2014), "The No-U-Turn Sampler", Journal of Machine Learning
    Research 15, 1593-1623.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> fit = hm.fit("reaction ~ days", data, engine="nutpie", seed=1)  # doctest: +SKIP
    """

    def __init__(self) -> None:
        nutpie_version()

    @property
    def name(self) -> str:
        """``"nutpie"``."""
        return "nutpie"

    @property
    def version(self) -> str:
        """Versions of nutpie and of stanli."""
        return f"{nutpie_version()} (stanli {super().version})"

    def sample(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
        *,
        tuner: Tuner | None = None,
    ) -> Draws:
        """Draw with NUTS; see `Engine.sample`. Its own adaptation needs no `tuner`."""
        started = time.perf_counter()
        if settings.threads > 1:
            raise EngineError(
                "engine 'nutpie' runs each chain in one thread: leave threads at 1, or use "
                "engine='stanli'"
            )
        if settings.warmup < _LEAST_WARMUP:
            raise EngineError(
                f"engine 'nutpie' always adapts: warmup must be at least {_LEAST_WARMUP}, got "
                f"{settings.warmup}; engine='stanli' can do without"
            )
        density = StanliDensity(code, data, parameters, settings.used_seed)
        leading = (settings.chains, settings.draws)
        if density.dim == 0:
            values = super().sample(code, data, parameters, settings).values
            stats = {"lp": np.full(leading, density.value_and_grad(np.empty(0))[0])}
        else:
            starts = given_starts(density, settings, parameters, data)
            if starts is None and settings.init_radius != DEFAULT_RADIUS:
                starts = chain_starts(density, settings)
            if starts is not None:
                starts = _off_flat(density, starts)
            traces = _run(_samplers(density, settings, starts), settings)
            found = {name: [chain[name] for chain in traces] for name in traces[0]}
            stacked = {name: np.stack(chains) for name, chains in found.items()}
            stats = named_stats({label: stacked.pop(name) for name, label in _STATS.items()})
            if starts is not None:
                points = stacked["q"].reshape(-1, density.dim)
                flat = density.constrain(points)
                stacked = {k: v.reshape(*leading, *v.shape[1:]) for k, v in flat.items()}
            names = wanted_names(parameters, stacked)
            values = collect(names, stacked, leading, parameters, data)
        return Draws(
            values=values,
            stats=stats,
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            seed=settings.used_seed,
        )


def nutpie_version() -> str:
    """Version of nutpie; looked up without importing it, which takes longer than many fits.

    Raises
    ------
    EngineError
        When it is not installed.
    """
    try:
        return version("nutpie")
    except PackageNotFoundError:
        raise EngineError(
            f"engine 'nutpie' needs the package nutpie, which is not installed: {INSTALL}; or use "
            "engine='stanli', which needs nothing more"
        ) from None


def _library() -> Any:
    """Find nutpie's compiled part, where the class is that samples what is not nutpie's own."""
    try:
        from nutpie import _lib
    except Exception as error:  # nutpie imports ArviZ, and that matplotlib: any of them may fail
        raise EngineError(
            f"nutpie {nutpie_version()} cannot be imported ({error}); install it again: {INSTALL}"
        ) from error
    needed = ("StanLibrary", "StanModel", "PyModel", "PyNutsSettings", "PySampler", "PyStorage")
    missing = [name for name in needed if not hasattr(_lib, name)]
    if missing:
        raise EngineError(
            f"nutpie {nutpie_version()} has no {missing[0]}, which hiermodel builds on; install a "
            f"version that it knows: {INSTALL}"
        )
    return _lib


# A sampler that has not started: called with what takes its reports, it starts.
_Starter = Callable[[Any], Any]


def _samplers(
    density: StanliDensity, settings: SamplingSettings, starts: np.ndarray | None
) -> list[tuple[list[int], _Starter]]:
    """Numbers of chains, and what starts their sampler: one for all, or one for each start."""
    lib = _library()
    if starts is None:
        model = _stan_model(lib, density, settings.used_seed)
        options = _options(lib, settings, settings.used_seed, settings.chains)

        def begin(progress: Any) -> Any:
            cores = settings.used_cores
            return lib.PySampler.from_stan(
                options, cores, model, progress, lib.PyStorage.arrow()
            )

        return [(list(range(settings.chains)), begin)]
    return [
        ([chain], _from_point(lib, density, settings, chain, start))
        for chain, start in enumerate(starts)
    ]


def _from_point(
    lib: Any, density: StanliDensity, settings: SamplingSettings, chain: int, start: np.ndarray
) -> _Starter:
    """One chain from a given point, which nutpie takes of models in Python only."""
    sizes = {"coordinate": density.dim}
    variables = lib.PyVariable.new_variables(
        ["q"], ["float64"], [(density.dim,)], sizes, {"q": ["coordinate"]}
    )

    def logp() -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        # A model of stanli evaluates one point at a time: each chain has its own.
        own = StanliDensity(density.code, density.data, density.parameters)
        return lambda q: _checked(own, q)

    model = lib.PyModel(
        logp,
        lambda *_: lambda q: {"q": np.array(q)},
        variables,
        density.dim,
        dim_sizes=sizes,
        coords={},
        init_point_func=lambda _seed: np.array(start),
        transform_adapter=None,
    )
    # The chain is part of the seed, so that no draw depends on the number of chains.
    seed = int(np.random.SeedSequence([settings.used_seed, chain]).generate_state(1)[0])
    options = _options(lib, settings, seed, 1)
    return lambda progress: lib.PySampler.from_pyfunc(
        options, 1, model, progress, lib.PyStorage.arrow()
    )


def _off_flat(density: StanliDensity, starts: np.ndarray) -> np.ndarray:
    """Move starts a little where a derivative is 0: nutpie takes its first scales from there."""
    moved = starts.copy()
    for point in moved:
        for step in (1e-6, 1e-4, 1e-2):
            gradient = density.value_and_grad(point)[1]
            if (gradient != 0).all():
                break
            point[gradient == 0] += step
    return moved


class _NotFinite(ValueError):
    """Tells nutpie that a trajectory has left the support: it diverges, and sampling goes on."""

    is_recoverable = True


def _checked(density: StanliDensity, q: np.ndarray) -> tuple[float, np.ndarray]:
    value, gradient = density.value_and_grad(q)
    if not np.isfinite(value):
        raise _NotFinite("the log density is not finite")
    return value, gradient


def _stan_model(lib: Any, density: StanliDensity, seed: int) -> Any:
    """The program inside the data, as stanli's BridgeStan interface reads it."""
    import stanli

    document = json.loads(to_json(density.data))
    program = {"build_id": stanli.build_id(), "mir": stanli.stan_to_mir(density.code)}
    document["__stanli"] = program | {"name": "hiermodel"}
    library = lib.StanLibrary(str(stanli._runtime_lib_path()))
    return lib.StanModel(library, {}, {}, {}, seed, json.dumps(document), None)


def _options(lib: Any, settings: SamplingSettings, seed: int, chains: int) -> Any:
    options = lib.PyNutsSettings.Diag(seed)
    options.num_tune = settings.warmup
    options.num_draws = settings.draws * settings.thin
    options.num_chains = chains
    options.target_accept = settings.adapt_delta
    options.maxdepth = settings.max_treedepth
    return options


def _run(
    samplers: Sequence[tuple[list[int], _Starter]], settings: SamplingSettings
) -> list[dict[str, np.ndarray]]:
    """Run all chains under the progress bar; what they leave, one dict per chain."""
    traces: list[dict[str, np.ndarray]] = []
    with ChainProgress(settings.chains, settings.iterations, settings.progress) as bar:
        for first in range(0, len(samplers), settings.used_cores):
            running: list[Any] = []
            try:
                for chains, begin in samplers[first : first + settings.used_cores]:
                    running.append(begin(_reports(bar, chains)))
                for sampler in running:
                    sampler.wait(None)
                    traces += _traces(sampler.take_results(), settings)
            except (RuntimeError, ValueError) as error:
                raise EngineError(_explain(error)) from error
            except BaseException as error:
                # A failed assertion of nutpie's own code is no `Exception`.
                if type(error).__name__ == "PanicException":
                    raise EngineError(_explain(error)) from error
                raise
            finally:
                # After an interrupt or an error nothing may go on in the background.
                for sampler in running:
                    _stop(sampler)
        bar.finish()
    return traces


def _stop(sampler: Any) -> None:
    if sampler.is_empty(ignore_error=True):
        return
    # One that has failed says so again, and has nothing to be stopped.
    with suppress(RuntimeError, ValueError):
        sampler.abort()


def _reports(bar: ChainProgress, chains: Sequence[int]) -> Any:
    """What nutpie tells of its progress while it runs, handed on to the bar."""
    kinds = _library().ProgressType
    if not bar.show:
        return kinds.none()

    def update(text: str) -> None:
        for chain, done in zip(chains, text.split(), strict=False):
            bar.update(chain + 1, int(done))

    return kinds.template_callback(_REPORT_EVERY, _PROGRESS, len(chains), update)


def _traces(results: Any, settings: SamplingSettings) -> Iterator[dict[str, np.ndarray]]:
    """Kept draws and statistics of each chain, ``(draw, *shape)``."""
    draws, stats = results.get_arrow_trace()
    for table, facts in zip(draws, stats, strict=True):
        kept = slice(settings.warmup, None, settings.thin)
        out = {name: _column(table, name)[kept] for name in table.column_names}
        out |= {name: _column(facts, name)[kept] for name in _STATS}
        if len(out["logp"]) != settings.draws:
            raise EngineError(
                f"nutpie gave back {len(out['logp'])} draws of a chain, not {settings.draws}"
            )
        yield out


def _column(table: Any, name: str) -> np.ndarray:
    """A column of an Arrow table as an array, with the shape that nutpie notes beside it."""
    import pyarrow

    column = table.column(name)
    array = pyarrow.array(column)
    noted = (column.field.metadata or {}).get(b"shape", b"")
    shape = tuple(int(n) for n in noted.decode().split(",") if n)
    flat = array.flatten() if hasattr(array, "flatten") else array
    return np.asarray(flat.to_numpy(zero_copy_only=False)).reshape(len(array), *shape)


def _explain(error: BaseException) -> str:
    # What follows is a trace of nutpie's own code.
    message = str(error).split("Stack backtrace")[0].strip()
    text = f"nutpie could not sample: {message}"
    if "initial" in message.lower():
        text += (
            "\nNo starting point with a finite log density was found: try init=0, a smaller radius "
            "such as init=0.5, starting values as a dict, or tighter priors"
        )
    return text
