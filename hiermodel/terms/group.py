"""Group-level effects: one owner per (grouping factor, ID).

`GroupEffects` owns the coefficients that share one covariance matrix: it declares ``sd_i``,
``z_i``, ``L_i`` and builds the effects ``r_i``. Because ``(1 |ID| g)`` spans formulas, the owner
belongs to the model; each predictor holds a `GroupView` of its columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.centring import Centring
from hiermodel.terms.grouping import ByFactor, Grouping


@dataclass(frozen=True, slots=True)
class GroupCoef:
    """One coefficient that varies over the levels."""

    name: str
    scope: Scope
    default: Any

    @property
    def label(self) -> str:
        """Label that users see: ``days``, ``sigma_Intercept``."""
        prefix = self.scope.label
        return f"{prefix}_{self.name}" if prefix else self.name


@dataclass(frozen=True, eq=False)
class GroupEffects:
    """All effects of one grouping factor that share a covariance matrix.

    Non-centred: standard normal ``z_i`` times the standard deviations and the Cholesky factor
    of the correlations, then the known covariance between levels, then the Student mixture.
    The degrees of freedom belong to the grouping factor: the first of its blocks declares them
    (`declares_df`), numbered by grouping factor (`df_index`). With `centring` the program samples
    ``v_i`` in the place of ``z_i``; the effects are the same.
    """

    index: int
    grouping: Grouping
    coefs: tuple[GroupCoef, ...]
    correlated: bool
    student: bool
    df_index: int
    declares_df: bool
    by: ByFactor | None
    cov_factor: Array | None
    prior_weights: Array | None
    defaults: Mapping[str, Any]
    text: str
    centring: Centring | None = None

    @property
    def name(self) -> str:
        """Name of the grouping factor as users see it: ``subject``, ``g1:g2``, ``mms1s2``."""
        return self.grouping.name

    @property
    def key(self) -> str:
        """The name as part of the names of posterior variables, which may hold no slash."""
        return self.name.replace("/", "_")

    @property
    def responses(self) -> tuple[str, ...]:
        """The responses whose predictors hold its coefficients; ``("",)`` when there is one."""
        return tuple(dict.fromkeys(coef.scope.resp for coef in self.coefs))

    @property
    def has_cor(self) -> bool:
        """True when correlations are estimated."""
        return self.correlated and len(self.coefs) > 1

    @property
    def is_single(self) -> bool:
        """True for one coefficient: ``r_i`` is then a vector."""
        return len(self.coefs) == 1

    @property
    def prior_weight(self) -> bool:
        """True when levels have weights of their log prior (``pw``)."""
        return self.prior_weights is not None

    @property
    def known_covariance(self) -> bool:
        """True with ``gr(cov = )``."""
        return self.cov_factor is not None

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that say which level each row belongs to."""
        by = () if self.by is None else tuple(self.by.expression.variables)
        return (*self.grouping.columns_needed, *by)

    def _element(self, cls: str, coef: GroupCoef | None = None) -> PriorElement:
        if coef is None:
            return PriorElement("", self.name, default=self.defaults[cls])
        scope = coef.scope
        return PriorElement(
            coef.name, self.name, scope.resp, scope.dpar, scope.nlpar, coef.default
        )

    @property
    def variables(self) -> tuple[Var, ...]:
        """Data and parameters of the whole block."""
        i, name = self.index, self.name
        out = [
            Var(f"N_{i}", "int", lower="1", comment=f"levels of {name}"),
            Var(f"M_{i}", "int", lower="1", comment=f"coefficients per level of {name}"),
            *(v for resp in self.responses for v in self.grouping.variables(i, resp)),
        ]
        if self.by is not None:
            out += [
                Var(f"Nby_{i}", "int", lower="1", comment=f"levels of {self.by.name}"),
                Var(f"Jby_{i}", "int", array=(f"N_{i}",), lower="1", upper=f"Nby_{i}",
                    comment=f"level of {self.by.name} for each level of {name}"),
            ]
        if self.known_covariance:
            note = f"Cholesky factor of the known covariance between levels of {name}"
            out.append(Var(f"Lcov_{i}", "matrix", (f"N_{i}", f"N_{i}"), comment=note))
        if self.prior_weight:
            note = "weights of the levels' log prior"
            out.append(Var(f"PW_{i}", "vector", (f"N_{i}",), comment=note))
        return tuple(out) + self._parameters()

    def _parameters(self) -> tuple[Var, ...]:
        i, par = self.index, Block.PARAMETERS
        out: list[Var] = []
        if self.student and self.declares_df:
            df_prior = PriorTarget("df", (self._element("df"),))
            out += [
                Var(f"df_{self.df_index}", "real", lower="1", block=par, prior=df_prior,
                    comment=f"degrees of freedom of the effects of {self.name}"),
                Var(f"udf_{self.df_index}", "vector", (f"N_{i}",), lower="0", block=par,
                    comment="mixing variables of the Student distribution"),
            ]
        sd_prior = PriorTarget("sd", tuple(self._element("sd", coef) for coef in self.coefs))
        by_size = () if self.by is None else (f"Nby_{i}",)
        type_, size = "matrix" if by_size else "vector", (f"M_{i}", *by_size)
        out.append(
            Var(f"sd_{i}", type_, size, lower="0", block=par, prior=sd_prior,
                comment=f"standard deviations of the effects of {self.name}")
        )
        note = "standardised effects"
        if self.centring is not None:
            out += self.centring.variables(i, self.name)
        elif self.has_cor:
            out.append(Var(f"z_{i}", "matrix", (f"M_{i}", f"N_{i}"), block=par, comment=note))
        else:
            out.append(Var(f"z_{i}", "vector", (f"N_{i}",), (f"M_{i}",), par, comment=note))
        if not self.has_cor:
            return tuple(out)
        cor_prior = PriorTarget("cor", (self._element("cor"),))
        return (
            *out,
            Var(f"L_{i}", "cholesky_factor_corr", (f"M_{i}",),
                () if self.by is None else (f"Nby_{i}",), par, prior=cor_prior,
                comment="Cholesky factor of their correlations"),
        )

    def constants(self) -> dict[str, Any]:
        """Sizes and known matrices."""
        i = self.index
        out: dict[str, Any] = {f"N_{i}": len(self.grouping.levels), f"M_{i}": len(self.coefs)}
        if self.by is not None:
            out |= {f"Nby_{i}": len(self.by.labels), f"Jby_{i}": self.by.codes + 1}
        if self.cov_factor is not None:
            out[f"Lcov_{i}"] = self.cov_factor
        if self.prior_weights is not None:
            out[f"PW_{i}"] = self.prior_weights
        return out if self.centring is None else out | self.centring.constants(i)

    def coefficient(self, column: int) -> str:
        """The Stan expression of the effects of one coefficient (from 1), a vector of levels."""
        if self.is_single:
            return f"r_{self.index}"
        return f"r_{self.index}[, {column}]" if self.has_cor else f"r_{self.index}[{column}]"

    def correlations(self, draws: Mapping[str, Array]) -> Array | None:
        """Correlation matrices (chain, draw[, by], M, M), or None when there are none."""
        if not self.has_cor:
            return None
        factor = draws[f"L_{self.index}"]
        return factor @ np.swapaxes(factor, -1, -2)

    def effects(self, draws: Mapping[str, Array]) -> Array:
        """The effects r (chain, draw, levels, coefs): the twin of the template.

        Effects that were drawn after the parameters, by a model that integrates them out, are
        among the draws already.
        """
        i = self.index
        if f"r_{i}" in draws:
            return draws[f"r_{i}"]
        if self.centring is not None:
            return self.centred_effects(draws)[0]
        sd, z = draws[f"sd_{i}"], draws[f"z_{i}"]
        if self.has_cor:
            r = self._correlated(sd, draws[f"L_{i}"], z)
        else:
            # Known covariance first: with `by`, each level keeps its own standard deviation.
            z = z if self.cov_factor is None else z @ self.cov_factor.T
            scale = sd[..., None] if self.by is None else sd[..., self.by.codes]
            r = np.swapaxes(scale * z, -1, -2)
        if self.student:
            df = draws[f"df_{self.df_index}"][..., None]
            r = r * np.sqrt(df * draws[f"udf_{self.df_index}"])[..., None]
        return r

    def centred_effects(self, draws: Mapping[str, Array]) -> tuple[Array, Array]:
        """The effects r, and z that they would be made of in the program without centring."""
        assert self.centring is not None
        i = self.index
        factor = draws[f"L_{i}"] if self.has_cor else None
        return self.centring.effects(draws, draws[f"v_{i}"], draws[f"sd_{i}"], factor)

    def sampled_effects(self, draws: Mapping[str, Array], z: Array) -> Array:
        """What is sampled in the place of standardised effects: inverse of `centred_effects`."""
        assert self.centring is not None
        i = self.index
        factor = draws[f"L_{i}"] if self.has_cor else None
        return self.centring.sampled(draws, z, draws[f"sd_{i}"], factor)

    def _correlated(self, sd: Array, factor: Array, z: Array) -> Array:
        """Effects of correlated coefficients; the known covariance mixes finished effects."""
        if self.by is None:
            r: Array = np.einsum("cdm,cdmk,cdkn->cdnm", sd, factor, z, optimize=True)
        else:
            # One pass per level of `by` keeps the memory at the size of the result.
            r = np.empty((*z.shape[:2], z.shape[3], z.shape[2]))
            for k in range(len(self.by.labels)):
                at = self.by.codes == k
                r[:, :, at] = np.einsum(
                    "cdm,cdmk,cdkn->cdnm", sd[..., k], factor[:, :, k], z[..., at],
                    optimize=True,
                )
        return r if self.cov_factor is None else self.cov_factor @ r


@dataclass(frozen=True, eq=False)
class CoefficientEffects:
    """The effects of one coefficient as a `Source`: those of a larger factor move with them.

    Attributes
    ----------
    group : GroupEffects
    column : int
        From 1.
    """

    group: GroupEffects
    column: int

    @property
    def name(self) -> str:
        """Number of the block and of the coefficient."""
        return f"r_{self.group.index}_{self.column}"

    @property
    def text(self) -> str:
        """The effects."""
        return self.group.coefficient(self.column)

    @property
    def size(self) -> tuple[str, ...]:
        """The number of levels."""
        return (f"N_{self.group.index}",)

    def values(self, draws: Mapping[str, Array]) -> Array:
        """The effects (chain, draw, levels)."""
        return self.group.effects(draws)[..., self.column - 1]
