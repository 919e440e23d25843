"""The embedded engine: stanli holds stanc3, Stan's NUTS and Stan Math in one wheel."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hiermodel.engines.base import Draws, Engine, PointEstimate, wanted_names
from hiermodel.engines.laplace import laplace_points
from hiermodel.engines.modes import STARTS, Mode, find_mode
from hiermodel.engines.pathfinder import pathfinder_points
from hiermodel.engines.progress import ChainProgress
from hiermodel.engines.settings import SamplingSettings
from hiermodel.engines.stan_data import collect, named_stats
from hiermodel.engines.stanli_density import StanliDensity
from hiermodel.engines.starts import given_starts, mode_starts, random_starts
from hiermodel.engines.tuning import TUNED_WARMUP, Tuner
from hiermodel.errors import EngineError
from hiermodel.importance import resample
from hiermodel.stan.variables import Var

# Points of an approximation for each draw that is kept.
_POOL, _LEAST_POOL = 4, 1000


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
        *,
        tuner: Tuner | None = None,
    ) -> Draws:
        """Draw with NUTS; see `Engine.sample`.

        With a `tuner` that can tell them, starts and metric are its own, and the warmup is so
        short that the metric stays as it is.
        """
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        warmup = None
        tuning = None if tuner is None else tuner(density, settings, parameters, data)
        if tuning is not None:
            warmup = min(settings.warmup, TUNED_WARMUP)
            settings = replace(settings, warmup=warmup)
            kind = "dense_e" if tuning.is_dense else "diag_e"
            metric = {"metric": kind, "inv_metric": tuning.inverse_metric}
            fit = _run(density.model, settings, tuning.starts, metric)
        else:
            fit = _run(density.model, settings, given_starts(density, settings, parameters, data))
        names = wanted_names(parameters, fit.variables)
        found = {name: fit.draws(name) for name in names if name in fit}
        leading = (settings.chains, settings.draws)
        return Draws(
            values=collect(names, found, leading, parameters, data),
            stats=_stats(fit.sampler_stats),
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            seed=settings.used_seed,
            warmup=warmup,
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
        """Find the posterior mode on the unconstrained scale (see `find_mode`)."""
        if not jacobian:
            raise EngineError(
                "engine 'stanli' maximises the posterior density with the Jacobian of the "
                "parameter transforms only; use engine='cmdstan' for jacobian=False"
            )
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        mode = _mode(density, settings)
        found = {name: array[0] for name, array in density.constrain(mode.point.q).items()}
        return PointEstimate(
            values=collect(wanted_names(parameters, found), found, (), parameters, data),
            log_density=mode.point.lp,
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            remarks=mode.remarks,
        )

    def laplace(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw from the normal approximation at the mode, resampled by importance.

        The Hessian comes from central differences of stanli's gradient, ``2 * dim`` of them.
        """
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        mode = _mode(density, settings)
        rng = np.random.default_rng(settings.used_seed)
        points = laplace_points(density, mode, _pool(settings.draws), rng)
        return self._approximate(density, points, settings, "laplace", started, rng)

    def pathfinder(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw from Pathfinder's approximations, one path a chain, resampled by importance."""
        started = time.perf_counter()
        density = StanliDensity(code, data, parameters, settings.used_seed)
        starts = given_starts(density, settings, parameters, data)
        if starts is None:
            starts = np.reshape(
                [*random_starts(density, settings, settings.chains)], (-1, density.dim)
            )
        # The same start twice would be the same path twice.
        starts = np.unique(starts, axis=0)
        rng = np.random.default_rng(settings.used_seed)
        size = max(settings.draws, -(-_pool(settings.draws) // max(1, len(starts))))
        pool = pathfinder_points(density, starts, size, rng)
        if pool is None:
            raise EngineError(
                "Pathfinder found no approximation: no path with a finite density was found; give "
                'starting values with init=, tighter priors, or use algorithm="sampling"'
            )
        return self._approximate(density, pool, settings, "pathfinder", started, rng)

    def _approximate(
        self,
        density: StanliDensity,
        pool: tuple[np.ndarray, np.ndarray, np.ndarray],
        settings: SamplingSettings,
        method: str,
        started: float,
        rng: np.random.Generator,
    ) -> Draws:
        """Independent draws as one chain, chosen from points with their log importance ratios."""
        points, lp, log_ratios = pool
        finite = np.flatnonzero(np.isfinite(log_ratios))
        if len(finite) < settings.draws:
            raise EngineError(
                f"most draws of the {method} approximation have no finite log density; "
                'use algorithm="sampling" for this model'
            )
        chosen, k = resample(log_ratios[finite], settings.draws, rng)
        chosen = finite[chosen]
        found = density.constrain(points[chosen])
        chains = {name: array[np.newaxis] for name, array in found.items()}
        parameters = density.parameters
        names = wanted_names(parameters, found)
        return Draws(
            values=collect(names, chains, (1, settings.draws), parameters, density.data),
            stats={"lp": lp[chosen][np.newaxis]},
            engine=self.name,
            engine_version=self.version,
            seconds=time.perf_counter() - started,
            seed=settings.used_seed,
            method=method,
            pareto_k=k,
        )


def _run(
    model: Any,
    settings: SamplingSettings,
    starts: np.ndarray | None,
    metric: Mapping[str, Any] | None = None,
) -> Any:
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
                    **(metric or {}),
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


def _mode(density: StanliDensity, settings: SamplingSettings) -> Mode:
    starts = mode_starts(density, settings, density.parameters, density.data, STARTS)
    return find_mode(density, starts)


def _pool(draws: int) -> int:
    """Points of which `draws` are chosen: enough for Pareto k, and for unequal weights."""
    return max(_POOL * draws, _LEAST_POOL)
