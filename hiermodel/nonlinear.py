"""Non-linear formulas: an expression of parameters and columns, in Stan and in NumPy.

One table says which functions such an expression may call, under their Stan names, and what
they are in NumPy. Nothing is evaluated by Python: the syntax tree is walked twice, once over
`StanExpr`, once over arrays.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from hiermodel.errors import DataError, FormulaError, did_you_mean
from hiermodel.expressions import FactorValue, LearnedExpression, learn
from hiermodel.formula import deparse
from hiermodel.formula.syntax import (
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Paren,
    ParsedFormula,
    Unary,
    names,
)
from hiermodel.links import link_named
from hiermodel.schema import Schema
from hiermodel.stan.expr import StanExpr, as_expr, stan_call
from hiermodel.stan.variables import Var
from hiermodel.terms.base import Array, Labelled, Scope


class Function(NamedTuple):
    """A function of non-linear formulas: in NumPy, its arguments, whether Stan takes vectors."""

    numpy: Callable[..., Any]
    arguments: int = 1
    vectorized: bool = True


def _log_expm1(x: Array) -> Array:
    return x + np.log(-np.expm1(-x))


FUNCTIONS: Mapping[str, Function] = {
    "exp": Function(np.exp),
    "exp2": Function(np.exp2),
    "expm1": Function(np.expm1),
    "log": Function(np.log),
    "log2": Function(np.log2),
    "log10": Function(np.log10),
    "log1p": Function(np.log1p),
    "log1m": Function(lambda x: np.log1p(-x)),
    "log1p_exp": Function(lambda x: np.logaddexp(0, x)),
    "log1m_exp": Function(lambda x: np.log(-np.expm1(x))),
    "sqrt": Function(np.sqrt),
    "cbrt": Function(np.cbrt),
    "square": Function(np.square),
    "inv": Function(lambda x: 1 / x),
    "inv_sqrt": Function(lambda x: 1 / np.sqrt(x)),
    "inv_square": Function(lambda x: 1 / np.square(x)),
    "abs": Function(np.abs),
    "sin": Function(np.sin),
    "cos": Function(np.cos),
    "tan": Function(np.tan),
    "asin": Function(np.arcsin),
    "acos": Function(np.arccos),
    "atan": Function(np.arctan),
    "sinh": Function(np.sinh),
    "cosh": Function(np.cosh),
    "tanh": Function(np.tanh),
    "asinh": Function(np.arcsinh),
    "acosh": Function(np.arccosh),
    "atanh": Function(np.arctanh),
    "logit": Function(special.logit),
    "inv_logit": Function(special.expit),
    "log_inv_logit": Function(special.log_expit),
    "log1m_inv_logit": Function(lambda x: special.log_expit(-x)),
    "inv_cloglog": Function(lambda x: -np.expm1(-np.exp(x))),
    "Phi": Function(special.ndtr),
    "Phi_approx": Function(lambda x: special.expit(0.07056 * x**3 + 1.5976 * x)),
    "inv_Phi": Function(special.ndtri),
    "erf": Function(special.erf),
    "erfc": Function(special.erfc),
    "tgamma": Function(special.gamma),
    "lgamma": Function(special.gammaln),
    "digamma": Function(special.digamma),
    "floor": Function(np.floor),
    "ceil": Function(np.ceil),
    "round": Function(lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5)),
    "step": Function(lambda x: (x >= 0).astype(float), 1, False),
    "int_step": Function(lambda x: (x > 0).astype(float), 1, False),
    "pow": Function(np.power, 2, False),
    "fmin": Function(np.fmin, 2, False),
    "fmax": Function(np.fmax, 2, False),
    "fdim": Function(lambda x, y: np.maximum(x - y, 0), 2, False),
    "fmod": Function(np.fmod, 2, False),
    "hypot": Function(np.hypot, 2, False),
    "atan2": Function(np.arctan2, 2, False),
    "lbeta": Function(special.betaln, 2, False),
    "log_sum_exp": Function(np.logaddexp, 2, False),
    "log_diff_exp": Function(lambda x, y: y + _log_expm1(x - y), 2, False),
    "multiply_log": Function(special.xlogy, 2, False),
    "fma": Function(lambda x, y, z: x * y + z, 3, False),
}

# What other languages call them.
_SPELLED = {
    "fabs": "abs", "gamma": "tgamma", "plogis": "inv_logit", "qlogis": "logit",
    "expit": "inv_logit", "pnorm": "Phi", "pmin": "fmin", "pmax": "fmax", "ceiling": "ceil",
    "arctan": "atan", "np.exp": "exp", "np.log": "log", "np.sqrt": "sqrt", "lbinom": "lchoose",
}  # fmt: skip

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, eq=False)
class CovariateTerm:
    """A column that a non-linear formula reads; its template is a name, so it has none."""

    template: ClassVar[str] = ""

    scope: Scope
    name: str
    expression: LearnedExpression
    text: str

    @property
    def variables(self) -> tuple[Var, ...]:
        """The column."""
        return (Var(self.name, "vector", (self.scope.rows,), comment=f"covariate {self.text}"),)

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """The column that it is."""
        return self.expression.variables

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """Its values."""
        value = self.expression.value(frame, missing=missing)
        if isinstance(value, FactorValue):
            levels = [str(level) for level in value.levels]
            if set(levels) <= {"FALSE", "TRUE"}:
                truths = np.array([float(level == "TRUE") for level in levels])
                return {self.name: truths[value.codes]}
            raise DataError(
                f"{self.text!r} is a factor, which a non-linear expression cannot compute with; "
                "give a parameter of the expression the formula ~ "
                f"{self.text}, or use a numeric column"
            )
        column = np.asarray(value, dtype=float)
        return {self.name: np.broadcast_to(column, (len(frame),)).copy()}

    def constants(self) -> dict[str, Any]:
        """Nothing is learned."""
        return {}

    def eta(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """The column, the same in every draw."""
        return data[self.name][None, :]

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """Nothing is sampled."""
        return ()


@dataclass(frozen=True, eq=False)
class NonlinearPredictor:
    """A predictor that is an expression of other predictors and of columns.

    Attributes
    ----------
    param, name, scope, link, on_link_scale
        As of a `hiermodel.predictors.Predictor`; `param` is empty for a non-linear parameter.
    node : Node
        The expression.
    parameters : mapping of str to str
        Non-linear parameters that it reads, and their names in Stan.
    terms : tuple of CovariateTerm
        The columns that it reads.
    """

    param: str
    name: str
    scope: Scope
    link: str
    node: Node
    parameters: Mapping[str, str]
    terms: tuple[CovariateTerm, ...]
    text: str
    on_link_scale: bool = False

    @property
    def vectorized(self) -> bool:
        """True when Stan can compute it for all rows at once."""
        return _is_vectorized(self.node)

    @property
    def stan(self) -> StanExpr:
        """The expression as Stan text."""
        leaves = {name: StanExpr(stan, rows=True) for name, stan in self.parameters.items()}
        leaves |= {term.text: StanExpr(term.name, rows=True) for term in self.terms}
        found = as_expr(_walk(self.node, leaves, _to_stan))
        # A constant has no rows; the template repeats it.
        return found

    @property
    def inverse_link_statement(self) -> str:
        """The statement that brings it to the scale of the parameter, if one is needed."""
        if self.link == "identity" or self.on_link_scale:
            return ""
        inverse = link_named(self.link).stan_inverse(StanExpr(self.name, rows=True))
        return f"{self.name} = {inverse.text};\n"

    @property
    def functions(self) -> tuple[str, ...]:
        """Stan functions that the link needs."""
        return () if self.on_link_scale else link_named(self.link).functions

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The columns."""
        out: dict[str, Any] = {}
        for term in self.terms:
            out |= term.data(frame, missing)
        return out

    def eta(
        self, draws: Mapping[str, Array], data: Mapping[str, Any], shape: tuple[int, int],
        others: Mapping[str, Array],
    ) -> Array:
        """The expression, `shape` draws x rows; `others` holds predictors by their Stan names."""
        leaves: dict[str, Any] = {name: others[stan] for name, stan in self.parameters.items()}
        leaves |= {term.text: term.eta(draws, data) for term in self.terms}
        with np.errstate(all="ignore"):
            value = _walk(self.node, leaves, _to_numpy)
        return np.broadcast_to(np.asarray(value, dtype=float), shape)


