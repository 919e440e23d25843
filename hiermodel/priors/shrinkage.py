"""Priors that shrink many coefficients together: the horseshoe and R2D2, as text and as numbers."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from hiermodel.errors import PriorError, did_you_mean, warn
from hiermodel.priors.syntax import parse_prior

#: Classes of parameters that may have a share in such a prior.
SHRINKABLE = ("b", "sds", "sdgp", "ar", "ma", "sderr", "sdcar", "sd")

_WORDS = {"TRUE": True, "True": True, "T": True, "FALSE": False, "False": False, "F": False,
          "NULL": None, "None": None}  # fmt: skip
_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow,
}
_NAMED = re.compile(r"([A-Za-z]\w*)\s*=(?!=)\s*(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Horseshoe:
    """The arguments of a horseshoe prior; see `horseshoe`."""

    df: float = 1.0
    scale_global: float = 1.0
    df_global: float = 1.0
    scale_slab: float = 2.0
    df_slab: float = 4.0
    par_ratio: float | None = None
    autoscale: bool = True
    main: bool = False

    name = "horseshoe"

    def global_scale(self, rows: int) -> float:
        """Scale of the global parameter, which `par_ratio` makes depend on the rows."""
        return self.scale_global if self.par_ratio is None else self.par_ratio / math.sqrt(rows)


@dataclass(frozen=True, slots=True)
class R2D2Prior:
    """The arguments of an R2D2 prior; see `R2D2`."""

    mean_R2: float = 0.5
    prec_R2: float = 2.0
    cons_D2: tuple[float, ...] = (0.5,)
    autoscale: bool = True
    main: bool = False

    name = "R2D2"


Shrinkage = Horseshoe | R2D2Prior
_KINDS: Mapping[str, type[Horseshoe] | type[R2D2Prior]] = {
    "horseshoe": Horseshoe, "R2D2": R2D2Prior
}


def horseshoe(
    df: float = 1,
    scale_global: float = 1,
    df_global: float = 1,
    scale_slab: float = 2,
    df_slab: float = 4,
    par_ratio: float | None = None,
    autoscale: bool = True,
    main: bool = False,
) -> str:
    """Regularised horseshoe prior: most coefficients near zero, a few large.

    The text that `prior` takes, ``prior(horseshoe(par_ratio=0.1))``; it can as well be written,
    ``prior("horseshoe(par_ratio = 0.1)")``. Coefficient j is normal with the standard deviation
    ``tau * l_j / sqrt(1 + (tau * l_j)^2 / c^2)``, where ``l_j`` is half-t(df), ``tau`` is
    half-t(df_global, 0, scale_global) and ``c^2 / scale_slab^2`` is inverse
    gamma(df_slab / 2, df_slab / 2): small ones are shrunk by ``tau``, large ones as by a t
    distribution with `df_slab` degrees of freedom and scale `scale_slab`.

    Parameters
    ----------
    df : float
        Degrees of freedom of the local scales; 1 is the horseshoe. More degrees of freedom sample
        easier and shrink less.
    scale_global : float
        Scale of the global scale; ignored with `par_ratio`.
    df_global : float
        Degrees of freedom of the global scale.
    scale_slab, df_slab : float
        Scale and degrees of freedom of the slab, in units of coefficients.
    par_ratio : float, optional
        Expected number of coefficients that are not zero over the number of those that are;
        `scale_global` is then ``par_ratio / sqrt(rows)``.
    autoscale : bool
        Multiply `scale_global` by the residual standard deviation ``sigma``; only for the mean
        of families with a constant ``sigma``.
    main : bool
        Where several classes have this prior, the one whose arguments hold for all.

    Returns
    -------
    str

    Raises
    ------
    PriorError
        For an argument that is no positive number.

    Notes
    -----
    Columns should have comparable scales, such as a standard deviation of 1. Piironen and Vehtari
    (2017), Sparsity information and regularization in the horseshoe and other shrinkage priors,
    Electronic Journal of Statistics 11.

    Examples
    --------
    >>> import hiermodel as hm
    >>> print(hm.prior(hm.horseshoe(par_ratio=0.1)))
    prior('horseshoe(par_ratio = 0.1)', cls='b')
    """
    given = {
        "df": df, "scale_global": scale_global, "df_global": df_global, "scale_slab": scale_slab,
        "df_slab": df_slab, "par_ratio": par_ratio, "autoscale": autoscale, "main": main,
    }  # fmt: skip
    return _text(Horseshoe(), given)


def R2D2(
    mean_R2: float = 0.5,
    prec_R2: float = 2,
    cons_D2: float | Sequence[float] = 0.5,
    autoscale: bool = True,
    main: bool = False,
) -> str:
    """R2D2 prior: a prior of the explained variance, which the coefficients share out.

    The text that `prior` takes, ``prior(R2D2(mean_R2=0.3))``; it can as well be written,
    ``prior("R2D2(mean_R2 = 0.3)")``. R2 is beta(mean_R2 * prec_R2, (1 - mean_R2) * prec_R2),
    the shares ``phi`` are Dirichlet(cons_D2), and coefficient j is normal with the variance
    ``phi_j * R2 / (1 - R2)``, times ``sigma^2`` with `autoscale`.

    Parameters
    ----------
    mean_R2, prec_R2 : float
        Mean (between 0 and 1) and precision of the prior of R2.
    cons_D2 : float or sequence of float
        Concentrations of the shares: one for all, or one for each coefficient. Less than 1 gives
        most of the variance to few of them.
    autoscale : bool
        In units of the residual standard deviation ``sigma``; only for the mean of families with
        a constant ``sigma``.
    main : bool
        Where several classes have this prior, the one whose arguments hold for all.

    Returns
    -------
    str

    Raises
    ------
    PriorError
        For an argument out of its range.

    Notes
    -----
    Columns are taken as they are: standardise them, or R2 is not what it says. Zhang, Naughton,
    Bondell and Reich (2022), Bayesian regression using a prior on the model fit: the R2-D2
    shrinkage prior, JASA 117. With group-level effects and smooths as well: Aguilar and Bürkner
    (2023), Intuitive joint priors for Bayesian linear multilevel models: the R2D2M2 prior,
    Electronic Journal of Statistics 17.

    Examples
    --------
    >>> import hiermodel as hm
    >>> print(hm.prior(hm.R2D2(mean_R2=0.3, prec_R2=10)))
    prior('R2D2(mean_R2 = 0.3, prec_R2 = 10)', cls='b')
    """
    given = {"mean_R2": mean_R2, "prec_R2": prec_R2, "cons_D2": cons_D2, "autoscale": autoscale,
             "main": main}  # fmt: skip
    return _text(R2D2Prior(), given)


def parse_shrinkage(text: str) -> Shrinkage | None:
    """Read ``horseshoe(...)`` or ``R2D2(...)``; None for any other prior.

    Raises
    ------
    PriorError
        For an argument that it does not have, or a value that it cannot have.

    Examples
    --------
    >>> parse_shrinkage("horseshoe(3)").df
    3.0
    """
    call = parse_prior(text) if text else None
    if call is None or call.name not in _KINDS:
        return None
    kind = _KINDS[call.name]
    names = [field.name for field in fields(kind)]
    given: dict[str, Any] = {}
    for k, arg in enumerate(call.args):
        named = _NAMED.fullmatch(arg)
        if named is None and len(given) > k - 1 and k < len(names):
            name, value = names[k], arg
        elif named is None:
            raise PriorError(
                f"prior {text!r}: {call.name} takes at most {len(names)} arguments, "
                f"{', '.join(names)}"
            )
        else:
            name, value = named[1], named[2].strip()
        if name not in names:
            raise PriorError(
                f"prior {text!r}: {call.name} has no argument {name!r}{did_you_mean(name, names)}; "
                f"it has {', '.join(names)}"
            )
        if name in given:
            raise PriorError(f"prior {text!r}: {name} is given twice")
        given[name] = _value(value, name, text)
    made = _made(kind, given, f"prior {text!r}")
    if given.get("par_ratio") is not None and "scale_global" in given:
        warn(f"prior {text!r}: par_ratio says what scale_global is, which is ignored")
    return made


def _text(default: Shrinkage, given: Mapping[str, Any]) -> str:
    """The call with the arguments that differ from their defaults."""
    made = _made(type(default), given, f"{default.name}()")
    shown = []
    for field in fields(default):
        value = getattr(made, field.name)
        if value == getattr(default, field.name):
            continue
        if isinstance(value, bool):
            text = "TRUE" if value else "FALSE"
        elif isinstance(value, tuple):
            numbers = ", ".join(f"{v:.15g}" for v in value)
            text = numbers if len(value) == 1 else f"c({numbers})"
        else:
            text = f"{value:.15g}"
        shown.append(f"{field.name} = {text}")
    return f"{default.name}({', '.join(shown)})"


def _made(
    kind: type[Horseshoe] | type[R2D2Prior], given: Mapping[str, Any], shown: str
) -> Shrinkage:
    return kind(**{name: _checked(name, value, shown) for name, value in given.items()})


def _checked(name: str, value: Any, shown: str) -> Any:
    """An argument in its type and range."""
    if name in ("autoscale", "main"):
        if not isinstance(value, bool):
            raise PriorError(f"{shown}: {name} is True or False, not {value!r}")
        return value
    if name == "par_ratio" and value is None:
        return None
    if name == "cons_D2":
        single = isinstance(value, (str, bytes)) or not hasattr(value, "__iter__")
        entries = [value] if single else list(value)
        if not entries:
            raise PriorError(f"{shown}: cons_D2 holds no number")
        return tuple(_positive(name, one, shown) for one in entries)
    number = _positive(name, value, shown)
    if name == "mean_R2" and number >= 1:
        raise PriorError(f"{shown}: mean_R2 must be between 0 and 1, not {number:g}")
    return number


def _positive(name: str, value: Any, shown: str) -> float:
    try:
        number = float("nan") if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not (math.isfinite(number) and number > 0):
        raise PriorError(f"{shown}: {name} must be a positive number, not {value!r}")
    return number


def _value(text: str, name: str, prior: str) -> Any:
    """The value of an argument: a word, a number, arithmetic of numbers, or ``c(...)``."""
    if text in _WORDS:
        return _WORDS[text]
    source = re.sub(r"^c\s*\((.*)\)$", r"[\1]", text, flags=re.DOTALL).replace("^", "**")
    try:
        node = ast.parse(source, mode="eval").body
        if isinstance(node, (ast.List, ast.Tuple)):
            return [_number(one) for one in node.elts]
        return _number(node)
    except (SyntaxError, ValueError, ArithmeticError):
        raise PriorError(
            f"prior {prior!r}: {name} = {text} is neither a number nor arithmetic of numbers"
        ) from None


def _number(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=bool()):
            raise ValueError("not a number")
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](_number(left), _number(right))
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return math.sqrt(_number(inner))
    raise ValueError("not a number")
