"""Stan text with arithmetic, so that one Python function can write a program or compute.

A `StanExpr` is added, multiplied and passed to functions like an array; what comes out is
readable Stan text with no bracket and no dot that is not needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

_ATOM = 9
_POWER = 4
_PREFIX = 3
_PRODUCT = 2
_SUM = 1


@dataclass(frozen=True, slots=True)
class StanExpr:
    """Stan text of a number, or of one number per row (`rows`), with arithmetic.

    ``*`` and ``/`` print ``.*`` and ``./`` exactly where Stan needs them. `at(n)` gives the
    text for one row. `level` is the precedence of the outermost operator, to print no
    bracket that is not needed. A literal ``1`` disappears from products.

    Examples
    --------
    >>> mu, shape = StanExpr("mu", rows=True), StanExpr("shape")
    >>> (shape / mu).text, (shape / mu).at("n").text
    ('shape ./ mu', 'shape / mu[n]')
    """

    text: str
    rows: bool = False
    level: int = _ATOM
    row_text: str = ""

    def at(self, n: str) -> StanExpr:
        """Return the expression of row `n` (a Stan index such as ``"n"``)."""
        if not self.rows:
            return self
        if self.row_text:
            return StanExpr(self.row_text.replace("[n]", f"[{n}]"), False, self.level)
        return StanExpr(f"{self.text}[{n}]", False)

    def _wrap(self, level: int) -> str:
        return self.text if self.level >= level else f"({self.text})"

    def _row_wrap(self, level: int) -> str:
        return self.at("n")._wrap(level)

    def _binary(self, other: StanExpr | float, op: str, level: int, swap: bool) -> StanExpr:
        right = as_expr(other)
        left: StanExpr = self
        if swap:
            left, right = right, left
        if op in "*/" and right.text == "1":
            return left
        if op == "*" and left.text == "1":
            return right
        rows = left.rows or right.rows
        both = left.rows and right.rows
        dotted = {"*": both, "/": right.rows}.get(op, False)
        symbol = f" {'.' if dotted else ''}{op} "
        # a - (b + c), a / (b * c); and v .* (s * w), where v .* s would be no Stan.
        right_level = level + (op in "-/" or dotted)
        text = left._wrap(level) + symbol + right._wrap(right_level)
        row = left._row_wrap(level) + f" {op} " + right._row_wrap(right_level) if rows else ""
        return StanExpr(text, rows, level, row)

    def __add__(self, other: StanExpr | float) -> StanExpr:
        return self._binary(other, "+", _SUM, False)

    def __radd__(self, other: float) -> StanExpr:
        return self._binary(other, "+", _SUM, True)

    def __sub__(self, other: StanExpr | float) -> StanExpr:
        return self._binary(other, "-", _SUM, False)

    def __rsub__(self, other: float) -> StanExpr:
        return self._binary(other, "-", _SUM, True)

    def __mul__(self, other: StanExpr | float) -> StanExpr:
        return self._binary(other, "*", _PRODUCT, False)

    def __rmul__(self, other: float) -> StanExpr:
        return self._binary(other, "*", _PRODUCT, True)

    def __truediv__(self, other: StanExpr | float) -> StanExpr:
        return self._binary(other, "/", _PRODUCT, False)

    def __rtruediv__(self, other: float) -> StanExpr:
        return self._binary(other, "/", _PRODUCT, True)

    def __pow__(self, other: StanExpr | float) -> StanExpr:
        power = as_expr(other)
        rows = self.rows or power.rows
        # Both sides in brackets unless they are atoms: nobody remembers the order of a^b^c.
        text = f"{self._wrap(_ATOM)}{'.^' if rows else '^'}{power._wrap(_ATOM)}"
        row = f"{self._row_wrap(_ATOM)}^{power._row_wrap(_ATOM)}" if rows else ""
        return StanExpr(text, rows, _POWER, row)

    def __neg__(self) -> StanExpr:
        row = f"-{self._row_wrap(_PREFIX)}" if self.rows else ""
        return StanExpr(f"-{self._wrap(_PREFIX)}", self.rows, _PRODUCT, row)


def as_expr(value: StanExpr | float) -> StanExpr:
    """Turn a number into a `StanExpr` that keeps all its digits."""
    if isinstance(value, StanExpr):
        return value
    whole = float(value).is_integer() and abs(value) < 1e9
    return StanExpr(str(int(value)) if whole else repr(float(value)))


def stan_call(function: str, *args: StanExpr | float) -> StanExpr:
    """``function(args)`` as Stan text, one number per row when any argument is."""
    exprs = [as_expr(a) for a in args]
    rows = any(e.rows for e in exprs)
    text = f"{function}({', '.join(e.text for e in exprs)})"
    row = f"{function}({', '.join(e.at('n').text for e in exprs)})" if rows else ""
    return StanExpr(text, rows, _ATOM, row)


class MathNamespace(Protocol):
    """The functions that `arguments` and `mean` may call, for Stan text or arrays."""

    def __getattr__(self, name: str) -> Callable[..., Any]: ...


class _StanMath:
    """Every attribute is the Stan function of that name: ``m.tgamma(x)``.

    Three are not: `across`, `log_inverse` and `log1m_inverse`, see `NumpyMath`.
    """

    def __getattr__(self, name: str) -> Callable[..., StanExpr]:
        return lambda *args: stan_call(name, *args)

    def across(self, x: StanExpr) -> StanExpr:
        """Let a number per row meet a vector per row: no change in Stan."""
        return x

    def log_inverse(self, link: Any, x: StanExpr) -> StanExpr:
        """Log of the inverse link."""
        expr: StanExpr = link.stan_log_inverse(x)
        return expr

    def log1m_inverse(self, link: Any, x: StanExpr) -> StanExpr:
        """Log of one minus the inverse link."""
        expr: StanExpr = link.stan_log1m_inverse(x)
        return expr


StanMath: Any = _StanMath()
