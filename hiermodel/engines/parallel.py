"""Chains on other processes and machines, by any ``concurrent.futures.Executor``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
)
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from hiermodel.engines.base import Draws, Engine
from hiermodel.engines.progress import ChainProgress
from hiermodel.engines.settings import SamplingSettings
from hiermodel.engines.tuning import Tuner
from hiermodel.errors import ArgumentError, EngineError, HiermodelWarning, warn
from hiermodel.stan.variables import Var

T = TypeVar("T")

# How often work is handed out before it is given up.
_ATTEMPTS = 3


def checked_executor(executor: Any) -> Executor | None:
    """An executor, or None.

    Raises
    ------
    ArgumentError
        For anything else, a Dask client for example.
    """
    if executor is None or isinstance(executor, Executor):
        return executor
    hint = ""
    if callable(getattr(executor, "get_executor", None)):
        hint = "; of a Dask client it is client.get_executor()"
    raise ArgumentError(
        "executor must be a concurrent.futures.Executor, such as ProcessPoolExecutor(4), not "
        f"{type(executor).__name__}{hint}"
    )


@dataclass(frozen=True, slots=True, eq=False)
class ChainTask:
    """One chain: everything that its worker must know."""

    engine: Engine
    code: str
    data: Mapping[str, Any]
    parameters: tuple[Var, ...]
    settings: SamplingSettings
    tuner: Tuner | None = None


def chain_seed(seed: int, chain: int) -> int:
    """Seed of a chain that runs alone; it depends on nothing but the two numbers.

    Examples
    --------
    >>> chain_seed(1, 0) == chain_seed(1, 0), chain_seed(1, 0) == chain_seed(1, 1)
    (True, False)
    """
    return int(np.random.SeedSequence([seed, chain]).generate_state(1)[0] % (2**31 - 1)) + 1


def chain_tasks(
    engine: Engine,
    code: str,
    data: Mapping[str, Any],
    parameters: Sequence[Var],
    settings: SamplingSettings,
    tuner: Tuner | None = None,
) -> list[ChainTask]:
    """Split a run into its chains, each with a seed and a start of its own."""
    inits: Sequence[Any] = settings.init_dicts() or [settings.init] * settings.chains
    return [
        ChainTask(
            engine, code, data, tuple(parameters),
            settings.replace(
                chains=1, cores=1, progress=False, init=init,
                seed=chain_seed(settings.used_seed, chain),
            ),
            tuner,
        )
        for chain, init in enumerate(inits)
    ]


def sample_chain(task: ChainTask) -> Draws:
    """Run one chain; this is what workers call.

    Raises
    ------
    EngineError
        Also for an engine that gives back other than the one chain that was asked for.
    """
    tuned: dict[str, Any] = {} if task.tuner is None else {"tuner": task.tuner}
    draws = task.engine.sample(task.code, task.data, task.parameters, task.settings, **tuned)
    if draws.n_chains != 1:
        raise EngineError(
            f"engine {task.engine.name!r} gave back {draws.n_chains} chains where one was asked "
            "for: it cannot run chains apart; leave out executor="
        )
    return draws


def joined(chains: Sequence[Draws], seed: int, seconds: float) -> Draws:
    """Put chains that ran apart together, in order."""
    first = chains[0]
    return replace(
        first,
        values={k: np.concatenate([one.values[k] for one in chains]) for k in first.values},
        stats={k: np.concatenate([one.stats[k] for one in chains]) for k in first.stats},
        seed=seed,
        seconds=seconds,
        remarks=tuple(dict.fromkeys(text for one in chains for text in one.remarks)),
    )


def sample_with(
    executor: Executor,
    engine: Engine,
    code: str,
    data: Mapping[str, Any],
    parameters: Sequence[Var],
    settings: SamplingSettings,
    tuner: Tuner | None = None,
) -> Draws:
    """Sample with each chain as a task of an executor; see `Engine.sample`.

    The seed of a chain depends on `settings.seed` and its number alone: the draws are the same on
    any executor, but not those of a run without one.
    """
    started = time.perf_counter()
    tasks = chain_tasks(engine, code, data, parameters, settings, tuner)
    chains = run_chains(executor, tasks, settings.progress)
    return joined(chains, settings.used_seed, time.perf_counter() - started)


def run_chains(executor: Executor, tasks: Sequence[ChainTask], progress: bool) -> list[Draws]:
    """Run chains on an executor under one bar, which moves when a chain is done."""
    iterations = max(task.settings.iterations for task in tasks)
    with ChainProgress(len(tasks), iterations, progress) as bar:
        return run_tasks(
            executor, sample_chain, tasks, lambda k: bar.update(k + 1, iterations)
        )


def run_tasks(
    executor: Executor,
    function: Callable[[Any], T],
    tasks: Sequence[Any],
    done: Callable[[int], None] = lambda number: None,
) -> list[T]:
    """Results of a function for each task, in order, each counted once.

    When workers die, what they had not given back is done again: on the same executor, or, as a
    `ProcessPoolExecutor` takes nothing more after the death of a process, on a pool of its own.

    Parameters
    ----------
    executor : Executor
    function : callable
        Takes one task; it and the tasks must be what the executor can send to its workers.
    tasks : sequence
    done : callable
        Called with the number of each task when its result is there.

    Raises
    ------
    EngineError
        When workers died three times, or the executor takes no work.
    Exception
        What a task itself raises comes through, and what has not begun is cancelled.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with ThreadPoolExecutor(2) as pool:
    ...     run_tasks(pool, abs, [-1, 2, -3])
    [1, 2, 3]
    """
    results: dict[int, T] = {}
    with ExitStack() as own:
        for attempt in range(_ATTEMPTS):
            reason = _round(executor, function, tasks, results, done)
            missing = len(tasks) - len(results)
            if not missing:
                return [results[number] for number in range(len(tasks))]
            if attempt + 1 < _ATTEMPTS:
                warn(
                    f"a worker of the executor died ({reason}): {missing} of {len(tasks)} tasks "
                    "are done again, nothing is counted twice",
                    HiermodelWarning,
                )
            if isinstance(executor, ProcessPoolExecutor):
                workers = min(missing, os.cpu_count() or 1)
                executor = own.enter_context(ProcessPoolExecutor(workers))
    raise EngineError(
        f"workers of the executor died {_ATTEMPTS} times ({reason}), {missing} of {len(tasks)} "
        "tasks are not done. Is there enough memory for as many workers at once? Fit without "
        "executor= to see what happens"
    )


def _round(
    executor: Executor,
    function: Callable[[Any], T],
    tasks: Sequence[Any],
    results: dict[int, T],
    done: Callable[[int], None],
) -> str:
    """Hand out what has no result yet and store what comes back; why something did not."""
    numbers: dict[Future[T], int] = {}
    reason = ""
    try:
        for number, task in enumerate(tasks):
            if number not in results:
                numbers[executor.submit(function, task)] = number
    except BrokenExecutor as error:
        reason = str(error)
    except RuntimeError as error:
        raise EngineError(f"the executor takes no work: {error}") from error
    try:
        for future in as_completed(numbers):
            try:
                results[numbers[future]] = future.result()
            except Exception as error:
                if not _is_loss(error):
                    raise
                reason = str(error) or type(error).__name__
            else:
                done(numbers[future])
    finally:
        # After an error or an interrupt; what is done cannot be cancelled any more.
        for future in numbers:
            future.cancel()
    return reason


def _is_loss(error: BaseException) -> bool:
    """Whether the worker failed, and not the task. Dask's errors are known by their names."""
    if isinstance(error, (BrokenExecutor, CancelledError)):
        return True
    return type(error).__name__ in ("KilledWorker", "FutureCancelledError")
