"""The engine that replays given draws: for tests, and for fits made from draws elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hiermodel.engines.base import Draws, Engine
from hiermodel.engines.inits import declared_shape
from hiermodel.engines.settings import SamplingSettings
from hiermodel.errors import EngineError, did_you_mean
from hiermodel.stan.variables import Var


class RecordedEngine(Engine):
    """Gives back the draws that it was made with, checked against the declared parameters.

    Parameters
    ----------
    draws : Draws or mapping of str to array_like
        ``(chain, draw, *declared shape)`` for every declared parameter.

    Examples
    --------
    >>> import numpy as np
    >>> engine = RecordedEngine({"sigma": np.ones((2, 3))})
    >>> engine.sample("", {}, [Var("sigma", "real")], SamplingSettings()).n_draws
    3
    """

    def __init__(self, draws: Draws | Mapping[str, Any]) -> None:
        if isinstance(draws, Draws):
            self.draws = draws
        else:
            values = {name: np.asarray(array, dtype=float) for name, array in draws.items()}
            self.draws = Draws(values, engine="recorded", method="recorded")

    @property
    def name(self) -> str:
        """``"recorded"``."""
        return "recorded"

    @property
    def version(self) -> str:
        """Version of the engine that made the draws, if known."""
        return self.draws.engine_version

    def sample(
        self,
        code: str,
        data: Mapping[str, Any],
        parameters: Sequence[Var],
        settings: SamplingSettings,
    ) -> Draws:
        """Replay the draws; `settings` are those of another run and do not act.

        Raises
        ------
        EngineError
            If a declared parameter has no draws, or draws of another shape.
        """
        values = dict(self.draws.values)
        leading = (self.draws.n_chains, self.draws.n_draws)
        for var in parameters:
            shape = declared_shape(var, data)
            if var.name not in values:
                if shape is None or 0 not in shape:
                    raise EngineError(
                        f"the recorded draws have no parameter {var.name!r} ({var.stan_type})"
                        + did_you_mean(var.name, values)
                    )
                values[var.name] = np.empty((*leading, *shape))
            found = values[var.name].shape[2:]
            if shape is not None and found != shape:
                raise EngineError(
                    f"the recorded draws of {var.name!r} have shape {found} after (chain, draw), "
                    f"the model declares {shape} ({var.stan_type})"
                )
        return replace(self.draws, values=values)
