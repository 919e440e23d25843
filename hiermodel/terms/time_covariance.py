"""Residuals of a gaussian or Student response that are correlated within series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from hiermodel.families.base import FunctionTemplate
from hiermodel.stan.variables import Var
from hiermodel.terms.arma_covariance import ArmaCovariance
from hiermodel.terms.base import Array, Labelled
from hiermodel.terms.cosy import CompoundSymmetry
from hiermodel.terms.residual_blocks import Block, student_mixing
from hiermodel.terms.residual_covariance import DensityInput, Residuals
from hiermodel.terms.time_structure import TimeStructure


@dataclass(frozen=True, eq=False)
class TimeCovariance:
    """``y = mu + sigma * e`` with e of the covariance of the times.

    Known errors may come on top. `widest` is the number of rows of the longest series.
    """

    template: ClassVar[str] = "time_covariance.stan.jinja"
    needs_all_rows: ClassVar[bool] = False

    structure: TimeStructure
    widest: int

    @property
    def text(self) -> str:
        """The term."""
        return self.structure.times.text

    @property
    def columns_needed(self) -> tuple[str, ...]:
        """Columns that say which rows are a series."""
        return self.structure.series.columns_needed

    @property
    def variables(self) -> tuple[Var, ...]:
        """Those of the structure."""
        return self.structure.variables

    def data(self, frame: pd.DataFrame) -> dict[str, Any]:
        """The series."""
        return self.structure.data(frame)

    def constants(self) -> dict[str, Any]:
        """Those of the matrix of times."""
        return self.structure.times.constants()

    def label(self, draws: Mapping[str, Array]) -> tuple[Labelled, ...]:
        """Those of the matrix of times."""
        return self.structure.times.label(draws)

    # ------------------------------------------------------------------ Stan

    def functions(self, facts: DensityInput) -> tuple[Any, ...]:
        """The matrix and the density."""
        one = self.structure
        if one.way == "innovations":
            more = ("student_innovations.stan",) if facts.student else ()
            return (*innovation_functions(one, True), *more)
        if one.way == "sums":
            more = ("student_innovations.stan",) if facts.student else ()
            return (sums_functions(True), *more)
        values: list[tuple[str, Any]] = [
            ("student", facts.student), ("apart", one.times.tells_times_apart),
        ]
        if one.way == "series":
            values.append(("by_row", facts.by_row))
            density = FunctionTemplate("series_se_density.stan.jinja", tuple(values))
            return (*one.times.functions, density)
        density = FunctionTemplate("series_density.stan.jinja", tuple(values))
        return (*one.times.functions, "series_order.stan", density)

    def density(self, facts: DensityInput) -> str:
        """The density of all series."""
        end = "lpdf" if facts.normalize else "lupdf"
        name = "student_series" if facts.student else "normal_series"
        nu = f"{facts.nu}, " if facts.student else ""
        one = self.structure
        if one.way == "series":
            return (
                f"{name}_se_{end}({facts.y} - {facts.mu} | {nu}{facts.sigma}, {facts.se}, "
                f"{one.stan_matrix}, {one.stan_series})"
            )
        divide = "./" if facts.by_row else "/"
        scale = (
            f"sum(log({facts.sigma}))" if facts.by_row
            else f"{one.scope.rows} * log({facts.sigma})"
        )
        u = f"({facts.y} - {facts.mu}) {divide} {facts.sigma}"
        s = one.suffix
        density = (
            f"student_innovations_{end}({{}} | {nu}begin_tg{s}, end_tg{s})" if facts.student
            else f"std_normal_{end}({{}} |)"
        )
        if one.way == "sums":
            sds = f"cosy_sds(cosy{s}, max(nobs_tg{s}))[step_tg{s}]"
            return (
                density.format(f"cosy_whitened({u}, {one.stan_sums})")
                + f" - sum(log({sds})) - {scale}"
            )
        if one.way == "innovations":
            assert one.process is not None
            variances = f"arma_variances({one.process.innovations}, max(nobs_tg{s}))[step_tg{s}]"
            return (
                density.format(f"arma_whitened({u}, {one.stan_steps})")
                + f" - 0.5 * sum(log({variances})) - {scale}"
            )
        return (
            f"{name}_{end}({u} | {nu}"
            f"{one.stan_matrix}, order_tg{one.suffix}, {one.stan_sets}) - {scale}"
        )

    # ------------------------------------------------------------------ NumPy

    def expectation(self, p: Residuals, frame: pd.DataFrame) -> Array:
        """Correlations do not change it."""
        return p.mu

    def blocks(
        self, y: Array, p: Residuals, frame: pd.DataFrame, joint: bool = False
    ) -> Iterator[Block]:
        """Per set of times the residuals of its series."""
        residuals = np.broadcast_to(y - p.mu, p.shape)
        series = self.structure.series.rows(frame)
        solved = self.structure.solved
        if solved is not None and p.se is None:
            for _, rows in series.sets:
                yield _of_solved(solved, rows, residuals[:, rows], p, joint)
            return
        for rows, cov in self.structure.matrices(p.draws, series):
            scale = _of_rows(p.sigma, rows)
            if p.se is None:
                inverse, log_det = _inverse(cov[:, None])
            else:
                inverse, log_det = _inverse(_with_errors(cov, scale, p.se[rows]))
                scale = np.ones((1, 1, 1))
            yield Block.of(rows, residuals[:, rows], inverse, log_det, scale)

    def random(self, rng: np.random.Generator, p: Residuals, frame: pd.DataFrame) -> Array:
        """Series drawn as a whole."""
        series = self.structure.series.rows(frame)
        z = rng.standard_normal(p.shape)
        e = self.structure.correlated(z, p.draws, series) * p.sigma
        if p.se is not None:
            e = e + p.se * rng.standard_normal(p.shape)
        for _, rows in series.sets:
            e[:, rows] *= student_mixing(rng, p.nu, (p.shape[0], len(rows)))[..., None]
        return e + p.mu


def innovation_functions(one: TimeStructure, whiten: bool) -> tuple[Any, ...]:
    """Stan functions between the residuals of a process and its innovations."""
    assert one.process is not None
    ma = ("ma", one.process.q > 0)
    return (
        FunctionTemplate("arma_variances.stan.jinja", (ma,)),
        FunctionTemplate("arma_series.stan.jinja", (ma, ("whiten", whiten))),
    )


def sums_functions(whiten: bool) -> FunctionTemplate:
    """Stan functions between residuals and what they are beside the sums of earlier ones."""
    return FunctionTemplate("cosy_series.stan.jinja", (("whiten", whiten),))


def _of_solved(
    times: ArmaCovariance | CompoundSymmetry, rows: Array, e: Array, p: Residuals, joint: bool
) -> Block:
    """Residuals whose matrix is not needed."""
    scale = _of_rows(p.sigma, rows)
    u = e / scale
    z, log_det = times.whitened(u, p.draws)
    wide = np.broadcast_to(np.log(scale), e.shape).sum(axis=-1)
    gradient, diagonal = (u, u) if joint else times.precision(u, p.draws)
    return Block(
        rows, gradient / scale, diagonal / scale**2, np.sum(z**2, axis=-1),
        -log_det[:, None] - 2 * wide,
    )


def _of_rows(sigma: Array, rows: Array) -> Array:
    """``sigma`` (S, N) or (S, 1) for groups of rows: (S, G, n) or (S, 1, 1)."""
    return sigma[:, :, None] if sigma.shape[1] == 1 else sigma[:, rows]


def _with_errors(cov: Array, scale: Array, se: Array) -> Array:
    """Covariances (S, G, n, n) of series: those of the times, and known variances."""
    outer = scale[..., :, None] * scale[..., None, :]
    return outer * cov[:, None] + se[..., None] ** 2 * np.eye(cov.shape[-1])


def _inverse(matrix: Array) -> tuple[Array, Array]:
    """The inverse of positive definite matrices (..., n, n), and its log determinant (...)."""
    factor = np.linalg.cholesky(matrix)
    log_det = -2 * np.log(np.diagonal(factor, axis1=-2, axis2=-1)).sum(axis=-1)
    inverse: Array = np.linalg.inv(matrix)
    return inverse, log_det
