"""Finite mixtures: every row comes from one of several families, with probabilities ``theta``.

The parameters of a mixture are those of its components with the number of the component behind:
``mu1``, ``sigma1``, ``mu2``, ... A weight ``theta1`` is handled as its logarithm, known up to a
common summand: predicted weights are linear predictors, of which one is 0 (a softmax).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from hiermodel.errors import FamilyError, did_you_mean
from hiermodel.families.base import Distribution, Family, Param

ORDERS = ("mu", "none")
_THETA = Param(
    "theta", ("identity",), lower=0, prior="logistic(0, 1)", prior_predicted="logistic(0, 1)"
)


def mixture(
    *components: Family | str, nmix: int | tuple[int, ...] = 1, order: str | None = None
) -> Family:
    """Make a mixture of families.

    Parameters
    ----------
    *components : str or Family
        The families that are mixed.
    nmix : int or sequence of int
        How often each of them is taken.
    order : {"mu", "none"}, optional
        ``"mu"`` makes the intercepts of the components increase, which tells them apart; the
        default where all components are of one family. It needs intercepts on one scale.

    Returns
    -------
    Family
        Its main formula is for every ``mu<k>`` without a formula of its own. The probabilities
        ``theta<k>`` have a Dirichlet prior, formulas (``theta1 ~ x``: a softmax, the weights
        without a formula being the reference), or fixed values (``theta1 = 1, theta2 = 2``).

    Raises
    ------
    FamilyError
        For fewer than two components, or families that cannot be mixed.

    Examples
    --------
    >>> mixture("gaussian", nmix=2).main
    ('mu1', 'mu2')
    """
    from hiermodel.families.registry import as_family

    found = [as_family(one) for one in components]
    counts = (nmix,) * len(found) if isinstance(nmix, (int, np.integer)) else tuple(nmix)
    if len(counts) != len(found) or any(not isinstance(k, (int, np.integer)) for k in counts):
        raise FamilyError("nmix is a whole number, or one for each family of the mixture")
    parts = tuple(one for one, k in zip(found, counts, strict=True) for _ in range(int(k)))
    if len(parts) < 2:
        raise FamilyError("a mixture needs at least two components: mixture(f1, f2) or nmix=2")
    _check_mixable(parts)
    if order is None:
        order = "mu" if len({part.name for part in parts}) == 1 else "none"
        ordinal = any(part.has_thresholds for part in parts)
        options: dict[str, Any] = {} if ordinal else {"order": order}
    elif order in ORDERS:
        if order == "mu" and any(part.has_thresholds for part in parts):
            raise FamilyError("order='mu' needs intercepts; ordinal families have thresholds")
        options = {"order": order, "order_asked": True}
    else:
        hint = did_you_mean(str(order), ORDERS)
        raise FamilyError(f"order must be one of {', '.join(ORDERS)}, not {order!r}{hint}")
    return _compose(parts, options)


def _check_mixable(parts: tuple[Family, ...]) -> None:
    for part in parts:
        if part.components:
            raise FamilyError("a mixture cannot be a component of another mixture")
        if part.per_category:
            raise FamilyError(f"family {part.name!r} cannot be a component of a mixture")
        if "bhaz" in part.additions:
            raise FamilyError(
                f"family {part.name!r} cannot be a component of a mixture: its baseline hazard is "
                "one of the response as a whole"
            )
        if any(param.derived for param in part.params):
            raise FamilyError(
                f"family {part.name!r} cannot be a component of a mixture: a parameter of it "
                "depends on all responses"
            )
    kinds = {(part.discrete, part.has_thresholds, part.hurdle) for part in parts}
    if len(kinds) > 1:
        names = ", ".join(part.name for part in parts)
        raise FamilyError(
            f"the families of a mixture must be for one kind of response; {names} are for "
            "several (numbers, counts or ordered categories)"
        )


def _compose(parts: tuple[Family, ...], options: Mapping[str, Any]) -> Family:
    numbered = list(enumerate(parts, start=1))
    params = [
        replace(param, name=f"{param.name}{k}",
                on_link_scale=param.name == "mu" and part.has_thresholds)
        for k, part in numbered
        for param in part.params
    ]
    params += [replace(_THETA, name=f"theta{k}") for k, _ in numbered]
    return Family(
        name="mixture",
        params=tuple(params),
        response=parts[0].response,
        distribution=Distribution(
            "mixture", discrete=parts[0].discrete, log_prob=_by_component, random=_by_component
        ),
        arguments=_by_component,
        mean=_by_component,
        additions=frozenset.intersection(*(part.additions for part in parts)),
        scaled_by_rate=tuple(f"{name}{k}" for k, part in numbered for name in part.scaled_by_rate),
        hurdle=parts[0].hurdle,
        links={f"{name}{k}": link for k, part in numbered for name, link in part.links.items()},
        options=dict(options),
        components=parts,
        variables=tuple(dict.fromkeys(v for part in parts for v in part.variables)),
    )


def _by_component(*_: Any) -> Any:
    raise AssertionError("a mixture is evaluated by its components")


def component_parameters(family: Family, p: Any) -> Iterator[tuple[Family, Any]]:
    """Yield each component with its own parameters, named as in its family.

    Works on arrays and on Stan text alike.
    """
    values = vars(p)
    common = ("trials", "dec", *family.variables)
    shared = {name: values[name] for name in common if name in values}
    for k, part in enumerate(family.components, start=1):
        own = {
            param.name: values[f"{param.name}{k}"]
            for param in part.params
            if f"{param.name}{k}" in values
        }
        if f"thresholds{k}" in values:
            own["thresholds"] = values[f"thresholds{k}"]
        yield part, SimpleNamespace(**own, **shared)


def log_weights(family: Family, p: Any) -> list[Any]:
    """The logs of the weights, up to a common summand, as arrays or as Stan text."""
    return [vars(p)[f"theta{k}"] for k in range(1, len(family.components) + 1)]


def log_probabilities(family: Family, p: Any) -> np.ndarray:
    """The logs of the probabilities of the components, (S, 1 or N, K)."""
    weights = np.broadcast_arrays(*log_weights(family, p))
    stacked = np.stack(weights, axis=-1)
    total = np.logaddexp.reduce(stacked, axis=-1, keepdims=True)
    out: np.ndarray = stacked - total
    return out


def fixed_weights(
    family: Family, predicted: set[str], fixed: Mapping[str, float | str]
) -> dict[str, float] | None:
    """The weights that are no parameters, as logs; None when they are a simplex to estimate.

    Raises
    ------
    FamilyError
        When some weights are fixed and others are not.
    """
    names = [f"theta{k}" for k in range(1, len(family.components) + 1)]
    given = [name for name in names if name in fixed]
    formulas = [name for name in names if name in predicted]
    if not given and not formulas:
        return None
    if given and len(given) < len(names):
        missing = ", ".join(name for name in names if name not in given)
        raise FamilyError(
            f"{given[0]} is fixed, but {missing} not: fix all probabilities of a mixture or none"
        )
    if given:
        values = np.array([float(fixed[name]) for name in names])
        if not (values > 0).all():
            raise FamilyError("fixed probabilities of a mixture must be above 0")
        return dict(zip(names, np.log(values / values.sum()).tolist(), strict=True))
    if len(formulas) == len(names):
        raise FamilyError(
            f"all of {', '.join(names)} have formulas; leave one without, the reference of the "
            "softmax"
        )
    return {name: 0.0 for name in names if name not in formulas}
