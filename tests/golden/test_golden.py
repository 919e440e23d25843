"""The reference cases as tests: the committed sample, and the whole corpus where it is there."""

from __future__ import annotations

import sys
from collections.abc import Callable
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


@pytest.mark.parametrize(
    ("problem", "change"),
    [
        ("point 3 (near-mode) lp", lambda c: c["points"][2].update(lp=c["points"][2]["lp"] + 1e-4)),
        ("point 1 lp of the prior", lambda c: c["points"][0].update(lp_prior_only=0.0)),
        ("point 2 gradient norm", lambda c: c["points"][1].update(grad_norm=1.0)),
        ("parameter sd_1: upper bound", lambda c: c["parameters"][3].update(upper=6)),
        ("parameters: missing", lambda c: c["parameters"][0].update(name="beta")),
        ("default priors", lambda c: c["default_prior"][0].update(prior="normal(0, 1)")),
        ("data X", lambda c: c["standata"]["X"]["values"][5].__setitem__(1, 9.0)),
        ("n_unconstrained", lambda c: c.update(n_unconstrained=3)),
    ],
)
def test_a_wrong_recording_is_seen(problem: str, change: Callable[[dict[str, Any]], None]) -> None:
    """The checker fails, at the right place, when the recorded value is another one."""
    case = cases.read_case(HERE / "cases" / "pr_bounds_sd.json")
    change(case)
    result = check.check_case(case, HERE / "data")
    assert not result.ok
    assert any(problem in line for line in result.problems), result.problems


def _moved(value: Any, by: float) -> Any:
    """The recorded numbers of a reference, each off by a small or a clear amount."""
    if isinstance(value, dict):
        return {k: v if _is_fact(k, v) else _moved(v, by) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(v, by) for v in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value * (1 + by) + by if is_number else value


def _is_fact(key: str, value: Any) -> bool:
    """True for what describes a reference and is not its value."""
    if isinstance(value, dict):
        return key == "columns" and "estimate__" not in value
    return key in ("shape", "dimnames", "rows", "draws", "alpha", "resolution", "support")


def _wrong(case: dict[str, Any], key: str) -> Any:
    """Another value for a reference of a case; None when there is nothing to change."""
    if key == "variables":
        return [*case[key], "b_unknown"]
    if not check_post.usable(case.get(key, {"not_available": ""})):
        return None
    changed = _moved(case[key], 0.3 if key.endswith("draw1") else 1e-6)
    return None if changed == case[key] else changed


def _only(case: dict[str, Any], key: str, value: Any) -> cases.CaseResult:
    """Check a case that has this reference only, with this value."""
    facts = {k: v for k, v in case.items() if k in check_post.FACTS}
    return check_post.check_case(facts | {key: value}, HERE / "data")


@pytest.mark.parametrize("key", list(check_post.CHECKS))
def test_a_wrong_reference_is_seen(key: str) -> None:
    """Every kind of reference that the sample has can fail."""
    seen = 0
    for path in sorted((HERE / "cases_post").glob("*.json")):
        case = cases.read_case(path)
        value = _wrong(case, key)
        if value is not None:
            result = _only(case, key, value)
            if any(note.startswith(f"{key} not compared") for note in result.notes):
                continue
            assert any(line.startswith(key) for line in result.problems), path.stem
            seen += 1
    if not seen:
        pytest.skip(f"no case of the sample has {key}")


@pytest.mark.parametrize("statistic", ["mean", "sd", "cor12"])
@pytest.mark.parametrize("way", ["uncertainty", "gaussian"])
def test_wrong_moments_of_a_new_level_are_seen(way: str, statistic: str) -> None:
    case = cases.read_case(HERE / "cases_post" / "re_sleep_slope.json")
    reference = case["newdata_new_level"]
    moments = reference[f"linpred_{way}_draw1"]
    moments[statistic] = _moved(moments[statistic], 0.3)
    result = _only(case, "newdata_new_level", reference)
    word = {"cor12": "correlation"}.get(statistic, statistic)
    assert any(line.startswith(f"newdata_new_level {way} {word}") for line in result.problems)
