"""How draws become the columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from hiermodel.arguments import flag, probability
from hiermodel.errors import ArgumentError, did_you_mean
from hiermodel.summary.statistics import describe, quantile_name
from hiermodel.terms.base import Array

_TRANSFORMS: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "expm1": np.expm1,
    "inv_logit": special.expit,
    "plogis": special.expit,
    "Phi": special.ndtr,
    "pnorm": special.ndtr,
    "percent": lambda x: 100 * x,
}


@dataclass(frozen=True, eq=False)
class Summariser:
    """How draws become columns of a table.

    Attributes
    ----------
    prob : float
        Probability of the central interval.
    robust : bool
        Median and median absolute deviation in the place of mean and standard deviation.
    equivalence : tuple of float, optional
        Ends of the region of practical equivalence.
    transform : callable, optional
        Applied to the draws before they are summarised.
    """

    prob: float = 0.95
    robust: bool = False
    equivalence: tuple[float, float] | None = None
    transform: Callable[[Array], Array] | None = None

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        low = (1 - self.prob) / 2
        out = ["Estimate", "Est.Error", quantile_name(low), quantile_name(1 - low)]
        return out if self.equivalence is None else [*out, "ROPE.Prob", "Decision"]

    def transformed(self, draws: Array) -> Array:
        """Apply the transformation.

        Raises
        ------
        ArgumentError
            When it does not give a number for each draw.
        """
        if self.transform is None:
            return draws
        out = np.asarray(self.transform(draws), dtype=float)
        if out.shape != draws.shape:
            raise ArgumentError(
                f"transform must give one number for each draw: an array of shape {draws.shape} "
                f"became one of shape {out.shape}"
            )
        if np.isnan(out).any() and not np.isnan(draws).any():
            raise ArgumentError("transform gives no number for some of the draws")
        return out

    def table(self, draws: Array) -> pd.DataFrame:
        """Summarise transformed draws (draws, rows): a row for each."""
        low = (1 - self.prob) / 2
        # Sorting goes along memory.
        numbers = describe(np.asfortranarray(draws), (low, 1 - low), self.robust)
        out = pd.DataFrame(numbers, columns=self.columns[:4])
        if self.equivalence is not None:
            lower, upper = self.equivalence
            out["ROPE.Prob"] = ((draws >= lower) & (draws <= upper)).mean(axis=0)
            inside = (numbers[:, 2] >= lower) & (numbers[:, 3] <= upper)
            outside = (numbers[:, 2] > upper) | (numbers[:, 3] < lower)
            out["Decision"] = np.select([inside, outside], ["equivalent", "different"], "undecided")
        return out


def summariser(
    prob: float, robust: bool, equivalence: Any, transform: Any,
    inverse_link: Callable[[], Callable[[Array], Array]] | None = None,
) -> Summariser:
    """Check the arguments of a summary.

    Raises
    ------
    ArgumentError
    """
    return Summariser(
        probability("prob", prob), flag("robust", robust), _region(equivalence),
        _transform(transform, inverse_link),
    )


def _region(equivalence: Any) -> tuple[float, float] | None:
    if equivalence is None:
        return None
    try:
        low, high = (float(v) for v in equivalence)
    except (TypeError, ValueError):
        low = high = np.nan
    if not low < high:
        raise ArgumentError(
            f"equivalence must be two numbers, the lower one first, such as (-0.1, 0.1), not "
            f"{equivalence!r}"
        )
    return low, high


def _transform(
    transform: Any, inverse_link: Callable[[], Callable[[Array], Array]] | None
) -> Callable[[Array], Array] | None:
    if transform is None or callable(transform):
        return transform
    if transform == "inverse_link" and inverse_link is not None:
        return inverse_link()
    if transform in _TRANSFORMS:
        return _TRANSFORMS[transform]
    known = [*_TRANSFORMS, "inverse_link"]
    raise ArgumentError(
        f"transform must be a function of an array or one of {', '.join(known)}, not "
        f"{transform!r}{did_you_mean(str(transform), known)}"
    )
