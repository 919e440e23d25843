"""Fits without some rows, one after the other or in processes of their own.

A worker process reads the model from a file as `Fit.save` writes it, so nothing of the user's
program is run again, and nothing is unpickled. It gets the number of a job on a line, and answers
on a line; log-likelihoods come back as files.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.engines.progress import counted
from hiermodel.errors import ArgumentError, EngineError, HiermodelError, SamplingWarning, warn
from hiermodel.fitting import load
from hiermodel.refits.categories import whole_categories

if TYPE_CHECKING:
    from hiermodel.fitted import Fit


@dataclass(frozen=True)
class Job:
    """A fit without some rows.

    Attributes
    ----------
    name : str
        What it is called in messages, ``"fold 3"``.
    held : tuple of int
        Positions of the rows that are left out.
    seed : int
    resp : str or None
        Whose log-likelihood is wanted, of several responses.
    """

    name: str
    held: tuple[int, ...]
    seed: int
    resp: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Log-likelihoods (draws, held rows) of a job, what the sampler said, and perhaps the fit."""

    log_lik: np.ndarray
    remarks: tuple[str, ...]
    fit: Fit | None = None


def complete_rows(fit: Fit) -> pd.DataFrame:
    """The rows of a fit, whose factors keep all their levels in any part of them.

    So do whole numbers that are categories: those of ``mo()``, and places of a map.
    """
    frame = fit.frame.set_axis(fit.row_labels, axis=0)
    schema = fit.model.schema
    changed: dict[str, Any] = {}
    for name, column in schema.columns.items():
        if column.kind == "numeric" or name not in frame:
            continue
        values = frame[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            if schema.drop_unused_levels:
                changed[name] = values.cat.remove_unused_categories()
        elif not pd.api.types.is_bool_dtype(values.dtype):
            changed[name] = pd.Categorical(values, categories=sorted(values.dropna().unique()))
    return frame.assign(**changed, **whole_categories(fit.model, frame))


def refit(fit: Fit, job: Job, cores: int | None, keep: bool = False) -> Outcome:
    """Do one job: fit the other rows with the same formula, priors and settings.

    Default priors are not learned anew from fewer rows: they stay those of the fit. Levels of
    grouping factors that only held-out rows have get effects from their normal distribution.
    """
    rows = complete_rows(fit)
    held = np.asarray(job.held, dtype=np.int64)
    others = np.setdiff1d(np.arange(len(rows)), held)
    with warnings.catch_warnings():
        # What the sampler says of each fit is collected, and told once.
        warnings.simplefilter("ignore")
        made = fit.update(
            data=rows.iloc[others], priors=fit.priors, drop_unused_levels=False, certify=False,
            sample_prior="no", progress=False, seed=job.seed, cores=cores,
        )
        found = made.log_lik(
            rows.iloc[held], resp=job.resp, allow_new_levels=True, sample_new_levels="gaussian",
            seed=job.seed, partial=True, impute=True,
        )
    values = found.transpose("chain", "draw", "obs").values.reshape(-1, len(held))
    return Outcome(values, tuple(made.provenance.get("warnings", ())), made if keep else None)


def run_jobs(
    fit: Fit, jobs: Sequence[Job], cores: int | None, progress: bool, keep: bool = False
) -> list[Outcome]:
    """Do all jobs, several at a time, with one bar.

    Parameters
    ----------
    fit : Fit
    jobs : sequence of Job
    cores : int, optional
        Processes at a time; by default as many as the machine has cores. The result does not
        depend on it.
    progress : bool
        Show a bar over the jobs.
    keep : bool
        Keep the fits.

    Raises
    ------
    HiermodelError
        When a fit fails; the message names the job. The other processes are ended.

    Examples
    --------
    >>> run_jobs(fit, [Job("fold 1", (0, 1), seed=1)], cores=1, progress=False)  # doctest: +SKIP
    """
    if cores is not None and (isinstance(cores, bool) or not isinstance(cores, int) or cores < 1):
        raise ArgumentError(f"cores must be a whole number of at least 1, not {cores!r}")
    workers = min(len(jobs), cores or os.cpu_count() or 1)
    alone = _only_in_this_process(fit)
    if workers > 1 and alone and cores is not None:
        warn(f"the fits run one after the other: {alone}")
    with counted(len(jobs), f"Refitting {len(jobs)} times", "fit", progress) as step:
        if workers == 1 or alone:
            outcomes = []
            for job in jobs:
                try:
                    outcomes.append(refit(fit, job, cores, keep))
                except HiermodelError as error:
                    raise type(error)(f"the fit without {job.name} failed: {error}") from error
                step()
        else:
            outcomes = _in_processes(fit, jobs, workers, keep, step)
    _tell(jobs, outcomes)
    return outcomes


def _only_in_this_process(fit: Fit) -> str:
    """Why a worker cannot have the model; empty when it can."""
    for part in fit.model.parts:
        for family in (part.family, *part.family.components):
            if family.custom:
                return f"the functions of the custom family {family.name!r} are in this process"
    return ""


def _tell(jobs: Sequence[Job], outcomes: Sequence[Outcome]) -> None:
    """One warning for the problems of the sampler in all fits."""
    troubled = [(j.name, o.remarks[0]) for j, o in zip(jobs, outcomes, strict=True) if o.remarks]
    if troubled:
        name, remark = troubled[0]
        warn(
            f"the sampler had problems in {len(troubled)} of {len(jobs)} fits; the first, without "
            f"{name}: {remark}",
            SamplingWarning,
        )


def _in_processes(
    fit: Fit, jobs: Sequence[Job], workers: int, keep: bool, step: Any
) -> list[Outcome]:
    answers: queue.Queue[tuple[int, str]] = queue.Queue()
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(jobs)):
        waiting.put(number)
    processes: list[subprocess.Popen[str]] = []
    threads: list[threading.Thread] = []
    with tempfile.TemporaryDirectory(prefix="hiermodel-refits-") as name:
        folder = Path(name)
        _write(fit, jobs, keep, folder)
        try:
            for k in range(workers):
                process = _start(folder, k)
                processes.append(process)
                thread = threading.Thread(
                    target=_serve, args=(process, waiting, answers), daemon=True
                )
                threads.append(thread)
                thread.start()
            done: dict[int, Outcome] = {}
            while len(done) < len(jobs):
                number, problem = answers.get()
                if problem:
                    raise EngineError(
                        f"the fit without {jobs[number].name} failed: {problem}"
                        f"{_last_words(folder) if problem == _DIED else ''}"
                    )
                done[number] = _read(folder, number, keep)
                step()
        finally:
            # Also when the user interrupts: no process may be left behind.
            for process in processes:
                process.kill()
            for process in processes:
                process.wait()
            for thread in threads:
                thread.join()
            for process in processes:
                _close(process)
    return [done[number] for number in range(len(jobs))]


