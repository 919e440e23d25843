"""What tests send to other processes: it must be importable there."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hiermodel.engines import Draws, SamplingSettings
from hiermodel.engines.stanli import StanliEngine
from hiermodel.stan.variables import Var


def _note(folder: Path, text: str) -> None:
    with open(folder / "log", "a", encoding="utf-8") as log:
        log.write(text + "\n")


@dataclass(frozen=True)
class Killer:
    """Doubles a number; the worker that gets `victim` dies, `times` times."""

    folder: Path
    victim: int
    times: int = 1

    def __call__(self, number: int) -> int:
        _note(self.folder, str(number))
        if number == self.victim:
            died = sum(1 for _ in self.folder.glob("died*"))
            if died < self.times:
                (self.folder / f"died{died}").touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number


class DyingEngine(StanliEngine):
    """The embedded engine, whose process dies in the first run of the chain with a seed."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.seed = folder, seed

    def sample(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Die once, then sample."""
        _note(self.folder, str(settings.used_seed))
        if settings.used_seed == self.seed and not (self.folder / "died").exists():
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().sample(code, data, parameters, settings)
