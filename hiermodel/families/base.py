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
from typing import Any, Literal, Protocol

import numpy as np
from scipy import special

from hiermodel.links import Link, link_named
from hiermodel.stan.expr import MathNamespace, StanExpr, StanMath, stan_call

__all__ = [
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

Arguments = Callable[[Any, Any], tuple[Any, ...]]
ResponseKind = Literal[
    "real",  # any finite number
    "positive",  # > 0
    "count",  # 0, 1, 2, ...
    "positive count",  # 1, 2, ...
    "whole",  # ..., -1, 0, 1, ...
    "binary",  # 0/1, boolean, or a factor with two levels (second = 1)
    "trials",  # 0 .. trials
    "unit",  # inside (0, 1)
    "unit_with_zero",  # 0 <= y < 1
    "unit_closed",  # 0 <= y <= 1
    "nonnegative",  # >= 0
    "angle",  # from -pi to pi
    "ordinal",  # ordered factor or 1, 2, ...; from 0 with a hurdle
    "nominal",  # factor
    "simplex",  # several columns, positive, which sum to 1 in each row
    "count vector",  # several columns of counts 0, 1, 2, ...
]


@dataclass(frozen=True, slots=True)
class Derived:
    """How a parameter without a formula follows from a declared one and from all the rows.

    For a parameter whose range depends on the other parameters and on the responses, as that of
    the shape of an extreme value distribution does: the program declares `raw` on the whole
    line, and computes the parameter itself where the likelihood is.

    Attributes
    ----------
    raw : str
        Name of the declared parameter (``tmp_xi``); the prior is one of `raw`.
    function : str
        The Stan function of ``(raw, *arguments)``.
    arguments : callable
        ``(y, p) -> tuple``: its other arguments from the responses and parameters; it runs on
        Stan text and on arrays.
    value : callable
        The twin of `function` in NumPy: `raw` is ``(S, 1)``, arguments are ``(S, N)``, the
        result is ``(S, 1)``.
    functions : tuple of str
        Files of ``stan_templates/functions`` that hold the function.
    """

    raw: str
    function: str
    arguments: Callable[[Any, Any], tuple[Any, ...]]
    value: Callable[..., np.ndarray]
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Param:
    """A distributional parameter of a family.

    Attributes
    ----------
    name : str
        ``mu``, ``sigma``, ...
    links : tuple of str
        Allowed links, the default first. They act when the parameter has a formula; without
        any link it cannot have one (the shape of a geometric family).
    lower, upper : float
        Support on the natural scale; bounds of the Stan parameter when it has no formula.
    prior : str
        Default prior on the natural scale, without a formula. ``"scale"`` stands for the
        data-dependent scale prior (feature-map C2).
    prior_predicted : str
        Default prior of its intercept when it has a formula, ``"scale"`` as above.
    fixed : float, optional
        Its value when it has no formula, for a parameter that is then no parameter (``disc``).
    below : str
        Statistic of the response that bounds it from above when it has no formula
        (``"min_Y"``); `prior` may name it as well.
    derived : Derived, optional
        Set when it is computed from another declared parameter, without a formula.
    on_link_scale : bool
        True where the density itself applies the link: ``mu`` of ordinal and nominal families.
    per_category : bool
        True when each category but the reference has one of its own (``sigmaB``); ``mu`` of
        families with categories always is such a parameter.
    """

    name: str
    links: tuple[str, ...]
    lower: float = -np.inf
    upper: float = np.inf
    prior: str = ""
    prior_predicted: str = "scale"
    fixed: float | None = None
    below: str = ""
    derived: Derived | None = None
    on_link_scale: bool = False
    per_category: bool = False


@dataclass(frozen=True, slots=True)
class FunctionTemplate:
    """Stan functions written from a template of ``stan_templates/functions``.

    `values` are what the template sees as ``f``. Equal templates give equal text.
    """

    file: str
    values: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class FunctionText:
    """Stan functions as the user wrote them."""

    text: str


class ShapedFunction(Protocol):
    """Stan functions that are written for the shapes of the arguments they meet."""

    def written(self, rows: tuple[bool, ...] | None, cumulative: bool) -> FunctionTemplate:
        """Return the functions for one call.

        Parameters
        ----------
        rows : tuple of bool or None
            Which arguments have one entry per row, when all rows are one call; None when the
            density is called row by row.
        cumulative : bool
            Whether ``_lcdf`` and ``_lccdf`` are needed too.
        """
        ...


@dataclass(frozen=True, slots=True)
class Distribution:
    """A density under its Stan name, and its NumPy twin.

    All callables take the values first and then the arguments in Stan's order, broadcast
    against each other. `log_cdf` is log P(Y <= y), `log_ccdf` is log P(Y > y); either is None
    when neither Stan nor we have it (then no censoring or truncation). `random(rng, *args)`
    draws one value per broadcast element. With `vectorized` False, Stan is called row by row.
    `truncated_mean(lb, ub, *args)` is E[Y | lb <= Y <= ub], where bounds may be infinite.
    `functions` names files of ``stan_templates/functions`` that the program then includes,
    templates of such, or functions that are written for the call. `tail` is a Stan name whose
    ``_lccdf`` is the same number as that of `name`, only faster for the low bounds of truncation.
    """

    name: str
    discrete: bool
    log_prob: Callable[..., np.ndarray]
    random: Callable[..., np.ndarray]
    log_cdf: Callable[..., np.ndarray] | None = None
    log_ccdf: Callable[..., np.ndarray] | None = None
    vectorized: bool = True
    functions: tuple[str | FunctionTemplate | FunctionText | ShapedFunction, ...] = ()
    truncated_mean: Callable[..., np.ndarray] | None = None
    tail: str = ""
    tail_functions: tuple[FunctionTemplate, ...] = ()


@dataclass(frozen=True, slots=True)
class Fused:
    """A Stan density with the inverse link folded in, used where it applies.

    `link` is the link of ``mu`` it stands for; `arguments` sees ``p.mu`` on the link scale.
    `glm` is the name of the matching ``*_glm`` density, and `glm_extra` gives its arguments
    behind ``(x, alpha, beta)``, `glm_first` those before them. `unpredicted` names parameters
    that must have no formula (and no value but their fixed one, for those that have one).
    `grouped_thresholds` is False when all rows must share one vector of thresholds.
    `also` are other parameters that the density takes on the scale of their link, with that
    link: they must have a formula. `functions` and `vectorized` as in `Distribution`.
    """

    link: str
    name: str
    arguments: Arguments
    glm: str = ""
    glm_extra: Arguments = lambda p, m: ()
    glm_first: Arguments = lambda p, m: ()
    unpredicted: tuple[str, ...] = ()
    grouped_thresholds: bool = True
    also: tuple[tuple[str, str], ...] = ()
    vectorized: bool = True
    functions: tuple[str | FunctionTemplate | FunctionText | ShapedFunction, ...] = ()

    def on_link_scale(self, param: str) -> bool:
        """True for the parameters that the density takes on the scale of their link."""
        return param == "mu" or param in dict(self.also)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickled and copied by its place in the registry, as a `Family`."""
        from hiermodel.families import registry

        place = registry.place_of(self)
        if place is not None:
            return registry.fused_at, place
        return object.__reduce_ex__(self, protocol)


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
