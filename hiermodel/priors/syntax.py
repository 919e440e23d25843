"""Prior text: ``name(args)`` is taken apart and checked here, and the densities are known here."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass

from hiermodel.errors import PriorError, did_you_mean

# Stan's univariate continuous densities: number of arguments behind the variable, and the
# natural support, each end a number or "argument k" (Stan Functions Reference, part
# "Continuous distributions").
_INF = math.inf
Support = tuple[float | str, float | str]


@dataclass(frozen=True, slots=True)
class Density:
    """A density of Stan: the names of its arguments and its support."""

    args: tuple[str, ...]
    support: Support = (-_INF, _INF)


_POSITIVE: Support = (0.0, _INF)

DENSITIES: dict[str, Density] = {
    "normal": Density(("mu", "sigma")),
    "std_normal": Density(()),
    "student_t": Density(("nu", "mu", "sigma")),
    "cauchy": Density(("mu", "sigma")),
    "double_exponential": Density(("mu", "sigma")),
    "logistic": Density(("mu", "sigma")),
    "gumbel": Density(("mu", "beta")),
    "skew_normal": Density(("xi", "omega", "alpha")),
    "skew_double_exponential": Density(("mu", "sigma", "tau")),
    "exp_mod_normal": Density(("mu", "sigma", "lambda")),
    "von_mises": Density(("mu", "kappa")),
    "lognormal": Density(("mu", "sigma"), _POSITIVE),
    "loglogistic": Density(("alpha", "beta"), _POSITIVE),
    "chi_square": Density(("nu",), _POSITIVE),
    "inv_chi_square": Density(("nu",), _POSITIVE),
    "scaled_inv_chi_square": Density(("nu", "sigma"), _POSITIVE),
    "exponential": Density(("beta",), _POSITIVE),
    "gamma": Density(("alpha", "beta"), _POSITIVE),
    "inv_gamma": Density(("alpha", "beta"), _POSITIVE),
    "weibull": Density(("alpha", "sigma"), _POSITIVE),
    "frechet": Density(("alpha", "sigma"), _POSITIVE),
    "rayleigh": Density(("sigma",), _POSITIVE),
    "pareto": Density(("y_min", "alpha"), ("argument 0", _INF)),
    "pareto_type_2": Density(("mu", "lambda", "alpha"), ("argument 0", _INF)),
    "beta": Density(("alpha", "beta"), (0.0, 1.0)),
    "beta_proportion": Density(("mu", "kappa"), (0.0, 1.0)),
    "uniform": Density(("alpha", "beta"), ("argument 0", "argument 1")),
}

# Names people bring from other packages.
_OTHER_NAMES = {
    "gaussian": "normal(mu, sigma)",
    "norm": "normal(mu, sigma)",
    "t": "student_t(nu, mu, sigma)",
    "studentt": "student_t(nu, mu, sigma)",
    "laplace": "double_exponential(mu, sigma)",
    "halfnormal": "normal(0, sigma), which is cut at the lower bound of the parameter",
    "half_normal": "normal(0, sigma), which is cut at the lower bound of the parameter",
    "halfcauchy": "cauchy(0, sigma), which is cut at the lower bound of the parameter",
    "half_cauchy": "cauchy(0, sigma), which is cut at the lower bound of the parameter",
    "halfstudentt": "student_t(nu, 0, sigma), which is cut at the lower bound of the parameter",
    "half_student_t": "student_t(nu, 0, sigma), which is cut at the lower bound of the parameter",
    "unif": "uniform(lower, upper)",
    "exp": "exponential(rate)",
    "invgamma": "inv_gamma(alpha, beta)",
    "horseshoe": "horseshoe()",
    "hs": "horseshoe()",
    "r2d2": "R2D2()",
    "lkj_corr": "lkj(eta)",
    "lkj_corr_cholesky": "lkj(eta)",
}

_CALL = re.compile(r"\s*([A-Za-z]\w*)\s*\((.*)\)\s*", re.DOTALL)
_PAIRS = {")": "(", "]": "[", "}": "{"}


@dataclass(frozen=True, slots=True)
class PriorCall:
    """``name(args)``, the arguments as typed."""

    name: str
    args: tuple[str, ...]

    @property
    def text(self) -> str:
        """The call as text."""
        return f"{self.name}({', '.join(self.args)})"


def parse_prior(text: str) -> PriorCall:
    """Take prior text apart.

    Parameters
    ----------
    text : str
        A distribution with its arguments, such as ``"normal(0, 5)"``.

    Raises
    ------
    PriorError
        Brackets that do not match, text that is no ``name(args)``, or text that would be
        more than one Stan expression.

    Examples
    --------
    >>> parse_prior("normal(0, 5)")
    PriorCall(name='normal', args=('0', '5'))
    """
    check_expression(text, f"prior {text!r}")
    match = _CALL.fullmatch(text)
    if match is None or not _closes_last(text):
        raise PriorError(
            f"prior {text!r} is not of the form name(arguments): write a Stan distribution "
            'such as "normal(0, 5)" or "student_t(3, 0, 2.5)", or "" for a flat prior'
        )
    args = split_arguments(match[2])
    if any(not arg for arg in args):
        raise PriorError(f"prior {text!r} has an empty argument")
    return PriorCall(match[1], args)


def check_expression(text: str, what: str) -> None:
    """Raise PriorError when `text` cannot be one Stan expression."""
    bad = next((mark for mark in (";", "//", "/*", "~", "\n", "#") if mark in text), None)
    if bad is not None:
        shown = "a line break" if bad == "\n" else repr(bad)
        raise PriorError(f"{what} must be one expression, but it holds {shown}")
    stack: list[str] = []
    for char in text:
        if char in _PAIRS.values():
            stack.append(char)
        elif char in _PAIRS and (not stack or stack.pop() != _PAIRS[char]):
            raise PriorError(f"{what} has a {char!r} without its {_PAIRS[char]!r}")
    if stack:
        raise PriorError(f"{what} has a {stack[-1]!r} that is never closed")


def split_arguments(text: str) -> tuple[str, ...]:
    """Split at the commas outside of all brackets."""
    if not text.strip():
        return ()
    parts, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return tuple(parts)


def _closes_last(text: str) -> bool:
    # "normal(0, 1) + cauchy(0, 1)" starts and ends like a call but is none.
    depth = 0
    for position, char in enumerate(text.rstrip()):
        depth += (char == "(") - (char == ")")
        if char == ")" and depth == 0:
            return position == len(text.rstrip()) - 1
    return False


def check_density(call: PriorCall, functions: Collection[str] = ()) -> None:
    """Check the name and the number of arguments of a univariate prior.

    Parameters
    ----------
    call : PriorCall
    functions : collection of str
        Names of the user's own densities, without ``_lpdf``; their arguments are not checked.

    Raises
    ------
    PriorError
        With the nearest density of Stan.
    """
    if call.name in functions:
        return
    density = DENSITIES.get(call.name)
    if density is None:
        raise PriorError(_unknown(call))
    if len(call.args) != len(density.args):
        wanted = f"{len(density.args)} argument{'s' * (len(density.args) != 1)}"
        listed = f", {call.name}({', '.join(density.args)})" if density.args else ""
        raise PriorError(
            f"prior {call.text!r}: {call.name} takes {wanted}{listed}, but {len(call.args)} given"
        )


def _unknown(call: PriorCall) -> str:
    message = f"prior {call.text!r}: Stan has no continuous density named {call.name!r}"
    other = _OTHER_NAMES.get(call.name.lower())
    if other is not None:
        return f"{message}; write {other}"
    hint = did_you_mean(call.name, DENSITIES)
    return f"{message}{hint}" + ("" if hint else f"; known are {', '.join(DENSITIES)}")


def number(text: str) -> float | None:
    """Return the value of numeric text, or None when it is another expression."""
    try:
        return float(text.replace(" ", ""))
    except ValueError:
        return None
