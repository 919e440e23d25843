"""What the rows of a cell add up to, and the density of that: one form for each kind of response.

The log-likelihood of rows that share every parameter of their density depends on the responses
through few numbers: sufficient statistics. The density of those differs from the product of the
densities of the rows by a factor that no parameter changes, which the program gets as ``log_base``,
so that both log densities are equal.

======================  =============================================================
responses               of a cell are kept
======================  =============================================================
bernoulli, binomial     successes and trials: a binomial response
poisson                 sum, and sum of the rates (and of the exponentials of offsets)
gaussian                rows (or weights), mean, sum of squares around the mean
categorical             a count for each category: a multinomial response
everything else         a cell for each value of the response, and how many rows it has
======================  =============================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from scipy import special

from hiermodel.additions import Additions
from hiermodel.errors import DataError
from hiermodel.expressions import LearnedExpression
from hiermodel.families.binary import BINOMIAL_FAMILY
from hiermodel.families.compositional import MULTINOMIAL_FAMILY
from hiermodel.formula.syntax import Number
from hiermodel.response import Response
from hiermodel.schema import Schema
from hiermodel.stan.expr import as_expr
from hiermodel.stan.likelihood import (
    Likelihood,
    LikelihoodInput,
    build_likelihood,
    parameter_expressions,
)
from hiermodel.stan.variables import Var
from hiermodel.submodel import Submodel

Array = np.ndarray

LOG_BASE = Var("log_base", "real", comment="log of what depends on no parameter")
_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """What the statistics of cells are made from, one entry per row.

    `times` says how many rows of the data an entry stands for. `offset` is that of ``mu``.
    """

    y: Array
    additions: Mapping[str, Array]
    offset: Array
    times: Array


def sums(cell: Array, count: int, values: Array) -> Array:
    """Sums of values over the rows of each cell."""
    return np.bincount(cell, values, count)


def whole(values: Array, what: str) -> Array:
    """Sums as the integers that Stan takes."""
    found = np.rint(values).astype(np.int64)
    if found.max(initial=0) > _LARGEST:
        raise DataError(
            f"the {what} of a cell add up to {int(found.max())}, more than the largest integer of "
            f"Stan ({_LARGEST}); say aggregate=False, or group the rows by a further column"
        )
    return found


@dataclass(frozen=True, slots=True)
class Form:
    """How rows of one kind of response are added up.

    Attributes
    ----------
    sums_response : bool
        False when rows of a cell have the same response.
    sums_offset : bool
        True when the rows of a cell may have different offsets of ``mu``.
    roles : tuple of str
        Addition terms that may differ between the rows of a cell.
    """

    sums_response: ClassVar[bool] = True
    sums_offset: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ()

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """The likelihood of the cells."""
        raise NotImplementedError

    def response(self, response: Response) -> Response:
        """The response of the cells, for its declarations."""
        return response

    def variables(self, facts: LikelihoodInput) -> tuple[Var, ...]:
        """Data of the program beside response and addition terms."""
        return (LOG_BASE,)

    def data(self, rows: Rows, cell: Array, facts: LikelihoodInput) -> dict[str, Any]:
        """The statistics of the cells under their Stan names."""
        raise NotImplementedError


def _with_base(made: Likelihood, normalize: bool) -> Likelihood:
    """A likelihood of one statement, with the constant of its cells."""
    if not made.statement:
        return made
    # Without normalization constants are dropped anyway.
    extra = " + log_base" if normalize else ""
    return replace(made, statement=made.statement + extra)


# Stands for a column that is computed here and not read from the data.
_COMPUTED = LearnedExpression(Number((0, 0), 1.0), Schema({}), {}, "")


def with_roles(
    additions: Additions, add: tuple[str, ...] = (), drop: tuple[str, ...] = ()
) -> Additions:
    """Addition terms with further roles, and without others."""
    values = {role: value for role, value in additions.values.items() if role not in drop}
    values |= {role: values.get(role, _COMPUTED) for role in add}
    return replace(additions, values=values, scale_weights=False)


@dataclass(frozen=True, slots=True)
class Successes(Form):
    """Bernoulli and binomial responses: successes of trials.

    The product of the densities of rows lacks the binomial coefficient of the sums and has those
    of the rows.
    """

    roles: ClassVar[tuple[str, ...]] = ("trials",)

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """A binomial one."""
        family = BINOMIAL_FAMILY.with_links(facts.family.links)
        additions = with_roles(facts.additions, add=("trials",))
        made = build_likelihood(replace(facts, family=family, additions=additions))
        return _with_base(made, facts.normalize)

    def response(self, response: Response) -> Response:
        """Counts with their trials."""
        additions = with_roles(response.additions, add=("trials",))
        return replace(response, family=BINOMIAL_FAMILY, additions=additions)

    def data(self, rows: Rows, cell: Array, facts: LikelihoodInput) -> dict[str, Any]:
        """Sums of successes and trials."""
        count = int(cell.max(initial=-1)) + 1
        trials = rows.additions.get("trials", np.ones(len(rows.y)))
        base = float((rows.times * _log_choose(trials, rows.y)).sum())
        y = whole(sums(cell, count, rows.times * rows.y), "successes")
        n = whole(sums(cell, count, rows.times * trials), "trials")
        return {"Y": y, "trials": n, "log_base": base - float(_log_choose(n, y).sum())}


@dataclass(frozen=True, slots=True)
class Sums(Form):
    """Poisson responses: sums, whose rate is the sum of the rates.

    With the log link offsets are logarithms of rates.
    """

    sums_offset: ClassVar[bool] = True
    roles: ClassVar[tuple[str, ...]] = ("denom",)

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """A Poisson one with rates."""
        additions = with_roles(facts.additions, add=("denom",))
        return _with_base(build_likelihood(replace(facts, additions=additions)), facts.normalize)

    def response(self, response: Response) -> Response:
        """Counts with their rates."""
        additions = with_roles(response.additions, add=("denom",))
        return replace(response, additions=additions)

    def data(self, rows: Rows, cell: Array, facts: LikelihoodInput) -> dict[str, Any]:
        """Sums of counts and rates; the offset that the rates of a cell have on average."""
        count = int(cell.max(initial=-1)) + 1
        denom = rows.additions.get("denom", np.ones(len(rows.y)))
        total = sums(cell, count, rows.times * denom)
        # Offsets are compared with one of their own cell, so that no exponential overflows.
        some = np.zeros(count)
        some[cell] = rows.offset
        spread = sums(cell, count, rows.times * denom * np.exp(rows.offset - some[cell]))
        offset = np.log(spread / total) + some
        y = whole(sums(cell, count, rows.times * rows.y), "counts")
        each = rows.y * (rows.offset + np.log(denom)) - special.gammaln(rows.y + 1)
        base = (rows.times * each).sum()
        base -= (y * (offset + np.log(total)) - special.gammaln(y + 1)).sum()
        return {"Y": y, "denom": total, "offset": offset, "log_base": float(base)}


@dataclass(frozen=True, slots=True)
class Moments(Form):
    """Gaussian responses: number (or weight) of the rows, mean, squares around the mean."""

    roles: ClassVar[tuple[str, ...]] = ("weights",)

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """The density of the means, and that of what lies around them."""
        sigma = self._sigma(facts)
        kind = "lpdf" if facts.normalize else "lupdf"
        if sigma.rows:
            text = sigma.text
            rest = (
                f" - 0.5 * dot_product(SS_within, inv_square({text}))"
                f" - dot_product(nobs_within, log({text}))"
            )
            spread = f"({text}) .* inv_root_n"
        else:
            text = sigma.text
            rest = (
                f" - 0.5 * SS_within / square({text}) - nobs_within * log({text})"
            )
            spread = f"{text} * inv_root_n"
        base = " + log_base" if facts.normalize else ""
        mean = parameter_expressions(self._facts(facts), on_link_scale=False).mu.text
        statement = f"normal_{kind}({facts.outcome} | {mean}, {spread}){rest}{base}"
        return Likelihood(facts.text, facts.suffix, statement, facts=facts)

    def response(self, response: Response) -> Response:
        """The means of the cells, weighted by what their rows weigh."""
        additions = with_roles(response.additions, drop=("weights",))
        return replace(response, additions=additions)

    def variables(self, facts: LikelihoodInput) -> tuple[Var, ...]:
        """Rows and squares within cells, in all where all rows have one sigma."""
        squares = "squares around the means of cells"
        rows = "rows, without one for each cell"
        if self._sigma(facts).rows:
            within = (
                Var("SS_within", "vector", ("N",), lower="0", comment=squares),
                Var("nobs_within", "vector", ("N",), comment=rows),
            )
        else:
            within = (
                Var("SS_within", "real", lower="0", comment=squares),
                Var("nobs_within", "real", comment=rows),
            )
        root = Var("inv_root_n", "vector", ("N",), lower="0", comment="1 / sqrt(rows of a cell)")
        return (root, *within, LOG_BASE)

    @staticmethod
    def _facts(facts: LikelihoodInput) -> LikelihoodInput:
        return replace(facts, family=replace(facts.family, fused=()))

    def _sigma(self, facts: LikelihoodInput) -> Any:
        return as_expr(parameter_expressions(self._facts(facts), on_link_scale=False).sigma)

    def data(self, rows: Rows, cell: Array, facts: LikelihoodInput) -> dict[str, Any]:
        """Moments of the cells."""
        n, mean, within = moments(rows, cell)
        return self.given(n, mean, within, facts)

    def given(
        self, n: Array, mean: Array, within: Array, facts: LikelihoodInput
    ) -> dict[str, Any]:
        """Data of given moments: rows, means, and squares around the means of all cells."""
        base = -0.5 * np.log(n).sum() - 0.5 * np.log(2 * np.pi) * (n - 1).sum()
        own: dict[str, Any] = {"SS_within": within, "nobs_within": n - 1}
        if not self._sigma(facts).rows:
            own = {name: float(value.sum()) for name, value in own.items()}
        return {"Y": mean, "inv_root_n": 1 / np.sqrt(n), "log_base": float(base), **own}


def moments(rows: Rows, cell: Array) -> tuple[Array, Array, Array]:
    """Weight, mean and sum of squares around the mean of each cell; no cell may weigh nothing."""
    count = int(cell.max(initial=-1)) + 1
    weight = rows.times * rows.additions.get("weights", np.ones(len(rows.y)))
    n = sums(cell, count, weight)
    mean = sums(cell, count, weight * rows.y) / n
    # Around the mean, in a second pass over the rows: nothing cancels.
    return n, mean, sums(cell, count, weight * np.square(rows.y - mean[cell]))


@dataclass(frozen=True, slots=True)
class Categories(Form):
    """Responses of unordered categories: how often each was seen."""

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """A multinomial one."""
        made = build_likelihood(replace(facts, family=MULTINOMIAL_FAMILY))
        base = (f"target += log_base;  // {facts.text}",) if facts.normalize else ()
        return replace(made, definitions=(*made.definitions, *base))

    def response(self, response: Response) -> Response:
        """A column of counts for each category."""
        return replace(response, family=MULTINOMIAL_FAMILY)

    def data(self, rows: Rows, cell: Array, facts: LikelihoodInput) -> dict[str, Any]:
        """Counts of cells and categories."""
        count, kinds = int(cell.max(initial=-1)) + 1, len(facts.categories["mu"])
        place = cell * kinds + rows.y.astype(np.int64) - 1
        found = whole(sums(place, count * kinds, rows.times), "rows").reshape(count, kinds)
        ways = special.gammaln(found.sum(axis=1) + 1) - special.gammaln(found + 1).sum(axis=1)
        return {"Y": found, "log_base": -float(ways.sum())}


@dataclass(frozen=True, slots=True)
class Counts(Form):
    """Any response: rows that share it too, counted (by their weights)."""

    sums_response: ClassVar[bool] = False
    roles: ClassVar[tuple[str, ...]] = ("weights",)

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """That of the rows, each to the power of its count."""
        additions = with_roles(facts.additions, add=("weights",))
        return build_likelihood(replace(facts, additions=additions))

    def response(self, response: Response) -> Response:
        """The response with weights."""
        additions = with_roles(response.additions, add=("weights",))
        return replace(response, additions=additions)

    def variables(self, facts: LikelihoodInput) -> tuple[Var, ...]:
        """Nothing further."""
        return ()

    def data(self, rows: Rows, cell: Array, facts: LikelihoodInput) -> dict[str, Any]:
        """Sums of the weights."""
        count = int(cell.max(initial=-1)) + 1
        weight = rows.times * rows.additions.get("weights", np.ones(len(cell)))
        return {"weights": sums(cell, count, weight)}


def form_of(part: Submodel) -> Form:
    """The form that fits a response: the smallest statistics there are.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("epilepsy")
    >>> model = hm.model("count ~ Trt + (1 | patient)", data, family="poisson")
    >>> type(form_of(model.parts[0])).__name__
    'Sums'
    """
    family, additions = part.family, part.response.additions
    bounds = any(role in additions for role in ("cens", "lb", "ub"))
    if bounds or family.custom or family.components:
        return Counts()
    if family.distribution.name == "normal":
        return Moments()
    # Weights of rows need not be whole numbers, as counts are.
    own: Mapping[str, Form] = {} if "weights" in additions else {
        "bernoulli": Successes(), "binomial": Successes(), "poisson": Sums(),
        "categorical": Categories(),
    }
    return own.get(family.name, Counts())


def _log_choose(n: Array, k: Array) -> Array:
    n, k = np.asarray(n, dtype=float), np.asarray(k, dtype=float)
    found: Array = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return found
