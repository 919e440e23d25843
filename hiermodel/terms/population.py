"""Population-level effects: ``X * b``, centred or not, with or without QR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.errors import DataError
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled, Scope


@dataclass(frozen=True, eq=False)
class PopulationTerm:
    """All population-level coefficients of one parameter.

    With an intercept the other columns are centred and ``Intercept`` is a parameter of its
    own: the prediction at average covariates, which is easy to give a prior and to sample.
    Ordinal families have thresholds instead (`thresholds`), and every column is centred. The
    intercept may be an element of a vector that others share: `shared_intercept` is its name
    and the place, from 1.
    """

    template: ClassVar[str] = "population.stan.jinja"

    scope: Scope
    design: DesignSpec
    text: str
    centred: bool
    thresholds: bool
    sparse: bool
    qr: bool
    means: Array
    r_inverse: Array | None
    default_b: tuple[Any, ...]
    default_intercept: Any
    shared_intercept: tuple[str, int] | None = None

    @property
    def suffix(self) -> str:
        """Suffix of all its Stan names."""
        return self.scope.suffix

    @property
    def has_intercept(self) -> bool:
        """True when it declares an ``Intercept`` of its own, apart from ``b``."""
        return self.centred and not self.thresholds

    @property
    def coefs(self) -> tuple[str, ...]:
        """Labels of ``b`` as sampled."""
        return self.design.names[1:] if self.has_intercept else self.design.names

    @property
    def matrix(self) -> str:
        """The Stan name of the matrix that multiplies the coefficients."""
        return ("XQ" if self.qr else "Xc" if self.centred else "X") + self.suffix

    @property
    def coefficients(self) -> str:
        """The Stan name of the sampled coefficients."""
        return ("bQ" if self.qr else "b") + self.suffix

    @property
    def size(self) -> str:
        """The Stan name of the number of sampled coefficients."""
        return ("Kc" if self.centred else "K") + self.suffix

    @property
    def intercept(self) -> str:
        """The Stan expression of the intercept."""
        if self.shared_intercept is None:
            return f"Intercept{self.suffix}"
        name, place = self.shared_intercept
        return f"{name}[{place}]"

    @property
    def is_empty(self) -> bool:
        """True when there is no coefficient (there may be an intercept)."""
        return not self.coefs

    @property
    def _of(self) -> str:
        return f" of {self.scope.label}" if self.scope.label else ""

    @property
    def variables(self) -> tuple[Var, ...]:
        """Design, its means, coefficients and intercept."""
        s, scope = self.suffix, self.scope
        out: list[Var] = []
        if not self.is_empty:
            out.append(Var(f"K{s}", "int", lower="1", comment="population-level columns"))
            if self.centred:
                note = "without the intercept" if self.has_intercept else "all centred"
                out.append(Var(f"Kc{s}", "int", lower="1", comment=f"centred columns, {note}"))
            note = f"design of {self.text}"
            out.append(Var(f"X{s}", "matrix", (scope.rows, f"K{s}"), comment=note))
            if self.centred:
                out.append(Var(f"means_X{s}", "vector", (f"Kc{s}",), comment="column means of X"))
            if self.qr:
                note = "inverse of R of the thin QR decomposition"
                out.append(Var(f"XR_inv{s}", "matrix", (self.size, self.size), comment=note))
            elements = tuple(
                PriorElement(coef, "", scope.resp, scope.dpar, scope.nlpar, default)
                for coef, default in zip(self.coefs, self.default_b, strict=True)
            )
            out.append(
                Var(
                    self.coefficients,
                    "vector",
                    (self.size,),
                    block=Block.PARAMETERS,
                    prior=PriorTarget("b", elements),
                    comment=f"population-level effects{self._of}"
                    + (", of the Q columns" if self.qr else ""),
                )
            )
        if self.has_intercept and self.shared_intercept is None:
            element = PriorElement(
                "", "", scope.resp, scope.dpar, scope.nlpar, self.default_intercept
            )
            out.append(
                Var(
                    f"Intercept{s}",
                    "real",
                    block=Block.PARAMETERS,
                    prior=PriorTarget("Intercept", (element,)),
                    comment=("intercept" if self.is_empty else "intercept of the centred design")
                    + self._of,
                )
            )
        return tuple(out)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that the design reads."""
        return tuple(self.design.variables)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """``X``: rows x columns."""
        if self.is_empty:
            return {}
        return {f"X{self.suffix}": self.design.matrix(frame, missing=missing)}

    def constants(self) -> dict[str, Any]:
        """Sizes, means and the R factor."""
        if self.is_empty:
            return {}
        s = self.suffix
        out: dict[str, Any] = {f"K{s}": len(self.design.names)}
        if self.centred:
            out |= {f"Kc{s}": len(self.coefs), f"means_X{s}": self.means}
        if self.r_inverse is not None:
            out[f"XR_inv{s}"] = self.r_inverse
        return out

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """``b X'`` with the intercept on the uncentred scale among the coefficients."""
        b = draws.get(f"b{self.suffix}")
        if b is None:
            return np.zeros((1, 1))
        if self.is_empty:
            return b[:, :1]
        return b @ data[f"X{self.suffix}"].T

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """``b`` with the intercept on the uncentred scale, and the centred ``Intercept``."""
        s = self.suffix
        attrs = {"group": "", "dpar": self.scope.dpar, "resp": self.scope.resp}
        attrs["nlpar"] = self.scope.nlpar
        out: list[Labelled] = []
        parts: list[Array] = []
        coefs = self.coefs
        if not self.is_empty:
            b = draws[self.coefficients]
            if self.r_inverse is not None:
                b = b @ self.r_inverse.T
            parts.append(b)
        if self.has_intercept:
            if self.shared_intercept is None:
                centred = draws[f"Intercept{s}"]
            else:
                name, place = self.shared_intercept
                centred = draws[name][..., place - 1]
            shift = parts[0] @ self.means if parts else 0.0
            parts.insert(0, (centred - shift)[..., None])
            coefs = ("Intercept", *coefs)
            out.append(Labelled(f"Intercept{s}", centred, attrs={"cls": "Intercept", **attrs}))
        if parts:
            dim = f"coef{s}"
            values = np.concatenate(parts, axis=-1)
            shown = Labelled(f"b{s}", values, (dim,), {dim: coefs}, {"cls": "b", **attrs})
            out.insert(0, shown)
        return tuple(out)


def thin_r_inverse(matrix: Array) -> Array:
    """Inverse of R of the thin QR decomposition, scaled so that Q has unit-scale columns.

    ``XQ = X R^-1`` has columns of norm ``sqrt(N - 1)``; the diagonal of R is positive, which
    makes the decomposition unique (Stan User's Guide, "The QR reparameterization").
    """
    rank = int(np.linalg.matrix_rank(matrix))
    if rank < matrix.shape[1]:
        raise DataError(
            f"decomp = 'QR' needs independent columns, but {matrix.shape[1]} population-level "
            f"columns over {matrix.shape[0]} rows have the rank {rank}; leave out columns that are "
            "constant or combinations of others"
        )
    r = np.linalg.qr(matrix, mode="r")
    r = r * np.sign(np.diag(r))[:, None]
    return np.linalg.inv(r / np.sqrt(matrix.shape[0] - 1))
