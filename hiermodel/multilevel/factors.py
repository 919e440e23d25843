"""Grouping factors of a fit with their draws: what every multilevel question starts from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from hiermodel.arguments import texts
from hiermodel.errors import DataError, HiermodelError, did_you_mean
from hiermodel.predictors import Predictor
from hiermodel.terms.base import Array
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.group_view import GroupView

if TYPE_CHECKING:
    from hiermodel.fitted import Fit
    from hiermodel.submodel import Submodel


@dataclass(frozen=True, eq=False)
class Factor:
    """One grouping factor: its levels, coefficients and draws.

    Attributes
    ----------
    name : str
    levels : tuple of str
    coefs : tuple of str
        Labels of the coefficients of this response, ``days`` or ``sigma_Intercept``.
    r : ndarray (S, levels, coefs)
        Draws of the effects, chains joined.
    sd : ndarray (S, levels, coefs)
        Standard deviation of the distribution that each level's effect is from. Levels share
        it, unless there is a ``by`` factor or a known covariance between them.
    owners : tuple of GroupEffects
    """

    name: str
    levels: tuple[str, ...]
    coefs: tuple[str, ...]
    r: Array
    sd: Array
    owners: tuple[GroupEffects, ...]

    @property
    def student(self) -> bool:
        """Whether the effects follow a Student distribution: `sd` is then its scale."""
        return any(owner.student for owner in self.owners)

    def rows(self, frame: pd.DataFrame) -> Array:
        """Number of rows of each level; with ``mm()`` those in which it has some weight."""
        grouping = self.owners[0].grouping
        codes = grouping.codes(frame)
        shape = (len(frame), len(self.levels))
        held = np.zeros(shape, dtype=bool)
        weights = grouping.weight_columns(frame) if grouping.multi else (np.ones(len(frame)),)
        for column, weight in zip(codes, weights, strict=True):
            held[np.arange(len(frame)), column] |= weight > 0
        counts: Array = held.sum(axis=0)
        return counts

    def position(self, coef: str) -> int:
        """Place of a coefficient.

        Raises
        ------
        DataError
            For one that does not vary over the levels.
        """
        if coef not in self.coefs:
            raise DataError(
                f"{coef!r} does not vary over {self.name!r}{did_you_mean(str(coef), self.coefs)}; "
                f"its coefficients are {', '.join(self.coefs)}"
            )
        return self.coefs.index(coef)


def flat(array: xr.DataArray) -> Array:
    """Draws with chains joined, (S, ...)."""
    values = np.asarray(array.transpose("chain", "draw", ...).values, dtype=float)
    return values.reshape(-1, *values.shape[2:])


def factors(fit: Fit, group: str | Iterable[str] | None = None) -> tuple[Factor, ...]:
    """The grouping factors of a fit of one response, or those that are named.

    Raises
    ------
    DataError
        For a model without group-level terms, or a factor that it does not have.
    HiermodelError
        For a model of several responses.
    """
    part = fit.model.part
    by_name: dict[str, list[GroupEffects]] = {}
    for owner in fit.model.groups:
        if part.name in owner.responses:
            by_name.setdefault(owner.name, []).append(owner)
    if not by_name:
        raise DataError(
            "the model has no group-level terms: write one into the formula, such as (1 | g)"
        )
    if group is None:
        wanted = list(by_name)
    else:
        wanted = texts("group", group, next(iter(by_name)))
        for name in wanted:
            if name not in by_name:
                raise DataError(
                    f"the model has no grouping factor {name!r}{did_you_mean(name, by_name)}; "
                    f"it has {', '.join(by_name)}"
                )
    return tuple(_factor(fit, part, tuple(by_name[name])) for name in wanted)


def _factor(fit: Fit, part: Submodel, owners: tuple[GroupEffects, ...]) -> Factor:
    first = owners[0]
    r_all, sd_all = fit.posterior[f"r_{first.key}"], fit.posterior[f"sd_{first.key}"]
    every = [str(v) for v in r_all.coords[r_all.dims[-1]].values]
    labels = tuple(
        coef.label for owner in owners for coef in owner.coefs if coef.scope.resp == part.name
    )
    at = [every.index(label) for label in labels]
    r, sd = flat(r_all)[:, :, at], flat(sd_all)[..., at]
    if first.by is not None:
        sd = sd[:, first.by.codes]
    else:
        sd = np.broadcast_to(sd[:, None, :], r.shape)
    if first.cov_factor is not None:
        own = np.sqrt(np.sum(np.asarray(first.cov_factor) ** 2, axis=1))
        sd = sd * own[None, :, None]
    levels = tuple(str(v) for v in first.grouping.levels)
    return Factor(first.name, levels, labels, r, sd, owners)


def one_factor(fit: Fit, group: str | None) -> Factor:
    """The factor of that name, or the only one.

    Raises
    ------
    DataError
        When there are several and none is named.
    """
    if group is not None and not isinstance(group, str):
        raise DataError(f"group must be the name of one grouping factor, not {group!r}")
    found = factors(fit, group)
    if len(found) > 1:
        raise DataError(
            "the model has several grouping factors: pass group=, one of "
            + ", ".join(f.name for f in found)
        )
    return found[0]


def linear_predictor(fit: Fit, dpar: str | None, what: str) -> Predictor:
    """The linear predictor of a parameter, the main one by default.

    Raises
    ------
    HiermodelError
        For a parameter without a formula, and for non-linear formulas, mixtures and categories
        that have a predictor each.
    """
    part = fit.model.part
    linear = [p for p in part.predictors if isinstance(p, Predictor) and p.param]
    if dpar is not None:
        named = {p.scope.dpar or p.param: p for p in linear}
        if dpar not in named:
            raise HiermodelError(
                f"{what}: {dpar!r} has no linear predictor in this model"
                f"{did_you_mean(str(dpar), named)}; those with a formula: "
                f"{', '.join(named) or 'none'}"
            )
        return named[dpar]
    main = part.main
    if part.family.components or part.family.per_category:
        known = ", ".join(p.scope.dpar or p.param for p in linear)
        raise HiermodelError(
            f"{what}: family {part.family.name} has several main predictors ({known})"
            + (", name one with dpar=" if what == "anova()" else ", and this needs a single one")
        )
    if not isinstance(main, Predictor):
        raise HiermodelError(
            f"{what} needs a linear predictor, and that of {part.response.name!r} is non-linear"
        )
    return main


def check_independent_rows(fit: Fit, what: str) -> None:
    """Refuse models whose residuals are correlated: their variance is not that of one number.

    Raises
    ------
    HiermodelError
    """
    dependence = fit.model.part.dependence
    if dependence:
        raise HiermodelError(
            f"{what} is not built for residuals that depend on each other, as {dependence} makes "
            "them"
        )


def views(predictor: Predictor, name: str | None = None) -> tuple[GroupView, ...]:
    """The group-level terms of a predictor, or those of one grouping factor."""
    return tuple(
        term for term in predictor.terms
        if isinstance(term, GroupView) and name in (None, term.owner.name)
    )