def nonlinear_names(parsed: ParsedFormula) -> tuple[str, ...]:
    """Every name in a non-linear expression: its parameters and its columns."""
    return names(parsed.rhs)


def build_nonlinear(
    parsed: ParsedFormula,
    param: str,
    name: str,
    scope: Scope,
    link: str,
    parameters: Mapping[str, str],
    frame: pd.DataFrame,
    schema: Schema,
    on_link_scale: bool = False,
) -> NonlinearPredictor:
    """Resolve a non-linear expression.

    Parameters
    ----------
    parsed : ParsedFormula
        Its right-hand side is the expression.
    parameters : mapping of str to str
        All non-linear parameters of the response, and their names in Stan.

    Raises
    ------
    FormulaError
        For an operator or a function that such an expression cannot have.
    """
    source = parsed.source
    check_nonlinear(parsed.rhs, source)
    used = names(parsed.rhs)
    columns = [v for v in used if v not in parameters]
    terms = tuple(
        CovariateTerm(
            scope, f"C{scope.suffix}_{k}", learn(Name((0, 0), v), frame, schema, source), v
        )
        for k, v in enumerate(columns, start=1)
    )
    for term in terms:
        term.data(frame)
    read = {p: parameters[p] for p in used if p in parameters}
    return NonlinearPredictor(
        param, name, scope, link, parsed.rhs, read, terms, deparse(parsed.rhs), on_link_scale
    )


