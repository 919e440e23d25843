"""The gallery page is what its script makes, and shows every picture."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import hiermodel as hm


@pytest.fixture(scope="module")
def gallery(script: Callable[[str], ModuleType], root: Path) -> ModuleType:
    assert (root / "examples" / "gallery.py").is_file()
    return script("examples/gallery.py")


def test_page_is_up_to_date(gallery: ModuleType, root: Path) -> None:
    text = (root / "docs" / "gallery.md").read_text(encoding="utf-8")
    assert text == gallery.page(gallery.ENTRIES), "run python examples/gallery.py"


def test_every_picture_is_there_and_small(gallery: ModuleType, root: Path) -> None:
    folder = root / "docs" / "img" / "gallery"
    names = {entry.name for entry in gallery.ENTRIES}
    assert len(names) == len(gallery.ENTRIES)
    assert {path.stem for path in folder.glob("*.png")} == names
    assert max(path.stat().st_size for path in folder.glob("*.png")) < 150_000


def test_every_plot_of_a_fit_is_shown(gallery: ModuleType) -> None:
    code = " ".join(entry.code for entry in gallery.ENTRIES)
    plots = [n for n, _ in inspect.getmembers(hm.Fit, inspect.isfunction) if n.startswith("plot_")]
    assert len(plots) >= 7
    assert [name for name in plots if f".{name}(" not in code] == []


def test_code_names_known_fits(gallery: ModuleType) -> None:
    assert {entry.code.split(".")[0] for entry in gallery.ENTRIES} == set(gallery.FITS)
