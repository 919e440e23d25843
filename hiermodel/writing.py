"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hiermodel.errors import DataError, HiermodelError


def checked_target(target: Path) -> Path:
    """A path to which a file can be saved.

    Raises
    ------
    DataError
        When it is a directory, or in none.
    """
    if target.is_dir():
        raise DataError(f"cannot save to {str(target)!r}: it is a directory; name a file in it")
    if not target.parent.is_dir():
        raise DataError(f"cannot save to {str(target)!r}: there is no such directory")
    return target


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Give another name to write to; what was written gets its own name when it is complete.

    Whatever goes wrong in between, a full disk or an interrupt, a file of that name that was there
    before stays as it was, and of the new one nothing is left.

    Parameters
    ----------
    target : Path

    Raises
    ------
    DataError
        When the target is a directory or in none, and when it cannot be written; the message has
        the reason of the system, such as ``No space left on device``.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with whole_file(Path(folder) / "a.txt") as path:
    ...         _ = path.write_text("all of it")
    ...     (Path(folder) / "a.txt").read_text()
    'all of it'
    """
    checked_target(target)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield partial
        os.replace(partial, target)
    except HiermodelError:
        raise
    # HDF5 raises RuntimeError for what goes wrong while it writes to the disk.
    except (OSError, RuntimeError) as error:
        there = "the file of that name stays as it was" if target.exists() else "nothing was saved"
        raise DataError(f"cannot save to {str(target)!r}, {there}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
