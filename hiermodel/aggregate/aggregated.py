"""`AggregatedModel`: a model whose program sees cells of rows in the place of rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.aggregate.cells import first_rows, number_cells
from hiermodel.aggregate.form import Form, Rows
from hiermodel.aggregate.forms import Moments, form_of, moments
from hiermodel.predictors import Predictor
from hiermodel.stan.variables import Block, Var
from hiermodel.terms.offset import OffsetTerm

if TYPE_CHECKING:
    from hiermodel.modeling import Model
    from hiermodel.stan.likelihood import LikelihoodInput
    from hiermodel.submodel import Submodel

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class AggregatedModel:
    """A model with rows that share all predictors added up.

    It has a program and data of its own, and parameters, priors and log density of `model`.
    Made by `Model.aggregated`.

    Attributes
    ----------
    model : Model
    form : Form
        What is kept of the rows of a cell.
    known : tuple, optional
        A frame, and a function that binds it when `bind` meets this very frame: for rows that
        stand for others, which are not in memory.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("epilepsy")
    >>> cells = hm.model("count ~ Trt + (1 | patient)", data, family="poisson").aggregated()
    >>> cells.key
    ('Trt', 'patient')
    >>> cells.bind(data)["N"], len(data)
    (59, 236)
    """

    model: Model
    form: Form
    known: tuple[pd.DataFrame, Callable[[AggregatedModel], dict[str, Any]]] | None = None

    @property
    def part(self) -> Submodel:
        """The only response."""
        return self.model.parts[0]

    @property
    def facts(self) -> LikelihoodInput:
        """What decides the likelihood of a row."""
        facts = self.part.likelihood.facts
        assert facts is not None
        return facts

    @property
    def offset(self) -> OffsetTerm | None:
        """The offset of ``mu`` that may differ between the rows of a cell."""
        main = self.part.main
        if not self.form.sums_offset or not isinstance(main, Predictor) or main.link != "log":
            return None
        return next((t for t in main.terms if isinstance(t, OffsetTerm)), None)

    @functools.cached_property
    def key(self) -> tuple[str, ...]:
        """The columns of the data that all rows of a cell share."""
        part, model, offset = self.part, self.model, self.offset
        additions = part.response.additions.values
        free = {"subset", "index", *self.form.roles}
        used = [
            name
            for predictor in part.predictors
            for term in predictor.terms
            if term is not offset
            for name in term.columns_needed
        ]
        used += [name for group in model.groups for name in group.columns_needed]
        used += [v for role, e in additions.items() if role not in free for v in e.variables]
        added = [v for role, e in additions.items() if role in free for v in e.variables]
        if self.form.sums_response:
            added += part.response.columns
        if offset is not None:
            added += offset.columns_needed
        # What is neither known to be used nor to be added up is shared as well.
        left = set(added) - set(used)
        return tuple(name for name in model.columns.names if name not in left)

    # ------------------------------------------------------------------ the program

    @functools.cached_property
    def cell_model(self) -> Model:
        """The model with the likelihood and the response of the cells."""
        part = replace(
            self.part, response=self.form.response(self.part.response),
            likelihood=self.form.likelihood(self.facts),
        )
        return replace(self.model, parts=(part,))

    @property
    def parameters(self) -> tuple[Var, ...]:
        """Those of the model."""
        return self.model.parameters

    @property
    def data_variables(self) -> tuple[Var, ...]:
        """The variables of the data block."""
        found = [v for v in self.cell_model.variables if v.block is Block.DATA]
        cells = "cells: rows that share all predictors"
        found = [replace(v, comment=cells) if v.name == "N" else v for v in found]
        return (*found[:-1], *self.form.variables(self.facts), found[-1])

    @functools.cached_property
    def stan_code(self) -> str:
        """The Stan program."""
        from hiermodel.stan.render import render

        whole = render(self.cell_model)
        title = (*self.model.title, "rows that share all predictors added up to cells")
        return replace(whole, title=title, data=self.data_variables).code

    # ------------------------------------------------------------------ data

    def number(self, frame: pd.DataFrame, most: int | None = None) -> Array | None:
        """Number of the cell of each row, from 0; None when there are more than `most`."""
        return number_cells((frame[name] for name in self.key), len(frame), most)

    def count_cells(self, frame: pd.DataFrame, most: int | None = None) -> int | None:
        """How many cells the rows have; None when there are more than `most`."""
        cell = self.number(self.part.rows(frame), most)
        return None if cell is None else int(cell.max(initial=-1)) + 1

    def bind(
        self, data: Any, prior_only: bool | None = None, times: Array | None = None
    ) -> dict[str, Any]:
        """The Stan data of a data frame; see `Model.bind`.

        Parameters
        ----------
        data : data frame
        prior_only : bool, optional
        times : ndarray (rows,), optional
            How many rows of the data each row stands for; one by default.

        Raises
        ------
        DataError
            As `Model.bind`, and where sums are larger than Stan's integers.
        """
        if self.known is not None and data is self.known[0]:
            return self.known[1](replace(self, known=None))
        frame = self.part.rows(self.model.rows(data))
        frame, rows = self._weighed(frame, self.read(frame, times))
        cell = self.number(frame)
        assert cell is not None
        first = frame.iloc[first_rows(cell)].reset_index(drop=True)
        return self.bound(first, self.form.data(rows, cell, self.facts), prior_only)

    def bound(
        self, first: pd.DataFrame, statistics: Mapping[str, Any], prior_only: bool | None = None
    ) -> dict[str, Any]:
        """The Stan data of cells: a row of each, and what their rows add up to."""
        part, model = self.part, self.model
        out: dict[str, Any] = {"N": len(first)} | model.constants()
        if self.form.sums_response:
            roles = tuple(
                role for role in part.response.additions.values if role not in self.form.roles
            )
            out |= part.response.additions.data(first, roles)
        else:
            out |= part.outcome(first)
        out |= part.design(first) | model.group_data(part, first) | dict(statistics)
        offset = self.offset
        if offset is not None:
            out[offset.name] = out["offset"]
        if prior_only is None:
            prior_only = model.sample_prior == "only"
        out["prior_only"] = int(prior_only)
        return {v.name: out[v.name] for v in self.data_variables}

    def moments(self, data: Any) -> tuple[pd.DataFrame, Array, Array, Array]:
        """Of gaussian cells a row of each, their weights, means, and squares around the means."""
        assert isinstance(self.form, Moments)
        frame = self.part.rows(self.model.rows(data))
        frame, rows = self._weighed(frame, self.read(frame))
        cell = self.number(frame)
        assert cell is not None
        first = frame.iloc[first_rows(cell)].reset_index(drop=True)
        return (first, *moments(rows, cell))

    def read(self, frame: pd.DataFrame, times: Array | None = None) -> Rows:
        """What the statistics are made from, checked as for the model."""
        response = self.part.response
        y = response.coded(frame)
        roles = tuple(role for role in self.form.roles if role in response.additions)
        offset = self.offset
        return Rows(
            y,
            response.additions.data(frame, roles),
            np.zeros(len(frame)) if offset is None else offset.data(frame)[offset.name],
            np.ones(len(frame)) if times is None else times,
        )

    def _weighed(self, frame: pd.DataFrame, rows: Rows) -> tuple[pd.DataFrame, Rows]:
        """The rows without those that weigh nothing, of which no mean can be taken."""
        weights = rows.additions.get("weights")
        if weights is None or weights.all() or not isinstance(self.form, Moments):
            return frame, rows
        kept = weights > 0
        return frame[kept].reset_index(drop=True), Rows(
            rows.y[kept], {name: v[kept] for name, v in rows.additions.items()},
            rows.offset[kept], rows.times[kept],
        )

    def words(self, data: Mapping[str, Any]) -> str:
        """What was done, for the summary."""
        return f"{self.model.nobs} rows added up to {data['N']} cells that share all predictors"


def make_aggregated(model: Model) -> AggregatedModel:
    """The aggregated form of a model that has one."""
    return AggregatedModel(model, form_of(model.parts[0]))
