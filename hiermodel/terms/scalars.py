"""Parameters without a formula: numbers, weights of a mixture, correlations of categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, ScalePrior, Var
from hiermodel.terms.base import Array, Labelled


class Scalar(Protocol):
    """A group of parameters without a formula, declared together."""

    @property
    def variables(self) -> tuple[Var, ...]:
        """Their declarations."""

    @property
    def expressions(self) -> Mapping[str, StanExpr]:
        """Per parameter of the family what stands for it in the program."""

    def values(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """Per parameter of the family its draws, from the posterior that users see."""

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """User-facing variables from draws of the declared parameters."""


def dpar_attrs(name: str, resp: str) -> dict[str, str]:
    """Attributes of a parameter without a formula in the posterior."""
    return {"cls": "dpar", "group": "", "dpar": name, "resp": resp}


@dataclass(frozen=True, slots=True)
class ScalarParameter:
    """One number: ``sigma``, ``shape``, ``nu``, on its natural scale.

    With `raw` another number is declared, from which the parameter follows (see `Derived`).
    A `common` parameter belongs to all responses, whose joint density declares it.
    """

    param: str
    resp: str
    lower: str
    upper: str
    default: str | ScalePrior
    comment: str
    raw: str = ""
    common: bool = False

    @property
    def name(self) -> str:
        """Name of the declared number in Stan and for users."""
        base = self.raw or self.param
        return f"{base}_{self.resp}" if self.resp and not self.common else base

    @property
    def shown(self) -> str:
        """Name of the parameter itself."""
        return f"{self.param}_{self.resp}" if self.resp and not self.common else self.param

    @property
    def variables(self) -> tuple[Var, ...]:
        """One real number; none when the joint density of all responses has it."""
        if self.common:
            return ()
        element = PriorElement(resp=self.resp, default=self.default)
        return (
            Var(self.name, "real", block=Block.PARAMETERS, lower=self.lower, upper=self.upper,
                prior=PriorTarget(self.param, (element,)), comment=self.comment),
        )

    @property
    def expressions(self) -> Mapping[str, StanExpr]:
        """Its name."""
        return {self.param: StanExpr(self.shown)}

    def values(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """Draws x 1, of the declared number too where the parameter follows from it."""
        names = {self.param: self.shown} | ({self.raw: self.name} if self.raw else {})
        return {param: draws[name][:, None] for param, name in names.items() if name in draws}

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """As it is."""
        if self.common:
            return ()
        attrs = dpar_attrs(self.raw or self.param, self.resp)
        return (Labelled(self.name, draws[self.name], attrs=attrs),)


@dataclass(frozen=True, slots=True)
class MixtureWeights:
    """The probabilities of the components of a mixture: a simplex ``theta``."""

    count: int
    resp: str
    default: str | ScalePrior = "dirichlet(1)"

    @property
    def name(self) -> str:
        """Name of the simplex in Stan."""
        return f"theta_{self.resp}" if self.resp else "theta"

    def user_name(self, k: int) -> str:
        """Name of one probability for users."""
        return f"theta{k}_{self.resp}" if self.resp else f"theta{k}"

    @property
    def variables(self) -> tuple[Var, ...]:
        """One simplex."""
        element = PriorElement(resp=self.resp, default=self.default)
        return (
            Var(self.name, "simplex", (str(self.count),), block=Block.PARAMETERS,
                prior=PriorTarget("theta", (element,), self.count),
                comment="probabilities of the components"),
        )

    @property
    def expressions(self) -> Mapping[str, StanExpr]:
        """The log of each probability."""
        return {
            f"theta{k}": StanExpr(f"log({self.name}[{k}])") for k in range(1, self.count + 1)
        }

    def values(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """The log of each probability, draws x 1."""
        return {
            f"theta{k}": np.log(draws[self.user_name(k)])[:, None]
            for k in range(1, self.count + 1)
        }

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """One variable per component."""
        theta = draws[self.name]
        return tuple(
            Labelled(self.user_name(k + 1), theta[..., k],
                     attrs=dpar_attrs(f"theta{k + 1}", self.resp))
            for k in range(self.count)
        )


@dataclass(frozen=True, slots=True)
class CategoryCorrelation:
    """The correlation matrix ``lncor`` of the categories of a response but the reference."""

    categories: tuple[str, ...]
    resp: str
    default: str | ScalePrior

    @property
    def _suffix(self) -> str:
        return f"_{self.resp}" if self.resp else ""

    @property
    def name(self) -> str:
        """Name of the Cholesky factor in Stan."""
        return f"Llncor{self._suffix}"

    @property
    def variables(self) -> tuple[Var, ...]:
        """The Cholesky factor."""
        element = PriorElement(resp=self.resp, default=self.default)
        return (
            Var(self.name, "cholesky_factor_corr", (f"ncat{self._suffix} - 1",),
                block=Block.PARAMETERS, prior=PriorTarget("lncor", (element,)),
                comment="Cholesky factor of the correlations of the log ratios"),
        )

    @property
    def expressions(self) -> Mapping[str, StanExpr]:
        """The Cholesky factor."""
        return {"lncor": StanExpr(self.name)}

    def values(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """The Cholesky factor, draws x 1 x matrix."""
        return {"lncor": np.linalg.cholesky(draws[f"lncor{self._suffix}"])[:, None]}

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The correlation matrix."""
        factor = draws[self.name]
        matrix = factor @ np.swapaxes(factor, -1, -2)
        dims = tuple(f"{d}{self._suffix}" for d in ("lncor_category", "lncor_category_other"))
        attrs = {"cls": "lncor", "group": "", "dpar": "", "resp": self.resp}
        coords = dict.fromkeys(dims, self.categories)
        return (Labelled(f"lncor{self._suffix}", matrix, dims, coords, attrs),)


@dataclass(frozen=True, slots=True)
class OrderedIntercepts:
    """The intercepts of the components of a mixture as one vector that increases.

    The predictors take their intercepts from it; `params` are their parameters.
    """

    params: tuple[str, ...]
    resp: str
    defaults: tuple[str | ScalePrior, ...]

    @staticmethod
    def vector_name(resp: str) -> str:
        """Name of the vector in Stan."""
        return f"ordered_Intercept_{resp}" if resp else "ordered_Intercept"

    @property
    def variables(self) -> tuple[Var, ...]:
        """One ordered vector, an element for each component."""
        elements = tuple(
            PriorElement(resp=self.resp, dpar=param, default=default)
            for param, default in zip(self.params, self.defaults, strict=True)
        )
        return (
            Var(self.vector_name(self.resp), "ordered", (str(len(self.params)),),
                block=Block.PARAMETERS, prior=PriorTarget("Intercept", elements),
                comment="intercepts of the components, increasing"),
        )

    @property
    def expressions(self) -> Mapping[str, StanExpr]:
        """None: the predictors have them."""
        return {}

    def values(self, draws: Mapping[str, Array]) -> dict[str, Array]:
        """None: the predictors have them."""
        return {}

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """None: the predictors label their intercepts."""
        return ()
