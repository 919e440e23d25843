"""Texts kept beside the tests: compared, or written anew when HIERMODEL_REGEN is 1."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "snapshots"


def regenerate() -> bool:
    """Whether snapshots are to be written."""
    return os.environ.get("HIERMODEL_REGEN") == "1"


def check_snapshot(name: str, text: str) -> None:
    """Compare a text with the file of that name."""
    path = FOLDER / name
    if regenerate():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    assert path.is_file(), f"no snapshot {name}: run HIERMODEL_REGEN=1 pytest tests/spine"
    kept = path.read_text(encoding="utf-8")
    assert text == kept, f"{name} changed; read the difference, then HIERMODEL_REGEN=1 pytest"
