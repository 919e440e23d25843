"""Fits that several tests share, sampled once per test run."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import ModuleType

import pytest

import hiermodel as hm

SMALL = {"chains": 2, "draws": 300, "warmup": 300}


@pytest.fixture(scope="session")
def published(script: Callable[[str], ModuleType]) -> ModuleType:
    """The script with the published results."""
    return script("benchmarks/published.py")


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
