"""The baseline hazard of a proportional hazards model: its splines and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.additions import ARGUMENTS
from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions import FactorValue
from hiermodel.families.msplines import MSplines
from hiermodel.formula.arguments import flag, literal, match_arguments
from hiermodel.formula.syntax import Call, Node, ParsedFormula
from hiermodel.response import Response, factor_labels, label_codes
from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Block, PriorElement, PriorTarget, Var
from hiermodel.terms.base import Array, Labelled

# Values beside the response at which the cumulative hazard is needed.
_BOUNDS = ("rcens", "lb", "ub")
_DF, _DEGREE = 5, 3


@dataclass(frozen=True, eq=False)
class BaselineHazard:
    """A mixture of M-splines, in each group one with weights of its own.

    Attributes
    ----------
    splines : MSplines
    response : Response
    groups : tuple of str
        Labels of the groups of ``bhaz(gr = )``; empty without.
    intercept : bool
        False leaves out the first spline, so that the hazard starts at zero.
    """

    splines: MSplines
    response: Response
    groups: tuple[str, ...] = ()
    intercept: bool = True

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return self.response.suffix

    @property
    def name(self) -> str:
        """Name of the weights."""
        return f"sbhaz{self.suffix}"

    @property
    def count(self) -> int:
        """Number of weights."""
        return self.splines.count - (not self.intercept)

    @property
    def _roles(self) -> tuple[str, ...]:
        return tuple(role for role in _BOUNDS if role in self.response.additions)

    @property
    def variables(self) -> tuple[Var, ...]:
        """The splines at every row, and the weights."""
        s, rows = self.suffix, f"N{self.suffix}"
        size = (rows, f"Kbhaz{s}")
        data = [
            Var(f"Kbhaz{s}", "int", lower="1", comment="splines of the baseline hazard"),
            Var(f"Zbhaz{s}", "matrix", size, comment="M-splines at the response"),
            Var(f"Zcbhaz{s}", "matrix", size, comment="their integrals, I-splines"),
        ]
        what = {"rcens": "right ends", "lb": "lower bounds", "ub": "upper bounds"}
        for role in self._roles:
            note = f"I-splines at the {what[role]}"
            data.append(Var(f"Zcbhaz_{role}{s}", "matrix", size, comment=note))
        array: tuple[str, ...] = ()
        if self.groups:
            array = (f"ngrbhaz{s}",)
            data += [
                Var(f"ngrbhaz{s}", "int", lower="1", comment="groups with a baseline hazard"),
                Var(f"Jgrbhaz{s}", "int", array=(rows,), lower="1", upper=f"ngrbhaz{s}",
                    comment="group of each row"),
            ]
        elements = tuple(
            PriorElement(group=label, resp=s.removeprefix("_"), default="dirichlet(1)")
            for label in self.groups or ("",)
        )
        weights = Var(
            self.name, "simplex", (f"Kbhaz{s}",), array, block=Block.PARAMETERS,
            prior=PriorTarget("sbhaz", elements, self.count),
            comment="weights of the splines of the baseline hazard",
        )
        return (*data, weights)

    def constants(self) -> dict[str, int]:
        """Sizes."""
        s = self.suffix
        out = {f"Kbhaz{s}": self.count}
        return out | {f"ngrbhaz{s}": len(self.groups)} if self.groups else out

    def data(self, frame: pd.DataFrame, y: Array, additions: Mapping[str, Any]) -> dict[str, Any]:
        """The splines at the responses and bounds of the rows, and the groups of the rows."""
        s, first = self.suffix, int(not self.intercept)
        out: dict[str, Any] = {
            f"Zbhaz{s}": self.splines.values(y)[:, first:],
            f"Zcbhaz{s}": self.splines.integrals(y)[:, first:],
        }
        for role in self._roles:
            at = np.asarray(additions[f"{role}{s}"], float)
            out[f"Zcbhaz_{role}{s}"] = self.splines.integrals(at)[:, first:]
        codes = self.codes(frame)
        return out if codes is None else out | {f"Jgrbhaz{s}": codes + 1}

    def codes(self, frame: pd.DataFrame) -> Array | None:
        """Group of each row, from 0; None without groups."""
        if not self.groups:
            return None
        labels = factor_labels(self.response.additions.values["bhaz_gr"].value(frame))
        return label_codes(labels, self.groups, "bhaz(gr = )", "groups")

    # ------------------------------------------------------------------ the program

    @property
    def definitions(self) -> tuple[str, ...]:
        """Statements that compute the hazards of all rows."""
        s = self.suffix
        names = ("bhaz", "cbhaz", *(f"cbhaz_{role}" for role in self._roles))
        if not self.groups:
            return tuple(f"vector[N{s}] {n}{s} = Z{n}{s} * {self.name};" for n in names)
        rows = (f"  {n}{s}[n] = Z{n}{s}[n] * {self.name}[Jgrbhaz{s}[n]];" for n in names)
        return (
            *(f"vector[N{s}] {n}{s};" for n in names), f"for (n in 1:N{s}) {{", *rows, "}",
        )

    @property
    def expressions(self) -> dict[str, tuple[StanExpr, ...]]:
        """Baseline hazard and its integral, at the response (empty role) and at bounds."""
        s = self.suffix
        hazard = StanExpr(f"bhaz{s}", rows=True)
        tails = {"": "", **{role: f"_{role}" for role in self._roles}}
        return {
            role: (hazard, StanExpr(f"cbhaz{tail}{s}", rows=True)) for role, tail in tails.items()
        }

    # ------------------------------------------------------------------ draws

    def arguments(self, weights: Array, codes: Array | None) -> tuple[Array, ...]:
        """What the density takes in NumPy, from draws of the weights (draws, ..., weights)."""
        if self.groups:
            if codes is None:
                return ()
            weights = weights[:, codes]
        else:
            weights = weights[:, None]
        columns = [weights[..., k] for k in range(self.count)]
        if not self.intercept:
            columns.insert(0, np.zeros_like(columns[0]))
        knots = (np.array(knot) for knot in self.splines.knots)
        return (np.array(float(self.splines.degree)), *columns, *knots)

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The weights with the labels of their groups."""
        s = self.suffix
        dims: tuple[str, ...] = (f"bhaz_spline{s}",)
        coords = {dims[0]: tuple(str(k) for k in range(1, self.count + 1))}
        if self.groups:
            dims = (f"bhaz_group{s}", *dims)
            coords[dims[0]] = self.groups
        attrs = {"cls": "sbhaz", "group": "", "dpar": "", "resp": s.removeprefix("_")}
        return (Labelled(self.name, draws[self.name], dims, coords, attrs),)


