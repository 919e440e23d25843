"""Files between hiermodel and CmdStan, on a disk that may fill while they are written.

CmdStan does not look whether what it writes arrives: on a full disk it ends as if all were well,
and its file stops somewhere, maybe in the middle of a number. So each file is looked through before
its draws are used.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from hiermodel.errors import EngineError


def gap(path: Path, rows: int | None = None) -> str:
    r"""What a CSV file of CmdStan lacks, in words; empty for a whole one.

    Parameters
    ----------
    path : Path
    rows : int, optional
        How many draws it must have; by default one or more.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "draws.csv"
    ...     _ = path.write_text("lp__,mu\n-1.5,2\n-1.25,3.")
    ...     gap(path, rows=2)
    'draws.csv ends in the middle of a line'
    """
    try:
        size, fields, found, end = 0, -1, 0, b"\n"
        with path.open("rb") as lines:
            for line in lines:
                size, end = size + len(line), line[-1:]
                if line.startswith(b"#") or not line.strip():
                    continue
                count = line.count(b",") + 1
                if fields < 0:
                    fields = count
                elif end == b"\n" and count != fields:
                    return f"a row of {path.name} has {count} of {fields} columns"
                else:
                    found += 1
    except FileNotFoundError:
        return f"there is no {path.name}"
    if size == 0:
        return f"{path.name} is empty"
    # A number that was cut is a number still: only the end of the line says that it is whole.
    if end != b"\n":
        return f"{path.name} ends in the middle of a line"
    if not found:
        return f"{path.name} ends before the first draw"
    if rows is not None and found != rows:
        return f"{path.name} has {found} of {rows} draws"
    return ""


def check_whole(paths: Iterable[str | Path], rows: int | None, folder: Path) -> None:
    """Refuse files that lack something.

    Parameters
    ----------
    paths : iterable of str or Path
    rows : int, optional
        How many draws each must have; by default one or more.
    folder : Path
        Where they were written.

    Raises
    ------
    EngineError
        The message says which file lacks what, and how much the disk has left.
    """
    for path in paths:
        lack = gap(Path(path), rows)
        if lack:
            raise EngineError(f"CmdStan did not write all of its draws: {lack}{full_disk(folder)}")


def full_disk(folder: Path) -> str:
    """How much room a disk has, and how to get more of it, to end a sentence with."""
    try:
        free = f"{shutil.disk_usage(folder).free / 2**20:.0f} MiB"
    except OSError:
        free = "an unknown amount"
    return (
        f". No draws were kept. Is the disk full? {folder.parent} has {free} left; make room, or "
        "set the environment variable TMPDIR to a directory on another disk"
    )
