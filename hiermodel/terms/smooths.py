"""Smooth functions of covariates: ``s(x)``, ``t2(x, z)``, as mixed models.

The columns ``Xs`` have coefficients of their own, the blocks ``Zs_i_j`` standard normal ones times
a standard deviation; see `hiermodel.smooths`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.errors import DataError
from hiermodel.expressions import FactorValue, LearnedExpression
from hiermodel.smooths.mixed import MixedForm
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled, Scope


@dataclass(frozen=True, eq=False)
class Covariates:
    """What a smooth is a function of: numbers, and factors for those bases that take them.

    With `indicators` the columns are the indicators of factors and their products with numbers.
    """

    expressions: tuple[LearnedExpression, ...]
    indicators: bool = False

    def values(self, frame: pd.DataFrame, missing: str = "raise") -> Array:
        """One column per covariate (factors as codes), or the indicators."""
        found = [e.value(frame, missing) for e in self.expressions]
        if not self.indicators:
            columns = [v.codes if isinstance(v, FactorValue) else v for v in found]
            return np.column_stack([np.broadcast_to(c, (len(frame),)) for c in columns]) * 1.0
        out = np.ones((len(frame), 1))
        for value in found:
            column = _indicators(value) if isinstance(value, FactorValue) else value[:, None]
            # As in a model matrix the first factor changes fastest.
            out = (column[:, None, :] * out[:, :, None]).transpose(0, 2, 1).reshape(len(frame), -1)
        return out


def _indicators(value: FactorValue) -> Array:
    return (value.codes[:, None] == np.arange(len(value.levels))).astype(float)


@dataclass(frozen=True, eq=False)
class Smooth:
    """One smooth: with a factor ``by`` there is one for each of its levels.

    Attributes
    ----------
    text : str
        As in the formula, which names the prior of its standard deviations.
    label : str
        As part of names: ``sx``, ``sx:facA``, ``t2xz``.
    covariates : Covariates
    form : MixedForm
    by : LearnedExpression, optional
    level : str, optional
        The level of a factor ``by`` that it is for.
    link : str
        Its ``id``: smooths with the same one share their standard deviations. Empty for none.
    """

    text: str
    label: str
    covariates: Covariates
    form: MixedForm
    by: LearnedExpression | None = None
    level: str | None = None
    link: str = ""

    @property
    def short(self) -> str:
        """Its label without colons."""
        return self.label.replace(":", "")

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that it reads."""
        expressions = (*self.covariates.expressions, *((self.by,) if self.by else ()))
        return tuple(dict.fromkeys(v for e in expressions for v in e.variables))

    def columns(
        self, frame: pd.DataFrame, missing: str = "raise"
    ) -> tuple[Array, tuple[Array, ...]]:
        """Its columns of ``Xs``, and its blocks."""
        fixed, random = self.form.columns(self.covariates.values(frame, missing))
        if self.by is None:
            return fixed, random
        weights = by_weights(self.by.value(frame, missing), self.level)[:, None]
        return fixed * weights, tuple(block * weights for block in random)


def by_weights(value: Any, level: str | None) -> Array:
    """What a smooth is multiplied by: numbers, or whether a factor has a level."""
    if isinstance(value, FactorValue):
        assert level is not None
        return np.asarray(value.codes == value.levels.index(level), dtype=float)
    return np.asarray(value, dtype=float)


