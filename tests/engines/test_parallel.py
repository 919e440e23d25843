"""Chains on executors: threads, processes, a Dask cluster; also when workers die."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engines.workers import DyingEngine, Killer

import hiermodel as hm
from hiermodel.engines import RecordedEngine, SamplingSettings
from hiermodel.engines.parallel import chain_seed, chain_tasks, run_tasks
from hiermodel.engines.stanli import StanliEngine
from hiermodel.errors import ArgumentError, EngineError, HiermodelWarning

SMALL = {"chains": 3, "draws": 60, "warmup": 100, "seed": 4, "progress": False}
FORMULA = "reaction ~ days + (1 | subject)"

pytestmark = [
    # Forking a process of several threads is warned of; a short run tells its low ESS.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::hiermodel.errors.SamplingWarning"),
    pytest.mark.skipif(sys.platform == "win32", reason="processes are killed otherwise there"),
]


def fit(executor: Any = None, **changes: Any) -> hm.Fit:
    data = hm.datasets.load("sleepstudy")
    return hm.fit(FORMULA, data, executor=executor, **(SMALL | changes))


@pytest.fixture(scope="module")
def by_threads() -> hm.Fit:
    with ThreadPoolExecutor(2) as pool:
        return fit(pool)


def same(one: hm.Fit, other: hm.Fit) -> bool:
    return all(
        np.array_equal(array, other.posterior[name])
        for name, array in one.posterior.data_vars.items()
    )


def test_processes_draw_what_threads_draw(by_threads: hm.Fit) -> None:
    for workers in (1, 2):
        with ProcessPoolExecutor(workers) as pool:
            found = fit(pool)
        assert same(found, by_threads)
        assert found.posterior.sizes == by_threads.posterior.sizes
    assert found.provenance["seed"] == 4
    assert "certificate" in found.provenance
    assert set(found.sample_stats) == set(fit().sample_stats)


def test_chains_are_those_of_their_seeds(by_threads: hm.Fit) -> None:
    """Each chain is the run of one chain with its seed, in order."""
    for chain in range(3):
        alone = fit(chains=1, seed=chain_seed(4, chain))
        np.testing.assert_array_equal(
            alone.posterior["sigma"].values[0], by_threads.posterior["sigma"].values[chain]
        )
    assert len(np.unique(by_threads.posterior["sigma"].values[:, 0])) == 3


def test_each_chain_has_its_own_start() -> None:
    inits = [{"sigma": 10.0}, {"sigma": 20.0}]
    settings = SamplingSettings(chains=2, init=inits, seed=1)
    tasks = chain_tasks(StanliEngine(), "", {}, (), settings)
    assert [task.settings.init for task in tasks] == inits
    assert [task.settings.chains for task in tasks] == [1, 1]
    assert not any(task.settings.progress for task in tasks)


def test_progress_moves_by_chains(capfd: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(2) as pool:
        fit(pool, progress=True)
    out, err = capfd.readouterr()
    assert out == "" and "Sampling 3 chains: 100%" in err and "480/480" in err


def test_prior_draws_come_along() -> None:
    data = hm.datasets.load("sleepstudy")
    with ThreadPoolExecutor(2) as pool:
        found = hm.fit(
            "reaction ~ days", data, priors="weak", sample_prior="yes", executor=pool, **SMALL
        )
    assert found.datasets["prior"].sizes["chain"] == 3


# -------------------------------------------------------------------------------- deaths


@pytest.mark.parametrize("victim", [0, 3, 7])
def test_work_of_a_dead_process_is_done_again_once(tmp_path: Path, victim: int) -> None:
    with (
        ProcessPoolExecutor(2) as pool,
        pytest.warns(HiermodelWarning, match=r"worker .* died .* of 8 tasks are done again"),
    ):
        counted: list[int] = []
        found = run_tasks(pool, Killer(tmp_path, victim), range(8), counted.append)
    assert found == [2 * k for k in range(8)]
    assert sorted(counted) == list(range(8))  # each counted once
    log = (tmp_path / "log").read_text().split()
    assert log.count(str(victim)) == 2  # the death, and the run that counts


def test_deaths_without_end_are_given_up(tmp_path: Path) -> None:
    with (
        ProcessPoolExecutor(2) as pool,
        pytest.warns(HiermodelWarning, match="died"),
        pytest.raises(EngineError, match=r"died 3 times .* enough memory"),
    ):
        run_tasks(pool, Killer(tmp_path, 1, times=100), range(3))


def test_a_fit_outlives_a_killed_process(tmp_path: Path, by_threads: hm.Fit) -> None:
    engine = DyingEngine(tmp_path, chain_seed(4, 1))
    with ProcessPoolExecutor(2) as pool, pytest.warns(HiermodelWarning, match="died"):
        found = fit(pool, engine=engine)
    assert (tmp_path / "died").exists()
    assert same(found, by_threads)


def test_an_executor_that_loses_a_future_gets_it_again() -> None:
    class KilledWorker(Exception):
        """Dask's error is known by its name."""

    class Forgetful(ThreadPoolExecutor):
        lost = False

        def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
            if not self.lost:
                self.lost = True
                future: Future[Any] = Future()
                future.set_exception(KilledWorker("tcp://somewhere"))
                return future
            return super().submit(*args, **kwargs)

    with Forgetful(2) as pool, pytest.warns(HiermodelWarning, match="1 of 4 tasks"):
        assert run_tasks(pool, abs, [-1, -2, -3, -4]) == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_dask_cluster_that_loses_a_worker() -> None:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    settings = {"draws": 6000, "warmup": 1000, "chains": 4}
    with ThreadPoolExecutor(2) as pool:
        expected = fit(pool, **settings)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        victim = next(iter(client.run(os.getpid).values()))
        seen: list[int] = []

        def kill() -> None:
            # In mid-run: when both workers are at a chain.
            until = time.monotonic() + 60
            while time.monotonic() < until:
                busy = [w for w, tasks in client.processing().items() if tasks]
                if len(busy) == 2:
                    time.sleep(0.3)
                    os.kill(victim, signal.SIGKILL)
                    seen.append(victim)
                    return
                time.sleep(0.02)

        thread = threading.Thread(target=kill)
        thread.start()
        found = fit(client.get_executor(), **settings)
        thread.join()
    assert seen, "no worker was killed"
    assert same(found, expected)
    assert found.posterior.sizes["chain"] == 4


