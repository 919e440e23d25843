"""Check what the package computes after sampling against a folder of reference cases.

Usage: ``python tests/golden/check_post.py DIR [ID ...] [--group core] [--features TAG,...]
[--data DIR] [-v]``

A fit is made of the case's own draws (``Fit.from_draws``); every reference that has a counterpart
in the package is compared. References without one are listed as pending, which is no failure. The
data sets are looked for in ``DIR/data``, ``DIR/../golden/data``, or where ``--data`` says.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parent
for _folder in (_HERE, _HERE.parents[1]):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from harness import compare, post_effects, post_exact, post_random, post_tables  # noqa: E402
from harness.cases import (  # noqa: E402
    CaseResult,
    arguments,
    fail_usage,
    guarded,
    read_case,
    reason,
    report,
    select,
    selection,
)
from harness.post import Declined, Pending, PostCase  # noqa: E402

from hiermodel.errors import HiermodelWarning  # noqa: E402

Check = Callable[[PostCase, str], list[str]]

CHECKS: dict[str, Check] = {
    "linpred": post_exact.prediction,
    "epred": post_exact.prediction,
    "log_lik": post_exact.prediction,
    "log_lik_resp": post_exact.prediction,
    "linpred_thres": post_exact.prediction,
    "dpars": post_exact.dpars,
    "nlpars": post_exact.nlpars,
    "linpred_new": post_exact.prediction,
    "epred_new": post_exact.prediction,
    "epred_new_population": post_exact.prediction,
    "epred_new_no_autocor": post_exact.prediction,
    "log_lik_new": post_exact.prediction,
    "dpars_new": post_exact.dpars,
    "linpred_new_moments_draw1": post_random.moments_of_random_linpred,
    "newdata_new_level": post_random.new_level,
    "newdata_na_group": post_exact.missing_group,
    "newdata_na_factor": post_exact.missing_rows,
    "newdata_na_numeric": post_exact.missing_rows,
    "predict_draw1": post_random.predictive,
    "fixef": post_tables.fixef,
    "VarCorr": post_tables.varcorr,
    "ranef": post_tables.group_table,
    "coef": post_tables.group_table,
    "hypothesis": post_effects.hypothesis,
    "hypothesis_sd": post_effects.hypothesis,
    "conditional_effects": post_effects.conditional_effects,
    "pp_mixture_draws": post_exact.mixture_draws,
    "pp_mixture": post_exact.mixture_table,
    "loo": post_tables.elpd,
    "waic": post_tables.elpd,
    "posterior_smooths": post_exact.posterior_smooths,
    "bayes_R2": post_tables.bayes_r2,
    "variables": post_tables.variables,
}

# Keys of a case that are no references.
FACTS = frozenset(
    {"id", "golden_id", "title", "features", "data", "call", "chains", "draws_per_chain", "n_obs",
     "rows", "draws", "newdata", "responses", "oracle_note", "log_lik_new_response", "group"}
)  # fmt: skip

# References that are wrong, by family: the case carries an `oracle_note` that says why.
_ORACLE_ERRORS: dict[str, tuple[str, ...]] = {
    "com_poisson": ("log_lik", "log_lik_new", "epred", "epred_new", "predict_draw1", "loo", "waic",
                    "conditional_effects", "bayes_R2"),
    "hurdle_negbinomial": ("predict_draw1",),
    # Its parameter mu is recorded through the inverse link, which says nothing of a threshold
    # model; the log likelihood is missing in rows where it can be computed.
    "mixture": ("dpars", "dpars_new", "log_lik", "log_lik_new", "pp_mixture",
                "pp_mixture_draws", "loo", "waic"),
}
# The same without a note in the case.
_UNNOTED: dict[str, tuple[str, tuple[str, ...]]] = {
    "discrete_weibull": (
        "the recorded mean is a sum cut where its terms of all rows and draws fall below 0.001",
        ("epred", "epred_new", "conditional_effects", "bayes_R2"),
    ),
}
_UNNOTED["hurdle_cumulative"] = (
    "the recorded distances to thresholds are multiplied by 1 - hu, and the recorded mean category "
    "counts the hurdle as 1, not 0",
    ("linpred_thres", "conditional_effects"),
)
_UNNOTED["wiener"] = (
    "the recorded effects and R-squared are made of the recorded expectations, which are wrong",
    ("conditional_effects", "bayes_R2"),
)
_UNNOTED["dirichlet_multinomial"] = (
    "the recorded log likelihoods subtract log gamma functions of a phi up to 1e14, whose last "
    "digits are lost",
    ("log_lik", "log_lik_new", "loo", "waic"),
)
_TRUNCATED_COUNTS = (
    "log_lik", "log_lik_new", "log_lik_resp", "epred", "epred_new", "epred_new_population", "loo",
    "waic", "conditional_effects", "bayes_R2",
)  # fmt: skip


# Values of an exact Gaussian process are a Cholesky factor times normals. Where points lie close
# together its matrix has a condition number of up to 1e12, so that the 12 stored digits of the
# draws and the order of sums decide the third digit of the result.
_NEARLY_SINGULAR = 1e-2


def check_case(case: Mapping[str, Any], data_dir: Path | str) -> CaseResult:
    """Compare every reference of a case.

    Parameters
    ----------
    case : mapping
        The case as read from its JSON file.
    data_dir : Path
        The folder with the data sets.

    Returns
    -------
    CaseResult
        `pending` holds references that the package has no counterpart for.

    Raises
    ------
    Exception
        Whatever building the model or the fit raises.
    """
    with warnings.catch_warnings():
        # Rows with missing values are dropped with a warning, as they should be.
        warnings.simplefilter("ignore", HiermodelWarning)
        return _check(PostCase(case, Path(data_dir)))


def _check(post: PostCase) -> CaseResult:
    if "gp:exact" in post.case["features"]:
        with compare.no_closer_than(_NEARLY_SINGULAR):
            return _compared(post)
    return _compared(post)


def _compared(post: PostCase) -> CaseResult:
    case = post.case
    _ = post.fit
    problems: list[str] = []
    pending: list[str] = []
    notes: list[str] = []
    why, wrong = _oracle_errors(case)
    for key in case:
        if key in FACTS or not usable(case[key]):
            continue
        if key in wrong:
            notes.append(f"{key} not compared: {why}")
            continue
        check = CHECKS.get(key)
        try:
            problems += check(post, key) if check else _pending(key)
        except (Pending, NotImplementedError):
            pending.append(key)
        except Declined as why_not:
            notes.append(f"{key} not compared: {why_not}")
        except Exception as error:  # one crash must not hide the other references
            problems.append(f"{key}: {reason(error)}")
    return CaseResult(case["id"], not problems, tuple(problems), tuple(pending), tuple(notes))


def _pending(key: str) -> list[str]:
    raise Pending(key)


def usable(reference: Any) -> bool:
    """False for a reference that brms refused to give."""
    return not (isinstance(reference, Mapping) and set(reference) == {"not_available"})


def _oracle_errors(case: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Why references of a case are wrong, and which."""
    note = "; ".join(case.get("oracle_note") or ())
    name = str((case["call"]["family"] or {}).get("name"))
    families = {str(one.get("name")) for one in (case["call"]["family"] or {}).values()
                if isinstance(one, Mapping)}  # fmt: skip
    if families == {"student"}:
        return (
            "the recorded likelihood of one of several Student responses has nu = 1, not the "
            "estimated one", ("log_lik_resp", "predict_draw1", "loo", "waic"),
        )
    if not note:
        return _UNNOTED.get(name, ("", ()))
    if "truncated counts" in note:
        return note, _TRUNCATED_COUNTS
    return note, _ORACLE_ERRORS.get(name, ())


def data_folder(folder: Path, given: Path | None) -> Path:
    """Where the data sets are."""
    candidates = [given] if given else [folder / "data", folder / ".." / "golden" / "data"]
    for candidate in candidates:
        if candidate is not None and candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"no data sets beside {folder}; say where they are with --data")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = arguments(__doc__.splitlines()[0], argv)
    try:
        files = select(options.folder, selection(options), "cases_post")
        data_dir = data_folder(options.folder, options.data)
    except FileNotFoundError as error:
        return fail_usage(error)

    def check(path: Path) -> CaseResult:
        return guarded(lambda: check_case(read_case(path), data_dir), path.stem, options.verbose)

    return report((check(path) for path in files), options.verbose)


if __name__ == "__main__":
    sys.exit(main())
