"""What an engine is: settings in, draws out, one class of errors.

An engine takes the text of a Stan program, its data and the list of declared parameters, and
gives back arrays with the declared shapes. It knows nothing of formulas, terms or families.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hiermodel.engines.settings import InitSpec, SamplingSettings
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

__all__ = [
    "CAPABILITIES",
    "Draws",
    "Engine",
    "InitSpec",
    "LogDensity",
    "PointEstimate",
    "SamplingSettings",
    "missing_capability",
    "wanted_names",
]

#: Which of the built-in engines can do what (shown when another engine is asked).
CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "sample": ("stanli", "nutpie", "cmdstan", "recorded"),
    "log_density": ("stanli", "nutpie"),
    "optimize": ("stanli", "nutpie", "cmdstan"),
    "laplace": ("stanli", "nutpie", "cmdstan"),
    "pathfinder": ("stanli", "nutpie", "cmdstan"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Draws of the declared parameters of a program.

    Attributes
    ----------
    values : mapping of str to ndarray
        One array ``(chain, draw, *declared shape)`` a parameter, and ``lprior`` when the
        program has it.
    stats : mapping of str to ndarray
        ``(chain, draw)`` each, under ArviZ's names: ``lp``, ``acceptance_rate``, ``step_size``,
        ``tree_depth``, ``n_steps``, ``diverging``, ``energy``. Approximations have ``lp`` only.
    engine, engine_version : str
    seconds : float
        Wall time that the engine took.
    seed : int
    method : str
        ``"nuts"``, ``"laplace"``, ``"pathfinder"``, ``"optimize"`` (one draw, the mode) or
        ``"recorded"``.
    log_weights : ndarray, optional
        ``(chain, draw)``: log importance ratios (posterior over approximation), up to a
        constant, of approximate draws that were not resampled by them.
    pareto_k : float, optional
        Of the importance ratios of an approximation; above 0.7 it is a poor one.
    remarks : tuple of str
        What the engine found that a user must be warned of.
    warmup : int, optional
        Iterations of warmup, where they are not those of the settings.
    """

    values: Mapping[str, np.ndarray]
    stats: Mapping[str, np.ndarray] = field(default_factory=dict)
    engine: str = ""
    engine_version: str = ""
    seconds: float = 0.0
    seed: int = 0
    method: str = "nuts"
    log_weights: np.ndarray | None = None
    pareto_k: float | None = None
    remarks: tuple[str, ...] = ()
    warmup: int | None = None

    def __post_init__(self) -> None:
        """Refuse arrays that disagree about the number of chains and draws."""
        shapes = {name: np.shape(v)[:2] for name, v in {**self.values, **self.stats}.items()}
        if not shapes:
            raise EngineError("no draws: the mapping of values is empty")
        first, expected = next(iter(shapes.items()))
        for name, shape in shapes.items():
            if len(shape) < 2 or shape != expected:
                raise EngineError(
                    f"draws of {name!r} start with dimensions {shape}, those of {first!r} with "
                    f"{expected}; every array must start with (chain, draw)"
                )

    @property
    def n_chains(self) -> int:
        """Number of chains."""
        return int(self._leading()[0])

    @property
    def n_draws(self) -> int:
        """Number of kept draws per chain."""
        return int(self._leading()[1])

    def _leading(self) -> tuple[int, ...]:
        return next(iter(self.values.values() if self.values else self.stats.values())).shape[:2]


@dataclass(frozen=True, slots=True, eq=False)
class PointEstimate:
    """A mode of the log density.

    Attributes
    ----------
    values : mapping of str to ndarray
        Each with its declared shape.
    log_density : float
        Log density at the mode, on the scale on which it was maximised.
    jacobian : bool
        True for the posterior mode on the unconstrained scale (Jacobian included), False for
        the penalised maximum likelihood on the constrained scale.
    remarks : tuple of str
        What the engine found that a user must be warned of.
    """

    values: Mapping[str, np.ndarray]
    log_density: float
    engine: str = ""
    engine_version: str = ""
    seconds: float = 0.0
    jacobian: bool = True
    remarks: tuple[str, ...] = ()


class LogDensity(Protocol):
    """The log density of a program with its data, Jacobian of the transforms included."""

    @property
    def dim(self) -> int:
        """Number of unconstrained parameters."""
        ...

    def value(self, params: Mapping[str, Any]) -> float:
        """Log density at constrained parameters; ``-inf`` outside its domain."""
        ...

    def value_and_grad(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density and gradient at the unconstrained point `q` of shape ``(dim,)``."""
        ...

    def unconstrain(self, params: Mapping[str, Any]) -> np.ndarray:
        """Map constrained parameters to ``(dim,)``."""
        ...

    def constrain(self, q: np.ndarray) -> dict[str, np.ndarray]:
        """Map points ``(n, dim)`` to parameters, each ``(n, *declared shape)``."""
        ...


class Engine(ABC):
    """Something that draws from the posterior of a Stan program.

    `sample` is what every engine has; the other methods raise `EngineError`, naming the
    engines that can, unless the engine overrides them.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Short name, as typed in ``engine="..."``."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Version of the software behind it."""

    @abstractmethod
    def sample(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw from the posterior with NUTS.

        Parameters
        ----------
        code : str
            Stan program.
        data : mapping of str to Any
            Its data: numbers and arrays, also of size zero.
        parameters : sequence of Var
            Declared parameters, whose draws are wanted.
        settings : SamplingSettings

        Returns
        -------
        Draws

        Raises
        ------
        EngineError
            If the program, the data or the settings are refused.
        KeyboardInterrupt
            If the user stops the run; nothing is left running.
        """

    def log_density(
        self, code: str, data: Mapping[str, Any], parameters: Sequence[Var] = ()
    ) -> LogDensity:
        """Build the log density of a program with its data.

        With `parameters` the density also knows parameters of size zero.
        """
        raise missing_capability(self.name, "log_density")

    def optimize(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
        *,
        jacobian: bool = True,
    ) -> PointEstimate:
        """Find the posterior mode (``jacobian=False``: the penalised maximum likelihood)."""
        raise missing_capability(self.name, "optimize")

    def laplace(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw ``(1, settings.draws)`` from the Laplace approximation at the mode."""
        raise missing_capability(self.name, "laplace")

    def pathfinder(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Draw ``(1, settings.draws)`` from the approximation that Pathfinder finds."""
        raise missing_capability(self.name, "pathfinder")

    def __repr__(self) -> str:
        """Show the class and its name."""
        return f"<{type(self).__name__} {self.name!r}>"


def missing_capability(engine: str, capability: str) -> EngineError:
    """Build the error for something that `engine` cannot do, naming the engines that can."""
    others = [name for name in CAPABILITIES[capability] if name != engine]
    return EngineError(
        f"engine {engine!r} has no {capability}(); use engine="
        + " or ".join(repr(name) for name in others)
    )


def wanted_names(parameters: Sequence[Var], available: Iterable[str] = ()) -> tuple[str, ...]:
    """Names of the variables that an engine gives back: the parameters, then ``lprior``.

    Of those `available`, the parts of the log prior that have a tag (``lprior_<tag>``) as well.
    """
    names = tuple(var.name for var in parameters)
    tagged = (name for name in available if name.startswith("lprior_"))
    return tuple(dict.fromkeys((*names, "lprior", *tagged)))
