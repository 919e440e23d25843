"""``car(M, gr = g)``: conditional autoregression, an effect for each location of a map.

=========  ==================================================================================
escar      proper: precision ``(D - car W) / sdcar^2`` with W the adjacency matrix and D the
           numbers of neighbours; its determinant by the eigenvalues of ``D^-1/2 W D^-1/2``
           (Joseph 2016, Exact sparse CAR models in Stan)
esicar     intrinsic: ``car = 1``, the effects sum to zero exactly
icar       intrinsic: pairwise differences, the effects nearly sum to zero (Morris et al. 2019,
           Bayesian hierarchical spatial models: implementing the Besag York Mollie model in Stan)
bym2       ``sdcar (sqrt(1 - rhocar) v + sqrt(rhocar / s) u)`` with independent v and intrinsic u,
           whose typical variance is s (Riebler et al. 2016, Simpson et al. 2017)
=========  ==================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.columns import group_codes
from hiermodel.errors import DataError, did_you_mean
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled, Scope

TYPES = ("escar", "esicar", "icar", "bym2")


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Which locations border on each other.

    Attributes
    ----------
    first, second : ndarray of int (edges,)
        Positions from 0 of the two ends of each border, the higher one in `first`.
    size : int
        Number of locations.
    """

    first: Array
    second: Array
    size: int

    @property
    def counts(self) -> Array:
        """Number of neighbours of each location."""
        ends = np.concatenate([self.first, self.second])
        return np.bincount(ends, minlength=self.size).astype(float)

    @property
    def matrix(self) -> Array:
        """The adjacency matrix, (locations, locations)."""
        out = np.zeros((self.size, self.size))
        out[self.first, self.second] = out[self.second, self.first] = 1.0
        return out

    @property
    def eigenvalues(self) -> Array:
        """Eigenvalues of ``D^-1/2 W D^-1/2``, from the largest down."""
        root = 1 / np.sqrt(self.counts)
        return np.linalg.eigvalsh(self.matrix * root[:, None] * root)[::-1]

    @property
    def typical_variance(self) -> float:
        """Geometric mean of the variances of intrinsic effects that sum to zero.

        As in Morris et al. (2019) a little on the diagonal of the precision makes it invertible,
        and the constraint is then imposed by conditioning.
        """
        precision = np.diag(self.counts) - self.matrix
        diagonal = np.arange(self.size)
        precision[diagonal, diagonal] += self.counts.max() * np.sqrt(np.finfo(float).eps)
        whole = np.linalg.inv(precision)
        sums = whole.sum(axis=1)
        variances = np.diag(whole) - sums**2 / sums.sum()
        return float(np.exp(np.mean(np.log(variances))))