@dataclass(frozen=True, eq=False)
class SmoothTerm:
    """All smooths of one linear predictor."""

    template: ClassVar[str] = "smooths.stan.jinja"

    scope: Scope
    smooths: tuple[Smooth, ...]
    text: str
    default_b: tuple[Any, ...] = ()
    default_sds: Any = ""

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def numbered(self) -> tuple[tuple[str, Smooth], ...]:
        """Smooths with the tail of their Stan names: ``_1``, ``_sigma_2``."""
        return tuple((f"{self.suffix}_{i}", one) for i, one in enumerate(self.smooths, start=1))

    @property
    def deviations(self) -> dict[str, str]:
        """Stan names of the standard deviations of each smooth, by the tail of its names."""
        owners: dict[str, str] = {}
        return {
            tail: f"sds{owners.setdefault(one.link, tail) if one.link else tail}"
            for tail, one in self.numbered
        }

    @property
    def coefs(self) -> tuple[str, ...]:
        """Labels of the ordinary coefficients."""
        return tuple(
            f"{one.label}_{k}" for one in self.smooths
            for k in range(1, one.form.fixed.shape[1] + 1)
        )

    @property
    def blocks(self) -> tuple[tuple[str, int], ...]:
        """Tail of the names of a smooth and number of a block of it, for all blocks."""
        return tuple(
            (tail, j) for tail, one in self.numbered for j in range(1, len(one.form.random) + 1)
        )

    @property
    def summands(self) -> tuple[str, ...]:
        """What it adds to the predictor, in Stan."""
        ordinary = (f"Xs{self.suffix} * bs{self.suffix}",) if self.coefs else ()
        sds = self.deviations
        return (
            *ordinary,
            *(f"Zs{t}_{j} * ({sds[t]}[{j}] * zs{t}_{j})" for t, j in self.blocks),
        )

    @property
    def variables(self) -> tuple[Var, ...]:
        """Designs, coefficients and standard deviations."""
        s, scope = self.suffix, self.scope
        of = f" of {scope.label}" if scope.label else ""
        out = [Var(f"Ks{s}", "int", lower="0", comment=f"unpenalised columns of the smooths{of}")]
        out.append(Var(f"Xs{s}", "matrix", (scope.rows, f"Ks{s}"), comment="their design"))
        for tail, one in self.numbered:
            if not one.form.random:
                continue
            nb, knots = f"nb{tail}", f"knots{tail}"
            where = f", {one.level}" if one.level is not None else ""
            out.append(Var(nb, "int", lower="0", comment=f"blocks of {one.text}{where}"))
            out.append(
                Var(knots, "int", array=(nb,), lower="1", comment="columns of each block")
            )
            out += [
                Var(f"Zs{tail}_{j}", "matrix", (scope.rows, f"{knots}[{j}]"),
                    comment=f"block {j} of {one.text}{where}")
                for j in range(1, len(one.form.random) + 1)
            ]  # fmt: skip
        if self.coefs:
            elements = tuple(
                PriorElement(coef, "", scope.resp, scope.dpar, scope.nlpar, default)
                for coef, default in zip(self.coefs, self.default_b, strict=True)
            )
            out.append(
                Var(f"bs{s}", "vector", (f"Ks{s}",), block=Block.PARAMETERS,
                    prior=PriorTarget("b", elements),
                    comment=f"unpenalised coefficients of the smooths{of}")
            )  # fmt: skip
        for tail, one in self.numbered:
            count = len(one.form.random)
            if not count:
                continue
            out += [
                Var(f"zs{tail}_{j}", "vector", (f"knots{tail}[{j}]",), block=Block.PARAMETERS,
                    comment="standardised coefficients")
                for j in range(1, count + 1)
            ]  # fmt: skip
            if self.deviations[tail] != f"sds{tail}":
                continue
            labels = tuple(f"{one.short}_{j}" for j in range(1, count + 1))
            element = PriorElement(
                one.text, "", scope.resp, scope.dpar, scope.nlpar, self.default_sds
            )
            out.append(
                Var(f"sds{tail}", "vector", (f"nb{tail}",), block=Block.PARAMETERS, lower="0",
                    prior=PriorTarget("sds", (element,), labels=labels),
                    comment=f"standard deviations of {one.text}")
            )  # fmt: skip
        return tuple(out)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that the smooths read."""
        return tuple(dict.fromkeys(v for one in self.smooths for v in one.variables))

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """``Xs`` and all ``Zs``: rows x columns."""
        out: dict[str, Any] = {}
        ordinary = []
        for tail, one in self.numbered:
            fixed, random = one.columns(frame, missing)
            ordinary.append(fixed)
            out |= {f"Zs{tail}_{j}": block for j, block in enumerate(random, start=1)}
        return {f"Xs{self.suffix}": np.column_stack(ordinary), **out}

    def constants(self) -> dict[str, Any]:
        """Sizes."""
        out: dict[str, Any] = {f"Ks{self.suffix}": len(self.coefs)}
        for tail, one in self.numbered:
            sizes = np.array([block.shape[1] for block in one.form.random], dtype=int)
            if len(sizes):
                out |= {f"nb{tail}": len(sizes), f"knots{tail}": sizes}
        return out

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """``bs Xs' + s Zs'``."""
        total: Array = np.zeros((1, 1))
        if self.coefs:
            total = draws[f"bs{self.suffix}"] @ data[f"Xs{self.suffix}"].T
        for tail, one in self.numbered:
            for j in range(1, len(one.form.random) + 1):
                total = total + draws[self._weights(one, j)] @ data[f"Zs{tail}_{j}"].T
        return total

    def one_eta(self, one: Smooth, draws: Mapping[str, Array], frame: pd.DataFrame) -> Array:
        """What a single smooth adds, draws x rows."""
        fixed, random = one.columns(frame)
        at = [k for k, coef in enumerate(self.coefs) if coef.rpartition("_")[0] == one.label]
        total: Array = np.zeros((1, len(frame)))
        if at:
            total = draws[f"bs{self.suffix}"][:, at] @ fixed.T
        for j, block in enumerate(random, start=1):
            total = total + draws[self._weights(one, j)] @ block.T
        return total

    def _weights(self, one: Smooth, j: int) -> str:
        """Name of the coefficients of a block in the posterior, as in brms: ``s_sx_1``."""
        prefix = f"{self.scope.label}_" if self.scope.label else ""
        return f"s_{prefix}{one.short}_{j}"

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """``bs``, ``sds`` and the coefficients of each block."""
        s, scope = self.suffix, self.scope
        attrs = {"group": "", "dpar": scope.dpar, "resp": scope.resp, "nlpar": scope.nlpar}
        out: list[Labelled] = []
        if self.coefs:
            dim = f"coef_smooth{s}"
            out.append(
                Labelled(f"bs{s}", draws[f"bs{s}"], (dim,), {dim: self.coefs},
                         {"cls": "bs", **attrs})
            )  # fmt: skip
        if not self.blocks:
            return tuple(out)
        dim = f"smooth{s}"
        own = [(tail, one) for tail, one in self.numbered
               if one.form.random and self.deviations[tail] == f"sds{tail}"]  # fmt: skip
        names = tuple(
            f"{one.short}_{j}" for _, one in own for j in range(1, len(one.form.random) + 1)
        )
        sds = [draws[f"sds{tail}"] for tail, _ in own]
        joined = np.concatenate(sds, axis=-1)
        out.append(Labelled(f"sds{s}", joined, (dim,), {dim: names}, {"cls": "sds", **attrs}))
        for tail, one in self.numbered:
            for j in range(1, len(one.form.random) + 1):
                scale = draws[self.deviations[tail]][..., j - 1, None]
                weights = scale * draws[f"zs{tail}_{j}"]
                name = self._weights(one, j)
                places = tuple(str(k) for k in range(1, weights.shape[-1] + 1))
                dim = f"{name}_basis"
                out.append(Labelled(name, weights, (dim,), {dim: places}, {"cls": "s", **attrs}))
        return tuple(out)

    def with_defaults(
        self, default_b: Callable[[Callable[[], Array]], Any], default_sds: Any, frame: pd.DataFrame
    ) -> SmoothTerm:
        """The term with default priors."""

        def column(k: int) -> Array:
            found: Array = self.data(frame)[f"Xs{self.suffix}"][:, k]
            return found

        default = tuple(default_b(partial(column, k)) for k in range(len(self.coefs)))
        return replace(self, default_b=default, default_sds=default_sds)


def check_numbers(values: Any, text: str) -> None:
    """Refuse a factor where a smooth needs numbers."""
    if isinstance(values, FactorValue):
        raise DataError(
            f"{text} is a factor, but a smooth needs numbers: use it as by = {text}, or in "
            'bs = "re" and bs = "fs"'
        )
