"""What a `Family` is composed of: densities, parameters, Stan functions of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

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
    link: they must have a formula. With `whole_only` it is for calls of all rows at once.
    `functions` and `vectorized` as in `Distribution`.
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
    whole_only: bool = False
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
