"""Missing values: responses that are imputed (``y | mi()``), and covariates that are (``mi(x)``).

A missing response is a parameter; with standard errors (``mi(sdy)``) every true response is one.
In the formula of another response ``mi(x)`` reads the response x with these in their places.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.errors import DataError
from hiermodel.expressions import FactorValue, LearnedExpression
from hiermodel.response import factor_labels
from hiermodel.stan.expr import StanExpr
from hiermodel.stan.variables import Block, Var
from hiermodel.terms.base import Array, Labelled, Scope


def observed_numbers(expression: LearnedExpression, frame: pd.DataFrame, what: str) -> Array:
    """Numbers of the rows, NaN where they are missing."""
    value = expression.value(frame, missing="pass")
    if isinstance(value, FactorValue):
        raise DataError(f"{what}: {expression.text!r} is a factor; only numbers can be imputed")
    return np.broadcast_to(np.asarray(value, dtype=float), (len(frame),)).copy()


def of_new_rows(resp: str) -> str:
    """Where prepared draws hold values of a response that new rows miss."""
    return f"{resp} of new rows"


@dataclass(frozen=True, eq=False)
class ImputedResponse:
    """A response with ``mi()``.

    Attributes
    ----------
    resp : str
        The response as part of names; empty when it is the only one.
    expression : LearnedExpression
        The response.
    noise : LearnedExpression, optional
        Standard errors of the responses, of ``mi(sdy)``.
    lower, upper : str
        Bounds of the values as Stan text.
    observed : ndarray
        Responses of the training data, NaN where missing.
    index : LearnedExpression, optional
        What ``index()`` says.
    labels : tuple of str
        Its values in the training data.
    """

    template: ClassVar[str] = "missing.stan.jinja"

    resp: str
    expression: LearnedExpression
    noise: LearnedExpression | None
    lower: str
    upper: str
    observed: Array
    index: LearnedExpression | None = None
    labels: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """Suffix of its Stan names."""
        return Scope(resp=self.resp).suffix

    @property
    def name(self) -> str:
        """Stan name of the responses without gaps."""
        return f"Yl{self.suffix}"

    @property
    def parameter(self) -> str:
        """Stan name of what is sampled: the missing responses, or all true ones."""
        return self.name if self.noise is not None else f"Ymi{self.suffix}"

    @property
    def variables(self) -> tuple[Var, ...]:
        """Which rows are missing or observed, standard errors, and the parameters."""
        s, rows = self.suffix, f"N{self.suffix}"
        par, low, high = Block.PARAMETERS, self.lower, self.upper
        if self.noise is None:
            return (
                Var(f"Nmi{s}", "int", lower="0", comment="missing responses"),
                Var(f"Jmi{s}", "int", array=(f"Nmi{s}",), lower="1", upper=rows,
                    comment="their rows"),
                Var(f"Ymi{s}", "vector", (f"Nmi{s}",), block=par, lower=low, upper=high,
                    comment="missing responses"),
            )
        return (
            Var(f"Nme{s}", "int", lower="0", comment="observed responses"),
            Var(f"Jme{s}", "int", array=(f"Nme{s}",), lower="1", upper=rows,
                comment="their rows"),
            Var(f"noise{s}", "vector", (rows,), lower="0", comment="standard errors of Y"),
            Var(f"Yl{s}", "vector", (rows,), block=par, lower=low, upper=high,
                comment="true responses"),
        )

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Values of the data variables for the rows of the response."""
        s = self.suffix
        y = observed_numbers(self.expression, frame, f"mi({self.expression.text})")
        absent = np.isnan(y)
        if self.noise is None:
            return {f"Nmi{s}": int(absent.sum()), f"Jmi{s}": np.flatnonzero(absent) + 1}
        # Where there is no response its standard error is not read.
        noise = np.where(absent, np.inf, self.noise_values(frame))
        bad = ~absent & ~(noise > 0)
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            problem = "missing" if np.isnan(noise[row]) else f"negative ({noise[row]:g})"
            if noise[row] == 0:
                problem = (
                    "0, so that the true response has no distribution around the observed one; "
                    "leave out sdy where all are 0, and give a small positive number where some are"
                )
            raise DataError(
                f"mi({self.noise.text}): the standard error in row {row + 1} is {problem}"
            )
        return {
            f"Nme{s}": int((~absent).sum()), f"Jme{s}": np.flatnonzero(~absent) + 1,
            f"noise{s}": noise,
        }

    def noise_values(self, frame: pd.DataFrame) -> Array:
        """Standard errors, NaN where missing; zero without ``mi(sdy)``."""
        if self.noise is None:
            return np.zeros(len(frame))
        return observed_numbers(self.noise, frame, "mi(sdy)")

    # ------------------------------------------------------------------ draws

    def filled(self, y: Array, draws: Mapping[str, Array]) -> Array:
        """True responses (draws, rows) of the rows whose observed responses are `y`."""
        size = len(next(iter(draws.values())))
        out = np.broadcast_to(y, (size, len(y))).copy()
        if self.parameter not in draws:  # nothing is missing
            return out
        if self.noise is not None:
            return draws[self.parameter]
        out[:, np.isnan(y)] = draws[self.parameter]
        return out

    def noise_log_prob(self, y: Array, noise: Array, true: Array) -> Array:
        """Log density of the observed responses around the true ones, per draw."""
        at = ~np.isnan(y)
        if self.noise is None:
            return np.zeros(len(true))
        scaled = (y[at] - true[:, at]) / noise[at]
        each = -0.5 * np.square(scaled) - np.log(noise[at]) - 0.5 * np.log(2 * np.pi)
        out: Array = each.sum(axis=1)
        return out

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """The imputed values, labelled by their rows, counted from 1."""
        values = draws[self.parameter]
        n = values.shape[-1]
        if not n:
            return ()
        rows = np.arange(n)
        if self.noise is None:
            missing = np.flatnonzero(np.isnan(self.observed))
            rows = missing if len(missing) == n else rows
        dim = f"{self.parameter}_row"
        cls = "Ymi" if self.noise is None else "Yl"
        attrs = {"cls": cls, "group": "", "dpar": "", "resp": self.resp}
        labels = tuple(str(row + 1) for row in rows)
        return (Labelled(self.parameter, values, (dim,), {dim: labels}, attrs),)