def check_nonlinear(node: Node, source: str) -> None:
    """Refuse what a non-linear expression cannot hold, with a caret."""
    match node:
        case Name() | Number() | Constant(value=bool()):
            return
        case Paren(inner=inner):
            check_nonlinear(inner, source)
        case Unary(op=op, operand=operand) if op in ("-", "+", "!"):
            check_nonlinear(operand, source)
        case Binary(op=op, left=left, right=right):
            if op not in _ARITHMETIC and op not in _COMPARISONS:
                raise FormulaError(
                    f"the operator {op!r} has no meaning in a non-linear formula; group-level "
                    "effects and the like belong to the formulas of its parameters",
                    source, node.span,
                )
            check_nonlinear(left, source)
            check_nonlinear(right, source)
        case Call(function=name, arguments=arguments):
            _check_call(node, _SPELLED.get(name, name), len(arguments), source)
            for argument in arguments:
                if argument.name is not None:
                    message = f"arguments of {name}() have no names in a non-linear formula"
                    raise FormulaError(message, source, argument.value.span)
                check_nonlinear(argument.value, source)
        case _:
            message = "a non-linear formula is made of numbers, names, operators and functions"
            raise FormulaError(message, source, node.span)


def _check_call(node: Call, name: str, count: int, source: str) -> None:
    function = FUNCTIONS.get(name)
    if function is None:
        raise FormulaError(
            f"the function {node.function!r} is not known in non-linear formulas"
            f"{did_you_mean(node.function, FUNCTIONS)}; they take Stan's functions of numbers",
            source, node.span,
        )
    if count != function.arguments:
        plural = "argument" if function.arguments == 1 else "arguments"
        message = f"{node.function}() takes {function.arguments} {plural} here, not {count}"
        raise FormulaError(message, source, node.span)


def _is_vectorized(node: Node) -> bool:
    match node:
        case Binary(op=op, left=left, right=right):
            return op in _ARITHMETIC and _is_vectorized(left) and _is_vectorized(right)
        case Unary(op=op, operand=operand):
            return op != "!" and _is_vectorized(operand)
        case Paren(inner=inner):
            return _is_vectorized(inner)
        case Call(function=name, arguments=arguments):
            known = FUNCTIONS[_SPELLED.get(name, name)].vectorized
            return known and all(_is_vectorized(a.value) for a in arguments)
        case _:
            return True


Apply = Callable[[str, tuple[Any, ...]], Any]


def _walk(node: Node, leaves: Mapping[str, Any], apply: Apply) -> Any:
    """Fold an expression; `apply` gets operators and functions with their operands."""
    match node:
        case Name(value=name):
            return leaves[name]
        case Number(value=value):
            # Numbers among themselves are computed here: 1/2 is no integer division.
            return float(value)
        case Constant(value=bool() as value):
            return float(value)
        case Paren(inner=inner):
            return _walk(inner, leaves, apply)
        case Unary(op=op, operand=operand):
            return apply(f"unary {op}", (_walk(operand, leaves, apply),))
        case Binary(op=op, left=left, right=right):
            return apply(op, (_walk(left, leaves, apply), _walk(right, leaves, apply)))
        case Call(function=name, arguments=arguments):
            values = tuple(_walk(a.value, leaves, apply) for a in arguments)
            return apply(_SPELLED.get(name, name), values)
    raise AssertionError(node)  # check_nonlinear() has refused everything else


def _to_numpy(op: str, values: tuple[Any, ...]) -> Any:
    if op.startswith("unary"):
        (x,) = values
        return {"unary -": lambda: -x, "unary +": lambda: x,
                "unary !": lambda: np.asarray(np.asarray(x) == 0, float)}[op]()
    if op in _ARITHMETIC:
        return _ARITHMETIC[op](*values)
    if op in _COMPARISONS:
        return np.asarray(_COMPARISONS[op](*values), dtype=float)
    return FUNCTIONS[op].numpy(*(np.asarray(v, dtype=float) for v in values))


def _to_stan(op: str, values: tuple[Any, ...]) -> Any:
    if not any(isinstance(v, StanExpr) for v in values):
        return float(_to_numpy(op, values))
    if op.startswith("unary"):
        (x,) = values
        if op == "unary !":
            return StanExpr("", True, row_text=f"(!({x.at('n').text}))")
        return -x if op == "unary -" else x
    if op in _ARITHMETIC:
        left, right = values
        if op == "^":
            return as_expr(left) ** as_expr(right)
        return _ARITHMETIC[op](as_expr(left), as_expr(right))
    if op in _COMPARISONS:
        left, right = (as_expr(v).at("n").text for v in values)
        return StanExpr("", True, row_text=f"({left} {op} {right})")
    return stan_call(op, *values)
