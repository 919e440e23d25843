"""Engines: what turns a Stan program and its data into draws.

Nothing heavy is imported here; each engine imports its software when it is first used.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hiermodel.engines.base import Draws, Engine, LogDensity, PointEstimate, SamplingSettings
from hiermodel.errors import EngineError, did_you_mean

if TYPE_CHECKING:
    from hiermodel.engines.cmdstan import install_cmdstan
    from hiermodel.engines.diagnose import check_sampling
    from hiermodel.engines.recorded import RecordedEngine

__all__ = [
    "Draws",
    "Engine",
    "LogDensity",
    "PointEstimate",
    "RecordedEngine",
    "SamplingSettings",
    "check_sampling",
    "get_engine",
    "install_cmdstan",
]

_LAZY = {
    "RecordedEngine": "recorded",
    "check_sampling": "diagnose",
    "install_cmdstan": "cmdstan",
}

ENVIRONMENT_VARIABLE = "HIERMODEL_ENGINE"
_NAMES = ("auto", "stanli", "nutpie", "cmdstan")


def get_engine(engine: str | Engine | None = None) -> Engine:
    """Find the engine that a user named.

    Parameters
    ----------
    engine : str or Engine, optional
        ``"stanli"``, ``"nutpie"``, ``"cmdstan"``, ``"auto"`` (CmdStan when an installation is
        found, else stanli) or an engine. None takes the environment variable
        ``HIERMODEL_ENGINE``, and ``"auto"`` without one.

    Returns
    -------
    Engine

    Raises
    ------
    EngineError
        If there is no engine of that name, or CmdStan or nutpie is asked for and not installed.

    Examples
    --------
    >>> get_engine("stanli").name
    'stanli'
    """
    if isinstance(engine, Engine):
        return engine
    origin = ""
    if engine is None:
        engine = os.environ.get(ENVIRONMENT_VARIABLE) or "auto"
        origin = f" (from {ENVIRONMENT_VARIABLE})" if engine != "auto" else ""
    if not isinstance(engine, str):
        raise EngineError(f"engine must be a name or an Engine, got {type(engine).__name__}")
    key = engine.strip().lower()
    if key == "recorded":
        raise EngineError("engine 'recorded' needs draws: use RecordedEngine(draws)")
    if key not in _NAMES:
        raise EngineError(
            f"unknown engine {engine!r}{origin}{did_you_mean(key, _NAMES)}; known are "
            + ", ".join(repr(name) for name in _NAMES)
        )
    return _make(key)


def _make(key: str) -> Engine:
    if key == "nutpie":
        from hiermodel.engines.nutpie import NutpieEngine

        return NutpieEngine()
    if key != "stanli":
        from hiermodel.engines.cmdstan import CmdStanEngine, find_cmdstan

        if find_cmdstan() is not None:
            return CmdStanEngine()
        if key == "cmdstan":
            raise EngineError(
                "no CmdStan installation was found; hiermodel.install_cmdstan() makes one "
                "(it needs a C++ toolchain), or use engine='stanli', which needs none"
            )
    from hiermodel.engines.stanli import StanliEngine

    return StanliEngine()


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
