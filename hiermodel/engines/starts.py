"""Points on the unconstrained scale from which chains, optimisers and paths start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from hiermodel.engines.base import LogDensity
from hiermodel.engines.inits import checked_inits
from hiermodel.engines.settings import DEFAULT_RADIUS, SamplingSettings
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

# Stan tries as often to find a start of finite density before it gives up.
_ATTEMPTS = 100


def is_finite_at(density: LogDensity, q: np.ndarray) -> bool:
    """Tell whether log density and gradient are finite at a point."""
    lp, gradient = density.value_and_grad(q)
    return bool(np.isfinite(lp) and np.isfinite(gradient).all())


def given_starts(
    density: LogDensity,
    settings: SamplingSettings,
    parameters: Sequence[Var],
    data: Mapping[str, Any],
) -> np.ndarray | None:
    """Points ``(chain, dim)`` of the values that `settings.init` names, None when it has none.

    Parameters that a dict leaves out have random values.

    Raises
    ------
    EngineError
        If a value is bad, or the log density is not finite there.
    """
    inits = checked_inits(settings, parameters, data)
    if inits is None:
        return None
    names = [var.name for var in parameters]
    return np.stack([
        _given(density, init, names, settings.used_seed, chain) for chain, init in enumerate(inits)
    ])  # fmt: skip


def _given(
    density: LogDensity,
    init: Mapping[str, np.ndarray],
    names: Sequence[str],
    seed: int,
    chain: int,
) -> np.ndarray:
    # The chain is part of the seed, so that no start depends on the number of chains.
    rng = np.random.default_rng([seed, chain])
    complete = all(name in init for name in names)
    for _ in range(1 if complete else _ATTEMPTS):
        values: dict[str, np.ndarray] = dict(init)
        if not complete:
            q = rng.uniform(-DEFAULT_RADIUS, DEFAULT_RADIUS, density.dim)
            random = density.constrain(q)
            values = {name: init[name] if name in init else random[name][0] for name in names}
        start = density.unconstrain(values)
        if is_finite_at(density, start):
            return start
    raise EngineError(
        f"the log density is not finite at the starting values given for chain {chain + 1}"
        + ("" if complete else f" with {_ATTEMPTS} random values of the parameters left out")
        + "; check init against the bounds of the parameters and the support of the response"
    )


def chain_starts(density: LogDensity, settings: SamplingSettings) -> np.ndarray:
    """Random points of finite density ``(chain, dim)`` within the radius of `settings`.

    Raises
    ------
    EngineError
        If none is found for a chain.
    """
    radius = settings.init_radius
    points = []
    for chain in range(settings.chains):
        rng = np.random.default_rng([settings.used_seed, chain])
        for _ in range(_ATTEMPTS if radius > 0 else 1):
            q = rng.uniform(-radius, radius, density.dim)
            if is_finite_at(density, q):
                points.append(q)
                break
        else:
            where = f"within {radius:g} of the origin" if radius > 0 else "at the origin"
            raise EngineError(
                f"no starting point of finite log density was found {where} (of the unconstrained "
                "scale): try another radius, or give starting values as a dict with init="
            )
    return np.stack(points)


def random_starts(
    density: LogDensity, settings: SamplingSettings, count: int
) -> Iterator[np.ndarray]:
    """Random points of finite density within the radius of `settings`; fewer if hard to find."""
    rng = np.random.default_rng([settings.used_seed, 10])
    radius = settings.init_radius
    for _ in range(count):
        for _ in range(_ATTEMPTS):
            q = rng.uniform(-radius, radius, density.dim)
            if is_finite_at(density, q):
                yield q
                break


def mode_starts(
    density: LogDensity,
    settings: SamplingSettings,
    parameters: Sequence[Var],
    data: Mapping[str, Any],
    count: int,
) -> Iterator[np.ndarray]:
    """Where to look for a mode: the user's values, else the origin and random points."""
    given = given_starts(density, settings, parameters, data)
    if given is not None:
        yield from np.unique(given, axis=0) if not isinstance(settings.init, Mapping) else given[:1]
        return
    origin = np.zeros(density.dim)
    if is_finite_at(density, origin):
        yield origin
    if settings.init_radius > 0:
        yield from random_starts(density, settings, count)
