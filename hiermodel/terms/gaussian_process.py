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

from hiermodel.families.base import FunctionTemplate
from hiermodel.processes.conditional import process_values
from hiermodel.processes.covariance import SMOOTHNESS, spectral_density
from hiermodel.processes.distances import half_gap
from hiermodel.processes.hilbert import eigenfunctions, frequencies
from hiermodel.stan.variables import Block, DataNumber, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.gp_calls import Process


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
