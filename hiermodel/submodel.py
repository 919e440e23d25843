"""`Submodel`: everything of a model that belongs to one of its responses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError
from hiermodel.expressions import LearnedExpression
from hiermodel.families.base import Family, Param
from hiermodel.frames import NeededColumns
from hiermodel.nonlinear import NonlinearPredictor
from hiermodel.predictors import Predictor
from hiermodel.response import Response, factor_labels, label_codes
from hiermodel.stan.likelihood import Likelihood
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array, Labelled, Scope
from hiermodel.terms.baseline import BaselineHazard
from hiermodel.terms.car import CarTerm
from hiermodel.terms.latent_residuals import LatentResiduals
from hiermodel.terms.missing import ImputedResponse
from hiermodel.terms.population import PopulationTerm
from hiermodel.terms.residual_covariance import Autocorrelation, ResidualCovariance
from hiermodel.terms.scalars import Scalar, ScalarParameter, dpar_attrs
from hiermodel.terms.special_effects import SpecialEffectsTerm
from hiermodel.terms.thresholds import Thresholds

AnyPredictor = Predictor | NonlinearPredictor


@dataclass(frozen=True, eq=False)
class Submodel:
    """One response with its family, its predictors and its likelihood.

    Attributes
    ----------
    name : str
        The response as part of names, ``y1``; empty when it is the only one.
    response : Response
    family : Family
    predictors : tuple of Predictor or NonlinearPredictor
        In the order in which they are computed: non-linear parameters first.
    thresholds : tuple of Thresholds
        One per ordinal (component of the) family.
    scalars : tuple of Scalar
        Parameters without a formula.
    fixed : mapping of str to float or str
        Parameters held at a number, or equal to another one.
    likelihood : Likelihood
    columns : NeededColumns
    subset : LearnedExpression, optional
        Which rows of the data this response uses.
    baseline : BaselineHazard, optional
        Of a proportional hazards family.
    own_data : mapping
        Data of the user (`hiermodel.stanvar`) by name, for densities that take them.
    imputed : ImputedResponse, optional
        With ``mi()`` on the left-hand side: the parameters behind missing responses.
    autocor : Autocorrelation, optional
        What makes the rows depend on each other, but for effects in linear predictors.
    """

    name: str
    response: Response
    family: Family
    predictors: tuple[AnyPredictor, ...]
    thresholds: tuple[Thresholds, ...]
    scalars: tuple[Scalar, ...]
    fixed: Mapping[str, float | str]
    likelihood: Likelihood
    columns: NeededColumns
    subset: LearnedExpression | None = None
    baseline: BaselineHazard | None = None
    own_data: Mapping[str, Any] = field(default_factory=dict)
    imputed: ImputedResponse | None = None
    autocor: Autocorrelation | None = None

    @property
    def scope(self) -> Scope:
        """The scope of the response as a whole."""
        return Scope(resp=self.name)

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.scope.suffix

    @property
    def main(self) -> AnyPredictor:
        """The predictor of the first parameter of the family."""
        return next(p for p in self.predictors if p.param)

    @property
    def latent_residuals(self) -> tuple[LatentResiduals, ...]:
        """Residuals in linear predictors, of families that have none of their own."""
        terms = (term for predictor in self.predictors for term in predictor.terms)
        return tuple(term for term in terms if isinstance(term, LatentResiduals))

    @property
    def residual_covariance(self) -> ResidualCovariance | None:
        """What correlates the residuals of its rows, where the program says how."""
        return None if self.autocor is None else self.autocor.covariance

    @property
    def dependence(self) -> str:
        """The terms through which rows need each other; empty where they do not."""
        parts = [one.text for one in (self.autocor, *self.latent_residuals) if one is not None]
        return " + ".join(parts)

    @property
    def by_number(self) -> str:
        """The terms that know rows by their number: matrices of rows, maps without ``gr =``."""
        places = [term for p in self.predictors if isinstance(p, Predictor) for term in p.terms
                  if isinstance(term, CarTerm) and not term.members]
        matrices = self.autocor is not None and self.autocor.needs_all_rows
        parts = [self.autocor.text] if matrices and self.autocor is not None else []
        return " + ".join([*parts, *(term.text for term in places)])

    @property
    def bound_to_rows(self) -> bool:
        """True when a row of the data, given alone as new data, is not what it is among them.

        Rows depend on each other, have true or imputed values of their own, or a place on a map
        by their number.
        """
        terms = [t for p in self.predictors if isinstance(p, Predictor) for t in p.terms]
        latent = any(isinstance(t, SpecialEffectsTerm) and t.latent_factors for t in terms)
        return bool(self.dependence or self.by_number) or self.imputed is not None or latent

    @property
    def variables(self) -> tuple[Var, ...]:
        """All Stan variables that it declares."""
        out = [Var(self.scope.rows, "int", lower="0", comment="rows"), *self.response.variables]
        for thresholds in self.thresholds:
            out += thresholds.variables
        out += self.response.additions.variables
        if self.imputed is not None:
            out += self.imputed.variables
        for predictor in self.predictors:
            for term in predictor.terms:
                out += term.variables
        if self.autocor is not None:
            out += self.autocor.variables
        for scalar in self.scalars:
            out += scalar.variables
        if self.baseline is not None:
            out += self.baseline.variables
        # Ordinal components of a mixture share the number of their thresholds.
        return tuple({var.name: var for var in out}.values())

    @property
    def derived(self) -> tuple[Param, ...]:
        """Parameters of the family that are computed from a declared one and from all rows."""
        raw = {scalar.raw for scalar in self.scalars if isinstance(scalar, ScalarParameter)}
        return tuple(p for p in self.family.params if p.derived and p.derived.raw in raw)

    @property
    def constant_sigma(self) -> str | float | None:
        """The residual standard deviation: a parameter, a number, or None when it is neither."""
        additions = self.response.additions
        if "se" in additions and not additions.se_with_sigma:
            return None
        fixed = self.fixed.get("sigma")
        if isinstance(fixed, (int, float)):
            return float(fixed)
        found = [
            s.name for s in self.scalars
            if isinstance(s, ScalarParameter) and s.param == "sigma" and not s.raw
        ]
        return found[0] if found and fixed is None else None

    # ------------------------------------------------------------------ rows and data

    def places(self, frame: pd.DataFrame) -> Array:
        """Positions of the rows of a frame that this response uses: its subset, complete there."""
        if self.subset is None:
            return np.arange(len(frame))
        chosen = subset_rows(self.subset, frame)
        for name in self.columns.complete:
            chosen &= frame[name].notna().to_numpy()
        return np.flatnonzero(chosen)

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of a frame that this response uses."""
        if self.subset is None:
            return frame
        return frame.iloc[self.places(frame)].reset_index(drop=True)

    def new_places(self, frame: pd.DataFrame) -> Array:
        """Positions of the rows of new data that are for this response.

        Those of its subset, or all where the data do not say.
        """
        every = np.arange(len(frame))
        if self.subset is None or not set(self.subset.variables) <= set(frame.columns):
            return every
        return every[subset_rows(self.subset, frame)]

    def constants(self) -> dict[str, Any]:
        """Stan data that do not depend on the rows."""
        out: dict[str, Any] = dict(self.response.constants())
        for predictor in self.predictors:
            for term in predictor.terms:
                out |= term.constants()
        for thresholds in self.thresholds:
            out |= thresholds.constants()
        if self.baseline is not None:
            out |= self.baseline.constants()
        if self.autocor is not None:
            out |= self.autocor.constants()
        return out

    def outcome(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Stan data of the response and its addition terms."""
        y, additions = self.response.coded(frame), self.response.additions.data(frame)
        out = {self.scope.rows: len(frame), self.response.var.name: y, **additions}
        if self.imputed is not None:
            # Stan has no missing values; these are never read.
            out[self.response.var.name] = np.where(np.isnan(y), np.inf, y)
            out |= self.imputed.data(frame)
        if self.baseline is not None:
            out |= self.baseline.data(frame, y, additions)
        if self.autocor is not None:
            out |= self.autocor.data(frame)
        return out

    def design(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """Stan data of the predictors that have one entry per row."""
        out: dict[str, Any] = {}
        for predictor in self.predictors:
            out |= predictor.data(frame, missing)
        codes = self.threshold_codes(frame)
        if codes is not None:
            first = self.thresholds[0]
            out[f"Jthres{first.data_suffix}"] = first.row_bounds(codes)
        return out

    def threshold_codes(self, frame: pd.DataFrame) -> Array | None:
        """Threshold group of each row, from 0; None without ``thres(gr = )``."""
        if not any(t.grouped for t in self.thresholds):
            return None
        labels = factor_labels(self.response.additions.values["thres_gr"].value(frame))
        return label_codes(labels, self.thresholds[0].groups, "thres(gr = )", "threshold groups")

    # ------------------------------------------------------------------ draws

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables, but for those of the group-level effects."""
        out: list[Labelled] = []
        for thresholds in self.thresholds:
            out += thresholds.label(draws, self._shift(thresholds, draws))
        for predictor in self.predictors:
            for term in predictor.terms:
                out += term.label(draws)
        if self.autocor is not None:
            out += self.autocor.label(draws)
        for scalar in self.scalars:
            out += scalar.label(draws)
        shape = next(iter(draws.values())).shape[:2]
        for name, value in self._given():
            attrs = dpar_attrs(name, self.name)
            shown = np.broadcast_to(value(draws), shape)
            out.append(Labelled(f"{name}{self.suffix}", shown, attrs=attrs))
        if self.baseline is not None:
            out += self.baseline.label(draws)
        if self.imputed is not None:
            out += self.imputed.label(draws)
        return tuple(out)

    def _given(self) -> Iterator[tuple[str, Callable[[Mapping[str, Array]], Any]]]:
        """What the user gave in the place of parameters: numbers, or other parameters."""
        numbers = {s.param: s.name for s in self.scalars if isinstance(s, ScalarParameter)}
        defaults = {param.name: param.fixed for param in self.family.params}
        shares = [name for name in self.fixed if name.startswith("theta")]
        whole = bool(shares) and len(shares) == len(self.family.components)
        for name, value in self.fixed.items():
            if isinstance(value, str):
                if value in numbers:
                    yield name, partial(_drawn, numbers[value])
            elif self.family.components and name.startswith("theta"):
                if whole:
                    yield name, partial(_constant, float(np.exp(value)))
            elif value != defaults.get(name):
                yield name, partial(_constant, value)

    def _shift(self, thresholds: Thresholds, draws: Mapping[str, Array]) -> Array | float:
        """What centring took from the thresholds: the column means times their coefficients."""
        predictor = next(p for p in self.predictors if p.param == thresholds.param)
        population = predictor.terms[0] if predictor.terms else None
        if not isinstance(population, PopulationTerm):
            return 0.0
        if not population.centred or population.is_empty:
            return 0.0
        shift: Array = population.label(draws)[0].values @ population.means
        return shift


def _drawn(name: str, draws: Mapping[str, Array]) -> Array:
    return draws[name]


def _constant(value: float, draws: Mapping[str, Array]) -> float:
    return value


def subset_rows(expression: LearnedExpression, frame: pd.DataFrame) -> Array:
    """The rows that ``subset(x)`` keeps, from TRUE/FALSE or 1/0."""
    labels = factor_labels(expression.value(frame))
    table = {"TRUE": True, "FALSE": False, "1": True, "0": False}
    wrong = [label for label in labels if str(label) not in table]
    if wrong:
        raise DataError(
            f"subset({expression.text}) takes TRUE/FALSE (or 1/0) in every row, not {wrong[0]!r}"
        )
    return np.array([table[str(label)] for label in labels], dtype=bool)
