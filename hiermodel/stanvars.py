"""The user's own Stan variables and code: `stanvar`, which blocks they go to, what they declare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hiermodel.errors import ArgumentError, did_you_mean
from hiermodel.priors.syntax import split_arguments
from hiermodel.stan.variables import Block, Var

BLOCKS = (
    "data", "functions", "tdata", "parameters", "tparameters", "model", "likelihood", "genquant",
)  # fmt: skip
_POSITIONS = ("start", "end")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# array[A] type<bounds>[sizes] name
_DECLARATION = re.compile(
    r"(?:array\s*\[(?P<array>.*?)\]\s*)?(?P<type>[a-z_]+)\s*(?:<(?P<bounds>.*)>)?\s*"
    r"(?:\[(?P<size>.*)\])?\s*(?P<name>[A-Za-z]\w*)",
    re.DOTALL,
)
_TYPES = (
    "int", "real", "vector", "row_vector", "matrix", "ordered", "positive_ordered", "simplex",
    "unit_vector", "corr_matrix", "cov_matrix", "cholesky_factor_corr", "cholesky_factor_cov",
)  # fmt: skip
_DENSITY = re.compile(r"\breal\s+(\w+)_lpdf\s*\(")


@dataclass(frozen=True, eq=False)
class StanVar:
    """A Stan variable or a piece of Stan code of the user; made by `stanvar`.

    Attributes
    ----------
    block : str
        Where it goes, one of `BLOCKS`.
    position : str
        ``start`` or ``end`` of the block.
    name : str
        Of a data variable.
    value : int, float, ndarray or None
        Of a data variable.
    code : str
        Stan text, empty for a data variable whose declaration is inferred.
    declared : tuple of Var
        What it declares in the data or the parameters block.
    """

    block: str
    position: str = "end"
    name: str = ""
    value: Any = None
    code: str = ""
    declared: tuple[Var, ...] = ()


def stanvar(
    x: Any = None,
    name: str | None = None,
    scode: str | None = None,
    block: str = "data",
    position: str = "end",
) -> StanVar:
    """Add a variable or code of one's own to the Stan program.

    Parameters
    ----------
    x : number or array, optional
        Value of a data variable; needed in the data block, and only there.
    name : str, optional
        Name of a data variable. Priors and other code may use it.
    scode : str, optional
        Stan code. For a data variable its declaration, which otherwise follows from `x`: whole
        numbers are ``int``, others ``real``, ``vector`` or ``matrix``.
    block : str
        ``"data"``, ``"functions"``, ``"tdata"`` (transformed data), ``"parameters"``,
        ``"tparameters"`` (transformed parameters), ``"model"``, ``"likelihood"`` (left out when
        the prior alone is sampled) or ``"genquant"`` (generated quantities).
    position : {"start", "end"}
        Where in the block.

    Returns
    -------
    StanVar
        Pass a list of them as ``stanvars=``. Parameters that are declared so are part of the
        posterior.

    Raises
    ------
    ArgumentError
        For a block that does not exist, and for data without value or name.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> model = hm.model(
    ...     "reaction ~ days", data, priors={"b": "normal(0, tau)"},
    ...     stanvars=[hm.stanvar(scode="real<lower=0> tau;", block="parameters")],
    ... )
    >>> [v.name for v in model.parameters]
    ['b', 'Intercept', 'sigma', 'tau']
    """
    if block not in BLOCKS:
        raise ArgumentError(
            f"stanvar(): there is no block {block!r}{did_you_mean(str(block), BLOCKS)}; the blocks "
            f"are {', '.join(BLOCKS)}"
        )
    if position not in _POSITIONS:
        raise ArgumentError(f"stanvar(): position must be 'start' or 'end', not {position!r}")
    if scode is not None and not (isinstance(scode, str) and scode.strip()):
        raise ArgumentError(f"stanvar(): scode must be Stan code as text, not {scode!r}")
    if block == "data":
        return _data(x, name, scode, position)
    if x is not None or name is not None:
        raise ArgumentError(
            f"stanvar(): x and name are for block='data'; in block {block!r} write scode="
        )
    if scode is None:
        raise ArgumentError(f"stanvar(): block {block!r} needs code, scode='...'")
    _check_brackets(scode)
    if block == "parameters":
        declared = declarations(scode, Block.PARAMETERS)
        return StanVar(block, position, code=scode, declared=declared)
    return StanVar(block, position, code=scode)


def _data(x: Any, name: str | None, scode: str | None, position: str) -> StanVar:
    if x is None:
        raise ArgumentError(
            "stanvar(): a variable in block 'data' needs its value, stanvar(x, ...)"
        )
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.endswith("__"):
        raise ArgumentError(
            f"stanvar(): a data variable needs a name that Stan accepts (name='m0'), not {name!r}"
        )
    value = _value(x, name)
    if scode is None:
        return StanVar("data", position, name, value, "", (_inferred(name, value),))
    _check_brackets(scode)
    declared = declarations(scode, Block.DATA)
    if [var.name for var in declared] != [name]:
        raise ArgumentError(
            f"stanvar(): scode must declare {name!r} and nothing else, but it is {scode!r}"
        )
    if declared[0].type == "int" and np.asarray(value).dtype.kind == "f":
        raise ArgumentError(f"stanvar(): {name!r} is declared int, but its value is {x!r}")
    return StanVar("data", position, name, value, scode, declared)


def _value(x: Any, name: str) -> Any:
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise ArgumentError(f"stanvar(): the value of {name!r} must be numbers, not {x!r}")
    array = array.astype(np.int64 if array.dtype.kind in "biu" else float)
    if not np.isfinite(array).all():
        raise ArgumentError(f"stanvar(): the value of {name!r} must be finite")
    return array.item() if array.ndim == 0 else array


def _inferred(name: str, value: Any) -> Var:
    """The declaration of a value."""
    array = np.asarray(value)
    sizes = tuple(str(n) for n in array.shape)
    note = "of the user"
    if array.dtype.kind == "i":
        return Var(name, "int", array=sizes, comment=note)
    if len(sizes) in (1, 2):
        return Var(name, ("vector", "matrix")[len(sizes) - 1], sizes, comment=note)
    return Var(name, "real", array=sizes, comment=note)


def _check_brackets(code: str) -> None:
    """Code must stay inside its block."""
    depth = 0
    for char in _COMMENT.sub("", code):
        depth += (char == "{") - (char == "}")
        if depth < 0:
            break
    if depth:
        raise ArgumentError(f"stanvar(): the braces do not match in {code!r}")


def declarations(code: str, block: Block) -> tuple[Var, ...]:
    """Read declarations such as ``real<lower=0> tau; vector[3] w;``.

    Raises
    ------
    ArgumentError
        For a statement that is no declaration of one variable.

    Examples
    --------
    >>> declarations("array[2] vector<lower=0>[3] w;", Block.PARAMETERS)[0].stan_type
    'array[2] vector<lower=0>[3]'
    """
    plain = _COMMENT.sub("", code)
    *statements, rest = plain.split(";")
    if rest.strip():
        raise ArgumentError(f"stanvar(): {rest.strip()!r} lacks the ';' at its end")
    return tuple(_declaration(text.strip(), block) for text in statements if text.strip())


def _declaration(text: str, block: Block) -> Var:
    match = _DECLARATION.fullmatch(text)
    if match is None or match["type"] not in _TYPES:
        raise ArgumentError(
            f"stanvar(): {text!r} is not read as the declaration of one variable; write it as "
            "'real<lower=0> tau;', 'vector[3] w;' or 'array[2] real a;', one variable each"
        )
    bounds: dict[str, str] = {}
    for part in split_arguments(match["bounds"] or ""):
        key, sign, value = part.partition("=")
        if key.strip() not in ("lower", "upper") or not sign:
            raise ArgumentError(
                f"stanvar(): {part!r} in {text!r} is not supported; use lower= and upper="
            )
        bounds[key.strip()] = value.strip()
    return Var(
        match["name"], match["type"], split_arguments(match["size"] or ""),
        split_arguments(match["array"] or ""), block, bounds.get("lower", ""),
        bounds.get("upper", ""), comment="of the user",
    )


def as_stanvars(obj: Any) -> tuple[StanVar, ...]:
    """Read the argument ``stanvars``: one, a list of them, or nothing.

    Raises
    ------
    ArgumentError
        For other things, and for two variables of one name.
    """
    if obj is None:
        return ()
    listed = (obj,) if isinstance(obj, StanVar) else obj
    if isinstance(listed, (str, Mapping)) or not isinstance(listed, Iterable):
        raise ArgumentError(f"stanvars must be a list of hm.stanvar(...), not {obj!r}")
    made = tuple(listed)
    for one in made:
        if not isinstance(one, StanVar):
            raise ArgumentError(f"stanvars must be a list of hm.stanvar(...), but holds {one!r}")
    seen: set[str] = set()
    for var in (v for one in made for v in one.declared):
        if var.name in seen:
            raise ArgumentError(f"two stanvars declare the variable {var.name!r}; rename one")
        seen.add(var.name)
    return made


def check_names(stanvars: Sequence[StanVar], taken: Iterable[str]) -> None:
    """Refuse names that the model declares itself."""
    known = set(taken)
    for var in (v for one in stanvars for v in one.declared):
        if var.name in known:
            raise ArgumentError(
                f"stanvar(): the program already has a variable {var.name!r}; choose another name"
            )


def code_at(stanvars: Sequence[StanVar], block: str, position: str) -> tuple[str, ...]:
    """Code for one end of a block."""
    return tuple(
        one.code.strip("\n") for one in stanvars
        if one.block == block and one.position == position and one.code
    )


def declared_at(stanvars: Sequence[StanVar], position: str) -> tuple[Var, ...]:
    """What they declare in the data and parameters blocks."""
    return tuple(v for one in stanvars if one.position == position for v in one.declared)


def densities(codes: Iterable[str]) -> tuple[str, ...]:
    """Names of the densities that code defines, without ``_lpdf``.

    Examples
    --------
    >>> densities(["real half_lpdf(real x, real s) { return normal_lpdf(x | 0, s); }"])
    ('half',)
    """
    plain = [_COMMENT.sub("", code) for code in codes]
    return tuple(dict.fromkeys(name for code in plain for name in _DENSITY.findall(code)))


def to_json(stanvars: Sequence[StanVar]) -> list[dict[str, Any]]:
    """For the file of a fit."""
    out = []
    for one in stanvars:
        words: dict[str, Any] = {"block": one.block, "position": one.position}
        if one.block == "data":
            array = np.asarray(one.value)
            words |= {"name": one.name, "values": array.ravel().tolist(),
                      "shape": list(array.shape), "whole": array.dtype.kind == "i"}
        if one.code:
            words["scode"] = one.code
        out.append(words)
    return out


def from_json(words: Iterable[Mapping[str, Any]]) -> list[StanVar]:
    """The inverse of `to_json`."""
    out = []
    for one in words:
        x = None
        if one["block"] == "data":
            x = np.array(one["values"], np.int64 if one["whole"] else float).reshape(one["shape"])
        out.append(
            stanvar(x, one.get("name"), one.get("scode"), one["block"], one["position"])
        )
    return out
