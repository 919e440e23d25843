"""What all tests share: a headless matplotlib, the CmdStan marker, a few fixtures."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

# Before anything imports matplotlib.
os.environ.setdefault("MPLBACKEND", "Agg")

if TYPE_CHECKING:
    import pandas as pd

ROOT = Path(__file__).resolve().parent.parent


def _has_cmdstan() -> bool:
    import cmdstanpy

    try:
        cmdstanpy.cmdstan_path()
    except ValueError:
        return False
    return True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if "cmdstan" in item.keywords]
    if marked and not _has_cmdstan():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no installation of CmdStan"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def script() -> Callable[[str], ModuleType]:
    """Load a script of the checkout as a module; tests skip where it is not beside them."""

    def load(path: str) -> ModuleType:
        file = ROOT / path
        if not file.is_file():
            pytest.skip(f"{path} is not beside the tests")
        spec = importlib.util.spec_from_file_location(f"script_{file.stem}", file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # dataclasses look their module up
        spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of the whole reference corpus, beside the checkout when there is one."""
    folder = ROOT.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip("the reference corpus is not beside this checkout")
    return folder


@pytest.fixture
def sleepstudy() -> pd.DataFrame:
    from hiermodel import datasets

    return datasets.load("sleepstudy")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    # Only when a test drew something: importing pyplot here would slow every test.
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