_DIED = "its process ended"


def _serve(
    process: subprocess.Popen[str], waiting: queue.SimpleQueue[int],
    answers: queue.Queue[tuple[int, str]],
) -> None:
    """Give one worker jobs until there are none."""
    assert process.stdin is not None and process.stdout is not None
    while True:
        try:
            number = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            process.stdin.write(f"{number}\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):
            line = ""
        answers.put((number, json.loads(line) if line else _DIED))
        if not line:
            return


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        # What could not be written to a process that has ended is lost anyway.
        with suppress(OSError):
            if pipe is not None:
                pipe.close()


def _write(fit: Fit, jobs: Sequence[Job], keep: bool, folder: Path) -> None:
    # The draws are not needed to fit again: one is enough for a complete file.
    groups = {
        name: fit.datasets[name] for name in ("observed_data", "constant_data")
    } | {"posterior": fit.posterior.isel(chain=slice(0, 1), draw=slice(0, 1))}
    replace(fit, datasets=groups).save(folder / "fit.nc")
    words = [{"name": j.name, "held": list(j.held), "seed": j.seed, "resp": j.resp} for j in jobs]
    (folder / "jobs.json").write_text(json.dumps({"jobs": words, "keep": keep}))


def _start(folder: Path, number: int) -> subprocess.Popen[str]:
    home = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(p for p in (home, os.environ.get("PYTHONPATH", "")) if p)
    single = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    with (folder / f"worker-{number}.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hiermodel.refits.worker", str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, **single, "PYTHONPATH": path},
            # An interrupt of the user reaches this process, which ends the workers itself.
            start_new_session=True,
        )


def _read(folder: Path, number: int, keep: bool) -> Outcome:
    values = np.load(folder / f"{number}.npy", allow_pickle=False)
    remarks = tuple(json.loads((folder / f"{number}.json").read_text()))
    return Outcome(values, remarks, load(folder / f"{number}.nc") if keep else None)


def _last_words(folder: Path) -> str:
    """The ends of what the workers wrote before they died."""
    texts = [path.read_text(errors="replace").strip() for path in folder.glob("worker-*.log")]
    return "".join(f"\n{text[-600:]}" for text in texts if text)
