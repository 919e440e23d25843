"""Fits that several tests share, sampled once per test run."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

import hiermodel as hm

SMALL = {"chains": 2, "draws": 300, "warmup": 300}


@pytest.fixture(scope="session")
def published() -> ModuleType:
    """The script with the published results."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "published.py"
    if not path.is_file():
        pytest.skip("the benchmarks are not beside the tests")
    spec = importlib.util.spec_from_file_location("published_results", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fits(published: ModuleType) -> dict[str, hm.Fit]:
    """Small fits of all models with published results, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hm.SamplingWarning)
        return {model.name: model.fit(**SMALL) for model in published.MODELS}


@pytest.fixture(scope="session")
def sleepstudy_fit(fits: dict[str, hm.Fit]) -> hm.Fit:
    """``reaction ~ days + (days | subject)``."""
    return fits["sleepstudy"]
