"""Folders of cases: which cases there are, their groups and features; the report and its exit."""

from __future__ import annotations

import argparse
import csv
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came out of one case.

    Attributes
    ----------
    id : str
    ok : bool
        True when there is no problem; `pending` does not count.
    problems : tuple of str
        One line for every difference.
    pending : tuple of str
        References that the package does not offer yet.
    notes : tuple of str
        What was compared in another way than usual, and why.
    """

    id: str
    ok: bool
    problems: tuple[str, ...]
    pending: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Which cases of a folder to take; empty means all."""

    ids: tuple[str, ...] = ()
    group: str | None = None
    features: tuple[str, ...] = ()


def read_case(path: Path) -> dict[str, Any]:
    """Read one case."""
    case: dict[str, Any] = json.loads(path.read_text())
    return case


def index(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of index.csv by id; empty when the folder has none."""
    path = folder / "index.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as handle:
        return {row["id"]: row for row in csv.DictReader(handle)}


def select(folder: Path, selection: Selection, name: str = "cases") -> list[Path]:
    """Files of the selected cases, in order of their ids.

    Parameters
    ----------
    folder : Path
        Holds the cases in ``cases`` and perhaps an ``index.csv``.
    selection : Selection
    name : str
        Sub-folder to prefer to ``cases`` where it exists.

    Raises
    ------
    FileNotFoundError
        When the folder holds no cases, or an id does not exist.
    """
    where = folder / name if (folder / name).is_dir() else folder / "cases"
    files = {path.stem: path for path in sorted(where.glob("*.json"))}
    if not files:
        raise FileNotFoundError(f"no cases in {where}")
    unknown = [one for one in selection.ids if one not in files]
    if unknown:
        raise FileNotFoundError(f"no such case in {folder}: {', '.join(unknown)}")
    rows = index(folder)
    kept = selection.ids or tuple(files)
    return [files[one] for one in kept if _fits(files[one], rows.get(one), selection)]


def _fits(path: Path, row: dict[str, str] | None, selection: Selection) -> bool:
    if selection.group is None and not selection.features:
        return True
    case = read_case(path) if row is None else {}
    if selection.group is not None:
        group = row.get("group") if row else case.get("group")
        if group != selection.group:
            return False
    tags = set(row["features"].split(";")) if row else set(case.get("features", ()))
    return all(tag in tags for tag in selection.features)


def arguments(description: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line that both checkers share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with cases/ and data/")
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these cases")
    parser.add_argument("--group", help="only cases of this group of index.csv")
    parser.add_argument("--features", help="only cases with all these tags, comma-separated")
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("-v", "--verbose", action="store_true", help="all problems, all notes")
    return parser.parse_intermixed_args(argv)


def selection(options: argparse.Namespace) -> Selection:
    """The selection that a command line asks for."""
    tags = tuple(tag.strip() for tag in (options.features or "").split(",") if tag.strip())
    return Selection(tuple(options.ids), options.group, tags)


def guarded(check: Callable[[], CaseResult], name: str, verbose: bool) -> CaseResult:
    """Run one check; a crash is a problem of that case and does not end the run."""
    try:
        return check()
    except Exception as error:  # every crash must be reported, whatever it is
        if verbose:
            traceback.print_exc()
        return CaseResult(name, False, (reason(error),))


def reason(error: BaseException) -> str:
    """One line about an error, with the place when it is not one the package raises on purpose."""
    text = " ".join(str(error).split()) or "no message"
    line = f"{type(error).__name__}: {text[:300]}"
    deliberate = ("Error", "Untranslatable")
    own = type(error).__module__.split(".")[0] in ("hiermodel", "translate")
    if own and type(error).__name__.endswith(deliberate):
        return line
    frames = traceback.extract_tb(error.__traceback__)
    return f"{line} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else line


def report(results: Iterator[CaseResult], verbose: bool) -> int:
    """Print a line a case and the closing counts; return the exit code."""
    passed = failed = 0
    for result in results:
        passed += result.ok
        failed += not result.ok
        print(_line(result, verbose), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _line(result: CaseResult, verbose: bool) -> str:
    pending = f" (pending: {', '.join(result.pending)})" if result.pending else ""
    notes = "".join(f"\n    note: {note}" for note in result.notes) if verbose else ""
    if result.ok:
        return f"PASS {result.id}{pending}{notes}"
    if verbose:
        lines = "".join(f"\n    {problem}" for problem in result.problems)
        return f"FAIL {result.id}:{pending}{lines}{notes}"
    more = f" (+{len(result.problems) - 1} more)" if len(result.problems) > 1 else ""
    return f"FAIL {result.id}: {result.problems[0]}{more}{pending}"


def fail_usage(error: Exception) -> int:
    """Say why nothing could be checked."""
    print(error, file=sys.stderr)
    print("0 passed, 1 failed")
    return 1
