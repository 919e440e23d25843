"""Values at which a user holds a parameter, checked against its range."""

from __future__ import annotations

import numpy as np

from hiermodel.errors import FamilyError
from hiermodel.families.base import Family


def check_fixed_value(family: Family, name: str, value: float) -> None:
    """Refuse a fixed value outside the range of a parameter.

    Raises
    ------
    FamilyError

    Examples
    --------
    >>> from hiermodel.families import family
    >>> check_fixed_value(family("student"), "nu", 4.0)
    """
    param = family.param(name)
    # A scale of zero is the end of its range, but no scale; a probability of zero is one.
    positive = param.lower == 0 and np.isinf(param.upper)
    low_enough = value > 0 if positive else value >= param.lower
    if low_enough and value <= param.upper:
        return
    if positive:
        wanted = "greater than 0"
    elif np.isinf(param.upper):
        wanted = f"at least {param.lower:g}"
    else:
        wanted = f"between {param.lower:g} and {param.upper:g}"
    raise FamilyError(
        f"{name} of family {family.name!r} must be {wanted}; {name}={value:g} holds it at an "
        "impossible value"
    )
