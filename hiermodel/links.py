"""The one table of links: Stan text and NumPy functions of each.

A link maps a parameter to the scale of its linear predictor. Definitions follow Stan's
functions (``inv_logit``, ``Phi``, ``Phi_approx``, ``inv_cloglog``, ``log1p_exp`` ...). The
others are: squareplus ``(x + sqrt(x^2 + 4)) / 2`` (Barron 2021, arXiv:2112.11687), written as
``exp(asinh(x / 2))`` because the plain form loses all digits at large negative x; softit
``s / (1 + s)`` with ``s = log(1 + exp(x))``, a logit that is linear and not exponential in one
tail; cauchit, the Cauchy distribution function; logm1 ``1 + exp(x)``; logitm1
``1 + inv_logit(x)``; log1p ``exp(x) - 1``.

Links whose inverse is a probability also carry ``log F`` and ``log(1 - F)``, computed without
cancellation: ordinal densities are built from these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy import special

from hiermodel.errors import FamilyError, did_you_mean
from hiermodel.stan.expr import StanExpr, stan_call

Array = np.ndarray
ArrayFunction = Callable[[Array], Array]
StanFunction = Callable[[StanExpr], StanExpr]


@dataclass(frozen=True, slots=True)
class Link:
    """A link function, its inverse, and the same in Stan.

    Attributes
    ----------
    name : str
    stan_inverse : callable
        ``StanExpr -> StanExpr``; works on one number and on a vector of them.
    inverse, link : callable
        NumPy, elementwise, any shape.
    log_inverse, log1m_inverse : callable or None
        Logs of the inverse link and of one minus it, when it is a probability.
    stan_log_inverse, stan_log1m_inverse : callable or None
        The same in Stan.
    functions : tuple of str
        Files of ``stan_templates/functions`` that the Stan text needs.
    """

    name: str
    stan_inverse: StanFunction
    inverse: ArrayFunction
    link: ArrayFunction
    log_inverse: ArrayFunction | None = None
    log1m_inverse: ArrayFunction | None = None
    stan_log_inverse: StanFunction | None = None
    stan_log1m_inverse: StanFunction | None = None
    functions: tuple[str, ...] = ()

    @property
    def is_probability(self) -> bool:
        """True when the inverse link lies between 0 and 1."""
        return self.log_inverse is not None


def _stan(*functions: str) -> StanFunction:
    """Stan functions applied one after the other, the first one first."""

    def apply(x: StanExpr) -> StanExpr:
        for name in functions:
            x = stan_call(name, x)
        return x

    return apply


def _identity(x: Array) -> Array:
    return x


def softplus(x: Array) -> Array:
    """``log(1 + exp(x))`` without overflow."""
    return np.logaddexp(0.0, x)


def log1m_exp(x: Array) -> Array:
    """``log(1 - exp(x))`` for x <= 0, accurate at both ends (Maechler 2012)."""
    x = np.asarray(x, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x > -np.log(2), np.log(-np.expm1(x)), np.log1p(-np.exp(x)))


def _phi_approx_argument(x: Array) -> Array:
    return 0.07056 * x**3 + 1.5976 * x


def _probit_approx(p: Array) -> Array:
    """Solve ``0.07056 x^3 + 1.5976 x = logit(p)``: the one real root, by Cardano in sinh form."""
    a, b = 0.07056, 1.5976
    scale = 2 * np.sqrt(b / (3 * a))
    return scale * np.sinh(np.arcsinh(special.logit(p) * 3 / (b * scale)) / 3)


def _cauchit_inverse(x: Array) -> Array:
    # arctan(1/x) has no cancellation in the tails; arctan2 picks the branch.
    return np.arctan2(1.0, -x) / np.pi


def _cauchit(p: Array) -> Array:
    p = np.asarray(p, float)
    with np.errstate(divide="ignore"):
        return np.where(
            p < 0.25,
            -1 / np.tan(np.pi * p),
            np.where(p > 0.75, 1 / np.tan(np.pi * (1 - p)), np.tan(np.pi * (p - 0.5))),
        )


def _softit_inverse(x: Array) -> Array:
    s = softplus(x)
    return s / (1 + s)


def _log_expm1(x: Array) -> Array:
    return x + log1m_exp(-x)


def _softit(p: Array) -> Array:
    p = np.asarray(p, float)
    return _log_expm1(p / (1 - p))


def _squareplus_inverse(x: Array) -> Array:
    return np.exp(np.arcsinh(np.asarray(x) / 2))


def _squareplus(y: Array) -> Array:
    return y - 1 / y


def _one_over(x: Array) -> Array:
    return 1 / np.asarray(x)


def _stan_softit(x: StanExpr) -> StanExpr:
    return stan_call("inv_logit", stan_call("log", stan_call("log1p_exp", x)))


def _table() -> dict[str, Link]:
    """Every link, the ones of the whole line first, then those of probabilities."""
    return {link.name: link for link in (*_open_links(), *_probability_links())}


def _open_links() -> tuple[Link, ...]:
    return (
        Link("identity", lambda x: x, _identity, _identity),
        Link("log", _stan("exp"), np.exp, np.log),
        Link("inverse", _stan("inv"), _one_over, _one_over),
        Link("sqrt", _stan("square"), np.square, np.sqrt),
        Link("1/mu^2", _stan("inv_sqrt"), lambda x: 1 / np.sqrt(x), lambda y: 1 / np.square(y)),
        Link("softplus", _stan("log1p_exp"), softplus, _log_expm1),
        Link(
            "squareplus",
            lambda x: stan_call("exp", stan_call("asinh", x / 2)),
            _squareplus_inverse,
            _squareplus,
        ),
        Link(
            "logm1",
            lambda x: 1 + stan_call("exp", x),
            lambda x: 1 + np.exp(x),
            lambda y: np.log(np.asarray(y) - 1),
        ),
        Link(
            "logitm1",
            lambda x: 1 + stan_call("inv_logit", x),
            lambda x: 1 + special.expit(x),
            lambda y: special.logit(np.asarray(y) - 1),
        ),
        Link("log1p", _stan("expm1"), np.expm1, np.log1p),
        Link(
            "tan_half",
            lambda x: 2 * stan_call("atan", x),
            lambda x: 2 * np.arctan(x),
            lambda y: np.tan(np.asarray(y) / 2),
        ),
    )


def _probability_links() -> tuple[Link, ...]:
    return (
        Link(
            "logit",
            _stan("inv_logit"),
            special.expit,
            special.logit,
            special.log_expit,
            lambda x: special.log_expit(-x),
            _stan("log_inv_logit"),
            _stan("log1m_inv_logit"),
        ),
        Link(
            "probit",
            _stan("Phi"),
            special.ndtr,
            special.ndtri,
            special.log_ndtr,
            lambda x: special.log_ndtr(-x),
            _stan("Phi", "log"),
            lambda x: _stan("Phi", "log")(-x),
        ),
        Link(
            "probit_approx",
            _stan("Phi_approx"),
            lambda x: special.expit(_phi_approx_argument(x)),
            _probit_approx,
            lambda x: special.log_expit(_phi_approx_argument(x)),
            lambda x: special.log_expit(-_phi_approx_argument(x)),
            _stan("Phi_approx", "log"),
            lambda x: _stan("Phi_approx", "log")(-x),
        ),
        Link(
            "cloglog",
            _stan("inv_cloglog"),
            lambda x: -np.expm1(-np.exp(x)),
            lambda p: np.log(-np.log1p(-np.asarray(p))),
            lambda x: log1m_exp(-np.exp(x)),
            lambda x: -np.exp(x),
            lambda x: stan_call("log1m_exp", -stan_call("exp", x)),
            lambda x: -stan_call("exp", x),
        ),
        Link(
            "cauchit",
            lambda x: stan_call("atan", x) / stan_call("pi") + 0.5,
            _cauchit_inverse,
            _cauchit,
            lambda x: np.log(_cauchit_inverse(x)),
            lambda x: np.log(_cauchit_inverse(-x)),
            lambda x: stan_call("log", stan_call("atan", x) / stan_call("pi") + 0.5),
            lambda x: stan_call("log", 0.5 - stan_call("atan", x) / stan_call("pi")),
        ),
        Link(
            "softit",
            _stan_softit,
            _softit_inverse,
            _softit,
            lambda x: special.log_expit(_log_softplus(x)),
            lambda x: -np.log1p(softplus(x)),
            lambda x: stan_call("log_inv_logit", stan_call("log", stan_call("log1p_exp", x))),
            lambda x: -stan_call("log1p", stan_call("log1p_exp", x)),
        ),
    )


def _log_softplus(x: Array) -> Array:
    """``log(log(1 + exp(x)))``; far left it is x itself."""
    x = np.asarray(x, float)
    with np.errstate(divide="ignore"):
        return np.where(x < -37, x, np.log(softplus(x)))


LINKS: Mapping[str, Link] = MappingProxyType(_table())
"""Every link by name."""


def link_named(name: str) -> Link:
    """Return the link of that name.

    Parameters
    ----------
    name : str
        Such as ``"logit"``.

    Raises
    ------
    FamilyError
        If there is none; the message names the nearest.

    Examples
    --------
    >>> float(link_named("logit").inverse(0.0))
    0.5
    >>> link_named("log").stan_inverse(StanExpr("mu", rows=True)).text
    'exp(mu)'
    """
    link = LINKS.get(name) if isinstance(name, str) else None
    if link is None:
        raise FamilyError(
            f"there is no link {name!r}{did_you_mean(str(name), LINKS)}; "
            f"the links are {', '.join(LINKS)}"
        )
    return link