def build_baseline(
    main: ParsedFormula, response: Response, frame: pd.DataFrame
) -> BaselineHazard | None:
    """The baseline hazard of a family that has one, from ``bhaz(...)`` or with its defaults.

    Inner knots stand at quantiles of the responses of all rows. The boundary knots are a 50th of
    the range outside of the responses, the lower one not below zero.

    Raises
    ------
    FormulaError
        For arguments that give no splines.
    DataError
        For responses that do not vary, or quantiles that coincide.
    """
    if "bhaz" not in response.family.additions:
        return None
    call = next((c for c in main.additions if c.function == "bhaz"), None)
    arguments = match_arguments(call, ARGUMENTS["bhaz"], main.source) if call else {}
    degree = _whole(arguments.get("degree"), _DEGREE, "degree", 0, main.source)
    intercept = flag(arguments.get("intercept"), True, main.source, "intercept of bhaz()")
    y = response.coded(frame)
    low, high = float(y.min()), float(y.max())
    margin = (high - low) / 50
    ends = [max(low - margin, 0.0), high + margin]
    if "Boundary.knots" in arguments:
        ends = sorted(_numbers(arguments["Boundary.knots"], main.source))
        if len(ends) != 2 or ends[0] > low or ends[1] < high or ends[0] < 0:
            raise FormulaError(
                "Boundary.knots of bhaz() are two numbers from 0 on, around all values of the "
                f"response ({low:g} to {high:g})", main.source, arguments["Boundary.knots"].span,
            )
    if not low < high and "Boundary.knots" not in arguments:
        raise DataError(
            f"the response {response.name!r} does not vary, so that it has no baseline hazard"
        )
    if "knots" in arguments:
        inner = sorted(_numbers(arguments["knots"], main.source))
    else:
        least = degree + int(intercept)
        df = _whole(arguments.get("df"), max(_DF, least), "df", max(least, 1), main.source)
        inner = np.quantile(y, np.linspace(0, 1, df - least + 2)[1:-1]).tolist()
    _check_inner(inner, ends, degree, response.name)
    splines = MSplines(degree, (ends[0], *inner, ends[1]))
    groups = _groups(response, frame) if "bhaz_gr" in response.additions else ()
    return BaselineHazard(splines, response, groups, intercept)


def _check_inner(inner: list[float], ends: list[float], degree: int, name: str) -> None:
    if any(not ends[0] < knot < ends[1] for knot in inner):
        raise DataError(
            f"bhaz(): the inner knots must lie between the boundary knots {ends[0]:g} and "
            f"{ends[1]:g}"
        )
    # With more equal knots the splines would jump, or have no width at all.
    if any(inner.count(knot) > max(degree, 1) for knot in inner):
        raise DataError(
            f"bhaz(): too many knots at the same value of {name!r}, which has many equal values; "
            "take a smaller df"
        )


def _whole(node: Node | None, default: int, what: str, least: int, source: str) -> int:
    value = literal(node, default, source, f"{what} of bhaz()")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise FormulaError(
            f"{what} of bhaz() must be a whole number", source, node.span if node else None
        )
    if value < least:
        raise FormulaError(
            f"{what} of bhaz() must be at least {least}", source, node.span if node else None
        )
    return int(value)


def _numbers(node: Node, source: str) -> list[float]:
    """One number, or ``c(...)`` of numbers."""
    combined = isinstance(node, Call) and node.function == "c"
    parts = [a.value for a in node.arguments] if isinstance(node, Call) and combined else [node]
    values = [literal(part, None, source, "a knot of bhaz()") for part in parts]
    numbers = [
        float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)
    ]
    if len(numbers) < len(values):
        raise FormulaError("knots of bhaz() are numbers, as in c(1, 2.5)", source, node.span)
    return numbers


def _groups(response: Response, frame: pd.DataFrame) -> tuple[str, ...]:
    """Labels of the groups that have rows, in the order of their levels."""
    value = response.additions.values["bhaz_gr"].value(frame)
    labels = factor_labels(value)
    if isinstance(value, FactorValue):
        present = set(labels)
        return tuple(str(level) for level in value.levels if str(level) in present)
    return tuple(dict.fromkeys(labels[np.argsort(np.asarray(value), kind="stable")]))
