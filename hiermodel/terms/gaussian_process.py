"""Gaussian processes of covariates: ``gp(x)``, ``gp(x, z, k = 10)``.

An exact process has one value at each different point. An approximate one is a sum of ``k``
functions in each dimension; see `hiermodel.processes`. With a factor ``by`` there are several,
one for each column of the coding of the factor.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec, clean
from hiermodel.expressions import LearnedExpression
from hiermodel.families.base import FunctionTemplate
from hiermodel.processes.conditional import process_values
from hiermodel.processes.covariance import SMOOTHNESS, spectral_density
from hiermodel.processes.distances import half_gap
from hiermodel.processes.hilbert import eigenfunctions, frequencies
from hiermodel.stan.variables import Block, DataNumber, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled, Scope


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


@dataclass(frozen=True, eq=False)
class GaussianProcessTerm:
    """All Gaussian processes of one linear predictor.

    Attributes
    ----------
    scope : Scope
    processes : tuple of Process
    text : str
    default_sdgp : default prior
    nugget : float
        Part of its variance that each value of an exact process has for itself; see
        `hiermodel.nugget`. At 0 it is 1e-12, in units of the predictor, as in brms.
    """

    template: ClassVar[str] = "gaussian_process.stan.jinja"

    scope: Scope
    processes: tuple[Process, ...]
    text: str
    default_sdgp: Any = ""
    nugget: float = 0.0

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @cached_property
    def numbered(self) -> tuple[tuple[str, Process], ...]:
        """Calls with the tail of their Stan names: ``_1``, ``_sigma_2``."""
        return tuple((f"{self.suffix}_{i}", one) for i, one in enumerate(self.processes, start=1))

    def _parts(self) -> Iterator[tuple[str, str, Process, int]]:
        """Tail of the names of a call and of one of its processes, the call, the position."""
        for tail, one in self.numbered:
            for j in range(len(one.labels)):
                yield tail, f"{tail}_{j + 1}" if one.by_factor else tail, one, j

    @property
    def functions(self) -> tuple[FunctionTemplate, ...]:
        """Stan functions that it calls."""
        return tuple(dict.fromkeys(
            one.function(self.nugget, self.by_distance(one)) for one in self.processes
        ))

    def by_distance(self, one: Process) -> bool:
        """Whether the program has distances, from which Matern covariances cost half as much.

        Stan's own functions of points, as in brms, stand where there is no nugget: without one
        rounding shows in the density.
        """
        return bool(not one.k and self.nugget and one.isotropic and one.cov in SMOOTHNESS)

    @property
    def has_exact(self) -> bool:
        """True when one of them is exact."""
        return any(not one.k for one in self.processes)

    def short_scales(self, frame: pd.DataFrame) -> dict[str, Array]:
        """Length scales of exact processes, about half the distance of points to the nearest.

        By the names of declared parameters, also those that stand beside constant ones.
        """
        out: dict[str, Array] = {}
        for t, one in self.numbered:
            if one.k:
                continue
            short = [half_gap(p.points) for p in one.places(frame)]
            width = 1 if one.isotropic else one.dims
            # Different ones, so that a confusion of dimensions shows.
            values = np.outer(short, 1 + 0.2 * np.arange(width))
            out[f"lscale{t}"] = values
            out |= {
                f"par_lscale{t}_{j + 1}_{d + 1}": value
                for (j, d), value in np.ndenumerate(values)
            }
        return out

    @property
    def effects(self) -> tuple[tuple[str, bool], ...]:
        """Variables that the program defines before the predictors, and whether they are by row."""
        return tuple(
            (f"gp{tail}", one.by_factor or not (one.k or one.grouped))
            for tail, one in self.numbered
        )

    # ------------------------------------------------------------------ declarations

    @property
    def variables(self) -> tuple[Var, ...]:
        """Points or functions, standard deviations, length scales, standardised coefficients."""
        out: list[Var] = []
        for tail, one in self.numbered:
            out += self._data_variables(tail, one)
        for tail, one in self.numbered:
            out += self._parameters(tail, one)
        return tuple(out)

    def _data_variables(self, t: str, one: Process) -> list[Var]:
        rows = self.scope.rows
        out = [
            Var(f"Dgp{t}", "int", lower="1", comment=f"covariates of {one.text}"),
            Var(f"Kgp{t}", "int", lower="1", comment="processes"),
        ]
        if one.k:
            out.append(Var(f"NBgp{t}", "int", lower="1", comment="functions of each process"))
        array = (f"Kgp{t}",) if one.by_factor else ()
        if one.by_factor:
            out.append(Var(f"Ngp{t}", "int", array=array, lower="0", comment="rows of each"))
        if one.grouped:
            out.append(
                Var(f"Nsubgp{t}", "int", array=array, lower="0", comment="different points")
            )
        for j, label in enumerate(one.labels, start=1):
            p = f"{t}_{j}" if one.by_factor else t
            index = f"[{j}]" if one.by_factor else ""
            n = f"Ngp{t}{index}" if one.by_factor else rows
            points = f"Nsubgp{t}{index}" if one.grouped else n
            if one.by_factor:
                out.append(Var(f"Igp{p}", "int", array=(n,), lower="1", upper=rows,
                               comment=f"rows of {label}"))  # fmt: skip
            if one.by is not None:
                out.append(Var(f"Cgp{p}", "vector", (n,), comment="what it is multiplied with"))
            if one.grouped:
                out.append(Var(f"Jgp{p}", "int", array=(n,), lower="1", upper=points,
                               comment="point of each row"))  # fmt: skip
            if not one.k:
                out.append(Var(f"Xgp{p}", "vector", (f"Dgp{t}",), (points,), comment="points"))
                continue
            out += [
                Var(f"Xgp{p}", "matrix", (points, f"NBgp{t}"), comment="values of the functions"),
                Var(f"slambda{p}", "vector", (f"Dgp{t}",), (f"NBgp{t}",),
                    comment="roots of their eigenvalues"),
            ]  # fmt: skip
        return out

    def _parameters(self, t: str, one: Process) -> list[Var]:
        scope, par = self.scope, Block.PARAMETERS
        spot = (scope.resp, scope.dpar, scope.nlpar)
        sdgp = tuple(PriorElement(v, "", *spot, self.default_sdgp) for v in one.labels)
        priors = [prior for space in one.spaces for prior in space.priors]
        lscale = tuple(
            PriorElement(v, "", *spot, _length_scale_default(prior))
            for v, prior in zip(one.lscale_labels, priors, strict=True)
        )
        size = "1" if one.isotropic else f"Dgp{t}"
        out = [
            Var(f"sdgp{t}", "vector", (f"Kgp{t}",), block=par, lower="0",
                prior=PriorTarget("sdgp", sdgp), comment=f"standard deviations of {one.text}"),
            Var(f"lscale{t}", "vector", (size,), (f"Kgp{t}",), par, "0",
                prior=PriorTarget("lscale", lscale, vectors=len(one.labels)),
                comment="length scales"),
        ]  # fmt: skip
        for j in range(1, len(one.labels) + 1):
            p = f"{t}_{j}" if one.by_factor else t
            index = f"[{j}]" if one.by_factor else ""
            size = f"Ngp{t}{index}" if one.by_factor else self.scope.rows
            size = f"Nsubgp{t}{index}" if one.grouped else size
            out.append(Var(f"zgp{p}", "vector", (f"NBgp{t}" if one.k else size,), block=par,
                           comment="standardised coefficients"))  # fmt: skip
        return out

    # ------------------------------------------------------------------ data

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that the processes read."""
        return tuple(dict.fromkeys(v for one in self.processes for v in one.variables))

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """Points or functions, and which row has which."""
        out: dict[str, Any] = {}
        for t, one in self.numbered:
            found = one.places(frame, missing)
            if one.by_factor:
                out[f"Ngp{t}"] = np.array([len(p.rows) for p in found])
            if one.grouped:
                sizes = np.array([len(p.points) for p in found])
                out[f"Nsubgp{t}"] = sizes if one.by_factor else int(sizes[0])
            for j, (p, space) in enumerate(zip(found, one.spaces, strict=True), start=1):
                tail = f"{t}_{j}" if one.by_factor else t
                if one.by_factor:
                    out[f"Igp{tail}"] = p.rows + 1
                if one.by is not None:
                    out[f"Cgp{tail}"] = p.weights
                if one.grouped:
                    out[f"Jgp{tail}"] = p.place + 1
                out[f"Xgp{tail}"] = (
                    eigenfunctions(p.points - space.centre, one.k, space.half)
                    if one.k else p.points
                )
        return out

    def constants(self) -> dict[str, Any]:
        """Sizes, and the eigenvalues of approximate processes."""
        out: dict[str, Any] = {}
        for t, one in self.numbered:
            out |= {f"Dgp{t}": one.dims, f"Kgp{t}": len(one.labels)}
            if one.k:
                out[f"NBgp{t}"] = one.functions
        for _, p, one, j in self._parts():
            if one.k:
                out[f"slambda{p}"] = frequencies(one.k, one.spaces[j].half)
        return out

    # ------------------------------------------------------------------ draws

    def drawn(
        self, draws: Mapping[str, Array], frame: pd.DataFrame, training: pd.DataFrame,
        rng: np.random.Generator,
    ) -> dict[str, Array]:
        """Values of exact processes at the points of a frame, (draws, points).

        Parameters
        ----------
        draws : mapping of str to ndarray
            Of the labelled posterior, with one leading draws axis.
        frame : DataFrame
        training : DataFrame
            The rows that the processes were fitted to.
        rng : Generator
            For points that are not among theirs.
        """
        out: dict[str, Array] = {}
        for t, one in self.numbered:
            if one.k:
                continue
            known = one.places(training)
            wanted = known if frame is training else one.places(frame, "pass")
            for j in range(len(one.labels)):
                tail = f"{t}_{j + 1}" if one.by_factor else t
                sd, lscale = self._scales(one, j, draws)
                z = self._coefficients(one, j, draws)
                out[f"gp{tail}"] = process_values(
                    one.cov, known[j].points, wanted[j].points, sd, lscale, z, rng, self.nugget
                )
        return out

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The sum of all processes, draws x rows."""
        total: Array = np.zeros((1, 1))
        for tail, p, one, j in self._parts():
            if one.k:
                sd, lscale = self._scales(one, j, draws)
                spread = spectral_density(
                    one.cov, frequencies(one.k, one.spaces[j].half), sd, lscale
                )
                values = (np.sqrt(spread) * self._coefficients(one, j, draws)) @ data[f"Xgp{p}"].T
            else:
                values = draws[f"gp{p}"]
            if one.grouped:
                values = values[:, data[f"Jgp{p}"] - 1]
            if one.by is not None:
                values = values * data[f"Cgp{p}"]
            if one.by_factor:
                at = data[f"Igp{p}"] - 1
                places = (data[f"Igp{tail}_{i + 1}"] for i in range(len(one.labels)))
                n = max((int(place.max()) for place in places if len(place)), default=0)
                whole = np.zeros((len(values), n))
                whole[:, at] = values
                values = whole
            total = total + values
        return total

    def _scales(self, one: Process, j: int, draws: Mapping[str, Array]) -> tuple[Array, Array]:
        """Standard deviation (draws,) and length scales (draws, scales) of a process."""
        before = self.processes[: self.processes.index(one)]
        sd = sum(len(other.labels) for other in before) + j
        each = 1 if one.isotropic else one.dims
        first = sum(len(other.lscale_labels) for other in before) + j * each
        return (
            draws[f"sdgp{self.suffix}"][:, sd],
            draws[f"lscale{self.suffix}"][:, first : first + each],
        )

    def _coefficients(self, one: Process, j: int, draws: Mapping[str, Array]) -> Array:
        """Standardised coefficients (draws, coefficients) of a process."""
        # Sums depend in their last digit on how numbers lie in memory; a saved fit has them so.
        return np.ascontiguousarray(draws[self._z_name(one, j)])

    def _z_name(self, one: Process, j: int) -> str:
        """Name of standardised coefficients in the posterior, as in brms: ``zgp_sigma_gpx``."""
        prefix = f"{self.scope.label}_" if self.scope.label else ""
        return f"zgp_{prefix}{one.labels[j]}"

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """``sdgp`` and ``lscale`` of all processes, and the coefficients of each."""
        s, scope = self.suffix, self.scope
        attrs = {"group": "", "dpar": scope.dpar, "resp": scope.resp, "nlpar": scope.nlpar}
        out: list[Labelled] = []
        for cls, labels in (
            ("sdgp", [v for one in self.processes for v in one.labels]),
            ("lscale", [v for one in self.processes for v in one.lscale_labels]),
        ):
            found = [draws[f"{cls}{tail}"] for tail, _ in self.numbered]
            # Length scales are declared by process and dimension.
            flat = [v.reshape(*v.shape[:2], -1) for v in found]
            dim = f"{cls}_term{s}"
            out.append(Labelled(f"{cls}{s}", np.concatenate(flat, axis=-1), (dim,),
                                {dim: tuple(labels)}, {"cls": cls, **attrs}))  # fmt: skip
        for _, p, one, j in self._parts():
            name, values = self._z_name(one, j), draws[f"zgp{p}"]
            dim = f"{name}_basis"
            places = tuple(str(k) for k in range(1, values.shape[-1] + 1))
            out.append(Labelled(name, values, (dim,), {dim: places}, {"cls": "zgp", **attrs}))
        return tuple(out)

    def with_defaults(self, default_sdgp: Any) -> GaussianProcessTerm:
        """The term with the default prior of its standard deviations."""
        return replace(self, default_sdgp=default_sdgp)


def _length_scale_default(prior: tuple[float, float] | None) -> str | ScalePrior:
    """Computed from distances, which are data to the program."""
    if prior is None:
        return "normal(0, 0.5)"
    shape, scale = prior
    return ScalePrior(
        "inv_gamma",
        (DataNumber("shape", shape, per_element=True), DataNumber("scale", scale, True)),
    )
