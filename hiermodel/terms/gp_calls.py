"""One call of ``gp()``: its covariates, its points in any rows, what was learned of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec, clean
from hiermodel.expressions import LearnedExpression
from hiermodel.families.base import FunctionTemplate
from hiermodel.processes.covariance import SMOOTHNESS
from hiermodel.terms.base import Array


@dataclass(frozen=True, eq=False)
class Space:
    """Where a process lives: what was learned of the points that it was fitted to.

    Attributes
    ----------
    scale : float
        What coordinates are divided by: the largest distance of two points, or 1.
    centre : ndarray (dims,)
        Mean of the different points, after scaling.
    half : ndarray (dims,)
        Half the sides of the box of an approximate process.
    priors : tuple of (float, float) or None
        Shape and scale of the default prior of each length scale, None where there is none.
    """

    scale: float
    centre: Array
    half: Array
    priors: tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, eq=False)
class Points:
    """The points of one process in some rows.

    Attributes
    ----------
    rows : ndarray of int
        Rows in which it has an effect.
    weights : ndarray
        What it is multiplied with there.
    place : ndarray of int
        The position in `points` of each of these rows.
    points : ndarray (points, dims)
        Different points, scaled, in the order of the rows; all rows with ``gr = FALSE``.
    """

    rows: Array
    weights: Array
    place: Array
    points: Array


@dataclass(frozen=True, eq=False)
class Process:
    """One call of ``gp()``.

    Attributes
    ----------
    text : str
        As in the formula.
    label : str
        As part of names: ``gpx``, ``gpxz``.
    labels : tuple of str
        Labels of its processes: ``gpxfacA``, ``gpxfacB``; one alone without a factor.
    expressions : tuple of LearnedExpression
        The covariates.
    by : LearnedExpression or DesignSpec, optional
        Numbers that it is multiplied with, or the columns of a factor.
    cov : str
        Covariance function.
    k : int
        Functions in each dimension; 0 for an exact process.
    isotropic : bool
        One length scale for all dimensions.
    grouped : bool
        One value for equal points.
    spaces : tuple of Space
        One for each of `labels`.
    """

    text: str
    label: str
    labels: tuple[str, ...]
    expressions: tuple[LearnedExpression, ...]
    by: LearnedExpression | DesignSpec | None
    cov: str
    k: int
    isotropic: bool
    grouped: bool
    spaces: tuple[Space, ...]

    @property
    def by_factor(self) -> bool:
        """True with a factor ``by``."""
        return isinstance(self.by, DesignSpec)

    @property
    def dims(self) -> int:
        """Number of covariates."""
        return len(self.expressions)

    @property
    def functions(self) -> int:
        """Number of functions of an approximate process."""
        return self.k**self.dims if self.k else 0

    @property
    def lscale_labels(self) -> tuple[str, ...]:
        """Labels of the length scales, those of a process together."""
        if self.isotropic:
            return self.labels
        short = [clean(e.text) for e in self.expressions]
        return tuple(f"{label}{name}" for label in self.labels for name in short)

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that it reads."""
        by = self.by.variables if self.by is not None else ()
        return tuple(dict.fromkeys(v for e in self.expressions for v in e.variables)) + tuple(by)

    def function(self, nugget: float = 0.0, distances: bool = False) -> FunctionTemplate:
        """The Stan function that its statement calls, of points or of their distances."""
        values: tuple[tuple[str, Any], ...] = (
            ("cov", self.cov), ("iso", self.isotropic), ("name", self.function_name)
        )
        if not self.k:
            return FunctionTemplate(
                "gp_exact.stan.jinja", (*values, ("nugget", nugget), ("distances", distances))
            )
        nu = SMOOTHNESS.get(self.cov, 0.0)
        return FunctionTemplate("gp_spectral.stan.jinja", (*values, ("nu", nu)))

    @property
    def function_name(self) -> str:
        """The covariance function as part of the names of Stan functions."""
        return self.cov if self.isotropic else f"{self.cov}_by_dim"

    def coordinates(self, frame: pd.DataFrame, missing: str = "raise") -> Array:
        """The covariates as they are, rows x dims."""
        columns = [np.broadcast_to(e.value(frame, missing), (len(frame),))
                   for e in self.expressions]  # fmt: skip
        return np.column_stack(columns) * 1.0

    def weights(self, frame: pd.DataFrame, missing: str = "raise") -> Array:
        """What each process is multiplied with, rows x processes."""
        if self.by is None:
            return np.ones((len(frame), 1))
        if isinstance(self.by, DesignSpec):
            return self.by.matrix(frame, missing)
        return np.broadcast_to(self.by.value(frame, missing), (len(frame),))[:, None] * 1.0

    def places(self, frame: pd.DataFrame, missing: str = "raise") -> tuple[Points, ...]:
        """The points of each process in the rows of a frame."""
        x, weights = self.coordinates(frame, missing), self.weights(frame, missing)
        out = []
        for j, space in enumerate(self.spaces):
            rows = np.arange(len(frame))
            if self.by_factor:
                # Only those whose coding is not 0. Each row has a place somewhere, also where the
                # factor is missing, so that the places tell how many rows there are.
                nowhere = ~weights.any(axis=1) if j == 0 else np.zeros(len(frame), dtype=bool)
                rows = np.flatnonzero(nowhere | (weights[:, j] != 0))
            points, place = x[rows] / space.scale, np.arange(len(rows))
            if self.grouped:
                points, place = different(points)
            out.append(Points(rows, weights[rows, j], place, points))
        return tuple(out)


def different(points: Array) -> tuple[Array, Array]:
    """Different points in the order of their first appearance, and the place of each row."""
    if not len(points):
        return points, np.zeros(0, dtype=np.int64)
    # Zeros of both signs are one point; missing coordinates are equal.
    table = pd.DataFrame(points + 0.0)
    place = table.groupby(list(table.columns), sort=False, dropna=False).ngroup().to_numpy()
    first = np.flatnonzero(~pd.Series(place).duplicated().to_numpy())
    return points[first], place
