"""Families of the user: a density in Stan, and as much of it in NumPy as is wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast, get_args

import numpy as np

from hiermodel.errors import FamilyError, did_you_mean
from hiermodel.families import shared
from hiermodel.families.base import Distribution, Family, FunctionText, Param, ResponseKind
from hiermodel.links import link_named

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_VARIABLE = re.compile(r"([A-Za-z]\w*)(\[n\])?")
# Default priors go by the name of the parameter, as in brms.
_KNOWN = {
    p.name: p
    for p in (
        shared.SIGMA, shared.SHAPE, shared.PHI, shared.NU, shared.ALPHA, shared.KAPPA, shared.ZI,
        shared.HU, shared.ZOI, shared.COI, shared.BIAS, shared.QUANTILE, shared.DISC,
        Param("beta", (), prior="gamma(1, 0.1)", prior_predicted="normal(1.7, 1.3)"),
        Param("xi", (), prior="normal(0, 2.5)", prior_predicted="normal(0, 4)"),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Missing:
    """Stands for a function that was not given: says so when it is needed."""

    family: str
    argument: str
    purpose: str

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Refuse."""
        raise FamilyError(
            f"family {self.family!r} has no {self.argument}=, which {self.purpose} need: pass "
            f"custom_family(..., {self.argument}=...) a function of arrays"
        )


@dataclass(frozen=True, slots=True)
class _Arguments:
    """Parameters and further variables, in the order of the density."""

    names: tuple[str, ...]

    def __call__(self, p: Any, m: Any) -> tuple[Any, ...]:
        return tuple(getattr(p, name) for name in self.names)


@dataclass(frozen=True, slots=True)
class _Mean:
    """The user's function of the parameters."""

    function: Callable[..., Any]
    names: tuple[str, ...]

    def __call__(self, p: Any, m: Any) -> np.ndarray:
        values = [np.asarray(getattr(p, name), float) for name in self.names]
        shape = np.broadcast_shapes(*(v.shape for v in values))
        return np.broadcast_to(np.asarray(self.function(*values), float), shape)


