"""Parameters that ``constant()`` priors hold fixed, wholly or in part."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hiermodel.errors import PriorError
from hiermodel.priors.elements import Choice, Constant
from hiermodel.priors.rows import CORRELATIONS
from hiermodel.priors.syntax import number
from hiermodel.stan.variables import Block, Var


@dataclass(frozen=True, slots=True)
class FixedVar:
    """A (partly) constant variable.

    Attributes
    ----------
    var : Var
        Its declaration, in the transformed parameters block.
    lines : tuple of str
        Statements that assign it.
    parts : tuple of (Constant or str)
        Per element: the constant, or the name of the parameter that holds the free element.
    whole : bool
        True when one constant fills the whole variable.
    correlation : bool
        True for the Cholesky factor of a correlation matrix.
    """

    var: Var
    lines: tuple[str, ...]
    parts: tuple[Constant | str, ...]
    whole: bool = False
    correlation: bool = False

    def values(
        self, draws: Mapping[str, np.ndarray], sizes: Mapping[str, int], lead: tuple[int, ...]
    ) -> np.ndarray:
        """Return the variable at full shape, (chain, draw, ...)."""
        first = self.parts[0]
        if self.whole and isinstance(first, Constant):
            value = constant_value(first.expression)
            if self.correlation:
                value = np.linalg.cholesky(value)
            shape = self._shape(sizes) if first.broadcast or self.var.array else value.shape
            return np.broadcast_to(value, (*lead, *shape)).copy()
        shape = self._shape(sizes)
        out = np.empty((*lead, *shape))
        # Elements of an array of vectors come one vector after the other.
        each = out.reshape(*lead, -1) if self.var.array else out
        for k, part in enumerate(self.parts):
            each[:, :, k] = (
                draws[part] if isinstance(part, str) else constant_value(part.expression)
            )
        return out

    def _shape(self, sizes: Mapping[str, int]) -> tuple[int, ...]:
        dims = (*self.var.array, *self.var.size)
        if self.correlation:
            dims = (*dims, self.var.size[-1])
        shape = [int(dim) if dim.isdigit() else sizes.get(dim) for dim in dims]
        # Where every element has a part of its own, the parts are the size.
        if dims and shape[0] is None and not self.whole:
            shape[0] = len(self.parts)
        missing = [dim for dim, size in zip(dims, shape, strict=True) if size is None]
        if missing:
            raise KeyError(f"sizes lacks {', '.join(missing)}, needed by {self.var.name}")
        return tuple(size for size in shape if size is not None)


def fix_constants(
    var: Var, choices: Sequence[Choice]
) -> tuple[tuple[Var, ...], FixedVar | None]:
    """Split a parameter into what is sampled and what is fixed.

    Returns
    -------
    parameters : tuple of Var
        The variable itself when nothing is constant; otherwise one parameter per free
        element, named ``par_<name>_<k>``.
    fixed : FixedVar or None
    """
    constants = [choice.constant for choice in choices]
    if not any(constants):
        return (var,), None
    for constant in constants:
        if constant is not None:
            _check_value(var, constant)
    declared = replace(var, block=Block.TRANSFORMED_PARAMETERS, prior=None)
    first = constants[0]
    whole = first is not None and all(c == first for c in constants)
    if whole and first is not None and (len({c.row for c in choices}) == 1 or not var.size):
        return (), _whole(var, declared, first)
    if any(c is not None and not c.broadcast for c in constants):
        raise PriorError(
            f"constant(..., broadcast=False) gives all elements of {var.name!r}, but some of "
            "them have priors of their own"
        )
    return _parts(var, declared, constants)


def _parts(
    var: Var, declared: Var, constants: Sequence[Constant | None]
) -> tuple[tuple[Var, ...], FixedVar]:
    if var.type == "simplex":
        raise PriorError(
            f"the probability vectors {var.name!r} cannot be constant in some groups; a strong "
            "prior, such as dirichlet(1000), comes near to that"
        )
    if var.type == "ordered" and not all(constants):
        raise PriorError(
            f"the thresholds {var.name!r} are ordered, so they are all constant or all free"
        )
    free: list[Var] = []
    lines: list[str] = []
    parts: list[Constant | str] = []
    matrix = len(var.size) == 2
    nested = var.prior is not None and bool(var.prior.vectors)
    for k, constant in enumerate(constants, start=1):
        index = var.index(k)
        if constant is not None:
            value = constant.expression
            repeated = f"rep_row_vector({value}, {var.size[1]})" if matrix else value
            lines.append(f"{var.name}[{index}] = {repeated};")
            parts.append(constant)
            continue
        name = f"par_{var.name}_{index.replace(', ', '_')}"
        free.append(
            replace(
                var,
                name=name,
                type="row_vector" if matrix else "real",
                size=var.size[1:],
                array=() if nested else var.array,
                prior=None,
                comment=f"element {index} of {var.name}; others are constant",
            )
        )
        lines.append(f"{var.name}[{index}] = {name};")
        parts.append(name)
    return tuple(free), FixedVar(declared, tuple(lines), tuple(parts))


def _whole(var: Var, declared: Var, constant: Constant) -> FixedVar:
    assert var.prior is not None
    value, size = constant.expression, ", ".join(var.size)
    correlation = var.prior.cls in CORRELATIONS
    if correlation:
        # The user gives the correlation matrix; the program works with its Cholesky factor.
        value = f"cholesky_decompose({value})"
        if var.array:
            value = f"rep_array({value}, {', '.join(var.array)})"
    elif constant.broadcast and var.type == "ordered":
        raise PriorError(
            f"constant({constant.expression}) would make the ordered thresholds {var.name!r} "
            "equal; give each its own constant with coef=\"1\", \"2\", ..."
        )
    elif constant.broadcast and var.size:
        # A probability vector has no function of its own that repeats a number.
        value = f"rep_{'vector' if var.type == 'simplex' else var.type}({value}, {size})"
        if var.array:
            value = f"rep_array({value}, {', '.join(var.array)})"
    line = f"{var.name} = {value};"
    return FixedVar(declared, (line,), (constant,), True, correlation)


def _check_value(var: Var, constant: Constant) -> None:
    value = number(constant.expression)
    if value is None:
        return
    low, high = number(var.lower), number(var.upper)
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = " and ".join(
            f"{word} {bound}"
            for word, bound in (("below", var.lower), ("above", var.upper))
            if bound
        )
        raise PriorError(
            f"constant({constant.expression}) is outside of the bounds of {var.name!r}, which "
            f"cannot be {bounds}"
        )


def constant_value(expression: str) -> np.ndarray:
    """Evaluate the Stan text of a constant: numbers, vectors and matrices of numbers.

    Raises
    ------
    PriorError
        For any other expression.

    Examples
    --------
    >>> constant_value("[[1, 0], [0, 1]]").shape
    (2, 2)
    """
    text = expression.strip().removesuffix("'")
    try:
        return np.asarray(ast.literal_eval(text), dtype=float)
    except (ValueError, SyntaxError, TypeError):
        raise PriorError(
            f"constant({expression}) is an expression that only Stan can evaluate, and draws of "
            "the declared parameters do not hold its value; write it as numbers"
        ) from None
