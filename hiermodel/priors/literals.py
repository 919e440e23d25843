"""Arguments of prior densities that are plain numbers and cannot be: ``normal(0, -5)``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hiermodel.errors import PriorError
from hiermodel.priors.syntax import DENSITIES, number, parse_prior

# Places and directions may be any number; everything else a density is told must be positive.
_ANYWHERE = frozenset({"mu", "xi"})
_REAL: Mapping[str, frozenset[str]] = {
    "skew_normal": frozenset({"alpha"}),
    "uniform": frozenset({"alpha", "beta"}),
}
_FRACTIONS: Mapping[str, frozenset[str]] = {
    "skew_double_exponential": frozenset({"tau"}),
    "beta_proportion": frozenset({"mu"}),
}


def check_literals(text: str, shown: str) -> None:
    """Check the arguments that are plain numbers; Stan text such as ``x + 1`` is left alone.

    Parameters
    ----------
    text : str
        A prior, such as ``normal(0, 5)``.
    shown : str
        The prior with its row, for the message.

    Raises
    ------
    PriorError
        Naming the prior and the argument.

    Examples
    --------
    >>> check_literals("normal(0, 5)", "prior of b")
    """
    call = parse_prior(text)
    density = DENSITIES.get(call.name)
    if density is None or len(call.args) != len(density.args):
        return  # told elsewhere
    values = {name: number(text) for name, text in zip(density.args, call.args, strict=True)}
    for name, value in values.items():
        if value is None:
            continue
        wanted = _wanted(call.name, name, value)
        if wanted:
            raise PriorError(
                f"{shown}: {name} of {call.name}({', '.join(density.args)}) must be {wanted}, not "
                f"{value:g}"
            )
    if call.name == "uniform":
        low, high = values["alpha"], values["beta"]
        if low is not None and high is not None and low >= high:
            raise PriorError(f"{shown}: uniform(alpha, beta) needs alpha below beta")


def _wanted(density: str, name: str, value: float) -> str:
    """What an argument must be, empty when it is that."""
    if not math.isfinite(value):
        return "a finite number"
    if name in _FRACTIONS.get(density, ()):
        return "" if 0 < value < 1 else "between 0 and 1"
    if name in _ANYWHERE or name in _REAL.get(density, ()):
        return ""
    return "" if value > 0 else "greater than 0"
