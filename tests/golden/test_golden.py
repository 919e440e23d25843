"""The reference cases as tests: the committed sample, and the whole corpus where it is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
if str(HERE) not in sys.path:
    sys.path.append(str(HERE))

import check  # noqa: E402
import check_post  # noqa: E402
from harness import cases  # noqa: E402

CORPUS = HERE.parents[2] / "shared" / "golden"
POST = HERE.parents[2] / "shared" / "golden_post"


def _paths(folder: Path, name: str, group: str | None = None) -> list[Any]:
    """One parameter per case; a single skipped one when the folder is not there."""
    if not (folder / name).is_dir():
        reason = f"the corpus {folder.name} is not beside the repository"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason), id=folder.name)]
    paths = cases.select(folder, cases.Selection(group=group), name)
    return [pytest.param(path, id=path.stem, marks=_marks(folder, path)) for path in paths]


def _marks(folder: Path, path: Path) -> list[pytest.MarkDecorator]:
    row = cases.index(folder).get(path.stem, {})
    return [pytest.mark.slow] if row.get("data") == "InstEval" else []


def _assert_ok(result: cases.CaseResult) -> None:
    assert result.ok, "\n".join(result.problems)


@pytest.mark.parametrize("path", _paths(HERE, "cases"))
def test_sample(path: Path) -> None:
    _assert_ok(check.check_case(cases.read_case(path), HERE / "data"))


@pytest.mark.parametrize("path", _paths(HERE, "cases_post"))
def test_sample_after_sampling(path: Path) -> None:
    _assert_ok(check_post.check_case(cases.read_case(path), HERE / "data"))


@pytest.mark.parametrize("path", _paths(CORPUS, "cases", "core"))
def test_corpus(path: Path) -> None:
    _assert_ok(check.check_case(cases.read_case(path), CORPUS / "data"))


@pytest.mark.parametrize("path", _paths(POST, "cases", "core"))
def test_corpus_after_sampling(path: Path) -> None:
    _assert_ok(check_post.check_case(cases.read_case(path), CORPUS / "data"))


def test_a_wrong_density_is_seen() -> None:
    """The checker fails when the recorded density, bound, prior or datum is another one."""
    path = HERE / "cases" / "pr_bounds_sd.json"
    for place, change in (
        ("lp", lambda c: c["points"][2].update(lp=c["points"][2]["lp"] + 1e-4)),
        ("lp of the prior", lambda c: c["points"][0].update(lp_prior_only=0.0)),
        ("upper bound", lambda c: c["parameters"][3].update(upper=6)),
        ("default priors", lambda c: c["default_prior"][0].update(prior="normal(0, 1)")),
        ("data X", lambda c: c["standata"]["X"]["values"][5].__setitem__(1, 9.0)),
        ("n_unconstrained", lambda c: c.update(n_unconstrained=3)),
    ):
        case = cases.read_case(path)
        change(case)
        result = check.check_case(case, HERE / "data")
        assert not result.ok
        assert any(place in problem for problem in result.problems), (place, result.problems)