# -------------------------------------------------------------------------------- errors


def test_errors_of_a_chain_come_through() -> None:
    with ProcessPoolExecutor(1) as pool, pytest.raises(EngineError, match="did you mean"):
        fit(pool, init={"sigm": 1.0})


@pytest.mark.parametrize("wrong", [4, "processes"])
def test_no_executor(wrong: object) -> None:
    with pytest.raises(ArgumentError, match=r"executor must be a concurrent.futures.Executor"):
        fit(wrong)


def test_a_dask_client_is_told_apart() -> None:
    class Client:
        def get_executor(self) -> None: ...

    with pytest.raises(ArgumentError, match=r"client\.get_executor\(\)"):
        fit(Client())


def test_an_executor_that_is_shut_down() -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(EngineError, match=r"the executor takes no work: .*shutdown"):
        fit(pool)


def test_approximations_have_no_chains() -> None:
    with ThreadPoolExecutor(1) as pool, pytest.raises(EngineError, match="'laplace' has none"):
        fit(pool, algorithm="laplace")


def test_recorded_draws_are_not_multiplied(by_threads: hm.Fit) -> None:
    engine = RecordedEngine({"x": np.zeros((2, 5))})
    task = chain_tasks(engine, "", {}, (), SamplingSettings(chains=2, seed=1))
    from hiermodel.engines.parallel import sample_chain

    with pytest.raises(EngineError, match="gave back 2 chains where one was asked for"):
        sample_chain(task[0])
