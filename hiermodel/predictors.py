"""Linear predictors: one per parameter that has a formula."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec
from hiermodel.expressions import learn
from hiermodel.formula import deparse
from hiermodel.formula.syntax import Expansion
from hiermodel.links import link_named
from hiermodel.schema import Schema
from hiermodel.stan.expr import StanExpr
from hiermodel.terms.base import Array, Scope, Term, special_term_factory
from hiermodel.terms.build_autocor import KINDS as AUTOCOR_KINDS
from hiermodel.terms.build_car import build_car
from hiermodel.terms.build_gaussian_processes import build_gaussian_processes
from hiermodel.terms.build_smooths import KINDS as SMOOTHS
from hiermodel.terms.build_smooths import SmoothContext, build_smooths
from hiermodel.terms.build_special_effects import build_special_effects, is_special
from hiermodel.terms.car import CarTerm
from hiermodel.terms.category_specific import (
    CategorySpecificTerm,
    CategorySpecificView,
    joined,
)
from hiermodel.terms.gaussian_process import GaussianProcessTerm
from hiermodel.terms.offset import OffsetTerm
from hiermodel.terms.population import PopulationTerm, thin_r_inverse
from hiermodel.terms.smooths import SmoothTerm
from hiermodel.terms.special_effects import Latents, SpecialEffectsTerm

#: Kinds of special terms that are built here, or for the response as a whole.
BUILT = frozenset({*SMOOTHS, *AUTOCOR_KINDS, "gp", "car"})


@dataclass(frozen=True, eq=False)
class Predictor:
    """The linear predictor of one parameter.

    Attributes
    ----------
    param : str
        Parameter of the family: ``mu`` also for the categories of a nominal family; empty for
        a parameter of a non-linear formula.
    name : str
        Its name in Stan and for users: ``mu``, ``sigma``, ``muversicolor``.
    scope : Scope
    link : str
    terms : tuple of Term
        The population-level term first.
    on_link_scale : bool
        True where the density itself applies the link (ordinal and nominal families).
    """

    param: str
    name: str
    scope: Scope
    link: str
    terms: tuple[Term, ...]
    on_link_scale: bool = False

    @property
    def population(self) -> PopulationTerm:
        """The population-level term."""
        first = self.terms[0]
        assert isinstance(first, PopulationTerm)
        return first

    @property
    def category_specific(self) -> tuple[CategorySpecificTerm | CategorySpecificView, ...]:
        """Terms that move the thresholds of an ordinal family."""
        moving = tuple(term for term in self.terms if hasattr(term, "threshold_effects"))
        return cast("tuple[CategorySpecificTerm | CategorySpecificView, ...]", moving)

    @property
    def start(self) -> str:
        """Stan expression with which the predictor starts."""
        population = self.population
        return population.intercept if population.has_intercept else "0"

    @property
    def inverse_link_statement(self) -> str:
        """The statement that brings it to the scale of the parameter, if one is needed."""
        if self.link == "identity" or self.on_link_scale:
            return ""
        inverse = link_named(self.link).stan_inverse(StanExpr(self.name, rows=True))
        return f"{self.name} = {inverse.text};\n"

    @property
    def functions(self) -> tuple[str, ...]:
        """Stan functions that the link needs."""
        return () if self.on_link_scale else link_named(self.link).functions

    @property
    def smooths(self) -> SmoothTerm | None:
        """The smooths, if there are any."""
        return next((t for t in self.terms if isinstance(t, SmoothTerm)), None)

    @property
    def processes(self) -> GaussianProcessTerm | None:
        """The Gaussian processes, if there are any."""
        return next((t for t in self.terms if isinstance(t, GaussianProcessTerm)), None)

    @property
    def special_effects(self) -> SpecialEffectsTerm | None:
        """The effects of ``mo()``, ``me()`` and ``mi()``, if there are any."""
        return next((t for t in self.terms if isinstance(t, SpecialEffectsTerm)), None)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """Row data of all its terms."""
        out: dict[str, Any] = {}
        for term in self.terms:
            out |= term.data(frame, missing)
        return out

    def eta(
        self, draws: Mapping[str, Array], data: Mapping[str, Any], shape: tuple[int, int],
        others: Mapping[str, Array],
    ) -> Array:
        """The linear predictor, `shape` draws x rows: the twin of its Stan lines.

        `others` are predictors computed before, which only non-linear ones read.
        """
        total = np.zeros(shape)
        for term in self.terms:
            total += term.eta(draws, data)
        return total


@dataclass(frozen=True, slots=True)
class PredictorOptions:
    """How the population-level part of a formula is parameterised."""

    center: bool = True
    cmc: bool = True
    sparse: bool = False
    qr: bool = False
    knots: Mapping[str, Sequence[float]] = field(default_factory=dict)
    data2: Mapping[str, Any] = field(default_factory=dict)


def build_predictor(
    expansion: Expansion,
    param: str,
    name: str,
    scope: Scope,
    link: str,
    frame: pd.DataFrame,
    schema: Schema,
    options: PredictorOptions,
    thresholds: bool = False,
    on_link_scale: bool = False,
    latents: Latents | None = None,
) -> Predictor:
    """Resolve the population-level term and the offsets of a formula.

    Group-level views are added by the model, which owns the effects; default priors are
    attached by `with_defaults` once the offsets are known.
    """
    population = _population(expansion, scope, frame, schema, options, thresholds)
    terms: list[Term] = [population]
    if expansion.offsets:
        expressions = tuple(
            learn(node, frame, schema, expansion.source) for node in expansion.offsets
        )
        text = " + ".join(f"offset({deparse(node)})" for node in expansion.offsets)
        terms.append(OffsetTerm(scope, expressions, text))
    smooths = [special for special in expansion.specials if special.kind in SMOOTHS]
    if smooths:
        context = SmoothContext(frame, schema, expansion.source, options.knots)
        terms.append(build_smooths(smooths, scope, context))
    processes = [special for special in expansion.specials if special.kind == "gp"]
    if processes:
        terms.append(build_gaussian_processes(processes, scope, frame, schema, expansion.source))
    maps = [special for special in expansion.specials if special.kind == "car"]
    if maps:
        terms.append(build_car(maps, scope, frame, options.data2, schema.drop_unused_levels))
    ours = [special for special in expansion.specials if is_special(special)]
    if ours:
        found = latents or Latents()
        terms.append(build_special_effects(ours, scope, frame, schema, expansion.source, found))
    for special in expansion.specials:
        if special.kind in BUILT or is_special(special):
            continue
        factory = special_term_factory(special, expansion.source)
        terms.append(factory(special, scope, frame, schema))
    return Predictor(
        param, name, scope, link, joined(tuple(terms), frame, schema), on_link_scale
    )


def _population(
    expansion: Expansion,
    scope: Scope,
    frame: pd.DataFrame,
    schema: Schema,
    options: PredictorOptions,
    thresholds: bool,
) -> PopulationTerm:
    source = expansion.source
    if thresholds:
        # Thresholds are the intercepts: columns are coded as beside an intercept, without it.
        design = DesignSpec.learn(expansion.terms, False, frame, schema, cmc=False, source=source)
    else:
        intercept = expansion.intercept or expansion.plain_intercept
        design = DesignSpec.learn(
            expansion.terms, intercept, frame, schema, cmc=options.cmc, source=source
        )
    has_intercept = expansion.intercept if not expansion.plain_intercept else False
    centred = options.center and has_intercept and not options.sparse
    text = _population_text(expansion, thresholds)
    columns = design.matrix(frame) if design.names else np.zeros((len(frame), 0))
    shown = columns[:, 1:] if centred and not thresholds else columns
    means = shown.mean(axis=0) if centred else np.zeros(0)
    r_inverse = None
    if options.qr and shown.shape[1]:
        r_inverse = thin_r_inverse(shown - means if centred else shown)
    term = PopulationTerm(
        scope=scope,
        design=design,
        text=text,
        centred=centred,
        thresholds=thresholds,
        sparse=options.sparse,
        qr=options.qr and bool(shown.shape[1]),
        means=means,
        r_inverse=r_inverse,
        default_b=(),
        default_intercept="",
    )
    return replace(term, default_b=("",) * len(term.coefs))


def _population_text(expansion: Expansion, thresholds: bool) -> str:
    parts = [term.text for term in expansion.terms]
    if expansion.plain_intercept:
        parts.insert(0, "0 + Intercept")
    elif not expansion.intercept and not thresholds:
        parts.insert(0, "0")
    return " + ".join(parts) or "1"


def with_views(predictor: Predictor, views: Sequence[Term]) -> Predictor:
    """The predictor with its group-level terms."""
    return replace(predictor, terms=(*predictor.terms, *views))


def with_defaults(
    predictor: Predictor,
    default_b: Callable[[Callable[[], Array]], Any],
    default_intercept: Any,
    default_sds: Callable[[], Any],
    frame: pd.DataFrame,
) -> Predictor:
    """The predictor with default priors.

    Parameters
    ----------
    default_b : callable
        Gives the prior of a coefficient; it gets a function that computes the column.
    default_intercept : str or ScalePrior
    default_sds : callable
        Gives the prior of the standard deviations of smooths, Gaussian processes and maps.
    frame : DataFrame
    """
    population = predictor.population
    matrix = functools.cache(lambda: population.design.matrix(frame))
    skipped = int(population.has_intercept)

    def column(k: int) -> Array:
        return matrix()[:, k]

    priors = tuple(
        default_b(functools.partial(column, k + skipped)) for k in range(len(population.coefs))
    )
    term = replace(population, default_b=priors, default_intercept=default_intercept)

    def others() -> Iterator[Term]:
        for one in predictor.terms[1:]:
            if isinstance(one, CategorySpecificTerm | SpecialEffectsTerm):
                yield one.with_defaults(default_b, frame)
            elif isinstance(one, SmoothTerm):
                yield one.with_defaults(default_b, default_sds(), frame)
            elif isinstance(one, GaussianProcessTerm | CarTerm):
                yield one.with_defaults(default_sds())
            else:
                yield one

    return replace(predictor, terms=(term, *others()))


def offset_mean(predictor: Predictor, frame: pd.DataFrame) -> float:
    """Mean of the offsets of a predictor over the training rows."""
    for term in predictor.terms:
        if isinstance(term, OffsetTerm):
            return float(term.data(frame)[term.name].mean())
    return 0.0
