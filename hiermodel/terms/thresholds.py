"""Thresholds of ordinal families, of any structure and with or without threshold groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled, Scope

Structure = Literal["flexible", "equidistant", "sum_to_zero"]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds between the categories of an ordinal response.

    Attributes
    ----------
    structure : {"flexible", "equidistant", "sum_to_zero"}
    ordered : bool
        True for cumulative families, whose thresholds must increase.
    counts : tuple of int
        Number of thresholds, one entry per group.
    groups : tuple of str
        Labels of the threshold groups; empty without ``thres(gr = )``.
    param : str
        The parameter of the family that they belong to: ``mu``, or ``mu1`` in a mixture.
    scope : Scope
    default : str or ScalePrior
        Default prior of the thresholds.
    """

    structure: Structure
    ordered: bool
    counts: tuple[int, ...]
    groups: tuple[str, ...]
    param: str
    scope: Scope
    default: str | ScalePrior
    default_delta: str | ScalePrior

    @property
    def suffix(self) -> str:
        """Suffix of the names of its parameters."""
        return self.scope.suffix

    @property
    def data_suffix(self) -> str:
        """Suffix of the names of its data, which the components of a mixture share."""
        return Scope(resp=self.scope.resp).suffix

    @property
    def grouped(self) -> bool:
        """True with ``thres(gr = )``."""
        return bool(self.groups)

    @property
    def parts(self) -> tuple[tuple[str, str, str], ...]:
        """Per group: suffix of names, Stan expression of the number of thresholds, label."""
        if not self.grouped:
            return ((self.suffix, f"nthres{self.data_suffix}", ""),)
        return tuple(
            (f"{self.suffix}_{j}", f"nthres{self.data_suffix}[{j}]", label)
            for j, label in enumerate(self.groups, start=1)
        )

    @property
    def vector_name(self) -> str:
        """Stan name of the vector that the likelihood uses."""
        if self.grouped:
            return f"merged_Intercept{self.suffix}"
        return ("Intercept_stz" if self.structure == "sum_to_zero" else "Intercept") + self.suffix

    @property
    def total(self) -> int:
        """Number of thresholds over all groups."""
        return sum(self.counts)

    @property
    def variables(self) -> tuple[Var, ...]:
        """Data and parameters."""
        s = self.data_suffix
        if self.grouped:
            data = [
                Var(f"ngrthres{s}", "int", lower="1", comment="groups of thresholds"),
                Var(f"nthres{s}", "int", array=(f"ngrthres{s}",), lower="1",
                    comment="thresholds per group"),
                Var(f"Jthres{s}", "int", array=(self.scope.rows, "2"), lower="1",
                    comment="first and last threshold of each row"),
            ]
        else:
            data = [Var(f"nthres{s}", "int", lower="1", comment="thresholds")]
        parameters: list[Var] = []
        for (tail, size, label), count in zip(self.parts, self.counts, strict=True):
            if self.structure == "equidistant":
                parameters += [
                    Var(f"first_Intercept{tail}", "real", block=Block.PARAMETERS,
                        prior=PriorTarget("Intercept", (self._element("", label),)),
                        comment="first threshold" + (f" of {label}" if label else "")),
                    Var(f"delta{tail}", "real", lower="0" if self.ordered else "",
                        block=Block.PARAMETERS,
                        prior=PriorTarget(
                            "delta", (self._element("", label, self.default_delta),)),
                        comment="distance between neighbouring thresholds"
                        + (f" of {label}" if label else "")),
                ]
            else:
                elements = tuple(self._element(str(k), label) for k in range(1, count + 1))
                parameters.append(
                    Var(f"Intercept{tail}", "ordered" if self.ordered else "vector", (size,),
                        block=Block.PARAMETERS, prior=PriorTarget("Intercept", elements),
                        comment="thresholds" + (f" of {label}" if label else ""))
                )
        return (*data, *parameters)

    def _element(
        self, coef: str, label: str, default: str | ScalePrior | None = None
    ) -> PriorElement:
        if default is None:
            default = self.default
        return PriorElement(coef, label, self.scope.resp, self.scope.dpar, default=default)

    def constants(self) -> dict[str, Any]:
        """Sizes."""
        s = self.data_suffix
        if not self.grouped:
            return {f"nthres{s}": self.counts[0]}
        return {f"ngrthres{s}": len(self.groups), f"nthres{s}": np.array(self.counts)}

    def row_bounds(self, codes: Array) -> Array:
        """First and last threshold (from 1) of each row, given group codes (from 0)."""
        ends = np.cumsum(self.counts)
        starts = ends - np.array(self.counts) + 1
        return np.column_stack([starts[codes], ends[codes]])

    def centred(self, draws: Mapping[str, Array]) -> Array:
        """Thresholds as the likelihood uses them, (chain, draw, all thresholds)."""
        parts = []
        for (tail, _, _), count in zip(self.parts, self.counts, strict=True):
            if self.structure == "equidistant":
                first = draws[f"first_Intercept{tail}"][..., None]
                parts.append(first + draws[f"delta{tail}"][..., None] * np.arange(count))
                continue
            values = draws[f"Intercept{tail}"]
            if self.structure == "sum_to_zero":
                values = values - values.mean(axis=-1, keepdims=True)
            parts.append(values)
        return np.concatenate(parts, axis=-1)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of all thresholds: ``1``, ``2``, or ``i1,1`` with groups."""
        return tuple(
            f"{label},{k}" if label else str(k)
            for (_, _, label), count in zip(self.parts, self.counts, strict=True)
            for k in range(1, count + 1)
        )

    def label(self, draws: Mapping[str, Array], shift: Array | float) -> tuple[Labelled, ...]:
        """``threshold`` on the uncentred scale: `shift` is the centring means times ``b``."""
        values = self.centred(draws) + (shift[..., None] if isinstance(shift, np.ndarray) else 0.0)
        attrs = {
            "cls": "threshold", "group": "", "dpar": self.scope.dpar, "resp": self.scope.resp
        }
        dim = f"threshold_index{self.suffix}"
        out = [Labelled(f"threshold{self.suffix}", values, (dim,), {dim: self.labels}, attrs)]
        if self.structure == "equidistant":
            for tail, _, label in self.parts:
                extra = {**attrs, "cls": "dpar", "group": label}
                out.append(Labelled(f"delta{tail}", draws[f"delta{tail}"], attrs=extra))
        return tuple(out)

    def table(self, thresholds: Array, codes: Array | None) -> Array:
        """Thresholds per row, (draws, 1 or rows, T), padded with NaN where groups differ.

        Parameters
        ----------
        thresholds : ndarray (draws, total)
        codes : ndarray of int (rows,), optional
            Group of each row, from 0.
        """
        if not self.grouped or codes is None:
            return thresholds[:, None, :]
        width = max(self.counts)
        starts = np.cumsum((0, *self.counts))[:-1]
        table = np.full((thresholds.shape[0], len(self.counts), width), np.nan)
        for j, (start, count) in enumerate(zip(starts, self.counts, strict=True)):
            table[:, j, :count] = thresholds[:, start : start + count]
        return table[:, codes]
