"""Which models can be collapsed, and for which it is worth it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from hiermodel.collapse.collapsed import CollapsedModel
from hiermodel.collapse.regression import CollapsedRegression
from hiermodel.errors import HiermodelError
from hiermodel.predictors import Predictor
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.offset import OffsetTerm
from hiermodel.terms.population import PopulationTerm

if TYPE_CHECKING:
    from hiermodel.modeling import Model

# Below this a regression without group-level effects has no time to win.
_FEW_ROWS = 1_000
# Draws of effects of crossed factors take so many times the steps (InstEval, 31 against 15, the
# number of parameters apart).
_CROSSED = 1.5


def collapsed_model(model: Model) -> CollapsedModel:
    """Integrate the effects of the largest grouping factor out of a model.

    Of a model without group-level effects the rows are rotated alone.

    Raises
    ------
    HiermodelError
        When that is not possible; the message names what stands in the way.
    """
    reason = next(_obstacles(model), "")
    if reason:
        raise HiermodelError(
            f"the model cannot be collapsed: {reason}; leave collapse to 'auto', or say False"
        )
    if not model.groups:
        return CollapsedRegression(model, ())
    return CollapsedModel(model, max(_plain(model), key=_effects))


def factors(model: Model) -> tuple[tuple[GroupEffects, ...], ...]:
    """The blocks of effects of each grouping factor."""
    by_name: dict[str, list[GroupEffects]] = {}
    for group in model.groups:
        by_name.setdefault(group.name, []).append(group)
    return tuple(tuple(blocks) for blocks in by_name.values())


def _plain(model: Model) -> tuple[tuple[GroupEffects, ...], ...]:
    """The factors whose effects can be integrated out."""
    return tuple(
        blocks for blocks in factors(model)
        if not any(reason for group in blocks for reason in _group_obstacles(group))
    )


def _effects(blocks: tuple[GroupEffects, ...]) -> int:
    return sum(len(g.grouping.levels) * len(g.coefs) for g in blocks)


def worth_it(model: Model, rows: pd.DataFrame) -> bool:
    """True when the model can be collapsed and a draw then costs less.

    The steps of a draw grow with the fourth root of the number of parameters (Beskos et al. 2013,
    Bernoulli 19, 1501-1534), and effects of crossed factors hang together. The cost of a step is
    counted in numbers touched. As it stands, every row is touched for each population-level column,
    twice for each varying coefficient (its effect, its design) and four times by predictor and
    density, and every effect three times. Collapsed, every level of the factor is touched for each
    rotated row and column, and about ``4 q^2`` times by the algebra of its ``q`` coefficients.
    Where other grouping factors stay, the sums over cells are twice the work of so many rows. Of a
    model without group-level effects as many rows are left as there are columns; from 1000 rows on
    that is worth it where they are less than half.

    Parameters
    ----------
    model : Model
    rows : DataFrame
        The rows to fit.
    """
    if next(_obstacles(model), ""):
        return False
    collapsed = collapsed_model(model)
    if not model.groups:
        return model.nobs >= max(_FEW_ROWS, 2 * (collapsed.columns + 1))
    columns, q, others = collapsed.columns, collapsed.coefs, collapsed.others
    varying = q + sum(len(g.coefs) for g in others)
    plain = model.nobs * (columns + 2 * varying + 4) + 3 * collapsed.levels * q
    cells = collapsed.count_cells(rows) * (2 * columns + 4 * varying + 4) if others else 0
    few = columns + sum(len(g.coefs) * (1 + len(g.grouping.levels)) for g in others)
    longer = (1 + collapsed.levels * q / (few + q)) ** 0.25 * (_CROSSED if others else 1.0)
    return cells + collapsed.levels * (q * columns + 4 * q * q + 4) <= plain * longer


def _obstacles(model: Model) -> Iterator[str]:
    """What stands in the way, in words."""
    if model.is_multivariate:
        yield "it has several responses"
        return
    part = model.parts[0]
    family = part.family
    if family.custom or family.components or family.distribution.name != "normal":
        yield f"family {family.name!r} is not gaussian"
        return
    if family.link("mu") != "identity":
        yield f"the link of mu is {family.link('mu')!r}, not identity"
    if part.imputed is not None:
        yield f"missing values of {part.response.name!r} are parameters of their rows, mi()"
    if part.dependence:
        yield f"{part.dependence} makes rows depend on each other"
    for role in part.response.additions.values:
        if role not in ("weights", "se"):
            yield f"of addition terms only weights() and se() allow it, not {role}"
    if "se" in part.response.additions and part.response.additions.se_with_sigma:
        yield "with se(sigma = TRUE) the residual standard deviation differs between rows"
    yield from _predictor_obstacles(model)
    if model.stanvars:
        yield "stanvars may refer to rows or effects"
    if model.threads > 1:
        yield "threads within a chain share out rows, of which none is left"
    names = [f"{kind}_{g.index}" for g in model.groups for kind in "rzJN"]
    for text in model.resolved_priors.raw:
        if re.search(rf"\b({'|'.join([*names, 'mu', 'Y', 'X', 'Xc'])})\b", text):
            yield f"the prior statement {text!r} refers to rows or effects"
    if model.groups and not _plain(model):
        # Nothing is left to choose from: tell of the largest one.
        for group in max(factors(model), key=_effects):
            yield from _group_obstacles(group)


def _predictor_obstacles(model: Model) -> Iterator[str]:
    part = model.parts[0]
    for predictor in part.predictors:
        if not isinstance(predictor, Predictor):
            yield f"the formula of {predictor.name} is not linear"
    for predictor in part.predictors:
        if not isinstance(predictor, Predictor):
            continue
        if predictor.name != "mu":
            yield f"{predictor.name} has a formula"
        else:
            for term in predictor.terms:
                if not isinstance(term, (PopulationTerm, OffsetTerm, GroupView)):
                    yield f"the term {term.text} cannot be rotated with the rows"
    if "se" not in part.response.additions and part.constant_sigma is None:
        yield "sigma is not one number"


def _group_obstacles(group: GroupEffects) -> Iterator[str]:
    of = f"the effects of {group.name!r}"
    if group.student:
        yield f"{of} follow a Student distribution"
    if group.known_covariance:
        yield f"{of} have a known covariance between levels, gr(cov = )"
    if group.by is not None:
        yield f"{of} have a covariance for each level of {group.by.name}, gr(by = )"
    if group.prior_weight:
        yield f"{of} have weights of their prior, gr(pw = )"
    if group.grouping.multi:
        yield f"{of} belong to several members of each row, mm()"
