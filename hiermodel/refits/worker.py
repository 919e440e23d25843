"""A process that fits a model again and again: ``python -m hiermodel.refits.worker FOLDER``.

The folder holds the model as ``fit.nc`` and the jobs as ``jobs.json``; see `jobs`. Each line that
comes in is the number of a job, each line that goes out a JSON text: empty, or what went wrong.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from hiermodel.errors import HiermodelError
from hiermodel.fitting import load
from hiermodel.refits.jobs import Job, refit


def main(folder: Path) -> None:
    """Answer lines until there are no more."""
    # What engines print must not get between the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    fit = load(folder / "fit.nc")
    words = json.loads((folder / "jobs.json").read_text())
    jobs = [Job(**{**one, "held": tuple(one["held"])}) for one in words["jobs"]]
    for line in sys.stdin:
        number, problem = int(line), ""
        try:
            outcome = refit(fit, jobs[number], 1, words["keep"])
            np.save(folder / f"{number}.npy", outcome.log_lik)
            (folder / f"{number}.json").write_text(json.dumps(outcome.remarks))
            if outcome.fit is not None:
                outcome.fit.save(folder / f"{number}.nc")
        except HiermodelError as error:
            problem = str(error) or type(error).__name__
        answers.write(json.dumps(problem) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
