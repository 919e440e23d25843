"""The embedded engine: stanli holds stanc3, Stan's NUTS and Stan Math in one wheel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hiermodel.engines.base import Draws, Engine, PointEstimate, wanted_names
from hiermodel.engines.inits import checked_inits
from hiermodel.engines.laplace import laplace_points
from hiermodel.engines.progress import ChainProgress
from hiermodel.engines.settings import DEFAULT_RADIUS, SamplingSettings
from hiermodel.engines.stan_data import collect, named_stats
from hiermodel.engines.stanli_density import STAY, StanliDensity
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

# Stan tries as often to find a start of finite density before it gives up.
_ATTEMPTS = 100


class StanliEngine(Engine):
    """Runs programs with the PyPI package ``stanli``; no compiler is needed.

    Same settings, same seed and same versions give the same draws, whatever `cores` is.
    """

    @property
    def name(self) -> str:
        """``"stanli"``."""
        return "stanli"

    @property
    def version(self) -> str:
        """Version of stanli."""
        import stanli

        return str(stanli.__version__)

    def log_density(
        self, code: str, data: Mapping[str, Any], parameters: Sequence[Var] = ()
    ) -> StanliDensity:
        """Build the log density of a program with its data."""
        return StanliDensity(code, data, parameters)

    def sample(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw with NUTS; see `Engine.sample`."""
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        starts = _starts(density, settings)
        fit = _run(density.model, settings, starts)
        found = {name: fit.draws(name) for name in wanted_names(parameters) if name in fit}
        leading = (settings.chains, settings.draws)
        return Draws(
            values=collect(wanted_names(parameters), found, leading, parameters, data),
            stats=_stats(fit.sampler_stats),
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            seed=settings.used_seed,
        )

    def optimize(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
        *,
        jacobian: bool = True,
    ) -> PointEstimate:
        """Find the posterior mode by L-BFGS; stanli always includes the Jacobian."""
        if not jacobian:
            raise EngineError(
                "engine 'stanli' maximises the posterior density with the Jacobian of the "
                "parameter transforms only; use engine='cmdstan' for jacobian=False"
            )
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        mode, log_density = _mode(density, settings)
        found = {name: np.asarray(array[0]) for name, array in density.constrain(mode).items()}
        return PointEstimate(
            values=collect(wanted_names(parameters), found, (), parameters, data),
            log_density=log_density,
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
        )

    def laplace(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw from the normal approximation at the mode, with log importance ratios.

        The Hessian comes from central differences of stanli's gradient, ``2 * dim`` of them.
        """
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        mode, _ = _mode(density, settings)
        rng = np.random.default_rng(settings.used_seed)
        points, lp, log_weights = laplace_points(density, mode, settings.draws, rng)
        found = density.constrain(points)
        return self._approximate(density, found, lp, settings, "laplace", started, log_weights)

    def pathfinder(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw from the normal approximation of single-path Pathfinder.

        stanli tells the draws but not their density under the approximation, so there are no
        importance ratios (`log_weights` is None) and no resampling.
        """
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        try:
            fit = density.model.sample(
                chains=settings.draws,
                seed=settings.used_seed,
                pathfinder_init={"init_radius": settings.init_radius},
                **STAY,
            )
        except RuntimeError as error:
            raise EngineError(f"Pathfinder found no approximation: {error}") from error
        found = {name: fit.draws(name)[:, 0] for name in fit.variables}
        lp = _stats(fit.sampler_stats)["lp"][:, 0]
        return self._approximate(density, found, lp, settings, "pathfinder", started)

    def _approximate(
        self,
        density: StanliDensity,
        found: Mapping[str, np.ndarray],
        lp: np.ndarray,
        settings: SamplingSettings,
        method: str,
        started: float,
        log_weights: np.ndarray | None = None,
    ) -> Draws:
        """Independent draws as one chain."""
        chains = {name: array[np.newaxis] for name, array in found.items()}
        names, parameters = wanted_names(density.parameters), density.parameters
        return Draws(
            values=collect(names, chains, (1, settings.draws), parameters, density.data),
            stats={"lp": lp[np.newaxis]},
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            seed=settings.used_seed,
            method=method,
            log_weights=None if log_weights is None else log_weights[np.newaxis],
        )


def _run(model: Any, settings: SamplingSettings, starts: np.ndarray | None) -> Any:
    """Call stanli's sampler under the progress bar."""
    refresh = max(1, settings.iterations // 100) if settings.progress else 0
    with ChainProgress(settings.chains, settings.iterations, settings.progress) as bar:
        try:
            with bar.reading_stdout():
                fit = model.sample(
                    chains=settings.chains,
                    seed=settings.used_seed,
                    warmup=settings.warmup,
                    samples=settings.draws * settings.thin,
                    thin=settings.thin,
                    delta=settings.adapt_delta,
                    max_depth=settings.max_treedepth,
                    inits=starts,
                    init_radius=settings.init_radius,
                    parallel_chains=settings.used_cores,
                    threads_per_chain=settings.threads,
                    refresh=refresh,
                )
        except (RuntimeError, ValueError, OverflowError) as error:
            raise EngineError(_explain_run(str(error))) from error
        bar.finish()
    return fit


def _explain_run(message: str) -> str:
    text = f"stanli could not sample: {message}"
    if "initialization failed" in message:
        text += (
            "\nNo starting point with a finite log density was found: try init=0, a smaller radius "
            "such as init=0.5, starting values as a dict, or tighter priors"
        )
    return text


def _stats(raw: np.ndarray) -> dict[str, np.ndarray]:
    """Name stanli's ``(chain, draw, column)`` statistics as ArviZ does."""
    import stanli

    return named_stats({name: raw[:, :, i] for i, name in enumerate(stanli.SAMPLER_COLUMNS)})


def _starts(density: StanliDensity, settings: SamplingSettings) -> np.ndarray | None:
    """Unconstrained starting points ``(chain, dim)``, or None to leave them to stanli."""
    inits = checked_inits(settings, density.parameters, density.data)
    if inits is None:
        return None
    return np.stack([_start(density, init, settings, chain) for chain, init in enumerate(inits)])


def _start(
    density: StanliDensity, init: Mapping[str, np.ndarray], settings: SamplingSettings, chain: int
) -> np.ndarray:
    """One start: the given values, and for the others what a random point gives them."""
    # The chain is part of the seed, so that no start depends on the number of chains.
    rng = np.random.default_rng([settings.used_seed, chain])
    names = [var.name for var in density.parameters]
    complete = all(name in init for name in names)
    for _ in range(1 if complete else _ATTEMPTS):
        values: dict[str, np.ndarray] = dict(init)
        if not complete:
            q = rng.uniform(-DEFAULT_RADIUS, DEFAULT_RADIUS, density.dim)
            random = density.constrain(q)
            values = {name: init[name] if name in init else random[name][0] for name in names}
        start = density.unconstrain(values)
        lp, gradient = density.value_and_grad(start)
        if np.isfinite(lp) and np.isfinite(gradient).all():
            return start
    raise EngineError(
        f"the log density is not finite at the starting values given for chain {chain + 1}"
        + ("" if complete else f" with {_ATTEMPTS} random values of the parameters left out")
        + "; check init against the bounds of the parameters and the support of the response"
    )


def _mode(density: StanliDensity, settings: SamplingSettings) -> tuple[np.ndarray, float]:
    starts = _starts(density, settings.replace(chains=1, init=_first(settings)))
    try:
        result = density.model.optimize(
            seed=settings.used_seed,
            init=None if starts is None else starts[0],
            init_radius=settings.init_radius,
        )
    except (RuntimeError, ValueError) as error:
        raise EngineError(
            f"stanli found no mode: {error}. A hierarchical model often has none (its density is "
            "unbounded where a group's sd goes to 0); sample instead, or try other starting values"
        ) from error
    return np.asarray(result.unconstrained), float(result.lp)


def _first(settings: SamplingSettings) -> Any:
    dicts = settings.init_dicts()
    return settings.init if dicts is None else dicts[0]
