"""What users write: ``prior(...)``, lists and sums of them, and the shorthand mapping."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hiermodel.errors import PriorError
from hiermodel.priors.literals import check_literals
from hiermodel.priors.shrinkage import parse_shrinkage
from hiermodel.priors.syntax import check_expression, number, parse_prior

Bound = float | str | None
# A statement instead of a distribution.
RAW = re.compile(r"\s*target\s*\+=")


@dataclass(frozen=True, slots=True)
class Prior:
    """One prior statement of the user; made by `prior`.

    Attributes
    ----------
    text : str or None
        The distribution; ``""`` for flat; None to keep the prior and change the bounds only.
    cls, coef, group, resp, dpar, nlpar : str
        Which parameters it is for; empty strings mean "all" for `coef` and `group`.
    lb, ub : str or None
        Bounds as Stan text; ``""`` for explicitly none, None when not given.
    tag : str
        Name of a part of the log prior of its own, ``lprior_<tag>``.
    key : str
        A key of the shorthand mapping that still has to be matched with a model.
    """

    text: str | None
    cls: str = "b"
    coef: str = ""
    group: str = ""
    resp: str = ""
    dpar: str = ""
    nlpar: str = ""
    lb: str | None = None
    ub: str | None = None
    tag: str = ""
    key: str = ""

    def __add__(self, other: Prior | Iterable[Prior]) -> Priors:
        return Priors((self,)) + other

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        shown = [repr(self.text)]
        if self.key:
            return f"{{{self.key!r}: {self.text!r}}}"
        for name in ("cls", "coef", "group", "resp", "dpar", "nlpar", "lb", "ub", "tag"):
            value = getattr(self, name)
            if value is not None and (value != "" or name in ("lb", "ub")):
                shown.append(f"{name}={value!r}")
        return f"prior({', '.join(shown)})"


class Priors(tuple[Prior, ...]):
    """Several priors; ``+`` appends."""

    __slots__ = ()

    def __add__(self, other: Any) -> Priors:
        return Priors((*self, *as_priors(other)))

    def __radd__(self, other: Any) -> Priors:
        return Priors((*as_priors(other), *self))


def prior(
    text: str | None,
    cls: str = "b",
    coef: str = "",
    group: str = "",
    resp: str = "",
    dpar: str = "",
    nlpar: str = "",
    lb: Bound = None,
    ub: Bound = None,
    tag: str = "",
) -> Prior:
    """Set the prior of a parameter or of a whole class of parameters.

    The most specific prior wins: one for a coefficient of a group over one for the group over
    one for the class. ``prior(...) + prior(...)``, lists and tuples combine them.

    Parameters
    ----------
    text : str or None
        A Stan distribution as it would stand right of ``~``: ``"normal(0, 5)"``. ``"lkj(2)"``
        for correlations (`cls` ``"cor"``); ``"constant(3)"`` fixes parameters at a value
        (``constant(x, broadcast=False)`` when `x` is a Stan vector for all of them); ``""``
        is a flat prior. ``"horseshoe(...)"`` and ``"R2D2(...)"`` shrink all coefficients of a
        class together, see `horseshoe` and `R2D2`. ``"target += normal_lpdf(tau | 0, 1)"`` is a
        statement about parameters of your own (see `hiermodel.stanvar`). None keeps the prior
        that the row has and changes only its bounds.
    cls : str
        Class of parameters: ``b`` (population-level effects), ``Intercept`` (of the centred
        design; thresholds of ordinal families), ``sd``, ``cor``, ``df`` (Student group
        effects), ``delta`` (equidistant thresholds), or the name of a parameter without a
        formula such as ``sigma``.
    coef : str
        A coefficient: ``days``; for thresholds ``"1"``, ``"2"``, ...
    group : str
        A grouping factor; for thresholds the threshold group.
    resp, dpar, nlpar : str
        Response, distributional parameter and non-linear parameter. ``"mu"`` is the same as
        an empty `dpar`.
    lb, ub : float, str or None
        Bounds of the whole class (or of the class in `group`): a number or Stan text. None
        takes the bound of the class, ``""`` means explicitly no bound. A prior that its
        bounds cut is normalised.
    tag : str
        Sums this part of the log prior in a variable ``lprior_<tag>`` of its own.

    Returns
    -------
    Prior

    Raises
    ------
    PriorError
        Text that is no ``name(args)``, bounds that are out of order, bounds for a single
        coefficient.

    Examples
    --------
    >>> import hiermodel as hm
    >>> print(hm.prior("normal(0, 10)", coef="days"))
    prior('normal(0, 10)', cls='b', coef='days')
    >>> len(hm.prior("normal(0, 10)") + hm.prior("exponential(1)", cls="sigma"))
    2
    """
    fields = {"cls": cls, "coef": coef, "group": group, "resp": resp, "dpar": dpar,
              "nlpar": nlpar, "tag": tag}
    for name, value in fields.items():
        if not isinstance(value, str):
            raise PriorError(f"prior({text!r}): {name} must be text, not {value!r}")
    if isinstance(text, str) and RAW.match(text):
        return _raw(text, fields, (lb, ub))
    if not cls:
        raise PriorError(f'prior({text!r}): cls is empty; name a class such as "b" or "sd"')
    if tag and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", tag):
        raise PriorError(f"prior({text!r}): tag {tag!r} must be a name of letters and digits")
    lower, upper = _bound(lb, "lb"), _bound(ub, "ub")
    _check_bounds(text, coef, lower, upper)
    if text is None and lower is None and upper is None:
        raise PriorError("prior(None, ...) changes the bounds only: give lb or ub")
    return _with_possible_numbers(
        Prior(
            _checked(text), cls, coef, group, resp, "" if dpar == "mu" else dpar, nlpar, lower,
            upper, tag,
        )
    )


def _raw(text: str, fields: Mapping[str, str], bounds: tuple[Bound, Bound]) -> Prior:
    """A statement about a parameter that the user declared."""
    given = [k for k, v in fields.items() if v and (k, v) != ("cls", "b")]
    if given or bounds != (None, None):
        raise PriorError(
            f"prior({text!r}) adds to the log density as it stands; it takes no class, "
            "coefficient or bounds"
        )
    expression = text.strip().rstrip(";").strip()
    check_expression(expression, f"prior {text!r}")
    return Prior(expression, "")


def _with_possible_numbers(made: Prior) -> Prior:
    if made.text:
        check_literals(made.text, str(made))
    return made


def _checked(text: str | None) -> str | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise PriorError(f"a prior is text such as 'normal(0, 5)', not {text!r}")
    text = text.strip()
    if not text:
        return ""
    name = parse_prior(text).name
    if name == "lasso":
        raise PriorError(
            f"prior {text!r}: there is no lasso(), which shrinks large coefficients as much as "
            "small ones (brms removed it as well); take horseshoe() or R2D2(), or "
            "double_exponential(mu, sigma) for each coefficient"
        )
    parse_shrinkage(text)
    return text


def _bound(value: Bound, name: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        check_expression(value, f"{name}={value!r}")
        return value.strip()
    if isinstance(value, bool) or math.isnan(value):
        raise PriorError(f"{name} must be a number or text, not {value!r}")
    if math.isinf(value):
        # lb=-inf says what "" says; the wrong infinity is caught below as an empty range.
        if (value < 0) != (name == "lb"):
            raise PriorError(f"{name}={value!r} leaves no value for the parameter")
        return ""
    return f"{value:.15g}"


def _check_bounds(text: str | None, coef: str, lower: str | None, upper: str | None) -> None:
    if coef and (lower is not None or upper is not None):
        raise PriorError(
            f"prior({text!r}, coef={coef!r}): bounds hold for a whole class, not for one "
            "coefficient; leave out coef to bound the class"
        )
    low, high = number(lower or ""), number(upper or "")
    if low is not None and high is not None and low >= high:
        raise PriorError(f"prior({text!r}): lb={lower} is not below ub={upper}")


def as_priors(obj: Any) -> Priors:
    """Collect priors from whatever a user passes as ``priors``.

    Parameters
    ----------
    obj : None, Prior, mapping, or an iterable of these
        A mapping is shorthand: ``{"b": "normal(0, 5)", "sd": "exponential(1)"}``. Its keys are
        the names that parameters have in tables, from a whole class to one coefficient:

        =============================  ==========================================
        ``b``, ``b_days``              class, coefficient
        ``b_sigma``, ``b_sigma_x``     the same in the formula of ``sigma``
        ``Intercept``                  centred intercept, or all thresholds
        ``Intercept_sigma``            intercept of the formula of ``sigma``
        ``Intercept[1]``               one threshold; ``Intercept[g,1]`` with groups
        ``sd``, ``sd_subject``         class, group
        ``sd_subject__days``           coefficient of a group
        ``sd_sigma``                   all of the formula of ``sigma``
        ``sd_subject__sigma_days``     coefficient of a group in that formula
        ``cor``, ``cor_subject``       correlations
        ``df``, ``delta``, ``sigma``   other classes, ``df_subject`` for a group
        =============================  ==========================================

    Returns
    -------
    Priors
        A tuple of `Prior`.

    Raises
    ------
    PriorError
        For anything else, and for text that is no prior.

    Examples
    --------
    >>> from hiermodel.priors.specify import as_priors
    >>> [p.key for p in as_priors({"b": "normal(0, 5)", "sd": "exponential(1)"})]
    ['b', 'sd']
    """
    if obj is None:
        return Priors()
    if isinstance(obj, Prior):
        return Priors((obj,))
    if isinstance(obj, Mapping):
        return Priors(_from_key(key, text) for key, text in obj.items())
    if isinstance(obj, (str, bytes)) or not isinstance(obj, Iterable):
        raise PriorError(
            f"cannot read priors from {obj!r}: give prior(...) objects, a list of them, or a "
            'mapping such as {"b": "normal(0, 5)"}'
        )
    items = list(obj)
    if any(item is None for item in items):
        raise PriorError("a list of priors holds None; leave it out")
    return Priors(p for item in items for p in as_priors(item))


def _from_key(key: Any, text: Any) -> Prior:
    if not isinstance(key, str) or not key:
        raise PriorError(f"the keys of a mapping of priors are parameter names, not {key!r}")
    if not isinstance(text, str):
        raise PriorError(f"the prior of {key!r} must be text such as 'normal(0, 5)', not {text!r}")
    return _with_possible_numbers(Prior(_checked(text), cls="", key=key))
