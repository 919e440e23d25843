"""Which models can be aggregated, and for which it is worth it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from hiermodel.aggregate.aggregated import AggregatedModel, make_aggregated
from hiermodel.errors import HiermodelError
from hiermodel.terms.car import CarTerm
from hiermodel.terms.gaussian_process import GaussianProcessTerm

if TYPE_CHECKING:
    from hiermodel.modeling import Model

# Below this there is no time to win.
_FEW_ROWS = 1_000


def aggregated_model(model: Model) -> AggregatedModel:
    """Add up the rows of a model that share all predictors.

    Raises
    ------
    HiermodelError
        When that is not possible; the message names what stands in the way.
    """
    reason = next(_obstacles(model), "")
    if reason:
        raise HiermodelError(
            f"the rows of the model cannot be added up: {reason}; leave aggregate to 'auto', or "
            "say False"
        )
    return make_aggregated(model)


def worth_it(model: Model, rows: pd.DataFrame) -> bool:
    """True when rows can be added up and a gradient then costs less than half as much.

    The cost of a gradient goes with the rows that the program sees; what a cell costs in rows
    depends on what is kept of it (`Form.cost`, measured).

    Parameters
    ----------
    model : Model
    rows : DataFrame
        The rows to fit.
    """
    if len(rows) < _FEW_ROWS or next(_obstacles(model), ""):
        return False
    made = make_aggregated(model)
    likelihood = model.parts[0].likelihood
    most = int(len(rows) / (2 * made.form.cost(likelihood, made.facts)))
    return made.count_cells(rows, most=min(most, len(rows) - 1)) is not None


def _obstacles(model: Model) -> Iterator[str]:
    """What stands in the way, in words."""
    if model.is_multivariate:
        yield "it has several responses"
        return
    part = model.parts[0]
    if part.imputed is not None:
        yield f"missing values of {part.response.name!r} are parameters of their rows, mi()"
    if part.dependence:
        yield f"{part.dependence} makes rows depend on each other"
    for predictor in part.predictors:
        for term in predictor.terms:
            if isinstance(term, GaussianProcessTerm) and term.has_exact:
                yield f"the values of {term.text} are parameters in the order of the rows"
            if isinstance(term, CarTerm) and not term.members:
                yield f"each row is a place of {term.text}"
    if model.noise_free:
        yield "true values of covariates are parameters of their rows, me()"
    if model.stanvars:
        yield "stanvars may refer to rows"
    if model.threads > 1:
        yield "threads within a chain share out rows, not cells"
    for text in model.resolved_priors.raw:
        if re.search(r"\b([JN]_\d+|N|mu|Y|X|Xc)\b", text):
            yield f"the prior statement {text!r} refers to rows"
