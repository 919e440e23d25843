"""What every form of cells has: the rows that it is made from, its likelihood, its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from hiermodel.additions import Additions
from hiermodel.errors import DataError
from hiermodel.expressions import LearnedExpression
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

    def cost(self, rows: Likelihood, facts: LikelihoodInput) -> float:
        """What a cell costs in rows of the model as it stands, as `benchmarks/cells.py` found."""
        return 1.5

    def data(self, rows: Rows, cell: Array, facts: LikelihoodInput) -> dict[str, Any]:
        """The statistics of the cells under their Stan names."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class CanonicalForm(Form):
    """A form whose log density is that of sums, where the link is the canonical one.

    Attributes
    ----------
    link : str
        The canonical link.
    """

    link: ClassVar[str]

    def cells(self, facts: LikelihoodInput) -> LikelihoodInput:
        """What the likelihood of the cells is written from."""
        raise NotImplementedError

    def sums(self, facts: LikelihoodInput, eta: str) -> str:
        """The statement, for the linear predictor of that name."""
        raise NotImplementedError

    def likelihood(self, facts: LikelihoodInput) -> Likelihood:
        """Sums on the scale of the canonical link, else the density of each cell."""
        cells = self.cells(facts)
        found = on_link_scale(cells, self.link, *self.roles)
        if found is None:
            return with_base(build_likelihood(cells), facts.normalize)
        made, eta = found
        made = replace(made, statement=self.sums(cells, eta), functions=())
        return with_base(made, facts.normalize)

    def has_density(self, facts: LikelihoodInput) -> bool:
        """Whether the program calls the density of each cell, with constants of its own."""
        return on_link_scale(self.cells(facts), self.link, *self.roles) is None


def with_base(made: Likelihood, normalize: bool) -> Likelihood:
    """A likelihood of one statement, with the constant of its cells."""
    if not made.statement:
        return made
    # Without normalization constants are dropped anyway.
    extra = " + log_base" if normalize else ""
    return replace(made, statement=made.statement + extra)


def on_link_scale(facts: LikelihoodInput, link: str, role: str) -> tuple[Likelihood, str] | None:
    """A likelihood that leaves ``mu`` on the scale of its link, and the name of ``mu``.

    With the canonical link the log density of a cell is that of sums, ``sum(y) eta`` less a
    function of ``eta`` for each unit of `role`. Written like that for all cells at once a gradient
    costs a third of that of Stan's own densities (`benchmarks/cells.py`). None for other links.
    """
    if facts.family.link("mu") != link:
        return None
    made = build_likelihood(replace(facts, glm_design=None))
    plain = replace(facts, additions=with_roles(facts.additions, drop=(role,)))
    mu = as_expr(parameter_expressions(plain, on_link_scale=True).mu)
    if made.fused is None or not made.statement or not mu.rows:
        return None
    return made, mu.text


# Stands for a column that is computed here and not read from the data.
_COMPUTED = LearnedExpression(Number((0, 0), 1.0), Schema({}), {}, "")


def with_roles(
    additions: Additions, add: tuple[str, ...] = (), drop: tuple[str, ...] = ()
) -> Additions:
    """Addition terms with further roles, and without others."""
    values = {role: value for role, value in additions.values.items() if role not in drop}
    values |= {role: values.get(role, _COMPUTED) for role in add}
    return replace(additions, values=values, scale_weights=False)
