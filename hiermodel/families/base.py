"""What a family is: declarations that serve the Stan program and NumPy alike.

A `Family` composes a `Distribution` (a density under its Stan name with its NumPy twin) with
`arguments`, one function that turns the family's parameters into the density's arguments. The
same function runs on Stan text (`StanExpr`, with `StanMath`) and on arrays (`NumpyMath`), so the
program and the NumPy log-likelihood cannot disagree about a parameterisation::

    arguments=lambda p, m: (p.shape, p.shape / p.mu)        # gamma with a mean

Array convention of everything on the NumPy side: draws x rows, ``(S, N)``. Parameters without a
formula are ``(S, 1)``. Ordinal thresholds are ``(S, 1 or N, T)``, padded with NaN where
threshold groups differ in length; the linear predictors of families with a ``mu`` for each
category are stacked as ``(S, N, C)`` with a zero for the reference category; responses of several
columns are ``(N, C)``. The ``mu`` of ordinal and nominal families
stays on the scale of the link: it is compared with thresholds, or with other categories.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special

from hiermodel.families.parts import (
    Arguments,
    Derived,
    Distribution,
    FunctionTemplate,
    FunctionText,
    Fused,
    Param,
    ResponseKind,
    ShapedFunction,
)
from hiermodel.links import Link, link_named
from hiermodel.stan.expr import MathNamespace, StanExpr, StanMath, stan_call

__all__ = [
    "Arguments",
    "Derived",
    "Distribution",
    "Family",
    "FunctionTemplate",
    "FunctionText",
    "Fused",
    "MathNamespace",
    "NumpyMath",
    "Param",
    "ResponseKind",
    "ShapedFunction",
    "StanExpr",
    "StanMath",
    "stan_call",
]

@dataclass(frozen=True, slots=True)
class Family:
    """A response distribution whose every parameter may have a formula.

    Attributes
    ----------
    name : str
    params : tuple of Param
        ``mu`` first. A nominal family has one ``mu``; the model makes one per category.
    response : ResponseKind
    distribution : Distribution
    arguments : callable
        ``(p, m) -> tuple``: arguments of the density from the parameters `p` (attributes named
        as in `params`, plus ``trials``, ``thresholds``, ``lncor`` and ``reference``, the number
        of the reference category, where the family has them) and the maths namespace `m`
        (`StanMath` or `NumpyMath`).
    mean : callable
        ``(p, m) -> array``: E[Y], shape ``(S, N)``; for ordinal and nominal families the
        probabilities ``(S, N, C)``.
    additions : frozenset of str
        Addition terms it allows beyond ``weights``.
    fused : tuple of Fused
    scale_link : str, optional
        Link used for the scale of default priors instead of the link of ``mu`` (``"log"``
        for lognormal).
    scaled_by_rate : tuple of str
        Parameters that ``rate()`` multiplies, on the natural scale.
    ordered_thresholds : bool
        True for ordinal families whose thresholds must increase.
    rising : bool
        True for ordinal families that compare ``mu - threshold``, not ``threshold - mu``.
    hurdle : bool
        True for ordinal families with a category 0 below the ordered ones.
    links, options : mapping
        What the user chose; see `link` and `option`.
    choices : mapping
        Allowed values of each option, the default first; an empty tuple allows any text.
    link_arguments : callable, optional
    link_mean : callable, optional
        ``link -> arguments`` and ``link -> mean``, for families where these depend on the link
        of ``mu``; `with_links` puts them in place.
    components : tuple of Family
        Of a mixture: its parameters are theirs with the number of the component behind.
    random_arguments : callable, optional
        What ``random`` of the distribution takes behind the arguments of the density, for
        densities that read it from the response (the trials of a multinomial).
    correlated : bool
        True when the categories are correlated by a matrix ``lncor``.
    variables : tuple of str
        Data of addition terms and of the user that the density takes behind the parameters.
    custom : bool
        True when the density is the user's; see `custom_family`.
    """

    name: str
    params: tuple[Param, ...]
    response: ResponseKind
    distribution: Distribution
    arguments: Arguments
    mean: Callable[[Any, Any], np.ndarray]
    additions: frozenset[str] = frozenset()
    fused: tuple[Fused, ...] = ()
    scale_link: str | None = None
    scaled_by_rate: tuple[str, ...] = ()
    ordered_thresholds: bool = False
    rising: bool = False
    hurdle: bool = False
    links: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    link_arguments: Callable[[Link], Arguments] | None = None
    link_mean: Callable[[Link], Callable[[Any, Any], np.ndarray]] | None = None
    components: tuple[Family, ...] = ()
    random_arguments: Arguments | None = None
    correlated: bool = False
    variables: tuple[str, ...] = ()
    custom: bool = False

    def __repr__(self) -> str:
        """Name, links and options; most links act where a parameter has a formula."""
        linked = {p.name: self.link(p.name) for p in self.params if p.links}
        words = [", ".join(f"{name} = {linked[name]}" for name in self.main if name in linked)]
        other = ", ".join(f"{k} = {v}" for k, v in linked.items() if k not in self.main)
        words += [f"with a formula {other}"] if other else []
        chosen = {name: self.option(name) for name in self.choices}
        words += [f"{name} {value}" for name, value in chosen.items() if value is not None]
        parts = f"({', '.join(one.name for one in self.components)})" if self.components else ""
        return f"<family {self.name}{parts}: {'; '.join(words)}>"

    def link(self, param: str) -> str:
        """Return the link of a parameter: the one chosen, else its default."""
        return self.links.get(param) or self.param(param).links[0]

    def option(self, name: str) -> Any:
        """Return an option (``threshold``, ``refcat``): the one chosen, else its default."""
        if name in self.options:
            return self.options[name]
        allowed = self.choices.get(name, ())
        return allowed[0] if allowed else None

    def param(self, name: str) -> Param:
        """Return the parameter of that name."""
        return next(p for p in self.params if p.name == name)

    @property
    def response_statistics(self) -> tuple[str, ...]:
        """Statistics of the response that parameters and their priors may name: ``min_Y``."""
        return tuple(dict.fromkeys(p.below for p in self.params if p.below))

    def with_links(self, links: Mapping[str, str]) -> Family:
        """Return the same family with other links; parameters not named keep theirs."""
        chosen = {**self.links, **links}
        family = replace(self, links=chosen)
        link = link_named(family.link("mu"))
        if self.link_arguments is not None:
            family = replace(family, arguments=self.link_arguments(link))
        if self.link_mean is not None:
            family = replace(family, mean=self.link_mean(link))
        return family

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickled and copied by name, links and options: a declaration is made of functions.

        A family that the registry does not hold is taken apart as any other object, which
        works when all its functions have names.
        """
        from hiermodel.families import registry

        if registry.holds(self):
            return registry.restored, (self.name, dict(self.links), dict(self.options))
        return object.__reduce_ex__(self, protocol)

    @property
    def main(self) -> tuple[str, ...]:
        """Parameters that the main formula is for."""
        if self.components:
            return tuple(f"mu{k}" for k in range(1, len(self.components) + 1))
        return ("mu",)

    @property
    def per_category(self) -> bool:
        """True when every category but the reference has a ``mu`` of its own."""
        return self.response == "nominal" or self.several_columns

    @property
    def several_columns(self) -> bool:
        """True when the response is a matrix with a column for each category."""
        return self.response in ("simplex", "count vector")

    @property
    def has_categories(self) -> bool:
        """True for responses with categories, in one column or in several."""
        return self.response in ("ordinal", "nominal") or self.several_columns

    @property
    def category_params(self) -> tuple[str, ...]:
        """Parameters that the categories have for themselves."""
        if not self.per_category:
            return ()
        return ("mu", *(p.name for p in self.params if p.per_category))

    def on_link_scale(self, name: str) -> bool:
        """True when the density itself applies the link of a parameter."""
        whole = name == "mu" and self.response in ("ordinal", "nominal")
        return whole or self.param(name).on_link_scale

    def part_of(self, param: str) -> tuple[Family, str]:
        """The component of a mixture that a parameter belongs to, and its name there."""
        for k, component in enumerate(self.components, start=1):
            name = param.removesuffix(str(k))
            if name != param and any(p.name == name for p in component.params):
                return component, name
        return self, param

    def named(self, base: str) -> tuple[str, ...]:
        """The parameters that are called `base` in the family or in its components."""
        return tuple(p.name for p in self.params if self.part_of(p.name)[1] == base)

    @property
    def threshold_params(self) -> tuple[str, ...]:
        """Parameters ``mu`` that are compared with thresholds."""
        if not self.components:
            return ("mu",) if self.has_thresholds else ()
        return tuple(
            f"mu{k}" for k, part in enumerate(self.components, start=1) if part.has_thresholds
        )

    @property
    def discrete(self) -> bool:
        """True when Y is an integer."""
        return self.distribution.discrete

    @property
    def first_category(self) -> int:
        """Code of the lowest category of an ordinal or nominal response."""
        return 0 if self.hurdle else 1

    @property
    def has_thresholds(self) -> bool:
        """True for ordinal families."""
        return self.response == "ordinal"


def _across(x: np.ndarray) -> np.ndarray:
    return np.asarray(x)[..., None]


NumpyMath: Any = SimpleNamespace(
    exp=np.exp,
    log=np.log,
    sqrt=np.sqrt,
    square=np.square,
    tgamma=special.gamma,
    lgamma=special.gammaln,
    expm1=np.expm1,
    log1p=np.log1p,
    log1m=lambda x: np.log1p(-x),
    log_inv_logit=lambda x: -np.logaddexp(0, -x),
    log1m_inv_logit=lambda x: -np.logaddexp(0, x),
    inv_logit=special.expit,
    pi=lambda: np.pi,
    softmax=lambda x: special.softmax(x, axis=-1),
    # (S, N) to (S, N, 1), against the last axis of thresholds
    across=_across,
    log_inverse=lambda link, x: link.log_inverse(x),
    log1m_inverse=lambda link, x: link.log1m_inverse(x),
)