def custom_family(
    name: str,
    dpars: Sequence[str] = ("mu",),
    links: str | Sequence[str] = "identity",
    type: str = "real",
    lb: Any = None,
    ub: Any = None,
    vars: Sequence[str] = (),
    loop: bool = True,
    specials: Sequence[str] = (),
    threshold: str = "flexible",
    stan: str | None = None,
    log_lik: Callable[..., Any] | None = None,
    posterior_predict: Callable[..., Any] | None = None,
    posterior_epred: Callable[..., Any] | None = None,
    log_cdf: Callable[..., Any] | None = None,
    log_ccdf: Callable[..., Any] | None = None,
    response: str | None = None,
) -> Family:
    """Define a family by its density in Stan.

    The density is called ``<name>_lpdf`` (``<name>_lpmf`` with whole numbers); its arguments
    are the response, the parameters in the order of `dpars`, then `vars`.

    Parameters
    ----------
    name : str
    dpars : sequence of str
        Parameters, ``mu`` among them. Each may have a formula.
    links : str or sequence of str
        Link of each; one text is for all of them.
    type : {"real", "int"}
        Of the response.
    lb, ub : number or sequence, optional
        Bounds of each parameter where it has no formula, None where there is none.
    vars : sequence of str
        Further arguments: ``"vint1[n]"`` and ``"vreal1[n]"`` are the columns in the addition
        terms ``vint(...)`` and ``vreal(...)``; names of a `hiermodel.stanvar` may stand here too.
    loop : bool
        Call the density row by row; False when it takes all rows at once.
    specials, threshold
        Of ordinal families in brms; not built here.
    stan : str, optional
        The Stan functions; or pass them as ``stanvar(scode=..., block="functions")``.
    log_lik : callable, optional
        ``log_lik(y, mu, ..., *vars)``: log density in NumPy. Arguments are arrays that broadcast
        to draws x rows. Needed by ``loo`` and the check of the engine before sampling.
    posterior_predict : callable, optional
        ``posterior_predict(rng, mu, ..., *vars)``: one random response each. Needed by
        ``posterior_predict`` and ``pp_check``.
    posterior_epred : callable, optional
        ``posterior_epred(mu, ..., *vars)``: the mean. Needed by ``posterior_epred`` and effects.
    log_cdf, log_ccdf : callable, optional
        As `log_lik`, log P(Y <= y) and log P(Y > y): for censored and truncated rows. Stan
        needs ``<name>_lcdf`` and ``<name>_lccdf`` then.
    response : str, optional
        What responses are allowed, such as ``"count"`` or ``"unit"``; any number by default.

    Returns
    -------
    Family

    Raises
    ------
    FamilyError
        When ``mu`` is missing, lengths differ, or a link does not exist.

    Examples
    --------
    >>> import hiermodel as hm
    >>> rates = hm.custom_family(
    ...     "scaled_poisson", links="log", type="int", vars=["vreal1[n]"], response="count",
    ...     stan="real scaled_poisson_lpmf(int y, real mu, real w) {"
    ...          " return poisson_lpmf(y | mu * w); }",
    ...     posterior_epred=lambda mu, w: mu * w,
    ... )
    >>> [p.name for p in rates.params]
    ['mu']
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise FamilyError(f"custom_family(): the name {name!r} cannot be part of a Stan function")
    if specials or threshold != "flexible":
        raise FamilyError(
            "custom_family(): specials and thresholds (custom ordinal or categorical families) "
            "are not built; leave them out"
        )
    if type not in ("real", "int"):
        raise FamilyError(f"custom_family(): type must be 'real' or 'int', not {type!r}")
    for what, function in {
        "log_lik": log_lik, "posterior_predict": posterior_predict,
        "posterior_epred": posterior_epred, "log_cdf": log_cdf, "log_ccdf": log_ccdf,
    }.items():
        if function is not None and not callable(function):
            raise FamilyError(f"custom_family(): {what} must be a function, not {function!r}")
    if not isinstance(loop, bool):
        raise FamilyError(f"custom_family(): loop must be True or False, not {loop!r}")
    if stan is not None and not (isinstance(stan, str) and stan.strip()):
        raise FamilyError(f"custom_family(): stan must be Stan functions as text, not {stan!r}")
    names = _names(dpars)
    extra = _variables(vars)
    stan_name = name.replace(".", "_")
    order = (*names, *extra)
    params = _params(names, links, lb, ub)
    return Family(
        name=name,
        # The first is the one that the main formula is for.
        params=tuple(sorted(params, key=lambda p: p.name != "mu")),
        response=_response(response, type),
        distribution=Distribution(
            stan_name,
            discrete=type == "int",
            log_prob=log_lik or Missing(name, "log_lik", "loo and the log-likelihood"),
            random=posterior_predict
            or Missing(name, "posterior_predict", "posterior_predict and pp_check"),
            log_cdf=log_cdf or Missing(name, "log_cdf", "censored and truncated responses"),
            log_ccdf=log_ccdf or Missing(name, "log_ccdf", "censored and truncated responses"),
            vectorized=not loop,
            functions=() if stan is None else (FunctionText(stan.strip()),),
        ),
        arguments=_Arguments(order),
        mean=_Mean(posterior_epred, order) if posterior_epred is not None
        else Missing(name, "posterior_epred", "posterior_epred and effects"),
        additions=frozenset({"vint", "vreal", "cens", "trunc"})
        | ({"se"} if "sigma" in names else set())
        | ({"trials", "dec"} & {v.removesuffix("[n]") for v in extra}),
        variables=extra,
        custom=True,
    )


def _names(dpars: Sequence[str]) -> tuple[str, ...]:
    names = (dpars,) if isinstance(dpars, str) else tuple(dpars)
    if "mu" not in names:
        raise FamilyError(
            f"custom_family(): dpars must contain 'mu', but are {', '.join(map(str, names))}"
        )
    if len(set(names)) < len(names):
        raise FamilyError(f"custom_family(): dpars has a name twice: {', '.join(names)}")
    for one in names:
        if not isinstance(one, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9]*", one):
            raise FamilyError(
                f"custom_family(): the parameter {one!r} must be named with letters and digits"
            )
    return names


def _variables(given: Sequence[str]) -> tuple[str, ...]:
    found = (given,) if isinstance(given, str) else tuple(given)
    for one in found:
        if not isinstance(one, str) or not _VARIABLE.fullmatch(one):
            raise FamilyError(
                f"custom_family(): vars takes names such as 'vint1[n]' or 'w', not {one!r}"
            )
    return found


def _each(what: str, given: Any, names: Sequence[str]) -> tuple[Any, ...]:
    """One value per parameter; a single one is for all links, and for a single parameter."""
    if given is None or isinstance(given, (str, int, float)):
        if what != "links" and given is not None and len(names) > 1:
            raise FamilyError(
                f"custom_family(): {what} must have one entry per parameter "
                f"({', '.join(names)}), None where there is no bound"
            )
        return (given,) * len(names)
    values = tuple(given)
    if what == "links" and len(values) == 1:
        values *= len(names)
    if len(values) != len(names):
        raise FamilyError(
            f"custom_family(): {what} has {len(values)} entries for {len(names)} parameters "
            f"({', '.join(names)})"
        )
    return values


def _bound(what: str, value: Any, default: float) -> float:
    if value is None or (isinstance(value, str) and value in ("", "NA")):
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise FamilyError(f"custom_family(): {what} must be numbers, not {value!r}") from None
    return default if np.isnan(number) else number


def _params(names: tuple[str, ...], links: Any, lb: Any, ub: Any) -> tuple[Param, ...]:
    out = []
    rows = (_each("links", links, names), _each("lb", lb, names), _each("ub", ub, names))
    for name, link, low, high in zip(names, *rows, strict=True):
        try:
            link_named(link)
        except (KeyError, FamilyError) as error:
            raise FamilyError(f"custom_family(): link of {name}: {error}") from None
        known = _KNOWN.get(name)
        if name == "mu":
            known = Param("mu", ())
        elif known is None:
            known = Param(name, (), prior="", prior_predicted="")
        lower, upper = _bound("lb", low, -np.inf), _bound("ub", high, np.inf)
        if not lower < upper:
            raise FamilyError(f"custom_family(): the bounds of {name} leave no value")
        out.append(
            replace(known, links=(link,), lower=lower, upper=upper, fixed=None, derived=None)
        )
    return tuple(out)


def _response(given: str | None, type: str) -> ResponseKind:
    if given is None:
        return "real" if type == "real" else "whole"
    whole = ("whole", "count", "positive count", "trials")
    known = [k for k in get_args(ResponseKind) if k not in ("ordinal", "nominal")]
    if type == "int":
        known = [k for k in known if k in (*whole, "binary")]
    else:
        known = [k for k in known if k not in (*whole, "binary")]
    if given not in known:
        raise FamilyError(
            f"custom_family(): response {given!r} is not known for type {type!r}"
            f"{did_you_mean(str(given), known)}; it can be {', '.join(known)}"
        )
    return cast(ResponseKind, given)
