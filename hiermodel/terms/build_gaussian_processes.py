"""From ``gp(...)`` in a formula to Gaussian processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.columns import DesignSpec, clean
from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.arguments import flag, literal
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Constant,
    Interaction,
    Node,
    SpecialTerm,
)
from hiermodel.processes.covariance import COVARIANCES
from hiermodel.processes.distances import extent, gap, length_scale_prior
from hiermodel.processes.hilbert import boundary
from hiermodel.schema import Schema
from hiermodel.terms.base import Array, Scope
from hiermodel.terms.gaussian_process import GaussianProcessTerm
from hiermodel.terms.gp_calls import Process, Space, different

_ARGUMENTS = ("by", "k", "cov", "iso", "gr", "cmc", "scale", "c")
_ALIASES = {"matern12": "exponential"}
# More functions than this are a slip: their values would fill the memory.
_MOST_FUNCTIONS = 100_000


def build_gaussian_processes(
    specials: Sequence[SpecialTerm], scope: Scope, frame: pd.DataFrame, schema: Schema,
    source: str,
) -> GaussianProcessTerm:
    """The term of all Gaussian processes of a linear predictor.

    Parameters
    ----------
    specials : sequence of SpecialTerm
        In the order of the formula.
    scope : Scope
    frame : DataFrame
        The training rows of the response.
    schema : Schema
    source : str

    Raises
    ------
    FormulaError, DataError
        For wrong arguments and data of the wrong type.
    """
    found: dict[str, Process] = {}
    for special in specials:
        one = _process(special, frame, schema, source)
        taken = next((v for v in one.labels if v in found), None)
        if taken is not None:
            raise FormulaError(
                f"{found[taken].text} and {special.text} would both be called {taken!r} in the "
                "posterior; keep one of them",
                source, special.span,
            )
        found |= dict.fromkeys(one.labels, one)
    processes = tuple(dict.fromkeys(found.values()))
    return GaussianProcessTerm(scope, processes, " + ".join(one.text for one in processes))


def _process(special: SpecialTerm, frame: pd.DataFrame, schema: Schema, source: str) -> Process:
    call = special.calls[0]
    if len(special.calls) > 1 or special.factors:
        raise FormulaError(
            f"{special.text}: a Gaussian process stands alone; write gp(x, by = z) for one that "
            "is multiplied with z",
            source, special.span,
        )
    nodes = [a.value for a in call.arguments if a.name is None]
    options = _options(call, source)
    if not nodes:
        raise FormulaError("gp() needs a covariate: gp(x)", source, call.span)
    expressions = tuple(_covariate(node, frame, schema, source) for node in nodes)
    names = [e.text for e in expressions]
    twice = next((j for j, name in enumerate(names) if name in names[:j]), None)
    if twice is not None:
        raise FormulaError(
            f"{names[twice]} stands twice in {special.text}", source, nodes[twice].span
        )
    cov = _covariance(options.get("cov"), source)
    k = _functions(options.get("k"), len(nodes), source)
    isotropic = flag(options.get("iso"), True, source, "iso") or len(nodes) == 1
    grouped = flag(options.get("gr"), True, source, "gr")
    scaled = flag(options.get("scale"), True, source, "scale")
    factors = _boundary_factors(options.get("c"), len(nodes), source)
    if not k and "c" in options:
        raise FormulaError(
            "c is the box of an approximate process: give the number of functions, k, too, or "
            "leave c out",
            source, options["c"].span,
        )
    label = "gp" + "".join(clean(e.text) for e in expressions)
    by, tails = _by(options, frame, schema, source)
    labels = tuple(f"{label}{tail}" for tail in tails)
    draft = Process(
        special.text, label, labels, expressions, by, cov, k, isotropic, grouped, ()
    )
    x, weights = draft.coordinates(frame), draft.weights(frame)
    spaces = []
    for j, name in enumerate(labels):
        rows = weights[:, j] != 0 if draft.by_factor else np.ones(len(frame), dtype=bool)
        spaces.append(_space(x[rows], name, scaled, factors, isotropic, draft))
        if k:
            _check_box(x[rows], spaces[-1], name, factors, options.get("c", call), source)
    return Process(
        special.text, label, labels, expressions, by, cov, k, isotropic, grouped, tuple(spaces)
    )


def _check_box(
    x: Array, space: Space, label: str, factors: Array, node: Node, source: str
) -> None:
    """The box must hold the points: the functions repeat themselves, mirrored, outside of it."""
    reach = np.abs(different(x)[0] / space.scale - space.centre).max(axis=0) / space.half
    if reach.max() > 1:
        least = np.ceil(100 * (reach * factors).max()) / 100
        raise FormulaError(
            f"the box that c makes does not hold the points of {label}: give a c of at least "
            f"{least:g}, or leave it at 1.25",
            source, node.span,
        )


def _space(
    x: Array, label: str, scaled: bool, factors: Array, isotropic: bool, draft: Process
) -> Space:
    """Learn the scale, the box and the priors of length scales from the points of a process."""
    unique = different(x)[0]
    if len(unique) < 2:
        where = "" if label == draft.label else f" in the rows of {label}"
        raise DataError(
            f"{draft.text} has a single point{where}: a process needs at least two different "
            "values" + ("; leave the level out, or join it with another" if where else "")
        )
    scale = extent(unique) if scaled else 1.0
    unique = unique / scale
    groups = [unique] if isotropic else [unique[:, [d]] for d in range(unique.shape[1])]
    priors = tuple(length_scale_prior(gap(one), extent(one)) for one in groups)
    # The mean is that of the values in use, so that rows which repeat a point do not move it.
    used = unique if draft.grouped else x / scale
    centre = used.mean(axis=0)
    return Space(scale, centre, boundary(used - centre, factors), priors)


def _covariate(
    node: Node, frame: pd.DataFrame, schema: Schema, source: str
) -> LearnedExpression:
    expression = learn(node, frame, schema, source)
    value = expression.value(frame)
    if isinstance(value, FactorValue) or np.ndim(value) > 1:
        what = "a factor" if isinstance(value, FactorValue) else "a matrix"
        raise FormulaError(
            f"{expression.text} is {what}, but gp() needs numbers"
            + (f": use it as by = {expression.text}" if what == "a factor" else ""),
            source, node.span,
        )
    return expression


def _by(
    options: Mapping[str, Node], frame: pd.DataFrame, schema: Schema, source: str
) -> tuple[LearnedExpression | DesignSpec | None, tuple[str, ...]]:
    """What the process is multiplied with, and what names get of it."""
    node = options.get("by")
    cell_means = flag(options.get("cmc"), True, source, "cmc")
    if node is None or (isinstance(node, Constant) and node.value is None):
        return None, ("",)
    expression = learn(node, frame, schema, source)
    value = expression.value(frame)
    if not isinstance(value, FactorValue):
        if np.shape(value) != (len(frame),):
            raise FormulaError(
                "by of gp() is a column of numbers or a factor", source, node.span
            )
        return expression, (clean(expression.text),)
    term = Interaction((node,), deparse(node), node.span)
    design = DesignSpec.learn([term], not cell_means, frame, schema, source=source)
    name = clean(expression.text)
    return design, tuple(
        f"{name}Intercept" if at < 0 else column
        for column, at in zip(design.names, design.assign, strict=True)
    )


def _options(call: Call, source: str) -> dict[str, Node]:
    out: dict[str, Node] = {}
    for argument in call.arguments:
        if argument.name is None:
            continue
        if argument.name not in _ARGUMENTS:
            raise FormulaError(
                f"gp() has no argument {argument.name!r}"
                f"{did_you_mean(argument.name, _ARGUMENTS)}; it takes covariates and "
                + ", ".join(_ARGUMENTS),
                source, argument.value.span,
            )
        if argument.name in out:
            raise FormulaError(
                f"argument {argument.name!r} of gp() is given twice", source, argument.value.span
            )
        out[argument.name] = argument.value
    return out


def _covariance(node: Node | None, source: str) -> str:
    name = literal(node, "exp_quad", source, "cov")
    name = _ALIASES.get(str(name), name)
    if name not in COVARIANCES:
        raise FormulaError(
            f"there is no covariance function {name!r}{did_you_mean(str(name), COVARIANCES)}; "
            "cov is one of " + ", ".join(COVARIANCES),
            source, node.span if node else None,
        )
    return str(name)


def _functions(node: Node | None, dims: int, source: str) -> int:
    k = literal(node, None, source, "k")
    if k is None:
        return 0
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise FormulaError(
            "k of gp() is a whole number from 1 on: how many functions in each dimension; leave "
            "it out for an exact process",
            source, node.span if node else None,
        )
    if k**dims > _MOST_FUNCTIONS:
        raise FormulaError(
            f"k = {k} in {dims} dimensions makes {k**dims} functions; choose a smaller k",
            source, node.span if node else None,
        )
    return k


def _boundary_factors(node: Node | None, dims: int, source: str) -> Array:
    items = [node]
    if isinstance(node, Call) and node.function == "c":
        items = [a.value for a in node.arguments]
    values = [_constant(item, source) for item in items]
    if len(values) not in (1, dims) or not all(0 < v < np.inf for v in values):
        raise FormulaError(
            "c of gp() is a positive number, or one for each covariate: the sides of the box are "
            "c times the range",
            source, node.span if node else None,
        )
    return np.broadcast_to(np.array(values), (dims,)).copy()


def _constant(node: Node | None, source: str) -> float:
    """A number, or a quotient of two, as in ``c = 5/4``."""
    if isinstance(node, Binary) and node.op == "/":
        below = _constant(node.right, source)
        return _constant(node.left, source) / below if below else float("nan")
    value: Any = literal(node, 1.25, source, "c")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormulaError("c of gp() takes numbers", source, node.span if node else None)
    return float(value)
