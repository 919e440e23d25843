"""The statements of a horseshoe and of an R2D2 prior, given which scales there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hiermodel.errors import PriorError
from hiermodel.priors.computed import Array, Computed, Scales
from hiermodel.priors.rows import RowKey
from hiermodel.priors.shrinkage import Horseshoe, R2D2Prior
from hiermodel.priors.specify import Prior
from hiermodel.stan.variables import Block, Var


@dataclass(frozen=True, slots=True)
class Shown:
    """A variable of the posterior that belongs to such a prior, and the labels of its entries."""

    name: str
    cls: str
    key: RowKey
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class SharedPrior:
    """One such prior of one predictor.

    Attributes
    ----------
    parameters : tuple of Var
        Its own: global and local scales.
    replaced : mapping of str to (Var or None)
        For each variable that is scaled what is sampled in its place, if anything.
    computed : tuple of Computed
        Scales and scaled variables, in the order of the program.
    statements : tuple of (str, str)
        Pairs of tag and statement about the whole: part of the log prior.
    unscaled : tuple of str
        Statements about standardised coefficients and local scales, for the model block.
    data : tuple of (Var, value)
    shown : tuple of Shown
    """

    parameters: tuple[Var, ...]
    replaced: Mapping[str, Var | None]
    computed: tuple[Computed, ...]
    statements: tuple[tuple[str, str], ...]
    unscaled: tuple[str, ...]
    data: tuple[tuple[Var, float | Array], ...]
    shown: tuple[Shown, ...]


def _number(name: str, comment: str, lower: str = "0") -> Var:
    return Var(name, "real", lower=lower, comment=comment)


def _parameter(name: str, comment: str, upper: str = "") -> Var:
    return Var(name, "real", block=Block.PARAMETERS, lower="0", upper=upper, comment=comment)


def horseshoe_program(
    prior: Horseshoe, s: str, sigma: str, lpdf: str, rows: int, labels: Sequence[str],
    key: RowKey, given: Prior,
) -> SharedPrior:
    """Global, local and slab scales (Piironen and Vehtari 2017, section 2.3)."""
    count, half = f"Kscales{s}", lpdf == "lpdf"
    size = Var(count, "int", lower="1", comment="scales of the horseshoe prior")
    numbers = {
        "df": (prior.df, "degrees of freedom of the local scales"),
        "df_global": (prior.df_global, "degrees of freedom of the global scale"),
        "df_slab": (prior.df_slab, "degrees of freedom of the slab"),
        "scale_global": (prior.global_scale(rows), "scale of the global scale"),
        "scale_slab": (prior.scale_slab, "scale of the slab"),
    }
    data = [(_number(f"hs_{name}{s}", note), value) for name, (value, note) in numbers.items()]
    local = Var(f"hs_local{s}", "vector", (count,), block=Block.PARAMETERS, lower="0",
                comment="local scales")
    scales = Var(f"scales{s}", "vector", (count,), block=Block.TRANSFORMED_PARAMETERS, lower="0",
                 comment="scales of the horseshoe prior")
    product = f"hs_global{s} * hs_local{s}"
    formula = (
        f"{scales.name} = {product} ./ sqrt(1 + square({product}) / "
        f"(square(hs_scale_slab{s}) * hs_slab{s}));"
    )
    spread = f"hs_scale_global{s}" + (f" * {sigma}" if sigma else "")
    return SharedPrior(
        parameters=(
            _parameter(f"hs_global{s}", "global scale"),
            _parameter(f"hs_slab{s}", "variance of the slab, in units of its scale"),
            local,
        ),
        replaced={},
        computed=(Scales(scales, (formula,), True, s, slab=prior.scale_slab),),
        # Half of a distribution around zero is left, whatever its scale.
        statements=(
            (given.tag, f"TARGET += student_t_{lpdf}(hs_global{s} | hs_df_global{s}, 0, {spread})"
                  + (" - log(0.5);" if half else ";")),
            (given.tag, f"TARGET += inv_gamma_{lpdf}(hs_slab{s} | 0.5 * hs_df_slab{s}, "
                  f"0.5 * hs_df_slab{s});"),
        ),
        unscaled=(
            f"target += student_t_{lpdf}(hs_local{s} | hs_df{s}, 0, 1)"
            + (f" - {count} * log(0.5);" if half else ";"),
        ),
        data=((size, len(labels)), *data),
        shown=(
            Shown(f"hs_global{s}", "hs", key), Shown(f"hs_slab{s}", "hs", key),
            Shown(local.name, "hs_local", key, tuple(labels)),
        ),
    )


def r2d2_program(
    prior: R2D2Prior, s: str, sigma: str, lpdf: str, labels: Sequence[str],
    key: RowKey, given: Prior,
) -> SharedPrior:
    """The explained variance and its shares (Zhang et al. 2022; Aguilar and Buerkner 2023)."""
    count = f"Kscales{s}"
    if len(prior.cons_D2) not in (1, len(labels)):
        raise PriorError(
            f"{given}: cons_D2 has {len(prior.cons_D2)} concentrations, but there are "
            f"{len(labels)} shares: {', '.join(labels)}"
        )
    concentrations = np.array(prior.cons_D2 * (len(labels) // len(prior.cons_D2)))
    shares = Var(f"R2D2_phi{s}", "simplex", (count,), block=Block.PARAMETERS,
                 comment="shares of the explained variance")
    tau2 = Var(f"R2D2_tau2{s}", "real", block=Block.TRANSFORMED_PARAMETERS, lower="0",
               comment="variance that is shared out")
    scales = Var(f"scales{s}", "vector", (count,), block=Block.TRANSFORMED_PARAMETERS, lower="0",
                 comment="scales of the R2D2 prior")
    r2 = f"R2D2_R2{s}"
    variance = f"square({sigma}) * " if sigma else ""
    mean, precision = f"R2D2_mean_R2{s}", f"R2D2_prec_R2{s}"
    return SharedPrior(
        parameters=(
            _parameter(r2, "explained share of the variance", upper="1"), shares,
        ),
        replaced={},
        computed=(
            Scales(tau2, (f"{tau2.name} = {variance}{r2} / (1 - {r2});",), False, s, sigma=sigma,
                   part="tau2"),
            Scales(scales, (f"{scales.name} = sqrt({shares.name} * {tau2.name});",), False, s),
        ),
        statements=(
            (given.tag,
             f"TARGET += beta_{lpdf}({r2} | {mean} * {precision}, (1 - {mean}) * {precision});"),
        ),
        unscaled=(f"target += dirichlet_{lpdf}({shares.name} | R2D2_cons_D2{s});",),
        data=(
            (Var(count, "int", lower="1", comment="scales of the R2D2 prior"), len(labels)),
            (Var(mean, "real", lower="0", upper="1", comment="mean of R2"), prior.mean_R2),
            (_number(precision, "precision of R2"), prior.prec_R2),
            (Var(f"R2D2_cons_D2{s}", "vector", (count,), lower="0",
                 comment="concentrations of the shares"), concentrations),
        ),
        shown=(
            Shown(r2, "R2D2", key), Shown(tau2.name, "R2D2", key),
            Shown(shares.name, "R2D2_phi", key, tuple(labels)),
        ),
    )
