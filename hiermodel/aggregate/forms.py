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

from hiermodel.aggregate.form import (
    LOG_BASE,
    CanonicalForm,
    Form,
    Rows,
    sums,
    whole,
    with_roles,
)
from hiermodel.families.binary import BINOMIAL_FAMILY
from hiermodel.families.compositional import MULTINOMIAL_FAMILY
from hiermodel.response import Response
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

@dataclass(frozen=True, slots=True)
class Successes(CanonicalForm):
    """Bernoulli and binomial responses: successes of trials.

    The product of the densities of rows lacks the binomial coefficient of the sums and has those
    of the rows.
    """

    link: ClassVar[str] = "logit"
    roles: ClassVar[tuple[str, ...]] = ("trials",)

    def cost(self, rows: Likelihood, facts: LikelihoodInput) -> float:
        """Little with the logit link; with others a density of its own for each cell."""
        return 1.5 if facts.family.link("mu") == self.link else 3.0

    def cells(self, facts: LikelihoodInput) -> LikelihoodInput:
        """Binomial, with trials."""
        family = BINOMIAL_FAMILY.with_links(facts.family.links)
        additions = with_roles(facts.additions, add=("trials",))
        return replace(facts, family=family, additions=additions)

    def sums(self, facts: LikelihoodInput, eta: str) -> str:
        """Successes times logits, less trials times the log of 1 + odds."""
        return (
            f"dot_product(to_vector({facts.outcome}), {eta})"
            f" - dot_product(to_vector(trials{facts.suffix}), log1p_exp({eta}))"
        )

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
        if self.has_density(facts):
            # What it has of it already.
            base -= float(_log_choose(n, y).sum())
        return {"Y": y, "trials": n, "log_base": base}


@dataclass(frozen=True, slots=True)
class Sums(CanonicalForm):
    """Poisson responses: sums, whose rate is the sum of the rates.

    With the log link offsets are logarithms of rates.
    """

    sums_offset: ClassVar[bool] = True
    link: ClassVar[str] = "log"
    roles: ClassVar[tuple[str, ...]] = ("denom",)

    def cost(self, rows: Likelihood, facts: LikelihoodInput) -> float:
        """Less than a row with the log link: an exponential, and no density."""
        return 0.7 if facts.family.link("mu") == self.link else 1.0

    def cells(self, facts: LikelihoodInput) -> LikelihoodInput:
        """Poisson, with rates."""
        return replace(facts, additions=with_roles(facts.additions, add=("denom",)))

    def sums(self, facts: LikelihoodInput, eta: str) -> str:
        """Counts times log rates, less rates."""
        return (
            f"dot_product(to_vector({facts.outcome}), {eta})"
            f" - dot_product(denom{facts.suffix}, exp({eta}))"
        )

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
        base = (rows.times * each).sum() - (y * offset).sum()
        if self.has_density(facts):
            # What it has of it already.
            base -= (y * np.log(total) - special.gammaln(y + 1)).sum()
        return {"Y": y, "denom": total, "offset": offset, "log_base": float(base)}


@dataclass(frozen=True, slots=True)
class Moments(Form):
    """Gaussian responses: number (or weight) of the rows, mean, squares around the mean."""

    roles: ClassVar[tuple[str, ...]] = ("weights",)

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """The density of the means, and that of what lies around them."""
        sigma = self._sigma(facts)
        kind = "lpdf" if facts.normalize else "lupdf"
        mean = parameter_expressions(self._facts(facts), on_link_scale=False).mu.text
        if sigma.rows:
            text = sigma.text
            rest = (
                f" - 0.5 * dot_product(SS_within, inv_square({text}))"
                f" - dot_product(nobs_within, log({text}))"
            )
            statement = f"normal_{kind}({facts.outcome} | {mean}, ({text}) .* inv_root_n){rest}"
        else:
            # With one sigma all squares are one sum, and no density of single cells is called.
            text = sigma.text
            statement = (
                f"-0.5 * (dot_self(root_n .* ({facts.outcome} - {mean})) + SS_within)"
                f" / square({text}) - nobs * log({text})"
            )
        base = " + log_base" if facts.normalize else ""
        return Likelihood(facts.text, facts.suffix, statement + base, facts=facts)

    def response(self, response: Response) -> Response:
        """The means of the cells, weighted by what their rows weigh."""
        additions = with_roles(response.additions, drop=("weights",))
        return replace(response, additions=additions)

    def variables(self, facts: LikelihoodInput) -> tuple[Var, ...]:
        """Rows and squares within cells, in all where all rows have one sigma."""
        squares = "squares around the means of cells"
        if self._sigma(facts).rows:
            rows, root = "rows, without one for each cell", "1 / sqrt(rows of a cell)"
            return (
                Var("inv_root_n", "vector", ("N",), lower="0", comment=root),
                Var("SS_within", "vector", ("N",), lower="0", comment=squares),
                Var("nobs_within", "vector", ("N",), comment=rows),
                LOG_BASE,
            )
        return (
            Var("root_n", "vector", ("N",), lower="0", comment="sqrt(rows of a cell)"),
            Var("SS_within", "real", lower="0", comment=squares),
            Var("nobs", "real", lower="0", comment="rows, each as often as its weight says"),
            LOG_BASE,
        )

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
        half = 0.5 * np.log(2 * np.pi)
        if not self._sigma(facts).rows:
            total = float(n.sum())
            return {
                "Y": mean, "root_n": np.sqrt(n), "SS_within": float(within.sum()), "nobs": total,
                "log_base": -half * total,
            }
        base = -0.5 * np.log(n).sum() - half * (n - 1).sum()
        return {
            "Y": mean, "inv_root_n": 1 / np.sqrt(n), "SS_within": within, "nobs_within": n - 1,
            "log_base": float(base),
        }


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

    def cost(self, rows: Likelihood, facts: LikelihoodInput) -> float:
        """Much where one call for all rows gives way to a call for each cell.

        Densities of counts and ratings take their time either way.
        """
        if not rows.statement:
            return 1.1
        return 1.8 if facts.family.discrete else 4.0

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
