"""Programs built by stanli: their log density, and the maps between the scales."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hiermodel.engines.source import without_model
from hiermodel.engines.stan_data import collect, to_json
from hiermodel.errors import EngineError
from hiermodel.stan.variables import Var

# Points that one call of `constrain` hands to stanli; each is a chain with its own buffers.
_BATCH = 500

#: Arguments of ``stanli.Model.sample`` that write the starting point itself as the draw: a step
#: of size 1e-300 leaves a double as it is.
STAY: Mapping[str, Any] = {
    "warmup": 0,
    "samples": 1,
    "adapt_engaged": False,
    "step_size": 1e-300,
    "max_depth": 1,
    "metric": "unit_e",
    "refresh": 0,
}


def build(code: str, data: Mapping[str, Any], seed: int = 1) -> Any:
    """Build a ``stanli.Model``; what stanc or the data check says comes as `EngineError`."""
    import stanli

    try:
        return stanli.Model(stan_code=code, data=to_json(data), seed=seed)
    except (RuntimeError, ValueError, TypeError) as error:
        raise EngineError(_explain(str(error))) from error


def _explain(message: str) -> str:
    if "rror in '" in message:
        return f"the Stan program was refused by stanc:\n{message.strip()}"
    return f"stanli refused the program with these data: {message.strip()}"


class StanliDensity:
    """Log density of a program with its data, by stanli (see `LogDensity`).

    Parameters
    ----------
    code : str
    data : mapping of str to Any
    parameters : sequence of Var, optional
        Declared parameters; with them parameters of size zero are known as well.

    Examples
    --------
    >>> density = StanliDensity("parameters {real<lower=0> s;} model {s ~ exponential(1);}", {})
    >>> lp, gradient = density.value_and_grad(np.array([0.0]))
    >>> density.constrain(np.array([[0.0]]))["s"]
    array([1.])
    """

    def __init__(
        self, code: str, data: Mapping[str, Any], parameters: Sequence[Var] = (), seed: int = 1
    ) -> None:
        self.code = code
        self.data = data
        self.parameters = tuple(parameters)
        self.model = build(code, data, seed)
        self._skeleton: Any = None

    @property
    def dim(self) -> int:
        """Number of unconstrained parameters."""
        return int(self.model.n_unconstrained)

    def value(self, params: Mapping[str, Any]) -> float:
        """Log density at constrained parameters; ``-inf`` outside its domain."""
        return self.value_and_grad(self.unconstrain(params))[0]

    def value_and_grad(self, q: np.ndarray) -> tuple[float, np.ndarray]:
        """Log density and gradient at `q`; ``-inf`` and NaN where it cannot be evaluated."""
        try:
            value, gradient = self.model.log_prob_grad(q)
        except RuntimeError:
            return -np.inf, np.full(self.dim, np.nan)
        return float(value), gradient

    def unconstrain(self, params: Mapping[str, Any]) -> np.ndarray:
        """Map constrained parameters to the unconstrained point.

        Raises
        ------
        EngineError
            If a parameter is missing, unknown, of the wrong size or out of its support.
        """
        # stanli reads the elements of a container with the first index fastest.
        flat = {
            name: float(array) if array.ndim == 0 else array.ravel(order="F").tolist()
            for name, array in ((k, np.asarray(v, dtype=float)) for k, v in params.items())
        }
        try:
            return np.asarray(self.model.unconstrain(json.dumps(flat)))
        except ValueError as error:
            raise EngineError(f"these parameter values were refused: {error}") from error

    def constrain(self, q: np.ndarray) -> dict[str, np.ndarray]:
        """Map points ``(n, dim)`` to every variable of the program, each ``(n, *shape)``.

        Where the density is not finite only the parameters come back, without the
        transformed ones.
        """
        points = np.atleast_2d(np.asarray(q, dtype=float))
        try:
            found = _map(self.model, points)
        except RuntimeError:
            found = _map(self.skeleton, points)
        names = dict.fromkeys([*(var.name for var in self.parameters), *found])
        return collect(names, found, points.shape[:1], self.parameters, self.data)

    @property
    def skeleton(self) -> Any:
        """The program without its model block, which maps points of any density."""
        if self._skeleton is None:
            self._skeleton = build(without_model(self.code), self.data)
        return self._skeleton


def _map(model: Any, points: np.ndarray) -> dict[str, np.ndarray]:
    """Constrain points by a NUTS step of no length, the one public way that stanli has."""
    parts = []
    for start in range(0, len(points), _BATCH):
        batch = points[start : start + _BATCH]
        fit = model.sample(chains=len(batch), inits=batch, **STAY)
        parts.append({name: fit.draws(name)[:, 0] for name in fit.variables})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