@dataclass(frozen=True, eq=False)
class CarTerm:
    """Effects of the locations of a map.

    Attributes
    ----------
    scope : Scope
    text : str
    type : str
        One of `TYPES`.
    members : tuple of str
        Columns whose values make the location of a row; none where each row is one.
    locations : tuple of str
        Their labels, in the order of the effects.
    neighbours : Neighbours
    default_sdcar : str or ScalePrior
        Default prior of the standard deviation.
    """

    template: ClassVar[str] = "car.stan.jinja"

    scope: Scope
    text: str
    type: str
    members: tuple[str, ...]
    locations: tuple[str, ...]
    neighbours: Neighbours
    default_sdcar: Any = ""

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that say where a row is."""
        return self.members

    @property
    def functions(self) -> tuple[str, ...]:
        """Stan functions that its prior calls."""
        if self.type in ("icar", "bym2"):
            return ()
        return ("car_sparse.stan" if self.type == "escar" else "car_intrinsic.stan",)

    @property
    def effects(self) -> tuple[tuple[str, bool], ...]:
        """Variables that the program defines before the predictors; none is by row."""
        return () if self.type == "escar" else ((f"rcar{self.suffix}", False),)

    @property
    def variables(self) -> tuple[Var, ...]:
        """The map, standard deviation and correlation, effects or what they are made of."""
        s, par, loc = self.suffix, Block.PARAMETERS, f"Nloc{self.suffix}"
        out = [
            Var(loc, "int", lower="1", comment=f"locations of {self.text}"),
            Var(f"Jloc{s}", "int", array=(self.scope.rows,), lower="1", upper=loc,
                comment="location of each row"),
            Var(f"Nedges{s}", "int", lower="0", comment="pairs of neighbours"),
            Var(f"edges1{s}", "int", array=(f"Nedges{s}",), lower="1", upper=loc,
                comment="one location of each pair"),
            Var(f"edges2{s}", "int", array=(f"Nedges{s}",), lower="1", upper=loc,
                comment="the other one"),
        ]  # fmt: skip
        if self.type == "escar":
            out += [
                Var(f"Nneigh{s}", "vector", (loc,), comment="neighbours of each location"),
                Var(f"eigenMcar{s}", "vector", (loc,),
                    comment="eigenvalues of the scaled adjacency matrix"),
            ]  # fmt: skip
        if self.type == "bym2":
            out.append(Var(f"car_scale{s}", "real", lower="0",
                           comment="typical variance of structured effects"))  # fmt: skip
        out.append(
            Var(f"sdcar{s}", "real", block=par, lower="0",
                prior=self._prior("sdcar", self.default_sdcar),
                comment="standard deviation of spatial effects")
        )  # fmt: skip
        if self.type == "escar":
            out += [
                Var(f"rcar{s}", "vector", (loc,), block=par, comment="spatial effects"),
                Var(f"car{s}", "real", block=par, lower="0", upper="1",
                    prior=self._prior("car", ""), comment="spatial correlation"),
            ]  # fmt: skip
            return tuple(out)
        size = f"Nloc{s} - 1" if self.type == "esicar" else loc
        note = "all spatial effects but the last" if self.type == "esicar" else (
            "standardised spatial effects"
        )
        out.append(Var(f"zcar{s}", "vector", (size,), block=par, comment=note))
        if self.type == "bym2":
            out += [
                Var(f"nszcar{s}", "vector", (loc,), block=par,
                    comment="standardised effects without structure"),
                Var(f"rhocar{s}", "real", block=par, lower="0", upper="1",
                    prior=self._prior("rhocar", "beta(1, 1)"),
                    comment="share of the structured effects in the variance"),
            ]  # fmt: skip
        return tuple(out)

    def _prior(self, cls: str, default: Any) -> PriorTarget:
        scope = self.scope
        element = PriorElement("", "", scope.resp, scope.dpar, scope.nlpar, default)
        return PriorTarget(cls, (element,))

    def with_defaults(self, default_sdcar: Any) -> CarTerm:
        """The term with the default prior of its standard deviation."""
        return replace(self, default_sdcar=default_sdcar)

    # ------------------------------------------------------------------ data

    def codes(self, frame: pd.DataFrame) -> Array:
        """Location of each row, from 0.

        Raises
        ------
        DataError
            For a location that the model does not know, or none.
        """
        if not self.members:
            if len(frame) != len(self.locations):
                raise DataError(
                    f"{self.text} has a location for each of its {len(self.locations)} rows, in "
                    f"their order, and cannot tell which ones {len(frame)} rows are; name the "
                    "locations with gr = . With incl_autocor=False predictions leave out spatial "
                    "effects"
                )
            return np.arange(len(frame))
        codes, _ = group_codes(frame, self.members, self.locations)
        if (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            label = "_".join(str(frame[name].iloc[row]) for name in self.members)
            raise DataError(
                f"location {label!r} of {self.text} (row {row + 1}) is not in the model"
                f"{did_you_mean(label, self.locations)}; effects of new locations cannot be "
                "predicted. With incl_autocor=False predictions leave out spatial effects"
            )
        return codes

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The location of each row."""
        return {f"Jloc{self.suffix}": self.codes(frame) + 1}

    def constants(self) -> dict[str, Any]:
        """The map."""
        s, near = self.suffix, self.neighbours
        out: dict[str, Any] = {
            f"Nloc{s}": near.size, f"Nedges{s}": len(near.first),
            f"edges1{s}": near.first + 1, f"edges2{s}": near.second + 1,
        }  # fmt: skip
        if self.type == "escar":
            out |= {f"Nneigh{s}": near.counts, f"eigenMcar{s}": near.eigenvalues}
        if self.type == "bym2":
            out[f"car_scale{s}"] = near.typical_variance
        return out

    # ------------------------------------------------------------------ draws

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The effect of the location of each row."""
        found: Array = draws[f"rcar{self.suffix}"][:, data[f"Jloc{self.suffix}"] - 1]
        return found

    def values(self, draws: Mapping[str, Array]) -> Array:
        """Effects (chain, draw, locations) from declared parameters: the twin of the template."""
        s = self.suffix
        if self.type == "escar":
            return draws[f"rcar{s}"]
        z, sd = draws[f"zcar{s}"], draws[f"sdcar{s}"][..., None]
        if self.type == "esicar":
            return np.concatenate([z, -z.sum(axis=-1, keepdims=True)], axis=-1)
        if self.type == "icar":
            return np.asarray(z * sd)
        rho, scale = draws[f"rhocar{s}"][..., None], self.neighbours.typical_variance
        plain = np.sqrt(1 - rho) * draws[f"nszcar{s}"]
        return np.asarray((plain + np.sqrt(rho / scale) * z) * sd)

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """``sdcar``, ``car`` or ``rhocar``, and the effects by location."""
        s, scope = self.suffix, self.scope
        attrs = {"dpar": scope.dpar, "resp": scope.resp, "nlpar": scope.nlpar}
        scalars = {"escar": ("car", "sdcar"), "bym2": ("rhocar", "sdcar")}
        out = [
            Labelled(f"{cls}{s}", draws[f"{cls}{s}"], attrs={"cls": cls, "group": "", **attrs})
            for cls in scalars.get(self.type, ("sdcar",))
        ]
        dim = f"rcar{s}_location"
        group = ":".join(self.members)
        out.append(Labelled(f"rcar{s}", self.values(draws), (dim,), {dim: self.locations},
                            {"cls": "rcar", "group": group, **attrs}))  # fmt: skip
        return tuple(out)
