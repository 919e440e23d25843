"""Check the package against a folder of reference cases.

Usage: ``python tests/golden/check.py DIR [ID ...] [--group core] [--features TAG,...] [-v]``

For every case the model is built from the case's own formula, family and priors; compared are the
number of unconstrained parameters, the declared parameters, the data, the table of default priors
and the log density (with gradient norm) at the stored points. One line a case; the last line is
``N passed, N failed``; the exit code is 1 when any failed.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import stanli

_HERE = Path(__file__).resolve().parent
for _folder in (_HERE, _HERE.parents[1]):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from harness import compare, oracle, stan_text  # noqa: E402
from harness.cases import (  # noqa: E402
    CaseResult,
    arguments,
    fail_usage,
    guarded,
    read_case,
    report,
    select,
    selection,
)
from translate import ModelCall, case_to_call  # noqa: E402

from hiermodel.errors import HiermodelWarning  # noqa: E402

LP_TOLERANCE = 1e-8
# Stan's derivative of std_normal_lcdf is an approximation good to about 1e-6, so that two right
# programs for a probit model may differ by that.
GRADIENT_TOLERANCE = 1e-5


def check_case(case: Mapping[str, Any], data_dir: Path | str) -> CaseResult:
    """Compare everything a case recorded.

    Parameters
    ----------
    case : mapping
        The case as read from its JSON file.
    data_dir : Path
        The folder with the data sets.

    Returns
    -------
    CaseResult

    Raises
    ------
    Exception
        Whatever translating or building the model raises; `main` reports it as a failure.
    """
    with warnings.catch_warnings():
        # Rows with missing values are dropped with a warning, as they should be.
        warnings.simplefilter("ignore", HiermodelWarning)
        return _check(oracle.repaired(case), case_to_call(case, data_dir))


def _check(case: Mapping[str, Any], call: ModelCall) -> CaseResult:
    model = call.model()
    data = dict(model.bind(call.data))
    order = next((value for name, value in data.items() if name.startswith("order_tg")), None)
    if order is not None:
        # The recorded data are sorted by series and time; here they keep the order of the frame.
        data = dict(model.bind(model.rows(call.data).iloc[order - 1]))
    code = model.stan_code
    declared = stan_text.declarations(code, "parameters")
    known = {**data, **stan_text.computed_numbers(code, data)}
    problems = compare.parameter_problems(declared, known, case["parameters"])
    problems += _declared_by_model(model, [one.name for one in declared])
    problems += compare.data_problems(data, case["standata"])
    problems += compare.prior_problems(call.default_priors(), case["default_prior"])
    correction = oracle.correction(case)
    problems += _density_problems(code, compare.aligned_data(data, case["standata"]), case)
    notes = (correction.note,) if correction else ()
    return CaseResult(case["id"], not problems, tuple(problems), notes=notes)


def _declared_by_model(model: Any, in_program: Sequence[str]) -> list[str]:
    names = [var.name for var in model.parameters]
    if sorted(names) == sorted(in_program):
        return []
    return [f"Model.parameters {names} are not those of the program {list(in_program)}"]


def _density_problems(code: str, data: dict[str, Any], case: Mapping[str, Any]) -> list[str]:
    mir = stanli.stan_to_mir(code)
    full = stanli.Model(mir=mir, data=data)
    if full.n_unconstrained != case["n_unconstrained"]:
        return [f"n_unconstrained {full.n_unconstrained}, recorded {case['n_unconstrained']}"]
    prior = full
    if data["prior_only"] != 1:
        prior = stanli.Model(mir=mir, data=data | {"prior_only": 1})
    problems: list[str] = []
    for number, point in enumerate(case["points"], 1):
        problems += _point_problems(full, prior, case, point, number)
    return problems


def _point_problems(
    full: Any, prior: Any, case: Mapping[str, Any], point: Mapping[str, Any], number: int
) -> list[str]:
    try:
        q = full.unconstrain(dict(point["params"]))
    except Exception as error:  # the engine's own error types are not public
        return [f"point {number}: {error}"]
    correction = oracle.correction(case)
    shift = correction.at(point) if correction else 0.0
    lp, gradient = full.log_prob_grad(q)
    lines = [
        compare.difference(
            f"point {number} ({point['point']}) lp",
            lp,
            compare.number(point["lp"]) + shift,
            LP_TOLERANCE,
        )
    ]
    if not correction:
        norm = float(np.linalg.norm(gradient))
        recorded = compare.number(point["grad_norm"])
        lines.append(
            compare.difference(f"point {number} gradient norm", norm, recorded, GRADIENT_TOLERANCE)
        )
    if point.get("lp_prior_only") is not None:
        lp_prior, _ = prior.log_prob_grad(q)
        recorded = compare.number(point["lp_prior_only"])
        lines.append(
            compare.difference(f"point {number} lp of the prior", lp_prior, recorded, LP_TOLERANCE)
        )
    return [line for line in lines if line]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = arguments(__doc__.splitlines()[0], argv)
    try:
        files = select(options.folder, selection(options))
    except FileNotFoundError as error:
        return fail_usage(error)
    data_dir = options.data or options.folder / "data"

    def check(path: Path) -> CaseResult:
        return guarded(lambda: check_case(read_case(path), data_dir), path.stem, options.verbose)

    return report((check(path) for path in files), options.verbose)


if __name__ == "__main__":
    sys.exit(main())
