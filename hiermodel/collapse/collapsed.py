"""`CollapsedModel`: a model whose largest grouping factor is integrated out."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from hiermodel.collapse.cells import level_sums, make_cells, number_cells
from hiermodel.collapse.effects import LevelStatistics, Shift, draw_effects
from hiermodel.collapse.marginal import marginal_log_lik
from hiermodel.collapse.rotate import Rotated, rotate
from hiermodel.predictors import Predictor
from hiermodel.stan.variables import Block, Var
from hiermodel.terms.group import GroupEffects
from hiermodel.terms.group_view import GroupView
from hiermodel.terms.offset import OffsetTerm

if TYPE_CHECKING:
    from hiermodel.aggregate import AggregatedModel
    from hiermodel.modeling import Model

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class CollapsedModel:
    """A model with the effects of one grouping factor integrated out.

    It has a program, parameters and data of its own, and the posterior of `model`: the
    parameters that are left have the same marginal posterior, and `effects` draws the others
    from their conditional posterior. Made by `Model.collapsed`.

    Attributes
    ----------
    model : Model
    blocks : tuple of GroupEffects
        The blocks of effects of the factor, which are independent of each other a priori.
    cells : AggregatedModel, optional
        Adds up rows that share all predictors before they are rotated.

    Examples
    --------
    >>> import hiermodel as hm
    >>> data = hm.datasets.load("sleepstudy")
    >>> collapsed = hm.model("reaction ~ days + (days | subject)", data).collapsed()
    >>> [v.name for v in collapsed.parameters]
    ['b', 'Intercept', 'sigma', 'sd_1', 'L_1']
    >>> collapsed.bind(data)["Xlevel"].shape  # coefficients, levels, columns
    (2, 18, 2)
    """

    model: Model
    blocks: tuple[GroupEffects, ...]
    cells: AggregatedModel | None = None

    @property
    def name(self) -> str:
        """The grouping factor."""
        return self.blocks[0].name

    @property
    def levels(self) -> int:
        """Number of its levels."""
        return len(self.blocks[0].grouping.levels)

    @property
    def coefs(self) -> int:
        """Number of its coefficients."""
        return sum(len(block.coefs) for block in self.blocks)

    @property
    def others(self) -> tuple[GroupEffects, ...]:
        """The blocks of effects that stay among the parameters."""
        inside = {block.index for block in self.blocks}
        return tuple(g for g in self.model.groups if g.index not in inside)

    @property
    def other_views(self) -> tuple[GroupView, ...]:
        """The terms of the other grouping factors."""
        views = (t for t in self.predictor.terms if isinstance(t, GroupView))
        others = {g.index for g in self.others}
        return tuple(replace(view, lean=True) for view in views if view.owner.index in others)

    @property
    def other_summands(self) -> tuple[str, ...]:
        """The Stan expressions that add up to what the other factors contribute."""
        return tuple(text for view in self.other_views for text in view.summands)

    @property
    def other_text(self) -> str:
        """The terms of the other factors as the user wrote them."""
        return " + ".join(view.text for view in self.other_views)

    @property
    def predictor(self) -> Predictor:
        """The linear predictor of the mean, the only one."""
        first = self.model.parts[0].predictors[0]
        assert isinstance(first, Predictor)
        return first

    @property
    def columns(self) -> int:
        """Number of population-level coefficients, the intercept included."""
        population = self.predictor.population
        return len(population.coefs) + int(population.has_intercept)

    @property
    def words(self) -> str:
        """What was done, for the summary."""
        first = "" if self.cells is None else "rows added up to cells, "
        return (
            f"{first}{self.levels * self.coefs} effects of {self.name} integrated out, then drawn "
            "from their conditional posterior"
        )

    # ------------------------------------------------------------------ the program

    @property
    def has_se(self) -> bool:
        """True when the residual standard deviations are known."""
        return "se" in self.model.parts[0].response.additions

    @property
    def sigma(self) -> str:
        """The Stan expression of the residual standard deviation, 1 where ``se()`` gives it."""
        if self.has_se:
            return "1"
        return str(self.model.parts[0].constant_sigma)

    @property
    def coefficients(self) -> tuple[str, ...]:
        """The Stan expressions of the population-level coefficients, in the order of columns."""
        population = self.predictor.population
        first = (population.intercept,) if population.has_intercept else ()
        return first if population.is_empty else (*first, population.coefficients)

    @property
    def parameters(self) -> tuple[Var, ...]:
        """The parameters of the model without the standardised effects."""
        left_out = {f"z_{block.index}" for block in self.blocks}
        return tuple(v for v in self.model.parameters if v.name not in left_out)

    @property
    def _sizes(self) -> set[str]:
        """The sizes that declarations of parameters name, partly constant ones too."""
        fixed = [one.var for one in self.model.resolved_priors.fixed]
        return {text for v in (*self.parameters, *fixed) for text in v.size + v.array}

    @property
    def data_variables(self) -> tuple[Var, ...]:
        """The variables of the data block."""
        i, name = self.blocks[0].index, self.name
        used = {"N", "prior_only", f"N_{i}"} | {f"M_{block.index}" for block in self.blocks}
        used |= self._sizes | {var.name for var, _ in self.model.resolved_priors.data}
        used -= {v.name for group in self.others for v in group.variables}
        kept = [v for v in self.model.variables if v.block is Block.DATA and v.name in used]
        q = " + ".join(f"M_{block.index}" for block in self.blocks)
        n, q_int = f"N_{i}", f"{self.coefs}"
        if len(self.blocks) == 1:
            q_int = q
        own = [
            Var("nobs", "real", lower="0", comment="rows, each as often as its weight says"),
            Var("log_se", "real", comment="sum of the logs of se()"),
            Var("P", "int", lower="0", comment="population-level columns, with the intercept"),
            Var("Ylevel", "vector", (n,), (q_int,), comment=f"rotated response of each {name}"),
            Var("Xlevel", "matrix", (n, "P"), (q_int,), comment="rotated design"),
            Var("Rlevel", "vector", (n,), (q_int, q_int),
                comment=f"R factor of the design of the effects of each {name}"),
            Var("Nrest", "int", lower="0", comment="rows that hold all cross-products of the rest"),
            Var("Yrest", "vector", ("Nrest",), comment="rotated response, free of the effects"),
            Var("Xrest", "matrix", ("Nrest", "P"), comment="rotated design, free of the effects"),
        ]
        if not self.has_se:
            own = [v for v in own if v.name != "log_se"]
        if self.columns == 0:
            own = [v for v in own if v.name not in ("P", "Xlevel", "Xrest")]
        kept = [v for v in kept if v.name != "N"]
        return (*kept[:-1], *own, *self._cell_variables, kept[-1])

    @property
    def _cell_variables(self) -> tuple[Var, ...]:
        """Data that other grouping factors need: one entry a cell in the place of a row."""
        if not self.others:
            return ()
        n, q = f"N_{self.blocks[0].index}", f"{self.coefs}"
        out = [
            Var("Ncell", "int", lower="0", comment="cells: rows with the same effects"),
            Var("Wcell", "vector", ("Ncell",), comment="rows of each cell, weighted"),
            Var("Ycell", "vector", ("Ncell",), comment="sums of the response within levels"),
            Var("Xcell", "matrix", ("Ncell", "P"), comment="sums of the design within levels"),
            Var("Qcell", "vector", ("Ncell",), (q,), comment="sums of the rotation"),
            Var("first", "int", array=(n,), comment=f"where the cells of each {self.name} start"),
            Var("last", "int", array=(n,), comment="and where they stop"),
        ]
        if self.columns == 0:
            out = [v for v in out if v.name != "Xcell"]
        for group in self.others:
            out += [v for v in group.variables if v.block is Block.DATA]
        out += [v for view in self.other_views for v in view.variables]
        sizes = {"N": "Ncell"}
        return tuple(
            replace(
                v, size=tuple(sizes.get(s, s) for s in v.size),
                array=tuple(sizes.get(s, s) for s in v.array),
            )
            for v in out
        )

    @functools.cached_property
    def stan_code(self) -> str:
        """The Stan program."""
        from hiermodel.stan.render import render_collapsed

        return render_collapsed(self)

    # ------------------------------------------------------------------ data

    def bind(self, data: Any, prior_only: bool | None = None) -> dict[str, Any]:
        """The Stan data of a data frame; see `Model.bind`.

        The rows are read once. What comes back has the size of the levels.
        """
        if self.cells is None:
            found = self.statistics(self.model.parts[0].rows(self.model.rows(data)))
        else:
            first, n, means, within = self.cells.moments(data)
            found = self.statistics(first, means, n, within)
        return self.bound(found, prior_only)

    def bound(
        self, statistics: Mapping[str, Any], prior_only: bool | None = None
    ) -> dict[str, Any]:
        """The Stan data of given statistics."""
        out = self.model.constants() | dict(statistics)
        if prior_only is None:
            prior_only = self.model.sample_prior == "only"
        out["prior_only"] = int(prior_only)
        return {v.name: out[v.name] for v in self.data_variables}

    def present(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Bound data without the levels that have no row, for checks of a part of the rows."""
        used = np.flatnonzero(np.any(data["Rlevel"] != 0, axis=(0, 1)))
        out = dict(data) | {f"N_{self.blocks[0].index}": len(used)}
        out |= {"Ylevel": data["Ylevel"][:, used], "Rlevel": data["Rlevel"][:, :, used]}
        out |= {name: data[name][used] for name in ("first", "last") if name in data}
        return out | ({"Xlevel": data["Xlevel"][:, used]} if "Xlevel" in data else {})

    def statistics(
        self, rows: pd.DataFrame, means: Array | None = None, weights: Array | None = None,
        within: Array | None = None, design: tuple[Array, Array, Array, Array] | None = None,
    ) -> dict[str, Any]:
        """Statistics of rows, or of cells: a row of each, means, weights, squares around means.

        `design` is what `design` gave for them.
        """
        part = self.model.parts[0]
        y, x, z, codes = self.design(rows, means) if design is None else design
        additions = part.response.additions.data(rows)
        if weights is None and "weights" in additions:
            weights = np.asarray(additions["weights"])
        nobs = float(len(y)) if weights is None else float(weights.sum())
        log_se = 0.0
        if "se" in additions:
            log_se = float(((1.0 if weights is None else weights) * np.log(additions["se"])).sum())
            weights = (1.0 if weights is None else weights) / np.square(additions["se"])
        root = np.ones(len(y)) if weights is None else np.sqrt(weights)
        if weights is not None:
            y, x, z = y * root, x * root[:, None], z * root[:, None]
        made = rotate(codes, self.levels, z, x, y)
        if within is not None:
            within = within / np.square(additions["se"]) if "se" in additions else within
            made = made.with_squares(float(within.sum()))
        cells = self._cells(made, codes, rows, root) if self.others else {}
        return cells | {
            "nobs": nobs, "log_se": log_se, "P": x.shape[1], "Ylevel": made.level_y,
            "Xlevel": made.level_x, "Rlevel": made.level_r, "Nrest": len(made.rest_y),
            "Yrest": made.rest_y, "Xrest": made.rest_x,
        }

    def _cells(
        self, made: Rotated, codes: Array, rows: pd.DataFrame, root: Array
    ) -> dict[str, Any]:
        own = self._other_columns(rows)
        cells = make_cells(codes, self.levels, own, root, made.q, made.rest)
        return {name: value[cells.row] for name, value in own.items()} | {
            "Ncell": len(cells.row), "Wcell": cells.weight, "Ycell": cells.y, "Xcell": cells.x,
            "Qcell": cells.q, "first": cells.first + 1, "last": cells.last + 1,
        }

    def _other_columns(self, rows: pd.DataFrame) -> dict[str, Array]:
        """What the effects of other factors depend on: levels, designs, weights of members."""
        found = self.model.group_data(self.model.parts[0], rows)
        for view in self.other_views:
            found |= view.data(rows)
        names = {v.name for v in self._cell_variables}
        return {name: np.asarray(value) for name, value in found.items() if name in names}

    def count_cells(self, frame: pd.DataFrame) -> int:
        """How many cells the rows have: rows in which all effects and designs are the same."""
        rows = self.model.parts[0].rows(frame)
        codes = self.model.group_data(self.model.parts[0], rows)
        own = codes[f"J_{self.blocks[0].index}"] - 1
        return int(number_cells(own, self._other_columns(rows)).max(initial=-1)) + 1

    def design(
        self, rows: pd.DataFrame, response: Array | None = None
    ) -> tuple[Array, Array, Array, Array]:
        """Response without offsets, sampled design, design of the effects, codes from 0.

        `response` takes the place of the one in the rows.
        """
        part = self.model.parts[0]
        predictor = self.predictor
        population = predictor.population
        y = np.array(part.response.coded(rows) if response is None else response, dtype=float)
        x = population.design.matrix(rows) if population.design.names else np.empty((len(y), 0))
        if population.centred:
            x = x - np.concatenate([np.zeros(x.shape[1] - len(population.means)),
                                    population.means])
        if population.r_inverse is not None:
            first = x.shape[1] - len(population.r_inverse)
            x = np.column_stack([x[:, :first], x[:, first:] @ population.r_inverse])
        found: dict[str, Array] = {}
        others = {group.index for group in self.others}
        for term in predictor.terms[1:]:
            if isinstance(term, GroupView) and term.owner.index in others:
                continue
            data = term.data(rows)
            if isinstance(term, OffsetTerm):
                y -= data[term.name]
            else:
                found |= data
        if not self.blocks:
            return y, x, np.empty((len(y), 0)), np.zeros(len(y), dtype=np.int64)
        z = np.column_stack([found[name] for name in self._design_names])
        codes = self.model.group_data(part, rows)[f"J_{self.blocks[0].index}"] - 1
        return y, x, z, codes

    @property
    def _design_names(self) -> tuple[str, ...]:
        """Names of the columns of the effects' design, block after block."""
        views = [t for t in self.predictor.terms if isinstance(t, GroupView)]
        return tuple(
            view.z_name(column)
            for block in self.blocks
            for view in sorted((v for v in views if v.owner is block), key=lambda v: v.first)
            for column in view.columns
        )

    # ------------------------------------------------------------------ draws

    def scales(self, draws: Mapping[str, Array]) -> Array:
        """Cholesky factor of the covariance of a level's effects, (..., coefs, coefs)."""
        first = draws[f"sd_{self.blocks[0].index}"]
        out = np.zeros((*first.shape[:-1], self.coefs, self.coefs))
        start = 0
        for block in self.blocks:
            sd, stop = draws[f"sd_{block.index}"], start + len(block.coefs)
            factor = draws[f"L_{block.index}"] if block.has_cor else np.eye(len(block.coefs))
            out[..., start:stop, start:stop] = sd[..., None] * factor
            start = stop
        return out

    def sigmas(self, draws: Mapping[str, Array]) -> Array:
        """Draws of the residual standard deviation."""
        shape = draws[f"sd_{self.blocks[0].index}"].shape[:-1]
        value = self.sigma
        return draws[value] if value in draws else np.full(shape, float(value))

    def effects(
        self, draws: Mapping[str, Array], data: Mapping[str, Any], seed: int, cores: int = 1,
        random: bool = True,
    ) -> dict[str, Array]:
        """Draw the effects from their posterior given the other parameters.

        Parameters
        ----------
        draws : mapping of str to ndarray (chain, draw, ...)
            Of the parameters of the collapsed program.
        data : mapping of str to Any
            What `bind` gave.
        seed : int
        cores : int
            Threads to use; the result does not depend on it.
        random : bool
            False for the conditional means in the place of draws.

        Returns
        -------
        dict of str to ndarray (chain, draw, levels, coefs)
            ``r_<i>`` for each block of the factor.
        """
        full = self.model.complete(draws)
        scales = self.scales(full)
        parts = [full[name] for name in self.coefficients]
        beta = np.concatenate(
            [p[..., None] if p.ndim == 2 else p for p in parts]
            or [np.empty((*scales.shape[:2], 0))], axis=-1,
        )
        x = data.get("Xlevel", np.empty((self.coefs, self.levels, 0)))
        statistics = LevelStatistics(data["Ylevel"], x, data["Rlevel"], self._shift(full, data))
        r = draw_effects(
            statistics, beta, scales, self.sigmas(full), seed=seed, cores=cores, random=random
        )
        out, start = {}, 0
        for block in self.blocks:
            stop = start + len(block.coefs)
            # (chain, draw, coefs, levels) in memory: each coefficient is one run of numbers.
            out[f"r_{block.index}"] = np.moveaxis(r[:, :, start:stop], 2, 3)
            start = stop
        return out

    def _shift(self, full: Mapping[str, Array], data: Mapping[str, Any]) -> Shift | None:
        """What the effects of other factors add to the rotated rows: of a chain, some draws."""
        if not self.others:
            return None
        effects = {f"r_{g.index}": g.effects(full) for g in self.others}
        first, last = data["first"] - 1, data["last"] - 1

        def shift(chain: int, at: slice) -> Array:
            some = {name: r[chain, at] for name, r in effects.items()}
            total = sum(view.eta(some, data) for view in self.other_views)
            return np.array([level_sums(total * column, first, last) for column in data["Qcell"]])

        return shift

    def log_lik(self, rows: pd.DataFrame, params: Mapping[str, Array]) -> float:
        """The log-likelihood of the rows, computed without rotations and without an engine.

        It is what the certificate compares the program with: for each level the density of a
        multivariate normal distribution with covariance ``Z Sigma Z' + sigma^2 I``.
        """
        return marginal_log_lik(self, rows, params)
