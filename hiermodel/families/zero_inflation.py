"""Counts with more, fewer or no zeros: three ways to change the zeros of any count density.

With ``f`` a count density, ``F`` its distribution function, and P0 = f(0):

* zero-truncated: f(y) / (1 - P0) for y = 1, 2, ...
* hurdle: ``hu`` at zero, (1 - hu) f(y) / (1 - P0) above
* zero-inflated: zi + (1 - zi) P0 at zero, (1 - zi) f(y) above

(Mullahy 1986, doi:10.1016/0304-4076(86)90002-3; Lambert 1992, doi:10.2307/1269547.) Each is one
function from a `CountBase` to a `Distribution`; the probability is its last argument. Their Stan
functions come from one template, written for how the density is called: once for all rows, with
rows of zeros and others apart, or row by row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.random import Generator

from hiermodel.families.base import Distribution, FunctionTemplate
from hiermodel.families.evaluate import draw_truncated
from hiermodel.families.numerics import Array, log_diff_exp
from hiermodel.families.truncation import log_mass, mass_ratio
from hiermodel.links import log1m_exp
from hiermodel.stan.expr import StanExpr, StanMath

Kind = Literal["zero_inflated", "hurdle", "truncated"]

_TITLES = {
    "zero_inflated": "{} with extra zeros",
    "hurdle": "Zeros apart from zero-truncated {}",
    "truncated": "{} without zeros",
}


@dataclass(frozen=True, slots=True)
class CountBase:
    """A count density as Stan has it, and the log of its probability of zero.

    Attributes
    ----------
    distribution : Distribution
        The NumPy twin, with arguments on the natural scale.
    stan : str
        Stan name: that of `distribution`, or one with the link folded in.
    arguments : tuple of str
        Names of the arguments; ``trials`` is integer data.
    log_zero : callable
        ``(m, *arguments) -> log P0`` in Stan text.
    """

    distribution: Distribution
    stan: str
    arguments: tuple[str, ...]
    log_zero: Callable[..., StanExpr]


# ---- Stan


@dataclass(frozen=True, slots=True)
class ZeroModified:
    """The Stan functions of one kind for one base, written for the shapes of a call."""

    kind: Kind
    base: CountBase
    logit: bool = False

    @property
    def name(self) -> str:
        """Stan name of the density."""
        return f"{self.kind}_{self.base.stan}" + ("_logit" if self.logit else "")

    @property
    def prob(self) -> str:
        """Name of the probability, empty for zero-truncated densities."""
        return {"zero_inflated": "zi", "hurdle": "hu", "truncated": ""}[self.kind]

    def written(self, rows: tuple[bool, ...] | None, cumulative: bool) -> FunctionTemplate:
        """Return the functions for one call; see `ShapedFunction`."""
        names = (*self.base.arguments, *((self.prob,) if self.prob else ()))
        shapes = rows if rows is not None else (False,) * len(names)
        declared = ["array[] int y" if rows is not None else "int y"]
        for name, per_row in zip(names, shapes, strict=True):
            whole = "int" if name == "trials" else "real"
            many = "array[] int" if name == "trials" else "vector"
            declared.append(f"{many if per_row else whole} {name}")
        values: dict[str, Any] = {
            "title": _TITLES[self.kind].format(self.base.distribution.name),
            "name": self.name,
            "kind": self.kind,
            "base": self.base.stan,
            "prob": self.prob,
            "logit": self.logit,
            "names": ", ".join(self.base.arguments),
            "declared": ", ".join(declared),
            "vectors": rows is not None,
            "cumulative": cumulative,
        }
        values |= self._expressions(names, shapes, rows is not None)
        return FunctionTemplate("zero_modified.stan.jinja", tuple(values.items()))

    def _expressions(
        self, names: tuple[str, ...], shapes: tuple[bool, ...], vectors: bool
    ) -> dict[str, str]:
        count = len(self.base.arguments)

        def at(rows: str) -> list[StanExpr]:
            out = []
            for name, per_row in zip(names[:count], shapes[:count], strict=True):
                text = f"{name}[{rows}]" if per_row and rows else name
                if per_row and name == "trials":
                    text = f"to_vector({text})"
                out.append(StanExpr(text, rows=per_row))
            return out

        def log_zero(rows: str) -> StanExpr:
            return self.base.log_zero(StanMath, *at(rows))

        log_p, log1m_p = (
            ("log_inv_logit", "log1m_inv_logit") if self.logit else ("log", "log1m")
        )
        p = self.prob
        if not vectors:
            return {
                "log_zero": log_zero("").text,
                "log_p": f"{log_p}({p})",
                "log1m_p": f"{log1m_p}({p})",
            }
        rows = "" if self.kind == "truncated" else "more"
        log1m_zero = StanMath.log1m_exp(log_zero(rows))
        size = "size(y)" if self.kind == "truncated" else "(N - first)"
        out = {
            "log_zero": log_zero("zero").text,
            "total_log1m_zero": _total(log1m_zero.text, log1m_zero.rows, size),
            "names_more": ", ".join(
                f"{name}[more]" if per_row else name
                for name, per_row in zip(names[:count], shapes[:count], strict=True)
            ),
        }
        if p:
            many = shapes[-1]
            zero, more = (f"{p}[zero]", f"{p}[more]") if many else (p, p)
            out |= {
                "log_p_zero": f"{log_p}({zero})",
                "log1m_p_zero": f"{log1m_p}({zero})",
                "total_log_p": _total(f"{log_p}({zero})", many, "first"),
                "total_log1m_p": _total(f"{log1m_p}({more})", many, "(N - first)"),
            }
        return out


def _total(text: str, rows: bool, size: str) -> str:
    return f"sum({text})" if rows else f"{size} * {text}"


# ---- NumPy


def _log_not_zero(dist: Distribution, args: tuple[Array, ...]) -> Array:
    """Log of 1 - P0."""
    return log1m_exp(dist.log_prob(np.asarray(0), *args))


def zero_truncated(base: CountBase) -> Distribution:
    """Counts that are never zero."""
    dist = base.distribution
    _check(dist)

    def log_prob(y: Array, *args: Array) -> Array:
        value = dist.log_prob(y, *args) - _log_not_zero(dist, args)
        return np.where((np.asarray(y) >= 1) | np.isnan(value), value, -np.inf)

    def log_cdf(y: Array, *args: Array) -> Array:
        y = np.asarray(y)
        low = dist.log_prob(np.asarray(0), *args)
        whole = dist.log_cdf(np.maximum(y, 0), *args)  # type: ignore[misc]
        value = log_diff_exp(whole, np.minimum(low, whole)) - _log_not_zero(dist, args)
        return np.where((y >= 1) | np.isnan(value), np.minimum(value, 0.0), -np.inf)

    def log_ccdf(y: Array, *args: Array) -> Array:
        y = np.asarray(y)
        value = dist.log_ccdf(np.maximum(y, 0), *args) - _log_not_zero(dist, args)  # type: ignore[misc]
        return np.where((y >= 1) | np.isnan(value), np.minimum(value, 0.0), 0.0)

    def random(rng: Generator, *args: Array) -> Array:
        y = dist.random(rng, *args)
        low, high = np.asarray(1.0), np.asarray(np.inf)
        return draw_truncated(dist, rng, y, args, low, high).astype(np.int64)

    def mean(lb: Array, ub: Array, *args: Array) -> Array:
        return dist.truncated_mean(np.maximum(lb, 1), ub, *args)  # type: ignore[misc]

    return Distribution(
        f"truncated_{dist.name}", discrete=True, log_prob=log_prob, random=random,
        log_cdf=log_cdf, log_ccdf=log_ccdf, truncated_mean=mean,
        functions=(ZeroModified("truncated", base),),
    )  # fmt: skip


def hurdle(base: CountBase) -> Distribution:
    """Zeros with a probability of their own; the last argument is that probability."""
    dist, above = base.distribution, zero_truncated(base)

    def log_prob(y: Array, *args: Array) -> Array:
        y, (inner, hu) = np.asarray(y), _split(args)
        with np.errstate(divide="ignore"):
            more = np.log1p(-hu) + above.log_prob(y, *inner)
            return np.where(y == 0, np.log(hu) + 0 * _nothing(inner), more)

    def log_cdf(y: Array, *args: Array) -> Array:
        y, (inner, hu) = np.asarray(y), _split(args)
        with np.errstate(divide="ignore"):
            more = np.log1p(-hu) + above.log_cdf(y, *inner)  # type: ignore[misc]
            value = np.logaddexp(np.log(hu), more)
        return np.where((y >= 0) | np.isnan(value), np.minimum(value, 0.0), -np.inf)

    def log_ccdf(y: Array, *args: Array) -> Array:
        y, (inner, hu) = np.asarray(y), _split(args)
        with np.errstate(divide="ignore"):
            value = np.log1p(-hu) + above.log_ccdf(y, *inner)  # type: ignore[misc]
        return np.where((y >= 0) | np.isnan(value), value, 0.0)

    def random(rng: Generator, *args: Array) -> Array:
        inner, hu = _split(args)
        y = above.random(rng, *inner)
        return np.where(rng.random(np.broadcast_shapes(y.shape, hu.shape)) < hu, 0, y)

    def mean(lb: Array, ub: Array, *args: Array) -> Array:
        inner, hu = _split(args)
        low = np.maximum(lb, 1)
        with np.errstate(divide="ignore"):
            part = np.log1p(-hu) + log_mass(above, low, ub, *inner)
        value = above.truncated_mean(low, ub, *inner)  # type: ignore[misc]
        return _weighted(value, part, log_mass(whole, lb, ub, *args))

    whole = Distribution(
        f"hurdle_{dist.name}", discrete=True, log_prob=log_prob, random=random,
        log_cdf=log_cdf, log_ccdf=log_ccdf, truncated_mean=mean,
        functions=(ZeroModified("hurdle", base),),
    )  # fmt: skip
    return whole


def zero_inflated(base: CountBase) -> Distribution:
    """Extra zeros; the last argument is their probability."""
    dist = base.distribution
    _check(dist)

    def log_prob(y: Array, *args: Array) -> Array:
        y, (inner, zi) = np.asarray(y), _split(args)
        with np.errstate(divide="ignore"):
            value = np.log1p(-zi) + dist.log_prob(y, *inner)
            return np.where(y == 0, np.logaddexp(np.log(zi), value), value)

    def log_cdf(y: Array, *args: Array) -> Array:
        y, (inner, zi) = np.asarray(y), _split(args)
        with np.errstate(divide="ignore"):
            more = np.log1p(-zi) + dist.log_cdf(y, *inner)  # type: ignore[misc]
            value = np.logaddexp(np.log(zi), more)
        return np.where((y >= 0) | np.isnan(value), np.minimum(value, 0.0), -np.inf)

    def log_ccdf(y: Array, *args: Array) -> Array:
        y, (inner, zi) = np.asarray(y), _split(args)
        with np.errstate(divide="ignore"):
            value = np.log1p(-zi) + dist.log_ccdf(y, *inner)  # type: ignore[misc]
        return np.where((y >= 0) | np.isnan(value), value, 0.0)

    def random(rng: Generator, *args: Array) -> Array:
        inner, zi = _split(args)
        y = dist.random(rng, *inner)
        return np.where(rng.random(np.broadcast_shapes(y.shape, zi.shape)) < zi, 0, y)

    def mean(lb: Array, ub: Array, *args: Array) -> Array:
        inner, zi = _split(args)
        with np.errstate(divide="ignore"):
            part = np.log1p(-zi) + log_mass(dist, lb, ub, *inner)
        value = dist.truncated_mean(lb, ub, *inner)  # type: ignore[misc]
        return _weighted(value, part, log_mass(whole, lb, ub, *args))

    whole = Distribution(
        f"zero_inflated_{dist.name}", discrete=True, log_prob=log_prob, random=random,
        log_cdf=log_cdf, log_ccdf=log_ccdf, truncated_mean=mean,
        functions=(ZeroModified("zero_inflated", base),),
    )  # fmt: skip
    return whole


def _split(args: tuple[Array, ...]) -> tuple[tuple[Array, ...], Array]:
    return args[:-1], np.asarray(args[-1], float)


def _nothing(args: tuple[Array, ...]) -> Array:
    """Zeros of the shape of the arguments, NaN where one of them is."""
    total = np.zeros(())
    for a in args:
        total = total + np.where(np.isnan(a), np.nan, 0.0)
    return total


def _weighted(mean: Array, part: Array, whole: Array) -> Array:
    """Mean of the counts above zero times their share of the mass between the bounds."""
    return np.where(np.isneginf(part), 0.0, mean * mass_ratio(part, whole))


def _check(dist: Distribution) -> None:
    assert dist.log_cdf is not None and dist.log_ccdf is not None
    assert dist.truncated_mean is not None
