"""The registry of families, and how text becomes one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from hiermodel.errors import FamilyError, did_you_mean
from hiermodel.families import (
    binary,
    bounded,
    circular,
    compositional,
    continuous,
    counts,
    extreme,
    inflated,
    nominal,
    ordinal,
    positive,
    reaction_times,
    survival,
    tweedie,
    two_sided,
)
from hiermodel.families.base import Family, Fused

_FAMILIES: dict[str, Family] = {
    family.name: family
    for module in (
        continuous,
        two_sided,
        positive,
        tweedie,
        reaction_times,
        survival,
        extreme,
        circular,
        bounded,
        counts,
        inflated,
        binary,
        ordinal,
        nominal,
        compositional,
    )
    for family in module.FAMILIES
}

# Spellings of R, Stan and scikit-learn-like packages that mean exactly the same family.
_ALIASES: dict[str, str] = {
    "normal": "gaussian",
    "student_t": "student",
    "Gamma": "gamma",
    "Beta": "beta",
    "neg_binomial_2": "negbinomial",
    "negative_binomial": "negbinomial",
    "negativebinomial": "negbinomial",
    "inverse_gaussian": "inverse.gaussian",
    "wald": "inverse.gaussian",
    "vonmises": "von_mises",
    "double_exponential": "laplace",
}

_LINK_PREFIX = "link_"
_CALL = re.compile(r"\s*([\w.]+)\s*(?:\(\s*(?:[\"']?([\w/^]+)[\"']?)?\s*\))?\s*\Z")


def family_names() -> tuple[str, ...]:
    """Names of all families, built in and registered.

    Examples
    --------
    >>> "negbinomial" in family_names()
    True
    """
    return tuple(_FAMILIES)


def register_family(family: Family) -> None:
    """Make a family known by its name, or replace the one of that name.

    Parameters
    ----------
    family : Family

    Raises
    ------
    FamilyError
        If it is not a `Family`, or its first parameter is not ``mu``.

    Examples
    --------
    >>> from dataclasses import fields, replace
    >>> register_family(replace(family("poisson"), name="my_counts"))
    """
    if not isinstance(family, Family):
        raise FamilyError(f"register_family() takes a Family, not {type(family).__name__}")
    if not family.params or family.params[0].name != "mu":
        raise FamilyError(f"the first parameter of family {family.name!r} must be 'mu'")
    _FAMILIES[family.name] = family


def family(name: str, link: str | None = None, **settings: Any) -> Family:
    """Return a family, with links and options of one's choice.

    Parameters
    ----------
    name : str
        Such as ``"gaussian"``; see `family_names`.
    link : str, optional
        Link of ``mu``; the family's usual one by default.
    **settings
        ``link_sigma="identity"`` and the like for other parameters (they act when the
        parameter has a formula), and options: ``threshold`` of ordinal families
        (``"flexible"``, ``"equidistant"``, ``"sum_to_zero"``), ``refcat`` of those
        with a ``mu`` for each category.

    Returns
    -------
    Family

    Raises
    ------
    FamilyError
        For a family, link or option that does not exist; the message names the nearest.

    Examples
    --------
    >>> family("gaussian", link="log", link_sigma="identity").link("mu")
    'log'
    >>> family("cumulative", link="probit", threshold="equidistant").option("threshold")
    'equidistant'
    """
    found = _find(name)
    links = {} if link is None else {"mu": _check_link(found, "mu", link)}
    options: dict[str, Any] = {}
    for key, value in settings.items():
        if key.startswith(_LINK_PREFIX):
            param = key.removeprefix(_LINK_PREFIX)
            links[param] = _check_link(found, param, value)
        else:
            options[key] = _check_option(found, key, value)
    configured = found.with_links(links)
    return replace(configured, options={**found.options, **options})


def holds(obj: Family) -> bool:
    """Whether a family is one of the registry, perhaps with other links and options.

    Examples
    --------
    >>> holds(family("poisson", "identity"))
    True
    """
    known = _FAMILIES.get(obj.name)
    if known is None:
        return False
    return all(
        getattr(known, field.name) is getattr(obj, field.name)
        for field in fields(Family)
        if field.name not in ("links", "options")
        and not (field.name == "arguments" and known.link_arguments is not None)
        and not (field.name == "mean" and known.link_mean is not None)
    )


def restored(name: str, links: Mapping[str, str], options: Mapping[str, Any]) -> Family:
    """The family of that name with these links and options; the inverse of taking them off."""
    return replace(_find(name).with_links(links), options=dict(options))


def place_of(fused: Fused) -> tuple[str, int] | None:
    """Which family declares a fused density, and as which of its own."""
    for name, known in _FAMILIES.items():
        for k, one in enumerate(known.fused):
            if one is fused:
                return name, k
    return None


def fused_at(name: str, k: int) -> Fused:
    """The inverse of `place_of`."""
    return _find(name).fused[k]


def as_family(obj: str | Family) -> Family:
    """Return a `Family` from itself or from text.

    Parameters
    ----------
    obj : str or Family
        A name such as ``"poisson"``; the call as R users type it, ``"binomial(probit)"`` or
        ``"gaussian('log')"``, is read as well.

    Raises
    ------
    FamilyError
        If it is neither.

    Examples
    --------
    >>> as_family("poisson").name, as_family("binomial(probit)").link("mu")
    ('poisson', 'probit')
    """
    if isinstance(obj, Family):
        return obj
    if not isinstance(obj, str):
        raise FamilyError(
            f"family must be a name or the result of family(), not {type(obj).__name__}"
        )
    match = _CALL.match(obj)
    if match is None:
        raise FamilyError(f"family {obj!r} cannot be read; write family('name', link='...')")
    return family(match[1], link=match[2])


def _find(name: str) -> Family:
    if isinstance(name, Family):
        return name
    key = _ALIASES.get(name, name) if isinstance(name, str) else ""
    found = _FAMILIES.get(key)
    if key == "mixture":
        raise FamilyError("a mixture names its components: hm.mixture('gaussian', 'student')")
    if found is None:
        hint = did_you_mean(str(name), (*_FAMILIES, *_ALIASES))
        raise FamilyError(
            f"there is no family {name!r}{hint}; the families are {', '.join(_FAMILIES)}"
        )
    return found


def _check_link(found: Family, param: str, link: Any) -> str:
    names = [p.name for p in found.params if p.links]
    if param not in names:
        raise FamilyError(
            f"family {found.name!r} has no link_{param}{did_you_mean(param, names)}; its "
            f"parameters are {', '.join(names)}"
        )
    allowed = found.param(param).links
    if link not in allowed:
        raise FamilyError(
            f"family {found.name!r} does not allow the link {link!r} for {param}"
            f"{did_you_mean(str(link), allowed)}; it allows {', '.join(allowed)}"
        )
    return str(link)


def _check_option(found: Family, key: str, value: Any) -> Any:
    choices: Mapping[str, tuple[str, ...]] = found.choices
    if key not in choices:
        known = [*(f"link_{p.name}" for p in found.params[1:] if p.links), "link", *choices]
        raise FamilyError(
            f"family {found.name!r} has no option {key!r}{did_you_mean(key, known)}; "
            f"it takes {', '.join(known)}"
        )
    allowed = choices[key]
    if allowed and value not in allowed:
        raise FamilyError(
            f"{key} of family {found.name!r} cannot be {value!r}"
            f"{did_you_mean(str(value), allowed)}; it can be {', '.join(allowed)}"
        )
    return value