@dataclass(frozen=True, eq=False)
class Imputed:
    """``mi(x)`` as a factor of coefficients.

    Attributes
    ----------
    scope : Scope
    number : int
        Counts the calls with an ``idx`` in the predictor.
    text : str
    source : ImputedResponse
    idx : LearnedExpression, optional
        Which row of the other response each row reads.
    """

    scope: Scope
    number: int
    text: str
    source: ImputedResponse
    idx: LearnedExpression | None

    @property
    def index_name(self) -> str:
        """Stan name of the rows that it reads."""
        return f"idxl{self.scope.suffix}_{self.source.resp}_{self.number}"

    @property
    def stan(self) -> StanExpr:
        """The values of all rows."""
        index = f"[{self.index_name}]" if self.idx is not None else ""
        return StanExpr(f"{self.source.name}{index}", rows=True)

    @property
    def effect_columns(self) -> tuple[str, ...]:
        """The columns whose effect it is."""
        return self.source.expression.variables

    @property
    def noise_columns(self) -> tuple[str, ...]:
        """Standard errors of what was observed."""
        return () if self.source.noise is None else self.source.noise.variables

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that a prediction reads; with `idx` the covariate itself may be absent."""
        if self.idx is not None:
            return self.idx.variables
        return (*self.source.expression.variables, *self.noise_columns)

    @property
    def variables(self) -> tuple[Var, ...]:
        """With an `idx` the rows that it reads."""
        if self.idx is None:
            return ()
        note = f"rows of {self.source.resp} that {self.text} reads"
        # The number of rows of the other response may be declared further down.
        return (Var(self.index_name, "int", array=(self.scope.rows,), lower="1", comment=note),)

    def data(self, frame: pd.DataFrame, missing: str = "raise") -> dict[str, Any]:
        """The rows that it reads, from 1; for new data 0 where the model knows none."""
        if self.idx is None:
            return {}
        rows = self._rows(frame)
        if missing == "raise" and (rows < 0).any():
            row = int(np.flatnonzero(rows < 0)[0])
            label = factor_labels(self.idx.value(frame, missing="pass"))[row]
            raise DataError(
                f"{self.text}: row {row + 1} has {self.idx.text} = {label}, which no row of the "
                f"response {self.source.expression.text!r} has in its index()"
            )
        return {self.index_name: rows + 1}

    def _rows(self, frame: pd.DataFrame) -> Array:
        assert self.idx is not None
        known = {label: k for k, label in enumerate(self.source.labels)}
        labels = factor_labels(self.idx.value(frame, missing="pass"))
        return np.array([known.get(str(label), -1) for label in labels], dtype=np.int64)

    def typical(self, frame: pd.DataFrame) -> Array:
        """What was observed, its mean where nothing was."""
        values = self.source.observed
        if self.idx is not None:
            values = values[self._rows(frame)]
        return np.where(np.isnan(values), np.nanmean(values), values)

    @property
    def key(self) -> str:
        """Where prepared draws hold the values of the rows."""
        return f"{self.text} of {self.scope.rows}"

    def latent(
        self, draws: Mapping[str, Array], frame: pd.DataFrame, training: bool,
        rng: np.random.Generator,
    ) -> dict[str, Array]:
        """Values (draws, rows).

        On the training rows those of the posterior. New rows have the covariate as they give
        it, with error around it where it was measured with error; a missing one is what was
        drawn for it (`of_new_rows`), with `idx` the value of the row of the training data that it
        names, and NaN where there is neither.
        """
        source = self.source
        if training:
            y = source.observed
            if self.idx is None and source.expression is not None:
                y = observed_numbers(source.expression, frame, self.text)
            values = source.filled(y, draws)
            return {self.key: values if self.idx is None else values[:, self._rows(frame)]}
        size = len(next(iter(draws.values())))
        present = set(map(str, frame.columns))
        given = np.full(len(frame), np.nan)
        if set(source.expression.variables) <= present:
            given = observed_numbers(source.expression, frame, self.text)
        values = np.broadcast_to(given, (size, len(frame))).copy()
        if source.noise is not None and set(source.noise.variables) <= present:
            values += source.noise_values(frame) * rng.standard_normal(values.shape)
        drawn = draws.get(of_new_rows(source.resp))
        if drawn is not None:
            values = np.where(np.isnan(given), drawn, values)
        if self.idx is not None:
            rows = self._rows(frame)
            at = np.isnan(given) & (rows >= 0)
            values[:, at] = source.filled(source.observed, draws)[:, rows[at]]
        return {self.key: values}

    def value(self, draws: Mapping[str, Array], data: Mapping[str, Any]) -> Array:
        """Values (draws, rows)."""
        return draws[self.key]
