"""What a model learns from all rows, for models that are made from some of them.

Levels, contrasts and columns of a design are the same whether a frame has all rows of the data or
one of each kind. Means and medians are not: they stand here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.predictors import Predictor, offset_mean
from hiermodel.priors.scales import ResponseScale, on_link
from hiermodel.terms.offset import OffsetTerm

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Totals:
    """Numbers that come from all rows.

    Attributes
    ----------
    nobs : int
        How many rows there are.
    times : ndarray, optional
        How many rows each row of the frame stands for; then all numbers follow from the frame.
    means : mapping of str to list of float
        Predictor -> means of the columns of its centred design; others are taken from the frame.
    offsets : mapping of str to float
        Predictor -> mean of its offsets.
    scales : dict of str to tuple of float
        Link -> median and median absolute deviation of the response on its scale.
    measured : callable, optional
        Link -> median and median absolute deviation, where they do not follow from `times`.

    Examples
    --------
    >>> totals = Totals(4, times=np.array([1, 3]))
    >>> totals.response(np.array([10.0, 20.0])).of("identity")
    (20.0, 0.0)
    """

    nobs: int
    times: Array | None = None
    means: dict[str, list[float]] = field(default_factory=dict)
    offsets: dict[str, float] = field(default_factory=dict)
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    measured: Callable[[str], tuple[float, float]] | None = None

    def response(self, coded: Array) -> ResponseScale:
        """Medians of the response, given that of the frame."""
        times = self.times
        if times is None or self.measured is not None:
            return ResponseScale(self.scales, self.measured)
        return ResponseScale(self.scales, lambda link: _weighted_scale(coded, times, link))

    def centred(self, predictor: Predictor, frame: pd.DataFrame) -> Predictor:
        """The predictor with the means of all rows."""
        population = predictor.population
        if not population.centred or population.is_empty:
            return predictor
        means = self.means.get(predictor.name)
        if means is None and self.times is not None:
            columns = population.design.matrix(frame)
            columns = columns[:, columns.shape[1] - len(population.means) :]
            means = (np.average(columns, axis=0, weights=self.times)).tolist()
            self.means[predictor.name] = means
        if means is None:
            return predictor
        moved = replace(population, means=np.asarray(means, dtype=float))
        return replace(predictor, terms=(moved, *predictor.terms[1:]))

    def offset_mean(self, predictor: Predictor, frame: pd.DataFrame) -> float:
        """Mean of the offsets of a predictor over all rows."""
        found = self.offsets.get(predictor.name)
        if found is None and self.times is not None:
            for term in predictor.terms:
                if isinstance(term, OffsetTerm):
                    values = term.data(frame)[term.name]
                    found = float(np.average(values, weights=self.times))
                    self.offsets[predictor.name] = found
        return offset_mean(predictor, frame) if found is None else found

    def to_json(self) -> dict[str, Any]:
        """What a saved fit keeps of it."""
        return {
            "nobs": self.nobs, "means": self.means, "offsets": self.offsets,
            "scales": {link: list(pair) for link, pair in self.scales.items()},
        }

    @classmethod
    def from_json(cls, words: Mapping[str, Any]) -> Totals:
        """The inverse of `to_json`."""
        scales = {link: (float(a), float(b)) for link, (a, b) in words["scales"].items()}
        return cls(int(words["nobs"]), None, dict(words["means"]), dict(words["offsets"]), scales)


def _weighted_scale(y: Array, times: Array, link: str) -> tuple[float, float]:
    """Median and median absolute deviation of values that stand for several."""
    shown = on_link(np.asarray(y, dtype=float), link)
    there = ~np.isnan(shown)
    centre = weighted_median(shown[there], times[there])
    return centre, weighted_median(np.abs(shown[there] - centre), times[there])


def weighted_median(values: Array, times: Array) -> float:
    """Median of values, each as often as `times` says.

    Examples
    --------
    >>> weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1, 2, 1]))
    1.5
    """
    if not len(values):
        return float("nan")
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(times[order])
    total = int(upto[-1])
    low, high = np.searchsorted(upto, [(total - 1) // 2, total // 2], side="right")
    return float((values[order[low]] + values[order[high]]) / 2)
