"""`SamplingSettings`: how to sample, checked before anything runs."""

from __future__ import annotations

import numbers
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeAlias

import numpy as np

from hiermodel.arguments import flag
from hiermodel.errors import EngineError, did_you_mean
from hiermodel.foreign_names import foreign_hint

#: ``None`` (uniform on (-2, 2)), 0, a radius, one dict of constrained values, or one per chain.
InitSpec: TypeAlias = float | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_LEAST = {"chains": 1, "draws": 1, "warmup": 0, "max_treedepth": 1, "thin": 1, "threads": 1}
_MAX_SEED = 2**31 - 1
DEFAULT_RADIUS = 2.0


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """Settings of a run; the same ones whatever the engine.

    Attributes
    ----------
    chains : int
    draws : int
        Draws that are *kept* per chain: with `thin`, ``draws * thin`` iterations are run.
    warmup : int
        Warmup iterations per chain, never kept.
    seed : int, optional
        From 0 to 2**31 - 1. Without one a seed is chosen and recorded here.
    adapt_delta : float
        Target acceptance rate, inside (0, 1). Stan's default is 0.8.
    max_treedepth : int
    thin : int
    init : None, float, dict or list of dict
        Where the chains start: ``None`` for uniform draws from (-2, 2) on the unconstrained
        scale, a number for another radius (0: the origin), a dict of values on the constrained
        scale (parameters that it leaves out start at random), or one such dict per chain.
    cores : int, optional
        Chains that run at the same time; by default as many as the machine has cores. The
        draws never depend on it.
    threads : int
        Threads within a chain, for programs with ``reduce_sum``.
    progress : bool
        Show one bar for all chains.

    Raises
    ------
    EngineError
        If a setting cannot be; the message names it.

    Examples
    --------
    >>> SamplingSettings(chains=2, draws=500, seed=1).iterations
    1500
    >>> SamplingSettings(draws=0)
    Traceback (most recent call last):
    ...
    hiermodel.errors.EngineError: draws must be a whole number of at least 1, got 0
    """

    chains: int = 4
    draws: int = 1000
    warmup: int = 1000
    seed: int | None = None
    adapt_delta: float = 0.8
    max_treedepth: int = 10
    thin: int = 1
    init: InitSpec = None
    cores: int | None = None
    threads: int = 1
    progress: bool = True

    def __post_init__(self) -> None:
        """Check every setting and choose a seed when none is given."""
        for name, least in _LEAST.items():
            self._store(name, _whole(name, getattr(self, name), least))
        if self.cores is not None:
            self._store("cores", _whole("cores", self.cores, 1))
        seed = secrets.randbelow(_MAX_SEED) + 1 if self.seed is None else self.seed
        self._store("seed", _whole("seed", seed, 0, _MAX_SEED))
        self._store("adapt_delta", _fraction(self.adapt_delta))
        flag("progress", self.progress)
        _check_init_kind(self.init, self.chains)

    def _store(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    @property
    def iterations(self) -> int:
        """Iterations of one chain, warmup included."""
        return self.warmup + self.draws * self.thin

    @property
    def used_seed(self) -> int:
        """The seed, given or chosen."""
        assert self.seed is not None
        return self.seed

    @property
    def used_cores(self) -> int:
        """Chains that run at the same time."""
        return min(self.chains, self.cores or os.cpu_count() or 1)

    @property
    def init_radius(self) -> float:
        """Radius of the random starting values on the unconstrained scale."""
        return float(self.init) if isinstance(self.init, numbers.Real) else DEFAULT_RADIUS

    def init_dicts(self) -> tuple[Mapping[str, Any], ...] | None:
        """One dict of starting values per chain, or None when `init` gives none."""
        if isinstance(self.init, Mapping):
            return (self.init,) * self.chains
        if self.init is None or isinstance(self.init, numbers.Real):
            return None
        return tuple(self.init)  # type: ignore[arg-type]

    @classmethod
    def of(cls, **options: Any) -> SamplingSettings:
        """Build settings from keywords; an unknown one is an error that names the nearest.

        Raises
        ------
        EngineError

        Examples
        --------
        >>> SamplingSettings.of(chains=2, seed=1).chains
        2
        """
        _refuse_unknown(options)
        return cls(**options)

    def replace(self, **changes: Any) -> SamplingSettings:
        """Copy with changes; an unknown setting is an error that names the nearest."""
        _refuse_unknown(changes)
        return replace(self, **changes)


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(SamplingSettings)]
    for name in options:
        if name not in known:
            raise EngineError(
                f"unknown sampling setting {name!r}"
                f"{foreign_hint(name) or did_you_mean(name, known)}; known are "
                + ", ".join(known)
            )


def _whole(name: str, value: Any, least: int, most: int | None = None) -> int:
    good = (
        isinstance(value, numbers.Integral) or (isinstance(value, float) and value.is_integer())
    ) and not isinstance(value, (bool, np.bool_))
    if not good or value < least or (most is not None and value > most):
        wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise EngineError(f"{name} must be a whole number {wanted}, got {value!r}")
    return int(value)


def _fraction(value: Any) -> float:
    good = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not good or not 0 < value < 1:
        raise EngineError(f"adapt_delta must lie between 0 and 1 (for example 0.95), got {value!r}")
    return float(value)


def _check_init_kind(init: Any, chains: int) -> None:
    if init is None or isinstance(init, Mapping):
        return
    if isinstance(init, numbers.Real) and not isinstance(init, bool):
        if not np.isfinite(float(init)) or init < 0:
            raise EngineError(f"init as a radius must be finite and not negative, got {init!r}")
        return
    if isinstance(init, Sequence) and not isinstance(init, str):
        if len(init) != chains or not all(isinstance(one, Mapping) for one in init):
            raise EngineError(
                f"init as a list needs one dict per chain: {chains} chains, got {len(init)} entries"
            )
        return
    raise EngineError(
        "init must be None, 0, a radius, a dict of parameter values or one dict per chain, "
        f"got {init!r}"
    )
