"""The prior chosen for one element of a parameter, and which priors a class can have."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from hiermodel.errors import PriorError
from hiermodel.priors.rows import CORRELATIONS, RowKey
from hiermodel.priors.shrinkage import parse_shrinkage
from hiermodel.priors.specify import Prior
from hiermodel.priors.syntax import check_density, number, parse_prior
from hiermodel.stan.variables import PriorElement, ScalePrior

# Probability vectors; their prior is dirichlet(...).
SIMPLEXES = frozenset({"simo", "theta", "sbhaz"})

_BROADCAST = re.compile(r"broadcast\s*=\s*(\w+)")
_SWITCH = {"TRUE": True, "True": True, "T": True, "FALSE": False, "False": False, "F": False}


@dataclass(frozen=True, slots=True)
class Constant:
    """``constant(x)``: `expression` is Stan text.

    With `broadcast` the value is repeated for every element; without it the expression is
    the whole vector (or matrix).
    """

    expression: str
    broadcast: bool = True


@dataclass(frozen=True, slots=True)
class Choice:
    """The prior that won for an element: the user's text or a default."""

    element: PriorElement
    prior: str | ScalePrior
    tag: str
    row: RowKey
    constant: Constant | None = None


def parse_constant(text: str) -> Constant | None:
    """Read ``constant(...)``; None for any other prior."""
    call = parse_prior(text) if text else None
    if call is None or call.name != "constant":
        return None
    broadcast = True
    if len(call.args) == 2:
        match = _BROADCAST.fullmatch(call.args[1])
        if match is None or match[1] not in _SWITCH:
            raise PriorError(
                f"prior {text!r}: the second argument of constant() is broadcast=True or "
                "broadcast=False"
            )
        broadcast = _SWITCH[match[1]]
    elif len(call.args) != 1:
        raise PriorError(f"prior {text!r}: constant() takes the value, as in constant(3)")
    return Constant(call.args[0].strip("\"'") if _quoted(call.args[0]) else call.args[0], broadcast)


def _quoted(text: str) -> bool:
    # A trailing ' alone is Stan's transpose.
    return len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]


def check_class(key: RowKey, prior: Prior, functions: Collection[str]) -> None:
    """Raise PriorError when the class of a row cannot have this prior."""
    if prior.text is None:
        return
    if key.cls in CORRELATIONS:
        _check_correlation(prior)
        return
    if not prior.text or parse_constant(prior.text) is not None:
        return
    call = parse_prior(prior.text)
    if key.cls in SIMPLEXES:
        if call.name != "dirichlet":
            raise PriorError(
                f"{prior}: class {key.cls!r} holds probabilities that sum to one, whose prior is "
                'dirichlet(...) or constant(...)'
            )
        return
    if parse_shrinkage(prior.text) is not None:
        return  # hiermodel.priors.shared knows which classes can have it
    if call.name == "lkj":
        raise PriorError(
            f"{prior}: lkj() is a prior of correlation matrices; class {key.cls!r} is none "
            '(did you mean cls="cor"?)'
        )
    check_density(call, functions)


def _check_correlation(prior: Prior) -> None:
    if prior.lb is not None or prior.ub is not None:
        raise PriorError(f"{prior}: a correlation matrix has no bounds; leave out lb and ub")
    if not prior.text:
        raise PriorError(
            f'{prior}: the prior that is flat over correlation matrices is written "lkj(1)"'
        )
    constant = parse_constant(prior.text)
    if constant is not None:
        if number(constant.expression) is not None:
            raise PriorError(
                f"{prior}: a constant correlation is a whole matrix, such as "
                "'constant(\"[[1, 0.5], [0.5, 1]]\")'"
            )
        return
    call = parse_prior(prior.text)
    eta = number(call.args[0]) if len(call.args) == 1 else None
    if call.name != "lkj" or len(call.args) != 1 or (eta is not None and eta <= 0):
        raise PriorError(
            f"{prior}: the prior of a correlation matrix is lkj(eta) with eta > 0, such as "
            '"lkj(2)", or constant(...)'
        )
