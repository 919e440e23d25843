"""Addition terms: what stands between ``|`` and ``~`` on the left of a formula (feature-map A4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from hiermodel.errors import DataError, FormulaError
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.families.base import Family
from hiermodel.formula.arguments import flag, match_arguments
from hiermodel.formula.syntax import Call, Constant, Node, ParsedFormula, names
from hiermodel.frames import NeededColumns
from hiermodel.schema import Schema
from hiermodel.stan.variables import Var

Array = np.ndarray

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "weights": ("x", "scale"),
    "trials": ("x",),
    "se": ("x", "sigma"),
    "cens": ("x", "y2"),
    "trunc": ("lb", "ub"),
    "rate": ("denom",),
    "thres": ("x", "gr"),
    "cat": ("x",),
    "dec": ("x",),
    "bhaz": ("gr", "df", "degree", "knots", "Boundary.knots", "intercept"),
    "mi": ("sdy",),
    "subset": ("x",),
    "index": ("x",),
}
# Those that every family takes.
_NUMBERED = ("vint", "vreal")
_EVERYWHERE = frozenset({"weights", "subset", "index"})
# Stands for a missing right end until it is known whether the row needs one.
_NO_END = -(2.0**31) + 1
# Where no bound is: as far away as numbers, and Stan's integers, go with room to spare.
_FAR, _FAR_INTEGER = 1e300, 2.0**30
_CENSORING = {"none": 0, "right": 1, "left": -1, "interval": 2}


@dataclass(frozen=True, eq=False)
class Additions:
    """The addition terms of one response, learned.

    `values` maps roles (``weights``, ``trials``, ``se``, ``cens``, ``rcens``, ``lb``, ``ub``,
    ``denom``, ``thres``, ``thres_gr``, ``dec``, ``bhaz_gr``, ``sdy``) to expressions on the data.
    `imputed` is True with ``mi()``: the response may be missing.
    """

    values: Mapping[str, LearnedExpression] = field(default_factory=dict)
    scale_weights: bool = False
    se_with_sigma: bool = False
    discrete: bool = False
    suffix: str = ""
    imputed: bool = False

    def __contains__(self, role: object) -> bool:
        return role in self.values

    @property
    def numbered(self) -> tuple[str, ...]:
        """Roles of the columns in ``vint()`` and ``vreal()``: ``vint1``, ``vreal1``, ..."""
        return tuple(role for role in self.values if role.startswith(_NUMBERED))

    @property
    def variables(self) -> tuple[Var, ...]:
        """The Stan data of these terms."""
        s = self.suffix
        real, integer = ("vector", (f"N{s}",), ()), ("int", (), (f"N{s}",))
        kind = integer if self.discrete else real
        spec = {
            "weights": (real, "0", "", "weights of the log-likelihood"),
            "trials": (integer, "0", "", "number of trials"),
            "dec": (("int", (), ("N",)), "0", "1", "decision: 1 at the upper boundary, 0 lower"),
            "se": (real, "0", "", "known standard errors"),
            "cens": (integer, "-1", "2", "-1 left, 0 none, 1 right, 2 interval censored"),
            "rcens": (kind, "", "", "right ends of intervals"),
            "lb": (kind, "", "", "lower truncation bounds"),
            "ub": (kind, "", "", "upper truncation bounds"),
            "denom": (real, "0", "", "denominator of the rate"),
        }
        for role in self.numbered:
            type_ = "int" if role.startswith("vint") else "real"
            spec[role] = ((type_, (), (f"N{s}",)), "", "", "for the density of the user")
        return tuple(
            Var(f"{role}{s}", type_, size, array, lower=low, upper=high, comment=note)
            for role, ((type_, size, array), low, high, note) in spec.items()
            if role in self.values
        )

    def data(
        self, frame: pd.DataFrame, roles: tuple[str, ...] | None = None
    ) -> dict[str, Any]:
        """Values of the variables above for any frame, perhaps of some `roles` only."""
        out: dict[str, Any] = {}
        for var in self.variables:
            role = var.name.removesuffix(self.suffix) if self.suffix else var.name
            if roles is not None and role not in roles:
                continue
            out[var.name] = self._column(role, frame, integer=var.type == "int")
        if f"cens{self.suffix}" in out:
            self._check_intervals(out)
        if {f"lb{self.suffix}", f"ub{self.suffix}"} <= set(out):
            low, high = out[f"lb{self.suffix}"], out[f"ub{self.suffix}"]
            _refuse(low >= high, "trunc(): the lower bound is not below the upper one")
        if self.scale_weights and f"weights{self.suffix}" in out:
            weights = out[f"weights{self.suffix}"]
            if not weights.any():
                raise DataError("weights(scale = TRUE): all weights are zero")
            out[f"weights{self.suffix}"] = weights / weights.mean()
        return out

    def _check_intervals(self, out: dict[str, Any]) -> None:
        """Interval-censored rows need a right end; that of other rows is set to zero."""
        interval = out[f"cens{self.suffix}"] == 2
        rcens = out.get(f"rcens{self.suffix}")
        if rcens is None:
            _refuse(
                interval, "cens(): 2 (or 'interval') means interval censored and needs the right "
                "ends, cens(c, y2). Where 1 stands for censored and 2 for observed, as in R's "
                "survival, write cens(c == 1)"
            )
            return
        _refuse(interval & (rcens == _NO_END), "cens(): y2 is missing where an interval is")
        out[f"rcens{self.suffix}"] = np.where(interval, rcens, np.zeros_like(rcens))

    def check_response(self, y: Array, frame: pd.DataFrame, name: str) -> None:
        """Refuse responses outside their truncation bounds, and intervals that are empty."""
        data = self.data(frame, tuple(r for r in ("cens", "rcens", "lb", "ub") if r in self))
        if "lb" in self:
            low = data[f"lb{self.suffix}"]
            _refuse(y < low, f"trunc(): the response {name!r} is below the lower bound")
        if "ub" in self:
            high = data[f"ub{self.suffix}"]
            _refuse(y > high, f"trunc(): the response {name!r} is above the upper bound")
        if "rcens" in self:
            interval = data[f"cens{self.suffix}"] == 2
            empty = interval & (data[f"rcens{self.suffix}"] <= y)
            _refuse(empty, f"cens(): y2 is not above the response {name!r} in an interval")

    def _column(self, role: str, frame: pd.DataFrame, integer: bool) -> Array:
        value = self.values[role].value(frame, missing="pass")
        if role == "cens":
            return _censoring_codes(value, len(frame))
        if role == "dec":
            return _decision_codes(value, len(frame))
        column = numeric_column(value, len(frame), role)
        if role == "rcens":
            column = np.where(np.isnan(column), _NO_END, column)
        _check(role, column)
        if role in ("lb", "ub"):
            # Derivatives of a cdf at infinity are NaN; far away they are zero, as they should.
            far = _FAR_INTEGER if integer else _FAR
            column = np.clip(column, -far, far)
        if not integer:
            return column
        if not np.all(column == np.floor(column)):
            row = int(np.flatnonzero(column != np.floor(column))[0])
            raise DataError(f"{role} must be whole numbers; row {row + 1} has {column[row]:g}")
        return column.astype(np.int64)


def numeric_column(value: Any, n: int, what: str) -> Array:
    """A number per row; a single number is meant for every row."""
    if isinstance(value, FactorValue):
        raise DataError(f"{what} must be numbers, not a factor")
    column = np.asarray(value, dtype=float)
    if column.ndim == 0 or (column.ndim == 1 and column.shape[0] == 1 and n != 1):
        column = np.full(n, float(column.reshape(-1)[0]))
    if column.shape != (n,):
        raise DataError(f"{what} must be one number per row, got shape {column.shape}")
    return column


def _refuse(bad: Array, message: str) -> None:
    if bad.any():
        raise DataError(f"{message} (row {int(np.flatnonzero(bad)[0]) + 1})")


def _check(role: str, column: Array) -> None:
    inclusive_limit = (0.0, True)
    limits = dict.fromkeys(("weights", "trials", "se"), inclusive_limit) | {"denom": (0.0, False)}
    if role not in limits:
        return
    low, inclusive = limits[role]
    bad = ~(column >= low) if inclusive else ~(column > low)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        word = "at least" if inclusive else "greater than"
        raise DataError(f"{role} must be {word} {low:g}; row {row + 1} has {column[row]:g}")


def _censoring_codes(value: Any, n: int) -> Array:
    if isinstance(value, FactorValue):
        folded = [str(level).lower() for level in value.levels]
        if set(folded) <= {"false", "true"}:
            table = [int(level == "true") for level in folded]
        else:
            table = [_censoring_label(level) for level in folded]
        codes = np.asarray(value.codes)
        if (codes < 0).any():
            raise DataError(f"cens() is missing in row {int(np.flatnonzero(codes < 0)[0]) + 1}")
        return np.array(table, dtype=np.int64)[codes]
    column = numeric_column(value, n, "cens")
    bad = ~np.isin(column, (-1, 0, 1, 2))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"cens() takes left, none, right, interval (or -1, 0, 1, 2); row {row + 1} has "
            f"{column[row]:g}"
        )
    return column.astype(np.int64)


def _decision_codes(value: Any, n: int) -> Array:
    """1 for decisions at the upper boundary, 0 at the lower one."""
    if isinstance(value, FactorValue):
        words = {"lower": 0, "upper": 1, "false": 0, "true": 1, "0": 0, "1": 1}
        found = {str(level): words.get(str(level).lower()) for level in value.levels}
        unknown = [level for level, code in found.items() if code is None]
        if unknown:
            raise DataError(
                f"dec() does not know {unknown[0]!r}; use 'lower' and 'upper' (or 0 and 1)"
            )
        codes = np.asarray(value.codes)
        _refuse(codes < 0, "dec() is missing")
        return np.array(list(found.values()), dtype=np.int64)[codes]
    column = numeric_column(value, n, "dec")
    _refuse(~np.isin(column, (0, 1)), "dec() takes 0 and 1, or 'lower' and 'upper'")
    return column.astype(np.int64)


def _censoring_label(level: str) -> int:
    hits = [code for word, code in _CENSORING.items() if level and word.startswith(level)]
    if level in {"-1", "0", "1", "2"}:
        return int(level)
    if len(hits) != 1:
        raise DataError(
            f"cens() does not know {level!r}; use left, none, right or interval "
            "(or -1, 0, 1, 2)"
        )
    return hits[0]


def addition_variables(parsed: ParsedFormula) -> NeededColumns:
    """Columns that the addition terms of a formula use.

    Right ends of intervals are needed only where a row is interval censored, standard errors of a
    response only where it is observed; truncation bounds may be infinite.
    """
    found: dict[str, list[str]] = {"complete": [], "optional": [], "unbounded": []}
    for call in parsed.additions:
        arguments = match_arguments(
            call, _argument_names(call), parsed.source,
        )
        for name, node in arguments.items():
            gaps = (call.function, name) in (("cens", "y2"), ("mi", "sdy"))
            role = "optional" if gaps else "complete"
            found[role].extend(names(node))
            if call.function == "trunc":
                found["unbounded"].extend(names(node))
    return NeededColumns(*(tuple(found[k]) for k in ("complete", "optional", "unbounded")))


def _argument_names(call: Call) -> tuple[str, ...]:
    """Names of the arguments of an addition term; ``vint(a, b)`` numbers its columns."""
    if call.function in _NUMBERED:
        return tuple(f"{call.function}{k}" for k in range(1, len(call.arguments) + 1))
    return ARGUMENTS.get(call.function, tuple(a.name or "x" for a in call.arguments))


def learn_additions(
    parsed: ParsedFormula, family: Family, frame: pd.DataFrame, schema: Schema, suffix: str
) -> Additions:
    """Read the addition terms of a formula.

    Raises
    ------
    FormulaError
        For a term that the family does not allow or that is not built yet.
    """
    values: dict[str, LearnedExpression] = {}
    scale = se_sigma = False
    for call in parsed.additions:
        _check_allowed(call, family, parsed.source)
        arguments = match_arguments(call, _argument_names(call), parsed.source)
        roles = _ROLES.get(call.function) or {name: name for name in arguments}
        if call.function in _NUMBERED and not arguments:
            raise FormulaError(
                f"{call.function}() needs columns: {call.function}(x)", parsed.source, call.span
            )
        for name, node in arguments.items():
            if name in roles and not _is_missing(node):
                values[roles[name]] = learn(
                    node, frame, schema, parsed.source, unbounded=call.function == "trunc"
                )
        if call.function == "weights":
            scale = flag(arguments.get("scale"), False, parsed.source, "scale of weights()")
        if call.function == "se":
            se_sigma = flag(arguments.get("sigma"), False, parsed.source, "sigma of se()")
    if "trials" in family.additions and "trials" not in values:
        raise FormulaError(
            f"family {family.name!r} needs the number of trials: write "
            f"'y | trials(n) ~ ...' with a column or a number",
            parsed.source,
            parsed.response.span if parsed.response else None,
        )
    if "dec" in family.additions and "dec" not in values:
        raise FormulaError(
            f"family {family.name!r} needs the decisions beside the response times: write "
            f"'y | dec(decision) ~ ...' with a column of 0 and 1, or of 'lower' and 'upper'",
            parsed.source,
            parsed.response.span if parsed.response else None,
        )
    kinds = {call.function: call for call in parsed.additions}
    if "mi" in kinds and ({"cens", "se"} & set(kinds)):
        other = "cens" if "cens" in kinds else "se"
        raise FormulaError(
            f"mi() and {other}() cannot stand together: "
            + ("what is censored is not missing" if other == "cens" else
               "write mi(sdy) for responses with standard errors"),
            parsed.source, kinds["mi"].span,
        )
    found = Additions(values, scale, se_sigma, family.discrete, suffix, "mi" in kinds)
    if "weights" in found and not found.data(frame, ("weights",))[f"weights{suffix}"].any():
        raise DataError(
            f"weights({', '.join(found.values['weights'].variables)}): all weights are zero, so "
            "that the data say nothing; to draw from the prior alone take sample_prior='only'"
        )
    return found


_ROLES: Mapping[str, Mapping[str, str]] = {
    "weights": {"x": "weights"},
    "trials": {"x": "trials"},
    "se": {"x": "se"},
    "cens": {"x": "cens", "y2": "rcens"},
    "trunc": {"lb": "lb", "ub": "ub"},
    "rate": {"denom": "denom"},
    "thres": {"x": "thres", "gr": "thres_gr"},
    "cat": {"x": "cat"},
    "dec": {"x": "dec"},
    "bhaz": {"gr": "bhaz_gr"},
    "mi": {"sdy": "sdy"},
    "subset": {"x": "subset"},
    "index": {"x": "index"},
}


def _is_missing(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _check_allowed(call: Call, family: Family, source: str) -> None:
    kind = call.function
    if kind not in ARGUMENTS and kind not in _NUMBERED:
        message = f"the addition term {kind}() is understood, but not built yet in this version"
        raise FormulaError(message, source, call.span)
    allowed = (set(family.additions) & {*ARGUMENTS, *_NUMBERED}) | _EVERYWHERE
    if kind == "cat" and "thres" in allowed:
        return
    if kind not in allowed:
        message = (
            f"family {family.name!r} does not take the addition term {kind}(); it takes "
            + ", ".join(sorted(allowed))
        )
        raise FormulaError(message, source, call.span)
